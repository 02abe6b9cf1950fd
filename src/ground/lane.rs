//! Many who want to write to one place are served by one write: while it runs, the others' wishes gather for the next.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// So many wishes go into one write at most.
const MOST_AT_ONCE: usize = 512;

/// What is asked for.
pub trait Wish: Send + 'static {
    /// Is it to be done also where nobody waits for it any more?
    fn outlives_its_caller(&self) -> bool;
}

struct Waiting<W, D> {
    wish: W,
    done: oneshot::Sender<D>,
}

struct Queue<W, D> {
    waiting: Vec<Waiting<W, D>>,
    is_served: bool,
}

/// A lane to one place of the store. Between the processes of several nodes the store's own versions decide; within one
/// process nobody has to lose against another.
pub struct Lane<W, D>(Arc<Mutex<Queue<W, D>>>);

impl<W, D> Default for Lane<W, D> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Queue {
            waiting: Vec::new(),
            is_served: false,
        })))
    }
}

impl<W, D> Clone for Lane<W, D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W: Wish, D: Send + 'static> Lane<W, D> {
    /// Has `wish` done once. `commit` does many at once and gives what came of each, in their order; what it has begun it
    /// ends, also where its caller is given up. Nothing where it broke off, or the process ends.
    pub async fn submit<F>(
        &self,
        wish: W,
        commit: impl Fn(Vec<W>) -> F + Send + 'static,
    ) -> Option<D>
    where
        F: Future<Output = Vec<D>> + Send,
    {
        let (done, answer) = oneshot::channel();
        let is_served = {
            let mut queue = lock(&self.0);
            queue.waiting.push(Waiting { wish, done });
            std::mem::replace(&mut queue.is_served, true)
        };
        if !is_served {
            let turn = Turn {
                lane: self.clone(),
                is_over: false,
            };
            tokio::spawn(async move { turn.serve(commit).await });
        }
        answer.await.ok()
    }
}

/// Whoever serves the lane. Where it ends early, the next wish finds the lane unserved and those that waited are told.
struct Turn<W, D> {
    lane: Lane<W, D>,
    is_over: bool,
}

impl<W: Wish, D> Turn<W, D> {
    async fn serve<F>(mut self, commit: impl Fn(Vec<W>) -> F)
    where
        F: Future<Output = Vec<D>>,
    {
        while let Some((wishes, callers)) = self.next() {
            let results = commit(wishes).await;
            for (caller, result) in callers.into_iter().zip(results) {
                // A caller that went away wants to know nothing.
                let _ = caller.send(result);
            }
        }
    }

    /// What waits; nothing, and the lane is given up, where nobody does.
    fn next(&mut self) -> Option<(Vec<W>, Vec<oneshot::Sender<D>>)> {
        let mut queue = lock(&self.lane.0);
        queue
            .waiting
            .retain(|waiting| !waiting.done.is_closed() || waiting.wish.outlives_its_caller());
        if queue.waiting.is_empty() {
            queue.is_served = false;
            self.is_over = true;
            return None;
        }
        let many = queue.waiting.len().min(MOST_AT_ONCE);
        let taken = queue.waiting.drain(..many);
        Some(taken.map(|waiting| (waiting.wish, waiting.done)).unzip())
    }
}

impl<W, D> Drop for Turn<W, D> {
    fn drop(&mut self) {
        if !self.is_over {
            let mut queue = lock(&self.lane.0);
            queue.is_served = false;
            queue.waiting.clear();
        }
    }
}

fn lock<W, D>(queue: &Mutex<Queue<W, D>>) -> std::sync::MutexGuard<'_, Queue<W, D>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    #[derive(Debug, Clone, Copy)]
    struct Number(u32, bool);

    impl Wish for Number {
        fn outlives_its_caller(&self) -> bool {
            self.1
        }
    }

    /// A lane whose writes wait for leave, and what each held.
    #[derive(Clone)]
    struct Bench {
        lane: Lane<Number, u32>,
        leave: Arc<Semaphore>,
        written: Arc<Mutex<Vec<Vec<u32>>>>,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                lane: Lane::default(),
                leave: Arc::new(Semaphore::new(0)),
                written: Arc::default(),
            }
        }

        async fn submit(self, wish: Number) -> Option<u32> {
            let (leave, written) = (self.leave.clone(), self.written.clone());
            let commit = move |wishes: Vec<Number>| {
                let (leave, written) = (leave.clone(), written.clone());
                async move {
                    leave.acquire().await.unwrap().forget();
                    let numbers: Vec<u32> = wishes.iter().map(|wish| wish.0).collect();
                    assert!(!numbers.contains(&99), "it broke off");
                    written.lock().unwrap().push(numbers.clone());
                    numbers.iter().map(|number| number * 10).collect()
                }
            };
            self.lane.submit(wish, commit).await
        }

        fn spawn(&self, wish: Number) -> tokio::task::JoinHandle<Option<u32>> {
            tokio::spawn(self.clone().submit(wish))
        }
    }

    async fn settle() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn those_that_wait_are_served_by_one_write_each_with_its_own_result() {
        let bench = Bench::new();
        let first = bench.spawn(Number(1, false));
        settle().await;
        let rest: Vec<_> = (2..=5).map(|n| bench.spawn(Number(n, false))).collect();
        settle().await;
        bench.leave.add_permits(10);
        assert_eq!(first.await.unwrap(), Some(10));
        for (n, wish) in (2..=5).zip(rest) {
            assert_eq!(wish.await.unwrap(), Some(n * 10));
        }
        assert_eq!(*bench.written.lock().unwrap(), [vec![1], vec![2, 3, 4, 5]]);
    }

    #[tokio::test]
    async fn what_was_begun_is_done_once_though_its_caller_is_gone_and_what_waits_is_not() {
        let bench = Bench::new();
        let begun = bench.spawn(Number(1, false));
        settle().await;
        let (gone, stays) = (bench.spawn(Number(2, false)), bench.spawn(Number(3, true)));
        settle().await;
        for caller in [&begun, &gone, &stays] {
            caller.abort();
        }
        settle().await;
        bench.leave.add_permits(10);
        assert_eq!(bench.clone().submit(Number(4, false)).await, Some(40));
        assert_eq!(*bench.written.lock().unwrap(), [vec![1], vec![3, 4]]);
    }

    #[tokio::test]
    async fn a_write_that_breaks_off_leaves_the_lane_open() {
        let bench = Bench::new();
        bench.leave.add_permits(10);
        assert_eq!(bench.clone().submit(Number(99, false)).await, None);
        assert_eq!(bench.clone().submit(Number(1, false)).await, Some(10));
    }
}
