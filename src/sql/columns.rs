//! Which columns a statement names, for PostgreSQL, which reads `v.f` as `f(v)` where `v` has no column `f`.
//!
//! A name may be that of several things (a WITH and a table, or two parts of a UNION): the column has to be one of each.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Cte, Expr, ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    TableAlias, TableFactor, TableWithJoins, Visit, Visitor,
};

use super::{Dialect, Refused, parts_of, print::resolved};

/// The columns of a table by the parts of its name, or none where they are not known.
pub type Columns<'a> = &'a dyn Fn(&[String]) -> Option<Vec<String>>;

/// The names of columns; none for the whole where they are not known, none for one that has no name.
type Names = Option<Vec<Option<String>>>;

/// How many names are followed from one to the next.
const MAX_STEPS: usize = 20;

/// Checks every name of the form `v.f`.
pub(super) fn check(query: &Query, columns: Columns<'_>) -> Result<(), Refused> {
    let mut own = Own::default();
    let _ = query.visit(&mut own);
    let mut reading = Reading {
        known: Known {
            columns,
            own: own.0,
        },
        scopes: Vec::new(),
    };
    match query.visit(&mut reading) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(refused) => Err(refused),
    }
}

fn name_of(name: &sqlparser::ast::Ident) -> String {
    resolved(name, Dialect::Postgres)
}

/// Every WITH of a statement, wherever it stands.
#[derive(Default)]
struct Own(Vec<Cte>);

impl Visitor for Own {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(with) = &query.with {
            self.0.extend(with.cte_tables.iter().cloned());
        }
        ControlFlow::Continue(())
    }
}

/// What is known of a statement's tables.
struct Known<'a> {
    columns: Columns<'a>,
    own: Vec<Cte>,
}

/// A name in a FROM with what it may stand for.
struct Variable {
    name: String,
    candidates: Vec<Names>,
}

impl Known<'_> {
    /// The names that the parts of a query's body read from.
    fn scope(&self, body: &SetExpr, steps: usize) -> Vec<Variable> {
        match body {
            SetExpr::Select(select) => self.variables(select, steps),
            SetExpr::SetOperation { left, right, .. } => {
                let mut variables = self.scope(left, steps);
                variables.extend(self.scope(right, steps));
                variables
            }
            _ => Vec::new(),
        }
    }

    fn variables(&self, select: &Select, steps: usize) -> Vec<Variable> {
        let mut variables = Vec::new();
        for table in &select.from {
            self.joined(table, steps, &mut variables);
        }
        variables
    }

    fn joined(&self, table: &TableWithJoins, steps: usize, into: &mut Vec<Variable>) {
        let joins = table.joins.iter().map(|join| &join.relation);
        for factor in std::iter::once(&table.relation).chain(joins) {
            self.factor(factor, steps, into);
        }
    }

    fn factor(&self, factor: &TableFactor, steps: usize, into: &mut Vec<Variable>) {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let Some(last) = name.0.last().and_then(|part| part.as_ident()) else {
                    return;
                };
                let candidates = self.candidates(name, steps);
                into.push(match alias {
                    Some(alias) => Variable {
                        name: name_of(&alias.name),
                        candidates: candidates
                            .into_iter()
                            .map(|names| renamed(names, alias))
                            .collect(),
                    },
                    None => Variable {
                        name: name_of(last),
                        candidates,
                    },
                });
            }
            TableFactor::Derived {
                subquery,
                alias: Some(alias),
                ..
            } => into.push(Variable {
                name: name_of(&alias.name),
                candidates: vec![renamed(self.outputs(subquery, steps), alias)],
            }),
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => self.joined(table_with_joins, steps, into),
            TableFactor::NestedJoin {
                alias: Some(alias), ..
            } => into.push(Variable {
                name: name_of(&alias.name),
                candidates: vec![None],
            }),
            _ => {}
        }
    }

    /// What a table's name may stand for.
    fn candidates(&self, name: &ObjectName, steps: usize) -> Vec<Names> {
        let table = parts_of(name, Dialect::Postgres);
        let mut candidates: Vec<Names> = match table.as_slice() {
            [only] => self
                .own
                .iter()
                .filter(|own| name_of(&own.alias.name) == *only)
                .map(|own| match steps.checked_sub(1) {
                    Some(steps) => renamed(self.outputs(&own.query, steps), &own.alias),
                    None => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        let columns = (self.columns)(&table).map(|names| names.into_iter().map(Some).collect());
        // A table that is not there is none of the candidates, unless it is the only one.
        if columns.is_some() || candidates.is_empty() {
            candidates.push(columns);
        }
        candidates
    }

    /// The names of what a query gives.
    fn outputs(&self, query: &Query, steps: usize) -> Names {
        let steps = steps.checked_sub(1)?;
        self.outputs_of(&query.body, steps)
    }

    fn outputs_of(&self, body: &SetExpr, steps: usize) -> Names {
        match body {
            SetExpr::Select(select) => self.selected(select, steps),
            SetExpr::SetOperation { left, .. } => self.outputs_of(left, steps),
            SetExpr::Query(query) => self.outputs(query, steps),
            SetExpr::Values(values) => {
                let count = values.rows.first().map_or(0, |row| row.content.len());
                Some((1..=count).map(|at| Some(format!("column{at}"))).collect())
            }
            _ => None,
        }
    }

    fn selected(&self, select: &Select, steps: usize) -> Names {
        let variables = self.variables(select, steps);
        let mut names = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expression) => names.push(figured(expression)),
                SelectItem::ExprWithAlias { alias, .. } => names.push(Some(name_of(alias))),
                SelectItem::Wildcard(_) => {
                    for variable in &variables {
                        names.extend(only(variable)?);
                    }
                }
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => {
                    let last = name.0.last().and_then(|part| part.as_ident())?;
                    let named = name_of(last);
                    let variable = variables.iter().find(|variable| variable.name == named)?;
                    names.extend(only(variable)?);
                }
                _ => return None,
            }
        }
        Some(names)
    }
}

/// The names of a variable that stands for one thing.
fn only(variable: &Variable) -> Names {
    match variable.candidates.as_slice() {
        [one] => one.clone(),
        _ => None,
    }
}

/// The names after an alias that names the first columns anew.
fn renamed(names: Names, alias: &TableAlias) -> Names {
    let given = alias
        .columns
        .iter()
        .map(|column| Some(name_of(&column.name)));
    match names {
        Some(names) => {
            let rest = names.into_iter().skip(alias.columns.len());
            Some(given.chain(rest).collect())
        }
        None => None,
    }
}

/// The name that PostgreSQL gives to a column without one, where it is plain.
fn figured(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Identifier(name) => Some(name_of(name)),
        Expr::CompoundIdentifier(names) => names.last().map(name_of),
        Expr::Function(function) => {
            let last = function.name.0.last()?.as_ident()?;
            Some(name_of(last))
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) => figured(expr),
        _ => None,
    }
}

struct Reading<'a> {
    known: Known<'a>,
    /// The names in sight, of the innermost query last.
    scopes: Vec<Vec<Variable>>,
}

impl Visitor for Reading<'_> {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Refused> {
        self.scopes.push(self.known.scope(&query.body, MAX_STEPS));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<Refused> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Refused> {
        let Expr::CompoundIdentifier(names) = expression else {
            return ControlFlow::Continue(());
        };
        let [.., variable, column] = names.as_slice() else {
            return ControlFlow::Continue(());
        };
        let (variable, column) = (name_of(variable), name_of(column));
        let scope = self
            .scopes
            .iter()
            .rev()
            .find(|scope| scope.iter().any(|known| known.name == variable));
        let Some(scope) = scope else {
            return ControlFlow::Break(Refused(format!(
                "`{variable}` is no table of the query that `{column}` could be a column of"
            )));
        };
        let is_column = scope
            .iter()
            .filter(|known| known.name == variable)
            .flat_map(|known| &known.candidates)
            .all(|names| match names {
                Some(names) => names.iter().flatten().any(|name| *name == column),
                None => true,
            });
        if is_column {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(Refused(format!(
                "`{column}` is no column of `{variable}`: a function can be called that way"
            )))
        }
    }
}
