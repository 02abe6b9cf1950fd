//! A few sessions, made when they are needed and kept while they are sound.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::SqlError;

/// Sessions at once.
pub const MAX_SESSIONS: usize = 4;

/// Sessions that nobody uses now, and the right to use one. Cheap to clone.
#[derive(Debug)]
pub struct Sessions<S> {
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<S>>>,
}

impl<S> Clone for Sessions<S> {
    fn clone(&self) -> Self {
        Self {
            permits: self.permits.clone(),
            idle: self.idle.clone(),
        }
    }
}

impl<S> Default for Sessions<S> {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_SESSIONS)),
            idle: Arc::default(),
        }
    }
}

impl<S> Sessions<S> {
    /// Waits for the right to use a session; it ends when what is returned is dropped.
    pub async fn permit(&self, wait: Duration) -> Result<OwnedSemaphorePermit, SqlError> {
        match tokio::time::timeout(wait, self.permits.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(SqlError::Busy(wait.as_secs())),
        }
    }

    /// A session that waits for use.
    pub fn take(&self) -> Option<S> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }

    /// Keeps a session that is in order.
    pub fn keep(&self, session: S) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(session);
    }
}
