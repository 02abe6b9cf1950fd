//! One TLS stack: rustls with the ring provider. And what is to be said of an address where a connection does not come about:
//! by rustls's own types, and by what answers there.

use std::{
    error::Error,
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use rustls::{
    CertificateError, ClientConfig, ClientConnection, RootCertStore, crypto::ring,
    pki_types::ServerName,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use url::Url;

use crate::text::visible;

/// The longest wait for a name, for a connection and for the first bytes of a look, each.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of an answer that are looked at.
const LOOKED_AT_BYTES: usize = 64;
/// The longest chain of causes that is followed.
const MAX_CAUSES: usize = 32;

/// Names ring as the process's provider. Every client that is built without naming one needs this before; a second call
/// changes nothing.
pub fn begin() {
    let _ = ring::default_provider().install_default();
}

/// The error of TLS behind an error, however it is wrapped: an `io::Error` that holds another does not give that as its cause.
pub fn error_behind<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut at = Some(error);
    for _ in 0..MAX_CAUSES {
        let error = at?;
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        at = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// Is it certain that what answers speaks no TLS?
pub fn is_not_tls(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidMessage(_))
}

/// What went wrong with TLS, in plain words.
pub fn told(error: &rustls::Error) -> String {
    let certificate = match error {
        rustls::Error::InvalidMessage(_) => return "what answers there speaks no TLS".to_owned(),
        rustls::Error::AlertReceived(alert) => {
            return format!("the server broke the handshake off (alert {alert:?})");
        }
        rustls::Error::PeerIncompatible(_) => {
            return "the server speaks no version of TLS that is safe (1.2 or 1.3)".to_owned();
        }
        rustls::Error::InvalidCertificate(certificate) => certificate,
        _ => return "the handshake did not go as TLS has it".to_owned(),
    };
    match certificate {
        CertificateError::UnknownIssuer => {
            "its certificate is of no authority that this machine trusts"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet, by this machine's clock"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name than that of the address"
        }
        CertificateError::Revoked => "its certificate was revoked",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not one for servers"
        }
        _ => "its certificate cannot be trusted",
    }
    .to_owned()
}

/// Why there is no client for HTTP, in plain words with what to do: its maker fails where no authority is known.
pub fn no_client(error: &(dyn Error + 'static)) -> String {
    match error_behind(error) {
        Some(rustls::Error::General(_)) => "this machine has no certificates of authorities, without which no https is possible: install its package ca-certificates, \
             or correct `SSL_CERT_FILE` and `SSL_CERT_DIR` where `daybrief` is started"
            .to_owned(),
        _ => format!("no HTTP client can be made: {error}"),
    }
}

/// What is found where a connection did not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The name of the host is not known.
    NoName,
    /// Nothing listens there.
    Refused,
    /// Nothing leads there, or nothing answers.
    NoWay,
    /// It speaks TLS.
    Tls,
    /// It speaks HTTP without TLS.
    Http,
    /// It begins with something else: the first line, as it came.
    Else(String),
    /// It takes connections and says nothing.
    Mute,
}

/// Why a connection over HTTP did not come about, by what is found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    NoName,
    Refused,
    NoWay,
    /// The address begins with `https`, and what answers speaks plain HTTP.
    PlainHttp,
    /// The address begins with `http`, and what answers speaks TLS.
    NeedsTls,
    /// TLS was spoken and failed: in plain words why.
    Tls(String),
    /// Neither HTTP nor TLS: the first line that came.
    Else(String),
    Mute,
    /// It answers as the address has it: the connection broke at that moment.
    Broke,
}

impl Trouble {
    /// The trouble behind an error of a client, at this address.
    pub fn of(
        error: &(dyn Error + 'static),
        url: &Url,
    ) -> impl Future<Output = Self> + Send + use<> {
        // The error itself need not be one that other threads may see.
        Self::behind(error_behind(error).cloned(), url.clone())
    }

    async fn behind(tls: Option<rustls::Error>, url: Url) -> Self {
        if let Some(tls) = tls.as_ref().filter(|tls| !is_not_tls(tls)) {
            return Self::Tls(told(tls));
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Self::NoName;
        };
        match (look(host, port).await, url.scheme() == "https") {
            (Look::NoName, _) => Self::NoName,
            (Look::Refused, _) => Self::Refused,
            (Look::NoWay, _) => Self::NoWay,
            (Look::Http, true) => Self::PlainHttp,
            (Look::Tls, false) => Self::NeedsTls,
            (Look::Else(line), _) => Self::Else(line),
            (Look::Mute, _) => Self::Mute,
            (Look::Tls, true) | (Look::Http, false) => match tls {
                Some(tls) => Self::Tls(told(&tls)),
                None => Self::Broke,
            },
        }
    }

    /// Does something answer that cannot have read what was sent?
    pub fn is_another_protocol(&self) -> bool {
        matches!(self, Self::PlainHttp | Self::NeedsTls | Self::Else(_))
    }

    /// What it is, of this address: nothing but its host and port is told.
    pub fn told(&self, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        self.said(&format!(" `{host}`"), &format!("`{}`", place_of(url)))
    }

    /// What it is, for whoever need not know where.
    pub fn told_without_place(&self) -> String {
        self.said("", "the address")
    }

    fn said(&self, host: &str, at: &str) -> String {
        match self {
            Self::NoName => format!("the name of the host{host} is not known"),
            Self::Refused => format!("nothing listens at {at} (connection refused)"),
            Self::NoWay => format!("nothing answers at {at}, or no way leads there"),
            Self::PlainHttp => format!(
                "what answers at {at} speaks plain http, and the address begins with `https://`"
            ),
            Self::NeedsTls => {
                format!("what answers at {at} speaks https, and the address begins with `http://`")
            }
            Self::Tls(why) => format!("no secure connection to {at}: {why}"),
            Self::Else(line) => format!(
                "what answers at {at} speaks neither http nor https; it begins with \"{}\"",
                visible(line).trim()
            ),
            Self::Mute => format!("what answers at {at} takes connections and says nothing"),
            Self::Broke => format!("the connection to {at} broke before there was an answer"),
        }
    }

    /// What to do about it; the address stands under `key`.
    pub fn advice(&self, key: &str) -> String {
        let advice = match self {
            Self::NoName => {
                format!("correct the host in {key}, or see that this machine can resolve it")
            }
            Self::Refused => format!("start the server, or correct the host and port in {key}"),
            Self::NoWay | Self::Mute | Self::Else(_) => format!(
                "correct the host and port in {key}, and see that no firewall stands between"
            ),
            Self::PlainHttp => format!(
                "write `http://` in {key}, or set up TLS at the server or at a proxy before it"
            ),
            Self::NeedsTls => format!("write `https://` in {key}"),
            Self::Tls(_) => {
                format!("give the server a certificate that this machine trusts, or correct {key}")
            }
            Self::Broke => "look at the server's log and at the proxies between".to_owned(),
        };
        match PROXIES.iter().find(|name| is_set(name)) {
            Some(name) if !matches!(self, Self::PlainHttp | Self::NeedsTls) => format!(
                "{advice}; `{name}` is set: let that proxy through, or name the host in `NO_PROXY`"
            ),
            _ => advice,
        }
    }
}

/// The variables that name a proxy for HTTP.
const PROXIES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// `host:port` of an address.
fn place_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Looks what answers at a host and port, with nothing in hand: neither a path nor a secret is told. Takes a few seconds at
/// most.
pub async fn look(host: &str, port: u16) -> Look {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = timeout(LOOK_TIMEOUT, lookup_host((host, port))).await;
    let is_known = match found {
        Ok(Ok(mut addresses)) => addresses.next().is_some(),
        Ok(Err(_)) | Err(_) => false,
    };
    if !is_known {
        return Look::NoName;
    }
    let plain = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let hello = client_hello(host);
    let (plain, secured) = tokio::join!(
        answer(host, port, plain.as_bytes()),
        answer(host, port, &hello)
    );
    match (plain, secured) {
        // Records of a handshake or an alert (RFC 8446, section 5.1). Servers of https answer in plain HTTP too.
        (_, Ok(bytes)) if matches!(bytes.as_slice(), [0x15 | 0x16, 0x03, ..]) => Look::Tls,
        (Ok(bytes), _) if matches!(bytes.as_slice(), [0x15 | 0x16, 0x03, ..]) => Look::Tls,
        (Ok(bytes), _) if bytes.starts_with(b"HTTP/") => Look::Http,
        (Ok(bytes), _) | (_, Ok(bytes)) if !bytes.is_empty() => {
            let text = String::from_utf8_lossy(&bytes);
            Look::Else(text.lines().next().unwrap_or_default().to_owned())
        }
        (Ok(_), _) | (_, Ok(_)) => Look::Mute,
        (Err(ErrorKind::ConnectionRefused), _) => Look::Refused,
        (Err(_), Err(_)) => Look::NoWay,
    }
}

/// The first bytes that come back for these; empty where none do.
async fn answer(host: &str, port: u16, say: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    let connected = timeout(LOOK_TIMEOUT, TcpStream::connect((host, port))).await;
    let mut stream = match connected {
        Ok(connected) => connected.map_err(|error| error.kind())?,
        Err(_) => return Err(ErrorKind::TimedOut),
    };
    let mut read = Vec::new();
    let talk = async {
        // A server that closes at once may have said something before.
        let _ = stream.write_all(say).await;
        let mut bytes = [0; LOOKED_AT_BYTES];
        while read.len() < LOOKED_AT_BYTES && !read.contains(&b'\n') {
            match stream.read(&mut bytes).await {
                Ok(count) if count > 0 => read.extend(bytes.iter().take(count)),
                _ => break,
            }
        }
    };
    // What came until then is what there is.
    let _ = timeout(LOOK_TIMEOUT, talk).await;
    Ok(read)
}

/// The bytes with which a client begins TLS; none where the host is no name for it.
fn client_hello(host: &str) -> Vec<u8> {
    let hello = || {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .ok()?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).ok()?;
        let mut connection = ClientConnection::new(Arc::new(config), name).ok()?;
        let mut bytes = Vec::new();
        connection.write_tls(&mut bytes).ok()?;
        Some(bytes)
    };
    hello().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers all that comes with the same bytes, or with nothing.
    async fn server(says: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut asked = [0; 1024];
                    let _ = stream.read(&mut asked).await;
                    let _ = stream.write_all(says).await;
                    if says.is_empty() {
                        tokio::time::sleep(Duration::from_secs(30)).await;
                    }
                });
            }
        });
        port
    }

    #[tokio::test]
    async fn what_answers_is_told_by_its_first_bytes() {
        for (says, expected) in [
            (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], Look::Http),
            (&[0x15, 0x03, 0x01, 0, 2, 2, 0x16], Look::Tls),
            (
                b"220 mail.acme.example ESMTP\r\n",
                Look::Else("220 mail.acme.example ESMTP".to_owned()),
            ),
            (b"", Look::Mute),
        ] {
            let port = server(says).await;
            assert_eq!(look("127.0.0.1", port).await, expected);
        }
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = gone.local_addr().unwrap().port();
        drop(gone);
        assert_eq!(look("127.0.0.1", port).await, Look::Refused);
        assert_eq!(look("no-such-host.invalid", 80).await, Look::NoName);
    }

    #[tokio::test]
    async fn an_address_of_the_other_kind_is_told_as_such() {
        let error = io::Error::from(ErrorKind::ConnectionReset);
        let port = server(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let url = Url::parse(&format!("https://127.0.0.1:{port}/v1")).unwrap();
        let trouble = Trouble::of(&error, &url).await;
        assert_eq!(trouble, Trouble::PlainHttp);
        assert_eq!(
            trouble.told(&url),
            format!(
                "what answers at `127.0.0.1:{port}` speaks plain http, and the address begins with `https://`"
            )
        );
        let port = server(&[0x15, 0x03, 0x01, 0, 2, 2, 0x16]).await;
        let url = Url::parse(&format!("http://127.0.0.1:{port}/v1")).unwrap();
        assert_eq!(Trouble::of(&error, &url).await, Trouble::NeedsTls);
    }

    #[test]
    fn an_error_of_tls_is_found_within_others() {
        let within = io::Error::new(
            ErrorKind::InvalidData,
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer),
        );
        let wrapped = io::Error::other(within);
        let found = error_behind(&wrapped).map(told);
        assert_eq!(
            found.as_deref(),
            Some("its certificate is of no authority that this machine trusts")
        );
    }
}
