//! What must hold for every role, call and place, whatever they are.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::{
    connector::matches_pattern,
    people::{Condition, Grant},
};

const TOOLS: [&str; 5] = ["get_a", "get_b", "list_a", "add_a", "delete_a"];

fn connector() -> Connector {
    toml::from_str(
        "id = 'c'\ntitle = 'C'\ncommand = ['c']\n[tools]\n'get_*' = 'read'\nlist_a = 'read'\n'add_*' = 'action'\ndelete_a = 'action'",
    )
    .unwrap()
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    let pattern = prop::sample::select(vec![
        "*", "get_*", "*_a", "get_a", "get_b", "list_a", "add_a", "add_*", "delete_a", "none",
    ]);
    prop::collection::vec(pattern.prop_map(str::to_owned), 0..3)
}

fn conditions() -> impl Strategy<Value = Vec<Condition>> {
    let rule = prop::sample::select(vec![
        "equals = 1",
        "one_of = [1, 2]",
        "at_most = 2",
        "at_least = 2",
        "one_of = []",
        "",
    ]);
    let condition =
        (patterns(), any::<bool>(), rule).prop_map(|(tools, optional, rule)| Condition {
            tools,
            ..toml::from_str(&format!("arg = 'x'\noptional = {optional}\n{rule}")).unwrap()
        });
    prop::collection::vec(condition, 0..3)
}

fn grant() -> impl Strategy<Value = Grant> {
    let connector = prop::sample::select(vec!["c", "c", "c", "other"]);
    (
        connector,
        patterns(),
        patterns(),
        patterns(),
        prop::option::weighted(0.3, patterns()),
        conditions(),
    )
        .prop_map(|(connector, tools, actions, approve, deny, when)| Grant {
            connector: ConnectorId::new(connector).unwrap(),
            tools,
            actions,
            approve,
            deny: deny.unwrap_or_default(),
            when,
        })
}

fn role() -> impl Strategy<Value = Role> {
    let surfaces = prop::sample::select(vec![
        vec![],
        vec![],
        vec![Surface::Web],
        vec![Surface::Slack, Surface::Email],
    ]);
    (prop::collection::vec(grant(), 0..4), surfaces).prop_map(|(grants, surfaces)| Role {
        grants,
        surfaces,
        ..Role::without_rights(RoleId::new("r").unwrap(), "R")
    })
}

fn arguments() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop::sample::select(vec![
        json!({}),
        json!({"x": 1}),
        json!({"x": 2}),
        json!({"x": 3}),
        json!({"x": "1"}),
        json!({"x": null}),
    ]);
    value.prop_map(|value| value.as_object().cloned().unwrap_or_default())
}

fn tool() -> impl Strategy<Value = &'static str> {
    prop::sample::select([&TOOLS[..], &["unknown"][..]].concat())
}

fn surface() -> impl Strategy<Value = Surface> {
    prop::sample::select(Surface::ALL.to_vec())
}

/// Both decisions: about the call and about its approval.
fn both(
    role: &Role,
    clearance: Clearance<'_>,
    tool: &str,
    args: &Map<String, Value>,
    surface: Surface,
) -> [Decision; 2] {
    let connector = connector();
    let request = Request {
        role,
        clearance,
        connector: &connector,
        tool,
        args,
        surface,
    };
    [decide(&request), decide_approval(&request)]
}

/// The rule told again in the plainest way, to hold the decision against.
fn allows(role: &Role, tool: &str, args: &Map<String, Value>, surface: Surface) -> bool {
    let class = match tool {
        "get_a" | "get_b" | "list_a" => ToolClass::Read,
        "add_a" | "delete_a" => ToolClass::Action,
        _ => return false,
    };
    if class == ToolClass::Action && surface == Surface::Schedule {
        return false;
    }
    if !role.surfaces.is_empty()
        && surface != Surface::Schedule
        && !role.surfaces.contains(&surface)
    {
        return false;
    }
    let named = |patterns: &[String]| patterns.iter().any(|p| matches_pattern(p, tool));
    let mut ours = role.grants.iter().filter(|g| g.connector.as_str() == "c");
    if ours.clone().any(|grant| named(&grant.deny)) {
        return false;
    }
    ours.any(|grant| {
        let patterns = if class == ToolClass::Read {
            &grant.tools
        } else {
            &grant.actions
        };
        named(patterns)
            && grant
                .when
                .iter()
                .filter(|c| c.tools.is_empty() || named(&c.tools))
                .all(|c| meets(c, args.get("x")))
    })
}

fn meets(condition: &Condition, x: Option<&Value>) -> bool {
    let x = match x {
        None | Some(Value::Null) => return condition.optional,
        Some(x) => x,
    };
    let rules = [
        condition.equals.as_ref().map(|wanted| x == wanted),
        condition.one_of.as_ref().map(|list| list.contains(x)),
        condition
            .at_most
            .map(|most| x.as_f64().is_some_and(|x| x <= most)),
        condition
            .at_least
            .map(|least| x.as_f64().is_some_and(|x| x >= least)),
    ];
    let mut rules = rules.into_iter().flatten().peekable();
    rules.peek().is_some() && rules.all(|holds| holds)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_call_is_allowed_exactly_where_a_grant_of_the_asker_and_the_place_allow_it(
        asker in role(), place in role(), tool in tool(), args in arguments(), surface in surface(),
    ) {
        let own = allows(&asker, tool, &args, surface);
        let theirs = allows(&place, tool, &args, surface);
        for (clearance, expected) in [
            (Clearance::Alone, own),
            (Clearance::Place(&place), own && theirs),
            (Clearance::Unknown, false),
        ] {
            let [call, approval] = both(&asker, clearance, tool, &args, surface);
            prop_assert_eq!(call.allowed, expected, "{:?}", call);
            prop_assert_eq!(call.only_alone, own && !expected, "{:?}", call);
            // What is approved in a place is shown there.
            if clearance == Clearance::Place(&place) {
                prop_assert!(!approval.allowed || theirs);
            }
            if clearance == Clearance::Unknown {
                prop_assert!(!approval.allowed);
            }
        }
    }

    #[test]
    fn one_more_deny_never_allows_more(
        asker in role(), place in role(), tool in tool(), args in arguments(), surface in surface(),
        deny in patterns(), at in any::<prop::sample::Index>(), of_place in any::<bool>(),
    ) {
        let before = both(&asker, Clearance::Place(&place), tool, &args, surface);
        let alone_before = both(&asker, Clearance::Alone, tool, &args, surface);
        let (mut asker, mut place) = (asker, place);
        let grants = if of_place { &mut place.grants } else { &mut asker.grants };
        if grants.is_empty() {
            return Ok(());
        }
        let at = at.index(grants.len());
        grants[at].deny.extend(deny);
        let after = both(&asker, Clearance::Place(&place), tool, &args, surface);
        let alone_after = both(&asker, Clearance::Alone, tool, &args, surface);
        for (before, after) in before.iter().zip(&after).chain(alone_before.iter().zip(&alone_after)) {
            prop_assert!(before.allowed || !after.allowed, "{:?} {:?}", before, after);
        }
    }

    #[test]
    fn one_more_condition_never_allows_more(
        asker in role(), tool in tool(), args in arguments(), surface in surface(),
        more in conditions(), at in any::<prop::sample::Index>(),
    ) {
        let before = both(&asker, Clearance::Alone, tool, &args, surface);
        let mut asker = asker;
        if asker.grants.is_empty() {
            return Ok(());
        }
        let at = at.index(asker.grants.len());
        asker.grants[at].when.extend(more);
        let after = both(&asker, Clearance::Alone, tool, &args, surface);
        for (before, after) in before.iter().zip(&after) {
            prop_assert!(before.allowed || !after.allowed);
        }
    }

    #[test]
    fn a_place_with_more_rights_never_sees_less(
        asker in role(), place in role(), tool in tool(), args in arguments(), surface in surface(), more in grant(),
    ) {
        let more = Grant { deny: Vec::new(), ..more };
        let mut wider = place.clone();
        wider.grants.push(more);
        let [before, _] = both(&asker, Clearance::Place(&place), tool, &args, surface);
        let [after, _] = both(&asker, Clearance::Place(&wider), tool, &args, surface);
        prop_assert!(after.allowed || !before.allowed);
        // And never more than the asker alone.
        let [alone, _] = both(&asker, Clearance::Alone, tool, &args, surface);
        prop_assert!(alone.allowed || !after.allowed);
    }

    #[test]
    fn what_is_never_callable_is_never_allowed(
        asker in role(), tool in tool(), args in arguments(), surface in surface(),
    ) {
        let ahead = callable(&asker, &connector(), tool).allowed;
        let [call, _] = both(&asker, Clearance::Alone, tool, &args, surface);
        prop_assert!(ahead || !call.allowed);
    }
}
