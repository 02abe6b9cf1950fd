//! An authorization server and an MCP server that note who bears what, and misbehave as told.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Mutex,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use url::Url;

use super::*;
use crate::domain::connector::Auth;

/// What both servers know and note.
#[derive(Default)]
pub struct World {
    /// Access token → whose it is and its scopes.
    pub tokens: HashMap<String, (String, String)>,
    /// Refresh token → whose it is; a used one stays, with `None`.
    pub refresh: HashMap<String, Option<String>>,
    /// A refresh token was used twice: everything is over, as RFC 9700 has it.
    pub reused: bool,
    pub made: usize,
    pub token_requests: usize,
    /// Session → the tokens that were used in it.
    pub sessions: HashMap<String, BTreeSet<String>>,
    /// Executed calls, each with its tool.
    pub calls: Vec<String>,
    pub lifetime: i64,
    /// How the next call fails, once: a status.
    pub fail_next: Option<u16>,
    /// Scopes without which calls are refused.
    pub needs: Option<String>,
    /// What is said instead of the authorization server's address.
    pub misnamed: Option<String>,
    /// Calls, or requests for tokens, are sent on to another address with this status.
    pub redirect_calls: Option<(u16, String)>,
    pub redirect_tokens: Option<(u16, String)>,
    /// Who signs in.
    pub person: String,
    /// The refresh tokens are refused.
    pub no_refresh: bool,
    /// Members of token answers, and of the authorization server's metadata, that stand instead of the right ones;
    /// those that are null are left out.
    pub odd_tokens: Value,
    pub odd_metadata: Value,
    /// What came to an address that no metadata named at first.
    pub elsewhere: Vec<String>,
    /// The forms with which tokens were asked for.
    pub forms: Vec<HashMap<String, String>>,
    /// How tokens are renewed: only with scopes, or only without.
    pub renews_with_scopes: Option<bool>,
    /// The tokens are made at once and answered so much later.
    pub slow_tokens: Duration,
}

/// Puts what is odd into an answer.
fn put(answer: &mut Value, odd: &Value) {
    for (name, value) in odd.as_object().into_iter().flatten() {
        match value {
            Value::Null => {
                answer.as_object_mut().unwrap().remove(name);
            }
            value => answer[name] = value.clone(),
        }
    }
}

type Shared = Arc<Mutex<World>>;

/// The two servers at one address; they end with the test's runtime.
pub struct Servers {
    pub world: Shared,
    pub base: String,
}

impl Servers {
    pub async fn start() -> Self {
        let world: Shared = Arc::new(Mutex::new(World {
            lifetime: 3600,
            person: "ada".to_owned(),
            ..World::default()
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state = (world.clone(), base.clone());
        let router = Router::new()
            .route(
                "/mcp",
                post(mcp).get(|| async { StatusCode::METHOD_NOT_ALLOWED }),
            )
            .route("/.well-known/oauth-protected-resource/mcp", get(resource))
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/register", post(register))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/elsewhere", post(elsewhere))
            .with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { world, base }
    }

    pub fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn connector(&self, id: &str, auth: Auth) -> Connector {
        let mut connector = connector(Launch::Http {
            url: format!("{}/mcp", self.base),
            headers: BTreeMap::new(),
            auth: Some(auth),
        });
        connector.id = ConnectorId::new(id).unwrap();
        connector
    }
}

type At = State<(Shared, String)>;

async fn resource(State((world, base)): At) -> Json<Value> {
    let server = world
        .lock()
        .unwrap()
        .misnamed
        .clone()
        .unwrap_or(base.clone());
    Json(json!({ "resource": format!("{base}/mcp"), "authorization_servers": [server] }))
}

async fn elsewhere(State((world, _)): At, headers: HeaderMap, body: String) -> StatusCode {
    let mut world = world.lock().unwrap();
    world.elsewhere.push(format!("{headers:?} {body}"));
    StatusCode::BAD_REQUEST
}

async fn metadata(State((world, base)): At) -> Json<Value> {
    let mut metadata = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "registration_endpoint": format!("{base}/register"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    put(&mut metadata, &world.lock().unwrap().odd_metadata);
    Json(metadata)
}

async fn register(Json(body): Json<Value>) -> Response {
    let answer = json!({ "client_id": "registered", "client_secret": "registered-secret-0",
        "redirect_uris": body["redirect_uris"] });
    (StatusCode::CREATED, Json(answer)).into_response()
}

fn sent_on(status: u16, there: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("location", there)]).into_response()
}

fn form(body: &[u8]) -> HashMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

async fn authorize(State((_, base)): At, uri: Uri) -> Response {
    let query = form(uri.query().unwrap_or_default().as_bytes());
    let mut back = Url::parse(&query["redirect_uri"]).unwrap();
    back.query_pairs_mut()
        .append_pair("code", "code-of-ada")
        .append_pair("iss", &base)
        .append_pair("state", &query["state"]);
    (StatusCode::FOUND, [("location", back.to_string())]).into_response()
}

async fn token(State((world, _)): At, headers: HeaderMap, body: Bytes) -> Response {
    let (answer, late) = {
        let mut world = world.lock().unwrap();
        (tokens(&mut world, &headers, &body), world.slow_tokens)
    };
    tokio::time::sleep(late).await;
    answer
}

fn tokens(world: &mut World, headers: &HeaderMap, body: &[u8]) -> Response {
    let form = form(body);
    world.token_requests += 1;
    world.forms.push(form.clone());
    if let Some((status, there)) = world.redirect_tokens.clone() {
        return sent_on(status, there);
    }
    let refused =
        |what: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": what }))).into_response();
    let subject = match form["grant_type"].as_str() {
        "client_credentials" => {
            let shown = headers["authorization"].to_str().unwrap().to_owned();
            let pair = STANDARD
                .decode(shown.strip_prefix("Basic ").unwrap())
                .unwrap();
            let pair = String::from_utf8(pair).unwrap();
            let (id, secret) = pair.split_once(':').unwrap();
            if secret != format!("secret-of-{id}") {
                return refused(&format!("invalid_client {secret}"));
            }
            id.to_owned()
        }
        "authorization_code" if form["code"] == "code-of-ada" => world.person.clone(),
        "refresh_token"
            if world
                .renews_with_scopes
                .is_some_and(|with| with != form.contains_key("scope")) =>
        {
            return refused("invalid_scope");
        }
        "refresh_token" => {
            let used = world.refresh.insert(form["refresh_token"].clone(), None);
            match used {
                Some(Some(subject)) if !world.no_refresh && !world.reused => subject,
                Some(None) => {
                    world.reused = true;
                    return refused("invalid_grant");
                }
                _ => return refused("invalid_grant"),
            }
        }
        _ => return refused("unsupported_grant_type"),
    };
    world.made += 1;
    let (access, refresh) = (
        format!("access-{subject}-{:04}", world.made),
        format!("refresh-{subject}-{:04}", world.made),
    );
    let scope = form.get("scope").cloned().unwrap_or_default();
    world
        .tokens
        .insert(access.clone(), (subject.clone(), scope));
    let mut answer =
        json!({ "access_token": access, "token_type": "Bearer", "expires_in": world.lifetime });
    if form["grant_type"] != "client_credentials" {
        world.refresh.insert(refresh.clone(), Some(subject));
        answer["refresh_token"] = json!(refresh);
    }
    put(&mut answer, &world.odd_tokens);
    Json(answer).into_response()
}

async fn mcp(State((world, base)): At, headers: HeaderMap, Json(message): Json<Value>) -> Response {
    let mut world = world.lock().unwrap();
    let bearer = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .unwrap_or_default()
        .to_owned();
    let metadata = format!("{base}/.well-known/oauth-protected-resource/mcp");
    let Some((subject, scopes)) = world.tokens.get(&bearer).cloned() else {
        let challenge = format!("Bearer resource_metadata=\"{metadata}\"");
        return (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response();
    };
    let method = message["method"].as_str().unwrap_or_default();
    if let (Some(scope), "tools/call") = (&world.needs, method)
        && !scopes.split(' ').any(|held| held == scope)
    {
        let challenge = format!(
            "Bearer error=\"insufficient_scope\", scope=\"{scope}\", resource_metadata=\"{metadata}\""
        );
        return (StatusCode::FORBIDDEN, [("www-authenticate", challenge)]).into_response();
    }
    let session = match headers.get("mcp-session-id") {
        Some(session) => session.to_str().unwrap().to_owned(),
        None => format!("session-{}", world.sessions.len()),
    };
    world
        .sessions
        .entry(session.clone())
        .or_default()
        .insert(subject.clone());
    let result = match method {
        "initialize" => json!({
            "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
            "serverInfo": { "name": "s", "version": "1" },
        }),
        "tools/list" => {
            let tools = ["who", "echo-token"]
                .map(|name| json!({ "name": name, "inputSchema": { "type": "object" } }));
            json!({ "tools": tools })
        }
        "tools/call" => {
            let tool = message["params"]["name"].as_str().unwrap().to_owned();
            world.calls.push(tool.clone());
            if let Some((status, there)) = world.redirect_calls.clone() {
                return sent_on(status, there);
            }
            if let Some(status) = world.fail_next.take() {
                return StatusCode::from_u16(status).unwrap().into_response();
            }
            let text = if tool == "who" {
                subject
            } else {
                format!("your token is {bearer}")
            };
            json!({ "content": [{ "type": "text", "text": text }], "isError": tool != "who" })
        }
        _ => return StatusCode::ACCEPTED.into_response(),
    };
    let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
    ([("mcp-session-id", session)], Json(answer)).into_response()
}
