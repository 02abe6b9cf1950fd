//! The sample company: nine sources in SQLite files with dates relative to the present, each behind a real connector. They
//! are laid out as they were on the working day before; what changed since then follows, so that today's brief can be
//! held against an earlier one as on any other morning.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use include_dir::{Dir, include_dir};
use jiff::{Timestamp, ToSpan, ZonedDateTime, civil::Weekday, tz::TimeZone};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{
    access::Surface,
    app::App,
    domain::{
        brief::Brief,
        briefing::Briefing,
        connector::{Connector, ConnectorLimits, Launch, ToolClass},
        people::{User, UserState},
        run::{Run, RunState},
        schedule::{ChannelKind, OnDayOff, Recipient, Schedule},
    },
    error::Problem,
    gather::Progress,
    guard::Cleared,
    ids::{ConnectorId, RoleId, ScheduleId, UserId},
    provision::Objects,
    run::{Occasion, audiences},
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

/// The sample company as it was laid out.
pub struct Company {
    pub objects: Objects,
    /// A source's file, and what changed in it since the morning before.
    changes: Vec<(PathBuf, String)>,
}

impl Company {
    /// Brings the sources from the morning before to the present.
    pub async fn go_on(&self) -> Result<(), Problem> {
        for (database, changes) in &self.changes {
            execute(database, changes).await?;
        }
        Ok(())
    }
}

/// The same time of day on the last day before `now` that is no Saturday or Sunday, by the clocks of `zone`.
pub fn morning_before(now: Timestamp, zone: &TimeZone) -> Timestamp {
    let local = ZonedDateTime::new(now, zone.clone());
    (1_i64..=3)
        .filter_map(|days| local.checked_sub(days.days()).ok())
        .find(|day| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday))
        .map_or(now, |day| day.timestamp())
}

/// Makes a briefing's brief as due at `due` and held against the one `before`, and keeps it: the daemon's next brief goes on
/// from it. With it, how many findings there were.
pub async fn make(
    app: &App,
    objects: &Objects,
    briefing: &Briefing,
    due: Timestamp,
    before: Option<&Brief>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Cleared<Brief>, usize), Problem> {
    let nobody = || {
        Problem::new("demo", "nobody gets this briefing").at(format!("briefing `{}`", briefing.id))
    };
    let schedule = objects
        .schedules
        .iter()
        .find(|schedule| schedule.briefing == briefing.id)
        .ok_or_else(nobody)?;
    let audience = audiences(schedule, objects, &app.parts.company.defaults)
        .into_iter()
        .next()
        .ok_or_else(nobody)?;
    let id = app
        .parts
        .run_ids
        .of(&format!("{}/demo", schedule.id), due, &audience);
    let occasion = Occasion {
        run: id.clone(),
        calendar: None,
        surface: Surface::CommandLine,
        schedule: None,
        role: &audience.role,
        zone: &audience.zone,
        language: audience.language,
        due,
        previous: before.map_or(&[], |brief| brief.marks.as_slice()),
        since: before.map(|brief| brief.due),
        earlier: &[],
    };
    let made = app
        .parts
        .maker
        .make(objects, briefing, &occasion, progress)
        .await?;
    let run = Run {
        id,
        schedule: Some(schedule.id.clone()),
        briefing: briefing.id.clone(),
        audience,
        due,
        expires: due,
        missed: Vec::new(),
        by_hand: false,
        state: RunState::Done {
            brief: Box::new(made.brief.clone()),
            delivered: 1,
            total: 1,
        },
    };
    app.parts.store.runs().keep(&run).await?;
    let cleared = app.parts.guard(objects).clear(made.brief);
    Ok((cleared, made.findings.len()))
}

/// Runs a script over a source's file.
async fn execute(database: &Path, script: &str) -> Result<(), Problem> {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(true)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Off);
    let made = async {
        let mut session = SqliteConnection::connect_with(&options).await?;
        // In one transaction, so that a connector sees all of it or nothing.
        let script = format!("begin;\n{script}\ncommit;");
        session.execute(AssertSqlSafe(script)).await?;
        session.close().await
    };
    made.await.map_err(|error: sqlx::Error| {
        Problem::new("demo", format!("the source cannot be made: {error}"))
            .at(database.display().to_string())
    })
}

/// Lays the company out below `folder` as it was on the morning before `now`, with its connectors, people and schedules
/// beside the shipped roles and briefings.
pub async fn lay_out(
    folder: &Path,
    now: Timestamp,
    mut objects: Objects,
) -> Result<Company, Problem> {
    let local = TimeZone::UTC.to_datetime(now);
    let (instant, today) = (
        local.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        local.date().to_string(),
    );
    let mut changes = Vec::new();
    for (id, title) in SOURCES {
        let problem = |what: String| Problem::new("demo", what).at(folder.display().to_string());
        let file = |name: String| {
            COMPANY
                .get_file(&name)
                .and_then(|file| file.contents_utf8())
                .map(str::to_owned)
        };
        let dated = |script: String| script.replace("{now}", &instant).replace("{today}", &today);
        let (Some(script), Some(since), Some(queries)) = (
            file(format!("{id}.sql")),
            file(format!("{id}.today.sql")),
            file(format!("{id}.toml")),
        ) else {
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
        execute(&database, &dated(script)).await?;
        changes.push((database.clone(), dated(since)));
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
            links: BTreeMap::new(),
            outside: false,
            hidden_characters: Vec::new(),
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
    Ok(Company { objects, changes })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_morning_before_is_a_working_day_at_the_same_local_time() {
        let zone = crate::zones::get("Europe/Berlin").unwrap();
        let before = |now: &str| morning_before(now.parse().unwrap(), &zone).to_string();
        assert_eq!(before("2026-11-25T06:10:00Z"), "2026-11-24T06:10:00Z");
        for weekend_or_monday in ["2026-11-28", "2026-11-29", "2026-11-30"] {
            let now = format!("{weekend_or_monday}T06:10:00Z");
            assert_eq!(before(&now), "2026-11-27T06:10:00Z");
        }
        // The clocks went back on Sunday 25 October.
        assert_eq!(before("2026-10-26T06:10:00Z"), "2026-10-23T05:10:00Z");
    }
}
