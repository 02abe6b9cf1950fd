//! What keeps a text from being TOML, in plain words: which line, what is wrong in it, and what to write instead. The parser's
//! own words stand only where nothing better is known.

use std::collections::BTreeSet;

use toml::de::Error;

use super::shape::Source;
use crate::error::Problem;

/// Lines that are told of one text. A text in another language would have one for each of its lines.
const MAX_TOLD: usize = 8;

/// Quotes that word processors and wikis write, and that begin no text in TOML.
const TYPOGRAPHIC_QUOTES: [char; 9] = ['“', '”', '„', '‟', '‘', '’', '‚', '«', '»'];

/// What `git merge` leaves at the beginning of a line.
const MERGE_MARKS: [&str; 4] = ["<<<<<<< ", "||||||| ", "=======", ">>>>>>> "];

/// Returns a problem for each line that keeps the text from being TOML.
pub(super) fn explain(source: Source<'_>, errors: &[Error]) -> Vec<Problem> {
    if let Some(problem) = other_language(source) {
        return vec![problem];
    }
    let mut told = BTreeSet::new();
    let mut yaml = false;
    errors
        .iter()
        .filter_map(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = source.line(start);
            if !told.insert(line) {
                return None;
            }
            let text = source.text.lines().nth(line - 1).unwrap_or_default();
            let (what, advice) = match yaml_key(text) {
                // The first line says it for the others.
                Some(_) if yaml => return None,
                Some(key) => {
                    yaml = true;
                    (
                        format!("`{key}:` is written as in YAML"),
                        format!("write `{key} = …`, and each table under its `[name]`"),
                    )
                }
                None => reason(source, error, line, text),
            };
            Some(
                Problem::new("bad-toml", format!("is not TOML: {what}"))
                    .at(source.at(line))
                    .advise(advice),
            )
        })
        .take(MAX_TOLD)
        .collect()
}

/// Is a text as a whole something else, so that no part of it says anything?
pub(super) fn is_other_language(source: Source<'_>) -> bool {
    other_language(source).is_some()
}

/// A text that as a whole is something else.
fn other_language(source: Source<'_>) -> Option<Problem> {
    let problem = |line: usize, what: &str, advice: &str| {
        Problem::new("bad-toml", format!("is not TOML: {what}"))
            .at(source.at(line))
            .advise(advice)
    };
    let marks = source
        .text
        .lines()
        .position(|line| MERGE_MARKS.iter().any(|mark| line.starts_with(mark)));
    if let Some(line) = marks {
        return Some(problem(
            line + 1,
            "a merge was not finished",
            "keep one of the two sides, and remove the lines that begin with `<<<<<<<`, `=======` and `>>>>>>>`",
        ));
    }
    let first = source
        .text
        .lines()
        .position(|line| !line.trim().is_empty())?;
    let text = source.text.lines().nth(first)?.trim();
    if text.starts_with('{') {
        return Some(problem(
            first + 1,
            "it is JSON",
            "write each table under its `[name]`, one `key = value` a line",
        ));
    }
    text.starts_with('<').then(|| {
        problem(
            first + 1,
            "it is a web page or XML",
            "put the text in its place: `[name]`, and one `key = value` a line",
        )
    })
}

/// The key of a line that is written as in YAML: `key: value`.
fn yaml_key(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("- ").trim_start();
    let (key, value) = line.split_once(':')?;
    let is_key = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    (is_key && (value.is_empty() || value.starts_with(' '))).then_some(key)
}

/// What is wrong with one line, and what to write.
fn reason(source: Source<'_>, error: &Error, line: usize, text: &str) -> (String, String) {
    let message = error.message();
    let says = |part: &str| message.contains(part);
    let key = key_of(text).unwrap_or("key");
    let value = text.split_once('=').map_or("", |(_, value)| value.trim());
    let told = |what: &str, advice: &str| (what.to_owned(), advice.to_owned());
    if message == "duplicate key" {
        return twice(source, error, line, text);
    }
    if let Some(quote) = value
        .chars()
        .next()
        .filter(|first| TYPOGRAPHIC_QUOTES.contains(first))
    {
        return (
            format!("the text begins with the typographic quote {quote}"),
            format!("write it in straight quotes: `{key} = \"…\"`"),
        );
    }
    if says("multi-line") {
        return told(
            "a text of several lines that begins above is not closed",
            "end it with the three quotes that it begins with",
        );
    }
    if says("expected `\"`") || says("expected `'`") {
        return told(
            "a text is not closed",
            "end it with the quote that it begins with; a text of several lines stands in `\"\"\"`",
        );
    }
    if says("escape") {
        return told(
            "a `\\` in the text begins no escape that there is",
            "write `\\\\`, or put the text in single quotes, where a `\\` is a `\\`",
        );
    }
    if value.is_empty() && text.contains('=') {
        return (
            format!("`{key}` has no value"),
            format!("write `{key} = …`, or remove the line"),
        );
    }
    if says("string values must be quoted") || says("missing opening quote") {
        return (
            "a text stands without quotes".to_owned(),
            format!("write `{key} = \"…\"`"),
        );
    }
    if says("key with no value") {
        return told(
            "the line has no `=`",
            "write `key = value`, or put `#` before a remark",
        );
    }
    if says("unclosed") {
        return told(
            "a bracket is not closed",
            "end a list with `]`, a table in braces with `}`, and a `[name]` or `[[name]]` with as many `]`",
        );
    }
    if says("missing comma") {
        return told(
            "a comma is missing between two values",
            "put a comma behind each value but the last",
        );
    }
    if says("unquoted key") || says("invalid key-value pair") {
        return told(
            "the line does not begin with a key",
            "write `key = value`; a key has letters, digits, `-` and `_`, or stands in quotes",
        );
    }
    if says("unexpected") || says("extra `=`") {
        return told(
            "something follows where the value has ended",
            "write one `key = value` a line, and put quotes around the whole of a text",
        );
    }
    (
        message.to_owned(),
        "write one `key = value` a line below its `[name]`; texts stand in quotes".to_owned(),
    )
}

/// A key or table that is written a second time, with the line of the first.
fn twice(source: Source<'_>, error: &Error, line: usize, text: &str) -> (String, String) {
    let name = error
        .span()
        .and_then(|span| source.text.get(span))
        .unwrap_or_default()
        .trim();
    let header = text.trim_start().starts_with('[');
    let before: Vec<&str> = source.text.lines().take(line - 1).collect();
    let first = before
        .iter()
        .enumerate()
        .rev()
        // A key is looked for in its own table.
        .take_while(|(_, earlier)| header || !earlier.trim_start().starts_with('['))
        .find(|(_, earlier)| {
            if header {
                earlier.trim() == text.trim()
            } else {
                key_of(earlier) == Some(name)
            }
        })
        .map(|(index, _)| index + 1);
    let of = match first {
        Some(first) => format!(", first in line {first}"),
        None => String::new(),
    };
    if header {
        let header = text.trim();
        let bare = header.trim_matches(['[', ']']);
        (
            format!("`{header}` is there twice{of}"),
            format!("join the two; where there are several, each is written as `[[{bare}]]`"),
        )
    } else {
        (
            format!("`{name}` is there twice{of}"),
            "remove one of them".to_owned(),
        )
    }
}

/// The bare key that a line sets.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    (!key.is_empty() && !key.starts_with('#') && !key.contains(['"', '\'', '[', '{']))
        .then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let source = Source { place: "x", text };
        source
            .table()
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// Each slip of the pen, and what is said of it: all of it, so that nothing else is said.
    #[test]
    fn a_slip_is_told_with_its_line_in_plain_words_and_what_to_write() {
        for (text, expected) in [
            (
                "[a]\ntitle = \"Orders\nx = 1\n",
                "x:2: is not TOML: a text is not closed\n  → end it with the quote that it begins with; a text of several lines stands in `\"\"\"`",
            ),
            (
                "[a]\nsql = \"\"\"select\n",
                "x:3: is not TOML: a text of several lines that begins above is not closed\n  → end it with the three quotes that it begins with",
            ),
            (
                "[a]\nid = 'x'\ntitle = 'A'\n\nid = 'y'\n",
                "x:5: is not TOML: `id` is there twice, first in line 2\n  → remove one of them",
            ),
            (
                "[a]\nid = 'x'\n[b]\n[a]\n",
                "x:4: is not TOML: `[a]` is there twice, first in line 1\n  → join the two; where there are several, each is written as `[[a]]`",
            ),
            (
                "[a]\ntitle: \"Orders\"\nrole: x\n",
                "x:2: is not TOML: `title:` is written as in YAML\n  → write `title = …`, and each table under its `[name]`",
            ),
            (
                "briefing:\n  - id: x\n    title: y\n",
                "x:1: is not TOML: `briefing:` is written as in YAML\n  → write `briefing = …`, and each table under its `[name]`",
            ),
            (
                "[a]\ntitle = “Orders”\n",
                "x:2: is not TOML: the text begins with the typographic quote “\n  → write it in straight quotes: `title = \"…\"`",
            ),
            (
                "[a]\n<<<<<<< HEAD\nid = 'a'\n=======\nid = 'b'\n>>>>>>> other\n",
                "x:2: is not TOML: a merge was not finished\n  → keep one of the two sides, and remove the lines that begin with `<<<<<<<`, `=======` and `>>>>>>>`",
            ),
            (
                "\n{\"a\": 1}\n",
                "x:2: is not TOML: it is JSON\n  → write each table under its `[name]`, one `key = value` a line",
            ),
            (
                "<!doctype html><p>x",
                "x:1: is not TOML: it is a web page or XML\n  → put the text in its place: `[name]`, and one `key = value` a line",
            ),
            (
                "[a]\ntitle = Orders\n",
                "x:2: is not TOML: a text stands without quotes\n  → write `title = \"…\"`",
            ),
            (
                "[a]\ntitle =\n",
                "x:2: is not TOML: `title` has no value\n  → write `title = …`, or remove the line",
            ),
            (
                "[a]\ntitle\n",
                "x:2: is not TOML: the line has no `=`\n  → write `key = value`, or put `#` before a remark",
            ),
            (
                "[a\nid = 1\n",
                "x:1: is not TOML: a bracket is not closed\n  → end a list with `]`, a table in braces with `}`, and a `[name]` or `[[name]]` with as many `]`",
            ),
            (
                "[a]\nroles = ['x' 'y']\n",
                "x:2: is not TOML: a comma is missing between two values\n  → put a comma behind each value but the last",
            ),
            (
                "[a]\npath = \"C:\\data\"\n",
                "x:2: is not TOML: a `\\` in the text begins no escape that there is\n  → write `\\\\`, or put the text in single quotes, where a `\\` is a `\\`",
            ),
            (
                "[a]\nwhen = \"item.state == \"open\"\"\n",
                "x:2: is not TOML: something follows where the value has ended\n  → write one `key = value` a line, and put quotes around the whole of a text",
            ),
        ] {
            assert_eq!(told(text), [expected], "{text}");
        }
    }

    #[test]
    fn a_text_of_another_kind_is_not_told_line_by_line() {
        let text = "= 1\n".repeat(100);
        assert_eq!(told(&text).len(), MAX_TOLD);
    }
}
