//! The same server over streamable HTTP, for daemons on other machines.

use std::{future::Future, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use hmac::{Hmac, KeyInit, Mac};
use rmcp::transport::streamable_http_server::{
    StreamableHttpService, session::local::LocalSessionManager,
};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::server::SqlServer;
use crate::connectors::reachable::{Reachable, bearer};

/// The path that it answers on.
pub const PATH: &str = "/mcp";

/// Serves until `stop` ends. With a token only requests that bear it are answered. `hosts` are the names by which clients
/// reach it, besides this machine's own ([`Reachable`]).
pub async fn serve(
    server: SqlServer,
    listener: TcpListener,
    token: Option<SecretString>,
    hosts: Vec<String>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let ended = CancellationToken::new();
    let config = Reachable::new(listener.local_addr()?.port(), hosts).mcp(ended.clone());
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(LocalSessionManager::default()),
        config,
    );
    let router = Router::new()
        .nest_service(PATH, service)
        .layer(middleware::from_fn_with_state(
            token.map(Arc::new),
            authorised,
        ));
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            stop.await;
            ended.cancel();
        })
        .await
}

/// Lets through what bears the token, or everything where there is none.
async fn authorised(
    State(token): State<Option<Arc<SecretString>>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(token) = token else {
        return next.run(request).await;
    };
    if same(bearer(request.headers()), token.expose_secret()) {
        return next.run(request).await;
    }
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, "Bearer")],
    )
        .into_response()
}

/// Are both the same? Takes as long for every text of one length: their keyed hashes are compared, not they themselves.
fn same(given: &str, expected: &str) -> bool {
    let keyed = |text: &str| {
        Hmac::<Sha256>::new_from_slice(expected.as_bytes())
            .map(|mut mac| {
                mac.update(text.as_bytes());
                mac
            })
            .ok()
    };
    match (keyed(given), keyed(expected)) {
        (Some(given), Some(expected)) => given.verify(&expected.finalize().into_bytes()).is_ok(),
        _ => false,
    }
}
