//! Connectors: MCP clients, one isolated server each. Every call consumes a [`Permit`].
//!
//! [`Connectors`] keeps at most one connection per connector and set of credentials. A connection is started by the
//! first call that needs it, shared by all, ended when idle, and started again with growing distance after failures.
//! A server is hostile until shown otherwise: what it may write, how long it may take and how long it may live are
//! bounded, its words are cut and marked, its tools are pinned as they were first described, and what it claims about
//! them (annotations such as `readOnlyHint`) is ignored.
//!
//! How an answer is addressed: `result` is the answer as [`normalise`](normalise::normalise) leaves it. JSON stays
//! exactly as the server gave it, so an array is `result` itself; a Markdown or CSV table is `result.rows`; other text
//! is `result.text`.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    access::Permit,
    clock::Clock,
    domain::connector::{Connector, ToolClass},
    ids::{ConnectorId, hex},
    secrets::SecretRef,
};

mod arguments;
mod error;
mod events;
mod http;
mod launch;
mod line;
pub mod normalise;
mod oauth;
mod pins;
mod pipe;
pub mod reachable;
mod session;
mod slot;
pub mod sql;
mod stdio;
mod steady;
mod tables;
#[cfg(test)]
mod tests;
mod tools;
mod wire;
mod writing;

pub use arguments::Argument;
pub use error::{CallError, SERVER_WORD_CHARS, ServerWord};
pub use launch::PASSED_ON;
pub use oauth::{KeptToken, MemoryTokens, Reach, SignIn, SignedIn, TokenKeeper, reach};
pub use pins::{Accepted, MemoryPins, Pin, PinnedHash, Pins, PinsError, pin_of};
pub use session::ServerAbout;
pub use tools::UnreadTool;

use error::Words;
use launch::Launcher;
use oauth::{Authorizer, Oauth};
use slot::{Shared, Slot};

/// The longest that [`Connectors::shutdown`] waits for the servers to end.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Where a connector's secrets come from.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The secret's value at this moment. Asked before each call, so that a rotated secret takes effect with the next.
    async fn secret(&self, reference: &SecretRef) -> Result<SecretString, SecretUnavailable>;
}

/// A secret could not be had. Says which and why, never what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretUnavailable(pub String);

/// What a tool answered. Lives in memory for one run or turn.
#[derive(Clone, PartialEq)]
pub struct Answer {
    /// The normalised answer: what signals call `result`.
    pub value: Value,
    /// When the source answered.
    pub as_of: Timestamp,
    /// The answer's size as the server gave it (its JSON), in bytes.
    pub bytes: usize,
    /// SHA-256 over that JSON, in hex.
    pub sha256: String,
}

impl std::fmt::Debug for Answer {
    /// Everything but the business data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("as_of", &self.as_of)
            .field("bytes", &self.bytes)
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

/// A tool as its server describes it now. The texts are the server's own: hostile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolInfo {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub input_schema: Value,
    pub hash: PinnedHash,
    pub pin: Pin,
    /// The class that the connector's patterns give it; nothing where it is not callable.
    pub class: Option<ToolClass>,
    /// What the server says of whether it writes; nothing where it says nothing. It decides nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes: Option<bool>,
}

impl ToolInfo {
    /// Does it seem to write, by what the server says of it, else by its name?
    pub fn seems_to_write(&self) -> bool {
        self.writes
            .unwrap_or_else(|| writing::is_named_so(&self.name))
    }

    /// Its arguments, as its input schema names them.
    pub fn arguments(&self) -> Vec<Argument> {
        arguments::arguments(&self.input_schema)
    }
}

/// What a server offers. The texts are its own: hostile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing {
    pub about: ServerAbout,
    pub tools: Vec<ToolInfo>,
    /// Tools that the server describes in a way that cannot be read. They cannot be called.
    pub unread: Vec<UnreadTool>,
}

/// What a tool answered, as it came. Lives in memory for one run or turn.
pub struct Told {
    /// The result of the call, in the server's own form.
    pub result: Value,
    as_of: Timestamp,
    bytes: usize,
    sha256: String,
    words: Words,
    /// It is of our own server for databases.
    own: bool,
}

impl Told {
    /// What our own server says of an error.
    fn own_problem(&self) -> Option<CallError> {
        let told = self
            .result
            .get("_meta")?
            .get(sql::TOLD)
            .filter(|_| self.own)?;
        let told: sql::ToldProblem = serde_json::from_value(told.clone()).ok()?;
        Some(CallError::Own {
            cause: told.cause,
            problems: vec![told.problem],
        })
    }

    /// The answer as signals see it, or the tool's own error.
    pub fn seen(self) -> Result<Answer, CallError> {
        if let Some(error) = self.own_problem() {
            return Err(error);
        }
        let value = normalise::normalise(self.result).map_err(|refusal| {
            let word = self.words.of(&refusal.text);
            match refusal.login {
                true => CallError::Credential { word },
                false => CallError::Refused { word },
            }
        })?;
        Ok(Answer {
            value,
            as_of: self.as_of,
            bytes: self.bytes,
            sha256: self.sha256,
        })
    }
}

/// The pool of connections. Cheap to clone; all clones are one pool.
#[derive(Clone)]
pub struct Connectors {
    inner: Arc<Inner>,
}

struct Inner {
    slots: RwLock<BTreeMap<ConnectorId, Arc<Slot>>>,
    /// Sign-ins are being renewed.
    renewing: AtomicBool,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
}

impl Connectors {
    /// A pool over these connectors. Starts nothing. Sign-ins are kept in memory.
    pub fn new(
        connectors: Vec<Connector>,
        secrets: Arc<dyn SecretSource>,
        pins: Arc<dyn Pins>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let tokens = Arc::new(MemoryTokens::default());
        Self::keeping(connectors, secrets, pins, clock, tokens, Reach::Anywhere)
    }

    /// A pool whose sign-ins are kept in `tokens`, and that goes no further for them than `reach`.
    pub fn keeping(
        connectors: Vec<Connector>,
        secrets: Arc<dyn SecretSource>,
        pins: Arc<dyn Pins>,
        clock: Arc<dyn Clock>,
        tokens: Arc<dyn TokenKeeper>,
        reach: Reach,
    ) -> Self {
        let tasks = TaskTracker::new();
        let oauth = Oauth::new(tokens, secrets.clone(), clock.clone(), reach, tasks.clone());
        let pool = Self {
            inner: Arc::new(Inner {
                slots: RwLock::default(),
                renewing: AtomicBool::new(false),
                shared: Arc::new(Shared {
                    secrets,
                    oauth: Arc::new(oauth),
                    pins,
                    launcher: Launcher::default(),
                    tasks,
                    stop: CancellationToken::new(),
                }),
                clock,
            }),
        };
        pool.replace(connectors);
        pool
    }

    /// Takes over a changed set of connectors. A connection whose connector stayed the same stays; one whose connector
    /// changed or went ends with the last call that uses it.
    pub fn replace(&self, connectors: Vec<Connector>) {
        let mut slots = self
            .inner
            .slots
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *slots);
        for connector in connectors {
            let slot = before
                .remove(&connector.id)
                .filter(|slot| slot.connector == connector)
                .unwrap_or_else(|| Slot::new(connector, &self.inner.shared.oauth));
            slots.insert(slot.connector.id.clone(), slot);
        }
    }

    /// Makes the call that the permit is for, once, and never again by itself.
    ///
    /// Takes at most, one after the other: `timeout_seconds` for its turn, `start_timeout_seconds` (and a few seconds)
    /// where the server has to be started, `timeout_seconds` for the call.
    pub async fn call(&self, permit: Permit) -> Result<Answer, CallError> {
        self.told(permit).await?.seen()
    }

    /// The same, and gives the result as it came.
    pub async fn told(&self, permit: Permit) -> Result<Told, CallError> {
        let slot = self.slot(permit.connector())?;
        // The permit may have been issued before the connector's patterns were changed.
        if slot.connector.class_of(permit.tool()) != Some(permit.class()) {
            return Err(CallError::NotAllowed {
                tool: permit.tool().to_owned(),
            });
        }
        let limit_bytes = slot.connector.limits.max_bytes;
        slot.with_session(&self.inner.shared, async |session| {
            let result = session.call(permit.tool(), permit.args()).await?;
            let as_of = self.inner.clock.now();
            let raw = serde_json::to_vec(&result).map_err(|error| CallError::Shape {
                what: error.to_string(),
            })?;
            if raw.len() > limit_bytes as usize {
                return Err(CallError::TooLarge { limit_bytes });
            }
            Ok(Told {
                result,
                as_of,
                bytes: raw.len(),
                sha256: hex(&Sha256::digest(&raw)),
                words: session.words(),
                own: session.is_own(),
            })
        })
        .await
    }

    /// The connector's tools, for an admin to look at. Needs no permit: what a server says about its tools is not
    /// business data. Starts the server where it does not run.
    pub async fn tools(&self, connector: &ConnectorId) -> Result<Vec<ToolInfo>, CallError> {
        self.listing(connector).await.map(|listing| listing.tools)
    }

    /// The connector's tools, those of them that cannot be read, and what the server says of itself.
    pub async fn listing(&self, connector: &ConnectorId) -> Result<Listing, CallError> {
        let slot = self.slot(connector)?;
        let (about, listed) = slot
            .with_session(&self.inner.shared, async |session| {
                Ok((session.about(), session.tools_in_time().await?))
            })
            .await?;
        let tools = listed.tools.iter().map(|(name, tool)| ToolInfo {
            name: name.clone(),
            description: tool.description.clone(),
            input_schema: Value::Object(tool.input_schema.as_ref().clone()),
            hash: tool.hash.clone(),
            pin: tool.pin.clone(),
            class: slot.connector.class_of(name),
            writes: tool.writes,
        });
        Ok(Listing {
            about,
            tools: tools.collect(),
            unread: listed.unread.clone(),
        })
    }

    /// Begins a person's sign-in for a connector. `redirect` is where the browser comes back to, on this machine.
    pub async fn begin_sign_in(
        &self,
        connector: &ConnectorId,
        redirect: &url::Url,
    ) -> Result<SignIn, CallError> {
        let authorizer = self.authorizer(connector)?;
        authorizer.look().await?;
        if authorizer.challenge().is_none() {
            // The server's own refusal is the best guide to its authorization server. Where it lets us in without a
            // token there is none, and its address has to do.
            let _ = self.tools(connector).await;
        }
        SignIn::begin(authorizer, redirect).await
    }

    /// Forgets the sign-in of a connector; false where there was none.
    pub async fn sign_out(&self, connector: &ConnectorId) -> Result<bool, CallError> {
        self.authorizer(connector)?.forget().await
    }

    /// Will there be a token for the next `ahead`? Renews it where it would end before, and says where a person has to
    /// sign in again. All is well where the server wants none.
    pub async fn assure_token(
        &self,
        connector: &ConnectorId,
        ahead: SignedDuration,
    ) -> Result<(), CallError> {
        match self.slot(connector)?.authorizer()? {
            Some(authorizer) => authorizer.assure(ahead).await,
            None => Ok(()),
        }
    }

    /// Will the sign-in of a connector last for the next `ahead`, as far as its server said? Renews nothing.
    pub async fn check_sign_in(
        &self,
        connector: &ConnectorId,
        ahead: SignedDuration,
    ) -> Result<(), CallError> {
        match self.slot(connector)?.authorizer()? {
            Some(authorizer) => authorizer.lasts(ahead).await,
            None => Ok(()),
        }
    }

    /// Begins to renew the sign-ins that end soon, and comes back at once. To be called every minute or so.
    pub fn renew_tokens(&self) {
        let shared = &self.inner.shared;
        if shared.stop.is_cancelled() || self.inner.renewing.swap(true, Ordering::AcqRel) {
            return;
        }
        let slots: Vec<Arc<Slot>> = {
            let slots = self.inner.slots.read();
            slots
                .unwrap_or_else(PoisonError::into_inner)
                .values()
                .cloned()
                .collect()
        };
        let (inner, stop) = (self.inner.clone(), shared.stop.clone());
        shared.tasks.spawn(async move {
            let renewed = async {
                for authorizer in slots.iter().filter_map(|slot| slot.authorizer().ok()?) {
                    // It was logged, and whoever needs the token is told.
                    let _ = authorizer.keep_fresh().await;
                }
            };
            tokio::select! {
                () = renewed => {}
                () = stop.cancelled() => {}
            }
            inner.renewing.store(false, Ordering::Release);
        });
    }

    fn authorizer(&self, connector: &ConnectorId) -> Result<Arc<Authorizer>, CallError> {
        self.slot(connector)?
            .authorizer()?
            .ok_or_else(|| CallError::Launch {
                what: format!("the connector `{connector}` has no `auth`"),
                advice: "set up `auth` of the connector, or leave the sign-in away".to_owned(),
            })
    }

    /// Ends all connections and their processes; calls from now on are refused. Returns when all have ended, after
    /// ten seconds at the latest.
    pub async fn shutdown(&self) {
        let shared = &self.inner.shared;
        shared.stop.cancel();
        shared.tasks.close();
        if tokio::time::timeout(SHUTDOWN_GRACE, shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::error!("some connectors did not end in time");
        }
    }

    fn slot(&self, connector: &ConnectorId) -> Result<Arc<Slot>, CallError> {
        if self.inner.shared.stop.is_cancelled() {
            return Err(CallError::Stopping);
        }
        let slots = self
            .inner
            .slots
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        slots
            .get(connector)
            .cloned()
            .ok_or_else(|| CallError::UnknownConnector(connector.clone()))
    }
}
