use serde_json::json;

use super::*;
use crate::store::Stored;

fn connector() -> Connector {
    toml::from_str(
        "id = 'jira'\ntitle = 'Jira'\ncommand = ['jira']\n[tools]\n'jira_*' = 'read'\njira_add_comment = 'action'\njira_delete_issue = 'action'",
    )
    .unwrap()
}

fn role(id: &str, more: &str) -> Role {
    toml::from_str(&format!("id = '{id}'\ntitle = 'R'\n{more}")).unwrap()
}

fn args(args: Value) -> Map<String, Value> {
    let Value::Object(args) = args else {
        panic!("no table");
    };
    args
}

fn decided(role: &Role, clearance: Clearance<'_>, tool: &str, given: Value) -> Decision {
    decide(&Request {
        role,
        clearance,
        connector: &connector(),
        tool,
        args: &args(given),
        surface: Surface::Web,
    })
}

const ALL: &str = "[[grants]]\nconnector = 'jira'\ntools = ['*']\nactions = ['*']";

#[test]
fn what_nothing_allows_is_denied_and_deny_wins() {
    let grant = |text: &str| format!("[[grants]]\nconnector = 'jira'\n{text}");
    for (grants, tool, allowed) in [
        (String::new(), "jira_search", false),
        (
            "[[grants]]\nconnector = 'gitlab'\ntools = ['*']\nactions = ['*']".to_owned(),
            "jira_search",
            false,
        ),
        (grant("tools = ['*']"), "jira_search", true),
        (grant("tools = ['jira_get_*']"), "jira_search", false),
        (
            grant("tools = ['*']\nactions = ['*']"),
            "drop_database",
            false,
        ),
        (grant("tools = ['*']"), "jira_add_comment", false),
        (grant("actions = ['*']"), "jira_search", false),
        (grant("approve = ['*']"), "jira_add_comment", false),
        (grant("actions = ['jira_add_*']"), "jira_add_comment", true),
        (
            grant("tools = ['*']\ndeny = ['*_search']"),
            "jira_search",
            false,
        ),
        (
            grant("tools = ['*']") + "\n" + &grant("deny = ['jira_search']"),
            "jira_search",
            false,
        ),
        (
            grant("tools = ['*']") + "\n[[grants]]\nconnector = 'gitlab'\ndeny = ['*']",
            "jira_search",
            true,
        ),
    ] {
        let role = role("r", &grants);
        let decision = decided(&role, Clearance::Alone, tool, json!({}));
        assert_eq!(decision.allowed, allowed, "{grants} {tool}: {decision:?}");
        assert!(!decision.rule.is_empty() && !decision.why.is_empty());
        assert!(!decision.only_alone);
        assert_eq!(callable(&role, &connector(), tool).allowed, allowed);
    }
}

#[test]
fn a_grant_with_conditions_allows_only_what_meets_them_all() {
    let narrow = "[[grants]]\nconnector = 'jira'\ntools = ['*']\nwhen = [\
        { tools = ['jira_search'], arg = 'project', one_of = ['ENG', 'PAY'] },\
        { arg = 'limit', at_most = 100, optional = true } ]";
    let role_narrow = role("r", narrow);
    for (tool, given, allowed) in [
        ("jira_search", json!({"project": "ENG"}), true),
        ("jira_search", json!({"project": "ENG", "limit": 100}), true),
        (
            "jira_search",
            json!({"project": "ENG", "limit": 101}),
            false,
        ),
        ("jira_search", json!({"project": "HR", "limit": 1}), false),
        ("jira_search", json!({}), false),
        ("jira_get_issue", json!({}), true),
        ("jira_get_issue", json!({"limit": "all"}), false),
    ] {
        let decision = decided(&role_narrow, Clearance::Alone, tool, given.clone());
        assert_eq!(decision.allowed, allowed, "{tool} {given}: {decision:?}");
        if !allowed {
            let rule = "role r, grant on jira, grants[0].when[";
            assert!(decision.rule.starts_with(rule), "{}", decision.rule);
        }
    }
    // Another grant of the role may allow more, and another's condition takes nothing from it.
    let wide = role("r", &format!("{narrow}\n{ALL}"));
    assert!(
        decided(
            &wide,
            Clearance::Alone,
            "jira_search",
            json!({"project": "HR"})
        )
        .allowed
    );
    // The arguments are not known ahead: the tool may be called in some way.
    assert!(callable(&role_narrow, &connector(), "jira_search").allowed);
}

#[test]
fn a_role_is_used_where_it_says_and_by_schedules() {
    let bound = role("r", &format!("surfaces = ['web', 'email']\n{ALL}"));
    let free = role("r", ALL);
    for surface in Surface::ALL {
        let allowed = |role: &Role, tool: &str| {
            decide(&Request {
                role,
                clearance: Clearance::Alone,
                connector: &connector(),
                tool,
                args: &Map::new(),
                surface,
            })
            .allowed
        };
        let here = matches!(surface, Surface::Web | Surface::Email | Surface::Schedule);
        assert_eq!(allowed(&bound, "jira_search"), here, "{surface}");
        assert!(allowed(&free, "jira_search"), "{surface}");
        // An action needs a person.
        let acts = surface != Surface::Schedule;
        assert_eq!(allowed(&free, "jira_add_comment"), acts, "{surface}");
        assert_eq!(
            allowed(&bound, "jira_add_comment"),
            here && acts,
            "{surface}"
        );
    }
}

#[test]
fn a_place_sees_the_smaller_of_two() {
    let vp = role("vp", ALL);
    let eng = role(
        "eng",
        "[[grants]]\nconnector = 'jira'\ntools = ['*']\nwhen = [{ arg = 'project', one_of = ['ENG'] }]",
    );
    let nobody = role("nobody", "");
    for (asker, clearance, tool, project, expected) in [
        (&vp, Clearance::Alone, "jira_search", "HR", "allowed"),
        (&vp, Clearance::Place(&vp), "jira_search", "HR", "allowed"),
        (&vp, Clearance::Place(&eng), "jira_search", "ENG", "allowed"),
        (&vp, Clearance::Place(&eng), "jira_search", "HR", "alone"),
        (
            &vp,
            Clearance::Place(&nobody),
            "jira_search",
            "ENG",
            "alone",
        ),
        (&vp, Clearance::Unknown, "jira_search", "ENG", "alone"),
        (&eng, Clearance::Place(&vp), "jira_search", "ENG", "allowed"),
        (&eng, Clearance::Place(&vp), "jira_search", "HR", "denied"),
        (
            &nobody,
            Clearance::Place(&vp),
            "jira_search",
            "ENG",
            "denied",
        ),
        (&nobody, Clearance::Unknown, "jira_search", "ENG", "denied"),
        (
            &vp,
            Clearance::Place(&vp),
            "jira_add_comment",
            "ENG",
            "allowed",
        ),
        (
            &vp,
            Clearance::Place(&eng),
            "jira_add_comment",
            "ENG",
            "alone",
        ),
        (
            &eng,
            Clearance::Place(&vp),
            "jira_add_comment",
            "ENG",
            "denied",
        ),
    ] {
        let decision = decided(asker, clearance, tool, json!({"project": project}));
        let said = match (decision.allowed, decision.only_alone) {
            (true, false) => "allowed",
            (false, true) => "alone",
            (false, false) => "denied",
            (true, true) => panic!("allowed and only alone"),
        };
        assert_eq!(
            said, expected,
            "{} {clearance:?} {tool} {project}",
            asker.id
        );
    }
}

#[test]
fn an_approval_needs_its_own_right_and_only_actions_are_approved() {
    let grant = |text: &str| role("r", &format!("[[grants]]\nconnector = 'jira'\n{text}"));
    let approves = grant("actions = ['*']\napprove = ['jira_add_*']");
    let only_proposes = grant("actions = ['*']");
    let small = grant("approve = ['*']\nwhen = [{ arg = 'amount', at_most = 100 }]");
    let never = grant("approve = ['*']\ndeny = ['*delete*']");
    let approval = |role: &Role, clearance: Clearance<'_>, tool: &str, given: Value| {
        decide_approval(&Request {
            role,
            clearance,
            connector: &connector(),
            tool,
            args: &args(given),
            surface: Surface::Slack,
        })
    };
    for (role, tool, given, allowed) in [
        (&approves, "jira_add_comment", json!({}), true),
        (&approves, "jira_delete_issue", json!({}), false),
        (&approves, "jira_search", json!({}), false),
        (&only_proposes, "jira_add_comment", json!({}), false),
        (&small, "jira_add_comment", json!({"amount": 100}), true),
        (&small, "jira_add_comment", json!({"amount": 101}), false),
        (&small, "jira_add_comment", json!({}), false),
        (&never, "jira_delete_issue", json!({}), false),
        (&never, "jira_add_comment", json!({}), true),
    ] {
        let decision = approval(role, Clearance::Alone, tool, given);
        assert_eq!(decision.allowed, allowed, "{tool}: {decision:?}");
    }
    // The preview is shown in the place: what the place may not see is approved elsewhere.
    let reads = grant("tools = ['*']");
    for (place, allowed) in [
        (Clearance::Place(&only_proposes), true),
        (Clearance::Place(&reads), false),
        (Clearance::Unknown, false),
    ] {
        let decision = approval(&approves, place, "jira_add_comment", json!({}));
        assert_eq!(decision.allowed, allowed, "{place:?}");
        assert_eq!(decision.only_alone, !allowed, "{place:?}");
    }
}

/// A store with Ann, who has the role `eng`, and the door over it.
async fn instance() -> (Store, Access) {
    let store = Store::in_memory().await.unwrap();
    put(&store, Kind::Role, "eng", &role("eng", ALL)).await;
    put(&store, Kind::User, "ann", &ann("['eng']", "active")).await;
    let access = Access::new(Audit::new(store.clone(), [1; 32]), store.clone());
    (store, access)
}

fn ann(roles: &str, state: &str) -> User {
    toml::from_str(&format!(
        "id = 'ann'\nname = 'Ann'\nroles = {roles}\nstate = '{state}'"
    ))
    .unwrap()
}

async fn put<T: serde::Serialize>(store: &Store, kind: Kind, id: &str, object: &T) {
    let stored = Stored {
        object,
        file: None,
        since: Timestamp::UNIX_EPOCH,
    };
    store.objects().put(kind, id, &stored).await.unwrap();
}

async fn one(
    access: &Access,
    principal: &Principal,
    role: &Role,
    tool: &str,
) -> Result<Permit, Decision> {
    let connector = connector();
    let wanted = vec![Wanted {
        connector: &connector,
        tool,
        args: Map::new(),
    }];
    access
        .permits(
            principal,
            role,
            Clearance::Alone,
            wanted,
            Timestamp::UNIX_EPOCH,
        )
        .await
        .unwrap()
        .remove(0)
}

fn person(groups: &[&str]) -> Principal {
    Principal {
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        ..Principal::person(
            UserId::new("ann").unwrap(),
            RoleId::new("eng").unwrap(),
            Surface::Slack,
        )
    }
}

#[tokio::test]
async fn a_revoked_user_gets_no_further_call() {
    let eng = role("eng", ALL);
    for what in [
        "disabled",
        "waiting",
        "role taken",
        "user removed",
        "role removed",
    ] {
        let (store, access) = instance().await;
        assert!(
            one(&access, &person(&[]), &eng, "jira_search")
                .await
                .is_ok()
        );
        match what {
            "disabled" => put(&store, Kind::User, "ann", &ann("['eng']", "disabled")).await,
            "waiting" => put(&store, Kind::User, "ann", &ann("['eng']", "waiting")).await,
            "role taken" => put(&store, Kind::User, "ann", &ann("['other']", "active")).await,
            "user removed" => assert!(store.objects().delete(Kind::User, "ann").await.unwrap()),
            _ => assert!(store.objects().delete(Kind::Role, "eng").await.unwrap()),
        }
        let decision = one(&access, &person(&[]), &eng, "jira_search")
            .await
            .unwrap_err();
        assert_eq!(decision.standing, Standing::Revoked, "{what}: {decision:?}");
        assert!(!decision.allowed && !decision.only_alone, "{what}");
        let rows = store.audit().from(1, 10).await.unwrap();
        assert_eq!(rows[1].entry["outcome"], "denied", "{what}");
        assert!(rows[1].entry["why"].to_string().contains("user ann"));
        // Nor may they approve what was proposed before.
        let connector = connector();
        let call = Wanted {
            connector: &connector,
            tool: "jira_add_comment",
            args: Map::new(),
        };
        let approval = access
            .approval(&person(&[]), &eng, Clearance::Alone, &call)
            .await
            .unwrap();
        assert_eq!(approval.standing, Standing::Revoked, "{what}");
        // A schedule has no user, and goes on.
        let schedule = Principal::nobody(eng.id.clone(), Surface::Schedule);
        assert!(one(&access, &schedule, &eng, "jira_search").await.is_ok());
    }
}

#[tokio::test]
async fn a_right_that_was_taken_from_the_role_is_gone_for_the_next_call() {
    let (store, access) = instance().await;
    let eng = role("eng", ALL);
    put(
        &store,
        Kind::Role,
        "eng",
        &role("eng", &format!("{ALL}\ndeny = ['jira_search']")),
    )
    .await;
    let decision = one(&access, &person(&[]), &eng, "jira_search")
        .await
        .unwrap_err();
    assert_eq!(decision.standing, Standing::Current);
    assert!(decision.why.contains("`deny`"), "{decision:?}");
}

#[tokio::test]
async fn a_role_that_comes_with_a_group_lasts_as_long_as_the_group() {
    let (store, access) = instance().await;
    let eng = role("eng", &format!("groups = ['engineers']\n{ALL}"));
    put(&store, Kind::Role, "eng", &eng).await;
    put(&store, Kind::User, "ann", &ann("[]", "active")).await;
    let in_group = person(&["engineers"]);
    assert!(one(&access, &in_group, &eng, "jira_search").await.is_ok());
    let without = one(&access, &person(&["sales"]), &eng, "jira_search").await;
    assert_eq!(without.unwrap_err().standing, Standing::Revoked);
    put(&store, Kind::Role, "eng", &role("eng", ALL)).await;
    let after = one(&access, &in_group, &eng, "jira_search").await;
    assert_eq!(after.unwrap_err().standing, Standing::Revoked);
}

#[tokio::test]
async fn nobody_acts_as_another_role_and_no_action_is_just_called() {
    let (store, access) = instance().await;
    let (eng, other) = (role("eng", ALL), role("other", ALL));
    assert!(
        one(&access, &person(&[]), &other, "jira_search")
            .await
            .is_err()
    );
    for surface in Surface::ALL {
        let nobody = Principal::nobody(eng.id.clone(), surface);
        let action = one(&access, &nobody, &eng, "jira_add_comment").await;
        assert!(action.is_err(), "{surface}");
        assert!(one(&access, &nobody, &other, "jira_search").await.is_err());
    }
    // Not even by a person who may propose it: only an approval gives a permit for it.
    let called = one(&access, &person(&[]), &eng, "jira_add_comment").await;
    assert!(called.is_err());
    let connector = connector();
    let approve = async |approving: &Role| {
        put(&store, Kind::Role, "eng", approving).await;
        let call = Wanted {
            connector: &connector,
            tool: "jira_add_comment",
            args: Map::new(),
        };
        let by = person(&[]);
        access
            .approved(
                (&by, approving),
                (&by, approving),
                call,
                Timestamp::UNIX_EPOCH,
            )
            .await
            .unwrap()
    };
    assert!(approve(&eng).await.is_err());
    let may = role("eng", &format!("{ALL}\napprove = ['*']"));
    let permit = approve(&may).await.unwrap();
    assert_eq!(permit.class(), ToolClass::Action);
}

#[tokio::test]
async fn what_was_decided_is_in_the_trail_before_there_is_a_permit() {
    let (store, access) = instance().await;
    let role = role(
        "r",
        "[[grants]]\nconnector = 'jira'\ntools = ['*']\nwhen = [{ arg = 'jql', equals = 'salary of Mara' }]",
    );
    let principal = Principal::nobody(role.id.clone(), Surface::Schedule);
    let connector = connector();
    let call = |tool, jql: &str| Wanted {
        connector: &connector,
        tool,
        args: args(json!({ "jql": jql })),
    };
    let permits = access
        .permits(
            &principal,
            &role,
            Clearance::Alone,
            vec![
                call("jira_search", "salary of Mara"),
                call("jira_add_comment", "salary of Mara"),
                call("jira_search", "pay of Mara"),
            ],
            Timestamp::UNIX_EPOCH,
        )
        .await
        .unwrap();
    assert!(permits[0].is_ok() && permits[1].is_err() && permits[2].is_err());
    let rows = store.audit().from(1, 10).await.unwrap();
    assert_eq!(rows[0].entry["on"], "jira/jira_search");
    assert_eq!(rows[0].entry["outcome"], "allowed");
    assert_eq!(rows[1].entry["outcome"], "denied");
    assert_eq!(rows[2].entry["outcome"], "denied");
    assert!(
        !format!("{rows:?}").contains("Mara"),
        "arguments stand as their hash"
    );
}

#[tokio::test]
async fn without_a_store_there_is_no_permit() {
    let (store, _) = instance().await;
    let eng = role("eng", ALL);
    let connector = connector();
    let failing = store.that_fails_after(0);
    let access = Access::new(Audit::new(failing.clone(), [1; 32]), failing);
    for principal in [
        person(&[]),
        Principal::nobody(eng.id.clone(), Surface::Schedule),
    ] {
        let wanted = vec![Wanted {
            connector: &connector,
            tool: "jira_search",
            args: Map::new(),
        }];
        let asked = access
            .permits(
                &principal,
                &eng,
                Clearance::Alone,
                wanted,
                Timestamp::UNIX_EPOCH,
            )
            .await;
        assert!(asked.is_err());
    }
}
