//! Sending rows on while they are written: to syslog, to an OpenTelemetry collector.
//!
//! From a cursor in the store, at least once, in bounded batches. What does not answer holds up nothing but itself: its lag
//! grows and is told. No text is sent, and persons only by their handles; each row's hash is, so that an older copy of the
//! store can be told from the one that was sent.

mod otlp;
mod syslog;

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{Audit, search::Kept};
use crate::{
    clock::Clock,
    settings,
    store::{AuditRow, StoreError},
};
use serde::Deserialize;

/// Rows sent at once.
const BATCH: u32 = 200;
/// The store is looked at so often, also where no row of this node calls for it.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// One batch may take so long.
const SEND_WITHIN: Duration = Duration::from_secs(20);
/// Waits after failures, doubled each time up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A node that fell silent is replaced by another after this.
const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// Where rows are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Syslog(settings::SyslogWay, String),
    /// The address of `/v1/logs`.
    Otlp(String),
}

impl Target {
    /// The targets that the settings name.
    pub fn all(settings: &settings::Audit) -> Vec<Self> {
        let syslog = settings.syslog.as_deref().and_then(settings::syslog);
        let otlp = settings.otlp.as_deref().map(|url| {
            let url = url.trim_end_matches('/');
            match url.ends_with("/v1/logs") {
                true => url.to_owned(),
                false => format!("{url}/v1/logs"),
            }
        });
        syslog
            .map(|(way, host)| Self::Syslog(way, host))
            .into_iter()
            .chain(otlp.map(Self::Otlp))
            .collect()
    }

    /// Its name in metrics and in the store.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Syslog(..) => "syslog",
            Self::Otlp(_) => "otlp",
        }
    }
}

/// A row as it is sent.
struct Sent {
    number: u64,
    hash: String,
    kept: Kept,
}

impl Sent {
    fn of(row: AuditRow) -> Option<Self> {
        Some(Self {
            number: row.number,
            kept: Kept::deserialize(&row.entry).ok()?,
            hash: row.hash,
        })
    }

    /// Names and values. The reason in words is left out where a person stands behind the row: it may name them.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let entry = &self.kept.entry;
        let personal = entry.user.is_some() || self.kept.about.is_some();
        let mut fields = vec![
            ("number", self.number.to_string()),
            ("act", entry.act.name().to_owned()),
            ("outcome", entry.outcome.name().to_owned()),
            ("surface", entry.surface.clone()),
            ("on", entry.on.clone()),
        ];
        let mut add = |name, value: Option<String>| {
            fields.extend(
                value
                    .filter(|value| !value.is_empty())
                    .map(|value| (name, value)),
            );
        };
        add("user", entry.user.clone());
        add("about", self.kept.about.clone());
        add("role", entry.role.clone());
        add("why", (!personal).then(|| entry.why.clone()));
        add("detail", Some(entry.detail.clone()));
        add(
            "answers",
            self.kept.answers.map(|number| number.to_string()),
        );
        let result = self.kept.result.as_ref();
        add("bytes", result.map(|result| result.bytes.to_string()));
        add("sha256", result.map(|result| result.sha256.clone()));
        add("took_ms", result.map(|result| result.took_ms.to_string()));
        add("hash", Some(self.hash.clone()));
        fields
    }

    /// Is it one that somebody should look at?
    fn is_warning(&self) -> bool {
        use super::Outcome::{Denied, Failed, Unclear};
        matches!(self.kept.entry.outcome, Denied | Failed | Unclear)
    }

    fn line(&self) -> String {
        let entry = &self.kept.entry;
        format!("{} {} {}", entry.act.name(), entry.on, entry.outcome.name())
    }
}

/// Why a batch did not go out. The text holds nothing of the rows.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Target(String),
}

/// Sends rows to a target until `stop`. Never fails and never returns before; `lag` is told how many rows are not yet
/// sent, after each look.
pub async fn forward(
    audit: Audit,
    target: Target,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    lag: impl Fn(u64) + Send,
) {
    let node = crate::ids::fresh();
    let mut wait = Duration::ZERO;
    crate::tls::begin();
    // No redirection is followed: rows go to the address that is set and nowhere else.
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(SEND_WITHIN)
        .user_agent(concat!("daybrief/", env!("CARGO_PKG_VERSION")))
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "audit rows cannot be sent on");
            return;
        }
    };
    while !stop.is_cancelled() {
        // Registered before the look, so that a row written during it is not missed.
        let written = audit.written.notified();
        let sent = audit.send_batch(&target, &node, &client, clock.now()).await;
        let again = match sent {
            Ok(more) => {
                wait = Duration::ZERO;
                more
            }
            Err(error) => {
                tracing::warn!(receiver = target.name(), %error, "audit rows could not be sent on");
                wait = (wait * 2).clamp(Duration::from_secs(1), LONGEST_WAIT);
                false
            }
        };
        if let Ok(rows) = audit.unsent(&target).await {
            lag(rows);
        }
        if again {
            continue;
        }
        let pause = async {
            if wait.is_zero() {
                let _ = tokio::time::timeout(LOOK_EVERY, written).await;
            } else {
                tokio::time::sleep(wait).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = pause => {}
        }
    }
    // The next process need not wait for this one's lease to end.
    let now = clock.now();
    let rows = audit.store.audit();
    if let Err(error) = rows.take_cursor(target.name(), &node, now, now).await {
        tracing::warn!(receiver = target.name(), %error, "the next process waits a while before it sends audit rows on");
    }
}

impl Audit {
    /// Rows that are not yet sent to a target.
    pub async fn unsent(&self, target: &Target) -> Result<u64, StoreError> {
        let rows = self.store.audit();
        let last = rows.last_number().await?;
        // What was removed cannot be sent any more.
        let begin = self.border(Timestamp::MIN).await?.saturating_sub(1);
        Ok(last.saturating_sub(rows.sent(target.name()).await?.max(begin)))
    }

    /// Sends what comes next; true where there may be more. False while another node sends.
    async fn send_batch(
        &self,
        target: &Target,
        node: &str,
        client: &reqwest::Client,
        now: Timestamp,
    ) -> Result<bool, SendError> {
        let rows = self.store.audit();
        let until = now.checked_add(LEASE).unwrap_or(Timestamp::MAX);
        let name = target.name();
        // Asked first, since a look that finds nothing should write nothing.
        if self.unsent(target).await? == 0 {
            return Ok(false);
        }
        let Some(cursor) = rows.take_cursor(name, node, now, until).await? else {
            return Ok(false);
        };
        let batch = rows.found(cursor + 1, u64::MAX, false, BATCH).await?;
        let Some(last) = batch.last().map(|found| found.place) else {
            return Ok(false);
        };
        let more = batch.len() == BATCH as usize;
        let batch: Vec<Sent> = batch
            .into_iter()
            .filter_map(|found| Sent::of(found.row?))
            .collect();
        let sending = async {
            match target {
                Target::Syslog(way, host) => syslog::send(*way, host, &batch).await,
                Target::Otlp(url) => otlp::send(client, url, &batch).await,
            }
        };
        tokio::time::timeout(SEND_WITHIN, sending)
            .await
            .unwrap_or_else(|_| Err("it does not answer in time".to_owned()))
            .map_err(SendError::Target)?;
        rows.move_cursor(name, node, last).await?;
        Ok(more)
    }
}

#[cfg(test)]
mod tests;
