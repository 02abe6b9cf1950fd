//! Syslog messages (RFC 5424) over UDP (RFC 5426) and TCP (RFC 6587, octet counting).

use std::{fmt::Write as _, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};

use super::Sent;
use crate::settings::SyslogWay;

/// "log audit", times eight (RFC 5424, table 1).
const FACILITY: u8 = 13 * 8;
const WARNING: u8 = 4;
const INFORMATIONAL: u8 = 6;
/// The private enterprise number that stands for "no enterprise of its own" in examples (RFC 5612).
const ENTERPRISE: &str = "daybrief@32473";
/// A value of structured data is cut to so many bytes, so that a message stays well below the 2048 bytes that every
/// receiver should take (RFC 5426, 3.2).
const LONGEST_VALUE: usize = 160;
/// A receiver that read all closes its side; one that does not is believed after this.
const CLOSES_WITHIN: Duration = Duration::from_secs(2);

/// Sends rows, each a message.
pub(super) async fn send(way: SyslogWay, host: &str, rows: &[Sent]) -> Result<(), String> {
    let name = hostname().await;
    let told = |error: std::io::Error| format!("syslog at {host}: {error}");
    match way {
        SyslogWay::Udp => {
            let mut addresses = tokio::net::lookup_host(host).await.map_err(told)?;
            let address = addresses
                .next()
                .ok_or_else(|| format!("syslog at {host}: no such host"))?;
            let own = if address.is_ipv6() {
                "[::]:0"
            } else {
                "0.0.0.0:0"
            };
            let socket = UdpSocket::bind(own).await.map_err(told)?;
            socket.connect(address).await.map_err(told)?;
            for row in rows {
                socket
                    .send(message(row, &name).as_bytes())
                    .await
                    .map_err(told)?;
            }
        }
        SyslogWay::Tcp => {
            let mut stream = TcpStream::connect(host).await.map_err(told)?;
            let mut all = String::new();
            for row in rows {
                let message = message(row, &name);
                // Writing into a String cannot fail.
                let _ = write!(all, "{} {message}", message.len());
            }
            stream.write_all(all.as_bytes()).await.map_err(told)?;
            // The protocol knows no answer. A connection a batch, closed by us first and then by the receiver, at least
            // tells a receiver that read all from one that went away.
            stream.shutdown().await.map_err(told)?;
            let mut rest = [0; 512];
            let closed = async {
                loop {
                    match stream.read(&mut rest).await {
                        Ok(0) => return Ok(()),
                        Ok(_) => {}
                        Err(error) => return Err(error),
                    }
                }
            };
            if let Ok(closed) = tokio::time::timeout(CLOSES_WITHIN, closed).await {
                closed.map_err(told)?;
            }
        }
    }
    Ok(())
}

/// This machine's name; nothing is looked up.
async fn hostname() -> String {
    let name = tokio::fs::read_to_string("/proc/sys/kernel/hostname")
        .await
        .unwrap_or_default();
    let name: String = name
        .trim()
        .chars()
        .filter(char::is_ascii_graphic)
        .take(255)
        .collect();
    if name.is_empty() {
        "-".to_owned()
    } else {
        name
    }
}

/// One message.
pub(super) fn message(row: &Sent, host: &str) -> String {
    let severity = if row.is_warning() {
        WARNING
    } else {
        INFORMATIONAL
    };
    // At most six digits of a second (RFC 5424, 6.2.3).
    let at = format!("{:.6}", row.kept.entry.at);
    let mut text = format!(
        "<{}>1 {at} {host} daybrief {} {} [{ENTERPRISE}",
        FACILITY + severity,
        std::process::id(),
        row.kept.entry.act.name(),
    );
    for (name, value) in row.fields() {
        // Writing into a String cannot fail.
        let _ = write!(text, " {name}=\"{}\"", escaped(cut(&value)));
    }
    let _ = write!(text, "] {}", plain(cut(&row.line())));
    text
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST_VALUE))
        .unwrap_or(text)
}

/// A value of structured data (RFC 5424, 6.3.3), on one line.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in plain(value).chars() {
        if matches!(c, '"' | '\\' | ']') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
