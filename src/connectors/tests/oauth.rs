//! Tokens: had, renewed, kept to their own server and owner, and never told.

use std::sync::Mutex;

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::any,
};
use jiff::SignedDuration;
use secrecy::ExposeSecret;
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
        issuer: None,
    }
}

fn person() -> Auth {
    Auth::AuthorizationCode {
        client_id: None,
        client_secret: None,
        scopes: Vec::new(),
        issuer: None,
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
        format!("code=code-of-ada&state={state}&iss={base}&iss=https://evil.example"),
        format!("error=access_denied&state={state}&iss={base}"),
    ] {
        let came = Url::parse(&format!("{back}?{query}")).unwrap();
        assert!(sign_in.finish(&came).await.is_err(), "{query}");
    }
    // What another server refuses is no refusal of this one's.
    let query = format!("error=access_denied&state={state}&iss=https://evil.example");
    let came = Url::parse(&format!("{back}?{query}")).unwrap();
    let error = sign_in.finish(&came).await.unwrap_err();
    assert!(matches!(error, CallError::Token { .. }), "{error}");
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

#[tokio::test]
async fn changed_metadata_moves_no_secret_and_no_refresh_token() {
    let servers = Servers::start().await;
    let tokens: Arc<MemoryTokens> = Arc::default();
    let connectors = vec![
        servers.connector("a", person()),
        servers.connector("b", client("bob")),
    ];
    let first = node(connectors.clone(), &tokens, Reach::Anywhere);
    first.sign_in("a").await.unwrap();
    first.call("b", "who").await.unwrap();
    servers.world().odd_metadata = json!({
        "token_endpoint": format!("{}/elsewhere", servers.base),
        "registration_endpoint": format!("{}/elsewhere", servers.base),
    });
    // Also not at the next start.
    for node in [first, node(connectors, &tokens, Reach::Anywhere)] {
        servers.world().tokens.clear();
        for (connector, name) in [("a", "ada"), ("b", "bob")] {
            let answer = node.call(connector, "who").await;
            assert_eq!(answer.unwrap(), json!({ "text": name }));
        }
        // A person who signs in again is not led there either, unless the old server is forgotten first.
        let error = node.sign_in("a").await.unwrap_err();
        assert!(error.to_string().contains("sign-out a"), "{error}");
    }
    assert_eq!(servers.world().elsewhere, [""; 0]);
}

#[tokio::test]
async fn a_refusal_that_names_another_server_moves_no_secret() {
    let (servers, evil) = (Servers::start().await, Servers::start().await);
    let node = alone(vec![
        servers.connector("a", person()),
        servers.connector("b", client("bob")),
    ]);
    node.sign_in("a").await.unwrap();
    node.call("b", "who").await.unwrap();
    servers.world().misnamed = Some(evil.base.clone());
    servers.world().tokens.clear();
    node.call("a", "who").await.unwrap();
    node.call("b", "who").await.unwrap();
    assert!(node.sign_in("a").await.is_err());
    assert_eq!(evil.world().token_requests, 0);
}

#[tokio::test]
async fn an_address_inside_is_not_asked_for_a_token_unless_it_is_named() {
    let servers = Servers::start().await;
    let (there, asked) = other_host().await;
    let there = there
        .trim_end_matches("/mcp")
        .replace("127.0.0.1", "localhost");
    for inside in [
        there.as_str(),
        "https://169.254.169.254",
        "https://10.0.0.1",
        "https://192.168.7.7",
        "https://[fd00::1]",
        "https://[fe80::1]",
    ] {
        servers.world().misnamed = Some(inside.to_owned());
        servers.world().odd_metadata = Value::Null;
        let node = alone(vec![
            servers.connector("a", person()),
            servers.connector("b", client("bob")),
        ]);
        assert!(node.sign_in("a").await.is_err(), "{inside}");
        assert!(node.call("b", "who").await.is_err(), "{inside}");
        servers.world().misnamed = None;
        for endpoint in [
            "token_endpoint",
            "authorization_endpoint",
            "registration_endpoint",
        ] {
            servers.world().odd_metadata = json!({ endpoint: format!("{inside}/x") });
            let error = node.sign_in("a").await.unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("no public address"),
                "{inside} {endpoint}: {text}"
            );
        }
        servers.world().odd_metadata = json!({ "token_endpoint": format!("{inside}/x") });
        let error = node.call("b", "who").await.unwrap_err();
        assert!(error.to_string().contains("no public address"), "{error}");
    }
    assert_eq!(*asked.lock().unwrap(), [""; 0]);
    // The authorization server that the settings name, whatever the server says.
    let other = Servers::start().await;
    servers.world().odd_metadata = Value::Null;
    let mut auth = person();
    if let Auth::AuthorizationCode { issuer, .. } = &mut auth {
        *issuer = Some(other.base.clone());
    }
    alone(vec![servers.connector("a", auth)])
        .sign_in("a")
        .await
        .unwrap();
    assert_eq!(other.world().token_requests, 1);
}

#[tokio::test]
async fn no_code_is_asked_for_where_s256_is_not_taken() {
    let servers = Servers::start().await;
    for methods in [Value::Null, json!([]), json!(["plain"])] {
        servers.world().odd_metadata = json!({ "code_challenge_methods_supported": methods });
        let node = alone(vec![servers.connector("a", person())]);
        let error = node.sign_in("a").await.unwrap_err();
        assert!(error.to_string().contains("S256"), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_no_sign_in() {
    let servers = Servers::start().await;
    for odd in [
        json!({ "token_type": "mac" }),
        json!({ "token_type": "DPoP" }),
        json!({ "token_type": null }),
        json!({ "access_token": "" }),
        json!({ "access_token": null }),
        json!({ "access_token": 7 }),
        json!({ "access_token": "two words" }),
        json!({ "access_token": "a\r\nx: y" }),
    ] {
        servers.world().odd_tokens = odd.clone();
        let node = alone(vec![
            servers.connector("a", person()),
            servers.connector("b", client("bob")),
        ]);
        assert!(node.sign_in("a").await.is_err(), "{odd}");
        let error = node.call("a", "who").await.unwrap_err();
        assert!(matches!(error, CallError::SignIn { .. }), "{odd}: {error}");
        assert!(node.call("b", "who").await.is_err(), "{odd}");
    }
}

#[tokio::test]
async fn nothing_odd_in_an_answer_costs_the_new_refresh_token() {
    let servers = Servers::start().await;
    let node = alone(vec![servers.connector("a", person())]);
    node.sign_in("a").await.unwrap();
    for odd in [
        json!("3600"),
        json!(3600.0),
        json!(-5),
        json!(0),
        json!(null),
        json!(1e300),
        json!(u64::MAX),
        json!("soon"),
        json!([3600]),
    ] {
        servers.world().odd_tokens = json!({ "expires_in": odd, "scope": 7 });
        servers.world().tokens.clear();
        let answer = node.call("a", "who").await;
        assert_eq!(answer.unwrap(), json!({ "text": "ada" }), "{odd}");
    }
    for odd in [
        json!({ "access_token": "" }),
        json!({ "access_token": null }),
        json!({ "token_type": "mac" }),
    ] {
        servers.world().odd_tokens = odd.clone();
        servers.world().tokens.clear();
        assert!(node.call("a", "who").await.is_err(), "{odd}");
        servers.world().odd_tokens = Value::Null;
        node.call("a", "who").await.unwrap();
    }
    assert!(!servers.world().reused);
}

#[tokio::test]
async fn a_sign_in_is_renewed_with_its_scopes_and_without_where_they_are_not_taken() {
    let servers = Servers::start().await;
    let mut auth = person();
    if let Auth::AuthorizationCode { scopes, .. } = &mut auth {
        *scopes = ["orders:read", "offline_access"]
            .map(str::to_owned)
            .to_vec();
    }
    let node = alone(vec![servers.connector("a", auth)]);
    // As Microsoft Entra answers: offline access was asked for and is not named.
    servers.world().odd_tokens = json!({ "scope": "orders:read" });
    node.sign_in("a").await.unwrap();
    for with in [true, false] {
        servers.world().renews_with_scopes = Some(with);
        servers.world().tokens.clear();
        node.call("a", "who").await.unwrap();
        let world = servers.world();
        let scope = world.forms.last().unwrap().get("scope").cloned();
        let right = with.then(|| "orders:read offline_access".to_owned());
        assert_eq!(scope, right);
        assert!(!world.reused);
    }
}

#[tokio::test]
async fn a_sign_in_that_ends_before_the_brief_is_told() {
    let servers = Servers::start().await;
    let id = ConnectorId::new("a").unwrap();
    let ahead = SignedDuration::from_mins(45);
    servers.world().lifetime = 20 * 60;
    servers.world().odd_tokens = json!({ "refresh_token": null });
    let node = alone(vec![servers.connector("a", person())]);
    node.sign_in("a").await.unwrap();
    let error = node.pool.assure_token(&id, ahead).await.unwrap_err();
    assert!(error.to_string().contains("cannot be renewed"), "{error}");
    // One that can be renewed, but not for long enough, as of an application that its vendor has not looked at yet.
    servers.world().odd_tokens = json!({ "refresh_token_expires_in": 1200 });
    node.sign_in("a").await.unwrap();
    let error = node.pool.check_sign_in(&id, ahead).await.unwrap_err();
    assert!(error.to_string().contains("ends at"), "{error}");
    // One whose end each renewal puts off has none.
    servers.world().tokens.clear();
    node.clock.advance(SignedDuration::from_mins(10));
    node.call("a", "who").await.unwrap();
    assert_eq!(node.pool.check_sign_in(&id, ahead).await, Ok(()));
}

#[tokio::test]
async fn a_node_that_died_while_it_renewed_is_not_waited_for() {
    let servers = Servers::start().await;
    let tokens: Arc<MemoryTokens> = Arc::default();
    let node = node(
        vec![servers.connector("a", person())],
        &tokens,
        Reach::Anywhere,
    );
    node.sign_in("a").await.unwrap();
    let kept = tokens.load(".oauth/a").await.unwrap().unwrap();
    let mut grant: Value = serde_json::from_str(kept.text.expose_secret()).unwrap();
    grant["renewing"] = json!(true);
    grant["renewing_until"] = json!(node.clock.now() + SignedDuration::from_secs(30));
    let died = SecretString::from(grant.to_string());
    let seen = Some(kept.version.as_str());
    tokens.replace(".oauth/a", seen, &died).await.unwrap();
    // The token is good still: nobody waits at all.
    node.call("a", "who").await.unwrap();
    assert_eq!(servers.world().token_requests, 1);
    servers.world().tokens.clear();
    let within = Duration::from_secs(5);
    let answer = tokio::time::timeout(within, node.call("a", "who")).await;
    assert_eq!(answer.unwrap().unwrap(), json!({ "text": "ada" }));
}

#[tokio::test]
async fn a_renewal_comes_to_its_end_though_nobody_waits_for_it() {
    let servers = Servers::start().await;
    let tokens: Arc<MemoryTokens> = Arc::default();
    let connectors = vec![servers.connector("a", person())];
    let nodes: Vec<Node> = (0..2)
        .map(|_| node(connectors.clone(), &tokens, Reach::Anywhere))
        .collect();
    nodes[0].sign_in("a").await.unwrap();
    servers.world().tokens.clear();
    // Longer than a node that gives no sign of life is waited for.
    servers.world().slow_tokens = Duration::from_millis(1500);
    let within = Duration::from_millis(300);
    let given_up = tokio::time::timeout(within, nodes[0].call("a", "who")).await;
    assert!(given_up.is_err());
    for node in nodes.iter().rev() {
        node.call("a", "who").await.unwrap();
    }
    let world = servers.world();
    assert!(!world.reused);
    assert_eq!(world.token_requests, 2);
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
