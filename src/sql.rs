//! One SQL statement that only reads: parsed, checked, and printed anew.
//!
//! What is allowed is listed; everything else is refused: [`print`] writes the kinds of clauses, expressions, functions and
//! types that only read, and knows no others. What it wrote is parsed again and has to be printed the same: so what runs is
//! what was checked. [`reads_only`] checks which tables it reads, [`ReadOnly::check_columns`] which columns.

mod columns;
mod print;
mod relations;
#[cfg(test)]
mod tests;

use std::cell::RefCell;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlparser::{
    ast::{ObjectName, Query, Statement},
    dialect::{Dialect as Grammar, MySqlDialect, PostgreSqlDialect, SQLiteDialect},
    parser::Parser,
    tokenizer::{Token, Tokenizer},
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

/// Why a statement is not taken; names nothing of its content but functions and columns.
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
    /// As it was written.
    read: Box<Query>,
    /// As it is run.
    query: Box<Query>,
    dialect: Dialect,
    /// Names of its parameters in the order in which they are bound.
    pub parameters: Vec<String>,
}

/// The deepest nesting that is parsed.
const MAX_DEPTH: usize = 40;

/// The longest statement, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// The most words and signs of a statement, without its literals and commas. A sum of so many parts is a tree of that
/// depth, and trees are walked by recursion.
const MAX_PARTS: usize = 2_000;

impl ReadOnly {
    /// Parses and checks a statement.
    pub fn parse(sql: &str, dialect: Dialect) -> Result<Self, Refused> {
        if sql.len() > MAX_BYTES {
            return Err(refused("it is longer than 64 KiB"));
        }
        if sql.contains("/*!") || sql.contains("/*M!") {
            return Err(refused("it holds a comment that some databases run"));
        }
        let read = query_of(sql, dialect)?;
        let parameters = RefCell::new(Vec::new());
        let printed = print::print(&read, dialect, None, &|name| {
            let mut parameters = parameters.borrow_mut();
            // MySQL binds by position: one entry for each place. The others bind by number.
            if dialect == Dialect::Mysql || !parameters.iter().any(|known| known == name) {
                parameters.push(name.to_owned());
            }
            format!(":{name}")
        })?;
        let changed = || refused("it would mean something else when written anew");
        let query = query_of(&printed, dialect).map_err(|_| changed())?;
        let again = print::print(&query, dialect, None, &|name| format!(":{name}"));
        if again.as_ref() != Ok(&printed) {
            return Err(changed());
        }
        Ok(Self {
            read,
            query,
            dialect,
            parameters: parameters.into_inner(),
        })
    }

    /// The statement with placeholders of the database, for at most `rows` rows where it has no bound of its own;
    /// `type_of` tells PostgreSQL a parameter's type.
    pub fn sql(
        &self,
        rows: Option<u32>,
        type_of: &dyn Fn(&str) -> &'static str,
    ) -> Result<String, Refused> {
        print::print(&self.query, self.dialect, rows, &|name| {
            let number = self
                .parameters
                .iter()
                .position(|known| known == name)
                .map_or(1, |at| at + 1);
            match self.dialect {
                Dialect::Sqlite => format!("?{number}"),
                Dialect::Postgres => format!("CAST(${number} AS {})", type_of(name)),
                Dialect::Mysql => "?".to_owned(),
            }
        })
    }

    /// The same statement without its parameters' values, for a database that shall only tell its columns.
    pub fn sql_without_values(
        &self,
        type_of: &dyn Fn(&str) -> &'static str,
    ) -> Result<String, Refused> {
        print::print(&self.query, self.dialect, Some(0), &|name| {
            format!("CAST(NULL AS {})", type_of(name))
        })
    }

    /// Every name that stands for a table.
    pub fn tables(&self) -> Vec<Table> {
        relations::tables(&self.query, self.dialect)
    }

    /// Checks for PostgreSQL that what stands behind a table and a point is a column: elsewhere it calls a function.
    /// `columns` gives the columns of a table, or none where they are not known.
    pub fn check_columns(&self, columns: columns::Columns<'_>) -> Result<(), Refused> {
        match self.dialect {
            Dialect::Postgres => columns::check(&self.query, columns),
            Dialect::Sqlite | Dialect::Mysql => Ok(()),
        }
    }
}

/// A table as a statement names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Table {
    /// The parts of its name, as the database resolves them.
    pub parts: Vec<String>,
    /// The statement defines the name itself, here or elsewhere.
    pub may_be_own: bool,
}

/// The parts of a name, as the database resolves them.
fn parts_of(name: &ObjectName, dialect: Dialect) -> Vec<String> {
    let parts = name.0.iter().filter_map(|part| part.as_ident());
    parts.map(|name| print::resolved(name, dialect)).collect()
}

fn refused(what: &str) -> Refused {
    Refused(what.to_owned())
}

/// The one query that a text holds.
fn query_of(sql: &str, dialect: Dialect) -> Result<Box<Query>, Refused> {
    let unreadable = || refused("it cannot be read as one query");
    let tokens = Tokenizer::new(dialect.grammar(), sql)
        .tokenize_with_location()
        .map_err(|_| unreadable())?;
    let parts = tokens.iter().filter(|token| is_part(&token.token)).count();
    if parts > MAX_PARTS {
        return Err(refused("it has more than 2000 words and signs"));
    }
    let mut statements = Parser::new(dialect.grammar())
        .with_recursion_limit(MAX_DEPTH)
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|_| unreadable())?;
    let statement = statements.pop().ok_or_else(|| refused("it is empty"))?;
    if !statements.is_empty() {
        return Err(refused("it is more than one statement"));
    }
    match statement {
        Statement::Query(query) => Ok(query),
        _ => Err(refused("only queries (SELECT, WITH, VALUES) are run")),
    }
}

fn is_part(token: &Token) -> bool {
    !matches!(
        token,
        Token::Whitespace(_)
            | Token::Comma
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
    )
}
