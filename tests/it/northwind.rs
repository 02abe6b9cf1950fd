//! A briefing over real data: what it finds is compared with figures that were computed independently, with plain SQL.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};

async fn lay_out(folder: &Path) {
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

#[tokio::test]
async fn every_row_of_the_truth_is_found_with_its_figures_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path()).await;
    let out = folder.path().join("out");
    let output = Command::new(env!("CARGO_BIN_EXE_daybrief"))
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
        .arg(folder.path().join("objects"))
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
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

#[tokio::test]
async fn a_source_that_is_gone_is_a_visible_gap_and_no_failed_run() {
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path()).await;
    fs::remove_file(folder.path().join("northwind.db")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_daybrief"))
        .args([
            "run",
            "northwind-morning",
            "--at",
            "1998-05-20T07:00:00+02:00",
            "--json",
            "--objects",
        ])
        .arg(folder.path().join("objects"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["checked"], json!({ "checked": 0, "total": 6 }));
    assert_eq!(
        report["subject"],
        "Operations: no brief today, no source answered"
    );
    assert!(!report["gaps"].as_array().unwrap().is_empty());
}
