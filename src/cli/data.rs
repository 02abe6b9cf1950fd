//! `daybrief data`: what is kept of one person, for them to see and to be erased.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    audit::private_file,
    confirmed, one, open,
    output::{self, Output},
    print, print_json, to_stderr,
};
use crate::{
    app::{self, App},
    audit::{AuditError, Erasure, PersonError, Reader},
    error::{Problem, Problems},
    ids::UserId,
    provision::{self, Kind},
    settings::shape::is_slip_of,
};

/// `data …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everything that is kept of a person (GDPR, article 15), as JSON lines.
    Export(Export),
    /// Erases a person (GDPR, article 17). The audit trail goes on under a handle that leads to nobody, and verifies.
    Erase(Erase),
}

/// `data export …`
#[derive(Debug, Args)]
pub struct Export {
    /// The id of a user.
    #[arg(long)]
    user: String,
    /// Why; kept in the audit trail.
    #[arg(long, value_name = "TEXT", default_value = "the person asked for it")]
    reason: String,
    /// A folder, a file a kind; standard output without it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// `data erase …`
#[derive(Debug, Args)]
pub struct Erase {
    /// The id of a user.
    #[arg(long)]
    user: String,
    /// Why; kept in the audit trail.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Erases without asking.
    #[arg(long)]
    yes: bool,
}

/// Runs `data …`.
pub async fn run(command: &Command, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    match command {
        Command::Export(command) => export(&app, command, json).await,
        Command::Erase(command) => erase(&app, command, json).await,
    }
}

/// Says so where nothing is kept of a person, with whom may have been meant.
async fn kept(app: &App, user: &str) -> Result<(), Problems> {
    let Err(error) = app.parts.audit.is_kept(user).await else {
        return Ok(());
    };
    let is_unknown = matches!(error, PersonError::Unknown(_));
    let problem: Problem = error.into();
    let objects = app.parts.objects().await;
    let users = objects.map(|objects| objects.users).unwrap_or_default();
    let near = users
        .iter()
        .find(|known| is_slip_of(user, known.id.as_str()));
    Err(one(match near {
        Some(near) if is_unknown => problem.advise(format!("did you mean `{}`?", near.id)),
        _ => problem,
    }))
}

/// Who acts on what is kept of a person, with why.
fn reader(reason: &str, act: &str) -> Result<Reader, Problems> {
    Reader::new(None, "cli", reason).map_err(|error| {
        one(match error {
            AuditError::NoReason { least } => Problem::new(
                "no-reason",
                format!("to {act} a person a reason of at least {least} characters is needed"),
            )
            .at("--reason")
            .advise("write who asked for it and when: it is kept in the audit trail"),
            other => other.into(),
        })
    })
}

async fn export(app: &App, command: &Export, as_json: bool) -> Result<u8, Problems> {
    let reader = reader(&command.reason, "show")?;
    kept(app, &command.user).await?;
    let folder = command
        .out
        .clone()
        .map(app::folder)
        .transpose()
        .map_err(one)?;
    let mut files: BTreeMap<&'static str, BufWriter<File>> = BTreeMap::new();
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    let shown = |kind: &'static str, record: &Value| -> std::io::Result<()> {
        *counts.entry(kind).or_default() += 1;
        let Some(folder) = &folder else {
            let line = json!({ "kind": kind, "record": record });
            return writeln!(Output, "{line}");
        };
        let file = match files.entry(kind) {
            std::collections::btree_map::Entry::Occupied(file) => file.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let path = folder.join(format!("{kind}.jsonl"));
                place.insert(BufWriter::new(private_file(&path)?))
            }
        };
        writeln!(file, "{record}")
    };
    let shown_all = app
        .parts
        .audit
        .show_person(&command.user, &reader, shown, app.parts.clock.now())
        .await;
    let written = match shown_all {
        Ok(_) => files
            .values_mut()
            .try_for_each(|file| file.flush().and_then(|()| file.get_ref().sync_all()))
            .map_err(|error| Problem::new("output", format!("cannot be written: {error}"))),
        Err(_) if output::reader_is_gone() => return Ok(0),
        Err(_) if output::is_over() => return Ok(1),
        Err(error) => Err(error.into()),
    };
    if let Err(problem) = written {
        let Some(folder) = &folder else {
            return Err(one(problem));
        };
        // What is cut must not lie there as if it were whole.
        for kind in files.into_keys() {
            let _ = std::fs::remove_file(folder.join(format!("{kind}.jsonl")));
        }
        return Err(one(match problem.place {
            Some(_) => problem,
            None => problem.at(folder.display().to_string()),
        }));
    }
    if folder.is_some() {
        if as_json {
            print_json(&counts);
        } else {
            let parts: Vec<String> = counts
                .iter()
                .map(|(kind, count)| format!("{count} of {kind}"))
                .collect();
            print(&parts.join(", "));
        }
    }
    Ok(0)
}

async fn erase(app: &App, command: &Erase, json: bool) -> Result<u8, Problems> {
    let reader = reader(&command.reason, "erase")?;
    kept(app, &command.user).await?;
    let question = format!(
        "Erase everything that is kept of `{}`? It cannot be brought back.",
        command.user
    );
    if !command.yes && !confirmed(&question) {
        return Err(one(Problem::new("not-confirmed", "nothing was erased")
            .advise("answer `y`, or add `--yes`")));
    }
    let erasure = app
        .parts
        .audit
        .erase_person(&command.user, &reader, app.parts.clock.now())
        .await
        .map_err(|error| one(error.into()))?;
    if json {
        print_json(&erasure);
    } else {
        tell(&erasure);
    }
    for warning in warnings(&erasure, &command.user, app) {
        to_stderr(&format!("warning: {warning}"));
    }
    Ok(u8::from(!erasure.trail.ok || !erasure.left.is_empty()))
}

fn tell(erasure: &Erasure) {
    let all = |counts: &BTreeMap<&str, u64>| {
        let parts: Vec<String> = counts
            .iter()
            .map(|(name, count)| format!("{count} of {name}"))
            .collect();
        if parts.is_empty() {
            "none".to_owned()
        } else {
            parts.join(", ")
        }
    };
    print(&format!("erased; in the audit trail: {}", erasure.handle));
    print(&format!(
        "documents removed: {}",
        all(&erasure.documents.removed)
    ));
    print(&format!(
        "documents changed: {}",
        all(&erasure.documents.changed)
    ));
    print(&format!(
        "audit trail: {} texts erased, {} changed, {} rows changed; {} rows, {}",
        erasure.texts_erased,
        erasure.texts_changed,
        erasure.rows_changed,
        erasure.trail.entries,
        if erasure.trail.ok {
            "whole"
        } else {
            "NOT whole: run `daybrief audit verify`"
        },
    ));
}

/// The file and line of the settings' objects that define the user.
fn still_defined(user: &str, app: &App) -> Option<String> {
    let files = provision::read(&app.settings.instance.objects).ok()?;
    let mut users = files.users.iter();
    users
        .any(|known| known.id.as_str() == user)
        .then(|| files.origin(Kind::User, user, "id"))
}

/// What the person who erases still has to do.
fn warnings(erasure: &Erasure, user: &str, app: &App) -> Vec<String> {
    let mut warnings = Vec::new();
    for (name, count) in &erasure.left {
        warnings.push(format!(
            "{count} documents of {name} still have the name or an address: run this again when no run is at work"
        ));
    }
    if let Some(place) = still_defined(user, app) {
        warnings.push(format!(
            "{place} still defines them: remove it there too, or the next apply brings them back"
        ));
    } else if let Some(file) = &erasure.file {
        warnings.push(format!(
            "the user came from the file of `{file}`: remove it there too, or the next apply brings them back"
        ));
    }
    if let Some(folder) = &app.settings.folder
        && let Ok(user) = UserId::new(user)
        && folder.path.join(user.as_str()).exists()
    {
        warnings.push(format!(
            "the briefs delivered into {} are not touched: remove what is theirs there",
            folder.path.join(user.as_str()).display()
        ));
    }
    if app.settings.instance.admin.as_deref() == Some(user) {
        warnings.push("`admin` under [instance] in the settings still names them".to_owned());
    }
    if !erasure.scrubbed {
        warnings.push(
            "MongoDB keeps what was removed in its oplog and journal until those are written over"
                .to_owned(),
        );
    }
    warnings.push("backups and what was sent on by syslog or OTLP are not touched".to_owned());
    warnings
}
