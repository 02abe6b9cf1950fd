//! A trail that somebody or something broke is told to be broken, and where.

use super::*;

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
