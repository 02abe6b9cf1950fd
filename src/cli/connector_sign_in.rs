//! `daybrief connector sign-in` and `sign-out`: a person's consent, by way of a browser.

use std::{
    io::BufRead,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use clap::Args;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{connector, one, open, print, print_json, to_stderr};
use crate::{
    app::App,
    audit::{Act, Entry, Outcome},
    connectors::{CallError, Connectors, SignedIn},
    error::{Problem, Problems},
    ids::ConnectorId,
};

/// A person has so long to sign in.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// The last page has so long to reach the browser.
const FLUSH: Duration = Duration::from_secs(2);
/// Pages that wait to be looked at.
const VISITS: usize = 8;
/// The path that the browser comes back to.
const PATH: &str = "/callback";

/// `connector sign-in …`
#[derive(Debug, Args)]
pub struct SignIn {
    connector: ConnectorId,
    #[command(flatten)]
    browser: Browser,
}

/// How the browser comes back.
#[derive(Debug, Clone, Copy, Args)]
pub struct Browser {
    /// The port that the browser comes back to on this machine; any free one without it. A `client_id` that was
    /// registered by hand may need a fixed one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The browser runs on another machine: take the address that it ends at from standard input.
    #[arg(long)]
    paste: bool,
}

/// Signs in.
pub async fn run(command: SignIn, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    let connector = &command.connector;
    let done = signed_in(&app, connector, command.browser, json).await;
    app.shutdown().await;
    let done = done?;
    if json {
        print_json(&json!({
            "connector": connector,
            "scopes": done.scopes,
            "ends": done.ends.map(|ends| ends.to_string()),
            "renewed": done.renewable,
        }));
    } else {
        let after = match (done.renewable, done.ends) {
            (true, _) => "it is renewed from now on".to_owned(),
            (false, Some(ends)) => {
                format!("it ends {ends} and cannot be renewed: sign in again before")
            }
            (false, None) => "the server names no end".to_owned(),
        };
        print(&format!("signed in for {connector}; {after}"));
    }
    Ok(0)
}

fn told(connector: &ConnectorId, error: &CallError) -> Problems {
    connector::told(&format!("connector `{connector}`"), false, error)
}

async fn signed_in(
    app: &App,
    connector: &ConnectorId,
    browser: Browser,
    json: bool,
) -> Result<SignedIn, Problems> {
    load(app).await?;
    note(app, connector, "sign-in").await?;
    through_browser(&app.parts.maker.pool, connector, browser, json).await
}

/// Forgets a sign-in.
pub async fn out(connector: &ConnectorId, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    load(&app).await?;
    note(&app, connector, "sign-out").await?;
    let forgotten = app.parts.maker.pool.sign_out(connector).await;
    let was_there = forgotten.map_err(|error| told(connector, &error))?;
    if json {
        print_json(&json!({ "connector": connector, "forgotten": was_there }));
    } else if was_there {
        print("the sign-in is forgotten here; withdraw the consent at the source as well");
    } else {
        print("nobody was signed in");
    }
    Ok(0)
}

async fn load(app: &App) -> Result<(), Problems> {
    let objects = app.parts.objects().await;
    let objects = objects.map_err(|error| one(error.into()))?;
    app.parts.maker.pool.replace(objects.connectors);
    Ok(())
}

async fn note(app: &App, connector: &ConnectorId, what: &str) -> Result<(), Problems> {
    let entry = Entry {
        at: app.parts.clock.now(),
        act: Act::SecretChange,
        user: None,
        role: None,
        surface: "cli".to_owned(),
        on: connector.to_string(),
        outcome: Outcome::Allowed,
        why: String::new(),
        detail: what.to_owned(),
    };
    app.parts
        .audit
        .write(&[entry])
        .await
        .map(|_| ())
        .map_err(|error| one(error.into()))
}

/// A page that the browser came to, and where to say what it shall show.
struct Visit {
    url: Url,
    page: oneshot::Sender<(StatusCode, String)>,
}

/// Where the browser comes back to.
#[derive(Clone)]
struct Door {
    base: Url,
    visits: mpsc::Sender<Visit>,
}

/// Prints the address to open, opens it where `$BROWSER` names a program, and waits for the browser to come back.
pub async fn through_browser(
    pool: &Connectors,
    connector: &ConnectorId,
    browser: Browser,
    json: bool,
) -> Result<SignedIn, Problems> {
    let listen = |error: std::io::Error| {
        one(Problem::new(
            "listen",
            format!("the browser has nowhere to come back to: {error}"),
        )
        .advise("choose another --port, or use --paste"))
    };
    let listener = TcpListener::bind(("127.0.0.1", browser.port))
        .await
        .map_err(listen)?;
    let port = listener.local_addr().map_err(listen)?.port();
    let base = Url::parse(&format!("http://127.0.0.1:{port}{PATH}"))
        .map_err(|error| one(Problem::new("internal", error.to_string())))?;
    let sign_in = pool.begin_sign_in(connector, &base).await;
    let sign_in = sign_in.map_err(|error| told(connector, &error))?;
    if json {
        print_json(&json!({ "open": sign_in.url() }));
    } else {
        print(&format!(
            "Open this address, sign in and agree:\n\n  {}\n",
            sign_in.url()
        ));
    }
    let told = |error| told(connector, &error);
    if browser.paste {
        let redirected = pasted().await?;
        return sign_in.finish(&redirected).await.map_err(told);
    }
    let (visits, mut came) = mpsc::channel(VISITS);
    let stop = CancellationToken::new();
    let router = Router::new()
        .route(PATH, get(visit))
        .with_state(Door { base, visits });
    let served =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let served = tokio::spawn(async move { served.await });
    open_browser(sign_in.url());
    let until = tokio::time::Instant::now() + PATIENCE;
    let done = loop {
        let Ok(Some(Visit { url, page })) = tokio::time::timeout_at(until, came.recv()).await
        else {
            break Err(one(Problem::new(
                "timeout",
                format!(
                    "nobody signed in within {} minutes",
                    PATIENCE.as_secs() / 60
                ),
            )
            .at(format!("connector `{connector}`"))));
        };
        // Another page of this browser may call the address as well; that ends nothing.
        if !sign_in.expects(&url) {
            let _ = page.send((
                StatusCode::BAD_REQUEST,
                "This is not the sign-in that Daybrief waits for.".to_owned(),
            ));
            continue;
        }
        let done = sign_in.finish(&url).await;
        let _ = page.send(match &done {
            Ok(_) => (
                StatusCode::OK,
                "You are signed in. You can close this page.".to_owned(),
            ),
            Err(_) => (
                StatusCode::BAD_REQUEST,
                "The sign-in failed; the command says why.".to_owned(),
            ),
        });
        break done.map_err(told);
    };
    stop.cancel();
    let _ = tokio::time::timeout(FLUSH, served).await;
    done
}

async fn visit(State(door): State<Door>, uri: Uri) -> Response {
    let mut url = door.base.clone();
    url.set_query(uri.query());
    let (page, shown) = oneshot::channel();
    let (status, text) = match door.visits.send(Visit { url, page }).await {
        Ok(()) => shown.await.unwrap_or((StatusCode::GONE, String::new())),
        Err(_) => (StatusCode::GONE, String::new()),
    };
    (
        status,
        [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-store"),
        ],
        text,
    )
        .into_response()
}

/// The address that a person copied out of the browser.
async fn pasted() -> Result<Url, Problems> {
    to_stderr("Paste the address that the browser ends at, then press Enter:");
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = match line.await {
        Ok(Ok(line)) => line,
        _ => String::new(),
    };
    Url::parse(line.trim())
        .map_err(|_| one(Problem::new("input", "this is no address").at("standard input")))
}

/// Opens the address with the program that `$BROWSER` names, as other programs do. Without it the person opens it.
fn open_browser(url: &Url) {
    let Some(program) = std::env::var_os("BROWSER").filter(|program| !program.is_empty()) else {
        return;
    };
    let started = Command::new(program)
        .arg(url.as_str())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match started {
        // It ends by itself; a thread of its own keeps it from staying behind as a zombie.
        Ok(mut child) => {
            std::thread::spawn(move || child.wait());
        }
        Err(error) => to_stderr(&format!("$BROWSER could not be started: {error}")),
    }
}
