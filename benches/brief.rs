//! What a brief costs, beside the least program that does the same input and output: `benches/run` starts it.
//!
//! - `brief compare PROGRAM LEAST`: both, with and without a model, and prints what each took. PROGRAM is Daybrief's own
//!   executable, LEAST that of `benches/least.rs`.
//! - `brief product …`: Daybrief's part, in a process of its own, so that its CPU is counted by itself. The briefs are made as
//!   the daemon makes them: a look at the clock makes the run that is due, a worker takes it on, each end of something
//!   wakes the next look. One look before it, [`daybrief::run::preflight`], is the daemon's own idea and not counted.
//!
//! The company is the demo's, with one count that is higher at every look: each brief has something worse and the rest
//! as it was, as on most mornings.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use daybrief::{
    app::App,
    clock::{Clock, ManualClock},
    domain::{
        brief::Edition,
        calendar::Calendar,
        connector::Launch,
        delivery::DeliveryState,
        run::{Run, RunState},
        schedule::{ChannelKind, Recipient, Schedule},
    },
    provision::{self, Objects},
    run::{Counts, Worker, audiences},
    schedule::ticker,
    settings,
    signals::{self, Context},
    store::Kind,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Briefs before the first that is measured; the least program has as many.
const WARM_UP: u32 = 3;
/// Briefs that are measured where nothing else is said in `BRIEFS`.
const BRIEFS: u32 = 40;
/// The longest that nothing may happen while a brief is made.
const AT_MOST: Duration = Duration::from_secs(15);
const BRIEFING: &str = "vp-engineering-morning";
const FROM: &str = "daybrief@acme.example";
const TO: &str = "mara@acme.example";

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match args.as_slice() {
        ["compare", program, least] => runtime.block_on(compare(program, least)),
        ["product", folder, program, ports, model, connectors, briefs] => {
            let (smtp, address) = ports.split_once(' ').ok_or("two ports")?;
            let made = Instance::open(Path::new(folder), program, smtp, address, *model == "model");
            runtime.block_on(async {
                let instance = made.await?;
                instance
                    .run(briefs.parse()?, *connectors == "restart")
                    .await
            })
        }
        _ => {
            println!("brief: started by benches/run");
            Ok(())
        }
    }
}

/// Has both make their briefs and prints a line for each way.
async fn compare(program: &str, least: &str) -> Result<(), Failure> {
    let briefs = std::env::var("BRIEFS").unwrap_or_else(|_| BRIEFS.to_string());
    let folder = tempfile::tempdir()?;
    let demo = Command::new(program)
        .args(["demo", "--json", "--out"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .status()?;
    if !demo.success() {
        return Err("the demo was not laid out".into());
    }
    grow(&folder.path().join("sources/errors.db")).await?;
    let (peers, ports) = peers(least, folder.path())?;
    let own = std::env::current_exe()?;
    for (model, connectors) in [
        ("no model", "keep"),
        ("model", "keep"),
        ("model", "restart"),
    ] {
        let product = took(
            Command::new(&own)
                .arg("product")
                .arg(folder.path())
                .args([program, &ports, model, connectors, &briefs]),
        )?;
        let plan = folder.path().join("plan.json");
        let floor = took(
            Command::new(least)
                .arg("run")
                .arg(plan)
                .args([&briefs, connectors]),
        )?;
        for same in ["calls", "tokens"] {
            if product.get(same) != floor.get(same) {
                return Err(format!("not the same: {product} and {floor}").into());
            }
        }
        let number =
            |value: &Value, name: &str| value.get(name).and_then(Value::as_f64).unwrap_or_default();
        let both = |value: &Value| number(value, "own_ms") + number(value, "connectors_ms");
        let line = |value: &Value| {
            format!(
                "{:.1} ms CPU + {:.1} ms in connectors, {:.0} ms in all",
                number(value, "own_ms"),
                number(value, "connectors_ms"),
                number(value, "wall_ms")
            )
        };
        println!(
            "one brief, {model}, connectors {}: {} calls, {} tokens, {} bytes out",
            if connectors == "keep" {
                "running"
            } else {
                "started for it"
            },
            number(&product, "calls"),
            number(&product, "tokens"),
            number(&floor, "bytes"),
        );
        println!("  daybrief: {}", line(&product));
        println!("  least:    {}", line(&floor));
        println!(
            "  ratio:    {:.2} of the process itself, {:.2} with its connectors (mean of {briefs})",
            number(&product, "own_ms") / number(&floor, "own_ms"),
            both(&product) / both(&floor),
        );
    }
    syncs(program, least, &own, &ports, folder.path())?;
    drop(peers);
    Ok(())
}

/// Counts with `strace`, where it is there, how often either has the disk synced for a brief without a model.
fn syncs(
    program: &str,
    least: &str,
    own: &Path,
    ports: &str,
    folder: &Path,
) -> Result<(), Failure> {
    const COUNTED: u32 = 10;
    let strace = || {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o"]);
        strace
    };
    let nothing = strace().args(["/dev/null", "true"]).status();
    if !nothing.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let trace = folder.join("syncs");
    let count = |command: &mut Command| -> Result<f64, Failure> {
        took(command)?;
        let calls = std::fs::read_to_string(&trace)?;
        let calls = calls.lines().filter(|line| line.contains("sync(")).count();
        Ok(f64::from(u32::try_from(calls)?))
    };
    let product = |briefs: u32| {
        let mut command = strace();
        command.arg(&trace).arg(own).arg("product").arg(folder);
        command.args([program, ports, "no model", "keep", &briefs.to_string()]);
        count(&mut command)
    };
    let floor = |briefs: u32| {
        let mut command = strace();
        command
            .arg(&trace)
            .arg(least)
            .arg("run")
            .arg(folder.join("plan.json"));
        command.args([&briefs.to_string(), "keep"]);
        count(&mut command)
    };
    // What the start takes is in both counts of each.
    let each = |more: f64, fewer: f64| (more - fewer) / f64::from(COUNTED);
    println!(
        "syncs to disk for a brief to a folder and by mail: daybrief {:.1}, least {:.1}",
        each(product(COUNTED)?, product(0)?),
        each(floor(COUNTED)?, floor(0)?),
    );
    Ok(())
}

/// Ends a peer with what started it.
struct Peers(Child);

impl Drop for Peers {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn peers(least: &str, folder: &Path) -> Result<(Peers, String), Failure> {
    let mut peers = Command::new(least)
        .arg("peers")
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // That a client hangs up at the end of an answer is no news.
        .stderr(Stdio::null())
        .spawn()?;
    let mut ports = String::new();
    let said = peers.stdout.take().ok_or("no output")?;
    BufReader::new(said).read_line(&mut ports)?;
    Ok((Peers(peers), ports.trim().to_owned()))
}

/// The last line that a program printed.
fn took(command: &mut Command) -> Result<Value, Failure> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed").into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(serde_json::from_str(
        text.lines().last().unwrap_or_default(),
    )?)
}

/// Has the users of every error grow with time.
async fn grow(database: &Path) -> Result<(), Failure> {
    let options = SqliteConnectOptions::new().filename(database);
    let mut session = SqliteConnection::connect_with(&options).await?;
    session
        .execute(
            "ALTER TABLE error RENAME TO error_row; CREATE TABLE begun AS SELECT julianday('now') AS at; \
             CREATE VIEW error AS SELECT id, title, flow, release, first_seen, \
             users + CAST((julianday('now') - at) * 86400000 AS INTEGER) AS users, rate, usual_rate, suspect, suspect_request, suspect_url, url \
             FROM error_row, begun",
        )
        .await?;
    Ok(session.close().await?)
}

/// Counts runs that came to their end.
#[derive(Default)]
struct Ended(AtomicU32);

impl Counts for Ended {
    fn run(&self, state: &RunState) {
        if state.is_final() {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }
    fn delivery(&self, _: &'static str, _: &DeliveryState) {}
}

struct Instance {
    app: App,
    clock: Arc<ManualClock>,
    objects: Objects,
    folder: PathBuf,
    smtp: u16,
    model: Option<String>,
}

impl Instance {
    /// The demo's company with one schedule that is due every minute, by mail and to a folder.
    async fn open(
        folder: &Path,
        program: &str,
        smtp: &str,
        model_port: &str,
        with_model: bool,
    ) -> Result<Self, Failure> {
        let model = with_model.then(|| format!("http://127.0.0.1:{model_port}/v1"));
        let own = folder.join(format!("instance-{}", daybrief::ids::fresh()));
        std::fs::create_dir_all(&own)?;
        let mut text = format!(
            "[instance]\nname = \"Acme\"\ndata = \"data\"\n[folder]\npath = \"delivered\"\n\
             [email]\nhost = \"127.0.0.1\"\nport = {smtp}\ntls = \"none\"\nfrom = \"{FROM}\"\n"
        );
        if let Some(url) = &model {
            text.push_str(&format!(
                "[[model]]\nid = \"peer\"\nkind = \"openai\"\nmodel = \"m\"\nbase_url = \"{url}\"\nlocal = true\n\
                 [wording]\nroute = [\"peer\"]\n"
            ));
        }
        let config = own.join("daybrief.toml");
        std::fs::write(&config, text)?;
        // On a whole minute, so that each step of the clock is one due instant.
        let second = Timestamp::now().as_second();
        let clock = Arc::new(ManualClock::at(Timestamp::from_second(
            second - second % 60,
        )?));
        let settings = settings::load(&config).map_err(|error| error.to_string())?;
        let app = App::open(settings, clock.clone())
            .await
            .map_err(|error| error.to_string())?;
        let mut objects = provision::read(&[folder.join("objects")])
            .and_then(|read| Ok(read.over(provision::shipped()?)))
            .map_err(|error| error.to_string())?;
        for connector in &mut objects.connectors {
            if let Launch::Process { command, .. } = &mut connector.launch
                && let Some(name) = command.first_mut()
            {
                program.clone_into(name);
            }
        }
        for user in &mut objects.users {
            user.email = (user.id.as_str() == "mara").then(|| TO.to_owned());
        }
        // The others are looked at like it and not due while this runs.
        let earlier = clock.now().checked_sub(SignedDuration::from_hours(2))?;
        let earlier = TimeZone::UTC.to_datetime(earlier);
        for schedule in &mut objects.schedules {
            if schedule.id.as_str() != BRIEFING {
                schedule.when = format!("{} {} * * *", earlier.minute(), earlier.hour());
                continue;
            }
            schedule.when = "* * * * *".to_owned();
            for to in &mut schedule.to {
                if let Recipient::Role { via, .. } = to {
                    *via = vec![ChannelKind::Folder, ChannelKind::Email];
                }
            }
        }
        let changes = provision::plan(&app.parts.store, &objects).await?;
        provision::apply(&app.parts.store, &objects, &changes, clock.now()).await?;
        Ok(Self {
            app,
            clock,
            objects,
            folder: own,
            smtp: smtp.parse()?,
            model,
        })
    }

    async fn run(&self, briefs: u32, restart: bool) -> Result<(), Failure> {
        let ended = Arc::new(Ended::default());
        let parts = &self.app.parts;
        let worker = Worker::new(parts.clone(), CancellationToken::new(), ended.clone());
        let (mut before, mut begun) = (cpu()?, Instant::now());
        for number in 0..WARM_UP + briefs {
            if number == WARM_UP {
                (before, begun) = (cpu()?, Instant::now());
            }
            if restart {
                parts.maker.pool.replace(Vec::new());
            }
            self.clock.advance(SignedDuration::from_mins(1));
            loop {
                self.look(&worker).await?;
                if ended.0.load(Ordering::Acquire) > number {
                    break;
                }
                tokio::time::timeout(AT_MOST, worker.woken()).await?;
            }
        }
        let (wall, after) = (begun.elapsed(), cpu()?);
        let (run, calls) = (self.last_run().await?, self.calls()?);
        let tokens = self.check(&run)?;
        worker.finished().await;
        self.app.shutdown().await;
        self.write_plan(&run, &calls)?;
        let each = f64::from(briefs);
        println!(
            "{}",
            json!({
                "briefs": briefs,
                "own_ms": (after.0 - before.0) / each,
                "connectors_ms": cpu()?.1 / f64::from(WARM_UP + briefs),
                "wall_ms": wall.as_secs_f64() * 1e3 / each,
                "calls": calls.values().map(Vec::len).sum::<usize>(),
                "tokens": tokens,
            })
        );
        Ok(())
    }

    /// What the daemon does at a tick and whenever something ended.
    async fn look(&self, worker: &Worker) -> Result<(), Failure> {
        let (parts, now) = (&self.app.parts, self.clock.now());
        let objects = parts.objects().await?;
        let defaults = &parts.company.defaults;
        ticker::make_due_runs(&parts.store, &parts.run_ids, &objects, defaults, now).await?;
        worker.begin().await?;
        let schedules = parts
            .store
            .objects()
            .all::<Schedule>(Kind::Schedule)
            .await?;
        for stored in schedules {
            let times = ticker::times(&stored, &objects, &parts.store, defaults).await?;
            let next = times.map_err(|problem| problem.to_string())?;
            std::hint::black_box(
                next.iter()
                    .filter_map(|times| times.after(now))
                    .min_by_key(|due| due.due),
            );
        }
        Ok(())
    }

    async fn last_run(&self) -> Result<Run, Failure> {
        let parts = &self.app.parts;
        let schedule = self
            .objects
            .schedules
            .iter()
            .find(|schedule| schedule.id.as_str() == BRIEFING)
            .ok_or("no schedule")?;
        let all = audiences(schedule, &self.objects, &parts.company.defaults);
        let audience = all.first().ok_or("nobody")?;
        let id = parts.run_ids.of(BRIEFING, self.clock.now(), audience);
        Ok(parts.store.runs().get(&id).await?.ok_or("no run")?)
    }

    /// Is it a whole brief that arrived over both channels? How many tokens worded it.
    fn check(&self, run: &Run) -> Result<usize, Failure> {
        let RunState::Done {
            brief,
            delivered: 2,
            total: 2,
        } = &run.state
        else {
            return Err(format!("not delivered: {:?}", run.state).into());
        };
        if !brief.gaps.is_empty() {
            return Err(format!("gaps: {:?}", brief.gaps).into());
        }
        match (&brief.edition, &self.model) {
            (Edition::BuiltIn, None) => Ok(0),
            (Edition::Selected { .. }, Some(_)) => Ok(250),
            (edition, _) => Err(format!("not the edition meant: {edition:?}").into()),
        }
    }

    /// The calls that the briefing plans, by their connector.
    fn calls(&self) -> Result<std::collections::BTreeMap<String, Vec<Value>>, Failure> {
        let briefing = self
            .objects
            .briefings
            .iter()
            .find(|briefing| briefing.id.as_str() == BRIEFING)
            .ok_or("no briefing")?;
        let context = Context {
            now: self.clock.now(),
            zone: TimeZone::UTC,
            calendar: &Calendar::weekdays(),
            fingerprint_key: &[],
            previous: &[],
            since_last: None,
        };
        let planned = signals::queries(briefing, &context).map_err(|problem| problem.what)?;
        let mut calls = std::collections::BTreeMap::<String, Vec<Value>>::new();
        for call in planned {
            calls
                .entry(call.connector.to_string())
                .or_default()
                .push(json!([call.tool, call.args]));
        }
        Ok(calls)
    }

    /// Writes what the least program is to do: the calls, and the bytes that went out last.
    fn write_plan(
        &self,
        run: &Run,
        calls: &std::collections::BTreeMap<String, Vec<Value>>,
    ) -> Result<(), Failure> {
        let shared = self.folder.parent().ok_or("no folder")?;
        let sources: Vec<Value> = self
            .objects
            .connectors
            .iter()
            .filter_map(|connector| {
                let calls = calls.get(connector.id.as_str())?;
                let Launch::Process { command, .. } = &connector.launch else {
                    return None;
                };
                Some(json!({ "command": command, "calls": calls }))
            })
            .collect();
        let delivered = self.folder.join("delivered/mara");
        let last = std::fs::read_dir(&delivered)?
            .flatten()
            .max_by_key(|entry| entry.metadata().and_then(|data| data.modified()).ok())
            .ok_or("nothing delivered")?;
        let files: Vec<PathBuf> = std::fs::read_dir(last.path())?
            .flatten()
            .map(|entry| entry.path())
            .collect();
        let state = self.folder.join("state.json");
        std::fs::write(&state, serde_json::to_string(run)?)?;
        let request = shared.join("request.json");
        let plan = json!({
            "sources": sources,
            "model": self.model.as_ref().map(|url| json!([url, request])),
            "files": files,
            "delivered": self.folder.join("least"),
            "mail": [self.smtp, FROM, TO, shared.join("mail.eml")],
            "store": self.folder.join("least.db"),
            "state": state,
        });
        std::fs::create_dir_all(self.folder.join("least"))?;
        Ok(std::fs::write(shared.join("plan.json"), plan.to_string())?)
    }
}

/// CPU of this process and of its children that have ended, in milliseconds (proc(5), fields 14 to 17).
fn cpu() -> Result<(f64, f64), Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("no stat")?;
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    match ticks.as_slice() {
        [user, system, waited_user, waited_system] => {
            Ok(((user + system) * 10.0, (waited_user + waited_system) * 10.0))
        }
        _ => Err("no stat".into()),
    }
}
