//! An answer as it comes in: what an adapter understands of its wire goes in, [`Event`]s come out. Reasoning is taken out of the
//! text here, calls are put together, and the end is judged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use reqwest::Response;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::{
    Event, ModelError, Stop, Usage,
    calls::{CallPiece, Calls},
    error::{Cause, Lost, Nothing, Refusal},
    learn::{Dialect, Learnt, Lesson},
    pieces::{Piece, Pieces, too_long},
    think::{Opening, Splitter},
    vendor::{Scrub, Vendor},
    wire::{self, MAX_ANSWER_BYTES, Timing},
};

/// After an answer has said that it is complete, its count of tokens may follow for so long.
const COUNT_COMES_WITHIN: Duration = Duration::from_secs(3);

/// What reads the values of one wire.
pub(super) trait Reader: Send + 'static {
    fn read(&mut self, value: &Value, answer: &mut Answer);
}

/// What is known of an answer before it comes.
pub(super) struct Expected {
    /// Bytes of the prompt that every server counts.
    pub sent: usize,
    pub window: u32,
    /// Tokens that are reserved for it, of which a server may use up some without a word.
    pub reserved: u64,
    /// It is to fit a form.
    pub is_form: bool,
    pub scrub: Scrub,
    pub learnt: Arc<Learnt>,
    /// What was sent, and in which form.
    pub request: Sent,
    /// Numbers the ids of calls that come without one.
    pub ids: Arc<AtomicU64>,
}

/// A request as it was sent.
pub(super) struct Sent {
    pub body: Value,
    pub dialect: Dialect,
    pub model: String,
}

/// An answer as far as it has come.
pub(super) struct Answer {
    expected: Expected,
    events: Vec<Result<Event, ModelError>>,
    splitter: Splitter,
    calls: Calls,
    usage: Option<Usage>,
    stop: Option<Stop>,
    /// Why it ended, in a word that is not known.
    odd_stop: Option<String>,
    /// Bytes of the answer's text and arguments.
    said: usize,
    /// It holds what a form begins with.
    braced: bool,
    /// It has words, and not blanks or calls alone.
    worded: bool,
    /// Bytes of reasoning that came apart from the text.
    reasoned: usize,
    /// Something came that belongs to an answer.
    begun: bool,
    /// The server said that it is complete.
    done: bool,
    over: bool,
}

impl Answer {
    pub fn new(expected: Expected) -> Self {
        let opening = if expected.is_form {
            // Nothing of a form is told before its end.
            Opening::Unknown
        } else {
            expected.learnt.now().opening
        };
        Self {
            expected,
            events: Vec::new(),
            splitter: Splitter::new(opening),
            calls: Calls::default(),
            usage: None,
            stop: None,
            odd_stop: None,
            said: 0,
            braced: false,
            worded: false,
            reasoned: 0,
            begun: false,
            done: false,
            over: false,
        }
    }

    /// Something that belongs to an answer came, if perhaps nothing in it.
    pub fn begins(&mut self) {
        self.begun = true;
    }

    pub fn text(&mut self, text: &str) {
        self.begun = true;
        if text.is_empty() {
            return;
        }
        let split = self.splitter.take(text);
        if split.mistaken {
            self.expected.learnt.opens_with(Opening::Reasoning);
            return self.fail(ModelError::Shape {
                what: "it reasoned where it should have answered".to_owned(),
            });
        }
        let unheard = text.len().saturating_sub(split.answer.len());
        if unheard > 0 {
            self.events.push(Ok(Event::Unheard { bytes: unheard }));
        }
        self.tell(split.answer);
        self.hold_bounds();
    }

    fn tell(&mut self, text: String) {
        if !text.is_empty() {
            self.said = self.said.saturating_add(text.len());
            self.worded |= !text.trim().is_empty();
            self.braced |= text.contains('{');
            self.events.push(Ok(Event::Text(text)));
        }
    }

    pub fn reasoning(&mut self, text: &str) {
        self.begun = true;
        if !text.is_empty() {
            self.reasoned = self.reasoned.saturating_add(text.len());
            self.events.push(Ok(Event::Unheard { bytes: text.len() }));
            self.hold_bounds();
        }
    }

    pub fn call(&mut self, position: usize, piece: &CallPiece<'_>) {
        self.begun = true;
        let bytes = self.calls.take(position, piece);
        self.said = self.said.saturating_add(bytes);
        self.hold_bounds();
    }

    /// Takes a count of tokens; a later one replaces an earlier one where it counts more.
    pub fn usage(&mut self, tokens_in: Option<u64>, tokens_out: Option<u64>) {
        let usage = self.usage.get_or_insert_default();
        usage.tokens_in = usage.tokens_in.max(tokens_in.unwrap_or(0));
        usage.tokens_out = usage.tokens_out.max(tokens_out.unwrap_or(0));
    }

    /// The server says why it ends.
    pub fn stop(&mut self, stop: Stop) {
        self.begun = true;
        // A refusal is not taken back by what follows it.
        if self.stop != Some(Stop::Refused) {
            self.stop = Some(stop);
        }
    }

    /// The server says why it ends, in a word of its own.
    pub fn odd_stop(&mut self, reason: &str) {
        self.stop(Stop::End);
        self.odd_stop = Some(reason.to_owned());
    }

    /// The server says that nothing follows.
    pub fn done(&mut self) {
        self.done = true;
    }

    pub fn fail(&mut self, error: ModelError) {
        self.over = true;
        self.events.push(Err(error));
    }

    /// The server says that something went wrong.
    pub fn fail_with(&mut self, value: &Value) {
        let vendor = Vendor::of_value(value);
        let mut error = vendor.refusal(&self.expected.scrub, true);
        // Some refuse the form of a request within an answer that begins well.
        if let (ModelError::Refused(refusal), false) = (&mut error, self.worded) {
            let Sent {
                body,
                dialect,
                model,
            } = &self.expected.request;
            let lesson = dialect.after(&vendor, body, model);
            if let Some(Lesson::Again(next) | Lesson::Remember(next)) = &lesson {
                self.expected.learnt.remember(next);
                refusal.taught = matches!(lesson, Some(Lesson::Again(_)));
            }
        }
        self.fail(error);
    }

    fn hold_bounds(&mut self) {
        let all = self.said + self.reasoned + self.splitter.reasoned;
        if all > MAX_ANSWER_BYTES && !self.over {
            self.fail(too_long());
        }
    }

    /// Is it complete, but for a count of tokens?
    fn is_complete(&self) -> bool {
        self.stop.is_some() && !self.over
    }

    /// Judges the end. `stray`: what came that was no answer.
    fn end(&mut self, stray: &str) {
        if self.over {
            return;
        }
        self.over = true;
        let cut = self.stop == Some(Stop::Length);
        if self.stop.is_none() && !self.done {
            return self.events.push(Err(self.no_end(stray)));
        }
        let rest = self.splitter.end(cut);
        self.worded |= !rest.trim().is_empty();
        if self.worded {
            self.tell(rest);
        }
        let ids = self.expected.ids.clone();
        let calls = std::mem::take(&mut self.calls).end(|| ids.fetch_add(1, Ordering::Relaxed));
        let called = !calls.is_empty();
        self.events
            .extend(calls.into_iter().map(|call| Ok(Event::Call(call))));
        self.learn(cut, called);
        let counted = self.usage.unwrap_or_default();
        let usage = self.used();
        if let Err(error) =
            wire::read_whole(self.expected.sent, counted.tokens_in, self.expected.window)
        {
            return self.events.push(Err(error));
        }
        let reasoned = self.reasoned + self.splitter.reasoned > 0;
        let stop = match self.stop.unwrap_or(Stop::End) {
            Stop::Refused => Stop::Refused,
            _ if !called && !self.worded => {
                if let Some(reason) = self.odd_stop.take() {
                    let said = self.expected.scrub.clean(&reason);
                    return self.events.push(Err(ModelError::Shape {
                        what: format!("it ended without a word: {said}"),
                    }));
                }
                if cut {
                    self.expected.learnt.needs_to_reason();
                    Stop::Nothing(Nothing::OnlyReasoning)
                } else if reasoned {
                    Stop::Nothing(Nothing::OnlyReasoning)
                } else {
                    Stop::Nothing(Nothing::Empty)
                }
            }
            Stop::Length => Stop::Length,
            _ if called => Stop::Calls,
            _ => Stop::End,
        };
        self.events.push(Ok(Event::Done { usage, stop }));
    }

    /// Learns from a whole answer how this model's texts begin, and whether it is held to forms.
    fn learn(&self, cut: bool, called: bool) {
        let learnt = &self.expected.learnt;
        let opening = self.splitter.learnt(cut);
        if self.expected.is_form {
            if self.worded && !cut && !self.braced {
                learnt.holds_to_no_form();
            }
        } else if opening == Some(Opening::Reasoning) {
            learnt.opens_with(Opening::Reasoning);
        } else if let (Some(opening), true, false) = (opening, self.worded, called) {
            // Words beside a call, or none, show nothing of how an answer begins.
            learnt.opens_with(opening);
        }
    }

    /// Tokens as the server counted them, where that can be true of the bytes that went and came and of what was reserved;
    /// else by rule of thumb. A budget is not what a server says it is.
    fn used(&self) -> Usage {
        let counted = self.usage.unwrap_or_default();
        let came = self.said + self.reasoned + self.splitter.reasoned;
        let went = self.expected.request.body.to_string().len();
        Usage {
            tokens_in: wire::counted(counted.tokens_in, self.expected.sent, went, 0),
            tokens_out: wire::counted(counted.tokens_out, came, came, self.expected.reserved),
        }
    }

    /// Why there is no end.
    fn no_end(&self, stray: &str) -> ModelError {
        let stray = self.expected.scrub.clean(stray);
        if self.begun {
            ModelError::Unreachable {
                lost: Lost::Broke,
                what: "the answer broke off".to_owned(),
                advice: "look at its server's log and at the proxies between".to_owned(),
            }
        } else if stray.is_empty() {
            ModelError::Shape {
                what: "what came is no answer of a model".to_owned(),
            }
        } else {
            ModelError::Shape {
                what: format!("what came is no answer of a model: {stray}"),
            }
        }
    }
}

/// What is taken from the wire, step by step.
struct State<R> {
    bytes: BoxStream<'static, Result<Vec<u8>, ModelError>>,
    pieces: Pieces,
    reader: R,
    answer: Answer,
}

impl<R: Reader> State<R> {
    fn take(&mut self, pieces: Result<Vec<Piece>, ModelError>) {
        let pieces = match pieces {
            Ok(pieces) => pieces,
            Err(error) => return self.answer.fail(error),
        };
        for piece in pieces {
            if self.answer.over {
                return;
            }
            match piece {
                Piece::Value(value) => self.reader.read(&value, &mut self.answer),
                Piece::Error(value) => self.answer.fail_with(&value),
                Piece::Done => self.answer.done(),
                Piece::Page(text) => {
                    let page = Vendor::of_page(&text);
                    let said = self.answer.expected.scrub.clean(&page.message);
                    self.answer.fail(ModelError::Refused(Refusal {
                        cause: Cause::Page,
                        status: None,
                        within: false,
                        taught: false,
                        said,
                        fits: None,
                    }));
                }
            }
        }
        if self.answer.done {
            self.end();
        }
    }

    fn end(&mut self) {
        let stray = self.pieces.stray().to_owned();
        self.answer.end(&stray);
    }

    async fn step(&mut self) {
        let next = self.bytes.next();
        let next = if self.answer.is_complete() {
            timeout(COUNT_COMES_WITHIN, next).await
        } else {
            Ok(next.await)
        };
        match next {
            Ok(Some(Ok(bytes))) => {
                let pieces = self.pieces.take(&bytes);
                self.take(pieces);
            }
            // It was complete: that the connection broke after it takes nothing away.
            Ok(Some(Err(_))) if self.answer.is_complete() => self.end(),
            Ok(Some(Err(error))) => self.answer.fail(error),
            Ok(None) => {
                let pieces = self.pieces.end();
                self.take(pieces);
                self.end();
            }
            Err(_) => self.end(),
        }
    }
}

/// The events of an answer; they end with `Done` or the first error.
pub(super) fn events<R: Reader>(
    response: Response,
    reader: R,
    expected: Expected,
    timing: Timing,
    begun: Instant,
) -> BoxStream<'static, Result<Event, ModelError>> {
    let state = State {
        bytes: wire::bytes(response).boxed(),
        pieces: Pieces::default(),
        reader,
        answer: Answer::new(expected),
    };
    let events = stream::unfold(state, |mut state| async move {
        if state.answer.over {
            return None;
        }
        state.step().await;
        let events = std::mem::take(&mut state.answer.events);
        Some((stream::iter(events), state))
    })
    .flatten();
    timing.bound(events, begun)
}
