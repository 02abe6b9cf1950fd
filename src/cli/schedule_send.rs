//! `daybrief schedule send`: a schedule's briefs now, and what became of each delivery.

use std::{path::Path, sync::Arc, time::Duration};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{local, one, open, print, print_json, schedule, seconds};
use crate::{
    app::App,
    domain::{
        delivery::{Delivery, DeliveryState},
        run::{Run, RunState},
    },
    error::{Problem, Problems},
    ids::{RunId, ScheduleId},
    run::{Worker, audiences},
    store::StoreError,
};

/// How often it is looked whether a delivery has ended.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// `schedule send …`
#[derive(Debug, Args)]
pub struct Send {
    schedule: ScheduleId,
    /// The outcome is waited for so long; what is not delivered then is left to the daemon.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(0..=3_600))]
    wait: u16,
}

/// Makes and delivers a schedule's briefs now, to all its recipients. Exit code 3 where a brief was not made or not
/// delivered to everyone.
pub async fn run(command: &Send, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    let runs = create(&app, &command.schedule).await?;
    if runs.is_empty() {
        return Err(one(Problem::new(
            "nobody",
            "nobody gets this schedule's briefs",
        )
        .advise(
            "look at its recipients, their roles and addresses with `daybrief check`",
        )));
    }
    let wait = Duration::from_secs(command.wait.into());
    let fail = |error: StoreError| one(error.into());
    settle(&app, &runs, wait, json).await.map_err(fail)?;
    app.shutdown().await;
    let mut whole = true;
    for id in &runs {
        let store = &app.parts.store;
        let Some(run) = store.runs().get(id).await.map_err(fail)? else {
            continue;
        };
        let deliveries = store.outbox().of_run(id).await.map_err(fail)?;
        whole &= matches!(&run.state, RunState::Done { delivered, total, .. } if delivered == total)
            || matches!(run.state, RunState::Quiet { .. });
        tell(&run, &deliveries, json);
    }
    Ok(if whole { 0 } else { 3 })
}

/// A run for each audience, as if it were due now.
async fn create(app: &App, id: &ScheduleId) -> Result<Vec<RunId>, Problems> {
    let (stored, objects) = schedule::find(app, id).await?;
    let (now, schedule) = (app.parts.clock.now(), &stored.object);
    let expires = now
        .checked_add(SignedDuration::from_mins(
            schedule.expires_after_minutes.into(),
        ))
        .unwrap_or(Timestamp::MAX);
    let mut runs = Vec::new();
    for audience in audiences(schedule, &objects, &app.parts.company.defaults) {
        let run = Run {
            id: app
                .parts
                .run_ids
                .of(&format!("{id}/sent by hand"), now, &audience),
            schedule: Some(schedule.id.clone()),
            briefing: schedule.briefing.clone(),
            audience,
            due: now,
            expires,
            missed: Vec::new(),
            by_hand: true,
            state: RunState::Due,
        };
        let created = app.parts.store.runs().create(&run, now).await;
        created.map_err(|error| one(error.into()))?;
        runs.push(run.id);
    }
    Ok(runs)
}

/// Works until every run has come to its end, or `wait` is over. A daemon beside may do the work as well: what counts is
/// what stands in the store.
async fn settle(app: &App, runs: &[RunId], wait: Duration, quiet: bool) -> Result<(), StoreError> {
    let worker = Worker::new(app.parts.clone(), CancellationToken::new(), Arc::new(()));
    let until = Instant::now() + wait;
    let target = if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(None, target);
    bar.enable_steady_tick(LOOK_EVERY);
    bar.set_message("making the brief");
    loop {
        worker.drain().await?;
        let (mut open, mut sent, mut total, mut later) = (0_usize, 0_usize, 0_usize, 0_usize);
        let last = app
            .parts
            .clock
            .now()
            .checked_add(until.saturating_duration_since(Instant::now()))
            .unwrap_or(Timestamp::MAX);
        for id in runs {
            let Some(run) = app.parts.store.runs().get(id).await? else {
                continue;
            };
            let deliveries = app.parts.store.outbox().of_run(id).await?;
            let ended = deliveries.iter().filter(|one| one.state.is_final());
            sent += ended.clone().count();
            total += deliveries.len();
            if run.state.is_final() {
                continue;
            }
            open += 1;
            let is_later = |one: &Delivery| {
                one.state.is_final()
                    || matches!(&one.state, DeliveryState::Waiting { next, last: Some(_) } if *next > last)
            };
            later += usize::from(!deliveries.is_empty() && deliveries.iter().all(is_later));
            // The run may have been put aside in the moment in which its last delivery ended.
            if !deliveries.is_empty() && ended.count() == deliveries.len() {
                let now = app.parts.clock.now();
                app.parts.store.runs().wake(id, now).await?;
            }
        }
        // What is tried again later than that is not waited for.
        let left = until.saturating_duration_since(Instant::now());
        let all_later = total > 0 && later == open;
        if open == 0 || left.is_zero() || all_later {
            bar.finish_and_clear();
            return Ok(());
        }
        if total > 0 {
            bar.set_message(format!("delivering: {sent} of {total}"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What became of a run, and of the brief for each recipient.
fn tell(run: &Run, deliveries: &[Delivery], json: bool) {
    let subject = run.state.brief().map(|brief| brief.subject.as_str());
    let outcome = match &run.state {
        RunState::Delivering { .. } => {
            let sent = deliveries
                .iter()
                .filter(|delivery| matches!(delivery.state, DeliveryState::Sent { .. }));
            format!("{} of {} delivered so far", sent.count(), deliveries.len())
        }
        _ => schedule::outcome(run),
    };
    if json {
        let deliveries: Vec<Value> = deliveries
            .iter()
            .map(|delivery| {
                let (why, next) = reason(&delivery.state);
                json!({
                    "id": delivery.id, "channel": delivery.to.kind(), "to": delivery.to.target(),
                    "state": delivery.state.name(), "attempts": delivery.attempts, "why": why,
                    "next": next.map(seconds),
                })
            })
            .collect();
        print_json(&json!({
            "run": run.id, "audience": run.audience.key(), "outcome": outcome, "subject": subject, "deliveries": deliveries,
        }));
        return;
    }
    print(&format!(
        "{}: {outcome} · {}",
        run.audience.key(),
        subject.unwrap_or_default()
    ));
    let zone = crate::zones::get(&run.audience.zone).unwrap_or(TimeZone::UTC);
    for delivery in deliveries {
        let (why, next) = reason(&delivery.state);
        let mut line = format!(
            "    {} {}: {}",
            delivery.to.kind(),
            delivery.to.target(),
            words(&delivery.state)
        );
        if let Some(why) = why {
            line.push_str(&format!(": {why}"));
        }
        if let Some(next) = next {
            let attempts = match delivery.attempts {
                1 => "1 attempt".to_owned(),
                more => format!("{more} attempts"),
            };
            let next = local(next, &zone);
            line.push_str(&format!(
                "; {attempts}, the next {next} by a running `daybrief serve`"
            ));
        }
        print(&line);
    }
}

fn words(state: &DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting { .. } => "not delivered yet",
        DeliveryState::Sending { .. } => "is being sent",
        DeliveryState::InDoubt { .. } => "may have arrived; asked again before it is sent again",
        DeliveryState::Sent { .. } => "sent",
        DeliveryState::Failed { .. } => "failed",
        DeliveryState::Unclear { .. } => "may have arrived or not",
        DeliveryState::Expired { .. } => "not delivered in time",
        DeliveryState::Revoked { .. } => "not sent: the recipient may not have it any more",
    }
}

/// The channel's own answer, and when it is tried again.
fn reason(state: &DeliveryState) -> (Option<&str>, Option<Timestamp>) {
    match state {
        DeliveryState::Waiting { next, last } => (last.as_deref(), Some(*next)),
        DeliveryState::InDoubt { why, ask, .. } => (Some(why), Some(*ask)),
        DeliveryState::Failed { why, .. } | DeliveryState::Unclear { why, .. } => (Some(why), None),
        _ => (None, None),
    }
}
