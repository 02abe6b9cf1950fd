//! One turn, from the question's admission to the last word.

mod admit;
mod finish;
mod rounds;
mod tools;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use self::admit::{admit, count};
use super::{
    Converse, Question,
    choose::Offer,
    earlier::{self, Earlier},
    reading::Reading,
    speech::Speech,
    telling::Telling,
    words::{Words, with},
};
use crate::{
    access::{Clearance, Principal, Standing},
    audit::{Act, Outcome, Record},
    domain::{
        brief::Brief,
        connector::Connector,
        people::{Role, User},
        turn::{Citation, Done, TurnEvent, TurnUsage},
    },
    error::Problem,
    guard::filter,
    ids::{ConnectorId, ConversationId},
    limits::Warning,
    provision::Objects,
};

/// The longest question, in characters.
const QUESTION_CHARACTERS: usize = 4_000;
/// How often a running turn looks whether its asker may still ask.
const STANDING_EVERY: Duration = Duration::from_millis(500);
/// What runs has so long to end once it is told to.
const HALTS_WITHIN: Duration = Duration::from_millis(100);
/// A listener takes an event within this time.
const LISTENS_WITHIN: Duration = Duration::from_secs(10);

/// Answers a question.
pub(super) async fn run(
    converse: &Converse,
    question: Question,
    events: mpsc::Sender<TurnEvent>,
    stop: CancellationToken,
) -> Result<Done, Problem> {
    let begun = Instant::now();
    let words = Words::of(question.language);
    let now = converse.clock.now();
    let objects = converse.objects().await?;
    let conversation = match &question.conversation {
        Some(id) => converse.store.conversations().get(id).await?,
        None => None,
    };
    let id = match &question.conversation {
        Some(id) => id.clone(),
        None => ConversationId::new(crate::ids::fresh())
            .map_err(|error| Problem::new("internal", error.to_string()))?,
    };
    let channel = Channel {
        events: &events,
        gone: AtomicBool::new(false),
    };
    // The question is in the trail before anything is done about it.
    let subject = format!("conversation/{id}");
    let mut entry = question
        .principal
        .entry(now, Act::Question, subject.clone());
    let admitted = admit(&question, &objects, conversation.as_ref());
    if let Err(refusal) = &admitted {
        entry.outcome = Outcome::Denied;
        entry.why.clone_from(&refusal.rule);
    }
    let text = crate::text::shorten(&question.text, QUESTION_CHARACTERS);
    let record = [Record::from(entry).text(text)];
    // Both wait for the disk: once is enough.
    let (numbers, counted) = tokio::join!(converse.audit.record(&record), async {
        match &admitted {
            Ok(who) => count(converse, &question, who, now).await,
            Err(_) => Ok(()),
        }
    });
    let number = numbers?.first().copied().unwrap_or_default();
    if let Err(refusal) = &counted {
        let mut entry = question.principal.entry(now, Act::Answer, subject.clone());
        entry.outcome = Outcome::Denied;
        entry.why.clone_from(&refusal.rule);
        let record = Record::from(entry).answers(number);
        converse.audit.record(&[record]).await?;
    }
    let who = match admitted.and_then(|who| counted.map(|()| who)) {
        Ok(who) => who,
        Err(refusal) => {
            channel.tell(&refusal.text).await;
            let done = Done {
                conversation: id,
                outcome: refusal.outcome,
                usage: TurnUsage::default(),
                grounding: Default::default(),
                took_ms: milliseconds(begun),
                retry_after_seconds: refusal.retry_after_seconds,
                problem: None,
            };
            channel.send(TurnEvent::Done(done.clone())).await;
            return Ok(done);
        }
    };
    let zone = crate::zones::get(&question.zone).unwrap_or(TimeZone::UTC);
    let about = match &question.about {
        Some(run) => converse.store.runs().get(run).await?,
        None => None,
    };
    let about = about
        .filter(|run| {
            let channel = question.channel.as_deref();
            let user = who.user.map(|user| &user.id);
            earlier::brief_may_be_told(run, user, who.role, who.clearance, channel)
        })
        .and_then(|run| run.state.brief().cloned());
    let connectors: BTreeMap<ConnectorId, Connector> = objects
        .connectors
        .iter()
        .map(|connector| (connector.id.clone(), connector.clone()))
        .collect();
    let earlier = conversation
        .iter()
        .flat_map(|conversation| &conversation.turns)
        .map(|said| Earlier::new(said, &connectors))
        .filter(|turn| turn.may_be_told(who.role, who.clearance, question.principal.surface))
        .collect();
    let today = zone.to_datetime(now).date();
    let filter = filter::Filter::new(&filter::Context::default());
    let telling = Telling::new(
        reader(&question, today, zone.clone(), false),
        Vec::new(),
        None,
        filter,
    );
    let turn = Turn {
        converse,
        question: &question,
        who: &who,
        objects: &objects,
        earlier,
        about: about.as_ref(),
        words,
        zone,
        today,
        now,
        channel: &channel,
        stop: &stop,
        halt: stop.child_token(),
        begun,
        number,
        id: id.clone(),
        connectors: &connectors,
        offers: Vec::new(),
        filter: OnceLock::new(),
        reading: Reading::default(),
        telling,
        prose: String::new(),
        refusals: BTreeMap::new(),
        usage: TurnUsage::default(),
        missing: BTreeMap::new(),
        asked: Vec::new(),
        proposals: Vec::new(),
        warnings: Vec::new(),
        only_local: false,
        only_alone: false,
        calls_refused: false,
        problem: None,
    };
    turn.answer().await
}

/// Who asks, as it was found to be at the beginning of the turn.
struct Who<'o> {
    role: &'o Role,
    user: Option<&'o User>,
    clearance: Clearance<'o>,
}

/// Where events go. A listener that is gone ends nothing; the turn's token does. One that takes nothing any more is as good
/// as gone, or the answer would never come into the trail.
struct Channel<'a> {
    events: &'a mpsc::Sender<TurnEvent>,
    gone: AtomicBool,
}

impl Channel<'_> {
    async fn send(&self, event: TurnEvent) {
        if self.gone.load(Ordering::Relaxed) {
            return;
        }
        let sent = tokio::time::timeout(LISTENS_WITHIN, self.events.send(event)).await;
        if !matches!(sent, Ok(Ok(()))) {
            self.gone.store(true, Ordering::Relaxed);
        }
    }

    async fn tell(&self, text: &str) {
        if !text.is_empty() {
            let text = text.to_owned();
            self.send(TurnEvent::Delta { text }).await;
        }
    }

    async fn cite(&self, citations: Vec<Citation>) {
        for citation in citations {
            self.send(TurnEvent::Citation(citation)).await;
        }
    }
}

struct Turn<'a> {
    converse: &'a Converse,
    question: &'a Question,
    who: &'a Who<'a>,
    objects: &'a Objects,
    /// What was said before and may be told here, oldest first.
    earlier: Vec<Earlier<'a>>,
    about: Option<&'a Brief>,
    words: &'static Words,
    zone: TimeZone,
    today: Date,
    now: Timestamp,
    channel: &'a Channel<'a>,
    /// The asker's word to stop.
    stop: &'a CancellationToken,
    /// Ends what runs for the turn.
    halt: CancellationToken,
    begun: Instant,
    /// The question's row in the audit trail.
    number: u64,
    id: ConversationId,
    connectors: &'a BTreeMap<ConnectorId, Connector>,
    /// Every tool that the role may ask for.
    offers: Vec<Offer>,
    /// Made once the offers are known: its patterns are costly to make.
    filter: OnceLock<filter::Filter>,
    reading: Reading,
    telling: Telling,
    /// What the model said in its own words, beside its claims.
    prose: String,
    /// Sources whose word of refusal the model was told, with what readers call them.
    refusals: BTreeMap<ConnectorId, String>,
    usage: TurnUsage,
    /// Sources that could not be asked, with why.
    missing: BTreeMap<String, String>,
    asked: Vec<String>,
    proposals: Vec<String>,
    /// Budgets that this turn brought near their end.
    warnings: Vec<Warning>,
    only_local: bool,
    only_alone: bool,
    /// More was to be asked than one turn may ask.
    calls_refused: bool,
    /// Why no model answered, for whoever may act.
    problem: Option<Problem>,
}

/// What a model is asked for in one round.
enum Wanted<'a> {
    /// These tools may be asked for.
    Tools(&'a BTreeSet<String>),
    /// Calls in this form.
    Form(Value),
    /// Claims.
    Answer,
}

/// Why the rounds came to an end.
enum End {
    Said,
    /// The longest answer was reached.
    Cut,
    NoModel(String),
    Stopped,
    Revoked,
}

impl Turn<'_> {
    async fn answer(mut self) -> Result<Done, Problem> {
        let until = self.begun + Duration::from_secs(self.converse.turn_limits.seconds.into());
        let (asker, halt) = (self.stop, self.halt.clone());
        let (converse, principal, role) = (self.converse, &self.question.principal, self.who.role);
        let words = self.words;
        let ended = {
            let lost = loses_standing(converse, principal, role);
            tokio::select! {
                biased;
                () = asker.cancelled() => Some(End::Stopped),
                () = lost => Some(End::Revoked),
                () = tokio::time::sleep_until(until) => {
                    Some(End::NoModel(too_slow(converse, words)))
                }
                () = self.collect_offers() => None,
            }
        };
        let mut speech = Speech::new(self.filter().of_own_words().stream());
        if let Some(end) = ended {
            return self.finish(speech, end).await;
        }
        self.begin_reading();
        let end = {
            let lost = loses_standing(converse, principal, role);
            let rounds = self.rounds(&mut speech);
            tokio::pin!(lost, rounds);
            // Once told to halt, what runs has a moment to settle what it used; then it is dropped.
            let (mut why, mut grace) = (None, until);
            loop {
                let halted = tokio::select! {
                    biased;
                    end = &mut rounds => {
                        let end = end?;
                        break why.unwrap_or(end);
                    }
                    () = asker.cancelled(), if why.is_none() => End::Stopped,
                    () = &mut lost, if why.is_none() => End::Revoked,
                    () = tokio::time::sleep_until(until), if why.is_none() => {
                        End::NoModel(too_slow(converse, words))
                    }
                    () = tokio::time::sleep_until(grace), if why.is_some() => {
                        break why.unwrap_or(End::Stopped);
                    }
                };
                halt.cancel();
                grace = Instant::now() + HALTS_WITHIN;
                why = Some(halted);
            }
        };
        self.finish(speech, end).await
    }
}

/// For whom claims are worded.
fn reader(question: &Question, today: Date, zone: TimeZone, blind: bool) -> claims::result::Reader {
    claims::result::Reader {
        language: question.language,
        today,
        zone,
        question: question.text.clone(),
        blind,
    }
}

/// Comes to an end when the asker may not ask any more.
async fn loses_standing(converse: &Converse, principal: &Principal, role: &Role) {
    loop {
        tokio::time::sleep(STANDING_EVERY).await;
        let standing = converse.access.standing(principal, role).await;
        // A store that does not answer ends the turn by itself at its next step.
        if matches!(standing, Ok(Standing::Revoked)) {
            return;
        }
    }
}

fn too_slow(converse: &Converse, words: &Words) -> String {
    with(words.model_slow, &converse.turn_limits.seconds.to_string())
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
