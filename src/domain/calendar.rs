//! Which days a company works.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::CalendarId;

/// A calendar of working days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Calendar {
    /// What schedules and settings name it by.
    pub id: CalendarId,
    /// What it is for.
    #[serde(default)]
    pub title: String,
    /// Days of the week that are worked.
    #[serde(default = "monday_to_friday")]
    pub working_days: Vec<DayName>,
    /// Date → name of the holiday.
    #[serde(default, deserialize_with = "dates")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub holidays: BTreeMap<Date, String>,
}

/// A day of the week by its English short name.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DayName {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl From<DayName> for Weekday {
    fn from(day: DayName) -> Self {
        match day {
            DayName::Mon => Self::Monday,
            DayName::Tue => Self::Tuesday,
            DayName::Wed => Self::Wednesday,
            DayName::Thu => Self::Thursday,
            DayName::Fri => Self::Friday,
            DayName::Sat => Self::Saturday,
            DayName::Sun => Self::Sunday,
        }
    }
}

/// Dates with their names; a date that is none is told in words that say how to write one.
fn dates<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Date, String>, D::Error> {
    BTreeMap::<String, String>::deserialize(deserializer)?
        .into_iter()
        .map(|(date, name)| match date.parse() {
            Ok(parsed) => Ok((parsed, name)),
            Err(_) => Err(serde::de::Error::custom(format!(
                "`{}` of `holidays` is no date that there is: write year, month and day, such as 2026-12-25",
                crate::text::shorten(&date, 40)
            ))),
        })
        .collect()
}

fn monday_to_friday() -> Vec<DayName> {
    vec![
        DayName::Mon,
        DayName::Tue,
        DayName::Wed,
        DayName::Thu,
        DayName::Fri,
    ]
}

impl Calendar {
    /// Monday to Friday without holidays: what stands where no calendar is set.
    pub fn weekdays() -> Self {
        Self {
            id: CalendarId::new("weekdays").unwrap_or_else(|_| unreachable!("a fixed valid name")),
            title: "Monday to Friday".to_owned(),
            working_days: monday_to_friday(),
            holidays: BTreeMap::new(),
        }
    }

    /// Is it worked on this date?
    pub fn is_working_day(&self, date: Date) -> bool {
        !self.holidays.contains_key(&date)
            && self
                .working_days
                .iter()
                .any(|day| Weekday::from(*day) == date.weekday())
    }

    /// Working days after `from` up to and with `to`; negative where `to` is earlier. The span is at most 20,000 days,
    /// beyond which it stops counting.
    pub fn working_days_between(&self, from: Date, to: Date) -> i64 {
        let (early, late, sign) = if from <= to {
            (from, to, 1)
        } else {
            (to, from, -1)
        };
        let days = early
            .series(jiff::Span::new().days(1))
            .skip(1)
            .take(20_000)
            .take_while(|date| *date <= late)
            .filter(|date| self.is_working_day(*date))
            .count();
        sign * i64::try_from(days).unwrap_or(i64::MAX)
    }
}
