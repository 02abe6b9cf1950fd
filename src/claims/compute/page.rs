//! What an answer says of itself besides its rows: whether they are all there are. Sources say it in their own words; those
//! of the usual protocols are known.

use serde_json::{Map, Value};

/// True where there is more.
const MORE: [&str; 7] = [
    "truncated",
    "istruncated",
    "incomplete",
    "incompleteresults",
    "hasmore",
    "hasnextpage",
    "moreavailable",
];
/// False where there is more.
const LAST: [&str; 4] = ["islast", "islastpage", "lastpage", "done"];
/// Holds something where there is more.
const NEXT: [&str; 9] = [
    "next",
    "nextpage",
    "nextpagetoken",
    "nextcursor",
    "nexttoken",
    "nextrecordsurl",
    "nextlink",
    "odatanextlink",
    "nextpageurl",
];
/// Counts all rows, those that are not shown as well.
const TOTAL: [&str; 6] = [
    "total",
    "totalcount",
    "totalsize",
    "totalresults",
    "totalrows",
    "totalitems",
];
/// Says something of the rows that are shown.
const OF_PAGE: [&str; 14] = [
    "count",
    "rowcount",
    "limit",
    "offset",
    "page",
    "pagesize",
    "perpage",
    "size",
    "startat",
    "maxresults",
    "object",
    "url",
    "previous",
    "elapsedms",
];
/// Where an answer may hold what it says of itself.
const WITHIN: [&str; 7] = [
    "result",
    "meta",
    "metadata",
    "pagination",
    "pageinfo",
    "paging",
    "responsemetadata",
];

fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// Arguments that ask for another page of the same.
const PAGE: [&str; 15] = [
    "page",
    "pagenumber",
    "pagetoken",
    "nextpagetoken",
    "offset",
    "skip",
    "startat",
    "start",
    "cursor",
    "after",
    "startingafter",
    "nextcursor",
    "token",
    "from",
    "nexttoken",
];

/// What is asked for, whichever page of it.
pub fn without_page(args: &Map<String, Value>) -> Map<String, Value> {
    let kept = args
        .iter()
        .filter(|(name, _)| !PAGE.contains(&plain(name).as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Does the answer say that there are more rows than these?
pub fn is_partial(value: &Value) -> bool {
    let Value::Object(fields) = value else {
        return false;
    };
    let rows = rows_of(fields);
    says_so(fields, rows)
        || fields
            .iter()
            .filter(|(name, _)| WITHIN.contains(&plain(name).as_str()))
            .filter_map(|(_, value)| value.as_object())
            .any(|inner| says_so(inner, rows.max(rows_of(inner))))
}

/// The rows of the longest list.
fn rows_of(fields: &Map<String, Value>) -> usize {
    let lists = fields.values().filter_map(Value::as_array);
    lists.map(Vec::len).max().unwrap_or(0)
}

fn says_so(fields: &Map<String, Value>, rows: usize) -> bool {
    fields.iter().any(|(name, value)| {
        let name = plain(name);
        let is = |names: &[&str]| names.contains(&name.as_str());
        match value {
            Value::Bool(true) => is(&MORE),
            Value::Bool(false) => is(&LAST),
            Value::String(text) => is(&NEXT) && !text.is_empty(),
            Value::Number(number) => {
                let all = number.as_u64().and_then(|all| usize::try_from(all).ok());
                is(&TOTAL) && rows > 0 && all.is_some_and(|all| all > rows)
            }
            _ => false,
        }
    })
}

/// Is it an answer without rows: a list that is empty, and nothing beside it but what an answer says of itself?
pub fn is_empty(fields: &Map<String, Value>) -> bool {
    let of_itself = |name: &str| {
        let name = plain(name);
        let lists: [&[&str]; 5] = [&MORE, &LAST, &NEXT, &TOTAL, &OF_PAGE];
        lists.iter().any(|names| names.contains(&name.as_str()))
    };
    let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    fields.values().any(empty)
        && fields
            .iter()
            .all(|(name, value)| empty(value) || of_itself(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_that_holds_a_part_says_so_in_one_of_many_ways() {
        let rows = json!([{ "id": 1 }, { "id": 2 }]);
        for (answer, partial) in [
            (
                json!({ "rows": rows, "truncated": true, "row_count": 2 }),
                true,
            ),
            (
                json!({ "rows": rows, "truncated": false, "row_count": 2 }),
                false,
            ),
            (
                json!({ "object": "list", "data": rows, "has_more": true }),
                true,
            ),
            (
                json!({ "issues": rows, "total": 31, "startAt": 0, "maxResults": 2 }),
                true,
            ),
            (json!({ "issues": rows, "total": 2 }), false),
            (
                json!({ "issues": rows, "isLast": false, "nextPageToken": "x" }),
                true,
            ),
            (
                json!({ "records": rows, "done": false, "totalSize": 2 }),
                true,
            ),
            (json!({ "values": rows, "next": null }), false),
            (
                json!({ "items": rows, "pageInfo": { "hasNextPage": true } }),
                true,
            ),
            (
                json!({ "result": { "rows": rows, "truncated": true } }),
                true,
            ),
            (json!({ "total": 4680.9, "lines": rows }), false),
            (rows.clone(), false),
        ] {
            assert_eq!(is_partial(&answer), partial, "{answer}");
        }
    }

    #[test]
    fn an_answer_without_rows_is_told_from_a_record_that_lacks_something() {
        for (answer, empty) in [
            (json!({ "orders": [] }), true),
            (
                json!({ "rows": [], "truncated": false, "row_count": 0 }),
                true,
            ),
            (json!({ "id": "PAY-1", "labels": [] }), false),
            (json!({ "rows": [{ "id": 1 }], "errors": [] }), false),
            (json!({}), false),
        ] {
            assert_eq!(is_empty(answer.as_object().unwrap()), empty, "{answer}");
        }
    }
}
