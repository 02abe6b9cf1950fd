//! Days and spans as people name them.

use ground::text::Case;
use jiff::{Timestamp, civil::Date};

use super::{Voice, lexicon};
use crate::{claim::Unit, period::Span};

/// Days within which a day is also told by its distance.
const MAX_NEAR_DAYS: i64 = 60;

impl Voice {
    /// "6 May", with the year where it is another.
    pub fn date(&self, date: Date) -> String {
        let month = self.month(date);
        let day = match date.day() {
            1 => self.words().template("time.first_day").to_owned(),
            day => day.to_string(),
        };
        let year = date.year().to_string();
        let slots = [("day", day.as_str()), ("month", month), ("year", &year)];
        let key = if date.year() == self.today.year() {
            "time.date"
        } else {
            "time.date_year"
        };
        self.words().fill(key, &slots)
    }

    /// The day as an adverb behind a declared phrase: "closing 6 May".
    pub fn on_date(&self, date: Date) -> String {
        let text = self.date(date);
        self.words().fill("time.with_day", &[("date", &text)])
    }

    /// The day with its distance from today, where that is near.
    pub fn near_date(&self, date: Date) -> String {
        self.near_date_after(date, &self.date(date))
    }

    /// The day as written, and its distance from today, where that is near.
    pub fn near_date_after(&self, date: Date, text: &str) -> String {
        let away = i64::from(self.today.until(date).map_or(0, |span| span.get_days()));
        let days = self.language.days(away.abs(), Case::Dative);
        let key = match away {
            0 => "time.today",
            -1 => "time.yesterday",
            1 => "time.tomorrow",
            away if away.abs() > MAX_NEAR_DAYS => return text.to_owned(),
            away if away < 0 => "time.ago",
            _ => "time.ahead",
        };
        self.words().fill(key, &[("date", text), ("days", &days)])
    }

    pub fn instant(&self, instant: Timestamp) -> String {
        let local = self.zone.to_datetime(instant);
        let date = self.date(local.date());
        let clock = format!("{:02}:{:02}", local.hour(), local.minute());
        self.words()
            .fill("time.clock", &[("date", &date), ("clock", &clock)])
    }

    fn month(&self, date: Date) -> &str {
        let at = usize::try_from(date.month() - 1).unwrap_or_default();
        self.words().months.get(at).map_or("", String::as_str)
    }

    /// A span by its name: "October", "Q3 2026", "from 5 May to 9 May".
    pub fn span(&self, span: &Span) -> String {
        let year = span.first.year().to_string();
        let own_year = span.first.year() == self.today.year();
        match span.unit {
            Some(Unit::Day) => self.date(span.first),
            Some(Unit::Week) => {
                let date = self.date(span.first);
                self.words().fill("time.week", &[("date", &date)])
            }
            Some(Unit::Month) => {
                let key = if own_year {
                    "time.month"
                } else {
                    "time.month_year"
                };
                let slots = [("month", self.month(span.first)), ("year", &year)];
                self.words().fill(key, &slots)
            }
            Some(Unit::Quarter) => {
                let quarter = (span.first.month() + 2) / 3;
                let slots = [("n", quarter.to_string()), ("year", year)];
                let [(a, n), (b, year)] = &slots;
                self.words()
                    .fill("time.quarter", &[(a, n.as_str()), (b, year.as_str())])
            }
            Some(Unit::Year) => year,
            None => {
                let (from, to) = match months_of(span) {
                    Some((from, to)) => (self.span(&from), self.span(&to)),
                    None => (self.date(span.first), self.date(span.last)),
                };
                let key = if months_of(span).is_some() {
                    "time.months"
                } else {
                    "time.days"
                };
                self.words().fill(key, &[("from", &from), ("to", &to)])
            }
        }
    }

    /// A span as an adverb: "in October", "this year so far".
    pub fn during(&self, span: &Span) -> String {
        if span.first == self.today.first_of_year() && span.last == self.today {
            return self.words().template("time.year_so_far").to_owned();
        }
        self.so_far(span, self.adverb("in", span))
    }

    /// A span by its name, marked where it is not over: "November so far".
    pub fn span_so_far(&self, span: &Span) -> String {
        self.so_far(span, self.span(span))
    }

    fn so_far(&self, span: &Span, text: String) -> String {
        if span.contains(self.today) && span.last > self.today {
            self.words().fill("time.so_far", &[("span", &text)])
        } else {
            text
        }
    }

    /// All of a span, whether it is over or not: "in October".
    pub fn within(&self, span: &Span) -> String {
        self.adverb("in", span)
    }

    /// Whether a span is over or not, for two that are not alike.
    pub fn during_all(&self, span: &Span) -> String {
        if span.is_over(self.today) {
            return self.adverb("all", span);
        }
        self.during(span)
    }

    /// "since May".
    pub fn since(&self, span: &Span) -> String {
        self.adverb("since", span)
    }

    /// A span behind the preposition that its unit takes.
    fn adverb(&self, kind: &str, span: &Span) -> String {
        let unit = match span.unit {
            Some(Unit::Day) => "day",
            Some(Unit::Week) => "week",
            Some(Unit::Month) => "month",
            Some(Unit::Quarter) => "quarter",
            Some(Unit::Year) => "year",
            None => "days",
        };
        let key = format!("time.{kind}_{unit}");
        self.words().fill(&key, &[("span", &self.span(span))])
    }
}

/// The first and the last month of a span of whole ones.
fn months_of(span: &Span) -> Option<(Span, Span)> {
    Span::around(span.first, Unit::Month)
        .zip(Span::around(span.last, Unit::Month))
        .filter(|(from, to)| from.first == span.first && to.last == span.last)
}

impl Voice {
    /// The first letter as a sentence begins.
    pub fn capital(&self, text: &str) -> String {
        lexicon::capital(text)
    }
}
