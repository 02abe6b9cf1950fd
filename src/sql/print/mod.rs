//! Prints a statement from its tree.
//!
//! What has no place here is refused, so this is the list of what a statement may be made of. Every word and sign outside
//! quotation marks is written by this module; names and literals stand inside marks that end where every mode of the
//! database ends them. So the text cannot mean anything else than the tree. Comments and hints are not in the tree, or not
//! printed.

mod expression;
mod query;
mod words;

use sqlparser::ast::{Ident, ObjectName, Query, Value};

use super::{Dialect, Refused};

pub(super) type Printed = Result<(), Refused>;

/// How a parameter is written.
pub(super) type Placeholder<'a> = &'a dyn Fn(&str) -> String;

/// Prints a query; `rows` bounds one that has no bound of its own.
pub(super) fn print(
    query: &Query,
    dialect: Dialect,
    rows: Option<u32>,
    placeholder: Placeholder<'_>,
) -> Result<String, Refused> {
    let mut printer = Printer {
        dialect,
        placeholder,
        out: String::new(),
    };
    printer.query(query, rows)?;
    Ok(printer.out)
}

/// Does a value's text stand for itself here, and what is it?
pub(super) fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::SingleQuotedString(text)
        | Value::DoubleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::UnicodeStringLiteral(text) => Some(text),
        Value::DollarQuotedString(quoted) => Some(&quoted.value),
        _ => None,
    }
}

/// A name as the database resolves it: PostgreSQL folds what has no quotation marks.
pub(super) fn resolved(name: &Ident, dialect: Dialect) -> String {
    match (dialect, name.quote_style) {
        (Dialect::Postgres, None) => name.value.to_ascii_lowercase(),
        _ => name.value.clone(),
    }
}

struct Printer<'a> {
    dialect: Dialect,
    placeholder: Placeholder<'a>,
    out: String,
}

fn refused(what: impl Into<String>) -> Refused {
    Refused(what.into())
}

/// Stands where a tree holds what is not among the things that a statement may be made of.
fn unknown<T>(what: &str) -> Result<T, Refused> {
    Err(refused(format!("it uses {what}, which is not known here")))
}

impl Printer<'_> {
    /// Writes words of ours.
    fn put(&mut self, words: &str) {
        self.out.push_str(words);
    }

    /// Writes parts with a comma between them.
    fn list<T>(&mut self, parts: &[T], mut each: impl FnMut(&mut Self, &T) -> Printed) -> Printed {
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                self.put(", ");
            }
            each(self, part)?;
        }
        Ok(())
    }

    /// Writes parts in brackets with a comma between them.
    fn brackets<T>(&mut self, parts: &[T], each: impl FnMut(&mut Self, &T) -> Printed) -> Printed {
        self.put("(");
        self.list(parts, each)?;
        self.put(")");
        Ok(())
    }

    /// Writes a name, always in quotation marks: so it is never a keyword, and in SQLite never a text.
    fn name(&mut self, name: &Ident) -> Printed {
        if name.quote_style.is_none() && name.value.starts_with('@') {
            return Err(refused("it reads a variable of the session"));
        }
        let marks: &[Option<char>] = match self.dialect {
            Dialect::Postgres => &[None, Some('"')],
            Dialect::Mysql => &[None, Some('`')],
            Dialect::Sqlite => &[None, Some('"'), Some('`'), Some('[')],
        };
        if !marks.contains(&name.quote_style) {
            return Err(refused("a name stands in other marks than those of names"));
        }
        self.label(&resolved(name, self.dialect))
    }

    /// Writes the name that a column is given; MySQL takes it as a text too.
    fn alias(&mut self, name: &Ident) -> Printed {
        match (self.dialect, name.quote_style) {
            (Dialect::Mysql, Some('"' | '\'')) => self.label(&name.value),
            _ => self.name(name),
        }
    }

    fn label(&mut self, name: &str) -> Printed {
        if !is_printable_name(name) {
            return Err(refused(
                "a name is empty, or holds a mark or a backslash, which databases read differently",
            ));
        }
        let mark = match self.dialect {
            Dialect::Postgres => '"',
            Dialect::Mysql | Dialect::Sqlite => '`',
        };
        self.out.push(mark);
        self.out.push_str(name);
        self.out.push(mark);
        Ok(())
    }

    /// Writes the name of a table.
    fn relation(&mut self, name: &ObjectName) -> Printed {
        for (at, part) in name.0.iter().enumerate() {
            if at > 0 {
                self.put(".");
            }
            match part.as_ident() {
                Some(name) => self.name(name)?,
                None => return unknown("a computed name"),
            }
        }
        Ok(())
    }

    /// Writes a name without parts.
    fn one_name(&mut self, name: &ObjectName) -> Printed {
        match name.0.as_slice() {
            [_] => self.relation(name),
            _ => unknown("a name of several parts here"),
        }
    }

    /// Writes a literal by our own rule.
    fn value(&mut self, value: &Value) -> Printed {
        if let Some(text) = text_of(value) {
            return self.text(text);
        }
        match value {
            Value::Number(digits, false) if is_number(digits) => self.put(digits),
            Value::Boolean(true) => self.put("TRUE"),
            Value::Boolean(false) => self.put("FALSE"),
            Value::Null => self.put("NULL"),
            Value::Placeholder(name) => {
                let name = name
                    .strip_prefix(':')
                    .filter(|name| is_parameter(name))
                    .ok_or_else(|| refused("parameters are written `:name`"))?;
                let written = (self.placeholder)(name);
                self.put(&written);
            }
            _ => {
                return Err(refused(
                    "it holds a literal of a form that databases read differently: write texts in single quotes and \
                     numbers in decimal digits",
                ));
            }
        }
        Ok(())
    }

    /// Writes a text. Marks are doubled, never escaped, and so are backslashes where they may mean something: the text
    /// ends at the same mark whether the database takes a backslash for an escape or not.
    fn text(&mut self, text: &str) -> Printed {
        if text.contains('\0') {
            return Err(refused("a text holds the character NUL"));
        }
        let backslash = text.contains('\\');
        let doubled = text.replace('\'', "''");
        match self.dialect {
            Dialect::Postgres if backslash => {
                self.put("E'");
                self.put(&doubled.replace('\\', "\\\\"));
            }
            Dialect::Mysql if backslash => {
                self.put("'");
                self.put(&doubled.replace('\\', "\\\\"));
            }
            _ => {
                self.put("'");
                self.put(&doubled);
            }
        }
        self.put("'");
        Ok(())
    }
}

/// May this stand between the marks of a name in every database?
fn is_printable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['"', '`', '[', ']', '\\'])
        && !name.contains(char::is_control)
}

fn is_parameter(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Digits with at most one point and one exponent, which every database reads alike.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let exponent_reads = exponent.is_none_or(|exponent| {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !unsigned.is_empty() && digits(unsigned)
    });
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    exponent_reads && digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty())
}
