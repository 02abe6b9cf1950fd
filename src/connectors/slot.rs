//! One connector's place in the pool: at most one live connection, started by one caller for all, ended when idle,
//! started again with growing distance after failures.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    SecretSource,
    error::CallError,
    launch::Launcher,
    oauth::{Authorizer, Oauth},
    pins::Pins,
    session::{Connect, Session},
};
use crate::domain::connector::{Connector, EnvValue, Launch};

/// The distance between a failure and the next start, doubled with each further failure.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// A call waits so long for the next start itself; a longer distance it is told at once.
const BACKOFF_WAITED_OUT: Duration = Duration::from_secs(1);

/// Calls of one connector that may wait for their turn.
const MAX_WAITING: usize = 256;

/// What the connections of a pool share.
pub(super) struct Shared {
    pub secrets: Arc<dyn SecretSource>,
    pub pins: Arc<dyn Pins>,
    pub oauth: Arc<Oauth>,
    pub launcher: Launcher,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// Did the server answer, be it with a refusal?
fn answered<T>(result: &Result<T, CallError>) -> bool {
    matches!(
        result,
        Ok(_)
            | Err(CallError::Refused { .. }
                | CallError::Own { .. }
                | CallError::ToolChanged { .. }
                | CallError::UnknownTool { .. }
                | CallError::UnreadTool { .. }
                | CallError::TooLarge { .. })
    )
}

/// The distance after so many failures in a row.
fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    BACKOFF_FIRST
        .saturating_mul(1 << doublings)
        .min(BACKOFF_MAX)
}

#[derive(Default)]
struct State {
    session: Option<Arc<Session>>,
    not_before: Option<Instant>,
    last_failure: Option<CallError>,
    /// With which credentials that was. It says nothing of others, such as those of a new sign-in.
    failed_with: Option<[u8; 32]>,
}

/// A connector and its connection.
pub(super) struct Slot {
    pub connector: Connector,
    /// Has the token of a server that wants OAuth, or says why the settings cannot give one.
    authorizer: Option<Result<Arc<Authorizer>, CallError>>,
    turns: Semaphore,
    waiting: AtomicUsize,
    in_use: AtomicUsize,
    last_used: Mutex<Instant>,
    /// Starts that were tried: one that waited while another start failed shares that failure.
    starts: AtomicU64,
    /// Failures since a call last went well.
    failures: AtomicU32,
    state: Arc<tokio::sync::Mutex<State>>,
}

/// Counts up for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Values with their secrets put in.
struct Resolved {
    values: Vec<(String, SecretString)>,
    secrets: Vec<SecretString>,
    digest: [u8; 32],
}

impl Slot {
    pub(super) fn new(connector: Connector, oauth: &Arc<Oauth>) -> Arc<Self> {
        let authorizer = match &connector.launch {
            Launch::Http {
                url,
                auth: Some(auth),
                ..
            } => Some(Authorizer::new(&connector, url, auth, oauth.clone()).map(Arc::new)),
            Launch::Http { .. } | Launch::Process { .. } => None,
        };
        Arc::new(Self {
            authorizer,
            turns: Semaphore::new(usize::from(connector.limits.concurrency.max(1))),
            connector,
            waiting: AtomicUsize::new(0),
            in_use: AtomicUsize::new(0),
            last_used: Mutex::new(Instant::now()),
            starts: AtomicU64::new(0),
            failures: AtomicU32::new(0),
            state: Arc::default(),
        })
    }

    /// Runs `work` on a live connection, started where there is none, when it is this caller's turn.
    pub(super) async fn with_session<T>(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        work: impl AsyncFnOnce(&Session) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let _turn = self.turn().await?;
        let _in_use = Counted::new(&self.in_use);
        let session = self.session(shared).await?;
        self.touch();
        let result = work(&session).await;
        self.touch();
        if answered(&result) {
            self.failures.store(0, Ordering::Relaxed);
        }
        result
    }

    /// Who has the token, where the server wants OAuth.
    pub(super) fn authorizer(&self) -> Result<Option<Arc<Authorizer>>, CallError> {
        self.authorizer.clone().transpose()
    }

    async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, CallError> {
        let waiting = Counted::new(&self.waiting);
        if waiting.0.load(Ordering::Acquire) > MAX_WAITING {
            return Err(CallError::QueueFull { limit: MAX_WAITING });
        }
        let seconds = self.connector.limits.timeout_seconds;
        match tokio::time::timeout(Duration::from_secs(seconds.into()), self.turns.acquire()).await
        {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) => Err(CallError::Stopping),
            Err(_) => Err(CallError::Busy { seconds }),
        }
    }

    /// The live connection with the credentials of this moment, or a new one.
    async fn session(self: &Arc<Self>, shared: &Arc<Shared>) -> Result<Arc<Session>, CallError> {
        if shared.stop.is_cancelled() {
            return Err(CallError::Stopping);
        }
        let seen = self.starts.load(Ordering::Acquire);
        let resolved = self.resolve(shared).await?;
        // Who holds the state waits at most for one distance and one start.
        let limits = &self.connector.limits;
        let patience =
            Duration::from_secs(limits.start_timeout_seconds.into()) + 2 * BACKOFF_WAITED_OUT;
        let state = self.state.clone().lock_owned();
        let Ok(mut state) = tokio::time::timeout(patience, state).await else {
            return Err(CallError::Busy {
                seconds: u32::try_from(patience.as_secs()).unwrap_or(u32::MAX),
            });
        };
        if let Some(session) = state.session.take() {
            if !session.is_alive() {
                let failure = session.obituary().await;
                self.note_failure(&mut state, failure, session.credentials);
            } else if session.credentials == resolved.digest {
                state.session = Some(session.clone());
                return Ok(session);
            }
            // Else its last user drops it, and that ends it.
        }
        if state
            .failed_with
            .is_some_and(|with| with != resolved.digest)
        {
            state.last_failure = None;
            state.not_before = None;
        }
        if self.starts.load(Ordering::Acquire) != seen
            && let Some(failure) = &state.last_failure
        {
            return Err(failure.clone());
        }
        let distance = state
            .not_before
            .map_or(Duration::ZERO, |at| at.duration_since(Instant::now()));
        if distance > BACKOFF_WAITED_OUT {
            let last = state.last_failure.as_ref();
            return Err(CallError::BackingOff {
                failures: self.failures.load(Ordering::Relaxed),
                seconds: distance.as_secs() + 1,
                last: last.map(ToString::to_string).unwrap_or_default(),
                hint: last.and_then(|last| {
                    last.hint(matches!(self.connector.launch, Launch::Process { .. }))
                }),
            });
        }
        // A caller that gives up does not break off the start that others wait for.
        let (slot, shared_too) = (self.clone(), shared.clone());
        let credentials = resolved.digest;
        let start = shared.tasks.spawn(async move {
            tokio::time::sleep(distance).await;
            slot.starts.fetch_add(1, Ordering::AcqRel);
            match slot.start(&shared_too, resolved).await {
                Ok(session) => {
                    state.last_failure = None;
                    state.not_before = None;
                    state.session = Some(session.clone());
                    Ok(session)
                }
                Err(failure) => {
                    slot.note_failure(&mut state, failure.clone(), credentials);
                    Err(failure)
                }
            }
        });
        start.await.unwrap_or(Err(CallError::Stopping))
    }

    fn note_failure(&self, state: &mut State, failure: CallError, credentials: [u8; 32]) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let connector = self.connector.id.as_str();
        tracing::warn!(
            connector,
            failures,
            cause = failure.code(),
            "connection lost"
        );
        state.not_before = Some(Instant::now() + backoff(failures));
        state.last_failure = Some(failure);
        state.failed_with = Some(credentials);
    }

    async fn start(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        resolved: Resolved,
    ) -> Result<Arc<Session>, CallError> {
        if shared.stop.is_cancelled() {
            return Err(CallError::Stopping);
        }
        let session = Session::connect(Connect {
            connector: &self.connector,
            values: resolved.values,
            secrets: resolved.secrets,
            credentials: resolved.digest,
            authorizer: self.authorizer()?,
            launcher: &shared.launcher,
            pins: &shared.pins,
            tasks: &shared.tasks,
            stop: shared.stop.child_token(),
        });
        let session = Arc::new(session.await?);
        self.touch();
        tracing::info!(connector = self.connector.id.as_str(), "connected");
        let watch = end_when_idle(
            Arc::downgrade(self),
            Arc::downgrade(&session),
            session.ended(),
        );
        shared.tasks.spawn(watch);
        Ok(session)
    }

    async fn resolve(&self, shared: &Shared) -> Result<Resolved, CallError> {
        let named = match &self.connector.launch {
            Launch::Process { env, .. } => env,
            Launch::Http { headers, .. } => headers,
        };
        let mut resolved = Resolved {
            values: Vec::with_capacity(named.len()),
            secrets: Vec::new(),
            digest: [0; 32],
        };
        let mut digest = Sha256::new();
        for (name, value) in named {
            let value =
                match value {
                    EnvValue::Plain(text) => SecretString::from(text.clone()),
                    EnvValue::Secret { secret, prefix } => {
                        let value = shared.secrets.secret(secret).await.map_err(|error| {
                            CallError::Secret {
                                what: error.to_string(),
                            }
                        })?;
                        let whole =
                            SecretString::from(format!("{prefix}{}", value.expose_secret()));
                        resolved.secrets.push(value);
                        whole
                    }
                };
            for part in [name.as_str(), value.expose_secret()] {
                digest.update((part.len() as u64).to_be_bytes());
                digest.update(part.as_bytes());
            }
            resolved.values.push((name.clone(), value));
        }
        if let Some(authorizer) = self.authorizer()? {
            digest.update(authorizer.look().await?);
        }
        resolved.digest = digest.finalize().into();
        Ok(resolved)
    }

    fn touch(&self) {
        *self
            .last_used
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// When the connection will have been idle for its time; later where it is in use.
    fn idle_at(&self) -> Instant {
        let idle = Duration::from_secs(self.connector.limits.idle_stop_seconds.max(1).into());
        if self.in_use.load(Ordering::Acquire) > 0 {
            return Instant::now() + idle;
        }
        *self
            .last_used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            + idle
    }
}

/// Takes the connection out of its slot when nobody has used it for its time, which ends it.
async fn end_when_idle(slot: Weak<Slot>, session: Weak<Session>, ended: CancellationToken) {
    loop {
        let Some(due) = slot.upgrade().map(|slot| slot.idle_at()) else {
            return;
        };
        tokio::select! {
            () = ended.cancelled() => return,
            () = tokio::time::sleep_until(due) => {}
        }
        let Some(slot) = slot.upgrade() else {
            return;
        };
        let mut state = slot.state.lock().await;
        let same = state
            .session
            .as_ref()
            .is_some_and(|kept| Weak::ptr_eq(&Arc::downgrade(kept), &session));
        if !same {
            return;
        }
        if slot.idle_at() <= Instant::now() {
            state.session = None;
            tracing::info!(connector = slot.connector.id.as_str(), "idle, ended");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_doubles_up_to_its_bound() {
        let seconds: Vec<f32> = [1, 2, 3, 7, 8, 40, u32::MAX]
            .map(|failures| backoff(failures).as_secs_f32())
            .to_vec();
        assert_eq!(seconds, [0.5, 1.0, 2.0, 32.0, 60.0, 60.0, 60.0]);
    }
}
