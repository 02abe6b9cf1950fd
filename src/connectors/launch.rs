//! Starting and ending a server's process.
//!
//! - It leads a process group of its own, which is ended as a whole.
//! - Its environment is empty but for [`PASSED_ON`] and what the connector's `env` names.
//! - It ends with Daybrief, however Daybrief ends: its standard input closes, and on Linux, where util-linux's
//!   `setpriv` is installed, the kernel kills it (`PR_SET_PDEATHSIG`, prctl(2)). That signal is tied to the *thread*
//!   that started the process, so one thread that lives as long as the pool starts them all. The kernel does not
//!   pass it on to processes that the server itself starts; those end by their closed input, or with the
//!   container or systemd unit that Daybrief runs in.

use std::{
    collections::BTreeMap,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessGroup};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    process::{ChildStderr, ChildStdin, ChildStdout, Command},
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

use super::error::CallError;

/// The variables of Daybrief's own environment that a server gets. None of them carries a credential.
pub const PASSED_ON: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
];

/// The name that stands for this program itself in a connector's `command`.
const SELF: &str = "daybrief";

/// The argument with which this program tells what is wrong as JSON.
const AS_JSON: &str = "--json";

/// Any right to execute, of a file's mode.
const EXECUTABLE: u32 = 0o111;
/// As much as the kernel reads of a script's first line (execve(2)).
const FIRST_LINE_BYTES: u64 = 256;

/// What to do about a command that cannot be started.
const COMMAND: &str = "correct the command: the program and each argument are texts of their own; paths begin where `daybrief` is started";

/// Where util-linux puts `setpriv`. BusyBox has a program of this name that knows no `--pdeathsig`, so it is tried out.
const SETPRIV: [&str; 2] = ["/usr/bin/setpriv", "/bin/setpriv"];

/// Launches that wait for the launching thread.
const LAUNCH_QUEUE: usize = 32;

/// After its input closed, a server has so long to end by itself (MCP 2025-06-18, lifecycle, shutdown over stdio).
const CLOSE_GRACE: Duration = Duration::from_millis(500);
/// After it ended by itself, so long is waited until what it wrote is read.
const LAST_OUTPUT: Duration = Duration::from_millis(200);
/// After SIGTERM, so long.
const TERM_GRACE: Duration = Duration::from_millis(1500);
/// After SIGKILL, the longest wait for the kernel to let go of it.
const KILL_GRACE: Duration = Duration::from_secs(5);

/// Signal numbers that POSIX fixes (`kill -15`, `kill -9`).
const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

/// What to start, with all secrets in it.
pub(super) struct Program {
    pub command: Vec<String>,
    pub env: BTreeMap<String, SecretString>,
    pub folder: Option<PathBuf>,
}

/// A started process and its three streams.
pub(super) struct Child {
    process: Box<dyn ChildWrapper>,
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
    pub stderr: ChildStderr,
}

type Launched = Result<Child, CallError>;
type Order = (Command, tokio::runtime::Handle, oneshot::Sender<Launched>);

/// The thread that starts processes. It ends when this is dropped, and the kernel then ends what it had started.
#[derive(Default)]
pub(super) struct Launcher {
    orders: Mutex<Option<mpsc::Sender<Order>>>,
}

impl Launcher {
    /// Starts a program.
    pub(super) async fn launch(&self, program: &Program) -> Launched {
        let command = command_of(program)?;
        let orders = self.orders()?;
        let (answer, launched) = oneshot::channel();
        let order = (command, tokio::runtime::Handle::current(), answer);
        orders.send(order).await.map_err(|_| CallError::Stopping)?;
        launched.await.map_err(|_| CallError::Stopping)?
    }

    fn orders(&self) -> Result<mpsc::Sender<Order>, CallError> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = &*orders {
            return Ok(orders.clone());
        }
        let (sender, mut receiver) = mpsc::channel::<Order>(LAUNCH_QUEUE);
        std::thread::Builder::new()
            .name("connector-launch".to_owned())
            .spawn(move || {
                while let Some((command, runtime, answer)) = receiver.blocking_recv() {
                    let _inside = runtime.enter();
                    // Nobody waits any more where sending fails; dropping the child then ends it.
                    let _ = answer.send(start(command));
                }
            })
            .map_err(|error| CallError::Launch {
                what: format!("no thread to start processes from: {error}"),
                advice: "see how many processes this account may have".to_owned(),
            })?;
        *orders = Some(sender.clone());
        Ok(sender)
    }
}

/// The command with its whole environment, wrapped in `setpriv` where that works.
fn command_of(program: &Program) -> Result<Command, CallError> {
    let Some((name, args)) = program.command.split_first() else {
        return Err(CallError::Launch {
            what: "the command is empty".to_owned(),
            advice: COMMAND.to_owned(),
        });
    };
    if let Some(folder) = &program.folder
        && !folder.is_dir()
    {
        return Err(CallError::Launch {
            what: format!("the folder `{}` is not there", folder.display()),
            advice: "correct the folder that the program starts in".to_owned(),
        });
    }
    let path = match program.env.get("PATH") {
        Some(path) => path.expose_secret().to_owned(),
        None => std::env::var("PATH").unwrap_or_default(),
    };
    let file = if name == SELF {
        std::env::current_exe().map_err(|error| CallError::Launch {
            what: format!("this program itself is not found: {error}"),
            advice: "write the path of `daybrief` in the command".to_owned(),
        })?
    } else {
        find(name, &path, program.folder.as_deref())?
    };
    // It tells what is wrong in a form that is read here.
    let told = serves_a_database(&program.command) && !args.iter().any(|arg| arg == AS_JSON);
    let mut command = match setpriv() {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(file);
            command
        }
        None => Command::new(file),
    };
    command
        .args(args)
        .args(told.then_some(AS_JSON))
        .env_clear()
        .envs(PASSED_ON.iter().filter_map(|name| {
            let value = std::env::var_os(name)?;
            Some((*name, value))
        }))
        .envs(
            program
                .env
                .iter()
                .map(|(name, value)| (name, value.expose_secret())),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(folder) = &program.folder {
        command.current_dir(folder);
    }
    Ok(command)
}

/// Is it our own server for databases, of this very program?
pub(super) fn serves_a_database(command: &[String]) -> bool {
    matches!(command, [name, of, what, ..] if name == SELF && of == "connector" && what == "sql")
}

/// The file of a program, from the root: as it stands where it has a slash, else from the folders of `path`. Says why there
/// is none that can be started.
fn find(name: &str, path: &str, folder: Option<&Path>) -> Result<PathBuf, CallError> {
    let gone = |what: String, advice: &str| CallError::Launch {
        what,
        advice: advice.to_owned(),
    };
    let candidates: Vec<PathBuf> = if name.contains('/') {
        vec![folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name))]
    } else {
        std::env::split_paths(path)
            .map(|folder| folder.join(name))
            .collect()
    };
    let mut why = None;
    for file in candidates {
        let Ok(file) = std::path::absolute(file) else {
            continue;
        };
        match std::fs::metadata(&file) {
            Ok(found) if found.is_dir() && name.contains('/') => {
                why = Some(gone(
                    format!("`{name}` is a folder and no program"),
                    COMMAND,
                ));
            }
            Ok(found) if !found.is_file() => {}
            Ok(found) if found.permissions().mode() & EXECUTABLE == 0 => {
                let what = format!("the file `{}` is not executable", file.display());
                why = Some(why.unwrap_or(gone(what, &format!("`chmod +x {}`", file.display()))));
            }
            Ok(_) => match missing_interpreter(&file) {
                Some(interpreter) => {
                    return Err(gone(
                        format!(
                            "the first line of `{}` names `{interpreter}` to run it, which is not there",
                            file.display()
                        ),
                        "correct that line, or install what it names; a line that ends as on Windows (CR LF) names what is nowhere",
                    ));
                }
                None => return Ok(file),
            },
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                why = Some(gone(
                    format!("`{}` may not be reached by this account", file.display()),
                    "let the account that runs `daybrief` read and execute it, and enter the folders above it",
                ));
            }
            Err(_) => {}
        }
    }
    Err(why.unwrap_or_else(|| {
        let what = format!("the program `{name}` is not there");
        match name.contains('/') {
            true => gone(what, COMMAND),
            false => gone(
                what,
                "install it, or write its whole path in the command: it is looked for in the folders of `PATH` where `daybrief` is started",
            ),
        }
    }))
}

/// What the first line of a script names to run it (`#!`), where that is not there.
fn missing_interpreter(file: &Path) -> Option<String> {
    let mut begin = Vec::new();
    let file = std::fs::File::open(file).ok()?;
    file.take(FIRST_LINE_BYTES).read_to_end(&mut begin).ok()?;
    let line = begin
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let line = String::from_utf8_lossy(line);
    let named = line.trim_matches([' ', '\t']).split([' ', '\t']).next()?;
    let is_there = Path::new(named).is_file();
    (!named.is_empty() && !is_there).then(|| crate::text::visible(named).trim().to_owned())
}

/// `setpriv`, where it is there and can tie a process to its starter.
fn setpriv() -> Option<&'static str> {
    static FOUND: std::sync::OnceLock<Option<&'static str>> = std::sync::OnceLock::new();
    *FOUND.get_or_init(|| {
        SETPRIV.into_iter().find(|file| {
            cfg!(target_os = "linux")
                && std::process::Command::new(file)
                    .args(["--pdeathsig", "KILL", "--", file, "--version"])
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
                    .is_ok_and(|status| status.success())
        })
    })
}

/// Will the kernel end what is started here when Daybrief is killed?
#[cfg(test)]
pub(super) fn ties_to_starter() -> bool {
    setpriv().is_some()
}

fn start(command: Command) -> Launched {
    let wrong = |what: String| CallError::Launch {
        what,
        advice: "start the command by hand, and mend what it says".to_owned(),
    };
    let mut command = CommandWrap::from(command);
    command.wrap(ProcessGroup::leader());
    // process-wrap writes the command with its environment, and so its secrets, to the trace.
    let untraced = tracing::subscriber::NoSubscriber::default();
    let mut process = tracing::subscriber::with_default(untraced, || command.spawn())
        .map_err(|error| wrong(format!("the program could not be started: {error}")))?;
    let streams = (
        process.stdin().take(),
        process.stdout().take(),
        process.stderr().take(),
    );
    let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
        return Err(wrong("the program has no standard streams".to_owned()));
    };
    Ok(Child {
        process,
        stdin,
        stdout,
        stderr,
    })
}

impl Child {
    /// Splits off the streams; what is left is the process itself.
    pub(super) fn split(self) -> (Process, ChildStdin, ChildStdout, ChildStderr) {
        (Process(self.process), self.stdin, self.stdout, self.stderr)
    }
}

/// A running process with its group.
pub(super) struct Process(Box<dyn ChildWrapper>);

impl Process {
    /// Waits until the process ends by itself or `stop` asks for its end, and ends its whole group. Cancels `stop`,
    /// so that whoever shares the token learns of it. Takes at most the three graces together.
    ///
    /// One that ends by itself may have written what is still to be read: `read` resolves when it is.
    pub(super) async fn supervise(
        mut self,
        stop: CancellationToken,
        read: impl Future<Output = ()>,
    ) {
        let ended = tokio::select! {
            _ = self.0.wait() => true,
            () = stop.cancelled() => false,
        };
        if ended {
            // What it started may hold its output open for ever.
            let _ = tokio::time::timeout(LAST_OUTPUT, read).await;
        }
        stop.cancel();
        let ended = ended || self.waited(CLOSE_GRACE).await;
        if !ended {
            // An error means that there is nobody left to be signalled.
            let _ = self.0.signal(SIGTERM);
            self.waited(TERM_GRACE).await;
        }
        // The group may outlive its leader: what the server started, or what ignores SIGTERM.
        let _ = self.0.signal(SIGKILL);
        if !self.waited(KILL_GRACE).await {
            tracing::error!("a connector's process did not end on SIGKILL");
        }
    }

    async fn waited(&mut self, grace: Duration) -> bool {
        tokio::time::timeout(grace, self.0.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(command: &[&str]) -> Program {
        Program {
            command: command.iter().map(|part| (*part).to_owned()).collect(),
            env: BTreeMap::from([("OWN".to_owned(), SecretString::from("value"))]),
            folder: None,
        }
    }

    #[test]
    fn a_server_gets_the_allowed_environment_and_its_own() {
        let command = command_of(&program(&["sh", "-c", "true"])).unwrap();
        let names: Vec<_> = command
            .as_std()
            .get_envs()
            .filter(|(_, value)| value.is_some())
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect();
        assert!(names.contains(&"OWN".to_owned()) && names.contains(&"PATH".to_owned()));
        for name in names {
            assert!(
                name == "OWN" || PASSED_ON.contains(&name.as_str()),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        for command in [&["no-such-program-of-daybrief"][..], &["/no/such"], &[]] {
            let error = command_of(&program(command)).err().unwrap();
            assert!(matches!(error, CallError::Launch { .. }), "{error}");
        }
        let mut elsewhere = program(&["sh"]);
        elsewhere.folder = Some("/no/such/folder".into());
        assert!(command_of(&elsewhere).is_err());
    }

    #[test]
    fn a_file_that_cannot_be_executed_is_told_apart_from_one_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server");
        let told = |text: &str, mode: u32| {
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let command = command_of(&program(&[file.to_str().unwrap()]));
            command.err().map(|error| {
                let hint = error.hint(true).unwrap();
                format!("{error} → {}", hint.advice.unwrap())
            })
        };
        let plain = told("#!/bin/sh\n", 0o644).unwrap();
        let expected = format!("is not executable → `chmod +x {}`", file.display());
        assert!(plain.ends_with(&expected), "{plain}");
        let odd = told("#!/usr/bin/no-such-shell -e\r\n", 0o755).unwrap();
        assert!(
            odd.contains("names `/usr/bin/no-such-shell` to run it, which is not there"),
            "{odd}"
        );
        assert_eq!(told("#! /bin/sh -e\n", 0o755), None);
        assert_eq!(told("\u{7f}ELF", 0o755), None);
        let command = command_of(&program(&[&format!("{}/", folder.path().display())]));
        let error = command.err().unwrap().to_string();
        assert!(error.contains("is a folder and no program"), "{error}");
    }

    #[test]
    fn daybrief_names_this_program_itself() {
        let command = command_of(&program(&["daybrief", "connector", "sql"])).unwrap();
        let own = std::env::current_exe().unwrap();
        let parts: Vec<_> = std::iter::once(command.as_std().get_program())
            .chain(command.as_std().get_args())
            .collect();
        assert!(parts.contains(&own.as_os_str()), "{parts:?}");
    }
}
