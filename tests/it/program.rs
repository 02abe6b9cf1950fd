//! The program as a newcomer meets it.

use std::{collections::BTreeSet, fs, path::Path, process::Command, sync::Arc};

use daybrief::{
    app::App,
    clock::ManualClock,
    demo,
    domain::{brief::Brief, connector::Launch, finding::Status},
    provision,
    settings::Settings,
};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::Value;

fn daybrief() -> Command {
    Command::new(env!("CARGO_BIN_EXE_daybrief"))
}

/// On Unix nobody else reads a brief's files.
fn is_its_owners_alone(place: &std::path::Path) {
    #[cfg(unix)]
    for path in fs::read_dir(place)
        .unwrap()
        .map(|file| file.unwrap().path())
    {
        use std::os::unix::fs::PermissionsExt;
        let mode =
            |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(place), mode(&path)),
            (0o700, 0o600),
            "{}",
            path.display()
        );
    }
}

/// Each key and figure of a brief's items is a link, and a key is one to the record of that key.
fn each_figure_opens_its_record(brief: &Value) {
    // A list of keys, a version, words of the rules themselves.
    const NO_RECORD: [&str; 5] = ["PAY-1190, WEB-877", "web 4.11.3", "P1", "30 days", "1 %"];
    let items = ["decide", "watch"]
        .iter()
        .flat_map(|section| brief[section].as_array().unwrap());
    let mut keys = 0;
    for span in items
        .flat_map(|item| ["headline", "body", "next"].map(|line| &item[line]))
        .flat_map(|line| line.as_array().unwrap())
    {
        let text = span["text"].as_str().unwrap();
        let Some(link) = span["link"].as_str() else {
            let rest = NO_RECORD
                .iter()
                .fold(text.to_owned(), |rest, words| rest.replace(words, ""));
            assert!(
                !rest.contains(|c: char| c.is_ascii_digit()),
                "no link: {text}"
            );
            continue;
        };
        let name = text.trim_start_matches('!');
        // A share, or the time of day of something that happened today.
        let is_figure = name.ends_with('%') || name.parse::<jiff::civil::Time>().is_ok();
        if !is_figure
            && !name.contains(char::is_whitespace)
            && name.contains(|c: char| c.is_ascii_digit())
        {
            keys += 1;
            assert!(link.ends_with(&format!("/{name}")), "{text} opens {link}");
        }
    }
    assert!(keys > 0 || brief["role"] != "vp-engineering");
}

#[test]
fn the_demo_makes_four_briefs_of_four_signals_or_more() {
    let folder = tempfile::tempdir().unwrap();
    let output = daybrief()
        .args(["demo", "--json", "--out"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let briefs = report["briefs"].as_array().unwrap();
    assert_eq!(briefs.len(), 4);
    for brief in briefs {
        assert_eq!(brief["gaps"], 0, "{brief}");
        let json = fs::read_to_string(
            folder
                .path()
                .join(brief["briefing"].as_str().unwrap())
                .join("brief.json"),
        )
        .unwrap();
        let kept: Value = serde_json::from_str(&json).unwrap();
        each_figure_opens_its_record(&kept);
        let place = folder.path().join(brief["briefing"].as_str().unwrap());
        let mail = fs::read_to_string(place.join("brief.eml")).unwrap();
        assert!(
            mail.contains("multipart/alternative") && mail.contains("\nTo: \""),
            "{mail}"
        );
        is_its_owners_alone(&place);
        let signals: BTreeSet<_> = kept["marks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|mark| mark["signal"].to_string())
            .collect();
        assert!(signals.len() >= 4, "{signals:?}");
        let crossed = kept["decide"]
            .as_array()
            .unwrap()
            .iter()
            .chain(kept["watch"].as_array().unwrap())
            .any(|item| {
                let sources: BTreeSet<_> = item["evidence"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|evidence| evidence["connector"].to_string())
                    .collect();
                sources.len() > 1
            });
        // What Finance finds across systems is a payout that the books do not have: the other record is missing.
        let missing = signals.contains("\"payout-mismatch\"");
        assert!(
            crossed || missing,
            "no item across systems: {}",
            brief["briefing"]
        );
        let page = fs::read_to_string(
            folder
                .path()
                .join(brief["briefing"].as_str().unwrap())
                .join("brief.html"),
        )
        .unwrap();
        assert!(page.len() < 100_000 && !page.contains("<script") && !page.contains("src="));
        assert!(kept["subject"].as_str().unwrap().chars().count() <= 70);
    }
}

/// The status words of a brief, "resolved" among them.
fn statuses(brief: &Brief) -> BTreeSet<&'static str> {
    let items = brief
        .items()
        .chain(&brief.rest)
        .map(|item| match item.status {
            Status::New => "new",
            Status::Ongoing { .. } => "ongoing",
            Status::Worse { .. } | Status::Raised { .. } => "worse",
            Status::Better { .. } => "better",
        });
    let resolved = brief.resolved.first().map(|_| "resolved");
    items.chain(resolved).collect()
}

/// The sample company's briefs, those of the morning before and those of `now`.
async fn both_mornings(folder: &Path, now: Timestamp) -> Vec<(Brief, Brief)> {
    let mut company = demo::lay_out(folder, now, provision::shipped().unwrap())
        .await
        .unwrap();
    for connector in &mut company.objects.connectors {
        let Launch::Process { command, .. } = &mut connector.launch else {
            continue;
        };
        command[0] = env!("CARGO_BIN_EXE_daybrief").to_owned();
    }
    let before = demo::morning_before(now, &TimeZone::UTC);
    let clock = Arc::new(ManualClock::at(before));
    let app = App::temporary(Settings::default(), clock.clone())
        .await
        .unwrap();
    let objects = &company.objects;
    let mut mornings = Vec::new();
    for briefing in &objects.briefings {
        let made = demo::make(&app, objects, briefing, before, None, &|_| {}).await;
        mornings.push((made.unwrap().0.into_inner(), briefing));
    }
    company.go_on().await.unwrap();
    clock.set(now);
    let mut both = Vec::new();
    for (earlier, briefing) in mornings {
        let made = demo::make(&app, objects, briefing, now, Some(&earlier), &|_| {}).await;
        both.push((earlier, made.unwrap().0.into_inner()));
    }
    app.shutdown().await;
    both
}

#[tokio::test]
async fn on_any_day_of_the_week_the_demo_has_something_new_worse_ongoing_and_resolved() {
    let monday: Timestamp = "2026-11-23T06:10:00Z".parse().unwrap();
    for days in 0..7_i64 {
        let now = monday.checked_add((days * 24).hours()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (before, today) in both_mornings(folder.path(), now).await {
            let place = format!("{now} {}", today.briefing);
            assert_eq!(statuses(&before), BTreeSet::from(["new"]), "{place}");
            assert_eq!(
                statuses(&today),
                BTreeSet::from(["new", "ongoing", "resolved", "worse"]),
                "{place}"
            );
        }
    }
}

#[test]
fn the_daemon_goes_on_from_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("daybrief.toml");
    let ran = |args: &[&str]| {
        let output = daybrief().args(args).output().unwrap();
        assert!(output.status.success(), "{args:?} {output:?}");
    };
    let (out, config) = (folder.path().to_str().unwrap(), config.to_str().unwrap());
    ran(&["demo", "--json", "--out", out]);
    ran(&["apply", "--yes", "--config", config]);
    ran(&[
        "schedule",
        "send",
        "vp-engineering-morning",
        "--config",
        config,
    ]);
    let delivered = fs::read_dir(folder.path().join("delivered/mara"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let read = |path: &Path| -> Brief {
        serde_json::from_slice(&fs::read(path.join("brief.json")).unwrap()).unwrap()
    };
    let (demo, next) = (
        read(&folder.path().join("vp-engineering-morning")),
        read(&delivered.path()),
    );
    let seen = |brief: &Brief| -> BTreeSet<_> {
        let marks = brief.marks.iter();
        marks
            .map(|mark| (mark.fingerprint.0.clone(), mark.first_seen))
            .collect()
    };
    assert!(seen(&demo).len() > 1);
    assert_eq!(seen(&demo), seen(&next));
    assert!(!statuses(&next).contains("new"), "{:?}", statuses(&next));
}

#[test]
fn due_times_are_printed_with_what_the_clock_change_does() {
    let next = |cron: &str, zone: &str, from: &str| {
        let output = daybrief()
            .args([
                "schedule", "next", "--cron", cron, "--tz", zone, "--from", from, "--count", "2",
                "--json",
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        next("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z"),
        "{\"due\":\"2027-03-28T01:00:00Z\",\"local\":\"2027-03-28T03:00:00\",\"note\":\"skipped-time\"}\n\
         {\"due\":\"2027-03-29T00:30:00Z\",\"local\":\"2027-03-29T02:30:00\",\"note\":null}\n"
    );
    assert!(
        next("30 1 * * *", "America/New_York", "2027-11-06T12:00:00Z")
            .contains("\"note\":\"repeated-time\"")
    );
}

#[test]
fn bad_input_gets_one_clear_error() {
    for (args, part) in [
        (
            vec!["schedule", "next", "--cron", "0 25 * * *", "--tz", "UTC"],
            "`25` is no hour",
        ),
        (
            vec![
                "schedule",
                "next",
                "--cron",
                "0 7 * * *",
                "--tz",
                "Mars/Olympus",
            ],
            "no time zone `Mars/Olympus`",
        ),
        (
            vec!["run", "x", "--objects", "/nonexistent"],
            "cannot be read",
        ),
        (
            vec!["connector", "sql", "--dsn", "postgres://u:secret@h/d"],
            "seen by every user",
        ),
    ] {
        let output = daybrief().args(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains(part) && !said.contains("secret"),
            "{args:?}: {said}"
        );
    }
}

#[test]
fn a_shell_and_a_package_get_completions_and_manual_pages() {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_daybrief"))
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(&["completions", shell]).contains("schedule"), "{shell}");
    }
    assert!(run(&["man"]).contains(".TH daybrief 1"));
    let folder = tempfile::tempdir().unwrap();
    run(&["man", "--out", &folder.path().to_string_lossy()]);
    assert!(folder.path().join("daybrief-schedule-next.1").exists());
}
