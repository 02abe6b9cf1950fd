//! Whole answers as a reader gets them.

use claims::line::Line;
use serde_json::{Value, json};

/// What is printed for the claims of a line, a refusal by its code.
pub fn said(line: Value) -> Vec<String> {
    let line: Line = serde_json::from_value(line).unwrap_or_else(|error| panic!("{error}"));
    let answer = line
        .answer(jiff::civil::date(2026, 11, 24))
        .unwrap_or_else(|error| panic!("{error}"));
    let answer = serde_json::to_value(&answer).unwrap();
    let said = answer["said"].as_array().unwrap().iter();
    said.map(|said| match said["text"].as_str() {
        Some(text) => text.to_owned(),
        None => format!("refused: {}", said["refused"].as_str().unwrap()),
    })
    .collect()
}

/// Open deals, with words.
fn deals() -> Value {
    let deals = json!([
        {"deal":"Fleet renewal","account":"Nordwind Logistik","amount":184000,"close_date":"2026-10-30","owner":"Lea Brandt","stage":"Offer","country":"DE"},
        {"deal":"Seats 2027","account":"Hallberg AB","amount":61200,"close_date":"2026-11-20","owner":"Lea Brandt","stage":"Offer","country":"SE"},
        {"deal":"Warehouse pilot","account":"Casa Verde","amount":22500,"close_date":"2026-11-10","owner":"Tom Rossi","stage":"Trial","country":"ES"},
        {"deal":"Rollout","account":"Montan AG","amount":240000,"close_date":"2026-12-15","owner":"Tom Rossi","stage":"Offer","country":"AT"},
        {"deal":"Switch","account":"Kolibri","amount":54000,"close_date":null,"owner":null,"stage":"Trial","country":"AT"},
        {"deal":"Renewal","account":"Atelier Blanc","amount":38000,"close_date":"2026-11-28","owner":"Ines Roy","stage":"Offer","country":"FR"},
        {"deal":"Archive","account":"Polder BV","amount":75000,"close_date":"2026-12-20","owner":"Ines Roy","stage":"Trial","country":"NL"},
        {"deal":"Bridge","account":"Norsk AS","amount":12000,"close_date":"2027-01-10","owner":"Tom Rossi","stage":"Trial","country":"AT"}
    ]);
    json!({
        "title":"Open deals","whole":true,"rows":deals,
        "words":{"en":{"one":"open deal","many":"open deals","row":"{deal} ({account})"}},
        "key":["deal"],"order":{"by":"amount"},
        "column":{
            "amount":{"unit":"EUR","en":"amount"},
            "owner":{"en":"owner","with":"with {}","none":"without an owner"},
            "close_date":{"en":"closing date","with":"closing {}","none":"without a closing date","past":"past their closing date"},
            "country":{"en":"country","with":"in {}","names":{"AT":"Austria","DE":"Germany"}}
        }
    })
}

#[test]
fn the_deals_that_should_have_closed_are_told_as_an_analyst_would() {
    let overdue = json!({ "column": "close_date", "op": "lt", "value": "today" });
    let austria = json!({ "column": "country", "op": "eq", "value": "AT" });
    let claims = [
        (
            json!({ "say": "value", "as": "overdue", "of": "R1", "where": [overdue], "measures": ["count", { "sum": "amount" }] }),
            "Three open deals past their closing date (of 8; 1 without a closing date): 267,700 EUR together.",
        ),
        (
            json!({ "say": "compare", "a": { "of": "overdue" }, "b": { "of": "R1" }, "measure": { "sum": "amount" } }),
            "They make up 39 % of the amount of all 8 open deals, 686,700 EUR.",
        ),
        (
            json!({ "say": "which", "of": "R1", "meet": [{ "column": "close_date", "op": "is_null" }], "show": ["amount"] }),
            "Of the 8 open deals, only Switch (Kolibri) (amount 54,000 EUR) is without a closing date.",
        ),
        (
            json!({ "say": "again", "claim": "overdue", "where": [austria] }),
            "There are no open deals past their closing date in Austria (of 8; 1 without a closing date).",
        ),
        (
            json!({ "say": "value", "as": "at", "of": "R1", "where": [austria], "measures": ["count", { "sum": "amount" }] }),
            "Three open deals in Austria (of 8): 306,000 EUR together.",
        ),
        (
            json!({ "say": "which", "of": "at", "meet": [overdue] }),
            "None of the 3 open deals in Austria is past their closing date (without a closing date: Switch (Kolibri)).",
        ),
        (
            json!({ "say": "rows", "of": "at", "order": { "by": "amount" }, "top": 1, "show": ["close_date", "owner"] }),
            "The largest of the 3 open deals in Austria is Rollout (Montan AG), at 240,000 EUR, closing 15 December, in 21 days, with Tom Rossi.",
        ),
        (
            json!({ "say": "value", "of": "R1", "row": { "deal": "Rollout" }, "measures": [{ "rank": { "by": "amount" } }] }),
            "Rollout (Montan AG) is first of 8 by amount.",
        ),
        (json!({ "say": "rows", "of": "R2" }), "refused: id"),
        (
            json!({ "say": "rows", "of": "R1", "show": ["nope"] }),
            "refused: column",
        ),
        (
            json!({ "say": "value", "of": "R1", "row": { "deal": "Rolout" }, "measures": ["count"] }),
            "refused: row",
        ),
    ];
    let asked: Vec<&Value> = claims.iter().map(|(claim, _)| claim).collect();
    let texts =
        said(json!({ "today": "2026-11-24", "results": { "R1": deals() }, "claims": asked }));
    for (text, (_, expected)) in texts.iter().zip(&claims) {
        assert_eq!(text, expected);
    }
}
