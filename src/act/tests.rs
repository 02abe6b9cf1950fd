//! A proposal's call is made once, by who may, as it was shown, or not at all.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::*;
use crate::{
    converse::tests::bench::{Bench, person},
    domain::people::UserState,
    store::driver::Collection,
};

const DONE_IN_THE_END: &str = "no number of writes was enough";

fn desk<'b>(bench: &'b Bench, store: &'b Store, audit: &'b Audit, access: &'b Access) -> Desk<'b> {
    Desk {
        store,
        audit,
        access,
        pool: &bench.pool,
        clock: bench.clock.as_ref(),
    }
}

fn at(bench: &Bench) -> Desk<'_> {
    desk(bench, &bench.store, &bench.audit, &bench.access)
}

fn role<'o>(objects: &'o Objects, id: &str) -> &'o Role {
    objects
        .roles
        .iter()
        .find(|role| role.id.as_str() == id)
        .unwrap()
}

async fn objects(bench: &Bench) -> Objects {
    crate::provision::load(&bench.store).await.unwrap()
}

fn args(comment: &str) -> Map<String, Value> {
    Map::from_iter([
        ("issue".to_owned(), json!("PAY-1182")),
        ("comment".to_owned(), json!(comment)),
    ])
}

/// Mara, as VP, has this suggested to her.
async fn proposed(bench: &Bench, comment: &str) -> Proposal {
    suggested(bench, "add_comment", comment).await.unwrap()
}

async fn suggested(bench: &Bench, tool: &str, comment: &str) -> Result<Proposal, Decision> {
    let objects = objects(bench).await;
    let connector = objects
        .connectors
        .iter()
        .find(|connector| connector.id.as_str() == "tracker");
    let suggestion = Suggestion {
        principal: &person("mara", "vp"),
        role: role(&objects, "vp"),
        clearance: Clearance::Alone,
        connector: connector.unwrap(),
        tool,
        args: args(comment),
        why: "Ask whether it is on track.",
        conversation: &ConversationId::new("c").unwrap(),
        after_reading: vec!["Issue tracker".to_owned()],
    };
    at(bench).propose(suggestion).await.unwrap()
}

async fn approve(
    bench: &Bench,
    proposal: &Proposal,
    digest: &str,
    user: &str,
    as_role: &str,
) -> Result<Proposal, NotDecided> {
    let objects = objects(bench).await;
    let approver = Approver {
        principal: &person(user, as_role),
        role: role(&objects, as_role),
    };
    at(bench)
        .approve(&proposal.id, digest, approver, &objects)
        .await
        .unwrap()
}

async fn by_lena(bench: &Bench, proposal: &Proposal) -> Result<Proposal, NotDecided> {
    approve(bench, proposal, &proposal.digest(), "lena", "lead").await
}

async fn state(bench: &Bench, proposal: &Proposal) -> &'static str {
    let now = at(bench).get(&proposal.id).await.unwrap().unwrap();
    now.state.name()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_approvals_at_once_one_makes_the_exact_call() {
    let bench = std::sync::Arc::new(Bench::new().await);
    let proposal = proposed(&bench, "Is this still on track?").await;
    let clicks = (0..50).map(|_| {
        let (bench, proposal) = (bench.clone(), proposal.clone());
        tokio::spawn(async move { by_lena(&bench, &proposal).await })
    });
    let mut done = 0;
    for click in futures_util::future::join_all(clicks).await {
        match click.unwrap() {
            Ok(proposal) => {
                assert_eq!(proposal.state.name(), "done");
                done += 1;
            }
            Err(NotDecided::Over(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(done, 1);
    let calls = bench.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].name(), "tracker/add_comment");
    assert_eq!(
        calls[0].args,
        Value::Object(args("Is this still on track?"))
    );
    assert!(bench.verify().await.ok);
}

#[tokio::test]
async fn an_approved_call_is_in_the_trail_before_it_is_made_and_how_it_ended_after() {
    let bench = Bench::new().await;
    let proposal = proposed(&bench, "On track?").await;
    by_lena(&bench, &proposal).await.unwrap();
    let acts: Vec<String> = bench
        .acts()
        .await
        .into_iter()
        .filter(|act| act.ends_with("tracker/add_comment"))
        .collect();
    assert_eq!(
        acts,
        [
            "proposal allowed tracker/add_comment",
            "approval allowed tracker/add_comment",
            "action allowed tracker/add_comment",
            "action done tracker/add_comment",
        ]
    );
}

#[tokio::test]
async fn what_is_done_is_not_done_again() {
    let bench = Bench::new().await;
    let proposal = proposed(&bench, "On track?").await;
    by_lena(&bench, &proposal).await.unwrap();
    for _ in 0..3 {
        assert_eq!(
            by_lena(&bench, &proposal).await,
            Err(NotDecided::Over("done"))
        );
    }
    assert_eq!(bench.calls().len(), 1);
}

#[tokio::test]
async fn another_call_than_the_one_that_was_shown_is_not_made() {
    let bench = Bench::new().await;
    let proposal = proposed(&bench, "On track?").await;
    let other = Proposal {
        args: args("Close it."),
        ..proposal.clone()
    };
    let refused = approve(&bench, &proposal, &other.digest(), "lena", "lead").await;
    assert_eq!(refused, Err(NotDecided::Changed));
    let refused = approve(&bench, &proposal, "", "lena", "lead").await;
    assert_eq!(refused, Err(NotDecided::Changed));
    assert_eq!(
        bench.acts().await.last().unwrap(),
        "approval denied tracker/add_comment"
    );
    // Somebody changes it in the store after it was shown.
    let kept = bench
        .store
        .driver()
        .get(Collection::Proposals, proposal.id.as_str())
        .await;
    let kept = kept.unwrap().unwrap();
    let body = kept.body.replace("On track?", "Close it.");
    assert_ne!(body, kept.body);
    let replaced = bench
        .store
        .driver()
        .replace_body(Collection::Proposals, &kept.key, kept.version, &body)
        .await;
    assert!(replaced.unwrap());
    assert_eq!(by_lena(&bench, &proposal).await, Err(NotDecided::Changed));
    assert_eq!(state(&bench, &proposal).await, "open");
    assert!(bench.calls().is_empty());
}

#[tokio::test]
async fn who_may_not_approve_does_not() {
    let bench = Bench::new().await;
    let proposal = proposed(&bench, "On track?").await;
    let digest = proposal.digest();
    // Who proposed it, somebody with the same role, and who says a role that they do not have.
    for (user, as_role) in [
        ("mara", "vp"),
        ("jonas", "vp"),
        ("jonas", "lead"),
        ("mara", "finance"),
    ] {
        let refused = approve(&bench, &proposal, &digest, user, as_role).await;
        assert!(
            matches!(refused, Err(NotDecided::NotAllowed(_))),
            "{user} as {as_role}: {refused:?}"
        );
    }
    let objects = objects(&bench).await;
    let nobody = Approver {
        principal: &Principal::nobody(
            role(&objects, "lead").id.clone(),
            crate::access::Surface::Web,
        ),
        role: role(&objects, "lead"),
    };
    let refused = at(&bench)
        .approve(&proposal.id, &digest, nobody, &objects)
        .await
        .unwrap();
    assert!(
        matches!(refused, Err(NotDecided::NotAllowed(_))),
        "{refused:?}"
    );
    bench
        .user("lena", |user| user.state = UserState::Disabled)
        .await;
    let refused = by_lena(&bench, &proposal).await;
    assert!(
        matches!(refused, Err(NotDecided::NotAllowed(_))),
        "{refused:?}"
    );
    assert_eq!(state(&bench, &proposal).await, "open");
    assert!(bench.calls().is_empty());
}

#[tokio::test]
async fn what_is_expired_rejected_or_unknown_is_not_done() {
    let bench = Bench::new().await;
    let expired = proposed(&bench, "one").await;
    bench.clock.advance(OPEN_FOR);
    assert_eq!(
        by_lena(&bench, &expired).await,
        Err(NotDecided::Over("expired"))
    );
    assert_eq!(at(&bench).list(9).await.unwrap()[0].state.name(), "expired");

    let rejected = proposed(&bench, "two").await;
    let objects = objects(&bench).await;
    let lena = person("lena", "lead");
    let approver = Approver {
        principal: &lena,
        role: role(&objects, "lead"),
    };
    let now = at(&bench)
        .reject(&rejected.id, approver, &objects)
        .await
        .unwrap();
    assert_eq!(now.unwrap().state.name(), "rejected");
    assert_eq!(
        by_lena(&bench, &rejected).await,
        Err(NotDecided::Over("rejected"))
    );
    let again = at(&bench)
        .reject(&rejected.id, approver, &objects)
        .await
        .unwrap();
    assert_eq!(again, Err(NotDecided::Over("rejected")));

    let unknown = Proposal {
        id: ProposalId::new("nobody-made-it").unwrap(),
        ..rejected
    };
    assert!(matches!(
        by_lena(&bench, &unknown).await,
        Err(NotDecided::Unknown(_))
    ));
    assert!(bench.calls().is_empty());
}

#[tokio::test]
async fn what_its_proposer_may_no_longer_do_fails_and_is_not_done() {
    for change in ["right", "disabled", "role"] {
        let bench = Bench::new().await;
        let proposal = proposed(&bench, "On track?").await;
        match change {
            "right" => {
                bench
                    .role("vp", |role| role.grants[0].actions.clear())
                    .await
            }
            "disabled" => {
                bench
                    .user("mara", |user| user.state = UserState::Disabled)
                    .await;
            }
            _ => bench.user("mara", |user| user.roles.clear()).await,
        }
        let refused = by_lena(&bench, &proposal).await;
        assert!(
            matches!(refused, Err(NotDecided::NotAllowed(_))),
            "{change}: {refused:?}"
        );
        assert_eq!(state(&bench, &proposal).await, "failed", "{change}");
        assert!(bench.calls().is_empty(), "{change}");
        assert_eq!(
            by_lena(&bench, &proposal).await,
            Err(NotDecided::Over("failed"))
        );
        assert!(
            bench
                .acts()
                .await
                .contains(&"action denied tracker/add_comment".to_owned())
        );
    }
}

#[tokio::test]
async fn a_crash_while_the_call_runs_leaves_it_unclear_and_never_done_again() {
    let bench = std::sync::Arc::new(Bench::new().await);
    bench.tool("tracker", "add_comment", |tool| {
        tool["seconds"] = json!(600)
    });
    let proposal = proposed(&bench, "On track?").await;
    let (there, same) = (bench.clone(), proposal.clone());
    let crashed = tokio::spawn(async move { by_lena(&there, &same).await });
    while bench.calls().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    crashed.abort();
    assert!(crashed.await.unwrap_err().is_cancelled());
    assert_eq!(state(&bench, &proposal).await, "executing");
    assert_eq!(
        by_lena(&bench, &proposal).await,
        Err(NotDecided::Over("executing"))
    );
    bench.clock.advance(EXECUTES_FOR);
    assert_eq!(state(&bench, &proposal).await, "unclear");
    assert_eq!(
        by_lena(&bench, &proposal).await,
        Err(NotDecided::Over("unclear"))
    );
    assert_eq!(bench.calls().len(), 1);
}

#[tokio::test]
async fn what_the_tool_refuses_has_failed_and_what_it_leaves_open_is_unclear() {
    let bench = Bench::new().await;
    bench.tool("tracker", "add_comment", |tool| {
        tool["error"] = json!("no such issue")
    });
    let proposal = proposed(&bench, "On track?").await;
    assert_eq!(
        by_lena(&bench, &proposal).await.unwrap().state.name(),
        "failed"
    );
    bench.tool("tracker", "add_comment", |tool| {
        tool.as_object_mut().unwrap().remove("error");
        tool["answer"] = json!("x".repeat(5 * 1024 * 1024));
    });
    let proposal = proposed(&bench, "Still?").await;
    // It was done; its answer is more than may be read.
    assert_eq!(
        by_lena(&bench, &proposal).await.unwrap().state.name(),
        "unclear"
    );
    assert_eq!(
        by_lena(&bench, &proposal).await,
        Err(NotDecided::Over("unclear"))
    );
    assert_eq!(bench.calls().len(), 2);
}

#[tokio::test]
async fn a_store_that_fails_after_any_write_never_makes_the_call_twice() {
    let bench = Bench::new().await;
    let mut whole = false;
    for writes in 0..100 {
        bench.forget_calls();
        let proposal = proposed(&bench, &format!("after {writes}")).await;
        let failing = bench.store.that_fails_after(writes);
        let audit = Audit::new(failing.clone(), [1; 32]);
        let access = Access::new(audit.clone(), failing.clone());
        let objects = objects(&bench).await;
        let lena = person("lena", "lead");
        let approver = Approver {
            principal: &lena,
            role: role(&objects, "lead"),
        };
        let first = desk(&bench, &failing, &audit, &access)
            .approve(&proposal.id, &proposal.digest(), approver, &objects)
            .await;
        let before = state(&bench, &proposal).await;
        let again = by_lena(&bench, &proposal).await;
        let calls = bench.calls().len();
        assert!(calls <= 1, "after {writes} writes: {calls} calls");
        match before {
            // Nothing was begun: whoever clicks again has it done.
            "open" => assert_eq!((calls, again.is_ok()), (1, true), "after {writes} writes"),
            "executing" => assert_eq!(again, Err(NotDecided::Over("executing"))),
            _ => assert!(again.is_err(), "after {writes} writes"),
        }
        bench.clock.advance(EXECUTES_FOR);
        let end = state(&bench, &proposal).await;
        assert!(
            ["done", "unclear"].contains(&end),
            "after {writes} writes: {end}"
        );
        whole = matches!(&first, Ok(Ok(proposal)) if proposal.state.name() == "done")
            && before == "done";
        if whole {
            assert!(writes >= 4, "the faults were not spread over the approval");
            break;
        }
    }
    assert!(whole, "{DONE_IN_THE_END}");
}

#[tokio::test]
async fn what_its_proposer_may_not_do_is_not_even_proposed() {
    let bench = Bench::new().await;
    for tool in ["delete_project", "search_issues", "no_such_tool"] {
        let decision = suggested(&bench, tool, "now").await.unwrap_err();
        assert!(!decision.allowed, "{tool}");
        assert_eq!(
            bench.acts().await.last().unwrap(),
            &format!("proposal denied tracker/{tool}")
        );
    }
    let long = "x".repeat(MOST_ARGUMENT_BYTES);
    assert!(suggested(&bench, "add_comment", &long).await.is_err());
    assert!(at(&bench).list(9).await.unwrap().is_empty());
    assert!(bench.calls().is_empty());
}

#[tokio::test]
async fn those_who_may_approve_are_named() {
    let bench = Bench::new().await;
    let proposal = proposed(&bench, "On track?").await;
    let approvers = at(&bench).approvers(&proposal, &objects(&bench).await);
    assert_eq!(approvers, ["Lena"]);
}

#[tokio::test]
async fn what_nobody_would_see_in_the_preview_is_not_proposed() {
    let bench = Bench::new().await;
    for comment in [
        "pay \u{202e}5001 RUE",
        "to\u{200b}day",
        "x\u{e0041}",
        "now\u{7}",
    ] {
        let refused = suggested(&bench, "add_comment", comment).await.unwrap_err();
        assert!(refused.why.contains("U+"), "{}", refused.why);
    }
    for comment in ["\u{1f469}\u{200d}\u{1f4bb} is on it", "one\ntwo", "Grüße"] {
        suggested(&bench, "add_comment", comment).await.unwrap();
    }
}

/// Lets the tracker's tools of these patterns have characters that nobody sees.
async fn may_hide(bench: &Bench, patterns: &[&str]) {
    let objects = objects(bench).await;
    let mut connectors = objects.connectors.iter();
    let mut connector = connectors
        .find(|connector| connector.id.as_str() == "tracker")
        .unwrap()
        .clone();
    connector.hidden_characters = patterns.iter().map(|&one| one.to_owned()).collect();
    let stored = crate::store::Stored {
        since: bench.clock.now(),
        file: None,
        object: connector,
    };
    let rows = bench.store.objects();
    rows.put(crate::store::Kind::Connector, "tracker", &stored)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_tool_that_may_have_hidden_characters_is_sent_them_and_only_while_it_may() {
    let bench = Bench::new().await;
    let comment = "\u{645}\u{6cc}\u{200c}\u{62e}";
    may_hide(&bench, &["delete_*"]).await;
    suggested(&bench, "add_comment", comment).await.unwrap_err();
    may_hide(&bench, &["add_*"]).await;
    let [first, second] = [
        suggested(&bench, "add_comment", comment).await.unwrap(),
        suggested(&bench, "add_comment", comment).await.unwrap(),
    ];
    assert!(preview(&first.args).contains("[U+200C zero width non-joiner]"));
    assert_eq!(by_lena(&bench, &first).await.unwrap().state.name(), "done");
    may_hide(&bench, &[]).await;
    let refused = by_lena(&bench, &second).await.unwrap_err();
    assert!(matches!(refused, NotDecided::NotAllowed(_)), "{refused}");
    assert_eq!(bench.calls().len(), 1);
}
