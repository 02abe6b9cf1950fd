//! What a model asks for within a turn: sources, sums, tables, more tools, proposals.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Map, Value, json};

use super::Turn;
use crate::{
    access, act,
    audit::{Act, Outcome},
    converse::{
        choose::{self, Offer},
        earlier::Earlier,
        prompt,
        reading::{Sight, View},
        speech::{Speech, without_calls},
        telling::with_marks,
        words::with,
    },
    domain::{
        connector::{Connector, ToolClass},
        finding::GapCause,
        turn::{Table, TurnEvent},
    },
    error::Problem,
    gather::{self, Ask, Asker, Progress},
    guard::filter,
    ids::ConnectorId,
    models::ToolCall,
};

/// Characters of a call's arguments that are kept for follow-up questions.
const CALL_CHARACTERS: usize = 300;
/// Characters of the name of a tool that nobody offered.
const NAME_CHARACTERS: usize = 64;
/// What a model may ask of Daybrief itself.
const OWN_TOOLS: [&str; 2] = [prompt::SAY, prompt::FIND_TOOLS];
/// Claims of one call.
const MAX_CLAIMS: usize = 40;
/// The kind of what a model says in its own words.
const ASSESSMENT: &str = "assessment";
/// Rows that are told under each other; more are a table.
const MAX_LINES: usize = 8;
/// Rows of a table that are shown.
const MAX_TABLE_ROWS: usize = 50;
/// Characters of what a tool says of its own failure to the model.
const FAILURE_CHARACTERS: usize = 200;

impl Turn<'_> {
    /// Does what the model asks for; what it is told of each call, in their order. Reading happens at once for all.
    pub(super) async fn call(
        &mut self,
        calls: &[ToolCall],
        offered: &mut BTreeSet<String>,
        speech: &mut Speech,
    ) -> Result<Vec<String>, Problem> {
        let limits = self.converse.turn_limits;
        let mut results: Vec<Option<String>> = calls.iter().map(|_| None).collect();
        let mut asks: Vec<(usize, Ask)> = Vec::new();
        for (at, call) in calls.iter().enumerate() {
            let offer = self.offers.iter().find(|offer| offer.name == call.name);
            let Some(offer) = offer.filter(|offer| offered.contains(&offer.name)) else {
                if !OWN_TOOLS.contains(&call.name.as_str()) {
                    self.note_unknown(&call.name).await?;
                }
                continue;
            };
            let Value::Object(args) = &call.args else {
                set(&mut results, at, refused("the arguments are not an object"));
                continue;
            };
            if self.usage.tool_calls >= limits.calls {
                self.calls_refused = true;
                set(
                    &mut results,
                    at,
                    refused("no more calls in this turn: answer with what there is"),
                );
                continue;
            }
            self.usage.tool_calls += 1;
            let outside = self
                .connectors
                .get(&offer.connector)
                .is_some_and(|connector| connector.outside);
            if outside && self.others_are_known(&offer.connector) {
                set(
                    &mut results,
                    at,
                    refused(
                        "this source lies outside the company and is not asked after others have been read",
                    ),
                );
                continue;
            }
            match offer.class {
                ToolClass::Action => {
                    let offer = offer.clone();
                    let said = self.propose(&offer, args.clone()).await?;
                    set(&mut results, at, said);
                }
                ToolClass::Read => asks.push((
                    at,
                    Ask {
                        connector: offer.connector.clone(),
                        tool: offer.tool.clone(),
                        args: args.clone(),
                    },
                )),
            }
        }
        self.read(asks, &mut results).await?;
        for (at, call) in calls.iter().enumerate() {
            if results.get(at).is_some_and(Option::is_some) {
                continue;
            }
            let said = match call.name.as_str() {
                prompt::SAY => self.say(&call.args, speech).await,
                prompt::FIND_TOOLS => self.find_tools(&call.args, offered),
                _ => refused("there is no such tool"),
            };
            set(&mut results, at, said);
        }
        Ok(results
            .into_iter()
            .map(|result| result.unwrap_or_else(|| refused("it was not asked")))
            .collect())
    }

    /// Asks sources at once.
    async fn read(
        &mut self,
        asks: Vec<(usize, Ask)>,
        results: &mut [Option<String>],
    ) -> Result<(), Problem> {
        if asks.is_empty() {
            return Ok(());
        }
        let limits = self.converse.turn_limits;
        let questions: Vec<Ask> = asks.iter().map(|(_, ask)| ask.clone()).collect();
        let left = Duration::from_secs(limits.seconds.into()).saturating_sub(self.begun.elapsed());
        let asker = Asker {
            principal: &self.question.principal,
            role: self.who.role,
            clearance: self.who.clearance,
            access: &self.converse.access,
            connectors: self.connectors,
            now: self.converse.clock.now(),
            within: left,
        };
        let (of, done) = (questions.len(), std::sync::atomic::AtomicUsize::new(0));
        let (titles, words, events) = (&self.connectors, self.words, self.channel.events);
        let watch = |event: Progress| {
            let (connector, answered) = match &event {
                Progress::Asking { connector, .. } => (connector, false),
                Progress::Answered { connector, .. } | Progress::Failed { connector, .. } => {
                    (connector, true)
                }
            };
            let done = done.fetch_add(usize::from(answered), std::sync::atomic::Ordering::Relaxed)
                + usize::from(answered);
            let title = titles
                .get(connector)
                .map_or(connector.as_str(), |connector| connector.title.as_str());
            // A listener that does not keep up misses a step, never a word.
            let _ = events.try_send(TurnEvent::Step {
                text: with(words.asking, title),
                done,
                of,
            });
        };
        let outcomes = gather::gather(&questions, &asker, &self.converse.pool, &watch).await;
        let sight = self.sight();
        for ((at, ask), outcome) in asks.into_iter().zip(outcomes) {
            let Some(connector) = self.connectors.get(&ask.connector).cloned() else {
                continue;
            };
            let said = match outcome {
                Ok(answer) => {
                    let bytes = u64::try_from(answer.bytes).unwrap_or(u64::MAX);
                    self.usage.result_bytes = self.usage.result_bytes.saturating_add(bytes);
                    if self.usage.result_bytes > limits.result_bytes {
                        refused("the results of this turn are too large: ask for less")
                    } else {
                        self.only_local |= connector.local_only;
                        self.note_call(&ask);
                        let shown = self
                            .reading
                            .read(
                                &connector,
                                (&ask.tool, &ask.args),
                                answer.value,
                                answer.as_of,
                                View {
                                    sight,
                                    bytes: limits.view_bytes,
                                },
                            )
                            .to_string();
                        self.telling_reads();
                        shown
                    }
                }
                Err(failure) => {
                    self.failed(&connector, &ask, &failure);
                    self.refusal(&connector, &failure)
                }
            };
            set(results, at, said);
        }
        Ok(())
    }

    /// May the model know something of another source than this one: from this turn, an earlier one, or a brief?
    fn others_are_known(&self, connector: &ConnectorId) -> bool {
        self.about.is_some()
            || self.reading.read_from_others(connector)
            || self.refusals.keys().any(|id| id != connector)
            || self
                .earlier
                .iter()
                .any(|turn| turn.read_from_others(connector))
    }

    /// Titles of the sources of which the model may know something, each once.
    fn known_sources(&self) -> Vec<String> {
        let brief = self.about.iter().flat_map(|brief| &brief.sources);
        let mut titles = self.reading.sources();
        let more = self
            .refusals
            .values()
            .cloned()
            .chain(self.earlier.iter().flat_map(Earlier::sources))
            .chain(brief.map(|source| source.title.clone()));
        for title in more {
            if !titles.contains(&title) {
                titles.push(title);
            }
        }
        titles
    }

    /// What the model is told of a source that failed. A tool's own word of refusal helps it to ask better; where its values
    /// are not for every model, neither is its word.
    fn refusal(&mut self, connector: &Connector, failure: &gather::Failure) -> String {
        let own_word = matches!(failure.cause, GapCause::Refused | GapCause::Failed);
        if own_word && (connector.local_only || self.sight() == Sight::Blind) {
            return refused(failure.cause.clause());
        }
        if own_word {
            self.refusals
                .insert(connector.id.clone(), connector.title.clone());
        }
        match failure.cause {
            GapCause::Refused | GapCause::Failed | GapCause::NotAllowed => refused(&failure.detail),
            other => refused(other.clause()),
        }
    }

    fn failed(&mut self, connector: &Connector, ask: &Ask, failure: &gather::Failure) {
        let decision = access::decide(&access::Request {
            role: self.who.role,
            clearance: self.who.clearance,
            connector,
            tool: &ask.tool,
            args: &ask.args,
            surface: self.question.principal.surface,
        });
        if decision.only_alone {
            self.only_alone = true;
        } else if decision.allowed {
            let clause = failure.cause.clause().to_owned();
            self.missing.insert(connector.title.clone(), clause);
        }
    }

    /// A model that asks for what it was not offered was perhaps told to by a text: that stands in the trail.
    async fn note_unknown(&self, name: &str) -> Result<(), Problem> {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        let name: String = name.chars().filter(plain).take(NAME_CHARACTERS).collect();
        let now = self.converse.clock.now();
        let principal = &self.question.principal;
        let mut entry = principal.entry(now, Act::ToolCall, format!("tool/{name}"));
        entry.outcome = Outcome::Denied;
        entry.why = "the model was not offered this tool".to_owned();
        self.converse.audit.write(&[entry]).await?;
        Ok(())
    }

    fn note_call(&mut self, ask: &Ask) {
        let args = Value::Object(ask.args.clone()).to_string();
        let args = crate::text::shorten(&args, CALL_CHARACTERS);
        self.asked
            .push(format!("{}/{} {args}", ask.connector, ask.tool));
    }

    /// Tells each claim that stands; the model is told how it was said, or why it was not.
    async fn say(&mut self, args: &Value, speech: &mut Speech) -> String {
        let Some(claims) = args.get("claims").and_then(Value::as_array) else {
            return refused("`claims` is a list of claims");
        };
        let blind = self.sight() == Sight::Blind;
        let mut answers = Vec::new();
        for claim in claims.iter().take(MAX_CLAIMS) {
            if claim["say"] == ASSESSMENT && !self.who.role.assessment {
                self.telling.count(false);
                answers.push(json!({ "refused": "assessment", "why": "this role is given none" }));
                continue;
            }
            let told = self.claim(claim, speech).await;
            self.telling.count(told.is_ok());
            answers.push(match told {
                Ok(_) if blind => json!("ok"),
                Ok(text) => text.into(),
                Err(refusal) => json!(refusal),
            });
        }
        json!({ "said": answers }).to_string()
    }

    /// Tells a claim with its citations, as text or as a table. Returns its text.
    pub(super) async fn claim(
        &mut self,
        claim: &Value,
        speech: &mut Speech,
    ) -> Result<String, ::claims::refusal::Refusal> {
        let said = self.telling.claim(claim)?;
        let places = said
            .origins
            .iter()
            .filter_map(|origin| Some((self.reading.number_of(&origin.result)?, origin.row)));
        let places: Vec<(usize, Option<usize>)> = places.collect();
        let title = places.first().map(|(result, _)| *result);
        let title = title
            .map_or("", |result| self.reading.title_of(result))
            .to_owned();
        let (marks, citations) = self.reading.cite(places);
        self.channel.cite(citations).await;
        // Rows that are drawn are not told as well; a few are told.
        let table = said.table.filter(|grid| grid.rows.len() > MAX_LINES);
        let text = match (&table, said.text.split_once('\n')) {
            (Some(_), Some((head, _))) => head,
            _ => said.text.as_str(),
        };
        let text = with_marks(text, &marks);
        let told = if said.kind == ASSESSMENT {
            speech.say_line(&text)
        } else {
            speech.say(&text)
        };
        self.channel.tell(&told).await;
        if let Some(grid) = table {
            self.grid(title, grid).await;
        }
        Ok(said.text)
    }

    /// Tells rows as a table.
    async fn grid(&self, title: String, grid: ::claims::say::Grid) {
        let all = grid.rows.len();
        let mut table = Table {
            title,
            columns: grid.columns,
            rows: grid.rows,
            links: Vec::new(),
            more: all.saturating_sub(MAX_TABLE_ROWS),
        };
        table.rows.truncate(MAX_TABLE_ROWS);
        // Each text of a source in it was cleared when it was worded.
        clear(&mut table, &self.filter().of_own_words());
        self.channel.send(TurnEvent::Table(table)).await;
    }

    /// Tells a result as a table; false where there is none.
    pub(super) async fn table(&mut self, handle: &str) -> bool {
        let language = self.question.language;
        let Some(mut table) = self.reading.table(handle, language) else {
            return false;
        };
        clear(&mut table, &self.filter());
        self.channel.send(TurnEvent::Table(table)).await;
        true
    }

    fn find_tools(&self, args: &Value, offered: &mut BTreeSet<String>) -> String {
        let words = args
            .get("words")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let found: Vec<Value> = choose::choose(words, &self.offers)
            .into_iter()
            .map(|offer| {
                offered.insert(offer.name.clone());
                json!({ "tool": offer.name, "source": offer.source, "what": offer.description })
            })
            .collect();
        json!({ "found": found, "note": "You can call them from now on." }).to_string()
    }

    /// Makes an action into a proposal. Nothing is done.
    async fn propose(
        &mut self,
        offer: &Offer,
        args: Map<String, Value>,
    ) -> Result<String, Problem> {
        let Some(connector) = self.connectors.get(&offer.connector) else {
            return Ok(refused("there is no such source"));
        };
        let suggestion = act::Suggestion {
            principal: &self.question.principal,
            role: self.who.role,
            clearance: self.who.clearance,
            connector,
            tool: &offer.tool,
            args,
            why: &self.question.text,
            conversation: &self.id,
            after_reading: self.known_sources(),
        };
        let desk = act::Desk {
            store: &self.converse.store,
            audit: &self.converse.audit,
            access: &self.converse.access,
            pool: &self.converse.pool,
            clock: self.converse.clock.as_ref(),
        };
        match desk.propose(suggestion).await? {
            Ok(proposal) => {
                // The tool's name is the server's own.
                let text = format!("{}: {}", connector.title, readable(&offer.tool));
                let text = self.filter().clear_value(&text).into_inner();
                self.channel
                    .send(TurnEvent::Proposed {
                        proposal: proposal.id.clone(),
                        text: text.clone(),
                        expires: proposal.expires,
                    })
                    .await;
                self.proposals.push(text);
                Ok(json!({
                    "proposed": proposal.id,
                    "note": "Nothing is done. A person decides; do not say that it was done.",
                })
                .to_string())
            }
            Err(decision) => {
                self.only_alone |= decision.only_alone;
                Ok(refused(&decision.why))
            }
        }
    }
}

/// Clears each cell and heading.
fn clear(table: &mut Table, filter: &filter::Filter) {
    let clear = |text: &mut String| *text = without_calls(filter.clear_value(text).get());
    clear(&mut table.title);
    table.columns.iter_mut().for_each(clear);
    table.rows.iter_mut().flatten().for_each(clear);
}

/// What a model is told of a call that was not made or failed.
fn refused(why: &str) -> String {
    let why = crate::text::shorten(&crate::text::visible(why), FAILURE_CHARACTERS);
    json!({ "error": why }).to_string()
}

fn set(results: &mut [Option<String>], at: usize, said: String) {
    if let Some(place) = results.get_mut(at) {
        *place = Some(said);
    }
}

/// `create_issue` → `create issue`: a tool's name as words.
fn readable(tool: &str) -> String {
    tool.replace(['_', '-', '.'], " ")
}
