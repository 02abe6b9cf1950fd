//! What a question costs besides its model and its sources: `cargo bench --bench ask`.
//!
//! Prints how long a question takes from being handed over to the first request to the model, at 128 questions at once (what is
//! read, checked, counted, written into the trail and reserved), over a store in memory and over one in a file; and what a
//! streamed token costs on its way through grounding and guard.

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
/// Tokens of a long answer.
const TOKENS: usize = 1_000;

struct NoSecrets;

#[async_trait]
impl SecretSource for NoSecrets {
    async fn secret(&self, _: &SecretRef) -> Result<SecretString, SecretUnavailable> {
        Err(SecretUnavailable("there is none".to_owned()))
    }
}

/// Notes when it was asked which question, and says as many tokens as the question ends with.
struct Notes {
    id: ModelId,
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
        let tokens = text.rsplit(' ').next().and_then(|last| last.parse().ok());
        if let Ok(mut asked) = self.asked.lock() {
            asked.insert(text.clone(), now);
        }
        let words = (0..tokens.unwrap_or(1_usize)).map(|at| {
            let word = if at % 12 == 11 { "matter. " } else { "words " };
            Ok(Event::Text(word.to_owned()))
        });
        let done = Event::Done {
            usage: Usage {
                tokens_in: 50,
                tokens_out: 50,
            },
            stop: Stop::End,
        };
        Ok(stream::iter(words.collect::<Vec<_>>())
            .chain(stream::iter([Ok(done)]))
            .boxed())
    }
}

struct Instance {
    converse: Converse,
    model: Arc<Notes>,
}

impl Instance {
    async fn over(store: Store) -> Self {
        let clock = Arc::new(SystemClock);
        let audit = Audit::new(store.clone(), [7; 32]);
        let id = ModelId::new("notes").expect("a name");
        let model = Arc::new(Notes {
            id: id.clone(),
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

    /// From each question to its model, at many at once.
    async fn to_the_model(&self) -> Vec<Duration> {
        let mut all = Vec::new();
        for round in 0..ROUNDS {
            let asked = (0..AT_ONCE).map(|number| async move {
                let text = format!("round {round} question {number} says 1");
                let begun = Instant::now();
                self.ask(number, &text).await;
                let noted = self.model.asked.lock().expect("nobody panicked");
                let at = noted.get(&text).expect("the model was asked");
                at.duration_since(begun)
            });
            let took = futures_util::future::join_all(asked).await;
            // The first round warms up.
            if round > 0 {
                all.extend(took);
            }
        }
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
    let folder = tempfile::tempdir().expect("a folder can be made");
    let in_memory = Store::in_memory().await.expect("a store can be made");
    let in_file = Store::open(&settings::Store::default(), None, folder.path()).await;
    let in_file = in_file.expect("a store can be made");
    for (name, store) in [("in memory", in_memory), ("in a file", in_file)] {
        let instance = Instance::over(store).await;
        let alone = instance.ask(0, "alone 1").await;
        let took = instance.to_the_model().await;
        println!(
            "{name}: to the first request to the model, {AT_ONCE} questions at once: p50 {:?}, p99 {:?}; one alone, whole turn: {alone:?}",
            at(&took, 0.5),
            at(&took, 0.99),
        );
        let (mut short, mut long) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            short = short.min(instance.ask(0, "short 12").await);
            long = long.min(instance.ask(0, &format!("long {TOKENS}")).await);
        }
        let tokens = u32::try_from(TOKENS - 12).unwrap_or(u32::MAX);
        let each = long.saturating_sub(short) / tokens;
        println!("{name}: a streamed token through grounding and guard: {each:?}");
    }
}
