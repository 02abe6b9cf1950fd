//! The instance's settings: `daybrief.toml`. Plain structs, defaults in one place.

mod limits;
mod load;
mod network;
pub(crate) mod reference;
pub mod shape;
mod syntax;

pub use limits::Limits;
pub use load::{SyslogWay, load, load_in_part, parse, syslog};
pub use network::{is_private_host, is_public_address};
pub use reference::reference;

use std::path::PathBuf;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ids::ModelId, money::Currency, secrets::SecretRef, text::Language, zones::ZoneData};

/// All of `daybrief.toml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Settings {
    pub instance: Instance,
    pub store: Store,
    pub secrets: Secrets,
    pub people: People,
    /// Models that may be used, `[[model]]` each.
    #[serde(rename = "model")]
    pub models: Vec<Model>,
    pub wording: Wording,
    pub questions: Questions,
    pub email: Option<Email>,
    pub slack: Option<Slack>,
    pub folder: Option<Folder>,
    pub guard: Guard,
    pub limits: Limits,
    pub audit: Audit,
    pub api: Api,
    #[serde(skip)]
    pub written: Written,
}

/// Where settings were written. Two that say the same are equal, wherever they stand.
#[derive(Debug, Clone, Default)]
pub struct Written(shape::Lines);

impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Settings {
    /// Was every key of the file read?
    pub fn is_whole(&self) -> bool {
        self.written.0.is_whole()
    }

    /// `file:line` of a key by its path, such as `model[0].id`; the key itself where no file is known.
    pub fn place(&self, path: &str) -> String {
        match self.written.0.at(path) {
            unknown if unknown.is_empty() => format!("the setting `{path}`"),
            place => place,
        }
    }
}

/// The instance itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Instance {
    /// The company's name, as it stands in a brief's sender and foot.
    pub name: String,
    /// Address of the HTTP surface.
    pub listen: String,
    /// Where people reach it, without a slash at the end; links in a brief begin with it.
    pub url: Option<String>,
    /// The folder for what this node keeps: the embedded store, its lock.
    pub data: PathBuf,
    /// Folders of objects in TOML files that are applied at start, in this order.
    pub objects: Vec<PathBuf>,
    /// IANA zone of the company: months of budgets, people without a zone of their own.
    pub zone: String,
    /// Whose time zone data counts: `daybrief check` says of which version it is.
    pub zone_data: ZoneData,
    /// The language of answers to people who have not chosen one. A brief is in its briefing's.
    pub language: Language,
    /// Calendar of the company, by id; Monday to Friday without it.
    pub calendar: Option<String>,
    /// Refuse to start with anything configured that is not on this machine or in its private networks.
    pub air_gap: bool,
    /// Who is told when something fails: the id of a user.
    pub admin: Option<String>,
}

impl Default for Instance {
    fn default() -> Self {
        Self {
            name: "Daybrief".to_owned(),
            listen: "127.0.0.1:8080".to_owned(),
            url: None,
            data: PathBuf::from("data"),
            objects: Vec::new(),
            zone: "UTC".to_owned(),
            zone_data: ZoneData::Bundled,
            language: Language::English,
            calendar: None,
            air_gap: false,
            admin: None,
        }
    }
}

/// Where people, objects, runs, deliveries, usage and audit are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Store {
    pub kind: StoreKind,
    /// MongoDB only: the connection string, as a reference to a secret since it holds the password.
    pub url: Option<SecretRef>,
    /// MongoDB only: the database's name.
    pub database: String,
    /// How long a worker that fell silent keeps what it was working on, in seconds; then another goes on.
    #[schemars(range(min = 1))]
    pub lease_seconds: u32,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            kind: StoreKind::Sqlite,
            url: None,
            database: "daybrief".to_owned(),
            lease_seconds: 30,
        }
    }
}

/// The kinds of store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// One file in the data folder.
    #[default]
    Sqlite,
    /// A replica set, for several nodes.
    Mongodb,
}

/// Where the key of the encrypted secrets is: never in the store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Secrets {
    /// 32 bytes in base64. Without it a key file is made in the data folder, mode 600.
    pub key: Option<SecretRef>,
    /// Keys that were in use before: they open what is not yet sealed anew.
    pub old_keys: Vec<SecretRef>,
}

/// Who is let in when they sign in with the company's identity provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct People {
    /// Domains of addresses whose people may come by themselves, such as `acme.example`; a domain below one is another. An
    /// international domain may stand in either form. Who
    /// is invited may come from anywhere.
    pub domains: Vec<String>,
    /// Who comes by themselves waits until an admin lets them in with `daybrief user approve`.
    pub approval: bool,
}

impl Default for People {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            approval: true,
        }
    }
}

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Model {
    pub id: ModelId,
    pub kind: ModelKind,
    /// The vendor's own address where missing.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The model's name at the vendor or server.
    pub model: String,
    #[serde(default)]
    pub api_key: Option<SecretRef>,
    /// The context window in tokens; sent to Ollama as `num_ctx`.
    #[serde(default = "eight_thousand")]
    #[schemars(range(min = 1))]
    pub context_tokens: u32,
    /// The longest answer asked for, in tokens.
    #[serde(default = "two_thousand")]
    #[schemars(range(min = 1))]
    pub max_output_tokens: u32,
    /// Tokens that it may use for reasoning, besides the longest answer.
    #[serde(default)]
    pub reasoning_tokens: u32,
    /// The name under which its server takes the longest answer (kind `openai`). Where it is missing, it is learnt from the
    /// server's answer.
    #[serde(default)]
    pub output_limit: Option<OutputLimit>,
    /// What its server does not take and is not sent. More is learnt from what it refuses, for as long as Daybrief runs;
    /// `daybrief check` says what was learnt.
    #[serde(default)]
    pub leave_out: Vec<ModelParameter>,
    /// True where nothing sent to it leaves the company.
    #[serde(default)]
    pub local: bool,
    /// How it asks for tools, for questions.
    #[serde(default)]
    pub tools: ToolUse,
    /// To the first token, in seconds.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1))]
    pub first_token_timeout_seconds: u32,
    /// The whole answer, in seconds.
    #[serde(default = "sixty")]
    #[schemars(range(min = 1))]
    pub timeout_seconds: u32,
    /// Price of a million tokens in, in `currency`.
    #[serde(default)]
    #[schemars(with = "Option<f64>")]
    pub price_in_per_million: Option<Decimal>,
    /// Price of a million tokens out, in `currency`.
    #[serde(default)]
    #[schemars(with = "Option<f64>")]
    pub price_out_per_million: Option<Decimal>,
    /// Currency of the prices, as ISO 4217 writes it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub currency: Option<Currency>,
}

#[cfg(test)]
impl Model {
    /// A model as it is set with nothing but what it must have.
    pub fn new(id: ModelId, kind: ModelKind, model: &str) -> Self {
        Self {
            id,
            kind,
            base_url: None,
            model: model.to_owned(),
            api_key: None,
            context_tokens: eight_thousand(),
            max_output_tokens: two_thousand(),
            reasoning_tokens: 0,
            output_limit: None,
            leave_out: Vec::new(),
            local: false,
            tools: ToolUse::Native,
            first_token_timeout_seconds: thirty(),
            timeout_seconds: sixty(),
            price_in_per_million: None,
            price_out_per_million: None,
            currency: None,
        }
    }
}

fn eight_thousand() -> u32 {
    8192
}
fn two_thousand() -> u32 {
    2048
}
fn thirty() -> u32 {
    30
}
fn sixty() -> u32 {
    60
}

/// Under which name the longest answer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputLimit {
    MaxTokens,
    MaxCompletionTokens,
}

impl OutputLimit {
    pub fn name(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// What a model's server may not take.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ModelParameter {
    /// How much chance there is in its words; without it the server's own.
    Temperature,
    /// The wish for a count of tokens at the end of a stream; without it they are estimated where none comes.
    StreamOptions,
    /// Answers in pieces; without it each comes whole.
    Stream,
    /// The strict keeping of a form (JSON schema).
    Strict,
    /// A form at all; without it the form is described in words.
    ResponseFormat,
    /// That one tool must be called.
    ToolChoice,
    /// A message of the role `system`; without it the task stands before the first question.
    SystemRole,
    /// Several calls of tools at once.
    ParallelToolCalls,
}

impl ModelParameter {
    pub fn name(self) -> &'static str {
        match self {
            Self::Temperature => "temperature",
            Self::StreamOptions => "stream_options",
            Self::Stream => "stream",
            Self::Strict => "strict",
            Self::ResponseFormat => "response_format",
            Self::ToolChoice => "tool_choice",
            Self::SystemRole => "system_role",
            Self::ParallelToolCalls => "parallel_tool_calls",
        }
    }
}

/// How a model asks for tools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToolUse {
    /// By its vendor's own way.
    #[default]
    Native,
    /// It fills in a form that its server holds it to, one call to each source that the question speaks of: for small local models.
    Guided,
}

/// The wire that a model speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// OpenAI and everything that speaks its chat API: vLLM, llama.cpp, gateways.
    Openai,
    Anthropic,
    Ollama,
}

/// Which models choose what a brief names first, shows side by side and leaves out. Its sentences are Daybrief's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Wording {
    /// Tried in this order; empty: no model chooses.
    pub route: Vec<ModelId>,
}

/// How questions are answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Questions {
    /// Models tried in this order; empty: those that choose in briefs.
    pub route: Vec<ModelId>,
    /// Conversations are kept so long after their last question, in days.
    pub keep_days: u32,
    /// Calls of tools for one question.
    #[schemars(range(min = 1))]
    pub calls: u32,
    /// One answer, in seconds.
    #[schemars(range(min = 1))]
    pub seconds: u32,
}

impl Default for Questions {
    fn default() -> Self {
        Self {
            route: Vec::new(),
            keep_days: 90,
            calls: 12,
            seconds: 90,
        }
    }
}

/// Delivery by email.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Email {
    pub host: String,
    #[serde(default = "submission")]
    #[schemars(range(min = 1))]
    pub port: u16,
    #[serde(default)]
    pub tls: EmailTls,
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub password: Option<SecretRef>,
    /// The sender, `Daybrief <daybrief@acme.example>`.
    pub from: String,
    /// Certificates (PEM) of the company's own authority.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// One attempt, in seconds.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1))]
    pub timeout_seconds: u32,
}

fn submission() -> u16 {
    587
}

/// How an SMTP connection is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EmailTls {
    /// STARTTLS, refused where the server does not offer it (RFC 3207).
    #[default]
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// In clear: for a relay on the same machine.
    None,
}

/// Delivery to Slack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slack {
    /// Bot token (`xoxb-…`).
    pub token: SecretRef,
    /// Another address of the Web API, for a gateway.
    #[serde(default)]
    pub api_url: Option<String>,
    #[serde(default = "thirty")]
    #[schemars(range(min = 1))]
    pub timeout_seconds: u32,
}

/// Delivery into folders of this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Folder {
    /// Below it lie the folders that schedules name.
    pub path: PathBuf,
}

/// What may leave.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Guard {
    /// Hosts that links may have besides the instance's own and the connectors' `link_hosts`.
    pub allowed_hosts: Vec<String>,
}

/// How other programs ask: with tokens that `daybrief token create` makes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Api {
    /// The HTTP API below `/api/v1`.
    pub enabled: bool,
    /// An MCP server at `/mcp`.
    pub mcp: bool,
    /// Names by which programs reach the daemon, besides this machine's own and that of `instance.url`. A request that
    /// names another host is refused.
    pub hosts: Vec<String>,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            enabled: true,
            mcp: false,
            hosts: Vec::new(),
        }
    }
}

/// The audit trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Audit {
    /// Rows are kept so long, in days; then they are removed from the oldest on.
    #[schemars(range(min = 1))]
    pub keep_days: u32,
    pub keep_arguments: KeepArguments,
    /// A syslog receiver (RFC 5424) that gets each row: `udp://host:514` or `tcp://host:601`. No texts are sent.
    pub syslog: Option<String>,
    /// An OpenTelemetry collector that gets each row over OTLP/HTTP: `http://host:4318`. No texts are sent.
    pub otlp: Option<String>,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            keep_days: 1095,
            keep_arguments: KeepArguments::Hash,
            syslog: None,
            otlp: None,
        }
    }
}

/// What the audit trail keeps of a call's arguments besides their names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeepArguments {
    /// A keyed hash.
    #[default]
    Hash,
    /// The hash, and the values of names such as `limit` and `status`.
    Redacted,
}
