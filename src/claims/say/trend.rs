//! A measure along time.

use super::{Before, Point, Voice};
use crate::{claim::End, computed::Trend};

/// From so many steps on a picture says more.
const MIN_POINTS: usize = 4;

impl Voice {
    pub(super) fn trend(&self, trend: &Trend, before: &Before<'_>) -> (String, Vec<Point>) {
        let set = &trend.set;
        let (Some((first, _)), Some((last, value))) = (trend.steps.first(), trend.steps.last())
        else {
            return (String::new(), Vec::new());
        };
        // The steps name their unit.
        let mut owing = set.clone();
        if let Some((_, unit)) = &mut owing.group {
            *unit = None;
        }
        let mut debt = self.debt(&owing, before);
        debt.of_total = None;
        let parts = debt.rest_with_modifiers();
        let mut rest = String::new();
        let all = self.digits(trend.steps.len());
        let since = self.since(first);
        let slots = [("N", all.as_str()), ("since", &since)];
        let key = match trend.extreme {
            Some(End::High) => "trend.highest",
            Some(End::Low) => "trend.lowest",
            None => "trend.since",
        };
        rest.push_str(&format!(", {}", self.words().fill(key, &slots)));
        if let Some((span, quantity)) = &trend.so_far {
            let (t, v) = (self.span(span), self.quantity(quantity, 0).text);
            let so_far = self.words().fill("trend.so_far", &[("t", &t), ("v", &v)]);
            rest.push_str(self.words().template("noun.apart"));
            rest.push_str(&so_far);
        }
        rest.push_str(&self.bracketed(&parts));
        let (direction, run) = trend.run;
        let key = match (direction, run) {
            (std::cmp::Ordering::Equal, _) => "trend.stayed",
            (std::cmp::Ordering::Greater, 1) => "trend.rose_once",
            (std::cmp::Ordering::Less, 1) => "trend.fell_once",
            (std::cmp::Ordering::Greater, _) => "trend.rose",
            (std::cmp::Ordering::Less, _) => "trend.fell",
        };
        let label = self.capital(&self.measure(&trend.measure, set));
        let n = self.words().fill("trend.times", &[("n", &self.count(run))]);
        let (v, t) = (self.quantity(value, 0).text, self.during(last));
        let slots = [
            ("Label", label.as_str()),
            ("n", &n),
            ("v", &v),
            ("t", &t),
            ("rest", &rest),
        ];
        let text = self.words().fill(key, &slots);
        let mut points: Vec<Point> = Vec::new();
        if trend.steps.len() >= MIN_POINTS {
            let over = trend.steps.iter().map(|step| (step, true));
            let steps = over.chain(trend.so_far.iter().map(|step| (step, false)));
            points.extend(steps.map(|((span, quantity), is_over)| Point {
                label: self.span(span),
                value: quantity.value.to_string(),
                is_over,
            }));
        }
        (text, points)
    }
}
