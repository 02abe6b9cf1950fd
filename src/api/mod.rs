//! What the daemon serves over HTTP: whether it lives, whether it can work, and its metrics.

mod metrics;

pub use metrics::Metrics;

use std::{future::Future, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use crate::{clock::Clock, store::Store};

/// A daemon whose ticker was silent for so long does not live, in seconds.
const TICK_IS_LATE_SECONDS: i64 = 60;
/// The store has so long to answer a probe.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// What the pages need.
#[derive(Clone)]
pub struct Api {
    pub metrics: Arc<Metrics>,
    pub store: Store,
    pub clock: Arc<dyn Clock>,
}

impl Api {
    fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(health))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics_page))
            .with_state(self)
    }

    /// Serves until `stop` ends; requests that run are finished.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        axum::serve(listener, self.router())
            .with_graceful_shutdown(stop)
            .await
    }
}

/// Does the ticker tick?
async fn health(State(api): State<Api>) -> Response {
    let silent = api.clock.now().as_second() - api.metrics.last_tick();
    if silent < TICK_IS_LATE_SECONDS {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        let text = format!("the scheduler has been silent for {silent} s\n");
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    }
}

/// Does the store answer?
async fn ready(State(api): State<Api>) -> Response {
    match tokio::time::timeout(STORE_ANSWERS_WITHIN, api.store.ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "ok\n").into_response(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer\n",
            )
                .into_response()
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the store does not answer in time\n",
        )
            .into_response(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use jiff::SignedDuration;

    #[tokio::test]
    async fn a_ticker_that_fell_silent_is_seen() {
        let clock = Arc::new(ManualClock::at("2026-11-24T06:00:00Z".parse().unwrap()));
        let api = Api {
            metrics: Arc::new(Metrics::new()),
            store: Store::in_memory().await.unwrap(),
            clock: clock.clone(),
        };
        api.metrics.ticked(clock.now());
        let answer = health(State(api.clone())).await;
        assert_eq!(answer.status(), StatusCode::OK);
        clock.advance(SignedDuration::from_secs(61));
        let answer = health(State(api.clone())).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ready(State(api)).await.status(), StatusCode::OK);
    }
}
