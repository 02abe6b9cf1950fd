//! `daybrief connector sql`: serves a database over MCP.

use std::{
    io::Read,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use rmcp::ServiceExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use super::{one, print};
use crate::{
    connectors::sql::{
        Limits, NO_SQLITE, database::Database, http, queries, server::SqlServer, zone::SessionZone,
    },
    error::{Problem, Problems},
    secrets::{self, SecretRef},
    text_file,
};

/// `connector sql …`
#[derive(Debug, Args)]
pub struct Sql {
    /// Where the database is: a SQLite file, or `env:NAME` or `file:PATH` that holds an address such as
    /// `postgres://user:password@host/database`.
    #[arg(long, value_name = "PLACE")]
    dsn: String,
    /// The named queries, in TOML.
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    /// Answer any SELECT, not the named queries alone.
    #[arg(long)]
    allow_select: bool,
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_rows: u32,
    #[arg(long, default_value_t = 4 * 1024 * 1024)]
    max_bytes: usize,
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout_seconds: u64,
    /// The time zone of `now()` and `current_date`, such as `Europe/Zurich`. Without it MySQL and MariaDB keep the server's,
    /// PostgreSQL and SQLite tell UTC.
    #[arg(long, value_name = "ZONE")]
    zone: Option<SessionZone>,
    /// Serve streamable HTTP on this address instead of standard input and output; the path is `/mcp`.
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
    /// What a client must bear: `env:NAME` or `file:PATH`. Needed where the address is not this machine's own.
    #[arg(long, value_name = "PLACE", requires = "http")]
    token: Option<SecretRef>,
    /// A name by which clients reach it, besides this machine's own.
    #[arg(long, value_name = "NAME", requires = "http")]
    host: Vec<String>,
}

/// Serves until standard input ends, or over HTTP until it is told to stop.
pub async fn run(command: Sql) -> Result<(), Problems> {
    let address = address(&command.dsn).map_err(one)?;
    let limits = Limits {
        max_rows: command.max_rows,
        max_bytes: command.max_bytes,
        timeout: Duration::from_secs(command.timeout_seconds),
    };
    is_there(&address).map_err(one)?;
    let database = Database::open(&address, command.zone).map_err(|error| {
        one(Problem::new("bad-dsn", error.to_string())
            .at("--dsn")
            .advise("write it as `postgres://user:password@host/database`, with `%` codes for signs such as `@` in the password"))
    })?;
    let queries = match &command.queries {
        Some(path) => {
            let place = path.display().to_string();
            let text = text_file::read_or_tell(path).map_err(one)?;
            queries::read(&text, &place, database.kind())?
        }
        None => Default::default(),
    };
    let server = SqlServer::new(database, queries, command.allow_select, limits);
    if let Some(address) = command.http {
        let token = command
            .token
            .as_ref()
            .map(|token| secret(token).map_err(one))
            .transpose()?;
        if token.is_none() && !address.ip().is_loopback() {
            return Err(one(Problem::new(
                "no-token",
                "whoever reaches this address could ask the database",
            )
            .at("--http")
            .advise("name a secret with --token env:NAME, or listen on 127.0.0.1")));
        }
        return serve_http(server, address, token, command.host).await;
    }
    let running = server
        .serve(rmcp::transport::stdio())
        .await
        .map_err(|error| {
            one(Problem::new(
                "mcp",
                format!("the client did not begin: {error}"),
            ))
        })?;
    let _ = running.waiting().await;
    Ok(())
}

/// Serves over HTTP until SIGTERM or SIGINT.
async fn serve_http(
    server: SqlServer,
    address: SocketAddr,
    token: Option<SecretString>,
    hosts: Vec<String>,
) -> Result<(), Problems> {
    let problem = |error: std::io::Error| {
        one(Problem::new(
            "listen",
            format!("{address} cannot be served: {error}"),
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(problem)?;
    let bound = listener.local_addr().map_err(problem)?;
    let mut term = signal(SignalKind::terminate()).map_err(problem)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(problem)?;
    print(&format!("ready on http://{bound}{}", http::PATH));
    let stop = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    http::serve(server, listener, token, hosts, stop)
        .await
        .map_err(problem)
}

/// A SQLite file has to be there when the server starts: a wrong path is told at once.
fn is_there(address: &SecretString) -> Result<(), Problem> {
    let Some(path) = Database::file_of(address.expose_secret()) else {
        return Ok(());
    };
    // An address of a kind that is not known here would be shown with its password as the name of a file.
    if let Some((kind, _)) = address.expose_secret().split_once("://")
        && kind != "sqlite"
    {
        let kind: String = kind
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(20)
            .collect();
        return Err(Problem::new(
            "bad-dsn",
            format!("`{kind}://` begins the address of no database that is known here"),
        )
        .at("--dsn")
        .advise("begin it with postgres://, mysql:// or mariadb://, or name a SQLite file"));
    }
    const PATH: &str = "correct the path: it begins at the folder that the server is started in";
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(no_file(path, "is no file", PATH)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(no_file(path, "is not there", PATH));
        }
        Err(error) => {
            return Err(no_file(
                path,
                &format!("cannot be reached: {error}"),
                READABLE,
            ));
        }
    }
    let mut begin = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(SQLITE.len() as u64).read_to_end(&mut begin));
    match read {
        // A file with nothing in it is a database with nothing in it.
        Ok(_) if begin.is_empty() || begin == SQLITE => Ok(()),
        Ok(_) => Err(no_file(
            path,
            "is no SQLite database, by how it begins",
            NO_SQLITE,
        )),
        Err(error) => Err(no_file(path, &format!("cannot be read: {error}"), READABLE)),
    }
}

/// How each SQLite file begins (https://www.sqlite.org/fileformat.html, the database header).
const SQLITE: &[u8; 16] = b"SQLite format 3\0";
const READABLE: &str =
    "let the account that runs `daybrief` read the file, and enter the folders above it";

fn no_file(path: &Path, what: &str, advice: &str) -> Problem {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Problem::new(
        "no-database",
        format!("the SQLite file {} {what}", path.display()),
    )
    .at("--dsn")
    .advise(advice)
}

/// A secret of the environment or of a file.
fn secret(reference: &SecretRef) -> Result<SecretString, Problem> {
    secrets::local(reference).map_err(|why| {
        Problem::new("secret", format!("the secret `{reference}` {why}")).at("--token")
    })
}

/// The database's address. One with a password is not taken here: the list of processes shows it.
fn address(dsn: &str) -> Result<SecretString, Problem> {
    let problem = |what: &str| {
        Problem::new("bad-dsn", what)
            .at("--dsn")
            .advise("put the address into a variable or a file and name it: --dsn env:DATABASE_URL")
    };
    match dsn.split_once(':') {
        Some(("env", name)) => secrets::local(&SecretRef::Env(name.to_owned()))
            .map_err(|why| problem(&format!("the variable `{name}` {why}"))),
        Some(("file", path)) => secrets::local(&SecretRef::File(path.into()))
            .map_err(|why| problem(&format!("the file `{path}` {why}"))),
        _ if dsn.contains("://") => Err(problem(
            "an address on the command line is seen by every user of the machine",
        )),
        _ => Ok(SecretString::from(dsn.to_owned())),
    }
}
