//! A claim as it is written: one flat object, so that no vendor's schema and no small model trips over it. Which parts go
//! with which kind is checked as it is read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Claim, Comparison, Cond, Group, Handle, How, Literal, Measure, Operands, Order, Role, Say, Set,
    Shown, Value,
};
use crate::refusal::{Code, Refusal};

/// Bytes of a claim at most.
const MAX_BYTES: usize = 8 * 1024;
/// Conditions of a set at most.
const MAX_CONDITIONS: usize = 6;
/// Columns that are shown at most.
const MAX_SHOWN: usize = 6;
/// Measures of a claim at most.
const MAX_MEASURES: usize = 4;
/// Characters of a handle at most.
const MAX_HANDLE: usize = 20;
/// Claims that an assessment is about at most.
const MAX_ABOUT: usize = 3;
/// Characters of an assessment at most.
const MAX_TEXT: usize = 240;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Kind {
    Rows,
    Value,
    Which,
    Compare,
    Trend,
    Quote,
    Gap,
    Ask,
    Again,
    Assessment,
}

/// A claim as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Written {
    say: Kind,
    /// Your handle for later claims.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]{0,19}$"))]
    id: Option<String>,
    /// A result such as R1, or the handle of an earlier claim: its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(R[0-9]+|[a-z][a-z0-9_]{0,19})$"))]
    of: Option<Handle>,
    /// Another result: each row is matched with its row of equal key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    against: Option<Handle>,
    /// All must hold.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6))]
    conditions: Option<Vec<Cond>>,
    /// One row by its key: {"id": 7}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    row: Option<BTreeMap<String, Literal>>,
    /// All but the rows of an earlier claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    except: Option<Handle>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<Group>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<Order>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    skip: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    top: Option<usize>,
    /// rows, which: columns or measures beside each row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6))]
    show: Option<Vec<Shown>>,
    /// value
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4))]
    measures: Option<Vec<Measure>>,
    /// which: conditions that are asked of the set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6))]
    meet: Option<Vec<Cond>>,
    /// compare, trend
    #[serde(default, skip_serializing_if = "Option::is_none")]
    measure: Option<Measure>,
    /// compare: what the first value has of its own; the rest is shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<Side>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    b: Option<Side>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    how: Option<How>,
    /// trend: the column of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    along: Option<String>,
    /// quote
    #[serde(default, skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    /// gap: a result that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call: Option<Handle>,
    /// gap: words of the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    /// ask: titles, or names of rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    options: Option<Vec<String>>,
    /// again: the earlier claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claim: Option<Handle>,
    /// assessment: claims that stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 3))]
    about: Option<Vec<Handle>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    /// assessment: one sentence without figures and quantifiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 240))]
    text: Option<String>,
}

/// What a value of a comparison has of its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Side {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<Handle>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    against: Option<Handle>,
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6))]
    conditions: Option<Vec<Cond>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    row: Option<BTreeMap<String, Literal>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    except: Option<Handle>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<Group>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<Order>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    skip: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    top: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    measure: Option<Measure>,
}

/// The JSON schema of a claim.
pub fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
    });
    let schema = settings.into_generator().into_root_schema_for::<Written>();
    let mut schema = schema.to_value();
    portable(&mut schema);
    schema
}

/// Takes out what vendors stumble over and no model needs: `null` beside a type, formats, defaults, titles.
fn portable(schema: &mut serde_json::Value) {
    use serde_json::Value as Json;
    match schema {
        Json::Object(fields) => {
            for key in ["format", "default", "title"] {
                if fields.get(key).is_some_and(|value| !value.is_object()) {
                    fields.shift_remove(key);
                }
            }
            if let Some(Json::Array(types)) = fields.get_mut("type") {
                types.retain(|name| name != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    fields.insert("type".to_owned(), one);
                }
            }
            if let Some(Json::Array(options)) = fields.get_mut("anyOf") {
                options.retain(|option| option.get("type").is_none_or(|name| name != "null"));
                if let [Json::Object(one)] = options.as_slice() {
                    let one = one.clone();
                    fields.shift_remove("anyOf");
                    for (key, value) in one {
                        fields.entry(key).or_insert(value);
                    }
                }
            }
            if let Some(Json::Array(values)) = fields.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            fields.values_mut().for_each(portable);
        }
        Json::Array(items) => items.iter_mut().for_each(portable),
        _ => {}
    }
}

pub(super) fn read(value: &serde_json::Value) -> Result<Claim, Refusal> {
    let id = value.get("as").and_then(serde_json::Value::as_str);
    let id = id.filter(|id| is_id(id)).map(str::to_owned);
    let fail = |why: &str| Refusal::new(Code::Form, why);
    let claim = (|| {
        if value.to_string().len() > MAX_BYTES {
            return Err(fail("the claim is too long"));
        }
        let written: Written =
            serde_json::from_value(value.clone()).map_err(|error| fail(&error.to_string()))?;
        written.check()
    })();
    claim.map_err(|refusal| refusal.of(id.as_deref()))
}

fn is_id(text: &str) -> bool {
    text.len() <= MAX_HANDLE
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn is_handle(text: &str) -> bool {
    let number = text.strip_prefix('R').unwrap_or_default();
    let is_result = (1..=6).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    is_result || is_id(text)
}

impl Written {
    /// The parts that are there, by name.
    fn parts(&self) -> Vec<&'static str> {
        let there: [(&'static str, bool); 23] = [
            ("of", self.of.is_some()),
            ("against", self.against.is_some()),
            ("where", self.conditions.is_some()),
            ("row", self.row.is_some()),
            ("except", self.except.is_some()),
            ("group", self.group.is_some()),
            ("order", self.order.is_some()),
            ("skip", self.skip.is_some()),
            ("top", self.top.is_some()),
            ("show", self.show.is_some()),
            ("measures", self.measures.is_some()),
            ("meet", self.meet.is_some()),
            ("measure", self.measure.is_some()),
            ("a", self.a.is_some()),
            ("b", self.b.is_some()),
            ("how", self.how.is_some()),
            ("along", self.along.is_some()),
            ("column", self.column.is_some()),
            ("call", self.call.is_some()),
            ("topic", self.topic.is_some()),
            ("options", self.options.is_some()),
            ("claim", self.claim.is_some()),
            (
                "about",
                self.about.is_some() || self.role.is_some() || self.text.is_some(),
            ),
        ];
        there
            .into_iter()
            .filter_map(|(name, is_there)| is_there.then_some(name))
            .collect()
    }

    fn check(self) -> Result<Claim, Refusal> {
        const SET: [&str; 9] = [
            "of", "against", "where", "row", "except", "group", "order", "skip", "top",
        ];
        let (own, needs): (&[&str], &[&str]) = match self.say {
            Kind::Rows => (&["show"], &["of"]),
            Kind::Value => (&["measures"], &["of", "measures"]),
            Kind::Which => (&["meet", "show"], &["of", "meet"]),
            Kind::Compare => (&["measure", "a", "b", "how"], &["a", "b"]),
            Kind::Trend => (&["along", "measure"], &["of", "along", "measure"]),
            Kind::Quote => (&["column"], &["of", "column"]),
            Kind::Gap => (&["call", "topic"], &[]),
            Kind::Ask => (&["options"], &[]),
            Kind::Again => (&["claim"], &["claim"]),
            Kind::Assessment => (&["about"], &["about"]),
        };
        let takes_set = !matches!(self.say, Kind::Gap | Kind::Assessment);
        let parts = self.parts();
        let allowed = |part: &str| own.contains(&part) || (takes_set && SET.contains(&part));
        let kind = serde_json::to_value(self.say).unwrap_or_default();
        let kind = kind.as_str().unwrap_or_default();
        if let Some(part) = parts.iter().find(|part| !allowed(part)) {
            let has = own.iter().copied();
            let has = has.chain(SET.into_iter().filter(|_| takes_set));
            return Err(Refusal::new(Code::Form, format!("`{kind}` has no `{part}`")).having(has));
        }
        if let Some(part) = needs.iter().find(|part| !parts.contains(part)) {
            return Err(Refusal::new(Code::Form, format!("`{kind}` needs `{part}`")));
        }
        if let Some(id) = self.id.as_deref().filter(|id| !is_id(id)) {
            return Err(Refusal::new(
                Code::Id,
                format!(
                    "`as` is not an id of at most {MAX_HANDLE} letters a-z, digits and _ ({} characters)",
                    id.chars().count()
                ),
            ));
        }
        let written = self;
        let id = written.id.clone();
        let set = written.set()?;
        let show = bounded(written.show, MAX_SHOWN, "columns shown")?;
        let form = |why: &str| Refusal::new(Code::Form, why);
        let say = match written.say {
            Kind::Rows => Say::Rows { set, show },
            Kind::Value => {
                let measures = bounded(written.measures, MAX_MEASURES, "measures")?;
                if measures.is_empty() {
                    return Err(form("`measures` needs one"));
                }
                Say::Value { set, measures }
            }
            Kind::Which => {
                let meet = conditions(written.meet)?;
                if meet.is_empty() {
                    return Err(form("`meet` needs a condition"));
                }
                Say::Which { set, meet, show }
            }
            Kind::Compare => {
                let side = |side: Option<Side>| -> Result<Value, Refusal> {
                    side.unwrap_or_default().over(&set, &written.measure)
                };
                Say::Compare {
                    a: side(written.a)?,
                    b: side(written.b)?,
                    how: written.how,
                }
            }
            Kind::Trend => Say::Trend {
                set,
                along: written.along.unwrap_or_default(),
                measure: written
                    .measure
                    .ok_or_else(|| form("`trend` needs `measure`"))?,
            },
            Kind::Quote => Say::Quote {
                set,
                column: written.column.unwrap_or_default(),
            },
            Kind::Gap => {
                if written.call.is_some() == written.topic.is_some() {
                    return Err(form("`gap` takes either `call` or `topic`"));
                }
                Say::Gap {
                    call: written.call,
                    topic: written.topic,
                }
            }
            Kind::Ask => Say::Ask {
                set: (!set.of.is_empty()).then_some(set),
                options: bounded(written.options, 6, "options")?,
            },
            Kind::Again => Say::Again {
                claim: written.claim.unwrap_or_default(),
                changes: Box::new(set),
            },
            Kind::Assessment => {
                let about = bounded(written.about, MAX_ABOUT, "claims in `about`")?;
                let text = written.text.unwrap_or_default();
                if about.is_empty() || text.trim().is_empty() {
                    return Err(form("`assessment` needs `about` and `text`"));
                }
                if text.chars().count() > MAX_TEXT {
                    return Err(form("`text` is longer than 240 characters"));
                }
                Say::Assessment {
                    about,
                    role: written
                        .role
                        .ok_or_else(|| form("`assessment` needs `role`"))?,
                    text,
                }
            }
        };
        Ok(Claim { id, say })
    }

    fn set(&self) -> Result<Set, Refusal> {
        Side {
            of: self.of.clone(),
            against: self.against.clone(),
            conditions: self.conditions.clone(),
            row: self.row.clone(),
            except: self.except.clone(),
            group: self.group.clone(),
            order: self.order.clone(),
            skip: self.skip,
            top: self.top,
            measure: None,
        }
        .set()
    }
}

impl Side {
    fn set(self) -> Result<Set, Refusal> {
        let handles = [&self.of, &self.against, &self.except];
        if handles.into_iter().flatten().any(|name| !is_handle(name)) {
            return Err(Refusal::new(
                Code::Id,
                "`of`, `against` and `except` take a result such as R1 or the id of an earlier claim",
            ));
        }
        if self.skip == Some(0) || self.top == Some(0) {
            return Err(Refusal::new(Code::Form, "`skip` and `top` begin at 1"));
        }
        Ok(Set {
            of: self.of.unwrap_or_default(),
            against: self.against,
            conditions: conditions(self.conditions)?,
            row: self.row.unwrap_or_default(),
            except: self.except,
            group: self.group,
            order: self.order,
            skip: self.skip,
            top: self.top,
        })
    }

    /// The value whose parts are this side's own, else the shared ones; conditions of both hold.
    fn over(self, shared: &Set, measure: &Option<Measure>) -> Result<Value, Refusal> {
        let measure = self.measure.clone().or_else(|| measure.clone());
        let measure = measure
            .ok_or_else(|| Refusal::new(Code::Form, "a value of `compare` needs a `measure`"))?;
        let own = self.set()?;
        let mut all = shared.conditions.clone();
        all.extend(own.conditions);
        let set = Set {
            of: if own.of.is_empty() {
                shared.of.clone()
            } else {
                own.of
            },
            against: own.against.or_else(|| shared.against.clone()),
            conditions: all,
            row: if own.row.is_empty() {
                shared.row.clone()
            } else {
                own.row
            },
            except: own.except.or_else(|| shared.except.clone()),
            group: own.group.or_else(|| shared.group.clone()),
            order: own.order.or_else(|| shared.order.clone()),
            skip: own.skip.or(shared.skip),
            top: own.top.or(shared.top),
        };
        if set.of.is_empty() {
            return Err(Refusal::new(
                Code::Form,
                "a value of `compare` needs `of`, its own or the shared one",
            ));
        }
        Ok(Value { set, measure })
    }
}

fn bounded<T>(list: Option<Vec<T>>, most: usize, what: &str) -> Result<Vec<T>, Refusal> {
    let list = list.unwrap_or_default();
    if list.len() > most {
        return Err(Refusal::new(Code::Form, format!("at most {most} {what}")));
    }
    Ok(list)
}

/// Conditions whose values fit their operators.
fn conditions(list: Option<Vec<Cond>>) -> Result<Vec<Cond>, Refusal> {
    let list = bounded(list, MAX_CONDITIONS, "conditions")?;
    for cond in &list {
        let fits = match (cond.op, &cond.value) {
            (Comparison::IsNull | Comparison::NotNull, value) => value.is_none(),
            (Comparison::In, Some(Operands::Several(values))) => !values.is_empty(),
            (Comparison::Contains | Comparison::During, Some(Operands::One(value))) => {
                matches!(value, Literal::Text(_) | Literal::Number(_))
            }
            (Comparison::In | Comparison::Contains | Comparison::During, _) => false,
            (_, Some(Operands::One(_) | Operands::Column(_))) => true,
            _ => false,
        };
        if !fits {
            let op = serde_json::to_value(cond.op).unwrap_or_default();
            return Err(Refusal::new(
                Code::Literal,
                format!(
                    "the value does not go with `{}`: a list for `in`, a span for `during`, none for `is_null`, else one value",
                    op.as_str().unwrap_or_default()
                ),
            ));
        }
    }
    Ok(list)
}
