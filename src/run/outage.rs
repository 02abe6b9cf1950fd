//! Whether the store can be written. Where it cannot, nothing can be said by way of the outbox: the admin is told over their
//! channels directly, once an outage.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Parts, notices};
use crate::{
    audit::{Act, Entry, Outcome},
    ids::{DeliveryId, derived},
    provision::Objects,
    render,
    store::StoreError,
};

/// The store is tried so often.
const TRY_EVERY: Duration = Duration::from_secs(15);
/// It has so long to take a write: SQLite waits 10 s for another process's.
const ANSWERS_WITHIN: Duration = Duration::from_secs(12);
/// An outage is told once it was seen so often: a store that is slow for a moment is none.
const SEEN_BEFORE_TOLD: u32 = 2;
/// One channel has so long to take the word.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// What was last found of the store. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct StoreHealth(Arc<Mutex<Option<Outage>>>);

/// The store cannot be worked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    pub since: Timestamp,
    pub why: String,
    seen: u32,
    told: bool,
}

impl StoreHealth {
    fn held(&self) -> MutexGuard<'_, Option<Outage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The outage that there is now.
    pub fn outage(&self) -> Option<Outage> {
        self.held().clone()
    }

    /// Notes a try that failed; the outage as it is by now. Another fault is another outage: it is told as well.
    fn failed(&self, now: Timestamp, error: &StoreError) -> Outage {
        let mut held = self.held();
        let why = error.in_short();
        let before = held.take().filter(|before| before.why == why);
        let mut outage = before.unwrap_or(Outage {
            since: now,
            why,
            seen: 0,
            told: false,
        });
        outage.seen += 1;
        *held = Some(outage.clone());
        outage
    }

    fn told(&self) {
        if let Some(outage) = self.held().as_mut() {
            outage.told = true;
        }
    }
}

/// Watches the store until `stop`.
pub async fn watch(parts: &Parts, health: &StoreHealth, stop: CancellationToken) {
    let mut known = None;
    while !stop.is_cancelled() {
        look(parts, health, &mut known).await;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(TRY_EVERY) => {}
        }
    }
}

/// Tries the store once. `known` are the objects that were last read from it.
pub(super) async fn look(parts: &Parts, health: &StoreHealth, known: &mut Option<Objects>) {
    let now = parts.clock.now();
    let tried = tokio::time::timeout(ANSWERS_WITHIN, parts.store.ping()).await;
    let error = match tried {
        Ok(Ok(())) => return well(parts, health, known, now).await,
        Ok(Err(error)) => error,
        Err(_) => StoreError::Unavailable(format!("nothing within {} s", ANSWERS_WITHIN.as_secs())),
    };
    let outage = health.failed(now, &error);
    tracing::error!(%error, since = %outage.since, "the store cannot be written");
    if outage.told || outage.seen < SEEN_BEFORE_TOLD {
        return;
    }
    let text = format!(
        "The store could not be written since {}: {}. Until that is mended no brief is made, delivered or answered. What falls due \
         meanwhile is made up for afterwards.",
        outage.since,
        error.in_short()
    );
    if let Some(objects) = known
        && directly(
            parts,
            objects,
            &about(&outage),
            "The store cannot be written",
            &text,
        )
        .await
    {
        health.told();
    }
}

fn about(outage: &Outage) -> String {
    format!("store/{}", outage.since)
}

/// The store takes writes. Where it did not before, the admin is told of it now, if there was no way before.
async fn well(parts: &Parts, health: &StoreHealth, known: &mut Option<Objects>, now: Timestamp) {
    match parts.objects().await {
        Ok(objects) => *known = Some(objects),
        Err(error) => tracing::warn!(%error, "the objects cannot be read"),
    }
    let outage = health.held().take();
    let Some(outage) = outage else { return };
    tracing::warn!(since = %outage.since, "the store can be written again");
    if outage.seen < SEEN_BEFORE_TOLD {
        return;
    }
    if outage.told {
        let mut entry = Entry::new(now, Act::Delivery, "daemon", about(&outage));
        entry.outcome = Outcome::Done;
        entry.why = outage.why;
        entry.detail = "the admin was told past the store".to_owned();
        if let Err(error) = parts.audit.write(&[entry]).await {
            tracing::error!(%error, "that the admin was told is not in the trail");
        }
        return;
    }
    let text = format!(
        "The store could not be written from {} until {now}: {}. It works again; what fell due meanwhile is made up for.",
        outage.since, outage.why
    );
    let subject = "The store could not be written";
    if let Err(error) = notices::tell_admin(parts, &about(&outage), subject, &text).await {
        tracing::error!(%error, "the admin could not be told");
    }
}

/// Sends a word to the admin past the store, over every channel on which they are reached; whether one took it.
async fn directly(
    parts: &Parts,
    objects: &Objects,
    about: &str,
    subject: &str,
    text: &str,
) -> bool {
    let Some(run) = notices::word(parts, objects, about, subject, text) else {
        return false;
    };
    let Some(brief) = run.state.brief() else {
        return false;
    };
    let instance = parts.instance(objects, &run.audience.role);
    let mut told = false;
    for target in &run.audience.recipients {
        let id = derived(&[run.id.as_str(), target.to.kind(), target.to.target()]);
        let (Ok(id), Some(channel)) = (
            DeliveryId::new(id),
            parts.channels.get(&target.to.channel()),
        ) else {
            continue;
        };
        let cleared = parts.guard(objects).clear(brief.clone());
        let message = cleared.map(|brief| render::message(&brief, &instance, &target.to));
        let sent = async {
            let prepared = channel.prepare(&id, &target.to, message).await?;
            prepared.commit().await
        };
        match tokio::time::timeout(TOLD_WITHIN, sent).await {
            Ok(Ok(_)) => told = true,
            Ok(Err(error)) => {
                tracing::error!(channel = target.to.kind(), %error, "the admin could not be told");
            }
            Err(_) => tracing::error!(channel = target.to.kind(), "the admin could not be told"),
        }
    }
    told
}
