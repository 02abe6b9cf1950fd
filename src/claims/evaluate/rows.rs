//! Rows, values of a set, and which of a set meet conditions.

use super::{
    Done, Evaluator, cond, measure,
    set::cut_refusal,
    view::{Item, View},
};
use crate::{
    claim::{Cond, Measure, Set, Shown},
    computed::{Body, Datum, Found, Line, Rows, Term, ValueOf, Which},
    refusal::{Code, Refusal},
    result::Whole,
};

/// Rows of a claim at most.
const MAX_LINES: usize = 200;

impl Evaluator {
    pub(super) fn rows(&self, set: &Set, show: &[Shown]) -> Result<Done, Refusal> {
        let chosen = self.choose(set)?;
        let view = chosen.view;
        if view.items.len() > MAX_LINES {
            return Err(Refusal::new(
                Code::Many,
                format!(
                    "{} rows are too many to say: take `top`, or conditions",
                    view.items.len()
                ),
            ));
        }
        let mut lines = Vec::with_capacity(view.items.len());
        for item in &view.items {
            let ordered_by = match &chosen.ordered_by {
                Some(by) => Some(by.datum(&view, item)?),
                None => None,
            };
            lines.push(view.line(item, shown(&view, item, show)?, ordered_by));
        }
        let origins = view.base.origins(&view.rows());
        let said = Rows {
            set: view.said.clone(),
            lines,
            level_with_first: chosen.level_with_first,
        };
        Ok(Done {
            body: Body::Rows(said),
            view: Some(view),
            origins,
        })
    }

    pub(super) fn value(&self, set: &Set, measures: &[Measure]) -> Result<Done, Refusal> {
        let view = if measures
            .iter()
            .any(|measure| matches!(measure, Measure::Rank(_)))
        {
            let [Measure::Rank(order)] = measures else {
                return Err(Refusal::new(
                    Code::Form,
                    "`rank` stands alone in `measures`",
                ));
            };
            let (view, value) = self.rank(set, order)?;
            let origins = view.base.origins(&view.rows());
            let said = ValueOf {
                set: view.said.clone(),
                values: vec![value],
                row: view.only_name(),
            };
            return Ok(Done {
                body: Body::Value(said),
                view: Some(view),
                origins,
            });
        } else {
            self.choose(set)?.view
        };
        let values = measures
            .iter()
            .map(|measure| measure::measured(&view, measure))
            .collect::<Result<Vec<_>, _>>()?;
        let row = if view.said.picked.is_empty() {
            None
        } else {
            view.only_name()
        };
        let said = ValueOf {
            set: view.said.clone(),
            values,
            row,
        };
        let origins = view.base.origins(&view.rows());
        Ok(Done {
            body: Body::Value(said),
            view: Some(view),
            origins,
        })
    }

    pub(super) fn which(&self, set: &Set, meet: &[Cond], show: &[Shown]) -> Result<Done, Refusal> {
        let view = self.choose(set)?.view;
        let tests = cond::prepare(meet, &view, &self.reader)?;
        let mut met = Vec::new();
        let mut unknown: Vec<(Term, Vec<Line>)> = Vec::new();
        for item in &view.items {
            match cond::all_hold(&tests, &view, item)? {
                Ok(true) => met.push(item.clone()),
                Ok(false) => {}
                Err(term) => {
                    let line = view.line(item, Vec::new(), None);
                    match unknown.iter_mut().find(|(known, _)| *known == term) {
                        Some((_, lines)) => lines.push(line),
                        None => unknown.push((term, vec![line])),
                    }
                }
            }
        }
        let found = match (&view.said.whole, met.len(), view.items.len()) {
            (Whole::First { .. }, ..) => return Err(cut_refusal(&view, "none, all and only")),
            (Whole::Part, 0, _) => return Err(cut_refusal(&view, "none")),
            (Whole::Part, ..) => Found::AtLeast,
            (Whole::Whole, _, 0) => Found::Empty,
            (Whole::Whole, 0, _) => Found::None,
            (Whole::Whole, met, all) if met == all => Found::All,
            (Whole::Whole, 1, _) => Found::Only,
            (Whole::Whole, ..) => Found::Some,
        };
        let mut lines = Vec::with_capacity(met.len().min(MAX_LINES));
        for item in met.iter().take(MAX_LINES) {
            lines.push(view.line(item, shown(&view, item, show)?, None));
        }
        let said = Which {
            set: view.said.clone(),
            meet: tests.iter().map(|test| test.said.clone()).collect(),
            found,
            met: lines,
            unknown,
            only_row: view.only_name(),
        };
        // A claim that nothing meets rests on all that it asked.
        let origins = if met.is_empty() {
            view.base.origins(&view.rows())
        } else {
            let rows: Vec<usize> = met.iter().flat_map(|item| item.rows.clone()).collect();
            view.base.origins(&rows)
        };
        let mut kept = view;
        let asked = std::sync::Arc::new(kept.said.clone());
        kept.items = met;
        kept.said.base = Some(asked);
        kept.said.total = kept.said.count;
        kept.said.count = kept.items.len();
        kept.said.conditions = said.meet.clone();
        kept.said.picked = Vec::new();
        kept.said.except = None;
        kept.said.order = None;
        kept.said.cut = None;
        kept.said.unknown = said
            .unknown
            .iter()
            .map(|(term, lines)| (term.clone(), lines.len()))
            .collect();
        Ok(Done {
            body: Body::Which(said),
            view: Some(kept),
            origins,
        })
    }
}

/// What is shown of an item.
fn shown(view: &View, item: &Item, show: &[Shown]) -> Result<Vec<(Term, Datum)>, Refusal> {
    show.iter()
        .map(|shown| match shown {
            Shown::Expr(expr) => {
                let (compiled, term) = view.compile(expr)?;
                Ok((term, view.datum(&compiled, item)?))
            }
            Shown::Measure(measure) => {
                let found = measure::measured(&measure::rows_of(view, item), measure)?;
                Ok((Term::Measure(Box::new(found.term)), found.datum))
            }
        })
        .collect()
}
