//! A real language model, small enough for every machine, chooses in a brief: what it chose is kept or struck, and told.

use std::{fs, process::Command};

use serde_json::Value;

use crate::peer;

/// The sample company's instance with the model at this address; its settings.
pub fn instance_with_model_at(folder: &std::path::Path, url: &str) -> std::path::PathBuf {
    let laid_out = Command::new(env!("CARGO_BIN_EXE_daybrief"))
        .args(["demo", "--json", "--out"])
        .arg(folder)
        .output()
        .unwrap();
    assert!(laid_out.status.success(), "{laid_out:?}");
    let settings = folder.join("daybrief.toml");
    let mut text = fs::read_to_string(&settings).unwrap();
    text.push_str(&format!(
        "[wording]\nroute = [\"local\"]\n[[model]]\nid = \"local\"\nkind = \"openai\"\nbase_url = \"{url}/v1\"\n\
         model = \"smollm2\"\nlocal = true\ncontext_tokens = 8192\nfirst_token_timeout_seconds = 240\ntimeout_seconds = 400\n"
    ));
    fs::write(&settings, text).unwrap();
    settings
}

#[test]
fn a_real_local_model_chooses_in_the_brief_and_the_report_says_what_was_kept() {
    let Some(url) = peer("DAYBRIEF_TEST_LLAMA") else {
        return;
    };
    let _alone = crate::MODEL.blocking_lock();
    let folder = tempfile::tempdir().unwrap();
    let settings = instance_with_model_at(folder.path(), &url);
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_daybrief"))
            .arg("--config")
            .arg(&settings)
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["apply", "--yes"]);
    let brief: Value = serde_json::from_str(&run(&["run", "vp-sales-morning", "--json"])).unwrap();
    assert_eq!(brief["edition"]["model"], "local", "{}", brief["edition"]);
    let grounding = &brief["grounding"];
    let count = |name: &str| grounding[name].as_u64().unwrap();
    // Each choice is kept, or struck and told; so small a model may choose none, or the same twice.
    let struck = grounding["struck"].as_array().unwrap();
    if struck.iter().any(|struck| struck["place"] == "brief") {
        assert_eq!(count("kept"), 0, "the brief stands as it was: {grounding}");
    } else {
        let struck = struck.len() as u64;
        assert_eq!(count("kept") + struck, count("written"), "{grounding}");
    }
    println!("{grounding} {}", brief["bottom_line"]);
    // The figures are those of the same brief without a model.
    let headline = |brief: &Value| brief["decide"][0]["headline"].to_string();
    assert!(headline(&brief).contains("Hartmann Logistics"), "{brief}");
}
