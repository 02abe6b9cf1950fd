//! The daemon with real peers: delivered over a mail server, Slack and a folder, killed at any moment, once each.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::TryStreamExt;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::peer;

/// The sample company's instance, changed to deliver to real peers.
pub struct Instance {
    folder: tempfile::TempDir,
    mailbox: Option<Mailbox>,
    slack: Option<(String, String)>,
}

struct Mailbox {
    imap: String,
    password: String,
    address: &'static str,
}

/// How long a lease is in these tests: what a killed process leaves is taken over after it.
const LEASE: Duration = Duration::from_secs(1);

fn daybrief() -> Command {
    Command::new(env!("CARGO_BIN_EXE_daybrief"))
}

impl Instance {
    /// `schedule` replaces the tables of all schedules; `address` is a mailbox that no other test reads.
    pub fn new(when: &str, store: &str, address: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let laid_out = daybrief()
            .args(["demo", "--json", "--out"])
            .arg(root)
            .output()
            .unwrap();
        assert!(laid_out.status.success(), "{laid_out:?}");
        let mut settings = format!(
            "[instance]\nname = \"Acme\"\nobjects = [\"objects\"]\nadmin = \"mara\"\nlisten = \"127.0.0.1:0\"\n\
             [store]\nlease_seconds = {}\n{store}\n[folder]\npath = \"delivered\"\n",
            LEASE.as_secs()
        );
        let mut via = "\"folder\"".to_owned();
        let mut person =
            "id = \"mara\"\nname = \"Mara\"\nroles = [\"vp-engineering\"]\n".to_owned();
        let mail = (
            peer("DAYBRIEF_TEST_SMTP"),
            peer("DAYBRIEF_TEST_SMTP_CA"),
            peer("DAYBRIEF_TEST_SMTP_LOGIN"),
            peer("DAYBRIEF_TEST_IMAP"),
        );
        let mailbox = if let (Some(server), Some(ca), Some(login), Some(imap)) = mail {
            let (host, port) = server.split_once(':').unwrap();
            let (user, password) = login.split_once(':').unwrap();
            settings.push_str(&format!(
                "[email]\nhost = \"{host}\"\nport = {port}\nuser = \"{user}\"\npassword = \"env:TEST_MAIL_PASSWORD\"\n\
                 from = \"Daybrief <daybrief@acme.test>\"\nca_file = \"{ca}\"\n"
            ));
            via.push_str(", \"email\"");
            person.push_str(&format!("email = \"{address}\"\n"));
            Some(Mailbox {
                imap,
                password: password.to_owned(),
                address,
            })
        } else {
            None
        };
        let slack = peer("DAYBRIEF_TEST_SLACK").zip(peer("DAYBRIEF_TEST_SLACK_TOKEN"));
        let mut to = format!("{{ role = \"vp-engineering\", via = [{via}] }}");
        if let Some((url, token)) = &slack {
            let channel = slack_channel(url, token);
            settings.push_str(&format!(
                "[slack]\ntoken = \"env:TEST_SLACK_TOKEN\"\napi_url = \"{url}\"\n"
            ));
            to.push_str(&format!(
                ", {{ slack_channel = \"{channel}\", as = \"vp-engineering\" }}"
            ));
        }
        fs::write(root.join("daybrief.toml"), settings).unwrap();
        fs::remove_dir_all(root.join("objects/schedules")).unwrap();
        fs::write(
            root.join("objects/schedule.toml"),
            format!(
                "[schedule]\nid = \"morning\"\nbriefing = \"vp-engineering-morning\"\nwhen = \"{when}\"\nzone = \"UTC\"\nto = [{to}]\n"
            ),
        )
        .unwrap();
        fs::write(
            root.join("objects/users/mara.toml"),
            format!("[user]\n{person}"),
        )
        .unwrap();
        Self {
            folder,
            mailbox,
            slack,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = daybrief();
        command
            .arg("--config")
            .arg(self.path("daybrief.toml"))
            .args(args)
            .stderr(Stdio::null());
        if let Some(mailbox) = &self.mailbox {
            command.env("TEST_MAIL_PASSWORD", &mailbox.password);
        }
        if let Some((_, token)) = &self.slack {
            command.env("TEST_SLACK_TOKEN", token);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts the daemon and waits until it is ready; the address that it answers on.
    pub fn serve(&self) -> (Daemon, String) {
        self.begun(self.command(&["serve"]))
    }

    /// The same of a daemon that may have so many descriptors.
    pub fn serve_with_descriptors(&self, descriptors: u64) -> (Daemon, String) {
        let daemon = self.command(&["serve"]);
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n \"$0\" && exec \"$@\""]);
        command.arg(descriptors.to_string());
        command.arg(daemon.get_program()).args(daemon.get_args());
        for (name, value) in daemon.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        self.begun(command)
    }

    fn begun(&self, mut command: Command) -> (Daemon, String) {
        let log = fs::File::create(self.path("serve.log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("ready on http://")
            .unwrap_or_else(|| panic!("{line:?} {}", self.log()))
            .to_owned();
        (Daemon(child), address)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("serve.log")).unwrap_or_default()
    }

    /// Every delivery in the folder, by its id.
    pub fn in_folder(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("delivered/mara")) else {
            return Vec::new();
        };
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.'))
            .collect()
    }

    /// How often each delivery is in the mailbox, by its id.
    async fn in_mailbox(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        let Some(mailbox) = &self.mailbox else {
            return found;
        };
        let stream = TcpStream::connect(&mailbox.imap).await.unwrap();
        let mut client = async_imap::Client::new(stream);
        client.read_response().await.unwrap().unwrap();
        let mut session = client
            .login(mailbox.address, &mailbox.password)
            .await
            .map_err(|(error, _)| error)
            .unwrap();
        session.select("INBOX").await.unwrap();
        let mails: Vec<_> = session
            .fetch("1:*", "RFC822.HEADER")
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap_or_default();
        for mail in &mails {
            let header = String::from_utf8_lossy(mail.header().unwrap_or_default()).into_owned();
            let id = header
                .lines()
                .find_map(|line| line.strip_prefix("X-Daybrief-Delivery: "))
                .unwrap_or("none");
            *found.entry(id.trim().to_owned()).or_default() += 1;
        }
        let _ = session.logout().await;
        found
    }

    /// Runs by state and deliveries by channel and state, as they lie in the embedded store.
    async fn in_store(&self) -> (Vec<Value>, Vec<Value>) {
        use sqlx::{Connection, Row};
        let path = self.path("data/daybrief.db");
        let mut session = sqlx::SqliteConnection::connect(&format!("sqlite:{}", path.display()))
            .await
            .unwrap();
        let mut all = Vec::new();
        for collection in ["runs", "outbox"] {
            let rows = sqlx::query("SELECT body FROM documents WHERE collection = ?")
                .bind(collection)
                .fetch_all(&mut session)
                .await
                .unwrap();
            all.push(
                rows.iter()
                    .map(|row| serde_json::from_str(row.get("body")).unwrap())
                    .collect(),
            );
        }
        let outbox = all.pop().unwrap();
        (all.pop().unwrap(), outbox)
    }
}

/// A daemon that is ended with the test.
pub struct Daemon(pub Child);

impl Daemon {
    /// Asks it to stop and waits; true where it ended well in time.
    pub fn stop(mut self) -> bool {
        signal(&self.0, "TERM");
        let until = Instant::now() + Duration::from_secs(15);
        while Instant::now() < until {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn signal(child: &Child, name: &str) {
    Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .unwrap();
}

pub fn get(url: &str) -> String {
    let output = Command::new("curl")
        .args(["-s", "-m", "5", "-w", "%{http_code}", url])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The id of the workspace's channel `leadership`.
fn slack_channel(url: &str, token: &str) -> String {
    let output = Command::new("curl")
        .args(["-s", "-m", "5", "-X", "POST", "-H"])
        .arg(format!("Authorization: Bearer {token}"))
        .arg(format!("{url}/conversations.list"))
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["channels"]
        .as_array()
        .unwrap()
        .iter()
        .find(|channel| channel["name"] == "leadership")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

pub async fn eventually(within: Duration, mut holds: impl AsyncFnMut() -> bool) -> bool {
    let until = Instant::now() + within;
    loop {
        if holds().await {
            return true;
        }
        if Instant::now() > until {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Processes that have this folder in their command line: connectors of this test.
fn processes_of(folder: &Path) -> usize {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .filter(|line| {
            let line = String::from_utf8_lossy(line);
            line.contains("connector\0sql") && line.contains(&*folder.to_string_lossy())
        })
        .count()
}

#[tokio::test]
async fn the_daemon_delivers_what_is_due_tells_how_it_is_and_stops_when_told() {
    let instance = Instance::new("* * * * *", "", "daemon@acme.test");
    let (daemon, address) = instance.serve();
    assert_eq!(get(&format!("http://{address}/healthz")), "ok\n200");
    assert_eq!(get(&format!("http://{address}/readyz")), "ok\n200");
    // Due at the next full minute.
    let delivered = eventually(Duration::from_secs(75), async || {
        !instance.in_folder().is_empty()
            && (instance.mailbox.is_none() || !instance.in_mailbox().await.is_empty())
    })
    .await;
    assert!(delivered, "{}", instance.log());
    let done = eventually(Duration::from_secs(10), async || {
        get(&format!("http://{address}/metrics")).contains("daybrief_runs_total{state=\"done\"}")
    })
    .await;
    assert!(done, "{}", get(&format!("http://{address}/metrics")));
    let list = instance.run(&["schedule", "list"]);
    assert!(list.contains("delivered"), "{list}");
    assert!(instance.run(&["check"]).contains("✓ audit trail"));
    assert!(daemon.stop(), "{}", instance.log());
    assert_eq!(processes_of(instance.folder.path()), 0);
    let log = instance.log();
    assert!(
        !log.contains("PAY-1182") && !log.contains("pw-for-tests"),
        "the log holds nothing of the business and no secret"
    );
}

/// A random-looking number that is the same in every run.
fn scatter(n: u64) -> u64 {
    (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
}

/// Processes that are killed within their work, and those that are begun for it at most.
const KILLS: u64 = 50;
const MOST_TRIES: u64 = 200;

async fn killed_fifty_times(instance: &Instance) {
    instance.run(&["apply", "--yes"]);
    // How long a whole one takes here, so that the kills are spread over all of it. One that ends before its kill shows that
    // it takes less by now.
    let begun = Instant::now();
    instance.run(&["schedule", "send", "morning"]);
    let mut whole = u64::try_from(begun.elapsed().as_millis()).unwrap();
    let (mut killed, mut tries) = (0, 0);
    while killed < KILLS {
        assert!(
            tries < MOST_TRIES,
            "{killed} of {tries} were killed in their work"
        );
        let mut child = instance
            .command(&["schedule", "send", "morning"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(scatter(tries) % whole.max(1))).await;
        signal(&child, "KILL");
        tries += 1;
        if child.wait().unwrap().signal().is_some() {
            killed += 1;
        } else {
            whole = whole * 9 / 10;
        }
    }
    // A daemon that is started afterwards brings all of them to their end.
    let (daemon, _) = instance.serve();
    // What may have reached Slack is in doubt for two minutes.
    let within = if instance.slack.is_some() { 240 } else { 60 };
    let ended = eventually(Duration::from_secs(within), async || {
        let (runs, _) = instance.in_store().await;
        runs.iter().all(|run| run["state"]["state"] == "done")
    })
    .await;
    assert!(ended, "{}", instance.log());
    assert!(daemon.stop());
}

#[tokio::test]
async fn killed_at_fifty_moments_each_brief_arrives_once_or_its_failure_is_seen() {
    let instance = Instance::new("0 7 1 1 *", "", "killed@acme.test");
    killed_fifty_times(&instance).await;

    let (runs, outbox) = instance.in_store().await;
    assert!(runs.len() > 20, "{} runs", runs.len());
    for run in &runs {
        assert_eq!(run["state"]["state"], "done", "{run}");
    }
    let folder = instance.in_folder();
    let sent = |channel: &str| -> Vec<&Value> {
        outbox
            .iter()
            .filter(|row| row["to"]["kind"] == channel)
            .collect()
    };
    // A folder can be asked what it has: nothing is unclear there.
    for row in sent("folder") {
        assert_eq!(row["state"]["state"], "sent", "{row}");
        let id = row["id"].as_str().unwrap();
        assert_eq!(folder.iter().filter(|name| *name == id).count(), 1, "{id}");
    }
    for row in sent("slack") {
        assert_eq!(row["state"]["state"], "sent", "{row}");
    }
    let mut arrived = BTreeMap::new();
    let mut unclear = 0;
    let expected = sent("email")
        .iter()
        .filter(|row| row["state"]["state"] == "sent")
        .count();
    eventually(Duration::from_secs(10), async || {
        arrived = instance.in_mailbox().await;
        arrived.len() >= expected
    })
    .await;
    for row in sent("email") {
        let id = row["id"].as_str().unwrap();
        let count = arrived.get(id).copied().unwrap_or(0);
        match row["state"]["state"].as_str().unwrap() {
            "sent" => assert_eq!(count, 1, "{row}"),
            "unclear" => {
                unclear += 1;
                assert!(count <= 1, "{row}");
            }
            other => panic!("{other}: {row}"),
        }
    }
    // What is unclear, or was sent again after it was, was told to the admin, by the run's id.
    let (notices, briefs): (Vec<&Value>, Vec<&Value>) = runs
        .iter()
        .partition(|run| run["briefing"] == "daybrief-notice");
    for run in briefs {
        let id = run["id"].as_str().unwrap();
        let open = outbox.iter().any(|row| {
            let is_unclear = row["state"]["state"] == "unclear" || row["again_after"].is_string();
            row["run"] == id && is_unclear
        });
        let told = notices
            .iter()
            .filter(|notice| {
                notice["state"]["brief"]["bottom_line"]
                    .to_string()
                    .contains(id)
            })
            .count();
        assert_eq!(told, usize::from(open), "{run}");
    }
    let notices = notices.len();
    println!(
        "{} runs, {} deliveries, {unclear} unclear, {notices} notices",
        runs.len(),
        outbox.len()
    );
    let verified = instance.run(&["audit", "verify", "--json"]);
    assert!(verified.contains("\"ok\":true"), "{verified}");
    let ended = eventually(Duration::from_secs(5), async || {
        processes_of(instance.folder.path()) == 0
    })
    .await;
    assert!(ended, "connectors of killed processes live on");
}

#[tokio::test]
async fn the_same_over_mongodb() {
    if peer("DAYBRIEF_TEST_MONGO").is_none() {
        return;
    }
    let store = format!(
        "kind = \"mongodb\"\nurl = \"env:DAYBRIEF_TEST_MONGO\"\ndatabase = \"it{}\"\n",
        std::process::id()
    );
    let instance = Instance::new("0 7 1 1 *", &store, "mongo@acme.test");
    instance.run(&["apply", "--yes"]);
    let sent = instance.run(&["schedule", "send", "morning"]);
    assert!(sent.contains("delivered"), "{sent}");
    assert_eq!(instance.in_folder().len(), 1);
    assert!(
        instance
            .run(&["apply", "--yes"])
            .contains("nothing changes")
    );
    assert!(instance.run(&["audit", "verify"]).contains("whole"));
}
