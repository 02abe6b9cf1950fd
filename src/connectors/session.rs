//! One connection to one server: the handshake, its tools with their pins, calls, and the end.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use rmcp::{
    model::{CallToolRequestParams, CallToolResponse, CallToolResult, PaginatedRequestParams},
    service::{ClientCacheConfig, Peer, RoleClient},
};
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    error::{CallError, ServerWord},
    launch::Launcher,
    line::{Line, Listener},
    oauth::Authorizer,
    pins::{self, Pin, PinnedHash, Pins, PinsError},
    stdio::StderrTail,
};
use crate::{domain::connector::Connector, ids::ConnectorId};

/// A server's list of tools has at most so many pages and tools.
const MAX_TOOL_PAGES: usize = 64;
const MAX_TOOLS: usize = 2_000;

/// After so many calls without an answer, one after the other, the server is taken for stuck and ended.
const STUCK_AFTER_TIMEOUTS: u32 = 2;

/// A tool as the server describes it, and what its pin says.
#[derive(Debug, Clone)]
pub(super) struct Tool {
    pub description: Option<String>,
    pub input_schema: Arc<Map<String, Value>>,
    pub hash: PinnedHash,
    pub pin: Pin,
}

pub(super) type Tools = Arc<BTreeMap<String, Tool>>;

/// What is needed to connect: everything that a pool's connections share, and this one's values.
pub(super) struct Connect<'a> {
    pub connector: &'a Connector,
    /// Environment or headers, secrets put in.
    pub values: Vec<(String, SecretString)>,
    /// Every secret among them, to strike out of the server's words.
    pub secrets: Vec<SecretString>,
    pub credentials: [u8; 32],
    /// Has the token, where the server wants one.
    pub authorizer: Option<Arc<Authorizer>>,
    pub launcher: &'a Launcher,
    pub pins: &'a Arc<dyn Pins>,
    pub tasks: &'a TaskTracker,
    pub stop: CancellationToken,
}

/// A live connection. Dropping it ends it, and its process.
pub(super) struct Session {
    connector: ConnectorId,
    peer: Peer<RoleClient>,
    pins: Arc<dyn Pins>,
    tools: RwLock<Tools>,
    /// One refresh of the tools at a time.
    refreshing: tokio::sync::Mutex<()>,
    stale: Arc<AtomicBool>,
    line: Line,
    timeouts: AtomicU32,
    /// Tells connections with different credentials apart.
    pub credentials: [u8; 32],
    _ends_with_this: DropGuard,
}

impl Session {
    /// Starts or reaches the server, shakes hands and reads its tools, within the connector's time for a start.
    pub(super) async fn connect(connect: Connect<'_>) -> Result<Self, CallError> {
        let Connect {
            connector,
            values,
            secrets,
            credentials,
            authorizer,
            launcher,
            pins,
            tasks,
            stop,
        } = connect;
        let ends_with_this = stop.clone().drop_guard();
        let stale = Arc::new(AtomicBool::new(false));
        let line = Line {
            stop: stop.clone(),
            said: CancellationToken::new(),
            stderr: StderrTail::default(),
            flooded: Arc::new(AtomicBool::new(false)),
            secrets,
            authorizer,
            limits: connector.limits,
        };
        let seconds = connector.limits.start_timeout_seconds;
        let listener = Listener {
            stale: stale.clone(),
        };
        let started = async {
            let service = line
                .serve(connector, values, launcher, tasks, listener)
                .await?;
            let peer = service.peer().clone();
            let end = stop.clone();
            tasks.spawn(async move {
                // How it ended does not matter: each call says for itself what it met.
                let _ = service.waiting().await;
                end.cancel();
            });
            // Pins compare what the server says now.
            peer.set_response_cache_config(ClientCacheConfig::disabled())
                .await;
            let session = Self {
                connector: connector.id.clone(),
                peer,
                pins: pins.clone(),
                tools: RwLock::default(),
                refreshing: tokio::sync::Mutex::default(),
                stale,
                line: line.clone(),
                timeouts: AtomicU32::new(0),
                credentials,
                _ends_with_this: ends_with_this,
            };
            session.read_tools().await?;
            Ok(session)
        };
        match tokio::time::timeout(Duration::from_secs(seconds.into()), started).await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(CallError::StartTimeout {
                seconds,
                word: line.last_words().await,
            }),
        }
    }

    /// True until the connection is gone or asked to go.
    pub(super) fn is_alive(&self) -> bool {
        !self.line.stop.is_cancelled()
    }

    /// Asks the connection, and its process, to end.
    pub(super) fn end(&self) {
        self.line.stop.cancel();
    }

    /// Resolves when the connection ends.
    pub(super) fn ended(&self) -> CancellationToken {
        self.line.stop.clone()
    }

    /// What is to be said of a connection that went away.
    pub(super) async fn obituary(&self) -> CallError {
        self.line.gone().await
    }

    /// Text of the server, fit for an admin.
    pub(super) fn word(&self, text: &str) -> ServerWord {
        self.line.word(text)
    }

    /// [`Session::tools`] within the connector's time for a call.
    pub(super) async fn tools_in_time(&self) -> Result<Tools, CallError> {
        let seconds = self.line.limits.timeout_seconds;
        tokio::time::timeout(Duration::from_secs(seconds.into()), self.tools())
            .await
            .unwrap_or(Err(CallError::Timeout { seconds }))
    }

    /// The tools with their pins, read again where the server said that they changed, and where a changed one waits.
    pub(super) async fn tools(&self) -> Result<Tools, CallError> {
        if self.stale.load(Ordering::Acquire) {
            self.read_tools().await?;
        }
        let tools = self.known();
        if tools
            .values()
            .any(|tool| matches!(tool.pin, Pin::Changed { .. }))
        {
            return self.check_pins_again().await;
        }
        Ok(tools)
    }

    /// Calls a tool whose description is the accepted one. Never tried twice: whether a call that broke off took
    /// effect, only the source knows.
    pub(super) async fn call(
        &self,
        tool: &str,
        args: &Map<String, Value>,
    ) -> Result<CallToolResult, CallError> {
        let seconds = self.line.limits.timeout_seconds;
        let asked = async {
            self.check_tool(tool).await?;
            let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(args.clone());
            match self.peer.call_tool_once(params).await {
                Ok(CallToolResponse::Complete(result)) => Ok(result),
                Ok(_) => Err(CallError::Shape {
                    what: "the tool asks for input or for more time".to_owned(),
                }),
                Err(error) => Err(self.line.service_error(error).await),
            }
        };
        match tokio::time::timeout(Duration::from_secs(seconds.into()), asked).await {
            Ok(result) => {
                self.timeouts.store(0, Ordering::Relaxed);
                if let Err(error) = &result
                    && matches!(
                        error,
                        CallError::Ended { .. }
                            | CallError::Unreachable { .. }
                            | CallError::Credential { .. }
                            | CallError::SignIn { .. }
                    )
                {
                    self.end();
                }
                result
            }
            Err(_) => {
                if self.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= STUCK_AFTER_TIMEOUTS {
                    self.end();
                }
                Err(CallError::Timeout { seconds })
            }
        }
    }

    async fn check_tool(&self, name: &str) -> Result<(), CallError> {
        let tools = self.tools().await?;
        let tool = tools.get(name).ok_or_else(|| CallError::UnknownTool {
            tool: name.to_owned(),
        })?;
        match tool.pin {
            Pin::Changed { .. } => Err(CallError::ToolChanged {
                tool: name.to_owned(),
                hash: tool.hash.to_string(),
            }),
            Pin::FirstSeen | Pin::Accepted => Ok(()),
        }
    }

    fn known(&self) -> Tools {
        self.tools
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn keep(&self, tools: BTreeMap<String, Tool>) -> Tools {
        let tools = Arc::new(tools);
        *self.tools.write().unwrap_or_else(PoisonError::into_inner) = tools.clone();
        tools
    }

    /// Reads all pages and compares each tool with its pin.
    async fn read_tools(&self) -> Result<(), CallError> {
        let _one_at_a_time = self.refreshing.lock().await;
        // A change that is announced while we read makes the list stale again.
        self.stale.store(false, Ordering::Release);
        let read = self.read_pages().await;
        if read.is_err() {
            self.stale.store(true, Ordering::Release);
        }
        self.keep(read?);
        Ok(())
    }

    async fn read_pages(&self) -> Result<BTreeMap<String, Tool>, CallError> {
        let broken = |what: String| CallError::Shape { what };
        let before = self.known();
        let mut tools = BTreeMap::new();
        let mut cursor = None;
        for _ in 0..MAX_TOOL_PAGES {
            let params = PaginatedRequestParams::default().with_cursor(cursor.take());
            let page = match self.peer.list_tools(Some(params)).await {
                Ok(page) => page,
                Err(error) => return Err(self.line.service_error(error).await),
            };
            for tool in page.tools {
                let name = tool.name.into_owned();
                let description = tool.description.map(|text| text.into_owned());
                let (hash, canonical) =
                    pins::pin_of(&name, description.as_deref(), &tool.input_schema);
                let mut pin = self.check_pin(&name, &hash, &canonical).await?;
                let first_seen_here = before
                    .get(&name)
                    .is_some_and(|tool| tool.hash == hash && tool.pin == Pin::FirstSeen);
                if first_seen_here && pin == Pin::Accepted {
                    pin = Pin::FirstSeen;
                }
                let tool = Tool {
                    description,
                    input_schema: tool.input_schema,
                    hash,
                    pin,
                };
                if tools.insert(name, tool).is_some() {
                    return Err(broken("the server lists a tool twice".to_owned()));
                }
                if tools.len() > MAX_TOOLS {
                    return Err(broken(format!(
                        "the server has more than {MAX_TOOLS} tools"
                    )));
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(tools);
            }
        }
        Err(broken(format!(
            "the list of tools has more than {MAX_TOOL_PAGES} pages"
        )))
    }

    async fn check_pin(
        &self,
        name: &str,
        hash: &PinnedHash,
        canonical: &str,
    ) -> Result<Pin, CallError> {
        pins::check(self.pins.as_ref(), &self.connector, name, hash, canonical)
            .await
            .map_err(pins_error)
    }

    /// An admin may have accepted a change meanwhile.
    async fn check_pins_again(&self) -> Result<Tools, CallError> {
        let _one_at_a_time = self.refreshing.lock().await;
        let mut again = self.known().as_ref().clone();
        for (name, tool) in &mut again {
            if matches!(tool.pin, Pin::Changed { .. }) {
                let accepted = self.pins.get(&self.connector, name).await;
                if accepted.map_err(pins_error)?.as_ref() == Some(&tool.hash) {
                    tool.pin = Pin::Accepted;
                }
            }
        }
        Ok(self.keep(again))
    }
}

fn pins_error(error: PinsError) -> CallError {
    CallError::Pins { what: error.0 }
}
