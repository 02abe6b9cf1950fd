//! What a row is called where nobody declared it.

use claims::{
    Evaluator,
    result::{Reader, Results, Source},
    say::Writer,
};
use ground::text::Language;
use jiff::{civil::date, tz::TimeZone};
use serde_json::{Value, json};

fn said(rows: &Value, claim: &Value) -> String {
    let reader = Reader {
        language: Language::English,
        today: date(2026, 11, 24),
        zone: TimeZone::UTC,
        question: String::new(),
        blind: false,
    };
    let mut results = Results::default();
    results.insert(Source::new("R1", "Shop", rows).unwrap());
    let mut writer = Writer::new(&reader);
    let mut evaluator = Evaluator::new(results, reader);
    writer.say(&evaluator.compute(claim).unwrap()).text
}

#[test]
fn a_row_is_called_by_what_tells_it_from_others() {
    let show = json!({ "say": "rows", "of": "R1", "show": ["amount"] });
    for (row, name) in [
        // Its number, with what it is the number of; not the customer, who may have others.
        (
            json!({ "order_id": 1001, "customer": "Migros", "amount": 5 }),
            "Order 1001",
        ),
        (
            json!({ "sales_order_id": "A-7", "customer": "Migros", "amount": 5 }),
            "Sales order A-7",
        ),
        // A key in letters stands for itself, a name reads better than a number.
        (
            json!({ "key": "PAY-1182", "id": 7, "summary": "Fails", "amount": 5 }),
            "PAY-1182",
        ),
        (
            json!({ "order_id": 1001, "name": "Spring sale", "amount": 5 }),
            "Spring sale",
        ),
        // An address is no name.
        (
            json!({ "url": "https://shop.example/1", "customer": "Migros", "amount": 5 }),
            "Migros",
        ),
    ] {
        let text = said(&json!([row]), &show);
        assert!(text.starts_with(&format!("{name}: ")), "{name}: {text}");
    }
}

#[test]
fn a_row_that_was_picked_is_called_by_what_it_was_picked_by() {
    let rows = json!([
        { "customer": "Northgate", "stage": "Offer", "amount": 5 },
        { "customer": "Southfield", "stage": "Trial", "amount": 6 },
    ]);
    let claim = json!({ "say": "rows", "of": "R1", "row": { "customer": "Northgate" }, "show": ["amount"] });
    assert!(
        said(&rows, &claim).starts_with("Northgate: "),
        "{}",
        said(&rows, &claim)
    );
}
