//! Budgets over real stores: many at once, several nodes, crashes after every write.

use std::sync::Arc;

use jiff::civil::date;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::{
    ids::UserId,
    money::Currency,
    settings::{Store as StoreSettings, StoreKind},
    store::Used,
    testing::peer,
};

const NOW: &str = "2026-11-24T06:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at(NOW)
}

fn role(text: &str) -> Role {
    toml::from_str(&format!("id = 'vp'\ntitle = 'VP'\n{text}")).unwrap()
}

fn user(id: &str, text: &str) -> User {
    toml::from_str(&format!(
        "id = '{id}'\nname = 'Someone'\nroles = ['vp']\n{text}"
    ))
    .unwrap()
}

fn model() -> ModelId {
    ModelId::new("m").unwrap()
}

fn settings(limits: &str) -> Settings {
    toml::from_str(limits).unwrap()
}

fn question<'a>(role: &'a Role, user: &'a User) -> Spender<'a> {
    Spender {
        role,
        user: Some(user),
        source: Source::Question {
            surface: Surface::CommandLine,
        },
    }
}

fn schedule<'a>(role: &'a Role, id: &str) -> Spender<'a> {
    Spender {
        role,
        user: None,
        source: Source::Schedule(ScheduleId::new(id).unwrap()),
    }
}

async fn limits(of: &str) -> Limits {
    Limits::new(
        Store::in_memory().await.unwrap(),
        TimeZone::UTC,
        &settings(of),
    )
}

/// What every budget of the month holds: spent and reserved, by its name in the store.
async fn taken(limits: &Limits) -> BTreeMap<String, u64> {
    let month = limits.store.usage().month("2026-11").await.unwrap();
    let mut taken = month.spent.clone();
    for reserved in month.reserved.values() {
        let of = &reserved.of;
        for budget in Budget::of(of.user.as_ref(), &of.role, &of.source) {
            *taken.entry(budget.key()).or_default() += reserved.tokens;
        }
    }
    taken
}

async fn used(limits: &Limits, at: Timestamp) -> Used {
    let rows = limits
        .usage(date(2026, 1, 1), date(2026, 12, 31), at)
        .await
        .unwrap();
    rows.iter().fold(Used::default(), |mut sum, row| {
        sum.add(&row.used);
        sum
    })
}

/// 1,000 calls at once, each for 10 tokens, against budgets for 100 of them; over several doors to one store.
async fn of_a_thousand_calls_at_once_the_budget_holds_a_hundred(store: Store) {
    let rules =
        settings("[limits]\ncompany_monthly_tokens = 1_000\nreserved_for_schedules_percent = 0");
    let nodes: Vec<Limits> = (0..4)
        .map(|_| Limits::new(store.clone(), TimeZone::UTC, &rules))
        .collect();
    let (role, user) = (Arc::new(role("")), Arc::new(user("mara", "")));
    let calls = (0..1_000).map(|n| {
        let (limits, role, user) = (nodes[n % 4].clone(), role.clone(), user.clone());
        tokio::spawn(async move {
            limits
                .reserve(&question(&role, &user), &model(), 10, now())
                .await
        })
    });
    let mut won = Vec::new();
    for call in futures_util::future::join_all(calls).await {
        match call.unwrap() {
            Ok(reservation) => won.push(reservation),
            Err(OverBudget::Tokens { left: 0, cap, .. }) => assert_eq!(cap, 1_000),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(won.len(), 100);
    assert_eq!(taken(&nodes[0]).await["user/mara"], 1_000);
    let settled = won.into_iter().enumerate().map(|(n, reservation)| {
        let limits = nodes[(n + 1) % 4].clone();
        tokio::spawn(async move { limits.settle(reservation.id(), n as u64 % 7, 2).await })
    });
    for done in futures_util::future::join_all(settled).await {
        done.unwrap().unwrap();
    }
    let tokens_in: u64 = (0..100).map(|n| n % 7).sum();
    for key in ["user/mara", "role/vp", "questions", "company"] {
        assert_eq!(taken(&nodes[2]).await[key], tokens_in + 200, "{key}");
    }
    let used = used(&nodes[3], now()).await;
    assert_eq!(
        (used.tokens_in, used.tokens_out, used.calls),
        (tokens_in, 200, 100)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_calls_at_once_a_file_lets_as_many_through_as_the_budget_holds() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreSettings::default(), None, folder.path())
        .await
        .unwrap();
    of_a_thousand_calls_at_once_the_budget_holds_a_hundred(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_calls_at_once_mongodb_lets_as_many_through_as_the_budget_holds() {
    let Some(url) = peer("DAYBRIEF_TEST_MONGO") else {
        return;
    };
    let settings = StoreSettings {
        kind: StoreKind::Mongodb,
        database: format!("test{}", fresh()),
        ..StoreSettings::default()
    };
    let store = Store::open(&settings, Some(&url.into()), std::path::Path::new(""))
        .await
        .unwrap();
    of_a_thousand_calls_at_once_the_budget_holds_a_hundred(store).await;
}

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
async fn what_one_budget_does_not_hold_is_taken_from_none() {
    let cases = [
        (
            "company_monthly_tokens = 120\nreserved_for_schedules_percent = 0",
            "",
            "",
            Budget::Company,
            120,
        ),
        (
            "company_monthly_tokens = 120\nreserved_for_schedules_percent = 50",
            "",
            "",
            Budget::Questions,
            60,
        ),
        (
            "",
            "monthly_tokens = 60",
            "",
            Budget::Role(RoleId::new("vp").unwrap()),
            60,
        ),
        (
            "user_monthly_tokens = 60",
            "",
            "",
            Budget::User(UserId::new("mara").unwrap()),
            60,
        ),
        (
            "",
            "user_monthly_tokens = 60",
            "",
            Budget::User(UserId::new("mara").unwrap()),
            60,
        ),
        (
            "",
            "",
            "monthly_tokens = 60",
            Budget::User(UserId::new("mara").unwrap()),
            60,
        ),
    ];
    for (set, of_role, of_user, expected, holds) in cases {
        let limits = limits(&format!("[limits]\n{set}")).await;
        let (role, user) = (role(of_role), user("mara", of_user));
        let spender = question(&role, &user);
        assert!(
            limits
                .reserve(&spender, &model(), holds, now())
                .await
                .is_ok(),
            "{set}{of_role}{of_user}"
        );
        let before = taken(&limits).await;
        match limits.reserve(&spender, &model(), 1, now()).await {
            Err(OverBudget::Tokens {
                budget,
                left: 0,
                again,
                ..
            }) => {
                assert_eq!(budget, expected);
                assert_eq!(again, at("2026-12-01T00:00:00Z"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(taken(&limits).await, before);
    }
}

#[tokio::test]
async fn a_users_own_cap_goes_before_the_roles_and_that_before_everyones() {
    let limits = limits("[limits]\nuser_monthly_tokens = 10").await;
    let (plain, wide) = (role(""), role("user_monthly_tokens = 20"));
    let (mara, jonas) = (user("mara", ""), user("jonas", "monthly_tokens = 30"));
    for (role, user, cap) in [
        (&plain, &mara, 10),
        (&wide, &mara, 20),
        (&wide, &jonas, 30),
        (&plain, &jonas, 30),
    ] {
        let balances = limits.balances(&question(role, user), now()).await.unwrap();
        assert_eq!(balances[0].left(), Some(cap));
        assert_eq!(balances[0].budget, Budget::User(user.id.clone()));
    }
}

#[tokio::test]
async fn schedules_have_their_part_when_questions_have_used_all_else() {
    let limits =
        limits("[limits]\ncompany_monthly_tokens = 1_000\nreserved_for_schedules_percent = 30")
            .await;
    let (role, user) = (role("monthly_tokens = 700"), user("mara", ""));
    let asked = limits
        .reserve(&question(&role, &user), &model(), 700, now())
        .await
        .unwrap();
    limits.settle(asked.id(), 700, 0).await.unwrap();
    assert!(
        limits
            .reserve(&question(&role, &user), &model(), 1, now())
            .await
            .is_err()
    );
    let brief = limits
        .reserve(&schedule(&role, "morning"), &model(), 300, now())
        .await
        .unwrap();
    assert!(matches!(
        limits
            .reserve(&schedule(&role, "morning"), &model(), 1, now())
            .await,
        Err(OverBudget::Tokens {
            budget: Budget::Company,
            left: 0,
            ..
        })
    ));
    drop(brief);
    assert_eq!(
        taken(&limits).await["role/vp"],
        700,
        "a brief takes nothing of what the team may ask"
    );
}

#[tokio::test]
async fn what_schedules_used_of_their_part_does_not_shrink_that_of_questions() {
    let limits =
        limits("[limits]\ncompany_monthly_tokens = 1_000\nreserved_for_schedules_percent = 30")
            .await;
    let (role, user) = (role(""), user("mara", ""));
    let _brief = limits
        .reserve(&schedule(&role, "morning"), &model(), 300, now())
        .await
        .unwrap();
    assert!(
        limits
            .reserve(&question(&role, &user), &model(), 700, now())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_schedule_has_a_ceiling_of_its_own() {
    let limits = limits("[limits]\nschedule_monthly_tokens = 100").await;
    let role = role("");
    let _first = limits
        .reserve(&schedule(&role, "morning"), &model(), 100, now())
        .await
        .unwrap();
    assert!(matches!(
        limits
            .reserve(&schedule(&role, "morning"), &model(), 1, now())
            .await,
        Err(OverBudget::Tokens {
            budget: Budget::Schedule(_),
            ..
        })
    ));
    assert!(
        limits
            .reserve(&schedule(&role, "evening"), &model(), 100, now())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_month_begins_in_the_companys_zone_and_a_call_is_settled_where_it_was_reserved() {
    let store = Store::in_memory().await.unwrap();
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let limits = Limits::new(store, zone, &Settings::default());
    let (role, user) = (role("monthly_tokens = 100"), user("mara", ""));
    let spender = question(&role, &user);
    let (november, december) = (at("2026-11-30T22:59:00Z"), at("2026-11-30T23:01:00Z"));
    let held = limits
        .reserve(&spender, &model(), 100, november)
        .await
        .unwrap();
    match limits.reserve(&spender, &model(), 1, november).await {
        Err(OverBudget::Tokens { again, .. }) => {
            assert_eq!(again, at("2026-11-30T23:00:00Z"))
        }
        other => panic!("{other:?}"),
    }
    let next = limits
        .reserve(&spender, &model(), 100, december)
        .await
        .unwrap();
    limits.settle(held.id(), 7, 0).await.unwrap();
    limits.settle(next.id(), 9, 0).await.unwrap();
    for (instant, used) in [(november, 7), (december, 9)] {
        let balances = limits.balances(&spender, instant).await.unwrap();
        assert_eq!(balances[0].taken, used);
    }
    let rows = limits
        .usage(date(2026, 11, 1), date(2026, 12, 31), december)
        .await
        .unwrap();
    let days: Vec<_> = rows
        .iter()
        .map(|row| (row.day, row.used.tokens_in))
        .collect();
    assert_eq!(days, [(date(2026, 11, 30), 7), (date(2026, 12, 1), 9)]);
}

#[tokio::test]
async fn each_budget_is_told_once_a_month_when_it_is_nearly_used_up() {
    let limits = limits(
        "[limits]\nuser_monthly_tokens = 100\ncompany_monthly_tokens = 1_000\nreserved_for_schedules_percent = 0",
    )
    .await;
    let (role, mara, jonas) = (role(""), user("mara", ""), user("jonas", ""));
    let mut told = Vec::new();
    for (user, tokens, at) in [
        (&mara, 79, now()),
        (&mara, 1, now()),
        (&mara, 10, now()),
        (&jonas, 80, now()),
        (&mara, 80, at("2026-12-01T00:00:00Z")),
    ] {
        let reservation = limits
            .reserve(&question(&role, user), &model(), tokens, at)
            .await
            .unwrap();
        let keys: Vec<String> = reservation.warnings().iter().map(Warning::key).collect();
        told.push(keys.join(" "));
    }
    assert_eq!(told, ["", "user/mara", "", "user/jonas", "user/mara"]);
    let brief = limits
        .reserve(&schedule(&role, "morning"), &model(), 700, now())
        .await
        .unwrap();
    let text = "870 of 1000 tokens of the company's budget are used; it begins anew at 2026-12-01T00:00:00Z";
    assert_eq!(brief.warnings()[0].to_string(), text);
    let warned = limits.warned(now()).await.unwrap();
    assert_eq!(
        warned[0],
        ("budget/2026-11/company".to_owned(), text.to_owned())
    );
    assert_eq!(warned.len(), 3);
}

const PRICED: &str = "[limits]\ncompany_monthly_cost = 1.5\ncurrency = 'EUR'\nreserved_for_schedules_percent = 20\n\
    [[model]]\nid = 'm'\nkind = 'openai'\nmodel = 'm'\nprice_in_per_million = 0.1\nprice_out_per_million = 15\ncurrency = 'EUR'\n\
    [[model]]\nid = 'dollars'\nkind = 'openai'\nmodel = 'd'\nprice_in_per_million = '0.3'\nprice_out_per_million = 1\ncurrency = 'USD'\n";

#[tokio::test]
async fn a_cap_on_money_holds_by_what_a_call_may_cost_at_most() {
    let limits = limits(PRICED).await;
    let (role, user) = (role(""), user("mara", ""));
    let spender = question(&role, &user);
    // 80,000 tokens at 15 a million are all of the 1.20 that questions may cost.
    let held = limits
        .reserve(&spender, &model(), 80_000, now())
        .await
        .unwrap();
    match limits.reserve(&spender, &model(), 1, now()).await {
        Err(OverBudget::Cost {
            budget: Budget::Questions,
            left,
            ..
        }) => assert_eq!(left.amount, Decimal::ZERO),
        other => panic!("{other:?}"),
    }
    let dollars = ModelId::new("dollars").unwrap();
    assert!(
        limits.reserve(&spender, &dollars, 1, now()).await.is_ok(),
        "the cap is in another currency"
    );
    let brief = limits
        .reserve(&schedule(&role, "morning"), &model(), 20_000, now())
        .await
        .unwrap();
    assert!(matches!(
        limits
            .reserve(&schedule(&role, "morning"), &model(), 1, now())
            .await,
        Err(OverBudget::Cost {
            budget: Budget::Company,
            ..
        })
    ));
    limits.settle(held.id(), 3, 1).await.unwrap();
    limits.settle(brief.id(), 0, 0).await.unwrap();
    let cost = used(&limits, now()).await.cost;
    assert_eq!(
        cost[&Currency::new("EUR").unwrap()],
        "0.0000153".parse().unwrap(),
        "exact"
    );
    assert!(
        limits
            .reserve(&spender, &model(), 79_998, now())
            .await
            .is_ok(),
        "what was reserved and not used is free again"
    );
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
