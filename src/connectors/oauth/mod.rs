//! Tokens for servers that want OAuth 2.1 (MCP authorization 2025-11-25), had and renewed without a person.
//!
//! - A request goes out with the token that is held. A 401 says that it was not executed: the token is renewed and the
//!   request repeated, once. A 403 that names missing scopes is answered with a wider token where no person has to agree.
//! - A person's sign-in (authorization code) is kept sealed under `.oauth/<connector>` and bound to the connector's URL
//!   and client: a changed URL never gets the old token. Client credentials give a token at any time, so theirs is held
//!   in memory alone.
//! - A token is renewed before it ends, also while nobody asks ([`super::Connectors::renew_tokens`]). Nodes that share
//!   a store take turns: a refresh token that is used twice ends the whole sign-in (RFC 9700, section 4.14.2).
//! - The authorization server is found once ([`server`]): what it was then is kept, and secrets and refresh tokens go
//!   there whatever the server says later. Only forgetting it (`daybrief connector sign-out`) has it found again.
//! - Discovery and registration are rmcp's. The exchange is not: its types lose a refresh token that was just rotated
//!   where another member of the answer is odd ([`client`]).
//! - Tokens, codes and secrets are never logged; rmcp's own words about an exchange are not let into the log.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use async_trait::async_trait;
use secrecy::SecretString;
use tokio_util::task::TaskTracker;

use super::{SecretSource, SecretUnavailable, error::CallError};
use crate::clock::Clock;

mod ask;
mod authorizer;
mod client;
mod discover;
mod grant;
mod http;
mod renew;
mod server;
mod sign_in;

pub(super) use authorizer::Authorizer;
pub use http::{Reach, reach};
pub use sign_in::{SignIn, SignedIn};

/// A kept text and which version of it this is.
#[derive(Debug, Clone)]
pub struct KeptToken {
    pub text: SecretString,
    /// Changes with every write.
    pub version: String,
}

/// Where sign-ins are kept: sealed, and shared by all nodes.
#[async_trait]
pub trait TokenKeeper: Send + Sync {
    /// What is kept under this name.
    async fn load(&self, name: &str) -> Result<Option<KeptToken>, SecretUnavailable>;

    /// Keeps `text` if what is kept is still of the version `seen` (nothing: none is kept), and gives its version;
    /// nothing where another was faster.
    async fn replace(
        &self,
        name: &str,
        seen: Option<&str>,
        text: &SecretString,
    ) -> Result<Option<String>, SecretUnavailable>;

    /// Removes what is kept; false where nothing was.
    async fn forget(&self, name: &str) -> Result<bool, SecretUnavailable>;
}

/// Keeps sign-ins in memory: for commands that keep nothing, and for tests.
#[derive(Default)]
pub struct MemoryTokens(Mutex<BTreeMap<String, (u64, SecretString)>>);

impl MemoryTokens {
    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (u64, SecretString)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TokenKeeper for MemoryTokens {
    async fn load(&self, name: &str) -> Result<Option<KeptToken>, SecretUnavailable> {
        Ok(self.kept().get(name).map(|(version, text)| KeptToken {
            text: text.clone(),
            version: version.to_string(),
        }))
    }

    async fn replace(
        &self,
        name: &str,
        seen: Option<&str>,
        text: &SecretString,
    ) -> Result<Option<String>, SecretUnavailable> {
        let mut kept = self.kept();
        let present = kept.get(name).map(|(version, _)| *version);
        if present.map(|version| version.to_string()).as_deref() != seen {
            return Ok(None);
        }
        let version = present.unwrap_or_default() + 1;
        kept.insert(name.to_owned(), (version, text.clone()));
        Ok(Some(version.to_string()))
    }

    async fn forget(&self, name: &str) -> Result<bool, SecretUnavailable> {
        Ok(self.kept().remove(name).is_some())
    }
}

/// What all connectors with OAuth share.
pub(super) struct Oauth {
    pub keeper: Arc<dyn TokenKeeper>,
    pub secrets: Arc<dyn SecretSource>,
    pub clock: Arc<dyn Clock>,
    pub reach: Reach,
    /// Renewals under way: they come to their end whether or not who asked still waits.
    pub tasks: TaskTracker,
    clients: OnceLock<Result<http::Clients, String>>,
}

impl Oauth {
    pub(super) fn new(
        keeper: Arc<dyn TokenKeeper>,
        secrets: Arc<dyn SecretSource>,
        clock: Arc<dyn Clock>,
        reach: Reach,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            keeper,
            secrets,
            clock,
            reach,
            tasks,
            clients: OnceLock::new(),
        }
    }

    /// The one client for everything that is no MCP call; of addresses that are not public it asks those `named`.
    fn http(&self, named: http::Named) -> Result<http::Http, CallError> {
        let clients = self.clients.get_or_init(http::clients).clone();
        clients
            .map(|clients| http::Http::new(clients, self.reach, named))
            .map_err(|what| CallError::Token { what })
    }
}
