//! Sends a request until an answer begins. What passes by itself is tried again; what is refused for its form is sent again in
//! the form that the refusal tells, and the form is remembered.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use rand::RngExt;
use reqwest::{
    Response,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::{
    ModelError, SetupError,
    answer::Sent,
    error::Lost,
    learn::{Dialect, Learnt, Lesson},
    vendor::{Scrub, Vendor},
    wire,
};
use crate::settings;

/// Attempts at most where an error may pass, the first among them.
const MAX_ATTEMPTS: u32 = 3;
/// Forms at most in which one request is sent.
const MAX_FORMS: u32 = 8;
/// The wait before the second attempt; doubled for each after, plus up to as much again at random.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest that a server may ask us to wait.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// What of an error's body is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Where a model is asked.
pub(super) struct Endpoint {
    pub settings: settings::Model,
    pub learnt: Arc<Learnt>,
    pub key: Option<SecretString>,
    client: reqwest::Client,
    url: Url,
    headers: HeaderMap,
}

impl Endpoint {
    /// The end of `path` below the model's address.
    pub fn new(
        settings: &settings::Model,
        usual: &str,
        path: &str,
        key: Option<SecretString>,
        headers: HeaderMap,
    ) -> Result<Self, SetupError> {
        let base = wire::address(settings.base_url.as_deref().unwrap_or(usual))?;
        let url = base
            .join(path)
            .map_err(|_| SetupError::Address(base.to_string()))?;
        Ok(Self {
            settings: settings.clone(),
            learnt: Arc::new(Learnt::new(settings)),
            key,
            client: wire::client()?,
            url,
            headers,
        })
    }

    /// Sends what `body` makes, until an answer begins; in which form it was taken.
    pub async fn open(
        &self,
        body: &(dyn Fn(&Dialect) -> Value + Sync),
        scrub: &Scrub,
    ) -> Result<(Response, Sent), ModelError> {
        let mut dialect = self.learnt.now();
        let (mut attempt, mut forms) = (1, 1);
        loop {
            let sent = body(&dialect);
            let (error, asked) = match self.post(&sent).await {
                Ok(response) => {
                    self.remember(&dialect);
                    let model = self.settings.model.clone();
                    let sent = Sent {
                        body: sent,
                        dialect,
                        model,
                    };
                    return Ok((response, sent));
                }
                Err(Failed::Lost(error)) => (error, None),
                Err(Failed::Said { vendor, asked }) => {
                    let error = vendor.refusal(scrub, false);
                    match dialect.after(&vendor, &sent, &self.settings.model) {
                        Some(Lesson::Again(next)) if forms < MAX_FORMS => {
                            dialect = *next;
                            forms += 1;
                            continue;
                        }
                        Some(Lesson::Remember(next)) => {
                            self.remember(&next);
                            return Err(error);
                        }
                        _ => (error, asked),
                    }
                }
            };
            if !error.passes() || attempt == MAX_ATTEMPTS {
                return Err(error);
            }
            tokio::time::sleep(wait(attempt, asked)).await;
            attempt += 1;
        }
    }

    async fn post(&self, body: &Value) -> Result<Response, Failed> {
        let sent = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .json(body)
            .send()
            .await;
        let response = sent.map_err(|error| Failed::Lost(unreachable(&error)))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let asked = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let status = response.status().as_u16();
        let is_text = response
            .headers()
            .get(CONTENT_TYPE)
            .is_none_or(|kind| !kind.as_bytes().starts_with(b"image/"));
        let mut read = Vec::new();
        let mut chunks = response.bytes_stream();
        while let (true, Some(Ok(chunk))) = (is_text, chunks.next().await) {
            read.extend_from_slice(&chunk);
            if read.len() > MAX_ERROR_BYTES {
                break;
            }
        }
        Err(Failed::Said {
            vendor: Box::new(Vendor::of_body(status, &read)),
            asked,
        })
    }

    fn remember(&self, dialect: &Dialect) {
        for lesson in self.learnt.remember(dialect) {
            tracing::info!(model = %self.settings.id, lesson, "learnt what a model's server takes");
        }
    }
}

/// The wait before the attempt after this one.
pub(super) fn wait(attempt: u32, asked: Option<Duration>) -> Duration {
    let own = FIRST_WAIT * 2_u32.saturating_pow(attempt.saturating_sub(1));
    let jitter = own.mul_f64(rand::rng().random_range(0.0..1.0));
    asked.unwrap_or_default().min(MAX_WAIT).max(own + jitter)
}

enum Failed {
    Lost(ModelError),
    Said {
        vendor: Box<Vendor>,
        asked: Option<Duration>,
    },
}

/// A connection that failed, with the host and port alone of its address, which may hold more.
pub(super) fn unreachable(error: &reqwest::Error) -> ModelError {
    let host = error.url().map(|url| {
        let host = url.host_str().unwrap_or_default();
        match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    });
    let host = host.unwrap_or_default();
    let mut said = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        said.push(inner.to_string());
        source = inner.source();
    }
    let last = said.last().map_or("", String::as_str);
    let all = said.join(": ");
    // The libraries tell a failed look-up and a failed handshake apart from others by their words alone.
    let (lost, what) = if !error.is_connect() {
        let what = if error.is_timeout() {
            "the connection timed out"
        } else {
            "the connection broke"
        };
        (Lost::Broke, what.to_owned())
    } else if all.contains("tunnel") || all.contains("proxy") {
        let why = crate::text::shorten(&crate::text::visible(last), 120);
        (
            Lost::Proxy,
            format!("a proxy did not let us through to `{host}`: {why}"),
        )
    } else if all.contains("dns error") {
        (
            Lost::Name,
            format!("the name of the host `{host}` is not known"),
        )
    } else if [
        "certificate",
        "TLS",
        "tls",
        "handshake",
        "InvalidContentType",
        "corrupt message",
    ]
    .iter()
    .any(|word| all.contains(word))
    {
        let why = crate::text::shorten(&crate::text::visible(last), 120);
        (
            Lost::Tls,
            format!("no secure connection to `{host}`: {why}"),
        )
    } else if error.is_timeout() {
        (
            Lost::Connection,
            format!("`{host}` did not take a connection in time"),
        )
    } else {
        (
            Lost::Connection,
            format!("nothing takes a connection at `{host}`"),
        )
    };
    ModelError::Unreachable { lost, what }
}
