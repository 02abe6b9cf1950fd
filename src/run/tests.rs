//! The state machine over a store in memory, a clock that is moved and a channel that remembers what it delivered.

use std::sync::Mutex;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    access::Access,
    channels::{ChannelError, Found, Message, Prepared, Receipt},
    clock::ManualClock,
    connectors::{Connectors, MemoryPins, SecretSource, SecretUnavailable},
    domain::{delivery::Address, run::Audience},
    guard::Cleared,
    schedule::ticker,
    secrets::SecretRef,
};

/// A channel that keeps what it delivered under the delivery's id; several workers may share it.
#[derive(Default)]
struct Mailbox {
    delivered: Mutex<Vec<(DeliveryId, String)>>,
    /// Answers that come instead of a delivery, last first.
    refuse: Mutex<Vec<ChannelError>>,
    /// Answers to checks, last first; after them all is well.
    checks: Mutex<Vec<ChannelError>>,
}

struct Letter {
    mailbox: Arc<Mailbox>,
    id: DeliveryId,
    subject: String,
}

#[async_trait]
impl Prepared for Letter {
    async fn commit(self: Box<Self>) -> Result<Receipt, ChannelError> {
        let mut delivered = self.mailbox.delivered.lock().unwrap();
        delivered.push((self.id, self.subject));
        Ok(Receipt {
            reference: delivered.len().to_string(),
        })
    }
}

/// The mailbox as a channel: a handle, since what is prepared outlives the call.
struct Handle(Arc<Mailbox>);

#[async_trait]
impl Channel for Handle {
    async fn prepare(
        &self,
        delivery: &DeliveryId,
        _: &Address,
        message: Cleared<Message>,
    ) -> Result<Box<dyn Prepared>, ChannelError> {
        if let Some(error) = self.0.refuse.lock().unwrap().pop() {
            return Err(error);
        }
        let Message::Email(mail) = message.into_inner() else {
            panic!("not a mail");
        };
        Ok(Box::new(Letter {
            mailbox: self.0.clone(),
            id: delivery.clone(),
            subject: format!("{}\n{}", mail.subject, mail.text),
        }))
    }

    async fn find(&self, delivery: &DeliveryId, _: &Address) -> Result<Found, ChannelError> {
        let delivered = self.0.delivered.lock().unwrap();
        Ok(match delivered.iter().find(|(id, _)| id == delivery) {
            Some(_) => Found::Delivered(Receipt {
                reference: "found".to_owned(),
            }),
            None => Found::NotDelivered,
        })
    }

    async fn check(&self) -> Result<(), ChannelError> {
        match self.0.checks.lock().unwrap().pop() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

struct NoSecrets;

#[async_trait]
impl SecretSource for NoSecrets {
    async fn secret(&self, _: &SecretRef) -> Result<secrecy::SecretString, SecretUnavailable> {
        Err(SecretUnavailable("there is none".to_owned()))
    }
}

const LEASE: SignedDuration = SignedDuration::from_secs(30);

fn ids() -> RunIds {
    RunIds::new(b"key")
}

/// An instance with one briefing, which asks nothing, and two readers.
struct Instance {
    store: Store,
    clock: Arc<ManualClock>,
    mailbox: Arc<Mailbox>,
}

const OBJECTS: &str = r#"
[[role]]
id = "vp"
title = "VP"

[[user]]
id = "mara"
name = "Mara"
roles = ["vp"]
email = "mara@acme.example"

[[user]]
id = "jonas"
name = "Jonas"
roles = ["vp"]
email = "jonas@acme.example"

[[user]]
id = "admin"
name = "Admin"
roles = ["admin"]
email = "admin@acme.example"

[briefing]
id = "morning"
title = "Engineering"
role = "vp"
when_quiet = "QUIET"

[[signal]]
id = "blocked"
title = "Blocked work"
connector = "tracker"
tool = "query"
args = { name = "blocked" }
key = "item.key"
headline = "Work is blocked"
next = "Ask."

[schedule]
id = "s"
briefing = "morning"
when = "daily at 07:00"
zone = "UTC"
to = [{ role = "vp", via = ["email"] }]
"#;

impl Instance {
    async fn with(objects: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("all.toml"), objects).unwrap();
        let objects = provision::read(&[folder.path().to_owned()]).unwrap();
        let store = Store::in_memory().await.unwrap();
        let made = "2026-11-20T08:00:00Z".parse().unwrap();
        let changes = provision::plan(&store, &objects).await.unwrap();
        provision::apply(&store, &objects, &changes, made)
            .await
            .unwrap();
        Self {
            store,
            clock: Arc::new(ManualClock::at("2026-11-24T07:00:01Z".parse().unwrap())),
            mailbox: Arc::default(),
        }
    }

    async fn new() -> Self {
        Self::with(&OBJECTS.replace("QUIET", "full")).await
    }

    /// The parts of one process over this store, or over one that fails.
    fn parts(&self, store: Store) -> Parts {
        let audit = Audit::new(store.clone(), [1; 32]);
        let pool = Connectors::new(
            Vec::new(),
            Arc::new(NoSecrets),
            Arc::new(MemoryPins::default()),
            self.clock.clone(),
        );
        let mut channels: BTreeMap<ChannelKind, Arc<dyn Channel>> = BTreeMap::new();
        channels.insert(ChannelKind::Email, Arc::new(Handle(self.mailbox.clone())));
        Parts {
            store: store.clone(),
            clock: self.clock.clone(),
            maker: Maker {
                pool,
                access: Access::new(audit.clone(), store.clone()),
                clock: self.clock.clone(),
                fingerprint_key: Arc::from([2; 32].as_slice()),
                selector: Selector {
                    models: BTreeMap::new(),
                    route: Vec::new(),
                    limits: crate::limits::Limits::new(
                        store.clone(),
                        jiff::tz::TimeZone::UTC,
                        &crate::settings::Settings::default(),
                    ),
                    audit: audit.clone(),
                    company: "Acme".to_owned(),
                },
            },
            audit,
            run_ids: ids(),
            channels,
            company: Arc::new(Company {
                name: "Acme".to_owned(),
                defaults: Defaults {
                    zone: "UTC".to_owned(),
                    language: crate::text::Language::English,
                },
                calendar: None,
                allowed_hosts: Vec::new(),
                secrets: crate::guard::Secrets::default(),
                admin: UserId::new("admin").ok(),
                lease: LEASE,
            }),
        }
    }

    /// One process: makes what is due and works until nothing is left, or the store fails.
    async fn process(&self, store: Store) -> Result<(), StoreError> {
        let parts = self.parts(store);
        let objects = parts.objects().await?;
        let defaults = &parts.company.defaults;
        ticker::make_due_runs(&parts.store, &ids(), &objects, defaults, self.clock.now()).await?;
        Worker::new(parts, CancellationToken::new(), Arc::new(()))
            .drain()
            .await
    }

    async fn work(&self) {
        self.process(self.store.clone()).await.unwrap();
    }

    fn letters(&self) -> Vec<String> {
        let delivered = self.mailbox.delivered.lock().unwrap();
        delivered.iter().map(|(_, text)| text.clone()).collect()
    }

    fn audience(&self) -> Audience {
        let target = |user: &str| crate::domain::run::Target {
            user: Some(UserId::new(user).unwrap()),
            to: Address::Email {
                to: format!("{user}@acme.example"),
            },
        };
        Audience {
            role: crate::ids::RoleId::new("vp").unwrap(),
            language: crate::text::Language::English,
            zone: "UTC".to_owned(),
            recipients: vec![target("jonas"), target("mara")],
        }
    }

    async fn run(&self, due: &str) -> Run {
        let id = ids().of("s", due.parse().unwrap(), &self.audience());
        self.store.runs().get(&id).await.unwrap().unwrap()
    }

    async fn verify(&self) {
        let audit = Audit::new(self.store.clone(), [1; 32]);
        assert!(audit.verify().await.unwrap().ok);
    }
}

const DUE: &str = "2026-11-24T07:00:00Z";

#[tokio::test]
async fn a_due_brief_reaches_each_recipient_once() {
    let instance = Instance::new().await;
    instance.work().await;
    instance.work().await;
    assert_eq!(instance.letters().len(), 2);
    let run = instance.run(DUE).await;
    assert!(
        matches!(
            run.state,
            RunState::Done {
                delivered: 2,
                total: 2,
                ..
            }
        ),
        "{:?}",
        run.state
    );
    instance.verify().await;
}

#[tokio::test]
async fn a_run_is_woken_where_its_last_delivery_ended_while_it_was_in_hands() {
    let instance = Instance::new().await;
    let parts = instance.parts(instance.store.clone());
    let (runs, outbox) = (parts.store.runs(), parts.store.outbox());
    let (now, objects) = (instance.clock.now(), parts.objects().await.unwrap());
    ticker::make_due_runs(&parts.store, &ids(), &objects, &parts.company.defaults, now)
        .await
        .unwrap();
    let mut run = runs.claim(now, LEASE, 1).await.unwrap().remove(0);
    parts.work_on(&mut run).await.unwrap();
    runs.wake(&run.id, now).await.unwrap();
    let run = runs.claim(now, LEASE, 1).await.unwrap().remove(0);
    for mut delivery in outbox.claim(now, LEASE, 9).await.unwrap() {
        parts.deliver(&mut delivery).await.unwrap();
    }
    parts.leave(&run).await.unwrap();
    assert_eq!(runs.claim(now, LEASE, 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_crash_after_any_write_loses_nothing_and_sends_nothing_twice() {
    let mut whole = false;
    for writes in 0..200 {
        let instance = Instance::new().await;
        whole = instance
            .process(instance.store.that_fails_after(writes))
            .await
            .is_ok()
            && instance.letters().len() == 2
            && instance.run(DUE).await.state.is_final();
        // The process is gone; its leases end.
        instance.clock.advance(LEASE);
        instance.work().await;
        // What was being sent when the power went is asked about before anything is sent again.
        instance.clock.advance(LEASE);
        instance.work().await;
        let mut ids: Vec<_> = instance
            .mailbox
            .delivered
            .lock()
            .unwrap()
            .iter()
            .map(|(id, _)| id.clone())
            .collect();
        assert_eq!(ids.len(), 2, "after {writes} writes");
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 2, "after {writes} writes");
        let run = instance.run(DUE).await;
        assert!(
            matches!(run.state, RunState::Done { delivered: 2, .. }),
            "after {writes} writes: {}",
            run.state.name()
        );
        instance.verify().await;
        if whole {
            assert!(writes > 10, "the crashes were not spread over the run");
            break;
        }
    }
    assert!(whole, "no number of writes was enough");
}

#[tokio::test]
async fn who_was_disabled_or_lost_the_role_gets_nothing_more() {
    for change in ["state = 'disabled'", "roles = [\"other\"]"] {
        let instance = Instance::new().await;
        instance.mailbox.refuse.lock().unwrap().extend([
            ChannelError::Later {
                what: "down".to_owned(),
                after: None,
            },
            ChannelError::Later {
                what: "down".to_owned(),
                after: None,
            },
        ]);
        instance.work().await;
        assert!(instance.letters().is_empty());
        let mut stored = instance
            .store
            .objects()
            .get::<User>(Kind::User, "mara")
            .await
            .unwrap()
            .unwrap();
        if change.starts_with("state") {
            stored.object.state = crate::domain::people::UserState::Disabled;
        } else {
            stored.object.roles.clear();
        }
        instance
            .store
            .objects()
            .put(Kind::User, "mara", &stored)
            .await
            .unwrap();
        instance.clock.advance(SignedDuration::from_mins(2));
        instance.work().await;
        assert_eq!(instance.letters().len(), 1, "{change}");
        let deliveries = instance
            .store
            .outbox()
            .of_run(&instance.run(DUE).await.id)
            .await
            .unwrap();
        assert!(
            deliveries
                .iter()
                .any(|delivery| matches!(delivery.state, DeliveryState::Revoked { .. }))
        );
    }
}

#[tokio::test]
async fn a_brief_past_its_time_becomes_one_line_and_a_word_to_the_admin() {
    let instance = Instance::new().await;
    instance.clock.set("2026-11-24T12:00:00Z".parse().unwrap());
    instance.work().await;
    let letters = instance.letters();
    assert_eq!(letters.len(), 3, "{letters:#?}");
    let to_readers = letters
        .iter()
        .filter(|letter| letter.starts_with("Engineering: no brief today, too late"))
        .count();
    assert_eq!(to_readers, 2, "{letters:#?}");
    assert!(
        letters
            .iter()
            .any(|letter| letter.starts_with("Brief morning was too late")),
        "{letters:#?}"
    );
    instance.work().await;
    assert_eq!(instance.letters().len(), 3, "said once");
}

#[tokio::test]
async fn what_cannot_be_delivered_is_told_to_the_admin_once_and_in_the_next_brief() {
    let instance = Instance::new().await;
    instance
        .mailbox
        .refuse
        .lock()
        .unwrap()
        .push(ChannelError::Never {
            what: "no such mailbox".to_owned(),
        });
    instance.work().await;
    let letters = instance.letters();
    let notice = letters
        .iter()
        .find(|letter| letter.starts_with("Brief morning: 1 of 2 not delivered"))
        .unwrap_or_else(|| panic!("{letters:#?}"));
    assert!(notice.contains("no such mailbox"), "{notice}");
    instance.clock.set("2026-11-25T07:00:01Z".parse().unwrap());
    instance.work().await;
    let letters = instance.letters();
    let next = letters
        .iter()
        .filter(|letter| letter.contains("may not have reached everyone"))
        .count();
    assert_eq!(next, 2, "{letters:#?}");
}

#[tokio::test]
async fn a_word_to_the_admin_that_does_not_arrive_makes_no_other() {
    let instance = Instance::new().await;
    let never = || ChannelError::Never {
        what: "no such mailbox".to_owned(),
    };
    instance
        .mailbox
        .refuse
        .lock()
        .unwrap()
        .extend((0..1_000).map(|_| never()));
    instance.work().await;
    assert_eq!(
        instance.mailbox.refuse.lock().unwrap().len(),
        1_000 - 3,
        "two readers and the admin"
    );
}

#[tokio::test]
async fn a_brief_that_cannot_be_made_is_told_to_the_admin() {
    let instance = Instance::new().await;
    instance
        .store
        .objects()
        .delete(Kind::Briefing, "morning")
        .await
        .unwrap();
    instance.work().await;
    let letters = instance.letters();
    assert_eq!(letters.len(), 1, "{letters:#?}");
    assert!(letters[0].starts_with("Brief morning was not made"));
    assert!(matches!(
        instance.run(DUE).await.state,
        RunState::Failed { .. }
    ));
}

#[tokio::test]
async fn briefs_that_were_slept_through_are_named() {
    let instance = Instance::new().await;
    instance.clock.set("2026-11-21T07:00:01Z".parse().unwrap());
    instance.work().await;
    instance.clock.set("2026-11-24T07:00:01Z".parse().unwrap());
    instance.work().await;
    let letters = instance.letters();
    assert!(
        letters.iter().any(|letter| letter
            .replace('\n', " ")
            .contains("2 briefs before this one were not made")),
        "{letters:#?}"
    );
}

#[tokio::test]
async fn two_nodes_deliver_once() {
    for _ in 0..20 {
        let instance = Instance::new().await;
        let (a, b) = (
            instance.process(instance.store.clone()),
            instance.process(instance.store.clone()),
        );
        let (a, b) = tokio::join!(a, b);
        a.unwrap();
        b.unwrap();
        instance.work().await;
        assert_eq!(instance.letters().len(), 2);
    }
}

#[tokio::test]
async fn a_brief_by_hand_is_held_against_the_last_due_one_and_the_next_due_one_not_against_it() {
    let instance = Instance::new().await;
    let audience = instance.audience();
    let mark: crate::domain::finding::Mark = serde_json::from_value(serde_json::json!({
        "fingerprint": "f", "signal": "blocked", "severity": "high",
        "first_seen": "2026-11-24", "unchanged_since": "2026-11-24",
    }))
    .unwrap();
    let done = |due: &str, marks: &[crate::domain::finding::Mark], by_hand: bool| {
        let due = due.parse().unwrap();
        let id = ids().of(if by_hand { "by hand" } else { "s" }, due, &audience);
        let mut brief = compose::notice(compose::Notice {
            run: id.clone(),
            briefing: BriefingId::new("morning").unwrap(),
            title: "Engineering".to_owned(),
            audience: &audience,
            due,
            now: due,
            edition: Edition::BuiltIn,
            subject: String::new(),
            text: String::new(),
        });
        brief.marks = marks.to_vec();
        brief.sources = vec![crate::domain::brief::Source {
            connector: crate::ids::ConnectorId::new("tracker").unwrap(),
            title: "Tracker".to_owned(),
            as_of: Some(due),
        }];
        Run {
            id,
            schedule: None,
            briefing: brief.briefing.clone(),
            audience: audience.clone(),
            due,
            expires: due,
            missed: Vec::new(),
            by_hand,
            state: RunState::Done {
                brief: Box::new(brief),
                delivered: 2,
                total: 2,
            },
        }
    };
    let runs = instance.store.runs();
    let marks = [mark];
    runs.create(&done(DUE, &marks, false), Timestamp::MAX)
        .await
        .unwrap();
    // By hand on the next morning, before the due one and more often than runs are looked back at.
    for minute in 0..45 {
        let at = format!("2026-11-25T05:{minute:02}:00Z");
        runs.create(&done(&at, &[], true), Timestamp::MAX)
            .await
            .unwrap();
    }
    instance.clock.set("2026-11-25T06:00:00Z".parse().unwrap());
    let by_hand = Run {
        state: RunState::Due,
        expires: "2026-11-25T10:00:00Z".parse().unwrap(),
        ..done("2026-11-25T06:00:00Z", &[], true)
    };
    runs.create(&by_hand, by_hand.due).await.unwrap();
    instance.work().await;
    let made = runs.get(&by_hand.id).await.unwrap().unwrap();
    // Its signal could not be checked, so what it was held against goes on.
    let brief = made.state.brief().unwrap();
    assert_eq!(brief.marks, marks);
    assert_eq!(brief.gaps[0].last_good, DUE.parse().ok());

    let parts = instance.parts(instance.store.clone());
    let objects = parts.objects().await.unwrap();
    let now = "2026-11-25T06:30:00Z".parse().unwrap();
    for (zone, expected) in [(None, DUE.parse().ok()), (Some("Europe/Zurich"), None)] {
        let earlier = parts
            .due_before(&objects, &by_hand.briefing, &audience.role, zone, now)
            .await
            .unwrap();
        assert_eq!(last_read(&earlier).map(|(_, due)| due), expected);
    }

    instance.clock.set("2026-11-25T07:00:01Z".parse().unwrap());
    instance.work().await;
    let next = instance.run("2026-11-25T07:00:00Z").await;
    assert_eq!(next.state.brief().unwrap().marks, marks);
}

impl Instance {
    /// What was delivered, each on one line.
    fn flat(&self) -> Vec<String> {
        let letters = self.letters();
        letters.iter().map(|text| text.replace('\n', " ")).collect()
    }

    /// So many briefs that are due soon, and what the admin is told of them before.
    async fn looked_ahead(&self, briefs: usize) -> Vec<String> {
        let parts = self.parts(self.store.clone());
        let objects = parts.objects().await.unwrap();
        let ahead: Vec<Ahead> = (0..briefs)
            .map(|n| Ahead {
                briefing: objects.briefings[0].clone(),
                audiences: vec![self.audience()],
                due: self.clock.now() + SignedDuration::from_mins(i64::try_from(n).unwrap()),
            })
            .collect();
        let told = tell_of_missing(&parts, &objects, &ahead, std::time::Duration::ZERO);
        told.await.unwrap();
        let before = self.flat().len();
        self.work().await;
        let letters = self.flat();
        let mut told: Vec<_> = letters.into_iter().skip(before).collect();
        told.retain(|letter| letter.contains("will be missing"));
        told
    }
}

#[tokio::test]
async fn of_one_fault_the_admin_is_told_once_before_seven_briefs() {
    let instance = Instance::new().await;
    let told = instance.looked_ahead(7).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("tracker") && told[0].contains("7 briefs"),
        "{told:?}"
    );
    // Later in the morning, by another look of this or another node.
    instance.clock.advance(SignedDuration::from_mins(30));
    assert!(instance.looked_ahead(7).await.is_empty());
}

#[tokio::test]
async fn what_was_not_there_for_a_moment_only_is_not_told_as_missing() {
    let instance = Instance::new().await;
    let slow = ChannelError::Later {
        what: "no answer".to_owned(),
        after: None,
    };
    instance.mailbox.checks.lock().unwrap().push(slow);
    let told = instance.looked_ahead(1).await;
    assert_eq!(told.len(), 1, "the tracker alone: {told:?}");
    assert!(!told[0].contains("channel"), "{told:?}");
}

#[tokio::test]
async fn an_outage_of_the_store_is_told_past_it_once_and_its_end_is_seen() {
    let instance = Instance::new().await;
    let (well, broken) = (
        instance.parts(instance.store.clone()),
        instance.parts(instance.store.that_fails_after(0)),
    );
    let (health, mut known) = (StoreHealth::default(), None);
    outage::look(&well, &health, &mut known).await;
    assert_eq!(health.outage(), None);
    // A moment is no outage.
    outage::look(&broken, &health, &mut known).await;
    assert!(health.outage().is_some() && instance.flat().is_empty());
    for _ in 0..3 {
        outage::look(&broken, &health, &mut known).await;
    }
    let letters = instance.flat();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(
        letters[0].contains("The store cannot be written"),
        "{letters:?}"
    );
    outage::look(&well, &health, &mut known).await;
    assert_eq!(health.outage(), None);
    instance.work().await;
    let letters = instance.flat();
    let told = letters.iter().filter(|letter| letter.contains("The store"));
    assert_eq!(told.count(), 1, "{letters:?}");
    instance.verify().await;
}

#[tokio::test]
async fn an_outage_that_nobody_could_be_told_of_is_told_when_it_is_over() {
    let instance = Instance::new().await;
    let (well, broken) = (
        instance.parts(instance.store.clone()),
        instance.parts(instance.store.that_fails_after(0)),
    );
    let (health, mut known) = (StoreHealth::default(), None);
    outage::look(&well, &health, &mut known).await;
    let down = || ChannelError::Later {
        what: "down".to_owned(),
        after: None,
    };
    let refusals = [down(), down()];
    instance.mailbox.refuse.lock().unwrap().extend(refusals);
    for _ in 0..3 {
        outage::look(&broken, &health, &mut known).await;
    }
    assert!(instance.flat().is_empty());
    outage::look(&well, &health, &mut known).await;
    instance.work().await;
    let letters = instance.flat();
    let told = letters
        .iter()
        .filter(|letter| letter.contains("The store could not be written"));
    assert_eq!(told.count(), 1, "{letters:?}");
}

#[tokio::test]
async fn a_brief_that_was_sent_again_after_an_unclear_end_is_told_to_the_admin() {
    let instance = Instance::new().await;
    instance.work().await;
    let parts = instance.parts(instance.store.clone());
    let run = instance.run(DUE).await;
    let mut deliveries = parts.store.outbox().of_run(&run.id).await.unwrap();
    deliveries[0].again_after = Some("no answer within 20 s".to_owned());
    notices::undelivered(&parts, &run, &deliveries)
        .await
        .unwrap();
    let before = instance.flat().len();
    instance.work().await;
    let letters = instance.flat().split_off(before);
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(
        letters[0].contains("sent again") && letters[0].contains("no answer within 20 s"),
        "{letters:?}"
    );
}
