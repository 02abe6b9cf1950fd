//! The door to the data: who may call which tool. A connector takes a [`Permit`], and only this module makes one.

use serde_json::{Map, Value};

use crate::{
    domain::{
        connector::{Connector, ToolClass, matches_pattern},
        people::Role,
    },
    ids::{ConnectorId, RoleId, UserId},
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

/// The permit for one call, or the decision that refuses it.
pub fn permit(
    principal: &Principal,
    role: &Role,
    connector: &Connector,
    tool: &str,
    args: Map<String, Value>,
) -> Result<Permit, Decision> {
    match decide(role, connector, tool) {
        (decision, Some(class)) if decision.allowed && principal.role == role.id => Ok(Permit {
            principal: principal.clone(),
            connector: connector.id.clone(),
            tool: tool.to_owned(),
            args,
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
            assert_eq!(
                permit(&principal, &role, &connector(), tool, Map::new()).is_ok(),
                allowed
            );
            let other = Principal {
                role: RoleId::new("other").unwrap(),
                ..principal
            };
            assert!(permit(&other, &role, &connector(), tool, Map::new()).is_err());
        }
    }
}
