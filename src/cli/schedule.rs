//! `daybrief schedule`: when things are due.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, Subcommand};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use tokio_util::sync::CancellationToken;

use super::{one, open, print, print_json};
use crate::{
    app::App,
    audit::{Act, Entry, Outcome},
    domain::{
        calendar::{Calendar, DayName},
        run::{Run, RunState},
        schedule::{OnDayOff, Schedule},
    },
    error::{Problem, Problems},
    ids::{CalendarId, RunId, ScheduleId},
    provision::Objects,
    run::{Worker, audiences},
    schedule::{
        due::{Due, Note, Timetable},
        rule::Rule,
        ticker,
    },
    store::{Kind, Stored},
};

/// `schedule …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Every schedule: when it is due next, and what became of its last run.
    List,
    /// The next due times of a schedule or of a rule, with what the clock change and the calendar do to them.
    Next(Next),
    /// Has a schedule rest until it is resumed.
    Pause { schedule: ScheduleId },
    /// Lets a paused schedule go on, from now.
    Resume { schedule: ScheduleId },
    /// Makes and delivers a schedule's briefs now, to all its recipients. The next due one goes on from the last due one.
    Send { schedule: ScheduleId },
}

/// `schedule next …`
#[derive(Debug, Args)]
pub struct Next {
    /// A schedule in force.
    #[arg(conflicts_with = "cron", required_unless_present = "cron")]
    schedule: Option<ScheduleId>,
    /// Cron of five fields, or words such as "weekdays at 07:00".
    #[arg(long, value_name = "EXPR", requires = "tz")]
    cron: Option<String>,
    /// IANA zone.
    #[arg(long, value_name = "ZONE", requires = "cron")]
    tz: Option<String>,
    /// Begin after this instant (RFC 3339); now without it.
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    count: u16,
    /// A calendar: TOML as in the objects' folder, or lines of `YYYY-MM-DD name` with the days off.
    #[arg(long, value_name = "FILE")]
    calendar: Option<PathBuf>,
    /// What a day off does to a due time.
    #[arg(long, value_enum, default_value = "next-working-day")]
    on_day_off: DayOff,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum DayOff {
    Skip,
    NextWorkingDay,
    Send,
}

impl From<DayOff> for OnDayOff {
    fn from(day_off: DayOff) -> Self {
        match day_off {
            DayOff::Skip => Self::Skip,
            DayOff::NextWorkingDay => Self::NextWorkingDay,
            DayOff::Send => Self::Send,
        }
    }
}

/// Runs `schedule next`.
fn next_of_rule(
    command: &Next,
    cron: &str,
    zone: &str,
    now: Timestamp,
    json: bool,
) -> Result<(), Problem> {
    let rule = Rule::parse(cron)
        .map_err(|error| Problem::new("bad-rule", error.to_string()).at("--cron"))?;
    let zone = zone_of(zone).map_err(|problem| problem.at("--tz"))?;
    let calendar = command.calendar.as_deref().map(read_calendar).transpose()?;
    let timetable = Timetable {
        rule: &rule,
        zone: &zone,
        calendar: calendar.as_ref(),
        on_day_off: command.on_day_off.into(),
    };
    show(
        timetable
            .after(command.from.unwrap_or(now))
            .take(command.count.into()),
        &zone,
        json,
    )
}

/// The zone of an IANA name.
fn zone_of(name: &str) -> Result<TimeZone, Problem> {
    TimeZone::get(name).map_err(|_| {
        Problem::new("unknown-zone", format!("there is no time zone `{name}`"))
            .advise("use a name of the IANA database, such as Europe/Zurich")
    })
}

/// Prints due times, a line each.
fn show(due: impl Iterator<Item = Due>, zone: &TimeZone, json: bool) -> Result<(), Problem> {
    let mut any = false;
    for due in due {
        any = true;
        if json {
            print_json(
                &json!({ "due": due.due.to_string(), "local": due.local.to_string(), "note": due.note }),
            );
        } else {
            let offset = zone.to_offset(due.due);
            let local = due.local.strftime("%a %d %b %Y %H:%M");
            let note = match due.note {
                None => "",
                Some(Note::SkippedTime) => {
                    "   the clock jumps over its time: due at the first instant after"
                }
                Some(Note::RepeatedTime) => "   the clock shows its time twice: due the first time",
                Some(Note::MovedByCalendar) => "   moved here from a day off",
            };
            print(&format!("{local} {offset}   {}{note}", due.due));
        }
    }
    if any {
        return Ok(());
    }
    Err(
        Problem::new("never-due", "this is never due in the next 41 years")
            .advise("check day, month and calendar"),
    )
}

/// Reads a calendar file: TOML (`[calendar]`, or its keys at the top), or lines of `YYYY-MM-DD name`. The lines name
/// days off alone: every other day is worked, weekends too.
fn read_calendar(path: &Path) -> Result<Calendar, Problem> {
    let place = path.display().to_string();
    let problem = |what: String| Problem::new("bad-calendar", what).at(place.clone());
    let text = std::fs::read_to_string(path)
        .map_err(|error| problem(format!("cannot be read: {error}")))?;
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let is_list = lines
        .iter()
        .all(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    if is_list {
        let mut calendar = Calendar {
            id: CalendarId::new("file").map_err(|error| problem(error.to_string()))?,
            title: place.clone(),
            working_days: vec![
                DayName::Mon,
                DayName::Tue,
                DayName::Wed,
                DayName::Thu,
                DayName::Fri,
                DayName::Sat,
                DayName::Sun,
            ],
            holidays: Default::default(),
        };
        for line in lines {
            let (date, name) = line.split_once([' ', '\t', ',']).unwrap_or((line, ""));
            let date = date
                .parse()
                .map_err(|_| problem(format!("`{date}` is no date (YYYY-MM-DD)")))?;
            calendar.holidays.insert(date, name.trim().to_owned());
        }
        return Ok(calendar);
    }
    let mut table: toml::Table =
        toml::from_str(&text).map_err(|error| problem(error.to_string()))?;
    let mut calendar = match table.remove("calendar") {
        Some(toml::Value::Table(calendar)) => calendar,
        Some(_) => return Err(problem("`calendar` is no table".to_owned())),
        None => table,
    };
    calendar
        .entry("id")
        .or_insert_with(|| toml::Value::String("file".to_owned()));
    calendar
        .try_into()
        .map_err(|error: toml::de::Error| problem(error.to_string()))
}

/// Runs `schedule …`.
pub async fn run(command: &Command, config: &Path, json: bool) -> Result<u8, Problems> {
    match command {
        Command::Next(next) => next_due(next, config, json).await?,
        Command::List => list(config, json).await?,
        Command::Pause { schedule } => pause(schedule, config, true, json).await?,
        Command::Resume { schedule } => pause(schedule, config, false, json).await?,
        Command::Send { schedule } => return send(schedule, config, json).await,
    }
    Ok(0)
}

async fn next_due(next: &Next, config: &Path, json: bool) -> Result<(), Problems> {
    let now = Timestamp::now();
    if let (Some(cron), Some(zone)) = (&next.cron, &next.tz) {
        return next_of_rule(next, cron, zone, now, json).map_err(one);
    }
    let Some(id) = &next.schedule else {
        return Err(one(Problem::new(
            "usage",
            "name a schedule, or give --cron and --tz",
        )));
    };
    let app = open(config).await?;
    let (stored, objects) = find(&app, id).await?;
    let defaults = &app.parts.company.defaults;
    let times = ticker::times(&stored, &objects, &app.parts.store, defaults)
        .await
        .map_err(|error| one(error.into()))?
        .map_err(one)?;
    let mut zones: Vec<String> = Vec::new();
    for times in &times {
        let zone = times.zone().iana_name().unwrap_or_default().to_owned();
        if zones.contains(&zone) {
            continue;
        }
        if !json && times.schedule.zone == "recipient" {
            print(&format!("{zone}:"));
        }
        let from = next.from.unwrap_or(now);
        show(
            times.timetable().after(from).take(next.count.into()),
            times.zone(),
            json,
        )
        .map_err(one)?;
        zones.push(zone);
    }
    if times.is_empty() && !json {
        print("not due: it is paused, or nobody gets it");
    }
    Ok(())
}

/// A schedule in force, with all objects.
async fn find(app: &App, id: &ScheduleId) -> Result<(Stored<Schedule>, Objects), Problems> {
    let fail = |error: crate::store::StoreError| one(error.into());
    let objects = app.parts.objects().await.map_err(fail)?;
    let stored = app
        .parts
        .store
        .objects()
        .get::<Schedule>(Kind::Schedule, id.as_str())
        .await
        .map_err(fail)?;
    stored
        .map(|stored| (stored, objects.clone()))
        .ok_or_else(|| {
            let known: Vec<&str> = objects
                .schedules
                .iter()
                .map(|schedule| schedule.id.as_str())
                .collect();
            one(
                Problem::new("unknown-schedule", format!("there is no schedule `{id}`"))
                    .advise(format!("there are: {}", known.join(", "))),
            )
        })
}

/// Every schedule: when it is due next, and what became of its last run.
async fn list(config: &Path, json: bool) -> Result<(), Problems> {
    let app = open(config).await?;
    let parts = &app.parts;
    let fail = |error: crate::store::StoreError| one(error.into());
    let (objects, now) = (parts.objects().await.map_err(fail)?, parts.clock.now());
    let schedules = parts
        .store
        .objects()
        .all::<Schedule>(Kind::Schedule)
        .await
        .map_err(fail)?;
    for stored in &schedules {
        let schedule = &stored.object;
        let defaults = &parts.company.defaults;
        let times = ticker::times(stored, &objects, &parts.store, defaults)
            .await
            .map_err(fail)?;
        let next = match &times {
            Ok(times) => times
                .iter()
                .filter_map(|times| times.after(now))
                .min_by_key(|due| due.due),
            Err(_) => None,
        };
        let mut last: Vec<(Timestamp, String)> = Vec::new();
        for audience in audiences(schedule, &objects, defaults) {
            let runs = parts
                .store
                .runs()
                .earlier(&schedule.briefing, &audience, Timestamp::MAX)
                .await
                .map_err(fail)?;
            last.extend(
                runs.iter()
                    .find(|run| run.schedule.as_ref() == Some(&schedule.id))
                    .map(|run| (run.due, outcome(run))),
            );
        }
        let last = last.into_iter().max();
        let paused = schedule.paused
            || parts
                .store
                .objects()
                .pause_of(&schedule.id)
                .await
                .map_err(fail)?
                .is_some_and(|pause| pause.paused);
        if json {
            print_json(&json!({
                "id": schedule.id, "briefing": schedule.briefing, "when": schedule.when, "zone": schedule.zone, "paused": paused,
                "next": next.as_ref().map(|due| due.due.to_string()),
                "last": last.as_ref().map(|(due, outcome)| json!({ "due": due.to_string(), "outcome": outcome })),
                "problem": times.err().map(|problem| problem.to_string()),
            }));
            continue;
        }
        let next = match (&times, paused, next) {
            (Err(problem), ..) => problem.to_string(),
            (_, true, _) => "paused".to_owned(),
            (.., Some(due)) => format!(
                "next {} ({})",
                due.local.strftime("%a %d %b %H:%M"),
                due.due
            ),
            _ => "nobody gets it".to_owned(),
        };
        let last = last.map_or("never run".to_owned(), |(due, outcome)| {
            format!("last {due}: {outcome}")
        });
        print(&format!(
            "{}: {}, {} · {next} · {last}",
            schedule.id, schedule.when, schedule.zone
        ));
    }
    Ok(())
}

/// What became of a run, in a few words.
fn outcome(run: &Run) -> String {
    match &run.state {
        RunState::Done {
            delivered, total, ..
        } => format!("{delivered} of {total} delivered"),
        RunState::Quiet { .. } => "quiet, skipped".to_owned(),
        RunState::Failed { problem } => format!("failed: {}", problem.what),
        state => state.name().to_owned(),
    }
}

async fn pause(id: &ScheduleId, config: &Path, paused: bool, json: bool) -> Result<(), Problems> {
    let app = open(config).await?;
    find(&app, id).await?;
    let now = app.parts.clock.now();
    let done = async {
        app.parts
            .audit
            .write(&[Entry {
                at: now,
                act: Act::ObjectChange,
                user: None,
                role: None,
                surface: "cli".to_owned(),
                on: format!("schedule/{id}"),
                outcome: Outcome::Allowed,
                why: String::new(),
                detail: if paused { "pause" } else { "resume" }.to_owned(),
            }])
            .await?;
        app.parts.store.objects().pause(id, paused, now).await
    };
    done.await.map_err(|error| one(error.into()))?;
    if json {
        print_json(&json!({ "id": id, "paused": paused }));
    } else if paused {
        print(&format!(
            "{id} is paused: nothing is due until it is resumed"
        ));
    } else {
        print(&format!(
            "{id} goes on: due from now, nothing is made up for"
        ));
    }
    Ok(())
}

/// Makes and delivers a schedule's briefs now, to all its recipients.
async fn send(id: &ScheduleId, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    let (stored, objects) = find(&app, id).await?;
    let fail = |error: crate::store::StoreError| one(error.into());
    let (now, schedule) = (app.parts.clock.now(), &stored.object);
    let expires = now
        .checked_add(jiff::SignedDuration::from_mins(
            schedule.expires_after_minutes.into(),
        ))
        .unwrap_or(Timestamp::MAX);
    let mut runs = Vec::new();
    for audience in audiences(schedule, &objects, &app.parts.company.defaults) {
        let run = Run {
            id: RunId::of(&format!("{id}/sent by hand"), now, &audience),
            schedule: Some(schedule.id.clone()),
            briefing: schedule.briefing.clone(),
            audience,
            due: now,
            expires,
            missed: Vec::new(),
            by_hand: true,
            state: RunState::Due,
        };
        app.parts
            .store
            .runs()
            .create(&run, now)
            .await
            .map_err(fail)?;
        runs.push(run.id);
    }
    let worker = Worker::new(app.parts.clone(), CancellationToken::new(), Arc::new(()));
    worker.drain().await.map_err(fail)?;
    app.shutdown().await;
    let mut whole = true;
    for id in &runs {
        let Some(run) = app.parts.store.runs().get(id).await.map_err(fail)? else {
            continue;
        };
        whole &= matches!(&run.state, RunState::Done { delivered, total, .. } if delivered == total)
            || matches!(run.state, RunState::Quiet { .. });
        let subject = run.state.brief().map(|brief| brief.subject.as_str());
        if json {
            print_json(
                &json!({ "run": id, "audience": run.audience.key(), "outcome": outcome(&run), "subject": subject }),
            );
        } else {
            print(&format!(
                "{}: {} · {}",
                run.audience.key(),
                outcome(&run),
                subject.unwrap_or_default()
            ));
        }
    }
    if runs.is_empty() {
        return Err(one(Problem::new(
            "nobody",
            "nobody gets this schedule's briefs",
        )
        .advise(
            "look at its recipients, their roles and addresses with `daybrief check`",
        )));
    }
    Ok(if whole { 0 } else { 3 })
}
