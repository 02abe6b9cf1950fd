//! What a budget holds, and what is refused once it is used up.

use super::*;

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
    let zone = crate::zones::get("Europe/Berlin").unwrap();
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
