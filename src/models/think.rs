//! Takes a model's reasoning out of its text: `<think>…</think>`, cut anywhere by the stream, also without its beginning,
//! which some prompts' templates write themselves. Pure.

/// How reasoning begins and ends within a text.
const MARKS: [(&str, &str); 5] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"),
];

/// How a model's texts begin, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Opening {
    /// Not known: a text is held until its end, since what has been told cannot be taken back.
    #[default]
    Unknown,
    /// With the answer, or with a mark that reasoning begins.
    Marked,
    /// With reasoning that no mark begins.
    Reasoning,
}

/// Where the text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a text that may turn out to be reasoning.
    Held,
    /// In the answer.
    Answer,
    /// In reasoning that this mark ends.
    Reasoning(&'static str),
}

/// A text that comes in pieces, without its reasoning.
#[derive(Debug)]
pub(super) struct Splitter {
    place: Place,
    expected: Opening,
    /// What may be the beginning of a mark.
    tail: String,
    /// What may turn out to be reasoning.
    held: String,
    /// Something of the answer was told.
    told: bool,
    /// Bytes of reasoning.
    pub reasoned: usize,
    /// Reasoning without a beginning ended here.
    unopened: bool,
    /// The next text begins after a mark: its blanks are none of the answer's.
    after_mark: bool,
}

/// What a piece of text gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    pub answer: String,
    /// What was told before as an answer turns out to have been reasoning.
    pub mistaken: bool,
}

impl Splitter {
    pub fn new(expected: Opening) -> Self {
        Self {
            place: match expected {
                Opening::Marked => Place::Answer,
                Opening::Unknown | Opening::Reasoning => Place::Held,
            },
            expected,
            tail: String::new(),
            held: String::new(),
            told: false,
            reasoned: 0,
            unopened: false,
            after_mark: false,
        }
    }

    /// Takes more of the text.
    pub fn take(&mut self, text: &str) -> Split {
        self.tail.push_str(text);
        let mut split = Split::default();
        loop {
            match self.place {
                Place::Reasoning(end) => {
                    if let Some(at) = self.tail.find(end) {
                        self.reasoned += at;
                        self.tail.drain(..at + end.len());
                        // A model that marks where it begins to reason needs no guess.
                        self.place = Place::Answer;
                        self.after_mark = true;
                        continue;
                    }
                    let keep = unfinished(&self.tail, [end].into_iter());
                    let gone = self.tail.len() - keep;
                    self.reasoned += gone;
                    self.tail.drain(..gone);
                    return split;
                }
                Place::Held | Place::Answer => {
                    let first = MARKS
                        .iter()
                        .flat_map(|(begin, end)| [(*begin, Some(*end)), (*end, None)])
                        .filter_map(|(mark, end)| Some((self.tail.find(mark)?, mark, end)))
                        .min_by_key(|(at, mark, _)| (*at, std::cmp::Reverse(mark.len())));
                    let Some((at, mark, end)) = first else {
                        let marks = MARKS.iter().flat_map(|(begin, end)| [*begin, *end]);
                        let ready = self.tail.len() - unfinished(&self.tail, marks);
                        let text: String = self.tail.drain(..ready).collect();
                        self.tell(&text, &mut split);
                        return split;
                    };
                    let before: String = self.tail.drain(..at).collect();
                    self.tail.drain(..mark.len());
                    match end {
                        Some(end) => {
                            self.tell(&before, &mut split);
                            self.place = Place::Reasoning(end);
                        }
                        None => {
                            // All before it was reasoning.
                            self.tell(&before, &mut split);
                            self.reasoned += self.held.len() + split.answer.len();
                            split.mistaken |= self.told;
                            self.held.clear();
                            split.answer.clear();
                            self.unopened = true;
                            self.place = Place::Answer;
                            self.after_mark = true;
                        }
                    }
                }
            }
        }
    }

    fn tell(&mut self, text: &str, split: &mut Split) {
        let text = if self.after_mark {
            text.trim_start()
        } else {
            text
        };
        if text.is_empty() {
            return;
        }
        self.after_mark = false;
        match self.place {
            Place::Held => self.held.push_str(text),
            _ => {
                split.answer.push_str(&std::mem::take(&mut self.held));
                split.answer.push_str(text);
                self.told = true;
            }
        }
    }

    /// What is left at the end. `cut`: the answer was cut at its longest.
    pub fn end(&mut self, cut: bool) -> String {
        let tail = std::mem::take(&mut self.tail);
        let mut held = std::mem::take(&mut self.held);
        match self.place {
            Place::Reasoning(_) => {
                self.reasoned += tail.len();
                held
            }
            // It did not come to the end of its reasoning.
            Place::Held if cut && self.expected == Opening::Reasoning => {
                self.reasoned += held.len() + tail.len();
                String::new()
            }
            Place::Held | Place::Answer => {
                held.push_str(&tail);
                held
            }
        }
    }

    /// What this text shows of how the model's texts begin, once it has come to its end.
    pub fn learnt(&self, cut: bool) -> Option<Opening> {
        match (self.unopened, self.place) {
            (true, _) => Some(Opening::Reasoning),
            (false, Place::Held) if cut || self.expected == Opening::Reasoning => None,
            (false, _) => Some(Opening::Marked),
        }
    }
}

/// How many bytes at the end of a text may be the beginning of one of these marks.
fn unfinished<'m>(text: &str, marks: impl Iterator<Item = &'m str>) -> usize {
    marks
        .filter_map(|mark| {
            (1..mark.len()).rev().find(|length| {
                mark.get(..*length)
                    .is_some_and(|start| text.ends_with(start))
            })
        })
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(expected: Opening, pieces: &[&str]) -> (String, bool, Splitter) {
        let mut splitter = Splitter::new(expected);
        let (mut answer, mut mistaken) = (String::new(), false);
        for piece in pieces {
            let said = splitter.take(piece);
            answer.push_str(&said.answer);
            mistaken |= said.mistaken;
        }
        let last = splitter.end(false);
        answer.push_str(&last);
        (answer, mistaken, splitter)
    }

    #[test]
    fn reasoning_is_no_answer_however_it_is_marked_and_cut() {
        for (text, answer) in [
            ("<think>\nhm\n</think>\n\nOrder 1001.", "Order 1001."),
            ("hm, the order\n</think>\n\nOrder 1001.", "Order 1001."),
            ("Order 1001.", "Order 1001."),
            ("a < b and <thin> is thin", "a < b and <thin> is thin"),
            ("<think></think>Yes.", "Yes."),
            ("[THINK]so[/THINK]Yes.", "Yes."),
            ("<thinking>so</thinking> Yes.", "Yes."),
            ("First. <think>more</think>Second.", "First. Second."),
            ("<think>never ends", ""),
            ("it ends with <thi", "it ends with <thi"),
        ] {
            for size in 1..=text.len() {
                let pieces: Vec<String> = text
                    .chars()
                    .collect::<Vec<_>>()
                    .chunks(size)
                    .map(|chunk| chunk.iter().collect())
                    .collect();
                let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
                let (said, mistaken, _) = split(Opening::Unknown, &pieces);
                assert_eq!(said, answer, "{text:?} in pieces of {size}");
                assert!(!mistaken, "{text:?}");
            }
        }
    }

    #[test]
    fn a_model_that_begins_with_unmarked_reasoning_is_known_after_its_first_answer() {
        let (_, _, first) = split(Opening::Unknown, &["hm</think>Yes."]);
        assert_eq!(first.learnt(false), Some(Opening::Reasoning));
        let (_, _, plain) = split(Opening::Unknown, &["Yes."]);
        assert_eq!(plain.learnt(true), None, "what is cut shows nothing");
        let mut cut = Splitter::new(Opening::Reasoning);
        assert_eq!(cut.take("hm, and so on").answer, "");
        assert_eq!(cut.end(true), "");
        assert_eq!(cut.reasoned, 13);
        let (said, mistaken, _) = split(Opening::Marked, &["hm, ", "so</think>Yes."]);
        assert!(mistaken && said.ends_with("Yes."), "{said}");
    }

    #[test]
    fn a_known_model_is_told_while_it_speaks() {
        let mut splitter = Splitter::new(Opening::Marked);
        assert_eq!(splitter.take("Order ").answer, "Order ");
        assert_eq!(splitter.take("1001 <").answer, "1001 ");
        assert_eq!(splitter.take("3").answer, "<3");
    }

    proptest! {
        #[test]
        fn cutting_a_text_changes_nothing(
            words in prop::collection::vec(prop::sample::select(vec!["<think>", "</think>", "[THINK]", "[/THINK]", "a", "é", " ", "<", "/th", "\n"]), 0..12),
            cuts in prop::collection::vec(0_usize..80, 0..6),
        ) {
            let text = words.concat();
            let (whole, mistaken, _) = split(Opening::Unknown, &[&text]);
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|at| text.is_char_boundary(*at)).collect();
            cuts.sort_unstable();
            let (mut pieces, mut from) = (Vec::new(), 0);
            for at in cuts {
                pieces.push(&text[from..at]);
                from = at;
            }
            pieces.push(&text[from..]);
            let (said, also, _) = split(Opening::Unknown, &pieces);
            prop_assert_eq!(also, mistaken);
            // What was told by mistake ends in an error, whatever stands there.
            if !mistaken {
                prop_assert_eq!(said, whole);
            }
        }
    }
}
