//! Runs and their briefs.

use jiff::{SignedDuration, Timestamp};

use super::{
    Leased, Store, StoreError,
    driver::{Collection, Content, Range},
    from_body, kept_until, micros, to_body,
};
use crate::{
    domain::run::{Audience, Run, RunState},
    ids::{BriefingId, RunId},
};

/// Runs, and the briefs in them, are kept so long after they were due.
pub const KEPT_DAYS: u32 = 400;

/// So many earlier runs are looked at for one that has a brief.
const EARLIER_RUNS: u32 = 30;

/// Runs of one briefing, audience and instant that are looked at: one a schedule, and those by hand.
const MOST_AT_AN_INSTANT: u32 = 100;

/// So many times so many are looked at where a person had all of them made.
const MOST_PAGES: usize = 20;

/// The runs of a store.
pub struct Runs<'a>(pub(super) &'a Store);

fn group(briefing: &BriefingId, audience: &Audience) -> String {
    format!("{briefing}/{}", audience.key())
}

fn content(run: &Run, next: Option<Timestamp>) -> Result<Content, StoreError> {
    Ok(Content {
        body: to_body(Collection::Runs, run.id.as_str(), run)?,
        group: Some(group(&run.briefing, &run.audience)),
        order: micros(run.due),
        due: next.map(micros),
        expires: Some(kept_until(run.due, KEPT_DAYS)),
    })
}

impl Runs<'_> {
    /// Makes a run, to be worked on from `next`; false where the same run exists.
    pub async fn create(&self, run: &Run, next: Timestamp) -> Result<bool, StoreError> {
        self.0
            .driver
            .insert(
                Collection::Runs,
                run.id.as_str(),
                &content(run, Some(next))?,
            )
            .await
    }

    /// Keeps a run that has come to its end already; false where the same run exists.
    pub async fn keep(&self, run: &Run) -> Result<bool, StoreError> {
        self.0
            .driver
            .insert(Collection::Runs, run.id.as_str(), &content(run, None)?)
            .await
    }

    pub async fn get(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.0
            .driver
            .get(Collection::Runs, id.as_str())
            .await?
            .map(|document| from_body(Collection::Runs, &document))
            .transpose()
    }

    /// Returns whether there is a run of this one's schedule, instant and audience, under whatever id: earlier versions gave
    /// others.
    pub async fn is_made(&self, run: &Run) -> Result<bool, StoreError> {
        let due = micros(run.due);
        let range = Range {
            from: due,
            to: due,
            newest_first: true,
            limit: MOST_AT_AN_INSTANT,
        };
        let group = group(&run.briefing, &run.audience);
        let documents = self.0.driver.list(Collection::Runs, &group, range).await?;
        for document in &documents {
            let other: Run = from_body(Collection::Runs, document)?;
            if other.schedule == run.schedule && !other.by_hand {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Leases runs that have work to do.
    pub async fn claim(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<Leased<Run>>, StoreError> {
        self.0.claim(Collection::Runs, now, lease, limit).await
    }

    /// Saves a run under its lease. With `next` the lease is given back and work goes on then; nothing ends the work.
    pub async fn save(&self, run: &Leased<Run>, next: Option<Timestamp>) -> Result<(), StoreError> {
        self.0
            .save(
                Collection::Runs,
                run.id.as_str(),
                run,
                content(run, next)?,
                None,
            )
            .await
    }

    /// Saves a run and keeps its lease.
    pub async fn save_and_keep(
        &self,
        run: &Leased<Run>,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Result<(), StoreError> {
        self.0
            .save(
                Collection::Runs,
                run.id.as_str(),
                run,
                content(run, Some(now))?,
                now.checked_add(lease).ok(),
            )
            .await
    }

    /// Lengthens a run's lease.
    pub async fn extend(
        &self,
        run: &Leased<Run>,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Result<(), StoreError> {
        self.0
            .extend(Collection::Runs, run.id.as_str(), run, now, lease)
            .await
    }

    /// Has a run that waits for its deliveries looked at now. Does nothing where somebody works on it.
    pub async fn wake(&self, id: &RunId, now: Timestamp) -> Result<(), StoreError> {
        let Some(document) = self.0.driver.get(Collection::Runs, id.as_str()).await? else {
            return Ok(());
        };
        let run: Run = from_body(Collection::Runs, &document)?;
        if matches!(run.state, RunState::Delivering { .. }) {
            // A lost race means that somebody works on it just now and will see what is new.
            self.0
                .driver
                .replace(
                    Collection::Runs,
                    id.as_str(),
                    document.version,
                    &content(&run, Some(now))?,
                )
                .await?;
        }
        Ok(())
    }

    /// The last runs of a briefing for an audience that were due before `due` by their schedule, the last one first: what
    /// the next due run goes on from. Those that a person had made are left out. No further back than to the first that is
    /// `enough`: mostly the last one is, and what a brief costs does not grow with those before it.
    pub async fn due_before(
        &self,
        briefing: &BriefingId,
        audience: &Audience,
        due: Timestamp,
        enough: impl Fn(&Run) -> bool,
    ) -> Result<Vec<Run>, StoreError> {
        let group = group(briefing, audience);
        let (mut before, mut limit) = (due, 1);
        for _ in 0..MOST_PAGES {
            let range = Range::up_to(micros(before).saturating_sub(1), limit);
            let documents = self.0.driver.list(Collection::Runs, &group, range).await?;
            let (mut runs, mut last) = (Vec::new(), None);
            for document in &documents {
                let run: Run = from_body(Collection::Runs, document)?;
                last = Some(run.due);
                if run.by_hand {
                    continue;
                }
                let is_enough = enough(&run);
                runs.push(run);
                if is_enough {
                    return Ok(runs);
                }
            }
            let all_seen = documents.len() < limit as usize;
            if limit < EARLIER_RUNS && !all_seen {
                limit = EARLIER_RUNS;
                continue;
            }
            match last {
                Some(last) if runs.is_empty() && !all_seen => before = last,
                _ => return Ok(runs),
            }
        }
        Ok(Vec::new())
    }

    /// The last runs of a briefing for an audience before `due`, also those that a person had made, the last one first.
    pub async fn earlier(
        &self,
        briefing: &BriefingId,
        audience: &Audience,
        due: Timestamp,
    ) -> Result<Vec<Run>, StoreError> {
        let range = Range::up_to(micros(due).saturating_sub(1), EARLIER_RUNS);
        self.0
            .driver
            .list(Collection::Runs, &group(briefing, audience), range)
            .await?
            .iter()
            .map(|document| from_body(Collection::Runs, document))
            .collect()
    }
}
