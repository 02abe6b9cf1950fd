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
use url::Url;

use super::{
    error::{CallError, ServerWord, Words},
    http,
    launch::{self, Launcher, Program},
    oauth::Authorizer,
    pipe::Pipe,
    stdio::{Noise, StderrTail, TOO_LARGE_CODE, WatchedLines, message_limit},
    wire::{self, Reply},
};
use crate::{
    domain::{
        connector::{Connector, ConnectorLimits, Launch},
        finding::GapCause,
    },
    error::Problem,
    tls::Trouble,
};

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
    pub noise: Noise,
    pub secrets: Vec<SecretString>,
    /// Has the token, where the server wants one.
    pub authorizer: Option<Arc<Authorizer>>,
    pub limits: ConnectorLimits,
    pub way: Way,
}

/// How a connection broke.
enum Broken<T> {
    Told(CallError),
    Process,
    /// Over HTTP; what is found there says more.
    Lost {
        is_connect: bool,
        /// What is said of its answer, where no other protocol is found there.
        answer: Option<CallError>,
        trouble: T,
    },
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    Process,
    /// Our own server for databases.
    OwnProcess,
    Http(Url),
}

impl Way {
    pub(super) fn of(launch: &Launch) -> Result<Self, CallError> {
        Ok(match launch {
            Launch::Process { command, .. } if launch::serves_a_database(command) => {
                Self::OwnProcess
            }
            Launch::Process { .. } => Self::Process,
            Launch::Http { url, .. } => Self::Http(http::address(url)?),
        })
    }
}

/// What to do about a server that writes what is no message.
const NOISE: &str = "standard output is for messages alone: start the server in the mode in which it speaks MCP over standard input and output, and have it write its log to standard error";
/// What to do about a program that ends.
const BY_HAND: &str = "start the command by hand, and mend what it says";
const MUTE: &str = "it has to speak MCP over standard input and output; if it is only slow to start, raise `limits.start_timeout_seconds`";
const MUTE_OVER_HTTP: &str = "correct the address: what answers there may be no MCP server; if it is only slow, raise `limits.start_timeout_seconds`";
const LOGS: &str = "look at the server's log and at the proxies between";

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
                let noise = self.noise.clone();
                let read = async move { noise.closed().await };
                tasks.spawn(process.supervise(self.stop.clone(), read));
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
                let pipe = Pipe::new(stdout, stdin, limit, self.noise.clone());
                serve_client_with_ct(listener, pipe, stop).await
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
            word: self.word(http::no_mcp(error).map_or("", |answer| &answer.said)),
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
        let said = self.last_words().await;
        if let Some(error) = self.own_problems() {
            return error;
        }
        let (what, advice) = match &self.way {
            Way::Http(_) => (said.to_string(), LOGS),
            Way::Process | Way::OwnProcess => self.heard(&said),
        };
        CallError::Ended {
            what,
            advice: match advice {
                "" => BY_HAND,
                advice => advice,
            },
        }
    }

    /// What is to be said of a server that did not get ready in its time.
    pub(super) async fn too_slow(&self, seconds: u32) -> CallError {
        let said = self.last_words().await;
        let (what, advice) = match &self.way {
            Way::Http(_) => (
                "something takes the connection there and does not answer".to_owned(),
                MUTE_OVER_HTTP,
            ),
            Way::Process | Way::OwnProcess => self.heard(&said),
        };
        CallError::StartTimeout {
            seconds,
            what,
            advice: match advice {
                "" => MUTE,
                advice => advice,
            },
        }
    }

    /// What was heard of a program, and what to do where that tells it.
    fn heard(&self, said: &ServerWord) -> (String, &'static str) {
        let Some(line) = self.noise.line() else {
            return match said.is_empty() {
                true => (
                    "it wrote nothing, neither on standard output nor on standard error".to_owned(),
                    "",
                ),
                false => (said.to_string(), ""),
            };
        };
        let noise = self.word(&line);
        let mut what = format!(
            "what it writes on standard output is no message of MCP; it begins: \"{}\"",
            noise.plain()
        );
        if !said.is_empty() {
            what.push_str(&format!("; on standard error: \"{}\"", said.plain()));
        }
        (what, NOISE)
    }

    /// The problems that our own server tells instead of beginning.
    fn own_problems(&self) -> Option<CallError> {
        if self.way != Way::OwnProcess {
            return None;
        }
        // What is wrong with its command line stands on standard error.
        let said = self.noise.line().unwrap_or_else(|| self.stderr.last());
        let problems: Vec<Problem> = serde_json::from_str(&said).ok()?;
        (!problems.is_empty()).then_some(CallError::Own {
            cause: GapCause::Unreachable,
            problems,
        })
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
                let told = self.broken(error.error.as_ref());
                told.await
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
    fn broken(
        &self,
        error: &(dyn std::error::Error + 'static),
    ) -> impl Future<Output = CallError> + Send + use<'_> {
        let broken = self.how_it_broke(error);
        async move {
            match broken {
                Broken::Told(error) => error,
                Broken::Process => self.gone().await,
                Broken::Lost {
                    is_connect,
                    answer,
                    trouble,
                } => {
                    let trouble = trouble.await;
                    if let Some(answer) = answer.filter(|_| !trouble.is_another_protocol()) {
                        return answer;
                    }
                    // What was sent over a connection may have been taken, but not by what speaks another protocol.
                    if is_connect || trouble.is_another_protocol() {
                        CallError::Unreachable {
                            what: trouble.told_without_place(),
                            advice: trouble.advice("the address"),
                        }
                    } else {
                        CallError::Ended {
                            what: Trouble::Broke.told_without_place(),
                            advice: LOGS,
                        }
                    }
                }
            }
        }
    }

    fn how_it_broke(
        &self,
        error: &(dyn std::error::Error + 'static),
    ) -> Broken<impl Future<Output = Trouble> + Send + use<>> {
        if http::is_refusal(error) {
            return Broken::Told(self.refusal(error));
        }
        let Way::Http(url) = &self.way else {
            return Broken::Process;
        };
        let answer = http::no_mcp(error);
        // rmcp does not name the client's error as its cause.
        let lost = http::unanswered(error);
        let is_connect = lost.is_some_and(reqwest::Error::is_connect);
        let trouble = match lost {
            Some(lost) => Trouble::of(lost, url),
            None => Trouble::of(error, url),
        };
        let told = answer.map(|answer| CallError::NoMcp {
            what: answer.with(self.word(&answer.said).plain()),
            advice: answer.advice(),
        });
        match (told, answer) {
            // A server of https may answer so in plain http.
            (Some(told), Some(answer)) if !(answer.is_unread() && url.scheme() == "http") => {
                Broken::Told(told)
            }
            (told, _) => Broken::Lost {
                is_connect,
                answer: told,
                trouble,
            },
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
                let told = self.broken(error.error.as_ref());
                told.await
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
