//! One turn of a conversation: a question, tools asked under the asker's rights, an answer that rests on what they said.
//!
//! The model plans and claims; it decides nothing. A tool is called only with a permit that the asker's role (and the
//! place's clearance) gives; what the model has to say are claims over results, which Daybrief computes and words (`claims`);
//! an action is only proposed. What a tool answered lives in memory until the turn ends.

mod choose;
mod earlier;
mod guided;
mod prompt;
mod reading;
mod speech;
mod telling;
mod turn;
mod words;

#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    access::{Access, Principal},
    audit::Audit,
    clock::Clock,
    connectors::{CallError, Connectors, ToolInfo},
    domain::{
        connector::Connector,
        turn::{Done, TurnEvent},
    },
    error::Problem,
    guard::filter,
    ids::{ConnectorId, ConversationId, RunId},
    limits::Limits,
    models::Model,
    provision::{InForce, Objects},
    store::{Store, StoreError},
    text::Language,
};

/// Bounds of one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnLimits {
    /// Times that the model is asked.
    pub rounds: u32,
    /// Tool calls of all rounds.
    pub calls: u32,
    pub seconds: u32,
    /// All results together.
    pub result_bytes: u64,
    /// What a model is shown of one result.
    pub view_bytes: usize,
    pub answer_tokens: u32,
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self {
            rounds: 6,
            calls: 12,
            seconds: 90,
            result_bytes: 32 * 1024 * 1024,
            view_bytes: 6_000,
            answer_tokens: 1_200,
        }
    }
}

/// What a tool list is worth before its server is asked again.
const TOOLS_ARE_FRESH: Duration = Duration::from_secs(300);
/// A server has so long to list its tools while a question waits.
const LISTED_WITHIN: Duration = Duration::from_secs(25);

/// Filters that are kept: about as many as there are roles.
const MOST_FILTERS: usize = 64;

/// A question as a surface hands it over.
#[derive(Debug, Clone)]
pub struct Question {
    /// Who asks, under which one role, and where.
    pub principal: Principal,
    pub text: String,
    /// The conversation that it goes on with.
    pub conversation: Option<ConversationId>,
    /// The run whose brief it is about.
    pub about: Option<RunId>,
    /// The shared place where the answer will be seen; nothing where the asker alone sees it.
    pub channel: Option<String>,
    /// IANA name of the reader's zone.
    pub zone: String,
    pub language: Language,
}

/// Answers questions. Cheap to clone; all clones share their lists of tools.
#[derive(Clone)]
pub struct Converse {
    pub store: Store,
    pub audit: Audit,
    pub access: Access,
    pub limits: Limits,
    pub pool: Connectors,
    pub clock: Arc<dyn Clock>,
    pub models: Arc<BTreeMap<crate::ids::ModelId, Arc<dyn Model>>>,
    /// Models in the order in which they are asked where a role has none of its own.
    pub route: Arc<[crate::ids::ModelId]>,
    pub company: Arc<str>,
    /// Hosts that links may have besides those of the connectors.
    pub allowed_hosts: Arc<[String]>,
    /// The secrets of this instance, which no answer lets out.
    pub secrets: crate::guard::Secrets,
    /// How long conversations are kept after their last turn.
    pub keep_days: u32,
    pub turn_limits: TurnLimits,
    objects: InForce,
    tools: Arc<Mutex<BTreeMap<ConnectorId, Listed>>>,
    filters: Arc<Mutex<Vec<(filter::Context, filter::Filter)>>>,
}

/// A connector's tools as they were listed.
#[derive(Clone)]
struct Listed {
    connector: Connector,
    at: Instant,
    tools: Arc<Vec<ToolInfo>>,
}

/// What a [`Converse`] is made of.
pub struct Parts {
    pub store: Store,
    pub audit: Audit,
    pub access: Access,
    pub limits: Limits,
    pub pool: Connectors,
    pub clock: Arc<dyn Clock>,
    pub models: BTreeMap<crate::ids::ModelId, Arc<dyn Model>>,
    pub route: Vec<crate::ids::ModelId>,
    pub company: String,
    pub allowed_hosts: Vec<String>,
    pub secrets: crate::guard::Secrets,
    pub keep_days: u32,
    pub turn_limits: TurnLimits,
}

impl Converse {
    pub fn new(parts: Parts) -> Self {
        Self {
            objects: InForce::new(parts.store.clone(), parts.clock.clone()),
            store: parts.store,
            audit: parts.audit,
            access: parts.access,
            limits: parts.limits,
            pool: parts.pool,
            clock: parts.clock,
            models: Arc::new(parts.models),
            route: parts.route.into(),
            company: parts.company.into(),
            allowed_hosts: parts.allowed_hosts.into(),
            secrets: parts.secrets,
            keep_days: parts.keep_days,
            turn_limits: parts.turn_limits,
            tools: Arc::default(),
            filters: Arc::default(),
        }
    }

    /// Answers a question. What is to be said goes to `events` while it is found; `Done` is the last and comes in every
    /// case but an error. `stop` ends everything that runs for it.
    ///
    /// An error means that the store or the audit trail does not work; nothing was said then that is not in the trail.
    pub async fn ask(
        &self,
        question: Question,
        events: mpsc::Sender<TurnEvent>,
        stop: CancellationToken,
    ) -> Result<Done, Problem> {
        turn::run(self, question, events, stop).await
    }

    /// The objects that are in force at this moment.
    pub async fn objects(&self) -> Result<Arc<Objects>, StoreError> {
        self.objects.objects().await
    }

    /// The filter of a context, made once: its patterns cost more than all else that a short answer takes of our own time.
    fn filter(&self, context: filter::Context) -> filter::Filter {
        let known = |filters: &Vec<(filter::Context, filter::Filter)>| {
            let known = filters.iter().find(|(known, _)| *known == context);
            known.map(|(_, filter)| filter.clone())
        };
        let lock = || self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(filter) = known(&lock()) {
            return filter;
        }
        let fresh = filter::Filter::with_secrets(&context, self.secrets.clone());
        let mut filters = lock();
        if filters.len() >= MOST_FILTERS {
            filters.remove(0);
        }
        filters.push((context, fresh.clone()));
        fresh
    }

    /// The tools of connectors, from memory where they are fresh; which connectors cannot be asked now.
    async fn tools(
        &self,
        connectors: &[&Connector],
    ) -> Vec<(ConnectorId, Result<Arc<Vec<ToolInfo>>, String>)> {
        let lists = connectors.iter().map(|connector| async move {
            let known = {
                let tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
                tools.get(&connector.id).cloned()
            };
            if let Some(known) = known
                && known.connector == **connector
                && known.at.elapsed() < TOOLS_ARE_FRESH
            {
                return (connector.id.clone(), Ok(known.tools));
            }
            let listed = tokio::time::timeout(LISTED_WITHIN, self.pool.tools(&connector.id)).await;
            let listed = match listed {
                Ok(Ok(tools)) => Ok(Arc::new(tools)),
                Ok(Err(CallError::UnknownConnector(_))) => Err("is not set up".to_owned()),
                Ok(Err(error)) => {
                    // The server's own words are for the admin.
                    tracing::warn!(connector = %connector.id, %error, "tools were not listed");
                    Err(error.cause().clause().to_owned())
                }
                Err(_) => Err("did not list its tools in time".to_owned()),
            };
            if let Ok(tools) = &listed {
                let mut known = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(
                    connector.id.clone(),
                    Listed {
                        connector: (*connector).clone(),
                        at: Instant::now(),
                        tools: tools.clone(),
                    },
                );
            }
            (connector.id.clone(), listed)
        });
        futures_util::future::join_all(lists).await
    }
}
