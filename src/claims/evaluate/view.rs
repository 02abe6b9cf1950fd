//! The rows of a set, one by one or in groups, with what is owed to whoever hears of them.

use std::{cmp::Ordering, sync::Arc};

use jiff::civil::Date;

use super::{
    base::Base,
    expr::{Amount, Arithmetic, Compiled, Total, compile},
};
use crate::{
    claim::{Expr, Unit},
    compute::Cell,
    computed::{Column, Datum, Line, Measured, Quantity, RowName, SetSaid, Term},
    period::Span,
    refusal::{Code, Refusal},
};

/// A row, or the rows of a group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub rows: Vec<usize>,
    /// The group's value.
    pub group: Option<Cell>,
}

/// What an expression gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Val {
    Amount(Amount),
    Cell(Cell),
}

/// The rows of a set.
#[derive(Clone)]
pub(super) struct View {
    pub base: Arc<Base>,
    pub items: Vec<Item>,
    pub said: SetSaid,
    /// The column whose values, or spans of time, made the groups.
    pub group: Option<(usize, Option<Unit>)>,
    pub today: Date,
}

impl View {
    /// All rows of a base.
    pub fn all(base: Arc<Base>, today: Date) -> Self {
        let mut rows: Vec<usize> = (0..base.len()).collect();
        rows.sort_by_key(|row| base.place_of_row.get(*row).copied());
        let items: Vec<Item> = rows
            .into_iter()
            .map(|row| Item {
                rows: vec![row],
                group: None,
            })
            .collect();
        let said = SetSaid {
            source: Arc::clone(&base.said),
            base: None,
            against: None,
            conditions: Vec::new(),
            picked: Vec::new(),
            except: None,
            group: None,
            order: None,
            cut: None,
            whole: base.source.whole.clone(),
            total: items.len(),
            count: items.len(),
            unknown: Vec::new(),
            without_partner: 0,
        };
        Self {
            base,
            items,
            said,
            group: None,
            today,
        }
    }

    pub fn compile(&self, expr: &Expr) -> Result<(Compiled, Term), Refusal> {
        compile(expr, &self.base)
    }

    pub fn arithmetic(&self) -> Arithmetic<'_> {
        Arithmetic {
            base: &self.base,
            today: self.today,
        }
    }

    /// All rows, those of groups too.
    pub fn rows(&self) -> Vec<usize> {
        self.items
            .iter()
            .flat_map(|item| item.rows.iter().copied())
            .collect()
    }

    /// What an expression gives for an item; nothing where it is empty.
    pub fn value(&self, compiled: &Compiled, item: &Item) -> Result<Option<Val>, Refusal> {
        if let (Compiled::Column(at), Some(cell), Some((place, _))) =
            (compiled, &item.group, self.group)
            && *at == place
        {
            return Ok((*cell != Cell::Null).then(|| Val::Cell(cell.clone())));
        }
        match (compiled, item.rows.as_slice()) {
            (Compiled::Column(at), [row]) if item.group.is_none() => {
                Ok(match self.base.cell(*row, *at) {
                    Cell::Null => None,
                    Cell::Number(value) => Some(Val::Amount(Amount {
                        value: value.clone(),
                        unit: self.base.unit(*row, *at),
                    })),
                    cell => Some(Val::Cell(cell.clone())),
                })
            }
            (Compiled::Column(at), rows) if !self.holds_numbers(*at, rows) => {
                self.shared(*at, rows)
            }
            (Compiled::Then(at), [row]) if item.group.is_none() => {
                let partner = self.base.partner.as_ref();
                let there = partner.and_then(|partner| {
                    let there = partner.rows.get(*row).copied().flatten()?;
                    Some(partner.base.cell(there, *at).clone())
                });
                match there {
                    Some(Cell::Null) => Ok(None),
                    Some(Cell::Number(_)) | None => {
                        let number = self.arithmetic().number(compiled, *row)?;
                        Ok(number.map(Val::Amount))
                    }
                    Some(cell) => Ok(Some(Val::Cell(cell))),
                }
            }
            (compiled, rows) => {
                let total = self.arithmetic().total(compiled, rows)?;
                Ok(total.amount.map(Val::Amount))
            }
        }
    }

    /// What a number adds up to in an item.
    pub fn total(&self, compiled: &Compiled, item: &Item) -> Result<Total, Refusal> {
        self.arithmetic().total(compiled, &item.rows)
    }

    fn holds_numbers(&self, at: usize, rows: &[usize]) -> bool {
        !self.base.is_identifier(at)
            && rows
                .iter()
                .any(|row| matches!(self.base.cell(*row, at), Cell::Number(_)))
    }

    /// The one value that all rows of a group have.
    fn shared(&self, at: usize, rows: &[usize]) -> Result<Option<Val>, Refusal> {
        let mut cells = rows.iter().map(|row| self.base.cell(*row, at));
        let Some(first) = cells.next() else {
            return Ok(None);
        };
        if cells.any(|cell| cell != first) {
            let name = self.base.column(at).map_or("", |column| &column.name);
            return Err(Refusal::new(
                Code::Column,
                format!("`{name}` differs within a group: take a measure of it"),
            ));
        }
        Ok((*first != Cell::Null).then(|| Val::Cell(first.clone())))
    }

    /// A value as it is said.
    pub fn datum(&self, compiled: &Compiled, item: &Item) -> Result<Datum, Refusal> {
        if let (Compiled::Column(at), [row], None) = (compiled, item.rows.as_slice(), &item.group) {
            return Ok(self.base.datum(*row, *at));
        }
        let is_of_record = item.rows.len() == 1 && !super::expr::is_ratio(compiled);
        Ok(match self.value(compiled, item)? {
            None => Datum::Nothing,
            Some(Val::Amount(amount)) => Datum::Number(quantity(amount, is_of_record)),
            Some(Val::Cell(cell)) => self.cell_datum(compiled, &cell),
        })
    }

    fn cell_datum(&self, compiled: &Compiled, cell: &Cell) -> Datum {
        let names_span = match compiled {
            Compiled::Column(at) => {
                self.base.names_span(*at)
                    || matches!(self.group, Some((place, Some(_))) if place == *at)
            }
            _ => false,
        };
        match cell {
            Cell::Text(text) if names_span => {
                Span::of_text(text).map_or_else(|| Datum::Text(text.clone()), Datum::Span)
            }
            cell => super::base::plain_datum(cell),
        }
    }

    /// The source's own spelling of a value that a literal equals.
    pub fn datum_of_equal(
        &self,
        compiled: &Compiled,
        cell: &Cell,
    ) -> Result<Option<Datum>, Refusal> {
        let Compiled::Column(at) = compiled else {
            return Ok(None);
        };
        let row = (0..self.base.len()).find(|row| {
            let own = self.base.cell(*row, *at);
            let is_same_text = match (own, cell) {
                (Cell::Number(number), Cell::Text(text)) => number.to_string() == text.trim(),
                _ => own.same(cell) == Some(true),
            };
            *own != Cell::Null && is_same_text
        });
        Ok(row.map(|row| self.base.datum(row, *at)))
    }

    pub fn names_span(&self, compiled: &Compiled) -> bool {
        matches!(compiled, Compiled::Column(at) if self.base.names_span(*at))
    }

    /// The unit of a number, by the first row that has one.
    pub fn unit_of(&self, compiled: &Compiled) -> Result<Measured, Refusal> {
        for item in &self.items {
            if let Some(Val::Amount(amount)) = self.value(compiled, item)? {
                return Ok(amount.unit);
            }
        }
        Ok(Measured::Plain)
    }

    /// How an item is called.
    pub fn name(&self, item: &Item) -> RowName {
        let group = self.group.and_then(|(at, _)| {
            let column = Arc::clone(self.base.column(at)?);
            let cell = item.group.as_ref()?;
            Some((column, self.cell_datum(&Compiled::Column(at), cell)))
        });
        match (group, item.rows.first()) {
            (Some(key), _) => RowName {
                words: Arc::default(),
                cells: Vec::new(),
                key: vec![key],
            },
            (None, Some(row)) => {
                let mut name = self.base.name(*row);
                // A row that was picked is called by what it was picked by.
                if !self.said.picked.is_empty() {
                    name.key.clone_from(&self.said.picked);
                }
                name
            }
            (None, None) => RowName {
                words: Arc::default(),
                cells: Vec::new(),
                key: Vec::new(),
            },
        }
    }

    /// The name of the only item.
    pub fn only_name(&self) -> Option<RowName> {
        match self.items.as_slice() {
            [item] => Some(self.name(item)),
            _ => None,
        }
    }

    pub fn line(&self, item: &Item, shown: Vec<(Term, Datum)>, ordered_by: Option<Datum>) -> Line {
        Line {
            name: self.name(item),
            shown,
            ordered_by,
            origins: self.base.origins(&item.rows),
        }
    }

    pub fn column_at(&self, at: usize) -> Option<Arc<Column>> {
        self.base.column(at).cloned()
    }
}

pub(super) fn quantity(amount: Amount, is_of_record: bool) -> Quantity {
    Quantity {
        value: amount.value,
        unit: amount.unit,
        is_of_record,
    }
}

/// The order of two values of a column: numbers, days, texts. None where they have none.
pub(super) fn order_of(base: &Base, a: &Val, b: &Val) -> Result<Ordering, Refusal> {
    match (a, b) {
        (Val::Amount(a), Val::Amount(b)) => {
            super::expr::one_unit(&a.unit, &b.unit)?;
            Ok(a.value.cmp(&b.value))
        }
        (Val::Cell(Cell::Instant(a)), Val::Cell(Cell::Instant(b))) => Ok(a.cmp(b)),
        (Val::Cell(a), Val::Cell(b)) => match (base.day(a), base.day(b)) {
            (Some(a), Some(b)) => Ok(a.cmp(&b)),
            _ if a.compare(b).is_some() || matches!((a, b), (Cell::Bool(_), Cell::Bool(_))) => {
                Ok(a.order(b))
            }
            _ => Err(Refusal::new(
                Code::Column,
                format!("{} has no order to {}", a.kind(), b.kind()),
            )),
        },
        _ => Err(Refusal::new(
            Code::Column,
            "the column holds values of several kinds",
        )),
    }
}
