//! Secrets: where they are, never what they are. A [`SecretRef`] stands in settings; the value lives in a
//! [`SecretString`](secrecy::SecretString), which does not print.

pub mod vault;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::text_file::{self, NoText};

/// Where a secret is: `env:NAME`, `file:PATH` (its first line) or `store:NAME` (this instance's own, encrypted).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("format" = "secret-reference"))]
pub enum SecretRef {
    Env(String),
    File(std::path::PathBuf),
    Store(String),
}

/// The text names no place of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret is named by where it is: `env:NAME`, `file:/path` or `store:name` (a value in clear is not taken here)"
)]
pub struct BadSecretRef;

impl TryFrom<String> for SecretRef {
    type Error = BadSecretRef;
    fn try_from(text: String) -> Result<Self, BadSecretRef> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("store", name)) if vault::is_name(name) => Ok(Self::Store(name.to_owned())),
            _ => Err(BadSecretRef),
        }
    }
}

impl std::str::FromStr for SecretRef {
    type Err = BadSecretRef;
    fn from_str(text: &str) -> Result<Self, BadSecretRef> {
        Self::try_from(text.to_owned())
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> String {
        reference.to_string()
    }
}

impl std::fmt::Display for SecretRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Store(name) => write!(f, "store:{name}"),
        }
    }
}

impl SecretRef {
    /// What to do where it cannot be had.
    pub fn advice(&self) -> String {
        match self {
            Self::Env(name) => format!(
                "set `{name}` where `daybrief` is started (for a service: in its unit or container), then start it anew"
            ),
            Self::File(_) => {
                "put the secret into the file's first line, and let the account that runs `daybrief` read it".to_owned()
            }
            Self::Store(name) => format!("set it with `daybrief secret set {name}`"),
        }
    }
}

/// True where every account of the machine may read or change a file.
pub fn is_open_to_all(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path)
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o006 != 0)
}

/// Returns a secret of the environment or of a file, or why there is none: the first line without the white space around it,
/// since editors and `echo` end a file with a line, and a secret has none but for a key in PEM.
pub fn local(reference: &SecretRef) -> Result<SecretString, String> {
    let text = match reference {
        SecretRef::Env(name) => match std::env::var(name) {
            Ok(text) => text,
            Err(std::env::VarError::NotPresent) => return Err("is not set".to_owned()),
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err("is not written in UTF-8".to_owned());
            }
        },
        // What else it says could quote the secret.
        SecretRef::File(path) => text_file::read(path).map_err(|error| match error {
            NoText::Io(error) => format!("cannot be read: {error}"),
            NoText::OtherEncoding { .. } => "is not written in UTF-8".to_owned(),
            error => error.to_string(),
        })?,
        SecretRef::Store(_) => return Err("is in the store of an instance".to_owned()),
    };
    let secret = secret_in(&text);
    if secret.is_empty() {
        return Err(match reference {
            SecretRef::File(_) => "is empty: its first line has nothing in it".to_owned(),
            _ => "is empty".to_owned(),
        });
    }
    Ok(SecretString::from(secret.to_owned()))
}

/// The first line; a key in PEM is all of its lines.
fn secret_in(text: &str) -> &str {
    let around = |c: char| c.is_whitespace() || c == '\0' || c == '\u{feff}';
    let whole = text.trim_matches(around);
    if whole.starts_with("-----BEGIN ") {
        return whole;
    }
    // An empty first line is an empty secret, not the second line.
    text.lines().next().unwrap_or_default().trim_matches(around)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_secret_in_a_file_is_its_first_line_however_the_file_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let reference = SecretRef::File(path.clone());
        for bytes in [
            &b"hunter2"[..],
            b"hunter2\n",
            b"hunter2\r\n",
            b"\xEF\xBB\xBFhunter2 \nsecond line\n",
            b"hunter2\n\0",
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(local(&reference).unwrap().expose_secret(), "hunter2");
        }
        let pem = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----";
        std::fs::write(&path, format!("{pem}\r\n")).unwrap();
        assert_eq!(local(&reference).unwrap().expose_secret(), pem);
        for (bytes, told) in [
            (&b""[..], "is empty"),
            (b"\n", "is empty"),
            (b"h\xFCnter2\n", "not written in UTF-8"),
            (b"\xFF\xFEh\0", "UTF-16"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let why = local(&reference).unwrap_err();
            assert!(why.contains(told) && !why.contains("FC"), "{why}");
        }
    }
}
