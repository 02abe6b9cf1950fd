//! Queries: what is selected, from where, in which order.

use sqlparser::ast::{
    Cte, CteAsMaterialized, Distinct, Expr, Fetch, GroupByExpr, GroupByWithModifier, Join,
    JoinConstraint, JoinOperator, LimitClause, NamedWindowDefinition, NamedWindowExpr, ObjectName,
    Offset, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, OrderBySort, Query, Select,
    SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier,
    TableAlias, TableFactor, TableWithJoins, Values, WildcardAdditionalOptions, With,
};

use super::{Printed, Printer, is_printable_name, refused, unknown};
use crate::sql::{Dialect, Refused, relations};

/// The longest label of a column that has no name, in bytes; MySQL takes 256 characters.
const MAX_LABEL_BYTES: usize = 200;

impl Printer<'_> {
    pub(super) fn query(&mut self, query: &Query, rows: Option<u32>) -> Printed {
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        if !locks.is_empty() {
            return Err(refused("it locks rows"));
        }
        if for_clause.is_some()
            || settings.is_some()
            || format_clause.is_some()
            || !pipe_operators.is_empty()
        {
            return Err(refused("it uses a clause that is not known here"));
        }
        if let Some(with) = with {
            self.with(with)?;
        }
        self.body(body)?;
        if let Some(order) = order_by {
            self.order(order)?;
        }
        // Rows that stand in the statement are as many as stand there; SQLite takes no LIMIT behind them.
        let rows = rows.filter(|_| !matches!(**body, SetExpr::Values(_)));
        match (limit_clause, fetch, rows) {
            (None, None, Some(rows)) => self.put(&format!(" LIMIT {rows}")),
            _ => {
                if let Some(limit) = limit_clause {
                    self.limit(limit)?;
                }
                if let Some(fetch) = fetch {
                    self.fetch(fetch)?;
                }
            }
        }
        Ok(())
    }

    fn with(&mut self, with: &With) -> Printed {
        let With {
            with_token: _,
            recursive,
            cte_tables,
        } = with;
        self.put(if *recursive {
            "WITH RECURSIVE "
        } else {
            "WITH "
        });
        self.list(cte_tables, |printer, table| {
            let Cte {
                alias,
                query,
                from,
                materialized,
                closing_paren_token: _,
            } = table;
            if from.is_some() {
                return unknown("a WITH that names a table twice");
            }
            printer.table_alias(alias)?;
            printer.put(match materialized {
                None => " AS (",
                Some(CteAsMaterialized::Materialized) => " AS MATERIALIZED (",
                Some(CteAsMaterialized::NotMaterialized) => " AS NOT MATERIALIZED (",
            });
            printer.query(query, None)?;
            printer.put(")");
            Ok(())
        })?;
        self.put(" ");
        Ok(())
    }

    fn body(&mut self, body: &SetExpr) -> Printed {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.subquery(query),
            SetExpr::SetOperation {
                left,
                op,
                set_quantifier,
                right,
            } => {
                self.body(left)?;
                self.put(match op {
                    SetOperator::Union => " UNION ",
                    SetOperator::Except => " EXCEPT ",
                    SetOperator::Intersect => " INTERSECT ",
                    SetOperator::Minus => return unknown("MINUS"),
                });
                self.put(match set_quantifier {
                    SetQuantifier::All => "ALL ",
                    SetQuantifier::Distinct => "DISTINCT ",
                    SetQuantifier::None => "",
                    SetQuantifier::ByName
                    | SetQuantifier::AllByName
                    | SetQuantifier::DistinctByName => return unknown("BY NAME"),
                });
                self.body(right)
            }
            SetExpr::Values(values) => self.values(values),
            SetExpr::Table(_) => unknown("TABLE"),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(refused("it writes, or selects into something"))
            }
        }
    }

    fn values(&mut self, values: &Values) -> Printed {
        let Values {
            explicit_row,
            value_keyword,
            rows,
        } = values;
        if *value_keyword {
            return unknown("VALUE");
        }
        self.put("VALUES ");
        self.list(rows, |printer, row| {
            if *explicit_row {
                printer.put("ROW");
            }
            printer.brackets(&row.content, Self::expression)
        })
    }

    /// A query in brackets.
    pub(super) fn subquery(&mut self, query: &Query) -> Printed {
        self.put("(");
        self.query(query, None)?;
        self.put(")");
        Ok(())
    }

    fn select(&mut self, select: &Select) -> Printed {
        let Select {
            select_token: _,
            // Hints are comments.
            optimizer_hints: _,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        if into.is_some() {
            return Err(refused("it writes, or selects into something"));
        }
        if select_modifiers.is_some()
            || top.is_some()
            || exclude.is_some()
            || !lateral_views.is_empty()
            || prewhere.is_some()
            || !connect_by.is_empty()
            || !cluster_by.is_empty()
            || !distribute_by.is_empty()
            || !sort_by.is_empty()
            || qualify.is_some()
            || value_table_mode.is_some()
            || *flavor != SelectFlavor::Standard
        {
            return Err(refused("it uses a clause that is not known here"));
        }
        self.put("SELECT ");
        match distinct {
            None => {}
            Some(Distinct::All) => self.put("ALL "),
            Some(Distinct::Distinct) => self.put("DISTINCT "),
            Some(Distinct::On(columns)) => {
                self.put("DISTINCT ON ");
                self.brackets(columns, Self::expression)?;
                self.put(" ");
            }
        }
        self.list(projection, Self::item)?;
        if !from.is_empty() {
            self.put(" FROM ");
            self.list(from, Self::table_with_joins)?;
        }
        if let Some(condition) = selection {
            self.put(" WHERE ");
            self.expression(condition)?;
        }
        self.group_by(group_by)?;
        if let Some(condition) = having {
            self.put(" HAVING ");
            self.expression(condition)?;
        }
        if !named_window.is_empty() {
            self.put(" WINDOW ");
            self.list(
                named_window,
                |printer, NamedWindowDefinition(name, window)| {
                    printer.name(name)?;
                    printer.put(" AS ");
                    match window {
                        NamedWindowExpr::NamedWindow(other) => printer.name(other),
                        NamedWindowExpr::WindowSpec(spec) => printer.window(spec),
                    }
                },
            )?;
        }
        Ok(())
    }

    fn item(&mut self, item: &SelectItem) -> Printed {
        match item {
            SelectItem::UnnamedExpr(expression) => {
                self.expression(expression)?;
                self.label_unnamed(expression)
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                self.expression(expr)?;
                self.put(" AS ");
                self.alias(alias)
            }
            SelectItem::Wildcard(options) => {
                whole(options)?;
                self.put("*");
                Ok(())
            }
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) => {
                whole(options)?;
                self.relation(name)?;
                self.put(".*");
                Ok(())
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _) => {
                unknown("the fields of a value")
            }
            SelectItem::ExprWithAliases { .. } => unknown("several names for one column"),
        }
    }

    /// SQLite and MySQL name a column after its text: after the text that was read, not after ours.
    fn label_unnamed(&mut self, expression: &Expr) -> Printed {
        let named = matches!(
            expression,
            Expr::Identifier(_) | Expr::CompoundIdentifier(_)
        );
        if named || self.dialect == Dialect::Postgres {
            return Ok(());
        }
        let label = expression.to_string();
        if label.len() > MAX_LABEL_BYTES || !is_printable_name(&label) {
            return Ok(());
        }
        self.put(" AS ");
        self.label(&label)
    }

    fn table_with_joins(&mut self, table: &TableWithJoins) -> Printed {
        let TableWithJoins { relation, joins } = table;
        self.table(relation)?;
        for join in joins {
            self.join(join)?;
        }
        Ok(())
    }

    fn table(&mut self, table: &TableFactor) -> Printed {
        match table {
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                // Which index is used changes no row.
                index_hints: _,
            } if with_hints.is_empty() && partitions.is_empty() => {
                relations::is_of_people(name)?;
                if self.dialect == Dialect::Mysql && alias.is_none() && is_no_table(name) {
                    self.put("DUAL");
                    return Ok(());
                }
                self.relation(name)?;
                self.maybe_alias(alias.as_ref())
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias,
                sample: None,
            } => {
                if *lateral {
                    self.put("LATERAL ");
                }
                self.subquery(subquery)?;
                self.maybe_alias(alias.as_ref())
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                self.put("(");
                self.table_with_joins(table_with_joins)?;
                self.put(")");
                self.maybe_alias(alias.as_ref())
            }
            _ => Err(refused("it reads from something that is no table")),
        }
    }

    fn maybe_alias(&mut self, alias: Option<&TableAlias>) -> Printed {
        match alias {
            Some(alias) => {
                self.put(" AS ");
                self.table_alias(alias)
            }
            None => Ok(()),
        }
    }

    fn table_alias(&mut self, alias: &TableAlias) -> Printed {
        let TableAlias {
            explicit: _,
            name,
            columns,
            at,
        } = alias;
        if at.is_some() || columns.iter().any(|column| column.data_type.is_some()) {
            return unknown("a table with column types");
        }
        self.name(name)?;
        if !columns.is_empty() {
            self.put(" ");
            self.brackets(columns, |printer, column| printer.name(&column.name))?;
        }
        Ok(())
    }

    fn join(&mut self, join: &Join) -> Printed {
        let Join {
            relation,
            global,
            join_operator,
        } = join;
        if *global {
            return unknown("GLOBAL");
        }
        let (word, constraint) = match join_operator {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => {
                ("JOIN ", constraint)
            }
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
                ("LEFT JOIN ", constraint)
            }
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
                ("RIGHT JOIN ", constraint)
            }
            JoinOperator::FullOuter(constraint) => ("FULL JOIN ", constraint),
            JoinOperator::CrossJoin(constraint) => ("CROSS JOIN ", constraint),
            JoinOperator::StraightJoin(constraint) => ("STRAIGHT_JOIN ", constraint),
            _ => return unknown("this kind of join"),
        };
        self.put(" ");
        if *constraint == JoinConstraint::Natural {
            self.put("NATURAL ");
        }
        self.put(word);
        self.table(relation)?;
        match constraint {
            JoinConstraint::On(condition) => {
                self.put(" ON ");
                self.expression(condition)
            }
            JoinConstraint::Using(columns) => {
                self.put(" USING ");
                self.brackets(columns, Self::one_name)
            }
            JoinConstraint::Natural | JoinConstraint::None => Ok(()),
        }
    }

    fn group_by(&mut self, group_by: &GroupByExpr) -> Printed {
        let (columns, modifiers) = match group_by {
            GroupByExpr::Expressions(columns, modifiers) => (columns, modifiers),
            GroupByExpr::All(_) => return unknown("GROUP BY ALL"),
        };
        if columns.is_empty() && modifiers.is_empty() {
            return Ok(());
        }
        self.put(" GROUP BY ");
        self.list(columns, Self::grouping)?;
        match modifiers.as_slice() {
            [] => Ok(()),
            [GroupByWithModifier::Rollup] => {
                self.put(" WITH ROLLUP");
                Ok(())
            }
            _ => unknown("this kind of grouping"),
        }
    }

    fn grouping(&mut self, grouping: &Expr) -> Printed {
        let (word, sets) = match grouping {
            Expr::Rollup(sets) => ("ROLLUP", sets),
            Expr::Cube(sets) => ("CUBE", sets),
            Expr::GroupingSets(sets) => ("GROUPING SETS", sets),
            other => return self.expression(other),
        };
        self.put(word);
        self.put(" ");
        let bare = word != "GROUPING SETS";
        self.brackets(sets, |printer, set| match set.as_slice() {
            [only] if bare => printer.expression(only),
            set => printer.brackets(set, Self::expression),
        })
    }

    fn order(&mut self, order: &OrderBy) -> Printed {
        let OrderBy { kind, interpolate } = order;
        match kind {
            OrderByKind::Expressions(columns) if interpolate.is_none() => self.order_by(columns),
            _ => unknown("this kind of order"),
        }
    }

    /// ` ORDER BY …`
    pub(super) fn order_by(&mut self, columns: &[OrderByExpr]) -> Printed {
        self.put(" ORDER BY ");
        self.list(columns, |printer, column| {
            let OrderByExpr {
                expr,
                options: OrderByOptions { sort, nulls_first },
                with_fill,
            } = column;
            if with_fill.is_some() {
                return unknown("WITH FILL");
            }
            printer.expression(expr)?;
            printer.put(match sort {
                None => "",
                Some(OrderBySort::Asc) => " ASC",
                Some(OrderBySort::Desc) => " DESC",
                Some(OrderBySort::Using(_)) => return unknown("an order by an operator"),
            });
            printer.put(match nulls_first {
                None => "",
                Some(true) => " NULLS FIRST",
                Some(false) => " NULLS LAST",
            });
            Ok(())
        })
    }

    fn limit(&mut self, limit: &LimitClause) -> Printed {
        let (limit, offset) = match limit {
            LimitClause::LimitOffset {
                limit,
                offset,
                limit_by,
            } if limit_by.is_empty() => (
                limit.as_ref(),
                offset.as_ref().map(|Offset { value, rows: _ }| value),
            ),
            LimitClause::OffsetCommaLimit { offset, limit } => (Some(limit), Some(offset)),
            LimitClause::LimitOffset { .. } => return unknown("LIMIT BY"),
        };
        if let Some(limit) = limit {
            self.put(" LIMIT ");
            self.expression(limit)?;
        }
        if let Some(offset) = offset {
            self.put(" OFFSET ");
            self.expression(offset)?;
        }
        Ok(())
    }

    fn fetch(&mut self, fetch: &Fetch) -> Printed {
        match fetch {
            Fetch {
                with_ties: false,
                percent: false,
                quantity: Some(quantity),
            } => {
                self.put(" FETCH FIRST ");
                self.expression(quantity)?;
                self.put(" ROWS ONLY");
                Ok(())
            }
            _ => unknown("this kind of FETCH"),
        }
    }
}

/// MySQL's word for no table at all; in marks it would be the name of one.
fn is_no_table(name: &ObjectName) -> bool {
    match name.0.as_slice() {
        [only] => only.as_ident().is_some_and(|name| {
            name.quote_style.is_none() && name.value.eq_ignore_ascii_case("dual")
        }),
        _ => false,
    }
}

/// Refuses a `*` that leaves columns out or renames them.
fn whole(options: &WildcardAdditionalOptions) -> Result<(), Refused> {
    let WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias,
    } = options;
    let plain = opt_ilike.is_none()
        && opt_exclude.is_none()
        && opt_except.is_none()
        && opt_replace.is_none()
        && opt_rename.is_none()
        && opt_alias.is_none();
    if plain {
        Ok(())
    } else {
        unknown("a `*` with exceptions")
    }
}
