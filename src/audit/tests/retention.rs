//! Rows that are past their time.

use super::*;

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
