//! `daybrief connector`: what the connectors' servers offer, and servers of our own.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Subcommand;

use super::{
    connector_accept, connector_call, connector_probe, connector_sign_in, connector_sql,
    connector_tools, one, open,
};
use crate::{
    app::App,
    clock::SystemClock,
    connectors::CallError,
    domain::connector::{Connector, Launch},
    error::{Problem, Problems},
    ids::ConnectorId,
    provision::{self, Objects},
    settings::{Settings, shape::did_you_mean},
};

/// `connector …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The connectors in force, or those of a folder.
    List {
        /// Folder with objects in TOML over the shipped ones, instead of those in force.
        #[arg(long, value_name = "DIR")]
        objects: Option<PathBuf>,
    },
    /// Starts a connector and lists its tools with their arguments: what may be called, and what changed since it was
    /// accepted. It needs no `tools` yet.
    Tools {
        connector: ConnectorId,
        /// Folder with objects in TOML over the shipped ones, instead of those in force.
        #[arg(long, value_name = "DIR")]
        objects: Option<PathBuf>,
    },
    /// Calls a reading tool: the answer as it came and as signals see it.
    Call(connector_call::Call),
    /// Shows how tools are described now against what was accepted, and accepts that.
    Accept(connector_accept::Accept),
    /// Signs a person in for a connector whose server wants it. The sign-in is kept and renewed from then on.
    SignIn(connector_sign_in::SignIn),
    /// Forgets the sign-in of a connector.
    SignOut { connector: ConnectorId },
    /// Looks at a server that is no connector yet: reaches or starts it and lists its tools.
    Probe(connector_probe::Probe),
    /// An MCP server for SQLite, PostgreSQL, MySQL or MariaDB that can only read.
    Sql(connector_sql::Sql),
}

/// Runs `connector …`.
pub async fn run(command: Command, config: &Path, json: bool) -> Result<u8, Problems> {
    match command {
        Command::Sql(command) => connector_sql::run(command).await.map(|()| 0),
        Command::SignIn(command) => connector_sign_in::run(command, config, json).await,
        Command::SignOut { connector } => connector_sign_in::out(&connector, config, json).await,
        Command::Probe(command) => connector_probe::run(command, config, json).await,
        Command::Call(command) => connector_call::run(command, config, json).await,
        Command::List { objects } => {
            let (app, objects) = instance(config, objects.as_deref()).await?;
            connector_tools::list(&objects.connectors, json);
            app.shutdown().await;
            Ok(0)
        }
        Command::Tools { connector, objects } => {
            let (app, objects) = instance(config, objects.as_deref()).await?;
            let done = tools(&app, objects, &connector, json).await;
            app.shutdown().await;
            done.map(|()| 0)
        }
        Command::Accept(command) => {
            let app = open(config).await?;
            let done = connector_accept::run(&app, &command, json).await;
            app.shutdown().await;
            done
        }
    }
}

async fn tools(
    app: &App,
    objects: Objects,
    connector: &ConnectorId,
    json: bool,
) -> Result<(), Problems> {
    let known = find(&objects.connectors, connector).map_err(one)?.clone();
    let named = !known.tools.is_empty();
    let pool = &app.parts.maker.pool;
    pool.replace(objects.connectors);
    let listing = pool.listing(connector).await.map_err(|error| {
        let place = format!("connector `{connector}`");
        told(&place, is_process(&known), &error)
    })?;
    connector_tools::show(&listing, named, json);
    Ok(())
}

/// The instance with its objects in force; or with those of a folder, and then without an instance where there is none.
pub(super) async fn instance(
    config: &Path,
    folder: Option<&Path>,
) -> Result<(App, Objects), Problems> {
    let Some(folder) = folder else {
        let app = open(config).await?;
        let objects = app.parts.objects().await;
        return Ok((app, objects.map_err(|error| one(error.into()))?));
    };
    let objects = provision::read(&[folder.to_owned()])?.over(provision::shipped()?);
    let app = match config.exists() {
        true => open(config).await?,
        false => App::temporary(Settings::default(), Arc::new(SystemClock)).await?,
    };
    Ok((app, objects))
}

/// The connector of this id.
pub(super) fn find<'c>(
    connectors: &'c [Connector],
    id: &ConnectorId,
) -> Result<&'c Connector, Problem> {
    connectors
        .iter()
        .find(|connector| connector.id == *id)
        .ok_or_else(|| {
            let known = connectors.iter().map(|connector| connector.id.as_str());
            Problem::new("unknown-connector", format!("there is no connector `{id}`"))
                .advise(did_you_mean(id.as_str(), known))
        })
}

/// Is its server a program that is started here?
pub(super) fn is_process(connector: &Connector) -> bool {
    matches!(connector.launch, Launch::Process { .. })
}

/// A connector's failure as a person reads it. `place` is the connector as this person has it.
pub(super) fn told(place: &str, is_process: bool, error: &CallError) -> Problems {
    let hint = error.hint(is_process).unwrap_or_default();
    let mut problem = Problem::new(error.code(), error.to_string()).at(match &hint.place {
        Some(within) => format!("{place}, {within}"),
        None => place.to_owned(),
    });
    problem.advice = hint.advice;
    one(problem)
}
