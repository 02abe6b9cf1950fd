//! One SQL statement that only reads: parsed, checked, and printed anew.
//!
//! What is allowed is listed; everything else is refused: one query, no locks, no target, no function that is not
//! known to be free of effects, no catalogue of the database itself. [`reads_only`] checks which
//! tables it reads.

mod relations;

use std::ops::ControlFlow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlparser::{
    ast::{
        Expr, LimitClause, ObjectName, Query, SetExpr, Statement, TableFactor, Value,
        ValueWithSpan, VisitMut, VisitorMut,
    },
    dialect::{Dialect as Grammar, MySqlDialect, PostgreSqlDialect, SQLiteDialect},
    parser::Parser,
};

pub use relations::reads_only;

/// The databases whose SQL is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    Sqlite,
    Postgres,
    Mysql,
}

/// Why a statement is not taken; names nothing of its content but functions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Dialect {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::Mysql];

    fn grammar(self) -> &'static dyn Grammar {
        match self {
            Self::Sqlite => &SQLiteDialect {},
            Self::Postgres => &PostgreSqlDialect {},
            Self::Mysql => &MySqlDialect {},
        }
    }
}

/// A statement that only reads.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadOnly {
    query: Box<Query>,
    /// Names of its parameters in the order in which they are bound.
    pub parameters: Vec<String>,
}

/// The deepest nesting that is parsed.
const DEEPEST: usize = 40;

/// The longest statement, in bytes.
const LONGEST_BYTES: usize = 64 * 1024;

/// Functions without effects and without access to files, other servers or the session.
const FUNCTIONS: &[&str] = &[
    "abs",
    "avg",
    "ceil",
    "ceiling",
    "char_length",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "curdate",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "date_add",
    "date_format",
    "date_part",
    "date_sub",
    "date_trunc",
    "datediff",
    "datetime",
    "day",
    "dayofmonth",
    "dayofweek",
    "dense_rank",
    "exp",
    "extract",
    "first_value",
    "floor",
    "format",
    "greatest",
    "group_concat",
    "hour",
    "ifnull",
    "iif",
    "instr",
    "json_extract",
    "julianday",
    "lag",
    "last_day",
    "last_value",
    "lead",
    "least",
    "left",
    "length",
    "ln",
    "localtime",
    "localtimestamp",
    "log",
    "log10",
    "lower",
    "ltrim",
    "make_date",
    "max",
    "min",
    "minute",
    "mod",
    "month",
    "now",
    "ntile",
    "nullif",
    "percent_rank",
    "percentile_cont",
    "percentile_disc",
    "position",
    "power",
    "quarter",
    "rank",
    "replace",
    "reverse",
    "right",
    "round",
    "row_number",
    "rtrim",
    "second",
    "sign",
    "split_part",
    "sqrt",
    "strftime",
    "string_agg",
    "strpos",
    "substr",
    "substring",
    "sum",
    "timediff",
    "timestampdiff",
    "to_char",
    "to_date",
    "total",
    "trim",
    "trunc",
    "truncate",
    "unixepoch",
    "upper",
    "week",
    "year",
];

/// Schemas of the database itself.
const CATALOGUES: [&str; 6] = [
    "pg_catalog",
    "information_schema",
    "mysql",
    "performance_schema",
    "sys",
    "pg_toast",
];

impl ReadOnly {
    /// Parses and checks a statement.
    pub fn parse(sql: &str, dialect: Dialect) -> Result<Self, Refused> {
        let refused = |what: &str| Refused(what.to_owned());
        if sql.len() > LONGEST_BYTES {
            return Err(refused("it is longer than 64 KiB"));
        }
        if sql.contains("/*!") || sql.contains("/*M!") {
            return Err(refused("it holds a comment that some databases run"));
        }
        let mut statements = Parser::new(dialect.grammar())
            .with_recursion_limit(DEEPEST)
            .try_with_sql(sql)
            .and_then(|mut parser| parser.parse_statements())
            .map_err(|_| refused("it cannot be read as one query"))?;
        let statement = statements.pop().ok_or_else(|| refused("it is empty"))?;
        if !statements.is_empty() {
            return Err(refused("it is more than one statement"));
        }
        let Statement::Query(mut query) = statement else {
            return Err(refused("only queries (SELECT, WITH, VALUES) are run"));
        };
        let mut check = Check {
            dialect,
            parameters: Vec::new(),
        };
        if let ControlFlow::Break(what) = VisitMut::visit(&mut query, &mut check) {
            return Err(Refused(what));
        }
        Ok(Self {
            query,
            parameters: check.parameters,
        })
    }

    /// The statement for at most `rows` rows, with placeholders of the database; `type_of` tells PostgreSQL a
    /// parameter's type.
    pub fn sql(
        &self,
        dialect: Dialect,
        rows: u32,
        type_of: &dyn Fn(&str) -> &'static str,
    ) -> String {
        let mut query = self.query.clone();
        let mut place = Place {
            dialect,
            parameters: &self.parameters,
            type_of,
        };
        let _ = VisitMut::visit(&mut query, &mut place);
        if query.limit_clause.is_none() && query.fetch.is_none() {
            query.limit_clause = Some(LimitClause::LimitOffset {
                limit: Some(Expr::value(Value::Number(rows.to_string(), false))),
                offset: None,
                limit_by: Vec::new(),
            });
        }
        query.to_string()
    }
}

struct Check {
    dialect: Dialect,
    parameters: Vec<String>,
}

fn stop(what: impl Into<String>) -> ControlFlow<String> {
    ControlFlow::Break(what.into())
}

/// The last part of a name, lower case.
fn last(name: &ObjectName) -> String {
    name.0
        .last()
        .map(|part| {
            part.to_string()
                .trim_matches(['"', '`', '[', ']'])
                .to_lowercase()
        })
        .unwrap_or_default()
}

fn body_reads(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_none(),
        SetExpr::Query(_) | SetExpr::Values(_) => true,
        SetExpr::SetOperation { left, right, .. } => body_reads(left) && body_reads(right),
        _ => false,
    }
}

impl VisitorMut for Check {
    type Break = String;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<String> {
        if !body_reads(&query.body) {
            return stop("it writes, or selects into something");
        }
        if !query.locks.is_empty() {
            return stop("it locks rows");
        }
        if query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty()
        {
            return stop("it uses a clause that is not known here");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<String> {
        let parts: Vec<String> = name
            .0
            .iter()
            .map(|part| {
                part.to_string()
                    .trim_matches(['"', '`', '[', ']'])
                    .to_lowercase()
            })
            .collect();
        let system = parts.iter().any(|part| {
            CATALOGUES.contains(&part.as_str())
                || part.starts_with("pg_")
                || part.starts_with("sqlite_")
        });
        if system {
            stop("it reads the database's own catalogue")
        } else {
            ControlFlow::Continue(())
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<String> {
        match factor {
            TableFactor::Table { args: None, .. }
            | TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. } => ControlFlow::Continue(()),
            _ => stop("it reads from something that is no table"),
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<String> {
        match expr {
            Expr::Function(function) => {
                let name = last(&function.name);
                if function.name.0.len() > 1 || !FUNCTIONS.contains(&name.as_str()) {
                    return stop(format!(
                        "the function `{name}` is not among those that only read"
                    ));
                }
                ControlFlow::Continue(())
            }
            Expr::Identifier(name) if name.value.starts_with('@') => {
                stop("it reads a variable of the session")
            }
            Expr::CompoundIdentifier(names)
                if names.iter().any(|name| name.value.starts_with('@')) =>
            {
                stop("it reads a variable of the session")
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<String> {
        if let Value::Placeholder(name) = &value.value {
            let Some(name) = name.strip_prefix(':').filter(|name| !name.is_empty()) else {
                return stop("parameters are written `:name`");
            };
            // MySQL binds by position: one entry for each place. The others bind by number.
            if self.dialect == Dialect::Mysql || !self.parameters.iter().any(|known| known == name)
            {
                self.parameters.push(name.to_owned());
            }
        }
        ControlFlow::Continue(())
    }
}

/// Writes the database's own placeholders.
struct Place<'a> {
    dialect: Dialect,
    parameters: &'a [String],
    type_of: &'a dyn Fn(&str) -> &'static str,
}

impl VisitorMut for Place<'_> {
    type Break = ();

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if let Value::Placeholder(text) = &mut value.value {
            let name = text.trim_start_matches(':');
            let number = self
                .parameters
                .iter()
                .position(|known| known == name)
                .map_or(1, |at| at + 1);
            *text = match self.dialect {
                Dialect::Sqlite => format!("?{number}"),
                Dialect::Postgres => format!("CAST(${number} AS {})", (self.type_of)(name)),
                Dialect::Mysql => "?".to_owned(),
            };
        }
        ControlFlow::Continue(())
    }
}
