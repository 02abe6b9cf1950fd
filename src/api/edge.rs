//! What holds for every request of the API: by which name it may come, how large it may be, and what every answer says.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, Request, State, rejection::JsonRejection},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{Programs, refusal::Refusal, server::Place};

/// The largest body, in bytes.
pub const LARGEST_BODY: usize = 64 * 1024;
/// A body has so long to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// Headers of every answer: it is data for the program that asked, and nothing for a browser to show, keep or embed.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
];

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Lets through what comes by a name of ours and is not too large; names the request, and logs what became of it, never
/// what it holds.
pub async fn guard(State(programs): State<Programs>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = crate::ids::fresh();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = match admit(&programs, request).await {
        Ok(request) => {
            // Its connection is of use from here on: all of the request is there.
            let work = request.extensions().get::<Place>().map(Place::work);
            let response = next.run(request).await;
            match work {
                Some(work) => work.until_the_end_of(response),
                None => response,
            }
        }
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    tracing::info!(
        request = id,
        %method,
        path,
        status = response.status().as_u16(),
        took_ms = begun.elapsed().as_millis(),
        "asked"
    );
    response
}

/// Lets through what comes by a name of ours: for pages that anybody may ask for, such as the probes.
pub async fn known_host(
    State(programs): State<Programs>,
    request: Request,
    next: Next,
) -> Response {
    match known(&programs, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn known(programs: &Programs, request: &Request) -> Result<(), Refusal> {
    if programs.reachable.admits(request.headers()) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "other-host",
        "the request names another host, or comes from a page of one",
    )
    .advise("set [instance] url, or name the host in [api] hosts"))
}

async fn admit(programs: &Programs, request: Request) -> Result<Request, Refusal> {
    known(programs, &request)?;
    let (parts, body) = request.into_parts();
    let body = tokio::time::timeout(BODY_WITHIN, to_bytes(body, LARGEST_BODY)).await;
    match body {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(Err(_)) => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("the body is larger than {LARGEST_BODY} bytes"),
        )),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "too-slow",
            "the body did not arrive in time",
        )),
    }
}

/// A body of JSON. What is wrong with one is told in the API's shape.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(told(&rejection)),
        }
    }
}

fn told(rejection: &JsonRejection) -> Refusal {
    let (status, code, what) = match rejection {
        JsonRejection::MissingJsonContentType(_) => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "no-json",
            "the body is not said to be JSON".to_owned(),
        ),
        JsonRejection::JsonSyntaxError(_) => (
            StatusCode::BAD_REQUEST,
            "bad-json",
            "the body is no JSON".to_owned(),
        ),
        JsonRejection::JsonDataError(error) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "unprocessable",
            error.body_text(),
        ),
        other => (
            other.status(),
            "bad-body",
            "the body cannot be read".to_owned(),
        ),
    };
    Refusal::new(status, code, what)
}
