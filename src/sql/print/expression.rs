//! Expressions: the kinds that only compute.

use sqlparser::ast::{
    AccessExpr, Array, BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DateTimeField,
    DuplicateTreatment, Expr, ExtractSyntax, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Interval, Subscript,
    TrimWhereField, TypedString, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec,
    WindowType,
};

use super::{Printed, Printer, refused, unknown, words};
use crate::sql::Dialect;

impl Printer<'_> {
    pub(super) fn expression(&mut self, expression: &Expr) -> Printed {
        match expression {
            Expr::Identifier(name) => self.name(name),
            Expr::CompoundIdentifier(names) => {
                for (at, name) in names.iter().enumerate() {
                    if at > 0 {
                        self.put(".");
                    }
                    self.name(name)?;
                }
                Ok(())
            }
            Expr::CompoundFieldAccess { root, access_chain } => self.element(root, access_chain),
            Expr::Value(value) => self.value(&value.value),
            Expr::Nested(inner) => {
                self.put("(");
                self.expression(inner)?;
                self.put(")");
                Ok(())
            }
            Expr::BinaryOp { .. } => self.binary(expression),
            Expr::UnaryOp { op, expr } => {
                self.put(words::unary(*op, self.dialect)?);
                self.expression(expr)
            }
            Expr::IsFalse(inner) => self.postfix(inner, " IS FALSE"),
            Expr::IsNotFalse(inner) => self.postfix(inner, " IS NOT FALSE"),
            Expr::IsTrue(inner) => self.postfix(inner, " IS TRUE"),
            Expr::IsNotTrue(inner) => self.postfix(inner, " IS NOT TRUE"),
            Expr::IsNull(inner) => self.postfix(inner, " IS NULL"),
            Expr::IsNotNull(inner) => self.postfix(inner, " IS NOT NULL"),
            Expr::IsUnknown(inner) => self.postfix(inner, " IS UNKNOWN"),
            Expr::IsNotUnknown(inner) => self.postfix(inner, " IS NOT UNKNOWN"),
            Expr::IsDistinctFrom(left, right) => self.pair(left, " IS DISTINCT FROM ", right),
            Expr::IsNotDistinctFrom(left, right) => {
                self.pair(left, " IS NOT DISTINCT FROM ", right)
            }
            Expr::InList {
                expr,
                list,
                negated,
            } => {
                self.expression(expr)?;
                self.put(not(*negated, " IN ", " NOT IN "));
                self.brackets(list, Self::expression)
            }
            Expr::InSubquery {
                expr,
                subquery,
                negated,
            } => {
                self.expression(expr)?;
                self.put(not(*negated, " IN ", " NOT IN "));
                self.subquery(subquery)
            }
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => {
                self.expression(expr)?;
                self.put(not(*negated, " BETWEEN ", " NOT BETWEEN "));
                self.pair(low, " AND ", high)
            }
            Expr::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char,
            } => {
                let word = not(*negated, " LIKE ", " NOT LIKE ");
                self.like(expr, word, pattern, escape_char.as_deref())
            }
            Expr::ILike {
                negated,
                any: false,
                expr,
                pattern,
                escape_char,
            } if self.dialect == Dialect::Postgres => {
                let word = not(*negated, " ILIKE ", " NOT ILIKE ");
                self.like(expr, word, pattern, escape_char.as_deref())
            }
            Expr::SimilarTo {
                negated,
                expr,
                pattern,
                escape_char,
            } if self.dialect == Dialect::Postgres => {
                let word = not(*negated, " SIMILAR TO ", " NOT SIMILAR TO ");
                self.like(expr, word, pattern, escape_char.as_deref())
            }
            Expr::RLike {
                negated,
                expr,
                pattern,
                regexp: _,
            } if self.dialect == Dialect::Mysql => {
                let word = not(*negated, " REGEXP ", " NOT REGEXP ");
                self.like(expr, word, pattern, None)
            }
            Expr::AnyOp {
                left,
                compare_op,
                right,
                is_some: _,
            } => self.quantified(left, compare_op, " ANY ", right),
            Expr::AllOp {
                left,
                compare_op,
                right,
            } => self.quantified(left, compare_op, " ALL ", right),
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr,
                data_type,
                format: None,
            } => {
                let kind = words::kind(data_type, self.dialect)?;
                self.put("CAST(");
                self.expression(expr)?;
                self.put(" AS ");
                self.put(&kind);
                self.put(")");
                Ok(())
            }
            Expr::Convert {
                is_try: false,
                expr,
                data_type: Some(data_type),
                charset: None,
                target_before_value: false,
                styles,
            } if styles.is_empty() => {
                let kind = words::kind(data_type, self.dialect)?;
                self.put("CONVERT(");
                self.expression(expr)?;
                self.put(", ");
                self.put(&kind);
                self.put(")");
                Ok(())
            }
            Expr::AtTimeZone {
                timestamp,
                time_zone,
            } if self.dialect == Dialect::Postgres => {
                self.pair(timestamp, " AT TIME ZONE ", time_zone)
            }
            Expr::Extract {
                field,
                syntax: ExtractSyntax::From,
                expr,
            } => {
                self.put("EXTRACT(");
                self.put(words::field(field)?);
                self.put(" FROM ");
                self.expression(expr)?;
                self.put(")");
                Ok(())
            }
            Expr::Ceil {
                expr,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => self.call("CEIL", expr),
            Expr::Floor {
                expr,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => self.call("FLOOR", expr),
            Expr::Position { expr, r#in } => {
                self.put("POSITION(");
                self.pair(expr, " IN ", r#in)?;
                self.put(")");
                Ok(())
            }
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                special,
                shorthand,
            } => {
                self.put(if *shorthand { "SUBSTR(" } else { "SUBSTRING(" });
                self.expression(expr)?;
                if let Some(from) = substring_from {
                    self.put(if *special { ", " } else { " FROM " });
                    self.expression(from)?;
                }
                if let Some(length) = substring_for {
                    self.put(if *special { ", " } else { " FOR " });
                    self.expression(length)?;
                }
                self.put(")");
                Ok(())
            }
            Expr::Trim {
                trim_where,
                trim_what,
                expr,
                trim_characters,
            } => {
                self.put(match trim_where {
                    None => "TRIM(",
                    Some(TrimWhereField::Both) => "TRIM(BOTH ",
                    Some(TrimWhereField::Leading) => "TRIM(LEADING ",
                    Some(TrimWhereField::Trailing) => "TRIM(TRAILING ",
                });
                if let Some(what) = trim_what {
                    self.expression(what)?;
                    self.put(" FROM ");
                }
                self.expression(expr)?;
                if let Some(characters) = trim_characters {
                    self.put(", ");
                    self.list(characters, Self::expression)?;
                }
                self.put(")");
                Ok(())
            }
            Expr::Collate { expr, collation } => {
                self.expression(expr)?;
                self.put(" COLLATE ");
                self.relation(collation)
            }
            Expr::TypedString(TypedString {
                data_type,
                value,
                uses_odbc_syntax: false,
            }) => {
                let kind = words::kind(data_type, self.dialect)?;
                self.put(&kind);
                self.put(" ");
                self.value(&value.value)
            }
            Expr::Function(function) => self.function(function),
            Expr::Case {
                case_token: _,
                end_token: _,
                operand,
                conditions,
                else_result,
            } => {
                self.put("CASE");
                if let Some(operand) = operand {
                    self.put(" ");
                    self.expression(operand)?;
                }
                for CaseWhen { condition, result } in conditions {
                    self.put(" WHEN ");
                    self.pair(condition, " THEN ", result)?;
                }
                if let Some(result) = else_result {
                    self.put(" ELSE ");
                    self.expression(result)?;
                }
                self.put(" END");
                Ok(())
            }
            Expr::Exists { subquery, negated } => {
                self.put(not(*negated, "EXISTS ", "NOT EXISTS "));
                self.subquery(subquery)
            }
            Expr::Subquery(query) => self.subquery(query),
            Expr::Tuple(parts) => self.brackets(parts, Self::expression),
            Expr::Array(Array { elem, named: true }) if self.dialect == Dialect::Postgres => {
                self.put("ARRAY[");
                self.list(elem, Self::expression)?;
                self.put("]");
                Ok(())
            }
            Expr::Interval(interval) => self.interval(interval),
            _ => Err(refused(
                "it uses a kind of expression that is not among those that only compute",
            )),
        }
    }

    /// An element of an array column, never a field of it: PostgreSQL reads `(value).name` as `name(value)`.
    fn element(&mut self, root: &Expr, chain: &[AccessExpr]) -> Printed {
        let column = matches!(root, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        let indexes: Option<Vec<&Expr>> = chain
            .iter()
            .map(|access| match access {
                AccessExpr::Subscript(Subscript::Index { index }) => Some(index),
                AccessExpr::Subscript(Subscript::Slice { .. }) | AccessExpr::Dot(_) => None,
            })
            .collect();
        match indexes {
            Some(indexes) if column && self.dialect == Dialect::Postgres => {
                self.expression(root)?;
                for index in indexes {
                    self.put("[");
                    self.expression(index)?;
                    self.put("]");
                }
                Ok(())
            }
            _ => Err(refused(
                "it takes a field or an element of a value: a function can be called that way",
            )),
        }
    }

    /// Operands and operators from left to right; a long sum is deep to the left.
    fn binary(&mut self, expression: &Expr) -> Printed {
        let mut operands = Vec::new();
        let mut leftmost = expression;
        while let Expr::BinaryOp { left, op, right } = leftmost {
            operands.push((op, right));
            leftmost = left;
        }
        self.expression(leftmost)?;
        for (operator, right) in operands.into_iter().rev() {
            self.put(words::binary(operator, self.dialect)?);
            self.expression(right)?;
        }
        Ok(())
    }

    fn postfix(&mut self, inner: &Expr, words: &str) -> Printed {
        self.expression(inner)?;
        self.put(words);
        Ok(())
    }

    fn pair(&mut self, left: &Expr, words: &str, right: &Expr) -> Printed {
        self.expression(left)?;
        self.put(words);
        self.expression(right)
    }

    fn like(
        &mut self,
        expression: &Expr,
        word: &str,
        pattern: &Expr,
        escape: Option<&Expr>,
    ) -> Printed {
        self.pair(expression, word, pattern)?;
        if let Some(escape) = escape {
            self.put(" ESCAPE ");
            self.expression(escape)?;
        }
        Ok(())
    }

    fn quantified(
        &mut self,
        left: &Expr,
        operator: &BinaryOperator,
        word: &str,
        right: &Expr,
    ) -> Printed {
        self.expression(left)?;
        self.put(words::binary(operator, self.dialect)?.trim_end());
        self.put(word);
        match right {
            Expr::Subquery(_) | Expr::Nested(_) => self.expression(right),
            array => {
                self.put("(");
                self.expression(array)?;
                self.put(")");
                Ok(())
            }
        }
    }

    fn call(&mut self, name: &str, argument: &Expr) -> Printed {
        self.put(name);
        self.put("(");
        self.expression(argument)?;
        self.put(")");
        Ok(())
    }

    fn interval(&mut self, interval: &Interval) -> Printed {
        let Interval {
            value,
            leading_field,
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        } = interval
        else {
            return unknown("this kind of interval");
        };
        self.put("INTERVAL ");
        self.expression(value)?;
        if let Some(field) = leading_field {
            self.put(" ");
            self.put(words::field(field)?);
        }
        Ok(())
    }

    fn function(&mut self, function: &Function) -> Printed {
        let Function {
            name,
            uses_odbc_syntax,
            parameters,
            args,
            within_group,
            filter,
            null_treatment,
            over,
        } = function;
        let name = words::function(name, self.dialect)?;
        if *uses_odbc_syntax || *parameters != FunctionArguments::None || null_treatment.is_some() {
            return unknown("this way to call a function");
        }
        self.put(&name);
        match args {
            FunctionArguments::List(arguments) if words::begins_with_unit(&name) => {
                self.arguments_with_unit(arguments)?;
            }
            FunctionArguments::None if words::stands_without_brackets(&name) => return Ok(()),
            FunctionArguments::List(arguments) => self.arguments(arguments)?,
            FunctionArguments::None | FunctionArguments::Subquery(_) => {
                return unknown("this way to call a function");
            }
        }
        if !within_group.is_empty() {
            self.put(" WITHIN GROUP (");
            self.order_by(within_group)?;
            self.put(")");
        }
        if let Some(condition) = filter {
            self.put(" FILTER (WHERE ");
            self.expression(condition)?;
            self.put(")");
        }
        match over {
            None => Ok(()),
            Some(WindowType::NamedWindow(window)) => {
                self.put(" OVER ");
                self.name(window)
            }
            Some(WindowType::WindowSpec(window)) => {
                self.put(" OVER ");
                self.window(window)
            }
        }
    }

    /// `(DAY, a, b)`: the unit is a word, not a name.
    fn arguments_with_unit(&mut self, arguments: &FunctionArgumentList) -> Printed {
        let FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses,
        } = arguments
        else {
            return unknown("this kind of argument");
        };
        match args.as_slice() {
            [
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(unit))),
                rest @ ..,
            ] if clauses.is_empty() && unit.quote_style.is_none() => {
                self.put("(");
                self.put(words::unit(&unit.value)?);
                for argument in rest {
                    self.put(", ");
                    self.argument(argument)?;
                }
                self.put(")");
                Ok(())
            }
            _ => unknown("this kind of argument"),
        }
    }

    fn argument(&mut self, argument: &FunctionArg) -> Printed {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => self.expression(expression),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => {
                self.put("*");
                Ok(())
            }
            _ => unknown("this kind of argument"),
        }
    }

    fn arguments(&mut self, arguments: &FunctionArgumentList) -> Printed {
        let FunctionArgumentList {
            duplicate_treatment,
            args,
            clauses,
        } = arguments;
        self.put(match duplicate_treatment {
            None => "(",
            Some(DuplicateTreatment::Distinct) => "(DISTINCT ",
            Some(DuplicateTreatment::All) => "(ALL ",
        });
        self.list(args, Self::argument)?;
        for clause in clauses {
            match clause {
                FunctionArgumentClause::OrderBy(columns) => self.order_by(columns)?,
                FunctionArgumentClause::Separator(separator) if self.dialect == Dialect::Mysql => {
                    self.put(" SEPARATOR ");
                    self.value(&separator.value)?;
                }
                _ => return unknown("this kind of argument"),
            }
        }
        self.put(")");
        Ok(())
    }

    /// A window in brackets.
    pub(super) fn window(&mut self, window: &WindowSpec) -> Printed {
        let WindowSpec {
            window_name,
            partition_by,
            order_by,
            window_frame,
        } = window;
        self.put("(");
        if let Some(name) = window_name {
            self.name(name)?;
        }
        if !partition_by.is_empty() {
            self.put(" PARTITION BY ");
            self.list(partition_by, Self::expression)?;
        }
        if !order_by.is_empty() {
            self.order_by(order_by)?;
        }
        if let Some(WindowFrame {
            units,
            start_bound,
            end_bound,
        }) = window_frame
        {
            self.put(match units {
                WindowFrameUnits::Rows => " ROWS ",
                WindowFrameUnits::Range => " RANGE ",
                WindowFrameUnits::Groups => " GROUPS ",
            });
            match end_bound {
                None => self.bound(start_bound)?,
                Some(end) => {
                    self.put("BETWEEN ");
                    self.bound(start_bound)?;
                    self.put(" AND ");
                    self.bound(end)?;
                }
            }
        }
        self.put(")");
        Ok(())
    }

    fn bound(&mut self, bound: &WindowFrameBound) -> Printed {
        let (rows, word) = match bound {
            WindowFrameBound::CurrentRow => {
                self.put("CURRENT ROW");
                return Ok(());
            }
            WindowFrameBound::Preceding(rows) => (rows, " PRECEDING"),
            WindowFrameBound::Following(rows) => (rows, " FOLLOWING"),
        };
        match rows {
            Some(rows) => self.expression(rows)?,
            None => self.put("UNBOUNDED"),
        }
        self.put(word);
        Ok(())
    }
}

fn not(negated: bool, plain: &'static str, otherwise: &'static str) -> &'static str {
    if negated { otherwise } else { plain }
}
