//! The daemon among strangers who only take up room, and over a store that fails.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::Connection;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::daemon::{Instance, eventually, get};

/// How many connections are begun, and how many descriptors the daemon may have. The figures of a large crowd come with
/// `DAYBRIEF_TEST_CROWD=8000`, where the machine lets the test itself have as many descriptors.
const CROWD: u32 = 600;
const DESCRIPTORS: u64 = 256;
/// A slow connection does something so often.
const PAUSE: Duration = Duration::from_secs(4);

/// How a connection wastes its time.
#[derive(Clone, Copy)]
enum Slow {
    /// A head that never ends.
    Head,
    /// A body that never ends.
    Body,
    /// Asks again and again, and reads no answer.
    Deaf,
    /// Says nothing.
    Silent,
}

/// Takes up room until the test is over: where it is closed, it comes back.
async fn waste(address: String, slow: Slow, held: Arc<AtomicUsize>, begins: Duration) {
    tokio::time::sleep(begins).await;
    loop {
        if let Ok(mut stream) = TcpStream::connect(&address).await {
            held.fetch_add(1, Ordering::Relaxed);
            let _ = one(&mut stream, slow).await;
            held.fetch_sub(1, Ordering::Relaxed);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn one(stream: &mut TcpStream, slow: Slow) -> std::io::Result<()> {
    let begin = match slow {
        Slow::Head => "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-filler: ",
        Slow::Body => {
            "POST /api/v1/ask HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n{\"question\": \""
        }
        Slow::Deaf => "GET /api/v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n",
        Slow::Silent => "",
    };
    stream.write_all(begin.as_bytes()).await?;
    let mut answer = [0; 512];
    loop {
        match slow {
            Slow::Head | Slow::Body => {
                let read = tokio::time::timeout(PAUSE, stream.read(&mut answer)).await;
                if let Ok(read) = read
                    && read? == 0
                {
                    return Ok(());
                }
                stream.write_all(&[b'x'; 100]).await?;
            }
            Slow::Deaf => {
                tokio::time::sleep(PAUSE).await;
                stream.write_all(begin.as_bytes()).await?;
            }
            Slow::Silent => {
                if stream.read(&mut answer).await? == 0 {
                    return Ok(());
                }
            }
        }
    }
}

/// Resident memory of a process, in kB.
fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap()
}

fn descriptors(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_slow_connections_keeps_no_due_brief_back() {
    let asked = std::env::var("DAYBRIEF_TEST_CROWD").ok();
    let asked = asked.and_then(|crowd| crowd.parse().ok());
    let (crowd, descriptors_of_daemon) = match asked {
        Some(crowd) => (crowd, 16_384),
        None => (CROWD, DESCRIPTORS),
    };
    let instance = Instance::new("* * * * *", "", "crowd@acme.test");
    let (daemon, address) = instance.serve_with_descriptors(descriptors_of_daemon);
    let process = daemon.0.id();
    // One brief without anybody there.
    let one = eventually(Duration::from_secs(75), async || {
        !instance.in_folder().is_empty()
    });
    assert!(one.await, "{}", instance.log());
    let before = (memory(process), descriptors(process));

    let held = Arc::<AtomicUsize>::default();
    let kinds = [Slow::Head, Slow::Body, Slow::Deaf, Slow::Silent];
    let crowd_of: Vec<_> = (0..crowd)
        .zip(kinds.iter().cycle())
        .map(|(n, slow)| {
            let begins = PAUSE * n / crowd;
            tokio::spawn(waste(address.clone(), *slow, held.clone(), begins))
        })
        .collect();
    tokio::time::sleep(PAUSE).await;
    let briefs = instance.in_folder().len();
    let (mut most, mut most_descriptors, mut most_held) = (0, 0, 0);
    let (mut probes, mut slowest) = (0, Duration::ZERO);
    let begun = Instant::now();
    let url = format!("http://{address}/healthz");
    // Two briefs fall due.
    while instance.in_folder().len() < briefs + 2 && begun.elapsed() < Duration::from_secs(150) {
        most = most.max(memory(process));
        most_descriptors = most_descriptors.max(descriptors(process));
        most_held = most_held.max(held.load(Ordering::Relaxed));
        let asked = Instant::now();
        let answer = tokio::task::spawn_blocking({
            let url = url.clone();
            move || get(&url)
        });
        if answer.await.unwrap() == "ok\n200" {
            probes += 1;
            slowest = slowest.max(asked.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let due = lateness(&instance.path("delivered/mara"));
    for one in &crowd_of {
        one.abort();
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    let after = (memory(process), descriptors(process));
    println!(
        "{crowd} slow connections, {most_held} held at once by them; memory {} kB before, {most} kB at most during, {} kB after; \
         descriptors {} before, {most_descriptors} at most, {} after, of {descriptors_of_daemon}; briefs delivered {due:?} s after \
         they were due; {probes} probes answered, the slowest in {} ms",
        before.0,
        after.0,
        before.1,
        after.1,
        slowest.as_millis()
    );
    assert!(
        instance.in_folder().len() >= briefs + 2,
        "{}",
        instance.log()
    );
    assert!(due.iter().all(|late| *late < 20), "{due:?}");
    assert!(probes > 0, "no probe was answered");
    assert!(most < before.0 + 65_536, "{before:?} {most}");
    let limit = usize::try_from(descriptors_of_daemon).unwrap();
    assert!(most_descriptors < limit * 3 / 4, "{most_descriptors}");
    assert!(daemon.stop(), "{}", instance.log());
}

/// How many seconds after its full minute each brief was delivered.
fn lateness(folder: &Path) -> Vec<u64> {
    let entries = fs::read_dir(folder).unwrap();
    let mut late: Vec<(u64, u64)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let made = entry.metadata().ok()?.modified().ok()?;
            let seconds = made.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
            (!entry.file_name().to_string_lossy().starts_with('.'))
                .then_some((seconds, seconds % 60))
        })
        .collect();
    late.sort_unstable();
    late.into_iter().map(|(_, late)| late).collect()
}

/// Everything that the admin's folder holds, as text.
fn told(instance: &Instance) -> String {
    let delivered = instance.path("delivered/mara");
    let names = instance.in_folder();
    let texts = names
        .iter()
        .filter_map(|name| fs::read_to_string(delivered.join(name).join("brief.txt")).ok());
    texts.collect::<Vec<_>>().join("\n").replace('\n', " ")
}

#[tokio::test]
async fn a_store_that_is_locked_or_gone_is_told_as_that_while_the_daemon_lives() {
    // Nothing is due meanwhile.
    let instance = Instance::new("0 7 1 1 *", "", "outage@acme.test");
    let (daemon, address) = instance.serve();
    let ask = |page: &str| get(&format!("http://{address}/{page}"));
    assert_eq!(ask("readyz"), "ok\n200");
    let file = instance.path("data/daybrief.db");
    let mut other = sqlx::SqliteConnection::connect(&format!("sqlite:{}", file.display()))
        .await
        .unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    // As soon as it was seen twice, by way of the folder, which needs no store.
    let is_told = eventually(Duration::from_secs(90), async || {
        told(&instance).contains("is locked by another process")
    });
    assert!(is_told.await, "{}", instance.log());
    assert!(ask("readyz").ends_with("503"), "{}", ask("readyz"));
    assert_eq!(ask("healthz"), "ok\n200");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    drop(other);
    let is_well = eventually(Duration::from_secs(45), async || ask("readyz") == "ok\n200");
    assert!(is_well.await, "{}", ask("readyz"));

    fs::remove_file(&file).unwrap();
    assert_eq!(
        ask("readyz"),
        "the store's file is gone or was replaced\n503"
    );
    let is_told = eventually(Duration::from_secs(60), async || {
        told(&instance).contains("is gone or was replaced")
    });
    assert!(is_told.await, "{}", instance.log());
    assert_eq!(ask("healthz"), "ok\n200");
    assert_eq!(instance.in_folder().len(), 2, "each is told once");
    assert!(daemon.stop());
}
