//! Which of a set meet conditions: none, all, only one, so many.

use super::{Before, Voice, set::Worded};
use crate::computed::{Found, Line, Which};

/// Rows that a sentence names; more are told by their number.
const MAX_NAMED: usize = 6;

impl Voice {
    pub(super) fn which(&self, which: &Which, before: &Before<'_>) -> String {
        let set = &which.set;
        let mut debt = self.debt(set, before);
        debt.of_total = None;
        let worded: Vec<Worded> = which
            .meet
            .iter()
            .map(|cond| self.condition(cond, set))
            .collect();
        let is_colon = worded
            .iter()
            .any(|worded| matches!(worded, Worded::Colon(_)));
        let texts: Vec<String> = worded
            .iter()
            .map(|worded| worded.text().to_owned())
            .collect();
        let c = if is_colon {
            self.apart(&texts)
        } else {
            self.listed(&texts, "noun.and")
        };
        let unknown: Vec<String> = which
            .unknown
            .iter()
            .map(|(term, lines)| {
                let rows = self.named(lines, &which.set, false);
                match self.none_phrase(term) {
                    Some(phrase) => {
                        let slots = [("phrase", phrase), ("rows", rows.as_str())];
                        self.words().fill("which.unknown_with", &slots)
                    }
                    None => {
                        let label = self.term(term, set);
                        let slots = [("label", label.as_str()), ("rows", rows.as_str())];
                        self.words().fill("which.unknown", &slots)
                    }
                }
            })
            .collect();
        let one = which
            .only_row
            .as_ref()
            .filter(|_| which.found != Found::Empty);
        let name = match (one, which.found, which.unknown.is_empty()) {
            (_, Found::Empty, _) => "empty",
            (Some(_), Found::None, false) => "one_unknown",
            (Some(_), Found::None, true) => "one_no",
            (Some(_), ..) => "one_yes",
            (None, Found::None, _) => "none",
            (None, Found::All, _) => "all",
            (None, Found::Only, _) => "only",
            (None, Found::Some, _) => "some",
            (None, Found::AtLeast, _) => "at_least",
        };
        let key = if is_colon && which.found != Found::Empty {
            format!("which.colon_{name}")
        } else {
            format!("which.{name}")
        };
        if one.is_some() {
            debt.pay_picked();
        }
        let mut rest = debt.rest(self);
        if one.is_none() && !unknown.is_empty() {
            rest.push_str(&self.bracketed(&unknown));
        }
        let many = debt.many(self);
        let head = self.capital(&c);
        let (row, rows) = (
            one.map(|row| self.row(row)).unwrap_or_default(),
            self.named(&which.met, set, true),
        );
        let met = self.count(which.met.len());
        let among = debt.among(self, set.count);
        let all = self.digits(set.count);
        let slots = [
            ("N", all.as_str()),
            ("met", &met),
            ("among", &among),
            ("many", &many),
            ("noun", &many),
            ("c", &c),
            ("C", &head),
            ("row", &row),
            ("rows", &rows),
            ("rest", &rest),
        ];
        self.words().fill(&key, &slots)
    }

    /// Names of rows, each with what is shown of it; of many the first.
    pub(super) fn named(
        &self,
        lines: &[Line],
        set: &crate::computed::SetSaid,
        with_details: bool,
    ) -> String {
        let mut names: Vec<String> = lines
            .iter()
            .take(MAX_NAMED)
            .map(|line| {
                let name = self.row(&line.name);
                let details: Vec<String> = line
                    .shown
                    .iter()
                    .map(|(term, datum)| self.detail(term, datum, set))
                    .collect();
                if details.is_empty() || !with_details {
                    name
                } else {
                    format!("{name} ({})", details.join(", "))
                }
            })
            .collect();
        if lines.len() > MAX_NAMED {
            names.push(format!("… ({})", self.digits(lines.len())));
            return names.join(", ");
        }
        self.listed(&names, "noun.and")
    }
}
