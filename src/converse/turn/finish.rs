//! The end of a turn: its last words, and what is kept of it.

use serde_json::json;
use unicode_segmentation::UnicodeSegmentation;

use super::{End, Turn, milliseconds};
use crate::{
    access::{Principal, Surface},
    audit::{Act, Outcome, Record},
    converse::{
        speech::Speech,
        telling::with_marks,
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
/// Sentences of the menu that are the answer where no model claims anything.
const OF_THE_MENU: usize = 3;
/// Sentences of a model's own that may stand, each marked.
const MAX_ASSESSED: usize = 3;

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
                if self.telling.nothing_stood() {
                    self.say_what_is_there(&mut speech).await;
                } else {
                    lines.extend(self.not_used());
                }
                if matches!(end, End::Cut) {
                    lines.push(words.cut.to_owned());
                }
            }
            End::NoModel(why) => {
                if !self.telling.nothing_stood() {
                    lines.push(with(words.broke_off, why));
                } else if !self.reading.results().is_empty() {
                    let told = speech.say_line(&with(words.no_model, why));
                    self.channel.tell(&told).await;
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
            lines.extend(self.what_is_lacking());
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
            let told = speech.say_line(&line);
            self.channel.tell(&told).await;
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
        let grounding = self.telling.grounding;
        let problem = self.problem.take().filter(|_| self.may_act());
        let (id, usage, took_ms) = (self.id.clone(), self.usage, milliseconds(self.begun));
        let channel = self.channel;
        self.keep(&ended.text, outcome, ended.reasons.len()).await?;
        let done = Done {
            conversation: id,
            outcome,
            usage,
            grounding,
            took_ms,
            retry_after_seconds: None,
            problem,
        };
        channel.send(TurnEvent::Done(done.clone())).await;
        Ok(done)
    }

    /// What could not be asked, and what gave a part only.
    fn what_is_lacking(&self) -> Vec<String> {
        let words = self.words;
        let mut lines = Vec::new();
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
        lines
    }

    /// What was read and is not spoken of: bad news is not left out unseen.
    fn not_used(&self) -> Option<String> {
        let untold: Vec<String> = self
            .reading
            .untold()
            .into_iter()
            .map(|(_, source, rows)| {
                let rows = self.question.language.number(rows.into(), None);
                format!("{source} ({rows})")
            })
            .collect();
        (!untold.is_empty()).then(|| with(self.words.not_used, &untold.join(", ")))
    }

    /// Where no claim of a model's stands: the last results as they are, and what it said in its own words as far as that may
    /// stand beside them.
    async fn say_what_is_there(&mut self, speech: &mut Speech) {
        let words = self.words;
        let results = self.reading.results();
        let line = match results.is_empty() {
            // The results are told below.
            false => "",
            true if self.offers.is_empty() && self.missing.is_empty() => words.no_tools,
            true if self.usage.tool_calls > 0 => words.nothing_found,
            // What could not be asked is told below; nothing else was.
            true if !self.missing.is_empty() || !self.proposals.is_empty() => return,
            true => words.no_source_asked,
        };
        if results.is_empty() {
            let told = speech.say_line(line);
            self.channel.tell(&told).await;
            return;
        }
        self.say_of_the_menu(speech).await;
        self.show_results(speech).await;
    }

    /// The last results, as they are, each with its mark.
    pub(super) async fn show_results(&mut self, speech: &mut Speech) {
        let results = self.reading.results();
        let first = results.len().saturating_sub(RESULTS_SHOWN);
        let shown = results.get(first..).unwrap_or_default();
        if shown.is_empty() {
            return;
        }
        let places: Vec<(usize, Option<usize>)> = shown
            .iter()
            .filter_map(|(handle, ..)| Some((self.reading.number_of(handle)?, None)))
            .collect();
        let (marks, citations) = self.reading.cite(places);
        self.channel.cite(citations).await;
        let line = with_marks(self.words.found, &marks);
        let told = speech.say_line(&line);
        self.channel.tell(&told).await;
        for (handle, ..) in shown {
            self.table(handle).await;
        }
    }

    /// What may be said of the results without a model's claims, and what a model said in its own words beside it, marked.
    async fn say_of_the_menu(&mut self, speech: &mut Speech) {
        let menu = self.telling.menu();
        for (candidate, number) in menu.iter().take(OF_THE_MENU).zip(1..) {
            let mut claim = candidate.claim.clone();
            if let Some(claim) = claim.as_object_mut() {
                claim.insert("as".to_owned(), format!("menu{number}").into());
            }
            // It was computed a moment ago.
            let _ = self.claim(&claim, speech).await;
        }
        if !self.who.role.assessment {
            return;
        }
        let prose = std::mem::take(&mut self.prose);
        for sentence in prose.unicode_sentences().take(MAX_ASSESSED) {
            let assessment = json!({
                "say": "assessment", "about": ["menu1"], "role": "guess", "text": sentence.trim(),
            });
            // One that may not stand is not told.
            let _ = self.claim(&assessment, speech).await;
        }
    }

    /// The answer in the audit trail and in the conversation, before its end is told.
    async fn keep(self, text: &str, outcome: TurnOutcome, held_back: usize) -> Result<(), Problem> {
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
            claims: self.telling.standing(),
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
