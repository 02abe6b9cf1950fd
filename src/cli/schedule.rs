//! `daybrief schedule`: when things are due.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use super::{print, print_json};
use crate::{
    domain::{
        calendar::{Calendar, DayName},
        schedule::OnDayOff,
    },
    error::Problem,
    ids::CalendarId,
    schedule::{
        due::{Due, Note, Timetable},
        rule::Rule,
    },
};

/// `schedule …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The next due times of a rule, with what the clock change and the calendar do to them.
    Next(Next),
}

/// `schedule next …`
#[derive(Debug, Args)]
pub struct Next {
    /// Cron of five fields, or words such as "weekdays at 07:00".
    #[arg(long, value_name = "EXPR")]
    cron: String,
    /// IANA zone.
    #[arg(long, value_name = "ZONE")]
    tz: String,
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
pub fn run(command: &Command, json: bool) -> Result<(), Problem> {
    let Command::Next(next) = command;
    next_of_rule(next, &next.cron, &next.tz, Timestamp::now(), json)
}
