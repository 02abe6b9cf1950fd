//! What a sign-in, or a client's credentials, gave: an access token, perhaps the means to renew it.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use super::server::Server;
use crate::{domain::connector::Auth, ids::hex};

/// A token with everything that renewing it takes. Its text form is a secret and is kept sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grant {
    /// Tells one sign-in from the next; stays when the token is renewed.
    pub id: String,
    /// For which address and client it was given ([`binding`]).
    pub bound_to: String,
    /// The authorization server that gave it, and the only one that renews it.
    pub server: Server,
    /// The challenge with which the server asked for it: a person who signs in again is led the same way.
    #[serde(default)]
    pub challenge: Option<String>,
    pub client_id: String,
    /// The secret that came with a registration.
    pub client_secret: Option<String>,
    pub access: String,
    pub refresh: Option<String>,
    pub received: Timestamp,
    /// When the access token ends; nothing where the server did not say.
    pub ends: Option<Timestamp>,
    /// When renewing ends, where the server said so and did not put it off since.
    #[serde(default)]
    pub renewable_until: Option<Timestamp>,
    pub scopes: Vec<String>,
    /// Scopes to renew with: those that were given, and offline access where it was asked for. Microsoft Entra leaves it
    /// out of its answers and renews nothing without scopes.
    pub renew_with: Vec<String>,
    /// A node renews it now, and writes this anew as long as it lives.
    #[serde(default)]
    pub renewing: bool,
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grant")
            .field("id", &self.id)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

impl Grant {
    /// Is the access token over?
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }

    /// Does it end within `ahead`? A short-lived token is not taken for ending before half of its time is over.
    pub(super) fn ends_within(&self, ahead: SignedDuration, now: Timestamp) -> bool {
        let Some(ends) = self.ends else {
            return false;
        };
        let half = ends.duration_since(self.received) / 2;
        ends.duration_since(now) <= ahead.min(half)
    }

    /// The text that is sealed.
    pub(super) fn to_text(&self) -> SecretString {
        serde_json::to_string(self).unwrap_or_default().into()
    }

    /// Every part of it that must not be shown.
    pub(super) fn secrets(&self) -> impl Iterator<Item = SecretString> {
        [
            Some(&self.access),
            self.refresh.as_ref(),
            self.client_secret.as_ref(),
        ]
        .into_iter()
        .flatten()
        .map(|text| SecretString::from(text.clone()))
    }
}

/// What a grant is good for: this address, this kind of access, this client. Another connector, or the same with
/// another address, has no use of it.
pub(super) fn binding(url: &Url, auth: &Auth) -> String {
    let (kind, client) = match auth {
        Auth::ClientCredentials { client_id, .. } => ("client-credentials", client_id.as_str()),
        Auth::PrivateKey { client_id, .. } => ("private-key", client_id.as_str()),
        Auth::AuthorizationCode { client_id, .. } => (
            "authorization-code",
            client_id.as_deref().unwrap_or_default(),
        ),
    };
    let mut digest = Sha256::new();
    // An issuer that is named in the settings, or no longer, is another choice of the admin's.
    let issuer = auth.issuer().unwrap_or_default();
    for part in [url.as_str(), kind, client, issuer] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    hex(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_before_its_end_but_not_before_half_of_its_time() {
        let begin: Timestamp = "2026-03-02T06:00:00Z".parse().unwrap();
        let grant = |seconds: i64| Grant {
            id: String::new(),
            bound_to: String::new(),
            server: Server::default(),
            challenge: None,
            client_id: String::new(),
            client_secret: None,
            access: "secret-token".to_owned(),
            refresh: None,
            received: begin,
            ends: Some(begin + SignedDuration::from_secs(seconds)),
            renewable_until: None,
            scopes: Vec::new(),
            renew_with: Vec::new(),
            renewing: false,
        };
        let minute = SignedDuration::from_mins(1);
        for (lifetime, age, ends) in [
            (3600, 3000, false),
            (3600, 3540, true),
            (3600, 4000, true),
            (60, 20, false),
            (60, 30, true),
        ] {
            let now = begin + SignedDuration::from_secs(age);
            assert_eq!(
                grant(lifetime).ends_within(minute, now),
                ends,
                "{lifetime} {age}"
            );
        }
        assert!(!format!("{:?}", grant(60)).contains("secret-token"));
    }

    #[test]
    fn another_address_or_client_has_no_use_of_it() {
        let url = |text: &str| Url::parse(text).unwrap();
        let auth = |client: Option<&str>| Auth::AuthorizationCode {
            client_id: client.map(str::to_owned),
            client_secret: None,
            scopes: Vec::new(),
            issuer: None,
        };
        let own = binding(&url("https://a.example/mcp"), &auth(None));
        assert_ne!(own, binding(&url("https://b.example/mcp"), &auth(None)));
        assert_ne!(
            own,
            binding(&url("https://a.example/mcp"), &auth(Some("x")))
        );
    }
}
