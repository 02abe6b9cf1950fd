//! What one decision costs: `cargo bench --bench access`. Prints nanoseconds a decision for a role of 100 grants, best of
//! several rounds; ends with 1 where the bound is not held.

use std::{hint::black_box, process::ExitCode, time::Instant};

use daybrief::{
    access::{Clearance, Request, Surface, decide},
    domain::{connector::Connector, people::Role},
};
use serde_json::{Map, Value, json};

/// Nanoseconds that a decision may take.
const BOUND_NANOSECONDS: u128 = 5_000;
const GRANTS: usize = 100;
const ROUNDS: usize = 7;
const DECISIONS: u128 = 20_000;

fn role(connector_of: impl Fn(usize) -> String) -> Option<Role> {
    let mut text = String::from("id = 'r'\ntitle = 'R'\n");
    for number in 0..GRANTS {
        let connector = connector_of(number);
        text.push_str(&format!(
            "[[grants]]\nconnector = '{connector}'\ntools = ['get_{number}_*', 'list_{number}']\nactions = ['add_{number}']\n\
             deny = ['*_secret_{number}']\nwhen = [{{ arg = 'project', one_of = ['ENG', 'PAY'] }}, {{ arg = 'limit', at_most = 100 }}]\n"
        ));
    }
    toml::from_str(&text).ok()
}

fn measure(
    name: &str,
    role: &Role,
    clearance: Clearance<'_>,
    connector: &Connector,
    tool: &str,
) -> u128 {
    let args: Map<String, Value> = json!({ "project": "PAY", "limit": 50 })
        .as_object()
        .cloned()
        .unwrap_or_default();
    let request = Request {
        role,
        clearance,
        connector,
        tool,
        args: &args,
        surface: Surface::Slack,
    };
    let mut best = u128::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..DECISIONS {
            black_box(decide(black_box(&request)));
        }
        best = best.min(begun.elapsed().as_nanos() / DECISIONS);
    }
    let allowed = decide(&request).allowed;
    println!("{name}: {best} ns a decision (allowed: {allowed})");
    best
}

fn main() -> ExitCode {
    let connector: Option<Connector> = toml::from_str(
        "id = 'c7'\ntitle = 'C'\ncommand = ['c']\n[tools]\n'get_*' = 'read'\n'list_*' = 'read'\n'add_*' = 'action'\n'*_secret_*' = 'read'",
    )
    .ok();
    let (Some(spread), Some(dense), Some(connector)) = (
        role(|number| format!("c{number}")),
        role(|_| "c7".to_owned()),
        connector,
    ) else {
        eprintln!("the objects of the bench cannot be read");
        return ExitCode::FAILURE;
    };
    let (alone, place) = (Clearance::Alone, Clearance::Place(&spread));
    let slowest = [
        ("100 grants on 100 connectors", &spread, alone, "get_7_x"),
        (
            "the same in a place of 100 grants",
            &spread,
            place,
            "get_7_x",
        ),
        (
            "100 grants on one connector, the last allows",
            &dense,
            alone,
            "get_99_x",
        ),
        (
            "100 grants on one connector, none allows",
            &dense,
            alone,
            "get_nothing",
        ),
    ]
    .map(|(name, role, clearance, tool)| measure(name, role, clearance, &connector, tool))
    .into_iter()
    .max()
    .unwrap_or(u128::MAX);
    if slowest > BOUND_NANOSECONDS {
        eprintln!("a decision takes more than {BOUND_NANOSECONDS} ns");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
