//! From a set as it is asked for to its rows.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use super::{
    Evaluator, base,
    base::Base,
    cond,
    expr::Compiled,
    measure,
    view::{Item, Val, View, order_of},
};
use crate::{
    claim::{End, Expr, Group, Literal, Order, Set, Shown, Unit},
    compute::Cell,
    computed::{Cut, Datum, OrderSaid, Term},
    period::Span,
    refusal::{Code, Refusal},
    result::Whole,
};

/// Groups at most.
const MAX_GROUPS: usize = 50_000;
/// Names of rows that a refusal proposes.
const MAX_NEAREST: usize = 3;
/// How much alike a name must be to be proposed.
const MIN_LIKENESS: f64 = 0.5;

/// A set with its rows, and what each is ordered by.
pub(super) struct Chosen {
    pub view: View,
    pub ordered_by: Option<By>,
    /// Items that are level with the first, itself among them.
    pub level_with_first: usize,
}

/// What items are ordered by.
pub(super) enum By {
    Expr(Compiled, Term),
    Measure(Box<crate::claim::Measure>, Term),
}

impl Evaluator {
    /// The rows of a set.
    pub(super) fn choose(&self, set: &Set) -> Result<Chosen, Refusal> {
        let mut view = self.begin(set)?;
        let tests = cond::prepare(&set.conditions, &view, &self.reader)?;
        view = filtered(view, &tests)?;
        let picks_group = match &set.group {
            Some(group) => {
                let column = group.column();
                let is_own = |name: &String| name.eq_ignore_ascii_case(column);
                set.row.len() == 1 && set.row.keys().all(is_own)
            }
            None => false,
        };
        if !set.row.is_empty() && !picks_group {
            self.pick(&mut view, &set.row)?;
        }
        if let Some(id) = &set.except {
            let other = self.view_of(id)?;
            except(&mut view, other)?;
        }
        if let Some(group) = &set.group {
            view = grouped(view, group)?;
            if picks_group {
                self.pick(&mut view, &set.row)?;
            }
        }
        if view.base.partner.is_some() {
            let partner = view.base.partner.as_ref();
            let rows = view.rows();
            let is_alone = |row: &&usize| {
                partner.is_some_and(|partner| partner.rows.get(**row).copied().flatten().is_none())
            };
            view.said.without_partner = rows.iter().filter(is_alone).count();
        }
        let mut ordered_by = None;
        let mut level_with_first = 1;
        if let Some(order) = &set.order {
            ordered_by = Some(ordered(&mut view, order)?);
        }
        if set.top.is_some() || set.skip.is_some() {
            level_with_first = cut(&mut view, set, ordered_by.as_ref())?;
        }
        view.said.count = view.items.len();
        Ok(Chosen {
            view,
            ordered_by,
            level_with_first,
        })
    }

    /// The rows that a set begins with: those of a result or of an earlier claim, with their partners.
    fn begin(&self, set: &Set) -> Result<View, Refusal> {
        let mut view = if self.is_claim(&set.of) {
            let earlier = self.view_of(&set.of)?;
            let mut view = earlier.clone();
            view.said = crate::computed::SetSaid {
                base: Some(Arc::new(earlier.said.clone())),
                conditions: Vec::new(),
                picked: Vec::new(),
                except: None,
                order: None,
                cut: None,
                unknown: Vec::new(),
                total: view.items.len(),
                ..earlier.said.clone()
            };
            // Its rows, not their order.
            view.items.sort_by(|a, b| standing(&view.base, a, b));
            view
        } else {
            View::all(self.base(&set.of)?, self.reader.today)
        };
        if let Some(other) = &set.against {
            let (there, kept) = if self.is_claim(other) {
                let there = self.view_of(other)?;
                if there.group.is_some() || view.group.is_some() {
                    return Err(Refusal::new(
                        Code::Key,
                        "groups are not matched: use the results",
                    ));
                }
                (Arc::clone(&there.base), Some(there.rows()))
            } else {
                (self.base(other)?, None)
            };
            let base = view.base.against(Arc::clone(&there), kept.as_deref())?;
            view.said.against = Some(Arc::clone(&there.said));
            view.base = Arc::new(base);
        }
        Ok(view)
    }

    /// Keeps the one row of a key.
    pub(super) fn pick(
        &self,
        view: &mut View,
        key: &BTreeMap<String, Literal>,
    ) -> Result<(), Refusal> {
        let mut columns = Vec::new();
        for (name, literal) in key {
            let (compiled, _) = view.compile(&Expr::Column(name.clone()))?;
            let cell = Cell::of(&literal.to_json());
            columns.push((compiled, cell));
        }
        let mut found = Vec::new();
        for item in &view.items {
            let mut is_meant = true;
            for (compiled, cell) in &columns {
                let own = view.value(compiled, item)?;
                is_meant &= own.is_some_and(|own| is_equal(&own, cell));
            }
            if is_meant {
                found.push(item.clone());
            }
        }
        match found.len() {
            1 => {}
            0 => {
                let refusal = Refusal::new(Code::Row, "no row of the set has this key");
                return Err(refusal.having(self.nearest(view, &columns)?));
            }
            count => {
                return Err(Refusal::new(
                    Code::Many,
                    format!("{count} rows have this key: add a column to `row`, or use `where`"),
                ));
            }
        }
        for (compiled, _) in &columns {
            if let (Compiled::Column(at), Some(item)) = (compiled, found.first())
                && let Some(column) = view.column_at(*at)
            {
                view.said.picked.push((column, view.datum(compiled, item)?));
            }
        }
        view.items = found;
        // A row that is there is there.
        view.said.whole = Whole::Whole;
        Ok(())
    }

    /// The keys most like those that were asked for; none where the model sees no values.
    fn nearest(&self, view: &View, columns: &[(Compiled, Cell)]) -> Result<Vec<String>, Refusal> {
        let (Some((compiled, Cell::Text(asked))), false) = (columns.first(), self.reader.blind)
        else {
            return Ok(Vec::new());
        };
        let asked = asked.to_lowercase();
        let mut alike: Vec<(f64, String)> = Vec::new();
        for item in &view.items {
            if let Some(Val::Cell(Cell::Text(text))) = view.value(compiled, item)? {
                let lower = text.to_lowercase();
                let likeness = if lower.contains(&asked) {
                    1.0
                } else {
                    strsim::jaro_winkler(&lower, &asked)
                };
                if likeness >= MIN_LIKENESS && !alike.iter().any(|(_, known)| *known == text) {
                    alike.push((likeness, text));
                }
            }
        }
        alike.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
        alike.truncate(MAX_NEAREST);
        Ok(alike
            .into_iter()
            .map(|(_, text)| ground::text::visible(&text))
            .collect())
    }
}

fn is_equal(own: &Val, cell: &Cell) -> bool {
    match (own, cell) {
        (Val::Amount(amount), Cell::Number(number)) => amount.value == *number,
        (Val::Amount(amount), Cell::Text(text)) => amount.value.to_string() == text.trim(),
        (Val::Cell(Cell::Text(own)), Cell::Number(number)) => own.trim() == number.to_string(),
        (Val::Cell(own), cell) => own.same(cell) == Some(true),
        (Val::Amount(_), _) => false,
    }
}

/// Where items stand, whatever order rows came in.
fn standing(base: &Base, a: &Item, b: &Item) -> Ordering {
    let place = |item: &Item| {
        let places = item
            .rows
            .iter()
            .filter_map(|row| base.place_of_row.get(*row));
        places.min().copied()
    };
    match (&a.group, &b.group) {
        (Some(a), Some(b)) => a.order(b),
        _ => place(a).cmp(&place(b)),
    }
}

/// Keeps the items that meet all conditions; counts those of which it is not known.
pub(super) fn filtered(mut view: View, tests: &[cond::Test]) -> Result<View, Refusal> {
    let mut kept = Vec::with_capacity(view.items.len());
    let mut unknown: Vec<(Term, usize)> = Vec::new();
    for item in &view.items {
        match cond::all_hold(tests, &view, item)? {
            Ok(true) => kept.push(item.clone()),
            Ok(false) => {}
            Err(term) => match unknown.iter_mut().find(|(known, _)| *known == term) {
                Some((_, count)) => *count += 1,
                None => unknown.push((term, 1)),
            },
        }
    }
    view.items = kept;
    view.said
        .conditions
        .extend(tests.iter().map(|test| test.said.clone()));
    view.said.unknown = unknown;
    Ok(view)
}

/// Takes an earlier claim's rows away.
fn except(view: &mut View, other: &View) -> Result<(), Refusal> {
    if other.base.source.handle != view.base.source.handle {
        return Err(Refusal::new(
            Code::Id,
            "`except` takes a claim about rows of the same result",
        ));
    }
    if other.group.is_some() != view.group.is_some() {
        return Err(Refusal::new(
            Code::Id,
            "`except` takes away rows from rows, groups from groups",
        ));
    }
    view.items.retain(|item| {
        !other
            .items
            .iter()
            .any(|gone| match (&gone.group, &item.group) {
                (Some(a), Some(b)) => a == b,
                _ => gone.rows == item.rows,
            })
    });
    view.said.except = Some(Arc::new(other.said.clone()));
    Ok(())
}

/// Makes groups of rows.
pub(super) fn grouped(mut view: View, group: &Group) -> Result<View, Refusal> {
    if view.group.is_some() {
        return Err(Refusal::new(Code::Column, "groups cannot be grouped again"));
    }
    if view.said.whole != Whole::Whole {
        return Err(cut_refusal(&view, "groups"));
    }
    let (name, unit) = match group {
        Group::Column(name) => (name, None),
        Group::Span(span) => (&span.column, Some(span.unit)),
    };
    let at = view.base.find(name)?;
    let mut groups: BTreeMap<String, Item> = BTreeMap::new();
    let mut empty = 0;
    for item in &view.items {
        for row in &item.rows {
            let cell = view.base.cell(*row, at);
            let label = match (cell, unit) {
                (Cell::Null, _) => {
                    empty += 1;
                    continue;
                }
                (cell, Some(unit)) => span_cell(&view.base, cell, unit, name)?,
                (cell, None) => cell.clone(),
            };
            let key = match &label {
                Cell::Text(text) => text.trim().to_lowercase(),
                other => other.to_json().to_string(),
            };
            let group = groups.entry(key).or_insert_with(|| Item {
                rows: Vec::new(),
                group: Some(label.clone()),
            });
            // Of several spellings the first in order, whatever order the rows came in.
            if let Some(known) = &mut group.group
                && label.order(known).is_lt()
            {
                *known = label;
            }
            group.rows.push(*row);
        }
    }
    if groups.len() > MAX_GROUPS {
        return Err(Refusal::new(
            Code::Limit,
            format!("at most {MAX_GROUPS} groups"),
        ));
    }
    view.items = groups.into_values().collect();
    view.items.sort_by(|a, b| standing(&view.base, a, b));
    view.group = Some((at, unit));
    if let Some(column) = view.column_at(at) {
        if empty > 0 {
            view.said
                .unknown
                .push((Term::Column(Arc::clone(&column)), empty));
        }
        view.said.group = Some((column, unit));
    }
    view.said.total = view.items.len();
    Ok(view)
}

/// The span that a cell lies in, as a cell.
pub(super) fn span_cell(base: &Base, cell: &Cell, unit: Unit, name: &str) -> Result<Cell, Refusal> {
    let own = match cell {
        Cell::Text(text) => Span::of_text(text),
        cell => base.day(cell).and_then(|day| Span::around(day, Unit::Day)),
    };
    let Some(own) = own else {
        let why = format!("`{name}` holds {}, no date", cell.kind());
        return Err(Refusal::new(Code::Column, why));
    };
    let span = Span::around(own.first, unit).filter(|span| span.contains(own.last));
    match span {
        Some(span) => Ok(Cell::Text(span.code())),
        None => Err(Refusal::new(
            Code::Periods,
            "a span of the column is longer than that unit",
        )),
    }
}

/// Orders the items; those without a value stand last, those that are level as rows stand anyway.
fn ordered(view: &mut View, order: &Order) -> Result<By, Refusal> {
    let by = match &order.by {
        Shown::Expr(expr) => {
            let (compiled, term) = view.compile(expr)?;
            By::Expr(compiled, term)
        }
        Shown::Measure(measure) => {
            let term = Term::Measure(Box::new(measure::term(view, measure)?));
            By::Measure(Box::new(measure.clone()), term)
        }
    };
    let mut valued = Vec::with_capacity(view.items.len());
    for item in &view.items {
        valued.push((by.value(view, item)?, item.clone()));
    }
    let empty = valued.iter().filter(|(value, _)| value.is_none()).count();
    check_order(
        &view.base,
        valued.iter().filter_map(|(value, _)| value.as_ref()),
    )?;
    valued.sort_by(|(a, x), (b, y)| {
        let order = match (a, b) {
            (None, None) => Ordering::Equal,
            (None, _) => Ordering::Greater,
            (_, None) => Ordering::Less,
            (Some(a), Some(b)) => {
                let by_value = order_of(&view.base, a, b).unwrap_or(Ordering::Equal);
                if order.first == End::High {
                    by_value.reverse()
                } else {
                    by_value
                }
            }
        };
        order.then_with(|| standing(&view.base, x, y))
    });
    view.items = valued.into_iter().map(|(_, item)| item).collect();
    view.said.order = Some(OrderSaid {
        by: by.term().clone(),
        first: order.first,
        is_declared: is_order_of(view, order),
        empty,
    });
    Ok(by)
}

/// Refuses values that have no order among each other.
fn check_order<'v>(base: &Base, mut values: impl Iterator<Item = &'v Val>) -> Result<(), Refusal> {
    let Some(first) = values.next() else {
        return Ok(());
    };
    values.try_for_each(|value| order_of(base, first, value).map(|_| ()))
}

impl By {
    pub fn term(&self) -> &Term {
        match self {
            Self::Expr(_, term) | Self::Measure(_, term) => term,
        }
    }

    pub fn value(&self, view: &View, item: &Item) -> Result<Option<Val>, Refusal> {
        match self {
            Self::Expr(compiled, _) => view.value(compiled, item),
            Self::Measure(measure, _) => {
                let rows = measure::rows_of(view, item);
                measure::value(&rows, measure)
            }
        }
    }

    pub fn datum(&self, view: &View, item: &Item) -> Result<Datum, Refusal> {
        match self {
            Self::Expr(compiled, _) => view.datum(compiled, item),
            Self::Measure(measure, _) => {
                let rows = measure::rows_of(view, item);
                Ok(measure::measured(&rows, measure)?.datum)
            }
        }
    }
}

/// Is it the order by which the source gives the first of its rows, or the one that it declares?
pub(super) fn is_order_of(view: &View, order: &Order) -> bool {
    let Shown::Expr(Expr::Column(name)) = &order.by else {
        return false;
    };
    let source = &view.base.source;
    let is = |by: &str, first: End| by.eq_ignore_ascii_case(name) && first == order.first;
    match (&source.whole, &source.words.order) {
        (Whole::First { by, first }, _) => is(by, *first),
        (_, Some(declared)) => is(&declared.by, declared.first),
        _ => false,
    }
}

/// Cuts to the rows asked for; how many are level with the first. Equal firsts stand together.
fn cut(view: &mut View, set: &Set, by: Option<&By>) -> Result<usize, Refusal> {
    let Some(by) = by else {
        return Err(Refusal::new(
            Code::Form,
            "`top` and `skip` need `order`: rows have no other first",
        ));
    };
    let mut values = Vec::with_capacity(view.items.len());
    for item in &view.items {
        values.push(by.value(view, item)?);
    }
    // What has no value has no place either.
    let valued = values.iter().take_while(|value| value.is_some()).count();
    let is_level = |a: usize, b: usize| -> bool {
        match (values.get(a), values.get(b)) {
            (Some(Some(a)), Some(Some(b))) => {
                order_of(&view.base, a, b).is_ok_and(|order| order.is_eq())
            }
            _ => false,
        }
    };
    let skip = set.skip.unwrap_or(0).min(valued);
    let mut end = set
        .top
        .map_or(valued, |top| skip.saturating_add(top).min(valued));
    let level_with_first = (skip..valued).take_while(|at| is_level(skip, *at)).count();
    // Of one that is first and another that is level with it, none is *the* first.
    if set.top == Some(1) && level_with_first > 1 {
        end = skip + level_with_first;
    }
    let level = if end > skip && end > 0 {
        (end..valued)
            .take_while(|at| is_level(end - 1, *at))
            .count()
    } else {
        0
    };
    let is_whole_first = set.top.is_some_and(|top| skip + top <= valued);
    view.said.total = view.items.len();
    view.items = view.items.get(skip..end).unwrap_or_default().to_vec();
    view.said.cut = Some(Cut {
        skip,
        top: set.top,
        level,
    });
    let is_declared = set
        .order
        .as_ref()
        .is_some_and(|order| is_order_of(view, order));
    if matches!(view.said.whole, Whole::First { .. }) && is_declared && is_whole_first {
        // The first three of the first ten are the first three of all.
        view.said.whole = Whole::Whole;
    }
    Ok(level_with_first)
}

/// What cannot be said of rows that are not all there are.
pub(super) fn cut_refusal(view: &View, what: &str) -> Refusal {
    let source = &view.base.source;
    let why = match &source.whole {
        Whole::First { by, .. } => format!(
            "{} holds the first {} by {by} only: {what} hold for `top k` in that order; or ask the source for more",
            source.handle,
            source.table.len()
        ),
        _ => format!(
            "{} holds a part of its rows: {what} cannot be said; ask the source for less or for all",
            source.handle
        ),
    };
    Refusal::new(Code::Cut, why)
}

impl Evaluator {
    /// The result of a handle, ready to be asked.
    pub(crate) fn base(&self, handle: &str) -> Result<Arc<Base>, Refusal> {
        let known = self.bases.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(base) = known.get(handle) {
            return Ok(Arc::clone(base));
        }
        drop(known);
        let Some(source) = self.results.get(handle) else {
            let has = self.results.iter().map(|source| source.handle.clone());
            return Err(Refusal::new(Code::Id, "there is no such result").having(has));
        };
        let base = Arc::new(base::Base::new(source, &self.reader.zone)?);
        self.bases
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(handle.to_owned(), Arc::clone(&base));
        Ok(base)
    }
}
