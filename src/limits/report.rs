//! What was used and what is left, for people to look at.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, ToSpan, civil::Date};

use super::{
    Budget, Limits, Spender,
    books::Books,
    budget::{Bound, Rules},
    month_of,
};
use crate::store::{Of, Settled, StoreError, Used};

/// Who used what on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    pub day: Date,
    pub of: Of,
    pub used: Used,
}

/// A budget in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    pub budget: Budget,
    /// Tokens it holds; no cap where nothing is set.
    pub cap: Option<u64>,
    /// Tokens that are gone: spent, or held by calls that run.
    pub taken: u64,
}

impl Balance {
    /// Tokens that can still be taken.
    pub fn left(&self) -> Option<u64> {
        self.cap.map(|cap| cap.saturating_sub(self.taken))
    }
}

/// The budgets of one month, as they were at one moment.
pub struct Statement {
    books: Books,
    rules: Arc<Rules>,
}

impl Statement {
    /// What the budgets that a call of this spender concerns hold: its own first, then the company's.
    pub fn of(&self, spender: &Spender<'_>) -> Vec<Balance> {
        let balance = |Bound { budget, cap }| Balance {
            taken: self.books.taken(&budget),
            budget,
            cap,
        };
        self.rules
            .tokens(spender)
            .into_iter()
            .map(balance)
            .collect()
    }
}

impl Limits {
    /// The first and the last day of the month that it is at `now`.
    pub fn month_at(&self, now: Timestamp) -> (Date, Date) {
        let day = self.day(now);
        (day.first_of_month(), day.last_of_month())
    }

    /// What was used on the days of a span, day by day. Calls that run are not among it.
    pub async fn usage(
        &self,
        from: Date,
        to: Date,
        now: Timestamp,
    ) -> Result<Vec<UsageRow>, StoreError> {
        // Months first: what moves into its day in between is then in both, and counted once by its number.
        let mut waiting: BTreeMap<Date, Vec<Settled>> = BTreeMap::new();
        let mut first = from.first_of_month();
        while first <= to {
            let books = self.month_now(first, now).await?;
            for settled in &books.month().settled {
                let of_day = waiting.entry(settled.day).or_default();
                of_day.push(settled.clone());
            }
            match first.checked_add(1.month()) {
                Ok(next) => first = next,
                Err(_) => break,
            }
        }
        let mut days: BTreeMap<Date, _> = self
            .store
            .usage()
            .days(from, to)
            .await?
            .into_iter()
            .collect();
        for (day, settled) in &waiting {
            if (from..=to).contains(day) {
                days.entry(*day).or_default().count(settled);
            }
        }
        Ok(days
            .into_iter()
            .flat_map(|(day, counted)| {
                counted.rows.into_iter().map(move |row| UsageRow {
                    day,
                    of: row.of,
                    used: row.used,
                })
            })
            .collect())
    }

    /// What the budgets that a call of this spender concerns hold in the month of `now`: its own first, then the
    /// company's.
    pub async fn balances(
        &self,
        spender: &Spender<'_>,
        now: Timestamp,
    ) -> Result<Vec<Balance>, StoreError> {
        Ok(self.statement(self.day(now), now).await?.of(spender))
    }

    /// All budgets of the month of `day`.
    pub async fn statement(&self, day: Date, now: Timestamp) -> Result<Statement, StoreError> {
        Ok(Statement {
            books: self.month_now(day, now).await?,
            rules: self.rules.clone(),
        })
    }

    /// The budgets that came near their end in the month of `now`: a name for each that is no other's, and what to tell.
    pub async fn warned(&self, now: Timestamp) -> Result<Vec<(String, String)>, StoreError> {
        let name = month_of(self.day(now));
        let month = self.store.usage().month(&name).await?;
        Ok(month
            .warned
            .into_iter()
            .map(|(key, text)| (format!("budget/{name}/{key}"), text))
            .collect())
    }

    /// The month of `day`, with calls whose end nobody saw counted as spent.
    async fn month_now(&self, day: Date, now: Timestamp) -> Result<Books, StoreError> {
        let mut books = Books::open(self.store.usage().month(&month_of(day)).await?);
        books.expire(now);
        Ok(books)
    }
}
