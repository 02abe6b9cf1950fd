//! Reaching a server over streamable HTTP: bounded bodies, no redirects, and each failure given to the call that met it.
//! Where the server wants a token it is put in here, and nowhere else: a redirect leads nowhere, so no other host sees it.
//!
//! What a server answers to a request is read here and not by rmcp, which holds servers to types and headers that they do
//! not keep: by what it is and not by what it is called, and in the words of [`wire`].

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::body::Bytes;
use futures_util::{Stream, StreamExt, stream, stream::BoxStream};
use reqwest::{
    StatusCode,
    header::{
        ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE,
    },
};
use rmcp::{
    model::{ClientJsonRpcMessage, RequestId, ServerJsonRpcMessage},
    transport::{
        StreamableHttpClientTransport,
        common::client_side_sse::{BoxedSseResponse, FixedInterval},
        streamable_http_client::{
            AuthRequiredError, InsufficientScopeError, StreamableHttpClient,
            StreamableHttpClientTransportConfig, StreamableHttpError, StreamableHttpPostResponse,
            StreamableHttpResponseLimits,
        },
    },
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::domain::connector::ConnectorLimits;

use super::{
    error::CallError,
    events::{Event, Reader},
    oauth::Authorizer,
    stdio::{TOO_LARGE_CODE, message_limit},
    wire,
};

/// The longest wait for a TCP connection with TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is silent before the system asks whether the other side still lives.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// The server's stream of notifications is opened again so often, at such distance, then given up.
const STREAM_RETRIES: usize = 5;
const STREAM_RETRY_DISTANCE: Duration = Duration::from_secs(2);
/// How much of an error page is read.
const ERROR_BODY_BYTES: usize = 4 * 1024;
/// The JSON-RPC error code under which an answer that is none is told to the one who waits for it.
const NO_ANSWER_CODE: i32 = -32_098;
const TOO_LARGE: &str = "too large";

/// The forms of an answer that a request may get (MCP 2025-11-25, transports, sending messages to the server).
const ACCEPTED: &str = "application/json, text/event-stream";
const SESSION: &str = "mcp-session-id";
/// Headers that the protocol sets.
const RESERVED: [&str; 4] = ["accept", SESSION, "mcp-protocol-version", "last-event-id"];

type Failure = StreamableHttpError<reqwest::Error>;
type Headers = HashMap<HeaderName, HeaderValue>;
type SseItem = <BoxedSseResponse as Stream>::Item;

/// The transport to `url`. Header values are secrets: they are marked as such and never printed.
pub(super) fn transport(
    url: &str,
    headers: &[(String, SecretString)],
    authorizer: Option<Arc<Authorizer>>,
    limits: &ConnectorLimits,
) -> Result<StreamableHttpClientTransport<Watched>, CallError> {
    address(url)?;
    let wrong = |what: String| CallError::Launch {
        what,
        advice: "correct `headers` of the connector".to_owned(),
    };
    let mut own = Headers::new();
    for (name, value) in headers {
        let key = HeaderName::try_from(name.as_str())
            .map_err(|_| wrong(format!("`{name}` is not the name of a header")))?;
        if RESERVED.contains(&key.as_str()) {
            return Err(wrong(format!(
                "the header `{name}` is the protocol's own: remove it"
            )));
        }
        let mut value = HeaderValue::try_from(value.expose_secret())
            .map_err(|_| wrong(format!("the value of the header `{name}` cannot be sent")))?;
        value.set_sensitive(true);
        own.insert(key, value);
    }
    if authorizer.is_some() && own.contains_key(&reqwest::header::AUTHORIZATION) {
        return Err(wrong(
            "the connector has both `auth` and an `authorization` header: remove one".to_owned(),
        ));
    }
    // Another part may have installed it already; both mean the same one.
    crate::tls::begin();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_keepalive(KEEPALIVE)
        .user_agent(concat!("daybrief/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| CallError::Launch {
            what: crate::tls::no_client(&error),
            advice: String::new(),
        })?;
    let limit = message_limit(limits.max_bytes);
    let mut config = StreamableHttpClientTransportConfig::with_uri(url)
        .custom_headers(own)
        .max_sse_event_size(limit)
        .max_json_response_size(limit)
        .max_error_response_size(ERROR_BODY_BYTES)
        .max_concurrent_requests(usize::from(limits.concurrency) + 1);
    let mut retries = FixedInterval::default();
    retries.max_times = Some(STREAM_RETRIES);
    retries.duration = STREAM_RETRY_DISTANCE;
    config.retry_config = Arc::new(retries);
    Ok(StreamableHttpClientTransport::with_client(
        Watched {
            client,
            authorizer,
            served: Arc::default(),
        },
        config,
    ))
}

/// The address of a server.
pub(super) fn address(url: &str) -> Result<Url, CallError> {
    let wrong = |what: String| CallError::Launch {
        what,
        advice: "write it as `https://host/path`".to_owned(),
    };
    let parsed =
        Url::parse(url).map_err(|error| wrong(format!("the connector's `url`: {error}")))?;
    match parsed.scheme() {
        "http" | "https" => Ok(parsed),
        _ => Err(wrong(
            "the connector's `url` is not http or https".to_owned(),
        )),
    }
}

/// What a server answers that is no message of MCP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("HTTP {status}")]
pub(super) struct NoMcp {
    status: u16,
    form: Form,
    /// The host to which it sends on.
    leads_to: Option<String>,
    /// What it says of itself, as it came: the title of a page, the words of an error. Never data.
    pub said: String,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Page,
    Json,
    Else,
    Empty,
}

impl NoMcp {
    fn new(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body.get(..ERROR_BODY_BYTES).unwrap_or(body));
        let text = text.trim_start_matches('\u{feff}').trim();
        let kind = text_of(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
        let form = match text {
            "" => Form::Empty,
            _ if kind.starts_with("text/html") || text.starts_with('<') => Form::Page,
            _ if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() => Form::Json,
            _ => Form::Else,
        };
        let said = match form {
            Form::Page => title(text).unwrap_or_default(),
            // What succeeds may be business data.
            _ if status.is_success() => String::new(),
            _ => text.to_owned(),
        };
        let leads_to = text_of(headers, LOCATION.as_str())
            .and_then(|to| Url::parse(to).ok()?.host_str().map(str::to_owned));
        Self {
            status: status.as_u16(),
            form,
            leads_to,
            said,
        }
    }

    /// Is it a refusal of whoever asks?
    fn is_refusal(&self) -> bool {
        matches!(self.status, 401 | 403)
    }

    /// Is it the answer to a request that could not be read at all?
    pub fn is_unread(&self) -> bool {
        self.status == 400 && self.form != Form::Json
    }

    /// What it is, in plain words, without what the server said.
    pub fn what(&self) -> String {
        let status = self.status;
        let what = match (status, self.form) {
            (300..=399, _) => {
                let to = self.leads_to.as_deref();
                let to = to.map_or(String::new(), |host| format!(" to `{host}`"));
                return format!("the address leads elsewhere{to} (HTTP {status})");
            }
            (404 | 410, _) => "there is nothing at this path of the server",
            (405 | 501, _) => "this path of the server takes no messages",
            (429, _) => "the server takes no more requests for the moment",
            (502 | 504, _) => "a proxy answers, and the server behind it does not",
            (503, _) => "the server is there and cannot serve at the moment",
            (500.., _) => "the server failed by itself",
            (200..=299, Form::Page) => "what answers there is a web page and no MCP server",
            (200..=299, Form::Json) => "what answers there gives JSON that is no message of MCP",
            (200..=299, Form::Empty) => {
                "what answers there gives an empty answer and no message of MCP"
            }
            (200..=299, Form::Else) => "what answers there gives no message of MCP",
            _ => "the server refused the request",
        };
        format!("{what} (HTTP {status})")
    }

    /// What the server said, with words before it: `said` is its own, made fit to be shown.
    pub fn with(&self, said: &str) -> String {
        let what = self.what();
        match (said.is_empty(), self.form) {
            (true, _) => what,
            (false, Form::Page) => format!("{what}; the page is titled \"{said}\""),
            (false, _) => format!("{what}; the server said: \"{said}\""),
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self.status {
            300..=399 => "write the address that is meant: no redirection is followed",
            404 | 405 | 410 | 501 => {
                "correct the path of the address: that of a server of MCP over streamable HTTP most often ends in `/mcp`; the older transport, over `/sse`, is not spoken here"
            }
            429 => "lower `limits.concurrency` of the connector, or raise the limit at the server",
            502..=504 => {
                "see that the server runs, and look at its log and at that of the proxy before it"
            }
            500.. => "look at the server's own log",
            200..=299 => {
                "correct the address: it has to be the one at which the server speaks MCP over streamable HTTP, and most often ends in `/mcp`"
            }
            _ => {
                "mend what the server says, and see that the address and `headers` are those that it wants"
            }
        }
    }
}

/// Does a body in JSON say that it is JSON-RPC?
fn names_the_protocol(body: &[u8]) -> bool {
    let has = |value: &serde_json::Value| value.get("jsonrpc").is_some();
    match serde_json::from_slice(body) {
        Ok(serde_json::Value::Array(batch)) => batch.iter().any(has),
        Ok(value) => has(&value),
        Err(_) => false,
    }
}

/// The title of a page, as it stands there.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let from = lower.find("<title")?;
    let from = from + lower.get(from..)?.find('>')? + 1;
    let to = from + lower.get(from..)?.find("</title")?;
    page.get(from..to).map(|title| title.trim().to_owned())
}

/// reqwest's client, which bears the token and turns an answer that is too large, or none, into an error reply to the call
/// that it answers.
#[derive(Clone)]
pub(super) struct Watched {
    client: reqwest::Client,
    authorizer: Option<Arc<Authorizer>>,
    /// Sessions in which a request was answered.
    served: Arc<Mutex<HashSet<Arc<str>>>>,
}

/// Why a server did not let a request through, with its challenge.
enum Verdict<'a> {
    Unauthorized(&'a str),
    Forbidden(&'a str),
}

/// The verdict that an error tells of, if it is one.
fn verdict(error: &Failure) -> Option<Verdict<'_>> {
    match error {
        StreamableHttpError::AuthRequired(error) => {
            Some(Verdict::Unauthorized(&error.www_authenticate_header))
        }
        StreamableHttpError::InsufficientScope(error) => {
            Some(Verdict::Forbidden(&error.www_authenticate_header))
        }
        _ => match no_mcp(error) {
            Some(answer) if answer.status == 401 => Some(Verdict::Unauthorized("")),
            _ => None,
        },
    }
}

impl Watched {
    /// Makes a request with the token that is held. Where the server answers 401, or names a scope that is missing, it
    /// did not execute the request: then once more with another token, and never a third time.
    async fn bearing<T, F>(&self, request: impl Fn(Option<String>) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let Some(authorizer) = &self.authorizer else {
            return request(None).await;
        };
        let plain = |token: &SecretString| token.expose_secret().to_owned();
        let Ok(token) = authorizer.token().await else {
            // The line asks the authorizer what is to be said.
            return Err(StreamableHttpError::AuthRequired(AuthRequiredError::new(
                String::new(),
            )));
        };
        let error = match request(token.as_ref().map(plain)).await {
            Err(error) => error,
            answered => return answered,
        };
        let another = match verdict(&error) {
            Some(Verdict::Unauthorized(challenge)) => {
                Some(authorizer.refused(token.as_ref(), challenge).await)
            }
            Some(Verdict::Forbidden(challenge)) => {
                authorizer.forbidden(token.as_ref(), challenge).await
            }
            None => None,
        };
        match another {
            Some(Ok(another)) => request(Some(plain(&another))).await,
            Some(Err(_)) | None => Err(error),
        }
    }
}

/// A message on its way, and where it goes.
struct Post<'a> {
    uri: &'a str,
    message: &'a ClientJsonRpcMessage,
    session: Option<Arc<str>>,
    token: Option<String>,
    headers: Headers,
    limits: StreamableHttpResponseLimits,
}

impl Post<'_> {
    /// The id of the request, if it is one: only a request has an answer.
    fn id(&self) -> Option<&RequestId> {
        match self.message {
            ClientJsonRpcMessage::Request(request) => Some(&request.id),
            _ => None,
        }
    }
}

impl Watched {
    /// Sends a message, once, and reads what comes back.
    async fn post(&self, post: Post<'_>) -> Result<StreamableHttpPostResponse, Failure> {
        let mut request = self.client.post(post.uri).header(ACCEPT, ACCEPTED);
        if let Some(token) = &post.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &post.headers {
            request = request.header(name, value);
        }
        if let Some(session) = &post.session {
            request = request.header(SESSION, session.as_ref());
        }
        // Where the server is, the admin knows and nobody else has to.
        let sent = request.json(post.message).send().await;
        let response = sent.map_err(reqwest::Error::without_url)?;
        let status = response.status();
        challenge(status, response.headers())?;
        if status == StatusCode::NOT_FOUND && post.session.is_some() {
            return Err(StreamableHttpError::SessionExpired);
        }
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        let Some(id) = post.id().cloned() else {
            // Nobody waits for an answer to it.
            return match status.is_success() {
                true => Ok(StreamableHttpPostResponse::Accepted),
                false => Err(unexpected(status, response).await),
            };
        };
        let session = text_of(response.headers(), SESSION).map(str::to_owned);
        if status.is_success() && is_event_stream(response.headers()) {
            self.note_served(post.session.as_ref());
            let events = Events {
                bytes: response.bytes_stream().boxed(),
                reader: Reader::new(post.limits.max_sse_event_size),
                handshake: wire::handshake_id(post.message).cloned(),
                id,
                resumable: false,
                answered: false,
                ended: false,
            };
            return Ok(StreamableHttpPostResponse::Sse(events.items(), session));
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(unexpected(status, response).await);
        }
        let headers = response.headers().clone();
        let (body, whole) = body(response, post.limits.max_json_response_size).await?;
        if !whole {
            let too_large = wire::refusal(id, TOO_LARGE_CODE, TOO_LARGE.to_owned());
            return Ok(StreamableHttpPostResponse::Json(too_large, session));
        }
        let answer = wire::messages(&body, wire::handshake_id(post.message))
            .into_iter()
            .find(|message| wire::answers(message, &id))
            // Where there is no such path, the errors of other APIs look like those of MCP but for the protocol's name.
            .filter(|_| !matches!(status.as_u16(), 404 | 405 | 410) || names_the_protocol(&body));
        match answer {
            Some(ServerJsonRpcMessage::Error(_))
                if status.is_client_error() && self.was_served(post.session.as_ref()) =>
            {
                // Many servers say so, and not 404, of a session that they have forgotten. Nothing was executed.
                Err(StreamableHttpError::SessionExpired)
            }
            Some(ServerJsonRpcMessage::Error(error)) => Ok(StreamableHttpPostResponse::Json(
                wire::refusal(id, error.error.code.0, error.error.message.into_owned()),
                session,
            )),
            Some(answer) if status.is_success() => {
                self.note_served(post.session.as_ref());
                Ok(StreamableHttpPostResponse::Json(answer, session))
            }
            _ => Err(told(status, &headers, &body)),
        }
    }

    fn note_served(&self, session: Option<&Arc<str>>) {
        if let Some(session) = session {
            let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
            served.insert(session.clone());
        }
    }

    /// Was a request answered in this session? Then it is forgotten here, so that a second refusal is told as it is.
    fn was_served(&self, session: Option<&Arc<str>>) -> bool {
        session.is_some_and(|session| {
            let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
            served.remove(session)
        })
    }
}

/// The challenge of a server that lets nobody through without a token, or not with this one.
fn challenge(status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(challenge) = headers.get(WWW_AUTHENTICATE) else {
        return Ok(());
    };
    let challenge = String::from_utf8_lossy(challenge.as_bytes()).into_owned();
    match status {
        StatusCode::UNAUTHORIZED => Err(StreamableHttpError::AuthRequired(AuthRequiredError::new(
            challenge,
        ))),
        StatusCode::FORBIDDEN => Err(StreamableHttpError::InsufficientScope(
            InsufficientScopeError::new(challenge, None),
        )),
        _ => Ok(()),
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    text_of(headers, CONTENT_TYPE.as_str())
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// The body, up to the limit, and whether that is all of it.
async fn body(response: reqwest::Response, limit: usize) -> Result<(Vec<u8>, bool), Failure> {
    let mut body = Vec::new();
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        body.extend_from_slice(&piece?);
        if body.len() > limit {
            body.truncate(limit);
            return Ok((body, false));
        }
    }
    Ok((body, true))
}

/// What is told of a server that did not do what was asked.
async fn unexpected(status: StatusCode, response: reqwest::Response) -> Failure {
    let headers = response.headers().clone();
    let body = body(response, ERROR_BODY_BYTES).await;
    let body = body.map(|(body, _)| body).unwrap_or_default();
    told(status, &headers, &body)
}

/// What came in place of a message, in the form in which rmcp hands it on whole.
fn told(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    StreamableHttpError::Io(std::io::Error::other(NoMcp::new(status, headers, body)))
}

/// The events that answer one request, in the form in which rmcp reads them.
struct Events {
    bytes: BoxStream<'static, Result<Bytes, reqwest::Error>>,
    reader: Reader,
    handshake: Option<RequestId>,
    id: RequestId,
    /// The stream can be taken up again: an event had an id.
    resumable: bool,
    answered: bool,
    ended: bool,
}

impl Events {
    fn items(self) -> BoxedSseResponse {
        stream::unfold(self, |mut events| async move {
            let items = events.some().await?;
            Some((stream::iter(items), events))
        })
        .flatten()
        .boxed()
    }

    /// The next items; nothing at the end.
    async fn some(&mut self) -> Option<Vec<SseItem>> {
        loop {
            if let Some(event) = self.reader.next() {
                return Some(self.items_of(event));
            }
            if self.ended {
                return None;
            }
            match self.bytes.next().await {
                Some(Ok(piece)) if self.reader.push(&piece).is_err() => {
                    self.ended = true;
                    return Some(vec![self.refuse(TOO_LARGE_CODE, TOO_LARGE)]);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    self.ended = true;
                    self.reader.end();
                    let mut last: Vec<SseItem> = Vec::new();
                    while let Some(event) = self.reader.next() {
                        last.extend(self.items_of(event));
                    }
                    if !self.answered && !self.resumable {
                        let what = "the server ended its answer before it was whole";
                        last.push(self.refuse(NO_ANSWER_CODE, what));
                    }
                    return Some(last);
                }
            }
        }
    }

    fn items_of(&mut self, event: Event) -> Vec<SseItem> {
        self.resumable |= event.id.as_ref().is_some_and(|id| !id.is_empty());
        let messages = wire::event(&event, self.handshake.as_ref());
        self.answered |= messages.iter().any(|message| message.is_answer);
        items(event, messages)
    }

    fn refuse(&mut self, code: i32, what: &str) -> SseItem {
        self.answered = true;
        let message = wire::refused_event(self.id.clone(), code, what.to_owned());
        item(&Event::default(), Some(message))
    }
}

/// An event's messages, each as an event. One without any keeps what else it says: an id, a time to wait.
fn items(event: Event, messages: Vec<wire::Message>) -> Vec<SseItem> {
    if messages.is_empty() {
        return vec![item(&event, None)];
    }
    messages
        .into_iter()
        .map(|message| item(&event, Some(message.text)))
        .collect()
}

/// An event as rmcp has it. It takes those of other names for its own business.
fn item(event: &Event, data: Option<String>) -> SseItem {
    let item: SseItem = Ok(Default::default());
    item.map(|mut item| {
        item.data = data;
        item.id = event.id.clone();
        item.retry = event.retry;
        item
    })
}

/// The same for a stream that rmcp has read.
fn mended(item: SseItem) -> Vec<SseItem> {
    match item {
        Ok(sse) => {
            let event = Event {
                name: sse.event,
                data: sse.data,
                id: sse.id,
                retry: sse.retry,
            };
            let messages = wire::event(&event, None);
            items(event, messages)
        }
        Err(error) => vec![Err(error)],
    }
}

impl StreamableHttpClient for Watched {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        headers: Headers,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let limits = StreamableHttpResponseLimits::default();
        self.post_message_with_response_limits(
            uri,
            message,
            session_id,
            auth_header,
            headers,
            limits,
        )
        .await
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _auth_header: Option<String>,
        headers: Headers,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        self.bearing(|token| {
            self.post(Post {
                uri: &uri,
                message: &message,
                session: session_id.clone(),
                token,
                headers: headers.clone(),
                limits,
            })
        })
        .await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _auth_header: Option<String>,
        headers: Headers,
    ) -> Result<(), Failure> {
        self.bearing(|token| {
            self.client
                .delete_session(uri.clone(), session_id.clone(), token, headers.clone())
        })
        .await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _auth_header: Option<String>,
        headers: Headers,
    ) -> Result<BoxStream<'static, SseItem>, Failure> {
        self.bearing(|token| {
            self.client.get_stream(
                uri.clone(),
                session_id.clone(),
                last_event_id.clone(),
                token,
                headers.clone(),
            )
        })
        .await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _auth_header: Option<String>,
        headers: Headers,
        max_sse_event_size: usize,
    ) -> Result<BoxStream<'static, SseItem>, Failure> {
        let items = self.bearing(|token| {
            self.client.get_stream_with_max_sse_event_size(
                uri.clone(),
                session_id.clone(),
                last_event_id.clone(),
                token,
                headers.clone(),
                max_sse_event_size,
            )
        });
        let items = items.await?;
        Ok(items.flat_map(|item| stream::iter(mended(item))).boxed())
    }
}

/// Did the server answer 401 or 403?
pub(super) fn is_refusal(error: &(dyn std::error::Error + 'static)) -> bool {
    match failure(error) {
        Some(StreamableHttpError::AuthRequired(_) | StreamableHttpError::InsufficientScope(_)) => {
            true
        }
        Some(StreamableHttpError::Client(error)) => error
            .status()
            .is_some_and(|status| matches!(status.as_u16(), 401 | 403)),
        Some(_) => no_mcp(error).is_some_and(NoMcp::is_refusal),
        None => false,
    }
}

/// What the server answered, where that is no message of MCP.
pub(super) fn no_mcp<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e NoMcp> {
    match failure(error)? {
        StreamableHttpError::Io(error) => error.get_ref()?.downcast_ref::<NoMcp>(),
        _ => None,
    }
}

/// Why no server answered, where that is what the error is.
pub(super) fn unanswered<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e reqwest::Error> {
    match failure(error)? {
        StreamableHttpError::Client(error) => Some(error),
        _ => None,
    }
}

/// The failure of the transport behind an error.
fn failure<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Failure> {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(error) = error.downcast_ref::<Failure>() {
            return Some(error);
        }
        at = error.source();
    }
    None
}
