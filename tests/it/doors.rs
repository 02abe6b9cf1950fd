//! The doors cannot be walked around: code that tries does not compile, and for the reason meant.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

/// The library as the tests were built with it, and the folder of its dependencies.
fn library() -> (PathBuf, PathBuf) {
    let program = Path::new(env!("CARGO_BIN_EXE_daybrief"));
    let folder = program.parent().unwrap().join("deps");
    let newest = fs::read_dir(&folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("libdaybrief-") && name.ends_with(".rlib")
        })
        .max_by_key(|path| {
            fs::metadata(path)
                .and_then(|metadata| metadata.modified())
                .unwrap_or(SystemTime::UNIX_EPOCH)
        })
        .expect("the library is built before its tests");
    (newest, folder)
}

/// The codes of the errors that the compiler gives for this code; none where it compiles.
fn errors(code: &str) -> Vec<String> {
    let (library, dependencies) = library();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("attempt.rs");
    let code = format!(
        "use daybrief::{{access::Permit, channels::Channel, connectors::Connectors, guard::Cleared, limits::Reservation, models::{{Model, Request}}}};\n{code}\n"
    );
    fs::write(&file, code).unwrap();
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata"])
        .args(["--error-format=json", "--cap-lints=allow", "--out-dir"])
        .arg(folder.path())
        .arg(format!("--extern=daybrief={}", library.display()))
        .arg(format!("-Ldependency={}", dependencies.display()))
        .arg(&file)
        .output()
        .unwrap();
    let codes: Vec<String> = String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| Some(message["code"]["code"].as_str()?.to_owned()))
        .collect();
    assert_eq!(output.status.success(), codes.is_empty(), "{output:?}");
    codes
}

#[test]
fn what_goes_through_the_doors_compiles() {
    let code = "
        pub async fn ask(pool: &Connectors, permit: Permit) { let _ = pool.call(permit).await; }
        pub async fn word(model: &dyn Model, reservation: Reservation, request: Request) {
            let _ = model.stream(reservation, request).await;
        }
        pub fn read(text: &Cleared<String>) -> &String { text.get() }
    ";
    assert_eq!(errors(code), Vec::<String>::new());
}

#[test]
fn what_goes_around_a_door_does_not_compile() {
    for (attempt, code, why) in [
        (
            "a permit made by hand",
            "pub fn f() -> Permit { Permit { principal: todo!(), connector: todo!(), tool: todo!(), args: todo!(), class: todo!(), row: todo!() } }",
            "E0451",
        ),
        (
            "a permit made for a test",
            "pub fn f() -> Permit { Permit::for_test(todo!(), todo!(), todo!()) }",
            "E0599",
        ),
        (
            "a permit copied",
            "pub fn f(permit: Permit) -> (Permit, Permit) { (permit.clone(), permit) }",
            "E0599",
        ),
        (
            "a permit used twice",
            "pub async fn f(pool: &Connectors, permit: Permit) { let _ = pool.call(permit).await; let _ = pool.call(permit).await; }",
            "E0382",
        ),
        (
            "a call without a permit",
            "pub async fn f(pool: &Connectors) { let _ = pool.call(\"jira_search\").await; }",
            "E0308",
        ),
        (
            "a permit changed to another tool",
            "pub fn f(mut permit: Permit) -> Permit { permit.tool = String::new(); permit }",
            "E0616",
        ),
        (
            "a reservation made by hand",
            "pub fn f() -> Reservation { Reservation { id: todo!(), ..todo!() } }",
            "E0451",
        ),
        (
            "a reservation copied",
            "pub fn f(reservation: Reservation) -> (Reservation, Reservation) { (reservation.clone(), reservation) }",
            "E0599",
        ),
        (
            "a model asked without a reservation",
            "pub async fn f(model: &dyn Model, request: Request) { let _ = model.stream((), request).await; }",
            "E0308",
        ),
        (
            "text cleared by hand",
            "pub fn f() -> Cleared<String> { Cleared(String::new()) }",
            "E0423",
        ),
        (
            "text cleared for a test",
            "pub fn f() -> Cleared<String> { Cleared::for_test(String::new()) }",
            "E0599",
        ),
        (
            "text sent that nobody cleared",
            "pub async fn f(channel: &dyn Channel, text: String) { let _ = channel.prepare(todo!(), todo!(), text).await; }",
            "E0308",
        ),
    ] {
        assert!(
            errors(code).iter().any(|found| found == why),
            "{attempt}: {:?}",
            errors(code)
        );
    }
}
