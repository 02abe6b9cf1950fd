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
    model::{
        CallToolRequest, CallToolRequestParams, CancelledNotification, CancelledNotificationParam,
        ClientRequest, ListToolsRequest, PaginatedRequestParams, RequestId,
    },
    service::{ClientCacheConfig, Peer, PeerRequestOptions, RoleClient},
};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    error::{CallError, Words},
    launch::Launcher,
    line::{Line, Listener, Way},
    oauth::Authorizer,
    pins::{self, Pin, PinnedHash, Pins, PinsError},
    stdio::{Noise, StderrTail},
    tools::{Described, Listing, Next, NoList, UnreadTool},
    wire::{self, Reply},
};
use crate::{domain::connector::Connector, ids::ConnectorId};

/// After so many calls without an answer, one after the other, the server is taken for stuck and ended.
const STUCK_AFTER_TIMEOUTS: u32 = 2;

/// A tool as the server describes it, and what its pin says.
#[derive(Debug, Clone)]
pub(super) struct Tool {
    pub description: Option<String>,
    pub input_schema: Arc<Map<String, Value>>,
    /// What its annotations say of whether it writes.
    pub writes: Option<bool>,
    pub hash: PinnedHash,
    pub pin: Pin,
}

/// The server's tools, with those of which it says what cannot be read.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    pub tools: BTreeMap<String, Tool>,
    pub unread: Vec<UnreadTool>,
}

pub(super) type Tools = Arc<Listed>;

/// What the server says of itself. Its own words: hostile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ServerAbout {
    pub name: String,
    pub version: String,
    /// The version of MCP that was agreed on.
    pub protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
}

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
            noise: Noise::default(),
            secrets,
            authorizer,
            limits: connector.limits,
            way: Way::of(&connector.launch)?,
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
            Err(_) => Err(line.too_slow(seconds).await),
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

    /// Is it our own server for databases?
    pub(super) fn is_own(&self) -> bool {
        self.line.way == Way::OwnProcess
    }

    /// What makes texts of the server fit for an admin.
    pub(super) fn words(&self) -> Words {
        self.line.words()
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
            .tools
            .values()
            .any(|tool| matches!(tool.pin, Pin::Changed { .. }))
        {
            return self.check_pins_again().await;
        }
        Ok(tools)
    }

    /// What the server said of itself when the connection began.
    pub(super) fn about(&self) -> ServerAbout {
        let Some(info) = self.peer.peer_info() else {
            return ServerAbout::default();
        };
        let own = info.server_info.as_ref();
        ServerAbout {
            name: own.map(|own| own.name.clone()).unwrap_or_default(),
            version: own.map(|own| own.version.clone()).unwrap_or_default(),
            protocol: info.protocol_version.to_string(),
            instructions: info.instructions.clone(),
        }
    }

    /// Calls a tool whose description is the accepted one, and gives its result as it came. Never tried twice: whether a
    /// call that broke off took effect, only the source knows.
    pub(super) async fn call(
        &self,
        tool: &str,
        args: &Map<String, Value>,
    ) -> Result<Value, CallError> {
        let seconds = self.line.limits.timeout_seconds;
        let asked = async {
            self.check_tool(tool).await?;
            let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(args.clone());
            let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
            let result = self.ask(request).await?;
            match result.get("resultType").and_then(Value::as_str) {
                None | Some("complete") => Ok(result),
                Some(_) => Err(CallError::Shape {
                    what: "the tool asks for input or for more time".to_owned(),
                }),
            }
        };
        match tokio::time::timeout(Duration::from_secs(seconds.into()), asked).await {
            Ok(result) => {
                self.timeouts.store(0, Ordering::Relaxed);
                if let Err(error) = &result
                    && matches!(
                        error,
                        CallError::Ended { .. }
                            | CallError::NoMcp { .. }
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

    /// Makes a request and waits for its result. Who stops waiting has the server told.
    async fn ask(&self, request: ClientRequest) -> Result<Value, CallError> {
        let sent = self
            .peer
            .send_cancellable_request(request, PeerRequestOptions::no_options())
            .await;
        let waiting = match sent {
            Ok(waiting) => waiting,
            Err(error) => return Err(self.line.service_error(error).await),
        };
        let mut given_up = GivenUp::new(&self.peer, waiting.id.clone());
        let result = waiting.await_response().await;
        given_up.disarm();
        match result.map(wire::reply) {
            Ok(Some(Reply::Result(result))) => Ok(result),
            Ok(Some(Reply::Refused { code, message })) => Err(self.line.refused(code, &message)),
            Ok(None) => Err(CallError::Shape {
                what: "not the kind of answer that was asked for".to_owned(),
            }),
            Err(error) => Err(self.line.service_error(error).await),
        }
    }

    async fn check_tool(&self, name: &str) -> Result<(), CallError> {
        let listed = self.tools().await?;
        let Some(tool) = listed.tools.get(name) else {
            let unread = listed.unread.iter().find(|unread| unread.tool == name);
            return Err(match unread {
                Some(unread) => CallError::UnreadTool {
                    tool: name.to_owned(),
                    why: unread.why.clone(),
                },
                None => CallError::UnknownTool {
                    tool: name.to_owned(),
                },
            });
        };
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

    fn keep(&self, tools: Listed) -> Tools {
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

    async fn read_pages(&self) -> Result<Listed, CallError> {
        let listing = self.listing().await?;
        let before = self.known();
        let mut tools = BTreeMap::new();
        for (name, described) in listing.tools {
            let tool = self.pinned(&before, &name, described).await?;
            tools.insert(name, tool);
        }
        for unread in &listing.unread {
            tracing::warn!(
                connector = self.connector.as_str(),
                tool = %unread,
                "a tool cannot be read"
            );
        }
        Ok(Listed {
            tools,
            unread: listing.unread,
        })
    }

    /// All pages of the server's list.
    async fn listing(&self) -> Result<Listing, CallError> {
        let mut listing = Listing::default();
        let mut cursor = None;
        let mut may_fail = false;
        loop {
            let params = PaginatedRequestParams::default().with_cursor(cursor.take());
            let request = ClientRequest::ListToolsRequest(ListToolsRequest::with_param(params));
            let next = match self.ask(request).await {
                Ok(page) => listing.take(&page),
                Err(CallError::Refused { .. }) if may_fail => return Ok(listing),
                Err(error) => return Err(error),
            };
            match next {
                Ok(Next::Done) => return Ok(listing),
                Ok(Next::Page(next)) => (cursor, may_fail) = (Some(next), false),
                Ok(Next::PerhapsPage) => (cursor, may_fail) = (Some(String::new()), true),
                Err(NoList) if may_fail => return Ok(listing),
                Err(NoList) => {
                    return Err(CallError::Shape {
                        what: "the server's list of tools is no list".to_owned(),
                    });
                }
            }
        }
    }

    /// A tool held against its pin.
    async fn pinned(
        &self,
        before: &Listed,
        name: &str,
        described: Described,
    ) -> Result<Tool, CallError> {
        let Described {
            description,
            input_schema,
            writes,
        } = described;
        let (hash, canonical) = pins::pin_of(name, description.as_deref(), &input_schema);
        let mut pin = self.check_pin(name, &hash, &canonical).await?;
        let first_seen_here = before
            .tools
            .get(name)
            .is_some_and(|tool| tool.hash == hash && tool.pin == Pin::FirstSeen);
        if first_seen_here && pin == Pin::Accepted {
            pin = Pin::FirstSeen;
        }
        Ok(Tool {
            description,
            input_schema: Arc::new(input_schema),
            writes,
            hash,
            pin,
        })
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
        for (name, tool) in &mut again.tools {
            if matches!(tool.pin, Pin::Changed { .. }) {
                let accepted = self.pins.get(&self.connector, name).await;
                if accepted
                    .map_err(pins_error)?
                    .is_some_and(|accepted| accepted.is(&tool.hash))
                {
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

/// Tells the server that nobody waits for a request any more, unless it was answered.
struct GivenUp<'a> {
    peer: &'a Peer<RoleClient>,
    id: Option<RequestId>,
}

impl<'a> GivenUp<'a> {
    fn new(peer: &'a Peer<RoleClient>, id: RequestId) -> Self {
        Self { peer, id: Some(id) }
    }

    fn disarm(&mut self) {
        self.id = None;
    }
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let peer = self.peer.clone();
        runtime.spawn(async move {
            let params = CancelledNotificationParam::new(Some(id), None);
            // A server that is gone has nothing left to give up.
            let _ = peer
                .send_notification(CancelledNotification::new(params).into())
                .await;
        });
    }
}
