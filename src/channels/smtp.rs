//! Email by SMTP submission (RFC 6409).
//!
//! `prepare` goes as far as the recipient's acceptance (`RCPT TO`), `commit` sends `DATA` and waits for the answer to the
//! final dot: with it the server takes over (RFC 5321, section 6.1). Answers with 4xx and 5xx are a definite no. A
//! connection that breaks once the text is on its way leaves the outcome open, and SMTP has no way to ask.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lettre::{
    Address as SmtpAddress,
    message::{Mailbox, Message as Mail},
    transport::smtp::{
        Error as SmtpError,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        commands::{Data, Mail as MailFrom, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
        response::Response,
    },
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Channel, ChannelError, Found, Message, Prepared, Receipt, SetupError, is_loopback, mail,
};
use crate::{
    clock::Clock,
    domain::delivery::Address,
    guard::Cleared,
    ids::DeliveryId,
    mail_address::MailAddress,
    settings::{Email, EmailTls},
    text_file,
};

/// The extension for addresses beyond ASCII.
const SMTPUTF8: &str = "SMTPUTF8";
/// How long a server may take to say goodbye; what was delivered is delivered.
const QUIT_MAX_MILLISECONDS: u64 = 500;

/// Delivery over one SMTP server.
pub struct SmtpChannel {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    from: Mailbox,
    hello: ClientId,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

enum Security {
    Starttls(TlsParameters),
    Implicit(TlsParameters),
    None,
}

impl SmtpChannel {
    /// The channel of these settings. `password` is the value of `settings.password`. Reads the CA file; connects to
    /// nothing.
    pub fn new(
        settings: &Email,
        password: Option<&SecretString>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let no_sender = || SetupError::Sender(settings.from.clone());
        let from: Mailbox = settings.from.parse().map_err(|_| no_sender())?;
        let address = MailAddress::parse(from.email.as_ref()).map_err(|_| no_sender())?;
        let from = Mailbox::new(from.name, address.into());
        let credentials = match (&settings.user, password) {
            (Some(user), Some(password)) => Some(Credentials::new(
                user.clone(),
                password.expose_secret().to_owned(),
            )),
            (None, None) => None,
            _ => return Err(SetupError::HalfCredentials),
        };
        let security = match settings.tls {
            EmailTls::Starttls => Security::Starttls(tls(settings)?),
            EmailTls::Implicit => Security::Implicit(tls(settings)?),
            EmailTls::None if credentials.is_some() && !is_loopback(&settings.host) => {
                return Err(SetupError::PasswordInClear);
            }
            EmailTls::None => Security::None,
        };
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            security,
            credentials,
            from,
            hello: ClientId::default(),
            timeout: Duration::from_secs(settings.timeout_seconds.max(1).into()),
            clock,
        })
    }

    /// Connects, protects the connection as set, signs in.
    async fn connect(&self) -> Result<AsyncSmtpConnection, ChannelError> {
        let implicit = match &self.security {
            Security::Implicit(parameters) => Some(parameters.clone()),
            Security::Starttls(_) | Security::None => None,
        };
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            (self.host.as_str(), self.port),
            Some(self.timeout),
            &self.hello,
            implicit,
            None,
        )
        .await
        .map_err(|error| self.refused("connecting", &error))?;
        if let Security::Starttls(parameters) = &self.security {
            // A network in between could take the offer away to read along, so there is no going on in clear.
            if !connection.can_starttls() {
                return Err(ChannelError::later(format!(
                    "{} does not offer STARTTLS; nothing was sent in clear: use tls = \"implicit\" for a port that speaks TLS from the \
                     first byte (465), or tls = \"none\" for a relay on this machine",
                    self.server()
                )));
            }
            connection
                .starttls(parameters.clone(), &self.hello)
                .await
                .map_err(|error| self.refused("STARTTLS", &error))?;
        }
        if let Some(credentials) = &self.credentials {
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], credentials)
                .await
                .map_err(|error| self.refused("signing in", &error))?;
        }
        Ok(connection)
    }

    /// Opens the mail transaction up to the recipient's acceptance.
    async fn open(&self, mail: &Mail, bytes: &[u8]) -> Result<AsyncSmtpConnection, ChannelError> {
        let mut connection = self.connect().await?;
        let envelope = mail.envelope();
        let mut parameters = Vec::new();
        let mut need = |feature: Extension, name: &str, parameter: MailParameter| {
            if !connection.server_info().supports_feature(feature) {
                return Err(ChannelError::never(format!(
                    "{} does not take {name}, which this mail needs",
                    self.server()
                )));
            }
            parameters.push(parameter);
            Ok(())
        };
        let addresses = envelope.from().into_iter().chain(envelope.to());
        if addresses.into_iter().any(|address| !is_ascii(address)) {
            need(
                Extension::SmtpUtfEight,
                SMTPUTF8,
                MailParameter::SmtpUtfEight,
            )?;
        }
        if !bytes.is_ascii() {
            need(
                Extension::EightBitMime,
                "8BITMIME",
                MailParameter::Body(MailBodyParameter::EightBitMime),
            )?;
        }
        connection
            .command(MailFrom::new(envelope.from().cloned(), parameters))
            .await
            .map_err(|error| self.refused("MAIL FROM", &error))?;
        for to in envelope.to() {
            connection
                .command(Rcpt::new(to.clone(), Vec::new()))
                .await
                .map_err(|error| self.refused("RCPT TO", &error))?;
        }
        Ok(connection)
    }

    /// An error before any text was on its way: 5xx stays a no, everything else may pass.
    fn refused(&self, step: &str, error: &SmtpError) -> ChannelError {
        let advice = self.advice(step, error);
        let said = error.to_string();
        // The library's own kinds say nothing to a person.
        let said = ["Connection error: ", "internal client error: "]
            .iter()
            .fold(said.as_str(), |said, kind| said.trim_start_matches(kind));
        let what = format!("{}: {step}: {said}{advice}", self.server());
        if error.is_permanent() || error.is_client() {
            ChannelError::never(what)
        } else {
            ChannelError::later(what)
        }
    }

    /// Connects and looks whether the server takes what addresses beyond ASCII need.
    async fn offers(&self, smtputf8: bool) -> Result<(), ChannelError> {
        let mut connection = timeout(self.timeout, self.connect())
            .await
            .map_err(|_| self.too_slow())??;
        let server = connection.server_info();
        let takes_it = server.supports_feature(Extension::SmtpUtfEight)
            && server.supports_feature(Extension::EightBitMime);
        quit(&mut connection).await;
        if smtputf8 && !takes_it {
            return Err(ChannelError::never(format!(
                "{} does not take {SMTPUTF8} (RFC 6531), which an address with letters beyond ASCII before the `@` needs",
                self.server()
            )));
        }
        Ok(())
    }

    /// What to do about an error, behind its words; empty where the server's own words say it.
    fn advice(&self, step: &str, error: &SmtpError) -> String {
        let tls = match &self.security {
            Security::Implicit(_) => {
                "; tls = \"implicit\" is for a port that speaks TLS from the first byte (465): for 587 and 25 use \"starttls\""
            }
            Security::Starttls(_) | Security::None => {
                "; where the server has a certificate of your own authority, name it in `[email] ca_file`"
            }
        };
        let io = std::iter::successors(std::error::Error::source(error), |error| error.source())
            .find_map(|error| error.downcast_ref::<std::io::Error>());
        match (step, io.map(std::io::Error::kind)) {
            (_, Some(std::io::ErrorKind::ConnectionRefused)) => {
                "; nothing listens there: correct `[email] host` or `port`".to_owned()
            }
            (_, Some(std::io::ErrorKind::InvalidData)) => tls.to_owned(),
            ("STARTTLS", _) => tls.to_owned(),
            ("connecting", _) if error.is_tls() => tls.to_owned(),
            ("connecting", Some(_)) => "; correct `[email] host` or `port`".to_owned(),
            ("signing in", _) if error.is_client() => {
                "; the server offers no sign-in that is known here over this connection: use tls = \"starttls\", or leave `user` \
                 and `password` out for a relay that asks for none"
                    .to_owned()
            }
            ("signing in", _) if error.is_permanent() => {
                "; correct `[email] user` and `password`".to_owned()
            }
            ("RCPT TO", _) if error.is_permanent() => {
                "; correct the recipient's `email`, or let the server take mail for it".to_owned()
            }
            ("MAIL FROM", _) if error.is_permanent() => {
                "; correct `[email] from`, or let the account send as it".to_owned()
            }
            _ => String::new(),
        }
    }

    fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn too_slow(&self) -> ChannelError {
        ChannelError::later(format!(
            "{} did not answer within {} s: is it a mail server, and is `tls` the one that this port wants?",
            self.server(),
            self.timeout.as_secs()
        ))
    }
}

#[async_trait]
impl Channel for SmtpChannel {
    async fn prepare(
        &self,
        delivery: &DeliveryId,
        to: &Address,
        message: Cleared<Message>,
    ) -> Result<Box<dyn Prepared>, ChannelError> {
        let (Address::Email { to }, Message::Email(message)) = (to, message.into_inner()) else {
            return Err(ChannelError::never("this channel takes mail only"));
        };
        let to = MailAddress::parse(to)
            .map_err(|why| ChannelError::never(format!("the recipient's mail address {why}")))?;
        let at = self.clock.now();
        let mail = mail::build(&self.from, to.into(), delivery.as_str(), at, message)?;
        let bytes = mail.formatted();
        let connection = timeout(self.timeout, self.open(&mail, &bytes))
            .await
            .map_err(|_| self.too_slow())??;
        Ok(Box::new(PreparedMail {
            connection,
            bytes,
            server: self.server(),
            timeout: self.timeout,
        }))
    }

    async fn find(&self, _delivery: &DeliveryId, _to: &Address) -> Result<Found, ChannelError> {
        Ok(Found::CannotTell)
    }

    async fn check(&self) -> Result<(), ChannelError> {
        self.offers(!is_ascii(&self.from.email)).await
    }

    async fn reaches(&self, to: &Address) -> Result<(), ChannelError> {
        let Address::Email { to } = to else {
            return Ok(());
        };
        match MailAddress::parse(to) {
            Ok(address) if address.needs_smtputf8() => self.offers(true).await,
            Ok(_) => Ok(()),
            Err(why) => Err(ChannelError::never(format!("it {why}"))),
        }
    }
}

/// A mail whose recipient the server has accepted. Dropped, the connection ends and the server forgets it.
struct PreparedMail {
    connection: AsyncSmtpConnection,
    bytes: Vec<u8>,
    server: String,
    timeout: Duration,
}

#[async_trait]
impl Prepared for PreparedMail {
    async fn commit(mut self: Box<Self>) -> Result<Receipt, ChannelError> {
        let end = Instant::now() + self.timeout;
        // Until the server asks for the text (354) it has nothing that it could deliver.
        match timeout_at(end, self.connection.command(Data)).await {
            Ok(Ok(response)) if response.has_code(354) => {}
            Ok(Ok(response)) => {
                return Err(ChannelError::later(format!(
                    "{}: DATA: {}",
                    self.server,
                    answer(&response)
                )));
            }
            Ok(Err(error)) => {
                let what = format!("{}: DATA: {error}", self.server);
                return Err(if error.is_permanent() {
                    ChannelError::never(what)
                } else {
                    ChannelError::later(what)
                });
            }
            Err(_) => {
                return Err(ChannelError::later(format!(
                    "{}: DATA: no answer in time",
                    self.server
                )));
            }
        }
        match timeout_at(end, self.connection.message(&self.bytes)).await {
            Ok(Ok(response)) => {
                let reference = super::bounded(&answer(&response));
                quit(&mut self.connection).await;
                Ok(Receipt { reference })
            }
            Ok(Err(error)) => {
                let what = format!("{}: {error}", self.server);
                Err(if error.is_permanent() {
                    ChannelError::never(what)
                } else if error.is_transient() {
                    ChannelError::later(what)
                } else {
                    ChannelError::unclear(what)
                })
            }
            Err(_) => Err(ChannelError::unclear(format!(
                "{} had the mail and did not answer in time",
                self.server
            ))),
        }
    }
}

/// Says goodbye. What the server answers changes nothing.
async fn quit(connection: &mut AsyncSmtpConnection) {
    let limit = Duration::from_millis(QUIT_MAX_MILLISECONDS);
    let _ = timeout(limit, connection.quit()).await;
}

/// "250 2.0.0 Ok: queued as 4XyZ".
fn answer(response: &Response) -> String {
    let lines: Vec<&str> = response.message().collect();
    format!("{} {}", response.code(), lines.join(" "))
}

fn tls(settings: &Email) -> Result<TlsParameters, SetupError> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(path) = &settings.ca_file {
        let pem = text_file::read(path).map_err(|source| SetupError::File {
            path: path.clone(),
            source,
        })?;
        let missing = || SetupError::Certificate { path: path.clone() };
        if !pem.contains(CERTIFICATE_BEGIN) {
            return Err(missing());
        }
        let certificate = Certificate::from_pem(pem.as_bytes()).map_err(|_| missing())?;
        builder = builder.add_root_certificate(certificate);
    }
    builder
        .build_rustls()
        .map_err(|error| SetupError::Tls(error.to_string()))
}

/// A file without this line would be taken as no certificate at all, without an error.
const CERTIFICATE_BEGIN: &str = "-----BEGIN CERTIFICATE-----";

fn is_ascii(address: &SmtpAddress) -> bool {
    let text: &str = address.as_ref();
    text.is_ascii()
}
