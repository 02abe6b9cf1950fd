//! Tokens: had, renewed, kept to their own server and owner, and never told.

use std::sync::Mutex;

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::any,
};
use jiff::SignedDuration;
use url::Url;

use super::{oauth_servers::Servers, *};
use crate::{
    clock::ManualClock,
    domain::connector::{Auth, SecretAt},
};

fn client(id: &str) -> Auth {
    Auth::ClientCredentials {
        client_id: id.to_owned(),
        client_secret: SecretAt {
            secret: SecretRef::Store(id.to_owned()),
        },
        scopes: Vec::new(),
        token_url: None,
    }
}

fn person() -> Auth {
    Auth::AuthorizationCode {
        client_id: None,
        client_secret: None,
        scopes: Vec::new(),
    }
}

/// A node: a pool with a clock that stands still.
struct Node {
    pool: Connectors,
    clock: Arc<ManualClock>,
    secrets: Arc<TestSecrets>,
}

fn node(connectors: Vec<Connector>, tokens: &Arc<MemoryTokens>, reach: Reach) -> Node {
    let clock = Arc::new(ManualClock::at(Timestamp::now()));
    let secrets = Arc::new(TestSecrets::default());
    for id in ["ada", "bob"] {
        secrets.set(id, &format!("secret-of-{id}"));
    }
    let pool = Connectors::keeping(
        connectors,
        secrets.clone(),
        Arc::new(MemoryPins::default()),
        clock.clone(),
        tokens.clone(),
        reach,
    );
    Node {
        pool,
        clock,
        secrets,
    }
}

fn alone(connectors: Vec<Connector>) -> Node {
    node(connectors, &Arc::default(), Reach::Anywhere)
}

impl Node {
    async fn call(&self, connector: &str, tool: &str) -> Result<Value, CallError> {
        let permit = Permit::for_test(connector, tool, Map::new());
        self.pool.call(permit).await.map(|answer| answer.value)
    }

    /// A person signs in and agrees to everything.
    async fn sign_in(&self, connector: &str) -> Result<SignedIn, CallError> {
        let id = ConnectorId::new(connector).unwrap();
        let back = Url::parse("http://127.0.0.1:1/callback").unwrap();
        let sign_in = self.pool.begin_sign_in(&id, &back).await?;
        crate::tls::begin();
        let browser = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let page = browser.get(sign_in.url().clone()).send().await.unwrap();
        let location = page.headers()["location"].to_str().unwrap();
        sign_in.finish(&Url::parse(location).unwrap()).await
    }
}

#[tokio::test]
async fn two_credentials_at_one_server_share_no_session_and_no_token() {
    let servers = Servers::start().await;
    let node = alone(vec![
        servers.connector("a", client("ada")),
        servers.connector("b", client("bob")),
    ]);
    for _ in 0..3 {
        let (ada, bob) = tokio::join!(node.call("a", "who"), node.call("b", "who"));
        assert_eq!(ada.unwrap(), json!({"text": "ada"}));
        assert_eq!(bob.unwrap(), json!({"text": "bob"}));
    }
    let world = servers.world();
    assert_eq!(world.sessions.len(), 2, "{:?}", world.sessions);
    assert!(
        world.sessions.values().all(|users| users.len() == 1),
        "{:?}",
        world.sessions
    );
}

#[tokio::test]
async fn another_credential_gets_a_session_of_its_own() {
    let servers = Servers::start().await;
    let mut connector = servers.connector("a", client("ada"));
    let node = alone(vec![connector.clone()]);
    assert_eq!(node.call("a", "who").await.unwrap(), json!({"text": "ada"}));
    if let Launch::Http { auth, .. } = &mut connector.launch {
        *auth = Some(client("bob"));
    }
    node.pool.replace(vec![connector]);
    assert_eq!(node.call("a", "who").await.unwrap(), json!({"text": "bob"}));
    let world = servers.world();
    assert!(
        world.sessions.values().all(|users| users.len() == 1),
        "{:?}",
        world.sessions
    );
}

/// Another host, that notes what it is asked.
async fn other_host() -> (String, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = format!("http://{}/mcp", listener.local_addr().unwrap());
    let note = asked.clone();
    let router = Router::new().fallback(any(move |headers: HeaderMap, body: Bytes| {
        note.lock().unwrap().push(format!("{headers:?} {body:?}"));
        async { StatusCode::OK }
    }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (there, asked)
}

#[tokio::test]
async fn a_server_that_redirects_to_another_host_gives_it_no_token() {
    let servers = Servers::start().await;
    let (there, asked) = other_host().await;
    let node = alone(vec![servers.connector("a", client("ada"))]);
    node.call("a", "who").await.unwrap();
    for status in [301, 302, 303, 307, 308] {
        servers.world().redirect_calls = Some((status, there.clone()));
        assert!(node.call("a", "who").await.is_err(), "{status}");
    }
    servers.world().redirect_calls = None;
    assert_eq!(*asked.lock().unwrap(), [""; 0]);
    // The same for what would be shown to the authorization server.
    servers.world().tokens.clear();
    servers.world().redirect_tokens = Some((307, there));
    assert!(node.call("a", "who").await.is_err());
    assert_eq!(*asked.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_token_that_ends_during_a_run_is_renewed_once_and_the_call_repeated_once() {
    let servers = Servers::start().await;
    let node = alone(vec![servers.connector("a", client("ada"))]);
    node.call("a", "who").await.unwrap();
    servers.world().tokens.clear();
    let at_once = (0..4).map(|_| node.call("a", "who"));
    for answer in futures_util::future::join_all(at_once).await {
        assert_eq!(answer.unwrap(), json!({"text": "ada"}));
    }
    let world = servers.world();
    assert_eq!(world.calls.len(), 5, "each call was executed once");
    assert_eq!(world.token_requests, 2, "one renewal for all");
}

#[tokio::test]
async fn a_call_that_may_have_been_executed_is_not_repeated() {
    let servers = Servers::start().await;
    let node = alone(vec![servers.connector("a", client("ada"))]);
    for status in [500, 502, 403] {
        servers.world().calls.clear();
        servers.world().fail_next = Some(status);
        assert!(node.call("a", "who").await.is_err(), "{status}");
        assert_eq!(servers.world().calls.len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let servers = Servers::start().await;
    let node = alone(vec![servers.connector("a", client("ada"))]);
    node.call("a", "who").await.unwrap();
    node.clock.advance(SignedDuration::from_mins(50));
    node.call("a", "who").await.unwrap();
    assert_eq!(servers.world().token_requests, 1);
    node.clock.advance(SignedDuration::from_secs(9 * 60 + 30));
    node.call("a", "who").await.unwrap();
    assert_eq!(servers.world().token_requests, 2);
}

#[tokio::test]
async fn a_client_asks_for_the_scope_that_is_missing_and_gives_up_where_it_does_not_help() {
    let servers = Servers::start().await;
    servers.world().needs = Some("orders:read".to_owned());
    let node = alone(vec![servers.connector("a", client("ada"))]);
    node.call("a", "who").await.unwrap();
    assert_eq!(servers.world().token_requests, 2);
    servers.world().needs = Some("never given".to_owned());
    assert!(node.call("a", "who").await.is_err());
    let after = servers.world().token_requests;
    assert!(after <= 3, "{after} requests");
}

#[tokio::test]
async fn a_rotated_secret_takes_effect_with_the_next_call() {
    let servers = Servers::start().await;
    let node = alone(vec![servers.connector("a", client("ada"))]);
    node.call("a", "who").await.unwrap();
    node.secrets.set("ada", "withdrawn-value");
    let error = node.call("a", "who").await.unwrap_err();
    assert!(matches!(error, CallError::Credential { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("invalid_client ***"), "{text}");
    node.secrets.set("ada", "secret-of-ada");
    node.call("a", "who").await.unwrap();
}

#[tokio::test]
async fn a_sign_in_is_kept_and_renewed_without_the_person() {
    let servers = Servers::start().await;
    let tokens: Arc<MemoryTokens> = Arc::default();
    let connectors = vec![servers.connector("a", person())];
    let first = node(connectors.clone(), &tokens, Reach::Anywhere);
    let error = first.call("a", "who").await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`daybrief connector sign-in a`"), "{text}");
    let signed_in = first.sign_in("a").await.unwrap();
    assert!(signed_in.renewable);
    assert_eq!(
        first.call("a", "who").await.unwrap(),
        json!({"text": "ada"})
    );
    first.pool.shutdown().await;
    // The next start, a day later: the token is over, the refresh token is not.
    servers.world().tokens.clear();
    let second = node(connectors, &tokens, Reach::Anywhere);
    second.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(
        second.call("a", "who").await.unwrap(),
        json!({"text": "ada"})
    );
    assert_eq!(
        second.pool.sign_out(&ConnectorId::new("a").unwrap()).await,
        Ok(true)
    );
    let error = second.call("a", "who").await.unwrap_err();
    assert!(matches!(error, CallError::SignIn { .. }), "{error}");
}

#[tokio::test]
async fn another_persons_sign_in_gets_a_session_of_its_own() {
    let servers = Servers::start().await;
    let node = alone(vec![servers.connector("a", person())]);
    for name in ["ada", "bob"] {
        servers.world().person = name.to_owned();
        node.sign_in("a").await.unwrap();
        assert_eq!(node.call("a", "who").await.unwrap(), json!({"text": name}));
    }
    let world = servers.world();
    assert!(
        world.sessions.values().all(|users| users.len() == 1),
        "{:?}",
        world.sessions
    );
}

#[tokio::test]
async fn nodes_take_turns_and_no_refresh_token_is_used_twice() {
    let servers = Servers::start().await;
    let tokens: Arc<MemoryTokens> = Arc::default();
    let connectors = vec![servers.connector("a", person())];
    let nodes: Vec<Node> = (0..3)
        .map(|_| node(connectors.clone(), &tokens, Reach::Anywhere))
        .collect();
    nodes[0].sign_in("a").await.unwrap();
    for _ in 0..3 {
        servers.world().tokens.clear();
        let calls = nodes.iter().map(|node| node.call("a", "who"));
        for answer in futures_util::future::join_all(calls).await {
            assert_eq!(answer.unwrap(), json!({"text": "ada"}));
        }
    }
    assert!(!servers.world().reused);
}

#[tokio::test]
async fn the_timer_renews_what_ends_soon() {
    let servers = Servers::start().await;
    let node = alone(vec![servers.connector("a", person())]);
    node.sign_in("a").await.unwrap();
    let before = servers.world().token_requests;
    node.clock.advance(SignedDuration::from_mins(51));
    node.pool.renew_tokens();
    for _ in 0..200 {
        if servers.world().token_requests > before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(servers.world().token_requests, before + 1);
}

#[tokio::test]
async fn a_dead_sign_in_is_told_before_it_is_needed_and_no_token_is_named() {
    let servers = Servers::start().await;
    let node = alone(vec![servers.connector("a", person())]);
    node.sign_in("a").await.unwrap();
    let id = ConnectorId::new("a").unwrap();
    let hour = SignedDuration::from_hours(2);
    assert_eq!(node.pool.assure_token(&id, hour).await, Ok(()), "it is new");
    node.clock.advance(SignedDuration::from_mins(20));
    servers.world().no_refresh = true;
    let error = node.pool.assure_token(&id, hour).await.unwrap_err();
    assert!(matches!(error, CallError::SignIn { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("no longer renews") && text.contains("sign-in a"),
        "{text}"
    );
    assert!(
        !text.contains("access-") && !text.contains("refresh-"),
        "{text}"
    );
    // The token itself is good for a while still.
    node.call("a", "who").await.unwrap();
    servers.world().no_refresh = false;
    node.sign_in("a").await.unwrap();
    assert_eq!(
        node.pool
            .assure_token(&id, SignedDuration::from_mins(10))
            .await,
        Ok(())
    );
}

#[tokio::test]
async fn another_address_never_gets_the_token_of_the_first() {
    let (first, second) = (Servers::start().await, Servers::start().await);
    let tokens: Arc<MemoryTokens> = Arc::default();
    let node = node(
        vec![first.connector("a", person())],
        &tokens,
        Reach::Anywhere,
    );
    node.sign_in("a").await.unwrap();
    node.call("a", "who").await.unwrap();
    node.pool.replace(vec![second.connector("a", person())]);
    let error = node.call("a", "who").await.unwrap_err();
    assert!(matches!(error, CallError::SignIn { .. }), "{error}");
    assert!(second.world().sessions.is_empty());
}

#[tokio::test]
async fn a_sign_in_that_came_back_otherwise_is_not_taken() {
    let servers = Servers::start().await;
    let node = alone(vec![servers.connector("a", person())]);
    let id = ConnectorId::new("a").unwrap();
    let back = Url::parse("http://127.0.0.1:1/callback").unwrap();
    let sign_in = node.pool.begin_sign_in(&id, &back).await.unwrap();
    let state = sign_in
        .url()
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    let base = &servers.base;
    for query in [
        "code=code-of-ada&state=forged".to_owned(),
        "code=code-of-ada".to_owned(),
        format!("code=code-of-ada&state={state}&iss=https://evil.example"),
        // The server says that it names itself, so an answer without its name is not its answer (RFC 9207).
        format!("code=code-of-ada&state={state}"),
        format!("error=access_denied&state={state}&iss={base}"),
    ] {
        let came = Url::parse(&format!("{back}?{query}")).unwrap();
        assert!(sign_in.finish(&came).await.is_err(), "{query}");
    }
    assert_eq!(servers.world().token_requests, 0);
}

#[tokio::test]
async fn a_token_is_asked_for_only_where_it_is_protected_and_allowed() {
    let servers = Servers::start().await;
    for elsewhere in ["http://auth.example.com", "ftp://127.0.0.1"] {
        servers.world().misnamed = Some(elsewhere.to_owned());
        let node = alone(vec![servers.connector("a", client("ada"))]);
        let error = node.call("a", "who").await.unwrap_err();
        assert!(
            matches!(error, CallError::Token { .. }),
            "{elsewhere}: {error}"
        );
    }
    servers.world().misnamed = Some("https://auth.example.com".to_owned());
    let inside = node(
        vec![servers.connector("a", client("ada"))],
        &Arc::default(),
        Reach::PrivateNetworks,
    );
    let error = inside.call("a", "who").await.unwrap_err();
    assert!(
        error.to_string().contains("outside the private networks"),
        "{error}"
    );
    let mut open = servers.connector("a", client("ada"));
    if let Launch::Http { url, .. } = &mut open.launch {
        *url = "http://mcp.example.com/mcp".to_owned();
    }
    let error = alone(vec![open]).call("a", "who").await.unwrap_err();
    assert!(matches!(error, CallError::Launch { .. }), "{error}");
}

#[tokio::test]
async fn a_header_beside_the_token_is_refused() {
    let servers = Servers::start().await;
    let mut both = servers.connector("a", client("ada"));
    if let Launch::Http { headers, .. } = &mut both.launch {
        headers.insert(
            "Authorization".to_owned(),
            EnvValue::Plain("Bearer x".to_owned()),
        );
    }
    let error = alone(vec![both]).call("a", "who").await.unwrap_err();
    assert!(matches!(error, CallError::Launch { .. }), "{error}");
}

/// Takes everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_is_logged_or_said() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let servers = Servers::start().await;
    let node = alone(vec![
        servers.connector("a", person()),
        servers.connector("b", client("bob")),
    ]);
    node.sign_in("a").await.unwrap();
    servers.world().tokens.clear();
    for connector in ["a", "b"] {
        node.call(connector, "who").await.unwrap();
        let error = node.call(connector, "echo-token").await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("your token is ***"), "{text}");
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        text.contains("sign-in renewed"),
        "nothing was logged: {text}"
    );
    // What the server of this test itself says is no word of ours.
    let ours = text.lines().filter(|line| !line.contains("your token is"));
    let found: Vec<&str> = ours
        .filter(|line| {
            [
                "access-ada",
                "refresh-ada",
                "access-bob",
                "code-of-ada",
                "secret-of",
                "registered-secret",
            ]
            .iter()
            .any(|secret| line.contains(secret))
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
