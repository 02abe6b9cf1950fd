//! What stands beside computing: quotes, gaps, questions back, and what a model says in its own words.

use super::{Done, Evaluator};
use crate::{
    assessment,
    claim::{Role, Set},
    computed::{Assessment, Body, Datum, Gap, Meant, Quote},
    refusal::{Code, Refusal},
};

/// Characters of a quote at most; a longer one is cut and says so.
const MAX_QUOTE: usize = 400;
/// Rows that a question back may name.
const MAX_MEANT: usize = 6;
/// Titles that a gap proposes, and how much alike they must be.
const MAX_NEAREST: usize = 2;
const MIN_LIKENESS: f64 = 0.75;

impl Evaluator {
    pub(super) fn quote(&self, set: &Set, column: &str) -> Result<Done, Refusal> {
        let view = self.choose(set)?.view;
        let row = match view.items.as_slice() {
            [item] if item.group.is_none() => item.rows.first().copied(),
            items => {
                return Err(Refusal::new(
                    Code::Many,
                    format!(
                        "a quote is of one row, the set holds {}: name it by `row`",
                        items.len()
                    ),
                ));
            }
        };
        let base = &view.base;
        let at = base.find(column)?;
        let (Some(row), Some(column)) = (row, view.column_at(at)) else {
            return Err(Refusal::new(Code::Row, "the set holds no row"));
        };
        let Datum::Text(text) = base.datum(row, at) else {
            return Err(Refusal::new(
                Code::Column,
                format!("`{}` holds no text in that row", column.name),
            ));
        };
        let beside = |name: &Option<String>| {
            let at = base.source.table.place(name.as_ref()?)?;
            Some(base.datum(row, at)).filter(|datum| *datum != Datum::Nothing)
        };
        let said = Quote {
            set: view.said.clone(),
            row: base.name(row),
            text: ground::text::shorten(&ground::text::visible(&text), MAX_QUOTE),
            by: beside(&column.words.by),
            on: beside(&column.words.on),
            column,
        };
        let origins = base.origins(&[row]);
        Ok(Done {
            body: Body::Quote(said),
            view: Some(view),
            origins,
        })
    }

    pub(super) fn gap(&self, call: Option<&str>, topic: Option<&str>) -> Result<Done, Refusal> {
        let gap = match (call, topic) {
            (Some(handle), _) => {
                let source = self.results.get(handle);
                let source =
                    source.ok_or_else(|| Refusal::new(Code::Id, "there is no such result"))?;
                let Some(name) = &source.failed else {
                    return Err(Refusal::new(
                        Code::Id,
                        format!("{handle} did answer: it is no gap"),
                    ));
                };
                Gap::Failed {
                    source: name.clone(),
                    title: source.title.clone(),
                }
            }
            (None, Some(topic)) => {
                if !self.reader.asked_for(topic) {
                    return Err(Refusal::new(
                        Code::Literal,
                        "`topic` takes words of the question, as they stand there",
                    ));
                }
                Gap::Topic {
                    words: topic.trim().to_owned(),
                    titles: self.results.titles.len(),
                    nearest: self.nearest_titles(topic),
                }
            }
            (None, None) => return Err(Refusal::new(Code::Form, "`gap` takes `call` or `topic`")),
        };
        Ok(Done {
            body: Body::Gap(gap),
            view: None,
            origins: Vec::new(),
        })
    }

    /// The titles whose words are most like those.
    fn nearest_titles(&self, topic: &str) -> Vec<String> {
        let words = |text: &str| -> Vec<String> {
            let words = text.split(|c: char| !c.is_alphanumeric());
            words
                .filter(|word| word.chars().count() > 3)
                .map(str::to_lowercase)
                .collect()
        };
        let asked = words(topic);
        let mut alike: Vec<(f64, &String)> = self
            .results
            .titles
            .iter()
            .map(|title| {
                let own = words(title);
                let pairs = asked.iter().flat_map(|a| own.iter().map(move |b| (a, b)));
                let best = pairs
                    .map(|(a, b)| strsim::jaro_winkler(a, b))
                    .fold(0.0, f64::max);
                (best, title)
            })
            .filter(|(likeness, _)| *likeness >= MIN_LIKENESS)
            .collect();
        alike.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
        alike
            .into_iter()
            .take(MAX_NEAREST)
            .map(|(_, title)| title.clone())
            .collect()
    }

    pub(super) fn ask(&self, set: Option<&Set>, options: &[String]) -> Result<Done, Refusal> {
        let mut meant: Vec<Meant> = Vec::new();
        let mut origins = Vec::new();
        let rows = match set {
            Some(set) => Some(self.choose(set)?.view),
            None => None,
        };
        if let (Some(view), true) = (&rows, options.is_empty()) {
            if !(2..=MAX_MEANT).contains(&view.items.len()) {
                return Err(Refusal::new(
                    Code::Many,
                    format!(
                        "a question back names 2 to {MAX_MEANT} rows, the set holds {}",
                        view.items.len()
                    ),
                ));
            }
            meant.extend(view.items.iter().map(|item| Meant::Row(view.name(item))));
            origins = view.base.origins(&view.rows());
        }
        for option in options {
            let title = self
                .results
                .titles
                .iter()
                .chain(self.results.iter().map(|source| &source.title));
            let own_title = title
                .into_iter()
                .find(|title| title.eq_ignore_ascii_case(option.trim()));
            if let Some(title) = own_title {
                meant.push(Meant::Title(title.clone()));
                continue;
            }
            let row = rows.as_ref().and_then(|view| {
                let is_named = |datum: &Datum| {
                    matches!(datum, Datum::Text(text) if text.trim().to_lowercase() == option.trim().to_lowercase())
                };
                view.items
                    .iter()
                    .map(|item| (item, view.name(item)))
                    .find(|(_, name)| name.key.iter().any(|(_, datum)| is_named(datum)))
            });
            match (row, &rows) {
                (Some((item, name)), Some(view)) => {
                    meant.push(Meant::Row(name));
                    origins.extend(view.base.origins(&item.rows));
                }
                _ => {
                    return Err(Refusal::new(
                        Code::Literal,
                        "an option of `ask` is a title as it is listed, or with `of` the key of a row",
                    ));
                }
            }
        }
        if meant.len() < 2 {
            return Err(Refusal::new(Code::Form, "`ask` needs two options"));
        }
        Ok(Done {
            body: Body::Ask(meant),
            view: None,
            origins,
        })
    }

    pub(super) fn assessment(
        &self,
        about: &[String],
        role: Role,
        text: &str,
    ) -> Result<Done, Refusal> {
        for id in about {
            let stands = self.programs.contains_key(id) && !self.refused.contains_key(id);
            if !stands || !self.views.contains_key(id) && !self.is_compare(id) {
                return Err(Refusal::new(
                    Code::Id,
                    "an assessment is about one to three computed claims that stand",
                ));
            }
        }
        assessment::check(text)?;
        Ok(Done {
            body: Body::Assessment(Assessment {
                role,
                text: ground::text::visible(text.trim()),
                about: about.to_vec(),
            }),
            view: None,
            origins: Vec::new(),
        })
    }

    fn is_compare(&self, id: &str) -> bool {
        use crate::claim::Say;
        self.programs
            .get(id)
            .is_some_and(|claim| matches!(claim.say, Say::Compare { .. } | Say::Trend { .. }))
    }
}
