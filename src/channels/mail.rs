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
use crate::mail_address::ascii_domain;

/// The mail to this address. `id` is the delivery's: it names the mail to all who ask about it.
pub(super) fn build(
    from: &Mailbox,
    to: Address,
    id: &str,
    at: Timestamp,
    message: EmailMessage,
) -> Result<Message, ChannelError> {
    // Where no mail server would know the domain it stands as it is.
    let domain =
        ascii_domain(from.email.domain()).unwrap_or_else(|| from.email.domain().to_owned());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_mail_begins_a_header() {
        let evil = "Größe\r\nBcc: evil@example.com";
        let message = EmailMessage {
            to_name: Some(evil.to_owned()),
            subject: evil.to_owned(),
            text: "plain".to_owned(),
            html: "<p>rich</p>".to_owned(),
            list: evil.to_owned(),
            language: evil.to_owned(),
        };
        let from = "Daybrief <daybrief@acme.example>".parse().unwrap();
        let to = Address::new("mara", "acme.example").unwrap();
        let mail = build(&from, to, "d1", Timestamp::UNIX_EPOCH, message).unwrap();
        let text = String::from_utf8(mail.formatted()).unwrap();
        let headers = text.split("\r\n\r\n").next().unwrap();
        assert!(
            headers
                .lines()
                .all(|line| !line.to_lowercase().starts_with("bcc")),
            "{headers}"
        );
        assert!(headers.contains("<mara@acme.example>"));
        assert_eq!(mail.envelope().to().len(), 1);
    }
}
