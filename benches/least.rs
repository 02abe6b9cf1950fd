//! The least program that does what one brief does: the floor that Daybrief's own work is held against.
//!
//! It stands on the same crates and does the same input and output and nothing more: it starts the same connectors, asks the
//! same tools with the same arguments, reads one streamed answer of a model, writes the same bytes into a folder as durably,
//! sends the same mail and saves its state durably four times. It decides, checks, renders and remembers nothing.
//! `benches/brief.rs` writes the plan that it follows from what Daybrief did, and starts it; `benches/run` prints both.
//!
//! - `least run PLAN BRIEFS keep|restart`: follows the plan so often; prints what it took as one line of JSON.
//! - `least peers FOLDER`: a mail server and a model of 250 tokens on this machine, until standard input ends. The last mail
//!   and the last request lie in the folder.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use eventsource_stream::Eventsource;
use futures_util::{StreamExt, future::join_all};
use lettre::{
    address::Envelope,
    transport::smtp::{client::AsyncSmtpConnection, extension::ClientId},
};
use rmcp::{
    ClientHandler,
    model::{
        CallToolRequestParams, CallToolResponse, ClientCapabilities, ClientConfig, Implementation,
        ProtocolVersion,
    },
    service::{RoleClient, RunningService, serve_client},
    transport::async_rw::AsyncRwTransport,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Briefs before the first that is measured.
const WARM_UP: u32 = 3;
/// Pieces of the model's answer, and the wait between them: each is read by itself, as from a real model.
const TOKENS: usize = 250;
const TOKEN_EVERY: Duration = Duration::from_micros(200);

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["peers", folder] => peers(Path::new(folder)),
        ["run", plan, briefs, connectors] => {
            let plan: Plan = serde_json::from_slice(&fs::read(plan)?)?;
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(run(&plan, briefs.parse()?, *connectors == "restart"))
        }
        _ => {
            println!("least: started by benches/run");
            Ok(())
        }
    }
}

/// What is to be done for a brief.
#[derive(Deserialize)]
struct Plan {
    sources: Vec<Source>,
    /// The model's address and the file with what it is asked.
    model: Option<(String, PathBuf)>,
    /// Files to deliver, and the folder below which they go.
    files: Vec<PathBuf>,
    delivered: PathBuf,
    /// The mail server's port, sender, recipient, and the file with the mail.
    mail: (u16, String, String, PathBuf),
    /// Where the state is saved, and the file with what is saved.
    store: PathBuf,
    state: PathBuf,
}

#[derive(Deserialize)]
struct Source {
    command: Vec<String>,
    calls: Vec<(String, Map<String, Value>)>,
}

/// The plan's files, read.
struct Contents {
    files: Vec<(String, Vec<u8>)>,
    mail: Vec<u8>,
    state: String,
    request: Vec<u8>,
}

async fn run(plan: &Plan, briefs: u32, restart: bool) -> Result<(), Failure> {
    let mut files = Vec::new();
    for path in &plan.files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        files.push((name.into_owned(), fs::read(path)?));
    }
    let contents = Contents {
        files,
        mail: fs::read(&plan.mail.3)?,
        state: fs::read_to_string(&plan.state)?,
        request: match &plan.model {
            Some((_, request)) => fs::read(request)?,
            None => Vec::new(),
        },
    };
    let options = SqliteConnectOptions::new()
        .filename(&plan.store)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut store = SqliteConnection::connect_with(&options).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS brief (number INTEGER PRIMARY KEY, state TEXT NOT NULL, body TEXT NOT NULL)")
        .execute(&mut store)
        .await?;
    // The one that is built in; the library has none of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let mut sources = start(plan).await?;
    let mut done = Done::default();
    let (mut before, mut begun) = (cpu()?, Instant::now());
    for number in 0..WARM_UP + briefs {
        if number == WARM_UP {
            (done, before, begun) = (Done::default(), cpu()?, Instant::now());
        }
        if restart && number > 0 {
            end(sources).await?;
            sources = start(plan).await?;
        }
        done.calls += gather(plan, &sources).await?;
        if let Some((url, _)) = &plan.model {
            done.tokens += ask(&client, url, contents.request.clone()).await?;
        }
        for state in ["composed", "sending", "sent", "done"] {
            match state {
                "sending" => done.bytes += deliver(&plan.delivered, number, &contents.files)?,
                "sent" => send(plan, &contents.mail).await?,
                _ => {}
            }
            save(&mut store, number, state, &contents.state).await?;
        }
        done.bytes += contents.mail.len();
    }
    let (wall, after) = (begun.elapsed(), cpu()?);
    end(sources).await?;
    let (each, count) = (f64::from(briefs), briefs.max(1) as usize);
    println!(
        "{}",
        json!({
            "briefs": briefs,
            "own_ms": (after.0 - before.0) / each,
            "connectors_ms": cpu()?.1 / f64::from(WARM_UP + briefs),
            "wall_ms": wall.as_secs_f64() * 1e3 / each,
            "calls": done.calls / count,
            "tokens": done.tokens / count,
            "bytes": done.bytes / count,
        })
    );
    Ok(())
}

#[derive(Default)]
struct Done {
    calls: usize,
    tokens: usize,
    bytes: usize,
}

/// CPU of this process and of its children that have ended, in milliseconds (proc(5), fields 14 to 17).
fn cpu() -> Result<(f64, f64), Failure> {
    let stat = fs::read_to_string("/proc/self/stat")?;
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

struct Us;

impl ClientHandler for Us {
    fn get_info(&self) -> ClientConfig {
        let us = Implementation::new("least", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), us)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }
}

type Started = (RunningService<RoleClient, Us>, tokio::process::Child);

/// Starts all connectors at once.
async fn start(plan: &Plan) -> Result<Vec<Started>, Failure> {
    let started = plan.sources.iter().map(|source| async {
        let (name, args) = source.command.split_first().ok_or("no command")?;
        let mut child = tokio::process::Command::new(name)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no streams".into());
        };
        let transport = AsyncRwTransport::<RoleClient, _, _>::new_client(stdout, stdin);
        Ok::<_, Failure>((serve_client(Us, transport).await?, child))
    });
    join_all(started).await.into_iter().collect()
}

/// Ends the connectors and waits for them.
async fn end(sources: Vec<Started>) -> Result<(), Failure> {
    for (service, mut child) in sources {
        service.cancel().await?;
        child.wait().await?;
    }
    Ok(())
}

/// Asks all tools at once; how many answered.
async fn gather(plan: &Plan, sources: &[Started]) -> Result<usize, Failure> {
    let asked = plan
        .sources
        .iter()
        .zip(sources)
        .flat_map(|(source, (service, _))| {
            source.calls.iter().map(move |(tool, args)| async move {
                let params = CallToolRequestParams::new(tool.clone()).with_arguments(args.clone());
                match service.peer().call_tool_once(params).await? {
                    CallToolResponse::Complete(result) if result.is_error != Some(true) => {
                        Ok::<_, Failure>(())
                    }
                    _ => Err("a tool failed".into()),
                }
            })
        });
    let answers = join_all(asked).await;
    let count = answers.len();
    answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(count)
}

/// Reads one streamed answer; in how many pieces it came.
async fn ask(client: &reqwest::Client, url: &str, request: Vec<u8>) -> Result<usize, Failure> {
    #[derive(Deserialize)]
    struct Chunk {
        choices: Vec<Choice>,
    }
    #[derive(Deserialize)]
    struct Choice {
        delta: Delta,
    }
    #[derive(Deserialize)]
    struct Delta {
        content: Option<String>,
    }
    let answer = client
        .post(format!("{url}/chat/completions"))
        .header("content-type", "application/json")
        .body(request)
        .send()
        .await?
        .error_for_status()?;
    let mut events = answer.bytes_stream().eventsource();
    let (mut text, mut pieces) = (String::new(), 0);
    while let Some(event) = events.next().await {
        let event = event?;
        if event.data == "[DONE]" {
            break;
        }
        let chunk: Chunk = serde_json::from_str(&event.data)?;
        for piece in chunk
            .choices
            .into_iter()
            .filter_map(|choice| choice.delta.content)
        {
            text.push_str(&piece);
            pieces += 1;
        }
    }
    Ok(if text.is_empty() { 0 } else { pieces })
}

/// Writes the files as durably as the folder channel does: synced beside their place, then there by one rename.
fn deliver(below: &Path, number: u32, files: &[(String, Vec<u8>)]) -> Result<usize, Failure> {
    // Another process may have followed the same plan before.
    let name = format!("{}-{number}", std::process::id());
    let (partial, place) = (below.join(format!(".{name}")), below.join(name));
    fs::create_dir_all(&partial)?;
    let mut bytes = 0;
    for (name, content) in files {
        let mut file = fs::File::create(partial.join(name))?;
        file.write_all(content)?;
        file.sync_all()?;
        bytes += content.len();
    }
    fs::File::open(&partial)?.sync_all()?;
    fs::rename(&partial, &place)?;
    fs::File::open(below)?.sync_all()?;
    Ok(bytes)
}

/// Sends the mail over a connection of its own.
async fn send(plan: &Plan, mail: &[u8]) -> Result<(), Failure> {
    let (port, from, to, _) = &plan.mail;
    let envelope = Envelope::new(Some(from.parse()?), vec![to.parse()?])?;
    let server = ("127.0.0.1", *port);
    let hello = ClientId::default();
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(server, None, &hello, None, None).await?;
    connection.send(&envelope, mail).await?;
    connection.quit().await?;
    Ok(())
}

async fn save(
    store: &mut SqliteConnection,
    number: u32,
    state: &str,
    body: &str,
) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO brief VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state, body = excluded.body",
    )
    .bind(number)
    .bind(state)
    .bind(body)
    .execute(store)
    .await?;
    Ok(())
}

/// The mail server and the model, a thread a connection. They are no part of what is measured.
fn peers(folder: &Path) -> Result<(), Failure> {
    let (smtp, model) = (
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    );
    println!(
        "{} {}",
        smtp.local_addr()?.port(),
        model.local_addr()?.port()
    );
    let (mails, requests) = (folder.join("mail.eml"), folder.join("request.json"));
    std::thread::spawn(move || serve(&smtp, move |stream| take_mail(stream, &mails)));
    std::thread::spawn(move || serve(&model, move |stream| answer(stream, &requests)));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn serve(
    listener: &TcpListener,
    with: impl Fn(TcpStream) -> Result<(), Failure> + Clone + Send + 'static,
) {
    for stream in listener.incoming().flatten() {
        let with = with.clone();
        std::thread::spawn(move || {
            if let Err(error) = with(stream) {
                eprintln!("peer: {error}");
            }
        });
    }
}

/// One connection of a mail server that takes everything.
fn take_mail(mut stream: TcpStream, keep: &Path) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream.try_clone()?);
    stream.write_all(b"220 peer\r\n")?;
    let (mut line, mut mail) = (Vec::new(), None::<Vec<u8>>);
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if let Some(text) = &mut mail {
            if line == b".\r\n" {
                fs::write(keep, &text)?;
                mail = None;
                stream.write_all(b"250 taken\r\n")?;
            } else {
                text.extend(line.strip_prefix(b".").unwrap_or(&line));
            }
            continue;
        }
        let word = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let reply: &[u8] = match word.as_slice() {
            b"EHLO" => b"250-peer\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            b"DATA" => {
                mail = Some(Vec::new());
                b"354 go on\r\n"
            }
            b"QUIT" => b"221 bye\r\n",
            _ => b"250 fine\r\n",
        };
        stream.write_all(reply)?;
        if word == b"QUIT" {
            return Ok(());
        }
    }
}

/// One connection of a model that repeats the sentences it is given, in [`TOKENS`] pieces.
fn answer(mut stream: TcpStream, keep: &Path) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        fs::write(keep, &body)?;
        let text = repeated(&serde_json::from_slice(&body)?).ok_or("not the prompt of a brief")?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")?;
        let mut event = |data: &str| -> Result<(), Failure> {
            let data = format!("data: {data}\n\n");
            write!(stream, "{:x}\r\n{data}\r\n", data.len())?;
            stream.flush()?;
            std::thread::sleep(TOKEN_EVERY);
            Ok(())
        };
        let chunk = |choices: Value, usage: Value| {
            json!({ "id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": choices, "usage": usage }).to_string()
        };
        for piece in pieces(&text) {
            let choices =
                json!([{ "index": 0, "delta": { "content": piece }, "finish_reason": null }]);
            event(&chunk(choices, Value::Null))?;
        }
        let end = json!([{ "index": 0, "delta": {}, "finish_reason": "stop" }]);
        event(&chunk(end, Value::Null))?;
        let usage = json!({ "prompt_tokens": length / 4, "completion_tokens": TOKENS, "total_tokens": length / 4 + TOKENS });
        event(&chunk(json!([]), usage))?;
        event("[DONE]")?;
        stream.write_all(b"0\r\n\r\n")?;
    }
}

/// The answer that leaves every sentence as it was given.
fn repeated(request: &Value) -> Option<String> {
    let prompt = request.pointer("/messages/1/content")?.as_str()?;
    let (_, data) = prompt.split_once("as data:\n")?;
    let data: Value = serde_json::from_str(data).ok()?;
    let findings = data.get("findings")?.as_object()?;
    let mut answer = Map::new();
    for (id, finding) in findings {
        let mut texts = Map::new();
        for field in ["headline", "body", "next"] {
            if let Some(text) = finding.get(field) {
                texts.insert(field.to_owned(), text.clone());
            }
        }
        answer.insert(id.clone(), Value::Object(texts));
    }
    let first = findings.values().next()?.get("headline")?.as_str()?;
    answer.insert("bottom_line".to_owned(), format!("{first}.").into());
    Some(Value::Object(answer).to_string())
}

/// A text in [`TOKENS`] pieces of about the same length.
fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let cut = |at: usize| at * characters.len() / TOKENS;
    (0..TOKENS)
        .map(|at| {
            characters
                .get(cut(at)..cut(at + 1))
                .unwrap_or_default()
                .iter()
                .collect()
        })
        .collect()
}
