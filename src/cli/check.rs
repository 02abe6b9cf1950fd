//! `daybrief check`: a doctor. Looks at everything that a brief will need, and asks each source once as the brief will, under
//! the same role and permits. Keeps nothing of the answers, words nothing, sends nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use clap::Args;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{check_tools, local, one, open, print, print_json};
use crate::{
    access::{Principal, Surface},
    app::{self, App},
    audit::Target,
    domain::{
        briefing::Briefing,
        finding::{Gap, GapCause},
        people::Role,
        run::Audience,
        schedule::{ChannelKind, Schedule},
    },
    error::{Problem, Problems},
    ids::{RoleId, SignalId},
    limits::Source,
    mail_address::MailAddress,
    models,
    provision::{self, Change, ChangeKind, Objects},
    run::{address, audiences, preflight, rehearse},
    schedule::ticker,
    store::{Kind, Stored},
    zones,
};

/// Where more rows than this wait to be sent on, their receiver is silent.
const MOST_UNSENT: u64 = 5_000;
/// The trials of one model come to their end within this time.
const MODEL_IS_TRIED_FOR: Duration = Duration::from_secs(60);
/// Objects that are named where files are not applied.
const MOST_NAMED: usize = 5;

/// Addresses for whose sake the mail server is asked.
const MOST_ADDRESSES: usize = 20;

/// `check …`
#[derive(Debug, Args)]
pub struct Check {}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Line {
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
    let mut lines = vec![good("settings".to_owned(), String::new())];
    let zones = zones::overview(parts.clock.now().to_zoned_datetime(TimeZone::UTC).date());
    lines.push(good("time zones".to_owned(), zones.line));
    if let Some(warning) = zones.warning {
        lines.push(good("time zones".to_owned(), format!("warning: {warning}")));
    }
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
    let objects = objects(app, &mut lines).await?;
    look_at_addresses(app, &objects, &mut lines).await;
    check_tools::look(app, &objects, &mut lines).await;
    let checked = provision::check(&objects, &app.settings);
    for problem in &checked.errors {
        let (on, what) = told(problem);
        lines.push(bad(on, what));
    }
    for problem in &checked.warnings {
        let (on, what) = told(problem);
        lines.push(good(on, format!("warning: {what}")));
    }
    if objects.schedules.is_empty() {
        lines.push(bad(
            "schedules".to_owned(),
            "there is none: no brief will ever be due".to_owned(),
        ));
    }
    for schedule in &objects.schedules {
        look_at_schedule(app, &objects, schedule, &mut lines).await?;
    }
    Ok(lines)
}

pub(super) fn good(on: String, what: String) -> Line {
    Line { on, ok: true, what }
}

fn bad(on: String, what: String) -> Line {
    Line {
        on,
        ok: false,
        what,
    }
}

/// Where a problem is, and what it is and asks for.
fn told(problem: &Problem) -> (String, String) {
    let advice = problem
        .advice
        .as_deref()
        .map_or(String::new(), |advice| format!(" → {advice}"));
    (
        problem.place.clone().unwrap_or_default(),
        format!("{}{advice}", problem.what),
    )
}

/// The objects that are looked at: those that will be in force once the files are applied, else those that are.
async fn objects(app: &App, lines: &mut Vec<Line>) -> Result<Objects, Problems> {
    let fail = |error: crate::store::StoreError| one(error.into());
    let in_force = app.parts.objects().await.map_err(fail)?;
    let folders = &app.settings.instance.objects;
    if folders.is_empty() {
        return Ok(in_force);
    }
    let own = match provision::read(folders) {
        Ok(files) => files,
        Err(problems) => {
            for problem in &problems.0 {
                let (on, what) = told(problem);
                lines.push(bad(on, what));
            }
            lines.push(bad(
                "objects".to_owned(),
                "the files cannot be applied as they are; what follows is said of what is in force"
                    .to_owned(),
            ));
            return Ok(in_force);
        }
    };
    let own_keys: BTreeSet<(Kind, String)> = own.origins.keys().cloned().collect();
    let files = own.over(provision::shipped()?);
    let changes = provision::plan(&app.parts.store, &files)
        .await
        .map_err(fail)?;
    lines.push(good("objects".to_owned(), not_applied(&changes, &own_keys)));
    // What was never in a file stays in force beside them.
    let gone = |kind: Kind, id: &str| {
        changes.iter().any(|change| {
            change.change == ChangeKind::Remove && change.kind == kind && change.id == id
        })
    };
    Ok(files.over(in_force.without(gone)))
}

/// Says what of the files is not in force. What is shipped is not named.
fn not_applied(changes: &[Change], own: &BTreeSet<(Kind, String)>) -> String {
    if changes.is_empty() {
        return "all that the files hold is in force".to_owned();
    }
    let mut names: Vec<String> = changes
        .iter()
        .filter(|change| {
            change.change == ChangeKind::Remove || own.contains(&(change.kind, change.id.clone()))
        })
        .take(MOST_NAMED)
        .map(|change| format!("{} `{}`", change.kind.name(), change.id))
        .collect();
    if changes.len() > names.len() {
        names.push(format!("{} more", changes.len() - names.len()));
    }
    format!(
        "warning: the files are not applied yet: {} → `daybrief apply`; what follows is said of the files",
        names.join(", ")
    )
}

/// Whether the mail server takes each address that asks more of it than others do.
async fn look_at_addresses(app: &App, objects: &Objects, lines: &mut Vec<Line>) {
    let Some(channel) = app.parts.channels.get(&ChannelKind::Email) else {
        return;
    };
    let asking_more = objects.users.iter().filter(|user| {
        let email = user.email.as_deref().map(MailAddress::parse);
        user.is_active() && matches!(email, Some(Ok(address)) if address.needs_smtputf8())
    });
    for user in asking_more.take(MOST_ADDRESSES) {
        let Some(to) = address(user, ChannelKind::Email) else {
            continue;
        };
        if let Err(error) = channel.reaches(&to).await {
            lines.push(bad(
                objects.origin(Kind::User, user.id.as_str(), "email"),
                format!("mail does not reach the user `{}`: {error}", user.id),
            ));
        }
    }
}

/// When it is due, who gets it, and whether all that its brief needs answers.
async fn look_at_schedule(
    app: &App,
    objects: &Objects,
    schedule: &Schedule,
    lines: &mut Vec<Line>,
) -> Result<(), Problems> {
    let parts = &app.parts;
    let fail = |error: crate::store::StoreError| one(error.into());
    let on = || format!("schedule {}", schedule.id);
    let pause = parts.store.objects().pause_of(&schedule.id).await;
    if schedule.paused || pause.map_err(fail)?.is_some_and(|pause| pause.paused) {
        lines.push(good(on(), "is paused, so it is not looked at".to_owned()));
        return Ok(());
    }
    let stored = parts
        .store
        .objects()
        .get::<Schedule>(Kind::Schedule, schedule.id.as_str())
        .await
        .map_err(fail)?
        .filter(|stored| stored.object == *schedule)
        .unwrap_or_else(|| Stored {
            object: schedule.clone(),
            file: None,
            since: parts.clock.now(),
        });
    let audiences = audiences(schedule, objects, &parts.company.defaults);
    if audiences.is_empty() {
        lines.push(bad(
            on(),
            "nobody gets it: no recipient is active and has the role and an address".to_owned(),
        ));
        return Ok(());
    }
    let times = ticker::times(&stored, objects, &parts.store, &parts.company.defaults).await;
    match times.map_err(fail)? {
        Err(problem) => lines.push(bad(on(), problem.to_string())),
        Ok(times) => {
            let next = times
                .iter()
                .filter_map(|times| Some((times.after(parts.clock.now())?, times.zone())))
                .min_by_key(|(due, _)| due.due);
            lines.push(match next {
                Some((due, zone)) => good(
                    on(),
                    format!("`{}`, next due {}", schedule.when, local(due.due, zone)),
                ),
                None => bad(on(), format!("`{}` names no day to come", schedule.when)),
            });
        }
    }
    let briefing = objects
        .briefings
        .iter()
        .find(|briefing| briefing.id == schedule.briefing);
    // That there is none is told with the objects.
    if let Some(briefing) = briefing {
        look_at_briefing(app, objects, briefing, &audiences, lines).await;
    }
    Ok(())
}

/// Asks all that a brief asks, once for each role that it is made for.
async fn look_at_briefing(
    app: &App,
    objects: &Objects,
    briefing: &Briefing,
    audiences: &[Audience],
    lines: &mut Vec<Line>,
) {
    let parts = &app.parts;
    let before = lines.len();
    let findings = preflight(parts, objects, briefing, audiences).await;
    let mut roles: BTreeSet<&RoleId> = BTreeSet::new();
    let mut silent: BTreeMap<&str, BTreeSet<SignalId>> = BTreeMap::new();
    let mut refused: BTreeSet<String> = BTreeSet::new();
    for audience in audiences {
        if !roles.insert(&audience.role) {
            continue;
        }
        let rehearsal = match rehearse(parts, objects, briefing, audience).await {
            Ok(rehearsal) => rehearsal,
            Err(problem) => {
                let (on, what) = told(&problem);
                lines.push(bad(on, what));
                continue;
            }
        };
        for gap in rehearsal.gaps {
            // A source that does not even start is told once.
            let dead = findings
                .iter()
                .find(|finding| finding.on == gap.connector.as_str());
            match dead {
                Some(finding) => silent.entry(&finding.on).or_default().extend(gap.signals),
                None => {
                    lines.push(gap_line(objects, briefing, &audience.role, &gap));
                    if gap.cause == GapCause::NotAllowed {
                        refused.insert(gap.detail);
                    }
                }
            }
        }
        for doubt in rehearsal.doubts {
            let path = place_of(briefing, doubt.signal.as_ref(), &doubt.field);
            lines.push(good(
                objects.origin(Kind::Briefing, briefing.id.as_str(), &path),
                format!("warning: briefing {}, {doubt}", briefing.id),
            ));
        }
    }
    // A right that is missing is told with its signal.
    for finding in findings.iter().filter(|one| !refused.contains(&one.what)) {
        let signals = silent
            .get(finding.on.as_str())
            .map_or(String::new(), |ids| {
                let ids: Vec<&str> = ids.iter().map(SignalId::as_str).collect();
                format!("; so nothing can be said of {}", ids.join(", "))
            });
        lines.push(bad(
            format!("briefing {}, {}", briefing.id, finding.on),
            format!("{}{signals}", finding.what),
        ));
    }
    if !lines.iter().skip(before).any(|line| !line.ok) {
        lines.push(good(
            format!("briefing {}", briefing.id),
            "its sources answered all that it asks; its channels are there".to_owned(),
        ));
    }
}

/// The path of a signal's key in its briefing.
fn place_of(briefing: &Briefing, signal: Option<&SignalId>, field: &str) -> String {
    let index = briefing
        .signals
        .iter()
        .position(|known| Some(&known.id) == signal);
    match index {
        Some(index) => format!("signals[{index}].{field}"),
        None => field.to_owned(),
    }
}

/// A gap as an admin wants it: which signal, why, and what to do.
fn gap_line(objects: &Objects, briefing: &Briefing, role: &RoleId, gap: &Gap) -> Line {
    let connector = &gap.connector;
    let advice = match gap.cause {
        GapCause::NotAllowed => format!("grant it to the role `{role}`, or remove the signal"),
        _ => app::gap_advice(gap),
    };
    let signal = gap.signals.first();
    let field = match gap.cause {
        GapCause::Shape => "items",
        GapCause::Failed => "args",
        _ => "id",
    };
    let path = place_of(briefing, signal, field);
    let place = objects.origin(Kind::Briefing, briefing.id.as_str(), &path);
    let detail = match signal {
        Some(id) => gap
            .detail
            .strip_prefix(&format!("{id}: "))
            .unwrap_or(&gap.detail),
        None => &gap.detail,
    };
    bad(
        {
            let ids: Vec<&str> = gap.signals.iter().map(SignalId::as_str).collect();
            let signals = match ids.len() {
                1 => "signal",
                _ => "signals",
            };
            format!("briefing {}, {signals} {}", briefing.id, ids.join(", "))
        },
        format!(
            "`{connector}` {}: {detail} ({place}) → {advice}",
            gap.cause.clause()
        ),
    )
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
    let looked = app.settings.models.iter().map(|settings| {
        let (ledger, model) = (&ledger, wording.models.get(&settings.id));
        async move {
            // Why it cannot be used is told with the settings.
            let model = model.filter(|_| app.problem_of_model(&settings.id).is_none())?;
            let window = settings.context_tokens;
            let found = models::check(model.as_ref(), window, ledger, MODEL_IS_TRIED_FOR).await;
            Some((settings, found))
        }
    });
    // Each has the whole time for itself.
    let looked = futures_util::future::join_all(looked).await;
    let mut lines = Vec::new();
    for (settings, abilities) in looked.into_iter().flatten() {
        for ability in abilities {
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
