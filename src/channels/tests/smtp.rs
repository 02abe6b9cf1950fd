use std::{sync::Arc, time::Duration};

use futures_util::TryStreamExt;
use mail_parser::{MessageParser, MimeHeaders};
use secrecy::SecretString;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use super::{super::*, fresh_delivery, peer};
use crate::{
    clock::{ManualClock, SystemClock},
    settings::{Email, EmailTls},
};

const MAILBOX: &str = "mara@acme.test";
/// How long a mail may take from the server's yes to the mailbox, in tenths of a second.
const ARRIVAL_MAX_TENTHS: usize = 100;

fn settings(server: &str, tls: EmailTls) -> Email {
    let (host, port) = server.rsplit_once(':').unwrap();
    Email {
        host: host.to_owned(),
        port: port.parse().unwrap(),
        tls,
        user: None,
        password: None,
        from: "Daybrief <daybrief@acme.test>".to_owned(),
        ca_file: None,
        timeout_seconds: 5,
    }
}

fn channel(settings: &Email, password: Option<&str>) -> SmtpChannel {
    let password = password.map(SecretString::from);
    SmtpChannel::new(settings, password.as_ref(), Arc::new(SystemClock)).unwrap()
}

fn to(address: &str) -> Address {
    Address::Email {
        to: address.to_owned(),
    }
}

fn message() -> Cleared<Message> {
    let long = "a line of more than nine hundred and ninety-eight bytes ".repeat(40);
    Cleared::for_test(Message::Email(EmailMessage {
        to_name: Some("Mára Keller\r\nBcc: evil@example.com".to_owned()),
        subject: "Größe zählt: 3 blockers\r\nBcc: evil@example.com — ✓".to_owned(),
        text: format!("BOTTOM LINE\nÄrger mit 4,1 %.\n.\n..dots\n{long}\n"),
        html: format!("<p>Ärger mit 4,1&nbsp;%.</p>\n.\n<p>{long}</p>"),
        list: "vp-engineering-morning".to_owned(),
        language: "de".to_owned(),
    }))
}

/// The settings of the real server: STARTTLS under a test authority, with a login.
fn real() -> Option<(Email, String, String)> {
    let server = peer("DAYBRIEF_TEST_SMTP")?;
    let login = peer("DAYBRIEF_TEST_SMTP_LOGIN")?;
    let imap = peer("DAYBRIEF_TEST_IMAP")?;
    let (user, password) = login.split_once(':').unwrap();
    let mut settings = settings(&server, EmailTls::Starttls);
    settings.user = Some(user.to_owned());
    settings.ca_file = Some(peer("DAYBRIEF_TEST_SMTP_CA")?.into());
    settings.timeout_seconds = 15;
    Some((settings, password.to_owned(), imap))
}

/// The raw mail of a delivery, once it is in the mailbox.
async fn read_back(imap: &str, password: &str, delivery: &DeliveryId) -> Vec<u8> {
    let stream = TcpStream::connect(imap).await.unwrap();
    let mut client = async_imap::Client::new(stream);
    client.read_response().await.unwrap().unwrap();
    let mut session = client
        .login(MAILBOX, password)
        .await
        .map_err(|(error, _)| error)
        .unwrap();
    for _ in 0..ARRIVAL_MAX_TENTHS {
        session.select("INBOX").await.unwrap();
        let found = session
            .search(format!("HEADER X-Daybrief-Delivery {delivery}"))
            .await
            .unwrap();
        assert!(found.len() <= 1, "delivered twice");
        if let Some(number) = found.into_iter().next() {
            let mails: Vec<_> = session
                .fetch(number.to_string(), "RFC822")
                .await
                .unwrap()
                .try_collect()
                .await
                .unwrap();
            let mail = mails[0].body().unwrap().to_vec();
            session.logout().await.unwrap();
            return mail;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the mail did not arrive");
}

#[tokio::test]
async fn a_mail_arrives_whole_with_its_headers_and_the_servers_word() {
    let Some((settings, password, imap)) = real() else {
        return;
    };
    let clock = ManualClock::at("2026-11-24T06:10:00Z".parse().unwrap());
    let secret = SecretString::from(password.clone());
    let channel = SmtpChannel::new(&settings, Some(&secret), Arc::new(clock)).unwrap();
    channel.check().await.unwrap();
    let delivery = fresh_delivery();
    let prepared = channel
        .prepare(&delivery, &to(MAILBOX), message())
        .await
        .unwrap();
    let receipt = prepared.commit().await.unwrap();
    assert!(
        receipt.reference.starts_with("250 2.0.0 Ok: queued as "),
        "{receipt:?}"
    );

    let raw = read_back(&imap, &password, &delivery).await;
    assert!(raw.is_ascii());
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert_eq!(
        mail.message_id(),
        Some(format!("db.{delivery}@acme.test").as_str())
    );
    assert_eq!(
        mail.subject(),
        Some("Größe zählt: 3 blockers  Bcc: evil@example.com — ✓")
    );
    assert!(mail.bcc().is_none());
    assert_eq!(
        mail.from().unwrap().first().unwrap().name(),
        Some("Daybrief")
    );
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some(MAILBOX));
    let header = |name: &'static str| mail.header_raw(name).map(str::trim);
    assert_eq!(header("Date"), Some("Tue, 24 Nov 2026 06:10:00 +0000"));
    assert_eq!(
        header("List-Id"),
        Some("<vp-engineering-morning.acme.test>")
    );
    assert_eq!(header("Auto-Submitted"), Some("auto-generated"));
    assert_eq!(header("Content-Language"), Some("de"));
    assert_eq!(header("X-Daybrief-Delivery"), Some(delivery.as_str()));
    assert!(mail.content_type().unwrap().is_multipart_alternative());
    let long = "a line of more than nine hundred and ninety-eight bytes ".repeat(40);
    let text = mail.body_text(0).unwrap().replace("\r\n", "\n");
    assert_eq!(
        text.trim_end(),
        format!("BOTTOM LINE\nÄrger mit 4,1 %.\n.\n..dots\n{long}").trim_end()
    );
    let html = mail.body_html(0).unwrap().replace("\r\n", "\n");
    assert!(html.contains("Ärger mit 4,1&nbsp;%.") && html.contains("</p>\n.\n<p>"));
    for line in raw.split(|byte| *byte == b'\n') {
        assert!(line.len() <= 998, "RFC 5322, section 2.1.1");
    }
}

#[tokio::test]
async fn a_mail_arrives_over_tls_from_the_first_byte() {
    let (Some((mut settings, password, imap)), Some(server)) =
        (real(), peer("DAYBRIEF_TEST_SMTPS"))
    else {
        return;
    };
    let (host, port) = server.rsplit_once(':').unwrap();
    settings.host = host.to_owned();
    settings.port = port.parse().unwrap();
    settings.tls = EmailTls::Implicit;
    let delivery = fresh_delivery();
    let prepared = channel(&settings, Some(&password))
        .prepare(&delivery, &to(MAILBOX), message())
        .await
        .unwrap();
    prepared.commit().await.unwrap();
    read_back(&imap, &password, &delivery).await;
}

trait Alternative {
    fn is_multipart_alternative(&self) -> bool;
}

impl Alternative for mail_parser::ContentType<'_> {
    fn is_multipart_alternative(&self) -> bool {
        self.ctype() == "multipart" && self.subtype() == Some("alternative")
    }
}

#[tokio::test]
async fn a_mail_that_is_not_committed_does_not_arrive() {
    let Some((settings, password, imap)) = real() else {
        return;
    };
    let channel = channel(&settings, Some(&password));
    let dropped = fresh_delivery();
    drop(
        channel
            .prepare(&dropped, &to(MAILBOX), message())
            .await
            .unwrap(),
    );
    let sent = fresh_delivery();
    let prepared = channel
        .prepare(&sent, &to(MAILBOX), message())
        .await
        .unwrap();
    prepared.commit().await.unwrap();
    read_back(&imap, &password, &sent).await;

    let stream = TcpStream::connect(imap).await.unwrap();
    let mut client = async_imap::Client::new(stream);
    client.read_response().await.unwrap().unwrap();
    let mut session = client
        .login(MAILBOX, &password)
        .await
        .map_err(|(error, _)| error)
        .unwrap();
    session.select("INBOX").await.unwrap();
    let found = session
        .search(format!("HEADER X-Daybrief-Delivery {dropped}"))
        .await
        .unwrap();
    assert!(found.is_empty());
    session.logout().await.unwrap();
}

#[tokio::test]
async fn the_real_server_refuses_strangers_and_wrong_passwords_for_good() {
    let Some((mut settings, password, _)) = real() else {
        return;
    };
    let with_login = channel(&settings, Some(&password));
    let error = with_login
        .prepare(&fresh_delivery(), &to("nobody@acme.test"), message())
        .await
        .err()
        .unwrap();
    assert!(matches!(error, ChannelError::Never { .. }), "{error:?}");
    assert!(error.to_string().contains("550"), "{error}");

    let wrong = channel(&settings, Some("wrong-password"));
    let error = wrong.check().await.unwrap_err();
    assert!(matches!(error, ChannelError::Never { .. }), "{error:?}");
    assert!(error.to_string().contains("535"), "{error}");
    assert!(!error.to_string().contains("wrong-password"));

    // Without the test authority the server's certificate is nobody's.
    settings.ca_file = None;
    let error = channel(&settings, Some(&password))
        .check()
        .await
        .unwrap_err();
    assert!(matches!(error, ChannelError::Later { .. }), "{error:?}");
}

/// What a scripted server answers at each step; nothing: it breaks the connection.
#[derive(Clone, Copy)]
struct Script {
    hello: &'static str,
    recipient: Option<&'static str>,
    data: Option<&'static str>,
    end: Option<&'static str>,
}

const FINE: Script = Script {
    hello: "250-fake\r\n250 8BITMIME",
    recipient: Some("250 ok"),
    data: Some("354 go on"),
    end: Some("250 queued as X1"),
};

/// Serves one connection by the script; afterwards tells the text that came after `DATA`.
async fn serve(script: Script) -> (String, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (told, text) = oneshot::channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let received = talk(stream, script).await;
        let _ = told.send(received);
    });
    (address, text)
}

async fn talk(stream: TcpStream, script: Script) -> String {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 fake\r\n").await.unwrap();
    let mut received = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return received;
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let reply = match verb.as_str() {
            "EHLO" => Some(script.hello),
            "MAIL" => Some("250 ok"),
            "RCPT" => script.recipient,
            "DATA" => script.data,
            _ => Some("221 bye"),
        };
        let Some(reply) = reply else { return received };
        stream
            .write_all(format!("{reply}\r\n").as_bytes())
            .await
            .unwrap();
        if verb == "DATA" && reply.starts_with("354") {
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 || line == ".\r\n" {
                    break;
                }
                received.push_str(&line);
            }
            let Some(reply) = script.end else {
                return received;
            };
            stream
                .write_all(format!("{reply}\r\n").as_bytes())
                .await
                .unwrap();
        }
    }
}

async fn deliver(script: Script) -> (Result<Receipt, ChannelError>, bool) {
    let (server, text) = serve(script).await;
    let channel = channel(&settings(&server, EmailTls::None), None);
    let result = match channel
        .prepare(&fresh_delivery(), &to(MAILBOX), message())
        .await
    {
        Ok(prepared) => prepared.commit().await,
        Err(error) => return (Err(error), false),
    };
    let sent = !text.await.unwrap().is_empty();
    (result, sent)
}

#[tokio::test]
async fn each_answer_of_a_server_has_its_outcome() {
    let (result, sent) = deliver(FINE).await;
    assert_eq!(result.unwrap().reference, "250 queued as X1");
    assert!(sent);

    type Is = fn(&ChannelError) -> bool;
    let later: Is = |error| matches!(error, ChannelError::Later { .. });
    let never: Is = |error| matches!(error, ChannelError::Never { .. });
    let unclear: Is = |error| matches!(error, ChannelError::Unclear { .. });
    let recipient = |recipient| Script { recipient, ..FINE };
    let data = |data| Script { data, ..FINE };
    let end = |end| Script { end, ..FINE };
    for (name, script, expected, text_was_sent) in [
        ("busy mailbox", recipient(Some("450 later")), later, false),
        (
            "no mailbox",
            recipient(Some("550 no such user")),
            never,
            false,
        ),
        ("break at RCPT", recipient(None), later, false),
        ("no DATA now", data(Some("451 not now")), later, false),
        ("no DATA ever", data(Some("554 no")), never, false),
        ("break at DATA", data(None), later, false),
        ("no, try later", end(Some("451 disk full")), later, true),
        ("closing down", end(Some("421 closing")), later, true),
        ("no, for good", end(Some("554 spam")), never, true),
        ("break after the dot", end(None), unclear, true),
        ("no SMTP after the dot", end(Some("what?")), unclear, true),
    ] {
        let (result, sent) = deliver(script).await;
        let error = result.unwrap_err();
        assert!(expected(&error), "{name}: {error:?}");
        assert_eq!(sent, text_was_sent, "{name}");
    }
}

/// What a server that offers this was given for an address.
async fn given(hello: &'static str, address: &str) -> Result<String, ChannelError> {
    let (server, text) = serve(Script { hello, ..FINE }).await;
    let channel = channel(&settings(&server, EmailTls::None), None);
    let prepared = channel
        .prepare(&fresh_delivery(), &to(address), message())
        .await?;
    prepared.commit().await?;
    Ok(text.await.unwrap())
}

const INTERNATIONAL: &str = "250-fake\r\n250-8BITMIME\r\n250 SMTPUTF8";

#[tokio::test]
async fn an_international_domain_goes_over_every_server_in_ascii() {
    for hello in [FINE.hello, INTERNATIONAL] {
        let text = given(hello, "Ann+brief@bücher.example").await.unwrap();
        assert!(text.contains("<Ann+brief@xn--bcher-kva.example>"), "{text}");
    }
}

#[tokio::test]
async fn letters_beyond_ascii_before_the_at_go_where_the_server_takes_them_and_are_told_beforehand_where_not()
 {
    let address = "dörte@acme.example";
    let text = given(INTERNATIONAL, address).await.unwrap();
    assert!(text.contains("<dörte@acme.example>"), "{text}");
    let error = given(FINE.hello, address).await.unwrap_err();
    assert!(matches!(error, ChannelError::Never { .. }), "{error:?}");
    assert!(error.to_string().contains("SMTPUTF8"), "{error}");

    let reaches = async |hello, address: &str| {
        let (server, _text) = serve(Script { hello, ..FINE }).await;
        let channel = channel(&settings(&server, EmailTls::None), None);
        channel.reaches(&to(address)).await
    };
    assert!(reaches(INTERNATIONAL, address).await.is_ok());
    assert!(reaches(FINE.hello, "ann@bücher.example").await.is_ok());
    let error = reaches(FINE.hello, address).await.unwrap_err();
    assert!(
        error.to_string().contains("does not take SMTPUTF8"),
        "{error}"
    );

    let (server, _text) = serve(FINE).await;
    let mut from = settings(&server, EmailTls::None);
    from.from = "Daybrief <brève@acme.test>".to_owned();
    let error = channel(&from, None).check().await.unwrap_err();
    assert!(error.to_string().contains("SMTPUTF8"), "{error}");
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let (server, text) = serve(FINE).await;
    let mut settings = settings(&server, EmailTls::Starttls);
    settings.user = Some("user".to_owned());
    let error = channel(&settings, Some("password"))
        .prepare(&fresh_delivery(), &to(MAILBOX), message())
        .await
        .err()
        .unwrap();
    assert!(matches!(error, ChannelError::Later { .. }), "{error:?}");
    assert!(error.to_string().contains("STARTTLS"), "{error}");
    assert_eq!(text.await.unwrap(), "");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&listener.local_addr().unwrap().to_string(), EmailTls::None);
    settings.timeout_seconds = 1;
    let begin = std::time::Instant::now();
    let error = channel(&settings, None).check().await.unwrap_err();
    assert!(matches!(error, ChannelError::Later { .. }), "{error:?}");
    assert!(begin.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn nobody_listening_means_later() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = channel(&settings(&server, EmailTls::None), None)
        .check()
        .await
        .unwrap_err();
    assert!(matches!(error, ChannelError::Later { .. }), "{error:?}");
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_a_connection() {
    let channel = channel(&settings("127.0.0.1:1", EmailTls::None), None);
    for address in ["", "mara", "a@b\r\nRCPT TO:<c@d>", "a b@c.example"] {
        let error = channel
            .prepare(&fresh_delivery(), &to(address), message())
            .await
            .err()
            .unwrap();
        assert!(matches!(error, ChannelError::Never { .. }), "{address:?}");
    }
}

#[test]
fn settings_that_would_leak_or_fail_are_refused_at_once() {
    let make = |settings: &Email, password: Option<&str>| {
        let password = password.map(SecretString::from);
        SmtpChannel::new(settings, password.as_ref(), Arc::new(SystemClock)).err()
    };
    let mut clear = settings("mail.acme.example:25", EmailTls::None);
    clear.user = Some("user".to_owned());
    assert!(matches!(
        make(&clear, Some("password")),
        Some(SetupError::PasswordInClear)
    ));
    assert!(matches!(
        make(&clear, None),
        Some(SetupError::HalfCredentials)
    ));
    let mut sender = settings("127.0.0.1:25", EmailTls::None);
    sender.from = "Daybrief".to_owned();
    assert!(matches!(make(&sender, None), Some(SetupError::Sender(_))));
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut authority = settings("127.0.0.1:25", EmailTls::Starttls);
    authority.ca_file = Some(file.path().to_owned());
    assert!(matches!(
        make(&authority, None),
        Some(SetupError::Certificate { .. })
    ));
    authority.ca_file = Some("/nonexistent/ca.pem".into());
    assert!(matches!(
        make(&authority, None),
        Some(SetupError::File { .. })
    ));
}
