//! Imports point down the list in `src/lib.rs`.

use std::{collections::BTreeMap, fs, path::Path};

/// The bands from top to bottom. Modules of one band do not import each other, but where a flow starts another flow.
const BANDS: [(&str, &[&str]); 9] = [
    ("command line", &["cli", "app", "daemon", "demo"]),
    ("surfaces", &["api"]),
    (
        "flows",
        &["act", "converse", "schedule", "run", "provision"],
    ),
    (
        "steps",
        &[
            "gather", "signals", "compose", "compute", "render", "deliver",
        ],
    ),
    ("world", &["connectors", "models", "channels"]),
    ("doors", &["access", "limits", "guard", "audit"]),
    ("store", &["store"]),
    ("words", &["domain", "prompts"]),
    (
        "ground",
        &[
            "settings",
            "sql",
            "secrets",
            "clock",
            "error",
            "exact",
            "ids",
            "lane",
            "mail_address",
            "money",
            "text",
            "text_file",
            "telemetry",
            "testing",
            "tls",
            "zones",
        ],
    ),
];

/// Bands whose modules may use each other.
const OPEN: [&str; 4] = ["command line", "flows", "doors", "ground"];

fn band_of(module: &str) -> usize {
    BANDS
        .iter()
        .position(|(_, modules)| modules.contains(&module))
        .unwrap_or_else(|| panic!("`{module}` stands in no band: add it to tests/it/layers.rs"))
}

/// Every `crate::module` that a source file names outside its tests.
fn names(source: &str) -> Vec<String> {
    let code: String = source
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or(source)
        .lines()
        .map(|line| line.split("//").next().unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            // The first name of each element at depth one.
            let (mut depth, mut element) = (0, String::new());
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        found.push(std::mem::take(&mut element));
                        continue;
                    }
                    _ => {}
                }
                element.push(c);
            }
            found.push(element);
        } else {
            found.push(rest.to_owned());
        }
    }
    found
        .into_iter()
        .map(|path| {
            path.trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect::<String>()
        })
        .filter(|name| name.chars().next().is_some_and(char::is_lowercase))
        .collect()
}

fn sources(folder: &Path, module: &str, found: &mut BTreeMap<String, Vec<(String, String)>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, module, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_stem().unwrap() != "tests"
        {
            let text = fs::read_to_string(&path).unwrap();
            found
                .entry(module.to_owned())
                .or_default()
                .push((path.display().to_string(), text));
        }
    }
}

#[test]
fn imports_point_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = BTreeMap::new();
    for entry in fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // Crates of their own are held to their layer by Cargo.
        if ["lib", "main"].contains(&name.as_str()) || path.join("Cargo.toml").exists() {
            continue;
        }
        if path.is_dir() {
            sources(&path, &name, &mut modules);
        } else {
            modules.entry(name).or_default().push((
                path.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            ));
        }
    }
    let (mut wrong, mut arrows) = (Vec::new(), 0);
    for (module, files) in &modules {
        let band = band_of(module);
        for (file, text) in files {
            for other in names(text) {
                if other == *module {
                    continue;
                }
                arrows += 1;
                let below = band_of(&other);
                if below < band || (below == band && !OPEN.contains(&BANDS[band].0)) {
                    wrong.push(format!(
                        "{file}: `{module}` ({}) uses `{other}` ({})",
                        BANDS[band].0, BANDS[below].0
                    ));
                }
            }
        }
    }
    assert!(arrows > 20, "the test reads no imports: {arrows}");
    assert!(
        wrong.is_empty(),
        "imports that do not point down:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn grouped_and_single_imports_are_read() {
    let source = "use crate::{\n    access::{Access, Permit},\n    store,\n};\nfn f() { crate::guard::x(); } // crate::cli\n";
    assert_eq!(names(source), ["access", "store", "guard"]);
}

/// What is done in one place alone, so that it is done in one way: what the code says, and the file that may say it.
const ONE_PLACE: [(&str, &str); 6] = [
    ("TimeZone::get(", "src/ground/zones.rs"),
    ("tz::db()", "src/ground/zones.rs"),
    ("TimeZone::system(", "src/ground/zones.rs"),
    ("fs::read_to_string(", "src/ground/text_file.rs"),
    ("io::stdout()", "src/cli/output.rs"),
    ("println!(", "src/cli/output.rs"),
];
/// Who may do it too, and why.
const ELSEWHERE: [(&str, &str); 2] = [
    // The kernel's own name of the machine.
    ("src/audit/forward/syslog.rs", "fs::read_to_string("),
    // Asks whether it is a terminal, and writes nothing.
    ("src/cli/mod.rs", "io::stdout()"),
];

#[test]
fn zones_texts_and_the_output_are_made_in_one_place_each() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = BTreeMap::new();
    sources(&root.join("src"), "all", &mut files);
    let mut wrong = Vec::new();
    for (path, text) in &files["all"] {
        let path = path.strip_prefix(root.to_str().unwrap()).unwrap();
        let path = path.trim_start_matches('/');
        // Whole files of tests are left out; so are the tests within a file.
        if path.contains("/tests/")
            || ["matrix", "testing", "training", "live", "judged"]
                .iter()
                .any(|name| path.contains(name))
        {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod").next().unwrap_or(text);
        for (said, place) in ONE_PLACE {
            let lines = code.lines().filter(|line| {
                let line = line.trim_start();
                !line.starts_with("//") && line.replace("eprintln!(", "").contains(said)
            });
            if path != place && !ELSEWHERE.contains(&(path, said)) {
                wrong.extend(lines.map(|line| format!("{path}: {}", line.trim())));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
