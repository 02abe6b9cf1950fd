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
    app::{self, App, KEY_FILE},
    audit::Target,
    domain::{
        briefing::{Briefing, Query},
        connector::{Connector, EnvValue, Launch},
        finding::{Gap, GapCause},
        people::Role,
        run::Audience,
        schedule::{ChannelKind, Schedule},
    },
    error::{Problem, Problems},
    ids::{ConnectorId, RoleId, SignalId},
    limits::Source,
    mail_address::MailAddress,
    models,
    provision::{self, Change, ChangeKind, Objects},
    run::{PreflightFinding, address, audiences, preflight, rehearse},
    schedule::ticker,
    secrets::{SecretRef, is_open_to_all},
    settings,
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
    let app = match open(config).await {
        Ok(app) => app,
        Err(problems) => return Err(with_objects(config, problems)),
    };
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

/// What keeps an instance from being opened, and with it what can be known of its objects.
fn with_objects(config: &Path, mut problems: Problems) -> Problems {
    let (settings, _) = settings::load_in_part(config);
    if let (Some(settings), Ok(shipped)) = (settings, provision::shipped()) {
        let (files, mut found) = provision::read_in_part(&settings.instance.objects);
        found.extend(provision::check(&files.over(shipped), &settings).errors);
        provision::sort(&mut found);
        problems.0.extend(found);
    }
    problems
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
        let (on, what) = told(problem);
        lines.push(bad(on, what));
    }
    lines.extend(look_at_models(app).await);
    for (kind, channel) in &parts.channels {
        // Why it could not be set up is told already.
        let place = format!("[{kind}]");
        if app
            .problems
            .iter()
            .any(|problem| problem.place.as_ref() == Some(&place))
        {
            continue;
        }
        let on = format!("channel {kind}");
        lines.push(match channel.check().await {
            Ok(()) => good(on, String::new()),
            Err(error) => bad(on, error.to_string()),
        });
    }
    let Some(objects) = objects(app, &mut lines).await? else {
        return Ok(lines);
    };
    look_at_addresses(app, &objects, &mut lines).await;
    check_tools::look(app, &objects, &mut lines).await;
    look_at_secrets(app, &objects, &mut lines);
    let checked = provision::check(&objects, &app.settings);
    for problem in &checked.errors {
        let (on, what) = told(problem);
        lines.push(bad(on, what));
    }
    for problem in &checked.warnings {
        let (on, what) = told(problem);
        lines.push(good(on, format!("warning: {what}")));
    }
    check_tools::look_at_grants(app, &objects, &mut lines).await;
    if app.settings.instance.admin.is_none() {
        lines.push(good(
            "the setting `instance.admin`".to_owned(),
            "warning: is not set, so nobody is told of what fails → name the id of a user"
                .to_owned(),
        ));
    }
    if objects.schedules.is_empty() {
        lines.push(bad(
            "schedules".to_owned(),
            "there is none: no brief will ever be due → write a `[schedule]`".to_owned(),
        ));
    }
    for schedule in &objects.schedules {
        look_at_schedule(app, &objects, &checked, schedule, &mut lines).await?;
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
/// Nothing where the files cannot be read and nothing is in force yet: then nothing can be said.
async fn objects(app: &App, lines: &mut Vec<Line>) -> Result<Option<Objects>, Problems> {
    let fail = |error: crate::store::StoreError| one(error.into());
    let in_force = app.parts.objects().await.map_err(fail)?;
    let folders = &app.settings.instance.objects;
    if folders.is_empty() {
        return Ok(Some(in_force));
    }
    let (own, mut problems) = provision::read_in_part(folders);
    if !problems.is_empty() {
        // Names of what is not from files are known too.
        let files = own.over(provision::shipped()?).over(in_force.clone());
        problems.extend(provision::check(&files, &app.settings).errors);
        provision::sort(&mut problems);
        for problem in &problems {
            let (on, what) = told(problem);
            lines.push(bad(on, what));
        }
        let nothing = in_force.schedules.is_empty() && in_force.users.is_empty();
        let rest = if nothing {
            "nothing is in force yet, so no source is asked"
        } else {
            "what follows is said of what is in force"
        };
        lines.push(bad(
            "objects".to_owned(),
            format!("the files cannot be applied as they are; {rest}"),
        ));
        return Ok((!nothing).then_some(in_force));
    }
    if own.origins.is_empty() {
        let folders: Vec<String> = folders
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        lines.push(bad(
            "objects".to_owned(),
            format!(
                "no file in {} ends in `.toml` and has an object → put your objects there, or name their folder in `[instance] objects`",
                folders.join(", ")
            ),
        ));
    }
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
    Ok(Some(files.over(in_force.without(gone))))
}

/// Says what of the files is not in force. What is shipped is not named.
fn not_applied(changes: &[Change], own: &BTreeSet<(Kind, String)>) -> String {
    if changes.is_empty() {
        return "all that the files hold is in force".to_owned();
    }
    if own.is_empty() {
        return "warning: only what is shipped is not applied yet → `daybrief apply`".to_owned();
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
    checked: &provision::Checked,
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
    // What is wrong with the schedule itself was told with the objects, with its line.
    let object = format!("schedule `{}`", schedule.id);
    let is_told = checked.errors.iter().any(|problem| {
        problem.what.starts_with(&object) || problem.place.as_ref() == Some(&object)
    });
    if audiences.is_empty() {
        if !is_told {
            lines.push(bad(
                on(),
                "nobody gets it: no recipient is active and has the role and an address → name somebody in `to`, or give them the role and an address"
                    .to_owned(),
            ));
        }
        return Ok(());
    }
    if let Some(problem) = stale(objects, schedule, parts.clock.now()) {
        let place = objects.origin(Kind::Schedule, schedule.id.as_str(), "calendar");
        lines.push(good(place, format!("warning: {problem}")));
    }
    let times = ticker::times(&stored, objects, &parts.store, &parts.company.defaults).await;
    let mut due = None;
    match times.map_err(fail)? {
        Err(_) if is_told => {}
        Err(problem) => lines.push(bad(on(), told(&problem).1)),
        Ok(times) => {
            let next = times
                .iter()
                .filter_map(|times| Some((times.after(parts.clock.now())?, times.zone())))
                .min_by_key(|(due, _)| due.due);
            due = next.as_ref().map(|(due, _)| due.due);
            lines.push(match next {
                Some((due, zone)) => good(
                    on(),
                    format!("`{}`, next due {}", schedule.when, local(due.due, zone)),
                ),
                None => bad(
                    on(),
                    format!(
                        "`{}` names no day to come ({}) → correct `when`, or the days of its calendar",
                        schedule.when,
                        objects.origin(Kind::Schedule, schedule.id.as_str(), "when")
                    ),
                ),
            });
        }
    }
    let briefing = objects
        .briefings
        .iter()
        .find(|briefing| briefing.id == schedule.briefing);
    // That there is none is told with the objects.
    if let Some(briefing) = briefing {
        look_at_briefing(app, objects, briefing, (&audiences, due), lines).await;
    }
    Ok(())
}

/// A calendar whose holidays are all over says nothing of those to come.
fn stale(objects: &Objects, schedule: &Schedule, now: jiff::Timestamp) -> Option<String> {
    let id = schedule.calendar.as_ref()?;
    let calendar = objects.calendars.iter().find(|known| known.id == *id)?;
    let (last, _) = calendar.holidays.last_key_value()?;
    let today = now.to_zoned_datetime(TimeZone::UTC).date();
    (*last < today).then(|| {
        format!(
            "schedule `{}`: the last holiday of the calendar `{id}` was {last}, so none to come is known → add those of this year and the next",
            schedule.id
        )
    })
}

/// Asks all that a brief asks, once for each role that it is made for.
async fn look_at_briefing(
    app: &App,
    objects: &Objects,
    briefing: &Briefing,
    (audiences, due): (&[Audience], Option<jiff::Timestamp>),
    lines: &mut Vec<Line>,
) {
    let parts = &app.parts;
    let before = lines.len();
    let mut roles: BTreeSet<&RoleId> = BTreeSet::new();
    let mut silent: BTreeMap<&str, BTreeSet<SignalId>> = BTreeMap::new();
    let mut refused: BTreeSet<String> = BTreeSet::new();
    let audiences: Vec<Audience> = audiences
        .iter()
        .filter(|audience| is_whole(objects, audience))
        .cloned()
        .collect();
    if audiences.is_empty() {
        return;
    }
    let findings = preflight(parts, objects, briefing, &audiences, due).await;
    for audience in &audiences {
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
                    let (on, what) = gap_told(objects, briefing, &audience.role, &gap);
                    lines.push(bad(on, what));
                    if gap.cause == GapCause::NotAllowed {
                        refused.insert(gap.detail);
                    }
                }
            }
        }
        for doubt in rehearsal.doubts {
            let (on, what) = told(&provision::told_of(objects, briefing, &doubt));
            lines.push(good(on, format!("warning: {what}")));
        }
    }
    let unknown = |on: &str| {
        !objects
            .connectors
            .iter()
            .any(|known| known.id.as_str() == on)
    };
    let mut channels = true;
    for finding in &findings {
        // A channel that does not work was told with the channels, a tool that the role may not ask with its signal, and a
        // connector that is not there with the objects.
        if finding.on.starts_with("channel ") {
            channels = false;
            continue;
        }
        let is_source = silent.contains_key(finding.on.as_str());
        if refused.contains(&finding.what) || (is_source && unknown(&finding.on)) {
            continue;
        }
        let (place, advice) = source_advice(objects, finding);
        let signals = silent
            .get(finding.on.as_str())
            .map_or(String::new(), |ids| {
                let ids: Vec<&str> = ids.iter().map(SignalId::as_str).collect();
                format!("; so nothing can be said of {}", ids.join(", "))
            });
        lines.push(bad(
            format!("briefing {}, {}", briefing.id, finding.on),
            format!("{}{signals}{place}{advice}", finding.what),
        ));
    }
    if !lines.iter().skip(before).any(|line| !line.ok) {
        let channels = if channels {
            "; its channels are there"
        } else {
            "; a channel that it goes over does not work"
        };
        lines.push(Line {
            ok: channels == "; its channels are there",
            on: format!("briefing {}", briefing.id),
            what: format!("its sources answered all that it asks{channels}"),
        });
    }
}

/// False where an audience's role or zone is not there, which is told with the objects.
fn is_whole(objects: &Objects, audience: &Audience) -> bool {
    objects.roles.iter().any(|role| role.id == audience.role) && zones::get(&audience.zone).is_ok()
}

/// Where a source is defined, in brackets, and what to do about it.
fn source_advice(objects: &Objects, finding: &PreflightFinding) -> (String, String) {
    let on = finding.on.as_str();
    let id = on.split('/').next().unwrap_or_default();
    let connector = objects
        .connectors
        .iter()
        .find(|known| known.id.as_str() == id);
    let Some(connector) = connector else {
        return (String::new(), String::new());
    };
    let key = match &connector.launch {
        Launch::Process { .. } => "command",
        Launch::Http { .. } => "url",
    };
    if on.contains('/') {
        return (String::new(), String::new());
    }
    let place = objects.origin(Kind::Connector, id, key);
    (
        format!(" ({place})"),
        match finding.advice.as_str() {
            "" => format!(" → look at it with `daybrief connector tools {id}`"),
            advice => format!(" → {advice}"),
        },
    )
}

/// A gap as an admin wants it: which signal, why, where it is written, and what to do.
pub(super) fn gap_told(
    objects: &Objects,
    briefing: &Briefing,
    role: &RoleId,
    gap: &Gap,
) -> (String, String) {
    let connector = &gap.connector;
    let advice = match (gap.cause, query_of(briefing, gap)) {
        (GapCause::NotAllowed, Some(query)) => {
            provision::advice_on_right(objects, query, role, &gap.detail)
        }
        _ => app::gap_advice(gap),
    };
    let signal = gap.signals.first();
    let field = match gap.cause {
        GapCause::Shape => "items",
        GapCause::Failed => "args",
        _ => "id",
    };
    let field = match gap.cause {
        GapCause::Rule => failed_field(briefing, gap).unwrap_or_else(|| field.to_owned()),
        _ => field.to_owned(),
    };
    let path = provision::path_of(briefing, signal, &field);
    let place = match gap.hint.as_ref().and_then(|hint| hint.place.as_ref()) {
        // What is wrong lies behind the connector, not in the call.
        Some(place) => {
            let key = match known_connector(objects, connector).map(|known| &known.launch) {
                Some(Launch::Http { .. }) => "url",
                _ => "command",
            };
            let of = objects.origin(Kind::Connector, connector.as_str(), key);
            format!("{place}; the connector: {of}")
        }
        None => objects.origin(Kind::Briefing, briefing.id.as_str(), &path),
    };
    let detail = match signal {
        Some(id) => gap
            .detail
            .strip_prefix(&format!("{id}: "))
            .unwrap_or(&gap.detail),
        None => &gap.detail,
    };
    (
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

fn known_connector<'o>(objects: &'o Objects, id: &ConnectorId) -> Option<&'o Connector> {
    objects.connectors.iter().find(|known| known.id == *id)
}

/// What the first signal of a gap asks of the gap's connector.
fn query_of<'b>(briefing: &'b Briefing, gap: &Gap) -> Option<&'b Query> {
    let id = gap.signals.first()?;
    let signal = briefing.signals.iter().find(|known| known.id == *id)?;
    std::iter::once(&signal.query)
        .chain(signal.joins.values().map(|join| &join.query))
        .find(|query| query.connector == gap.connector)
}

/// The key whose rule failed, as the gap's detail names it: `facts.amount`.
fn failed_field(briefing: &Briefing, gap: &Gap) -> Option<String> {
    let id = gap.signals.first()?;
    let signal = briefing.signals.iter().find(|known| known.id == *id)?;
    let tables = [("let", signal.lets.keys().collect::<Vec<_>>())]
        .into_iter()
        .chain([
            ("facts", signal.facts.keys().collect()),
            ("fact_links", signal.fact_links.keys().collect()),
        ])
        .flat_map(|(table, names)| names.into_iter().map(move |name| format!("{table}.{name}")));
    let single = [
        "when",
        "severity",
        "key",
        "rank",
        "measure.value",
        "link",
        "cause",
        "subject",
        "until",
    ];
    tables
        .chain(single.map(str::to_owned))
        .filter_map(|field| Some((gap.detail.find(&format!(": {field}: "))?, field)))
        .min()
        .map(|(_, field)| field)
}

/// Files of secrets that every account of the machine may read.
fn look_at_secrets(app: &App, objects: &Objects, lines: &mut Vec<Line>) {
    let settings = &app.settings;
    let own = settings
        .email
        .iter()
        .filter_map(|email| email.password.as_ref())
        .chain(settings.slack.iter().map(|slack| &slack.token))
        .chain(
            settings
                .models
                .iter()
                .filter_map(|model| model.api_key.as_ref()),
        )
        .chain(settings.secrets.key.as_ref())
        .chain(&settings.secrets.old_keys)
        .chain(settings.store.url.as_ref());
    let of_connectors = objects
        .connectors
        .iter()
        .flat_map(|connector| match &connector.launch {
            Launch::Process { env: values, .. }
            | Launch::Http {
                headers: values, ..
            } => values.values(),
        })
        .filter_map(|value| match value {
            EnvValue::Secret { secret, .. } => Some(secret),
            EnvValue::Plain(_) => None,
        });
    let mut open: BTreeSet<String> = own
        .chain(of_connectors)
        .filter_map(|reference| match reference {
            SecretRef::File(path) if is_open_to_all(path) => Some(path.display().to_string()),
            _ => None,
        })
        .collect();
    let key = settings.instance.data.join(KEY_FILE);
    if is_open_to_all(&key) {
        open.insert(key.display().to_string());
    }
    for path in open {
        lines.push(good(
            path.clone(),
            format!("warning: holds a secret that every account of this machine may read → `chmod 600 {path}`"),
        ));
    }
}

/// What each model of the route can do. Costs a few thousand tokens of the budget of checks.
async fn look_at_models(app: &App) -> Vec<Line> {
    let selector = &app.parts.maker.selector;
    let Ok(id) = RoleId::new("daybrief-check") else {
        return Vec::new();
    };
    let role = Role {
        // A check has a budget of its own.
        monthly_tokens: 0,
        ..Role::without_rights(id.clone(), "")
    };
    let principal = Principal::nobody(id, Surface::CommandLine);
    let ledger = selector.ledger(&role, &principal, Source::Check, app.parts.clock.as_ref());
    let looked = app.settings.models.iter().map(|settings| {
        let (ledger, model) = (&ledger, selector.models.get(&settings.id));
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
