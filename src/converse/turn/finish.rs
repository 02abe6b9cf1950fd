//! The end of a turn: its last words, and what is kept of it.

use super::{End, Turn, milliseconds};
use crate::{
    access::{Principal, Surface},
    audit::{Act, Outcome, Record},
    converse::{
        evidence::Place,
        speech::{Speech, Told},
        words::{Words, with},
    },
    domain::turn::{Conversation, Done, Said, TurnEvent, TurnOutcome},
    error::Problem,
    limits::{Budget, OverBudget, Warning},
    models::Tried,
    text::Language,
};

/// Results that are shown as they are.
const RESULTS_SHOWN: usize = 3;

impl Turn<'_> {
    pub(super) fn ended_by(&mut self, tried: &[Tried]) -> End {
        for tried in tried {
            let problem = tried.problem();
            let advice = problem.advice.as_deref().unwrap_or_default();
            tracing::warn!(%tried, advice, "a model did not answer a question");
        }
        let words = self.words;
        let Some(last) = tried.last() else {
            return End::NoModel(words.no_model_set.to_owned());
        };
        if matches!(last, Tried::Stopped(_)) {
            return End::Stopped;
        }
        self.problem = Some(last.problem());
        if let Tried::OverBudget(_, over) = last {
            return End::NoModel(over_budget(over, words, self.question.language));
        }
        let why = words.trouble(last.trouble());
        End::NoModel(match last.status() {
            Some(status) => format!("{why} ({status})"),
            None => why,
        })
    }

    /// Why no model was asked: none is set up, or none is named where it counts.
    pub(super) fn no_route(&self) -> Problem {
        let Some(first) = self.converse.models.keys().next() else {
            return Problem::new(
                "no-model",
                "the settings have no model, so no question is answered",
            )
            .advise(
                "add a `[[model]]` with its `id`, `kind` and `model` to daybrief.toml, and name the id in `route` of `[questions]`; \
                 docs/connect-a-model.md shows how",
            );
        };
        Problem::new(
            "no-model",
            "the settings have models, and none is named for questions",
        )
        .at("[questions] route")
        .advise(format!(
            "name those that answer, in their order: `route = [\"{first}\"]` under `[questions]` in daybrief.toml"
        ))
    }

    /// May whoever asks act on what is wrong with a model?
    fn may_act(&self) -> bool {
        self.question.principal.surface == Surface::CommandLine || self.who.role.technical
    }

    /// The last words: what could not be checked, what was left out, how it ended. Then the conversation is kept.
    pub(super) async fn finish(mut self, mut speech: Speech, end: End) -> Result<Done, Problem> {
        let words = self.words;
        let mut lines: Vec<String> = Vec::new();
        let mut outcome = match &end {
            End::Said | End::Cut
                if self.missing.is_empty()
                    && self.reading.partial().is_empty()
                    && !self.calls_refused =>
            {
                TurnOutcome::Answered
            }
            End::Said | End::Cut => TurnOutcome::InPart,
            End::NoModel(_) => TurnOutcome::WithoutModel,
            End::Stopped => TurnOutcome::Cancelled,
            End::Revoked => TurnOutcome::Revoked,
        };
        match &end {
            End::Said | End::Cut => {
                let struck = speech.grounding.struck;
                // Words that rest on nothing say nothing: what was read stands beside them.
                let rests_on_nothing =
                    self.reading.citations().is_empty() && !self.reading.untold().is_empty();
                if speech.nothing_stood() || rests_on_nothing {
                    self.say_what_is_there(&mut speech).await;
                } else if struck == 1 {
                    lines.push(words.left_out_one.to_owned());
                } else if struck > 1 {
                    lines.push(with(words.left_out, &struck.to_string()));
                }
                if self.rests_on_no_source(&speech) {
                    lines.push(words.no_source_asked.to_owned());
                }
                if matches!(end, End::Cut) {
                    lines.push(words.cut.to_owned());
                }
            }
            End::NoModel(why) => {
                if !speech.is_silent() {
                    lines.push(with(words.broke_off, why));
                } else if !self.reading.untold().is_empty() {
                    let told = speech.say(&format!("{}\n", with(words.no_model, why)));
                    self.channel.told(told).await;
                    self.say_what_is_there(&mut speech).await;
                } else {
                    lines.push(with(words.no_model, why));
                    if self.usage.tool_calls == 0 {
                        outcome = TurnOutcome::Failed;
                    }
                }
            }
            End::Stopped => lines.push(words.cancelled.to_owned()),
            End::Revoked => lines.push(words.revoked.to_owned()),
        }
        if !matches!(end, End::Stopped | End::Revoked) {
            if !self.missing.is_empty() {
                let missing: Vec<String> = self
                    .missing
                    .iter()
                    .map(|(source, why)| format!("{source} ({why})"))
                    .collect();
                lines.push(with(words.not_reached, &missing.join(", ")));
            }
            for (source, rows) in self.reading.partial() {
                let rows = self.question.language.number(rows.into(), None);
                lines.push(with(&with(words.only_part, &rows), &source));
            }
            if self.calls_refused {
                let most = self.converse.turn_limits.calls.to_string();
                lines.push(with(words.calls_used_up, &most));
            }
            for proposal in &self.proposals {
                lines.push(with(words.proposed, proposal));
            }
            // Who was told what is left need not hear that it is little.
            if !matches!(end, End::NoModel(_)) {
                let warnings = self.warnings.iter();
                lines.extend(warnings.filter_map(|warning| nearly_used(warning, words)));
            }
            if self.only_alone {
                lines.push(words.only_alone.to_owned());
            }
        }
        for line in lines {
            let line = if speech.is_silent() {
                line
            } else {
                format!("\n{line}")
            };
            let told = speech.say(&line);
            self.channel.told(told).await;
        }
        let ended = speech.end();
        self.channel.tell(&ended.last).await;
        if !ended.reasons.is_empty() {
            self.channel
                .send(TurnEvent::HeldBack {
                    count: ended.reasons.len(),
                    reasons: ended.reasons.clone(),
                })
                .await;
        }
        self.keep(&ended.text, outcome, ended.reasons.len()).await?;
        let done = Done {
            conversation: self.id.clone(),
            outcome,
            usage: self.usage,
            grounding: ended.grounding,
            took_ms: milliseconds(self.begun),
            retry_after_seconds: None,
            problem: self.problem.take().filter(|_| self.may_act()),
        };
        self.channel.send(TurnEvent::Done(done.clone())).await;
        Ok(done)
    }

    /// Did the model say something, and not merely ask back, though nothing was read that it could rest on?
    fn rests_on_no_source(&self, speech: &Speech) -> bool {
        let nothing_known = self.reading.sources().is_empty()
            && self.missing.is_empty()
            && self.about.is_none()
            && self.earlier.is_empty()
            && self.proposals.is_empty();
        nothing_known && !speech.nothing_stood() && !speech.asks_back()
    }

    /// Where no sentence of the model's could stand: the last results as they are.
    async fn say_what_is_there(&mut self, speech: &mut Speech) {
        let words = self.words;
        let untold = self.reading.untold();
        let line = match (untold.is_empty(), speech.grounding.written) {
            (false, 0) => words.found.to_owned(),
            (false, _) if !speech.nothing_stood() => format!("\n{}", words.found),
            (false, _) => format!("{} {}", words.nothing_stood, words.found),
            (true, 0) if self.offers.is_empty() => words.no_tools.to_owned(),
            (true, 0) => words.nothing_found.to_owned(),
            (true, _) => words.nothing_stood.to_owned(),
        };
        let told = speech.say(&line);
        self.channel.told(told).await;
        self.show_results(&untold, speech).await;
    }

    /// Beside sentences that stand: every result as it is.
    pub(super) async fn say_all_results(&mut self, speech: &mut Speech) {
        let results = self.reading.results();
        if !results.is_empty() {
            let told = speech.say(&format!("\n{}", self.words.found));
            self.channel.told(told).await;
            self.show_results(&results, speech).await;
        }
    }

    /// The last of these results, each with its mark and as a table.
    async fn show_results(&mut self, results: &[String], speech: &mut Speech) {
        let first = results.len().saturating_sub(RESULTS_SHOWN);
        for handle in results.get(first..).unwrap_or_default() {
            let place = Place {
                result: self.reading.number_of(handle),
                row: None,
                column: String::new(),
            };
            let (marks, citations) = self.reading.cite([place]);
            let marks: String = marks.iter().map(|number| format!(" [{number}]")).collect();
            let told = Told {
                citations,
                ..speech.say(&marks)
            };
            self.channel.told(told).await;
            let title = self.reading.title_of(handle);
            self.table(handle, &title).await;
        }
    }

    /// The answer in the audit trail and in the conversation, before its end is told.
    async fn keep(
        &self,
        text: &str,
        outcome: TurnOutcome,
        held_back: usize,
    ) -> Result<(), Problem> {
        let now = self.converse.clock.now();
        let principal: &Principal = &self.question.principal;
        let mut entry = principal.entry(now, Act::Answer, format!("conversation/{}", self.id));
        entry.outcome = match outcome {
            TurnOutcome::Answered | TurnOutcome::InPart => Outcome::Done,
            TurnOutcome::Revoked | TurnOutcome::Refused => Outcome::Denied,
            _ => Outcome::Failed,
        };
        entry.detail = format!(
            "{} tool calls, {} model calls, {held_back} places left out",
            self.usage.tool_calls, self.usage.model_calls
        );
        let record = Record::from(entry).text(text).answers(self.number);
        self.converse.audit.record(&[record]).await?;
        let Some(user) = &principal.user else {
            return Ok(());
        };
        let conversation = Conversation {
            id: self.id.clone(),
            user: user.clone(),
            role: self.who.role.id.clone(),
            surface: principal.surface.name().to_owned(),
            begun: self.now,
            about: self.question.about.clone(),
            turns: Vec::new(),
        };
        let said = Said {
            at: now,
            question: self.question.text.clone(),
            answer: text.to_owned(),
            outcome,
            asked: self.asked.clone(),
            citations: self.reading.citations().to_vec(),
        };
        self.converse
            .store
            .conversations()
            .add(&conversation, &said, self.converse.keep_days)
            .await?;
        Ok(())
    }
}

/// That a budget does not hold the question, and what is left of it where it is the asker's.
fn over_budget(over: &OverBudget, words: &Words, language: Language) -> String {
    let left = match over {
        OverBudget::Tokens {
            budget: Budget::User(_) | Budget::Role(_),
            left,
            cap,
            ..
        } => {
            let number = |tokens: u64| language.number(tokens.into(), None);
            format!(" ({} / {})", number(*left), number(*cap))
        }
        _ => String::new(),
    };
    format!("{}{left}", words.over_budget)
}

/// What the asker is told of a budget that is theirs; the company's is the admin's to know.
fn nearly_used(warning: &Warning, words: &Words) -> Option<String> {
    let sentence = match warning.budget() {
        Budget::User(_) => words.nearly_used_by_you,
        Budget::Role(_) => words.nearly_used_by_role,
        _ => return None,
    };
    Some(with(sentence, &warning.percent().to_string()))
}
