//! Whatever is done to the trail behind its back shows; whatever is done with right does not.

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

#[tokio::test]
async fn a_whole_trail_verifies_also_for_another_process_and_numbers_are_told() {
    let (store, audit) = trail(4).await;
    assert_eq!(
        audit.write(&[entry("a"), entry("b")]).await.unwrap(),
        [7, 8]
    );
    assert_eq!(audit.write(&[]).await.unwrap(), Vec::<u64>::new());
    let other = Audit::new(store, KEY);
    assert_eq!(other.write(&[entry("c")]).await.unwrap(), [9]);
    let verified = other.verify().await.unwrap();
    assert_eq!((verified.ok, verified.entries), (true, 9));
    let told = serde_json::to_value(&verified).unwrap();
    assert_eq!(
        told,
        json!({ "ok": true, "entries": 9, "first_bad": null, "what": null })
    );
}

#[tokio::test]
async fn every_changed_field_of_every_row_is_found_by_its_number() {
    let (store, _) = trail(6).await;
    for number in 1..=last(&store).await {
        let key = row_key(number);
        let before = body(&store, Collection::Audit, &key).await;
        let row: Value = serde_json::from_str(&before).unwrap();
        let members = row["entry"].as_object().unwrap();
        for name in members.keys() {
            forge_row(&store, number, |row| {
                row["entry"][name] = match &row["entry"][name] {
                    Value::String(text) => format!("{text}x").into(),
                    _ => json!({ "id": "x", "seal": "x" }),
                };
            })
            .await;
            let (bad, what) = broken(&store).await.unwrap();
            assert_eq!((bad, what), (number, Broken::Changed), "{name}");
            forge(&store, Collection::Audit, &key, &before).await;
        }
        for (name, value) in [
            ("hash", json!("00")),
            ("first", json!(99)),
            ("redacted", json!("00")),
            ("number", json!(99)),
            ("more", json!(1)),
        ] {
            forge_row(&store, number, |row| row[name] = value).await;
            assert_eq!(broken(&store).await.unwrap().0, number, "{name}");
            forge(&store, Collection::Audit, &key, &before).await;
        }
        forge_row(&store, number, |row| row["entry"]["why"] = "added".into()).await;
        assert_eq!(broken(&store).await.unwrap(), (number, Broken::Changed));
        forge(&store, Collection::Audit, &key, &before).await;
    }
    assert_eq!(broken(&store).await, None);
}

#[tokio::test]
async fn any_flipped_bit_of_a_thousand_rows_texts_and_marks_is_found() {
    let (store, _) = trail(700).await;
    let rows = last(&store).await;
    assert!(rows > 1_000);
    let texts = store.audit().texts(1, rows).await.unwrap();
    let texts: Vec<String> = texts.into_keys().collect();
    let mut random = rand::rngs::StdRng::seed_from_u64(24);
    for turn in 0..100 {
        let (c, key) = match turn % 10 {
            0 => (Collection::AuditMarks, "head".to_owned()),
            1 | 2 => {
                let at = random.random_range(0..texts.len());
                (Collection::AuditTexts, texts[at].clone())
            }
            _ => (Collection::Audit, row_key(random.random_range(1..=rows))),
        };
        let before = body(&store, c, &key).await;
        let flipped = loop {
            let mut bytes = before.clone().into_bytes();
            let at = random.random_range(0..bytes.len());
            bytes[at] ^= 1 << random.random_range(0..7_u32);
            if let Ok(text) = String::from_utf8(bytes) {
                break text;
            }
        };
        forge(&store, c, &key, &flipped).await;
        let found = broken(&store).await;
        // To whom a text belongs decides what erasing takes with it; it is not part of what was said.
        let only_owner = c == Collection::AuditTexts && same_but_owner(&before, &flipped);
        assert!(found.is_some() || only_owner, "{before}\n{flipped}");
        if let (Collection::Audit, Some((number, _))) = (c, found) {
            assert_eq!(row_key(number), key);
        }
        forge(&store, c, &key, &before).await;
    }
    assert_eq!(broken(&store).await, None);
}

fn same_but_owner(before: &str, after: &str) -> bool {
    let of = |text: &str| -> Option<Value> {
        let text: crate::store::AuditText = serde_json::from_str(text).ok()?;
        Some(json!([text.id, text.salt, text.text, text.changed]))
    };
    of(before).is_some() && of(before) == of(after)
}

#[tokio::test]
async fn a_dropped_swapped_doubled_or_added_row_is_found() {
    let (store, _) = trail(6).await;
    let bodies: Vec<String> = {
        let mut bodies = vec![String::new()];
        for number in 1..=last(&store).await {
            bodies.push(body(&store, Collection::Audit, &row_key(number)).await);
        }
        bodies
    };
    let restore = async || {
        for (number, body) in bodies.iter().enumerate().skip(1) {
            let number = u64::try_from(number).unwrap();
            put_row(&store, &row_key(number), number, body).await;
        }
        store.driver().delete(Collection::Audit, "x").await.unwrap();
        assert_eq!(broken(&store).await, None);
    };

    drop_row(&store, 4).await;
    assert_eq!(broken(&store).await, Some((4, Broken::Missing)));
    restore().await;
    drop_row(&store, 1).await;
    assert_eq!(broken(&store).await, Some((1, Broken::BeginningMissing)));
    restore().await;
    // Under each other's keys and places.
    put_row(&store, &row_key(3), 3, &bodies[4]).await;
    put_row(&store, &row_key(4), 4, &bodies[3]).await;
    assert_eq!(broken(&store).await.unwrap().0, 3);
    restore().await;
    // In each other's places.
    put_row(&store, &row_key(3), 4, &bodies[3]).await;
    put_row(&store, &row_key(4), 3, &bodies[4]).await;
    assert_eq!(broken(&store).await, Some((3, Broken::OutOfPlace)));
    restore().await;
    // Their content alone.
    let entry = |at: usize| serde_json::from_str::<Value>(&bodies[at]).unwrap()["entry"].clone();
    forge_row(&store, 3, |row| row["entry"] = entry(4)).await;
    forge_row(&store, 4, |row| row["entry"] = entry(3)).await;
    assert_eq!(broken(&store).await, Some((3, Broken::Changed)));
    restore().await;
    // Twice, also the last one.
    let end = last(&store).await;
    for number in [3, end] {
        let doubled = &bodies[usize::try_from(number).unwrap()];
        put_row(&store, "x", number, doubled).await;
        assert!(broken(&store).await.unwrap().0 >= number);
        restore().await;
    }
    // Added at the end: chained well, but not under the key.
    let stranger = Audit::new(store.clone(), [8; 32]);
    stranger.write(&[self::entry("forged")]).await.unwrap();
    assert!(broken(&store).await.unwrap().0 > end);
}

#[tokio::test]
async fn a_row_doubled_at_the_end_of_a_page_is_found() {
    let store = Store::in_memory().await.unwrap();
    let audit = Audit::new(store.clone(), KEY);
    let rows: Vec<Entry> = (0..PAGE + 5).map(|_| entry("x")).collect();
    audit.write(&rows).await.unwrap();
    let edge = u64::from(PAGE);
    let doubled = body(&store, Collection::Audit, &row_key(edge)).await;
    put_row(&store, "x", edge, &doubled).await;
    assert_eq!(broken(&store).await, Some((edge + 1, Broken::OutOfPlace)));
}

#[tokio::test]
async fn rows_cut_off_at_the_end_are_missed_and_stay_missed() {
    for cut in 1..=3 {
        let (store, _) = trail(6).await;
        let end = last(&store).await;
        for number in end - cut + 1..=end {
            drop_row(&store, number).await;
        }
        let bad = end - cut + 1;
        assert_eq!(broken(&store).await, Some((bad, Broken::EndMissing)));
        // The daemon goes on, and the hole stays.
        let audit = Audit::new(store.clone(), KEY);
        assert_eq!(audit.write(&[entry("later")]).await.unwrap(), [end + 1]);
        audit.write(&[entry("later")]).await.unwrap();
        assert_eq!(broken(&store).await, Some((bad, Broken::Missing)));
    }
    // All of them.
    let (store, _) = trail(3).await;
    for number in 1..=last(&store).await {
        drop_row(&store, number).await;
    }
    assert_eq!(broken(&store).await, Some((1, Broken::EndMissing)));
}

#[tokio::test]
async fn a_head_that_is_gone_forged_or_put_back_is_found_and_stays_found() {
    let marks = Collection::AuditMarks;
    let (store, audit) = trail(3).await;
    let old = body(&store, marks, "head").await;
    audit.write(&[entry("x")]).await.unwrap();
    audit.write(&[entry("y")]).await.unwrap();
    let end = last(&store).await;
    let good = body(&store, marks, "head").await;

    forge(&store, marks, "head", &old).await;
    assert_eq!(broken(&store).await, Some((end, Broken::HeadBehind)));
    forge(
        &store,
        marks,
        "head",
        &good.replace("\"number\":6", "\"number\":5"),
    )
    .await;
    assert_eq!(broken(&store).await, Some((end, Broken::HeadForged)));
    forge(&store, marks, "head", &good).await;
    assert_eq!(broken(&store).await, None);

    // Rows cut off, and the head with them, so that nothing would name them.
    drop_row(&store, end).await;
    store.driver().delete(marks, "head").await.unwrap();
    assert_eq!(broken(&store).await, Some((end - 1, Broken::HeadMissing)));
    let later = Audit::new(store.clone(), KEY);
    later.write(&[entry("later")]).await.unwrap();
    assert_eq!(broken(&store).await, Some((end, Broken::Missing)));
}

#[tokio::test]
async fn a_crash_between_any_two_writes_leaves_a_trail_that_verifies_and_goes_on() {
    // Handle, text, two rows, head: a crash before each, at the first batch of all and at a later one.
    for batches in [0, 3] {
        for writes in 0..6 {
            let (store, _) = trail(batches).await;
            let dying = Audit::new(store.that_fails_after(writes), KEY);
            let records = [question("jon", "how many?"), Record::from(entry("x"))];
            let survived = dying.record(&records).await.is_ok();
            assert_eq!(survived, writes == 5, "{writes}");
            assert_eq!(
                broken(&store).await,
                None,
                "{batches} batches, {writes} writes"
            );
            let audit = Audit::new(store.clone(), KEY);
            audit.record(&[question("jon", "again?")]).await.unwrap();
            audit.write(&[entry("y")]).await.unwrap();
            assert_eq!(
                broken(&store).await,
                None,
                "{batches} batches, {writes} writes"
            );
        }
    }
}

#[tokio::test]
async fn a_head_that_is_behind_by_more_than_a_crash_is_found() {
    let (store, _) = trail(3).await;
    // The rows of two batches, the head of none.
    let old = body(&store, Collection::AuditMarks, "head").await;
    let audit = Audit::new(store.clone(), KEY);
    audit.write(&[entry("a")]).await.unwrap();
    forge(&store, Collection::AuditMarks, "head", &old).await;
    assert_eq!(
        broken(&store).await,
        None,
        "one batch is what a crash leaves"
    );
    audit.write(&[entry("b")]).await.unwrap();
    forge(&store, Collection::AuditMarks, "head", &old).await;
    assert_eq!(broken(&store).await.unwrap().1, Broken::HeadBehind);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_write_at_once_leave_one_chain_and_verify_sees_no_harm_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let settings = crate::settings::Store::default();
    let store = Store::open(&settings, None, folder.path()).await.unwrap();
    let nodes: Vec<Audit> = (0..4).map(|_| Audit::new(store.clone(), KEY)).collect();
    let watcher = Audit::new(store.clone(), KEY);
    let writing = nodes.iter().enumerate().map(|(node, audit)| async move {
        for row in 0..10 {
            let mut records = vec![Record::from(entry(&format!("a{row}")))];
            records.push(question(&format!("user{node}"), "what?"));
            assert_eq!(audit.record(&records).await.unwrap().len(), 2);
        }
    });
    let watching = async {
        for _ in 0..20 {
            let verified = watcher.verify().await.unwrap();
            assert!(verified.ok, "{verified:?}");
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(futures_util::future::join_all(writing), watching);
    let verified = watcher.verify().await.unwrap();
    assert_eq!((verified.ok, verified.entries), (true, 80));
    let texts = store.audit().texts(1, 80).await.unwrap();
    assert_eq!(texts.len(), 40, "no text is left of an append that lost");
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

#[tokio::test]
async fn rows_past_their_retention_go_with_their_texts_and_the_rest_verifies() {
    let (store, audit) = days(10).await;
    let now = start() + SignedDuration::from_hours(24 * 10);
    assert_eq!(audit.keep_days(9, now).await.unwrap(), 1);
    assert_eq!(audit.keep_days(9, now).await.unwrap(), 0);
    assert_eq!(audit.keep_days(4, now).await.unwrap(), 5);
    let verified = Audit::new(store.clone(), KEY).verify().await.unwrap();
    assert_eq!((verified.ok, verified.entries), (true, 4 + 2));
    assert_eq!(store.audit().from(1, 100).await.unwrap()[0].number, 7);
    assert_eq!(store.audit().texts(0, 100).await.unwrap().len(), 4);
    let checkpoint = store.audit().checkpoint().await.unwrap().unwrap().unwrap();
    assert_eq!((checkpoint.number, checkpoint.removed), (6, 6));
    // It goes on, also for a process that has just started.
    let later = Audit::new(store.clone(), KEY);
    later.write(&[entry("later")]).await.unwrap();
    assert_eq!(broken(&store).await, None);
}

#[tokio::test]
async fn a_day_is_removed_at_once_not_row_by_row() {
    let (_, audit) = days(3).await;
    let almost = start() + SignedDuration::from_hours(24 * 2 - 1);
    assert_eq!(audit.keep_days(1, almost).await.unwrap(), 0);
    let then = start() + SignedDuration::from_hours(24 * 2);
    assert_eq!(audit.keep_days(1, then).await.unwrap(), 1);
}

#[tokio::test]
async fn a_crash_while_rows_are_removed_leaves_a_trail_that_verifies() {
    for writes in 0..5 {
        let (store, _) = days(6).await;
        let now = start() + SignedDuration::from_hours(24 * 6);
        let dying = Audit::new(store.that_fails_after(writes), KEY);
        assert!(dying.keep_days(2, now).await.is_err(), "{writes}");
        assert_eq!(broken(&store).await, None, "{writes}");
        let audit = Audit::new(store.clone(), KEY);
        audit.expire(now, "test", now).await.unwrap();
        assert_eq!(broken(&store).await, None, "{writes}");
        assert_eq!(
            store.audit().texts(0, 5).await.unwrap().len(),
            0,
            "{writes}"
        );
    }
}

#[tokio::test]
async fn a_forged_or_missing_checkpoint_is_told() {
    let marks = Collection::AuditMarks;
    let (store, audit) = days(10).await;
    let now = start() + SignedDuration::from_hours(24 * 10);
    audit.keep_days(5, now).await.unwrap();
    let good = body(&store, marks, "checkpoint").await;
    let checkpoint: AuditCheckpoint = serde_json::from_str(&good).unwrap();
    for (forged, expected) in [
        (
            good.replace("kept for", "kept_for"),
            (1, Broken::CheckpointForged),
        ),
        (
            good.replace("\"number\":5", "\"number\":6"),
            (1, Broken::CheckpointForged),
        ),
        ("{}".to_owned(), (1, Broken::CheckpointForged)),
    ] {
        assert_ne!(forged, good);
        forge(&store, marks, "checkpoint", &forged).await;
        assert_eq!(broken(&store).await, Some(expected));
    }
    store.driver().delete(marks, "checkpoint").await.unwrap();
    assert_eq!(broken(&store).await, Some((1, Broken::BeginningMissing)));
    // Put back, and one more row removed by hand.
    store.audit().set_checkpoint(&checkpoint).await.unwrap();
    assert_eq!(broken(&store).await, None);
    drop_row(&store, checkpoint.number + 1).await;
    let next = checkpoint.number + 1;
    assert_eq!(broken(&store).await, Some((next, Broken::Missing)));
}

#[tokio::test]
async fn rows_that_are_not_whole_are_not_removed() {
    let (store, audit) = days(10).await;
    forge_row(&store, 3, |row| row["entry"]["on"] = "another".into()).await;
    let now = start() + SignedDuration::from_hours(24 * 10);
    assert_eq!(audit.keep_days(1, now).await.unwrap(), 2);
    assert_eq!(broken(&store).await, Some((3, Broken::Changed)));
}

fn reader() -> Reader {
    Reader::new(Some("admin".to_owned()), "cli", "looking into ticket 12").unwrap()
}

#[test]
fn nobody_becomes_a_reader_without_a_reason() {
    for reason in ["", "   \n", "x", "1234567"] {
        assert!(matches!(
            Reader::new(None, "cli", reason),
            Err(AuditError::NoReason { .. })
        ));
    }
}

#[tokio::test]
async fn a_search_finds_by_person_role_source_act_outcome_time_and_text() {
    let (store, audit) = days(30).await;
    let mut call = entry("jira/jira_search");
    call.outcome = Outcome::Denied;
    call.why = "no grant".to_owned();
    call.at = start() + SignedDuration::from_hours(24 * 31);
    let arguments = json!({ "jql": "Secret", "limit": 5 });
    let arguments = audit.arguments(arguments.as_object().unwrap());
    let number = audit
        .record(&[Record::from(call.clone()).arguments(arguments)])
        .await
        .unwrap()[0];
    let mut done = call.clone();
    done.outcome = Outcome::Done;
    done.why.clear();
    done.on = "jira_cloud/x".to_owned();
    let facts = ResultFacts::of(b"secret", Duration::from_millis(12));
    let result = Record::from(done).answers(number).result(facts);
    audit.record(&[result]).await.unwrap();
    let mut change = Entry::new(call.at, Act::ObjectChange, "cli", "user");
    change.user = Some("admin".to_owned());
    audit
        .record(&[Record::from(change).about("mara")])
        .await
        .unwrap();
    let count = async |query: Query| {
        let page = audit.search(&reader(), &query, 1_000, start()).await;
        page.unwrap().rows.len()
    };
    let all = Query::default;
    assert_eq!(
        count(Query {
            person: Some("mara".to_owned()),
            ..all()
        })
        .await,
        31
    );
    assert_eq!(
        count(Query {
            role: Some("finance".to_owned()),
            ..all()
        })
        .await,
        2
    );
    assert_eq!(
        count(Query {
            source: Some("jira".to_owned()),
            ..all()
        })
        .await,
        1
    );
    assert_eq!(
        count(Query {
            act: Some(Act::ToolCall),
            ..all()
        })
        .await,
        2
    );
    assert_eq!(
        count(Query {
            outcome: Some(Outcome::Denied),
            ..all()
        })
        .await,
        1
    );
    assert_eq!(
        count(Query {
            text: Some("DAY 17".to_owned()),
            ..all()
        })
        .await,
        1
    );
    assert_eq!(
        count(Query {
            text: Some("grant".to_owned()),
            ..all()
        })
        .await,
        1
    );
    assert_eq!(
        count(Query {
            person: Some("nobody".to_owned()),
            ..all()
        })
        .await,
        0
    );
    let from = start() + SignedDuration::from_hours(24 * 10);
    let to = start() + SignedDuration::from_hours(24 * 12);
    let between = Query {
        from: Some(from),
        to: Some(to),
        act: Some(Act::Question),
        ..all()
    };
    assert_eq!(count(between.clone()).await, 2);

    let page = audit.search(&reader(), &between, 1, start()).await.unwrap();
    assert_eq!(
        page.rows[0].text.as_deref(),
        Some("day 11"),
        "the newest first"
    );
    assert_eq!(page.rows[0].user.as_deref(), Some("mara"));
    let rest = Query {
        below: page.below,
        ..between
    };
    let page = audit.search(&reader(), &rest, 9, start()).await.unwrap();
    assert_eq!(page.rows.len(), 1);
    assert_eq!(
        (page.rows[0].text.as_deref(), page.below),
        (Some("day 10"), None)
    );

    let page = audit
        .search(
            &reader(),
            &Query {
                act: Some(Act::ToolCall),
                ..all()
            },
            9,
            start(),
        )
        .await
        .unwrap();
    let told = serde_json::to_value(&page.rows[0]).unwrap();
    assert_eq!(
        (&told["answers"], &told["result"]["bytes"]),
        (&json!(31), &json!(6))
    );
    let call = &page.rows[1].arguments;
    assert_eq!(call.as_ref().unwrap().names, ["jql", "limit"]);
    let rows = store.audit().from(1, 1_000).await.unwrap();
    for never in ["Secret", "secret\"", "mara", "day 17"] {
        assert!(
            !format!("{rows:?}").contains(never),
            "{never} stands in the chain"
        );
    }
}

#[tokio::test]
async fn who_looks_is_a_row_with_their_reason_before_they_see_anything() {
    let (store, audit) = trail(2).await;
    let query = Query {
        person: Some("mara".to_owned()),
        ..Query::default()
    };
    let dying = Audit::new(store.that_fails_after(0), KEY);
    assert!(dying.search(&reader(), &query, 9, start()).await.is_err());
    audit.search(&reader(), &query, 9, start()).await.unwrap();
    let reads = Query {
        act: Some(Act::AuditRead),
        ..Query::default()
    };
    let found = audit
        .search(&reader(), &reads, 9, start())
        .await
        .unwrap()
        .rows;
    assert_eq!(found.len(), 1, "a search does not find itself");
    let seen = &found[0];
    assert_eq!(seen.user.as_deref(), Some("admin"));
    assert_eq!(seen.about.as_deref(), Some("mara"));
    assert_eq!(seen.text.as_deref(), Some("looking into ticket 12"));
    // Looking for somebody who has no rows leaves no name behind.
    let query = Query {
        person: Some("nobody".to_owned()),
        ..Query::default()
    };
    audit.search(&reader(), &query, 9, start()).await.unwrap();
    assert_eq!(store.audit().subject("nobody").await.unwrap(), None);
}

#[tokio::test]
async fn an_export_holds_every_row_of_its_time_and_no_cell_is_a_formula() {
    let (_, audit) = days(5).await;
    let evil = question("=cmd|' /C calc'!A0", "+1, \"quoted\"\nand a line");
    audit.record(&[evil]).await.unwrap();
    let mut out = Vec::new();
    let query = Query {
        from: Some(at("2026-11-24T07:00:00Z")),
        ..Query::default()
    };
    let exported = audit
        .export(&reader(), &query, Format::Jsonl, &mut out, start())
        .await
        .unwrap();
    let lines: Vec<Value> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((exported.rows, lines.len()), (4, 4));
    assert_eq!(lines[0]["text"], "day 1");

    let mut out = Vec::new();
    audit
        .export(&reader(), &Query::default(), Format::Csv, &mut out, start())
        .await
        .unwrap();
    let mut reader = csv::Reader::from_reader(out.as_slice());
    let head = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5 + 1 + 1, "and the row of the export before");
    let cell = |row: &csv::StringRecord, name: &str| {
        let at = head.iter().position(|known| known == name).unwrap();
        row[at].to_owned()
    };
    assert_eq!(cell(&rows[5], "user"), "'=cmd|' /C calc'!A0");
    assert_eq!(cell(&rows[5], "text"), "'+1, \"quoted\"\nand a line");
    for row in &rows {
        assert!(
            row.iter()
                .all(|cell| !cell.starts_with(['=', '+', '-', '@']))
        );
    }
}

#[tokio::test]
async fn a_time_is_found_by_halving() {
    let (_, audit) = days(40).await;
    for day in [0, 1, 17, 39] {
        let then = start() + SignedDuration::from_hours(24 * day);
        assert_eq!(
            audit.border(then).await.unwrap(),
            u64::try_from(day).unwrap() + 1
        );
    }
    assert_eq!(
        audit
            .border(start() + SignedDuration::from_hours(24 * 99))
            .await
            .unwrap(),
        41
    );
}

fn user() -> Value {
    json!({
        "id": "mara", "name": "Mara Zabel-Muster", "email": "mara.zm@marker-mail.example",
        "slack": "U0MARKER77", "roles": ["finance"], "disabled": false,
    })
}

fn run_of(id: &str, recipients: Value) -> Value {
    json!({
        "id": id, "briefing": "finance-morning", "due": "2026-11-24T06:00:00Z", "expires": "2026-11-24T10:00:00Z",
        "audience": { "role": "finance", "language": "en", "zone": "UTC", "recipients": recipients },
        "state": { "state": "failed", "problem": { "code": "x", "what": "for Mara Zabel-Muster" } },
    })
}

/// What an instance has of somebody who has worked with it, and of somebody else.
async fn fill(store: &Store, audit: &Audit) {
    let own =
        json!({ "user": "mara", "to": { "kind": "email", "to": "mara.zm@marker-mail.example" } });
    let old = json!({ "user": "mara", "to": { "kind": "email", "to": "old-address@marker-mail.example" } });
    let other = json!({ "user": "jon", "to": { "kind": "slack", "to": "U0JON" } });
    let object = Stored {
        object: user(),
        file: Some("user/mara".to_owned()),
        since: start(),
    };
    store
        .objects()
        .put(Kind::User, "mara", &object)
        .await
        .unwrap();
    let schedule = json!({
        "id": "s", "briefing": "finance-morning", "when": "weekdays at 07:00", "zone": "UTC",
        "to": [{ "user": "mara", "via": ["email"] }, { "user": "jon", "via": ["slack"] }],
    });
    let object = Stored {
        object: schedule,
        file: None,
        since: start(),
    };
    store
        .objects()
        .put(Kind::Schedule, "s", &object)
        .await
        .unwrap();
    for (id, recipients) in [
        ("alone", json!([own, old])),
        ("shared", json!([own, other])),
    ] {
        let run = serde_json::from_value(run_of(id, recipients)).unwrap();
        assert!(store.runs().create(&run, start()).await.unwrap());
    }
    let delivery = |id: &str, target: &Value| {
        serde_json::from_value(json!({
            "id": id, "run": "shared", "user": target["user"], "to": target["to"], "attempts": 1,
            "state": { "state": "failed", "at": "2026-11-24T06:00:00Z", "why": "550 mara.zm@marker-mail.example" },
            "expires": "2026-11-24T10:00:00Z",
        }))
        .unwrap()
    };
    let deliveries = [delivery("d-marker-1", &own), delivery("d2", &other)];
    store.outbox().queue(&deliveries).await.unwrap();
    let (used, month) = (
        crate::store::Used {
            tokens_in: 7,
            calls: 1,
            ..Default::default()
        },
        "2026-11",
    );
    for user in ["mara", "jon"] {
        let row = crate::store::Row {
            of: crate::store::Of {
                user: Some(user.parse().unwrap()),
                role: "finance".parse().unwrap(),
                model: "m".parse().unwrap(),
                source: "web".to_owned(),
            },
            used: used.clone(),
        };
        let settled = crate::store::Settled {
            number: if user == "mara" { 1 } else { 2 },
            day: jiff::civil::date(2026, 11, 24),
            row,
        };
        let usage = store.usage();
        let day = settled.day;
        usage
            .change_day(day, |day| day.count([&settled]))
            .await
            .unwrap();
        usage
            .change_month(&mut None, month, |month: &mut crate::store::Month| {
                month.spent.insert(format!("user/{user}"), 7);
                (crate::store::Change::Write, ())
            })
            .await
            .unwrap();
        usage
            .change_minute(&mut None, 29_000_000, |minute| {
                minute.users.insert(user.to_owned(), 1);
                (crate::store::Change::Write, ())
            })
            .await
            .unwrap();
    }
    let mut careless = entry("email/d-marker-1");
    careless.why = "no mailbox mara.zm@marker-mail.example for `mara`".to_owned();
    audit
        .record(&[
            question("mara", "will the QUESTIONMARKER be late?"),
            question("jon", "what did Mara Zabel-Muster ask?"),
            Record::from(careless),
        ])
        .await
        .unwrap();
}

const MARKERS: [&str; 7] = [
    "Mara",
    "mara",
    "marker-mail",
    "U0MARKER77",
    "QUESTIONMARKER",
    "d-marker-1",
    "Zabel",
];

fn markers_in(bytes: &[u8]) -> Vec<&'static str> {
    let found = |marker: &&&str| {
        bytes
            .windows(marker.len())
            .any(|part| part == marker.as_bytes())
    };
    MARKERS.iter().filter(found).copied().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_erasing_no_byte_of_a_person_lies_in_the_stores_files_and_the_chain_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let settings = crate::settings::Store::default();
    let store = Store::open(&settings, None, folder.path()).await.unwrap();
    let audit = Audit::new(store.clone(), KEY);
    fill(&store, &audit).await;
    let files = || -> Vec<u8> {
        let files = ["daybrief.db", "daybrief.db-wal", "daybrief.db-shm"];
        let read = files.map(|name| std::fs::read(folder.path().join(name)).unwrap_or_default());
        read.concat()
    };
    assert_eq!(
        markers_in(&files()),
        MARKERS,
        "the test looks where they are"
    );
    assert_eq!(broken(&store).await, None);

    let reader = Reader::new(None, "cli", "Mara Zabel-Muster asked for it").unwrap();
    let erasure = audit.erase_person("mara", &reader, start()).await.unwrap();
    assert_eq!(markers_in(&files()), Vec::<&str>::new());
    assert!(erasure.scrubbed && erasure.trail.ok, "{erasure:?}");
    assert!(erasure.left.is_empty(), "{erasure:?}");
    let removed = &erasure.documents.removed;
    assert_eq!(
        (removed["objects"], removed["runs"], removed["outbox"]),
        (1, 1, 1)
    );
    assert_eq!(erasure.file.as_deref(), Some("user/mara"));
    assert_eq!(broken(&store).await, None);

    // What is not theirs is there as before.
    let run = store
        .runs()
        .get(&"shared".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(run.audience.recipients.len(), 1);
    assert!(
        store
            .runs()
            .get(&"alone".parse().unwrap())
            .await
            .unwrap()
            .is_none()
    );
    let deliveries = store.outbox().of_run(&run.id).await.unwrap();
    assert_eq!(deliveries.len(), 1);
    let month = store.usage().month("2026-11").await.unwrap();
    assert_eq!(
        month.spent.get(&format!("user/{}", erasure.handle)),
        Some(&7)
    );
    assert_eq!(month.spent.get("user/jon"), Some(&7));
    let today = jiff::civil::date(2026, 11, 24);
    let days = store.usage().days(today, today).await.unwrap();
    let users: Vec<String> = days[0]
        .1
        .rows
        .iter()
        .map(|row| row.of.user.as_ref().unwrap().to_string())
        .collect();
    assert!(
        users.contains(&erasure.handle) && users.contains(&"jon".to_owned()),
        "{users:?}"
    );

    // The rows are there too, about nobody.
    let look = self::reader();
    let found = audit
        .search(&look, &Query::default(), 99, start())
        .await
        .unwrap()
        .rows;
    let asked: Vec<_> = found
        .iter()
        .filter(|row| row.act == Act::Question)
        .collect();
    assert_eq!(asked[1].user.as_deref(), Some("erased-person"));
    assert_eq!(asked[1].text, None);
    assert_eq!(
        asked[0].text.as_deref(),
        Some("what did erased-person ask?")
    );
    let erased: Vec<_> = found
        .iter()
        .filter(|row| row.act == Act::DataErase)
        .collect();
    assert_eq!(erased.len(), 2);
    assert!(
        erased[0].detail.contains(&erasure.handle),
        "{}",
        erased[0].detail
    );
    assert_eq!(
        erased[1].text.as_deref(),
        Some("erased-person asked for it")
    );
    assert!(matches!(
        audit.erase_person("mara", &look, start()).await,
        Err(PersonError::Unknown(_))
    ));
}

#[tokio::test]
async fn erasing_that_was_broken_off_is_finished_by_the_next_time() {
    let mut finished = false;
    for writes in 0..60 {
        let store = Store::in_memory().await.unwrap();
        let audit = Audit::new(store.clone(), KEY);
        fill(&store, &audit).await;
        let dying = Audit::new(store.that_fails_after(writes), KEY);
        finished = dying.erase_person("mara", &reader(), start()).await.is_ok();
        assert_eq!(broken(&store).await, None, "{writes} writes");
        match audit.erase_person("mara", &reader(), start()).await {
            Ok(erasure) => assert!(erasure.left.is_empty(), "{writes}: {erasure:?}"),
            // Only where nothing was left to be done.
            Err(error) => assert!(matches!(error, PersonError::Unknown(_)), "{error}"),
        }
        assert_eq!(broken(&store).await, None, "{writes} writes");
        let identity = store.person().identity("mara").await.unwrap();
        assert!(store.person().left(&identity).await.unwrap().is_empty());
        assert!(store.person().object("mara").await.unwrap().is_none());
        if finished {
            break;
        }
    }
    assert!(finished);
}

#[tokio::test]
async fn who_was_erased_elsewhere_is_another_person_to_a_trail_that_knew_them() {
    let store = Store::in_memory().await.unwrap();
    let (daemon, command) = (
        Audit::new(store.clone(), KEY),
        Audit::new(store.clone(), KEY),
    );
    let before = daemon.record(&[question("mara", "one")]).await.unwrap()[0];
    let handle = store.audit().subject("mara").await.unwrap().unwrap().handle;
    let erasure = command.erase_person("mara", &reader(), start()).await;
    assert_eq!(erasure.unwrap().handle, handle);
    assert!(store.audit().subject("mara").await.unwrap().is_none());
    let asked = [question("mara", "two"), question("jonas", "three")];
    let after = daemon.record(&asked).await.unwrap()[0];
    let rows = store.audit().from(1, 100).await.unwrap();
    let user = |number: u64| {
        let row = rows.iter().find(|row| row.number == number).unwrap();
        row.entry["user"].as_str().unwrap().to_owned()
    };
    let now = store.audit().subject("mara").await.unwrap().unwrap().handle;
    assert_eq!((user(before), user(after)), (handle.clone(), now.clone()));
    assert_ne!(now, handle);
    assert!(broken(&store).await.is_none());
    // And an erasure asked of who knew them before finds who they are now.
    command.record(&[question("mara", "four")]).await.unwrap();
    daemon
        .erase_person("mara", &reader(), start())
        .await
        .unwrap();
    command.record(&[question("mara", "five")]).await.unwrap();
    let third = command.erase_person("mara", &reader(), start()).await;
    assert!(![handle, now].contains(&third.unwrap().handle));
}

#[tokio::test]
async fn erasing_makes_no_forged_row_or_text_whole() {
    let store = Store::in_memory().await.unwrap();
    let audit = Audit::new(store.clone(), KEY);
    fill(&store, &audit).await;
    forge_row(&store, 3, |row| row["entry"]["outcome"] = "done".into()).await;
    audit
        .erase_person("mara", &reader(), start())
        .await
        .unwrap();
    assert_eq!(broken(&store).await, Some((3, Broken::Changed)));

    let store = Store::in_memory().await.unwrap();
    let audit = Audit::new(store.clone(), KEY);
    fill(&store, &audit).await;
    let texts = store.audit().texts(2, 2).await.unwrap();
    let (id, mut text) = texts.into_iter().next().unwrap();
    text.text = Some("what did Mara Zabel-Muster forge?".to_owned());
    let forged = serde_json::to_string(&text).unwrap();
    forge(&store, Collection::AuditTexts, &id, &forged).await;
    audit
        .erase_person("mara", &reader(), start())
        .await
        .unwrap();
    assert_eq!(broken(&store).await, Some((2, Broken::TextChanged)));
}

#[tokio::test]
async fn a_text_that_is_removed_without_the_key_is_missed() {
    let (store, _) = trail(2).await;
    let texts = store.audit().texts(1, 9).await.unwrap();
    let (id, text) = texts.into_iter().next().unwrap();
    let key = Collection::AuditTexts;
    let good = body(&store, key, &id).await;
    // As if it had been erased.
    let stranger = Key([8; 32]);
    let forged = AuditText {
        salt: None,
        text: None,
        changed: Some(stranger.changed_text(&id, None)),
        ..text
    };
    forge(&store, key, &id, &serde_json::to_string(&forged).unwrap()).await;
    assert_eq!(broken(&store).await, Some((3, Broken::TextChanged)));
    forge(&store, key, &id, &good).await;
    store.driver().delete(key, &id).await.unwrap();
    assert_eq!(broken(&store).await, Some((3, Broken::TextMissing)));
}

#[tokio::test]
async fn a_person_is_shown_all_that_is_theirs_and_nothing_of_others() {
    let store = Store::in_memory().await.unwrap();
    let audit = Audit::new(store.clone(), KEY);
    fill(&store, &audit).await;
    let mut change = Entry::new(start(), Act::ObjectChange, "cli", "user");
    change.user = Some("jon".to_owned());
    let change = Record::from(change).about("mara");
    audit.record(&[change]).await.unwrap();
    let mut shown: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    audit
        .show_person(
            "mara",
            &reader(),
            |kind, value| {
                shown.entry(kind).or_default().push(value.to_string());
                Ok(())
            },
            start(),
        )
        .await
        .unwrap();
    let counts: Vec<(&str, usize)> = shown.iter().map(|(kind, all)| (*kind, all.len())).collect();
    assert_eq!(
        counts,
        [
            ("audit", 3),
            ("objects", 2),
            ("outbox", 1),
            ("runs", 2),
            ("usage", 2)
        ]
    );
    let all = format!("{shown:?}");
    assert!(all.contains("QUESTIONMARKER") && all.contains("U0MARKER77"));
    assert!(!all.contains("jon") && !all.contains("U0JON"), "{all}");
    assert!(matches!(
        audit
            .show_person("nobody", &reader(), |_, _| Ok(()), start())
            .await,
        Err(PersonError::Unknown(_))
    ));
}

#[tokio::test]
async fn how_a_call_ended_is_a_row_that_names_the_call_and_holds_size_and_hash() {
    use crate::access::{Access, Clearance, Ended, Principal, Wanted};
    let (store, audit) = trail(1).await;
    let access = Access::new(audit.clone(), store.clone());
    let role =
        toml::from_str("id = 'r'\ntitle = 'R'\n[[grants]]\nconnector = 'jira'\ntools = ['*']");
    let role: crate::domain::people::Role = role.unwrap();
    let connector = toml::from_str(
        "id = 'jira'\ntitle = 'Jira'\ncommand = ['jira']\n[tools]\n'jira_*' = 'read'",
    )
    .unwrap();
    let principal = Principal::nobody(role.id.clone(), crate::access::Surface::Schedule);
    let wanted = ["jira_search", "jira_get"].map(|tool| Wanted {
        connector: &connector,
        tool,
        args: Map::new(),
    });
    let permits = access
        .permits(
            &principal,
            &role,
            Clearance::Alone,
            wanted.to_vec(),
            start(),
        )
        .await
        .unwrap();
    let rows: Vec<u64> = permits
        .iter()
        .map(|permit| permit.as_ref().unwrap().row())
        .collect();
    assert_eq!(rows, [2, 3]);
    let ended = |row, tool: &str, result| Ended {
        row,
        on: format!("jira/{tool}"),
        at: start(),
        result,
    };
    let facts = ResultFacts::of(b"{\"salary\":1}", Duration::from_millis(3));
    let calls = vec![
        ended(3, "jira_get", Err("did not answer in time")),
        ended(2, "jira_search", Ok(facts.clone())),
    ];
    access.ended(&principal, calls).await.unwrap();
    let source = Query {
        source: Some("jira".to_owned()),
        ..Query::default()
    };
    let found = audit
        .search(&reader(), &source, 2, start())
        .await
        .unwrap()
        .rows;
    assert_eq!(
        (found[0].answers, found[0].outcome),
        (Some(2), Outcome::Done)
    );
    assert_eq!(found[0].result, Some(facts));
    assert_eq!(
        (found[1].answers, found[1].outcome),
        (Some(3), Outcome::Failed)
    );
    assert_eq!(found[1].why, "did not answer in time");
    let all = format!("{:?}", store.audit().from(1, 99).await.unwrap());
    assert!(!all.contains("salary"));
}
