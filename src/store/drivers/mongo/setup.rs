//! Why a deployment cannot be used, found by asking its servers one by one: without a user, a password or a replica set.

use std::time::Duration;

use mongodb::{
    Client,
    bson::{Document as Bson, doc},
    error::{Error, ErrorKind},
    options::{ClientOptions, ServerAddress, Tls},
};

use crate::{
    store::StoreError,
    tls::{self, Look},
};

/// Servers that are asked.
const MAX_ASKED: usize = 3;
/// The longest wait for one.
const ASKED_FOR: Duration = Duration::from_secs(3);
/// The server's own codes: a sign-in that failed, a right that is missing.
const AUTHENTICATION_FAILED: i32 = 18;
const UNAUTHORIZED: i32 = 13;

/// The error of a deployment that was reached for the first time.
pub(super) async fn explain(error: &Error, options: &ClientOptions, database: &str) -> StoreError {
    let hosts = named(&options.hosts);
    let (what, advice) = match error.kind.as_ref() {
        ErrorKind::Authentication { .. } => sign_in(&hosts),
        ErrorKind::Command(command) if command.code == AUTHENTICATION_FAILED => sign_in(&hosts),
        ErrorKind::Command(command) if command.code == UNAUTHORIZED => match &options.credential {
            Some(_) => (
                format!("MongoDB at {hosts} does not let this user into the database `{database}`"),
                format!("grant the user `readWrite` on `{database}`, or correct `database`"),
            ),
            None => (
                format!("MongoDB at {hosts} wants a user and a password, and the address has none"),
                "write them into the address: `mongodb://user:password@host:27017/?authSource=admin`"
                    .to_owned(),
            ),
        },
        ErrorKind::IncompatibleServer { .. } => (
            format!("MongoDB at {hosts} is of a version that is not spoken here"),
            "use MongoDB 6.0 or later".to_owned(),
        ),
        ErrorKind::ServerSelection { .. } | ErrorKind::Io(_) => {
            return unreached(options).await;
        }
        _ => return super::unavailable(error.clone()),
    };
    StoreError::Setup { what, advice }
}

fn sign_in(hosts: &str) -> (String, String) {
    (
        format!("MongoDB at {hosts} refused the user or the password"),
        "correct them in the address, with `%` codes for signs such as `@`, and add `authSource=admin` where the user is one of another database"
            .to_owned(),
    )
}

/// What keeps the driver from a server that takes writes.
async fn unreached(options: &ClientOptions) -> StoreError {
    let mut first = None;
    for address in options.hosts.iter().take(MAX_ASKED) {
        let found = ask(address, options).await;
        match found {
            // A server that answers tells more than those that do not.
            Found::Answers(hello) => {
                let (what, advice) = of_hello(address, options, &hello);
                return StoreError::Setup { what, advice };
            }
            Found::Trouble { what, advice } => {
                first.get_or_insert((what, advice));
            }
        }
    }
    let (what, advice) = first.unwrap_or_else(|| {
        (
            "its address names no server".to_owned(),
            "write it as `mongodb://host:27017/?replicaSet=rs0`".to_owned(),
        )
    });
    StoreError::Setup { what, advice }
}

enum Found {
    /// Its answer to `hello`.
    Answers(Bson),
    Trouble {
        what: String,
        advice: String,
    },
}

/// Asks one server by itself.
async fn ask(address: &ServerAddress, options: &ClientOptions) -> Found {
    let trouble = |what: String, advice: &str| Found::Trouble {
        what,
        advice: advice.to_owned(),
    };
    let ServerAddress::Tcp { host, port } = address else {
        return trouble(
            format!("nothing answers at the socket `{address}`"),
            "start MongoDB, or correct the path in the address",
        );
    };
    let look = tls::look(host, port.unwrap_or(DEFAULT_PORT)).await;
    match &look {
        Look::NoName => {
            return trouble(
                format!("the name of the host `{host}` is not known"),
                "correct the host in the address, or see that this machine can resolve it",
            );
        }
        Look::Refused => {
            return trouble(
                format!("nothing listens at `{address}` (connection refused)"),
                "start MongoDB, or correct the host and port in the address",
            );
        }
        Look::NoWay => {
            return trouble(
                format!("nothing answers at `{address}`, or no way leads there"),
                "correct the host and port in the address, and see that no firewall stands between",
            );
        }
        Look::Tls if !matches!(options.tls, Some(Tls::Enabled(_))) => {
            return trouble(
                format!("`{address}` wants TLS"),
                "add `tls=true` to the address, and `tlsCAFile=…` for a certificate of your own authority",
            );
        }
        _ => {}
    }
    let mut alone = options.clone();
    alone.hosts = vec![address.clone()];
    alone.direct_connection = Some(true);
    alone.repl_set_name = None;
    alone.credential = None;
    alone.server_selection_timeout = Some(ASKED_FOR);
    alone.connect_timeout = Some(ASKED_FOR);
    let asked = async {
        let client = Client::with_options(alone).ok()?;
        client
            .database("admin")
            .run_command(doc! { "hello": 1 })
            .await
            .ok()
    };
    match tokio::time::timeout(2 * ASKED_FOR, asked).await {
        Ok(Some(hello)) => Found::Answers(hello),
        Ok(None) | Err(_) if matches!(options.tls, Some(Tls::Enabled(_))) => trouble(
            match look {
                Look::Tls => format!("the secure connection to `{address}` failed"),
                _ => format!("`{address}` speaks no TLS, and the address asks for it"),
            },
            "correct `tls` and `tlsCAFile` in the address, or the server's certificate",
        ),
        Ok(None) | Err(_) => trouble(
            format!("what answers at `{address}` is no MongoDB"),
            "correct the host and port in the address",
        ),
    }
}

/// The port that MongoDB has where none is named.
const DEFAULT_PORT: u16 = 27017;

/// Why a server that answers does not do, by what it says of itself.
fn of_hello(address: &ServerAddress, options: &ClientOptions, hello: &Bson) -> (String, String) {
    let set = hello.get_str("setName").ok();
    let is_unbegun = hello.get_bool("isreplicaset").unwrap_or_default();
    let wanted = options.repl_set_name.as_deref();
    let name = wanted.unwrap_or("rs0");
    match (set, wanted) {
        _ if is_unbegun => (
            format!("MongoDB at `{address}` is to be of a replica set that was never begun"),
            format!("begin it once: `mongosh --host {address} --eval 'rs.initiate()'`"),
        ),
        (None, Some(_)) => (
            format!("MongoDB at `{address}` is of no replica set, and the address names `{name}`"),
            format!(
                "start it with `--replSet {name}` and call `rs.initiate()` once, or take `replicaSet` out of the address"
            ),
        ),
        (Some(set), Some(wanted)) if set != wanted => (
            format!(
                "MongoDB at `{address}` is of the replica set `{set}`, and the address names `{wanted}`"
            ),
            format!("write `replicaSet={set}` in the address"),
        ),
        (Some(set), _) => {
            let members = hello.get_array("hosts").cloned().unwrap_or_default();
            let members: Vec<&str> = members
                .iter()
                .filter_map(|member| member.as_str())
                .collect();
            let members = members.join(", ");
            let is_member = members
                .split(", ")
                .any(|member| member == address.to_string());
            match hello.get_str("primary") {
                Ok(primary) if !is_member => (
                    format!("the replica set `{set}` names its members {members}, which are not reached from here, and takes writes at `{primary}`"),
                    "make those names known to this machine and let it reach them, or begin the replica set with names that it can reach".to_owned(),
                ),
                Ok(primary) => (
                    format!("the replica set `{set}` takes writes at `{primary}`, which is not reached from here"),
                    "let this machine reach that member".to_owned(),
                ),
                Err(_) => (
                    format!("the replica set `{set}` has no primary at the moment ({members})"),
                    "see with `rs.status()` which members are missing: a majority of them has to run".to_owned(),
                ),
            }
        }
        (None, None) => (
            format!("MongoDB at `{address}` answers, and gave no session in time"),
            "try again, and look at its log".to_owned(),
        ),
    }
}

/// The servers of an address, without who signs in.
fn named(hosts: &[ServerAddress]) -> String {
    let hosts: Vec<String> = hosts.iter().map(|host| format!("`{host}`")).collect();
    hosts.join(", ")
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::{super::Mongo, *};
    use crate::error::Problem;

    async fn told(url: &str) -> String {
        let error = Mongo::open(url, "daybrief").await.err().unwrap();
        let told = Problem::from(error).to_string();
        assert!(
            !told.contains("hunter2") && !told.contains("Topology"),
            "{told}"
        );
        told
    }

    #[tokio::test]
    async fn a_deployment_that_cannot_be_reached_is_told_in_plain_words_without_its_password() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = gone.local_addr().unwrap();
        drop(gone);
        let quick = "serverSelectionTimeoutMS=300";
        assert_eq!(
            told(&format!("mongodb://app:hunter2@{address}/?{quick}")).await,
            format!(
                "[store] url: the store cannot be opened: nothing listens at `{address}` (connection refused)\n  → start MongoDB, or \
                 correct the host and port in the address"
            )
        );
        let page = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = page.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = page.accept().await.unwrap();
                let mut asked = [0; 1024];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        let no_mongo = told(&format!("mongodb://{address}/?{quick}")).await;
        assert!(
            no_mongo.contains(&format!("what answers at `{address}` is no MongoDB")),
            "{no_mongo}"
        );
        for unread in [
            "hunter2",
            "mongodb://app:hunt@er2@host/",
            "mongodb://h:99999/",
        ] {
            let told = told(unread).await;
            assert!(
                told.contains("its address cannot be read\n  → write it as"),
                "{told}"
            );
        }
    }

    #[tokio::test]
    async fn a_server_that_answers_says_itself_why_it_does_not_do() {
        let address: ServerAddress = ServerAddress::parse("db:27017").unwrap();
        let options = ClientOptions::parse("mongodb://db/?replicaSet=rs0")
            .await
            .unwrap();
        for (hello, part) in [
            (
                doc! { "isWritablePrimary": true },
                "is of no replica set, and the address names `rs0`",
            ),
            (
                doc! { "isreplicaset": true },
                "of a replica set that was never begun",
            ),
            (
                doc! { "setName": "main" },
                "is of the replica set `main`, and the address names `rs0`",
            ),
            (
                doc! { "setName": "rs0", "hosts": ["mongo-1:27017"], "primary": "mongo-1:27017" },
                "names its members mongo-1:27017, which are not reached from here",
            ),
            (
                doc! { "setName": "rs0", "hosts": ["db:27017", "db-2:27017"] },
                "has no primary at the moment (db:27017, db-2:27017)",
            ),
        ] {
            let (what, advice) = of_hello(&address, &options, &hello);
            assert!(what.contains(part) && !advice.is_empty(), "{what}");
        }
    }
}
