//! The door to the models: no token is spent without a [`Reservation`], and only this module makes one.
//!
//! The company, each role, each user and each schedule have a budget for each calendar month. What a call may use at most is
//! taken out of every budget it concerns before the call, or out of none; what it did use is put in its place after. A call
//! whose end nobody saw counts as if it had used all. A part of what the company has is kept for schedules, so that
//! questions cannot keep the morning's briefs from a model.
//!
//! Who used what is counted by day and kept for three years; what a call costs here does not grow with it.

mod books;
mod budget;
mod rate;
mod report;

#[cfg(test)]
mod tests;

pub use budget::Budget;
pub use rate::{RateLimited, Share};
pub use report::{Balance, Statement, UsageRow};

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};
use rust_decimal::prelude::ToPrimitive;
use tokio::sync::Mutex;

use crate::{
    access::Surface,
    domain::people::{Role, User},
    ids::{ModelId, RoleId, ScheduleId, fresh},
    lane::{Lane, Wish},
    money::Money,
    settings::Settings,
    store::{Change, Known, Minute, Of, Settled, Store, StoreError},
};
use books::{Books, Wanted};
use budget::Rules;

/// A call is over in any case after this; a reservation older than it counts as spent.
const RESERVATION_ENDS: SignedDuration = SignedDuration::from_mins(30);
/// So many settlements stand in their month before they are written into their days: a write of a day for each would cost
/// as much as all else, and whoever reads reads both.
const SETTLED_AT_ONCE: usize = 32;

/// Who wants to spend, and what for.
#[derive(Debug, Clone)]
pub struct Spender<'a> {
    pub role: &'a Role,
    /// Nobody where a schedule or a command asks.
    pub user: Option<&'a User>,
    pub source: Source,
}

impl Spender<'_> {
    /// The budgets that its calls are taken out of: its own first, then the company's.
    fn budgets(&self) -> Vec<Budget> {
        let user = self.user.map(|user| &user.id);
        Budget::of(user, &self.role.id, &self.source.to_string())
    }
}

/// How a source begins that is a schedule, and what it is where it is a check.
const SCHEDULE: &str = "schedule/";
const CHECK: &str = "check";

/// What a model is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A brief that is due. It has the schedule's budget, and the company's with the part that is reserved for schedules.
    Schedule(ScheduleId),
    /// A person's question, or a brief that a person has made by hand.
    Question { surface: Surface },
    /// A check of the set-up.
    Check,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Schedule(id) => write!(f, "{SCHEDULE}{id}"),
            Self::Question { surface } => f.write_str(surface.name()),
            Self::Check => f.write_str(CHECK),
        }
    }
}

/// The right to make one model call of at most so many tokens. It cannot be copied and is consumed by the call.
#[derive(Debug)]
#[must_use = "a reservation that is not used holds budget back"]
pub struct Reservation {
    id: String,
    role: RoleId,
    model: ModelId,
    max_tokens: u64,
    warnings: Vec<Warning>,
}

impl Reservation {
    /// The row of the store that holds it.
    pub fn id(&self) -> &str {
        &self.id
    }
    pub fn role(&self) -> &RoleId {
        &self.role
    }
    /// The model it was made for; another is refused.
    pub fn model(&self) -> &ModelId {
        &self.model
    }
    /// Tokens in and out that the call may use at most.
    pub fn max_tokens(&self) -> u64 {
        self.max_tokens
    }
    /// Budgets that this call brought near their end. Each is told with one call of a month and with no other.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// A reservation that no budget stands behind, for unit tests of what consumes one.
    #[cfg(test)]
    pub fn for_test(model: &str) -> Self {
        Self {
            id: "test".to_owned(),
            role: RoleId::new("test").unwrap(),
            model: ModelId::new(model).unwrap(),
            max_tokens: 100_000,
            warnings: Vec::new(),
        }
    }
}

/// A budget is nearly used up. What is taken is spent or held by calls that run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    Tokens {
        budget: Budget,
        cap: u64,
        taken: u64,
        /// When it begins anew.
        again: Timestamp,
    },
    Cost {
        budget: Budget,
        cap: Money,
        taken: Money,
        again: Timestamp,
    },
}

impl Warning {
    /// The budget that is nearly used up.
    pub fn budget(&self) -> &Budget {
        match self {
            Self::Tokens { budget, .. } | Self::Cost { budget, .. } => budget,
        }
    }

    /// How much of it is taken, in whole percent.
    pub fn percent(&self) -> u64 {
        match self {
            Self::Tokens { cap, taken, .. } => {
                let percent = u128::from(*taken) * 100 / u128::from(*cap).max(1);
                u64::try_from(percent).unwrap_or(u64::MAX)
            }
            Self::Cost { cap, taken, .. } => taken
                .amount
                .checked_mul(100.into())
                .and_then(|percent| percent.checked_div(cap.amount))
                .and_then(|percent| percent.trunc().to_u64())
                .unwrap_or(100),
        }
    }

    /// What it is told under, once a month.
    fn key(&self) -> String {
        match self {
            Self::Tokens { budget, .. } => budget.key(),
            Self::Cost { budget, cap, .. } => format!("{}/{}", budget.key(), cap.currency),
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tokens {
                budget,
                cap,
                taken,
                again,
            } => write!(
                f,
                "{taken} of {cap} tokens of {budget} are used; it begins anew at {again}"
            ),
            Self::Cost {
                budget,
                cap,
                taken,
                again,
            } => write!(
                f,
                "{} of {} of {budget} are used; it begins anew at {again}",
                amount(*taken),
                amount(*cap)
            ),
        }
    }
}

fn amount(money: Money) -> String {
    format!("{} {}", money.currency, money.amount.normalize())
}

/// Why nothing was reserved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverBudget {
    #[error(
        "{budget} has {left} of {cap} tokens left, and {wanted} may be needed; it begins anew at {again}"
    )]
    Tokens {
        budget: Budget,
        cap: u64,
        left: u64,
        wanted: u64,
        /// When it begins anew.
        again: Timestamp,
    },
    #[error(
        "{budget} has {} of {} left, and {} may be needed; it begins anew at {again}",
        amount(*left), amount(*cap), amount(*wanted)
    )]
    Cost {
        budget: Budget,
        cap: Money,
        left: Money,
        wanted: Money,
        again: Timestamp,
    },
    /// Without the store nothing can be reserved, so nothing is spent.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The budgets of one store. All clones are one door; several doors to one store hold to the same budgets.
#[derive(Clone)]
pub struct Limits {
    store: Store,
    /// In which zone a month begins.
    zone: TimeZone,
    rules: Arc<Rules>,
    months: Lane<Booking, Booked>,
    month: Arc<Mutex<Option<Known<Books>>>>,
    minutes: Lane<rate::Asked, rate::Admitted>,
    minute: Arc<Mutex<Option<Known<Minute>>>>,
    /// Held by who writes settlements into their days.
    days: Arc<Mutex<()>>,
}

/// One entry into a month's books.
#[derive(Debug, Clone)]
enum Booking {
    Reserve {
        month: String,
        wanted: Arc<Wanted>,
    },
    Settle {
        month: String,
        id: String,
        tokens_in: u64,
        tokens_out: u64,
    },
}

/// What came of a booking.
type Booked = Result<Result<Vec<Warning>, OverBudget>, StoreError>;

impl Booking {
    fn month(&self) -> &str {
        match self {
            Self::Reserve { month, .. } | Self::Settle { month, .. } => month,
        }
    }
}

impl Wish for Booking {
    fn outlives_its_caller(&self) -> bool {
        match self {
            Self::Reserve { .. } => false,
            // The tokens are gone, whether or not somebody waits for that to be written.
            Self::Settle { .. } => true,
        }
    }
}

impl Limits {
    /// The limits that the settings set. `zone` is the company's: months and days begin in it.
    pub fn new(store: Store, zone: TimeZone, settings: &Settings) -> Self {
        Self {
            store,
            zone,
            rules: Arc::new(Rules::of(settings)),
            months: Lane::default(),
            month: Arc::default(),
            minutes: Lane::default(),
            minute: Arc::default(),
            days: Arc::default(),
        }
    }

    fn day(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    /// The first instant of the month after that of `day`.
    fn month_after(&self, day: Date) -> Timestamp {
        day.first_of_month()
            .checked_add(1.month())
            .and_then(|first| self.zone.to_timestamp(first.at(0, 0, 0, 0)))
            .unwrap_or(Timestamp::MAX)
    }

    /// Takes `tokens`, and what they may cost, out of every budget that the call concerns, or says which of them does not
    /// hold it and takes nothing. Calls at once, in this process and in others, cannot take more than there is.
    pub async fn reserve(
        &self,
        spender: &Spender<'_>,
        model: &ModelId,
        tokens: u64,
        now: Timestamp,
    ) -> Result<Reservation, OverBudget> {
        let day = self.day(now);
        let month = month_of(day);
        // The month stands in the id: it is settled where it was reserved, whatever month it is then.
        let id = format!("{month}.{}", fresh());
        let wanted = Wanted {
            id: id.clone(),
            of: Of {
                user: spender.user.map(|user| user.id.clone()),
                role: spender.role.id.clone(),
                model: model.clone(),
                source: spender.source.to_string(),
            },
            day,
            tokens,
            bounds: self.rules.tokens(spender),
            cost: self.rules.highest_cost(model, tokens).map(|cost| {
                let bounds = self.rules.money(spender, cost.currency);
                (cost, bounds)
            }),
            warn_at_percent: self.rules.limits.warn_at_percent,
            now,
            until: now.checked_add(RESERVATION_ENDS).unwrap_or(Timestamp::MAX),
            again: self.month_after(day),
        };
        let booking = Booking::Reserve {
            month,
            wanted: Arc::new(wanted),
        };
        let warnings = self.book(booking).await??;
        Ok(Reservation {
            id,
            role: spender.role.id.clone(),
            model: model.clone(),
            max_tokens: tokens,
            warnings,
        })
    }

    /// Puts what a call used in the place of what was reserved for it. Settling twice changes nothing.
    pub async fn settle(
        &self,
        reservation: &str,
        tokens_in: u64,
        tokens_out: u64,
    ) -> Result<(), StoreError> {
        let month = reservation.split('.').next().unwrap_or_default();
        let booking = Booking::Settle {
            month: month.to_owned(),
            id: reservation.to_owned(),
            tokens_in,
            tokens_out,
        };
        self.book(booking).await.map(|_| ())
    }

    async fn book(&self, booking: Booking) -> Booked {
        let limits = self.clone();
        let commit = move |bookings| {
            let limits = limits.clone();
            async move { limits.book_all(bookings).await }
        };
        let booked = self.months.submit(booking, commit).await;
        booked.unwrap_or_else(|| Err(StoreError::broken_off()))
    }

    /// Makes all bookings, with one write for each month. What came of each, in their order.
    async fn book_all(&self, bookings: Vec<Booking>) -> Vec<Booked> {
        let mut by_month: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, booking) in bookings.iter().enumerate() {
            by_month.entry(booking.month()).or_default().push(at);
        }
        let mut results: Vec<(usize, Booked)> = Vec::with_capacity(bookings.len());
        for (month, places) in by_month {
            let of_month: Vec<&Booking> =
                places.iter().filter_map(|at| bookings.get(*at)).collect();
            let booked = self.book_month(month, &of_month).await;
            results.extend(places.into_iter().zip(booked));
        }
        results.sort_by_key(|(at, _)| *at);
        results.into_iter().map(|(_, booked)| booked).collect()
    }

    async fn book_month(&self, month: &str, bookings: &[&Booking]) -> Vec<Booked> {
        let written = self
            .store
            .usage()
            .change_month(&mut *self.month.lock().await, month, |books: &mut Books| {
                let (changed, booked) = self.enter(books, bookings);
                let settled = &books.month().settled;
                let settled = if settled.len() >= SETTLED_AT_ONCE {
                    settled.clone()
                } else {
                    Vec::new()
                };
                (changed, (booked, settled))
            })
            .await;
        match written {
            Ok((booked, settled)) => {
                self.begin_days(month, settled);
                booked.into_iter().map(Ok).collect()
            }
            Err(error) => bookings.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Settlements first, since they free what others may want.
    fn enter(
        &self,
        books: &mut Books,
        bookings: &[&Booking],
    ) -> (Change, Vec<Result<Vec<Warning>, OverBudget>>) {
        let mut changed = false;
        for booking in bookings {
            if let Booking::Settle {
                id,
                tokens_in,
                tokens_out,
                ..
            } = booking
            {
                changed |= books.settle(id, *tokens_in, *tokens_out, |reserved| {
                    self.rules.cost(&reserved.of.model, *tokens_in, *tokens_out)
                });
            }
        }
        let nows = bookings.iter().filter_map(|booking| match booking {
            Booking::Reserve { wanted, .. } => Some(wanted.now),
            Booking::Settle { .. } => None,
        });
        if let Some(now) = nows.max() {
            changed |= books.expire(now);
        }
        let booked = bookings
            .iter()
            .map(|booking| match booking {
                Booking::Reserve { wanted, .. } => {
                    let reserved = books.reserve(wanted);
                    changed |= reserved.is_ok();
                    reserved
                }
                Booking::Settle { .. } => Ok(Vec::new()),
            })
            .collect();
        (Change::of(changed), booked)
    }

    /// Has settlements moved into their days beside what goes on, unless others are being moved.
    fn begin_days(&self, month: &str, settled: Vec<Settled>) {
        if settled.is_empty() {
            return;
        }
        let Ok(turn) = self.days.clone().try_lock_owned() else {
            return;
        };
        let (limits, month) = (self.clone(), month.to_owned());
        tokio::spawn(async move {
            if let Err(error) = limits.write_days(&month, &settled).await {
                // They stay in their month and are moved with the next ones.
                tracing::warn!(%error, "usage was not written into its days");
            }
            drop(turn);
        });
    }

    /// Moves settlements from their month into their days. Whatever step a crash leaves out, each counts once: a day knows
    /// up to which number it has counted, and the month lets go of a settlement only when its day has it.
    async fn write_days(&self, month: &str, settled: &[Settled]) -> Result<(), StoreError> {
        let Some(last) = settled.iter().map(|settled| settled.number).max() else {
            return Ok(());
        };
        let mut by_day: BTreeMap<Date, Vec<&Settled>> = BTreeMap::new();
        for settled in settled {
            by_day.entry(settled.day).or_default().push(settled);
        }
        for (day, of_day) in by_day {
            self.store
                .usage()
                .change_day(day, |day| day.count(of_day.iter().copied()))
                .await?;
        }
        self.store
            .usage()
            .change_month(&mut *self.month.lock().await, month, |books: &mut Books| {
                (Change::of(books.forget_settled(last)), ())
            })
            .await
    }
}

/// `YYYY-MM`.
fn month_of(day: Date) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}
