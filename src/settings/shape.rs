//! TOML read against the shape of a type: every unknown key, missing key and wrong type at once, each with its line.
//!
//! The shape is the type's JSON schema (draft 2020-12 as `schemars` writes it), so that names, defaults and documentation
//! have one source. Two formats have a meaning here: `name` (see [`crate::ids`]) and `secret-reference` (see
//! [`SecretRef`]). No problem quotes a value that could be a secret.

mod keys;

pub use keys::{Key, Need, keys};

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value as Schema;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::syntax;
use crate::{error::Problem, ids::RoleId, secrets::SecretRef, text::visible};

/// Tables in tables beyond this depth are refused.
const DEEPEST_TABLE: usize = 32;

/// A file that is larger is refused.
const LARGEST_FILE_BYTES: usize = 4 * 1024 * 1024;

/// Names that are less alike than this are no slip of the pen (normalised Damerau-Levenshtein, 0 to 1).
const ALIKE: f64 = 0.6;

/// A longer value is not quoted: keys of vendors are longer.
const LONGEST_QUOTED: usize = 48;

/// A value as a file has it, for a problem to name it. A web address may have a password in it, and a long text may be a key:
/// they are told by what they are.
pub fn written(value: &str) -> String {
    let clean = visible(value).replace('`', "'");
    if clean.trim().is_empty() {
        return "empty".to_owned();
    }
    if clean.contains("://") {
        return "a web address".to_owned();
    }
    match clean.chars().count() {
        length if length > LONGEST_QUOTED => format!("a text of {length} characters"),
        _ => format!("`{clean}`"),
    }
}

/// A text with the place that its problems are told under.
#[derive(Debug, Clone, Copy)]
pub struct Source<'t> {
    pub place: &'t str,
    pub text: &'t str,
}

impl<'t> Source<'t> {
    /// The text as a table, or everything that keeps it from being TOML.
    pub fn table(self) -> Result<DeTable<'t>, Vec<Problem>> {
        let (table, broken) = self.table_in_part();
        match table {
            Some(table) if broken.problems.is_empty() => Ok(table),
            _ => Err(broken.problems),
        }
    }

    /// The text as a table as far as it can be read, and what keeps it from being TOML. Nothing where no part of it is.
    pub fn table_in_part(self) -> (Option<DeTable<'t>>, Broken) {
        match self.parsed() {
            Ok((table, errors)) if errors.is_empty() => (Some(table), Broken::default()),
            Ok((table, errors)) => {
                let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
                let broken = Broken {
                    parts: errors
                        .iter()
                        .map(|error| self.part(self.line(start(error))))
                        .collect(),
                    problems: syntax::explain(self, &errors),
                };
                ((!syntax::is_other_language(self)).then_some(table), broken)
            }
            Err(problems) => (
                None,
                Broken {
                    problems,
                    parts: BTreeSet::new(),
                },
            ),
        }
    }

    /// Which part of the text a line stands in: how many `[header]`s are not below it.
    fn part(self, line: usize) -> usize {
        let before = self.text.lines().take(line);
        before
            .filter(|text| text.trim_start().starts_with('['))
            .count()
    }

    /// The table and the parser's errors in their order, or why the text is not even parsed.
    fn parsed(self) -> Result<(DeTable<'t>, Vec<toml::de::Error>), Vec<Problem>> {
        if self.text.len() > LARGEST_FILE_BYTES {
            return Err(vec![
                Problem::new("too-large", "is larger than 4 MiB").at(self.place),
            ]);
        }
        let deep = |line: &str| line.split('.').count() > DEEPEST_TABLE * 8;
        if let Some(line) = self.text.lines().position(deep) {
            return Err(vec![
                Problem::new("too-deep", "has too many dots in one line").at(self.at(line + 1)),
            ]);
        }
        let (table, mut errors) = DeTable::parse_recoverable(self.text);
        errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
        Ok((table.into_inner(), errors))
    }

    /// The line of a byte, from 1.
    pub fn line(self, at: usize) -> usize {
        self.text
            .bytes()
            .take(at)
            .filter(|byte| *byte == b'\n')
            .count()
            + 1
    }

    /// `file:line`.
    pub fn at(self, line: usize) -> String {
        format!("{}:{line}", self.place)
    }
}

/// What keeps a text from being TOML.
#[derive(Debug, Default)]
pub struct Broken {
    pub problems: Vec<Problem>,
    /// The parts of the text in which it is. What stands there may be read for what it is not.
    parts: BTreeSet<usize>,
}

impl Broken {
    /// Is a problem of the broken text certain all the same? It judges what is written, in a part that is not broken.
    pub fn leaves(&self, source: Source<'_>, problem: &Problem) -> bool {
        let judges_what_is_written = !matches!(
            problem.code.as_str(),
            "missing-key"
                | "no-briefing"
                | "bad-rule"
                | "bad-value"
                | "does-not-fit"
                | "two-of-one-id"
        );
        let line = line_of(problem.place.as_deref());
        judges_what_is_written && line.is_some_and(|line| !self.parts.contains(&source.part(line)))
    }
}

/// The line of a place: `file:line`.
pub fn line_of(place: Option<&str>) -> Option<usize> {
    place?.rsplit_once(':')?.1.parse().ok()
}

/// Where each key of a value stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    place: String,
    lines: BTreeMap<String, usize>,
    /// Keys that could not be read and were left out.
    wrong: BTreeSet<String>,
}

impl Lines {
    /// `file:line` of a key by its path, such as `model[0].id`; of the nearest table around it where it is not written.
    pub fn at(&self, path: &str) -> String {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return format!("{}:{line}", self.place);
            }
            path = match path.rfind(['.', '[']).and_then(|end| path.get(..end)) {
                Some(around) => around,
                None if path.is_empty() => return self.place.clone(),
                None => "",
            };
        }
    }

    /// Is the key written?
    pub fn has(&self, path: &str) -> bool {
        self.lines.contains_key(path)
    }

    /// Was every key read?
    pub fn is_whole(&self) -> bool {
        self.wrong.is_empty()
    }

    /// Could not be read, or something in it.
    pub fn is_wrong(&self, path: &str) -> bool {
        self.wrong.iter().any(|wrong| is_within(wrong, path))
    }

    /// May what there is to say of a key follow from one that could not be read? A key that is missing may be the one that is
    /// misspelled.
    pub fn is_doubtful(&self, path: &str) -> bool {
        let mut wrong = self.wrong.iter();
        if wrong.any(|wrong| is_within(wrong, path) || is_within(path, wrong)) {
            return true;
        }
        let mut missing = path;
        while !missing.is_empty() && !self.has(missing) {
            let around = around(missing);
            if self.wrong.iter().any(|wrong| self::around(wrong) == around) {
                return true;
            }
            missing = around;
        }
        false
    }

    /// These lines, with a key taken for one that could not be read.
    #[must_use]
    pub fn with_wrong(mut self, path: &str) -> Self {
        self.wrong.insert(path.to_owned());
        self
    }
}

/// The path of the table or list in which a key stands.
fn around(path: &str) -> &str {
    let end = path.rfind(['.', '[']).unwrap_or_default();
    path.get(..end).unwrap_or_default()
}

/// Is the key at `path` the one at `around`, or in it?
fn is_within(path: &str, around: &str) -> bool {
    path.strip_prefix(around)
        .is_some_and(|rest| around.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Reads `value` as a `T`, or tells everything that is wrong with it. `name` is what its keys are shown below: `role`
/// gives `role.id`; empty for a whole file. The paths of the lines do not begin with it.
pub fn read<T: DeserializeOwned + JsonSchema>(
    value: Spanned<DeValue<'_>>,
    source: Source<'_>,
    name: &str,
    problems: &mut Vec<Problem>,
) -> Option<(T, Lines)> {
    read_in_part(value, source, name, problems).filter(|(_, lines)| lines.is_whole())
}

/// Reads `value` as a `T` as far as it goes: what is wrong with it is told, and left out where it can do without. Whatever is
/// made of the result then is for finding more that is wrong, with the lines' word of what is [doubtful](Lines::is_doubtful).
pub fn read_in_part<T: DeserializeOwned + JsonSchema>(
    value: Spanned<DeValue<'_>>,
    source: Source<'_>,
    name: &str,
    problems: &mut Vec<Problem>,
) -> Option<(T, Lines)> {
    let schema = schemars::schema_for!(T).to_value();
    let root_line = source.line(value.span().start);
    let mut walk = Walk {
        source,
        name,
        root: &schema,
        found: Found::default(),
    };
    walk.value(&schema, &value, root_line, "", 0);
    let Found {
        problems: found,
        lines,
        wrong,
        ..
    } = walk.found;
    let is_whole = found.is_empty();
    problems.extend(found);
    let mut value = value;
    if !is_whole {
        prune(value.get_mut(), "", &wrong);
        // Where it cannot do without one of them, perhaps without the table that it stands in.
        let read = T::deserialize(ValueDeserializer::from(value.clone()));
        if read.is_err()
            && let DeValue::Table(table) = value.get_mut()
        {
            for wrong in &wrong {
                let key = wrong.split(['.', '[']).next().unwrap_or_default();
                table.remove(key);
            }
        }
    }
    match T::deserialize(ValueDeserializer::from(value)) {
        Ok(object) => Some((
            object,
            Lines {
                place: source.place.to_owned(),
                lines,
                wrong,
            },
        )),
        Err(_) if !is_whole => None,
        Err(error) => {
            let line = error
                .span()
                .map_or(root_line, |span| source.line(span.start));
            problems.push(Problem::new("bad-value", error.message()).at(source.at(line)));
            None
        }
    }
}

/// Takes the keys out of a value that could not be read; a list with an item that could not goes as a whole, so that the others
/// keep their places.
fn prune(value: &mut DeValue<'_>, path: &str, wrong: &BTreeSet<String>) {
    match value {
        DeValue::Table(table) => {
            let mut left_out: Vec<String> = Vec::new();
            for (key, value) in &mut *table {
                let path = join(path, key.get_ref());
                prune(value.get_mut(), &path, wrong);
                if wrong.contains(&path) || has_wrong_item(&path, wrong) {
                    left_out.push(key.get_ref().to_string());
                }
            }
            for key in left_out {
                table.remove(key.as_str());
            }
        }
        DeValue::Array(array) => {
            for (index, item) in array.iter_mut().enumerate() {
                prune(item.get_mut(), &format!("{path}[{index}]"), wrong);
            }
        }
        _ => {}
    }
}

/// Is one of the items of the list at `path` itself wrong?
fn has_wrong_item(path: &str, wrong: &BTreeSet<String>) -> bool {
    wrong.iter().any(|wrong| {
        let index = wrong
            .strip_prefix(path)
            .and_then(|rest| rest.strip_prefix('['));
        index.is_some_and(|index| index.find(']') == Some(index.len().saturating_sub(1)))
    })
}

/// The advice for a name that is not among `known`: the most similar one, or all of them.
pub fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.dedup();
    match alike(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "none is defined yet".to_owned(),
        None => format!("known: {}", quoted(&known)),
    }
}

/// True where `name` is `known` with a slip of the pen.
pub fn is_slip_of(name: &str, known: &str) -> bool {
    name != known && alike(name, std::iter::once(known)).is_some()
}

fn alike<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    // Long names are no slip of the pen, and the comparison is quadratic.
    if name.len() > 100 {
        return None;
    }
    known
        .map(|known| {
            let likeness = strsim::normalized_damerau_levenshtein(&name.to_lowercase(), known).max(
                if known.len() > 2
                    && name.len() > 2
                    && (known.starts_with(name) || name.starts_with(known))
                {
                    ALIKE
                } else {
                    0.0
                },
            );
            (likeness, known)
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// One way in which a value may look.
#[derive(Debug, Clone, Default)]
struct Way<'s> {
    types: Vec<&'s str>,
    words: Vec<&'s str>,
    format: Option<&'s str>,
    minimum: Option<i128>,
    maximum: Option<i128>,
    properties: BTreeMap<&'s str, &'s Schema>,
    required: Vec<&'s str>,
    values: Option<&'s Schema>,
    items: Option<&'s Schema>,
}

/// What a walk found. `weight` orders ways by how far a value is from each.
#[derive(Debug, Clone, Default)]
struct Found {
    problems: Vec<Problem>,
    lines: BTreeMap<String, usize>,
    wrong: BTreeSet<String>,
    weight: usize,
}

const WEIGHT_SLIP: usize = 1;
const WEIGHT_MISSING: usize = 2;
const WEIGHT_UNKNOWN: usize = 3;

struct Walk<'s> {
    source: Source<'s>,
    name: &'s str,
    root: &'s Schema,
    found: Found,
}

impl<'s> Walk<'s> {
    fn value(
        &mut self,
        schema: &'s Schema,
        value: &Spanned<DeValue<'_>>,
        line: usize,
        path: &str,
        depth: usize,
    ) {
        self.found.lines.insert(path.to_owned(), line);
        if depth > DEEPEST_TABLE {
            return self.wrong(
                "too-deep",
                "is nested too deep".to_owned(),
                line,
                path,
                None,
            );
        }
        let ways = self.ways(schema, 0);
        let given = value.get_ref();
        let fitting: Vec<&Way<'s>> = ways
            .iter()
            .filter(|way| way.types.is_empty() || way.types.iter().any(|kind| fits(kind, given)))
            .collect();
        if fitting.is_empty() {
            return self.wrong_type(&ways, given, line, path);
        }
        let fitting = match self.tagged(fitting, given, path) {
            Ok(fitting) => fitting,
            Err(problem) => {
                self.found.weight += WEIGHT_SLIP;
                self.found.wrong.insert(path.to_owned());
                return self.found.problems.push(problem);
            }
        };
        let mut best: Option<Found> = None;
        for way in &fitting {
            let mut attempt = Walk {
                source: self.source,
                name: self.name,
                root: self.root,
                found: Found::default(),
            };
            attempt.way(way, &fitting, given, line, path, depth);
            if best
                .as_ref()
                .is_none_or(|best| attempt.found.weight < best.weight)
            {
                best = Some(attempt.found);
            }
        }
        if let Some(best) = best {
            self.found.problems.extend(best.problems);
            self.found.lines.extend(best.lines);
            self.found.wrong.extend(best.wrong);
            self.found.weight += best.weight;
        }
    }

    /// Where a key says which of the ways a table has, that one way; else why it says none.
    fn tagged<'w>(
        &self,
        ways: Vec<&'w Way<'s>>,
        given: &DeValue<'_>,
        path: &str,
    ) -> Result<Vec<&'w Way<'s>>, Problem> {
        let (DeValue::Table(table), Some(tag)) = (given, tag_of(&ways)) else {
            return Ok(ways);
        };
        let Some((key, value)) = table.get_key_value(tag) else {
            return Ok(ways);
        };
        let DeValue::String(text) = value.get_ref() else {
            return Ok(ways);
        };
        let words: Vec<&str> = ways
            .iter()
            .filter_map(|way| way.properties.get(tag)?.get("const")?.as_str())
            .collect();
        let chosen = words.iter().position(|word| word == text);
        match chosen.and_then(|index| ways.get(index).copied()) {
            Some(way) => Ok(vec![way]),
            None => Err(Problem::new(
                "unknown-word",
                format!(
                    "`{}` is not one of {}",
                    self.shown(&join(path, tag)),
                    quoted(&words)
                ),
            )
            .at(self.source.at(self.source.line(key.span().start)))
            .advise(match alike(text, words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("use one of {}", quoted(&words)),
            })),
        }
    }

    fn way(
        &mut self,
        way: &Way<'s>,
        others: &[&Way<'s>],
        given: &DeValue<'_>,
        line: usize,
        path: &str,
        depth: usize,
    ) {
        match given {
            DeValue::Table(table) => self.table(way, others, table, line, path, depth),
            DeValue::Array(array) => {
                for (index, item) in array.iter().enumerate() {
                    let line = self.source.line(item.span().start);
                    let path = format!("{path}[{index}]");
                    match way.items {
                        Some(items) => self.value(items, item, line, &path, depth + 1),
                        None => self.free(item, line, &path, depth + 1),
                    }
                }
            }
            DeValue::String(text) => self.text(way, text, line, path),
            DeValue::Integer(number) => {
                let number =
                    i128::from_str_radix(&number.as_str().replace('_', ""), number.radix());
                let in_range = number.as_ref().is_ok_and(|number| {
                    way.minimum.is_none_or(|minimum| *number >= minimum)
                        && way.maximum.unwrap_or(i64::MAX.into()) >= *number
                        && *number >= i64::MIN.into()
                });
                if !in_range {
                    let what = match number {
                        Ok(number) => format!("is {number}, which is out of range"),
                        Err(_) => "is out of range".to_owned(),
                    };
                    let advice = format!("use {}", expected(way));
                    self.wrong("out-of-range", what, line, path, Some(advice));
                }
            }
            DeValue::Float(number) => {
                if !number.as_str().parse().is_ok_and(f64::is_finite) {
                    self.wrong(
                        "out-of-range",
                        "is no finite number".to_owned(),
                        line,
                        path,
                        None,
                    );
                }
            }
            DeValue::Datetime(_) => self.wrong(
                "wrong-type",
                "is a bare date".to_owned(),
                line,
                path,
                Some("write it as text, in quotes".to_owned()),
            ),
            DeValue::Boolean(_) => {}
        }
    }

    /// A value that may be anything; its own values are walked for what JSON cannot hold.
    fn free(&mut self, value: &Spanned<DeValue<'_>>, line: usize, path: &str, depth: usize) {
        self.found.lines.insert(path.to_owned(), line);
        if depth > DEEPEST_TABLE {
            return self.wrong(
                "too-deep",
                "is nested too deep".to_owned(),
                line,
                path,
                None,
            );
        }
        let way = Way::default();
        self.way(&way, &[], value.get_ref(), line, path, depth);
    }

    fn table(
        &mut self,
        way: &Way<'s>,
        others: &[&Way<'s>],
        table: &DeTable<'_>,
        line: usize,
        path: &str,
        depth: usize,
    ) {
        let closed = !way.properties.is_empty() && way.values.is_none();
        let mut slips = Vec::new();
        for (key, value) in table {
            let line = self.source.line(key.span().start);
            let name = key.get_ref().as_ref();
            let path = join(path, name);
            if let Some(schema) = way.properties.get(name) {
                self.value(schema, value, line, &path, depth + 1);
            } else if !closed {
                match way.values {
                    Some(schema) if schema.is_object() => {
                        self.value(schema, value, line, &path, depth + 1);
                    }
                    _ => self.free(value, line, &path, depth + 1),
                }
            } else {
                let absent = way
                    .properties
                    .keys()
                    .copied()
                    .filter(|known| !table.contains_key(*known));
                let elsewhere = others.iter().any(|way| way.properties.contains_key(name));
                let beside = way.required.iter().find(|required| {
                    table.contains_key(**required)
                        && others
                            .iter()
                            .any(|way| !way.properties.contains_key(**required))
                });
                match (elsewhere, beside, alike(name, absent.clone())) {
                    (true, Some(beside), _) => {
                        self.found.weight += WEIGHT_UNKNOWN;
                        self.wrong(
                            "does-not-fit",
                            format!("cannot stand beside `{beside}`"),
                            line,
                            &path,
                            Some("keep one of the two".to_owned()),
                        );
                    }
                    (_, _, Some(near)) => {
                        slips.push(near);
                        self.found.weight += WEIGHT_SLIP;
                        self.wrong(
                            "unknown-key",
                            "is no known key".to_owned(),
                            line,
                            &path,
                            Some(format!("did you mean `{near}`?")),
                        );
                    }
                    _ => {
                        self.found.weight += WEIGHT_UNKNOWN;
                        let known: Vec<&str> = absent.collect();
                        self.wrong(
                            "unknown-key",
                            "is no known key".to_owned(),
                            line,
                            &path,
                            Some(if known.is_empty() {
                                "remove it".to_owned()
                            } else {
                                format!("remove it, or use one of {}", quoted(&known))
                            }),
                        );
                    }
                }
            }
        }
        for missing in &way.required {
            if table.contains_key(*missing) || slips.contains(missing) {
                continue;
            }
            self.found.weight += WEIGHT_MISSING;
            let own: Vec<&str> = others
                .iter()
                .filter_map(|other| {
                    other.required.iter().copied().find(|required| {
                        others
                            .iter()
                            .any(|third| !third.required.contains(required))
                    })
                })
                .collect();
            let (what, advice) = if own.contains(missing) && own.len() > 1 {
                (format!("one of {} is missing", quoted(&own)), None)
            } else {
                let meaning = way
                    .properties
                    .get(missing)
                    .and_then(|schema| self.description(schema));
                (format!("`{missing}` is missing"), meaning)
            };
            let shown = self.shown(path);
            let mut problem = Problem::new(
                "missing-key",
                if shown.is_empty() {
                    what
                } else {
                    format!("`{shown}`: {what}")
                },
            )
            .at(self.source.at(line));
            if let Some(meaning) = advice {
                problem = problem.advise(format!("add `{missing} = …`: {meaning}"));
            } else {
                problem = problem.advise("add it");
            }
            self.found.wrong.insert(join(path, missing));
            self.found.problems.push(problem);
        }
    }

    fn text(&mut self, way: &Way<'s>, text: &str, line: usize, path: &str) {
        if !way.words.is_empty() && !way.words.contains(&text) {
            self.found.weight += WEIGHT_SLIP;
            let advice = match alike(text, way.words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("use one of {}", quoted(&way.words)),
            };
            return self.wrong(
                "unknown-word",
                format!("is not one of {}", quoted(&way.words)),
                line,
                path,
                Some(advice),
            );
        }
        match way.format {
            Some("name") => {
                if let Err(error) = RoleId::new(text) {
                    self.found.weight += WEIGHT_SLIP;
                    self.found.wrong.insert(path.to_owned());
                    let shown = self.shown(path);
                    self.found.problems.push(
                        Problem::new("bad-name", format!("`{shown}`: {error}"))
                            .at(self.source.at(line)),
                    );
                }
            }
            Some("secret-reference") if SecretRef::try_from(text.to_owned()).is_err() => {
                self.found.weight += WEIGHT_SLIP;
                let variable = secret_variable(&self.shown(path));
                self.wrong(
                    "secret-in-clear",
                    "names no place of a secret; a value in clear is not taken here".to_owned(),
                    line,
                    path,
                    Some(format!(
                        "write `env:{variable}` and set that variable, or `file:/path/of/a/file`, or `store:name`; \
                         if the value was real, replace it at its source"
                    )),
                );
            }
            _ => {}
        }
    }

    fn wrong_type(&mut self, ways: &[Way<'s>], given: &DeValue<'_>, line: usize, path: &str) {
        self.found.weight += WEIGHT_SLIP;
        let mut wanted: Vec<String> = ways.iter().map(expected).collect();
        wanted.dedup();
        let wanted = wanted.join(" or ");
        let takes = |kind: &str| ways.iter().any(|way| way.types.contains(&kind));
        let advice = match given {
            DeValue::String(text)
                if (takes("integer") || takes("number")) && text.trim().parse::<f64>().is_ok() =>
            {
                "leave the quotes away".to_owned()
            }
            DeValue::String(text)
                if takes("boolean") && ["true", "false"].contains(&text.trim()) =>
            {
                "leave the quotes away".to_owned()
            }
            DeValue::String(_) if takes("array") => "put it in brackets: [\"…\"]".to_owned(),
            DeValue::Table(_) if takes("array") && self.header(line).is_some() => {
                let name = self.header(line).unwrap_or_default();
                format!("write `[[{name}]]`, with two brackets: it may stand there several times")
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
                if takes("string") =>
            {
                "put it in quotes".to_owned()
            }
            _ => format!("write {wanted}"),
        };
        self.wrong(
            "wrong-type",
            format!("is {}, expected {wanted}", kind_of(given)),
            line,
            path,
            Some(advice),
        );
    }

    fn wrong(&mut self, code: &str, what: String, line: usize, path: &str, advice: Option<String>) {
        self.found.weight = self.found.weight.max(1);
        self.found.wrong.insert(path.to_owned());
        let mut problem =
            Problem::new(code, format!("`{}` {what}", self.shown(path))).at(self.source.at(line));
        problem.advice = advice;
        self.found.problems.push(problem);
    }

    /// The name of the `[name]` that a line is.
    fn header(&self, line: usize) -> Option<&'_ str> {
        let text = self.source.text.lines().nth(line.checked_sub(1)?)?.trim();
        let name = text.strip_prefix('[')?.split(']').next()?.trim();
        (!name.is_empty() && !name.starts_with('[')).then_some(name)
    }

    fn shown(&self, path: &str) -> String {
        match (self.name, path) {
            ("", path) => path.to_owned(),
            (name, "") => name.to_owned(),
            (name, path) => format!("{name}.{path}"),
        }
    }

    fn description(&self, schema: &'s Schema) -> Option<String> {
        let text = schema
            .get("description")
            .or_else(|| self.target(schema)?.get("description"))?
            .as_str()?;
        Some(text.replace('\n', " "))
    }

    fn target(&self, schema: &'s Schema) -> Option<&'s Schema> {
        let name = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
        self.root.pointer(name)
    }

    /// The ways in which a value may look: one, or several where the schema has alternatives.
    fn ways(&self, schema: &'s Schema, depth: usize) -> Vec<Way<'s>> {
        if depth > DEEPEST_TABLE {
            return vec![Way::default()];
        }
        if let Some(target) = self.target(schema) {
            return self.ways(target, depth + 1);
        }
        let own = Way::of(schema);
        let branches = ["anyOf", "oneOf"]
            .iter()
            .find_map(|key| schema.get(key)?.as_array());
        let Some(branches) = branches else {
            return vec![own];
        };
        let mut ways: Vec<Way<'s>> = Vec::new();
        for branch in branches {
            if branch.get("type").and_then(Schema::as_str) == Some("null") {
                continue;
            }
            for way in self.ways(branch, depth + 1) {
                match ways.last_mut() {
                    Some(last) if !last.words.is_empty() && !way.words.is_empty() => {
                        last.words.extend(way.words);
                    }
                    _ => ways.push(own.clone().with(way)),
                }
            }
        }
        ways
    }
}

impl<'s> Way<'s> {
    fn of(schema: &'s Schema) -> Self {
        let texts = |key: &str| -> Vec<&'s str> {
            match schema.get(key) {
                Some(Schema::String(one)) => vec![one],
                Some(Schema::Array(many)) => many.iter().filter_map(Schema::as_str).collect(),
                _ => Vec::new(),
            }
        };
        let mut words = texts("enum");
        words.extend(texts("const"));
        let format = schema.get("format").and_then(Schema::as_str);
        let limit = |key: &str| schema.get(key).and_then(Schema::as_i64).map(i128::from);
        Self {
            types: texts("type")
                .into_iter()
                .filter(|kind| *kind != "null")
                .collect(),
            words,
            format,
            minimum: limit("minimum"),
            maximum: limit("maximum").or(match format {
                Some("uint32") => Some(u32::MAX.into()),
                Some("int32") => Some(i32::MAX.into()),
                _ => None,
            }),
            properties: schema
                .get("properties")
                .and_then(Schema::as_object)
                .map(|map| {
                    map.iter()
                        .map(|(name, schema)| (name.as_str(), schema))
                        .collect()
                })
                .unwrap_or_default(),
            required: texts("required"),
            values: schema.get("additionalProperties"),
            items: schema.get("items"),
        }
    }

    fn with(mut self, other: Self) -> Self {
        if self.types.is_empty() {
            self.types = other.types;
        }
        self.words.extend(other.words);
        self.format = self.format.or(other.format);
        self.minimum = self.minimum.or(other.minimum);
        self.maximum = self.maximum.or(other.maximum);
        self.properties.extend(other.properties);
        self.required.extend(other.required);
        self.values = self.values.or(other.values);
        self.items = self.items.or(other.items);
        self
    }
}

/// The key whose one word says which of several ways a table has.
fn tag_of<'s>(ways: &[&Way<'s>]) -> Option<&'s str> {
    let (first, rest) = ways.split_first()?;
    let says = |way: &Way<'s>, key: &str| {
        way.required.contains(&key)
            && way
                .properties
                .get(key)
                .is_some_and(|schema| schema.get("const").is_some_and(Schema::is_string))
    };
    if rest.is_empty() {
        return None;
    }
    first
        .properties
        .keys()
        .copied()
        .find(|key| ways.iter().all(|way| says(way, key)))
}

fn fits(kind: &str, value: &DeValue<'_>) -> bool {
    match value {
        DeValue::String(_) => kind == "string",
        DeValue::Integer(_) => kind == "integer" || kind == "number",
        DeValue::Float(_) => kind == "number",
        DeValue::Boolean(_) => kind == "boolean",
        DeValue::Array(_) => kind == "array",
        DeValue::Table(_) => kind == "object",
        DeValue::Datetime(_) => false,
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn expected(way: &Way<'_>) -> String {
    if !way.words.is_empty() {
        return format!("one of {}", quoted(&way.words));
    }
    match way.types.first().copied() {
        Some("string") => "text in quotes".to_owned(),
        Some("integer") => match (way.minimum, way.maximum) {
            (Some(minimum), Some(maximum)) if maximum < u32::MAX.into() => {
                format!("a whole number from {minimum} to {maximum}")
            }
            (Some(minimum), _) => format!("a whole number, {minimum} or more"),
            _ => "a whole number".to_owned(),
        },
        Some("number") => "a number".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("array") => "a list in brackets".to_owned(),
        Some("object") => "a table".to_owned(),
        _ => "another value".to_owned(),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// A name for the environment variable of a secret: `email.password` → `EMAIL_PASSWORD`.
fn secret_variable(path: &str) -> String {
    let name: String = path
        .trim_end_matches(".secret")
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    let parts: Vec<&str> = name
        .split('_')
        .filter(|part| !part.is_empty() && !part.chars().all(|c| c.is_ascii_digit()))
        .collect();
    parts.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_follow_from_a_slip_is_in_doubt_and_nothing_else_is() {
        let lines = Lines {
            place: "x".to_owned(),
            lines: [
                "",
                "tools",
                "limits",
                "limits.a",
                "to",
                "to[0]",
                "to[0].via",
            ]
            .into_iter()
            .map(|path| (path.to_owned(), 1))
            .collect(),
            wrong: BTreeSet::from(["limits.cap".to_owned(), "to[0].via[1]".to_owned()]),
        };
        for (path, in_doubt) in [
            ("tools", false),
            // It may be the key that is misspelled.
            ("limits.b", true),
            ("limits.a", false),
            ("limits", true),
            ("to[0].via", true),
            ("to[0].user", false),
            ("to[1].user", false),
            // Nothing is misspelled where it would stand.
            ("title", false),
        ] {
            assert_eq!(lines.is_doubtful(path), in_doubt, "{path}");
        }
    }

    #[test]
    fn a_broken_part_of_a_text_casts_no_doubt_on_the_others() {
        let text = "[a]\nx = 1\n[b]\ny = two words\nz = 3\n[c]\nw = 4\n";
        let source = Source { place: "f", text };
        let (table, broken) = source.table_in_part();
        assert!(table.is_some_and(|table| table.contains_key("c")));
        assert_eq!(broken.problems.len(), 1, "{:?}", broken.problems);
        let told = |line: usize| Problem::new("unknown-key", "is no known key").at(source.at(line));
        for (line, stands) in [(2, true), (4, false), (5, false), (7, true)] {
            assert_eq!(broken.leaves(source, &told(line)), stands, "{line}");
        }
    }

    #[test]
    fn a_value_is_quoted_unless_it_may_be_a_secret() {
        for (value, told) in [
            ("#ops", "`#ops`"),
            ("", "empty"),
            ("a`b", "`a'b`"),
            ("https://me:hunter2@x.example", "a web address"),
            (
                "xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx",
                "a text of 56 characters",
            ),
        ] {
            assert_eq!(written(value), told);
        }
    }

    #[test]
    fn text_that_nests_without_end_is_refused() {
        for text in [
            format!("a = {}", "[".repeat(100_000)),
            format!("a = {}1{}", "[".repeat(50_000), "]".repeat(50_000)),
            format!("a = {}", "{a = ".repeat(50_000)),
            format!("{}a = 1", "a.".repeat(50_000)),
            format!("[{}a]", "a.".repeat(50_000)),
        ] {
            let source = Source {
                place: "x",
                text: &text,
            };
            assert!(source.table().is_err());
        }
        let text = format!("[instance]\nname = {}1{}", "[".repeat(60), "]".repeat(60));
        assert!(crate::settings::parse(&text, "x").is_err());
    }
}
