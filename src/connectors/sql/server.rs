//! The MCP side: its tools and their answers.

use std::{collections::BTreeMap, sync::Arc};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use serde_json::{Map, Value, json};

use super::{
    Limits, SqlError, TOLD, ToldProblem, cells::Rows, database::Database, queries::NamedQuery,
};
use crate::{settings::shape::did_you_mean, sql::ReadOnly};

/// An MCP server over one database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqlServer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    database: Database,
    queries: BTreeMap<String, NamedQuery>,
    allow_select: bool,
    limits: Limits,
}

impl SqlServer {
    /// A server that answers the named queries, and any SELECT where `allow_select` says so.
    pub fn new(
        database: Database,
        queries: BTreeMap<String, NamedQuery>,
        allow_select: bool,
        limits: Limits,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                database,
                queries,
                allow_select,
                limits,
            }),
        }
    }

    /// Answers one call.
    pub async fn call(&self, tool: &str, args: &Map<String, Value>) -> Result<Value, SqlError> {
        let inner = &self.inner;
        let missing = |name: &str| SqlError::Parameter {
            name: name.to_owned(),
            what: "is missing".to_owned(),
        };
        let limits = Limits {
            max_rows: match args.get("limit").and_then(Value::as_u64) {
                Some(limit) => u32::try_from(limit)
                    .unwrap_or(u32::MAX)
                    .clamp(1, inner.limits.max_rows),
                None => inner.limits.max_rows,
            },
            ..inner.limits
        };
        match tool {
            "list_queries" => Ok(
                json!({ "rows": inner.queries.iter().map(|(name, query)| json!({
                "name": name,
                "title": query.title,
                "description": query.description,
                "params": query.parameters.iter().map(|parameter| &parameter.name).collect::<Vec<_>>(),
            })).collect::<Vec<_>>() }),
            ),
            "query" => {
                let name = args
                    .get("name")
                    .and_then(Value::as_str)
                    .ok_or_else(|| missing("name"))?;
                let query = inner
                    .queries
                    .get(name)
                    .ok_or_else(|| SqlError::UnknownQuery(name.to_owned()))?;
                let empty = Map::new();
                let given = args
                    .get("params")
                    .and_then(Value::as_object)
                    .unwrap_or(&empty);
                let values = query.bind(given)?;
                inner
                    .database
                    .rows(&query.statement, values, &limits)
                    .await
                    .map(Rows::into_answer)
            }
            "select" if inner.allow_select => {
                let sql = args
                    .get("sql")
                    .and_then(Value::as_str)
                    .ok_or_else(|| missing("sql"))?;
                let statement = ReadOnly::parse(sql, inner.database.kind())?;
                if let Some(name) = statement.parameters.first() {
                    return Err(SqlError::Parameter {
                        name: name.clone(),
                        what: "is not taken here".to_owned(),
                    });
                }
                inner
                    .database
                    .rows(&statement, Vec::new(), &limits)
                    .await
                    .map(Rows::into_answer)
            }
            other => Err(SqlError::Refused(format!("there is no tool `{other}`"))),
        }
    }

    /// An error of a tool, with where it comes from and what to do.
    fn told(&self, tool: &str, args: &Map<String, Value>, error: &SqlError) -> CallToolResult {
        let inner = &self.inner;
        let text = |key: &str| args.get(key).and_then(Value::as_str);
        let name = text("name").filter(|_| tool == "query");
        let query = name.and_then(|name| Some((name, inner.queries.get(name)?)));
        let statement = match query {
            Some((_, query)) => Some(query.statement.clone()),
            None => text("sql").and_then(|sql| ReadOnly::parse(sql, inner.database.kind()).ok()),
        };
        let tables: Vec<String> = statement
            .iter()
            .flat_map(ReadOnly::tables)
            .filter(|table| !table.may_be_own)
            .map(|table| table.parts.join("."))
            .collect();
        let mut problem = error.problem(
            query.map(|(name, query)| (name, query.place.as_str())),
            &tables,
        );
        if let (SqlError::UnknownQuery(name), None) = (error, &problem.advice) {
            let known = inner.queries.keys().map(String::as_str);
            problem = problem.advise(did_you_mean(name, known));
        }
        if let (SqlError::Parameter { .. }, Some((_, query))) = (error, query) {
            let known = query
                .parameters
                .iter()
                .map(|known| format!("`{}`", known.name));
            let known: Vec<String> = known.collect();
            problem = problem.advise(match known.is_empty() {
                true => "leave `params` away: the query takes none".to_owned(),
                false => format!("the query takes, in `params`: {}", known.join(", ")),
            });
        }
        let mut result = CallToolResult::error(vec![ContentBlock::text(problem.what.clone())]);
        let told = ToldProblem {
            cause: error.cause(),
            problem,
        };
        // Nothing in it cannot be written.
        if let Ok(told) = serde_json::to_value(&told) {
            result
                .meta
                .get_or_insert_default()
                .0
                .insert(TOLD.to_owned(), told);
        }
        result
    }

    fn tools(&self) -> Vec<Tool> {
        let tool = |name: &'static str, description: String, schema: Value| {
            let schema = match schema {
                Value::Object(schema) => schema,
                _ => Map::new(),
            };
            Tool::new(name, description, schema)
        };
        let names: Vec<&String> = self.inner.queries.keys().collect();
        let told: Vec<String> = self
            .inner
            .queries
            .iter()
            .map(|(name, query)| format!("{name}: {}", query.title))
            .collect();
        let parameters: Map<String, Value> = self
            .inner
            .queries
            .values()
            .flat_map(|query| &query.parameters)
            .map(|parameter| (parameter.name.clone(), json!({})))
            .collect();
        let mut tools = vec![
            tool(
                "query",
                format!("Runs a named query and gives its rows. {}", told.join("; ")),
                json!({
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": { "type": "string", "enum": names },
                        "params": { "type": "object", "description": "The query's parameters by name.", "properties": parameters },
                        "limit": { "type": "integer", "minimum": 1, "maximum": self.inner.limits.max_rows },
                    },
                }),
            ),
            tool(
                "list_queries",
                format!(
                    "Names the queries with their parameters. The time zone of `now` and `current_date` in them is {}.",
                    self.inner.database.zone()
                ),
                json!({ "type": "object", "properties": {} }),
            ),
        ];
        if self.inner.allow_select {
            tools.push(tool(
                "select",
                format!(
                    "Runs one SELECT and gives its rows. The time zone of `now` and `current_date` is {}.",
                    self.inner.database.zone()
                ),
                json!({
                    "type": "object",
                    "required": ["sql"],
                    "properties": {
                        "sql": { "type": "string" },
                        "limit": { "type": "integer", "minimum": 1, "maximum": self.inner.limits.max_rows },
                    },
                }),
            ));
        }
        tools
    }
}

impl ServerHandler for SqlServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let result = match self.call(&request.name, &arguments).await {
            Ok(value) => CallToolResult::structured(value),
            Err(error) => self.told(&request.name, &arguments, &error),
        };
        Ok(result.into())
    }
}
