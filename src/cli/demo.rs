//! `daybrief demo`: the sample company's morning.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{on_terminal, one, print, print_json, progress::Watch, run::write};
use crate::{
    app::{self, App},
    clock::{Clock, ManualClock, SystemClock},
    demo,
    domain::brief::Brief,
    error::Problems,
    ids::RoleId,
    provision::{self, Objects},
    render::{self, Instance},
    run, settings,
};

/// `demo …`
#[derive(Debug, Args)]
pub struct Demo {
    /// Folder for the sources and the briefs.
    #[arg(long, value_name = "DIR", default_value = "demo")]
    out: PathBuf,
    /// IANA zone of the readers.
    #[arg(long, default_value = "UTC")]
    zone: String,
}

/// Lays out the company, makes every shipped briefing as due on the morning before and then as due now, prints the first.
pub async fn run(command: Demo, json: bool) -> Result<u8, Problems> {
    let now = SystemClock.now();
    let before = demo::morning_before(now, &run::zone(&command.zone).map_err(one)?);
    let folder = app::folder(command.out.clone()).map_err(one)?;
    let sources = app::folder(folder.join("sources")).map_err(one)?;
    let sources = std::fs::canonicalize(&sources).unwrap_or(sources);
    let company = demo::lay_out(&sources, now, provision::shipped()?)
        .await
        .map_err(one)?;
    let objects = &company.objects;
    demo::write_instance(&folder, objects, &command.zone).map_err(one)?;
    let config = folder.join("daybrief.toml");
    let say = |line: &str| {
        if !json {
            print(line);
        }
    };
    say(&format!(
        "✓ {} sample sources in {}",
        objects.connectors.len(),
        folder.join("sources").display()
    ));
    let clock = Arc::new(ManualClock::at(before));
    let app = App::open(settings::load(&config)?, clock.clone()).await?;
    let made = mornings(&app, &company, &clock, [before, now], &folder, json).await;
    app.shutdown().await;
    let (made, first) = made?;
    if json {
        print_json(&json!({ "briefs": made }));
        return Ok(0);
    }
    if let Some(brief) = first {
        print("");
        print(&render::text(
            &brief,
            &instance(&company.objects, &brief.role),
            render::TEXT_WIDTH,
            on_terminal(),
        ));
    }
    print(&format!(
        "Open {} in a browser; the others lie beside it.",
        folder.join("vp-engineering-morning/brief.html").display()
    ));
    print(&format!(
        "Have it every weekday at 07:10:  daybrief serve --config {}",
        config.display()
    ));
    print(&format!(
        "With your own data: change the files in {}, then see the difference with  daybrief apply --config {}",
        folder.join("objects").display(),
        config.display()
    ));
    Ok(0)
}

fn instance(objects: &Objects, role: &RoleId) -> Instance {
    Instance {
        name: demo::COMPANY_NAME.to_owned(),
        role: objects.title_of(role),
        page: None,
    }
}

/// The briefs of both mornings: what was made of today's, and the one to be shown.
async fn mornings(
    app: &App,
    company: &demo::Company,
    clock: &ManualClock,
    [before, now]: [Timestamp; 2],
    folder: &Path,
    json: bool,
) -> Result<(Vec<Value>, Option<Brief>), Problems> {
    let objects = &company.objects;
    let say = |line: &str| {
        if !json {
            print(line);
        }
    };
    let mut earlier = BTreeMap::new();
    for briefing in &objects.briefings {
        let (brief, _) = demo::make(app, objects, briefing, before, None, &|_| {})
            .await
            .map_err(one)?;
        earlier.insert(&briefing.id, brief.into_inner());
    }
    say("✓ the briefs of the morning before, so that today's tell what is new");
    company.go_on().await.map_err(one)?;
    clock.set(now);
    let mut made = Vec::new();
    let mut first = None;
    for briefing in &objects.briefings {
        let begun = Instant::now();
        let watch = Watch::new(&objects.connectors, json);
        let before = earlier.get(&briefing.id);
        let result = demo::make(app, objects, briefing, now, before, &|event| {
            watch.note(&event)
        })
        .await;
        let sources = watch.end();
        let (cleared, findings) = result.map_err(one)?;
        let folder = folder.join(briefing.id.as_str());
        let reader = objects
            .users
            .iter()
            .find(|user| user.roles.contains(&briefing.role))
            .map(|user| user.name.as_str());
        let instance = instance(objects, &briefing.role);
        let paths = write(cleared.get(), &folder, &instance, reader).map_err(one)?;
        let brief = cleared.into_inner();
        say(&format!(
            "✓ {}: {findings} risks in {:.1} s",
            brief.title,
            begun.elapsed().as_secs_f64()
        ));
        for source in sources {
            say(&format!("    {source}"));
        }
        made.push(json!({
            "briefing": brief.briefing, "subject": brief.subject, "findings": findings, "gaps": brief.gaps.len(), "files": paths,
        }));
        if brief.role.as_str() == "vp-engineering" {
            first = Some(brief);
        }
    }
    Ok((made, first))
}
