//! Has a model choose in a brief, within the role's budget and the sources' conditions.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    access::Principal,
    audit::Audit,
    clock::Clock,
    compose::{self, Sight},
    domain::{
        brief::Brief,
        connector::Connector,
        finding::{Finding, Reader},
        people::Role,
    },
    error::Problem,
    ids::{ConnectorId, ModelId},
    limits::{Limits, Source, Spender},
    models::{BudgetLedger, Ledger, Message, Model, Request, Route, Schema, Tried, Trouble},
};

/// Who chooses in briefs: models by their id, and the order in which they are asked.
#[derive(Clone)]
pub struct Selector {
    pub models: BTreeMap<ModelId, Arc<dyn Model>>,
    pub route: Vec<ModelId>,
    pub limits: Limits,
    pub audit: Audit,
    /// The company's name, for the prompt.
    pub company: String,
}

impl Selector {
    /// The models for a role: its own, else the instance's.
    fn route(&self, role: &Role) -> Route {
        let ids = if role.models.is_empty() {
            &self.route
        } else {
            &role.models
        };
        Route::new(
            ids.iter()
                .filter_map(|id| self.models.get(id).cloned())
                .collect(),
        )
    }

    /// The ledger of the calls that a principal makes with a role for `source`.
    pub fn ledger<'a>(
        &'a self,
        role: &'a Role,
        principal: &'a Principal,
        source: Source,
        clock: &'a dyn Clock,
    ) -> impl Ledger + 'a {
        BudgetLedger {
            limits: &self.limits,
            audit: &self.audit,
            clock,
            spender: Spender {
                role,
                user: None,
                source,
            },
            principal,
        }
    }

    /// Returns the brief with what the first model that answers chose, as far as it may; as it was composed where none does, with
    /// why each did not.
    pub(super) async fn select(
        &self,
        brief: Brief,
        findings: &[Finding],
        reader: &Reader,
        role: &Role,
        connectors: &BTreeMap<ConnectorId, Connector>,
        ledger: &dyn Ledger,
    ) -> (Brief, Vec<Problem>) {
        let route = self.route(role);
        if route.is_empty() || !compose::can_be_selected(&brief, findings) {
            return (brief, Vec::new());
        }
        let said_of = |holds: fn(&Connector) -> bool| {
            brief
                .items()
                .flat_map(|item| &item.evidence)
                .filter_map(|evidence| connectors.get(&evidence.connector))
                .any(holds)
        };
        let only_local = said_of(|connector| connector.local_only);
        let blind = role.blind || said_of(|connector| connector.blind);
        let request = |model: &dyn Model| {
            let sight = if blind && !model.is_local() {
                Sight::Blind
            } else {
                Sight::Values
            };
            let company = &self.company;
            let prompt = compose::prompt(&brief, findings, reader, role, company, sight);
            Request {
                system: prompt.system,
                messages: vec![Message::User(prompt.user)],
                schema: Some(Schema {
                    name: "brief".to_owned(),
                    schema: prompt.schema,
                }),
                tools: Vec::new(),
                max_output_tokens: prompt.max_output_tokens,
            }
        };
        let answer = route.ask(ledger, only_local, &request).await;
        match answer {
            Ok(reply) => {
                let model = reply.model.as_str();
                let selected =
                    compose::select(brief, findings, reader, &reply.text, model, reply.local);
                (selected, Vec::new())
            }
            Err(tried) => {
                let problems: Vec<Problem> = tried.iter().map(Tried::problem).collect();
                for (tried, problem) in tried.iter().zip(&problems) {
                    let advice = problem.advice.as_deref().unwrap_or_default();
                    tracing::error!(%tried, advice, "a model did not choose in a brief");
                }
                (compose::plain(brief, reason(&tried)), problems)
            }
        }
    }
}

/// Why no model chose in it, as its reader is told.
fn reason(tried: &[Tried]) -> compose::Why {
    let Some(last) = tried.last() else {
        return compose::Plain::Unanswered.into();
    };
    let reason = match last.trouble() {
        Trouble::Slow { .. } => compose::Plain::Timeout,
        Trouble::Unreachable => compose::Plain::Unreachable,
        Trouble::Access => compose::Plain::Access,
        Trouble::Quota => compose::Plain::Quota,
        Trouble::Busy => compose::Plain::Busy,
        Trouble::TooLong => compose::Plain::TooLong,
        Trouble::NotSetUp => compose::Plain::NotSetUp,
        Trouble::Misfit => compose::Plain::Misfit,
        Trouble::Refused => compose::Plain::Refused,
        Trouble::Unreadable => compose::Plain::Unreadable,
        Trouble::Unfinished => compose::Plain::Unfinished,
        Trouble::OverBudget => compose::Plain::OverBudget,
        Trouble::NotLocal => compose::Plain::NotLocal,
    };
    compose::Why {
        reason,
        status: last.status(),
    }
}
