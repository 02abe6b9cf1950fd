//! The daemon: a tick every few seconds makes what is due into runs, workers take them on, an HTTP surface tells how it is.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{net::TcpListener, sync::Notify};
use tokio_cron_scheduler::{Job, JobScheduler};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{Api, Metrics, Programs, reachable},
    app::App,
    audit::{self, Act, Entry, Outcome},
    domain::schedule::Schedule,
    error::Problem,
    provision::Objects,
    run::{Ahead, Parts, StoreHealth, Worker, audiences, tell_admin, tell_of_missing, watch_store},
    schedule::ticker,
    store::{Kind, StoreError},
};

/// Every two seconds, in UTC: a tick and nothing more. What is due is decided from the clock and the store.
const TICK: &str = "*/2 * * * * *";
/// Where the ticker fails to tick, the loop looks by itself after this.
const LOOK_AT_LATEST: Duration = Duration::from_secs(15);
/// A brief is looked at so long before it is due.
const PREFLIGHT_BEFORE: SignedDuration = SignedDuration::from_mins(30);
/// What is missing then is looked at once more after this: a source that is slow for a moment is not missing.
const LOOK_TWICE_AFTER: Duration = Duration::from_secs(60);
/// Sign-ins that end soon are renewed so often.
const RENEW_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// What is past its retention goes so often.
const EXPIRE_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// Budgets that are nearly used up are looked for so often.
const BUDGETS_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// What runs when the daemon is told to stop has so long to come to a point where it can be left.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// Rows of the audit trail that are on their way have so long to arrive.
const STOP_FORWARDING_WITHIN: Duration = Duration::from_secs(3);

/// Runs until `stop` is cancelled. `listener` is where the HTTP surface answers.
pub async fn run(app: &App, listener: TcpListener, stop: CancellationToken) -> Result<(), Problem> {
    let parts = &app.parts;
    parts
        .audit
        .write(&[Entry {
            at: parts.clock.now(),
            act: Act::Start,
            user: None,
            role: None,
            surface: "daemon".to_owned(),
            on: format!("daybrief {}", env!("CARGO_PKG_VERSION")),
            outcome: Outcome::Done,
            why: String::new(),
            detail: String::new(),
        }])
        .await?;
    let metrics = Arc::new(Metrics::new());
    metrics.ticked(parts.clock.now());
    let health = StoreHealth::default();
    let watching = {
        let (parts, health, stop) = (parts.clone(), health.clone(), stop.clone());
        tokio::spawn(async move { watch_store(&parts, &health, stop).await })
    };
    let api = Api {
        metrics: metrics.clone(),
        store: parts.store.clone(),
        health: health.clone(),
        clock: parts.clock.clone(),
        programs: programs(app, &listener, &stop),
    };
    let served = tokio::spawn(api.serve(listener, stop.clone().cancelled_owned()));
    let mut forwarding = tokio::task::JoinSet::new();
    for target in audit::Target::all(&app.settings.audit) {
        let (metrics, name) = (metrics.clone(), target.name());
        forwarding.spawn(audit::forward(
            parts.audit.clone(),
            target,
            parts.clock.clone(),
            stop.clone(),
            move |rows| metrics.audit_unsent(name, rows),
        ));
    }

    let tick = Arc::new(Notify::new());
    let mut scheduler = ticker_of(tick.clone()).await?;
    let worker = Worker::new(parts.clone(), stop.clone(), metrics.clone());
    let mut daemon = Daemon {
        parts,
        worker: &worker,
        seen: Arc::default(),
        renewed: None,
        expired: None,
        budgets: None,
        told: BTreeSet::new(),
        keep_audit_days: app.settings.audit.keep_days,
    };
    while !stop.is_cancelled() {
        let now = parts.clock.now();
        match daemon.look(now).await {
            Ok(()) => metrics.ticked(now),
            Err(error) => tracing::error!(%error, "the store cannot be worked with"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tick.notified() => {}
            () = worker.woken() => {}
            () = tokio::time::sleep(LOOK_AT_LATEST) => tracing::warn!("the ticker is silent"),
        }
    }

    tracing::info!("stopping");
    if let Err(error) = scheduler.shutdown().await {
        tracing::warn!(%error, "the ticker did not stop");
    }
    if tokio::time::timeout(STOP_WITHIN, worker.finished())
        .await
        .is_err()
    {
        tracing::warn!("some work was left; it goes on at the next start");
    }
    let forwarded = async { while forwarding.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_FORWARDING_WITHIN, forwarded)
        .await
        .is_err()
    {
        // The batch that is under way is sent again at the next start.
        forwarding.shutdown().await;
    }
    app.shutdown().await;
    let _ = tokio::time::timeout(Duration::from_secs(5), served).await;
    // It may wait for a store that does not answer.
    watching.abort();
    Ok(())
}

/// What other programs may ask, as the settings have it.
fn programs(app: &App, listener: &TcpListener, stop: &CancellationToken) -> Programs {
    let settings = &app.settings;
    Programs {
        converse: app.converse.clone(),
        company: app.parts.company.clone(),
        reachable: Arc::new(reachable(settings, listener)),
        refused: Arc::default(),
        stop: stop.clone(),
        api: settings.api.enabled,
        mcp: settings.api.mcp,
    }
}

async fn ticker_of(tick: Arc<Notify>) -> Result<JobScheduler, Problem> {
    let problem = |error: tokio_cron_scheduler::JobSchedulerError| {
        Problem::new("ticker", format!("the ticker does not start: {error}"))
    };
    let scheduler = JobScheduler::new().await.map_err(problem)?;
    let job = Job::new(TICK, move |_, _| tick.notify_one()).map_err(problem)?;
    scheduler.add(job).await.map_err(problem)?;
    scheduler.start().await.map_err(problem)?;
    Ok(scheduler)
}

/// What one look at the clock does.
struct Daemon<'a> {
    parts: &'a Parts,
    worker: &'a Worker,
    /// Schedules and instants that were looked at before they are due.
    seen: Arc<Mutex<BTreeSet<(String, Timestamp)>>>,
    renewed: Option<Timestamp>,
    expired: Option<Timestamp>,
    budgets: Option<Timestamp>,
    /// Budgets of which the admin was told.
    told: BTreeSet<String>,
    keep_audit_days: u32,
}

impl Daemon<'_> {
    async fn look(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let objects = self.parts.objects().await?;
        let defaults = &self.parts.company.defaults;
        ticker::make_due_runs(
            &self.parts.store,
            &self.parts.run_ids,
            &objects,
            defaults,
            now,
        )
        .await?;
        self.worker.begin().await?;
        self.look_ahead(&objects, now).await?;
        let due = |at: Timestamp| now.duration_since(at) >= RENEW_EVERY;
        if self.renewed.is_none_or(due) {
            self.renewed = Some(now);
            let pool = &self.parts.maker.pool;
            pool.replace(objects.connectors.clone());
            pool.renew_tokens();
        }
        let long_ago = |at: Timestamp| now.duration_since(at) >= EXPIRE_EVERY;
        if self.expired.is_none_or(long_ago) {
            self.expired = Some(now);
            self.parts.store.expire(now).await?;
            self.parts
                .audit
                .keep_days(self.keep_audit_days, now)
                .await?;
        }
        self.look_at_budgets(now).await
    }

    /// Tells the admin of budgets that are nearly used up, of each once a month: whoever took from them last, and whichever
    /// node that was on.
    async fn look_at_budgets(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let lately = |at: Timestamp| now.duration_since(at) < BUDGETS_EVERY;
        if self.budgets.is_some_and(lately) {
            return Ok(());
        }
        self.budgets = Some(now);
        let warned = self.parts.maker.selector.limits.warned(now).await?;
        self.told
            .retain(|told| warned.iter().any(|(about, _)| about == told));
        for (about, text) in warned {
            if !self.told.contains(&about) {
                let subject = "A budget of the models is nearly used up";
                tell_admin(self.parts, &about, subject, &format!("{text}.")).await?;
                self.told.insert(about);
            }
        }
        Ok(())
    }

    /// Begins to look at what is due soon, each due instant once.
    async fn look_ahead(&self, objects: &Objects, now: Timestamp) -> Result<(), StoreError> {
        let Ok(until) = now.checked_add(PREFLIGHT_BEFORE) else {
            return Ok(());
        };
        let mut ahead = Vec::new();
        for stored in self
            .parts
            .store
            .objects()
            .all::<Schedule>(Kind::Schedule)
            .await?
        {
            let schedule = &stored.object;
            let defaults = &self.parts.company.defaults;
            let Ok(times) = ticker::times(&stored, objects, &self.parts.store, defaults).await?
            else {
                continue;
            };
            let next = times
                .iter()
                .filter_map(|times| times.after(now))
                .map(|due| due.due)
                .min();
            let Some(due) = next.filter(|due| *due <= until) else {
                continue;
            };
            let fresh = self
                .seen
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert((schedule.id.to_string(), due));
            let briefing = objects
                .briefings
                .iter()
                .find(|briefing| briefing.id == schedule.briefing)
                .cloned();
            if let (true, Some(briefing)) = (fresh, briefing) {
                ahead.push(Ahead {
                    briefing,
                    audiences: audiences(schedule, objects, defaults),
                    due,
                });
            }
        }
        if !ahead.is_empty() {
            let (parts, objects) = (self.parts.clone(), objects.clone());
            tokio::spawn(async move {
                let told = tell_of_missing(&parts, &objects, &ahead, LOOK_TWICE_AFTER).await;
                if let Err(error) = told {
                    tracing::error!(%error, "the admin could not be told");
                }
            });
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|(_, due)| *due > now);
        Ok(())
    }
}
