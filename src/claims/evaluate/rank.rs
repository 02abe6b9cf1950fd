//! The place of one row among the others of its set.

use super::{
    Evaluator,
    measure::{counted, term},
    set::By,
    view::{View, order_of},
};
use crate::{
    claim::{End, Measure, Order, Set, Shown},
    computed::{Datum, Measurement, OrderSaid, Term},
    refusal::{Code, Refusal},
    result::Whole,
};

impl Evaluator {
    /// The rank of the row that the set names, among the set without that name. The set's own cut is kept out: a rank counts all.
    pub(super) fn rank(&self, set: &Set, order: &Order) -> Result<(View, Measurement), Refusal> {
        if set.row.is_empty() {
            return Err(Refusal::new(
                Code::Row,
                "`rank` needs `row`: whose place is asked",
            ));
        }
        if set.top.is_some() || set.skip.is_some() || set.order.is_some() {
            return Err(Refusal::new(
                Code::Form,
                "a set that is ranked has no order and no cut of its own",
            ));
        }
        let all = Set {
            row: Default::default(),
            ..set.clone()
        };
        let all = self.choose(&all)?.view;
        let mut own = all.clone();
        self.pick(&mut own, &set.row)?;
        let by = match &order.by {
            Shown::Expr(expr) => {
                let (compiled, term) = all.compile(expr)?;
                By::Expr(compiled, term)
            }
            Shown::Measure(measure) => {
                let term = Term::Measure(Box::new(term(&all, measure)?));
                By::Measure(measure.clone().into(), term)
            }
        };
        let item = own.items.first().cloned();
        let value = match &item {
            Some(item) => by.value(&all, item)?,
            None => None,
        };
        let Some(value) = value else {
            return Err(Refusal::new(
                Code::Column,
                "the row has nothing to be ranked by",
            ));
        };
        let (mut ahead, mut level, mut among) = (0, 0, 0);
        for other in &all.items {
            let Some(other) = by.value(&all, other)? else {
                continue;
            };
            among += 1;
            let order_to = order_of(&all.base, &other, &value)?;
            match (order.first, order_to) {
                (_, std::cmp::Ordering::Equal) => level += 1,
                (End::High, std::cmp::Ordering::Greater) | (End::Low, std::cmp::Ordering::Less) => {
                    ahead += 1;
                }
                _ => {}
            }
        }
        let is_declared = super::set::is_order_of(&all, order);
        own.said.whole = if is_declared && matches!(all.said.whole, Whole::First { .. }) {
            Whole::Whole
        } else {
            all.said.whole.clone()
        };
        own.said.order = Some(OrderSaid {
            by: by.term().clone(),
            first: order.first,
            is_declared,
            empty: all.items.len() - among,
        });
        own.said.total = all.items.len();
        own.said.count = own.items.len();
        let measurement = Measurement {
            term: term(&all, &Measure::Rank(Box::new(order.clone())))?,
            datum: Datum::Number(counted(ahead + 1)),
            empty: all.items.len() - among,
            at_least: false,
            among,
            level,
        };
        Ok((own, measurement))
    }
}
