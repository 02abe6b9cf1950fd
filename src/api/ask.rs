//! `POST /api/v1/ask`: one question, answered as it is found or in one piece.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use super::{
    Programs,
    edge::Json,
    refusal::Refusal,
    tokens::Caller,
    turn::{Answer, Told, Turn, too_many},
};
use crate::{
    converse::Question,
    domain::turn::{Citation, Done, Table, TurnEvent},
    ids::{ConversationId, ProposalId, RunId},
    store::Scope,
    text::Language,
};

/// The longest question, in characters.
pub const LONGEST_QUESTION: usize = 4_000;
/// A comment is sent after so long without an event, so that nothing between takes the connection for dead.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
/// The first event is waited for so long before the answer's status is sent: a question that is refused is known by then.
const REFUSED_WITHIN: Duration = Duration::from_millis(1_000);
/// And so long what follows words, which may be those of a refusal.
const REFUSAL_ENDS_WITHIN: Duration = Duration::from_millis(50);

/// A question.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskRequest {
    #[schemars(length(min = 1, max = 4000))]
    pub question: String,
    /// The conversation that it goes on with.
    #[serde(default)]
    pub conversation: Option<ConversationId>,
    /// The run whose brief it is about.
    #[serde(default)]
    pub about: Option<RunId>,
    /// IANA name of the zone in which times are told; the person's own without it.
    #[serde(default)]
    pub zone: Option<String>,
    /// The person's own without it.
    #[serde(default)]
    pub language: Option<Language>,
}

/// A whole answer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AskResponse {
    pub text: String,
    pub citations: Vec<Citation>,
    pub tables: Vec<Table>,
    /// Actions that wait for approval.
    pub proposals: Vec<Proposed>,
    /// Places of the answer that were left out.
    pub held_back: usize,
    pub done: Done,
}

/// An action that an answer suggests.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Proposed {
    pub id: ProposalId,
    pub text: String,
}

impl Proposed {
    /// What an answer suggested.
    pub fn all(proposed: Vec<(ProposalId, String)>) -> Vec<Self> {
        let proposed = proposed.into_iter();
        proposed.map(|(id, text)| Self { id, text }).collect()
    }
}

/// Answers a question: a stream of events, or one document where the request accepts JSON alone.
pub async fn ask(
    State(programs): State<Programs>,
    caller: Caller,
    headers: HeaderMap,
    Json(request): Json<AskRequest>,
) -> Result<Response, Refusal> {
    caller.needs(&[Scope::Ask])?;
    let question = question(&programs, &caller, request).await?;
    let mut turn = Turn::begin(programs, caller, question);
    if accepts_json_alone(&headers) {
        return whole(turn)
            .await
            .map(|answer| axum::Json(answer).into_response());
    }
    let first = refused(&mut turn).await?;
    let events = Sse::new(stream_of(turn, first))
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE_EVERY).text(""));
    let mut response = events.into_response();
    // Proxies would hold a stream back to compress or collect it.
    let headers = response.headers_mut();
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-transform"),
    );
    Ok(response)
}

fn accepts_json_alone(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accepted.contains("application/json") && !accepted.contains("text/event-stream")
}

/// The question of a request, if what it names is there and the caller's.
pub async fn question(
    programs: &Programs,
    caller: &Caller,
    request: AskRequest,
) -> Result<Question, Refusal> {
    let text = request.question.trim();
    if text.is_empty() || text.chars().count() > LONGEST_QUESTION {
        let what = format!("`question` has 1 to {LONGEST_QUESTION} characters");
        return Err(Refusal::unprocessable(what));
    }
    if let Some(zone) = &request.zone
        && let Err(unknown) = crate::zones::get(zone)
    {
        return Err(Refusal::unprocessable("`zone` is no IANA time zone").advise(unknown.advice()));
    }
    let store = &programs.converse.store;
    if let Some(id) = &request.conversation {
        super::conversations::own(programs, caller, id).await?;
    }
    if let Some(id) = &request.about {
        let run = store.runs().get(id).await?;
        run.filter(|run| run.is_read_by(Some(&caller.user.id), &caller.role.id, None))
            .ok_or_else(|| Refusal::not_found("brief"))?;
    }
    let defaults = &programs.company.defaults;
    Ok(Question {
        principal: caller.principal.clone(),
        text: text.to_owned(),
        conversation: request.conversation,
        about: request.about,
        channel: None,
        zone: request
            .zone
            .or_else(|| caller.user.zone.clone())
            .unwrap_or_else(|| defaults.zone.clone()),
        language: request
            .language
            .or(caller.user.language)
            .unwrap_or(defaults.language),
    })
}

/// The whole answer.
async fn whole(mut turn: Turn) -> Result<AskResponse, Refusal> {
    let mut answer = Answer::default();
    while let Some(told) = turn.next().await {
        answer.add(told);
    }
    let answer = answer.whole()?;
    Ok(AskResponse {
        text: answer.text,
        citations: answer.citations,
        tables: answer.tables,
        proposals: Proposed::all(answer.proposed),
        held_back: answer.held_back,
        done: answer.done,
    })
}

/// The first events, as far as they are waited for; the refusal where they are one.
async fn refused(turn: &mut Turn) -> Result<Vec<Told>, Refusal> {
    let mut first = Vec::new();
    let until = Instant::now() + REFUSED_WITHIN;
    let Ok(Some(told)) = timeout_at(until, turn.next()).await else {
        return Ok(first);
    };
    first.push(told);
    let Some(Told::Event(TurnEvent::Delta { text })) = first.first() else {
        return Ok(first);
    };
    let text = text.clone();
    let until = Instant::now() + REFUSAL_ENDS_WITHIN;
    if let Ok(Some(told)) = timeout_at(until, turn.next()).await {
        if let Told::Event(TurnEvent::Done(done)) = &told
            && let Some(refusal) = too_many(done, &text)
        {
            return Err(refusal);
        }
        first.push(told);
    }
    Ok(first)
}

fn stream_of(turn: Turn, first: Vec<Told>) -> impl Stream<Item = Result<Event, Infallible>> {
    let rest = stream::unfold(turn, async |mut turn| {
        let told = turn.next().await?;
        Some((told, turn))
    });
    stream::iter(first).chain(rest).map(|told| Ok(event(&told)))
}

/// An event as it is sent: its kind as `event`, its content as `data`.
fn event(told: &Told) -> Event {
    let (kind, json) = match told {
        Told::Event(event) => (kind(event), serde_json::to_string(event)),
        Told::Problem(problem) => ("problem", serde_json::to_string(problem)),
    };
    Event::default()
        .event(kind)
        .data(json.unwrap_or_else(|_| "{}".to_owned()))
}

fn kind(event: &TurnEvent) -> &'static str {
    match event {
        TurnEvent::Step { .. } => "step",
        TurnEvent::Delta { .. } => "delta",
        TurnEvent::Citation(_) => "citation",
        TurnEvent::Table(_) => "table",
        TurnEvent::Proposed { .. } => "proposed",
        TurnEvent::HeldBack { .. } => "held-back",
        TurnEvent::Done(_) => "done",
    }
}
