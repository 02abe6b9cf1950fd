//! Standard output that cannot be written, and a reader that goes away.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
};

/// An instance with a role, a person and a schedule, applied; a row of the trail has been read.
fn instance() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("daybrief.toml"),
        "[instance]\nname = 'A'\nobjects = ['objects']\n[folder]\npath = 'briefs'\n",
    )
    .unwrap();
    fs::create_dir(folder.path().join("objects")).unwrap();
    fs::write(
        folder.path().join("objects/all.toml"),
        "[[role]]\nid = 'r'\ntitle = 'R'\n[[user]]\nid = 'olga'\nname = 'Olga'\nroles = ['r']\n\
         [briefing]\nid = 'b'\ntitle = 'B'\nrole = 'r'\n\
         [[schedule]]\nid = 's'\nbriefing = 'b'\nwhen = 'weekdays at 07:00'\nzone = 'UTC'\nto = [{ user = 'olga', via = ['folder'] }]\n",
    )
    .unwrap();
    let applied = daybrief(folder.path(), &["apply", "--yes"])
        .output()
        .unwrap();
    assert!(applied.status.success(), "{applied:?}");
    folder
}

fn daybrief(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daybrief"));
    command
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env_remove("DAYBRIEF_CONFIG");
    command
}

const REASON: &str = "a look at all of it";

/// A command of each kind that prints.
const PRINTING: [&[&str]; 24] = [
    &["--help"],
    &["help", "schedule"],
    &["--version"],
    &["completions", "bash"],
    &["man"],
    &["schedule", "next", "--cron", "0 7 * * *", "--tz", "UTC"],
    &[
        "--json",
        "schedule",
        "next",
        "--cron",
        "0 7 * * *",
        "--tz",
        "UTC",
    ],
    &["schedule", "next", "s"],
    &["schedule", "list"],
    &["--json", "schedule", "list"],
    &["schedule", "pause", "s"],
    &["role", "list"],
    &["user", "list"],
    &["--json", "connector", "list"],
    &["access", "explain", "--role", "r", "--tool", "t"],
    &["apply", "--yes"],
    &["check"],
    &["usage"],
    &["audit", "verify"],
    &["--json", "audit", "search", "--reason", REASON],
    &["audit", "export", "--reason", REASON],
    &["audit", "export", "--reason", REASON, "--format", "csv"],
    &["data", "export", "--user", "olga"],
    &["run", "b"],
];

#[test]
fn what_does_not_fit_on_a_full_disk_is_told_and_fails() {
    let folder = instance();
    for args in PRINTING {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = daybrief(folder.path(), args).stdout(full).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert!(
            code.is_some_and(|code| code != 0),
            "{args:?}: {code:?} {told}"
        );
        assert!(
            told.contains("standard output") && told.contains("No space left on device"),
            "{args:?}: {told}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_output_without_a_word() {
    let folder = instance();
    for args in PRINTING {
        let whole = daybrief(folder.path(), args).output().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = daybrief(folder.path(), args)
            .stdout(writer)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            !told.contains("panicked") && !told.contains("Broken pipe"),
            "{args:?}: {told}"
        );
        assert_eq!(
            output.status.code(),
            whole.status.code(),
            "{args:?}: {told}"
        );
    }
}

#[test]
fn a_filter_whose_reader_went_away_reads_no_further() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = daybrief(folder.path(), &["guard"])
        .stdin(Stdio::piped())
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Ends when the program has closed its input.
    let endless =
        thread::spawn(move || while stdin.write_all(b"{\"text\":\"hello\"}\n").is_ok() {});
    let output = child.wait_with_output().unwrap();
    endless.join().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_filter_fails_where_its_answer_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in"), "{\"text\":\"hello\"}\n").unwrap();
    let output = daybrief(folder.path(), &["guard"])
        .stdin(File::open(folder.path().join("in")).unwrap())
        .stdout(File::options().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    let folder = instance();
    let settings = folder.path().join("daybrief.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let text = text.replace("[instance]\n", "[instance]\nlisten = '127.0.0.1:0'\n");
    fs::write(&settings, text).unwrap();
    let mut daemon = daybrief(folder.path(), &["serve"])
        .env("DAYBRIEF_LOG", "trace")
        .stdout(Stdio::piped())
        .stderr(File::options().write(true).open("/dev/full").unwrap())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(daemon.stdout.take().unwrap()).lines();
    let ready = lines.next().unwrap().unwrap();
    assert!(ready.contains("ready"), "{ready}");
    let id = daemon.id().to_string();
    let asked = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(asked.success());
    let ended = daemon.wait().unwrap();
    assert!(ended.success(), "{ended:?}");
}

#[test]
fn a_problem_is_told_where_its_output_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let output = daybrief(folder.path(), &["--json", "role", "list"])
        .stdout(File::options().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(told[0]["code"], "output", "{told}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_export_that_is_cut_does_not_lie_there_as_if_it_were_whole() {
    let folder = instance();
    let taken = daybrief(
        folder.path(),
        &["audit", "export", "--reason", REASON, "--out", "/dev/full"],
    )
    .output()
    .unwrap();
    assert_eq!(taken.status.code(), Some(1), "{taken:?}");
    let none = daybrief(folder.path(), &["run", "b", "--out", "/proc/self/none"])
        .output()
        .unwrap();
    assert_eq!(none.status.code(), Some(1), "{none:?}");
    assert!(String::from_utf8_lossy(&none.stderr).contains("/proc/self/none"));
}
