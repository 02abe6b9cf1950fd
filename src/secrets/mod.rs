//! Secrets: where they are, never what they are. A [`SecretRef`] stands in settings; the value lives in a
//! [`SecretString`](secrecy::SecretString), which does not print.

pub mod vault;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
            Some(("store", name)) if !name.is_empty() => Ok(Self::Store(name.to_owned())),
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
