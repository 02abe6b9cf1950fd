//! The line to a server: how it is opened, and what is to be said when it breaks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rmcp::{
    ClientHandler,
    model::{ClientCapabilities, ClientConfig, Implementation, ProtocolVersion},
    service::{
        ClientInitializeError, NotificationContext, RoleClient, RunningService, ServiceError,
        serve_client_with_ct,
    },
};
use secrecy::SecretString;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    error::{CallError, ServerWord, Words},
    http,
    launch::{Launcher, Program},
    oauth::Authorizer,
    pipe::Pipe,
    stdio::{StderrTail, TOO_LARGE_CODE, WatchedLines, message_limit},
    wire::{self, Reply},
};
use crate::domain::connector::{Connector, ConnectorLimits, Launch};

/// After the connection's end, so long is waited for the last words on standard error.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What is known of the connection itself, also when it is gone.
#[derive(Clone)]
pub(super) struct Line {
    pub stop: CancellationToken,
    /// Cancelled when standard error has been read to its end.
    pub said: CancellationToken,
    pub stderr: StderrTail,
    pub flooded: Arc<AtomicBool>,
    pub secrets: Vec<SecretString>,
    /// Has the token, where the server wants one.
    pub authorizer: Option<Arc<Authorizer>>,
    pub limits: ConnectorLimits,
}

/// Daybrief as the server sees it: it offers nothing. A request for sampling is answered with "no such method", one
/// for a person's input is declined, the list of roots is empty; what a server logs is dropped.
pub(super) struct Listener {
    /// Set when the server says that its tools changed.
    pub stale: Arc<AtomicBool>,
}

impl ClientHandler for Listener {
    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.stale.store(true, Ordering::Release);
    }

    fn get_info(&self) -> ClientConfig {
        let us = Implementation::new("daybrief", env!("CARGO_PKG_VERSION"));
        // We begin with a handshake, and name the newest version that has one.
        ClientConfig::new(ClientCapabilities::default(), us)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }
}

impl Line {
    /// Starts the process, or turns to the address, and shakes hands.
    pub(super) async fn serve(
        &self,
        connector: &Connector,
        values: Vec<(String, SecretString)>,
        launcher: &Launcher,
        tasks: &TaskTracker,
        listener: Listener,
    ) -> Result<RunningService<RoleClient, Listener>, CallError> {
        let stop = self.stop.child_token();
        let served = match &connector.launch {
            Launch::Process {
                command, folder, ..
            } => {
                let program = Program {
                    command: command.clone(),
                    env: values.into_iter().collect(),
                    folder: folder.as_ref().map(Into::into),
                };
                let (process, stdin, stdout, stderr) = launcher.launch(&program).await?.split();
                tasks.spawn(process.supervise(self.stop.clone()));
                let line = self.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = line.stderr.clone().drain(stderr) => {}
                        // Something that left the group may hold it open for ever.
                        () = async { line.stop.cancelled().await; tokio::time::sleep(LAST_WORDS).await } => {}
                    }
                    line.said.cancel();
                });
                let limit = message_limit(self.limits.max_bytes);
                let stdout = WatchedLines::new(stdout, limit, self.flooded.clone());
                serve_client_with_ct(listener, Pipe::new(stdout, stdin, limit), stop).await
            }
            Launch::Http { url, .. } => {
                self.said.cancel();
                let transport =
                    http::transport(url, &values, self.authorizer.clone(), &self.limits)?;
                serve_client_with_ct(listener, transport, stop).await
            }
        };
        match served {
            Ok(service) => Ok(service),
            Err(error) => Err(self.start_error(error).await),
        }
    }

    pub(super) fn word(&self, text: &str) -> ServerWord {
        self.words().of(text)
    }

    /// What makes texts of the server fit for an admin.
    pub(super) fn words(&self) -> Words {
        let mut secrets = self.secrets.clone();
        if let Some(authorizer) = &self.authorizer {
            secrets.extend(authorizer.struck());
        }
        Words(secrets)
    }

    /// What is to be said where the server did not let a request through.
    fn refusal(&self, error: &(dyn std::error::Error + 'static)) -> CallError {
        let trouble = self
            .authorizer
            .as_ref()
            .and_then(|authorizer| authorizer.trouble());
        trouble.unwrap_or_else(|| CallError::Credential {
            word: self.word(&with_causes(error)),
        })
    }

    /// The last line of standard error, once it has been read or soon.
    pub(super) async fn last_words(&self) -> ServerWord {
        self.stop.cancel();
        // Both ways out are fine: what has been read until then is what there is.
        let _ = tokio::time::timeout(LAST_WORDS, self.said.cancelled()).await;
        self.word(&self.stderr.last())
    }

    pub(super) async fn gone(&self) -> CallError {
        if self.flooded.load(Ordering::Relaxed) {
            return self.too_large();
        }
        CallError::Ended {
            word: self.last_words().await,
        }
    }

    fn too_large(&self) -> CallError {
        CallError::TooLarge {
            limit_bytes: self.limits.max_bytes,
        }
    }

    async fn start_error(&self, error: ClientInitializeError) -> CallError {
        if http::is_refusal(&error) || error.is_authorization_required() {
            return self.refusal(&error);
        }
        match &error {
            ClientInitializeError::JsonRpcError(error) => CallError::Refused {
                word: self.word(&error.message),
            },
            ClientInitializeError::TransportError { error, .. } => {
                if http::is_refusal(error.error.as_ref()) {
                    return self.refusal(error.error.as_ref());
                }
                let said = self.last_words().await;
                CallError::Unreachable {
                    word: if said.is_empty() {
                        self.broken(error.error.as_ref())
                    } else {
                        said
                    },
                }
            }
            ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::Cancelled => {
                self.gone().await
            }
            // Over an event stream a refusal comes as a result.
            ClientInitializeError::ExpectedInitResult(Some(result)) => {
                match wire::reply(result.clone()) {
                    Some(Reply::Refused { message, .. }) => CallError::Refused {
                        word: self.word(&message),
                    },
                    _ => no_handshake(),
                }
            }
            _ => no_handshake(),
        }
    }

    /// What is to be said of a connection that broke: by what the server answered, or because none did.
    fn broken(&self, error: &(dyn std::error::Error + 'static)) -> ServerWord {
        match http::unanswered(error) {
            Some(error) => ServerWord::ours(&with_causes(error), &self.words().0),
            None => self.word(&with_causes(error)),
        }
    }

    /// What is to be said of a request that the server refused.
    pub(super) fn refused(&self, code: i32, message: &str) -> CallError {
        if code == TOO_LARGE_CODE {
            return self.too_large();
        }
        CallError::Refused {
            word: self.word(message),
        }
    }

    pub(super) async fn service_error(&self, error: ServiceError) -> CallError {
        match error {
            ServiceError::McpError(error) => self.refused(error.code.0, &error.message),
            ServiceError::TransportSend(error) => {
                let error: &(dyn std::error::Error + 'static) = error.error.as_ref();
                if http::is_refusal(error) {
                    return self.refusal(error);
                }
                if error.is::<std::io::Error>() {
                    return self.gone().await;
                }
                CallError::Unreachable {
                    word: self.broken(error),
                }
            }
            ServiceError::TransportClosed | ServiceError::Cancelled { .. } => self.gone().await,
            _ => CallError::Shape {
                what: "not the kind of answer that was asked for".to_owned(),
            },
        }
    }
}

fn no_handshake() -> CallError {
    CallError::Shape {
        what: "the handshake did not go as the protocol has it".to_owned(),
    }
}

/// An error's text and those of its causes, innermost last.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        at = cause.source();
    }
    text
}
