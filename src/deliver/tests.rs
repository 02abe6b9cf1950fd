use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;

use super::*;
use crate::{
    channels::{EmailMessage, FolderMessage, Prepared, Receipt},
    clock::ManualClock,
    domain::delivery::Address,
    ids::{DeliveryId, RunId},
};

/// A channel whose answers are given.
#[derive(Default)]
struct Scripted {
    prepare: Mutex<Vec<ChannelError>>,
    commit: Mutex<Vec<ChannelError>>,
    find: Mutex<Vec<Result<Found, ChannelError>>>,
    settles: Duration,
    delivered: Arc<AtomicUsize>,
}

struct ScriptedPrepared {
    error: Option<ChannelError>,
    delivered: Arc<AtomicUsize>,
}

#[async_trait]
impl Prepared for ScriptedPrepared {
    async fn commit(self: Box<Self>) -> Result<Receipt, ChannelError> {
        match self.error {
            Some(error) => Err(error),
            None => {
                self.delivered.fetch_add(1, Ordering::SeqCst);
                Ok(receipt())
            }
        }
    }
}

#[async_trait]
impl Channel for Scripted {
    async fn prepare(
        &self,
        _: &DeliveryId,
        _: &Address,
        _: Cleared<Message>,
    ) -> Result<Box<dyn Prepared>, ChannelError> {
        match self.prepare.lock().unwrap().pop() {
            Some(error) => Err(error),
            None => Ok(Box::new(ScriptedPrepared {
                error: self.commit.lock().unwrap().pop(),
                delivered: self.delivered.clone(),
            })),
        }
    }

    async fn find(&self, _: &DeliveryId, _: &Address) -> Result<Found, ChannelError> {
        self.find
            .lock()
            .unwrap()
            .pop()
            .unwrap_or(Ok(Found::NotDelivered))
    }

    fn settles_within(&self) -> Duration {
        self.settles
    }

    async fn check(&self) -> Result<(), ChannelError> {
        Ok(())
    }
}

fn receipt() -> Receipt {
    Receipt {
        reference: "queued".to_owned(),
    }
}

fn later() -> ChannelError {
    ChannelError::Later {
        what: "down".to_owned(),
        after: None,
    }
}

fn unclear() -> ChannelError {
    ChannelError::Unclear {
        what: "the connection broke".to_owned(),
    }
}

const LEASE: SignedDuration = SignedDuration::from_secs(30);

struct Bench {
    store: Store,
    audit: Audit,
    clock: ManualClock,
    channel: Scripted,
}

impl Bench {
    async fn new(channel: Scripted) -> Self {
        let store = Store::in_memory().await.unwrap();
        let clock = ManualClock::at("2026-11-24T06:10:00Z".parse().unwrap());
        let delivery = Delivery {
            id: DeliveryId::new("d1").unwrap(),
            run: RunId::new("r1").unwrap(),
            user: None,
            to: Address::Folder {
                name: "x".to_owned(),
            },
            state: DeliveryState::Waiting {
                next: clock.now(),
                last: None,
            },
            attempts: 0,
            again_after: None,
            expires: "2026-11-24T10:10:00Z".parse().unwrap(),
        };
        store.outbox().queue(&[delivery]).await.unwrap();
        Self {
            audit: Audit::new(store.clone(), [0; 32]),
            store,
            clock,
            channel,
        }
    }

    /// Claims the delivery if it is due and makes one attempt; the state that is in the store then.
    async fn attempt(&self) -> DeliveryState {
        let claimed = self
            .store
            .outbox()
            .claim(self.clock.now(), LEASE, 1)
            .await
            .unwrap();
        for mut delivery in claimed {
            self.one(&mut delivery).await.unwrap();
        }
        self.state().await
    }

    async fn one(&self, delivery: &mut Leased<Delivery>) -> Result<(), StoreError> {
        let message = Cleared::for_test(Message::Folder(FolderMessage {
            files: Vec::new(),
            mail: EmailMessage {
                to_name: None,
                subject: String::new(),
                text: String::new(),
                html: String::new(),
                list: String::new(),
                language: String::new(),
            },
        }));
        Attempt {
            store: &self.store,
            audit: &self.audit,
            channel: &self.channel,
            clock: &self.clock,
            lease: LEASE,
        }
        .run(delivery, message)
        .await
    }

    async fn state(&self) -> DeliveryState {
        let run = RunId::new("r1").unwrap();
        self.store.outbox().of_run(&run).await.unwrap()[0]
            .state
            .clone()
    }

    fn delivered(&self) -> usize {
        self.channel.delivered.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn what_certainly_failed_is_tried_again_after_its_wait() {
    let bench = Bench::new(Scripted {
        prepare: Mutex::new(vec![later()]),
        commit: Mutex::new(vec![later()]),
        ..Scripted::default()
    })
    .await;
    assert!(matches!(
        bench.attempt().await,
        DeliveryState::Waiting { last: Some(_), .. }
    ));
    bench.clock.advance(SignedDuration::from_secs(4));
    bench.attempt().await;
    assert_eq!(bench.delivered(), 0, "not before its time");
    bench.clock.advance(SignedDuration::from_secs(1));
    assert!(matches!(
        bench.attempt().await,
        DeliveryState::Waiting { .. }
    ));
    bench.clock.advance(SignedDuration::from_secs(15));
    assert!(matches!(bench.attempt().await, DeliveryState::Sent { .. }));
    bench.clock.advance(SignedDuration::from_hours(1));
    bench.attempt().await;
    assert_eq!(bench.delivered(), 1);
    assert!(bench.audit.verify().await.unwrap().ok);
}

#[tokio::test]
async fn an_unclear_end_is_asked_about_and_not_sent_twice() {
    for (found, sent, unclear_after) in [
        (Ok(Found::Delivered(receipt())), true, false),
        (Ok(Found::CannotTell), false, true),
    ] {
        let bench = Bench::new(Scripted {
            commit: Mutex::new(vec![unclear()]),
            find: Mutex::new(vec![found]),
            ..Scripted::default()
        })
        .await;
        let state = bench.attempt().await;
        assert_eq!(matches!(state, DeliveryState::Sent { .. }), sent);
        assert_eq!(
            matches!(state, DeliveryState::Unclear { .. }),
            unclear_after
        );
        bench.clock.advance(SignedDuration::from_mins(30));
        bench.attempt().await;
        assert_eq!(bench.delivered(), 0, "never sent again");
    }
}

#[tokio::test]
async fn what_the_channel_does_not_have_is_sent_once_more() {
    let bench = Bench::new(Scripted {
        commit: Mutex::new(vec![unclear()]),
        find: Mutex::new(vec![Ok(Found::NotDelivered), Err(later())]),
        ..Scripted::default()
    })
    .await;
    assert!(matches!(
        bench.attempt().await,
        DeliveryState::InDoubt { .. }
    ));
    bench.clock.advance(SignedDuration::from_secs(60));
    assert!(matches!(
        bench.attempt().await,
        DeliveryState::Waiting { .. }
    ));
    assert!(matches!(bench.attempt().await, DeliveryState::Sent { .. }));
    assert_eq!(bench.delivered(), 1);
}

#[tokio::test]
async fn what_may_still_arrive_is_not_sent_again_before_the_channels_answer_can_be_trusted() {
    let settles = Duration::from_secs(120);
    let bench = Bench::new(Scripted {
        commit: Mutex::new(vec![unclear()]),
        settles,
        ..Scripted::default()
    })
    .await;
    for _ in 0..8 {
        let state = bench.attempt().await;
        assert!(matches!(state, DeliveryState::InDoubt { .. }), "{state:?}");
        bench.clock.advance(SignedDuration::from_secs(15));
    }
    assert_eq!(bench.delivered(), 0);
    assert!(matches!(
        bench.attempt().await,
        DeliveryState::Waiting { .. }
    ));
    assert!(matches!(bench.attempt().await, DeliveryState::Sent { .. }));
    assert_eq!(bench.delivered(), 1);
    let kept = &bench
        .store
        .outbox()
        .of_run(&RunId::new("r1").unwrap())
        .await;
    let why = kept.as_ref().unwrap()[0].again_after.as_deref();
    assert_eq!(why, Some("the connection broke"));
    let rows = bench.store.audit().from(1, 10).await.unwrap();
    let unclear = rows.iter().filter(|row| row.entry["outcome"] == "unclear");
    assert_eq!(unclear.count(), 1, "told in the trail once");
}

#[tokio::test]
async fn what_arrives_late_after_an_unclear_end_is_found_and_not_sent_again() {
    let bench = Bench::new(Scripted {
        commit: Mutex::new(vec![unclear()]),
        find: Mutex::new(vec![
            Ok(Found::Delivered(receipt())),
            Ok(Found::NotDelivered),
            Ok(Found::NotDelivered),
        ]),
        settles: Duration::from_secs(120),
        ..Scripted::default()
    })
    .await;
    for _ in 0..2 {
        let state = bench.attempt().await;
        assert!(matches!(state, DeliveryState::InDoubt { .. }), "{state:?}");
        bench.clock.advance(SignedDuration::from_secs(15));
    }
    assert!(matches!(bench.attempt().await, DeliveryState::Sent { .. }));
    assert_eq!(bench.delivered(), 0);
}

#[tokio::test]
async fn a_row_left_while_sending_is_asked_about_first() {
    let bench = Bench::new(Scripted {
        find: Mutex::new(vec![Ok(Found::Delivered(receipt()))]),
        ..Scripted::default()
    })
    .await;
    let mut left = bench
        .store
        .outbox()
        .claim(bench.clock.now(), LEASE, 1)
        .await
        .unwrap()
        .remove(0);
    left.state = DeliveryState::Sending {
        since: bench.clock.now(),
    };
    bench
        .store
        .outbox()
        .save(&left, bench.clock.now(), LEASE)
        .await
        .unwrap();
    bench.attempt().await;
    assert!(
        matches!(bench.state().await, DeliveryState::Sending { .. }),
        "its worker may live"
    );
    bench.clock.advance(LEASE);
    assert!(matches!(bench.attempt().await, DeliveryState::Sent { .. }));
    assert_eq!(bench.delivered(), 0);
}

#[tokio::test]
async fn who_lost_the_lease_sends_nothing() {
    let bench = Bench::new(Scripted::default()).await;
    let mut slow = bench
        .store
        .outbox()
        .claim(bench.clock.now(), LEASE, 1)
        .await
        .unwrap()
        .remove(0);
    bench.clock.advance(LEASE);
    assert!(matches!(bench.attempt().await, DeliveryState::Sent { .. }));
    assert_eq!(
        bench.one(&mut slow).await.unwrap_err(),
        StoreError::LeaseLost
    );
    assert_eq!(bench.delivered(), 1);
}

#[tokio::test]
async fn what_is_too_late_is_not_sent() {
    let bench = Bench::new(Scripted::default()).await;
    bench.clock.advance(SignedDuration::from_hours(4));
    assert!(matches!(
        bench.attempt().await,
        DeliveryState::Expired { .. }
    ));
    assert_eq!(bench.delivered(), 0);
}

#[tokio::test]
async fn a_refused_address_ends_it_and_the_trail_says_why() {
    let bench = Bench::new(Scripted {
        prepare: Mutex::new(vec![ChannelError::Never {
            what: "no such mailbox".to_owned(),
        }]),
        ..Scripted::default()
    })
    .await;
    assert!(matches!(
        bench.attempt().await,
        DeliveryState::Failed { .. }
    ));
    let rows = bench.store.audit().from(1, 10).await.unwrap();
    assert_eq!(rows.last().unwrap().entry["why"], "no such mailbox");
}

#[test]
fn waits_grow_and_honour_the_channel_within_bounds() {
    let seconds = |attempts, asked| wait(attempts, asked).as_secs();
    assert_eq!(seconds(1, None), 5);
    assert_eq!(seconds(3, None), 60);
    assert_eq!(seconds(99, None), 900);
    assert_eq!(seconds(1, Some(Duration::from_secs(30))), 30);
    assert_eq!(seconds(6, Some(Duration::from_secs(30))), 900);
    assert_eq!(seconds(1, Some(Duration::from_secs(86_400))), 1_800);
}
