//! `daybrief apply` and `export`: objects between files and the store.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{confirmed, one, open, print, print_json};
use crate::{
    app::{self, App},
    audit::{Act, Entry, Record},
    error::{Problem, Problems},
    provision::{self, Change, ChangeKind, Objects},
    store::Kind,
};

/// `apply …`
#[derive(Debug, Args)]
pub struct Apply {
    /// Folders of TOML files; those of the settings without one.
    #[arg(value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Shows the difference and changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Applies without asking.
    #[arg(long)]
    yes: bool,
    /// Shows every line of what is added and removed too, not of what changes alone.
    #[arg(long)]
    diff: bool,
}

/// `export …`
#[derive(Debug, Args)]
pub struct Export {
    /// An empty or new folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// The objects of folders over the shipped ones, after looking whether they fit together and to the settings. Warnings are
/// told; an error keeps everything as it is.
fn read(app: &App, folders: &[PathBuf]) -> Result<Objects, Problems> {
    let (own, mut problems) = provision::read_in_part(folders);
    let objects = own.over(provision::shipped()?);
    let checked = provision::check(&objects, &app.settings);
    if !problems.is_empty() {
        problems.extend(checked.errors);
        provision::sort(&mut problems);
        return Err(Problems(problems));
    }
    for warning in &checked.warnings {
        super::to_stderr(&format!("warning: {warning}"));
    }
    if checked.errors.is_empty() {
        Ok(objects)
    } else {
        Err(Problems(checked.errors))
    }
}

/// Applies folders as the daemon does at its start; how many objects changed.
pub async fn bring_into_force(app: &App, folders: &[PathBuf]) -> Result<usize, Problems> {
    let objects = read(app, folders)?;
    let changes = provision::plan(&app.parts.store, &objects)
        .await
        .map_err(|error| one(error.into()))?;
    make(app, &objects, &changes).await?;
    Ok(changes.len())
}

/// Makes the changes, after writing them into the audit trail.
async fn make(app: &App, objects: &Objects, changes: &[Change]) -> Result<(), Problems> {
    let now = app.parts.clock.now();
    let records: Vec<Record> = changes
        .iter()
        .map(|change| {
            // A user's id stands in the row as whom it is about, so that it can be erased.
            let person = (change.kind == Kind::User).then(|| change.id.clone());
            let on = match person {
                Some(_) => change.kind.name().to_owned(),
                None => format!("{}/{}", change.kind.name(), change.id),
            };
            let mut entry = Entry::new(now, Act::ObjectChange, "cli", on);
            entry.detail = change.change.sign().to_string();
            Record {
                about: person,
                ..Record::from(entry)
            }
        })
        .collect();
    let store = &app.parts.store;
    let done = async {
        app.parts.audit.record(&records).await?;
        provision::apply(store, objects, changes, now).await
    };
    done.await.map_err(|error| one(error.into()))
}

/// Shows the difference, asks, applies.
pub async fn run(command: Apply, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    let folders = if command.folders.is_empty() {
        app.settings.instance.objects.clone()
    } else {
        command.folders
    };
    if folders.is_empty() {
        return Err(one(Problem::new(
            "no-folder",
            "no folder of objects is named",
        )
        .advise("name one, or set `objects` under [instance]")));
    }
    let objects = read(&app, &folders)?;
    let changes = provision::plan(&app.parts.store, &objects)
        .await
        .map_err(|error| one(error.into()))?;
    if json {
        for change in &changes {
            print_json(change);
        }
    } else {
        let own = provision::read(&folders)?;
        for change in &changes {
            show(change, &own, command.diff);
        }
    }
    let counts = Counts::of(&changes);
    if changes.is_empty() || command.dry_run {
        if json {
            print_json(&counts.as_json(0));
        } else if changes.is_empty() {
            print("nothing changes");
        } else {
            print(&format!("{counts}; nothing was applied"));
        }
        return Ok(0);
    }
    if !json {
        print(&counts.to_string());
    }
    if !command.yes && !confirmed("Apply this?") {
        return Err(one(Problem::new("not-applied", "nothing was applied")
            .advise("answer y at a terminal, or give --yes")));
    }
    make(&app, &objects, &changes).await?;
    if json {
        print_json(&counts.as_json(changes.len()));
    } else {
        print(&format!("{} objects applied", changes.len()));
    }
    Ok(0)
}

/// One change: a line with where the object comes from, and the lines that go and come where it changes.
fn show(change: &Change, own: &Objects, all_lines: bool) {
    let (kind, id) = (change.kind, change.id.as_str());
    let from = if change.change == ChangeKind::Remove {
        "no file has it any more".to_owned()
    } else if own.origins.contains_key(&(kind, change.id.clone())) {
        own.origin(kind, id, "id")
    } else {
        "shipped".to_owned()
    };
    print(&format!(
        "{} {} {id} ({from})",
        change.change.sign(),
        kind.name()
    ));
    if all_lines || change.change == ChangeKind::Change {
        for line in &change.lines {
            print(&format!("    {line}"));
        }
    }
}

/// How many objects come, change and go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    add: usize,
    change: usize,
    remove: usize,
}

impl Counts {
    fn of(changes: &[Change]) -> Self {
        let count = |kind| changes.iter().filter(|one| one.change == kind).count();
        Self {
            add: count(ChangeKind::Add),
            change: count(ChangeKind::Change),
            remove: count(ChangeKind::Remove),
        }
    }

    fn as_json(self, applied: usize) -> serde_json::Value {
        json!({ "applied": applied, "add": self.add, "change": self.change, "remove": self.remove })
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} to add, {} to change, {} to remove",
            self.add, self.change, self.remove
        )
    }
}

/// Writes every object into a file of its own.
pub async fn export(command: Export, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    let objects = app
        .parts
        .objects()
        .await
        .map_err(|error| one(error.into()))?;
    let folder = app::folder(command.folder).map_err(one)?;
    let unwritable = |place: &Path, what: String| {
        one(Problem::new("unwritable", what).at(place.display().to_string()))
    };
    let occupied = std::fs::read_dir(&folder)
        .map_err(|error| unwritable(&folder, format!("cannot be read: {error}")))?
        .next()
        .is_some();
    if occupied {
        return Err(one(Problem::new("not-empty", "the folder is not empty")
            .at(folder.display().to_string())
            .advise("name an empty or a new one: nothing is overwritten")));
    }
    let files = objects.files();
    for (kind, id, text) in &files {
        let place = app::folder(folder.join(format!("{}s", kind.name()))).map_err(one)?;
        let path = place.join(format!("{id}.toml"));
        std::fs::write(&path, text)
            // What is cut must not lie there as if it were whole.
            .inspect_err(|_| drop(std::fs::remove_file(&path)))
            .map_err(|error| unwritable(&path, format!("cannot be written: {error}")))?;
    }
    if json {
        print_json(&json!({ "exported": files.len() }));
    } else {
        print(&format!("{} objects in {}", files.len(), folder.display()));
    }
    Ok(0)
}
