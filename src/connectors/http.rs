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
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE},
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
    let wrong = |what: String| CallError::Launch { what };
    let parsed =
        Url::parse(url).map_err(|error| wrong(format!("the connector's `url`: {error}")))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(wrong(
            "the connector's `url` is not http or https".to_owned(),
        ));
    }
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
        .map_err(|error| wrong(format!("no HTTP client: {error}")))?;
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
        StreamableHttpError::UnexpectedServerResponse(text) if text.starts_with("HTTP 401") => {
            Some(Verdict::Unauthorized(""))
        }
        _ => None,
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
        let kind = text_of(response.headers(), CONTENT_TYPE.as_str()).map(str::to_owned);
        let (body, whole) = body(response, post.limits.max_json_response_size).await?;
        if !whole {
            let too_large = wire::refusal(id, TOO_LARGE_CODE, TOO_LARGE.to_owned());
            return Ok(StreamableHttpPostResponse::Json(too_large, session));
        }
        let answer = wire::messages(&body, wire::handshake_id(post.message))
            .into_iter()
            .find(|message| wire::answers(message, &id));
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
            _ if status.is_success() => Err(StreamableHttpError::UnexpectedContentType(kind)),
            _ => Err(told(status, &body)),
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
    let body = body(response, ERROR_BODY_BYTES).await;
    told(status, &body.map(|(body, _)| body).unwrap_or_default())
}

/// A status with what the server says to it. A page of HTML says nothing that helps.
fn told(status: StatusCode, body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(body.get(..ERROR_BODY_BYTES).unwrap_or(body));
    let text = text.trim();
    let text = match text.starts_with('<') {
        true => "",
        false => text,
    };
    StreamableHttpError::UnexpectedServerResponse(format!("HTTP {status}: {text}").into())
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

/// Did the server answer 401 or 403? Looks through the error and what caused it.
pub(super) fn is_refusal(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(error) = error.downcast_ref::<Failure>() {
            return match error {
                StreamableHttpError::AuthRequired(_)
                | StreamableHttpError::InsufficientScope(_) => true,
                StreamableHttpError::UnexpectedServerResponse(text) => {
                    text.starts_with("HTTP 401") || text.starts_with("HTTP 403")
                }
                StreamableHttpError::Client(error) => error
                    .status()
                    .is_some_and(|status| matches!(status.as_u16(), 401 | 403)),
                _ => false,
            };
        }
        at = error.source();
    }
    false
}

/// Why no server answered, where that is what the error is.
pub(super) fn unanswered<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e (dyn std::error::Error + 'static)> {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(StreamableHttpError::Client(error)) = error.downcast_ref::<Failure>() {
            return Some(error);
        }
        at = error.source();
    }
    None
}
