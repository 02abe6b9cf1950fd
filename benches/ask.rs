//! What a question costs besides its model and its sources: `cargo bench --bench ask`.
//!
//! Prints how long a question takes from being handed over to the first request to the model (what is read, checked, counted,
//! written into the trail and reserved), over a store in memory and over one in a file: while 128 people are in conversation,
//! each asking anew once their answer is there, with a model that takes half a second to one and a half; and when 128 ask in the
//! same instant.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use daybrief::{
    access::{Access, Principal, Surface},
    audit::Audit,
    clock::{Clock, SystemClock},
    connectors::{Connectors, MemoryPins, SecretSource, SecretUnavailable},
    converse::{Converse, Parts, Question, TurnLimits},
    domain::people::{Role, User, UserState},
    ids::{ModelId, RoleId, UserId},
    limits::{Limits, Reservation},
    models::{Event, Message, Model, ModelError, Request, Stop, Usage},
    secrets::SecretRef,
    settings::{self, Settings},
    store::{Kind, Store, Stored},
    text::Language,
};
use futures_util::{StreamExt, stream, stream::BoxStream};
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Questions at once.
const AT_ONCE: usize = 128;
const ROUNDS: usize = 8;
/// The model's shortest time to its first token, and by how much that varies.
const THINKS: (u64, u64) = (500, 1_000);

struct NoSecrets;

#[async_trait]
impl SecretSource for NoSecrets {
    async fn secret(&self, _: &SecretRef) -> Result<SecretString, SecretUnavailable> {
        Err(SecretUnavailable("there is none".to_owned()))
    }
}

/// Notes when it was asked which question, and answers at once or after a while.
struct Notes {
    id: ModelId,
    thinks: bool,
    asked: Mutex<BTreeMap<String, Instant>>,
}

#[async_trait]
impl Model for Notes {
    fn id(&self) -> &ModelId {
        &self.id
    }
    fn is_local(&self) -> bool {
        true
    }
    fn bound(&self, _: &Request) -> u64 {
        100
    }
    async fn stream(
        &self,
        _: Reservation,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Event, ModelError>>, ModelError> {
        let now = Instant::now();
        let Some(Message::User(text)) = request.messages.last() else {
            return Err(ModelError::NotReserved);
        };
        if let Ok(mut asked) = self.asked.lock() {
            asked.insert(text.clone(), now);
        }
        let slot = request.messages.len() as u64 + text.bytes().map(u64::from).sum::<u64>() * 37;
        let delay = Duration::from_millis(THINKS.0 + slot % THINKS.1);
        let delay = if self.thinks { delay } else { Duration::ZERO };
        let done = Event::Done {
            usage: Usage {
                tokens_in: 50,
                tokens_out: 50,
            },
            stop: Stop::End,
        };
        let words = stream::iter([Ok(Event::Text("words".to_owned())), Ok(done)]);
        if delay.is_zero() {
            return Ok(words.boxed());
        }
        let pause = stream::once(tokio::time::sleep(delay)).filter_map(|()| async { None });
        Ok(pause.chain(words).boxed())
    }
}

struct Instance {
    converse: Converse,
    model: Arc<Notes>,
}

impl Instance {
    async fn over(store: Store, thinks: bool) -> Self {
        let clock = Arc::new(SystemClock);
        let audit = Audit::new(store.clone(), [7; 32]);
        let id = ModelId::new("notes").expect("a name");
        let model = Arc::new(Notes {
            id: id.clone(),
            thinks,
            asked: Mutex::default(),
        });
        let mut role = Role::without_rights(RoleId::new("vp").expect("a name"), "VP");
        role.questions_per_minute = Some(1_000_000);
        role.monthly_tokens = 1_000_000_000;
        role.user_monthly_tokens = Some(1_000_000_000);
        put(&store, Kind::Role, "vp", &role).await;
        for number in 0..AT_ONCE {
            let user = User {
                id: user(number),
                name: format!("User {number}"),
                email: None,
                slack: None,
                roles: vec![role.id.clone()],
                zone: None,
                language: None,
                state: UserState::Active,
                monthly_tokens: None,
            };
            put(&store, Kind::User, user.id.as_str(), &user).await;
        }
        let converse = Converse::new(Parts {
            limits: Limits::new(store.clone(), jiff::tz::TimeZone::UTC, &Settings::default()),
            access: Access::new(audit.clone(), store.clone()),
            pool: Connectors::new(
                Vec::new(),
                Arc::new(NoSecrets),
                Arc::new(MemoryPins::default()),
                clock.clone(),
            ),
            store,
            audit,
            clock,
            models: BTreeMap::from([(id.clone(), model.clone() as Arc<dyn Model>)]),
            route: vec![id],
            company: "Acme".to_owned(),
            allowed_hosts: Vec::new(),
            secrets: daybrief::guard::Secrets::default(),
            keep_days: 90,
            turn_limits: TurnLimits::default(),
        });
        Self { converse, model }
    }

    /// Asks; how long the turn took.
    async fn ask(&self, number: usize, text: &str) -> Duration {
        let (sender, mut events) = mpsc::channel(256);
        let drain = tokio::spawn(async move { while events.recv().await.is_some() {} });
        let question = Question {
            principal: Principal::person(
                user(number),
                RoleId::new("vp").expect("a name"),
                Surface::Api,
            ),
            text: text.to_owned(),
            conversation: None,
            about: None,
            channel: None,
            zone: "UTC".to_owned(),
            language: Language::English,
        };
        let begun = Instant::now();
        let done = self
            .converse
            .ask(question, sender, CancellationToken::new())
            .await
            .expect("the store works");
        let took = begun.elapsed();
        assert!(done.usage.model_calls == 1, "{done:?}");
        drain.await.expect("events are read");
        took
    }

    /// From a question to its model.
    async fn to_the_model(&self, round: usize, number: usize) -> Duration {
        let text = format!("round {round} question {number} says 1");
        let begun = Instant::now();
        self.ask(number, &text).await;
        let noted = self.model.asked.lock().expect("nobody panicked");
        let at = noted.get(&text).expect("the model was asked");
        at.duration_since(begun)
    }

    /// [`to_the_model`](Self::to_the_model) where all ask in the same instant. The first round warms up.
    async fn together(self: Arc<Self>) -> Vec<Duration> {
        let mut all = Vec::new();
        for round in 0..ROUNDS {
            let asked = (0..AT_ONCE).map(|number| {
                let instance = self.clone();
                tokio::spawn(async move { instance.to_the_model(round, number).await })
            });
            for took in futures_util::future::join_all(asked).await {
                let took = took.expect("nobody panicked");
                all.extend((round > 0).then_some(took));
            }
        }
        all.sort();
        all
    }

    /// [`to_the_model`](Self::to_the_model) where each asks anew once they were answered.
    async fn in_conversation(self: Arc<Self>) -> Vec<Duration> {
        let people = (0..AT_ONCE).map(|number| {
            let instance = self.clone();
            tokio::spawn(async move {
                let mut took = Vec::new();
                for round in 0..ROUNDS {
                    took.push(instance.to_the_model(round, number).await);
                }
                took.split_off(1)
            })
        });
        let took = futures_util::future::join_all(people).await;
        let mut all: Vec<_> = took
            .into_iter()
            .flat_map(Result::unwrap_or_default)
            .collect();
        all.sort();
        all
    }
}

fn user(number: usize) -> UserId {
    UserId::new(format!("user{number}")).expect("a name")
}

async fn put<T: serde::Serialize>(store: &Store, kind: Kind, id: &str, object: &T) {
    let stored = Stored {
        object,
        file: None,
        since: SystemClock.now(),
    };
    let written = store.objects().put(kind, id, &stored).await;
    written.expect("the store takes objects");
}

fn at(sorted: &[Duration], part: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a short list"
    )]
    let place = (last as f64 * part).round() as usize;
    sorted.get(place).copied().unwrap_or_default()
}

#[tokio::main]
async fn main() {
    for (name, in_file) in [("in memory", false), ("in a file", true)] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let store = async |name: &str| {
            let store = if in_file {
                Store::open(&settings::Store::default(), None, &folder.path().join(name)).await
            } else {
                Store::in_memory().await
            };
            store.expect("a store can be made")
        };
        let instance = Arc::new(Instance::over(store("at once").await, false).await);
        let alone = instance.ask(0, "alone 1").await;
        let together = instance.clone().together().await;
        let thinking = Arc::new(Instance::over(store("thinking").await, true).await);
        let conversing = thinking.in_conversation().await;
        println!(
            "{name}, question to first request to the model: {AT_ONCE} in conversation p50 {:?}, p99 {:?}; {AT_ONCE} in one instant p50 {:?}, p99 {:?}",
            at(&conversing, 0.5),
            at(&conversing, 0.99),
            at(&together, 0.5),
            at(&together, 0.99),
        );
        println!("{name}: the first whole turn of all {alone:?}");
    }
}
