//! The decision itself. Pure: the same request gets the same answer, whoever asks and whenever.

use serde_json::{Map, Value};

use super::{Clearance, Decision, Standing, conditions};
use crate::domain::{
    connector::{Connector, ToolClass, matches_pattern},
    people::{Grant, Role},
    place::Surface,
};

/// One call that somebody wants to make, and where its answer would be seen.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub role: &'a Role,
    pub clearance: Clearance<'a>,
    pub connector: &'a Connector,
    pub tool: &'a str,
    pub args: &'a Map<String, Value>,
    pub surface: Surface,
}

/// May the call be made? What nothing allows is denied; a `deny` pattern of any grant wins over every other. In a
/// shared place both the asker's role and the place's must allow this very call.
pub fn decide(request: &Request<'_>) -> Decision {
    let call = request.call();
    let own = call.rights(request.role, Purpose::Call);
    with_place(request, own)
}

/// May the proposal of this action be approved? The role needs a pattern in `approve`; its conditions and `deny` hold as
/// for the call. In a shared place the place's role must allow the call itself, since its preview is shown there.
pub fn decide_approval(request: &Request<'_>) -> Decision {
    let call = request.call();
    let own = call.rights(request.role, Purpose::Approve);
    with_place(request, own)
}

/// Is there any call of this tool that the role may make? For looking ahead where the arguments are not known:
/// conditions on them are not looked at, nor is the surface.
pub fn callable(role: &Role, connector: &Connector, tool: &str) -> Decision {
    let call = Call {
        connector,
        tool,
        args: None,
        surface: None,
    };
    match call.rights(role, Purpose::Call) {
        Ok(said) => said.decision(true),
        Err(said) => said.decision(false),
    }
}

/// A tool's schema with what the role's grant says of its arguments. Where several grants allow the tool, one of them may
/// allow what another does not: then the schema says nothing of it, and the call decides.
pub fn arguments(role: &Role, connector: &Connector, tool: &str, schema: &Value) -> Value {
    let Some(class) = connector.class_of(tool) else {
        return schema.clone();
    };
    let mut grants = role.grants.iter().filter(|grant| {
        let patterns = patterns(grant, class, Purpose::Call);
        let named = patterns
            .iter()
            .any(|pattern| matches_pattern(pattern, tool));
        grant.connector == connector.id && named
    });
    match (grants.next(), grants.next()) {
        (Some(grant), None) => {
            let about = grant
                .when
                .iter()
                .filter(|condition| conditions::is_about(condition, tool));
            conditions::told(&about.collect::<Vec<_>>(), schema)
        }
        _ => schema.clone(),
    }
}

impl<'a> Request<'a> {
    fn call(&self) -> Call<'a> {
        Call {
            connector: self.connector,
            tool: self.tool,
            args: Some(self.args),
            surface: Some(self.surface),
        }
    }
}

fn with_place(request: &Request<'_>, own: Result<Said, Said>) -> Decision {
    let own = match own {
        Ok(own) => own,
        Err(said) => return said.decision(false),
    };
    let place = match request.clearance {
        Clearance::Alone => return own.decision(true),
        Clearance::Place(place) => {
            let theirs = request.call().rights(place, Purpose::Call);
            theirs.map_err(|said| Said {
                rule: format!("this place, {}", said.rule),
                ..said
            })
        }
        Clearance::Unknown => Err(Said {
            rule: "places".to_owned(),
            why: "nobody has cleared this place".to_owned(),
        }),
    };
    match place {
        Ok(_) => own.decision(true),
        Err(said) => Decision {
            only_alone: true,
            ..said.decision(false)
        },
    }
}

/// What a right is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Call,
    Approve,
}

/// The rule that decided, and why.
struct Said {
    rule: String,
    why: String,
}

impl Said {
    fn decision(self, allowed: bool) -> Decision {
        Decision {
            allowed,
            rule: self.rule,
            why: self.why,
            only_alone: false,
            standing: Standing::Current,
        }
    }
}

#[derive(Clone, Copy)]
struct Call<'a> {
    connector: &'a Connector,
    tool: &'a str,
    args: Option<&'a Map<String, Value>>,
    surface: Option<Surface>,
}

impl Call<'_> {
    /// What one role by itself says of the call.
    fn rights(&self, role: &Role, purpose: Purpose) -> Result<Said, Said> {
        let said = |rule: String, why: String| Said { rule, why };
        let Some(class) = self.connector.class_of(self.tool) else {
            return Err(said(
                format!("connector {}, tools", self.connector.id),
                format!(
                    "no pattern in the connector's `tools` names `{}`",
                    self.tool
                ),
            ));
        };
        if let Some(surface) = self.surface {
            if !role.is_used_on(surface) {
                return Err(said(
                    format!("role {}, surfaces", role.id),
                    format!("the role is not used on `{surface}`"),
                ));
            }
            if surface == Surface::Schedule && class == ToolClass::Action {
                return Err(said(
                    "schedules".to_owned(),
                    "an action needs a person, and a schedule is none".to_owned(),
                ));
            }
        }
        if purpose == Purpose::Approve && class == ToolClass::Read {
            return Err(said(
                format!("connector {}, tools", self.connector.id),
                format!("`{}` only reads: there is nothing to approve", self.tool),
            ));
        }
        let numbered = || {
            let grants = role.grants.iter().enumerate();
            grants.filter(|(_, grant)| grant.connector == self.connector.id)
        };
        let grants = || numbered().map(|(_, grant)| grant);
        if grants().next().is_none() {
            return Err(said(
                format!("role {}", role.id),
                format!("the role has no grant on {}", self.connector.id),
            ));
        }
        let rule = format!("role {}, grant on {}", role.id, self.connector.id);
        let denying = grants()
            .flat_map(|grant| &grant.deny)
            .find(|pattern| matches_pattern(pattern, self.tool));
        if let Some(pattern) = denying {
            return Err(said(rule, format!("`deny` names it with `{pattern}`")));
        }
        let mut unmet = None;
        for (number, grant) in numbered() {
            let Some(pattern) = patterns(grant, class, purpose)
                .iter()
                .find(|pattern| matches_pattern(pattern, self.tool))
            else {
                continue;
            };
            match self.unmet(grant) {
                None => return Ok(said(rule, format!("allowed by `{pattern}`"))),
                Some((condition, why)) => unmet = unmet.or(Some((number, condition, why))),
            }
        }
        Err(match unmet {
            Some((grant, condition, why)) => {
                said(format!("{rule}, {}", condition_path(grant, condition)), why)
            }
            None => {
                let what = match (purpose, class) {
                    (Purpose::Approve, _) => "`approve`",
                    (Purpose::Call, ToolClass::Read) => "`tools`",
                    (Purpose::Call, ToolClass::Action) => "`actions`",
                };
                said(
                    rule,
                    format!("no pattern in {what} of the grant names `{}`", self.tool),
                )
            }
        })
    }

    /// The first condition of the grant that does not hold: its place, and why in words without the argument's value.
    fn unmet(&self, grant: &Grant) -> Option<(usize, String)> {
        let args = self.args?;
        grant
            .when
            .iter()
            .enumerate()
            .filter(|(_, condition)| conditions::is_about(condition, self.tool))
            .find_map(|(number, condition)| Some((number, conditions::unmet(condition, args)?)))
    }
}

/// The path of a condition in its role, as rules and files name it.
pub fn condition_path(grant: usize, condition: usize) -> String {
    format!("grants[{grant}].when[{condition}]")
}

fn patterns(grant: &Grant, class: ToolClass, purpose: Purpose) -> &[String] {
    match (purpose, class) {
        (Purpose::Approve, _) => &grant.approve,
        (Purpose::Call, ToolClass::Read) => &grant.tools,
        (Purpose::Call, ToolClass::Action) => &grant.actions,
    }
}
