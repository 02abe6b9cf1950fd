//! Whatever is done to the trail behind its back shows; whatever is done with right does not.

mod broken;
mod person;
mod retention;
mod search;
mod subjects;
mod wiped;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::*;
use crate::store::{
    AuditCheckpoint, Kind, Stored,
    driver::{Collection, Content},
};

const KEY: [u8; 32] = [7; 32];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn start() -> Timestamp {
    at("2026-11-24T06:00:00Z")
}

fn entry(on: &str) -> Entry {
    Entry {
        role: Some("finance".to_owned()),
        ..Entry::new(start(), Act::ToolCall, "schedule", on)
    }
}

fn question(user: &str, text: &str) -> Record {
    let mut entry = Entry::new(start(), Act::Question, "slack", "turn/1");
    entry.user = Some(user.to_owned());
    Record::from(entry).text(text)
}

/// A trail of batches: of one row, of two with a text, and so on.
async fn trail(batches: u64) -> (Store, Audit) {
    let store = Store::in_memory().await.unwrap();
    let audit = Audit::new(store.clone(), KEY);
    for batch in 0..batches {
        let mut records = vec![Record::from(entry(&format!("jira/tool{batch}")))];
        if batch % 2 == 1 {
            records.push(question("mara", &format!("why is {batch} late?")));
        }
        audit.record(&records).await.unwrap();
    }
    (store, audit)
}

async fn broken(store: &Store) -> Option<(u64, Broken)> {
    let verified = Audit::new(store.clone(), KEY).verify().await.unwrap();
    assert_eq!(verified.ok, verified.first_bad.is_none());
    Some((verified.first_bad?, verified.what?))
}

fn row_key(number: u64) -> String {
    format!("{number:020}")
}

async fn body(store: &Store, c: Collection, key: &str) -> String {
    store.driver().get(c, key).await.unwrap().unwrap().body
}

/// Writes a body past everything that guards it.
async fn forge(store: &Store, c: Collection, key: &str, body: &str) {
    let version = store.driver().get(c, key).await.unwrap().unwrap().version;
    assert!(
        store
            .driver()
            .replace_body(c, key, version, body)
            .await
            .unwrap()
    );
}

async fn forge_row(store: &Store, number: u64, change: impl FnOnce(&mut Value)) {
    let key = row_key(number);
    let mut row = serde_json::from_str(&body(store, Collection::Audit, &key).await).unwrap();
    change(&mut row);
    forge(store, Collection::Audit, &key, &row.to_string()).await;
}

async fn put_row(store: &Store, key: &str, place: u64, body: &str) {
    let content = Content {
        body: body.to_owned(),
        group: Some("all".to_owned()),
        order: i64::try_from(place).unwrap(),
        ..Content::default()
    };
    let c = Collection::Audit;
    store.driver().delete(c, key).await.unwrap();
    assert!(store.driver().insert(c, key, &content).await.unwrap());
}

async fn drop_row(store: &Store, number: u64) {
    let key = row_key(number);
    assert!(
        store
            .driver()
            .delete(Collection::Audit, &key)
            .await
            .unwrap()
    );
}

async fn last(store: &Store) -> u64 {
    store.audit().last_number().await.unwrap()
}

async fn handle_of(store: &Store, user: &str) -> String {
    let found = store.audit().subject(user).await.unwrap().unwrap();
    found.kept.unwrap().handle
}

fn reader() -> Reader {
    Reader::new(Some("admin".to_owned()), "cli", "looking into ticket 12").unwrap()
}

fn user() -> Value {
    json!({
        "id": "mara", "name": "Mara Zabel-Muster", "email": "mara.zm@marker-mail.example",
        "slack": "U0MARKER77", "roles": ["finance"], "disabled": false,
    })
}

/// A row a day.
async fn days(days: i64) -> (Store, Audit) {
    let store = Store::in_memory().await.unwrap();
    let audit = Audit::new(store.clone(), KEY);
    for day in 0..days {
        let mut record = question("mara", &format!("day {day}"));
        record.entry.at = start() + SignedDuration::from_hours(24 * day);
        audit.record(&[record]).await.unwrap();
    }
    (store, audit)
}
