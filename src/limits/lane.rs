//! Many who want to change one document are served by one write: whoever has the turn takes along what the others want.

use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

/// What is asked for.
pub(super) trait Wish: Clone {
    /// Is it to be done also where nobody waits for it any more?
    fn outlives_its_caller(&self) -> bool;
}

struct Waiting<W, D> {
    wish: W,
    done: oneshot::Sender<D>,
}

/// A lane to one place of the store. Between the processes of several nodes the store's own versions decide; within one
/// process nobody has to lose against another.
pub(super) struct Lane<W, D> {
    waiting: Mutex<Vec<Waiting<W, D>>>,
    turn: tokio::sync::Mutex<()>,
}

impl<W, D> Default for Lane<W, D> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

impl<W: Wish, D> Lane<W, D> {
    /// Has `wish` done. `commit` does many at once and gives what came of each, in their order. A wish may come to it
    /// twice, where the caller that had the turn was given up in between: doing it again must do no harm.
    pub async fn submit<F>(&self, wish: W, commit: impl Fn(Vec<W>) -> F) -> D
    where
        F: Future<Output = Vec<D>>,
    {
        loop {
            let (done, mut answer) = oneshot::channel();
            self.waiting().push(Waiting {
                wish: wish.clone(),
                done,
            });
            let turn = self.turn.lock().await;
            match answer.try_recv() {
                Ok(done) => return done,
                Err(oneshot::error::TryRecvError::Closed) => continue,
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            let (wishes, callers): (Vec<W>, Vec<_>) = std::mem::take(&mut *self.waiting())
                .into_iter()
                .filter(|waiting| !waiting.done.is_closed() || waiting.wish.outlives_its_caller())
                .map(|waiting| (waiting.wish, waiting.done))
                .unzip();
            let results = commit(wishes).await;
            for (caller, result) in callers.into_iter().zip(results) {
                // A caller that went away wants to know nothing.
                let _ = caller.send(result);
            }
            drop(turn);
            if let Ok(done) = answer.try_recv() {
                return done;
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting<W, D>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
