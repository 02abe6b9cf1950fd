//! JSON as expressions see it, and back: kinds and digits stay.

use minijinja::value::{Value, ValueKind};
use serde_json::{Map, Number, Value as Json};

use super::kinds::{self, Kind};

/// The value of a JSON value. A number comes with the digits that it was written with, and is no table of the serialiser's.
pub(super) fn of_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => of_number(number),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(of_json).collect(),
        Json::Object(fields) => Value::from_pairs(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), of_json(value))),
        ),
    }
}

fn of_number(number: &Number) -> Value {
    kinds::as_written(number.as_str())
}

/// The JSON of a value, for the arguments of a call.
pub(super) fn to_json(value: &Value) -> Result<Json, minijinja::Error> {
    if let Kind::Number(..) | Kind::Long(_) = Kind::of(value) {
        let text = value.to_string();
        return Ok(text
            .parse::<Number>()
            .map_or_else(|_| Json::String(text), Json::Number));
    }
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Seq | ValueKind::Iterable => Json::Array(
            value
                .try_iter()?
                .map(|item| to_json(&item))
                .collect::<Result<_, _>>()?,
        ),
        ValueKind::Map => {
            let mut fields = Map::new();
            for name in value.try_iter()? {
                fields.insert(name.to_string(), to_json(&value.get_item(&name)?)?);
            }
            Json::Object(fields)
        }
        _ => Json::String(value.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_kinds_and_whole_numbers_their_digits() {
        let json: Json = serde_json::from_str(
            r#"{"id": 100000000000000000001, "n": -7, "share": 0.5, "list": [1, null, true, "1"], "map": {"a": {}}}"#,
        )
        .unwrap();
        let value = of_json(&json);
        assert_eq!(
            value.get_attr("id").unwrap().to_string(),
            "100000000000000000001"
        );
        assert_eq!(to_json(&value).unwrap(), json);
    }
}
