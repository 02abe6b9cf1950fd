//! `daybrief serve`: the daemon.

use std::{
    fs::{File, TryLockError},
    io::{Seek, Write},
    path::Path,
};

use clap::Args;
use serde_json::json;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::{apply, one, open, print, print_json};
use crate::{
    app::App,
    daemon,
    error::{Problem, Problems},
    run,
    settings::{Settings, StoreKind},
    text::{shorten, visible},
    text_file,
};

/// The file of the data folder that the daemon holds as long as it runs.
const LOCK_FILE: &str = "daemon.lock";
/// Characters of what the other daemon says of itself.
const LONGEST_NOTE: usize = 120;

/// `serve …`
#[derive(Debug, Args)]
pub struct Serve {
    /// Where its HTTP surface answers, instead of the settings' `listen`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// Applies the folders of the settings, then runs until SIGTERM or SIGINT.
pub async fn run(command: Serve, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    let only = OnlyDaemon::of(&app.settings).map_err(one)?;
    let address = command.listen.as_ref();
    let address = address_of(address.unwrap_or(&app.settings.instance.listen)).map_err(one)?;
    if !app.settings.instance.objects.is_empty() {
        bring_into_force(&app).await?;
    }
    tell_of_parts(&app).await?;
    let listener = TcpListener::bind(&address).await.map_err(|error| {
        one(Problem::new(
            "listen",
            format!("{address} cannot be listened on: {error}"),
        )
        .at("[instance] listen")
        .advise(match error.kind() {
            std::io::ErrorKind::AddrInUse => "choose another port, or end what uses this one",
            std::io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address: write one of its own, 127.0.0.1, or 0.0.0.0 for all of them"
            }
            std::io::ErrorKind::PermissionDenied => {
                "choose a port of 1024 or more, or let the account listen on this one"
            }
            _ => "choose another address and port",
        }))
    })?;
    let bound = listener
        .local_addr()
        .map_or(address, |bound| bound.to_string());
    let stop = CancellationToken::new();
    let signals =
        |kind| signal(kind).map_err(|error| one(Problem::new("signals", error.to_string())));
    let (mut term, mut interrupt) = (
        signals(SignalKind::terminate())?,
        signals(SignalKind::interrupt())?,
    );
    let stopper = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopper.cancel();
    });
    // Standard output has this one line, so that whoever started it knows when and where.
    let url = format!("http://{bound}");
    only.answers_on(&url);
    if json {
        print_json(&json!({ "ready": url }));
    } else {
        print(&format!("ready on {url}"));
    }
    daemon::run(&app, listener, stop).await.map_err(one)?;
    Ok(0)
}

/// The mark of the one daemon that works on a data folder. It goes with the process, however that ends.
struct OnlyDaemon {
    /// Nothing where several may, or where the folder's file system has no such marks.
    lock: Option<File>,
}

impl OnlyDaemon {
    /// Takes the mark, or says who has it. Nodes that share a MongoDB may share a folder too.
    fn of(settings: &Settings) -> Result<Self, Problem> {
        if settings.store.kind != StoreKind::Sqlite {
            return Ok(Self { lock: None });
        }
        let folder = &settings.instance.data;
        let path = folder.join(LOCK_FILE);
        let lock = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| {
                Problem::new("lock", format!("cannot be written: {error}"))
                    .at(path.display().to_string())
                    .advise("let the account that runs `daybrief` own the data folder and what is in it")
            })?;
        match lock.try_lock() {
            Ok(()) => {
                let only = Self { lock: Some(lock) };
                only.note(&format!("process {}", std::process::id()));
                Ok(only)
            }
            Err(TryLockError::WouldBlock) => {
                let who = text_file::read_or_tell(&path).unwrap_or_default();
                let who = shorten(&visible(who.trim()), LONGEST_NOTE);
                let who = if who.is_empty() {
                    String::new()
                } else {
                    format!(" ({who})")
                };
                Err(Problem::new(
                    "second-daemon",
                    format!("another `daybrief serve` works on this data folder{who}"),
                )
                .at(folder.display().to_string())
                .advise(
                    "stop that one first, or give this one a folder of its own in `[instance] data`; nodes that share the work \
                     need `[store] kind = \"mongodb\"`",
                ))
            }
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, "the data folder cannot be marked: a second daemon on it is not told");
                Ok(Self { lock: None })
            }
        }
    }

    /// Says where the daemon answers, for whoever starts a second one.
    fn answers_on(&self, url: &str) {
        self.note(&format!("process {}, {url}", std::process::id()));
    }

    fn note(&self, text: &str) {
        if let Some(mut lock) = self.lock.as_ref() {
            // What cannot be written is missing in a message alone.
            let _ = lock
                .rewind()
                .and_then(|()| lock.set_len(0))
                .and_then(|()| writeln!(lock, "{text}"));
        }
    }
}

/// An address that can be listened on: `HOST:PORT`.
fn address_of(text: &str) -> Result<String, Problem> {
    let good = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if good {
        return Ok(text.to_owned());
    }
    Err(
        Problem::new("bad-address", format!("`{text}` is no address: HOST:PORT"))
            .at("[instance] listen, or --listen")
            .advise("write one such as 127.0.0.1:8087, or 0.0.0.0:8087 for every network"),
    )
}

/// Tells the admin of what is set up and cannot be used, such as a model whose key is not there.
async fn tell_of_parts(app: &App) -> Result<(), Problems> {
    for problem in &app.problems {
        let about = format!("settings/{}", crate::ids::derived(&[&problem.to_string()]));
        let text =
            format!("{problem}. What needs it goes without until the daemon is started anew.");
        let subject = "A part of the settings cannot be used";
        let told = run::tell_admin(&app.parts, &about, subject, &text);
        told.await.map_err(|error| one(error.into()))?;
    }
    Ok(())
}

/// Applies the folders of the settings. Where what they hold does not fit together and there are objects in force, those stay
/// and the admin is told: a slip in a file must not keep tomorrow's briefs from going out.
async fn bring_into_force(app: &App) -> Result<(), Problems> {
    let folders = app.settings.instance.objects.clone();
    let problems = match apply::bring_into_force(app, &folders).await {
        Ok(changes) => {
            tracing::info!(changes, "objects applied");
            return Ok(());
        }
        Err(problems) => problems,
    };
    let in_force = app.parts.objects().await;
    if in_force.is_ok_and(|objects| objects.schedules.is_empty()) {
        return Err(problems);
    }
    tracing::error!(%problems, "the objects' files do not fit together; what was in force stays");
    let first = problems.0.first().map(ToString::to_string);
    let text = format!(
        "The objects' files were not applied, and what was in force before stays: {} problems. The first: {} `daybrief check` \
         names all.",
        problems.0.len(),
        first.unwrap_or_default()
    );
    let about = format!("objects/{}", crate::ids::derived(&[&problems.to_string()]));
    let told = run::tell_admin(
        &app.parts,
        &about,
        "The objects' files were not applied",
        &text,
    );
    told.await.map_err(|error| one(error.into()))
}
