//! Threads that hold a connection each, since SQLite blocks. What waits for the one that writes goes into one transaction,
//! so many who write at once wait for the disk once.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel},
    },
    thread::JoinHandle,
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::unavailable;
use crate::store::StoreError;

/// So many jobs share a transaction at most.
const MOST_AT_ONCE: usize = 256;

/// After so many transactions the log is copied into the file.
const COPIED_AFTER: usize = 64;

/// Work that somebody waits for.
trait Job: Send {
    /// Does it; whether what it changed may stay.
    fn run(&mut self, connection: &Connection) -> bool;

    /// Tells what came of it, once that is certain.
    fn tell(self: Box<Self>, certain: Result<(), StoreError>);

    /// Must it run outside of a transaction?
    fn is_alone(&self) -> bool;
}

struct Task<W, T> {
    work: Option<W>,
    result: Option<rusqlite::Result<T>>,
    done: oneshot::Sender<Result<T, StoreError>>,
    is_alone: bool,
}

impl<W, T> Job for Task<W, T>
where
    W: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        self.result = self.work.take().map(|work| work(connection));
        matches!(self.result, Some(Ok(_)))
    }

    fn tell(self: Box<Self>, certain: Result<(), StoreError>) {
        let result = self.result.map(|result| result.map_err(unavailable));
        let result = match (result, certain) {
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (Some(result), Ok(())) => result,
            (None, Ok(())) => Err(StoreError::broken_off()),
        };
        // Whoever went away wants to know nothing.
        let _ = self.done.send(result);
    }

    fn is_alone(&self) -> bool {
        self.is_alone
    }
}

/// Jobs go in here. Once it is dropped the threads do what still waits, and the file is closed when `drop` returns.
pub struct Worker {
    jobs: Option<Sender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Worker {
    /// One thread that writes, and one that copies the write-ahead log into the file with `copies`, if that is given: it
    /// takes long, and who waits for a write would wait for it.
    pub fn writing(connection: Connection, copies: Option<Connection>) -> Result<Self, StoreError> {
        let (sender, jobs) = channel();
        let (now, nows) = sync_channel(1);
        let is_copied = Arc::new(AtomicBool::new(false));
        let copied = is_copied.clone();
        let mut threads = vec![spawn(move || write(&connection, &jobs, &now, &copied))?];
        if let Some(connection) = copies {
            threads.push(spawn(move || {
                while nows.recv().is_ok() {
                    copy(&connection);
                    is_copied.store(true, Ordering::Release);
                }
            })?);
        }
        Ok(Self {
            jobs: Some(sender),
            threads,
        })
    }

    /// A thread for each of these connections; a job is done by whichever is free.
    pub fn reading(connections: Vec<Connection>) -> Result<Self, StoreError> {
        let (sender, receiver) = channel();
        let jobs = Arc::new(Mutex::new(receiver));
        let threads = connections
            .into_iter()
            .map(|connection| {
                let jobs = jobs.clone();
                spawn(move || {
                    while let Some(mut job) = next(&jobs) {
                        job.run(&connection);
                        job.tell(Ok(()));
                    }
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            jobs: Some(sender),
            threads,
        })
    }

    /// Has `work` done. Where it fails nothing of it stays, and it is durable when this returns.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(work, false).await
    }

    /// [`run`](Self::run) outside of a transaction.
    pub async fn run_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(work, true).await
    }

    async fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        is_alone: bool,
    ) -> Result<T, StoreError> {
        let (done, answer) = oneshot::channel();
        let job = Box::new(Task {
            work: Some(work),
            result: None,
            done,
            is_alone,
        });
        self.jobs
            .as_ref()
            .and_then(|jobs| jobs.send(job).ok())
            .ok_or_else(StoreError::broken_off)?;
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::broken_off()))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // One that broke off has nothing more to close.
            let _ = thread.join();
        }
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name("sqlite".to_owned())
        .spawn(work)
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// The next job; nothing once there will be none.
fn next(jobs: &Mutex<Receiver<Box<dyn Job>>>) -> Option<Box<dyn Job>> {
    let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
    jobs.recv().ok()
}

/// Does all jobs. Every [`COPIED_AFTER`] transactions it has the log copied; of what was written meanwhile it copies the
/// rest itself once nobody waits, so that the next write begins the log anew: to write over a file is several times as fast
/// as to make it longer.
fn write(
    connection: &Connection,
    jobs: &Receiver<Box<dyn Job>>,
    now: &SyncSender<()>,
    is_copied: &AtomicBool,
) {
    let (mut held, mut transactions) = (None, 0_usize);
    loop {
        let first = match held.take().map_or_else(|| jobs.try_recv(), Ok) {
            Ok(job) => Ok(job),
            Err(TryRecvError::Empty) => {
                if is_copied.swap(false, Ordering::Acquire) {
                    copy(connection);
                }
                jobs.recv()
            }
            Err(TryRecvError::Disconnected) => return,
        };
        let Ok(first) = first else { return };
        held = serve(connection, first, jobs);
        transactions += 1;
        if transactions.is_multiple_of(COPIED_AFTER) {
            // Where it is at it still, it need not be told.
            let _ = now.try_send(());
        }
    }
}

/// Does `first` and what waits behind it; gives back a job that must not share their transaction.
fn serve(
    connection: &Connection,
    first: Box<dyn Job>,
    jobs: &Receiver<Box<dyn Job>>,
) -> Option<Box<dyn Job>> {
    if first.is_alone() {
        let mut first = first;
        first.run(connection);
        first.tell(Ok(()));
        return None;
    }
    let mut batch = vec![first];
    let mut held = None;
    while batch.len() < MOST_AT_ONCE && held.is_none() {
        match jobs.try_recv() {
            Ok(job) if job.is_alone() => held = Some(job),
            Ok(job) => batch.push(job),
            Err(_) => break,
        }
    }
    let certain = together(connection, &mut batch).map_err(unavailable);
    if certain.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    for job in batch {
        job.tell(certain.clone());
    }
    held
}

/// Copies the log into the file, as far as nobody stands in the way.
fn copy(connection: &Connection) {
    let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = copied {
        tracing::warn!(%error, "the store's log was not copied into its file");
    }
}

/// One transaction for all. A job that fails leaves nothing behind and takes no other with it.
fn together(connection: &Connection, batch: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    for job in batch {
        connection.prepare_cached("SAVEPOINT job")?.execute([])?;
        if !job.run(connection) {
            connection.prepare_cached("ROLLBACK TO job")?.execute([])?;
        }
        connection.prepare_cached("RELEASE job")?.execute([])?;
    }
    connection.prepare_cached("COMMIT")?.execute([]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        let made = connection.execute_batch("CREATE TABLE numbers (n INTEGER PRIMARY KEY)");
        made.unwrap();
        connection
    }

    fn add(n: i64) -> impl FnOnce(&Connection) -> rusqlite::Result<usize> + Send + 'static {
        move |connection| connection.execute("INSERT INTO numbers VALUES (?)", [n])
    }

    async fn all(worker: &Worker) -> Vec<i64> {
        let read = |connection: &Connection| {
            let mut statement = connection.prepare("SELECT n FROM numbers ORDER BY n")?;
            statement
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()
        };
        worker.run(read).await.unwrap()
    }

    #[tokio::test]
    async fn a_job_that_fails_leaves_nothing_and_takes_no_other_of_its_transaction_with_it() {
        let worker = Worker::writing(numbers(), None).unwrap();
        let waits = worker.run(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            Ok(())
        });
        let twice = worker.run(|connection| {
            add(2)(connection)?;
            add(1)(connection)
        });
        let (waited, first, twice, third) =
            tokio::join!(waits, worker.run(add(1)), twice, worker.run(add(3)));
        waited.unwrap();
        assert_eq!((first.unwrap(), third.unwrap()), (1, 1));
        assert!(matches!(twice, Err(StoreError::Unavailable(why)) if why.contains("UNIQUE")));
        assert_eq!(all(&worker).await, [1, 3]);
    }

    #[tokio::test]
    async fn nobody_is_told_of_a_write_that_is_not_kept() {
        let worker = Worker::writing(numbers(), None).unwrap();
        // The transaction ends under those that share it, as it does where the disk is full.
        let waits = worker.run(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            Ok(())
        });
        let ends = worker.run(|connection| connection.execute_batch("ROLLBACK"));
        // Whether this one shares it, too, nobody knows.
        let (_, first, ends) = tokio::join!(waits, worker.run(add(1)), ends);
        assert!(first.is_err() && ends.is_err(), "{first:?} {ends:?}");
        assert!(all(&worker).await.is_empty());
        worker.run(add(4)).await.unwrap();
        assert_eq!(all(&worker).await, [4]);
    }

    #[tokio::test]
    async fn what_must_be_alone_is_and_what_waits_is_done_before_the_file_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.db");
        let connection = Connection::open(&path).unwrap();
        let made = connection.execute_batch("CREATE TABLE numbers (n INTEGER PRIMARY KEY)");
        made.unwrap();
        let worker = Worker::writing(connection, None).unwrap();
        let vacuum = worker.run_alone(|connection| connection.execute_batch("VACUUM"));
        let (first, vacuum, second) = tokio::join!(worker.run(add(1)), vacuum, worker.run(add(2)));
        assert!(first.is_ok() && vacuum.is_ok() && second.is_ok());
        let begun = Box::pin(worker.run(add(3)));
        assert!(futures_util::poll!(begun).is_pending());
        drop(worker);
        let connection = Connection::open(&path).unwrap();
        let sum: i64 = connection
            .query_row("SELECT sum(n) FROM numbers", [], |row| row.get(0))
            .unwrap();
        assert_eq!(sum, 6);
    }
}
