//! Candidates of claims, made from the form of the results: what a small model chooses from, and what is said where none answers.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::{
    Evaluator,
    compute::Cell,
    evaluate::Base,
    result::{Reader, Results, Whole},
    say::{Said, Writer},
};

/// Candidates at most.
pub const MAX_CANDIDATES: usize = 24;
/// Candidates that are computed at most.
const MAX_TRIED: usize = 160;
/// Columns of a result that candidates are made of, of each kind.
const MAX_COLUMNS: usize = 6;
/// Groups that a column's values may make.
const MAX_GROUPS: usize = 12;
/// Rows that are shown of an order.
const FIRST_ROWS: usize = 3;
/// Rows of a result that are simply told.
const FEW_ROWS: usize = 5;
/// What a word of the question in a candidate's columns, title or values is worth, and what it costs to be much like one above.
const FOR_A_WORD: i32 = 30;
const FOR_A_VALUE: i32 = 60;
const FOR_ALIKE: i32 = 25;
/// Letters of a word that counts.
const MIN_LETTERS: usize = 3;

/// A claim that may be said, computed and worded.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub claim: Value,
    pub said: Said,
}

/// A claim under way, with what speaks for it.
struct Draft {
    claim: Value,
    score: i32,
    kind: &'static str,
    handle: String,
    column: String,
}

/// The candidates over some results, most apt first by the words of the question.
pub fn menu(results: &Results, reader: &Reader) -> Vec<Candidate> {
    let mut evaluator = Evaluator::new(results.clone(), reader.clone());
    let asked = words(&reader.question);
    let mut drafts: Vec<Draft> = Vec::new();
    for source in results.iter() {
        if source.failed.is_some() {
            drafts.push(Draft {
                claim: json!({ "say": "gap", "call": source.handle }),
                score: 90,
                kind: "gap",
                handle: source.handle.clone(),
                column: String::new(),
            });
            continue;
        }
        if let Ok(base) = evaluator.base(&source.handle) {
            let mut form = Form {
                base: &base,
                reader,
                asked: &asked,
                drafts: Vec::new(),
            };
            form.all();
            drafts.append(&mut form.drafts);
        }
    }
    drafts.sort_by(|a, b| {
        let names = |draft: &Draft| (draft.handle.clone(), draft.kind, draft.column.clone());
        b.score.cmp(&a.score).then_with(|| names(a).cmp(&names(b)))
    });
    drafts.truncate(MAX_TRIED);
    let mut menu: Vec<Candidate> = Vec::new();
    let mut texts = HashSet::new();
    while menu.len() < MAX_CANDIDATES && !drafts.is_empty() {
        // The best of those that are left; sorted, so the first of equals.
        let mut best = 0;
        for (at, draft) in drafts.iter().enumerate() {
            if drafts
                .get(best)
                .is_some_and(|known| draft.score > known.score)
            {
                best = at;
            }
        }
        let draft = drafts.remove(best);
        let Ok(computed) = evaluator.compute(&draft.claim) else {
            continue;
        };
        let said = Writer::new(reader).say(&computed);
        if !texts.insert(said.text.clone()) {
            continue;
        }
        for other in &mut drafts {
            if other.handle == draft.handle && other.kind == draft.kind {
                other.score -= FOR_ALIKE;
            }
            if other.handle == draft.handle
                && other.column == draft.column
                && !draft.column.is_empty()
            {
                other.score -= FOR_ALIKE / 5;
            }
        }
        menu.push(Candidate {
            claim: draft.claim,
            said,
        });
    }
    menu
}

/// The columns of a result, by what can be asked of them.
struct Form<'b> {
    base: &'b Base,
    reader: &'b Reader,
    asked: &'b HashSet<String>,
    drafts: Vec<Draft>,
}

impl Form<'_> {
    fn all(&mut self) {
        let handle = self.base.source.handle.clone();
        let rows = self.base.len();
        let mut columns: Vec<usize> = (0..self.base.columns.len()).collect();
        // By name, so that the order of columns decides nothing.
        columns.sort_by_key(|at| self.name(*at).to_owned());
        let of = |test: &dyn Fn(&Self, usize) -> bool| -> Vec<usize> {
            let mut found: Vec<usize> = columns
                .iter()
                .copied()
                .filter(|at| test(self, *at))
                .collect();
            found.sort_by_key(|at| !self.is_declared_order(*at));
            found.truncate(MAX_COLUMNS);
            found
        };
        let numbers = of(&|form, at| {
            form.holds(at, |cell| matches!(cell, Cell::Number(_))) && !form.base.is_identifier(at)
        });
        let days =
            of(&|form, at| form.holds(at, |cell| matches!(cell, Cell::Date(_) | Cell::Instant(_))));
        let spans = of(&|form, at| form.base.names_span(at));
        let groups = of(&|form, at| form.makes_groups(at));
        let sums: Vec<usize> = numbers
            .iter()
            .copied()
            .filter(|at| self.base.adds(*at))
            .collect();
        let is_series = !spans.is_empty();
        let mut measures = vec![json!("count")];
        measures.extend(sums.first().map(|at| json!({ "sum": self.name(*at) })));
        let first = sums.first().copied();
        let claim = json!({ "say": "value", "of": handle, "measures": measures });
        self.draft("value", claim, if is_series { 20 } else { 60 }, first);
        if rows > 0 && rows <= FEW_ROWS {
            let show = self.shown(&numbers, &days);
            self.draft(
                "rows",
                json!({ "say": "rows", "of": handle, "show": show }),
                70,
                None,
            );
        }
        for at in &numbers {
            let name = self.name(*at).to_owned();
            let order = json!({ "by": name, "first": "high" });
            let low = json!({ "by": name, "first": "low" });
            let bonus = if self.is_declared_order(*at) { 8 } else { 0 };
            let score = if is_series { 15 } else { 50 + bonus };
            let show = self.shown(&[], &days);
            let claim = json!({ "say": "rows", "of": handle, "order": order, "top": FIRST_ROWS, "show": show });
            self.draft("first", claim, score, Some(*at));
            let claim = json!({ "say": "rows", "of": handle, "order": low, "top": 1 });
            self.draft("last", claim, score - 30, Some(*at));
            for along in &spans {
                let measure = if self.base.adds(*at) {
                    json!({ "sum": name })
                } else {
                    json!({ "value": name })
                };
                let along_name = self.name(*along).to_owned();
                let claim = json!({ "say": "trend", "of": handle, "along": along_name, "measure": measure });
                self.draft("trend", claim, 65, Some(*at));
                if let Some([then, now]) = self.last_two(*along) {
                    let row =
                        |code: &str| json!({ "column": along_name, "op": "eq", "value": code });
                    let claim = json!({
                        "say": "compare", "of": handle, "measure": measure,
                        "a": { "where": [row(&now)] }, "b": { "where": [row(&then)] },
                    });
                    self.draft("change", claim, 62, Some(*at));
                }
            }
            for by in &groups {
                let by_name = self.name(*by).to_owned();
                if self.base.adds(*at) {
                    let sum = json!({ "sum": name });
                    let claim = json!({
                        "say": "rows", "of": handle, "group": by_name,
                        "order": { "by": sum, "first": "high" }, "top": FIRST_ROWS, "show": [sum],
                    });
                    self.draft("groups", claim, 35, Some(*by));
                }
            }
        }
        if let (Some(at), true) = (sums.first(), rows > FIRST_ROWS + 1 && !is_series) {
            let name = self.name(*at).to_owned();
            let claim = json!({
                "say": "compare", "of": handle, "measure": { "sum": name }, "how": "share",
                "a": { "order": { "by": name, "first": "high" }, "top": FIRST_ROWS }, "b": {},
            });
            self.draft("share", claim, 40, Some(*at));
        }
        for at in &days {
            let name = self.name(*at).to_owned();
            let past = json!({ "column": name, "op": "lt", "value": "today" });
            // Only where some days are gone and some are to come does it say something that one is.
            let bonus = if self.is_on_both_sides(*at) { 55 } else { 10 };
            let claim =
                json!({ "say": "value", "of": handle, "where": [past], "measures": measures });
            self.draft("past", claim, bonus, Some(*at));
        }
        for at in columns.iter().take(MAX_COLUMNS * 3) {
            let name = self.name(*at).to_owned();
            if self.is_empty_somewhere(*at) {
                let is_empty = json!({ "column": name, "op": "is_null" });
                self.draft(
                    "empty",
                    json!({ "say": "which", "of": handle, "meet": [is_empty] }),
                    30,
                    Some(*at),
                );
            }
        }
        for by in &groups {
            let name = self.name(*by).to_owned();
            let claim = json!({
                "say": "rows", "of": handle, "group": name,
                "order": { "by": "count", "first": "high" }, "top": FIRST_ROWS, "show": ["count"],
            });
            self.draft("groups", claim, 25, Some(*by));
        }
        self.matches(&columns, &numbers, &days);
    }

    /// Rows that the question names.
    fn matches(&mut self, columns: &[usize], numbers: &[usize], days: &[usize]) {
        let handle = self.base.source.handle.clone();
        for at in columns {
            let mut seen = HashSet::new();
            for row in 0..self.base.len() {
                let Cell::Text(text) = self.base.cell(row, *at) else {
                    continue;
                };
                let letters = text.trim().chars().count();
                if !(MIN_LETTERS..=60).contains(&letters)
                    || !self.reader.asked_for(text)
                    || !seen.insert(text.trim().to_lowercase())
                {
                    continue;
                }
                let name = self.name(*at).to_owned();
                let is_this = json!({ "column": name, "op": "eq", "value": text });
                let show = self.shown(numbers, days);
                let claim =
                    json!({ "say": "rows", "of": handle, "where": [is_this], "show": show });
                self.draft("match", claim, 60 + FOR_A_VALUE, Some(*at));
                if seen.len() >= MAX_COLUMNS {
                    break;
                }
            }
        }
    }

    fn draft(&mut self, kind: &'static str, claim: Value, score: i32, at: Option<usize>) {
        let mut score = score;
        let title = words(&self.base.source.title);
        if title.iter().any(|word| self.asked.contains(word)) {
            score += FOR_A_WORD / 2;
        }
        let mut column = String::new();
        if let Some(at) = at {
            self.name(at).clone_into(&mut column);
            let label = self
                .base
                .column(at)
                .and_then(|column| column.words.label(self.reader.language));
            let mut own = words(&column);
            own.extend(words(label.unwrap_or_default()));
            if own.iter().any(|word| self.asked.contains(word)) {
                score += FOR_A_WORD;
            }
        }
        // What is asked of rows that are not all there would be refused or say little.
        if self.base.source.whole == Whole::Part && kind != "match" {
            score -= 10;
        }
        self.drafts.push(Draft {
            claim,
            score,
            kind,
            handle: self.base.source.handle.clone(),
            column,
        });
    }

    fn name(&self, at: usize) -> &str {
        self.base.column(at).map_or("", |column| &column.name)
    }

    fn shown(&self, numbers: &[usize], days: &[usize]) -> Vec<String> {
        let all = numbers.iter().take(3).chain(days.iter().take(2));
        all.map(|at| self.name(*at).to_owned()).collect()
    }

    fn holds(&self, at: usize, test: impl Fn(&Cell) -> bool) -> bool {
        let mut cells = (0..self.base.len())
            .map(|row| self.base.cell(row, at))
            .filter(|cell| **cell != Cell::Null)
            .peekable();
        cells.peek().is_some() && cells.all(test)
    }

    fn is_declared_order(&self, at: usize) -> bool {
        let order = self.base.source.words.order.as_ref();
        order.is_some_and(|order| order.by == self.name(at))
    }

    /// Texts that come several times each.
    fn makes_groups(&self, at: usize) -> bool {
        let is_text = self.holds(
            at,
            |cell| matches!(cell, Cell::Text(text) if text.chars().count() <= 60),
        );
        if !is_text || self.base.names_span(at) {
            return false;
        }
        let values: HashSet<String> = (0..self.base.len())
            .filter_map(|row| match self.base.cell(row, at) {
                Cell::Text(text) => Some(text.trim().to_lowercase()),
                _ => None,
            })
            .collect();
        (2..=MAX_GROUPS).contains(&values.len()) && values.len() * 2 <= self.base.len()
    }

    fn is_empty_somewhere(&self, at: usize) -> bool {
        let empty = (0..self.base.len()).filter(|row| *self.base.cell(*row, at) == Cell::Null);
        let empty = empty.count();
        empty > 0 && empty < self.base.len()
    }

    fn is_on_both_sides(&self, at: usize) -> bool {
        let days: Vec<_> = (0..self.base.len())
            .filter_map(|row| self.base.day(self.base.cell(row, at)))
            .collect();
        days.iter().any(|day| *day < self.reader.today)
            && days.iter().any(|day| *day >= self.reader.today)
    }

    /// The last two steps of a series that are over.
    fn last_two(&self, at: usize) -> Option<[String; 2]> {
        let mut spans: Vec<crate::period::Span> = (0..self.base.len())
            .filter_map(|row| match self.base.cell(row, at) {
                Cell::Text(text) => crate::period::Span::of_text(text),
                _ => None,
            })
            .filter(|span| span.is_over(self.reader.today))
            .collect();
        spans.sort();
        spans.dedup();
        match spans.as_slice() {
            [.., then, now] => Some([then.code(), now.code()]),
            _ => None,
        }
    }
}

/// The words of a text that count, without regard to case.
fn words(text: &str) -> HashSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= MIN_LETTERS)
        .map(str::to_lowercase)
        .collect()
}
