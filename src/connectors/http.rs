//! Reaching a server over streamable HTTP: bounded bodies, no redirects, and each failure given to the call that met it.
//! Where the server wants a token it is put in here, and nowhere else: a redirect leads nowhere, so no other host sees it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt, stream::BoxStream};
use reqwest::header::{HeaderName, HeaderValue};
use rmcp::{
    model::{ClientJsonRpcMessage, RequestId, ServerJsonRpcMessage},
    transport::{
        StreamableHttpClientTransport,
        common::client_side_sse::{BoxedSseResponse, FixedInterval},
        streamable_http_client::{
            AuthRequiredError, StreamableHttpClient, StreamableHttpClientTransportConfig,
            StreamableHttpError, StreamableHttpPostResponse, StreamableHttpResponseLimits,
        },
    },
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::domain::connector::ConnectorLimits;

use super::{
    error::CallError,
    oauth::Authorizer,
    stdio::{message_limit, too_large_reply},
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
        Watched { client, authorizer },
        config,
    ))
}

/// reqwest's client, which bears the token and turns an answer that is too large into an error reply to the call that it
/// answers.
#[derive(Clone)]
pub(super) struct Watched {
    client: reqwest::Client,
    authorizer: Option<Arc<Authorizer>>,
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

/// The id of a request, as JSON.
fn id_of(message: &ClientJsonRpcMessage) -> Option<String> {
    match message {
        ClientJsonRpcMessage::Request(request) => id_text(&request.id),
        _ => None,
    }
}

fn id_text(id: &RequestId) -> Option<String> {
    serde_json::to_string(id).ok()
}

/// The message that stands for an event above the limit; other errors stay.
fn watch(item: SseItem, id: &str) -> SseItem {
    match item {
        Err(error) if is_event_too_large(&error) => {
            let event: SseItem = Ok(Default::default());
            event.map(|event| event.data(too_large_reply(id)))
        }
        item => item,
    }
}

/// rmcp keeps the type of this error to itself; its text, in `transport/common/client_side_sse.rs`, is what there is.
fn is_event_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        if error
            .to_string()
            .contains("SSE event exceeded the maximum size")
        {
            return true;
        }
        at = error.source();
    }
    false
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
        let id = id_of(&message);
        let answer = self
            .bearing(|token| {
                self.client.post_message_with_response_limits(
                    uri.clone(),
                    message.clone(),
                    session_id.clone(),
                    token,
                    headers.clone(),
                    limits,
                )
            })
            .await;
        match (answer, id) {
            (Ok(StreamableHttpPostResponse::Sse(events, session)), Some(id)) => {
                let events = events.map(move |item| watch(item, &id)).boxed();
                Ok(StreamableHttpPostResponse::Sse(events, session))
            }
            (Err(StreamableHttpError::ResponseBodyTooLarge { .. }), Some(id)) => {
                let reply: ServerJsonRpcMessage = serde_json::from_str(&too_large_reply(&id))?;
                Ok(StreamableHttpPostResponse::Json(reply, None))
            }
            (answer, _) => answer,
        }
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
        self.bearing(|token| {
            self.client.get_stream_with_max_sse_event_size(
                uri.clone(),
                session_id.clone(),
                last_event_id.clone(),
                token,
                headers.clone(),
                max_sse_event_size,
            )
        })
        .await
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
