//! `daybrief run`: one brief, now or as of an instant.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use jiff::Timestamp;

use super::{on_terminal, one, print, print_json};
use crate::{
    app::{self, Made, Maker, Occasion},
    clock::{Clock, ManualClock, SystemClock},
    domain::brief::Brief,
    error::{Problem, Problems},
    ids::{BriefingId, RoleId},
    provision,
    render::{self, Instance},
    text::Language,
};

/// `run …`
#[derive(Debug, Args)]
pub struct Run {
    briefing: BriefingId,
    /// Folder with the connectors, roles and briefings in TOML.
    #[arg(long, value_name = "DIR", default_value = "objects")]
    objects: PathBuf,
    /// Under whose rights; the briefing's own role without it.
    #[arg(long)]
    role: Option<RoleId>,
    /// As of this instant (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// IANA zone of the reader.
    #[arg(long, default_value = "UTC")]
    zone: String,
    /// Folder for the renderings.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Makes the brief. Exit code 3 where something could not be checked.
pub async fn run(command: Run, json: bool) -> Result<u8, Problems> {
    let objects =
        provision::read(std::slice::from_ref(&command.objects))?.over(provision::shipped()?);
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
            one(Problem::new(
                "unknown-briefing",
                format!("there is no briefing `{}`", command.briefing),
            )
            .at(command.objects.display().to_string())
            .advise(format!("it has: {}", known.join(", "))))
        })?;
    let clock: Arc<dyn Clock> = match command.at {
        Some(at) => Arc::new(ManualClock::at(at)),
        None => Arc::new(SystemClock),
    };
    let due = clock.now();
    let maker = Maker::new(&objects, clock, crate::ids::fresh().into_bytes());
    let occasion = Occasion {
        role: command.role.as_ref().unwrap_or(&briefing.role),
        zone: &command.zone,
        language: Language::English,
        due,
        previous: &[],
        since: None,
    };
    let made = maker.make(briefing, &occasion, &|_| {}).await;
    maker.shutdown().await;
    let Made { brief, findings } = made.map_err(one)?;
    let instance = Instance {
        name: "Daybrief".to_owned(),
        page: None,
    };
    let cleared = maker.clear(brief);
    if let Some(out) = &command.out {
        write(cleared.get(), out, &instance).map_err(one)?;
    }
    let brief = cleared.into_inner();
    let code = if brief.gaps.is_empty() { 0 } else { 3 };
    let gaps = app::gap_lines(&brief.gaps);
    if json {
        print_json(&Made { brief, findings });
    } else {
        print(&render::text(
            &brief,
            &instance,
            render::TEXT_WIDTH,
            on_terminal(),
        ));
        for gap in gaps {
            print(&format!("not checked: {gap}"));
        }
    }
    Ok(code)
}

/// Writes the renderings of a brief into a folder; the first is the one a person opens.
pub fn write(
    brief: &Brief,
    folder: &std::path::Path,
    instance: &Instance,
) -> Result<Vec<PathBuf>, Problem> {
    let folder = app::folder(folder.to_owned())?;
    let mut paths = Vec::new();
    for (name, content) in render::folder(brief, instance).files {
        let path = folder.join(&name);
        std::fs::write(&path, content).map_err(|error| {
            Problem::new("unwritable", format!("{name}: {error}")).at(folder.display().to_string())
        })?;
        paths.push(path);
    }
    Ok(paths)
}
