//! Why a call gave no answer, and a server's own words made fit to be shown.

use std::sync::LazyLock;

use regex::Regex;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    domain::finding::{GapCause, Hint},
    error::Problem,
    ids::ConnectorId,
};

/// The most characters of a server's own text that reach an admin.
pub const SERVER_WORD_CHARS: usize = 200;

/// The shortest secret that is struck out of a server's words; a shorter one would strike out ordinary text.
const SHORTEST_STRUCK_SECRET_BYTES: usize = 4;

/// What stands for a secret.
const STRUCK: &str = "***";

/// What only a credential can be, and what is left of it.
static CREDENTIALS: LazyLock<[(Option<Regex>, &str); 3]> = LazyLock::new(|| {
    [
        (Regex::new(r"://[^/?#@ \x22']*@").ok(), "://***@"),
        (
            Regex::new(r"(://[^?# \x22']*)\?[^# \x22']+").ok(),
            "${1}?***",
        ),
        // The schemes of RFC 6750 and 7617.
        (
            Regex::new(r"((?:[Bb]earer|[Bb]asic) )[A-Za-z0-9._~+/=-]{8,}").ok(),
            "${1}***",
        ),
    ]
});

/// A secret as it is, within an address, and within JSON.
fn forms(secret: &str) -> [String; 3] {
    let encoded = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let quoted = serde_json::Value::from(secret).to_string();
    let quoted = quoted.trim_matches('"').to_owned();
    [secret.to_owned(), encoded, quoted]
}

/// What a server said of itself: hostile text, without control characters, at most [`SERVER_WORD_CHARS`] long.
/// For the admin; it never stands in a brief and is never said to a reader. In a turn a model is told why a tool refused
/// its call, as data like any other answer of the source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerWord(String);

impl ServerWord {
    /// The text on one line, cut. Each of `secrets` that occurs in it is struck out, as it is or as an address or JSON has
    /// it; so is what only a credential can be: who signs in within an address, what follows its `?`, what an
    /// `Authorization` header bears.
    pub fn new(text: &str, secrets: &[SecretString]) -> Self {
        // Made plain first: a character that hides within a secret must not save it from being struck.
        let mut visible = crate::text::visible(text);
        for secret in secrets {
            for form in forms(secret.expose_secret()) {
                if form.len() >= SHORTEST_STRUCK_SECRET_BYTES {
                    visible = visible.replace(&form, STRUCK);
                }
            }
        }
        for (pattern, rest) in &*CREDENTIALS {
            if let Some(pattern) = pattern {
                visible = pattern.replace_all(&visible, *rest).into_owned();
            }
        }
        let words: Vec<&str> = visible.split_whitespace().collect();
        Self(words.join(" ").chars().take(SERVER_WORD_CHARS).collect())
    }

    /// The words themselves.
    pub(super) fn plain(&self) -> &str {
        &self.0
    }

    /// True where the server said nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Makes a server's texts fit to be shown: has the secrets that are struck out of them.
pub(super) struct Words(pub(super) Vec<SecretString>);

impl Words {
    pub(super) fn of(&self, text: &str) -> ServerWord {
        ServerWord::new(text, &self.0)
    }
}

impl std::fmt::Display for ServerWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            f.write_str("the server said nothing")
        } else {
            write!(f, "the server said: \"{}\"", self.0)
        }
    }
}

/// Why a call, or a look at the tools, gave no answer. The text is for the admin; a brief says [`CallError::cause`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    #[error("there is no connector `{0}`")]
    UnknownConnector(ConnectorId),
    /// The connector's own `tools` patterns give the tool another class than the permit, or none.
    #[error("the connector's `tools` no longer allow `{tool}` as the permit has it")]
    NotAllowed { tool: String },
    #[error("the server offers no tool `{tool}`")]
    UnknownTool { tool: String },
    /// The server describes the tool in a way that cannot be read.
    #[error("the server's description of `{tool}` cannot be read: {why}")]
    UnreadTool { tool: String, why: String },
    #[error(
        "the description of `{tool}` changed since it was accepted (now {hash}); an admin has to accept it"
    )]
    ToolChanged { tool: String, hash: String },
    #[error("no answer within {seconds} s")]
    Timeout { seconds: u32 },
    #[error("waited {seconds} s for a free turn")]
    Busy { seconds: u32 },
    #[error("more than {limit} calls wait for this connector")]
    QueueFull { limit: usize },
    #[error("not ready within {seconds} s of its start; {what}")]
    StartTimeout {
        seconds: u32,
        what: String,
        advice: &'static str,
    },
    /// The settings are such that it cannot be started or reached: a program or folder that is not there, a bad URL.
    #[error("{what}")]
    Launch { what: String, advice: String },
    /// No server was reached.
    #[error("{what}")]
    Unreachable { what: String, advice: String },
    /// Something answers over HTTP, and not with a message of MCP.
    #[error("{what}")]
    NoMcp { what: String, advice: &'static str },
    #[error("the server ended or closed the connection; {what}")]
    Ended { what: String, advice: &'static str },
    /// What our own server for databases says of what it serves.
    #[error("{}", plain(problems))]
    Own {
        cause: GapCause,
        problems: Vec<Problem>,
    },
    #[error("failed {failures} times, next attempt in {seconds} s; last: {last}")]
    BackingOff {
        failures: u32,
        seconds: u64,
        last: String,
        hint: Option<Hint>,
    },
    #[error("the answer is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: u32 },
    /// HTTP 401 or 403.
    #[error("the credential was refused; {word}")]
    Credential { word: ServerWord },
    /// The tool or the server answered with an error.
    #[error("the request was refused; {word}")]
    Refused { word: ServerWord },
    #[error("the answer breaks the protocol: {what}")]
    Shape { what: String },
    #[error("a secret is not available: {what}")]
    Secret { what: String },
    /// A person has to sign in, for the first time or again.
    #[error("{why}; sign in with `daybrief connector sign-in {connector}`")]
    SignIn { connector: ConnectorId, why: String },
    /// There is no token, and not because one was refused.
    #[error("no token for the server: {what}")]
    Token { what: String },
    #[error("the accepted tool descriptions could not be read or kept: {what}")]
    Pins { what: String },
    #[error("Daybrief is stopping")]
    Stopping,
}

impl CallError {
    /// The cause in the words that a brief has for it.
    pub fn cause(&self) -> GapCause {
        match self {
            Self::NotAllowed { .. } => GapCause::NotAllowed,
            Self::ToolChanged { .. } => GapCause::ToolChanged,
            Self::Timeout { .. } | Self::Busy { .. } | Self::StartTimeout { .. } => {
                GapCause::Timeout
            }
            Self::TooLarge { .. } => GapCause::TooLarge,
            Self::Credential { .. } | Self::SignIn { .. } => GapCause::Refused,
            Self::Refused { .. } | Self::UnknownTool { .. } => GapCause::Failed,
            Self::Shape { .. } | Self::UnreadTool { .. } => GapCause::Shape,
            Self::Own { cause, .. } => *cause,
            Self::UnknownConnector(_)
            | Self::QueueFull { .. }
            | Self::Launch { .. }
            | Self::Unreachable { .. }
            | Self::NoMcp { .. }
            | Self::Ended { .. }
            | Self::BackingOff { .. }
            | Self::Secret { .. }
            | Self::Token { .. }
            | Self::Pins { .. }
            | Self::Stopping => GapCause::Unreachable,
        }
    }

    /// The reason alone, the same for each call that meets it: of one that was not tried again yet, that of the last.
    pub fn why(&self) -> String {
        match self {
            Self::BackingOff { last, .. } if !last.is_empty() => last.clone(),
            other => other.to_string(),
        }
    }

    /// Where it comes from and what to do about it, where that is known; `is_process`: the server is a program that is
    /// started here.
    pub fn hint(&self, is_process: bool) -> Option<Hint> {
        let advice = match self {
            Self::BackingOff { hint, .. } => return hint.clone(),
            Self::Own { problems, .. } => return of_problems(problems),
            Self::StartTimeout { advice, .. }
            | Self::Ended { advice, .. }
            | Self::NoMcp { advice, .. } => (*advice).to_owned(),
            Self::Launch { advice, .. } | Self::Unreachable { advice, .. } => advice.clone(),
            Self::Secret { .. } => {
                "set it where `daybrief` is started, or correct the reference".to_owned()
            }
            Self::Credential { .. } if is_process => {
                "correct the credential that it is started with, or the rights that it has there"
                    .to_owned()
            }
            Self::Credential { .. } => {
                "correct the token in `headers`, or set up `auth` for a server that wants OAuth"
                    .to_owned()
            }
            _ => return None,
        };
        (!advice.is_empty()).then_some(Hint {
            place: None,
            advice: Some(advice),
        })
    }

    /// One word for logs and metrics; holds nothing that a server said.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownConnector(_) => "unknown-connector",
            Self::NotAllowed { .. } => "not-allowed",
            Self::UnknownTool { .. } => "unknown-tool",
            Self::UnreadTool { .. } => "unread-tool",
            Self::ToolChanged { .. } => "tool-changed",
            Self::Timeout { .. } => "timeout",
            Self::Busy { .. } => "busy",
            Self::QueueFull { .. } => "queue-full",
            Self::StartTimeout { .. } => "start-timeout",
            Self::Launch { .. } => "launch",
            Self::Unreachable { .. } => "unreachable",
            Self::NoMcp { .. } => "no-mcp",
            Self::Own { .. } => "database",
            Self::Ended { .. } => "ended",
            Self::BackingOff { .. } => "backing-off",
            Self::TooLarge { .. } => "too-large",
            Self::Credential { .. } => "credential",
            Self::Refused { .. } => "refused",
            Self::Shape { .. } => "shape",
            Self::Secret { .. } => "secret",
            Self::SignIn { .. } => "sign-in",
            Self::Token { .. } => "token",
            Self::Pins { .. } => "pins",
            Self::Stopping => "stopping",
        }
    }
}

/// What problems are, without where and what to do.
fn plain(problems: &[Problem]) -> String {
    let said: Vec<&str> = problems
        .iter()
        .map(|problem| problem.what.as_str())
        .collect();
    said.join("; ")
}

/// Where problems are, and what to do about them: each once.
fn of_problems(problems: &[Problem]) -> Option<Hint> {
    let each = |of: fn(&Problem) -> Option<&String>| {
        let mut texts: Vec<&str> = Vec::new();
        for text in problems.iter().filter_map(of) {
            if !texts.contains(&text.as_str()) {
                texts.push(text);
            }
        }
        (!texts.is_empty()).then(|| texts.join("; "))
    };
    let hint = Hint {
        place: each(|problem| problem.place.as_ref()),
        advice: each(|problem| problem.advice.as_ref()),
    };
    (hint != Hint::default()).then_some(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_are_one_cut_line_without_control_characters_or_secrets() {
        let secrets = [SecretString::from("hunter22"), SecretString::from("a")];
        let word = ServerWord::new(
            "bad\u{1b}[31m token\r\n hun\u{200b}ter22\u{202e} of a\u{200b}cme",
            &secrets,
        );
        assert_eq!(
            word.to_string(),
            "the server said: \"bad [31m token *** of acme\""
        );
        assert_eq!(
            ServerWord::new(&"x".repeat(1000), &[]).0.chars().count(),
            SERVER_WORD_CHARS
        );
        assert_eq!(ServerWord::default().to_string(), "the server said nothing");
    }

    #[test]
    fn what_only_a_credential_can_be_is_struck_in_every_form() {
        let secrets = [SecretString::from("p@ss/w\"rd")];
        for (said, told) in [
            ("password p@ss/w\"rd refused", "password *** refused"),
            ("at https://db/p%40ss%2Fw%22rd", "at https://db/***"),
            (r#"{"password":"p@ss/w\"rd"}"#, r#"{"password":"***"}"#),
            (
                "cannot connect to postgres://crm:hunter22@db.internal:5432/crm",
                "cannot connect to postgres://***@db.internal:5432/crm",
            ),
            (
                "GET https://api.example/v1/x?api_key=abc&q=1 failed",
                "GET https://api.example/v1/x?*** failed",
            ),
            (
                "Authorization: Bearer eyJhbGciOi.J9-_~ was refused",
                "Authorization: Bearer *** was refused",
            ),
            ("no such column: amountt", "no such column: amountt"),
        ] {
            assert_eq!(ServerWord::new(said, &secrets).0, told);
        }
    }
}
