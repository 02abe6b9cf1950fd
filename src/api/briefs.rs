//! `/api/v1/briefs`: the briefs that went to the caller under the token's role.

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Programs, refusal::Refusal, tokens::Caller};
use crate::{
    audit::{Act, Outcome},
    domain::{
        brief::{Brief, Edition, Item},
        finding::{Severity, Status},
        run::Run,
    },
    guard::Guard,
    ids::{BriefingId, RunId},
    provision::Objects,
    run::audiences,
    store::Scope,
    text::Language,
};

/// Briefs of a list without a limit, and at most.
const LISTED: usize = 20;
const MOST_LISTED: usize = 100;

/// What of the list is wanted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    #[serde(default)]
    limit: Option<usize>,
}

/// Briefs, the newest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BriefList {
    pub briefs: Vec<Listed>,
}

/// A brief in a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Listed {
    pub run: RunId,
    pub briefing: BriefingId,
    pub title: String,
    /// The judgement in one line.
    pub subject: String,
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub due: Timestamp,
    /// Risks in it.
    pub items: usize,
}

/// A brief as its reader sees it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BriefView {
    pub run: RunId,
    pub briefing: BriefingId,
    pub title: String,
    pub language: Language,
    /// The instant it was due.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub due: Timestamp,
    /// The instant it was composed.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub made: Timestamp,
    /// A model chose what it names first; its sentences are always Daybrief's.
    pub selected_by_model: bool,
    /// The judgement in one line.
    pub subject: String,
    /// What is to be known before reading: late, sources that were not checked.
    pub notices: Vec<String>,
    pub bottom_line: String,
    pub decide: Vec<ItemView>,
    pub watch: Vec<ItemView>,
    /// Risks for which the brief itself has no room.
    pub also_open: Vec<ItemView>,
    /// Risks that are not in it, those in `also_open` among them.
    pub more: usize,
    /// Headlines of risks that are gone.
    pub resolved: Vec<String>,
    /// Sources that were asked, with when each answered; nothing where it did not.
    pub sources: Vec<SourceView>,
}

/// One risk.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ItemView {
    pub number: usize,
    pub severity: Severity,
    /// `new`, `ongoing`, `worse` or `better`.
    pub status: &'static str,
    pub headline: String,
    pub body: String,
    pub next: String,
    /// The record to open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "uri"))]
    pub open: Option<Url>,
}

/// A source that was asked.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SourceView {
    pub title: String,
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub as_of: Option<Timestamp>,
}

impl BriefView {
    /// What the guard lets out of a brief.
    fn of(brief: Brief, guard: &Guard) -> Self {
        let brief = guard.clear(brief).into_inner();
        Self {
            selected_by_model: matches!(brief.edition, Edition::Selected { .. }),
            run: brief.run,
            briefing: brief.briefing,
            title: brief.title,
            language: brief.language,
            due: brief.due,
            made: brief.made,
            subject: brief.subject,
            notices: brief.notices.iter().map(ToString::to_string).collect(),
            bottom_line: brief.bottom_line.text(),
            decide: brief.decide.iter().map(item).collect(),
            watch: brief.watch.iter().map(item).collect(),
            also_open: brief.rest.iter().map(item).collect(),
            more: brief.more,
            resolved: brief.resolved.into_iter().map(|gone| gone.said).collect(),
            sources: brief
                .sources
                .into_iter()
                .map(|source| SourceView {
                    title: source.title,
                    as_of: source.as_of,
                })
                .collect(),
        }
    }

    /// The brief as text, for a reader of text alone.
    pub fn text(&self) -> String {
        let mut lines = vec![self.subject.clone()];
        lines.extend(self.notices.iter().cloned());
        lines.push(self.bottom_line.clone());
        for item in self.decide.iter().chain(&self.watch) {
            let parts = [item.headline.as_str(), &item.body, &item.next];
            let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            lines.push(format!(
                "{}. [{}, {}] {}",
                item.number,
                item.severity.word(),
                item.status,
                said.join(" ")
            ));
        }
        lines.extend(self.resolved.iter().map(|gone| format!("Resolved: {gone}")));
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }
}

fn item(item: &Item) -> ItemView {
    ItemView {
        number: item.number,
        severity: item.severity,
        status: match item.status {
            Status::New => "new",
            Status::Ongoing { .. } => "ongoing",
            Status::Worse { .. } | Status::Raised { .. } => "worse",
            Status::Better { .. } => "better",
        },
        headline: item.headline.text(),
        body: item.body.text(),
        next: item.next.text(),
        open: item.open.as_ref().map(|open| open.url.clone()),
    }
}

/// Was it sent to the caller, under the token's role?
fn went_to(caller: &Caller, run: &Run) -> bool {
    run.is_read_by(Some(&caller.user.id), &caller.role.id, None)
}

/// The guard over what is connected now.
fn guard(programs: &Programs, objects: &Objects) -> Guard {
    let connectors = objects.connectors.iter();
    Guard::new(
        connectors
            .flat_map(|connector| connector.link_hosts.clone())
            .chain(programs.company.allowed_hosts.iter().cloned()),
        programs.company.secrets.clone(),
    )
}

/// The runs whose briefs went to the caller, the newest first. They are found by the audiences that the role's schedules
/// have for the caller now.
async fn runs(
    programs: &Programs,
    caller: &Caller,
    objects: &Objects,
    briefing: Option<&BriefingId>,
) -> Result<Vec<Run>, Refusal> {
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    let wanted = |id: &BriefingId| briefing.is_none_or(|briefing| briefing == id);
    for schedule in &objects.schedules {
        if !wanted(&schedule.briefing) {
            continue;
        }
        for audience in audiences(schedule, objects, &programs.company.defaults) {
            let fresh = seen.insert((schedule.briefing.clone(), audience.key()));
            if audience.role != caller.role.id || !fresh {
                continue;
            }
            let runs = programs.converse.store.runs();
            let runs = runs
                .earlier(&schedule.briefing, &audience, Timestamp::MAX)
                .await?;
            found.extend(runs.into_iter().filter(|run| went_to(caller, run)));
        }
    }
    found.sort_by_key(|run| std::cmp::Reverse(run.due));
    Ok(found)
}

/// The newest brief of all that went to the caller, or of one briefing.
pub async fn latest(
    programs: &Programs,
    caller: &Caller,
    briefing: Option<&BriefingId>,
) -> Result<Option<BriefView>, Refusal> {
    let objects = programs.converse.objects().await?;
    let runs = runs(programs, caller, &objects, briefing).await?;
    let brief = runs.into_iter().find_map(|run| run.state.brief().cloned());
    if let Some(brief) = &brief {
        note_reading(programs, caller, &brief.run).await?;
    }
    Ok(brief.map(|brief| BriefView::of(brief, &guard(programs, &objects))))
}

/// The latest briefs.
pub async fn list(
    State(programs): State<Programs>,
    caller: Caller,
    listing: Result<Query<Listing>, QueryRejection>,
) -> Result<Json<BriefList>, Refusal> {
    caller.needs(&[Scope::Read])?;
    let Query(listing) =
        listing.map_err(|_| Refusal::unprocessable("the query takes `limit`, a number, alone"))?;
    let limit = listing.limit.unwrap_or(LISTED);
    if !(1..=MOST_LISTED).contains(&limit) {
        let what = format!("`limit` is 1 to {MOST_LISTED}");
        return Err(Refusal::unprocessable(what));
    }
    let objects = programs.converse.objects().await?;
    let guard = guard(&programs, &objects);
    let briefs = runs(&programs, &caller, &objects, None)
        .await?
        .iter()
        .filter_map(|run| run.state.brief())
        .take(limit)
        .map(|brief| {
            let brief = guard.clear(brief.clone()).into_inner();
            Listed {
                items: brief.items().count(),
                run: brief.run,
                briefing: brief.briefing,
                title: brief.title,
                subject: brief.subject,
                due: brief.due,
            }
        })
        .collect();
    Ok(Json(BriefList { briefs }))
}

/// One brief. One that is for another role, or did not go to the caller, is told as one that is not there.
pub async fn get(
    State(programs): State<Programs>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<BriefView>, Refusal> {
    caller.needs(&[Scope::Read])?;
    let not_found = || Refusal::not_found("brief");
    let id = RunId::new(text).map_err(|_| not_found())?;
    let run = programs.converse.store.runs().get(&id).await?;
    let run = run.filter(|run| went_to(&caller, run));
    let brief = run.and_then(|run| run.state.brief().cloned());
    let brief = brief.ok_or_else(not_found)?;
    note_reading(&programs, &caller, &brief.run).await?;
    let objects = programs.converse.objects().await?;
    Ok(Json(BriefView::of(brief, &guard(&programs, &objects))))
}

/// A brief that is read once more is in the trail before it is shown.
async fn note_reading(programs: &Programs, caller: &Caller, run: &RunId) -> Result<(), Refusal> {
    let now = programs.converse.clock.now();
    let on = format!("brief/{run}");
    let mut entry = caller.principal.entry(now, Act::Delivery, on);
    entry.outcome = Outcome::Done;
    entry.detail = format!("with token/{}", caller.token.id);
    programs.converse.audit.write(&[entry]).await?;
    Ok(())
}
