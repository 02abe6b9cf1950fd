//! The API over a socket: real requests against the router, a store in memory and a model that says what it is told to.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::{StreamExt, stream, stream::BoxStream};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::*;
use crate::{
    access::Access,
    audit::Audit,
    clock::ManualClock,
    connectors::{Connectors, MemoryPins, SecretSource, SecretUnavailable},
    converse::{Parts, TurnLimits},
    domain::{
        people::{Role, User, UserState},
        turn::{Conversation, Said, TurnOutcome},
    },
    ids::{ConversationId, ModelId, RoleId, UserId},
    limits::{Limits, Reservation},
    models::{Event, Message, Model, ModelError, Request, Stop, ToolCall, Usage},
    run::Defaults,
    secrets::SecretRef,
    store::{Kind, Scope, Stored, Token},
    text::Language,
};

struct NoSecrets;

#[async_trait]
impl SecretSource for NoSecrets {
    async fn secret(&self, _: &SecretRef) -> Result<SecretString, SecretUnavailable> {
        Err(SecretUnavailable("there is none".to_owned()))
    }
}

/// Says that it found nothing. Asked for something `slow` it says so and then nothing, until it is given up.
struct Says {
    id: ModelId,
    given_up: Arc<AtomicUsize>,
}

struct GivenUp(Arc<AtomicUsize>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Model for Says {
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
        let asked = request
            .messages
            .iter()
            .rev()
            .find_map(|message| match message {
                Message::User(text) => Some(text.as_str()),
                _ => None,
            });
        let asked = asked.unwrap_or_default();
        let slow = asked.contains("slow");
        if slow && request.messages.len() > 1 {
            let given_up = GivenUp(self.given_up.clone());
            let silence = stream::once(async move {
                let _given_up = given_up;
                std::future::pending::<Result<Event, ModelError>>().await
            });
            return Ok(silence.boxed());
        }
        let call = |name: &str, args: Value| {
            Ok(Event::Call(ToolCall {
                id: name.to_owned(),
                name: name.to_owned(),
                args,
                echo: None,
            }))
        };
        let topic = asked.split(|c: char| !c.is_alphanumeric()).next();
        let says = json!({ "claims": [{ "say": "gap", "topic": topic }] });
        let mut all = vec![call("say", says)];
        if slow {
            all.push(call("find_tools", json!({ "words": "slow" })));
        }
        all.push(Ok(Event::Done {
            usage: Usage {
                tokens_in: 7,
                tokens_out: 5,
            },
            stop: Stop::Calls,
        }));
        Ok(stream::iter(all).boxed())
    }
}

struct Instance {
    programs: Programs,
    clock: Arc<ManualClock>,
    url: String,
    given_up: Arc<AtomicUsize>,
    client: reqwest::Client,
}

fn role(id: &str) -> Role {
    Role::without_rights(RoleId::new(id).unwrap(), id)
}

fn user(id: &str, roles: &[&str]) -> User {
    User {
        id: UserId::new(id).unwrap(),
        name: id.to_owned(),
        email: None,
        slack: None,
        roles: roles.iter().map(|id| RoleId::new(*id).unwrap()).collect(),
        zone: None,
        language: None,
        state: UserState::Active,
        monthly_tokens: None,
    }
}

impl Instance {
    async fn new() -> Self {
        Self::with_model(true).await
    }

    async fn with_model(any: bool) -> Self {
        crate::tls::begin();
        let store = Store::in_memory().await.unwrap();
        let clock = Arc::new(ManualClock::at("2026-11-24T06:00:00Z".parse().unwrap()));
        let audit = Audit::new(store.clone(), [1; 32]);
        let given_up = Arc::new(AtomicUsize::new(0));
        let id = ModelId::new("says").unwrap();
        let model: Arc<dyn Model> = Arc::new(Says {
            id: id.clone(),
            given_up: given_up.clone(),
        });
        let settings = Settings::default();
        let converse = Converse::new(Parts {
            limits: Limits::new(store.clone(), jiff::tz::TimeZone::UTC, &settings),
            access: Access::new(audit.clone(), store.clone()),
            pool: Connectors::new(
                Vec::new(),
                Arc::new(NoSecrets),
                Arc::new(MemoryPins::default()),
                clock.clone(),
            ),
            store,
            audit,
            clock: clock.clone(),
            models: any.then(|| (id.clone(), model)).into_iter().collect(),
            route: vec![id],
            company: "Acme".to_owned(),
            allowed_hosts: Vec::new(),
            secrets: crate::guard::Secrets::default(),
            keep_days: 90,
            turn_limits: TurnLimits::default(),
        });
        let instance = Self::serving(converse, clock, given_up).await;
        for id in ["vp", "finance"] {
            instance.put_role(&role(id)).await;
        }
        instance.put_user(&user("mara", &["vp", "finance"])).await;
        instance.put_user(&user("jonas", &["vp"])).await;
        instance
    }

    /// The API over this on a socket.
    async fn serving(
        converse: Converse,
        clock: Arc<ManualClock>,
        given_up: Arc<AtomicUsize>,
    ) -> Self {
        let settings = Settings::default();
        let company = Company {
            name: "Acme".to_owned(),
            defaults: Defaults {
                zone: "UTC".to_owned(),
                language: Language::English,
            },
            calendar: None,
            allowed_hosts: Vec::new(),
            secrets: crate::guard::Secrets::default(),
            admin: None,
            lease: SignedDuration::from_secs(30),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let programs = Programs {
            converse,
            company: Arc::new(company),
            reachable: Arc::new(reachable(&settings, &listener)),
            refused: Arc::default(),
            stop: CancellationToken::new(),
            api: true,
            mcp: true,
        };
        let router = programs_router(programs.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            programs,
            clock,
            url: format!("http://{address}"),
            given_up,
            client: reqwest::Client::new(),
        }
    }

    async fn put<T: serde::Serialize>(&self, kind: Kind, id: &str, object: &T) {
        let stored = Stored {
            object,
            file: None,
            since: self.clock.now(),
        };
        let objects = self.programs.converse.store.objects();
        objects.put(kind, id, &stored).await.unwrap();
    }

    async fn put_role(&self, role: &Role) {
        self.put(Kind::Role, role.id.as_str(), role).await;
    }

    async fn put_user(&self, user: &User) {
        self.put(Kind::User, user.id.as_str(), user).await;
    }

    async fn token(&self, user: &str, role: &str, scopes: &[Scope]) -> (Token, String) {
        let wanted = tokens::Wanted {
            user: UserId::new(user).unwrap(),
            role: RoleId::new(role).unwrap(),
            scopes: scopes.to_vec(),
            name: String::new(),
            days: Some(1),
        };
        let converse = &self.programs.converse;
        let made = tokens::make(
            &converse.store,
            &converse.audit,
            wanted,
            "cli",
            self.clock.now(),
        );
        let (token, text) = made.await.unwrap();
        (token, text.expose_secret().to_owned())
    }

    async fn any(&self) -> String {
        self.token("mara", "vp", &Scope::ALL).await.1
    }

    async fn revoke(&self, token: &Token) {
        let converse = &self.programs.converse;
        let now = self.clock.now();
        assert!(
            tokens::revoke(&converse.store, &converse.audit, &token.id, "cli", now)
                .await
                .unwrap()
        );
    }

    fn request(&self, method: &str, path: &str, token: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        let url = format!("{}{path}", self.url);
        self.client.request(method, url).bearer_auth(token)
    }

    async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        told(self.request("GET", path, token)).await
    }

    fn asks(&self, question: &str, token: &str) -> reqwest::RequestBuilder {
        self.request("POST", "/api/v1/ask", token)
            .json(&json!({ "question": question }))
    }

    async fn acts(&self) -> Vec<(String, String)> {
        let rows = self.programs.converse.store.audit();
        let rows = rows.from(1, 1_000).await.unwrap();
        rows.iter()
            .map(|row| {
                let word = |name: &str| row.entry[name].as_str().unwrap_or_default().to_owned();
                (word("act"), word("outcome"))
            })
            .collect()
    }
}

async fn told(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// The events of a stream as `(kind, data)`, read until one of this kind or the end.
async fn events(response: &mut reqwest::Response, until: &str) -> Vec<(String, Value)> {
    let mut text = String::new();
    let until = format!("event: {until}\n");
    let latest = Instant::now() + Duration::from_secs(20);
    while !(text.contains(&until) && text.ends_with("\n\n")) {
        let chunk = tokio::time::timeout_at(latest, response.chunk()).await;
        match chunk
            .unwrap_or_else(|_| panic!("no {until} in {text}"))
            .unwrap()
        {
            Some(chunk) => text.push_str(&String::from_utf8_lossy(&chunk)),
            None => break,
        }
    }
    text.split("\n\n")
        .filter_map(|event| {
            let kind = event
                .lines()
                .find_map(|line| line.strip_prefix("event: "))?;
            let data = event.lines().find_map(|line| line.strip_prefix("data: "))?;
            Some((kind.to_owned(), serde_json::from_str(data).unwrap()))
        })
        .collect()
}

async fn eventually(mut holds: impl AsyncFnMut() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        if holds().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn an_answer_comes_as_events_in_order_and_done_is_the_last() {
    let instance = Instance::new().await;
    let token = instance.any().await;
    let mut response = instance.asks("Hello?", &token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let events = events(&mut response, "done").await;
    let text: String = events
        .iter()
        .filter(|(kind, _)| kind == "delta")
        .map(|(_, data)| data["text"].as_str().unwrap())
        .collect();
    assert!(text.starts_with("I found nothing about"), "{text}");
    let (kind, done) = events.last().unwrap();
    assert_eq!(
        (kind.as_str(), &done["outcome"]),
        ("done", &json!("answered"))
    );
    assert_eq!(done["usage"]["tokens_in"], 7);

    // Whole, where JSON alone is accepted, and in the conversation that it goes on with.
    let conversation = done["conversation"].as_str().unwrap();
    let body = json!({ "question": "And now?", "conversation": conversation });
    let asked = instance.request("POST", "/api/v1/ask", &token);
    let (status, answer) = told(asked.header("accept", "application/json").json(&body)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["done"]["conversation"], conversation);
    assert!(
        answer["text"]
            .as_str()
            .unwrap()
            .contains("I found nothing about")
    );
    let path = format!("/api/v1/conversations/{conversation}");
    let (status, kept) = instance.get(&path, &token).await;
    assert_eq!((status, kept["turns"].as_array().unwrap().len()), (200, 2));
    assert_eq!(kept["turns"][0]["question"], "Hello?");
    assert_eq!(kept["surface"], "api");
    let (_, usage) = instance.get("/api/v1/usage", &token).await;
    assert_eq!(
        (&usage["tokens_in"], &usage["calls"]),
        (&json!(14), &json!(2))
    );
}

#[tokio::test]
async fn only_a_token_that_is_in_force_opens_anything_and_what_is_refused_stands_in_the_trail() {
    let instance = Instance::new().await;
    let response = instance
        .client
        .get(format!("{}/api/v1/usage", instance.url));
    let response = response.send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(
        response.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Bearer")
    );
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.headers().contains_key("x-request-id"));
    let (revoked, text) = instance.token("mara", "vp", &Scope::ALL).await;
    assert!(text.starts_with("dbt_") && text.len() == 47, "{text}");
    assert_eq!(instance.get("/api/v1/usage", &text).await.0, 200);
    // One letter of it changed is another token.
    let last = if text.ends_with('A') { 'B' } else { 'A' };
    let wrong = format!("{}{last}", &text[..text.len() - 1]);
    for _ in 0..3 {
        let (status, problem) = instance.get("/api/v1/usage", &wrong).await;
        assert_eq!((status, &problem["code"]), (401, &json!("token")));
    }
    instance.revoke(&revoked).await;
    let (status, problem) = instance.get("/api/v1/usage", &text).await;
    assert_eq!(
        (status, &problem["what"]),
        (401, &json!("the token is revoked"))
    );

    let (_, expires) = instance.token("mara", "vp", &Scope::ALL).await;
    instance.clock.advance(SignedDuration::from_hours(24));
    let (status, problem) = instance.get("/api/v1/usage", &expires).await;
    assert_eq!(
        (status, &problem["what"]),
        (401, &json!("the token has expired"))
    );

    let (_, of_mara) = instance.token("mara", "finance", &Scope::ALL).await;
    instance.put_user(&user("mara", &["vp"])).await;
    let (status, problem) = instance.get("/api/v1/usage", &of_mara).await;
    assert_eq!((status, &problem["code"]), (403, &json!("no-role")));
    let disabled = User {
        state: UserState::Disabled,
        ..user("mara", &["vp", "finance"])
    };
    instance.put_user(&disabled).await;
    assert_eq!(instance.get("/api/v1/usage", &of_mara).await.0, 401);
    // A role that is not for this surface.
    let elsewhere = Role {
        surfaces: vec![crate::access::Surface::Web],
        ..role("vp")
    };
    let (_, of_jonas) = instance.token("jonas", "vp", &Scope::ALL).await;
    assert_eq!(instance.get("/api/v1/usage", &of_jonas).await.0, 200);
    instance.put_role(&elsewhere).await;
    assert_eq!(instance.get("/api/v1/usage", &of_jonas).await.0, 403);
    // Each once, however often it was tried.
    let denied = ("sign-in".to_owned(), "denied".to_owned());
    let acts = instance.acts().await;
    let rows = acts.iter().filter(|act| **act == denied).count();
    assert_eq!(rows, 5, "{acts:?}");
}

#[tokio::test]
async fn a_token_does_only_what_its_scope_says() {
    let instance = Instance::new().await;
    let conversation = "/api/v1/conversations/none";
    for (method, path, scopes) in [
        ("POST", "/api/v1/ask", &[Scope::Ask][..]),
        ("GET", "/api/v1/briefs", &[Scope::Read]),
        ("GET", "/api/v1/briefs/none", &[Scope::Read]),
        ("GET", "/api/v1/conversations", &[Scope::Read]),
        ("GET", conversation, &[Scope::Read]),
        ("DELETE", conversation, &[Scope::Ask]),
        ("GET", "/api/v1/proposals", &[Scope::Read, Scope::Approve]),
        ("POST", "/api/v1/proposals/none/approve", &[Scope::Approve]),
        ("POST", "/api/v1/proposals/none/reject", &[Scope::Approve]),
        ("GET", "/api/v1/usage", &[Scope::Read]),
    ] {
        for scope in Scope::ALL {
            let (_, token) = instance.token("mara", "vp", &[scope]).await;
            let body = match path.contains("ask") {
                true => json!({ "question": "Hello?" }),
                false => json!({ "call": "x" }),
            };
            let request = instance.request(method, path, &token).json(&body);
            let (status, problem) = told(request).await;
            let refused = status == 403 && problem["code"] == "out-of-scope";
            assert_eq!(
                refused,
                !scopes.contains(&scope),
                "{method} {path} {scope:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_conversation_is_there_for_its_person_under_its_role_alone() {
    let instance = Instance::new().await;
    let id = ConversationId::new("c1").unwrap();
    let at: Timestamp = "2026-11-24T05:00:00Z".parse().unwrap();
    let conversation = Conversation {
        id: id.clone(),
        user: UserId::new("mara").unwrap(),
        role: RoleId::new("vp").unwrap(),
        surface: "web".to_owned(),
        begun: at,
        about: None,
        turns: Vec::new(),
    };
    let said = Said {
        at,
        question: "What is late?".to_owned(),
        answer: "Nothing.".to_owned(),
        outcome: TurnOutcome::Answered,
        asked: vec!["tracker/query secret-argument".to_owned()],
        claims: Vec::new(),
        citations: Vec::new(),
    };
    let conversations = instance.programs.converse.store.conversations();
    conversations.add(&conversation, &said, 90).await.unwrap();
    let own = instance.any().await;
    let (_, kept) = instance.get("/api/v1/conversations/c1", &own).await;
    assert_eq!(kept["turns"][0]["answer"], "Nothing.");
    assert!(!kept.to_string().contains("secret-argument"), "{kept}");
    let (_, list) = instance.get("/api/v1/conversations", &own).await;
    assert_eq!(list["conversations"][0]["title"], "What is late?");
    for (user, role) in [("jonas", "vp"), ("mara", "finance")] {
        let (_, other) = instance.token(user, role, &Scope::ALL).await;
        for method in ["GET", "DELETE"] {
            let request = instance.request(method, "/api/v1/conversations/c1", &other);
            assert_eq!(told(request).await.0, 404, "{user} {role}");
        }
        let body = json!({ "question": "And?", "conversation": "c1" });
        let request = instance.request("POST", "/api/v1/ask", &other).json(&body);
        assert_eq!(told(request).await.0, 404);
        let (_, list) = instance.get("/api/v1/conversations", &other).await;
        assert_eq!(list["conversations"], json!([]));
    }
    let request = instance.request("DELETE", "/api/v1/conversations/c1", &own);
    assert_eq!(told(request).await.0, 204);
    assert!(conversations.get(&id).await.unwrap().is_none());
    let removed = ("object-change".to_owned(), "allowed".to_owned());
    assert!(instance.acts().await.contains(&removed));
}

#[tokio::test]
async fn a_revoked_token_ends_its_answer_and_says_why() {
    let instance = Instance::new().await;
    let (token, text) = instance.token("mara", "vp", &Scope::ALL).await;
    let mut response = instance
        .asks("Something slow?", &text)
        .send()
        .await
        .unwrap();
    let first = events(&mut response, "delta").await;
    assert_eq!(first[0].0, "delta", "{first:?}");
    instance.revoke(&token).await;
    let rest = events(&mut response, "done").await;
    // What was on its way may still arrive; nothing comes behind the reason.
    let at = rest.iter().position(|(kind, _)| kind == "problem").unwrap();
    assert_eq!(rest[at].1["what"], "the token is revoked");
    assert_eq!(
        (rest.len(), rest[at + 1].0.as_str()),
        (at + 2, "done"),
        "{rest:?}"
    );
    assert_eq!(rest[at + 1].1["outcome"], "revoked");
    assert!(eventually(async || instance.given_up.load(Ordering::SeqCst) == 1).await);
}

#[tokio::test]
async fn disabling_the_person_ends_the_answer_with_a_clear_word() {
    let instance = Instance::new().await;
    let text = instance.any().await;
    let mut response = instance
        .asks("Something slow?", &text)
        .send()
        .await
        .unwrap();
    events(&mut response, "delta").await;
    let disabled = User {
        state: UserState::Disabled,
        ..user("mara", &["vp"])
    };
    instance.put_user(&disabled).await;
    let rest = events(&mut response, "done").await;
    let (_, done) = rest.last().unwrap();
    assert_eq!(done["outcome"], "revoked", "{rest:?}");
    let word = rest.iter().any(|(kind, data)| {
        kind == "delta"
            && data["text"]
                .as_str()
                .unwrap()
                .contains("access was withdrawn")
    });
    assert!(word, "{rest:?}");
}

#[tokio::test]
async fn who_goes_away_ends_the_turn_and_the_model_is_given_up() {
    let instance = Instance::new().await;
    let text = instance.any().await;
    for whole in [false, true] {
        let before = instance.given_up.load(Ordering::SeqCst);
        let mut request = instance.asks("Something slow?", &text);
        if whole {
            request = request.header("accept", "application/json");
            let asked = timeout(Duration::from_millis(800), request.send()).await;
            assert!(asked.is_err(), "it is slow");
        } else {
            let mut response = request.send().await.unwrap();
            events(&mut response, "delta").await;
            assert_eq!(instance.given_up.load(Ordering::SeqCst), before);
            drop(response);
        }
        assert!(
            eventually(async || instance.given_up.load(Ordering::SeqCst) > before).await,
            "whole: {whole}"
        );
    }
    // What was said is in the trail, as a turn that was given up.
    let failed = ("answer".to_owned(), "failed".to_owned());
    assert!(
        eventually(async || {
            let acts = instance.acts().await;
            acts.iter().filter(|act| **act == failed).count() == 2
        })
        .await
    );
}

#[tokio::test]
async fn too_many_questions_are_refused_with_when_to_ask_again() {
    let instance = Instance::new().await;
    let few = Role {
        questions_per_minute: Some(1),
        ..role("vp")
    };
    instance.put_role(&few).await;
    let text = instance.any().await;
    instance.clock.advance(SignedDuration::from_secs(20));
    let mut first = instance.asks("Hello?", &text).send().await.unwrap();
    assert_eq!(first.status(), 200);
    events(&mut first, "done").await;
    for accept in ["text/event-stream", "application/json"] {
        let request = instance.asks("Hello?", &text).header("accept", accept);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 429, "{accept}");
        assert_eq!(response.headers()["retry-after"], "40");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["code"], "too-many");
    }
}

#[tokio::test]
async fn what_is_sent_wrongly_is_told_in_one_shape() {
    let instance = Instance::new().await;
    let token = instance.any().await;
    let post = |body: String, kind: &'static str| {
        let request = instance.request("POST", "/api/v1/ask", &token);
        request.header("content-type", kind).body(body)
    };
    let json = "application/json";
    let long = json!({ "question": "x".repeat(4_001) }).to_string();
    let large = json!({ "question": "x".repeat(70_000) }).to_string();
    let about = json!({ "question": "x", "about": "nothing" }).to_string();
    for (request, status, code) in [
        (post("{}".to_owned(), "text/plain"), 415, "no-json"),
        (post("{".to_owned(), json), 400, "bad-json"),
        (post("{}".to_owned(), json), 422, "unprocessable"),
        (
            post(r#"{"question":"x","rule":1}"#.to_owned(), json),
            422,
            "unprocessable",
        ),
        (
            post(r#"{"question":" "}"#.to_owned(), json),
            422,
            "unprocessable",
        ),
        (
            post(r#"{"question":"x","zone":"Mars"}"#.to_owned(), json),
            422,
            "unprocessable",
        ),
        (post(about, json), 404, "not-found"),
        (post(long, json), 422, "unprocessable"),
        (post(large, json), 413, "too-large"),
        (
            instance.request("GET", "/api/v1/briefs?limit=0", &token),
            422,
            "unprocessable",
        ),
        (
            instance.request("GET", "/api/v1/briefs?colour=red", &token),
            422,
            "unprocessable",
        ),
        (
            instance.request("GET", "/api/v1/briefs/UPPER", &token),
            404,
            "not-found",
        ),
        (
            instance.request("GET", "/api/v1/nothing", &token),
            404,
            "not-found",
        ),
        (
            instance.request("PUT", "/api/v1/ask", &token),
            405,
            "method",
        ),
        (
            instance.request("POST", "/api/v1/proposals/p/reject", &token),
            404,
            "not-found",
        ),
        (
            instance
                .request("GET", "/api/v1/usage", &token)
                .header("origin", "https://evil.test"),
            403,
            "other-host",
        ),
        (
            instance
                .request("GET", "/api/v1/usage", &token)
                .header("host", "evil.test"),
            403,
            "other-host",
        ),
        (
            instance
                .request("POST", "/mcp", &token)
                .header("host", "evil.test"),
            403,
            "other-host",
        ),
        (instance.request("POST", "/mcp", "dbt_x"), 401, "token"),
    ] {
        let response = request.send().await.unwrap();
        let (got, url) = (response.status(), response.url().clone());
        assert!(
            !response
                .headers()
                .contains_key("access-control-allow-origin")
        );
        let problem: Value = response.json().await.unwrap_or_default();
        assert_eq!(
            (got.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{url} {problem}"
        );
        assert!(problem["what"].is_string(), "{problem}");
    }
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let instance = Instance::new().await;
    let (status, document) = told(
        instance
            .client
            .get(format!("{}/api/v1/openapi.json", instance.url)),
    )
    .await;
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    let described = document["paths"].as_object().unwrap();
    let served: Vec<&str> = routes().into_iter().map(|(path, _)| path).collect();
    let paths: Vec<&str> = described.keys().map(String::as_str).collect();
    assert_eq!(paths, served);
    for path in served {
        for method in ["get", "post", "put", "patch", "delete"] {
            let url = format!("{}{}", instance.url, path.replace(['{', '}'], ""));
            let request = instance
                .client
                .request(method.to_uppercase().parse().unwrap(), url);
            let (status, _) = told(request).await;
            let operation = &described[path][method];
            assert_eq!(
                status != 405,
                operation.is_object(),
                "{method} {path}: {status}"
            );
            let Some(operation) = operation.as_object() else {
                continue;
            };
            // It needs a token where it says so.
            let open = operation.get("security") == Some(&json!([]));
            assert_eq!(status, if open { 200 } else { 401 }, "{method} {path}");
            assert!(operation["operationId"].is_string() && operation["summary"].is_string());
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')));
            assert!(responses.keys().all(|status| status.parse::<u16>().is_ok()));
            let named = operation.get("parameters").and_then(Value::as_array);
            let named: Vec<&str> = named
                .into_iter()
                .flatten()
                .filter(|one| one["in"] == "path")
                .map(|one| one["name"].as_str().unwrap())
                .collect();
            let of_path: Vec<&str> = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            assert_eq!(named, of_path);
        }
    }
    // Every reference leads somewhere, and every operation has a name of its own.
    let mut references = 0;
    fn each(value: &Value, see: &mut dyn FnMut(&str, &Value)) {
        match value {
            Value::Object(map) => map.iter().for_each(|(name, value)| {
                see(name, value);
                each(value, see);
            }),
            Value::Array(list) => list.iter().for_each(|value| each(value, see)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    each(&document, &mut |name, value| match (name, value.as_str()) {
        ("$ref", Some(reference)) => {
            references += 1;
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        ("operationId", Some(id)) => names.push(id.to_owned()),
        _ => {}
    });
    assert!(references > 40, "{references}");
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[tokio::test]
async fn an_assistant_asks_over_mcp_under_the_same_token() {
    let instance = Instance::new().await;
    let token = instance.any().await;
    let call = async |token: &str, method: &str, params: Value| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = instance.request("POST", "/mcp", token).json(&body);
        let request = request.header("accept", "application/json, text/event-stream");
        let response = request.header("mcp-protocol-version", "2025-06-18").send();
        let text = response.await.unwrap().text().await.unwrap();
        let messages: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
            .collect();
        messages
    };
    let list = call(&token, "tools/list", json!({})).await;
    let tools = list.last().unwrap()["result"]["tools"].clone();
    assert_eq!(
        (&tools[0]["name"], &tools[1]["name"]),
        (&json!("ask"), &json!("latest_brief"))
    );
    for tool in tools.as_array().unwrap() {
        // A question may end in a proposal; neither destroys anything.
        let only_reads = tool["name"] != "ask";
        assert_eq!(tool["annotations"]["readOnlyHint"], only_reads, "{tool}");
        assert_eq!(tool["annotations"]["destructiveHint"], false, "{tool}");
        assert_eq!(tool["outputSchema"]["type"], "object", "{tool}");
    }
    let asks = json!({ "name": "ask", "arguments": { "question": "Hello?" } });
    let answer = call(&token, "tools/call", asks.clone()).await;
    let result = &answer.last().unwrap()["result"];
    let content = &result["structuredContent"];
    assert_eq!(content["outcome"], "answered", "{answer:?}");
    assert!(
        content["text"]
            .as_str()
            .unwrap()
            .contains("I found nothing about")
    );
    let path = format!(
        "/api/v1/conversations/{}",
        content["conversation"].as_str().unwrap()
    );
    let (_, kept) = instance.get(&path, &token).await;
    assert_eq!(kept["surface"], "mcp");
    let brief = call(&token, "tools/call", json!({ "name": "latest_brief" })).await;
    assert_eq!(
        brief.last().unwrap()["result"]["structuredContent"]["brief"],
        Value::Null
    );
    // The scope bounds it, and a role that is not for assistants opens nothing.
    let (_, reads) = instance.token("mara", "vp", &[Scope::Read]).await;
    let refused = call(&reads, "tools/call", asks).await;
    assert_eq!(
        refused.last().unwrap()["result"]["isError"],
        true,
        "{refused:?}"
    );
    let web = Role {
        surfaces: vec![crate::access::Surface::Api],
        ..role("vp")
    };
    instance.put_role(&web).await;
    assert_eq!(
        call(&token, "tools/list", json!({})).await,
        Vec::<Value>::new()
    );
    assert_eq!(instance.get("/api/v1/usage", &token).await.0, 200);
}

#[tokio::test]
async fn a_question_without_a_model_is_told_as_unavailable_in_the_one_shape() {
    let instance = Instance::with_model(false).await;
    let token = instance.any().await;
    let whole = instance.asks("Hello?", &token);
    let (status, said) = told(whole.header("accept", "application/json")).await;
    assert_eq!((status, &said["code"]), (503, &json!("no-model")), "{said}");
    assert!(said["what"].is_string() && said["do"].is_string(), "{said}");
    let mut response = instance.asks("Hello?", &token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let events = events(&mut response, "done").await;
    let (kind, done) = events.last().unwrap();
    assert_eq!(
        (kind.as_str(), &done["outcome"]),
        ("done", &json!("failed"))
    );
}

#[tokio::test]
async fn a_proposal_is_decided_once_by_who_may_and_as_it_was_shown() {
    use crate::{
        access::Clearance,
        act::{Desk, Suggestion},
        converse::tests::bench::{Bench, person},
    };
    let bench = Bench::new().await;
    let converse = bench.converse(Vec::new());
    let instance = Instance::serving(converse, bench.clock.clone(), Arc::default()).await;
    let objects = crate::provision::load(&bench.store).await.unwrap();
    let vp = objects.roles.iter().find(|role| role.id.as_str() == "vp");
    let mut connectors = objects.connectors.iter();
    let tracker = connectors.find(|connector| connector.id.as_str() == "tracker");
    let propose = async |comment: &str| {
        let suggestion = Suggestion {
            principal: &person("mara", "vp"),
            role: vp.unwrap(),
            clearance: Clearance::Alone,
            connector: tracker.unwrap(),
            tool: "add_comment",
            args: serde_json::Map::from_iter([
                ("issue".to_owned(), json!("PAY-1182")),
                ("comment".to_owned(), json!(comment)),
            ]),
            why: "Ask whether it is on track.",
            conversation: &ConversationId::new("c").unwrap(),
            after_reading: Vec::new(),
        };
        let desk = Desk {
            store: &bench.store,
            audit: &bench.audit,
            access: &bench.access,
            pool: &bench.pool,
            clock: bench.clock.as_ref(),
        };
        desk.propose(suggestion).await.unwrap().unwrap()
    };
    let (first, second) = (propose("On track?").await, propose("Drop it?").await);
    let (_, mara) = instance.token("mara", "vp", &Scope::ALL).await;
    let (_, lena) = instance.token("lena", "lead", &Scope::ALL).await;
    let decide = async |token: &str, id: &str, how: &str, call: Option<&str>| {
        let path = format!("/api/v1/proposals/{id}/{how}");
        let mut request = instance.request("POST", &path, token);
        if let Some(call) = call {
            request = request.json(&json!({ "call": call }));
        }
        told(request).await
    };
    let (_, listed) = instance.get("/api/v1/proposals", &lena).await;
    let shown = listed["proposals"].as_array().unwrap();
    assert_eq!(shown.len(), 2, "{listed}");
    let of = |id: &str| shown.iter().find(|view| view["id"] == id).unwrap();
    let call = of(first.id.as_str())["call"].as_str().unwrap().to_owned();
    assert_eq!(of(first.id.as_str())["may_decide"], true);

    // Who suggested it may not approve it, and nobody approves another call than was shown.
    let (status, said) = decide(&mara, first.id.as_str(), "approve", Some(&call)).await;
    assert_eq!(
        (status, &said["code"]),
        (403, &json!("not-allowed")),
        "{said}"
    );
    let (status, said) = decide(&lena, first.id.as_str(), "approve", Some("another")).await;
    assert_eq!((status, &said["code"]), (409, &json!("changed")), "{said}");
    assert_eq!(bench.calls().len(), 0);

    let (status, said) = decide(&lena, first.id.as_str(), "approve", Some(&call)).await;
    assert_eq!((status, &said["state"]), (200, &json!("done")), "{said}");
    let calls = bench.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].args["comment"], "On track?");
    for (how, call) in [("approve", Some(call.as_str())), ("reject", None)] {
        let (status, said) = decide(&lena, first.id.as_str(), how, call).await;
        assert_eq!(
            (status, &said["code"]),
            (409, &json!("decided")),
            "{how}: {said}"
        );
    }

    let (status, said) = decide(&lena, second.id.as_str(), "reject", None).await;
    assert_eq!(
        (status, &said["state"]),
        (200, &json!("rejected")),
        "{said}"
    );
    let call = of(second.id.as_str())["call"].as_str().unwrap();
    let (status, said) = decide(&lena, second.id.as_str(), "approve", Some(call)).await;
    assert_eq!((status, &said["code"]), (409, &json!("decided")), "{said}");
    assert_eq!(bench.calls().len(), 1, "what was rejected is not made");
    assert!(bench.verify().await.ok);
}

#[tokio::test]
async fn the_printed_address_has_a_page_that_says_what_runs_and_nothing_secret() {
    let instance = Instance::new().await;
    for (offered, links) in [(true, true), (false, false)] {
        let api = Api {
            metrics: Arc::new(Metrics::new()),
            store: instance.programs.converse.store.clone(),
            health: StoreHealth::default(),
            clock: instance.clock.clone(),
            programs: Programs {
                api: offered,
                ..instance.programs.clone()
            },
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(api.serve(listener, std::future::pending()));
        let response = instance.client.get(&url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let page = response.text().await.unwrap();
        assert!(page.contains("Daybrief runs here") && page.contains("/healthz"));
        assert_eq!(page.contains("/api/v1/openapi.json"), links);
        assert!(!page.contains(env!("CARGO_PKG_VERSION")) && !page.contains("Acme"));
    }
}

#[tokio::test]
async fn a_ticker_that_fell_silent_is_seen() {
    let instance = Instance::new().await;
    let api = Api {
        metrics: Arc::new(Metrics::new()),
        store: instance.programs.converse.store.clone(),
        health: StoreHealth::default(),
        clock: instance.clock.clone(),
        programs: instance.programs.clone(),
    };
    api.metrics.ticked(instance.clock.now());
    let answer = health(State(api.clone())).await;
    assert_eq!(answer.status(), StatusCode::OK);
    instance.clock.advance(SignedDuration::from_secs(61));
    let answer = health(State(api.clone())).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready(State(api)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_pages_that_anybody_may_ask_for_are_told_by_names_of_ours_alone() {
    let instance = Instance::new().await;
    let api = Api {
        metrics: Arc::new(Metrics::new()),
        store: instance.programs.converse.store.clone(),
        health: StoreHealth::default(),
        clock: instance.clock.clone(),
        programs: instance.programs.clone(),
    };
    api.metrics.ticked(instance.clock.now());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(api.serve(listener, std::future::pending()));
    for path in ["/", "/healthz", "/readyz", "/metrics"] {
        for (host, status) in [("localhost", 200), ("evil.test", 403)] {
            let request = instance.client.get(format!("{url}{path}"));
            let answer = request.header("host", host).send().await.unwrap();
            assert_eq!(answer.status(), status, "{path} by {host}");
        }
        let request = instance.client.get(format!("{url}{path}"));
        let answer = request.header("origin", "https://evil.test").send().await;
        assert_eq!(answer.unwrap().status(), 403, "{path} from another page");
    }
}
