//! Tables in text: Markdown (GitHub's pipe tables) and CSV (RFC 4180, also with semicolons or tabs). Pure.

use serde_json::{Map, Number, Value};

/// A whole number of more digits is an identifier and stays text.
const MAX_WHOLE_DIGITS: usize = 15;

/// A CSV header's cell is no longer than this, in characters; a sentence is.
const HEADER_CHARS: usize = 64;

const CSV_DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// The rows of the text's only Markdown table; nothing where there is none, or more than one.
pub(super) fn markdown(text: &str) -> Option<Vec<Value>> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut separators = lines
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| matches!(pair, [header, line] if is_separator(header, line)));
    let (at, _) = separators.next()?;
    if separators.next().is_some() {
        return None;
    }
    let header = cells(lines.get(at)?);
    let rows = lines
        .iter()
        .skip(at + 2)
        .take_while(|line| line.contains('|'))
        .map(|line| cells(line))
        .collect();
    Some(table(header, rows))
}

/// Is `line` the line of dashes below a table's `header`?
fn is_separator(header: &str, line: &str) -> bool {
    let dashes = |cell: &String| {
        let inner = cell.strip_prefix(':').unwrap_or(cell);
        let inner = inner.strip_suffix(':').unwrap_or(inner);
        !inner.is_empty() && inner.chars().all(|c| c == '-')
    };
    if !line.contains('|') || !line.contains('-') || !header.contains('|') {
        return false;
    }
    let below = cells(line);
    below.iter().all(dashes) && below.len() == cells(header).len()
}

/// The cells of a row. `\|` is a pipe within a cell.
fn cells(line: &str) -> Vec<String> {
    let line = line.trim();
    let line = line.strip_prefix('|').unwrap_or(line);
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for c in line.chars() {
        match (c, cells.last_mut()) {
            ('|', Some(cell)) if escaped => {
                cell.pop();
                cell.push(c);
            }
            ('|', _) => cells.push(String::new()),
            (_, Some(cell)) => cell.push(c),
            (_, None) => {}
        }
        escaped = c == '\\' && !escaped;
    }
    if cells.len() > 1 && cells.last().is_some_and(|last| last.trim().is_empty()) {
        cells.pop();
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// The rows of a text that is CSV as a whole: a header of two or more names, at least one row, each of that length.
pub(super) fn csv(text: &str) -> Option<Vec<Value>> {
    CSV_DELIMITERS
        .into_iter()
        .find_map(|delimiter| delimited(text, delimiter))
}

fn delimited(text: &str, delimiter: u8) -> Option<Vec<Value>> {
    // A tab at an end is a delimiter.
    let text = text
        .trim_start_matches('\u{feff}')
        .trim_matches(['\n', '\r']);
    // Looks at the header before anything is parsed: most texts end here.
    let first = text.lines().next()?;
    if !first.contains(char::from(delimiter)) || text.lines().nth(1).is_none() {
        return None;
    }
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().ok()?.iter().map(str::to_owned).collect();
    if header.len() < 2 || !header.iter().all(|name| is_name(name)) {
        return None;
    }
    let rows: Vec<Vec<String>> = reader
        .records()
        .map(|record| {
            Some(
                record
                    .ok()?
                    .iter()
                    .map(|cell| cell.trim().to_owned())
                    .collect(),
            )
        })
        .collect::<Option<_>>()?;
    (!rows.is_empty()).then(|| table(header, rows))
}

/// Is this the name of a column and not a piece of a sentence or a value? Begins with a letter or `_`, has no white
/// space at its ends, ends in no stop.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.trim() == name
        && !name.ends_with(['.', '!', '?', ':', ';'])
        && name.chars().count() <= HEADER_CHARS
}

/// Rows as objects under the header's names. A missing cell is empty, a surplus one is dropped.
fn table(header: Vec<String>, rows: Vec<Vec<String>>) -> Vec<Value> {
    let names = distinct(header);
    let numeric: Vec<bool> = (0..names.len())
        .map(|column| {
            let mut filled = rows
                .iter()
                .filter_map(|row| row.get(column))
                .filter(|cell| !cell.is_empty())
                .peekable();
            filled.peek().is_some() && filled.all(|cell| number(cell).is_some())
        })
        .collect();
    rows.into_iter()
        .map(|row| {
            let mut row = row.into_iter();
            let cells = names.iter().zip(&numeric).map(|(name, numeric)| {
                let value = match row.next().filter(|cell| !cell.is_empty()) {
                    None => Value::Null,
                    Some(cell) if *numeric => number(&cell).map_or(Value::Null, Value::Number),
                    Some(cell) => Value::String(cell),
                };
                (name.clone(), value)
            });
            Value::Object(cells.collect::<Map<_, _>>())
        })
        .collect()
}

/// Names that are all filled and all different: `column_3` for an empty one, `a_2` for the second `a`.
fn distinct(header: Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    for (index, name) in header.into_iter().enumerate() {
        let name = if name.is_empty() {
            format!("column_{}", index + 1)
        } else {
            name
        };
        let free = (2..)
            .map(|count| format!("{name}_{count}"))
            .find(|other| !names.contains(other));
        match free {
            Some(other) if names.contains(&name) => names.push(other),
            _ => names.push(name),
        }
    }
    names
}

/// The cell as a number where it plainly is one: an optional minus, digits without a leading zero, an optional
/// fraction after a point, at most [`MAX_WHOLE_DIGITS`] digits where there is none. `007`, `1,000`, `+1`, `1e3` and
/// whole numbers of 16 digits are text. Each digit is kept: `4.50` stays so.
fn number(cell: &str) -> Option<Number> {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let plain = all_digits(whole)
        && fraction.is_none_or(all_digits)
        && (whole == "0" || !whole.starts_with('0'))
        && (fraction.is_some() || whole.len() <= MAX_WHOLE_DIGITS);
    plain.then(|| serde_json::from_str(cell).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A number with these very digits.
    fn exact(digits: &str) -> Value {
        serde_json::from_str(digits).unwrap()
    }

    #[test]
    fn a_markdown_table_becomes_rows() {
        let text = "Results:\n\n| id | name | due |\n|:---|----|---:|\n| 007 | A \\| B | 3 |\n| 12 |  | 4.50 |\n\nTwo rows.";
        assert_eq!(
            json!(markdown(text)),
            json!([
                {"id": "007", "name": "A | B", "due": 3},
                {"id": "12", "name": null, "due": exact("4.50")},
            ])
        );
        assert_eq!(
            json!(markdown("a | b\n--|--\n1 | 2\n3")),
            json!([{"a": 1, "b": 2}])
        );
        assert_eq!(json!(markdown("| a |\n|---|")), json!([]));
    }

    #[test]
    fn no_table_or_two_tables_are_none() {
        for text in [
            "",
            "a | b\nc | d",
            "| a | b |\n|---|\n| 1 | 2 |",
            "| a |\n|---|\n| 1 |\n\n| b |\n|---|\n| 2 |",
            "Title\n-----\ntext",
        ] {
            assert_eq!(markdown(text), None, "{text}");
        }
    }

    #[test]
    fn csv_with_a_header_becomes_rows() {
        let expected = json!([{"id": "0012", "amount": 3.5}, {"id": "7", "amount": null}]);
        for text in [
            "id,amount\n0012,3.5\n7,\n",
            "id;amount\r\n0012;3.5\r\n7;\r\n",
            "id\tamount\n0012\t3.5\n7\t",
            "\u{feff}id,amount\n\"0012\",\"3.5\"\n7,",
        ] {
            assert_eq!(json!(csv(text)), expected, "{text}");
        }
        assert_eq!(
            json!(csv("a,b\n\"x, y\",\"line\nbreak\"")),
            json!([{"a": "x, y", "b": "line\nbreak"}])
        );
    }

    #[test]
    fn sentences_and_ragged_lines_are_no_csv() {
        for text in [
            "Hello, world\nGood, day",
            "a,b",
            "a\n1",
            "a,b\n1,2,3",
            "1,2\n3,4",
            "One thing,and another.\nmore,text",
        ] {
            assert_eq!(csv(text), None, "{text}");
        }
    }

    #[test]
    fn only_plain_numbers_are_numbers() {
        for (cell, expected) in [
            ("0", Some(json!(0))),
            ("-12", Some(json!(-12))),
            ("0.50", Some(exact("0.50"))),
            (
                "12345678901234567890.1",
                Some(exact("12345678901234567890.1")),
            ),
            ("123456789012345", Some(json!(123_456_789_012_345_i64))),
            ("1234567890123456", None),
            ("007", None),
            ("-07", None),
            ("1,000", None),
            ("+1", None),
            ("1e3", None),
            ("1.", None),
            (".5", None),
            ("", None),
            ("-", None),
            ("١", None),
        ] {
            assert_eq!(number(cell).map(Value::Number), expected, "{cell}");
        }
    }

    #[test]
    fn names_are_filled_and_distinct() {
        let names = distinct(["a", "", "a", "a_2"].map(str::to_owned).to_vec());
        assert_eq!(names, ["a", "column_2", "a_2", "a_2_2"]);
    }
}
