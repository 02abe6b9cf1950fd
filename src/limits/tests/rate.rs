//! Questions by the minute.

use super::*;

#[tokio::test]
async fn questions_are_counted_by_user_and_minute_over_all_nodes() {
    let store = Store::in_memory().await.unwrap();
    let rules = settings("[limits]\nquestions_per_minute = 2\ncompany_questions_per_minute = 3");
    let nodes = [0, 1].map(|_| Limits::new(store.clone(), TimeZone::UTC, &rules));
    let (plain, mara, jonas) = (role(""), user("mara", ""), user("jonas", ""));
    let at_once = at("2026-11-24T06:00:30.5Z");
    for node in &nodes {
        node.admit_question(&mara, &plain, at_once).await.unwrap();
    }
    let refused = nodes[0]
        .admit_question(&mara, &plain, at_once)
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        RateLimited::TooMany {
            share: Share::User,
            cap: 2,
            retry_after: SignedDuration::from_secs(30)
        }
    );
    assert_eq!(
        refused.to_string(),
        "one person may ask 2 questions a minute; ask again in 30 s"
    );
    nodes[1]
        .admit_question(&jonas, &plain, at_once)
        .await
        .unwrap();
    assert!(matches!(
        nodes[0].admit_question(&jonas, &plain, at_once).await,
        Err(RateLimited::TooMany {
            share: Share::Company,
            cap: 3,
            ..
        })
    ));
    let again = at_once.checked_add(SignedDuration::from_secs(30)).unwrap();
    nodes[0].admit_question(&mara, &plain, again).await.unwrap();
    let none = role("questions_per_minute = 0");
    assert!(nodes[0].admit_question(&jonas, &none, again).await.is_err());
    store
        .expire(at("2026-11-24T06:10:00Z"))
        .await
        .map(|gone| assert_eq!(gone, 2, "minutes leave nothing behind"))
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_questions_at_once_as_many_are_taken_as_may_be() {
    let limits = limits("[limits]\nquestions_per_minute = 7").await;
    let (role, user) = (Arc::new(role("")), Arc::new(user("mara", "")));
    let asked = (0..100).map(|_| {
        let (limits, role, user) = (limits.clone(), role.clone(), user.clone());
        tokio::spawn(async move { limits.admit_question(&user, &role, now()).await.is_ok() })
    });
    let taken = futures_util::future::join_all(asked)
        .await
        .into_iter()
        .filter(|taken| *taken.as_ref().unwrap())
        .count();
    assert_eq!(taken, 7);
}
