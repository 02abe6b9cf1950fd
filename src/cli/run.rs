//! `daybrief run`: one brief, now or as of an instant, as the next due one would be. Nothing of it is kept.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use jiff::Timestamp;

use super::{
    check::gap_told, instant, on_terminal, one, print, print_json, progress::Watch,
    settings_if_there, tell_of_models, to_stderr, unknown,
};
use crate::{
    access::Surface,
    app::{self, App},
    channels,
    clock::{Clock, ManualClock, SystemClock},
    domain::brief::Brief,
    error::{Problem, Problems},
    ids::{BriefingId, RoleId, RunId},
    provision::{self, Kind, Objects},
    render::{self, Instance},
    run::{Made, Occasion, last_read},
    settings::{self, Settings},
    zones,
};

/// `run …`
#[derive(Debug, Args)]
pub struct Run {
    briefing: BriefingId,
    /// Folder with the connectors, roles and briefings in TOML, instead of those in force. The settings count where there are
    /// any; nothing is kept, not even what its models cost.
    #[arg(long, value_name = "DIR")]
    objects: Option<PathBuf>,
    /// Under whose rights; the briefing's own role without it.
    #[arg(long)]
    role: Option<RoleId>,
    /// As of this instant (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<Timestamp>,
    /// IANA zone of the reader; that of the briefing's readers, or the instance's, without it.
    #[arg(long)]
    zone: Option<String>,
    /// Folder for the renderings.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Makes the brief. Exit code 3 where something could not be checked.
pub async fn run(command: Run, config: &Path, json: bool) -> Result<u8, Problems> {
    let clock: Arc<dyn Clock> = match command.at {
        Some(at) => Arc::new(ManualClock::at(at)),
        None => Arc::new(SystemClock),
    };
    let due = clock.now();
    let (app, objects) = match &command.objects {
        Some(folder) => {
            let objects =
                provision::read(std::slice::from_ref(folder))?.over(provision::shipped()?);
            let settings = settings_if_there(config)?.unwrap_or_default();
            (App::temporary(settings, clock).await?, objects)
        }
        None => {
            let app = App::open(settings::load(config)?, clock).await?;
            let objects = app.parts.objects().await;
            let objects = objects.map_err(|error| one(error.into()))?;
            let objects = with_lines(&app.settings, objects, &command.briefing);
            (app, objects)
        }
    };
    let briefing = objects
        .briefings
        .iter()
        .find(|briefing| briefing.id == command.briefing)
        .ok_or_else(|| {
            let known: Vec<&str> = objects
                .briefings
                .iter()
                .map(|briefing| briefing.id.as_str())
                .collect();
            one(if known.is_empty() && command.objects.is_none() {
                unknown("briefing", command.briefing.as_str(), known)
                    .advise("none is in force: `daybrief apply` brings those of your files into force, `--objects DIR` tries them without")
            } else {
                unknown("briefing", command.briefing.as_str(), known)
            })
        })?;
    tell_of_models(&app);
    if let Some(zone) = &command.zone {
        zones::get(zone).map_err(|unknown| one(Problem::from(unknown).at("--zone")))?;
    }
    let role = command.role.as_ref().unwrap_or(&briefing.role);
    // What it says is new, ongoing or resolved is what the next due brief would say: it is held against the last due one,
    // and none is held against it.
    let earlier = app
        .parts
        .due_before(&objects, &briefing.id, role, command.zone.as_deref(), due)
        .await
        .map_err(|error| one(error.into()))?;
    let before = last_read(&earlier);
    let readers_zone = app.parts.zone_of_readers(&objects, &briefing.id, role);
    let zone = command
        .zone
        .as_deref()
        .or(before.map(|(brief, _)| brief.zone.as_str()))
        .or(readers_zone.as_deref())
        .unwrap_or(&app.settings.instance.zone);
    let occasion = Occasion {
        run: fresh_run().map_err(one)?,
        role,
        zone,
        language: briefing.language,
        calendar: app::calendar_of(&app.parts, &objects),
        surface: Surface::CommandLine,
        schedule: None,
        due,
        previous: before.map_or(&[], |(brief, _)| brief.marks.as_slice()),
        since: before.map(|(_, due)| due),
        earlier: &earlier,
    };
    let watch = Watch::new(&objects.connectors, json);
    let made = app
        .parts
        .maker
        .make(&objects, briefing, &occasion, &|event| watch.note(&event))
        .await;
    watch.end();
    app.shutdown().await;
    let Made {
        brief,
        findings,
        doubts,
    } = made.map_err(one)?;
    let instance = Instance {
        name: app.settings.instance.name.clone(),
        role: objects.title_of(occasion.role),
        page: None,
    };
    let cleared = app.parts.guard(&objects).clear(brief);
    if let Some(out) = &command.out {
        write(cleared.get(), out, &instance, None).map_err(one)?;
    }
    let brief = cleared.into_inner();
    let code = if brief.gaps.is_empty() { 0 } else { 3 };
    if json {
        print_json(&Made {
            brief,
            findings,
            doubts,
        });
    } else {
        print(&render::text(
            &brief,
            &instance,
            render::TEXT_WIDTH,
            on_terminal(),
        ));
        for gap in &brief.gaps {
            let (on, what) = gap_told(&objects, briefing, occasion.role, gap);
            print(&format!("not checked: {on}: {what}"));
        }
        for doubt in &doubts {
            to_stderr(&format!("note: {doubt}"));
        }
    }
    Ok(code)
}

/// The objects in force with where they are written, as far as the settings' files have them just so. Says so where the files
/// have the briefing otherwise: what is run is what is in force.
fn with_lines(settings: &Settings, objects: Objects, briefing: &BriefingId) -> Objects {
    let folders = &settings.instance.objects;
    if folders.is_empty() {
        return objects;
    }
    let id = briefing.as_str();
    let files = match provision::read(folders) {
        Ok(files) => files,
        Err(problems) => {
            let first = problems.0.first().map(ToString::to_string);
            to_stderr(&format!(
                "note: this is `{id}` as it is in force; the files cannot be read as they are: {}",
                first.unwrap_or_default()
            ));
            return objects;
        }
    };
    let place = files.origin(Kind::Briefing, id, "id");
    let is_written = files.origins.contains_key(&(Kind::Briefing, id.to_owned()));
    let objects = objects.written_in(&files);
    if is_written
        && !objects
            .origins
            .contains_key(&(Kind::Briefing, id.to_owned()))
    {
        to_stderr(&format!(
            "note: this is `{id}` as it is in force; its file has it otherwise ({place})\n  → `daybrief apply` brings the file into force, `--objects DIR` tries it without"
        ));
    }
    objects
}

/// The id of a run that no schedule has.
pub fn fresh_run() -> Result<RunId, Problem> {
    RunId::new(crate::ids::fresh()).map_err(|error| Problem::new("internal", error.to_string()))
}

/// Writes the renderings of a brief and its mail, to a reader of this name, into a folder; the first is the one a person
/// opens.
pub fn write(
    brief: &Brief,
    folder: &std::path::Path,
    instance: &Instance,
    reader: Option<&str>,
) -> Result<Vec<PathBuf>, Problem> {
    let mut message = render::folder(brief, instance);
    message.mail.to_name = reader.map(str::to_owned);
    channels::write_files(folder, message, brief.run.as_str(), brief.made).map_err(|error| {
        Problem::new("unwritable", error.to_string()).at(folder.display().to_string())
    })
}
