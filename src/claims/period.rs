//! Spans of calendar time: those that cells name (`2026-10`, `2026-Q3`), and those that a condition names by the reader's day.

use jiff::{ToSpan, civil::Date};

use crate::claim::Unit;

/// Days that are counted on at most, and steps of a named span.
const MAX_STEPS: i64 = 3_700;

/// Days from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub first: Date,
    pub last: Date,
    /// The calendar's own unit, where it is exactly one.
    pub unit: Option<Unit>,
}

impl Span {
    /// The days from one to another; nothing where they stand the wrong way round.
    pub fn days(first: Date, last: Date) -> Option<Self> {
        if last < first {
            return None;
        }
        let units = [
            Unit::Day,
            Unit::Week,
            Unit::Month,
            Unit::Quarter,
            Unit::Year,
        ];
        let unit = units.into_iter().find(|unit| {
            Self::around(first, *unit).is_some_and(|span| (span.first, span.last) == (first, last))
        });
        Some(Self { first, last, unit })
    }

    /// The unit of the calendar that a day lies in.
    pub fn around(day: Date, unit: Unit) -> Option<Self> {
        let first = match unit {
            Unit::Day => day,
            Unit::Week => {
                let back = i64::from(day.weekday().to_monday_zero_offset());
                day.checked_sub(back.days()).ok()?
            }
            Unit::Month => day.first_of_month(),
            Unit::Quarter => Date::new(day.year(), (day.month() - 1) / 3 * 3 + 1, 1).ok()?,
            Unit::Year => day.first_of_year(),
        };
        let last = step(first, unit, 1)?.yesterday().ok()?;
        Some(Self {
            first,
            last,
            unit: Some(unit),
        })
    }

    /// The span that a text of a cell names: `2026`, `2026-10`, `2026-Q3`, `2026-W48`.
    pub fn of_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let (year, rest) = match text.split_once('-') {
            Some((year, rest)) => (year, Some(rest)),
            None => (text, None),
        };
        if year.len() != 4 || !year.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let year: i16 = year
            .parse()
            .ok()
            .filter(|year| (1900..2200).contains(year))?;
        let number = |text: &str, most: i8| {
            let is_plain =
                (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            let number: i8 = is_plain.then(|| text.parse().ok()).flatten()?;
            (1..=most).contains(&number).then_some(number)
        };
        match rest {
            None => Self::around(Date::new(year, 1, 1).ok()?, Unit::Year),
            Some(rest) if rest.starts_with(['Q', 'q']) => {
                let quarter = number(rest.get(1..)?, 4)?;
                Self::around(Date::new(year, quarter * 3 - 2, 1).ok()?, Unit::Quarter)
            }
            Some(rest) if rest.starts_with(['W', 'w']) => {
                let week = number(rest.get(1..)?, 53)?;
                let day = jiff::civil::ISOWeekDate::new(year, week, jiff::civil::Weekday::Monday);
                Self::around(day.ok()?.date(), Unit::Week)
            }
            Some(rest) if rest.len() == 2 => {
                Self::around(Date::new(year, number(rest, 12)?, 1).ok()?, Unit::Month)
            }
            Some(_) => text
                .parse::<Date>()
                .ok()
                .and_then(|day| Self::around(day, Unit::Day)),
        }
    }

    /// The span that a condition names: that of a text, or `today`, `this_week`, `last_month`, `rest_of_quarter`, `next_14_days`.
    pub fn named(name: &str, today: Date) -> Option<Self> {
        let name = name.trim();
        if let Some((from, to)) = name.split_once("..") {
            let (from, to) = (Self::of_text(from)?, Self::of_text(to)?);
            return Self::days(from.first, to.last);
        }
        if let Some(span) = Self::of_text(name) {
            return Some(span);
        }
        let day = |days: i64| today.checked_add(days.days()).ok();
        match name {
            "today" => return Self::around(today, Unit::Day),
            "yesterday" => return Self::around(day(-1)?, Unit::Day),
            "tomorrow" => return Self::around(day(1)?, Unit::Day),
            _ => {}
        }
        if let Some(unit) = name.strip_prefix("rest_of_") {
            return Self::days(today, Self::around(today, unit_of(unit)?)?.last);
        }
        let (which, rest) = name.split_once('_')?;
        if let Some(unit) = unit_of(rest) {
            let steps = match which {
                "this" => 0,
                "last" => -1,
                "next" => 1,
                _ => return None,
            };
            let now = Self::around(today, unit)?;
            return Self::around(step(now.first, unit, steps)?, unit);
        }
        let (count, unit) = rest.split_once('_')?;
        let unit = unit_of(unit.strip_suffix('s').unwrap_or(unit))?;
        let count: i64 = count.parse().ok().filter(|n| (1..=MAX_STEPS).contains(n))?;
        match which {
            "next" => Self::days(today, step(today, unit, count)?.yesterday().ok()?),
            "last" => Self::days(step(today, unit, -count)?.tomorrow().ok()?, today),
            _ => None,
        }
    }

    /// How many days it has.
    pub fn length(&self) -> i64 {
        i64::from(
            self.first
                .until(self.last)
                .map_or(0, |span| span.get_days()),
        ) + 1
    }

    pub fn contains(&self, day: Date) -> bool {
        (self.first..=self.last).contains(&day)
    }

    /// Is it over on this day?
    pub fn is_over(&self, today: Date) -> bool {
        self.last < today
    }

    /// The days of it that have begun.
    pub fn days_begun(&self, today: Date) -> i64 {
        Self::days(self.first, self.last.min(today)).map_or(0, |span| span.length())
    }

    /// The next span of the same unit.
    pub fn next(&self) -> Option<Self> {
        Self::around(self.last.tomorrow().ok()?, self.unit?)
    }

    /// Can the two be held against each other: the same unit of the calendar, or as many days?
    pub fn is_like(&self, other: &Self) -> bool {
        match (self.unit, other.unit) {
            (Some(a), Some(b)) if a == b => true,
            _ => self.length() == other.length(),
        }
    }

    /// How a cell writes it, so that spans sort.
    pub fn code(&self) -> String {
        let (year, month) = (self.first.year(), self.first.month());
        match self.unit {
            Some(Unit::Day) => self.first.to_string(),
            Some(Unit::Week) => {
                let week = self.first.iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            Some(Unit::Month) => format!("{year:04}-{month:02}"),
            Some(Unit::Quarter) => format!("{year:04}-Q{}", (month + 2) / 3),
            Some(Unit::Year) => format!("{year:04}"),
            None => format!("{}..{}", self.first, self.last),
        }
    }
}

fn unit_of(name: &str) -> Option<Unit> {
    Some(match name {
        "day" => Unit::Day,
        "week" => Unit::Week,
        "month" => Unit::Month,
        "quarter" => Unit::Quarter,
        "year" => Unit::Year,
        _ => return None,
    })
}

fn step(day: Date, unit: Unit, steps: i64) -> Option<Date> {
    let span = match unit {
        Unit::Day => steps.days(),
        Unit::Week => steps.weeks(),
        Unit::Month => steps.months(),
        Unit::Quarter => steps.checked_mul(3)?.months(),
        Unit::Year => steps.years(),
    };
    day.checked_add(span).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn spans_are_named_by_cells_and_by_the_readers_day() {
        let today = date(2026, 11, 24);
        for (name, first, last) in [
            ("2026", date(2026, 1, 1), date(2026, 12, 31)),
            ("2026-10", date(2026, 10, 1), date(2026, 10, 31)),
            ("2026-Q3", date(2026, 7, 1), date(2026, 9, 30)),
            ("2026-W48", date(2026, 11, 23), date(2026, 11, 29)),
            ("2026-05..2026-07", date(2026, 5, 1), date(2026, 7, 31)),
            ("today", today, today),
            ("this_week", date(2026, 11, 23), date(2026, 11, 29)),
            ("last_month", date(2026, 10, 1), date(2026, 10, 31)),
            ("last_quarter", date(2026, 7, 1), date(2026, 9, 30)),
            ("rest_of_week", today, date(2026, 11, 29)),
            ("next_14_days", today, date(2026, 12, 7)),
            ("last_30_days", date(2026, 10, 26), today),
        ] {
            let span = Span::named(name, today).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((span.first, span.last), (first, last), "{name}");
        }
        for name in [
            "2026-13",
            "12345",
            "someday",
            "next_0_days",
            "2026-10-32",
            "last_",
            "..",
        ] {
            assert_eq!(Span::named(name, today), None, "{name}");
        }
        let november = Span::of_text("2026-11").unwrap();
        assert_eq!((november.days_begun(today), november.length()), (24, 30));
        assert!(!november.is_over(today) && november.is_over(date(2026, 12, 1)));
        assert_eq!(
            november.next().map(|next| next.code()).as_deref(),
            Some("2026-12")
        );
    }
}
