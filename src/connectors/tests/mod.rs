//! The pool against servers that misbehave as told, and against real ones.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::*;
use crate::{
    clock::SystemClock,
    domain::connector::{ConnectorLimits, EnvValue, Launch},
};

mod hostile;
mod http;
mod oauth;
mod oauth_servers;
mod odd;
mod peers;
mod processes;
mod strangers;

/// Secrets by the name in `store:NAME`; their values can be changed.
#[derive(Default)]
struct TestSecrets(std::sync::Mutex<BTreeMap<String, String>>);

impl TestSecrets {
    fn set(&self, name: &str, value: &str) {
        let mut secrets = self.0.lock().unwrap();
        secrets.insert(name.to_owned(), value.to_owned());
    }
}

#[async_trait]
impl SecretSource for TestSecrets {
    async fn secret(&self, reference: &SecretRef) -> Result<SecretString, SecretUnavailable> {
        let SecretRef::Store(name) = reference else {
            return Err(SecretUnavailable(format!(
                "{reference} is not in the store"
            )));
        };
        match self.0.lock().unwrap().get(name) {
            Some(value) => Ok(value.clone().into()),
            None => Err(SecretUnavailable(format!("{reference} is not there"))),
        }
    }
}

fn hostile_script() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/hostile_mcp.py").to_owned()
}

fn python() -> &'static str {
    let system = "/usr/bin/python3";
    if std::path::Path::new(system).exists() {
        system
    } else {
        "python3"
    }
}

fn connector(launch: Launch) -> Connector {
    Connector {
        id: ConnectorId::new("c").unwrap(),
        title: "The source".to_owned(),
        launch,
        tools: BTreeMap::from([("*".to_owned(), ToolClass::Read)]),
        limits: ConnectorLimits {
            timeout_seconds: 20,
            ..ConnectorLimits::default()
        },
        local_only: false,
        blind: false,
        link_hosts: Vec::new(),
        links: Default::default(),
        outside: false,
        hidden_characters: Vec::new(),
    }
}

fn process(command: &[&str]) -> Connector {
    connector(Launch::Process {
        command: command.iter().map(|part| (*part).to_owned()).collect(),
        env: BTreeMap::new(),
        folder: None,
    })
}

/// The misbehaving server in these modes.
fn hostile(modes: &[&str]) -> Connector {
    let script = hostile_script();
    let mut command = vec![python(), "-I", "-S", &script];
    command.extend(modes);
    process(&command)
}

fn env(connector: &mut Connector, name: &str, value: EnvValue) {
    if let Launch::Process { env, .. } = &mut connector.launch {
        env.insert(name.to_owned(), value);
    }
}

fn secret(name: &str) -> EnvValue {
    EnvValue::Secret {
        secret: SecretRef::Store(name.to_owned()),
        prefix: String::new(),
    }
}

struct Bench {
    pool: Connectors,
    pins: Arc<MemoryPins>,
    secrets: Arc<TestSecrets>,
}

fn bench(connector: Connector) -> Bench {
    let pins = Arc::new(MemoryPins::default());
    let secrets = Arc::new(TestSecrets::default());
    let pool = Connectors::new(
        vec![connector],
        secrets.clone(),
        pins.clone(),
        Arc::new(SystemClock),
    );
    Bench {
        pool,
        pins,
        secrets,
    }
}

impl Bench {
    async fn call(&self, tool: &str, args: Value) -> Result<Answer, CallError> {
        let args: Map<String, Value> = args.as_object().unwrap().clone();
        self.pool.call(Permit::for_test("c", tool, args)).await
    }

    async fn value(&self, tool: &str, args: Value) -> Value {
        self.call(tool, args).await.unwrap().value
    }

    /// The process id of the server that answers.
    async fn pid(&self) -> u64 {
        self.value("pid", json!({})).await["pid"].as_u64().unwrap()
    }
}
