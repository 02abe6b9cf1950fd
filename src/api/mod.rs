//! What the daemon serves over HTTP: whether it lives, whether it can work, and its metrics; the versioned API with which
//! other programs ask, and the same as an MCP server.
//!
//! A program asks with a token: as one person, under one role, within the token's scope. It holds no rule of its own about
//! what may be asked and how often: those are `converse`'s and the doors'.

mod ask;
mod briefs;
mod conversations;
mod edge;
mod mcp;
mod metrics;
mod openapi;
mod proposals;
mod refusal;
mod server;
#[cfg(test)]
mod tests;
pub mod tokens;
mod turn;
mod usage;

pub use metrics::Metrics;

use std::{future::Future, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    connectors::reachable::Reachable,
    converse::Converse,
    run::{Company, StoreHealth},
    settings::Settings,
    store::Store,
};
use refusal::Refusal;

/// A daemon whose ticker was silent for so long does not live, in seconds.
const TICK_IS_LATE_SECONDS: i64 = 60;
/// The store has so long to answer a probe.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// What the pages need.
#[derive(Clone)]
pub struct Api {
    pub metrics: Arc<Metrics>,
    pub store: Store,
    /// What was last found of the store.
    pub health: StoreHealth,
    pub clock: Arc<dyn Clock>,
    pub programs: Programs,
}

/// What other programs ask with.
#[derive(Clone)]
pub struct Programs {
    pub converse: Converse,
    pub company: Arc<Company>,
    pub reachable: Arc<Reachable>,
    pub refused: Arc<tokens::Refused>,
    /// Ends what runs for them.
    pub stop: CancellationToken,
    /// Is the API offered?
    pub api: bool,
    /// Is the MCP server offered?
    pub mcp: bool,
}

/// The names by which programs reach a daemon that listens here.
pub fn reachable(settings: &Settings, listener: &TcpListener) -> Reachable {
    let address = listener.local_addr().ok();
    let port = address.map_or(0, |address| address.port());
    let own = address.map(|address| address.ip());
    let own = own.filter(|ip| !ip.is_unspecified() && !ip.is_loopback());
    let url = settings.instance.url.as_deref();
    let url = url.and_then(|url| url::Url::parse(url).ok());
    let name = url.as_ref().and_then(|url| url.host_str());
    let hosts = settings.api.hosts.iter().cloned();
    let hosts = hosts
        .chain(own.map(|ip| ip.to_string()))
        .chain(name.map(str::to_owned));
    let reachable = Reachable::new(port, hosts);
    match url {
        Some(url) => reachable.and_pages_of(url.origin().ascii_serialization()),
        None => reachable,
    }
}

/// Every path of the API with what answers there.
fn routes() -> Vec<(&'static str, MethodRouter<Programs>)> {
    vec![
        ("/api/v1/ask", post(ask::ask)),
        ("/api/v1/briefs", get(briefs::list)),
        ("/api/v1/briefs/{run}", get(briefs::get)),
        ("/api/v1/conversations", get(conversations::list)),
        (
            "/api/v1/conversations/{conversation}",
            get(conversations::get).delete(conversations::remove),
        ),
        ("/api/v1/proposals", get(proposals::list)),
        (
            "/api/v1/proposals/{proposal}/approve",
            post(proposals::approve),
        ),
        (
            "/api/v1/proposals/{proposal}/reject",
            post(proposals::reject),
        ),
        ("/api/v1/usage", get(usage::get)),
        ("/api/v1/openapi.json", get(openapi::page)),
    ]
}

async fn no_such_path() -> Refusal {
    Refusal::not_found("path")
}

async fn no_such_method() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        "this path is not asked with this method",
    )
}

/// What programs may ask of this daemon.
fn programs_router(programs: Programs) -> Router {
    let mut router = Router::new();
    if programs.api {
        for (path, answers) in routes() {
            router = router.route(path, answers.fallback(no_such_method));
        }
        router = router.route("/api/{*path}", axum::routing::any(no_such_path));
    }
    if programs.mcp {
        router = router.merge(mcp::service(&programs));
    }
    router
        .layer(middleware::from_fn_with_state(
            programs.clone(),
            edge::guard,
        ))
        .with_state(programs)
}

impl Api {
    fn router(self) -> Router {
        let programs = self.programs.clone();
        Router::new()
            .route("/", get(welcome))
            .route("/healthz", get(health))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics_page))
            .layer(middleware::from_fn_with_state(
                programs.clone(),
                edge::known_host,
            ))
            .with_state(self)
            .merge(programs_router(programs))
    }

    /// Serves until `stop` ends; requests that run are finished.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        server::serve(listener, self.router(), server::Bounds::of_process(), stop).await
    }
}

/// What answers here, for a person who opens the printed address. Says nothing that a stranger may not know.
async fn welcome(State(api): State<Api>) -> Response {
    let described = if api.programs.api {
        "<li><a href=\"/api/v1/openapi.json\">what other programs may ask</a> (OpenAPI)</li>"
    } else {
        ""
    };
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Daybrief</title></head><body><h1>Daybrief runs here</h1>\
         <p>It tells each leader every morning what could go wrong today, by mail and chat. There is no portal yet.</p>\
         <ul><li><a href=\"/healthz\">whether it is well</a></li><li><a href=\"/readyz\">whether it can work</a></li>{described}</ul>\
         </body></html>\n"
    );
    (
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; frame-ancestors 'none'",
            ),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ],
        page,
    )
        .into_response()
}

/// Does the ticker tick? Where the store cannot be worked with, it waits for that, and to start the daemon again helps nobody.
async fn health(State(api): State<Api>) -> Response {
    let silent = api.clock.now().as_second() - api.metrics.last_tick();
    if silent < TICK_IS_LATE_SECONDS {
        (StatusCode::OK, "ok\n").into_response()
    } else if api.health.outage().is_some() {
        (StatusCode::OK, "ok: waits for the store\n").into_response()
    } else {
        let text = format!("the scheduler has been silent for {silent} s\n");
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    }
}

/// Does the store take a write? Where not, why, in words that a stranger may read.
async fn ready(State(api): State<Api>) -> Response {
    let why = match tokio::time::timeout(STORE_ANSWERS_WITHIN, api.store.ping()).await {
        Ok(Ok(())) => return (StatusCode::OK, "ok\n").into_response(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            error.in_short()
        }
        // Who waited for longer knows more.
        Err(_) => match api.health.outage() {
            Some(outage) => outage.why,
            None => "the store does not answer in time".to_owned(),
        },
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
}

async fn metrics_page(State(api): State<Api>) -> Response {
    (
        [(
            header::CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        api.metrics.text(),
    )
        .into_response()
}
