//! `daybrief secret`: secrets in the store. A value is read from standard input or a prompt, never from the command line,
//! where every user of the machine could see it.

use std::{
    io::{IsTerminal, Read},
    path::Path,
};

use clap::Subcommand;
use secrecy::SecretString;
use serde_json::json;

use super::{one, open, print, print_json};
use crate::{
    app::App,
    audit::{Act, Entry, Outcome},
    error::{Problem, Problems},
    secrets::vault,
    text_file,
};

/// The longest secret, in bytes: longer than any key or certificate.
const LONGEST_BYTES: u64 = 64 * 1024;

/// `secret …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sets a secret to what standard input has; objects name it `store:NAME`.
    Set { name: String },
    /// The names of all secrets.
    List,
    /// Removes a secret.
    Delete { name: String },
    /// Seals every secret anew under the present key. The key before must stand among `old_keys` meanwhile.
    Rotate,
}

/// Runs `secret …`.
pub async fn run(command: Command, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    let done = match command {
        Command::Set { name } => set(&app, &checked(name)?).await?,
        Command::List => {
            let names = names(&app).await?;
            if json {
                print_json(&json!({ "secrets": names }));
            } else {
                names.iter().for_each(|name| print(name));
            }
            return Ok(0);
        }
        Command::Delete { name } => delete(&app, &checked(name)?).await?,
        Command::Rotate => rotate(&app).await?,
    };
    if json {
        print_json(&json!({ "done": done }));
    } else {
        print(&done);
    }
    Ok(0)
}

fn checked(name: String) -> Result<String, Problems> {
    if vault::is_name(&name) {
        return Ok(name);
    }
    Err(one(Problem::new("bad-name", "this is no name of a secret")
        .advise(
            "use 1 to 80 letters, digits, '-', '_', '.', beginning with a letter or digit",
        )))
}

async fn names(app: &App) -> Result<Vec<String>, Problems> {
    let names = app
        .parts
        .store
        .secrets()
        .names()
        .await
        .map_err(|error| one(error.into()))?;
    // The store's own begin with a dot.
    Ok(names
        .into_iter()
        .filter(|name| !name.starts_with('.'))
        .collect())
}

async fn note(app: &App, name: &str, what: &str) -> Result<(), Problems> {
    let entry = Entry {
        at: app.parts.clock.now(),
        act: Act::SecretChange,
        user: None,
        role: None,
        surface: "cli".to_owned(),
        on: name.to_owned(),
        outcome: Outcome::Allowed,
        why: String::new(),
        detail: what.to_owned(),
    };
    app.parts
        .audit
        .write(&[entry])
        .await
        .map(|_| ())
        .map_err(|error| one(error.into()))
}

async fn set(app: &App, name: &str) -> Result<String, Problems> {
    let value = read_value()?;
    let sealed = app
        .secrets
        .vault()
        .seal(name, &value)
        .map_err(|error| one(Problem::new("seal", error.to_string())))?;
    note(app, name, "set").await?;
    app.parts
        .store
        .secrets()
        .put(name, &sealed)
        .await
        .map_err(|error| one(error.into()))?;
    Ok(format!("{name} is set: name it `store:{name}`"))
}

async fn delete(app: &App, name: &str) -> Result<String, Problems> {
    note(app, name, "delete").await?;
    let there = app
        .parts
        .store
        .secrets()
        .delete(name)
        .await
        .map_err(|error| one(error.into()))?;
    if there {
        return Ok(format!("{name} is gone"));
    }
    Err(one(Problem::new(
        "unknown-secret",
        format!("there is no secret `{name}`"),
    )))
}

/// Opens each secret with whichever key it is under and seals it with the present one.
async fn rotate(app: &App) -> Result<String, Problems> {
    let secrets = app.parts.store.secrets();
    let all = secrets.names().await.map_err(|error| one(error.into()))?;
    let mut sealed_anew = 0;
    note(app, "all", "rotate").await?;
    for name in all {
        let found = secrets
            .get(&name)
            .await
            .map_err(|error| one(error.into()))?;
        let Some(sealed) = found.filter(|sealed| !app.secrets.vault().is_current(sealed)) else {
            continue;
        };
        let problem = |error: crate::secrets::vault::VaultError| {
            one(Problem::new("seal", format!("{name}: {error}"))
                .advise("name the key before among [secrets] old_keys"))
        };
        let value = app.secrets.vault().open(&name, &sealed).map_err(problem)?;
        let anew = app.secrets.vault().seal(&name, &value).map_err(problem)?;
        secrets
            .put(&name, &anew)
            .await
            .map_err(|error| one(error.into()))?;
        sealed_anew += 1;
    }
    Ok(format!(
        "{sealed_anew} secrets sealed anew; the old key is no longer needed"
    ))
}

fn read_value() -> Result<SecretString, Problems> {
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        super::to_stderr("Type or paste the value, then press Enter and Ctrl-D:");
    }
    let mut bytes = Vec::new();
    stdin
        .by_ref()
        .take(LONGEST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| one(Problem::new("input", format!("cannot be read: {error}"))))?;
    let is_too_long = bytes.len() as u64 > LONGEST_BYTES;
    let text =
        text_file::decode(bytes).map_err(|_| one(Problem::new("input", "is no text in UTF-8")))?;
    let value = text.trim_end_matches(['\r', '\n']);
    if value.is_empty() || is_too_long {
        return Err(one(Problem::new(
            "input",
            format!("a secret is 1 to {LONGEST_BYTES} bytes"),
        )
        .advise(
            "give the value on standard input: `printf %s \"$TOKEN\" | daybrief secret set NAME`",
        )));
    }
    Ok(SecretString::from(value.to_owned()))
}
