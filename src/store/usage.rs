//! What was spent and what is reserved: a document a month that every budget of it shares, a document a day with who used
//! what, a document a minute with the questions asked in it.
//!
//! All budgets of a month stand in one document, so that a call takes from every budget it concerns or from none. Its size
//! grows with the users and roles of that month and with the calls that run, never with what was before.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    MOST_WRITES, Store, StoreError,
    driver::{Collection, Content, Range},
    from_body, kept_until, micros, to_body,
};
use crate::{
    ids::{ModelId, RoleId, UserId},
    money::{Currency, Money},
};

/// Months and days are kept for three years after their month has ended.
const KEPT_DAYS: u32 = 31 + 3 * 366;
/// The documents of all days.
const DAYS: &str = "days";

/// One month of all budgets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Month {
    /// Tokens spent, in and out, by budget.
    pub spent: BTreeMap<String, u64>,
    /// Money spent, by budget and currency.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cost: BTreeMap<String, BTreeMap<Currency, Decimal>>,
    /// Budgets of which was told that they are nearly used up, with what was told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub warned: BTreeMap<String, String>,
    /// Reservations that are not settled, by their id.
    pub reserved: BTreeMap<String, Reserved>,
    /// What is settled and not yet taken out of here into its day, in the order of its numbers.
    pub settled: Vec<Settled>,
    /// The number of the settlement before the next. Numbers of one month only grow.
    pub last_number: u64,
}

/// What a running call may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    #[serde(flatten)]
    pub of: Of,
    /// The day on which it was reserved; what it uses is that day's.
    pub day: Date,
    pub tokens: u64,
    /// What it may cost at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// Budgets of which was told with it that they are nearly used up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warned: Vec<String>,
    /// After this instant the call is over in any case; what it held counts as spent.
    pub until: Timestamp,
}

/// One settled call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    pub number: u64,
    pub day: Date,
    #[serde(flatten)]
    pub row: Row,
}

/// Who used which model, and where from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Of {
    /// Nobody where a schedule or a check asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    pub role: RoleId,
    pub model: ModelId,
    /// The surface of a question, `schedule/…` or `check`.
    pub source: String,
}

/// What was used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub calls: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cost: BTreeMap<Currency, Decimal>,
}

impl Used {
    /// Adds what another used; sums that are too large stay at the largest there is.
    pub fn add(&mut self, other: &Self) {
        self.tokens_in = self.tokens_in.saturating_add(other.tokens_in);
        self.tokens_out = self.tokens_out.saturating_add(other.tokens_out);
        self.calls = self.calls.saturating_add(other.calls);
        for (currency, amount) in &other.cost {
            let sum = self.cost.entry(*currency).or_default();
            *sum = sum.saturating_add(*amount);
        }
    }
}

/// Who used what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    #[serde(flatten)]
    pub of: Of,
    #[serde(flatten)]
    pub used: Used,
}

/// One day of the company's zone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// The number of the last settlement of its month that is counted here.
    pub written_to: u64,
    /// In ascending order.
    pub rows: Vec<Row>,
}

impl Day {
    /// Counts what is settled and not counted yet. `settled` are all settlements of this day that its month holds, as it
    /// was at any moment: what the month no longer holds is counted here already, and what is counted has a number up to
    /// `written_to`. So each counts once, whoever brings it and how often.
    pub fn count<'s>(&mut self, settled: impl IntoIterator<Item = &'s Settled>) {
        let written_to = self.written_to;
        for settled in settled {
            if settled.number <= written_to {
                continue;
            }
            self.written_to = self.written_to.max(settled.number);
            match self
                .rows
                .binary_search_by(|row| row.of.cmp(&settled.row.of))
            {
                Ok(at) => {
                    if let Some(row) = self.rows.get_mut(at) {
                        row.used.add(&settled.row.used);
                    }
                }
                Err(at) => self.rows.insert(at, settled.row.clone()),
            }
        }
    }
}

/// The questions of one minute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minute {
    pub company: u32,
    pub users: BTreeMap<String, u32>,
}

/// A document as it was when this process last wrote or read it, so that the next change need not read it again.
#[derive(Debug)]
pub struct Known<T> {
    key: String,
    version: i64,
    value: T,
}

/// The usage of a store.
pub struct UsageRows<'a>(pub(super) &'a Store);

impl UsageRows<'_> {
    /// A month by its name, `YYYY-MM`; empty where nothing was spent.
    pub async fn month(&self, month: &str) -> Result<Month, StoreError> {
        let key = month_key(month);
        let found = self.0.driver.get(Collection::Usage, &key).await?;
        found.map_or(Ok(Month::default()), |document| {
            from_body(Collection::Usage, &document)
        })
    }

    /// The days of a span, the first day first, without those on which nothing was counted.
    pub async fn days(&self, from: Date, to: Date) -> Result<Vec<(Date, Day)>, StoreError> {
        let mut days = Vec::new();
        let mut range = Range {
            from: order(from),
            to: order(to),
            newest_first: false,
            limit: 100,
        };
        loop {
            let found = self.0.driver.list(Collection::Usage, DAYS, range).await?;
            for document in &found {
                let date = Date::new(1970, 1, 1)
                    .and_then(|first| first.checked_add(document.order.days()))
                    .map_err(|_| StoreError::Unreadable {
                        collection: Collection::Usage.name(),
                        key: document.key.clone(),
                        what: "it is of no day".to_owned(),
                    })?;
                days.push((date, from_body(Collection::Usage, document)?));
            }
            match found.last() {
                Some(last) if found.len() == range.limit as usize => range.from = last.order + 1,
                _ => return Ok(days),
            }
        }
    }

    /// Changes a month as one step, whoever else changes it: `change` is asked again with what they left. It says whether
    /// there is anything to write. What it gave last is what holds, and holds of the store as it is, not of what was known.
    /// `M` is a [`Month`], with whatever its holder knows of it besides: it reads and writes as one.
    pub async fn change_month<M, T>(
        &self,
        known: &mut Option<Known<M>>,
        month: &str,
        change: impl FnMut(&mut M) -> (Change, T) + Send,
    ) -> Result<T, StoreError>
    where
        M: Default + Serialize + DeserializeOwned,
    {
        let first: Option<Date> = format!("{month}-01").parse().ok();
        let place = Content {
            group: Some("months".to_owned()),
            order: first.map_or(0, order),
            expires: first.map(expiry),
            ..Content::default()
        };
        self.change(known, &month_key(month), &place, change).await
    }

    /// Changes a day as one step.
    pub async fn change_day(
        &self,
        day: Date,
        mut change: impl FnMut(&mut Day) + Send,
    ) -> Result<(), StoreError> {
        let place = Content {
            group: Some(DAYS.to_owned()),
            order: order(day),
            expires: Some(expiry(day.first_of_month())),
            ..Content::default()
        };
        self.change(&mut None, &format!("day/{day}"), &place, |row: &mut Day| {
            let before = row.written_to;
            change(row);
            (Change::of(row.written_to != before), ())
        })
        .await
    }

    /// Changes a minute as one step. `minute` counts since 1970; the document goes when nobody asks for it any more.
    pub async fn change_minute<T>(
        &self,
        known: &mut Option<Known<Minute>>,
        minute: i64,
        change: impl FnMut(&mut Minute) -> (Change, T) + Send,
    ) -> Result<T, StoreError> {
        let gone = Timestamp::from_second(minute.saturating_add(2).saturating_mul(60))
            .unwrap_or(Timestamp::MAX);
        let place = Content {
            expires: Some(micros(gone)),
            ..Content::default()
        };
        self.change(known, &format!("minute/{minute}"), &place, change)
            .await
    }

    async fn change<D, T>(
        &self,
        known: &mut Option<Known<D>>,
        key: &str,
        place: &Content,
        mut change: impl FnMut(&mut D) -> (Change, T) + Send,
    ) -> Result<T, StoreError>
    where
        D: Default + Serialize + DeserializeOwned,
    {
        let (driver, c) = (&self.0.driver, Collection::Usage);
        for _ in 0..MOST_WRITES {
            let seen = known.take().filter(|known| known.key == key);
            let is_fresh = seen.is_none();
            let (version, mut value) = match seen {
                Some(known) => (Some(known.version), known.value),
                None => match driver.get(c, key).await? {
                    Some(document) => (Some(document.version), from_body(c, &document)?),
                    None => (None, D::default()),
                },
            };
            let (changed, given) = change(&mut value);
            let version = match (changed, version) {
                // Others may have written since: a write would show that, and there is none.
                (Change::Nothing, _) if !is_fresh => continue,
                (Change::Nothing, version) => version,
                (Change::Write, version) => {
                    let content = Content {
                        body: to_body(c, key, &value)?,
                        ..place.clone()
                    };
                    let written = match version {
                        Some(version) => driver.replace(c, key, version, &content).await?,
                        None => driver.insert(c, key, &content).await?,
                    };
                    if !written {
                        continue;
                    }
                    Some(version.map_or(1, |version| version + 1))
                }
            };
            *known = version.map(|version| Known {
                key: key.to_owned(),
                version,
                value,
            });
            return Ok(given);
        }
        Err(StoreError::Contended)
    }
}

/// Is there anything to write?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Write,
    Nothing,
}

impl Change {
    /// [`Write`](Self::Write) where something changed.
    pub fn of(changed: bool) -> Self {
        if changed { Self::Write } else { Self::Nothing }
    }
}

fn month_key(month: &str) -> String {
    format!("month/{month}")
}

fn midnight(day: Date) -> Timestamp {
    TimeZone::UTC
        .to_timestamp(day.at(0, 0, 0, 0))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A day's place among the days: since 1970.
fn order(day: Date) -> i64 {
    midnight(day).as_second().div_euclid(86_400)
}

/// When what belongs to a month goes.
fn expiry(first_of_month: Date) -> i64 {
    kept_until(midnight(first_of_month), KEPT_DAYS)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn settled(number: u64, model: &str) -> Settled {
        Settled {
            number,
            day: date(2026, 11, 24),
            row: Row {
                of: Of {
                    user: None,
                    role: RoleId::new("vp").unwrap(),
                    model: ModelId::new(model).unwrap(),
                    source: "cli".to_owned(),
                },
                used: Used {
                    tokens_in: 10,
                    tokens_out: 1,
                    calls: 1,
                    cost: BTreeMap::new(),
                },
            },
        }
    }

    #[test]
    fn a_day_counts_each_settlement_once_however_often_it_is_brought() {
        let all: Vec<Settled> = ["b", "a", "b", "c", "a"]
            .iter()
            .zip(1..)
            .map(|(model, number)| settled(number, model))
            .collect();
        let mut day = Day::default();
        day.count(&all[..3]);
        day.count(&all[..2]);
        day.count(&all[1..5]);
        day.count(&all);
        let calls: Vec<(&str, u64)> = day
            .rows
            .iter()
            .map(|row| (row.of.model.as_str(), row.used.calls))
            .collect();
        assert_eq!(calls, [("a", 2), ("b", 2), ("c", 1)]);
        assert_eq!(day.written_to, 5);
    }

    #[tokio::test]
    async fn days_of_a_long_span_all_come_in_their_order() {
        let store = Store::in_memory().await.unwrap();
        let first = date(2024, 2, 20);
        for n in 0..250_u32 {
            let day = first.checked_add(i64::from(n).days()).unwrap();
            store
                .usage()
                .change_day(day, |day| day.count([&settled(u64::from(n) + 1, "m")]))
                .await
                .unwrap();
        }
        let last = first.checked_add(248.days()).unwrap();
        let found = store
            .usage()
            .days(first.checked_add(1.days()).unwrap(), last)
            .await
            .unwrap();
        assert_eq!(found.len(), 248);
        for (n, (day, counted)) in (1_u32..).zip(&found) {
            assert_eq!(*day, first.checked_add(i64::from(n).days()).unwrap());
            assert_eq!(counted.written_to, u64::from(n) + 1);
        }
        let expired = |at: &str| at.parse().unwrap();
        assert_eq!(
            store.expire(expired("2027-02-28T00:00:00Z")).await.unwrap(),
            0
        );
        // All days of February 2024.
        assert_eq!(
            store.expire(expired("2027-03-20T00:00:00Z")).await.unwrap(),
            10
        );
    }
}
