//! The audit trail and a person's data as an admin meets them on the command line.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

const MARKERS: [&str; 3] = ["Mara Zabel", "mara.zm@marker.example", "U0MARKER77"];

struct Instance(tempfile::TempDir);

impl Instance {
    /// An instance with one person in force.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("daybrief.toml"), "").unwrap();
        let objects = folder.path().join("objects");
        fs::create_dir(&objects).unwrap();
        fs::write(
            objects.join("people.toml"),
            "[role]\nid = 'auditor'\ntitle = 'Auditor'\n",
        )
        .unwrap();
        fs::write(
            objects.join("mara.toml"),
            "[user]\nid = 'mara'\nname = 'Mara Zabel'\nemail = 'mara.zm@marker.example'\nslack = 'U0MARKER77'\n\
             roles = ['auditor']\n",
        )
        .unwrap();
        let instance = Self(folder);
        let objects = objects.to_str().unwrap().to_owned();
        instance.done(&["apply", &objects, "--yes"]);
        instance
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_daybrief"))
            .args(["--config", "daybrief.toml"])
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn data(&self) -> std::path::PathBuf {
        self.0.path().join("data")
    }

    /// Every byte of the store's files.
    fn bytes(&self) -> Vec<u8> {
        ["daybrief.db", "daybrief.db-wal", "daybrief.db-shm"]
            .map(|name| fs::read(self.data().join(name)).unwrap_or_default())
            .concat()
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn position(bytes: &[u8], part: &str) -> Option<usize> {
    bytes
        .windows(part.len())
        .position(|window| window == part.as_bytes())
}

/// Brings what stands in the log into the file, so that it can be changed there.
fn settle(folder: &Path) {
    change(folder, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/// What somebody does who has the database and nothing else.
fn change(folder: &Path, statement: &'static str) {
    let url = format!("sqlite://{}", folder.join("daybrief.db").display());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use sqlx::Connection;
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn nobody_reads_the_trail_without_a_reason_and_reading_is_in_it() {
    let instance = Instance::new();
    assert_eq!(instance.run(&["audit", "search"]).status.code(), Some(2));
    let output = instance.run(&["audit", "search", "--reason", "x", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("no-reason"),
        "{output:?}"
    );

    let why = ["--reason", "ticket 12: who changed it?", "--json"];
    let search = |more: &[&str]| {
        let all: Vec<&str> = ["audit", "search"]
            .iter()
            .chain(&why)
            .chain(more)
            .copied()
            .collect();
        lines(&instance.done(&all))
    };
    let found = search(&["--person", "mara"]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["act"], "object-change");
    assert_eq!(found[0]["about"], "mara");
    let reads = search(&["--act", "audit-read"]);
    assert_eq!(reads.len(), 1);
    assert_eq!(reads[0]["text"], "ticket 12: who changed it?");
    assert!(search(&["--from", "2999-01-01"]).is_empty());

    let csv = instance.done(&[
        "audit",
        "export",
        "--format",
        "csv",
        "--reason",
        "the yearly audit",
    ]);
    assert!(csv.starts_with("number,at,act,outcome,user,"), "{csv}");
    assert!(csv.contains("object-change"), "{csv}");
}

#[test]
fn an_erased_person_is_in_no_byte_of_the_store_and_the_chain_verifies() {
    let instance = Instance::new();
    for marker in MARKERS {
        assert!(position(&instance.bytes(), marker).is_some(), "{marker}");
    }
    let out = instance.0.path().join("mara");
    let out = out.to_str().unwrap();
    instance.done(&["data", "export", "--user", "mara", "--out", out]);
    let object = fs::read_to_string(Path::new(out).join("objects.jsonl")).unwrap();
    assert!(
        MARKERS.iter().all(|marker| object.contains(marker)),
        "{object}"
    );

    let asked = [
        "data",
        "erase",
        "--user",
        "mara",
        "--reason",
        "Mara Zabel left us",
    ];
    let output = instance.run(&asked);
    assert_eq!(output.status.code(), Some(1), "nobody said yes: {output:?}");
    let output = instance.run(&[&asked[..], &["--yes", "--json"]].concat());
    assert!(output.status.success(), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["scrubbed"], &told["trail"]["ok"]),
        (&true.into(), &true.into())
    );
    let warned = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(warned.contains("came from the file"), "{warned}");
    let bytes = instance.bytes();
    for marker in MARKERS.iter().chain(&["mara"]) {
        assert_eq!(position(&bytes, marker), None, "{marker}");
    }
    instance.done(&["audit", "verify"]);
    let again = instance.run(&[&asked[..], &["--yes"]].concat());
    assert_eq!(again.status.code(), Some(1), "there is nobody any more");
}

#[test]
fn a_byte_that_is_changed_in_the_file_is_told_with_its_row() {
    let instance = Instance::new();
    let verify = || {
        let output = instance.run(&["audit", "verify", "--json"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), told)
    };
    let (code, told) = verify();
    assert_eq!(
        (code, &told["ok"], &told["first_bad"]),
        (Some(0), &true.into(), &Value::Null)
    );
    let rows = told["entries"].as_u64().unwrap();
    assert!(rows > 1, "{told}");

    settle(&instance.data());
    let path = instance.data().join("daybrief.db");
    let good = fs::read(&path).unwrap();
    for number in 1..=rows {
        let row = format!("\"number\":{number},\"first\":");
        let entry = position(&good, &row).unwrap();
        let at = entry + position(&good[entry..], "\"outcome\":\"").unwrap() + 12;
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).unwrap();
        let (code, told) = verify();
        assert_eq!(code, Some(1), "{told}");
        assert_eq!(
            (&told["ok"], &told["first_bad"]),
            (&false.into(), &number.into())
        );
        assert_eq!(told["what"], "changed");
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(verify().0, Some(0));
}

#[test]
fn a_wiped_trail_and_another_person_behind_a_handle_are_told() {
    let verify = |instance: &Instance| {
        let output = instance.run(&["audit", "verify", "--json"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), told["what"].clone())
    };
    let fresh = Instance(tempfile::tempdir().unwrap());
    fs::write(fresh.0.path().join("daybrief.toml"), "").unwrap();
    assert_eq!(verify(&fresh), (Some(0), Value::Null));

    let instance = Instance::new();
    assert_eq!(verify(&instance), (Some(0), Value::Null));
    change(
        &instance.data(),
        "UPDATE documents SET body = replace(body, '\"user\":\"mara\"', '\"user\":\"eva\"') \
         WHERE collection = 'audit-subjects'",
    );
    assert_eq!(verify(&instance), (Some(1), "person-forged".into()));
    let search = ["audit", "search", "--reason", "who was changed?", "--json"];
    let found = lines(&instance.done(&search));
    assert!(found.iter().any(|row| row["about"] == "forged-person"));
    assert!(found.iter().all(|row| row["about"] != "eva"));

    change(
        &instance.data(),
        "DELETE FROM documents WHERE collection LIKE 'audit%'",
    );
    assert_eq!(verify(&instance), (Some(1), "trail-missing".into()));
    instance.done(&search);
    assert_eq!(verify(&instance), (Some(1), "beginning-missing".into()));
}
