//! One delivery, taken as far as it goes now. At-least-once attempts become once by the delivery's id: before a channel
//! is told to deliver, the row says `Sending`; a row found so after a crash is not sent again before the channel has
//! been asked whether it has it, and not before its answer can be trusted: until then it is `InDoubt`. What cannot be asked
//! about and may have gone out is not sent twice: it is `Unclear`, and the admin is told.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{
    audit::{Act, Audit, Entry, Outcome, Record},
    channels::{Channel, ChannelError, Found, Message},
    clock::Clock,
    domain::delivery::{Delivery, DeliveryState},
    guard::Cleared,
    store::{Leased, Store, StoreError},
};

/// Waits before the second, third … attempt, in seconds; the last one repeats until the delivery expires.
const BACK_OFF_SECONDS: [i64; 6] = [5, 15, 60, 180, 600, 900];
/// The longest that a channel may ask us to wait.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(30);
/// A lease is not lengthened more often than this.
const SHORTEST_BEAT: Duration = Duration::from_millis(100);
/// A channel that cannot be asked now what became of a delivery is asked again after this.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(15);

/// What an attempt needs besides the row.
pub struct Attempt<'a> {
    pub store: &'a Store,
    pub audit: &'a Audit,
    pub channel: &'a dyn Channel,
    /// An attempt takes a while: the time is read as it goes.
    pub clock: &'a dyn Clock,
    /// How long the row's lease is, from each save on.
    pub lease: SignedDuration,
}

impl Attempt<'_> {
    /// Takes a delivery as far as it goes and saves every step under its lease. Its state afterwards says what became
    /// of it. An error means that nothing more was done: another worker has the row, or the store does not answer.
    pub async fn run(
        &self,
        delivery: &mut Leased<Delivery>,
        message: Cleared<Message>,
    ) -> Result<(), StoreError> {
        // Whoever may not have it any more does not get it again either: that is asked for each attempt, so this one ends here.
        match delivery.state.clone() {
            DeliveryState::Sending { since } => {
                let why = "stopped while it was being sent".to_owned();
                return self.reconcile(delivery, since, why).await;
            }
            DeliveryState::InDoubt { since, why, .. } => {
                return self.reconcile(delivery, since, why).await;
            }
            _ => {}
        }
        let now = self.clock.now();
        if delivery.expires <= now {
            return self.end(delivery, DeliveryState::Expired { at: now }).await;
        }
        delivery.attempts = delivery.attempts.saturating_add(1);
        let prepared = match self
            .channel
            .prepare(&delivery.id, &delivery.to, message)
            .await
        {
            Ok(prepared) => prepared,
            Err(error) => {
                let state = after_error(error, delivery, self.clock.now());
                return self.end(delivery, state).await;
            }
        };
        let now = self.clock.now();
        self.audit
            .record(&[record(delivery, now, Outcome::Allowed, "")])
            .await?;
        delivery.state = DeliveryState::Sending { since: now };
        self.save(delivery).await?;
        match self.holding(delivery, prepared.commit()).await {
            Ok(receipt) => {
                delivery.state = DeliveryState::Sent {
                    at: self.clock.now(),
                    reference: receipt.reference,
                };
            }
            Err(ChannelError::Unclear { what }) => {
                let now = self.clock.now();
                return self.reconcile(delivery, now, what).await;
            }
            Err(error) => delivery.state = after_error(error, delivery, self.clock.now()),
        }
        let state = delivery.state.clone();
        self.end(delivery, state).await
    }

    /// Ends a delivery that may not go out any more, without an attempt.
    pub async fn revoke(&self, delivery: &mut Leased<Delivery>) -> Result<(), StoreError> {
        let at = self.clock.now();
        self.end(delivery, DeliveryState::Revoked { at }).await
    }

    /// Saves the state that an attempt ended in, with its row in the trail where nothing will follow.
    async fn end(
        &self,
        delivery: &mut Leased<Delivery>,
        state: DeliveryState,
    ) -> Result<(), StoreError> {
        let outcome = match &state {
            DeliveryState::Waiting { .. } | DeliveryState::Sending { .. } => None,
            // Told once, when it begins.
            DeliveryState::InDoubt { .. }
                if matches!(delivery.state, DeliveryState::InDoubt { .. }) =>
            {
                None
            }
            DeliveryState::InDoubt { why, .. } => Some((Outcome::Unclear, why.clone())),
            DeliveryState::Sent { .. } => Some((Outcome::Done, String::new())),
            DeliveryState::Failed { why, .. } => Some((Outcome::Failed, why.clone())),
            DeliveryState::Unclear { why, .. } => Some((Outcome::Unclear, why.clone())),
            DeliveryState::Expired { .. } => {
                Some((Outcome::Failed, "not delivered in time".to_owned()))
            }
            DeliveryState::Revoked { .. } => Some((
                Outcome::Denied,
                "the recipient may not have it any more".to_owned(),
            )),
        };
        if let Some((outcome, why)) = outcome {
            self.audit
                .record(&[record(delivery, self.clock.now(), outcome, &why)])
                .await?;
        }
        delivery.state = state;
        self.save(delivery).await
    }

    /// Waits for a channel and keeps the row's lease meanwhile: whoever took it over would find a delivery that begins
    /// and does not end.
    async fn holding<T>(&self, delivery: &Leased<Delivery>, work: impl Future<Output = T>) -> T {
        let beat = Duration::try_from(self.lease).unwrap_or_default() / 3;
        let mut work = std::pin::pin!(work);
        loop {
            match tokio::time::timeout(beat.max(SHORTEST_BEAT), &mut work).await {
                Ok(done) => return done,
                Err(_) => {
                    // Where this fails the save that follows fails too, and says so.
                    let _ = self
                        .store
                        .outbox()
                        .extend(delivery, self.clock.now(), self.lease)
                        .await;
                }
            }
        }
    }

    async fn save(&self, delivery: &Leased<Delivery>) -> Result<(), StoreError> {
        self.store
            .outbox()
            .save(delivery, self.clock.now(), self.lease)
            .await
    }

    /// Asks the channel what became of an attempt whose end nobody saw, which was given up at `since`.
    async fn reconcile(
        &self,
        delivery: &mut Leased<Delivery>,
        since: Timestamp,
        why: String,
    ) -> Result<(), StoreError> {
        let asked = self.clock.now();
        let found = self.channel.find(&delivery.id, &delivery.to).await;
        let now = self.clock.now();
        let settles = SignedDuration::try_from(self.channel.settles_within());
        let trusted = since
            .checked_add(settles.unwrap_or(SignedDuration::MAX))
            .unwrap_or(Timestamp::MAX);
        let again = now.checked_add(ASK_AGAIN).unwrap_or(now);
        let state = match found {
            Ok(Found::Delivered(receipt)) => DeliveryState::Sent {
                at: now,
                reference: receipt.reference,
            },
            Ok(Found::NotDelivered) if asked < trusted => DeliveryState::InDoubt {
                since,
                ask: again.min(trusted),
                why,
            },
            Ok(Found::NotDelivered) => {
                if trusted > since {
                    delivery.again_after = Some(why.clone());
                }
                DeliveryState::Waiting {
                    next: now,
                    last: Some(why),
                }
            }
            Ok(Found::CannotTell) => DeliveryState::Unclear { at: now, why },
            // It can be asked, but not now: whether it went out stays open until then.
            Err(ChannelError::Later { .. }) if now < delivery.expires => DeliveryState::InDoubt {
                since,
                ask: again,
                why,
            },
            Err(error) => DeliveryState::Unclear {
                at: now,
                why: format!("{why}; asking about it failed: {error}"),
            },
        };
        self.end(delivery, state).await
    }
}

fn record(delivery: &Delivery, at: Timestamp, outcome: Outcome, why: &str) -> Record {
    let on = format!("{}/{}", delivery.to.kind(), delivery.id);
    let mut entry = Entry::new(at, Act::Delivery, "schedule", on);
    entry.user = delivery.user.as_ref().map(ToString::to_string);
    entry.outcome = outcome;
    entry.detail = format!("run {}", delivery.run);
    // What a mail server answers may repeat the address: for a person it stands beside the chain.
    if delivery.user.is_some() && !why.is_empty() {
        return Record::from(entry).text(why);
    }
    entry.why = why.to_owned();
    Record::from(entry)
}

/// The state after an attempt that certainly delivered nothing.
fn after_error(error: ChannelError, delivery: &Delivery, now: Timestamp) -> DeliveryState {
    match error {
        ChannelError::Later { what, after } => {
            let next = now
                .checked_add(wait(delivery.attempts, after))
                .unwrap_or(now);
            DeliveryState::Waiting {
                // Once more at the very end, rather than giving up early.
                next: next.min(delivery.expires),
                last: Some(what),
            }
        }
        ChannelError::Never { what } => DeliveryState::Failed { at: now, why: what },
        ChannelError::Unclear { what } => DeliveryState::Unclear { at: now, why: what },
    }
}

/// How long to wait after the attempt number `attempts`: our own back-off or what the channel asks, whichever is
/// longer, at most [`LONGEST_WAIT`].
fn wait(attempts: u32, asked: Option<Duration>) -> SignedDuration {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let own = BACK_OFF_SECONDS
        .get(index)
        .or(BACK_OFF_SECONDS.last())
        .copied()
        .unwrap_or_default();
    let asked = asked
        .and_then(|asked| SignedDuration::try_from(asked).ok())
        .unwrap_or(SignedDuration::ZERO);
    SignedDuration::from_secs(own).max(asked).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests;
