//! What expressions may call and see, in an admin's words: what documentation and advice are made from.

/// A function or filter as an admin reads of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// How it is written: `days_since(d)`, `x|money('EUR')`.
    pub form: &'static str,
    pub example: &'static str,
    /// What a reader in English reads of the example.
    pub reads: &'static str,
    pub meaning: &'static str,
}

impl Described {
    /// Its name, where it is a filter.
    fn filter(&self) -> Option<&'static str> {
        let (_, name) = self.form.split_once('|')?;
        name.split('(').next()
    }
}

/// What an expression sees besides the functions.
pub const NAMES: [(&str, &str); 8] = [
    (
        "result",
        "in `items` alone: the tool's answer, its JSON as it is; `connector sql` answers `{ rows = […], truncated = … }`",
    ),
    ("item", "the record that is looked at"),
    (
        "items",
        "all records, for `over = \"all\"` and for comparing one with the others",
    ),
    (
        "today",
        "the reader's date as text, `2026-11-24`; also in `args`",
    ),
    ("now", "the instant as text (RFC 3339); also in `args`"),
    (
        "since_last",
        "when the brief before was due, or none; also in `args`",
    ),
    (
        "a name of `with`",
        "the records of another source that belong to the item, a list: `people[0].name if people else ''`",
    ),
    ("a name of `let`", "a value that was computed before"),
];

/// Every function and filter of our own.
pub const FUNCTIONS: [Described; 25] = [
    Described {
        form: "days_since(d)",
        example: "days_since('2026-11-20')",
        reads: "4",
        meaning: "calendar days from a date to today; negative where it lies ahead",
    },
    Described {
        form: "days_until(d)",
        example: "days_until('2026-12-01')",
        reads: "7",
        meaning: "calendar days from today to a date; negative where it is past",
    },
    Described {
        form: "hours_since(t)",
        example: "hours_since('2026-11-24T04:10:00Z')",
        reads: "2",
        meaning: "hours since an instant, with a fraction",
    },
    Described {
        form: "hours_until(t)",
        example: "hours_until('2026-11-24T06:40:00Z')",
        reads: "0.5",
        meaning: "hours until an instant, with a fraction",
    },
    Described {
        form: "working_days_since(d)",
        example: "working_days_since('2026-11-20')",
        reads: "2",
        meaning: "working days of the calendar since a date",
    },
    Described {
        form: "working_days_until(d)",
        example: "working_days_until('2026-11-30')",
        reads: "4",
        meaning: "working days of the calendar until a date",
    },
    Described {
        form: "add_days(d, n)",
        example: "add_days(today, 30)",
        reads: "2026-12-24",
        meaning: "the date so many days later, as text",
    },
    Described {
        form: "ratio(a, b)",
        example: "ratio(1, 4)",
        reads: "0.25",
        meaning: "`a / b`, exactly; 0 where `b` is 0",
    },
    Described {
        form: "x|date",
        example: "'2026-12-25'|date",
        reads: "Fri 25 Dec",
        meaning: "a date: ISO 8601 text, or seconds or milliseconds since 1970",
    },
    Described {
        form: "x|datetime",
        example: "'2026-11-24T15:00:00Z'|datetime",
        reads: "16:00",
        meaning: "an instant in the reader's zone: the clock alone today, `yesterday 22:40`, `Mon 18:05` within the last week, `Tue 17 Nov` before, \
                  and with its date where it lies ahead",
    },
    Described {
        form: "x|money('EUR')",
        example: "4680.9|money('EUR')",
        reads: "EUR 4,680.90",
        meaning: "an amount with its currency",
    },
    Described {
        form: "x|number",
        example: "'1234.50'|number",
        reads: "1,234.5",
        meaning: "an exact number, also from text; without a unit",
    },
    Described {
        form: "x|percent",
        example: "0.125|percent",
        reads: "12.5%",
        meaning: "a share of 0 to 1",
    },
    Described {
        form: "n|count('order')",
        example: "3|count('order')",
        reads: "3 orders",
        meaning: "a number of things; where the plural is not made with an `s`, both: `count('entry|entries')`, `count('Auftrag|Aufträge')`",
    },
    Described {
        form: "n|days",
        example: "days_since('2026-11-20')|days",
        reads: "4 days",
        meaning: "a length in calendar days; more than 60 are said in months",
    },
    Described {
        form: "n|working_days",
        example: "working_days_until('2026-11-30')|working_days",
        reads: "4 working days",
        meaning: "a length in working days, called so",
    },
    Described {
        form: "n|hours",
        example: "1.55|hours",
        reads: "1.6 h",
        meaning: "a length in hours: less than one is said in minutes, more than 48 in days",
    },
    Described {
        form: "list|sum('field')",
        example: "[{'a': 0.1}, {'a': 0.2}]|sum('a')",
        reads: "0.3",
        meaning: "the exact sum of a field; of the items themselves without one",
    },
    Described {
        form: "text|lines",
        example: "'  a\\n\\nb'|lines|join('+')",
        reads: "a+b",
        meaning: "the lines of a text that are not empty",
    },
    Described {
        form: "text|records('Commit')",
        example: "('Commit: a1\\nAuthor: Priya'|records('Commit'))[0].author",
        reads: "Priya",
        meaning: "the records of a text of lines `Name: value`; each begins with the line of that name, keys in lower case",
    },
    Described {
        form: "text|json",
        example: "('{\"id\": 9007199254740993}'|json).id",
        reads: "9,007,199,254,740,993",
        meaning: "what a text of JSON holds, such as an entry of a queue; a list of such texts is read with `map('json')`",
    },
    Described {
        form: "x|email_domain",
        example: "'it@eu.hartmann.example'|email_domain",
        reads: "hartmann.example",
        meaning: "the domain that a company registered (public suffix list), of an address, a host or a web address; empty for free mail",
    },
    Described {
        form: "x|legal_name",
        example: "'Müller & Söhne GmbH'|legal_name",
        reads: "muller sohne",
        meaning: "a company's name without case, accents, punctuation and the legal form that ends it, to compare by",
    },
    Described {
        form: "x is empty",
        example: "'' is empty",
        reads: "true",
        meaning: "whether there is nothing: no field, null, a text without a letter, a list without items; also `is not empty`",
    },
    Described {
        form: "x|default(y)",
        example: "item.owner|default('nobody')",
        reads: "nobody",
        meaning: "`y` where the field is not there (minijinja's own)",
    },
];

/// The filters of our own.
pub(super) fn filters() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().filter_map(|function| function.filter())
}

#[cfg(test)]
mod tests {
    use minijinja::{Environment, value::Value};

    use super::*;
    use crate::{
        domain::calendar::Calendar,
        signals::{Context, engine, expression::Expression, functions},
    };

    #[test]
    fn every_function_is_described_and_its_example_reads_as_told() {
        let calendar = Calendar::weekdays();
        let zone = crate::zones::get("Europe/Zurich").unwrap();
        let context = Context {
            now: "2026-11-24T06:10:00Z".parse().unwrap(),
            zone: zone.clone(),
            calendar: &calendar,
            fingerprint_key: &[],
            previous: &[],
            since_last: None,
        };
        let env = engine::environment(&context);
        let reader = crate::domain::finding::Reader {
            language: crate::text::Language::English,
            zone,
            today: context.today(),
        };
        let mut scope = engine::globals(&context);
        scope.push(("item".to_owned(), Value::from_pairs([("id", 1)])));
        let mut wrong = Vec::new();
        for described in FUNCTIONS {
            let compiled = Expression::compile(&env, described.example).unwrap();
            let value = compiled
                .eval(&scope)
                .unwrap_or_else(|error| panic!("{}: {error}", described.example));
            let reads = match functions::fact(&value) {
                Ok(fact) => fact.display(&reader),
                Err(_) => value.to_string().to_lowercase(),
            };
            let reads = reads.replace('\u{a0}', " ");
            if reads != described.reads {
                wrong.push((described.example, described.reads, reads));
            }
        }
        assert_eq!(wrong, []);
        let plain = Environment::new();
        let known: Vec<&str> = plain.globals().map(|(name, _)| name).collect();
        for (name, _) in env.globals().filter(|(name, _)| !known.contains(name)) {
            let form = format!("{name}(");
            assert!(
                FUNCTIONS.iter().any(|known| known.form.starts_with(&form)),
                "{name}"
            );
        }
        // `add` names each filter once.
        let source = include_str!("functions.rs");
        let source = source.split("#[cfg(test)]").next().unwrap();
        for line in source.split("env.add_filter(").skip(1) {
            let Some(name) = line.trim_start().strip_prefix('"') else {
                continue;
            };
            let name = name.split('"').next().unwrap();
            assert!(filters().any(|known| known == name), "{name}");
        }
    }
}
