//! A small instance: a store in memory, people and roles, sources that answer as told and write down who called them.

use std::{collections::BTreeMap, path::Path};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    access::{Access, Principal, Surface},
    audit::{Audit, Verified},
    clock::{Clock, ManualClock},
    connectors::{Connectors, MemoryPins, SecretSource, SecretUnavailable},
    converse::{Converse, Parts, Question, TurnLimits},
    domain::{
        people::{Role, User},
        turn::{Citation, Done, Table, TurnEvent},
    },
    error::Problem,
    ids::{RoleId, UserId},
    limits::Limits,
    models::Model,
    provision,
    secrets::SecretRef,
    settings::Settings,
    store::{AuditRow, Kind, Store},
    text::Language,
};
use std::sync::Arc;

/// Two sources that may be asked, with an action; one outside the company; one for local models only; who may what.
pub const OBJECTS: &str = r#"
[[role]]
id = "vp"
title = "VP Engineering"
[[role.grants]]
connector = "tracker"
tools = ["search_issues", "get_issue"]
actions = ["add_comment"]
[[role.grants]]
connector = "crm"
tools = ["list_deals"]

[[role]]
id = "lead"
title = "Lead"
[[role.grants]]
connector = "tracker"
tools = ["search_issues"]
actions = ["add_comment"]
approve = ["add_comment"]

[[role]]
id = "team"
title = "Team"
[[role.grants]]
connector = "tracker"
tools = ["search_issues"]

[[role]]
id = "outward"
title = "Outward"
[[role.grants]]
connector = "tracker"
tools = ["search_issues"]
actions = ["add_comment"]
[[role.grants]]
connector = "web"
tools = ["web_search"]

[[role]]
id = "finance"
title = "Finance"
[[role.grants]]
connector = "tracker"
tools = ["search_issues"]
[[role.grants]]
connector = "payroll"
tools = ["list_salaries"]

[[user]]
id = "mara"
name = "Mara"
roles = ["vp", "outward", "finance"]

[[user]]
id = "jonas"
name = "Jonas"
roles = ["vp"]

[[user]]
id = "lena"
name = "Lena"
roles = ["lead"]

[[place]]
id = "all"
surface = "slack"
channel = "C1"
as = "team"

[[connector]]
id = "tracker"
title = "Issue tracker"
command = ["{python}", "-I", "-S", "{server}", "{folder}/tracker.json", "{folder}/calls"]
tools = { search_issues = "read", get_issue = "read", add_comment = "action", delete_project = "action" }
link_hosts = ["tracker.acme.example"]
links = { key = "https://tracker.acme.example/browse/{}" }

[[connector]]
id = "crm"
title = "CRM"
command = ["{python}", "-I", "-S", "{server}", "{folder}/crm.json", "{folder}/calls"]
tools = { "*" = "read" }

[[connector]]
id = "web"
title = "Web search"
command = ["{python}", "-I", "-S", "{server}", "{folder}/web.json", "{folder}/calls"]
tools = { web_search = "read" }
outside = true

[[connector]]
id = "payroll"
title = "Payroll"
command = ["{python}", "-I", "-S", "{server}", "{folder}/payroll.json", "{folder}/calls"]
tools = { list_salaries = "read" }
local_only = true
"#;

fn python() -> &'static str {
    let system = "/usr/bin/python3";
    if Path::new(system).exists() {
        system
    } else {
        "python3"
    }
}

struct NoSecrets;

#[async_trait]
impl SecretSource for NoSecrets {
    async fn secret(&self, _: &SecretRef) -> Result<secrecy::SecretString, SecretUnavailable> {
        Err(SecretUnavailable("there is none".to_owned()))
    }
}

/// A call that reached a server.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct Call {
    pub connector: String,
    pub tool: String,
    pub args: Value,
}

impl Call {
    /// `connector/tool`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.connector, self.tool)
    }
}

/// Everything of one small company.
pub struct Bench {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub audit: Audit,
    pub access: Access,
    pub limits: Limits,
    pub pool: Connectors,
    folder: tempfile::TempDir,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(OBJECTS).await
    }

    /// With other objects; `{python}`, `{server}` and `{folder}` in them are filled in.
    pub async fn with(objects: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/canned_mcp.py");
        let objects = objects
            .replace("{python}", python())
            .replace("{server}", server)
            .replace("{folder}", &folder.path().display().to_string());
        let files = folder.path().join("objects");
        std::fs::create_dir(&files).unwrap();
        std::fs::write(files.join("all.toml"), objects).unwrap();
        let objects = provision::read(&[files]).unwrap();
        let store = Store::in_memory().await.unwrap();
        let clock = Arc::new(ManualClock::at("2026-11-24T09:00:00Z".parse().unwrap()));
        let changes = provision::plan(&store, &objects).await.unwrap();
        provision::apply(&store, &objects, &changes, clock.now())
            .await
            .unwrap();
        let audit = Audit::new(store.clone(), [1; 32]);
        let pool = Connectors::new(
            objects.connectors.clone(),
            Arc::new(NoSecrets),
            Arc::new(MemoryPins::default()),
            clock.clone(),
        );
        let bench = Self {
            access: Access::new(audit.clone(), store.clone()),
            limits: Limits::new(store.clone(), jiff::tz::TimeZone::UTC, &Settings::default()),
            store,
            clock,
            audit,
            pool,
            folder,
        };
        bench.usual_answers();
        bench
    }

    fn usual_answers(&self) {
        let tools = |tools: Value| json!({ "tools": tools });
        self.answers(
            "tracker",
            &tools(json!([
                { "name": "search_issues", "description": "Finds issues.", "answer": issues() },
                { "name": "get_issue", "description": "One issue.", "answer": issues() },
                { "name": "add_comment", "description": "Comments on an issue.", "answer": { "ok": true } },
                { "name": "delete_project", "description": "Deletes a project.", "answer": { "ok": true } },
            ])),
        );
        self.answers(
            "crm",
            &tools(json!([
                { "name": "list_deals", "description": "Deals.", "answer": deals() },
                { "name": "list_secrets", "description": "Secrets.", "answer": { "secrets": [{ "name": "key" }] } },
            ])),
        );
        self.answers(
            "web",
            &tools(
                json!([{ "name": "web_search", "description": "Searches the web.",
                "answer": { "results": [{ "title": "Payments explained", "rank": 1 }] } }]),
            ),
        );
        self.answers(
            "payroll",
            &tools(
                json!([{ "name": "list_salaries", "description": "Salaries.",
                "answer": { "salaries": [{ "person": "Jonas Weber", "salary": 91_357 }] } }]),
            ),
        );
    }

    /// What a source says from now on.
    pub fn answers(&self, connector: &str, answers: &Value) {
        let path = self.folder.path().join(format!("{connector}.json"));
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, answers.to_string()).unwrap();
        std::fs::rename(fresh, path).unwrap();
    }

    /// What one tool of a source says from now on; the others stay.
    pub fn tool(&self, connector: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let path = self.folder.path().join(format!("{connector}.json"));
        let mut answers: Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let tools = answers["tools"].as_array_mut().unwrap();
        change(tools.iter_mut().find(|tool| tool["name"] == name).unwrap());
        self.answers(connector, &answers);
    }

    /// The calls that reached the sources so far, in their order.
    pub fn calls(&self) -> Vec<Call> {
        std::fs::read_to_string(self.folder.path().join("calls"))
            .unwrap_or_default()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub fn called(&self) -> Vec<String> {
        self.calls().iter().map(Call::name).collect()
    }

    pub fn forget_calls(&self) {
        let _ = std::fs::remove_file(self.folder.path().join("calls"));
    }

    pub fn converse(&self, models: Vec<Arc<dyn Model>>) -> Converse {
        self.converse_over(self.store.clone(), models, TurnLimits::default())
    }

    /// Over another handle of the store, or with other bounds.
    pub fn converse_over(
        &self,
        store: Store,
        models: Vec<Arc<dyn Model>>,
        turn_limits: TurnLimits,
    ) -> Converse {
        let audit = Audit::new(store.clone(), [1; 32]);
        Converse::new(Parts {
            access: Access::new(audit.clone(), store.clone()),
            audit,
            store,
            limits: self.limits.clone(),
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            route: models.iter().map(|model| model.id().clone()).collect(),
            models: models
                .into_iter()
                .map(|model| (model.id().clone(), model))
                .collect(),
            company: "Acme".to_owned(),
            allowed_hosts: Vec::new(),
            secrets: crate::guard::Secrets::default(),
            keep_days: 90,
            turn_limits,
        })
    }

    /// Changes a stored user.
    pub async fn user(&self, id: &str, change: impl FnOnce(&mut User)) {
        let objects = self.store.objects();
        let mut stored = objects.get::<User>(Kind::User, id).await.unwrap().unwrap();
        change(&mut stored.object);
        objects.put(Kind::User, id, &stored).await.unwrap();
    }

    /// Changes a stored role.
    pub async fn role(&self, id: &str, change: impl FnOnce(&mut Role)) {
        let objects = self.store.objects();
        let mut stored = objects.get::<Role>(Kind::Role, id).await.unwrap().unwrap();
        change(&mut stored.object);
        objects.put(Kind::Role, id, &stored).await.unwrap();
    }

    /// The rows of the trail, oldest first.
    pub async fn trail(&self) -> Vec<AuditRow> {
        self.store.audit().from(1, 10_000).await.unwrap()
    }

    /// Each row in short: `act outcome on`.
    pub async fn acts(&self) -> Vec<String> {
        let said =
            |row: &AuditRow, name: &str| row.entry[name].as_str().unwrap_or_default().to_owned();
        self.trail()
            .await
            .iter()
            .map(|row| {
                format!(
                    "{} {} {}",
                    said(row, "act"),
                    said(row, "outcome"),
                    said(row, "on")
                )
            })
            .collect()
    }

    pub async fn verify(&self) -> Verified {
        self.audit.verify().await.unwrap()
    }
}

pub fn issues() -> Value {
    json!({ "issues": [
        { "key": "PAY-1182", "summary": "Card payments fail at checkout", "status": "Blocked",
          "assignee": "Ines Lindqvist", "days_late": 9, "url": "https://tracker.acme.example/browse/PAY-1182" },
        { "key": "PAY-1190", "summary": "Refunds are slow", "status": "Open",
          "assignee": "Tomas Weber", "days_late": 4, "url": "https://tracker.acme.example/browse/PAY-1190" },
    ] })
}

pub fn deals() -> Value {
    json!({ "deals": [
        { "customer": "Northgate", "stage": "Negotiation", "amount": 48_200, "closes": "2026-11-27" },
        { "customer": "Helvetia Trading", "stage": "Proposal", "amount": 12_750, "closes": "2026-12-04" },
    ] })
}

/// A question of a person with a role, seen by them alone.
pub fn question(user: &str, role: &str, text: &str) -> Question {
    Question {
        principal: person(user, role),
        text: text.to_owned(),
        conversation: None,
        about: None,
        channel: None,
        zone: "UTC".to_owned(),
        language: Language::English,
    }
}

pub fn person(user: &str, role: &str) -> Principal {
    Principal::person(
        UserId::new(user).unwrap(),
        RoleId::new(role).unwrap(),
        Surface::Slack,
    )
}

/// A turn under way.
pub struct Running {
    pub events: mpsc::Receiver<TurnEvent>,
    pub stop: CancellationToken,
    pub task: JoinHandle<Result<Done, Problem>>,
}

pub fn start(converse: &Converse, question: Question) -> Running {
    let (sender, events) = mpsc::channel(256);
    let stop = CancellationToken::new();
    let (converse, token) = (converse.clone(), stop.clone());
    Running {
        events,
        stop,
        task: tokio::spawn(async move { converse.ask(question, sender, token).await }),
    }
}

impl Running {
    pub async fn end(mut self) -> Told {
        let mut events = Vec::new();
        while let Some(event) = self.events.recv().await {
            events.push(event);
        }
        let done = self.task.await.unwrap().unwrap();
        assert_eq!(events.last(), Some(&TurnEvent::Done(done.clone())));
        Told { events, done }
    }
}

/// A turn that is over.
#[derive(Debug)]
pub struct Told {
    pub events: Vec<TurnEvent>,
    pub done: Done,
}

impl Told {
    /// The answer's text.
    pub fn text(&self) -> String {
        let pieces = self.events.iter().filter_map(|event| match event {
            TurnEvent::Delta { text } => Some(text.as_str()),
            _ => None,
        });
        pieces.collect::<String>().trim_end().to_owned()
    }

    pub fn citations(&self) -> Vec<&Citation> {
        self.events
            .iter()
            .filter_map(|event| match event {
                TurnEvent::Citation(citation) => Some(citation),
                _ => None,
            })
            .collect()
    }

    pub fn tables(&self) -> Vec<&Table> {
        self.events
            .iter()
            .filter_map(|event| match event {
                TurnEvent::Table(table) => Some(table),
                _ => None,
            })
            .collect()
    }

    /// Everything that is shown, as JSON.
    pub fn all(&self) -> String {
        serde_json::to_string(&self.events).unwrap()
    }
}

/// Asks and waits for the end.
pub async fn ask(converse: &Converse, question: Question) -> Told {
    start(converse, question).end().await
}

/// Names of what a model was offered → their descriptions.
pub fn offered(request: &crate::models::Request) -> BTreeMap<String, String> {
    request
        .tools
        .iter()
        .map(|tool| (tool.name.clone(), tool.description.clone()))
        .collect()
}
