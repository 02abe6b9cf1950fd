//! The sample company: nine sources in SQLite files with dates relative to the present, each behind a real connector.

use std::{collections::BTreeMap, path::Path};

use include_dir::{Dir, include_dir};
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{
    domain::{
        connector::{Connector, ConnectorLimits, Launch, ToolClass},
        people::{Grant, Role},
    },
    error::Problem,
    ids::{ConnectorId, RoleId},
    provision::Objects,
};

static COMPANY: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/demo/company");

/// Source → what its readers call it.
const SOURCES: [(&str, &str); 9] = [
    ("tracker", "Issue tracker"),
    ("code", "Code"),
    ("errors", "Errors"),
    ("oncall", "On-call"),
    ("people", "People"),
    ("crm", "CRM"),
    ("billing", "Billing"),
    ("ledger", "Ledger"),
    ("support", "Support"),
];

/// Role → title and the sources that it may read.
const ROLES: [(&str, &str, &[&str]); 4] = [
    (
        "vp-engineering",
        "VP Engineering",
        &["tracker", "code", "errors", "oncall", "people"],
    ),
    ("vp-sales", "VP Sales", &["crm", "support"]),
    ("finance", "Finance", &["billing", "ledger"]),
    (
        "ceo",
        "CEO",
        &["crm", "support", "ledger", "tracker", "oncall", "people"],
    ),
];

/// Lays the company out below `folder` and gives its connectors and roles beside the shipped briefings.
pub async fn lay_out(
    folder: &Path,
    now: Timestamp,
    mut objects: Objects,
) -> Result<Objects, Problem> {
    let zone = jiff::tz::TimeZone::UTC;
    let local = zone.to_datetime(now);
    let (instant, today) = (
        local.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        local.date().to_string(),
    );
    for (id, title) in SOURCES {
        let problem = |what: String| Problem::new("demo", what).at(folder.display().to_string());
        let file = |name: String| {
            COMPANY
                .get_file(&name)
                .and_then(|file| file.contents_utf8())
                .map(str::to_owned)
        };
        let (Some(script), Some(queries)) = (file(format!("{id}.sql")), file(format!("{id}.toml")))
        else {
            return Err(problem(format!("the source `{id}` is incomplete")));
        };
        let (database, named) = (
            folder.join(format!("{id}.db")),
            folder.join(format!("{id}.toml")),
        );
        if let Err(error) = std::fs::remove_file(&database)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(problem(format!(
                "the file of `{id}` cannot be replaced: {error}"
            )));
        }
        let script = script.replace("{now}", &instant).replace("{today}", &today);
        let options = SqliteConnectOptions::new()
            .filename(&database)
            .create_if_missing(true)
            .synchronous(sqlx::sqlite::SqliteSynchronous::Off);
        let made = async {
            let mut session = SqliteConnection::connect_with(&options).await?;
            session.execute(AssertSqlSafe(script)).await?;
            session.close().await
        };
        made.await.map_err(|error: sqlx::Error| {
            problem(format!("the source `{id}` cannot be made: {error}"))
        })?;
        std::fs::write(&named, queries)
            .map_err(|error| problem(format!("cannot be written: {error}")))?;
        let name = |error: crate::ids::BadName| problem(error.to_string());
        objects.connectors.push(Connector {
            id: ConnectorId::new(id).map_err(name)?,
            title: title.to_owned(),
            launch: Launch::Process {
                command: ["daybrief", "connector", "sql", "--dsn"]
                    .map(str::to_owned)
                    .into_iter()
                    .chain([
                        database.display().to_string(),
                        "--queries".to_owned(),
                        named.display().to_string(),
                    ])
                    .collect(),
                env: BTreeMap::new(),
                folder: None,
            },
            tools: BTreeMap::from([
                ("query".to_owned(), ToolClass::Read),
                ("list_queries".to_owned(), ToolClass::Read),
            ]),
            limits: ConnectorLimits::default(),
            local_only: false,
            blind: false,
            link_hosts: vec!["acme.example".to_owned()],
        });
    }
    for (id, title, sources) in ROLES {
        let name = |error: crate::ids::BadName| Problem::new("demo", error.to_string());
        let mut grants = Vec::new();
        for source in sources {
            grants.push(Grant {
                connector: ConnectorId::new(*source).map_err(name)?,
                tools: vec!["query".to_owned(), "list_queries".to_owned()],
                actions: Vec::new(),
                deny: Vec::new(),
            });
        }
        objects.roles.push(Role {
            id: RoleId::new(id).map_err(name)?,
            title: title.to_owned(),
            prompt: String::new(),
            grants,
            models: Vec::new(),
            monthly_tokens: 0,
            blind: false,
        });
    }
    Ok(objects)
}
