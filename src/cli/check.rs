//! `daybrief check`: a doctor. Looks at everything that a brief will need; asks nothing of the business, sends nothing.

use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::{one, open, print, print_json};
use crate::{
    access::{Principal, Surface},
    app::App,
    audit::Target,
    domain::{people::Role, schedule::Schedule},
    error::{Problem, Problems},
    ids::RoleId,
    limits::Source,
    models, provision,
    run::{audiences, preflight},
    schedule::ticker,
    store::Kind,
};

/// Where more rows than this wait to be sent on, their receiver is silent.
const MOST_UNSENT: u64 = 5_000;

/// `check …`
#[derive(Debug, Args)]
pub struct Check {}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Line {
    on: String,
    ok: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    what: String,
}

/// Looks at everything; exit code 1 where something is wrong.
pub async fn run(_: &Check, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    let lines = look(&app).await;
    app.shutdown().await;
    let lines = lines?;
    for line in &lines {
        if json {
            print_json(line);
        } else {
            let sign = if line.ok { '✓' } else { '✗' };
            let what = if line.what.is_empty() {
                String::new()
            } else {
                format!(": {}", line.what)
            };
            print(&format!("{sign} {}{what}", line.on));
        }
    }
    Ok(u8::from(lines.iter().any(|line| !line.ok)))
}

async fn look(app: &App) -> Result<Vec<Line>, Problems> {
    let parts = &app.parts;
    let fail = |error: crate::store::StoreError| one(error.into());
    let good = |on: String, what: String| Line { on, ok: true, what };
    let bad = |on: String, what: String| Line {
        on,
        ok: false,
        what,
    };
    let mut lines = vec![good("settings".to_owned(), String::new())];
    parts.store.ping().await.map_err(fail)?;
    lines.push(good("store".to_owned(), String::new()));
    let trail = parts.audit.verify().await.map_err(fail)?;
    lines.push(match trail.first_bad {
        None => good(
            "audit trail".to_owned(),
            format!("{} rows, whole", trail.entries),
        ),
        Some(row) => bad(
            "audit trail".to_owned(),
            format!("row {row} is not as it was written"),
        ),
    });
    for target in Target::all(&app.settings.audit) {
        let unsent = parts.audit.unsent(&target).await.map_err(fail)?;
        let line = if unsent < MOST_UNSENT { good } else { bad };
        lines.push(line(
            format!("audit trail, {}", target.name()),
            format!("{unsent} rows are not yet sent"),
        ));
    }
    for problem in &app.problems {
        lines.push(bad(
            problem.place.clone().unwrap_or_default(),
            problem.what.clone(),
        ));
    }
    lines.extend(look_at_models(app).await);
    for (kind, channel) in &parts.channels {
        let on = format!("channel {kind}");
        lines.push(match channel.check().await {
            Ok(()) => good(on, String::new()),
            Err(error) => bad(on, error.to_string()),
        });
    }
    let objects = parts.objects().await.map_err(fail)?;
    let checked = provision::check(&objects, &app.settings);
    let told = |problem: &Problem| {
        let advice = problem
            .advice
            .as_deref()
            .map_or(String::new(), |advice| format!(" → {advice}"));
        (
            problem.place.clone().unwrap_or_default(),
            format!("{}{advice}", problem.what),
        )
    };
    for problem in &checked.errors {
        let (on, what) = told(problem);
        lines.push(bad(on, what));
    }
    for problem in &checked.warnings {
        let (on, what) = told(problem);
        lines.push(good(on, format!("warning: {what}")));
    }
    let schedules = parts
        .store
        .objects()
        .all::<Schedule>(Kind::Schedule)
        .await
        .map_err(fail)?;
    if schedules.is_empty() {
        lines.push(bad(
            "schedules".to_owned(),
            "there is none: no brief will ever be due".to_owned(),
        ));
    }
    for stored in &schedules {
        let schedule = &stored.object;
        let on = format!("schedule {}", schedule.id);
        let times = ticker::times(stored, &objects, &parts.store, &parts.company.defaults)
            .await
            .map_err(fail)?;
        match times {
            Err(problem) => lines.push(bad(on, problem.to_string())),
            Ok(times) => {
                let next = times
                    .iter()
                    .filter_map(|times| times.after(parts.clock.now()))
                    .map(|due| due.due)
                    .min();
                lines.push(next_line(on, schedule, next));
            }
        }
        let audiences = audiences(schedule, &objects, &parts.company.defaults);
        if audiences.is_empty() {
            lines.push(bad(
                format!("schedule {}", schedule.id),
                "nobody gets it: no recipient has the role and an address".to_owned(),
            ));
        }
        let Some(briefing) = objects
            .briefings
            .iter()
            .find(|briefing| briefing.id == schedule.briefing)
        else {
            lines.push(bad(
                format!("schedule {}", schedule.id),
                format!("there is no briefing `{}`", schedule.briefing),
            ));
            continue;
        };
        let findings = preflight(parts, &objects, briefing, &audiences).await;
        if findings.is_empty() {
            lines.push(good(
                format!("briefing {}", briefing.id),
                "its sources, tools and channels are there".to_owned(),
            ));
        }
        lines.extend(findings.into_iter().map(|finding| {
            bad(
                format!("briefing {}, {}", briefing.id, finding.on),
                finding.what,
            )
        }));
    }
    Ok(lines)
}

/// What each model of the route can do. Costs a few thousand tokens of the budget of checks.
async fn look_at_models(app: &App) -> Vec<Line> {
    let wording = &app.parts.maker.wording;
    let Ok(id) = RoleId::new("daybrief-check") else {
        return Vec::new();
    };
    let role = Role {
        // A check has a budget of its own.
        monthly_tokens: 0,
        ..Role::without_rights(id.clone(), "")
    };
    let principal = Principal::nobody(id, Surface::CommandLine);
    let ledger = wording.ledger(&role, &principal, Source::Check, app.parts.clock.as_ref());
    let mut lines = Vec::new();
    for settings in &app.settings.models {
        let Some(model) = wording.models.get(&settings.id) else {
            continue;
        };
        for ability in models::check(model.as_ref(), settings.context_tokens, &ledger).await {
            let what = if ability.ok || ability.needed {
                ability.why
            } else {
                format!("{}; needed for questions, not for briefs", ability.why)
            };
            lines.push(Line {
                on: format!("model {}, {}", settings.id, ability.what),
                ok: ability.ok || !ability.needed,
                what,
            });
        }
    }
    lines
}

fn next_line(on: String, schedule: &Schedule, next: Option<Timestamp>) -> Line {
    let (ok, what) = match next {
        Some(next) => (true, format!("`{}`, next due {next}", schedule.when)),
        None => (
            schedule.paused,
            "is not due: it is paused, or its rule names no day".to_owned(),
        ),
    };
    Line { on, ok, what }
}
