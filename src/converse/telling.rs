//! What a turn says of its results: a model's claims, each computed over the rows and worded by Daybrief. A sentence of the
//! model's own is never among it but as an assessment, marked as one.

use std::{collections::BTreeMap, sync::Arc};

use claims::{
    Evaluator,
    claim::Claim,
    menu::{Candidate, menu},
    refusal::Refusal,
    result::{Reader, Results, Source},
    say::{Said, Writer},
};
use serde_json::Value;

use crate::{domain::turn::TurnGrounding, guard::filter::Filter};

/// A claim of an earlier turn names this turn's results anew.
const BEFORE: &str = "_before";

/// The claims of one turn.
pub struct Telling {
    evaluator: Evaluator,
    writer: Writer,
    reader: Reader,
    results: Results,
    /// The claims with an id that stand, as they were written.
    standing: BTreeMap<String, Value>,
    /// Whether anything was said.
    spoke: bool,
    /// What became of the model's own claims.
    pub grounding: TurnGrounding,
}

impl Telling {
    /// Nothing is read and nothing is said yet. `titles` are those of all that may be asked; `earlier` are claims of earlier
    /// turns, which may be said again over what this turn reads; each text of a source is told as `filter` clears it.
    pub fn new(
        reader: Reader,
        titles: Vec<String>,
        earlier: impl IntoIterator<Item = Value>,
        filter: Filter,
    ) -> Self {
        let clear = move |text: &str| filter.clear_value(text).into_inner();
        let writer = Writer::new(&reader).clearing(Arc::new(clear));
        let mut results = Results::default();
        results.titles = titles;
        let mut evaluator = Evaluator::new(results.clone(), reader.clone());
        let programs = earlier
            .into_iter()
            .filter_map(|claim| Claim::read(&of_before(claim)).ok())
            .filter_map(|claim| Some((claim.id.clone()?, claim)));
        evaluator.remember(programs.collect());
        Self {
            evaluator,
            writer,
            reader,
            results,
            standing: BTreeMap::new(),
            spoke: false,
            grounding: TurnGrounding::default(),
        }
    }

    /// Adds a result of which claims may speak from now on.
    pub fn add(&mut self, source: Source) {
        self.results.insert(source.clone());
        self.evaluator.insert(source);
    }

    /// Computes and words a claim, or says why it does not stand.
    pub fn claim(&mut self, claim: &Value) -> Result<Said, Refusal> {
        let computed = self.evaluator.compute(claim)?;
        self.spoke = true;
        if let Some(id) = &computed.id {
            self.standing.insert(id.clone(), claim.clone());
        }
        Ok(self.writer.say(&computed))
    }

    /// Counts what became of a claim of the model's own.
    pub fn count(&mut self, stands: bool) {
        self.grounding.written += 1;
        if stands {
            self.grounding.kept += 1;
        } else {
            self.grounding.struck += 1;
        }
    }

    /// Returns what may be said of the results without a model, most apt first.
    pub fn menu(&self) -> Vec<Candidate> {
        menu(&self.results, &self.reader)
    }

    /// Does no claim stand so far?
    pub fn nothing_stood(&self) -> bool {
        !self.spoke
    }

    /// The claims that stand, as they were written: what a later question builds on. No value that was not told is among them.
    pub fn standing(self) -> Vec<Value> {
        self.standing.into_values().collect()
    }
}

/// A claim of an earlier turn: its results are not this turn's, so it has to be told which ones to speak of.
fn of_before(mut claim: Value) -> Value {
    let is_result = |text: &str| {
        text.strip_prefix('R')
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    };
    fn each(value: &mut Value, is_result: &impl Fn(&str) -> bool) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text)
                            if matches!(name.as_str(), "of" | "against" | "call")
                                && is_result(text) =>
                        {
                            *text = format!("{}{BEFORE}", text.to_lowercase());
                        }
                        value => each(value, is_result),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| each(item, is_result)),
            _ => {}
        }
    }
    each(&mut claim, &is_result);
    claim
}

/// A said claim with its marks: before the stop of its first line, so that they belong to it.
pub fn with_marks(text: &str, marks: &[usize]) -> String {
    if marks.is_empty() {
        return text.to_owned();
    }
    let marks: String = marks.iter().map(|number| format!(" [{number}]")).collect();
    let (first, rest) = match text.find('\n') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let stop = first.trim_end_matches(['.', '!', '?', ':']).len();
    let (words, stop) = first.split_at(stop);
    format!("{words}{marks}{stop}{rest}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_of_before_names_its_results_anew() {
        let claim = json!({ "say": "compare", "as": "c", "a": { "of": "R1", "where": [{ "column": "of", "op": "eq", "value": "R1" }] }, "b": { "of": "late" } });
        assert_eq!(
            of_before(claim),
            json!({ "say": "compare", "as": "c", "a": { "of": "r1_before", "where": [{ "column": "of", "op": "eq", "value": "R1" }] }, "b": { "of": "late" } })
        );
    }

    #[test]
    fn marks_stand_before_the_stop_of_the_first_line() {
        assert_eq!(
            with_marks("All 3 are late.", &[1, 2]),
            "All 3 are late [1] [2]."
        );
        assert_eq!(
            with_marks("3 deals:\n– A\n– B", &[1]),
            "3 deals [1]:\n– A\n– B"
        );
        assert_eq!(with_marks("Nothing.", &[]), "Nothing.");
    }
}
