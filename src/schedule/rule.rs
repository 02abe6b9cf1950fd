//! When something is due in local time: cron of five fields, or plain words.

use jiff::civil::{Date, Time};

use super::surprises::{self, Surprise};

/// Local minutes of a day and the days on which they count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Minutes after local midnight, ascending, each once.
    minutes: Vec<u16>,
    days: Days,
}

/// On which dates a rule counts. Bit n of a field stands for its value n.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Days {
    pub(super) month: u64,
    /// [`LAST_DAY`] stands for the last day of each month.
    pub(super) day: u64,
    /// Sunday is 0.
    pub(super) weekday: u64,
    /// With both day fields restricted, a date that fits either counts, as in POSIX `crontab`.
    pub(super) either: bool,
}

/// The text says nothing that can be due.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error(
        "cron has five fields (minute hour day month weekday), this has {0}; there are none for seconds and years"
    )]
    FieldCount(usize),
    #[error("`{text}` is no {field}: use {expected}")]
    Field {
        field: &'static str,
        text: String,
        expected: &'static str,
    },
    #[error(
        "`{text}` is no {field}: it runs backwards; write `{instead}` if it goes over the end, or turn it round"
    )]
    Backwards {
        field: &'static str,
        text: String,
        instead: String,
    },
    #[error(
        "`{0}` names no day that there is: these months have no such date; for the end of each month write \"monthly on the \
         last day at 09:00\" or `L` as the day of cron"
    )]
    NoSuchDate(String),
    #[error(
        "`{0}` names a zone, and a schedule has a key of its own for it: leave the zone out here"
    )]
    Zone(String),
    #[error(
        "`{0}` is not understood: write cron (`0 7 * * 1-5`) or words such as \"weekdays at 07:00\", \
         \"every day at 6:30\", \"mon, wed and fri at 08:00 and 16:00\", \"monthly on the 1st at 09:00\", \
         \"monthly on the last day at 17:00\""
    )]
    Words(String),
    #[error("`{0}` is no time of day: use 07:00, 7:00, 7am or 7:30 pm")]
    Time(String),
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// The letters by which a month is known at least.
const MIN_MONTH_LETTERS: usize = 3;
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const ALL_MONTHS: u64 = 0b1_1111_1111_1110;
const ALL_DAYS: u64 = 0xFFFF_FFFE;
const ALL_WEEKDAYS: u64 = 0b111_1111;
const MONDAY_TO_FRIDAY: u64 = 0b011_1110;
const WEEKEND: u64 = 0b100_0001;
/// The bit of a month's last day, whichever that is.
pub(super) const LAST_DAY: u64 = 1 << 32;
/// What stands for a whole line of cron, as in Vixie cron.
const MACROS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];
/// How a cron field of days is written where any day will do; the second is Quartz's.
const ANY_DAY: [&str; 2] = ["*", "?"];

impl Rule {
    /// Reads cron or words.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let text = text.trim();
        let first = text.split_whitespace().next().unwrap_or_default();
        if first.contains("TZ=") {
            return Err(RuleError::Zone(first.to_owned()));
        }
        let whole = MACROS
            .iter()
            .find(|(name, _)| text.eq_ignore_ascii_case(name));
        let text = whole.map_or(text, |(_, cron)| cron);
        let looks_like_cron =
            text.starts_with(|c: char| c.is_ascii_digit() || c == '*') && !text.contains(':');
        let rule = if looks_like_cron {
            Self::cron(text)
        } else {
            Self::words(text)
        }?;
        if surprises::is_impossible(&rule.days) {
            return Err(RuleError::NoSuchDate(text.to_owned()));
        }
        Ok(rule)
    }

    /// Returns what it does that its reader may not expect.
    pub fn surprises(&self) -> Vec<Surprise> {
        surprises::of(&self.days)
    }

    /// Reads cron of five fields: lists, ranges, steps, names of months and weekdays. Sunday is 0 and 7, as number and as
    /// name, at either end of a range; a range of names may go over the end of its week or year; `L` is a month's last day.
    fn cron(text: &str) -> Result<Self, RuleError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(RuleError::FieldCount(fields.len()));
        };
        let [day, weekday] =
            [day, weekday].map(|field| if ANY_DAY.contains(field) { "*" } else { *field });
        let minute = field(&MINUTE, minute)?;
        let hour = field(&HOUR, hour)?;
        let days = Days {
            day: field(&DAY, day)?,
            month: field(&MONTH, month)?,
            weekday: sunday_once(field(&WEEKDAY, weekday)?),
            either: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        let minutes = bits(hour)
            .flat_map(|hour| bits(minute).map(move |minute| hour * 60 + minute))
            .collect();
        Ok(Self { minutes, days })
    }

    /// Reads words: days, then `at` and times.
    fn words(text: &str) -> Result<Self, RuleError> {
        let not_understood = || RuleError::Words(text.to_owned());
        let lower = text.to_lowercase();
        let (days, times) = match lower.strip_prefix("at ") {
            Some(times) => ("", times),
            None => lower.split_once(" at ").ok_or_else(not_understood)?,
        };
        let mut minutes = list(times)
            .map(time_of_day)
            .collect::<Result<Vec<_>, _>>()?;
        minutes.sort_unstable();
        minutes.dedup();
        if minutes.is_empty() {
            return Err(not_understood());
        }
        let days = day_words(days).ok_or_else(not_understood)?;
        Ok(Self { minutes, days })
    }

    /// Does the rule count on this date, calendars aside?
    pub fn counts_on(&self, date: Date) -> bool {
        let has =
            |bits: u64, value: i8| u32::try_from(value).is_ok_and(|value| bits >> value & 1 == 1);
        let days = &self.days;
        let by_day = has(days.day, date.day())
            || days.day & LAST_DAY != 0 && date.day() == date.days_in_month();
        let by_weekday = has(days.weekday, date.weekday().to_sunday_zero_offset());
        has(days.month, date.month())
            && if days.either {
                by_day || by_weekday
            } else {
                by_day && by_weekday
            }
    }

    /// The local times of a day on which it counts, ascending.
    pub fn times(&self) -> impl Iterator<Item = Time> + '_ {
        self.minutes.iter().filter_map(|minutes| {
            let hour = i8::try_from(minutes / 60).ok()?;
            let minute = i8::try_from(minutes % 60).ok()?;
            Time::new(hour, minute, 0, 0).ok()
        })
    }
}

/// The set bits of a field, ascending.
fn bits(field: u64) -> impl Iterator<Item = u16> + Clone {
    (0..64).filter(move |bit| field >> bit & 1 == 1)
}

/// Moves bit 7 to bit 0: both are Sunday.
fn sunday_once(field: u64) -> u64 {
    (field | field >> 7) & ALL_WEEKDAYS
}

/// What a field of cron may hold.
struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    /// Names of its values from `low` on.
    names: &'static [&'static str],
    expected: &'static str,
}

const MINUTE: Field = Field {
    name: "minute",
    low: 0,
    high: 59,
    names: &[],
    expected: "0-59, lists, ranges and steps such as */15",
};
const HOUR: Field = Field {
    name: "hour",
    low: 0,
    high: 23,
    names: &[],
    expected: "0-23, lists, ranges and steps",
};
const DAY: Field = Field {
    name: "day of the month",
    low: 1,
    high: 31,
    names: &[],
    expected: "1-31, lists, ranges and steps, or L for the last day of the month",
};
const MONTH: Field = Field {
    name: "month",
    low: 1,
    high: 12,
    names: &MONTHS,
    expected: "1-12 or jan-dec",
};
const WEEKDAY: Field = Field {
    name: "weekday",
    low: 0,
    high: 7,
    names: &WEEKDAYS,
    expected: "0-7 (0 and 7 are Sunday) or mon-sun; \"the first Monday\" and \"the last Friday\" cannot be said",
};

impl Field {
    /// A value by number or name: three letters, or more of the English word.
    fn value(&self, text: &str) -> Option<u32> {
        let number =
            !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        let value = if number {
            text.parse().ok()?
        } else {
            let lower = text.to_ascii_lowercase();
            let at = match self.name {
                "weekday" => weekday_number(&lower)?,
                _ if lower.len() < MIN_MONTH_LETTERS => return None,
                _ => self
                    .names
                    .iter()
                    .position(|name| name.starts_with(&lower))?,
            };
            u32::try_from(at).ok()? + self.low
        };
        (self.low..=self.high).contains(&value).then_some(value)
    }

    /// How many values there are.
    fn count(&self) -> usize {
        (self.low..=self.high).count()
    }

    /// The values after the highest begin again here: 0 and 7 are one weekday.
    fn last(&self) -> u32 {
        if self.name == "weekday" { 6 } else { self.high }
    }

    /// The values of a range, ascending or over the end.
    fn range(&self, first_text: &str, last_text: &str) -> Result<Vec<u32>, RuleError> {
        let text = format!("{first_text}-{last_text}");
        let wrong = || self.wrong(&text);
        let (first, last) = (
            self.value(first_text).ok_or_else(wrong)?,
            self.value(last_text).ok_or_else(wrong)?,
        );
        let is_weekday = self.name == "weekday";
        // Sunday begins a week that goes on and ends one that has begun.
        let (first, last) = match (first, last) {
            (7, last) if is_weekday && last < 7 => (0, last),
            (first, 0) if is_weekday && first > 0 => (first, 7),
            both => both,
        };
        if first <= last {
            return Ok((first..=last).collect());
        }
        let named = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic());
        if named(first_text) && named(last_text) {
            return Ok((first..=self.last()).chain(self.low..=last).collect());
        }
        Err(RuleError::Backwards {
            field: self.name,
            instead: format!("{first}-{},{}-{last}", self.last(), self.low),
            text,
        })
    }

    fn wrong(&self, text: &str) -> RuleError {
        RuleError::Field {
            field: self.name,
            text: text.to_owned(),
            expected: self.expected,
        }
    }
}

fn field(of: &Field, text: &str) -> Result<u64, RuleError> {
    let wrong = || of.wrong(text);
    let mut field = 0;
    for part in text.split(',') {
        if of.name == DAY.name && part.eq_ignore_ascii_case("L") {
            field |= LAST_DAY;
            continue;
        }
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (
                range,
                step.parse::<usize>()
                    .ok()
                    // A longer step would end with its first: `*/90` is not every 90 minutes.
                    .filter(|step| (1..=of.count()).contains(step))
                    .ok_or_else(wrong)?,
            ),
            None => (part, 1),
        };
        let values: Vec<u32> = match range.split_once('-') {
            _ if range == "*" => (of.low..=of.high).collect(),
            Some((first, last)) => of.range(first, last)?,
            None => {
                let first = of.value(range).ok_or_else(wrong)?;
                let last = if part.contains('/') { of.high } else { first };
                (first..=last).collect()
            }
        };
        for value in values.into_iter().step_by(step) {
            field |= 1 << value;
        }
    }
    Ok(field)
}

/// Splits at commas, "and", "&".
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '&'])
        .flat_map(|part| part.split(" and "))
        .map(|part| {
            part.trim()
                .trim_start_matches("and ")
                .trim_start_matches("at ")
                .trim()
        })
        .filter(|part| !part.is_empty())
}

fn time_of_day(text: &str) -> Result<u16, RuleError> {
    let wrong = || RuleError::Time(text.to_owned());
    let (clock, half) = match text {
        "noon" => ("12:00", None),
        "midnight" => ("0:00", None),
        _ => match text
            .strip_suffix("am")
            .or_else(|| text.strip_suffix("a.m."))
        {
            Some(clock) => (clock.trim(), Some(0)),
            None => match text
                .strip_suffix("pm")
                .or_else(|| text.strip_suffix("p.m."))
            {
                Some(clock) => (clock.trim(), Some(12)),
                None => (text.strip_suffix("h").unwrap_or(text).trim(), None),
            },
        },
    };
    let (hour, minute) = clock.split_once([':', '.']).unwrap_or((clock, "0"));
    let number = |text: &str| -> Option<u16> {
        (text.len() <= 2 && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse().ok())?
    };
    let (hour, minute) = (
        number(hour).ok_or_else(wrong)?,
        number(minute).ok_or_else(wrong)?,
    );
    let hour = match half {
        Some(_) if !(1..=12).contains(&hour) => return Err(wrong()),
        Some(half) => hour % 12 + half,
        None => hour,
    };
    if hour > 23 || minute > 59 {
        return Err(wrong());
    }
    Ok(hour * 60 + minute)
}

/// Days in words; nothing where they are not understood.
fn day_words(text: &str) -> Option<Days> {
    let every = Days {
        month: ALL_MONTHS,
        day: ALL_DAYS,
        weekday: ALL_WEEKDAYS,
        either: false,
    };
    let text = text
        .trim()
        .trim_start_matches("on ")
        .trim_start_matches("every ")
        .trim();
    match text {
        "" | "day" | "daily" | "days" => return Some(every),
        "weekday" | "weekdays" | "working day" | "working days" => {
            return Some(Days {
                weekday: MONDAY_TO_FRIDAY,
                ..every
            });
        }
        "weekend" | "weekends" => {
            return Some(Days {
                weekday: WEEKEND,
                ..every
            });
        }
        _ => {}
    }
    if let Some(dates) = text
        .strip_prefix("monthly on ")
        .or_else(|| text.strip_prefix("month on "))
        .map(|dates| dates.strip_suffix(" of the month").unwrap_or(dates))
    {
        let mut day = 0;
        for word in list(dates) {
            let word = word.trim_start_matches("the ").trim();
            if matches!(word, "last" | "last day") {
                day |= LAST_DAY;
                continue;
            }
            let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            if !matches!(
                word.get(digits.len()..),
                Some("" | "st" | "nd" | "rd" | "th")
            ) {
                return None;
            }
            let date: u32 = digits.parse().ok().filter(|date| (1..=31).contains(date))?;
            day |= 1_u64 << date;
        }
        return (day != 0).then_some(Days { day, ..every });
    }
    let mut weekday = 0;
    for word in list(text) {
        let word = word.trim_start_matches("every ");
        match word.split_once('-').or_else(|| word.split_once(" to ")) {
            Some((first, last)) => {
                let (first, last) = (weekday_number(first.trim())?, weekday_number(last.trim())?);
                let mut day = first;
                loop {
                    weekday |= 1 << day;
                    if day == last {
                        break;
                    }
                    day = (day + 1) % 7;
                }
            }
            None => weekday |= 1 << weekday_number(word)?,
        }
    }
    (weekday != 0).then_some(Days { weekday, ..every })
}

/// `mon`, `monday`, `mondays`; Sunday is 0.
fn weekday_number(word: &str) -> Option<usize> {
    const LONG: [&str; 7] = [
        "sunday",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
    ];
    let singular = word.strip_suffix('s').unwrap_or(word);
    let position = |names: &[&str]| {
        names
            .iter()
            .position(|name| *name == word || *name == singular)
    };
    position(&LONG).or_else(|| position(&WEEKDAYS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn times(rule: &str) -> Vec<String> {
        Rule::parse(rule)
            .unwrap()
            .times()
            .map(|time| time.strftime("%H:%M").to_string())
            .collect()
    }

    fn weekdays(rule: &str) -> String {
        let rule = Rule::parse(rule).unwrap();
        // 2026-11-22 is a Sunday.
        (22..29)
            .map(|day| {
                if rule.counts_on(date(2026, 11, day)) {
                    'x'
                } else {
                    '-'
                }
            })
            .collect()
    }

    #[test]
    fn words_and_cron_say_the_same() {
        for (words, cron) in [
            ("weekdays at 07:00", "0 7 * * 1-5"),
            ("every weekday at 7am", "0 7 * * mon-fri"),
            ("daily at 6:30", "30 6 * * *"),
            ("every day at 18:05", "5 18 * * *"),
            ("mondays at 8:00", "0 8 * * 1"),
            ("mon, wed and fri at 08:00 and 16:00", "0 8,16 * * 1,3,5"),
            ("weekends at noon", "0 12 * * 0,6"),
            ("fri-mon at 09:00", "0 9 * * 5,6,0,1"),
            ("monthly on the 1st and 15th at 09:00", "0 9 1,15 * *"),
            ("at midnight", "0 0 * * *"),
            ("sunday at 7", "0 7 * * 7"),
            ("monthly on the last day at 17:00", "0 17 L * *"),
            ("every month on the 1st and last at 9", "0 9 1,L * *"),
        ] {
            assert_eq!(Rule::parse(words), Rule::parse(cron), "{words}");
        }
    }

    #[test]
    fn twelve_in_the_morning_is_midnight() {
        assert_eq!(
            times("daily at 12am, 12pm and 11:59 pm"),
            ["00:00", "12:00", "23:59"]
        );
    }

    #[test]
    fn a_week_is_read_as_written() {
        assert_eq!(weekdays("0 7 * * 1-5"), "-xxxxx-");
        assert_eq!(weekdays("0 7 * * sun,2-3"), "x-xx---");
        assert_eq!(weekdays("0 7 * * */2"), "x-x-x-x");
    }

    #[test]
    fn sunday_is_0_and_7_and_stands_at_either_end_of_a_range_by_number_and_name() {
        for (written, week) in [
            ("fri-sun", "x----xx"),
            ("FRI-Sun", "x----xx"),
            ("friday-sunday", "x----xx"),
            ("5-7", "x----xx"),
            ("5-0", "x----xx"),
            ("5-sun", "x----xx"),
            ("sun-tue", "xxx----"),
            ("0-2", "xxx----"),
            ("7-2", "xxx----"),
            ("sat,sun", "x-----x"),
            ("6,7", "x-----x"),
            ("mon-sun", "xxxxxxx"),
            ("sun-sat", "xxxxxxx"),
            ("0-7", "xxxxxxx"),
            ("sun", "x------"),
            ("sun-sun", "x------"),
            ("sat-mon", "xx----x"),
            ("fri-tue/2", "x-x--x-"),
            ("fri-sun/2", "x----x-"),
            ("sun-thu/2", "x-x-x--"),
            ("1-7/3", "xx--x--"),
            ("*/3", "x--x--x"),
        ] {
            assert_eq!(weekdays(&format!("0 7 * * {written}")), week, "{written}");
        }
    }

    #[test]
    fn a_range_of_months_goes_over_the_end_of_the_year_by_name() {
        let rule = Rule::parse("0 7 1 NOV-February ?").unwrap();
        let months: Vec<i8> = (1..=12)
            .filter(|month| rule.counts_on(date(2026, *month, 1)))
            .collect();
        assert_eq!(months, [1, 2, 11, 12]);
    }

    #[test]
    fn the_last_day_is_the_months_own_in_leap_years_too() {
        let rule = Rule::parse("0 9 L * *").unwrap();
        for (year, month, day) in [(2026, 2, 28), (2028, 2, 29), (2026, 4, 30), (2026, 12, 31)] {
            let last = date(year, month, day);
            assert!(rule.counts_on(last), "{last}");
            assert!(!rule.counts_on(last.yesterday().unwrap()), "{last}");
        }
        assert_eq!(Rule::parse("@monthly"), Rule::parse("0 0 1 * *"));
    }

    #[test]
    fn restricted_day_and_weekday_count_either_way_as_in_crontab() {
        let rule = Rule::parse("0 7 13 * 5").unwrap();
        assert!(rule.counts_on(date(2026, 11, 13)) && rule.counts_on(date(2026, 11, 20)));
        assert!(rule.counts_on(date(2026, 12, 13)) && !rule.counts_on(date(2026, 12, 14)));
    }

    #[test]
    fn steps_and_lists_are_minutes_of_the_day() {
        assert_eq!(
            times("*/30 6-7 * * *"),
            ["06:00", "06:30", "07:00", "07:30"]
        );
        assert_eq!(times("5/20 0 * * *"), ["00:05", "00:25", "00:45"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("0 7 * *", "this has 4"),
            ("0 0 7 * * 1-5", "this has 6"),
            ("61 7 * * *", "`61` is no minute"),
            ("0 24 * * *", "`24` is no hour"),
            ("0 7 0 * *", "`0` is no day of the month"),
            ("0 7 * 13 *", "`13` is no month"),
            (
                "0 7 * * 5-1",
                "`5-1` is no weekday: it runs backwards; write `5-6,0-1`",
            ),
            ("0 22-2 * * *", "write `22-23,0-2`"),
            ("0 7 1 11-2 *", "write `11-12,1-2`"),
            ("0 7 * * 8", "`8` is no weekday"),
            ("0 7 * * fri-son", "`fri-son` is no weekday"),
            ("0 7 * * 5L", "`5L` is no weekday"),
            ("0 7 * * 1#1", "`1#1` is no weekday"),
            ("0 7 15W * *", "`15W` is no day of the month"),
            ("@reboot", "is not understood"),
            ("CRON_TZ=Europe/Berlin 0 7 * * *", "names a zone"),
            ("0 7 31 2 *", "names no day that there is"),
            ("0 7 30,31 feb *", "names no day that there is"),
            ("0 7 31 4,6,9,11 *", "names no day that there is"),
            ("*/0 7 * * *", "`*/0` is no minute"),
            ("*/90 * * * *", "`*/90` is no minute"),
            ("0 */25 * * *", "`*/25` is no hour"),
            ("sometimes at 07:00", "is not understood"),
            ("weekdays", "is not understood"),
            ("weekdays at 25:00", "`25:00` is no time of day"),
            ("weekdays at 13pm", "is no time of day"),
            ("monthly on the 32nd at 07:00", "is not understood"),
            ("", "is not understood"),
        ] {
            let error = Rule::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
