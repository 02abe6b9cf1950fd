//! `daybrief demo`: the sample company's morning.

use std::{path::PathBuf, sync::Arc, time::Instant};

use clap::Args;
use serde_json::json;

use super::{
    on_terminal, one, print, print_json,
    progress::Watch,
    run::{fresh_run, write},
};
use crate::{
    access::Surface,
    app::{self, App},
    clock::{Clock, SystemClock},
    demo,
    error::Problems,
    provision,
    render::{self, Instance},
    run::{Made, Occasion},
    settings::Settings,
    text::Language,
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

/// Lays out the company, makes every shipped briefing as due now, prints the first.
pub async fn run(command: Demo, json: bool) -> Result<u8, Problems> {
    let clock = Arc::new(SystemClock);
    let now = clock.now();
    let folder = app::folder(command.out.clone()).map_err(one)?;
    let sources = app::folder(folder.join("sources")).map_err(one)?;
    let sources = std::fs::canonicalize(&sources).unwrap_or(sources);
    let objects = demo::lay_out(&sources, now, provision::shipped()?)
        .await
        .map_err(one)?;
    demo::write_instance(&folder, &objects, &command.zone).map_err(one)?;
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
    let app = App::temporary(Settings::default(), clock).await?;
    let mut made = Vec::new();
    let mut first = None;
    let instance = |role| Instance {
        name: demo::COMPANY_NAME.to_owned(),
        role: objects.title_of(role),
        page: None,
    };
    for briefing in &objects.briefings {
        let begun = Instant::now();
        let watch = Watch::new(&objects.connectors, json);
        let occasion = Occasion {
            run: fresh_run().map_err(one)?,
            calendar: None,
            surface: Surface::CommandLine,
            schedule: None,
            role: &briefing.role,
            zone: &command.zone,
            language: Language::English,
            due: now,
            previous: &[],
            since: None,
        };
        let result = app
            .parts
            .maker
            .make(&objects, briefing, &occasion, &|event| watch.note(&event))
            .await;
        let sources = watch.end();
        let Made { brief, findings } = match result {
            Ok(made) => made,
            Err(problem) => {
                app.shutdown().await;
                return Err(one(problem));
            }
        };
        let cleared = app.parts.guard(&objects).clear(brief);
        let reader = objects
            .users
            .iter()
            .find(|user| user.roles.contains(&briefing.role));
        let paths = write(
            cleared.get(),
            &folder.join(briefing.id.as_str()),
            &instance(&briefing.role),
            reader.map(|user| user.name.as_str()),
        )
        .map_err(one)?;
        let brief = cleared.into_inner();
        say(&format!(
            "✓ {}: {} risks in {:.1} s",
            brief.title,
            findings.len(),
            begun.elapsed().as_secs_f64()
        ));
        for source in sources {
            say(&format!("    {source}"));
        }
        made.push(json!({
            "briefing": brief.briefing, "subject": brief.subject, "findings": findings.len(), "gaps": brief.gaps.len(), "files": paths,
        }));
        if brief.role.as_str() == "vp-engineering" {
            first = Some(brief);
        }
    }
    app.shutdown().await;
    if json {
        print_json(&json!({ "briefs": made }));
        return Ok(0);
    }
    if let Some(brief) = first {
        print("");
        print(&render::text(
            &brief,
            &instance(&brief.role),
            render::TEXT_WIDTH,
            on_terminal(),
        ));
    }
    print(&format!(
        "Open {} in a browser; the others lie beside it.",
        folder.join("vp-engineering-morning/brief.html").display()
    ));
    let config = folder.join("daybrief.toml");
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
