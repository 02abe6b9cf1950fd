//! What is shown of a person, and what is left of one who was erased.

use super::*;

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
    let handle = handle_of(&store, "mara").await;
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
    let now = handle_of(&store, "mara").await;
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
