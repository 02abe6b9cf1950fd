//! Due instants: a rule in a zone under a calendar, as instants. Pure; the next one is always computed afresh.
//!
//! Clocks change: a local time that is skipped is due once, at the first instant that exists after it; one that is
//! repeated is due once, the first time round. Both are noted, so that a person can be told beforehand.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, TimeZone},
};
use serde::Serialize;

use super::rule::Rule;
use crate::domain::{calendar::Calendar, schedule::OnDayOff};

/// An instant at which something is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    pub due: Timestamp,
    /// The wall clock at that instant.
    pub local: DateTime,
    pub note: Option<Note>,
}

/// Why a due instant is not where the rule alone would have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// The clock jumps over the local time.
    SkippedTime,
    /// The clock shows the local time twice.
    RepeatedTime,
    /// Its own day is off.
    MovedByCalendar,
}

/// A rule with all that decides when it is due.
#[derive(Debug, Clone)]
pub struct Timetable<'a> {
    pub rule: &'a Rule,
    pub zone: &'a TimeZone,
    pub calendar: Option<&'a Calendar>,
    pub on_day_off: OnDayOff,
}

/// How far ahead a due instant is looked for, in days: longer than the eight years between two 29 February around
/// 2100, for any weekday.
const HORIZON_DAYS: usize = 366 * 41;

/// The longest run of days off that a due instant is moved over, in days.
const LONGEST_DAYS_OFF: i32 = 60;

impl Timetable<'_> {
    /// The due instants after `from`, ascending, each once. Ends where none follows within 41 years.
    pub fn after(&self, from: Timestamp) -> impl Iterator<Item = Due> + '_ {
        // The day before too: its times may be moved to after `from` by a skipped day.
        let first = from.to_zoned_datetime(self.zone.clone()).date();
        let start = first.checked_sub(2.days()).unwrap_or(first);
        let mut last = from;
        start
            .series(1.day())
            .take(HORIZON_DAYS)
            .flat_map(|date| self.on(date))
            .filter(move |due| {
                let later = due.due > last;
                if later {
                    last = due.due;
                }
                later
            })
    }

    /// The latest due instant at or before `at` and after `since`.
    pub fn latest(&self, since: Timestamp, at: Timestamp) -> Option<Due> {
        self.after(since).take_while(|due| due.due <= at).last()
    }

    /// What is due on a local date, ascending.
    fn on(&self, date: Date) -> Vec<Due> {
        let own = self.rule.counts_on(date);
        let (own, moved) = match self.calendar {
            Some(calendar) if self.on_day_off != OnDayOff::Send => {
                let works = calendar.is_working_day(date);
                let moves = works
                    && self.on_day_off == OnDayOff::NextWorkingDay
                    && days_off_before(calendar, date).any(|day_off| self.rule.counts_on(day_off));
                (own && works, moves)
            }
            _ => (own, false),
        };
        if !own && !moved {
            return Vec::new();
        }
        self.rule
            .times()
            .filter_map(|time| {
                let mut due = resolve(date.to_datetime(time), self.zone)?;
                if !own {
                    due.note = due.note.or(Some(Note::MovedByCalendar));
                }
                Some(due)
            })
            .collect()
    }
}

/// The days off that end the day before `date`, latest first.
fn days_off_before(calendar: &Calendar, date: Date) -> impl Iterator<Item = Date> + '_ {
    (1..=LONGEST_DAYS_OFF)
        .map_while(move |days| date.checked_sub(days.days()).ok())
        .take_while(|day| !calendar.is_working_day(*day))
}

/// The instant of a wall-clock time.
fn resolve(local: DateTime, zone: &TimeZone) -> Option<Due> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => {
            let due = ambiguous.unambiguous().ok()?;
            Some(Due {
                due,
                local,
                note: None,
            })
        }
        AmbiguousOffset::Fold { .. } => {
            let due = ambiguous.earlier().ok()?;
            Some(Due {
                due,
                local,
                note: Some(Note::RepeatedTime),
            })
        }
        AmbiguousOffset::Gap { .. } => {
            // With the offset before the change the time lies after the change, at most a day.
            let beyond = ambiguous.later().ok()?;
            let due = zone
                .preceding(beyond.checked_add(1.second()).ok()?)
                .next()?
                .timestamp();
            Some(Due {
                due,
                local: zone.to_datetime(due),
                note: Some(Note::SkippedTime),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::DayName;
    use jiff::civil::date;

    fn next(
        rule: &str,
        zone: &str,
        from: &str,
        count: usize,
    ) -> Vec<(String, String, Option<Note>)> {
        next_with(rule, zone, from, count, None, OnDayOff::Send)
    }

    fn next_with(
        rule: &str,
        zone: &str,
        from: &str,
        count: usize,
        calendar: Option<&Calendar>,
        on_day_off: OnDayOff,
    ) -> Vec<(String, String, Option<Note>)> {
        let rule = Rule::parse(rule).unwrap();
        let zone = crate::zones::get(zone).unwrap();
        let timetable = Timetable {
            rule: &rule,
            zone: &zone,
            calendar,
            on_day_off,
        };
        timetable
            .after(from.parse().unwrap())
            .take(count)
            .map(|due| (due.due.to_string(), due.local.to_string(), due.note))
            .collect()
    }

    fn instants(found: &[(String, String, Option<Note>)]) -> Vec<&str> {
        found.iter().map(|(due, ..)| due.as_str()).collect()
    }

    #[test]
    fn seven_in_berlin_stays_seven_over_both_changes() {
        let spring = next("0 7 * * *", "Europe/Berlin", "2027-03-27T00:00:00Z", 3);
        assert_eq!(
            instants(&spring),
            [
                "2027-03-27T06:00:00Z",
                "2027-03-28T05:00:00Z",
                "2027-03-29T05:00:00Z"
            ]
        );
        let autumn = next("0 7 * * *", "Europe/Berlin", "2027-10-30T00:00:00Z", 3);
        assert_eq!(
            instants(&autumn),
            [
                "2027-10-30T05:00:00Z",
                "2027-10-31T06:00:00Z",
                "2027-11-01T06:00:00Z"
            ]
        );
        assert!(
            spring
                .iter()
                .chain(&autumn)
                .all(|(_, local, note)| local.ends_with("07:00:00") && note.is_none())
        );
    }

    #[test]
    fn a_skipped_local_time_fires_once_at_the_next_valid_instant() {
        let found = next("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", 2);
        assert_eq!(
            found[0],
            (
                "2027-03-28T01:00:00Z".into(),
                "2027-03-28T03:00:00".into(),
                Some(Note::SkippedTime)
            )
        );
        assert_eq!(found[1].0, "2027-03-29T00:30:00Z");
    }

    #[test]
    fn a_repeated_local_time_fires_once_the_first_time_round() {
        let found = next("30 1 * * *", "America/New_York", "2027-11-06T12:00:00Z", 2);
        assert_eq!(
            found[0],
            (
                "2027-11-07T05:30:00Z".into(),
                "2027-11-07T01:30:00".into(),
                Some(Note::RepeatedTime)
            )
        );
        assert_eq!(
            found[1],
            (
                "2027-11-08T06:30:00Z".into(),
                "2027-11-08T01:30:00".into(),
                None
            )
        );
    }

    #[test]
    fn several_skipped_times_are_one() {
        let found = next(
            "0,20,40 2 * * *",
            "Europe/Berlin",
            "2027-03-28T00:00:00Z",
            2,
        );
        assert_eq!(
            instants(&found),
            ["2027-03-28T01:00:00Z", "2027-03-29T00:00:00Z"]
        );
    }

    #[test]
    fn midnight_that_does_not_exist_is_one_in_the_morning() {
        // Chile moves its clocks at midnight.
        let found = next("0 0 * * *", "America/Santiago", "2027-09-04T12:00:00Z", 2);
        assert_eq!(found[0].2, Some(Note::SkippedTime));
        assert!(found[0].1.ends_with("01:00:00"), "{found:?}");
        assert_eq!(found[1].2, None);
    }

    #[test]
    fn a_day_that_was_skipped_whole_is_due_when_the_next_begins() {
        // Samoa left out 30 December 2011.
        let found = next("0 7 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z", 1);
        assert_eq!(
            found[0],
            (
                "2011-12-30T10:00:00Z".into(),
                "2011-12-31T00:00:00".into(),
                Some(Note::SkippedTime)
            )
        );
    }

    #[test]
    fn zones_off_the_full_hour_are_exact() {
        for (zone, expected) in [
            ("Asia/Kolkata", "2026-11-24T01:30:00Z"),
            ("Asia/Kathmandu", "2026-11-24T01:15:00Z"),
            ("Asia/Shanghai", "2026-11-23T23:00:00Z"),
            ("Australia/Lord_Howe", "2026-11-23T20:00:00Z"),
            ("Pacific/Chatham", "2026-11-23T17:15:00Z"),
        ] {
            assert_eq!(
                next("0 7 24 11 *", zone, "2026-11-01T00:00:00Z", 1)[0].0,
                expected,
                "{zone}"
            );
        }
    }

    #[test]
    fn a_holiday_moves_to_the_next_working_day_and_says_so() {
        let mut calendar = Calendar::weekdays();
        calendar
            .holidays
            .insert(date(2026, 12, 25), "Christmas".into());
        let moved = next_with(
            "0 7 * * 5",
            "Europe/Zurich",
            "2026-12-20T00:00:00Z",
            2,
            Some(&calendar),
            OnDayOff::NextWorkingDay,
        );
        assert_eq!(
            moved[0],
            (
                "2026-12-28T06:00:00Z".into(),
                "2026-12-28T07:00:00".into(),
                Some(Note::MovedByCalendar)
            )
        );
        assert_eq!(moved[1].0, "2027-01-01T06:00:00Z");
        let skipped = next_with(
            "0 7 * * 5",
            "Europe/Zurich",
            "2026-12-20T00:00:00Z",
            1,
            Some(&calendar),
            OnDayOff::Skip,
        );
        assert_eq!(skipped[0].0, "2027-01-01T06:00:00Z");
    }

    #[test]
    fn days_off_that_move_onto_a_due_day_add_nothing() {
        let calendar = Calendar::weekdays();
        let found = next_with(
            "0 7 * * *",
            "UTC",
            "2026-11-27T08:00:00Z",
            2,
            Some(&calendar),
            OnDayOff::NextWorkingDay,
        );
        assert_eq!(
            found[0],
            (
                "2026-11-30T07:00:00Z".into(),
                "2026-11-30T07:00:00".into(),
                None
            )
        );
        assert_eq!(found[1].0, "2026-12-01T07:00:00Z");
    }

    #[test]
    fn what_never_comes_ends() {
        assert_eq!(
            next("0 7 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1)[0].0,
            "2104-02-29T07:00:00Z"
        );
        let none = Calendar {
            working_days: Vec::<DayName>::new(),
            ..Calendar::weekdays()
        };
        assert!(
            next_with(
                "0 7 * * *",
                "UTC",
                "2026-01-01T00:00:00Z",
                1,
                Some(&none),
                OnDayOff::NextWorkingDay
            )
            .is_empty()
        );
    }

    #[test]
    fn the_latest_due_instant_is_found_from_the_clock_alone() {
        let rule = Rule::parse("weekdays at 07:00").unwrap();
        let zone = crate::zones::get("Europe/Zurich").unwrap();
        let timetable = Timetable {
            rule: &rule,
            zone: &zone,
            calendar: None,
            on_day_off: OnDayOff::Send,
        };
        let latest = |since: &str, at: &str| {
            timetable
                .latest(since.parse().unwrap(), at.parse().unwrap())
                .map(|due| due.due.to_string())
        };
        assert_eq!(
            latest("2026-11-20T00:00:00Z", "2026-11-22T12:00:00Z").unwrap(),
            "2026-11-20T06:00:00Z"
        );
        assert_eq!(latest("2026-11-20T06:00:00Z", "2026-11-22T12:00:00Z"), None);
        assert_eq!(
            latest("2026-11-20T00:00:00Z", "2026-11-23T06:00:00Z").unwrap(),
            "2026-11-23T06:00:00Z"
        );
    }

    proptest::proptest! {
        #[test]
        fn due_instants_ascend_and_each_is_what_the_wall_clock_says(
            minute in 0u8..60, hour in 0u8..24, zone in 0usize..12, start in 946_684_800i64..2_208_988_800,
        ) {
            const ZONES: [&str; 12] = [
                "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Chatham",
                "Australia/Lord_Howe", "America/Santiago", "Asia/Tehran", "Asia/Beirut", "Africa/Cairo", "Pacific/Apia",
            ];
            let rule = Rule::parse(&format!("{minute} {hour} * * *")).unwrap();
            let zone = crate::zones::get(ZONES[zone]).unwrap();
            let timetable = Timetable { rule: &rule, zone: &zone, calendar: None, on_day_off: OnDayOff::Send };
            let from = Timestamp::from_second(start).unwrap();
            let mut last = from;
            let mut dates = Vec::new();
            for due in timetable.after(from).take(400) {
                proptest::prop_assert!(due.due > last);
                last = due.due;
                proptest::prop_assert_eq!(zone.to_datetime(due.due), due.local);
                if due.note != Some(Note::SkippedTime) {
                    proptest::prop_assert_eq!((due.local.hour(), due.local.minute()), (hour as i8, minute as i8));
                }
                dates.push(due.local.date());
            }
            // One a day, but for the day that Samoa left out.
            for pair in dates.windows(2) {
                let gap = pair[0].until(pair[1]).unwrap().get_days();
                proptest::prop_assert!(gap == 1 || (gap <= 2 && zone.iana_name() == Some("Pacific/Apia")), "{:?}", pair);
            }
        }
    }
}
