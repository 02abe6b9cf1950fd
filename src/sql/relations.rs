//! Which tables a statement reads: what a right that names tables is checked against.
//!
//! What runs in the end is the text, read by the database and not by us. So nothing is taken in which databases differ:
//! no comment, no backslash, and, where the dialect is not known, only what all of them read alike.

use std::ops::ControlFlow;

use sqlparser::{
    ast::{Ident, ObjectName, Query, Visit, Visitor},
    tokenizer::{Token, Tokenizer, Whitespace},
};

use super::{Dialect, ReadOnly, Refused, Table, parts_of, print::resolved, refused};

/// Schemas of the database itself.
const CATALOGUES: [&str; 6] = [
    "pg_catalog",
    "information_schema",
    "mysql",
    "performance_schema",
    "sys",
    "pg_toast",
];

/// Tables of SQLite's own that no file holds.
const VIRTUAL: [&str; 4] = ["dbstat", "bytecode", "tables_used", "json_tree"];

/// Refuses a name of the database's own catalogue.
pub(super) fn is_of_people(name: &ObjectName) -> Result<(), Refused> {
    let system = name.0.iter().any(|part| {
        let part = part
            .as_ident()
            .map(|name| name.value.to_lowercase())
            .unwrap_or_default();
        CATALOGUES.contains(&part.as_str())
            || VIRTUAL.contains(&part.as_str())
            || ["pg_", "sqlite_", "pragma_"]
                .iter()
                .any(|prefix| part.starts_with(prefix))
    });
    if system {
        return Err(refused("it reads the database's own catalogue"));
    }
    Ok(())
}

/// Every name that stands for a table, or for what a WITH defines.
pub(super) fn tables(query: &Query, dialect: Dialect) -> Vec<Table> {
    let mut all = All::default();
    let _ = query.visit(&mut all);
    let own: Vec<String> = all.own.iter().map(|name| resolved(name, dialect)).collect();
    let mut tables: Vec<Table> = Vec::new();
    for name in &all.relations {
        let parts = parts_of(name, dialect);
        let may_be_own = matches!(
            parts.as_slice(),
            [only] if own.iter().any(|own| own.eq_ignore_ascii_case(only))
        );
        if !tables.iter().any(|table| table.parts == parts) {
            tables.push(Table { parts, may_be_own });
        }
    }
    tables
}

/// Every relation, and every name that a WITH defines anywhere.
#[derive(Default)]
struct All {
    own: Vec<Ident>,
    relations: Vec<ObjectName>,
}

impl Visitor for All {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(with) = &query.with {
            let names = with.cte_tables.iter().map(|table| table.alias.name.clone());
            self.own.extend(names);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.relations.push(relation.clone());
        ControlFlow::Continue(())
    }
}

/// Is `sql` one SELECT that reads from `tables` alone? In the dialect that is named, or in each of them.
///
/// A table is listed as `name` or `schema.name` and meant exactly so: a name without its schema stands for itself only.
pub fn reads_only(sql: &str, tables: &[String], dialect: Option<Dialect>) -> Result<(), Refused> {
    if sql.contains('\\') {
        return Err(refused(
            "it holds a backslash, which databases read differently",
        ));
    }
    let dialects = dialect.map_or(Dialect::ALL.to_vec(), |dialect| vec![dialect]);
    for dialect in dialects {
        let statement = ReadOnly::parse(sql, dialect)?;
        read_alike(sql, dialect)?;
        // Which columns a table has is not known here.
        statement.check_columns(&|_| None)?;
        for relation in relations(&statement)? {
            if !tables
                .iter()
                .any(|listed| is_listed(&relation, listed, dialect))
            {
                return Err(refused("it reads a table that is not listed"));
            }
        }
    }
    Ok(())
}

/// Refuses a text in which something may end elsewhere than it was read to end: a comment, a text of another form than
/// `'…'`, or a blank that is none to some.
fn read_alike(sql: &str, dialect: Dialect) -> Result<(), Refused> {
    let tokens = Tokenizer::new(dialect.grammar(), sql)
        .tokenize()
        .map_err(|_| refused("it cannot be read as one query"))?;
    for token in &tokens {
        match token {
            Token::Whitespace(
                Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
            ) => {
                return Err(refused(
                    "it holds a comment, which databases read differently",
                ));
            }
            Token::DollarQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::Char(_) => {
                return Err(refused(
                    "it holds a text of a form that databases read differently",
                ));
            }
            _ => {}
        }
    }
    if sql.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
        || sql.contains(|c: char| c.is_whitespace() && !c.is_ascii())
    {
        return Err(refused(
            "it holds a blank or control character that databases read differently",
        ));
    }
    Ok(())
}

/// Every table that is read. A name counts as one of the statement's own (`WITH name AS …`) only where every database
/// says so: those are defined at the top, and are known to what follows them.
fn relations(statement: &ReadOnly) -> Result<Vec<ObjectName>, Refused> {
    let mut query = statement.read.clone();
    let mut reading = Reading::default();
    let mut visited = ControlFlow::Continue(());
    if let Some(with) = query.with.take() {
        for table in &with.cte_tables {
            if with.recursive {
                reading.own.push(table.alias.name.clone());
            }
            visited = visited_after(visited, &table.query, &mut reading);
            reading.own.push(table.alias.name.clone());
        }
    }
    match visited_after(visited, &query, &mut reading) {
        ControlFlow::Continue(()) => Ok(reading.found),
        ControlFlow::Break(what) => Err(Refused(what.to_owned())),
    }
}

fn visited_after(
    before: ControlFlow<&'static str>,
    query: &Query,
    reading: &mut Reading,
) -> ControlFlow<&'static str> {
    match before {
        ControlFlow::Continue(()) => query.visit(reading),
        stopped => stopped,
    }
}

#[derive(Default)]
struct Reading {
    /// Names that the statement defines itself, so far.
    own: Vec<Ident>,
    found: Vec<ObjectName>,
}

impl Visitor for Reading {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<&'static str> {
        // What an inner WITH hides outside of it is read differently by people and databases alike.
        if query.with.is_some() {
            return ControlFlow::Break("it has a WITH inside another query");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<&'static str> {
        let own = match relation.0.as_slice() {
            [only] => only.as_ident().is_some_and(|name| {
                self.own
                    .iter()
                    .any(|own| own.value == name.value && own.quote_style == name.quote_style)
            }),
            _ => false,
        };
        if !own {
            self.found.push(relation.clone());
        }
        ControlFlow::Continue(())
    }
}

/// Is it the very table that is listed, as this database resolves names?
fn is_listed(relation: &ObjectName, listed: &str, dialect: Dialect) -> bool {
    let parts: Vec<&str> = listed.split('.').collect();
    parts.len() == relation.0.len()
        && relation.0.iter().zip(parts).all(|(part, listed)| {
            part.as_ident()
                .is_some_and(|name| is_name(name, listed, dialect))
        })
}

fn is_name(name: &Ident, listed: &str, dialect: Dialect) -> bool {
    match dialect {
        // Names in quotes are exact, others are lower case.
        Dialect::Postgres if name.quote_style.is_none() => name.value.to_lowercase() == listed,
        Dialect::Postgres | Dialect::Mysql => name.value == listed,
        Dialect::Sqlite => name.value.eq_ignore_ascii_case(listed),
    }
}
