//! Email by SMTP submission (RFC 6409).
//!
//! `prepare` goes as far as the recipient's acceptance (`RCPT TO`), `commit` sends `DATA` and waits for the answer to the
//! final dot: with it the server takes over (RFC 5321, section 6.1). Answers with 4xx and 5xx are a definite no. A
//! connection that breaks once the text is on its way leaves the outcome open, and SMTP has no way to ask.

use std::{path::Path, sync::Arc, time::Duration};

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
use rustls::{
    CertificateError, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
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
    text_file::{self, NoText},
    tls::{self, Look},
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
        let connected = AsyncSmtpConnection::connect_tokio1(
            (self.host.as_str(), self.port),
            Some(self.timeout),
            &self.hello,
            implicit,
            None,
        );
        let mut connection = match connected.await {
            Ok(connection) => connection,
            Err(error) => return Err(self.unreached("connecting", &error).await),
        };
        if let Security::Starttls(parameters) = &self.security {
            // A network in between could take the offer away to read along, so there is no going on in clear.
            if !connection.can_starttls() {
                return Err(ChannelError::later(format!(
                    "{} does not offer STARTTLS; nothing was sent in clear: use tls = \"implicit\" for a port that speaks TLS from the \
                     first byte (465), or tls = \"none\" for a relay on this machine",
                    self.server()
                )));
            }
            if let Err(error) = connection.starttls(parameters.clone(), &self.hello).await {
                return Err(self.unreached("STARTTLS", &error).await);
            }
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

    /// An error before the server has said yes to anything: by what is wrong with TLS, and by what answers there.
    async fn unreached(&self, step: &str, error: &SmtpError) -> ChannelError {
        // What the server itself says is said best in its words.
        if error.is_permanent() || error.is_transient() {
            return self.refused(step, error);
        }
        let tls = tls::error_behind(error);
        let (what, advice) = match tls.filter(|tls| !tls::is_not_tls(tls)) {
            Some(tls) => {
                let another = matches!(
                    tls,
                    rustls::Error::InvalidCertificate(
                        CertificateError::NotValidForName
                            | CertificateError::NotValidForNameContext { .. }
                            | CertificateError::Expired
                            | CertificateError::ExpiredContext { .. }
                            | CertificateError::Revoked
                    )
                );
                let advice = match another {
                    true => {
                        "give the server a certificate for the name in `[email] host`, or correct that name"
                    }
                    false => {
                        "where it is of your own authority, name that authority's certificate in `[email] ca_file`"
                    }
                };
                (format!("no secure connection: {}", tls::told(tls)), advice)
            }
            None => match self.by_look().await {
                Some(found) => found,
                None => return self.refused(step, error),
            },
        };
        ChannelError::later(format!("{}: {what} → {advice}", self.server()))
    }

    /// What answers at the server's address, where that says what is wrong, and what to do.
    async fn by_look(&self) -> Option<(String, &'static str)> {
        const ADDRESS: &str = "correct `[email] host` or `port`";
        let (what, advice) = match tls::look(&self.host, self.port).await {
            Look::NoName => ("the name of this host is not known", ADDRESS),
            Look::Refused => ("nothing listens there (connection refused)", ADDRESS),
            Look::NoWay => ("nothing answers there, or no way leads there", ADDRESS),
            Look::Http => (
                "what answers there is a web server and no mail server",
                ADDRESS,
            ),
            Look::Mute => (
                "it takes connections and says nothing, so it is no mail server",
                ADDRESS,
            ),
            Look::Tls if matches!(self.security, Security::Implicit(_)) => return None,
            Look::Tls => (
                "it speaks TLS from the first byte",
                "set `tls = \"implicit\"` in `[email]`, or use the port for STARTTLS, most often 587",
            ),
            // 220 is how every mail server greets (RFC 5321, section 3.1).
            Look::Else(line) if line.starts_with("220") => match self.security {
                Security::Implicit(_) => (
                    "it is a mail server that does not speak TLS from the first byte",
                    "set `tls = \"starttls\"` in `[email]`, or use the port for TLS, most often 465",
                ),
                Security::Starttls(_) | Security::None => return None,
            },
            Look::Else(line) => {
                let line = crate::text::visible(&line);
                let what = format!(
                    "what answers there is no mail server; it begins with \"{}\"",
                    line.trim()
                );
                return Some((what, ADDRESS));
            }
        };
        Some((what.to_owned(), advice))
    }

    /// Connects and looks whether the server takes what addresses beyond ASCII need.
    async fn offers(&self, smtputf8: bool) -> Result<(), ChannelError> {
        let mut connection = match timeout(self.timeout, self.connect()).await {
            Ok(connected) => connected?,
            Err(_) => return Err(self.too_slow().await),
        };
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
        match step {
            "connecting" if !error.is_permanent() && !error.is_transient() => {
                "; correct `[email] host` or `port`".to_owned()
            }
            "signing in" if error.is_client() => {
                "; the server offers no sign-in that is known here over this connection: use tls = \"starttls\", or leave `user` \
                 and `password` out for a relay that asks for none"
                    .to_owned()
            }
            "signing in" if error.is_permanent() => {
                "; correct `[email] user` and `password`".to_owned()
            }
            "RCPT TO" if error.is_permanent() => {
                "; correct the recipient's `email`, or let the server take mail for it".to_owned()
            }
            "MAIL FROM" if error.is_permanent() => {
                "; correct `[email] from`, or let the account send as it".to_owned()
            }
            _ => String::new(),
        }
    }

    fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    async fn too_slow(&self) -> ChannelError {
        let (what, advice) = self.by_look().await.unwrap_or_else(|| {
            (
                format!("it did not answer within {} s", self.timeout.as_secs()),
                "see why it is slow, or raise `[email] timeout_seconds`",
            )
        });
        ChannelError::later(format!("{}: {what} → {advice}", self.server()))
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
        let connection = match timeout(self.timeout, self.open(&mail, &bytes)).await {
            Ok(opened) => opened?,
            Err(_) => return Err(self.too_slow().await),
        };
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
        builder = builder.add_root_certificate(authority(path)?);
    }
    builder
        .build_rustls()
        .map_err(|error| SetupError::Tls(error.to_string()))
}

/// The certificates of a file, each of which can be trusted.
fn authority(path: &Path) -> Result<Certificate, SetupError> {
    let wrong = |what: &'static str| SetupError::Certificate {
        path: path.to_owned(),
        what,
    };
    let pem = match text_file::read(path) {
        Ok(pem) => pem,
        Err(NoText::OtherEncoding { .. } | NoText::Zero { .. }) => {
            return Err(wrong(
                "is no text: a certificate in binary form is made one by `openssl x509 -inform der -in FILE -out NEW.pem`",
            ));
        }
        Err(source) => {
            return Err(SetupError::File {
                path: path.to_owned(),
                source,
            });
        }
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let unread = wrong("holds a certificate that cannot be read");
        let Ok(certificate) = certificate else {
            return Err(unread);
        };
        roots.add(certificate).map_err(|_| unread)?;
    }
    // Without this, nothing at all would be trusted and no error told.
    if roots.is_empty() {
        return Err(wrong(
            "holds no certificate (`-----BEGIN CERTIFICATE-----`)",
        ));
    }
    Certificate::from_pem(pem.as_bytes())
        .map_err(|_| wrong("holds a certificate that cannot be read"))
}

fn is_ascii(address: &SmtpAddress) -> bool {
    let text: &str = address.as_ref();
    text.is_ascii()
}
