//! For models that cannot ask for tools by themselves: the call is chosen in a form that their server holds them to. The
//! candidates are few, those whose words meet the question's.

use serde_json::{Map, Value, json};

use super::choose::{Offer, words_in_common};
use crate::{domain::connector::ToolClass, models::ToolCall};

/// Tools that are candidates.
const MOST_TOOLS: usize = 4;
/// Names of an argument that are candidates.
const MOST_NAMES: usize = 3;
/// Tokens of the choice.
pub const CHOICE_TOKENS: u32 = 300;

/// The form of a choice among tools that read: one object a tool. An argument `today` is today; one that names something out of
/// a list names one that meets the question.
pub fn schema(question: &str, offers: &[&Offer], today: &str) -> Option<Value> {
    let choices: Vec<Value> = offers
        .iter()
        .filter(|offer| offer.class == ToolClass::Read && !required(&offer.input_schema).is_empty())
        .take(MOST_TOOLS)
        .map(|offer| {
            json!({
                "type": "object",
                "properties": {
                    "tool": { "const": offer.name },
                    "args": narrowed(&offer.input_schema, question, &offer.description, today),
                },
                "required": ["tool", "args"],
                "additionalProperties": false,
            })
        })
        .collect();
    match choices.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        _ => Some(json!({ "anyOf": choices })),
    }
}

/// The call that was chosen.
pub fn call(answer: &str) -> Option<ToolCall> {
    let json = answer.get(answer.find('{')?..=answer.rfind('}')?)?;
    let choice: Value = serde_json::from_str(json).ok()?;
    Some(ToolCall {
        id: "chosen".to_owned(),
        name: choice.get("tool")?.as_str()?.to_owned(),
        args: choice.get("args")?.clone(),
    })
}

fn required(schema: &Value) -> Vec<&str> {
    schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// A tool's own schema with what is required, and what can be filled in.
fn narrowed(schema: &Value, question: &str, description: &str, today: &str) -> Value {
    let (mut kept, mut names) = (Map::new(), Vec::new());
    let properties = schema.get("properties").and_then(Value::as_object);
    let needed = required(schema);
    for (name, property) in properties.into_iter().flatten() {
        let own = property.get("properties").is_some();
        if !needed.contains(&name.as_str()) && !own {
            continue;
        }
        let property = match property.get("enum").and_then(Value::as_array) {
            _ if name == "today" => json!({ "const": today }),
            Some(values) => json!({ "enum": best(values, question, description) }),
            None if own => filled(property, today),
            None => property.clone(),
        };
        kept.insert(name.clone(), property);
        names.push(name.clone());
    }
    json!({ "type": "object", "properties": kept, "required": names, "additionalProperties": false })
}

/// The members of an object that are known without asking: today.
fn filled(property: &Value, today: &str) -> Value {
    let known: Map<String, Value> = property
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name == "today")
        .map(|(name, _)| (name.clone(), json!({ "const": today })))
        .collect();
    let names: Vec<&String> = known.keys().collect();
    json!({ "type": "object", "required": names, "properties": known, "additionalProperties": false })
}

/// The values whose name, or whose words in the description (`name: words;`), meet the question best.
fn best(values: &[Value], question: &str, description: &str) -> Vec<Value> {
    let told = |value: &Value| {
        let name = value.as_str().unwrap_or_default();
        let said = description
            .split_once(&format!("{name}:"))
            .and_then(|(_, rest)| rest.split(';').next())
            .unwrap_or_default();
        words_in_common(question, &format!("{name} {said}"))
    };
    let mut scored: Vec<(usize, &Value)> =
        values.iter().map(|value| (told(value), value)).collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    let most = scored.first().map_or(0, |(score, _)| *score);
    let close: Vec<Value> = scored
        .iter()
        .take_while(|(score, _)| *score == most)
        .take(MOST_NAMES.max(1))
        .map(|(_, value)| (*value).clone())
        .collect();
    if most == 0 { values.to_vec() } else { close }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ConnectorId;

    #[test]
    fn a_choice_is_among_what_meets_the_question_with_today_filled_in() {
        let schema_of = json!({
            "type": "object", "required": ["name"],
            "properties": {
                "name": { "type": "string", "enum": ["open_orders", "stock_short", "revenue_by_month"] },
                "params": { "type": "object", "properties": { "today": { "type": "string" }, "region": { "type": "string" } } },
                "limit": { "type": "integer" },
            },
        });
        let offer = Offer::new(
            &ConnectorId::new("northwind").unwrap(),
            "Northwind",
            "query",
            ToolClass::Read,
            "Runs a named query. open_orders: Orders not shipped; stock_short: Open orders exceed the stock; revenue_by_month: Net revenue by month",
            &schema_of,
        );
        let form = schema("What was the revenue in April?", &[&offer], "1998-05-20").unwrap();
        let args = &form["properties"]["args"]["properties"];
        assert_eq!(args["name"]["enum"], json!(["revenue_by_month"]));
        assert_eq!(args["params"]["properties"]["today"]["const"], "1998-05-20");
        assert!(args.get("limit").is_none());
        let chosen =
            call("Sure: {\"tool\":\"northwind__query\",\"args\":{\"name\":\"revenue_by_month\"}}")
                .unwrap();
        assert_eq!(chosen.name, "northwind__query");
        assert_eq!(chosen.args["name"], "revenue_by_month");
    }
}
