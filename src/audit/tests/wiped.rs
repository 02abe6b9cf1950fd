//! A trail that was removed as a whole is told to be missing; one that was never begun is whole.

use super::*;

const TRAIL: [Collection; 4] = [
    Collection::Audit,
    Collection::AuditTexts,
    Collection::AuditMarks,
    Collection::AuditSubjects,
];

/// A trail as an instance has it.
fn instance(store: &Store) -> Audit {
    Audit::new(store.clone(), KEY).coming_first()
}

async fn look(store: &Store) -> Option<(u64, Broken)> {
    let verified = instance(store).verify().await.unwrap();
    assert_eq!(verified.ok, verified.first_bad.is_none());
    Some((verified.first_bad?, verified.what?))
}

async fn wipe(store: &Store, collections: &[Collection]) {
    for c in collections {
        for document in store.driver().scan(*c, None, 1_000).await.unwrap() {
            store.driver().delete(*c, &document.key).await.unwrap();
        }
    }
}

async fn apply(store: &Store) {
    let object = Stored {
        object: user(),
        file: None,
        since: start(),
    };
    let objects = store.objects();
    objects.put(Kind::User, "mara", &object).await.unwrap();
}

async fn put(store: &Store, c: Collection, key: &str) {
    let content = Content {
        body: "{}".to_owned(),
        ..Content::default()
    };
    assert!(store.driver().insert(c, key, &content).await.unwrap());
}

#[tokio::test]
async fn a_store_to_which_nothing_was_applied_has_a_whole_trail_and_begins_one() {
    let store = Store::in_memory().await.unwrap();
    // What opening it writes, and what may be accepted before anything is applied.
    put(&store, Collection::Secrets, ".root").await;
    put(&store, Collection::Pins, "jira/search").await;
    assert_eq!(look(&store).await, None);
    let audit = instance(&store);
    assert_eq!(audit.write(&[entry("x")]).await.unwrap(), [1]);
    apply(&store).await;
    assert_eq!(audit.write(&[entry("y")]).await.unwrap(), [2]);
    assert_eq!(look(&store).await, None);
    assert_eq!(instance(&store).write(&[entry("z")]).await.unwrap(), [3]);
    assert_eq!(look(&store).await, None);
}

#[tokio::test]
async fn a_trail_that_was_wiped_is_missed_and_stays_missed() {
    let store = Store::in_memory().await.unwrap();
    instance(&store)
        .record(&[question("mara", "why?"), Record::from(entry("x"))])
        .await
        .unwrap();
    apply(&store).await;
    assert_eq!(look(&store).await, None);
    wipe(&store, &TRAIL).await;
    assert_eq!(look(&store).await, Some((1, Broken::TrailMissing)));
    // The daemon goes on, and the hole stays.
    let audit = instance(&store);
    assert_eq!(audit.write(&[entry("later")]).await.unwrap(), [2]);
    audit.write(&[entry("later")]).await.unwrap();
    assert_eq!(look(&store).await, Some((1, Broken::BeginningMissing)));
}

#[tokio::test]
async fn whatever_comes_after_a_row_says_that_there_was_a_trail() {
    for c in Collection::ALL {
        let store = Store::in_memory().await.unwrap();
        put(&store, c, "x").await;
        let says_nothing = TRAIL.contains(&c) || c == Collection::Pins;
        assert_eq!(store.audit().has_effects().await.unwrap(), !says_nothing);
    }
}

#[tokio::test]
async fn a_trail_cut_off_behind_its_first_batch_is_missed_without_its_mark() {
    let store = Store::in_memory().await.unwrap();
    let audit = instance(&store);
    audit.write(&[entry("a"), entry("b")]).await.unwrap();
    apply(&store).await;
    audit.write(&[entry("c")]).await.unwrap();
    drop_row(&store, 3).await;
    let marks = Collection::AuditMarks;
    assert!(store.driver().delete(marks, "head").await.unwrap());
    assert_eq!(look(&store).await, Some((2, Broken::HeadMissing)));
    let audit = instance(&store);
    assert_eq!(audit.write(&[entry("later")]).await.unwrap(), [4]);
    assert_eq!(look(&store).await, Some((3, Broken::Missing)));
}

#[tokio::test]
async fn a_store_that_was_only_looked_at_begins_with_a_whole_trail() {
    let store = Store::in_memory().await.unwrap();
    store.ping().await.unwrap();
    instance(&store).write(&[entry("a")]).await.unwrap();
    assert_eq!(look(&store).await, None);
}

#[tokio::test]
async fn a_crash_within_the_first_batch_of_an_instance_leaves_a_trail_that_verifies() {
    for writes in 0..=5 {
        let store = Store::in_memory().await.unwrap();
        let dying = Audit::new(store.that_fails_after(writes), KEY).coming_first();
        let records = [question("jon", "how many?"), Record::from(entry("x"))];
        let survived = dying.record(&records).await.is_ok();
        assert_eq!(survived, writes == 5, "{writes}");
        assert_eq!(look(&store).await, None, "{writes}");
        instance(&store).write(&[entry("y")]).await.unwrap();
        apply(&store).await;
        assert_eq!(look(&store).await, None, "{writes}");
    }
}
