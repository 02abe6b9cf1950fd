//! Counts, sums, averages and ranks of a set.

use ground::exact::Exact;

use super::{Before, Voice};
use crate::computed::{Datum, Measurement, Operation, SetSaid, Term, ValueOf};

impl Voice {
    pub(super) fn value(&self, value: &ValueOf, before: &Before<'_>) -> String {
        let set = &value.set;
        if let [rank] = value.values.as_slice()
            && rank.term.operation == Operation::Rank
        {
            return self.rank(rank, value, before);
        }
        let mut debt = self.debt(set, before);
        let count = value
            .values
            .iter()
            .find(|value| value.term.operation == Operation::Count && value.term.pace.is_none());
        let clauses: Vec<String> = value
            .values
            .iter()
            .filter(|other| count != Some(*other))
            .map(|other| self.clause(other, set))
            .collect();
        let clauses = clauses.join(", ");
        if let Some(row) = &value.row {
            debt.of_total = None;
            debt.pay_picked();
            let clauses = if clauses.is_empty() {
                self.digits(set.count)
            } else {
                clauses
            };
            let (row, rest) = (self.row(row), debt.rest(self));
            let slots = [
                ("row", row.as_str()),
                ("clauses", &clauses),
                ("rest", &rest),
            ];
            return self.words().fill("value.row", &slots);
        }
        let noun = debt.noun(self, set.count);
        match count {
            None => {
                let noun = self.capital(&format!(
                    "{} {}",
                    self.digits(set.count),
                    debt.noun(self, set.count)
                ));
                let rest = debt.rest(self);
                let slots = [
                    ("noun", noun.as_str()),
                    ("rest", &rest),
                    ("clauses", &clauses),
                ];
                self.words().fill("value.alone", &slots)
            }
            Some(_) if set.count == 0 => {
                let (many, rest) = (debt.many(self), debt.rest(self));
                self.words()
                    .fill("value.none", &[("noun", &many), ("rest", &rest)])
            }
            Some(count) => {
                let n = self.count(set.count);
                let n = if count.at_least { n } else { self.capital(&n) };
                let key = match (count.at_least, clauses.is_empty()) {
                    (true, true) => "value.at_least",
                    (true, false) => "value.at_least_more",
                    (false, true) => "value.lead",
                    (false, false) => "value.lead_more",
                };
                let rest = debt.rest(self);
                let slots = [
                    ("n", n.as_str()),
                    ("noun", &noun),
                    ("rest", &rest),
                    ("clauses", &clauses),
                ];
                self.words().fill(key, &slots)
            }
        }
    }

    /// One measured value under its name.
    pub(super) fn clause(&self, value: &Measurement, set: &SetSaid) -> String {
        let label = match &value.term.of {
            Some(term) => self.term(term, set),
            None => String::new(),
        };
        let is_ratio = matches!(
            value.term.of,
            Some(Term::Made(
                crate::computed::Operator::Per | crate::computed::Operator::Percent,
                _
            ))
        );
        let is_declared = set.source.words.order.as_ref().is_some_and(
            |order| matches!(&value.term.of, Some(Term::Column(column)) if column.name == order.by),
        );
        let key = match value.term.operation {
            _ if value.datum == Datum::Nothing => "value.unknown",
            Operation::Sum if is_ratio || value.term.pace.is_some() => "value.ratio",
            Operation::Sum if is_declared => "value.sum_plain",
            Operation::Sum => "value.sum",
            Operation::Avg => "value.avg",
            Operation::Median => "value.median",
            Operation::Least => "value.least",
            Operation::Most => "value.most",
            Operation::Distinct if self.is_single(value) => "value.distinct_one",
            Operation::Distinct => "value.distinct",
            Operation::Count | Operation::Rank => "value.count",
            Operation::Value => "value.value",
        };
        let mut v = match &value.term.of {
            Some(term) => self.datum_of(&value.datum, term),
            None => self.datum(&value.datum, None),
        };
        if let Some(pace) = value.term.pace {
            v = self.paced(&v, pace, set);
        }
        let mut text = self.words().fill(key, &[("label", &label), ("v", &v)]);
        if value.empty > 0 {
            let empty = match &value.term.of {
                Some(term) => self.unknown(term, value.empty, set),
                None => self
                    .words()
                    .fill("value.empty", &[("n", &self.digits(value.empty))]),
            };
            text.push_str(&format!(" ({empty})"));
        }
        text
    }

    fn is_single(&self, value: &Measurement) -> bool {
        self.number_of(&value.datum)
            .is_some_and(|quantity| quantity.value == Exact::from(1))
    }

    /// A value for each day, week or month, over so many days.
    fn paced(&self, v: &str, pace: crate::claim::Pace, set: &SetSaid) -> String {
        use crate::claim::Pace;
        let unit = match pace {
            Pace::Day => "pace.day",
            Pace::Week => "pace.week",
            Pace::Month => "pace.month",
        };
        let unit = self.words().template(unit);
        let mut text = format!("{v} {unit}");
        if let Some(days) = self.days_of(set) {
            let days = self.language.days(days, ground::text::Case::Plain);
            let over = self.words().fill("pace.over", &[("days", &days)]);
            text.push_str(&format!(", {over}"));
        }
        text
    }

    fn days_of(&self, set: &SetSaid) -> Option<i64> {
        let span = set.span()?;
        Some(span.days_begun(self.today))
    }

    /// "second", "number 12".
    pub(super) fn place(&self, value: &Measurement) -> String {
        let place = self
            .number_of(&value.datum)
            .and_then(|quantity| quantity.value.to_i64());
        let place = place
            .and_then(|place| usize::try_from(place).ok())
            .unwrap_or_default();
        match place
            .checked_sub(1)
            .and_then(|at| self.words().ordinals.get(at))
        {
            Some(word) => word.clone(),
            None => self
                .words()
                .fill("rank.number", &[("n", &self.digits(place))]),
        }
    }

    /// What a rank is by, with its end where that is the low one.
    pub(super) fn rank_label(&self, value: &Measurement, set: &SetSaid) -> String {
        let label = value
            .term
            .of
            .as_ref()
            .map(|term| self.term(term, set))
            .unwrap_or_default();
        let is_low = set
            .order
            .as_ref()
            .is_some_and(|order| order.first == crate::claim::End::Low);
        if is_low {
            self.words().fill("rank.low", &[("label", &label)])
        } else {
            label
        }
    }

    fn rank(&self, rank: &Measurement, value: &ValueOf, before: &Before<'_>) -> String {
        let mut debt = self.debt(&value.set, before);
        debt.of_total = None;
        debt.pay_order();
        debt.pay_picked();
        let rest = debt.rest(self);
        let row = value
            .row
            .as_ref()
            .map(|row| self.row(row))
            .unwrap_or_default();
        let label = self.rank_label(rank, &value.set);
        let place = self.place(rank);
        let (among, level) = (
            self.digits(rank.among),
            self.digits(rank.level.saturating_sub(1)),
        );
        let key = if rank.level > 1 {
            "rank.level"
        } else {
            "rank.one"
        };
        let slots = [
            ("row", row.as_str()),
            ("place", &place),
            ("N", &among),
            ("n", &level),
            ("shared", &self.count(rank.level)),
            ("label", &label),
            ("rest", &rest),
        ];
        self.words().fill(key, &slots)
    }
}
