//! `docs/objects.md`, made from the objects' types as the reader sees them, from the table of functions, and from examples that
//! are read like any other file.

use std::fmt::Write;

use schemars::JsonSchema;

use crate::{
    connectors::sql::queries::QueryFile,
    domain::{
        briefing::Briefing,
        calendar::Calendar,
        connector::Connector,
        people::{Role, User},
        place::Place,
        schedule::Schedule,
    },
    settings::{
        reference::cell,
        shape::{self, Key, Need},
    },
    signals::{FUNCTIONS, NAMES},
};

const INTRODUCTION: &str = "# Objects

Roles, people, connectors, briefings and schedules are **objects**: tables in any `*.toml` file below the folders that `[instance] objects` names. \
`daybrief apply` brings them into force, `daybrief check` looks at them before, `daybrief export` writes them back. One file may hold many: a kind that \
stands in it once is `[role]`, several are `[[role]]`. Unknown keys are errors. A *name* has lower-case letters, digits, `-`, `_` and `.`. A *secret* is named \
by where it is: `env:NAME`, `file:/path` (its first line) or `store:name`.

Files are texts in UTF-8, with or without a byte order mark and with any line ends; another encoding is told with its line. Hidden files and folders are left \
out, and a file that is reached in several ways is read once: the folder may be a Kubernetes ConfigMap, where each file is a link into the hidden `..data`.

What leads from a database to a delivered brief is told in [Write a briefing](write-a-briefing.md). This page is generated from the program's types; in a path `[]` \
stands for each item of a list and `*` for a key of your own.
";

/// A page's part: heading, what it is for, an example, and how its keys are shown.
struct Part {
    name: &'static str,
    example: &'static str,
    keys: Vec<Key>,
    about: &'static str,
}

fn part<T: JsonSchema>(name: &'static str, about: &'static str, example: &'static str) -> Part {
    Part {
        name,
        example,
        keys: shape::keys::<T>(),
        about,
    }
}

fn parts() -> Vec<Part> {
    vec![
        part::<Connector>(
            "connector",
            "A program or server that speaks MCP, in front of one source. `command` starts a program; `url` reaches a server. \
             `daybrief connector tools ID` lists what it offers.",
            CONNECTOR,
        ),
        part::<Role>(
            "role",
            "What may be asked. What no grant allows is denied; [roles](roles.md) has more.",
            ROLE,
        ),
        part::<User>("user", "A person.", USER),
        part::<Place>(
            "place",
            "A channel that several people read, and what may be shown there.",
            PLACE,
        ),
        part::<Briefing>(
            "briefing",
            "What is asked, and which answers are a risk. Beside `[briefing]` each signal is a `[[signal]]`, and the next date a \
             `[next_date]`; in a file with several briefings they are `[[briefing.signals]]` and `[briefing.next_date]`.",
            BRIEFING,
        ),
        part::<Schedule>(
            "schedule",
            "When a briefing is due, for whom, and over which channels. `daybrief schedule next ID` prints its next times, \
             `daybrief schedule send ID` delivers it now.",
            SCHEDULE,
        ),
        part::<Calendar>(
            "calendar",
            "The days that are worked: for schedules, and for `working_days_since` in rules.",
            CALENDAR,
        ),
    ]
}

/// The reference of objects, query files and expressions in Markdown.
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for part in parts() {
        write_part(&mut text, &part, &format!("[{}]", part.name));
    }
    let queries = part::<QueryFile>(
        "query",
        "The file that `daybrief connector sql --queries FILE` reads: the questions that it answers. It is no object and lies outside of their \
         folders. The connector's tool is `query`, with `name` and `params`; `list_queries` names them. \
         It answers `{ row_count, truncated, columns, rows }`; a cell that JSON cannot hold (bytes, infinity, another encoding, a date of zeros) stands \
         as `{ unreadable = \"bytes\" }` and is counted by column and kind in `unreadable`.",
        QUERIES,
    );
    text.push_str("\n# Queries of `connector sql`\n");
    write_part(&mut text, &queries, "[[query]]");
    write_expressions(&mut text);
    text
}

fn write_part(text: &mut String, part: &Part, heading: &str) {
    // Writing into a String cannot fail.
    let _ = write!(
        text,
        "\n## `{heading}`\n\n{}\n\n```toml\n{}```\n",
        part.about,
        part.example.trim_start()
    );
    let mut tables: Vec<&str> = Vec::new();
    for key in &part.keys {
        let table = table_of(&key.path);
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    for table in tables {
        if !table.is_empty() {
            let _ = write!(text, "\n### `{}`\n", shown(part.name, table));
        }
        text.push_str("\n| key | type | default | meaning |\n|---|---|---|---|\n");
        let mut keys: Vec<&Key> = part
            .keys
            .iter()
            .filter(|key| table_of(&key.path) == table)
            .collect();
        keys.sort_by_key(|key| (order(&key.need), key.path != "id", key.path.as_str()));
        for key in keys {
            let name = key.path.strip_prefix(table).unwrap_or(&key.path);
            let default = match &key.need {
                Need::Required => "required".to_owned(),
                Need::InItsForm => "required in its form".to_owned(),
                Need::Optional(Some(default)) if default.starts_with('{') && default != "{}" => {
                    "as below".to_owned()
                }
                Need::Optional(Some(default)) => format!("`{default}`"),
                // It is left out where it is false.
                Need::Optional(None) if key.kind == "true or false" => "`false`".to_owned(),
                Need::Optional(None) => "none".to_owned(),
            };
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} |",
                name.trim_start_matches('.'),
                key.kind,
                cell(&default),
                cell(&key.meaning)
            );
        }
    }
}

fn order(need: &Need) -> u8 {
    match need {
        Need::Required => 0,
        Need::InItsForm => 1,
        Need::Optional(_) => 2,
    }
}

/// The table that a key stands in: `limits` of `limits.concurrency`, nothing at the top.
fn table_of(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(table, _)| table)
}

/// A table as it is written in a file.
fn shown(name: &str, table: &str) -> String {
    let (own, rest) = match (name, table.split_once('.').unwrap_or((table, ""))) {
        ("briefing", ("signals[]", rest)) => ("signal".to_owned(), rest),
        ("briefing", ("next_date", rest)) => ("next_date".to_owned(), rest),
        ("query", ("query[]", rest)) => ("query".to_owned(), rest),
        _ => (name.to_owned(), table),
    };
    if rest.is_empty() {
        own
    } else {
        format!("{own}.{rest}")
    }
}

/// The one rule for kinds, as an author reads of it.
const KINDS: &str = "\n## Kinds\n\nWhat an expression compares, orders or computes is of one kind: numbers with numbers, dates with dates, instants with instants, \
    texts with texts, true and false with each other, lists with lists. Everything else *could not be read*: the record is not judged, and the brief and the log \
    say which rule of which signal met which kinds, never the value. This holds in every expression (`when`, `severity`, `rank`, `measure`, `let`, `key`, `items`, `with` …) \
    and in every filter and test that compares (`sort`, `min`, `max`, `unique`, `groupby`, `select`, `selectattr`, `in`), and in the same way for what a question computes and for \
    the conditions of a grant.\n\n\
    - **A text is no number**, however it looks: where a source gives `\"95.00\"`, write `item.amount|number > 1000`. Filters that ask for a number (`number`, `money`, `percent`, `sum` …) \
    read a text as it is written, and fail on one that is none. Two numbers written as text are equal or not as texts, and have no order.\n\
    - **A text is no date** beside one: write `item.due|date < today`. Two texts that are both dates of one form (`2026-11-24`, or with a time, or with a zone) compare in time; a date beside a date \
    with a time, or beside another text, has no order. `today`, `now`, `since_last` and a date that stands in the expression itself may stand beside either.\n\
    - **Nothing (null)** equals nothing else and has no order: `item.owner == none` and `item.owner != 'Ann'` may be asked, `item.amount < 5` of a null could not be read.\n\
    - **Amounts** of two currencies are unlike, as are days, hours, percents and counts of different things; a plain number compares with any of them.\n\
    - **True or false** is a comparison, `true`, `false`, a number (0 is false), nothing (false), or a list or table (an empty one is false). A text or a date is neither: ask `item.flag == 'yes'`, \
    `item.owner is empty` or `is not empty`. Empty is what is not there, null, a text without a letter, a list without items.\n\
    - **Arithmetic is exact.** `0.1 + 0.2 == 0.3`; a third three times is one; numbers keep all digits that the source wrote, up to 400 before and behind the point. A fact of more than 28 digits stands \
    as text with all of them; an amount of more is told as one that could not be read. Only what is said to be is rounded: `round`, a percentage, hours and days when they are written, a quotient that does not end (to nine places), and \
    a measure (to four).\n\
    - **What makes a record the same** (`key`, `subject`, the keys of `with`) is its text: the number 1 is the same as `1.0` and as the text `1`, another than the text `1.0`.\n";

fn write_expressions(text: &mut String) {
    text.push_str(
        "\n# Expressions\n\nRules are expressions in the language of [minijinja](https://docs.rs/minijinja/latest/minijinja/syntax/): \
         `item.amount > 1000 and item.status != 'done'`, `'high' if late > 7 else 'medium'`, `item.name ~ ', ' ~ item.town`. An expression stands in \
         quotes, so a text in it has quotes of its own: `severity = \"'low'\"`. A field that is not there is an error, unless the rule can do without it: \
         `item.owner|default('nobody')`, `item.owner is defined`. Sentences (`headline`, `say`, `next`) are templates over the signal's `facts` alone; they name facts, and leave words out where a fact is empty \
         (`{% if owner %}`), but compute nothing.\n\n\
         ## What an expression sees\n\n| name | what it is |\n|---|---|\n",
    );
    for (name, meaning) in NAMES {
        let name = if name.contains('`') {
            name.to_owned()
        } else {
            format!("`{name}`")
        };
        let _ = writeln!(text, "| {name} | {} |", cell(meaning));
    }
    text.push_str(
        "\n## Functions and filters\n\nDates and times are read as ISO 8601 and as mail write them, `2026-11-24 06:10:00 UTC` among them; one without a zone is in the reader's zone. In the examples it is Tuesday, 24 November 2026, 07:10 in Zurich. \
         What a filter such as `days` or `money` gives keeps its kind, and the brief writes it for the reader's language.\n\n\
         | write | for example | reads | meaning |\n|---|---|---|---|\n",
    );
    for function in &FUNCTIONS {
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} | {} |",
            cell(function.form),
            cell(function.example),
            function.reads,
            cell(function.meaning)
        );
    }
    text.push_str(KINDS);
    text.push_str(
        "\nBesides these there are minijinja's own, such as `default`, `first`, `last`, `length`, `join`, `round`, `sort`, `unique`, `map`, \
         `selectattr`, `upper`, `replace` and `split`.\n",
    );
}

const CONNECTOR: &str = r#"
[connector]
id = "shop"
title = "Shop database"
command = ["daybrief", "connector", "sql", "--dsn", "env:SHOP_DATABASE", "--queries", "/etc/daybrief/shop.toml"]
env = { SHOP_DATABASE = { secret = "store:shop-database" } }
tools = { query = "read", list_queries = "read" }
link_hosts = ["shop.acme.example"]
limits = { timeout_seconds = 20 }
"#;

const ROLE: &str = r#"
[role]
id = "operations"
title = "Operations"
prompt = "Cares for what customers wait for. Money comes after dates."

[[role.grants]]
connector = "shop"
tools = ["query"]
when = [{ tools = ["query"], arg = "name", one_of = ["late_orders", "open_orders"] }]
"#;

const USER: &str = r#"
[user]
id = "olga"
name = "Olga Brandt"
email = "olga@acme.example"
roles = ["operations"]
zone = "Europe/Zurich"
language = "en"
"#;

const PLACE: &str = r#"
[place]
id = "operations-channel"
surface = "slack"
channel = "C0123456789"
as = "operations"
"#;

const BRIEFING: &str = r#"
[briefing]
id = "orders"
title = "Orders"
role = "operations"

[[signal]]
id = "late"
title = "Orders past their date"
connector = "shop"
tool = "query"
args = { name = "late_orders", params = { day = "{{ today }}" } }
items = "result.rows"
let = { late = "days_since(item.due)" }
when = "late >= 3"
severity = "'high' if item.amount > 1000 else 'medium'"
can_be_high = true
key = "item.id"
measure = { value = "late", unit = "days late" }
stake = { money = "item.amount|money('EUR')" }
headline = "Order {{ order }} for {{ customer }} is {{ late }} late"
say = "It is worth {{ amount }} and was due {{ due }}."
next = "Give {{ customer }} a date today."
link = "'https://shop.acme.example/orders/' ~ item.id"

[signal.facts]
order = "item.id ~ ''"
customer = "item.customer"
late = "late|days"
amount = "item.amount|money('EUR')"
due = "item.due|date"

[next_date]
connector = "shop"
tool = "query"
args = { name = "late_orders", params = { day = "{{ add_days(today, 30) }}" } }
items = "result.rows"
date = "item.due"
what = "'order ' ~ item.id ~ ' is due'"
"#;

const SCHEDULE: &str = r#"
[schedule]
id = "orders-morning"
briefing = "orders"
when = "weekdays at 07:10"
zone = "recipient"
calendar = "switzerland"
to = [
    { user = "olga", via = ["email"] },
    { slack_channel = "C0123456789", as = "operations" },
]
"#;

const CALENDAR: &str = r#"
[calendar]
id = "switzerland"
title = "Switzerland"
working_days = ["mon", "tue", "wed", "thu", "fri"]
holidays = { "2026-12-25" = "Christmas", "2027-01-01" = "New Year" }
"#;

const QUERIES: &str = r#"
[[query]]
name = "late_orders"
title = "Orders past their date"
description = "Open orders that were due before a day."
sql = """
select id, customer, due, amount from orders
where shipped is null and due < :day order by due"""
params = [{ name = "day", type = "date" }]
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connectors::sql::queries, provision, sql::Dialect};

    #[test]
    fn the_page_in_the_docs_is_what_the_reader_accepts() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/objects.md");
        let made = reference();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap_or_default(),
            made,
            "run the test again with UPDATE_DOCS=1 and look at the difference"
        );
    }

    #[test]
    fn every_key_has_a_meaning() {
        for part in parts()
            .into_iter()
            .chain([part::<QueryFile>("query", "", "")])
        {
            for key in &part.keys {
                assert!(
                    !key.meaning.trim().is_empty(),
                    "{}.{}: write a doc comment for it",
                    part.name,
                    key.path
                );
            }
            assert!(part.keys.len() >= 4, "{}", part.name);
        }
    }

    #[test]
    fn the_examples_are_read_and_fit_together() {
        let folder = tempfile::tempdir().unwrap();
        for part in parts() {
            std::fs::write(
                folder.path().join(format!("{}.toml", part.name)),
                part.example,
            )
            .unwrap();
        }
        let objects = provision::read(&[folder.path().to_owned()]).unwrap();
        let settings =
            "[email]\nhost = 'smtp'\nfrom = 'a@b.example'\n[slack]\ntoken = 'env:SLACK'\n";
        let settings = crate::settings::parse(settings, "daybrief.toml").unwrap();
        let checked = provision::check(&objects, &settings);
        assert_eq!(checked, provision::Checked::default());
        let queries = queries::read(QUERIES, "queries.toml", Dialect::Sqlite).unwrap();
        assert_eq!(queries.len(), 1);
    }

    #[test]
    fn a_key_that_is_not_on_the_page_is_refused_and_one_that_is_there_is_not() {
        for part in parts() {
            for key in part
                .keys
                .iter()
                .filter(|key| !key.path.contains(['.', '[']))
            {
                let text = format!("[{}]\n{} = {{}}\n", part.name, key.path);
                let told = read_text(&text);
                assert!(!told.contains("is no known key"), "{text}: {told}");
            }
            let told = read_text(&format!("[{}]\nzzzzzzzz = 1\n", part.name));
            assert!(
                told.contains("`zzzzzzzz` is no known key")
                    || told.contains(".zzzzzzzz` is no known key"),
                "{told}"
            );
        }
    }

    fn read_text(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.toml"), text).unwrap();
        provision::read(&[folder.path().to_owned()])
            .map_or_else(|problems| problems.to_string(), |_| String::new())
    }
}
