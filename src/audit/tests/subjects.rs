//! Who stands behind a handle cannot be changed, added or removed unseen.

use super::*;
use crate::store::AuditHead;

const PEOPLE: Collection = Collection::AuditSubjects;

async fn shown(store: &Store) -> Vec<Option<String>> {
    let audit = Audit::new(store.clone(), KEY);
    let query = Query {
        act: Some(Act::Question),
        ..Query::default()
    };
    let page = audit.search(&reader(), &query, 99, start()).await.unwrap();
    page.rows.into_iter().rev().map(|row| row.user).collect()
}

fn some(users: &[&str]) -> Vec<Option<String>> {
    users.iter().map(|user| Some((*user).to_owned())).collect()
}

/// Rows: of nobody, of bob, of eva, of bob.
async fn asked() -> Store {
    let store = Store::in_memory().await.unwrap();
    let audit = Audit::new(store.clone(), KEY);
    audit.write(&[entry("x")]).await.unwrap();
    for user in ["bob", "eva", "bob"] {
        audit.record(&[question(user, "why?")]).await.unwrap();
    }
    store
}

/// The store as a version before seals would have left it.
async fn unseal(store: &Store) {
    let (people, _) = store.audit().scan_subjects(None).await.unwrap();
    for found in people {
        let subject = Subject {
            seal: None,
            ..found.kept.unwrap()
        };
        let body = serde_json::to_string(&subject).unwrap();
        forge(store, PEOPLE, &subject.user, &body).await;
    }
    let head = store.audit().head().await.unwrap().unwrap();
    let seal = Key(KEY).sum("head", &[&head.number.to_be_bytes(), head.hash.as_bytes()]);
    let body = serde_json::to_string(&AuditHead { seal, ..head }).unwrap();
    forge(store, Collection::AuditMarks, "head", &body).await;
}

#[tokio::test]
async fn another_person_put_behind_a_handle_is_found_and_not_shown() {
    let store = asked().await;
    assert_eq!(broken(&store).await, None);
    assert_eq!(shown(&store).await, some(&["bob", "eva", "bob"]));
    let good = body(&store, PEOPLE, "bob").await;
    let handle = handle_of(&store, "bob").await;
    let eva = body(&store, PEOPLE, "eva").await;
    let subject: Subject = serde_json::from_str(&good).unwrap();
    let stranger = Key([8; 32]).subject("bob", &handle);
    let stripped = Subject {
        seal: None,
        ..subject.clone()
    };
    let other = Subject {
        seal: Some(stranger),
        ..subject
    };
    for forged in [
        good.replace("\"bob\"", "\"eva\""),
        serde_json::to_string(&stripped).unwrap(),
        serde_json::to_string(&other).unwrap(),
        "?".to_owned(),
        eva,
    ] {
        forge(&store, PEOPLE, "bob", &forged).await;
        let found = broken(&store).await;
        assert_eq!(found, Some((2, Broken::PersonForged)), "{forged}");
        let expected = some(&["forged-person", "eva", "forged-person"]);
        assert_eq!(shown(&store).await, expected, "{forged}");
        // Nor are any rows given as those of whom it names.
        let audit = Audit::new(store.clone(), KEY);
        let query = Query {
            person: Some("bob".to_owned()),
            ..Query::default()
        };
        let found = audit.search(&reader(), &query, 99, start()).await;
        assert!(matches!(found, Err(AuditError::Forged(who)) if who == "bob"));
        let found = audit
            .show_person("bob", &reader(), |_, _| Ok(()), start())
            .await;
        assert!(matches!(found, Err(PersonError::Forged(_))));
        forge(&store, PEOPLE, "bob", &good).await;
        assert_eq!(broken(&store).await, None);
    }
}

#[tokio::test]
async fn every_flipped_bit_of_who_stands_behind_a_handle_is_found() {
    let store = asked().await;
    let good = body(&store, PEOPLE, "bob").await;
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] ^= 1 << (at % 7);
        let Ok(flipped) = String::from_utf8(bytes) else {
            continue;
        };
        forge(&store, PEOPLE, "bob", &flipped).await;
        assert!(broken(&store).await.is_some(), "{flipped}");
    }
}

#[tokio::test]
async fn a_person_removed_moved_or_added_without_the_key_is_found() {
    let store = asked().await;
    let handle = handle_of(&store, "bob").await;
    let good = Content {
        body: body(&store, PEOPLE, "bob").await,
        group: Some(handle.clone()),
        ..Content::default()
    };
    let driver = store.driver();
    driver.delete(PEOPLE, "bob").await.unwrap();
    assert_eq!(broken(&store).await, Some((2, Broken::PersonMissing)));
    // Where nobody looks who asks for the handle.
    let moved = Content {
        group: Some("p-elsewhere".to_owned()),
        ..good.clone()
    };
    driver.insert(PEOPLE, "bob", &moved).await.unwrap();
    assert_eq!(broken(&store).await, Some((2, Broken::PersonMissing)));
    driver.delete(PEOPLE, "bob").await.unwrap();
    driver.insert(PEOPLE, "bob", &good).await.unwrap();
    assert_eq!(broken(&store).await, None);
    // Another beside them.
    let forged = Content {
        body: good.body.replace("\"bob\"", "\"abe\""),
        ..good.clone()
    };
    driver.insert(PEOPLE, "abe", &forged).await.unwrap();
    assert_eq!(broken(&store).await, Some((2, Broken::PersonForged)));
    assert_eq!(shown(&store).await, some(&["bob", "eva", "bob"]));
}

#[tokio::test]
async fn who_was_forged_or_removed_acts_under_a_new_handle_and_stays_missed() {
    for removed in [false, true] {
        let store = asked().await;
        let old = handle_of(&store, "bob").await;
        let daemon = Audit::new(store.clone(), KEY);
        daemon.record(&[question("bob", "first")]).await.unwrap();
        if removed {
            store.driver().delete(PEOPLE, "bob").await.unwrap();
        } else {
            // Bob's further acts would be Eva's.
            let theirs = handle_of(&store, "eva").await;
            let forged = body(&store, PEOPLE, "bob").await.replace(&old, &theirs);
            forge(&store, PEOPLE, "bob", &forged).await;
        }
        let [row] = daemon.record(&[question("bob", "then")]).await.unwrap()[..] else {
            panic!("one row");
        };
        let now = handle_of(&store, "bob").await;
        let rows = store.audit().from(row, 1).await.unwrap();
        assert_eq!(rows[0].entry["user"], now.as_str());
        assert!(now != old && now != handle_of(&store, "eva").await);
        assert_eq!(broken(&store).await, Some((2, Broken::PersonMissing)));
    }
}

#[tokio::test]
async fn who_was_erased_is_not_missed_and_another_cannot_take_their_place() {
    let store = asked().await;
    let handle = handle_of(&store, "bob").await;
    let forged = Content {
        body: body(&store, PEOPLE, "eva").await,
        group: Some(handle),
        ..Content::default()
    };
    let audit = Audit::new(store.clone(), KEY);
    audit.erase_person("bob", &reader(), start()).await.unwrap();
    assert_eq!(broken(&store).await, None);
    let erased = some(&["erased-person", "eva", "erased-person"]);
    assert_eq!(shown(&store).await, erased);
    store.driver().delete(PEOPLE, "eva").await.unwrap();
    store.driver().insert(PEOPLE, "eva", &forged).await.unwrap();
    assert_eq!(broken(&store).await, Some((2, Broken::PersonForged)));
}

#[tokio::test]
async fn who_is_erased_while_a_trail_is_verified_is_not_missed() {
    let store = asked().await;
    let audit = Audit::new(store.clone(), KEY);
    let (walk, all_sealed) = audit.verify_chain().await.unwrap().unwrap();
    audit.erase_person("bob", &reader(), start()).await.unwrap();
    let verified = audit.verify_people(walk, all_sealed).await.unwrap();
    assert!(verified.ok, "{verified:?}");
}

#[tokio::test]
async fn a_trail_from_before_seals_is_whole_and_sealed_by_its_next_row() {
    let store = asked().await;
    unseal(&store).await;
    let good = body(&store, PEOPLE, "bob").await;
    let handles = [
        handle_of(&store, "bob").await,
        handle_of(&store, "eva").await,
    ];
    let audit = Audit::new(store.clone(), KEY);
    let verified = audit.verify().await.unwrap();
    assert_eq!((verified.ok, verified.unsealed), (true, 2));
    // Whoever reads sees it as before: that they read is the next row.
    assert_eq!(shown(&store).await, some(&["bob", "eva", "bob"]));
    let verified = audit.verify().await.unwrap();
    assert_eq!((verified.ok, verified.unsealed), (true, 0));
    assert_eq!(
        [
            handle_of(&store, "bob").await,
            handle_of(&store, "eva").await
        ],
        handles
    );
    // From then on nobody may be without a seal.
    forge(&store, PEOPLE, "bob", &good).await;
    assert_eq!(broken(&store).await, Some((2, Broken::PersonForged)));
    let other = good.replace("\"bob\"", "\"eva\"");
    forge(&store, PEOPLE, "bob", &other).await;
    assert_eq!(broken(&store).await, Some((2, Broken::PersonForged)));
}

#[tokio::test]
async fn a_crash_while_a_trail_is_sealed_leaves_one_that_verifies_and_goes_on() {
    for writes in 0..8 {
        let store = asked().await;
        unseal(&store).await;
        let dying = Audit::new(store.that_fails_after(writes), KEY);
        let survived = dying.record(&[question("bob", "again")]).await.is_ok();
        // Two seals, a text, a row, the head.
        assert_eq!(survived, writes >= 5, "{writes}");
        assert_eq!(broken(&store).await, None, "{writes}");
        let audit = Audit::new(store.clone(), KEY);
        audit.record(&[question("eva", "again")]).await.unwrap();
        let verified = audit.verify().await.unwrap();
        assert_eq!((verified.ok, verified.unsealed), (true, 0), "{writes}");
    }
}

#[tokio::test]
async fn somebody_from_before_seals_is_erased_by_the_handle_that_they_had() {
    let store = asked().await;
    unseal(&store).await;
    let handle = handle_of(&store, "bob").await;
    let audit = Audit::new(store.clone(), KEY);
    let erasure = audit.erase_person("bob", &reader(), start()).await.unwrap();
    assert_eq!((erasure.handle, erasure.texts_erased), (handle, 2));
    assert!(erasure.trail.ok);
    assert_eq!(broken(&store).await, None);
}

#[tokio::test]
async fn rows_of_whom_retention_has_removed_are_not_asked_for() {
    let (store, audit) = days(4).await;
    audit.record(&[question("jon", "x")]).await.unwrap();
    audit
        .erase_person("mara", &reader(), start() + SignedDuration::from_hours(96))
        .await
        .unwrap();
    let cut = start() + SignedDuration::from_hours(90);
    audit.expire(cut, "test", cut).await.unwrap();
    assert_eq!(broken(&store).await, None);
}
