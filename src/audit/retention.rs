//! Removing rows that are past their retention, so that the chain goes on.

use jiff::{SignedDuration, Timestamp};

use super::{Act, Audit, Entry, Outcome, PAGE, search::instant};
use crate::store::{AuditCheckpoint, StoreError};

/// Rows are removed a day's worth at once, not one by one as each grows old.
const AT_LEAST: SignedDuration = SignedDuration::from_hours(24);

impl Audit {
    /// Removes the oldest rows that were written before an instant, up to the first that was not; how many. A sealed
    /// checkpoint stands for them from then on. Rows that are not whole are never removed, nor what follows them: they
    /// are evidence.
    pub async fn expire(
        &self,
        before: Timestamp,
        why: &str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let Ok(mut walk) = self.walk_from_checkpoint().await? else {
            tracing::error!("the audit trail's checkpoint is not ours: no row is removed");
            return Ok(0);
        };
        let old = |entry: &serde_json::Value| {
            let at = entry.get("at").and_then(serde_json::Value::as_str);
            at.and_then(|at| at.parse::<Timestamp>().ok())
                .is_some_and(|at| at < before)
        };
        loop {
            let page = self.next_page(&walk, PAGE).await?;
            let ends = page
                .iter()
                .position(|found| !found.row.as_ref().is_some_and(|row| old(&row.entry)));
            let part = page.get(..ends.unwrap_or(page.len())).unwrap_or_default();
            let whole = self.step_all(&mut walk, part).await?;
            if let Err((number, what)) = whole {
                tracing::error!(row = number, "a row {}: it is not removed", what.words());
            }
            if whole.is_err() || ends.is_some() || page.is_empty() {
                break;
            }
        }
        if walk.rows == 0 {
            // What a crash left behind a checkpoint that is written.
            if walk.number > 0 {
                self.store.audit().remove_up_to(walk.number).await?;
            }
            return Ok(0);
        }
        let mut entry = Entry::new(now, Act::Retention, "daemon", "audit");
        entry.outcome = Outcome::Allowed;
        entry.why = why.to_owned();
        entry.detail = format!("{} rows up to {}, before {before}", walk.rows, walk.number);
        self.write(&[entry]).await?;
        let mut checkpoint = AuditCheckpoint {
            number: walk.number,
            hash: walk.hash,
            // Every row up to it: they are numbered from 1 without a hole.
            removed: walk.number,
            at: now,
            why: why.to_owned(),
            seal: String::new(),
        };
        checkpoint.seal = self.key.checkpoint(&checkpoint);
        self.store.audit().set_checkpoint(&checkpoint).await?;
        self.store.audit().remove_up_to(checkpoint.number).await?;
        Ok(walk.rows)
    }

    /// [`expire`](Self::expire) for rows older than so many days, a day's worth or more at once.
    pub async fn keep_days(&self, days: u32, now: Timestamp) -> Result<u64, StoreError> {
        let kept = SignedDuration::from_hours(24 * i64::from(days));
        let Ok(before) = now.checked_sub(kept) else {
            return Ok(0);
        };
        let oldest = self.border(Timestamp::MIN).await?;
        let rows = self.store.audit();
        let first = rows.found(oldest, u64::MAX, false, 1).await?.pop();
        let written = first.and_then(|found| found.row).as_ref().and_then(instant);
        let due = written.is_some_and(|at| before.duration_since(at) >= AT_LEAST);
        if !due {
            return Ok(0);
        }
        self.expire(before, &format!("kept for {days} days"), now)
            .await
    }
}
