//! Which kind of server answers at an address whose path leads nowhere: asked without a prompt and without a key.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Client, header::CONTENT_TYPE};
use serde_json::json;
use url::Url;

use crate::settings::ModelKind;

/// The longest wait for one answer.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);
/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// A path that no server has: what is answered there is answered everywhere.
const NOWHERE: &str = "daybrief-asks-what-is-not-here";
/// What people leave at the end of an address though the kind adds it, the longest first.
const ENDS: [&str; 6] = [
    "v1/chat/completions/",
    "chat/completions/",
    "v1/messages/",
    "api/chat/",
    "api/",
    "v1/",
];

/// What answers at the address of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    pub kind: ModelKind,
    pub base_url: String,
    /// The kind is the one that is set: the address alone is wrong.
    pub same_kind: bool,
}

impl Fit {
    /// What to write in the settings.
    pub(super) fn advice(&self) -> String {
        let Self { kind, base_url, .. } = self;
        match self.same_kind {
            true => format!("set `base_url = \"{base_url}\"`: there it answers"),
            false => format!(
                "set `kind = \"{}\"` and `base_url = \"{base_url}\"`: there it answers as a server of that kind",
                name(*kind)
            ),
        }
    }
}

/// The word for a kind in the settings.
pub(super) fn name(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Openai => "openai",
        ModelKind::Anthropic => "anthropic",
        ModelKind::Ollama => "ollama",
    }
}

/// Looks which path of which kind answers below an address where the path of this kind does not.
pub(super) async fn look(client: &Client, kind: ModelKind, base: &Url) -> Option<Fit> {
    let root = root_of(base);
    let nowhere = status_at(client, root.join(NOWHERE).ok()?);
    let mut candidates = vec![
        (ModelKind::Ollama, root.clone(), "api/chat"),
        (
            ModelKind::Openai,
            root.join("v1/").ok()?,
            "chat/completions",
        ),
        (ModelKind::Openai, root.clone(), "chat/completions"),
        (ModelKind::Anthropic, root.clone(), "v1/messages"),
    ];
    // Where several are spoken, the one that is set is meant.
    candidates.sort_by_key(|(of, _, _)| *of != kind);
    let asked = candidates.iter().map(|(_, base, path)| async {
        match base.join(path) {
            Ok(url) => status_at(client, url).await,
            Err(_) => None,
        }
    });
    let (nowhere, statuses) = tokio::join!(nowhere, join_all(asked));
    let nowhere = nowhere?;
    candidates
        .into_iter()
        .zip(statuses)
        .find(|(_, answer)| {
            answer.is_some_and(|answer| answer.status != nowhere.status && answer.knows_the_path())
        })
        .map(|((of, base, _), _)| Fit {
            kind: of,
            base_url: base.as_str().trim_end_matches('/').to_owned(),
            same_kind: of == kind,
        })
}

/// The address without what is added by a kind.
fn root_of(base: &Url) -> Url {
    let mut root = base.clone();
    loop {
        let path = root.path().to_owned();
        let Some(rest) = ENDS
            .iter()
            .find_map(|end| path.strip_suffix(end).filter(|rest| rest.ends_with('/')))
        else {
            return root;
        };
        root.set_path(rest);
    }
}

/// How a request without anything in it was answered.
#[derive(Debug, Clone, Copy)]
struct Answer {
    status: u16,
    is_json: bool,
}

impl Answer {
    /// Is it the answer of a server of models to a request that lacks all? It has to refuse it, in JSON.
    fn knows_the_path(self) -> bool {
        self.is_json && matches!(self.status, 400 | 401 | 403 | 415 | 422 | 429 | 500 | 503)
    }
}

async fn status_at(client: &Client, url: Url) -> Option<Answer> {
    let asked = async {
        let sent = client.post(url).json(&json!({})).send().await.ok()?;
        let status = sent.status().as_u16();
        let said_json = sent
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        let is_small = sent
            .content_length()
            .is_none_or(|length| length <= MAX_ANSWER_BYTES as u64);
        let is_json = said_json && is_small;
        Some(Answer { status, is_json })
    };
    tokio::time::timeout(LOOK_TIMEOUT, asked).await.ok()?
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, http::StatusCode, routing::post};
    use tokio::net::TcpListener;

    use super::*;
    use crate::models::{
        Cause, ModelError,
        tests::{ask, model, request, settings},
    };

    /// A server that knows one path and refuses what lacks all.
    async fn server(path: &'static str) -> String {
        let refused = || async {
            (
                StatusCode::BAD_REQUEST,
                Json(json!({ "error": { "message": "messages is missing" } })),
            )
        };
        let app = Router::new().route(path, post(refused)).fallback(|| async {
            (
                StatusCode::NOT_FOUND,
                Json(json!({ "detail": "Not Found" })),
            )
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        address
    }

    #[tokio::test]
    async fn a_model_of_the_wrong_kind_is_told_which_kind_answers_there() {
        const KINDS: [(ModelKind, &str, &str); 3] = [
            (ModelKind::Openai, "/v1/chat/completions", "/v1"),
            (ModelKind::Anthropic, "/v1/messages", ""),
            (ModelKind::Ollama, "/api/chat", ""),
        ];
        for (is, path, base) in KINDS {
            let url = server(path).await;
            for (set, _, _) in KINDS.into_iter().filter(|(set, _, _)| *set != is) {
                let model = model(&settings(set, &url));
                let error = ask(model.as_ref(), request("x")).await.err().unwrap();
                let ModelError::Refused(refusal) = &error else {
                    panic!("{error:?}");
                };
                assert_eq!(refusal.cause, Cause::Path, "{error}");
                assert_eq!(
                    error.advice(),
                    format!(
                        "set `kind = \"{}\"` and `base_url = \"{url}{base}\"`: there it answers as a server of that kind",
                        name(is)
                    )
                );
            }
        }
        // The right kind at the wrong path.
        let url = server("/v1/chat/completions").await;
        let mut set = settings(ModelKind::Openai, &url);
        for wrong in ["", "/v1/chat/completions", "/v1/models"] {
            set.base_url = Some(format!("{url}{wrong}"));
            let error = ask(model(&set).as_ref(), request("x")).await.err().unwrap();
            let expected = format!("set `base_url = \"{url}/v1\"`: there it answers");
            match wrong {
                "/v1/models" => assert!(error.advice().starts_with("correct `base_url`")),
                _ => assert_eq!(error.advice(), expected),
            }
        }
    }

    #[tokio::test]
    async fn a_server_that_answers_everywhere_alike_is_taken_for_none() {
        let everywhere = || async { (StatusCode::UNAUTHORIZED, Json(json!({"error": "key"}))) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let app = Router::new().fallback(everywhere);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let client = crate::models::wire::client().unwrap();
        assert_eq!(look(&client, ModelKind::Anthropic, &base).await, None);
    }

    #[test]
    fn what_a_kind_adds_is_taken_off_an_address() {
        for (given, root) in [
            ("http://h:1/", "http://h:1/"),
            ("http://h:1/v1/", "http://h:1/"),
            ("http://h:1/v1/chat/completions/", "http://h:1/"),
            ("http://h:1/gateway/api/chat/", "http://h:1/gateway/"),
            ("http://h:1/myv1/", "http://h:1/myv1/"),
        ] {
            assert_eq!(root_of(&Url::parse(given).unwrap()).as_str(), root);
        }
    }
}
