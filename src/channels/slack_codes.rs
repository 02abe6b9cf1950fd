//! What Slack's error codes mean for a delivery (docs.slack.dev, `chat.postMessage`, "Errors").

use std::time::Duration;

use super::ChannelError;

/// How long to wait where Slack says "too many" without saying how long.
const RATE_LIMIT_DEFAULT_SECONDS: u64 = 30;

/// The error of a call that Slack answered with `ok: false`.
pub(super) fn error_of(code: &str) -> ChannelError {
    match code {
        // "It's possible some aspect of the operation succeeded before the error was raised."
        "internal_error" | "fatal_error" => ChannelError::unclear(format!("Slack: {code}")),
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => rate_limited(None),
        "accesslimited" | "request_timeout" | "service_unavailable" | "team_added_to_org" => {
            ChannelError::later(format!("Slack: {code}"))
        }
        _ => ChannelError::never(match advice(code) {
            Some(advice) => format!("Slack: {code}: {advice}"),
            None => format!("Slack: {code}"),
        }),
    }
}

/// Slack asks to wait.
pub(super) fn rate_limited(after: Option<Duration>) -> ChannelError {
    ChannelError::Later {
        what: "Slack asks to wait".to_owned(),
        after: Some(after.unwrap_or(Duration::from_secs(RATE_LIMIT_DEFAULT_SECONDS))),
    }
}

/// What a person does about it.
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "not_in_channel" => "invite the app to the channel",
        "channel_not_found" => "the channel does not exist or the app was not invited to it",
        "user_not_found" | "users_not_found" | "user_disabled" => {
            "the member id (U…) names nobody who can be written to"
        }
        "is_archived" => "the channel is archived",
        "missing_scope" => "install the app again with the scopes of bots/slack/manifest.yaml",
        "invalid_auth" | "not_authed" | "token_expired" | "token_revoked" | "account_inactive" => {
            "set a valid bot token"
        }
        "restricted_action" | "restricted_action_read_only_channel" => {
            "a setting of the workspace keeps the app from posting there"
        }
        _ => return None,
    })
}

/// Did Slack refuse the blocks, and would take the text without them?
pub(super) fn refuses_blocks(code: &str) -> bool {
    matches!(
        code,
        "msg_blocks_too_long" | "invalid_blocks" | "invalid_blocks_format" | "msg_too_long"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_whether_to_try_again() {
        for code in ["service_unavailable", "ratelimited", "request_timeout"] {
            assert!(
                matches!(error_of(code), ChannelError::Later { .. }),
                "{code}"
            );
        }
        for code in [
            "channel_not_found",
            "invalid_auth",
            "no_text",
            "something_new",
        ] {
            assert!(
                matches!(error_of(code), ChannelError::Never { .. }),
                "{code}"
            );
        }
        for code in ["internal_error", "fatal_error"] {
            assert!(
                matches!(error_of(code), ChannelError::Unclear { .. }),
                "{code}"
            );
        }
    }
}
