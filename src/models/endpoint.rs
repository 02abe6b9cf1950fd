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
use tokio::sync::OnceCell;
use url::Url;

use super::{
    ModelError, SetupError,
    answer::Sent,
    error::{Cause, Lost},
    kinds::{self, Fit},
    learn::{Dialect, Learnt, Lesson},
    vendor::{Scrub, Vendor},
    wire,
};
use crate::{
    settings,
    tls::{self, Trouble},
};

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
    base: Url,
    url: Url,
    headers: HeaderMap,
    /// What answers at the address where its path does not: looked for once.
    fits: OnceCell<Option<Fit>>,
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
            base,
            url,
            headers,
            fits: OnceCell::new(),
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
                        _ => (self.looked_into(error).await, asked),
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

    /// The error with what is found at the address, where it says that there is no such path or that another protocol is
    /// wanted.
    async fn looked_into(&self, error: ModelError) -> ModelError {
        let ModelError::Refused(mut refusal) = error else {
            return error;
        };
        match refusal.cause {
            Cause::Path | Cause::Page => {
                let kind = self.settings.kind;
                let look = kinds::look(&self.client, kind, &self.base);
                refusal.fits = self.fits.get_or_init(|| look).await.clone();
            }
            _ => {}
        }
        // Servers of https answer plain http with this, in words of their own.
        let is_unread = refusal.status == Some(400) && self.url.scheme() == "http";
        if is_unread
            && refusal.fits.is_none()
            && let Some(port) = self.url.port_or_known_default()
            && tls::look(self.url.host_str().unwrap_or_default(), port).await == tls::Look::Tls
        {
            return ModelError::Unreachable {
                lost: Lost::Tls,
                what: Trouble::NeedsTls.told(&self.url),
                advice: Trouble::NeedsTls.advice("`base_url`"),
            };
        }
        ModelError::Refused(refusal)
    }

    async fn post(&self, body: &Value) -> Result<Response, Failed> {
        let sent = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .json(body)
            .send()
            .await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => return Err(Failed::Lost(unreachable(&error, &self.url).await)),
        };
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

/// A connection that went away: what was sent may have been taken.
pub(super) fn broke(error: &reqwest::Error) -> ModelError {
    let what = match error.is_timeout() {
        true => "the connection timed out",
        false => "the connection broke",
    };
    ModelError::Unreachable {
        lost: Lost::Broke,
        what: what.to_owned(),
        advice: "look at its server's log and at the proxies between".to_owned(),
    }
}

/// A connection that failed, with the host and port alone of its address, which may hold more.
async fn unreachable(error: &reqwest::Error, url: &Url) -> ModelError {
    if error.is_connect()
        && let Some(why) = of_proxy(error)
    {
        return ModelError::Unreachable {
            lost: Lost::Proxy,
            what: format!(
                "a proxy did not let us through to `{}`: {why}",
                url.host_str().unwrap_or_default()
            ),
            advice: Cause::Proxy.advice().to_owned(),
        };
    }
    let (trouble, is_connect) = (Trouble::of(error, url), error.is_connect());
    let trouble = trouble.await;
    if !is_connect && !trouble.is_another_protocol() {
        return broke(error);
    }
    ModelError::Unreachable {
        lost: match trouble {
            Trouble::NoName => Lost::Name,
            Trouble::PlainHttp | Trouble::NeedsTls | Trouble::Tls(_) => Lost::Tls,
            Trouble::Refused
            | Trouble::NoWay
            | Trouble::Else(_)
            | Trouble::Mute
            | Trouble::Broke => Lost::Connection,
        },
        what: trouble.told(url),
        advice: trouble.advice("`base_url`"),
    }
}

/// Why a proxy let nothing through, where it was one. The library's types for it are its own: its words have to do.
fn of_proxy(error: &reqwest::Error) -> Option<String> {
    let mut at = std::error::Error::source(error);
    let mut is_of_proxy = false;
    let mut last = String::new();
    while let Some(inner) = at {
        last = inner.to_string();
        is_of_proxy |= last.contains("tunnel") || last.contains("proxy");
        at = inner.source();
    }
    is_of_proxy.then(|| crate::text::shorten(&crate::text::visible(&last), 120))
}
