//! `daybrief connector probe`: looks at a server before it becomes a connector, over the very sessions that connectors use.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use clap::Args;
use serde_json::{Map, Value};
use url::Url;

use super::{connector::told, connector_sign_in, connector_tools, one, print_json};
use crate::{
    access::{Clearance, Principal, Surface, Wanted},
    app::App,
    clock::SystemClock,
    connectors::{self, Answer, CallError, Listing},
    domain::{
        connector::{Auth, Connector, ConnectorLimits, EnvValue, Launch, SecretAt, ToolClass},
        people::Role,
    },
    error::{Problem, Problems},
    ids::{ConnectorId, RoleId},
    secrets::SecretRef,
    settings::{self, Settings},
};

/// The server and its role have this name while they are looked at.
const NAME: &str = "probe";
/// A server that wants more consent each time is asked so often and no more.
const MOST_SIGN_INS: u32 = 3;

/// `connector probe …`
#[derive(Debug, Args)]
pub struct Probe {
    /// Where the server answers; or behind `--` the program to start, with its arguments.
    #[arg(required_unless_present = "command", conflicts_with = "command")]
    url: Option<Url>,
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// A variable of the program's environment: `NAME=value`, or `NAME` alone for the one of this shell.
    #[arg(long, value_name = "NAME[=VALUE]", conflicts_with = "url")]
    env: Vec<String>,
    /// The folder that the program starts in.
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    folder: Option<String>,
    /// Call this tool. Without it nothing is called.
    #[arg(long, value_name = "TOOL")]
    call: Option<String>,
    /// The arguments of the call, a JSON object.
    #[arg(long, value_name = "JSON", requires = "call", default_value = "{}")]
    args: String,
    /// Sign in by way of a browser where the server wants it.
    #[arg(long, conflicts_with = "command")]
    sign_in: bool,
    /// The id under which Daybrief is known to the authorization server.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The client's secret: `env:NAME` or `file:PATH`.
    #[arg(long, value_name = "PLACE", requires = "client_id")]
    client_secret: Option<SecretRef>,
    /// The client's private key: `env:NAME` or `file:PATH`.
    #[arg(long, value_name = "PLACE", requires = "client_id", conflicts_with_all = ["client_secret", "sign_in"])]
    private_key: Option<SecretRef>,
    /// What to ask for; without any, what the server names.
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    #[command(flatten)]
    browser: connector_sign_in::Browser,
}

/// Reaches the server, lists its tools, calls one where that is asked for. Keeps nothing.
pub async fn run(command: Probe, config: &Path, json: bool) -> Result<u8, Problems> {
    let args: Map<String, Value> = serde_json::from_str(&command.args).map_err(|error| {
        one(Problem::new("bad-json", format!("is no JSON object: {error}")).at("--args"))
    })?;
    // An instance's rules for where it may go hold here too.
    let air_gap = config.exists() && settings::load(config)?.instance.air_gap;
    let mut settings = Settings::default();
    settings.instance.air_gap = air_gap;
    if let Some(url) = &command.url {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(one(Problem::new(
                "bad-url",
                "is no address of http or https",
            )
            .at("URL")
            .advise(
                "write it as `https://host/path`; a program to start stands behind `--`",
            )));
        }
        connectors::reach(air_gap)
            .check(url)
            .map_err(|why| one(Problem::new("bad-url", why).at("URL")))?;
    }
    let app = App::temporary(settings, Arc::new(SystemClock)).await?;
    let outcome = Server::new(&app, &command, json)?
        .look(&command, args)
        .await;
    app.shutdown().await;
    let (listing, answer) = outcome?;
    connector_tools::show(&listing, true, json);
    if let Some(answer) = answer {
        print_json(&answer.value);
    }
    Ok(0)
}

/// The server that is looked at.
struct Server<'a> {
    app: &'a App,
    connector: Connector,
    role: Role,
    json: bool,
}

impl<'a> Server<'a> {
    fn new(app: &'a App, command: &Probe, json: bool) -> Result<Self, Problems> {
        let internal = |error: String| one(Problem::new("internal", error));
        let id = ConnectorId::new(NAME).map_err(|error| internal(error.to_string()))?;
        let connector = Connector {
            id,
            title: NAME.to_owned(),
            launch: launch(command)?,
            // What is called is what the person named.
            tools: command
                .call
                .iter()
                .map(|tool| (tool.clone(), ToolClass::Read))
                .collect(),
            limits: ConnectorLimits::default(),
            local_only: false,
            blind: false,
            link_hosts: Vec::new(),
            links: std::collections::BTreeMap::new(),
            outside: false,
            hidden_characters: Vec::new(),
        };
        let role = toml::from_str(&format!(
            "id = '{NAME}'\ntitle = '{NAME}'\n[[grants]]\nconnector = '{NAME}'\ntools = ['*']"
        ))
        .map_err(|error| internal(error.to_string()))?;
        app.parts.maker.pool.replace(vec![connector.clone()]);
        Ok(Self {
            app,
            connector,
            role,
            json,
        })
    }

    async fn look(
        &self,
        command: &Probe,
        args: Map<String, Value>,
    ) -> Result<(Listing, Option<Answer>), Problems> {
        let pool = &self.app.parts.maker.pool;
        let mut sign_ins = 0;
        let listing = loop {
            match pool.listing(&self.connector.id).await {
                Ok(listing) => break listing,
                Err(error) => self.sign_in(command, &mut sign_ins, error).await?,
            }
        };
        let Some(tool) = &command.call else {
            return Ok((listing, None));
        };
        loop {
            match self.call(tool, &args).await? {
                Ok(answer) => return Ok((listing, Some(answer))),
                Err(error) => self.sign_in(command, &mut sign_ins, error).await?,
            }
        }
    }

    /// Signs in where that is what is missing; other failures, and a server that never has enough, end the look.
    async fn sign_in(
        &self,
        command: &Probe,
        sign_ins: &mut u32,
        error: CallError,
    ) -> Result<(), Problems> {
        let wanted = matches!(error, CallError::SignIn { .. });
        if !wanted || !command.sign_in || *sign_ins == MOST_SIGN_INS {
            // It has no settings yet that could be corrected.
            let advice = match error {
                CallError::Credential { .. } | CallError::SignIn { .. }
                    if command.url.is_some() =>
                {
                    Some("try --sign-in, or give --client-id and --client-secret")
                }
                CallError::Credential { .. } => Some("give what it signs in with by --env NAME"),
                _ => None,
            };
            let Problems(problems) = told(&place(command), command.url.is_none(), &error);
            let problems = problems.into_iter().map(|problem| match advice {
                Some(advice) => problem.advise(advice),
                None => problem,
            });
            return Err(Problems(problems.collect()));
        }
        *sign_ins += 1;
        let pool = &self.app.parts.maker.pool;
        connector_sign_in::through_browser(pool, &self.connector.id, command.browser, self.json)
            .await
            .map(|_| ())
    }

    /// One call, through the door as every other.
    async fn call(
        &self,
        tool: &str,
        args: &Map<String, Value>,
    ) -> Result<Result<Answer, CallError>, Problems> {
        let parts = &self.app.parts;
        let role =
            RoleId::new(NAME).map_err(|error| one(Problem::new("internal", error.to_string())))?;
        let principal = Principal::nobody(role, Surface::CommandLine);
        let wanted = Wanted {
            connector: &self.connector,
            tool,
            args: args.clone(),
        };
        let decided = parts
            .maker
            .access
            .permits(
                &principal,
                &self.role,
                Clearance::Alone,
                vec![wanted],
                parts.clock.now(),
            )
            .await
            .map_err(|error| one(error.into()))?;
        match decided.into_iter().next() {
            Some(Ok(permit)) => Ok(parts.maker.pool.call(permit).await),
            Some(Err(denied)) => Err(one(Problem::new("denied", denied.why).at(denied.rule))),
            None => Err(one(Problem::new("internal", "nothing was decided"))),
        }
    }
}

/// The server as it was given: its address without what may be secret in it, or its program.
fn place(command: &Probe) -> String {
    match &command.url {
        Some(url) => {
            let mut shown = url.clone();
            shown.set_query(None);
            // An address that can have none has none.
            let _ = shown.set_username("");
            let _ = shown.set_password(None);
            shown.to_string()
        }
        None => format!("`{}`", command.command.first().map_or("", String::as_str)),
    }
}

/// How the server is reached or started, by what was given.
fn launch(command: &Probe) -> Result<Launch, Problems> {
    if let Some(url) = &command.url {
        return Ok(Launch::Http {
            url: url.to_string(),
            headers: BTreeMap::new(),
            auth: auth(command),
        });
    }
    let env = command.env.iter().map(|given| match given.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), EnvValue::Plain(value.to_owned()))),
        // A secret of this shell: it is struck out of what the server says.
        None => {
            let place = format!("env:{given}");
            let secret = place.parse().map_err(|_| {
                one(Problem::new("bad-env", format!("`{given}` is no variable's name")).at("--env"))
            })?;
            let prefix = String::new();
            Ok((given.clone(), EnvValue::Secret { secret, prefix }))
        }
    });
    Ok(Launch::Process {
        command: command.command.clone(),
        env: env.collect::<Result<_, Problems>>()?,
        folder: command.folder.clone(),
    })
}

/// How the token is had, by what was given.
fn auth(command: &Probe) -> Option<Auth> {
    let at = |secret: &SecretRef| SecretAt {
        secret: secret.clone(),
    };
    let scopes = command.scope.clone();
    let (id, secret) = (&command.client_id, &command.client_secret);
    match (id, &command.private_key, secret) {
        (Some(id), Some(key), _) => Some(Auth::PrivateKey {
            client_id: id.clone(),
            private_key: at(key),
            scopes,
            token_url: None,
            issuer: None,
        }),
        (id, _, secret) if command.sign_in => Some(Auth::AuthorizationCode {
            client_id: id.clone(),
            client_secret: secret.as_ref().map(at),
            scopes,
            issuer: None,
        }),
        (Some(id), _, Some(secret)) => Some(Auth::ClientCredentials {
            client_id: id.clone(),
            client_secret: at(secret),
            scopes,
            token_url: None,
            issuer: None,
        }),
        _ => None,
    }
}
