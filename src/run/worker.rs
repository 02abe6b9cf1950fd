//! Works on runs and deliveries that have something to do: claims them, keeps their leases while it works, and goes on
//! where another stopped.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Parts;
use crate::{
    domain::{
        delivery::{Delivery, DeliveryState},
        run::RunState,
    },
    store::{Leased, StoreError},
};

/// Runs that are worked on at once.
const RUNS_AT_ONCE: usize = 8;
/// Deliveries that are worked on at once.
const DELIVERIES_AT_ONCE: usize = 16;
/// A lease is not lengthened more often than this.
const SHORTEST_BEAT: Duration = Duration::from_millis(100);

/// What was worked on, for the metrics.
pub trait Counts: Send + Sync {
    /// A run came to this state.
    fn run(&self, state: &RunState);
    /// A delivery over a channel came to this state.
    fn delivery(&self, kind: &'static str, state: &DeliveryState);
}

/// Counts nothing.
impl Counts for () {
    fn run(&self, _: &RunState) {}
    fn delivery(&self, _: &'static str, _: &DeliveryState) {}
}

/// How an attempt ended: ids and the state, neither the address nor what the channel said.
fn log(delivery: &Delivery) {
    let (id, run, channel) = (&delivery.id, &delivery.run, delivery.to.kind());
    let state = delivery.state.name();
    let attempts = delivery.attempts;
    match delivery.state {
        DeliveryState::Sent { .. } => {
            tracing::info!(delivery = %id, %run, channel, attempts, "delivered");
        }
        DeliveryState::Revoked { .. } => {
            tracing::info!(delivery = %id, %run, channel, "not delivered: revoked");
        }
        _ => tracing::warn!(delivery = %id, %run, channel, state, attempts, "not delivered"),
    }
}

/// A worker of this node.
#[derive(Clone)]
pub struct Worker {
    parts: Parts,
    runs: Arc<Semaphore>,
    deliveries: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
    woken: Arc<Notify>,
    counts: Arc<dyn Counts>,
}

impl Worker {
    /// A worker that takes nothing new once `stop` is cancelled.
    pub fn new(parts: Parts, stop: CancellationToken, counts: Arc<dyn Counts>) -> Self {
        Self {
            parts,
            runs: Arc::new(Semaphore::new(RUNS_AT_ONCE)),
            deliveries: Arc::new(Semaphore::new(DELIVERIES_AT_ONCE)),
            tasks: TaskTracker::new(),
            stop,
            woken: Arc::default(),
            counts,
        }
    }

    /// Claims what can be worked on now and begins it; returns how many. Each goes on by itself.
    pub async fn begin(&self) -> Result<usize, StoreError> {
        let mut begun = 0;
        let (now, lease) = (self.parts.clock.now(), self.parts.company.lease);
        let free = u32::try_from(self.runs.available_permits()).unwrap_or(0);
        if free > 0 && !self.stop.is_cancelled() {
            for mut run in self.parts.store.runs().claim(now, lease, free).await? {
                begun += 1;
                let (worker, permit) = (self.clone(), self.runs.clone().acquire_owned().await);
                self.tasks.spawn(async move {
                    let _permit = permit;
                    worker.run(&mut run).await;
                    // What the run queued begins at once.
                    worker.woken.notify_one();
                });
            }
        }
        let free = u32::try_from(self.deliveries.available_permits()).unwrap_or(0);
        if free > 0 && !self.stop.is_cancelled() {
            for mut delivery in self.parts.store.outbox().claim(now, lease, free).await? {
                begun += 1;
                let (worker, permit) =
                    (self.clone(), self.deliveries.clone().acquire_owned().await);
                self.tasks.spawn(async move {
                    let _permit = permit;
                    match worker.parts.deliver(&mut delivery).await {
                        Ok(()) => log(&delivery),
                        Err(error) => {
                            tracing::warn!(delivery = %delivery.id, %error, "a delivery was left");
                        }
                    }
                    worker.counts.delivery(delivery.to.kind(), &delivery.state);
                    worker.woken.notify_one();
                });
            }
        }
        Ok(begun)
    }

    /// Returns when something that was worked on may have left more to do.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Works on a run and keeps its lease meanwhile. Whoever lost the lease stops at once: another goes on.
    async fn run(&self, run: &mut Leased<crate::domain::run::Run>) {
        let lease = self.parts.company.lease;
        let beat = (Duration::try_from(lease).unwrap_or_default() / 3).max(SHORTEST_BEAT);
        let held = run.clone();
        let keep = async {
            loop {
                tokio::time::sleep(beat).await;
                let now = self.parts.clock.now();
                match self.parts.store.runs().extend(&held, now, lease).await {
                    Ok(()) => {}
                    Err(StoreError::LeaseLost) => return,
                    Err(error) => tracing::warn!(run = %held.id, %error, "a lease was not kept"),
                }
            }
        };
        let worked = tokio::select! {
            worked = self.parts.work_on(run) => worked,
            () = keep => Err(StoreError::LeaseLost),
        };
        match worked {
            Ok(()) => self.counts.run(&run.state),
            Err(error) => tracing::warn!(run = %run.id, %error, "a run was left"),
        }
    }

    /// Works until nothing is left that can be worked on now. For commands; the daemon calls [`Worker::begin`].
    pub async fn drain(&self) -> Result<(), StoreError> {
        loop {
            let idle = self.tasks.is_empty();
            if self.begin().await? == 0 && idle {
                return Ok(());
            }
            if !self.tasks.is_empty() {
                // A task says that it is done a moment before it is: look again soon in any case.
                let _ = tokio::time::timeout(SHORTEST_BEAT, self.woken()).await;
            }
        }
    }

    /// Waits until what was begun has come to a point where it can be left.
    pub async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
