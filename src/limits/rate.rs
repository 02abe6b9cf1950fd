//! How many questions a minute. Counted in the store, so that all nodes count together; in whole minutes, so that a user may
//! ask twice as many within a minute that lies across two.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Limits;
use crate::{
    domain::people::{Role, User},
    ids::UserId,
    lane::Wish,
    store::{Change, StoreError},
};

/// Whose questions there are too many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    User,
    Company,
}

/// Why a question is not taken now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateLimited {
    #[error("{} {cap} questions a minute; ask again in {} s", share.words(), retry_after.as_secs())]
    TooMany {
        share: Share,
        /// Questions in a minute.
        cap: u32,
        /// Whole seconds until the next minute, at least one.
        retry_after: SignedDuration,
    },
    /// Without the store nothing is counted, so nothing is taken.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RateLimited {
    /// Seconds after which a question is taken again, where that is known.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::TooMany { retry_after, .. } => u64::try_from(retry_after.as_secs()).ok(),
            Self::Store(_) => None,
        }
    }
}

impl Share {
    fn words(self) -> &'static str {
        match self {
            Self::User => "one person may ask",
            Self::Company => "all together may ask",
        }
    }
}

/// A question that wants to be counted.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    minute: i64,
    user: Arc<UserId>,
    user_cap: u32,
}

/// What came of it; the outer error is the store's.
pub(super) type Admitted = Result<Result<(), (Share, u32)>, StoreError>;

impl Wish for Asked {
    fn outlives_its_caller(&self) -> bool {
        false
    }
}

impl Limits {
    /// Counts a question of this user, or says when to ask again. A refused question counts nowhere.
    pub async fn admit_question(
        &self,
        user: &User,
        role: &Role,
        now: Timestamp,
    ) -> Result<(), RateLimited> {
        let asked = Asked {
            minute: now.as_second().div_euclid(60),
            user: Arc::new(user.id.clone()),
            user_cap: role
                .questions_per_minute
                .unwrap_or(self.rules.limits.questions_per_minute),
        };
        let limits = self.clone();
        let commit = move |asked| {
            let limits = limits.clone();
            async move { limits.count_all(asked).await }
        };
        let admitted = self.minutes.submit(asked, commit).await;
        let admitted = admitted.unwrap_or_else(|| Err(StoreError::broken_off()))?;
        admitted.map_err(|(share, cap)| RateLimited::TooMany {
            share,
            cap,
            retry_after: SignedDuration::from_secs(60 - now.as_second().rem_euclid(60)),
        })
    }

    async fn count_all(&self, asked: Vec<Asked>) -> Vec<Admitted> {
        let mut results = Vec::with_capacity(asked.len());
        for of_minute in asked.chunk_by(|a, b| a.minute == b.minute) {
            let Some(first) = of_minute.first() else {
                continue;
            };
            let counted = self.count_minute(first.minute, of_minute).await;
            match counted {
                Ok(admitted) => results.extend(admitted.into_iter().map(Ok)),
                Err(error) => results.extend(of_minute.iter().map(|_| Err(error.clone()))),
            }
        }
        results
    }

    async fn count_minute(
        &self,
        minute: i64,
        asked: &[Asked],
    ) -> Result<Vec<Result<(), (Share, u32)>>, StoreError> {
        let company_cap = self.rules.limits.company_questions_per_minute;
        let mut known = self.minute.lock().await;
        self.store
            .usage()
            .change_minute(&mut known, minute, |counts| {
                let mut change = Change::Nothing;
                let admitted = asked
                    .iter()
                    .map(|asked| {
                        let user = counts.users.get(asked.user.as_str()).copied().unwrap_or(0);
                        if user >= asked.user_cap {
                            return Err((Share::User, asked.user_cap));
                        }
                        if let Some(cap) = company_cap.filter(|cap| counts.company >= *cap) {
                            return Err((Share::Company, cap));
                        }
                        change = Change::Write;
                        counts.company = counts.company.saturating_add(1);
                        counts.users.insert(asked.user.to_string(), user + 1);
                        Ok(())
                    })
                    .collect();
                (change, admitted)
            })
            .await
    }
}
