//! What is counted in the end, whatever breaks off on the way.

use super::*;

#[tokio::test]
async fn a_call_whose_end_nobody_saw_counts_whole_and_a_late_word_changes_nothing() {
    let limits = limits("").await;
    let (role, user) = (role("monthly_tokens = 1_000"), user("mara", ""));
    let spender = question(&role, &user);
    let lost = limits
        .reserve(&spender, &model(), 600, now())
        .await
        .unwrap();
    let lost = lost.id().to_owned();
    let later = at("2026-11-24T07:00:00Z");
    assert_eq!(
        used(&limits, later).await.tokens_in,
        600,
        "whoever looks sees it before it is written"
    );
    assert!(matches!(
        limits.reserve(&spender, &model(), 500, later).await,
        Err(OverBudget::Tokens { left: 400, .. })
    ));
    let held = limits
        .reserve(&spender, &model(), 400, later)
        .await
        .unwrap();
    limits.settle(&lost, 1, 1).await.unwrap();
    assert_eq!(taken(&limits).await["role/vp"], 1_000);
    limits.settle(held.id(), 10, 5).await.unwrap();
    limits.settle(held.id(), 10, 5).await.unwrap();
    assert_eq!(taken(&limits).await["role/vp"], 615);
    let used = used(&limits, later).await;
    assert_eq!((used.tokens_in, used.tokens_out, used.calls), (610, 5, 2));
}

#[tokio::test]
async fn a_power_cut_after_any_write_leaves_no_half_taken_budget_and_counts_each_call_once() {
    let (role, user) = (role(""), user("mara", ""));
    let spender = question(&role, &user);
    // 40 calls of 10 tokens, of which 7 are used. With the 65th and 66th write their settlements move into their day.
    for writes in (0..7).chain(61..71).chain([100]) {
        let store = Store::in_memory().await.unwrap();
        let faulty = Limits::new(
            store.that_fails_after(writes),
            TimeZone::UTC,
            &Settings::default(),
        );
        let (mut reserved, mut settled) = (0, 0);
        for _ in 0..40 {
            let Ok(reservation) = faulty.reserve(&spender, &model(), 10, now()).await else {
                break;
            };
            reserved += 1;
            if faulty.settle(reservation.id(), 5, 2).await.is_ok() {
                settled += 1;
            }
        }
        let limits = Limits::new(store, TimeZone::UTC, &Settings::default());
        let expected = settled * 7 + (reserved - settled) * 10;
        for (key, taken) in taken(&limits).await {
            assert_eq!(taken, expected, "{key} after {writes} writes");
        }
        let later = at("2026-11-24T09:00:00Z");
        // What the crash left is moved on with what comes next.
        for _ in 0..40 {
            let next = limits.reserve(&spender, &model(), 10, later).await.unwrap();
            limits.settle(next.id(), 5, 2).await.unwrap();
        }
        let used = used(&limits, later).await;
        assert_eq!(
            used.tokens_in + used.tokens_out,
            expected + 40 * 7,
            "{writes} writes"
        );
        assert_eq!(used.calls, reserved + 40, "{writes} writes");
        let month = limits.store.usage().month("2026-11").await.unwrap();
        assert!(month.settled.len() < SETTLED_AT_ONCE);
    }
}

#[tokio::test]
async fn a_node_that_brings_what_is_counted_already_counts_nothing() {
    let limits = limits("").await;
    let (role, user) = (role(""), user("mara", ""));
    let mut stale = Vec::new();
    for n in 0..40 {
        let held = limits
            .reserve(&question(&role, &user), &model(), 10, now())
            .await
            .unwrap();
        limits.settle(held.id(), 1, 0).await.unwrap();
        if n == 20 {
            stale = limits.store.usage().month("2026-11").await.unwrap().settled;
        }
    }
    assert_eq!(stale.len(), 21);
    limits.write_days("2026-11", &stale).await.unwrap();
    assert_eq!(used(&limits, now()).await.calls, 40);
}

#[tokio::test]
async fn the_month_and_its_days_do_not_grow_with_the_calls() {
    let limits = limits("").await;
    let (role, user) = (role(""), user("mara", ""));
    let mut sizes = Vec::new();
    for n in 1..=320 {
        let held = limits
            .reserve(&question(&role, &user), &model(), 10, now())
            .await
            .unwrap();
        limits.settle(held.id(), 1, 0).await.unwrap();
        if n % 64 == 0 {
            // Whoever moves settlements into their days is through.
            drop(limits.days.lock().await);
            let month = limits.store.usage().month("2026-11").await.unwrap();
            let days = limits
                .store
                .usage()
                .days(date(2026, 11, 24), date(2026, 11, 24))
                .await
                .unwrap();
            assert_eq!(days[0].1.rows.len(), 1);
            assert!(month.settled.len() < 2 * SETTLED_AT_ONCE, "{month:?}");
            sizes.push((month.reserved.len(), month.spent.len()));
        }
    }
    assert_eq!(sizes, vec![(0, 4); 5]);
    assert_eq!(used(&limits, now()).await.calls, 320);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_is_given_up_holds_nobody_up() {
    let limits = limits("").await;
    let (role, user) = (Arc::new(role("")), Arc::new(user("mara", "")));
    let mut calls = Vec::new();
    for n in 0..200 {
        let (limits, role, user) = (limits.clone(), role.clone(), user.clone());
        let call = tokio::spawn(async move {
            limits
                .reserve(&question(&role, &user), &model(), 10, now())
                .await
                .is_ok()
        });
        if n % 2 == 0 {
            tokio::task::yield_now().await;
            call.abort();
        }
        calls.push(call);
    }
    let done = tokio::time::timeout(
        std::time::Duration::from_secs(20),
        futures_util::future::join_all(calls),
    )
    .await
    .unwrap();
    let held = done.iter().filter(|call| matches!(call, Ok(true))).count() as u64;
    assert!(held >= 100);
    let taken = taken(&limits).await["company"];
    assert!((held * 10..=2_000).contains(&taken), "{taken}");
}

/// One thing that happens to a month.
#[derive(Debug, Clone)]
enum Event {
    Reserve {
        user: bool,
        tokens: u64,
    },
    /// Of the open reservation at this place, this part of its tokens.
    Settle {
        place: usize,
        percent: u64,
    },
    Wait {
        minutes: i64,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (any::<bool>(), 0_u64..400).prop_map(|(user, tokens)| Event::Reserve { user, tokens }),
        (any::<usize>(), 0_u64..=100).prop_map(|(place, percent)| Event::Settle { place, percent }),
        (0_i64..40).prop_map(|minutes| Event::Wait { minutes }),
    ]
}

proptest! {
    #[test]
    fn no_more_is_taken_than_there_is_and_what_is_spent_is_what_was_settled(
        events in proptest::collection::vec(event(), 0..60),
    ) {
        let rules = Rules::of(&settings(PRICED));
        let (role, mara) = (role("monthly_tokens = 1_500"), user("mara", "monthly_tokens = 700"));
        let (of_role, of_mara) = (Budget::Role(role.id.clone()), Budget::User(mara.id.clone()));
        let mut books = Books::default();
        let mut open: Vec<(String, u64, Timestamp)> = Vec::new();
        let (mut clock, mut spent, mut calls) = (now(), 0, 0);
        for (n, event) in events.into_iter().enumerate() {
            match event {
                Event::Wait { minutes } => {
                    clock = clock.checked_add(SignedDuration::from_mins(minutes)).unwrap();
                    books.expire(clock);
                    open.retain(|(_, tokens, until)| {
                        if *until <= clock {
                            spent += tokens;
                            calls += 1;
                        }
                        *until > clock
                    });
                }
                Event::Settle { place, percent } => {
                    if !open.is_empty() {
                        let (id, tokens, _) = open.remove(place % open.len());
                        let used = tokens * percent / 100;
                        books.settle(&id, used, 0, |_| None);
                        books.settle(&id, used, 0, |_| None);
                        spent += used;
                        calls += 1;
                    }
                }
                Event::Reserve { user, tokens } => {
                    let spender = Spender {
                        role: &role,
                        user: user.then_some(&mara),
                        source: Source::Question { surface: Surface::CommandLine },
                    };
                    let until = clock.checked_add(RESERVATION_ENDS).unwrap();
                    let wanted = Wanted {
                        id: n.to_string(),
                        of: Of {
                            user: user.then(|| mara.id.clone()),
                            role: role.id.clone(),
                            model: model(),
                            source: "cli".to_owned(),
                        },
                        day: date(2026, 11, 24),
                        tokens,
                        bounds: rules.tokens(&spender),
                        cost: None,
                        warn_at_percent: 80,
                        now: clock,
                        until,
                        again: clock,
                    };
                    let before = books.taken(&of_role);
                    match books.reserve(&wanted) {
                        Ok(_) => {
                            let twice = books.reserve(&wanted);
                            prop_assert!(twice.is_ok());
                            open.push((n.to_string(), tokens, until));
                        }
                        Err(_) => prop_assert_eq!(books.taken(&of_role), before),
                    }
                }
            }
            let held: u64 = open.iter().map(|(_, tokens, _)| tokens).sum();
            prop_assert_eq!(books.taken(&of_role), spent + held);
            prop_assert!(books.taken(&of_role) <= 1_500);
            prop_assert!(books.taken(&of_mara) <= 700);
            // What is kept, read again, is the same.
            let text = serde_json::to_string(&books).unwrap();
            let read: Books = serde_json::from_str(&text).unwrap();
            let month = books.month();
            prop_assert_eq!(read.month(), month);
            prop_assert_eq!(read.taken(&of_role), spent + held);
            prop_assert_eq!(read.taken(&of_mara), books.taken(&of_mara));
            let counted: u64 = month.settled.iter().map(|settled| settled.row.used.tokens_in).sum();
            prop_assert_eq!(counted, spent);
            prop_assert_eq!(month.settled.len(), calls);
        }
    }
}
