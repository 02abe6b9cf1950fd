//! The door to the data: who may call which tool. A connector takes a [`Permit`], and only this module makes one.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    audit::{Act, Audit, Entry, Outcome, Record},
    domain::{
        connector::{Connector, ToolClass, matches_pattern},
        people::Role,
    },
    ids::{ConnectorId, RoleId, UserId},
    store::StoreError,
};

/// Who acts: one user or none (a schedule), with one role, over one surface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Nobody where a schedule acts: it belongs to a role, not to a person.
    pub user: Option<UserId>,
    pub role: RoleId,
    pub surface: Surface,
}

/// Where a principal acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Surface {
    Schedule,
    CommandLine,
}

impl Principal {
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

impl Surface {
    /// Its name in audit rows and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::CommandLine => "cli",
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

    /// A permit that nobody decided about, for unit tests of what consumes one.
    #[cfg(test)]
    pub fn for_test(connector: &str, tool: &str, args: Map<String, Value>) -> Self {
        Self {
            principal: Principal {
                user: None,
                role: RoleId::new("test").unwrap(),
                surface: Surface::Schedule,
            },
            connector: ConnectorId::new(connector).unwrap(),
            tool: tool.to_owned(),
            args,
            class: ToolClass::Read,
        }
    }
}

/// What `access` decided about a call, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// The rule that decided, by its place: `role vp-engineering, grant on jira`.
    pub rule: String,
    /// Why, in words.
    pub why: String,
}

/// May a principal with `role` call `tool` of `connector`? Pure: the same input gives the same answer. What nothing
/// allows is denied; a `deny` pattern of any grant wins over every other.
pub fn decide(role: &Role, connector: &Connector, tool: &str) -> (Decision, Option<ToolClass>) {
    let denied = |rule: String, why: String| {
        (
            Decision {
                allowed: false,
                rule,
                why,
            },
            None,
        )
    };
    let Some(class) = connector.class_of(tool) else {
        return denied(
            format!("connector {}, tools", connector.id),
            format!("no pattern in the connector's `tools` names `{tool}`"),
        );
    };
    let grants = || {
        role.grants
            .iter()
            .filter(|grant| grant.connector == connector.id)
    };
    let rule = format!("role {}, grant on {}", role.id, connector.id);
    if grants().next().is_none() {
        return denied(
            format!("role {}", role.id),
            format!("the role has no grant on {}", connector.id),
        );
    }
    if let Some(pattern) = grants()
        .flat_map(|grant| &grant.deny)
        .find(|pattern| matches_pattern(pattern, tool))
    {
        return denied(rule, format!("`deny` names it with `{pattern}`"));
    }
    let allowing = grants().find_map(|grant| {
        let patterns = match class {
            ToolClass::Read => &grant.tools,
            ToolClass::Action => &grant.actions,
        };
        patterns
            .iter()
            .find(|pattern| matches_pattern(pattern, tool))
    });
    match allowing {
        Some(pattern) => (
            Decision {
                allowed: true,
                rule,
                why: format!("allowed by `{pattern}`"),
            },
            Some(class),
        ),
        None => denied(
            rule,
            format!(
                "no pattern of the grant names the {} tool `{tool}`",
                class_word(class)
            ),
        ),
    }
}

/// One call that somebody wants to make.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    pub connector: &'a Connector,
    pub tool: &'a str,
    pub args: Map<String, Value>,
}

/// The door: decides, writes what it decided into the audit trail, and only then hands permits out.
#[derive(Clone)]
pub struct Access {
    audit: Audit,
}

impl Access {
    pub fn new(audit: Audit) -> Self {
        Self { audit }
    }

    /// A permit for each call, or the decision that refuses it, in their order. Where the trail cannot be written
    /// there is no permit for any.
    pub async fn permits(
        &self,
        principal: &Principal,
        role: &Role,
        wanted: Vec<Wanted<'_>>,
        now: Timestamp,
    ) -> Result<Vec<Result<Permit, Decision>>, StoreError> {
        let (mut outcomes, mut records) = (Vec::new(), Vec::new());
        for call in wanted {
            let arguments = self.audit.arguments(&call.args);
            let mut entry = principal.entry(
                now,
                Act::ToolCall,
                format!("{}/{}", call.connector.id, call.tool),
            );
            let outcome = permit(principal, role, call);
            if let Err(decision) = &outcome {
                entry.outcome = Outcome::Denied;
                entry.why = format!("{}: {}", decision.rule, decision.why);
            }
            records.push(Record::from(entry).arguments(arguments));
            outcomes.push(outcome);
        }
        self.audit.record(&records).await?;
        Ok(outcomes)
    }
}

/// The permit for one call, or the decision that refuses it.
fn permit(principal: &Principal, role: &Role, call: Wanted<'_>) -> Result<Permit, Decision> {
    match decide(role, call.connector, call.tool) {
        (decision, Some(class)) if decision.allowed && principal.role == role.id => Ok(Permit {
            principal: principal.clone(),
            connector: call.connector.id.clone(),
            tool: call.tool.to_owned(),
            args: call.args,
            class,
        }),
        (decision, _) if decision.allowed => Err(Decision {
            allowed: false,
            rule: format!("role {}", role.id),
            why: format!("the principal acts as {}", principal.role),
        }),
        (decision, _) => Err(decision),
    }
}

fn class_word(class: ToolClass) -> &'static str {
    match class {
        ToolClass::Read => "read",
        ToolClass::Action => "action",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector() -> Connector {
        toml::from_str(
            "id = 'jira'\ntitle = 'Jira'\ncommand = ['jira']\n[tools]\n'jira_*' = 'read'\njira_add_comment = 'action'",
        )
        .unwrap()
    }

    #[test]
    fn what_nothing_allows_is_denied_and_deny_wins() {
        for (grants, tool, allowed) in [
            ("", "jira_search", false),
            (
                "[[grants]]\nconnector = 'gitlab'\ntools = ['*']",
                "jira_search",
                false,
            ),
            (
                "[[grants]]\nconnector = 'jira'\ntools = ['*']",
                "jira_search",
                true,
            ),
            (
                "[[grants]]\nconnector = 'jira'\ntools = ['jira_get_*']",
                "jira_search",
                false,
            ),
            (
                "[[grants]]\nconnector = 'jira'\ntools = ['*']",
                "drop_database",
                false,
            ),
            (
                "[[grants]]\nconnector = 'jira'\ntools = ['*']",
                "jira_add_comment",
                false,
            ),
            (
                "[[grants]]\nconnector = 'jira'\nactions = ['jira_add_*']",
                "jira_add_comment",
                true,
            ),
            (
                "[[grants]]\nconnector = 'jira'\ntools = ['*']\ndeny = ['*_search']",
                "jira_search",
                false,
            ),
            (
                "[[grants]]\nconnector = 'jira'\ntools = ['*']\n[[grants]]\nconnector = 'jira'\ndeny = ['jira_search']",
                "jira_search",
                false,
            ),
        ] {
            let role: Role = toml::from_str(&format!("id = 'r'\ntitle = 'R'\n{grants}")).unwrap();
            let decision = decide(&role, &connector(), tool).0;
            assert_eq!(decision.allowed, allowed, "{grants} {tool}: {decision:?}");
            let principal = Principal {
                user: None,
                role: RoleId::new("r").unwrap(),
                surface: Surface::Schedule,
            };
            let connector = connector();
            let call = || Wanted {
                connector: &connector,
                tool,
                args: Map::new(),
            };
            assert_eq!(permit(&principal, &role, call()).is_ok(), allowed);
            let other = Principal {
                role: RoleId::new("other").unwrap(),
                ..principal
            };
            assert!(permit(&other, &role, call()).is_err());
        }
    }

    #[tokio::test]
    async fn what_was_decided_is_in_the_trail_before_there_is_a_permit() {
        let store = crate::store::Store::in_memory().await.unwrap();
        let access = Access::new(Audit::new(store.clone(), [1; 32]));
        let role: Role =
            toml::from_str("id = 'r'\ntitle = 'R'\n[[grants]]\nconnector = 'jira'\ntools = ['*']")
                .unwrap();
        let principal = Principal {
            user: None,
            role: role.id.clone(),
            surface: Surface::Schedule,
        };
        let connector = connector();
        let mut args = Map::new();
        args.insert("jql".to_owned(), "salary of Mara".into());
        let call = |tool| Wanted {
            connector: &connector,
            tool,
            args: args.clone(),
        };
        let permits = access
            .permits(
                &principal,
                &role,
                vec![call("jira_search"), call("jira_add_comment")],
                Timestamp::UNIX_EPOCH,
            )
            .await
            .unwrap();
        assert!(permits[0].is_ok() && permits[1].is_err());
        let rows = store.audit().from(1, 10).await.unwrap();
        assert_eq!(rows[0].entry["on"], "jira/jira_search");
        assert_eq!(rows[0].entry["outcome"], "allowed");
        assert_eq!(rows[1].entry["outcome"], "denied");
        assert!(
            !format!("{rows:?}").contains("Mara"),
            "arguments stand as their hash"
        );
    }
}
