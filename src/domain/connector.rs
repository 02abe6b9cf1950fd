//! A connector: one isolated MCP server in front of one source system.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ids::ConnectorId, secrets::SecretRef};

/// A connector as an admin defines it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Connector {
    /// What briefings and grants name it by.
    pub id: ConnectorId,
    /// What readers call the source: "Order database", "Jira".
    pub title: String,
    #[serde(flatten)]
    pub launch: Launch,
    /// Pattern (`*` stands for any run of characters) → class. A tool that no pattern names is not callable. What the
    /// server says about its own tools decides nothing. Without any, its tools can be listed and not called.
    #[serde(default)]
    pub tools: BTreeMap<String, ToolClass>,
    /// Its bounds.
    #[serde(default)]
    pub limits: ConnectorLimits,
    /// Answers of this connector may be shown to local models only.
    #[serde(default)]
    pub local_only: bool,
    /// Models that are not local see kinds and comparisons of its values, never the values.
    #[serde(default)]
    pub blind: bool,
    /// Hosts that a link into this source may have.
    #[serde(default)]
    pub link_hosts: Vec<String>,
    /// Column → address of the record that a row of it names, `{}` standing for the value. Its host is one of `link_hosts`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
    /// Its questions leave the company (a web search). In an answer it is not asked after another source was read, so that
    /// what was read cannot leave as a question.
    #[serde(default)]
    pub outside: bool,
    /// Patterns of its actions whose arguments may hold characters that nobody sees, such as joiners and marks of direction,
    /// which some scripts need. Other proposals that hold one are refused. Whoever decides sees them by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden_characters: Vec<String>,
}

/// How the server is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Launch {
    /// A child process that speaks MCP on its standard input and output.
    Process {
        /// Program and arguments; never a shell line. `daybrief` alone names this program itself.
        command: Vec<String>,
        /// Its environment: a text, or `{ secret = "env:NAME" }`. It gets nothing else of Daybrief's own.
        #[serde(default)]
        env: BTreeMap<String, EnvValue>,
        /// The folder that it starts in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<String>,
    },
    /// A server that speaks MCP over streamable HTTP.
    Http {
        /// Where it answers: https, or http on this machine.
        url: String,
        /// Sent with each request: a text, or `{ secret = "env:NAME", prefix = "Bearer " }`.
        #[serde(default)]
        headers: BTreeMap<String, EnvValue>,
        /// How a token for the server is had (OAuth); without it the headers are all that is sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        auth: Option<Auth>,
    },
}

/// How Daybrief gets a token for a server (OAuth 2.1, MCP authorization 2025-11-25).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Auth {
    /// Daybrief is a client of its own and shows a secret: no person takes part.
    ClientCredentials {
        /// The id under which Daybrief is known there.
        client_id: String,
        /// The client's secret.
        client_secret: SecretAt,
        /// What to ask for; without any, what the server names.
        #[serde(default)]
        scopes: Vec<String>,
        /// The token endpoint, where the server does not say where it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_url: Option<String>,
        /// The authorization server by its issuer, where the server's own word is not to be taken or where it is not at a
        /// public address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
    },
    /// As client credentials, but Daybrief signs with a private key and shows no secret (RFC 7523).
    PrivateKey {
        /// The id under which Daybrief is known there.
        client_id: String,
        /// A P-256 key in PKCS#8, as PEM or as its base64 on one line; it signs with ES256.
        private_key: SecretAt,
        /// What to ask for; without any, what the server names.
        #[serde(default)]
        scopes: Vec<String>,
        /// The token endpoint, where the server does not say where it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_url: Option<String>,
        /// The authorization server by its issuer, where the server's own word is not to be taken or where it is not at a
        /// public address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
    },
    /// A person signs in once (`daybrief connector sign-in`); Daybrief renews the token from then on.
    AuthorizationCode {
        /// The id under which Daybrief is known there, or the https address of its client metadata document. Without
        /// it Daybrief registers itself (RFC 7591).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_id: Option<String>,
        /// The client's secret, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_secret: Option<SecretAt>,
        /// What to ask for; without any, what the server names.
        #[serde(default)]
        scopes: Vec<String>,
        /// The authorization server by its issuer, where the server's own word is not to be taken or where it is not at a
        /// public address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
    },
}

impl Auth {
    /// The scopes that the settings ask for.
    pub fn scopes(&self) -> &[String] {
        match self {
            Self::ClientCredentials { scopes, .. }
            | Self::PrivateKey { scopes, .. }
            | Self::AuthorizationCode { scopes, .. } => scopes,
        }
    }

    /// The authorization server, where the settings name it.
    pub fn issuer(&self) -> Option<&str> {
        match self {
            Self::ClientCredentials { issuer, .. }
            | Self::PrivateKey { issuer, .. }
            | Self::AuthorizationCode { issuer, .. } => issuer.as_deref(),
        }
    }

    /// The token endpoint, where the settings name one.
    pub fn token_url(&self) -> Option<&str> {
        match self {
            Self::ClientCredentials { token_url, .. } | Self::PrivateKey { token_url, .. } => {
                token_url.as_deref()
            }
            Self::AuthorizationCode { .. } => None,
        }
    }

    /// Does a person have to sign in?
    pub fn needs_sign_in(&self) -> bool {
        matches!(self, Self::AuthorizationCode { .. })
    }
}

/// A value that is only ever named by where it is: `{ secret = "store:jira-client" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretAt {
    /// Where the secret is.
    pub secret: SecretRef,
}

/// A plain value, or a reference to a secret: `{ secret = "env:JIRA_TOKEN" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum EnvValue {
    Plain(String),
    Secret {
        /// Where the secret is.
        secret: SecretRef,
        /// Stands before the secret, such as `Bearer `.
        #[serde(default)]
        prefix: String,
    },
}

/// What a tool does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToolClass {
    Read,
    Action,
}

/// Bounds of one connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ConnectorLimits {
    /// Calls at once.
    #[schemars(range(min = 1))]
    pub concurrency: u16,
    /// One call, from asking to the last byte, in seconds.
    #[schemars(range(min = 1))]
    pub timeout_seconds: u32,
    /// From launch to the end of the MCP handshake, in seconds.
    #[schemars(range(min = 1))]
    pub start_timeout_seconds: u32,
    /// The largest answer, in bytes.
    #[schemars(range(min = 1))]
    pub max_bytes: u32,
    /// A process without a call for this long is ended, in seconds.
    #[schemars(range(min = 1))]
    pub idle_stop_seconds: u32,
}

impl Default for ConnectorLimits {
    fn default() -> Self {
        Self {
            concurrency: 4,
            timeout_seconds: 30,
            start_timeout_seconds: 20,
            max_bytes: 4 * 1024 * 1024,
            idle_stop_seconds: 300,
        }
    }
}

impl Connector {
    /// Returns whether arguments of this tool may hold characters that nobody sees.
    pub fn may_hide(&self, tool: &str) -> bool {
        let mut patterns = self.hidden_characters.iter();
        patterns.any(|pattern| matches_pattern(pattern, tool))
    }

    /// The class of a tool: the most specific pattern (longest without its stars) wins, `action` on a tie.
    /// Nothing where no pattern names it.
    pub fn class_of(&self, tool: &str) -> Option<ToolClass> {
        self.tools
            .iter()
            .filter(|(pattern, _)| matches_pattern(pattern, tool))
            .max_by_key(|(pattern, class)| {
                (
                    pattern.chars().filter(|c| *c != '*').count(),
                    **class == ToolClass::Action,
                )
            })
            .map(|(_, class)| *class)
    }
}

/// Does `text` fit `pattern`, in which `*` stands for any run of characters, also none? Linear time.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    // Most patterns of a role are about other tools: one end tells.
    let (pattern_ends, text_ends) = (ends(pattern), ends(text));
    if (pattern_ends.0 != Some(b'*') && pattern_ends.0 != text_ends.0)
        || (pattern_ends.1 != Some(b'*') && pattern_ends.1 != text_ends.1)
    {
        return false;
    }
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest
        .rsplit_once('*')
        .map_or(("", rest), |(middle, last)| (middle, last));
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        match text.find(part).and_then(|at| text.get(at + part.len()..)) {
            Some(after) => text = after,
            None => return false,
        }
    }
    text.ends_with(last)
}

/// The first and the last byte.
fn ends(text: &str) -> (Option<u8>, Option<u8>) {
    let bytes = text.as_bytes();
    (bytes.first().copied(), bytes.last().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_had_by_a_clients_secret_its_key_or_a_person() {
        let auth = |text: &str| {
            let text = format!(
                "id = 'c'\ntitle = 'C'\nurl = 'https://c.example/mcp'\nauth = {text}\n[tools]"
            );
            toml::from_str::<Connector>(&text).map(|connector| match connector.launch {
                Launch::Http { auth, .. } => auth,
                Launch::Process { .. } => None,
            })
        };
        let client = auth(
            "{ kind = 'client-credentials', client_id = 'd', client_secret = { secret = 'env:X' } }",
        );
        assert!(
            matches!(client, Ok(Some(Auth::ClientCredentials { .. }))),
            "{client:?}"
        );
        let key = auth(
            "{ kind = 'private-key', client_id = 'd', private_key = { secret = 'file:/k' }, scopes = ['a'] }",
        );
        assert_eq!(key.unwrap().unwrap().scopes(), ["a"]);
        let person = auth("{ kind = 'authorization-code' }");
        assert!(person.unwrap().unwrap().needs_sign_in());
        assert!(auth("{ kind = 'password' }").is_err());
        assert!(
            auth("{ kind = 'client-credentials', client_id = 'd', client_secret = 'hunter2' }")
                .is_err()
        );
    }

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, text, expected) in [
            ("query", "query", true),
            ("query", "query2", false),
            ("*", "anything", true),
            ("jira_*", "jira_search", true),
            ("jira_*", "xjira_search", false),
            ("*_get_*", "jira_get_issue", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a", "", false),
            ("*a", "ba", true),
            ("*a", "ab", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), expected, "{pattern} {text}");
        }
    }
}
