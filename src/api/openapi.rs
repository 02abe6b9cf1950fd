//! `/api/v1/openapi.json`: the API described (OpenAPI 3.1), from the types that it answers with.

use std::sync::LazyLock;

use axum::{http::header, response::IntoResponse};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    ask::{AskRequest, AskResponse},
    briefs::{BriefList, BriefView},
    conversations::{ConversationList, ConversationView},
    proposals::{ApproveRequest, ProposalList, ProposalView},
    usage::UsageView,
};
use crate::domain::turn::TurnEvent;

/// Where a document's schemas lie.
const SCHEMAS: &str = "/components/schemas";

/// The page as text, made once: anybody may ask for it, as often as they like.
static PAGE: LazyLock<String> = LazyLock::new(|| document().to_string());

/// The page.
pub async fn page() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], PAGE.as_str())
}

/// One operation.
struct Operation {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    /// What a token must be for; nothing where none is needed.
    scope: Option<&'static str>,
    /// Of the query.
    query: Option<(&'static str, Value)>,
    body: Option<Value>,
    /// Status, what it is, and the content by media type.
    answer: (&'static str, &'static str, Option<Value>),
    /// Statuses besides those that every operation may answer with.
    refusals: &'static [&'static str],
}

fn content(schema: Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// The document.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = SCHEMAS.into();
        settings.meta_schema = None;
    });
    let mut types = settings.into_generator();
    let mut paths = Map::new();
    for operation in operations(&mut types) {
        let described = describe(&operation);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method.to_owned(), described);
        }
    }
    let problem = schema::<ProblemShape>(&mut types);
    let responses: Map<String, Value> = REFUSALS
        .into_iter()
        .map(|(status, what)| {
            let mut response = json!({ "description": what, "content": content(problem.clone()) });
            let header = match status {
                "401" => Some("WWW-Authenticate"),
                "429" => Some("Retry-After"),
                _ => None,
            };
            if let (Some(header), Some(response)) = (header, response.as_object_mut()) {
                let headers = json!({ header: { "schema": { "type": "string" } } });
                response.insert("headers".to_owned(), headers);
            }
            (format!("refusal-{status}"), response)
        })
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Daybrief",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Questions, briefs and proposals, as one person under one role.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "What `daybrief token create` printed.",
                },
            },
            "schemas": types.take_definitions(true),
            "responses": responses,
        },
    })
}

/// The statuses with which a request is refused.
const REFUSALS: [(&str, &str); 10] = [
    ("400", "The body is no JSON."),
    (
        "401",
        "No token, or one that opens nothing: unknown, revoked, expired, or its person is not let in.",
    ),
    (
        "403",
        "The token is not for this, its role was lost or has no right, or the request names another host.",
    ),
    ("404", "There is no such thing, or it is not the caller's."),
    (
        "409",
        "The proposal is decided, or another than the one that was shown.",
    ),
    ("413", "The body is larger than 64 KiB."),
    ("415", "The body is not said to be JSON."),
    (
        "422",
        "The body or the query has not the form that is wanted.",
    ),
    (
        "429",
        "Too many questions; `Retry-After` says when to ask again, in seconds.",
    ),
    ("503", "It cannot be answered now."),
];

/// Refusals of every operation that needs a token.
const ANY: [&str; 3] = ["401", "403", "503"];
/// And of those with a body.
const WITH_BODY: [&str; 4] = ["400", "413", "415", "422"];

fn operations(types: &mut SchemaGenerator) -> Vec<Operation> {
    let events = schema::<TurnEvent>(types);
    let answer = json!({
        "text/event-stream": {
            "schema": events,
            "x-events": "each event's `event` is its kind, its `data` this; `problem` carries a problem; `done` is the last",
        },
        "application/json": { "schema": schema::<AskResponse>(types) },
    });
    vec![
        Operation {
            body: Some(schema::<AskRequest>(types)),
            answer: (
                "200",
                "The answer, as it is found, or whole where the request accepts JSON alone.",
                Some(answer),
            ),
            refusals: &["404", "429"],
            ..Operation::new("post", "/api/v1/ask", "ask", "Answers one question.", "ask")
        },
        Operation {
            query: Some((
                "limit",
                json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 20 }),
            )),
            answer: (
                "200",
                "The newest first.",
                Some(content(schema::<BriefList>(types))),
            ),
            refusals: &["422"],
            ..Operation::new(
                "get",
                "/api/v1/briefs",
                "briefs",
                "The latest briefs that went to the caller under the token's role.",
                "read",
            )
        },
        Operation {
            answer: (
                "200",
                "The brief.",
                Some(content(schema::<BriefView>(types))),
            ),
            refusals: &["404"],
            ..Operation::new("get", "/api/v1/briefs/{run}", "brief", "One brief.", "read")
        },
        Operation {
            answer: (
                "200",
                "The newest first.",
                Some(content(schema::<ConversationList>(types))),
            ),
            ..Operation::new(
                "get",
                "/api/v1/conversations",
                "conversations",
                "The caller's conversations under the token's role.",
                "read",
            )
        },
        Operation {
            answer: (
                "200",
                "The conversation.",
                Some(content(schema::<ConversationView>(types))),
            ),
            refusals: &["404"],
            ..Operation::new(
                "get",
                "/api/v1/conversations/{conversation}",
                "conversation",
                "One conversation.",
                "read",
            )
        },
        Operation {
            answer: ("204", "It is removed.", None),
            refusals: &["404"],
            ..Operation::new(
                "delete",
                "/api/v1/conversations/{conversation}",
                "removeConversation",
                "Removes a conversation.",
                "ask",
            )
        },
        Operation {
            answer: (
                "200",
                "The newest first.",
                Some(content(schema::<ProposalList>(types))),
            ),
            ..Operation::new(
                "get",
                "/api/v1/proposals",
                "proposals",
                "The caller's proposals, and those that they may decide.",
                "read` or `approve",
            )
        },
        Operation {
            body: Some(schema::<ApproveRequest>(types)),
            answer: (
                "200",
                "What became of it.",
                Some(content(schema::<ProposalView>(types))),
            ),
            refusals: &["404", "409"],
            ..Operation::new(
                "post",
                "/api/v1/proposals/{proposal}/approve",
                "approve",
                "Approves the exact call that was shown, and makes it once.",
                "approve",
            )
        },
        Operation {
            answer: (
                "200",
                "What became of it.",
                Some(content(schema::<ProposalView>(types))),
            ),
            refusals: &["404", "409"],
            ..Operation::new(
                "post",
                "/api/v1/proposals/{proposal}/reject",
                "reject",
                "Refuses a proposal.",
                "approve",
            )
        },
        Operation {
            answer: (
                "200",
                "This month's.",
                Some(content(schema::<UsageView>(types))),
            ),
            ..Operation::new(
                "get",
                "/api/v1/usage",
                "usage",
                "What the caller used this month, and what is left.",
                "read",
            )
        },
        Operation {
            scope: None,
            answer: (
                "200",
                "This document.",
                Some(content(json!({ "type": "object" }))),
            ),
            ..Operation::new(
                "get",
                "/api/v1/openapi.json",
                "openapi",
                "The API described.",
                "",
            )
        },
    ]
}

impl Operation {
    fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        scope: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            id,
            summary,
            scope: Some(scope),
            query: None,
            body: None,
            answer: ("200", "", None),
            refusals: &[],
        }
    }
}

fn describe(operation: &Operation) -> Value {
    let (status, what, content_of) = &operation.answer;
    let mut answer = json!({ "description": what });
    let mut described = json!({ "operationId": operation.id, "summary": operation.summary });
    let (Some(members), Some(answer_members)) = (described.as_object_mut(), answer.as_object_mut())
    else {
        return described;
    };
    if let Some(content) = content_of {
        answer_members.insert("content".to_owned(), content.clone());
    }
    let mut responses = Map::new();
    responses.insert((*status).to_owned(), answer);
    let bodied: &[&str] = if operation.body.is_some() {
        &WITH_BODY
    } else {
        &[]
    };
    let any: &[&str] = if operation.scope.is_some() { &ANY } else { &[] };
    for refusal in operation.refusals.iter().chain(bodied).chain(any) {
        let reference = format!("#/components/responses/refusal-{refusal}");
        responses.insert((*refusal).to_owned(), json!({ "$ref": reference }));
    }
    members.insert("responses".to_owned(), Value::Object(responses));
    match operation.scope {
        Some(scope) => {
            let what = format!("Needs a token for `{scope}`.");
            members.insert("description".to_owned(), what.into());
        }
        None => {
            members.insert("security".to_owned(), json!([]));
        }
    }
    if let Some(body) = &operation.body {
        let body = json!({ "required": true, "content": content(body.clone()) });
        members.insert("requestBody".to_owned(), body);
    }
    let of_path = operation
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let of_query = operation
        .query
        .iter()
        .map(|(name, schema)| json!({ "name": name, "in": "query", "required": false, "schema": schema }));
    let parameters: Vec<Value> = of_path.chain(of_query).collect();
    if !parameters.is_empty() {
        members.insert("parameters".to_owned(), Value::Array(parameters));
    }
    described
}

fn schema<T: JsonSchema>(types: &mut SchemaGenerator) -> Value {
    types.subschema_for::<T>().to_value()
}

/// A problem as it is sent.
#[derive(JsonSchema)]
#[schemars(rename = "Problem")]
#[expect(
    dead_code,
    reason = "it describes `Problem`, which lies below the schemas"
)]
struct ProblemShape {
    /// Stable, for programs.
    code: String,
    /// What happened, one sentence.
    what: String,
    /// Where.
    #[schemars(rename = "where")]
    place: Option<String>,
    /// What to do about it.
    #[schemars(rename = "do")]
    advice: Option<String>,
}
