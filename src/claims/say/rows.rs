//! Rows: one, some under each other, or a table; the first of an order.

use super::{Before, Grid, Voice};
use crate::{
    claim::End,
    computed::{Datum, Line, Rows, SetSaid, Term},
};

/// Rows that are told as lines; more are a table.
const MAX_LINES: usize = 8;

impl Voice {
    pub(super) fn rows(&self, rows: &Rows, before: &Before<'_>) -> (String, Option<Grid>) {
        let set = &rows.set;
        let mut debt = self.debt(set, before);
        let many = debt.many(self);
        let text = match rows.lines.as_slice() {
            [] => {
                let key = if set.whole == crate::result::Whole::Whole {
                    "rows.none"
                } else {
                    "rows.none_first"
                };
                let rest = debt.rest(self);
                self.words().fill(key, &[("noun", &many), ("rest", &rest)])
            }
            lines if self.is_superlative(rows) => return (self.first(rows, lines, debt), None),
            [line] => {
                let details = self.details(line, set);
                debt.of_total = None;
                debt.pay_picked();
                let rest = debt.rest(self);
                let key = if details.is_empty() {
                    "rows.one_bare"
                } else {
                    "rows.one"
                };
                let row = self.row(&line.name);
                let slots = [
                    ("row", row.as_str()),
                    ("details", &details),
                    ("rest", &rest),
                ];
                self.words().fill(key, &slots)
            }
            lines => {
                let head = self.head(rows, debt);
                let mut text = head;
                for line in lines.iter().take(MAX_LINES) {
                    let details = self.details(line, set);
                    let row = self.row(&line.name);
                    text.push_str("\n– ");
                    if details.is_empty() {
                        text.push_str(&row);
                    } else {
                        let slots = [("row", row.as_str()), ("details", &details)];
                        text.push_str(&self.words().fill("rows.line", &slots));
                    }
                }
                if lines.len() > MAX_LINES {
                    let (n, all) = (self.digits(MAX_LINES), self.digits(lines.len()));
                    let shown = self.words().fill("rows.shown", &[("n", &n), ("N", &all)]);
                    text.push_str(&format!("\n({shown})"));
                }
                return (text, self.grid(rows));
            }
        };
        (text, None)
    }

    fn is_superlative(&self, rows: &Rows) -> bool {
        let top = rows.set.cut.as_ref().and_then(|cut| cut.top);
        let has_values = rows.lines.iter().all(|line| line.ordered_by.is_some());
        top == Some(1) && rows.set.order.is_some() && has_values
    }

    /// The first of an order, or those that share the first place.
    fn first(&self, rows: &Rows, lines: &[Line], mut debt: super::set::Debt) -> String {
        let set = &rows.set;
        let (Some(order), Some(line)) = (&set.order, lines.first()) else {
            return String::new();
        };
        let skip = set.cut.as_ref().map_or(0, |cut| cut.skip);
        let by = line.ordered_by.as_ref().unwrap_or(&Datum::Nothing);
        let v = self.datum_of(by, &order.by);
        let label = self.term(&order.by, set);
        let row = self.row(&line.name);
        let details = self.details(line, set);
        let details = if details.is_empty() {
            details
        } else {
            format!(", {details}")
        };
        debt.of_total = None;
        let many = debt.many(self);
        let all = self.digits(set.total);
        let among = debt.among(self, set.total);
        let one = debt.noun(self, 1);
        let is_time = matches!(by, Datum::Day(_) | Datum::Instant(_) | Datum::Span(_));
        let is_text = matches!(by, Datum::Text(_) | Datum::Bool(_));
        let key = if lines.len() > 1 {
            match (order.first, is_time) {
                (End::High, false) => "rows.level_high",
                (End::Low, false) => "rows.level_low",
                (End::High, true) => "rows.level_latest",
                (End::Low, true) => "rows.level_earliest",
            }
        } else if skip > 0 || is_text {
            "rows.next"
        } else if set.total == 1 {
            "rows.only"
        } else {
            match (order.first, is_time, order.is_declared) {
                (End::High, true, _) => "rows.latest",
                (End::Low, true, _) => "rows.earliest",
                (End::High, false, true) => "rows.largest",
                (End::Low, false, true) => "rows.smallest",
                (End::High, false, false) => "rows.highest",
                (End::Low, false, false) => "rows.lowest",
            }
        };
        if skip == 0 && !is_text {
            debt.pay_cut();
            debt.pay_order();
        }
        let rest = debt.rest(self);
        let (names, n) = (self.named(lines, set, true), self.count(lines.len()));
        let slots = [
            ("N", all.as_str()),
            ("among", &among),
            ("one", &one),
            ("many", &many),
            ("row", &row),
            ("rows", &names),
            ("met", &n),
            ("v", &v),
            ("label", &label),
            ("details", &details),
            ("rest", &rest),
        ];
        self.words().fill(key, &slots)
    }

    fn head(&self, rows: &Rows, mut debt: super::set::Debt) -> String {
        let count = rows.lines.len();
        let noun = debt.noun(self, count);
        let n = self.capital(&self.count(count));
        let rest = debt.rest(self);
        self.words()
            .fill("rows.head", &[("n", &n), ("noun", &noun), ("rest", &rest)])
    }

    /// What is shown of a row; what it is ordered by stands first, unless it is shown anyway.
    pub(super) fn details(&self, line: &Line, set: &SetSaid) -> String {
        let mut said: Vec<String> = Vec::new();
        if let (Some(order), Some(datum)) = (&set.order, &line.ordered_by) {
            let is_shown = line.shown.iter().any(|(term, _)| *term == order.by);
            let is_told = set.cut.as_ref().is_some_and(|cut| cut.top == Some(1));
            let is_text = matches!(datum, Datum::Text(_) | Datum::Nothing | Datum::Bool(_));
            if !is_shown && !is_told && !is_text {
                said.push(self.detail(&order.by, datum, set));
            }
        }
        for (term, datum) in &line.shown {
            said.push(self.detail(term, datum, set));
        }
        said.join(", ")
    }

    fn grid(&self, rows: &Rows) -> Option<Grid> {
        let set = &rows.set;
        let first = rows.lines.first()?;
        let by = |line: &Line| -> Option<(Term, Datum)> {
            let order = set.order.as_ref()?;
            let is_shown = line.shown.iter().any(|(term, _)| *term == order.by);
            (!is_shown).then(|| {
                (
                    order.by.clone(),
                    line.ordered_by.clone().unwrap_or(Datum::Nothing),
                )
            })
        };
        let mut columns = vec![String::new()];
        columns.extend(by(first).map(|(term, _)| self.capital(&self.term(&term, set))));
        columns.extend(
            first
                .shown
                .iter()
                .map(|(term, _)| self.capital(&self.term(term, set))),
        );
        let rows = rows
            .lines
            .iter()
            .map(|line| {
                let mut cells = vec![self.row(&line.name)];
                cells.extend(by(line).map(|(term, datum)| self.datum_of(&datum, &term)));
                cells.extend(
                    line.shown
                        .iter()
                        .map(|(term, datum)| self.datum_of(datum, term)),
                );
                cells
            })
            .collect();
        Some(Grid { columns, rows })
    }
}
