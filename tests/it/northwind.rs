//! A briefing over real data: what it finds is compared with figures that were computed independently, with plain SQL.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};
use sqlx::{
    AssertSqlSafe, Connection, Executor, Row, SqliteConnection, sqlite::SqliteConnectOptions,
};

use crate::peer;

/// The database in a file with its queries and objects, below `folder`.
pub async fn lay_out(folder: &Path) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let options = SqliteConnectOptions::new()
        .filename(folder.join("northwind.db"))
        .create_if_missing(true)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Off);
    let mut session = SqliteConnection::connect_with(&options).await.unwrap();
    let script = fs::read_to_string(data.join("northwind.sql")).unwrap();
    session.execute(AssertSqlSafe(script)).await.unwrap();
    session.close().await.unwrap();
    fs::copy(
        data.join("northwind-queries.toml"),
        folder.join("queries.toml"),
    )
    .unwrap();
    let objects = fs::read_to_string(data.join("northwind/objects.toml")).unwrap();
    fs::create_dir(folder.join("objects")).unwrap();
    fs::write(
        folder.join("objects/northwind.toml"),
        objects.replace("{folder}", folder.to_str().unwrap()),
    )
    .unwrap();
}

/// The facts of a signal's findings, each as `name=value` of those asked for.
fn facts(report: &Value, signal: &str, names: &[&str]) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .filter(|finding| finding["signal"] == signal)
        .map(|finding| {
            let values = names.iter().map(|name| {
                let value = &finding["facts"][*name]["value"]["value"];
                match value {
                    Value::String(text) => text.clone(),
                    Value::Object(money) if money.contains_key("amount") => {
                        let amount: rust_decimal::Decimal =
                            money["amount"].as_str().unwrap().parse().unwrap();
                        format!(
                            "{:.2}",
                            amount.round_dp_with_strategy(
                                2,
                                rust_decimal::RoundingStrategy::MidpointAwayFromZero
                            )
                        )
                    }
                    other => other.to_string(),
                }
            });
            values.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// Runs the briefing of a folder as of the day of the truth.
fn run(folder: &Path, more: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_daybrief"))
        .args([
            "run",
            "northwind-morning",
            "--at",
            "1998-05-20T07:00:00+02:00",
            "--zone",
            "Europe/Berlin",
            "--json",
        ])
        .arg("--objects")
        .arg(folder.join("objects"))
        .args(more)
        .output()
        .unwrap()
}

/// The report of a run in which nothing was left out, after comparing every figure with the truth.
fn true_report(folder: &Path, more: &[&str]) -> Value {
    let output = run(folder, more);
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["gaps"], json!([]));
    assert_eq!(report["checked"], json!({ "checked": 6, "total": 6 }));

    assert_eq!(
        facts(
            &report,
            "orders-late",
            &["order", "customer", "late", "value"]
        ),
        [
            "11008 ERNSH 14 4680.90",
            "11039 LINOD 1 3090.00",
            "11019 RANCH 9 76.00",
        ]
    );
    assert_eq!(facts(&report, "orders-due", &["order"]).len(), 5);
    let short = facts(
        &report,
        "stock-short",
        &["product", "ordered", "stock", "discontinued"],
    );
    assert_eq!(short.len(), 17);
    assert_eq!(
        short[..3],
        [
            "Wimmers gute Semmelknödel 132 22 ",
            "Rössle Sauerkraut 98 26 discontinued",
            "Camembert Pierrot 73 19 ",
        ]
    );
    let mut reorder = facts(&report, "reorder", &["product", "stock", "coming", "level"]);
    reorder.sort();
    assert_eq!(
        reorder,
        ["Nord-Ost Matjeshering 10 0 15", "Outback Lager 15 10 30"]
    );
    let silent = facts(
        &report,
        "silent-customer",
        &["customer", "orders", "last", "value"],
    );
    assert_eq!(silent.len(), 10);
    assert!(
        silent[0].starts_with("MEREP") && silent[0].ends_with("1997-10-30 28872.19"),
        "{silent:?}"
    );
    assert!(
        silent[1].starts_with("BLONP") && silent[2].starts_with("SEVES"),
        "{silent:?}"
    );
    assert_eq!(
        facts(
            &report,
            "discount-creep",
            &["employee", "share", "discount", "gross", "next"]
        ),
        ["7 15.6 4582.49 29438.45 9.4"]
    );
    // Every finding is one of those above.
    assert_eq!(
        report["findings"].as_array().unwrap().len(),
        3 + 5 + 17 + 2 + 10 + 1
    );
    report
}

#[tokio::test]
async fn every_row_of_the_truth_is_found_with_its_figures_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path()).await;
    let out = folder.path().join("out");
    let report = true_report(folder.path(), &["--out", out.to_str().unwrap()]);
    assert_eq!(
        report["subject"],
        "Order 11008 for ERNSH is 14 days late (+37 more)"
    );
    let text = fs::read_to_string(out.join("brief.txt")).unwrap();
    assert!(
        text.contains("Worth USD 4,680.90, it was required Wed 6 May."),
        "{text}"
    );
    let evidence = &report["decide"][0]["evidence"][0];
    assert_eq!(
        (&evidence["connector"], &evidence["tool"]),
        (&json!("northwind"), &json!("query"))
    );
}

/// A table of the servers' form of the data: its name there, its columns with type and kind, where its rows come from.
struct Table {
    name: &'static str,
    columns: &'static [(&'static str, &'static str, Kind)],
    select: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Number,
    Date,
    Bool,
}

const TABLES: [Table; 4] = [
    Table {
        name: "customers",
        columns: &[
            ("customer_id", "varchar(5) primary key", Kind::Text),
            ("company_name", "varchar(100) not null", Kind::Text),
        ],
        select: "select CustomerID, CompanyName from Customers",
    },
    Table {
        name: "orders",
        columns: &[
            ("order_id", "int primary key", Kind::Number),
            ("customer_id", "varchar(5)", Kind::Text),
            ("employee_id", "int", Kind::Number),
            ("order_date", "date", Kind::Date),
            ("required_date", "date", Kind::Date),
            ("shipped_date", "date", Kind::Date),
        ],
        select: "select OrderID, CustomerID, EmployeeID, OrderDate, RequiredDate, ShippedDate from Orders",
    },
    Table {
        name: "order_details",
        columns: &[
            ("order_id", "int", Kind::Number),
            ("product_id", "int", Kind::Number),
            ("unit_price", "decimal(12, 4)", Kind::Number),
            ("quantity", "int", Kind::Number),
            ("discount", "decimal(6, 4)", Kind::Number),
        ],
        select: "select OrderID, ProductID, UnitPrice, Quantity, Discount from \"Order Details\"",
    },
    Table {
        name: "products",
        columns: &[
            ("product_id", "int primary key", Kind::Number),
            ("product_name", "varchar(100)", Kind::Text),
            ("units_in_stock", "int", Kind::Number),
            ("units_on_order", "int", Kind::Number),
            ("reorder_level", "int", Kind::Number),
            ("discontinued", "boolean", Kind::Bool),
        ],
        select: "select ProductID, ProductName, UnitsInStock, UnitsOnOrder, ReorderLevel, Discontinued from Products",
    },
];

/// The statements that make the data on a server, from the SQLite file.
async fn statements(file: &Path) -> Vec<String> {
    let mut session = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file))
        .await
        .unwrap();
    let mut statements = Vec::new();
    for table in &TABLES {
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|(name, kind, _)| format!("{name} {kind}"))
            .collect();
        statements.push(format!("drop table if exists {}", table.name));
        statements.push(format!(
            "create table {} ({})",
            table.name,
            columns.join(", ")
        ));
        let rows = sqlx::query(AssertSqlSafe(table.select))
            .fetch_all(&mut session)
            .await
            .unwrap();
        let rows: Vec<String> = rows
            .iter()
            .map(|row| {
                let values: Vec<String> = table
                    .columns
                    .iter()
                    .enumerate()
                    .map(|(at, (_, _, kind))| {
                        let Some(value) = row.get_unchecked::<Option<String>, _>(at) else {
                            return "null".to_owned();
                        };
                        match kind {
                            Kind::Number => value,
                            Kind::Bool => (value == "1").to_string(),
                            Kind::Date => format!("'{}'", &value[..10]),
                            Kind::Text => format!("'{}'", value.replace('\'', "''")),
                        }
                    })
                    .collect();
                format!("({})", values.join(", "))
            })
            .collect();
        for chunk in rows.chunks(500) {
            statements.push(format!(
                "insert into {} values {}",
                table.name,
                chunk.join(", ")
            ));
        }
    }
    statements
}

/// Lays the same briefing out over a server whose address stands in the variable.
async fn lay_out_over_server(folder: &Path, variable: &str) {
    lay_out(folder).await;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    fs::copy(
        data.join("northwind-queries-server.toml"),
        folder.join("queries.toml"),
    )
    .unwrap();
    change_objects(folder, |objects| {
        let place = format!("\"{}/northwind.db\"", folder.display());
        let title = "title = \"Northwind\"\n";
        assert!(objects.contains(&place) && objects.contains(title));
        objects.replace(&place, "\"env:DSN\"").replace(
            title,
            &format!("{title}env = {{ DSN = {{ secret = \"env:{variable}\" }} }}\n"),
        )
    });
}

/// Moves what [`lay_out`] made to a database of its own on the PostgreSQL server at this address.
pub async fn move_to_postgres(folder: &Path, address: &str, database: &str) {
    let mut session = sqlx::PgConnection::connect(address).await.unwrap();
    let create = format!("create database {database}");
    let _ = session.execute(AssertSqlSafe(create)).await;
    let own = address.replace("/northwind", &format!("/{database}"));
    let mut session = sqlx::PgConnection::connect(&own).await.unwrap();
    for statement in statements(&folder.join("northwind.db")).await {
        session.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let queries = data.join("northwind-queries-server.toml");
    fs::copy(queries, folder.join("queries.toml")).unwrap();
    let dsn = folder.join("dsn");
    fs::write(&dsn, own).unwrap();
    change_objects(folder, |objects| {
        let place = format!("\"{}/northwind.db\"", folder.display());
        let title = "title = \"Northwind\"\n";
        let secret = format!(
            "{title}env = {{ DSN = {{ secret = \"file:{}\" }} }}\n",
            dsn.display()
        );
        assert!(objects.contains(&place) && objects.contains(title));
        objects
            .replace(&place, "\"env:DSN\"")
            .replace(title, &secret)
    });
}

fn change_objects(folder: &Path, change: impl FnOnce(String) -> String) {
    let path = folder.join("objects/northwind.toml");
    fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
}

#[tokio::test]
async fn the_same_rows_come_from_postgresql_over_stdio_and_over_http() {
    let Some(address) = peer("DAYBRIEF_TEST_POSTGRES") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    lay_out_over_server(folder.path(), "DAYBRIEF_TEST_POSTGRES").await;
    let mut session = sqlx::PgConnection::connect(&address).await.unwrap();
    for statement in statements(&folder.path().join("northwind.db")).await {
        session.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    true_report(folder.path(), &[]);

    // Over HTTP, with a token; without it nothing is answered.
    let mut server = Command::new(env!("CARGO_BIN_EXE_daybrief"))
        .args([
            "connector",
            "sql",
            "--http",
            "127.0.0.1:0",
            "--token",
            "env:TEST_TOKEN",
        ])
        .args(["--dsn", "env:DAYBRIEF_TEST_POSTGRES", "--queries"])
        .arg(folder.path().join("queries.toml"))
        .env("TEST_TOKEN", "tok-4711")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(server.stdout.take().unwrap()),
        &mut line,
    )
    .unwrap();
    let url = line.trim().strip_prefix("ready on ").unwrap();
    for (token, answers) in [("tok-4711", true), ("tok-4712", false)] {
        let token_file = folder.path().join("token");
        fs::write(&token_file, token).unwrap();
        change_objects(folder.path(), |objects| {
            objects
                .lines()
                .map(|line| {
                    if line.starts_with("command = ") || line.starts_with("url = ") {
                        format!("url = \"{url}\"")
                    } else if line.starts_with("env = ") || line.starts_with("headers = ") {
                        format!(
                            "headers = {{ Authorization = {{ secret = \"file:{}\", prefix = \"Bearer \" }} }}",
                            token_file.display()
                        )
                    } else {
                        line.to_owned()
                    }
                })
                .collect::<Vec<_>>()
                .join("\n")
        });
        if answers {
            true_report(folder.path(), &[]);
        } else {
            let output = run(folder.path(), &[]);
            assert_eq!(output.status.code(), Some(3), "{output:?}");
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["checked"]["checked"], 0);
            assert!(!String::from_utf8_lossy(&output.stdout).contains("tok-471"));
        }
    }
    Command::new("kill")
        .arg(server.id().to_string())
        .status()
        .unwrap();
    assert!(server.wait().unwrap().success(), "it stops when told");
}

#[tokio::test]
async fn the_same_rows_come_from_mariadb() {
    let Some(address) = peer("DAYBRIEF_TEST_MARIADB") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    lay_out_over_server(folder.path(), "DAYBRIEF_TEST_MARIADB").await;
    let mut session = sqlx::MySqlConnection::connect(&address).await.unwrap();
    for statement in statements(&folder.path().join("northwind.db")).await {
        session.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    true_report(folder.path(), &[]);
}

#[tokio::test]
async fn a_source_that_is_gone_is_a_visible_gap_and_no_failed_run() {
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path()).await;
    fs::remove_file(folder.path().join("northwind.db")).unwrap();
    let output = run(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["checked"], json!({ "checked": 0, "total": 6 }));
    assert_eq!(
        report["subject"],
        "Operations: no brief today, no source answered"
    );
    assert!(!report["gaps"].as_array().unwrap().is_empty());
}
