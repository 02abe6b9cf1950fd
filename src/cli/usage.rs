//! `daybrief usage`: what was spent on models, by whom, and what is left of the budgets.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use clap::{Args, ValueEnum};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::{one, open, print, print_json_list};
use crate::{
    access::Surface,
    app::App,
    domain::people::{Role, User},
    error::{Problem, Problems},
    ids::ScheduleId,
    limits::{Balance, Budget, Source, Spender, Statement, UsageRow},
    money::Currency,
    provision::Objects,
    store::Used,
};

/// The longest span that is looked at, in days: more than is kept.
const LONGEST_SPAN_DAYS: i64 = 5 * 366;

/// `usage …`
#[derive(Debug, Args)]
pub struct Usage {
    /// What each line stands for.
    #[arg(long, value_enum, default_value = "source")]
    by: By,
    /// A calendar month, YYYY-MM; the present one without it.
    #[arg(long, value_name = "MONTH", value_parser = month, conflicts_with_all = ["from", "to"])]
    month: Option<Date>,
    /// The first day.
    #[arg(long, value_name = "DAY", requires = "to")]
    from: Option<Date>,
    /// The last day.
    #[arg(long, value_name = "DAY", requires = "from")]
    to: Option<Date>,
    /// Prints CSV (RFC 4180).
    #[arg(long)]
    csv: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    User,
    Role,
    Model,
    /// The schedule, or the surface on which was asked.
    Source,
    Day,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Role => "role",
            Self::Model => "model",
            Self::Source => "source",
            Self::Day => "day",
        }
    }

    /// The line that a row belongs to; empty where nobody is named.
    fn line_of(self, row: &UsageRow) -> String {
        match self {
            Self::User => row
                .of
                .user
                .as_ref()
                .map_or(String::new(), ToString::to_string),
            Self::Role => row.of.role.to_string(),
            Self::Model => row.of.model.to_string(),
            Self::Source => row.of.source.clone(),
            Self::Day => row.day.to_string(),
        }
    }
}

/// The first day of `YYYY-MM`.
fn month(text: &str) -> Result<Date, String> {
    format!("{text}-01")
        .parse()
        .map_err(|_| "is no month: write it as 2026-11".to_owned())
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    name: String,
    used: Used,
    /// Its own budget, where it has one and the span is that budget's month.
    balance: Option<Balance>,
}

/// Runs `usage …`.
pub async fn run(command: &Usage, config: &Path, json: bool) -> Result<u8, Problems> {
    if command.csv && json {
        return Err(one(Problem::new(
            "usage",
            "--csv and --json do not go together",
        )));
    }
    let app = open(config).await?;
    let (lines, company) = look(&app, command).await?;
    let by = command.by.name();
    if json {
        let lines: Vec<Value> = lines.iter().map(|line| as_json(by, line)).collect();
        print_json_list(&lines);
    } else if command.csv {
        print(as_csv(by, &lines)?.trim_end_matches("\r\n"));
    } else {
        as_table(by, &lines, company.as_ref())
            .iter()
            .for_each(|line| print(line));
    }
    Ok(0)
}

/// The lines, and the company's budget where the span is a month.
async fn look(app: &App, command: &Usage) -> Result<(Vec<Line>, Option<Balance>), Problems> {
    let parts = &app.parts;
    let limits = &parts.maker.selector.limits;
    let fail = |error: crate::store::StoreError| one(error.into());
    let now = parts.clock.now();
    let (from, to) = match (command.from, command.to, command.month) {
        (Some(from), Some(to), _) => (from, to),
        (_, _, Some(first)) => (first, first.last_of_month()),
        _ => limits.month_at(now),
    };
    if to < from || days_between(from, to) > LONGEST_SPAN_DAYS {
        return Err(one(Problem::new(
            "usage",
            "--from must not be after --to, and at most five years before it",
        )));
    }
    let rows = limits.usage(from, to, now).await.map_err(fail)?;
    let mut sums: BTreeMap<String, Used> = BTreeMap::new();
    for row in &rows {
        sums.entry(command.by.line_of(row))
            .or_default()
            .add(&row.used);
    }
    let mut lines: Vec<Line> = sums
        .into_iter()
        .map(|(name, used)| Line {
            name,
            used,
            balance: None,
        })
        .collect();
    if command.by != By::Day {
        lines.sort_by_key(|line| Reverse(line.used.tokens_in.saturating_add(line.used.tokens_out)));
    }
    let is_month = from == from.first_of_month() && to == from.last_of_month();
    if !is_month {
        return Ok((lines, None));
    }
    let statement = limits.statement(from, now).await.map_err(fail)?;
    let objects = parts.objects().await.map_err(fail)?;
    for line in &mut lines {
        line.balance = balance(command.by, &line.name, &objects, &statement);
    }
    let company = objects.roles.first().and_then(|role| {
        let spender = spender(role, None, question());
        statement
            .of(&spender)
            .into_iter()
            .find(|balance| balance.budget == Budget::Company)
    });
    Ok((lines, company))
}

fn days_between(from: Date, to: Date) -> i64 {
    from.duration_until(to).as_hours() / 24
}

fn question() -> Source {
    Source::Question {
        surface: Surface::CommandLine,
    }
}

fn spender<'a>(role: &'a Role, user: Option<&'a User>, source: Source) -> Spender<'a> {
    Spender { role, user, source }
}

/// The budget that a line has of its own; none where the user, role or schedule is no longer there.
fn balance(by: By, name: &str, objects: &Objects, statement: &Statement) -> Option<Balance> {
    let role_of = |id| objects.roles.iter().find(|role| role.id == id);
    let any_role = objects.roles.first();
    let (budgets, key) = match by {
        By::User => {
            let user = objects.users.iter().find(|user| user.id.as_str() == name)?;
            let role = user.roles.first().and_then(|id| role_of(id.clone()))?;
            let of = statement.of(&spender(role, Some(user), question()));
            (of, format!("user/{name}"))
        }
        By::Role => {
            let role = objects.roles.iter().find(|role| role.id.as_str() == name)?;
            let of = statement.of(&spender(role, None, question()));
            (of, format!("role/{name}"))
        }
        By::Source if name == Source::Check.to_string() => {
            let of = statement.of(&spender(any_role?, None, Source::Check));
            (of, Budget::Checks.key())
        }
        By::Source => {
            let id = ScheduleId::new(name.strip_prefix("schedule/")?).ok()?;
            let of = statement.of(&spender(any_role?, None, Source::Schedule(id)));
            (of, name.to_owned())
        }
        By::Model | By::Day => return None,
    };
    budgets
        .into_iter()
        .find(|balance| balance.budget.key() == key)
}

fn as_json(by: &str, line: &Line) -> Value {
    let mut object = Map::new();
    let name = (!line.name.is_empty()).then_some(&line.name);
    object.insert(by.to_owned(), json!(name));
    object.insert("calls".to_owned(), json!(line.used.calls));
    object.insert("tokens_in".to_owned(), json!(line.used.tokens_in));
    object.insert("tokens_out".to_owned(), json!(line.used.tokens_out));
    object.insert("cost".to_owned(), json!(line.used.cost));
    let balance = line.balance.as_ref();
    object.insert(
        "budget".to_owned(),
        json!(balance.and_then(|balance| balance.cap)),
    );
    object.insert(
        "taken".to_owned(),
        json!(balance.map(|balance| balance.taken)),
    );
    object.insert("left".to_owned(), json!(balance.and_then(Balance::left)));
    Value::Object(object)
}

/// The lines with a column of cost for each currency.
fn as_csv(by: &str, lines: &[Line]) -> Result<String, Problems> {
    let currencies: BTreeSet<Currency> = lines
        .iter()
        .flat_map(|line| line.used.cost.keys().copied())
        .collect();
    let number = |number: Option<u64>| number.map_or(String::new(), |number| number.to_string());
    let mut table = vec![
        [by, "calls", "tokens_in", "tokens_out"]
            .into_iter()
            .map(str::to_owned)
            .chain(currencies.iter().map(|currency| format!("cost_{currency}")))
            .chain(["budget", "taken", "left"].map(str::to_owned))
            .collect::<Vec<String>>(),
    ];
    for line in lines {
        let balance = line.balance.as_ref();
        let used = &line.used;
        let cost = |currency| {
            let amount = used.cost.get(currency);
            amount.map_or(String::new(), |amount| amount.normalize().to_string())
        };
        let counts = [used.calls, used.tokens_in, used.tokens_out];
        table.push(
            [line.name.clone()]
                .into_iter()
                .chain(counts.map(|count| count.to_string()))
                .chain(currencies.iter().map(cost))
                .chain([
                    number(balance.and_then(|balance| balance.cap)),
                    number(balance.map(|balance| balance.taken)),
                    number(balance.and_then(Balance::left)),
                ])
                .collect(),
        );
    }
    let unwritable =
        |error: String| one(Problem::new("csv", format!("cannot be written: {error}")));
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for row in table {
        writer
            .write_record(row.into_iter().map(harmless))
            .map_err(|error| unwritable(error.to_string()))?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| unwritable(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| unwritable(error.to_string()))
}

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection).
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{cell}")
    } else {
        cell
    }
}

/// Lines for a person: the first column to the left, numbers to the right.
fn as_table(by: &str, lines: &[Line], company: Option<&Balance>) -> Vec<String> {
    if lines.is_empty() {
        return vec!["no model was asked".to_owned()];
    }
    let mut total = Used::default();
    lines.iter().for_each(|line| total.add(&line.used));
    let head = [
        by,
        "calls",
        "tokens in",
        "tokens out",
        "cost",
        "used",
        "left",
    ];
    let row = |name: &str, used: &Used, balance: Option<&Balance>| {
        [
            if name.is_empty() { "(nobody)" } else { name }.to_owned(),
            grouped(used.calls),
            grouped(used.tokens_in),
            grouped(used.tokens_out),
            cost(used),
            balance.and_then(share).unwrap_or_default(),
            balance
                .and_then(Balance::left)
                .map_or(String::new(), grouped),
        ]
    };
    let mut table = vec![head.map(str::to_owned)];
    table.extend(
        lines
            .iter()
            .map(|line| row(&line.name, &line.used, line.balance.as_ref())),
    );
    table.push(row("all", &total, company));
    let mut widths = [0; 7];
    for row in &table {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    table
        .iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(widths)
                .enumerate()
                .map(|(column, (cell, width))| {
                    if column == 0 {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

/// How much of a budget is taken.
fn share(balance: &Balance) -> Option<String> {
    let cap = balance.cap?;
    let percent = if cap == 0 {
        100
    } else {
        u128::from(balance.taken) * 100 / u128::from(cap)
    };
    Some(format!("{percent} %"))
}

/// `EUR 1.2345, USD 0.0300`.
fn cost(used: &Used) -> String {
    used.cost
        .iter()
        .map(|(currency, amount)| format!("{currency} {:.4}", amount.round_dp(4)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, tokens: u64, balance: Option<(u64, u64)>) -> Line {
        let eur = Currency::new("EUR").unwrap();
        Line {
            name: name.to_owned(),
            used: Used {
                tokens_in: tokens,
                tokens_out: 7,
                calls: 1_234,
                cost: [(eur, "0.0300".parse().unwrap())].into(),
            },
            balance: balance.map(|(cap, taken)| Balance {
                budget: Budget::Company,
                cap: Some(cap),
                taken,
            }),
        }
    }

    #[test]
    fn a_table_has_its_columns_under_each_other_and_a_sum() {
        let lines = [
            line("mara", 1_200_000, Some((2_000, 500))),
            line("", 5, None),
        ];
        insta::assert_snapshot!(as_table("user", &lines, None).join("\n"), @"
        user      calls  tokens in  tokens out        cost  used   left
        mara      1,234  1,200,000           7  EUR 0.0300  25 %  1,500
        (nobody)  1,234          5           7  EUR 0.0300
        all       2,468  1,200,005          14  EUR 0.0600
        ");
    }

    #[test]
    fn csv_keeps_every_name_and_begins_no_formula() {
        let lines = [
            line("=1+1", 1, None),
            line("a,\"b\"", 2, Some((10, 12))),
            line("@x", 3, None),
        ];
        let text = as_csv("user", &lines).unwrap();
        assert_eq!(
            text,
            "user,calls,tokens_in,tokens_out,cost_EUR,budget,taken,left\r\n\
             '=1+1,1234,1,7,0.03,,,\r\n\
             \"a,\"\"b\"\"\",1234,2,7,0.03,10,12,0\r\n\
             '@x,1234,3,7,0.03,,,\r\n"
        );
    }

    #[test]
    fn json_names_what_a_line_stands_for() {
        assert_eq!(
            as_json("user", &line("", 1, Some((10, 4)))).to_string(),
            "{\"user\":null,\"calls\":1234,\"tokens_in\":1,\"tokens_out\":7,\"cost\":{\"EUR\":\"0.0300\"},\"budget\":10,\"taken\":4,\"left\":6}"
        );
    }

    #[test]
    fn a_month_is_year_and_month() {
        assert_eq!(month("2026-11"), Ok(jiff::civil::date(2026, 11, 1)));
        for wrong in ["2026-13", "2026", "2026-11-05", ""] {
            assert!(month(wrong).is_err(), "{wrong}");
        }
    }
}
