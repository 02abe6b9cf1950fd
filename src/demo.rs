//! The sample company: nine sources in SQLite files with dates relative to the present, each behind a real connector.

use std::{collections::BTreeMap, path::Path};

use include_dir::{Dir, include_dir};
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{
    domain::{
        connector::{Connector, ConnectorLimits, Launch, ToolClass},
        people::{User, UserState},
        schedule::{ChannelKind, OnDayOff, Recipient, Schedule},
    },
    error::Problem,
    ids::{ConnectorId, RoleId, ScheduleId, UserId},
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

/// What the sample company is called.
pub const COMPANY_NAME: &str = "Acme (sample)";

/// Its people: id, name, role.
const PEOPLE: [(&str, &str, &str); 4] = [
    ("mara", "Mara Keller", "vp-engineering"),
    ("lena", "Lena Vogt", "vp-sales"),
    ("tariq", "Tariq Aziz", "finance"),
    ("ines", "Ines Moreau", "ceo"),
];

/// Lays the company out below `folder` and gives its connectors, people and schedules beside the shipped roles
/// and briefings.
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
    for (id, person, role) in PEOPLE {
        let name = |error: crate::ids::BadName| Problem::new("demo", error.to_string());
        objects.users.push(User {
            id: UserId::new(id).map_err(name)?,
            name: person.to_owned(),
            email: None,
            slack: None,
            roles: vec![RoleId::new(role).map_err(name)?],
            zone: None,
            language: None,
            state: UserState::Active,
            monthly_tokens: None,
        });
    }
    for briefing in &objects.briefings {
        let name = |error: crate::ids::BadName| Problem::new("demo", error.to_string());
        objects.schedules.push(Schedule {
            id: ScheduleId::new(briefing.id.as_str()).map_err(name)?,
            briefing: briefing.id.clone(),
            when: "weekdays at 07:10".to_owned(),
            zone: "recipient".to_owned(),
            calendar: None,
            on_day_off: OnDayOff::default(),
            to: vec![Recipient::Role {
                role: briefing.role.clone(),
                via: vec![ChannelKind::Folder],
            }],
            expires_after_minutes: 240,
            paused: false,
        });
    }
    Ok(objects)
}

/// Writes what an instance over the sample company needs: its settings and its objects as files.
pub fn write_instance(folder: &Path, objects: &Objects, zone: &str) -> Result<(), Problem> {
    let write = |path: &Path, text: &str| {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)
    };
    let problem = |error: std::io::Error| {
        Problem::new("demo", format!("cannot be written: {error}")).at(folder.display().to_string())
    };
    for (kind, id, text) in objects.files() {
        let path = folder.join(format!("objects/{}s/{id}.toml", kind.name()));
        write(&path, &text).map_err(problem)?;
    }
    let settings = format!(
        "# The sample company's instance: `daybrief serve --config {}/daybrief.toml` delivers its briefs every weekday.\n\
         [instance]\nname = \"{COMPANY_NAME}\"\nzone = \"{zone}\"\ndata = \"data\"\nobjects = [\"objects\"]\nadmin = \"mara\"\n\n\
         # Where briefs are delivered. With [email] and [slack] beside it they go there too.\n\
         [folder]\npath = \"delivered\"\n",
        folder.display()
    );
    write(&folder.join("daybrief.toml"), &settings).map_err(problem)
}
