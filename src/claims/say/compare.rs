//! Two values: a share, a change in time, a difference, two ranks.

use std::cmp::Ordering;

use ground::exact::Exact;

use super::{Before, Voice};
use crate::{
    claim::End,
    computed::{Compare, Moved, Operation, Quantity, Relation, Side},
};

impl Voice {
    pub(super) fn compare(&self, compare: &Compare, before: &Before<'_>) -> String {
        match &compare.relation {
            Relation::Share { percent } => self.share(compare, percent, before),
            Relation::Change(moved) => self.change(compare, moved, before),
            Relation::Difference(moved) => self.difference(compare, moved, before),
            Relation::Unlike => self.unlike(compare, before),
            Relation::Ranks => self.ranks(compare, before),
        }
    }

    fn share(&self, compare: &Compare, percent: &Exact, before: &Before<'_>) -> String {
        let (a, b) = (&compare.a, &compare.b);
        let (Some(x), Some(y)) = (self.quantity_of(a), self.quantity_of(b)) else {
            return String::new();
        };
        let [x, y, p] = self.with_percent(x, y, percent, false);
        let label = a.value.term.of.as_ref().map(|term| self.term(term, &a.set));
        let mut whole = self.debt(&b.set, before);
        whole.of_total = None;
        let rest = format!("{}{}", self.empties(a), whole.rest(self));
        let is_they = before.is(&a.set) && b.set.conditions.is_empty() && b.set.base.is_none();
        if let (true, Some(label)) = (is_they, &label) {
            let (n, many) = (self.digits(b.set.count), whole.many(self));
            let slots = [
                ("p", p.text.as_str()),
                ("label", label),
                ("N", &n),
                ("many", &many),
                ("whole", &y.text),
                ("rest", &rest),
            ];
            return self.words().fill("compare.share_they", &slots);
        }
        let mut own = self.debt(&a.set, &Before(Some(&b.set)));
        own.of_total = None;
        let own_row = a.row.as_ref().map(|row| self.row(row));
        if own_row.is_some() {
            own.pay_picked();
        }
        let is_one = own_row.is_some() || a.set.count == 1;
        let key = match (&label, is_one) {
            (Some(_), true) => "compare.share_one",
            (Some(_), false) => "compare.share",
            (None, true) => "compare.share_count_one",
            (None, false) => "compare.share_count",
        };
        let (own_noun, own_rest) = (own.noun(self, a.set.count), own.rest(self));
        let own_text = match own_row {
            Some(row) => format!("{row}{own_rest}"),
            None => format!("{} {own_noun}{own_rest}", self.count(a.set.count)),
        };
        let whole = whole.many(self);
        let own_text = self.capital(&own_text);
        let slots = [
            ("A", own_text.as_str()),
            ("B", &whole),
            ("p", &p.text),
            ("a", &x.text),
            ("b", &y.text),
            ("label", label.as_deref().unwrap_or_default()),
            ("rest", &rest),
        ];
        self.words().fill(key, &slots)
    }

    fn change(&self, compare: &Compare, moved: &Moved, before: &Before<'_>) -> String {
        let (a, b) = (&compare.a, &compare.b);
        let (Some(x), Some(y)) = (self.quantity_of(a), self.quantity_of(b)) else {
            return String::new();
        };
        let ([x, y, d], p) = self.moved(x, y, moved);
        let label = self.side_label(a);
        let times = |side: &Side| {
            side.span
                .map(|span| self.span_so_far(&span))
                .unwrap_or_default()
        };
        let (t0, t1) = (times(b), times(a));
        let during = |side: &Side| side.span.map(|span| self.during(&span)).unwrap_or_default();
        let (in0, in1) = (during(b), during(a));
        let key = match (moved.direction, &p, moved.is_better) {
            (Ordering::Equal, ..) => "compare.stayed",
            (_, _, Some(true)) => "compare.improved",
            (_, _, Some(false)) => "compare.worsened",
            (Ordering::Greater, Some(_), None) => "compare.rose",
            (Ordering::Less, Some(_), None) => "compare.fell",
            (Ordering::Greater, None, None) => "compare.rose_by",
            (Ordering::Less, None, None) => "compare.fell_by",
        };
        let mut extras = Vec::new();
        if let Some(mix) = &compare.mix {
            let n = self.digits(mix.groups);
            let label = self.column(&mix.column);
            let key = if mix.parts.is_gt() {
                "compare.mix_rose"
            } else {
                "compare.mix_fell"
            };
            extras.push(self.words().fill(key, &[("n", &n), ("label", &label)]));
        }
        for side in [b, a] {
            if let (Some((end, steps)), Some(span)) = (side.extreme, side.span) {
                let key = match end {
                    End::High => "compare.extreme_high",
                    End::Low => "compare.extreme_low",
                };
                let (t, n) = (self.span(&span), self.digits(steps));
                extras.push(self.words().fill(key, &[("t", &t), ("n", &n)]));
            }
        }
        let mut rest = self.side_rest(compare, before);
        for extra in extras {
            rest.push_str(&format!(", {extra}"));
        }
        let slots = [
            ("Label", self.capital(&label)),
            ("p", p.unwrap_or_default()),
            ("d", d),
            ("t0", t0),
            ("t1", t1),
            ("in0", in0),
            ("in1", in1),
            ("a", x),
            ("b", y),
            ("rest", rest),
        ];
        let slots: Vec<(&str, &str)> = slots
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        self.words().fill(key, &slots)
    }

    /// Both values, their distance, and that in percent of the second where it says something.
    fn moved(&self, x: &Quantity, y: &Quantity, moved: &Moved) -> ([String; 3], Option<String>) {
        match &moved.percent {
            Some(percent) if moved.direction.is_ne() => {
                let [_, _, d] = self.together(x, y, &moved.by);
                let [x, y, p] = self.with_percent(x, y, percent, true);
                ([x.text, y.text, d.text], Some(p.text))
            }
            _ => {
                let [x, y, d] = self.together(x, y, &moved.by);
                ([x.text, y.text, d.text], None)
            }
        }
    }

    fn difference(&self, compare: &Compare, moved: &Moved, before: &Before<'_>) -> String {
        let (a, b) = (&compare.a, &compare.b);
        let (Some(x), Some(y)) = (self.quantity_of(a), self.quantity_of(b)) else {
            return String::new();
        };
        let printed = self.together(x, y, &moved.by);
        let p = moved
            .percent
            .as_ref()
            .filter(|_| moved.direction.is_ne())
            .map(|percent| {
                let [_, _, p] = self.with_percent(x, y, percent, true);
                p.text
            });
        let times = moved.times.as_ref().map(|times| self.times(times));
        let key = match (moved.direction, &p, &times) {
            (Ordering::Equal, ..) => "compare.equal",
            (Ordering::Greater, _, Some(_)) => "compare.times",
            (Ordering::Greater, Some(_), None) => "compare.more_percent",
            (Ordering::Greater, None, None) => "compare.more",
            (Ordering::Less, Some(_), _) => "compare.less_percent",
            (Ordering::Less, None, _) => "compare.less",
        };
        let rest = self.side_rest(compare, before);
        let (first, second) = (
            self.side_name([a, b], false, before),
            self.side_name([b, a], true, before),
        );
        let [x, y, d] = printed;
        let first = self.capital(&first);
        let slots = [
            ("A", first.as_str()),
            ("B", &second),
            ("a", &x.text),
            ("b", &y.text),
            ("d", &d.text),
            ("p", p.as_deref().unwrap_or_default()),
            ("x", times.as_deref().unwrap_or_default()),
            ("rest", &rest),
        ];
        self.words().fill(key, &slots)
    }

    /// "2.7": one figure behind the point below ten.
    fn times(&self, times: &Exact) -> String {
        let places = i32::from(*times < Exact::from(10));
        self.decimal(&times.floor(places))
    }

    fn unlike(&self, compare: &Compare, before: &Before<'_>) -> String {
        let (a, b) = (&compare.a, &compare.b);
        let value = |side: &Side| {
            self.quantity_of(side)
                .map(|quantity| self.quantity(quantity, 0).text)
        };
        let time = |side: &Side| {
            side.span
                .map(|span| self.during_all(&span))
                .unwrap_or_default()
        };
        let slots = [
            ("Label", self.capital(&self.side_label(a))),
            ("a", value(a).unwrap_or_default()),
            ("b", value(b).unwrap_or_default()),
            ("t1", time(a)),
            ("t0", time(b)),
            ("rest", self.side_rest(compare, before)),
        ];
        let slots: Vec<(&str, &str)> = slots
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        self.words().fill("compare.unlike", &slots)
    }

    fn ranks(&self, compare: &Compare, before: &Before<'_>) -> String {
        let (a, b) = (&compare.a, &compare.b);
        let name = |side: &Side| {
            side.row
                .as_ref()
                .map(|row| self.row(row))
                .unwrap_or_default()
        };
        let (first, second) = (name(a), name(b));
        let same = first == second && a.span != b.span;
        let when = b.span.map(|span| self.during(&span)).unwrap_or_default();
        let rest = self.side_rest(compare, before);
        let (place, then) = (self.place(&a.value), self.place(&b.value));
        let label = self.rank_label(&a.value, &a.set);
        let (among, of) = (self.digits(a.value.among), self.digits(b.value.among));
        let slots = [
            ("row", first.as_str()),
            ("a", &first),
            ("b", &second),
            ("place", &place),
            ("then", &then),
            ("N", &among),
            ("M", &of),
            ("label", &label),
            ("when", &when),
            ("rest", &rest),
        ];
        let key = if same { "rank.both" } else { "rank.both_rows" };
        self.words().fill(key, &slots)
    }

    fn quantity_of<'s>(&self, side: &'s Side) -> Option<&'s Quantity> {
        self.number_of(&side.value.datum)
    }

    /// What a change is of: the measure, behind the row's name where one was picked by more than its time.
    fn side_label(&self, side: &Side) -> String {
        let mut label = self.measure(&side.value.term, &side.set);
        if let Some(pace) = side.value.term.pace {
            let unit = match pace {
                crate::claim::Pace::Day => "pace.day",
                crate::claim::Pace::Week => "pace.week",
                crate::claim::Pace::Month => "pace.month",
            };
            label = format!("{label} {}", self.words().template(unit));
        }
        label
    }

    /// One side of a difference: its row or its set with the measure, which the second side leaves out where it is the same.
    fn side_name(&self, [side, other]: [&Side; 2], is_second: bool, before: &Before<'_>) -> String {
        let mut debt = self.debt(&side.set, before);
        debt.of_total = None;
        let noun = match &side.row {
            Some(row) => self.row(row),
            None => {
                let rest_is_shared = side.set.conditions == other.set.conditions;
                let mut noun = debt.many(self);
                if side.value.term.operation == Operation::Count {
                    noun = self.words().fill("compare.counted", &[("side", &noun)]);
                }
                if rest_is_shared {
                    noun
                } else {
                    format!("{noun}{}", debt.rest_of_conditions(self))
                }
            }
        };
        let label = self.measure(&side.value.term, &side.set);
        let is_count = side.value.term.operation == Operation::Count;
        let is_said = is_second && label == self.measure(&other.value.term, &other.set);
        let mut name = if is_count || is_said {
            noun
        } else {
            let slots = [("label", label.as_str()), ("side", noun.as_str())];
            self.words().fill("compare.labelled", &slots)
        };
        if side.set.source.title != other.set.source.title {
            let title = self.source_text(&side.set.source.title);
            name.push_str(&self.bracketed(&[title]));
        }
        if side.span != other.span
            && let Some(span) = side.span
        {
            name = format!("{name} {}", self.during(&span));
        }
        name
    }

    /// What both sets owe beyond what the sentence says; once where it is the same.
    fn side_rest(&self, compare: &Compare, before: &Before<'_>) -> String {
        let (a, b) = (&compare.a, &compare.b);
        let rest = |side: &Side| {
            let is_time_said = !matches!(compare.relation, Relation::Share { .. });
            let mut debt = if is_time_said && side.span.is_some() && a.span != b.span {
                self.debt_but_time(&side.set, before)
            } else {
                self.debt(&side.set, before)
            };
            debt.of_total = None;
            if matches!(compare.relation, Relation::Difference(_) | Relation::Ranks)
                && side.row.is_some()
            {
                debt.pay_picked();
            }
            if side.value.term.operation == Operation::Rank {
                debt.pay_order();
            }
            if matches!(compare.relation, Relation::Difference(_)) && side.row.is_none() {
                debt.pay_modifiers();
                if a.set.conditions != b.set.conditions {
                    debt.rest_of_conditions(self);
                }
            }
            debt.rest_with_modifiers()
        };
        let (first, second) = (rest(a), rest(b));
        let mut parts = if first == second {
            first
        } else {
            let only: Vec<String> = second
                .into_iter()
                .filter(|part| !first.contains(part))
                .collect();
            let mut all = first;
            if !only.is_empty() {
                let last = all.pop().unwrap_or_default();
                all.push(if last.is_empty() {
                    only.join(", ")
                } else {
                    format!("{last} / {}", only.join(", "))
                });
            }
            all
        };
        parts.retain(|part| !part.is_empty());
        let empties = format!("{}{}", self.empties(a), self.empties(b));
        if parts.is_empty() {
            return empties;
        }
        format!("{}{empties}", self.bracketed(&parts))
    }

    /// Rows of a side that had nothing to count.
    fn empties(&self, side: &Side) -> String {
        match &side.value.term.of {
            Some(term) if side.value.empty > 0 => {
                format!(" ({})", self.unknown(term, side.value.empty, &side.set))
            }
            _ => String::new(),
        }
    }
}
