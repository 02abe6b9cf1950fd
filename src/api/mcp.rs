//! The same as an MCP server: an assistant of the company's may ask, as the person whose token it bears.
//!
//! It keeps no session: each request is one of its own and bears the token, so any node answers it.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::request::Parts,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
        ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities,
        ServerConfig, Tool, ToolAnnotations,
    },
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpService, session::never::NeverSessionManager,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    Programs,
    ask::{self, AskRequest},
    briefs,
    refusal::Refusal,
    tokens::{self, Caller},
    turn::{Answer, Told, Turn},
};
use crate::{
    access::Surface,
    domain::turn::{Citation, Table, TurnEvent, TurnOutcome},
    ids::{BriefingId, ConversationId},
    models::PortableSchema,
    store::Scope,
};

/// The path that it answers on.
pub const PATH: &str = "/mcp";

/// What an assistant is told of the server.
const INSTRUCTIONS: &str = "Daybrief answers questions about the company from its own systems, under the rights of the \
    person whose token is used. `ask` takes one question in plain words and gives an answer with its sources; hand the \
    conversation it names back to ask on. `latest_brief` gives the newest morning brief.";

/// The server of these programs, with the check of its tokens before it.
pub fn service(programs: &Programs) -> Router<Programs> {
    let config = programs
        .reachable
        .mcp(programs.stop.clone())
        .with_legacy_session_mode(false)
        .with_max_request_body_bytes(super::edge::LARGEST_BODY);
    let server = Server {
        programs: programs.clone(),
    };
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    Router::new()
        .nest_service(PATH, service)
        .route_layer(middleware::from_fn_with_state(programs.clone(), authorised))
}

/// Lets through what bears a token, and hands on whose it is.
async fn authorised(
    State(programs): State<Programs>,
    mut request: Request,
    next: Next,
) -> Response {
    match tokens::caller(&programs, request.headers(), Surface::Mcp).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

#[derive(Clone)]
struct Server {
    programs: Programs,
}

/// What `ask` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskArguments {
    /// One question in plain words.
    #[schemars(length(min = 1, max = 4000))]
    question: String,
    /// The conversation that it goes on with, as an answer before named it.
    #[serde(default)]
    conversation: Option<ConversationId>,
}

/// What `ask` gives.
#[derive(Debug, Serialize, JsonSchema)]
struct AskResult {
    /// The answer. `[1]` stands for the citation of that number.
    text: String,
    citations: Vec<Citation>,
    tables: Vec<Table>,
    /// Actions that the answer suggests. None is done before a person with the right has approved it.
    proposals: Vec<ask::Proposed>,
    conversation: ConversationId,
    outcome: TurnOutcome,
}

/// What `latest_brief` takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BriefArguments {
    /// The briefing; the newest brief of any without it.
    #[serde(default)]
    briefing: Option<BriefingId>,
}

/// What `latest_brief` gives.
#[derive(Debug, Serialize, JsonSchema)]
struct BriefResult {
    /// Nothing where none has gone out yet.
    brief: Option<briefs::BriefView>,
    /// The brief as text.
    text: String,
}

impl Server {
    async fn call(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, Refusal> {
        let caller = context
            .extensions
            .get::<Parts>()
            .and_then(|parts| parts.extensions.get::<Caller>())
            .cloned()
            .ok_or_else(|| Refusal::ours(&"a tool was called by nobody"))?;
        let arguments = request.arguments.unwrap_or_default();
        match request.name.as_ref() {
            "ask" => self.ask(caller, read(arguments)?, context).await,
            "latest_brief" => {
                caller.needs(&[Scope::Read])?;
                let BriefArguments { briefing } = read(arguments)?;
                let brief = briefs::latest(&self.programs, &caller, briefing.as_ref()).await?;
                let text = brief
                    .as_ref()
                    .map_or("No brief has gone out yet.".to_owned(), |brief| {
                        brief.text()
                    });
                structured(&BriefResult { brief, text })
            }
            other => Err(Refusal::unprocessable(format!(
                "there is no tool `{other}`"
            ))),
        }
    }

    async fn ask(
        &self,
        caller: Caller,
        arguments: AskArguments,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, Refusal> {
        caller.needs(&[Scope::Ask])?;
        let request = AskRequest {
            question: arguments.question,
            conversation: arguments.conversation,
            about: None,
            zone: None,
            language: None,
        };
        let question = ask::question(&self.programs, &caller, request).await?;
        let mut turn = Turn::begin(self.programs.clone(), caller, question);
        let progress = context.meta.get_progress_token();
        let (mut answer, mut steps) = (Answer::default(), 0.0);
        loop {
            let told = tokio::select! {
                told = turn.next() => told,
                // Dropping the turn ends it.
                () = context.ct.cancelled() => None,
            };
            let Some(told) = told else { break };
            if let (Some(token), Told::Event(TurnEvent::Step { text, .. })) = (&progress, &told) {
                steps += 1.0;
                let step = ProgressNotificationParam::new(token.clone(), steps).with_message(text);
                // Who does not listen to progress may still want the answer.
                let _ = context.peer.notify_progress(step).await;
            }
            answer.add(told);
        }
        let answer = answer.whole()?;
        structured(&AskResult {
            text: answer.text,
            citations: answer.citations,
            tables: answer.tables,
            proposals: ask::Proposed::all(answer.proposed),
            conversation: answer.done.conversation,
            outcome: answer.done.outcome,
        })
    }
}

fn read<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Refusal> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| Refusal::unprocessable(error.to_string()))
}

fn structured(value: &impl Serialize) -> Result<CallToolResult, Refusal> {
    serde_json::to_value(value)
        .map(CallToolResult::structured)
        .map_err(|error| Refusal::ours(&error))
}

fn schema<T: JsonSchema>() -> Map<String, Value> {
    let schema = schemars::SchemaGenerator::default().into_root_schema_for::<T>();
    match schema.to_value() {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

/// The schema of a tool's arguments, in the form that every model's vendor takes.
fn arguments<T: JsonSchema>() -> Map<String, Value> {
    let schema = PortableSchema::new(&Value::Object(schema::<T>()));
    schema.get().as_object().cloned().unwrap_or_default()
}

fn tool<A: JsonSchema, R: JsonSchema>(
    name: &'static str,
    title: &str,
    description: &'static str,
    only_reads: bool,
) -> Tool {
    let annotations = ToolAnnotations::with_title(title)
        .read_only(only_reads)
        .destructive(false)
        .open_world(false);
    Tool::new(name, description, arguments::<A>())
        .with_raw_output_schema(Arc::new(schema::<R>()))
        .with_annotations(annotations)
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("daybrief", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![
            tool::<AskArguments, AskResult>(
                "ask",
                "Ask the company's systems",
                "Answers one question from the company's own systems, with its sources. Asked for an action, it suggests the exact call to a person, who decides; by itself it changes nothing in these systems.",
                false,
            ),
            tool::<BriefArguments, BriefResult>(
                "latest_brief",
                "The latest brief",
                "The newest brief that went to this person: what could go wrong today, by severity.",
                true,
            ),
        ]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let result = match self.call(request, &context).await {
            Ok(result) => result,
            Err(refusal) => {
                CallToolResult::error(vec![ContentBlock::text(refusal.problem.to_string())])
            }
        };
        Ok(result.into())
    }
}
