//! `daybrief schedule`: when things are due.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use super::{
    instant, local, one, open, print, print_json, print_json_list, schedule_send, seconds,
    settings_if_there, to_stderr, unknown,
};
use crate::{
    app::App,
    audit::{Act, Entry, Outcome},
    domain::{
        calendar::{Calendar, DayName},
        run::{Run, RunState},
        schedule::{OnDayOff, Schedule},
    },
    error::{Problem, Problems},
    ids::{CalendarId, ScheduleId},
    provision::Objects,
    run::audiences,
    schedule::{
        due::{Due, Note, Timetable},
        rule::Rule,
        ticker,
    },
    store::{Kind, Stored},
    text_file, zones,
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
    /// Makes and delivers a schedule's briefs now, to all its recipients, and tells what became of each.
    Send(schedule_send::Send),
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
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
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
    let zone = zones::get(zone).map_err(|unknown| Problem::from(unknown).at("--tz"))?;
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
    )?;
    note(&rule, json);
    Ok(())
}

/// Says what a rule does that its words do not; beside the output where that is for machines.
fn note(rule: &Rule, json: bool) {
    for surprise in rule.surprises() {
        let line = format!("note: {surprise}");
        if json {
            to_stderr(&line);
        } else {
            print(&line);
        }
    }
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
    let text = text_file::read_or_tell(path)?;
    if text.trim_start().starts_with("BEGIN:VCALENDAR") {
        return Err(problem("is an iCalendar file".to_owned()).advise(
            "write the days off as lines of `YYYY-MM-DD name`, or as a `[calendar]` in TOML",
        ));
    }
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
        Command::Send(command) => return schedule_send::run(command, config, json).await,
    }
    Ok(0)
}

async fn next_due(next: &Next, config: &Path, json: bool) -> Result<(), Problems> {
    let now = Timestamp::now();
    if let (Some(cron), Some(zone)) = (&next.cron, &next.tz) {
        if let Some(settings) = settings_if_there(config)? {
            zones::choose(settings.instance.zone_data);
        }
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
    if let Some(times) = times.first() {
        note(times.timetable().rule, json);
    } else if !json {
        print("not due: it is paused, or nobody gets it");
    }
    Ok(())
}

/// A schedule in force, with all objects.
pub(super) async fn find(
    app: &App,
    id: &ScheduleId,
) -> Result<(Stored<Schedule>, Objects), Problems> {
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
            one(unknown("schedule", id.as_str(), known))
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
    let mut lines = Vec::new();
    for stored in &schedules {
        let schedule = &stored.object;
        let defaults = &parts.company.defaults;
        let times = ticker::times(stored, &objects, &parts.store, defaults)
            .await
            .map_err(fail)?;
        let next = match &times {
            Ok(times) => times
                .iter()
                .filter_map(|times| Some((times.after(now)?.due, times.zone())))
                .min_by_key(|(due, _)| *due),
            Err(_) => None,
        };
        let mut last: Option<(Timestamp, String, String)> = None;
        for audience in audiences(schedule, &objects, defaults) {
            let runs = parts
                .store
                .runs()
                .earlier(&schedule.briefing, &audience, Timestamp::MAX)
                .await
                .map_err(fail)?;
            let of_audience = runs
                .iter()
                .find(|run| run.schedule.as_ref() == Some(&schedule.id))
                .map(|run| (run.due, outcome(run), audience.zone.clone()));
            last = last.max(of_audience);
        }
        let paused = schedule.paused
            || parts
                .store
                .objects()
                .pause_of(&schedule.id)
                .await
                .map_err(fail)?
                .is_some_and(|pause| pause.paused);
        let notes: Vec<String> = Rule::parse(&schedule.when)
            .map(|rule| rule.surprises().iter().map(ToString::to_string).collect())
            .unwrap_or_default();
        if json {
            lines.push(json!({
                "notes": notes,
                "id": schedule.id, "briefing": schedule.briefing, "when": schedule.when, "zone": schedule.zone, "paused": paused,
                "next": next.as_ref().map(|(due, _)| seconds(*due)),
                "last": last.as_ref().map(|(due, outcome, _)| json!({ "due": seconds(*due), "outcome": outcome })),
                "problem": times.err().map(|problem| problem.to_string()),
            }));
            continue;
        }
        let next = match (&times, paused, next) {
            (Err(problem), ..) => problem.to_string(),
            (_, true, _) => "paused".to_owned(),
            (.., Some((due, zone))) => local(due, zone),
            (Ok(times), ..) if times.is_empty() => "nobody gets it".to_owned(),
            _ => "its rule names no day to come".to_owned(),
        };
        let last = match &last {
            None => "never".to_owned(),
            Some((due, outcome, zone)) => {
                let zone = zones::get(zone).unwrap_or(TimeZone::UTC);
                format!("{}: {outcome}", local(*due, &zone))
            }
        };
        let zone = match schedule.zone.as_str() {
            "recipient" => "each recipient's own zone",
            zone => zone,
        };
        print(&format!("{}: {}, {zone}", schedule.id, schedule.when));
        print(&format!("    next  {next}"));
        print(&format!("    last  {last}"));
        for note in notes {
            print(&format!("    note  {note}"));
        }
    }
    if json {
        print_json_list(&lines);
    } else if schedules.is_empty() {
        print("there is no schedule");
    }
    Ok(())
}

/// What became of a run, in a few words.
pub(super) fn outcome(run: &Run) -> String {
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
