//! Models that say what a test has them say.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Semaphore;

use crate::{
    ids::ModelId,
    limits::Reservation,
    models::{Event, Message, Model, ModelError, Request, Stop, ToolCall, Usage},
};

/// One piece of what a model does.
#[derive(Debug, Clone)]
pub enum Piece {
    Say(String),
    Call(String, Value),
    Wait(Duration),
    /// Waits for leave, one for each call.
    Until(Arc<Semaphore>),
    /// Nothing more comes.
    Hang,
    Fail(ModelError),
    Stop(Stop),
}

pub fn say(text: impl Into<String>) -> Piece {
    Piece::Say(text.into())
}

pub fn call(name: &str, args: Value) -> Piece {
    Piece::Call(name.to_owned(), args)
}

/// Says these claims.
pub fn claims(claims: Value) -> Piece {
    call("say", serde_json::json!({ "claims": claims }))
}

/// How late an issue is, of the first result.
pub fn late(key: &str) -> Value {
    serde_json::json!({ "say": "rows", "of": "R1", "row": { "key": key }, "show": ["days_late"] })
}

type Script = dyn Fn(usize, &Request) -> Vec<Piece> + Send + Sync;

/// A model that follows a script: the number of times it was asked and the request decide what it does.
pub struct Scripted {
    id: ModelId,
    local: bool,
    calls_tools: bool,
    script: Box<Script>,
    heard: Mutex<Vec<Request>>,
}

/// What each call is said to have used.
pub const USED: Usage = Usage {
    tokens_in: 700,
    tokens_out: 50,
};

impl Scripted {
    pub fn new(
        local: bool,
        script: impl Fn(usize, &Request) -> Vec<Piece> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::named("scripted", local, script)
    }

    pub fn named(
        id: &str,
        local: bool,
        script: impl Fn(usize, &Request) -> Vec<Piece> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self::of(id, local, true, script))
    }

    fn of(
        id: &str,
        local: bool,
        calls_tools: bool,
        script: impl Fn(usize, &Request) -> Vec<Piece> + Send + Sync + 'static,
    ) -> Self {
        Self {
            id: ModelId::new(id).unwrap(),
            local,
            calls_tools,
            script: Box::new(script),
            heard: Mutex::default(),
        }
    }

    /// A model that cannot ask for tools: it fills in this form.
    pub fn guided(form: Value) -> Arc<Self> {
        Arc::new(Self::of("guided", true, false, move |round, _| {
            vec![say(if round == 0 {
                form.to_string()
            } else {
                String::new()
            })]
        }))
    }

    /// A model that takes these steps, one for each time that it is asked, and then says nothing.
    pub fn steps(steps: Vec<Vec<Piece>>) -> Arc<Self> {
        Self::new(true, move |round, _| {
            steps.get(round).cloned().unwrap_or_default()
        })
    }

    /// Everything that it was asked so far.
    pub fn heard(&self) -> Vec<Request> {
        self.heard.lock().unwrap().clone()
    }

    /// Everything that it was asked, as one text.
    pub fn heard_text(&self) -> String {
        format!("{:?}", self.heard())
    }
}

#[async_trait]
impl Model for Scripted {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn is_local(&self) -> bool {
        self.local
    }

    fn calls_tools(&self) -> bool {
        self.calls_tools
    }

    fn bound(&self, _: &Request) -> u64 {
        2_000
    }

    async fn stream(
        &self,
        reservation: Reservation,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Event, ModelError>>, ModelError> {
        assert_eq!(reservation.model(), &self.id);
        let round = {
            let mut heard = self.heard.lock().unwrap();
            heard.push(request.clone());
            heard.len() - 1
        };
        let mut pieces = (self.script)(round, &request);
        let calls = pieces.iter().any(|piece| matches!(piece, Piece::Call(..)));
        pieces.push(Piece::Stop(if calls { Stop::Calls } else { Stop::End }));
        let events = stream::iter(pieces.into_iter().enumerate()).then(|(at, piece)| async move {
            match piece {
                Piece::Say(text) => Some(Ok(Event::Text(text))),
                Piece::Call(name, args) => Some(Ok(Event::Call(ToolCall {
                    id: format!("call-{at}"),
                    name,
                    args,
                    echo: None,
                }))),
                Piece::Wait(time) => {
                    tokio::time::sleep(time).await;
                    None
                }
                Piece::Until(leave) => {
                    leave.acquire().await.unwrap().forget();
                    None
                }
                Piece::Hang => std::future::pending().await,
                Piece::Fail(error) => Some(Err(error)),
                Piece::Stop(stop) => Some(Ok(Event::Done { usage: USED, stop })),
            }
        });
        Ok(events.filter_map(|event| async move { event }).boxed())
    }
}

/// What the tools have answered in a request, the last first.
pub fn results(request: &Request) -> Vec<Value> {
    request
        .messages
        .iter()
        .rev()
        .filter_map(|message| match message {
            Message::ToolResult { content, .. } => serde_json::from_str(content).ok(),
            _ => None,
        })
        .collect()
}
