//! Why a call gave no answer, and a server's own words made fit to be shown.

use secrecy::{ExposeSecret, SecretString};

use crate::{domain::finding::GapCause, ids::ConnectorId};

/// The most characters of a server's own text that reach an admin.
pub const SERVER_WORD_CHARS: usize = 200;

/// The shortest secret that is struck out of a server's words; a shorter one would strike out ordinary text.
const SHORTEST_STRUCK_SECRET_BYTES: usize = 4;

/// What a server said of itself: hostile text, without control characters, at most [`SERVER_WORD_CHARS`] long.
/// For the admin; it never stands in a brief and is never said to a reader. In a turn a model is told why a tool refused
/// its call, as data like any other answer of the source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerWord(String);

impl ServerWord {
    /// The text on one line, cut. Each of `secrets` that occurs in it is struck out.
    pub fn new(text: &str, secrets: &[SecretString]) -> Self {
        // Made plain first: a character that hides within a secret must not save it from being struck.
        let mut visible = crate::text::visible(text);
        for secret in secrets {
            let secret = secret.expose_secret();
            if secret.len() >= SHORTEST_STRUCK_SECRET_BYTES {
                visible = visible.replace(secret, "***");
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
    #[error("not ready within {seconds} s of its start; {word}")]
    StartTimeout { seconds: u32, word: ServerWord },
    /// The settings are such that it cannot be started or reached: a program or folder that is not there, a bad URL.
    #[error("{what}")]
    Launch { what: String },
    #[error("the connection could not be made; {word}")]
    Unreachable { word: ServerWord },
    #[error("the server ended or closed the connection; {word}")]
    Ended { word: ServerWord },
    #[error("failed {failures} times, next attempt in {seconds} s; last: {last}")]
    BackingOff {
        failures: u32,
        seconds: u64,
        last: String,
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
            Self::Shape { .. } => GapCause::Shape,
            Self::UnknownConnector(_)
            | Self::QueueFull { .. }
            | Self::Launch { .. }
            | Self::Unreachable { .. }
            | Self::Ended { .. }
            | Self::BackingOff { .. }
            | Self::Secret { .. }
            | Self::Token { .. }
            | Self::Pins { .. }
            | Self::Stopping => GapCause::Unreachable,
        }
    }

    /// One word for logs and metrics; holds nothing that a server said.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownConnector(_) => "unknown-connector",
            Self::NotAllowed { .. } => "not-allowed",
            Self::UnknownTool { .. } => "unknown-tool",
            Self::ToolChanged { .. } => "tool-changed",
            Self::Timeout { .. } => "timeout",
            Self::Busy { .. } => "busy",
            Self::QueueFull { .. } => "queue-full",
            Self::StartTimeout { .. } => "start-timeout",
            Self::Launch { .. } => "launch",
            Self::Unreachable { .. } => "unreachable",
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
}
