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
        let (day, year) = (date.day().to_string(), date.year().to_string());
        let slots = [("day", day.as_str()), ("month", month), ("year", &year)];
        let key = if date.year() == self.today.year() {
            "time.date"
        } else {
            "time.date_year"
        };
        self.words().fill(key, &slots)
    }

    /// The day with its distance from today, where that is near.
    pub fn near_date(&self, date: Date) -> String {
        let text = self.date(date);
        let away = i64::from(self.today.until(date).map_or(0, |span| span.get_days()));
        let days = self.language.days(away.abs(), Case::Dative);
        let key = match away {
            0 => "time.today",
            -1 => "time.yesterday",
            1 => "time.tomorrow",
            away if away.abs() > MAX_NEAR_DAYS => return text,
            away if away < 0 => "time.ago",
            _ => "time.ahead",
        };
        self.words().fill(key, &[("date", &text), ("days", &days)])
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
                let whole_months = Span::around(span.first, Unit::Month)
                    .zip(Span::around(span.last, Unit::Month))
                    .filter(|(from, to)| from.first == span.first && to.last == span.last);
                let (from, to) = match whole_months {
                    Some((from, to)) => (self.span(&from), self.span(&to)),
                    None => (self.date(span.first), self.date(span.last)),
                };
                self.words()
                    .fill("time.days", &[("from", &from), ("to", &to)])
            }
        }
    }

    /// A span as an adverb: "in October", "this year so far".
    pub fn during(&self, span: &Span) -> String {
        if span.first == self.today.first_of_year() && span.last == self.today {
            return self.words().template("time.year_so_far").to_owned();
        }
        let text = self.span(span);
        let key = match span.unit {
            None => "time.in_days",
            Some(Unit::Day) => "time.in_day",
            Some(_) => "time.in_month",
        };
        let text = self.words().fill(key, &[("span", &text)]);
        if span.contains(self.today) && span.last > self.today {
            self.words().fill("time.so_far", &[("span", &text)])
        } else {
            text
        }
    }

    /// Whether a span is over or not, for two that are not alike.
    pub fn during_all(&self, span: &Span) -> String {
        if span.is_over(self.today) {
            let all = self
                .words()
                .fill("time.all_of", &[("span", &self.span(span))]);
            return match span.unit {
                Some(_) => self.words().fill("time.in_month", &[("span", &all)]),
                None => self.during(span),
            };
        }
        self.during(span)
    }
}

impl Voice {
    /// The first letter as a sentence begins.
    pub fn capital(&self, text: &str) -> String {
        lexicon::capital(text)
    }
}
