//! The mail of a brief as it is on the way (RFC 5322, MIME): what a server is given and what a folder keeps are the same.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::{
    Address,
    message::{
        Mailbox, Message, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};

use super::{ChannelError, EmailMessage};

/// The mail to this address. `id` is the delivery's: it names the mail to all who ask about it.
pub(super) fn build(
    from: &Mailbox,
    to: Address,
    id: &str,
    at: Timestamp,
    message: EmailMessage,
) -> Result<Message, ChannelError> {
    let domain = from.email.domain();
    let header = |name: &'static str, value: String| {
        HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
    };
    let name = message
        .to_name
        .map(|name| one_line(&name))
        .filter(|name| !name.trim().is_empty());
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(name, to))
        .subject(one_line(&message.subject))
        .date(system_time(at))
        .message_id(Some(format!("<db.{id}@{domain}>")))
        // RFC 2919: the list's name, and the domain that it is unique in.
        .raw_header(header(
            "List-Id",
            format!("<{}.{domain}>", label(&message.list)),
        ))
        // RFC 3834: no answering machine answers.
        .raw_header(header("Auto-Submitted", "auto-generated".to_owned()))
        .raw_header(header("Content-Language", label(&message.language)))
        .raw_header(header("X-Daybrief-Delivery", id.to_owned()))
        .multipart(
            MultiPart::alternative()
                .singlepart(
                    SinglePart::builder()
                        .header(ContentType::TEXT_PLAIN)
                        .body(message.text),
                )
                .singlepart(
                    SinglePart::builder()
                        .header(ContentType::TEXT_HTML)
                        .body(message.html),
                ),
        )
        .map_err(|error| ChannelError::never(format!("the mail cannot be built: {error}")))
}

/// The instant in the form that the mail builder takes; to the second, as a `Date` header has it.
fn system_time(instant: Timestamp) -> SystemTime {
    let seconds = u64::try_from(instant.as_second()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The text on one line, so that it cannot begin another header.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// What may stand in a header's token: the rest is left out.
fn label(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .collect()
}
