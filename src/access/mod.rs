//! The door to the data: who may call which tool, with which arguments, and where the answer may be seen. A connector
//! takes a [`Permit`], and only this module makes one.
//!
//! [`decide`] is the rule, pure and total. [`Access`] asks at the moment of the call whether the person may still act,
//! decides, writes the decision into the audit trail, and only then hands a permit out.

mod conditions;
mod decide;
mod people;
mod places;

#[cfg(test)]
mod matrix;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use crate::domain::place::Surface;
pub use decide::{Request, arguments, callable, condition_path, decide, decide_approval};
pub use people::{Admission, Admitted, Claims, NoRole, admit, effective_role};
pub use places::clearance;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    audit::{Act, Audit, Entry, Outcome, Record, ResultFacts},
    domain::{
        connector::{Connector, ToolClass},
        people::{Role, User},
    },
    ids::{ConnectorId, RoleId, UserId},
    store::{Kind, Store, StoreError},
};

/// Who acts: one user or none (a schedule), with one role, over one surface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Nobody where a schedule acts: it belongs to a role, not to a person.
    pub user: Option<UserId>,
    pub role: RoleId,
    pub surface: Surface,
    /// The user's groups, as the identity provider told them at sign-in. They are not kept.
    pub groups: Vec<String>,
}

impl Principal {
    /// Nobody in person: a schedule, or a command of an admin.
    pub fn nobody(role: RoleId, surface: Surface) -> Self {
        Self {
            user: None,
            role,
            surface,
            groups: Vec::new(),
        }
    }

    /// A person with one of their roles.
    pub fn person(user: UserId, role: RoleId, surface: Surface) -> Self {
        Self {
            user: Some(user),
            ..Self::nobody(role, surface)
        }
    }

    /// An audit entry of what this principal does, allowed unless said otherwise.
    pub fn entry(&self, at: Timestamp, act: Act, on: String) -> Entry {
        Entry {
            at,
            act,
            user: self.user.as_ref().map(ToString::to_string),
            role: Some(self.role.to_string()),
            surface: self.surface.name().to_owned(),
            on,
            outcome: Outcome::Allowed,
            why: String::new(),
            detail: String::new(),
        }
    }
}

/// Who sees the answer, and so what it may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clearance<'a> {
    /// The asker alone: a direct message, their page, their terminal, a mail to them.
    Alone,
    /// Everyone in a place that is cleared as this role: the smaller of its rights and the asker's.
    Place(&'a Role),
    /// Everyone in a place that nobody has cleared: nothing.
    Unknown,
}

/// Whether who asks may act at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Current,
    /// The person is not there any more, is not let in, or has lost the role. Nothing they ask will be allowed.
    Revoked,
}

/// What `access` decided about a call, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// The rule that decided, by its place: `role vp-engineering, grant on jira`.
    pub rule: String,
    /// Why, in words; nothing of the arguments' values.
    pub why: String,
    /// It is denied for the place alone: the asker may have the answer where nobody else sees it.
    pub only_alone: bool,
    pub standing: Standing,
}

impl Decision {
    fn denied(rule: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            allowed: false,
            rule: rule.into(),
            why: why.into(),
            only_alone: false,
            standing: Standing::Current,
        }
    }

    /// A refusal by a rule that is not a role's.
    pub fn by_rule(rule: &str, why: &str) -> Self {
        Self::denied(rule, why)
    }

    fn revoked(rule: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            standing: Standing::Revoked,
            ..Self::denied(rule, why)
        }
    }
}

/// The right to make one exact call once. It cannot be copied and is consumed by the call.
#[derive(Debug)]
#[must_use = "a permit that is not used was asked for in vain"]
pub struct Permit {
    principal: Principal,
    connector: ConnectorId,
    tool: String,
    args: Map<String, Value>,
    class: ToolClass,
    row: u64,
}

impl Permit {
    /// Who may make the call.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
    /// Where the call goes.
    pub fn connector(&self) -> &ConnectorId {
        &self.connector
    }
    pub fn tool(&self) -> &str {
        &self.tool
    }
    pub fn args(&self) -> &Map<String, Value> {
        &self.args
    }
    pub fn class(&self) -> ToolClass {
        self.class
    }
    /// The row of the audit trail in which it stands; the row of how the call ended names it.
    pub fn row(&self) -> u64 {
        self.row
    }

    /// A permit that nobody decided about, for unit tests of what consumes one.
    #[cfg(test)]
    pub fn for_test(connector: &str, tool: &str, args: Map<String, Value>) -> Self {
        Self {
            principal: Principal::nobody(RoleId::new("test").unwrap(), Surface::Schedule),
            connector: ConnectorId::new(connector).unwrap(),
            tool: tool.to_owned(),
            args,
            class: ToolClass::Read,
            row: 0,
        }
    }
}

/// One call that somebody wants to make.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    pub connector: &'a Connector,
    pub tool: &'a str,
    pub args: Map<String, Value>,
}

/// How a permitted call ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// [`Permit::row`].
    pub row: u64,
    /// `connector/tool`.
    pub on: String,
    pub at: Timestamp,
    /// Size and hash of the answer, or why there is none, in fixed words.
    pub result: Result<ResultFacts, &'static str>,
}

/// The door: decides, writes what it decided into the audit trail, and only then hands permits out.
#[derive(Clone)]
pub struct Access {
    audit: Audit,
    store: Store,
}

impl Access {
    /// The door over the people and roles of this store.
    pub fn new(audit: Audit, store: Store) -> Self {
        Self { audit, store }
    }

    /// A permit for each call, or the decision that refuses it, in their order. `role` is the principal's; for a person
    /// the role that is in force at this moment counts, if they still have it. Where the trail cannot be written or the
    /// store not be asked there is no permit for any.
    pub async fn permits(
        &self,
        principal: &Principal,
        role: &Role,
        clearance: Clearance<'_>,
        wanted: Vec<Wanted<'_>>,
        now: Timestamp,
    ) -> Result<Vec<Result<Permit, Decision>>, StoreError> {
        let role = self.in_force(principal, role).await?;
        let (mut outcomes, mut records) = (Vec::new(), Vec::new());
        for call in wanted {
            let arguments = self.audit.arguments(&call.args);
            let mut entry = principal.entry(
                now,
                Act::ToolCall,
                format!("{}/{}", call.connector.id, call.tool),
            );
            let outcome = match &role {
                Ok(role) => permit(principal, role, clearance, call),
                Err(revoked) => Err(revoked.clone()),
            };
            if let Err(decision) = &outcome {
                entry.outcome = Outcome::Denied;
                entry.why = format!("{}: {}", decision.rule, decision.why);
            }
            records.push(Record::from(entry).arguments(arguments));
            outcomes.push(outcome);
        }
        let rows = self.audit.record(&records).await?;
        for (outcome, row) in outcomes.iter_mut().zip(rows) {
            if let Ok(permit) = outcome {
                permit.row = row;
            }
        }
        Ok(outcomes)
    }

    /// Writes how permitted calls ended, before anybody sees what they answered.
    pub async fn ended(&self, principal: &Principal, calls: Vec<Ended>) -> Result<(), StoreError> {
        let records: Vec<Record> = calls
            .into_iter()
            .map(|call| {
                let mut entry = principal.entry(call.at, Act::ToolCall, call.on);
                let result = match call.result {
                    Ok(facts) => {
                        entry.outcome = Outcome::Done;
                        Some(facts)
                    }
                    Err(why) => {
                        entry.outcome = Outcome::Failed;
                        entry.why = why.to_owned();
                        None
                    }
                };
                Record {
                    result,
                    ..Record::from(entry).answers(call.row)
                }
            })
            .collect();
        self.audit.record(&records).await.map(|_| ())
    }

    /// May the principal approve this action, at this moment? Whoever acts on the answer writes it into the trail.
    pub async fn approval(
        &self,
        principal: &Principal,
        role: &Role,
        clearance: Clearance<'_>,
        call: &Wanted<'_>,
    ) -> Result<Decision, StoreError> {
        let role = match self.in_force(principal, role).await? {
            Ok(role) => role,
            Err(revoked) => return Ok(revoked),
        };
        if principal.user.is_none() {
            return Ok(Decision::denied("people", "an approval needs a person"));
        }
        Ok(decide_approval(&Request {
            role: &role,
            clearance,
            connector: call.connector,
            tool: call.tool,
            args: &call.args,
            surface: principal.surface,
        }))
    }

    /// Whether the principal may still act with the role, at this moment.
    pub async fn standing(
        &self,
        principal: &Principal,
        role: &Role,
    ) -> Result<Standing, StoreError> {
        Ok(match self.in_force(principal, role).await? {
            Ok(_) => Standing::Current,
            Err(decision) => decision.standing,
        })
    }

    /// May the principal propose this action, at this moment? Whoever acts on the answer writes it into the trail.
    pub async fn proposal(
        &self,
        principal: &Principal,
        role: &Role,
        clearance: Clearance<'_>,
        call: &Wanted<'_>,
    ) -> Result<Decision, StoreError> {
        let role = match self.in_force(principal, role).await? {
            Ok(role) => role,
            Err(revoked) => return Ok(revoked),
        };
        if call.connector.class_of(call.tool) != Some(ToolClass::Action) {
            return Ok(Decision::denied("proposals", "it is no action"));
        }
        Ok(decide(&Request {
            role: &role,
            clearance,
            connector: call.connector,
            tool: call.tool,
            args: &call.args,
            surface: principal.surface,
        }))
    }

    /// The permit for an action that was proposed by one and approved by one, perhaps the same: the proposer's role must
    /// allow this very call, and the approver's must allow approving it, both at this moment. It is the only way to a permit
    /// for an action.
    pub async fn approved(
        &self,
        (proposer, role): (&Principal, &Role),
        (approver, approving): (&Principal, &Role),
        call: Wanted<'_>,
        now: Timestamp,
    ) -> Result<Result<Permit, Decision>, StoreError> {
        let arguments = self.audit.arguments(&call.args);
        let mut entry = approver.entry(
            now,
            Act::Action,
            format!("{}/{}", call.connector.id, call.tool),
        );
        let proposed = self
            .proposal(proposer, role, Clearance::Alone, &call)
            .await?;
        let decision = if proposed.allowed {
            self.approval(approver, approving, Clearance::Alone, &call)
                .await?
        } else {
            proposed
        };
        if !decision.allowed {
            entry.outcome = Outcome::Denied;
            entry.why = format!("{}: {}", decision.rule, decision.why);
        }
        let record = Record::from(entry).arguments(arguments);
        let numbers = self.audit.record(&[record]).await?;
        if !decision.allowed {
            return Ok(Err(decision));
        }
        Ok(Ok(Permit {
            principal: proposer.clone(),
            connector: call.connector.id.clone(),
            tool: call.tool.to_owned(),
            args: call.args,
            class: ToolClass::Action,
            row: numbers.first().copied().unwrap_or_default(),
        }))
    }

    /// The role under which the principal acts at this moment, or why they may not act any more. Here, and here alone,
    /// revoking comes into force for what is under way: a person is looked up for every call.
    async fn in_force<'r>(
        &self,
        principal: &Principal,
        role: &'r Role,
    ) -> Result<Result<Cow<'r, Role>, Decision>, StoreError> {
        if principal.role != role.id {
            return Ok(Err(Decision::denied(
                format!("role {}", role.id),
                format!("the principal acts as {}", principal.role),
            )));
        }
        let Some(id) = &principal.user else {
            return Ok(Ok(Cow::Borrowed(role)));
        };
        let (objects, rule) = (self.store.objects(), format!("user {id}"));
        let Some(user) = objects.get::<User>(Kind::User, id.as_str()).await? else {
            return Ok(Err(Decision::revoked(rule, "is not known any more")));
        };
        if !user.object.is_active() {
            let why = format!("is {}", user.object.state.name());
            return Ok(Err(Decision::revoked(rule, why)));
        }
        let known = objects.get::<Role>(Kind::Role, role.id.as_str()).await?;
        let Some(role) = known.map(|known| known.object) else {
            let why = format!("the role {} is not there any more", role.id);
            return Ok(Err(Decision::revoked(rule, why)));
        };
        if !user.object.has(&role, &principal.groups) {
            let why = format!("does not have the role {} any more", role.id);
            return Ok(Err(Decision::revoked(rule, why)));
        }
        Ok(Ok(Cow::Owned(role)))
    }
}

/// The permit for one call, or the decision that refuses it.
fn permit(
    principal: &Principal,
    role: &Role,
    clearance: Clearance<'_>,
    call: Wanted<'_>,
) -> Result<Permit, Decision> {
    let decision = decide(&Request {
        role,
        clearance,
        connector: call.connector,
        tool: call.tool,
        args: &call.args,
        surface: principal.surface,
    });
    let class = match call.connector.class_of(call.tool) {
        Some(class) if decision.allowed => class,
        _ => return Err(decision),
    };
    if class == ToolClass::Action {
        return Err(Decision::denied(
            "proposals",
            "an action is proposed and approved, never just called",
        ));
    }
    Ok(Permit {
        principal: principal.clone(),
        connector: call.connector.id.clone(),
        tool: call.tool.to_owned(),
        args: call.args,
        class,
        row: 0,
    })
}
