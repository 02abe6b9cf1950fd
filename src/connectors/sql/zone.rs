//! The time zone of a session.

use std::{fmt, str::FromStr};

/// A time zone's name, such as `Europe/Zurich` or `+02:00`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionZone(String);

impl FromStr for SessionZone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-/:".contains(&byte);
        if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
            return Err("is not the name of a time zone, such as `Europe/Zurich`".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SessionZone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
