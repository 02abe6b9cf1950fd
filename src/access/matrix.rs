//! The shipped roles against the sources of the sample company: who may read and act, and where. What is expected is
//! written by hand in `tests/data/access-matrix.csv`.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::domain::place::Place;

/// Source, and the query that is asked of it.
const SOURCES: [(&str, &str); 9] = [
    ("tracker", "releases"),
    ("code", "open_requests"),
    ("errors", "recent_errors"),
    ("oncall", "incidents"),
    ("people", "leave"),
    ("crm", "accounts"),
    ("billing", "disputes"),
    ("ledger", "cash"),
    ("support", "urgent_tickets"),
];

/// The roles as they stand in their files.
fn shipped() -> Vec<Role> {
    #[derive(serde::Deserialize)]
    struct File {
        role: Role,
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/roles");
    let files = std::fs::read_dir(folder).unwrap();
    let read = |path| std::fs::read_to_string(path).unwrap();
    files
        .map(|file| read(file.unwrap().path()))
        .map(|text| toml::from_str::<File>(&text).unwrap().role)
        .collect()
}

/// A source with something to read, an action, and tools that no shipped role may touch.
fn connector(id: &str) -> Connector {
    toml::from_str(&format!(
        "id = '{id}'\ntitle = 'T'\ncommand = ['x']\n[tools]\nquery = 'read'\nselect = 'read'\n\
         add_comment = 'action'\ndelete_record = 'action'\nupdate_record = 'action'"
    ))
    .unwrap()
}

#[derive(Debug, serde::Deserialize)]
struct Row {
    role: String,
    connector: String,
    class: String,
    web: String,
    slack_direct: String,
    slack_member_channel: String,
    email: String,
    schedule: String,
}

fn rows() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/access-matrix.csv");
    csv::Reader::from_path(path)
        .unwrap()
        .deserialize()
        .collect::<Result<_, _>>()
        .unwrap()
}

fn said(decision: &Decision) -> &'static str {
    match (decision.allowed, decision.only_alone) {
        (true, _) => "allowed",
        (false, true) => "alone",
        (false, false) => "denied",
    }
}

#[test]
fn the_shipped_roles_may_what_the_matrix_says_and_nothing_else() {
    let roles = shipped();
    let places: [Place; 1] =
        [toml::from_str("id = 'all'\nsurface = 'slack'\nchannel = 'C1'\nas = 'member'").unwrap()];
    let (mut covered, mut wrong) = (BTreeSet::new(), Vec::new());
    for row in rows() {
        let role = roles
            .iter()
            .find(|role| role.id.as_str() == row.role)
            .unwrap_or_else(|| panic!("no role {}", row.role));
        let (_, query) = SOURCES
            .iter()
            .find(|(id, _)| *id == row.connector)
            .unwrap_or_else(|| panic!("no source {}", row.connector));
        let tool = match row.class.as_str() {
            "read" => "query",
            "action" => "add_comment",
            other => panic!("no class {other}"),
        };
        let args = json!({ "name": query });
        for (surface, channel, column, expected) in [
            (Surface::Web, None, "web", &row.web),
            (Surface::Slack, None, "slack_direct", &row.slack_direct),
            (
                Surface::Slack,
                Some("C1"),
                "slack_member_channel",
                &row.slack_member_channel,
            ),
            (Surface::Email, None, "email", &row.email),
            (Surface::Schedule, None, "schedule", &row.schedule),
        ] {
            let decision = decide(&Request {
                role,
                clearance: clearance(surface, channel, &places, &roles),
                connector: &connector(&row.connector),
                tool,
                args: args.as_object().unwrap(),
                surface,
            });
            if said(&decision) != expected {
                wrong.push(format!(
                    "{} {} {} {column}: expected {expected}, {decision:?}",
                    row.role, row.connector, row.class
                ));
            }
        }
        covered.insert((row.role, row.connector, row.class));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        covered.len(),
        roles.len() * SOURCES.len() * 2,
        "a row for each role, source and class"
    );
    assert_eq!(roles.len(), 7);
}

#[test]
fn no_shipped_role_may_send_sql_delete_or_change_records() {
    for role in shipped() {
        for (source, _) in SOURCES {
            for tool in ["select", "delete_record", "update_record", "unheard_of"] {
                let connector = connector(source);
                let request = Request {
                    role: &role,
                    clearance: Clearance::Alone,
                    connector: &connector,
                    tool,
                    args: &Map::new(),
                    surface: Surface::Web,
                };
                assert!(!decide(&request).allowed, "{} {source}/{tool}", role.id);
                assert!(!decide_approval(&request).allowed);
            }
        }
    }
}

#[test]
fn roles_that_see_part_of_a_source_see_that_part_alone() {
    let roles = shipped();
    for (role, source, query, allowed) in [
        ("support", "crm", "accounts", true),
        ("support", "crm", "renewals", true),
        ("support", "crm", "quarter", false),
        ("support", "crm", "open_opportunities", false),
        ("operations", "people", "leave", true),
        ("operations", "people", "departures", false),
        ("vp-engineering", "people", "leave", true),
    ] {
        let role = roles
            .iter()
            .find(|known| known.id.as_str() == role)
            .unwrap();
        let decision = decide(&Request {
            role,
            clearance: Clearance::Alone,
            connector: &connector(source),
            tool: "query",
            args: json!({ "name": query }).as_object().unwrap(),
            surface: Surface::Web,
        });
        assert_eq!(decision.allowed, allowed, "{} {source} {query}", role.id);
    }
}
