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

/// Where util-linux puts `setpriv`. BusyBox has a program of this name that knows no `--pdeathsig`, so it is tried out.
const SETPRIV: [&str; 2] = ["/usr/bin/setpriv", "/bin/setpriv"];

/// Launches that wait for the launching thread.
const LAUNCH_QUEUE: usize = 32;

/// After its input closed, a server has so long to end by itself (MCP 2025-06-18, lifecycle, shutdown over stdio).
const CLOSE_GRACE: Duration = Duration::from_millis(500);
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
            })?;
        *orders = Some(sender.clone());
        Ok(sender)
    }
}

/// The command with its whole environment, wrapped in `setpriv` where that works.
fn command_of(program: &Program) -> Result<Command, CallError> {
    let wrong = |what: String| CallError::Launch { what };
    let Some((name, args)) = program.command.split_first() else {
        return Err(wrong("the connector's `command` is empty".to_owned()));
    };
    if let Some(folder) = &program.folder
        && !folder.is_dir()
    {
        let folder = folder.display();
        return Err(wrong(format!("the folder `{folder}` is not there")));
    }
    let path = match program.env.get("PATH") {
        Some(path) => path.expose_secret().to_owned(),
        None => std::env::var("PATH").unwrap_or_default(),
    };
    let file = if name == SELF {
        std::env::current_exe()
            .map_err(|error| wrong(format!("where this program itself lies: {error}")))?
    } else {
        find(name, &path, program.folder.as_deref())
            .ok_or_else(|| wrong(format!("the program `{name}` is not there")))?
    };
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

/// The file of a program: as it stands where it has a slash, else from the folders of `path`.
fn find(name: &str, path: &str, folder: Option<&Path>) -> Option<PathBuf> {
    if name.contains('/') {
        let file = folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
        return absolute(file);
    }
    std::env::split_paths(path).find_map(|folder| absolute(folder.join(name)))
}

/// The file, if it is there, from the root: the process starts in another folder.
fn absolute(file: PathBuf) -> Option<PathBuf> {
    let file = std::path::absolute(file).ok()?;
    file.is_file().then_some(file)
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
    let wrong = |what: String| CallError::Launch { what };
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
    pub(super) async fn supervise(mut self, stop: CancellationToken) {
        let ended = tokio::select! {
            _ = self.0.wait() => true,
            () = stop.cancelled() => false,
        };
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
    fn daybrief_names_this_program_itself() {
        let command = command_of(&program(&["daybrief", "connector", "sql"])).unwrap();
        let own = std::env::current_exe().unwrap();
        let parts: Vec<_> = std::iter::once(command.as_std().get_program())
            .chain(command.as_std().get_args())
            .collect();
        assert!(parts.contains(&own.as_os_str()), "{parts:?}");
    }
}
