//! What of a conversation's earlier turns, and of the brief that it is about, is told now, and to which model. An answer of
//! yesterday holds values like a result of today: where those may not be seen, it is not told either.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::reading::kinds;
use crate::{
    access::{self, Clearance, Surface},
    domain::{
        brief::{Brief, Item},
        connector::Connector,
        delivery::Address,
        people::Role,
        run::{Run, Target},
        turn::Said,
    },
    ids::{ConnectorId, UserId},
};

/// Stands for an answer that a model may not see.
const NOT_SHOWN: &str = "(It was answered. The answer is not shown to you.)";

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// A model that stays within the company.
    Local,
    Cloud {
        /// It sees kinds in place of values.
        blind: bool,
    },
}

/// An earlier turn with the calls that it made.
#[derive(Debug, Clone)]
pub struct Earlier<'a> {
    pub said: &'a Said,
    calls: Vec<Made<'a>>,
}

#[derive(Debug, Clone)]
struct Made<'a> {
    /// Nothing where the source is not there any more.
    connector: Option<&'a Connector>,
    id: &'a str,
    tool: &'a str,
    /// Nothing where they were too long to be kept whole.
    args: Option<Map<String, Value>>,
}

impl<'a> Earlier<'a> {
    pub fn new(said: &'a Said, connectors: &'a BTreeMap<ConnectorId, Connector>) -> Self {
        let calls = said
            .asked
            .iter()
            .map(|asked| {
                let (name, args) = asked.split_once(' ').unwrap_or((asked, ""));
                let (id, tool) = name.split_once('/').unwrap_or((name, ""));
                Made {
                    connector: connectors
                        .values()
                        .find(|connector| connector.id.as_str() == id),
                    id,
                    tool,
                    args: serde_json::from_str(args).ok(),
                }
            })
            .collect();
        Self { said, calls }
    }

    /// May the answer be seen where this one will be? In a shared place each of its calls must be allowed there.
    pub fn may_be_told(&self, role: &Role, clearance: Clearance<'_>, surface: Surface) -> bool {
        clearance == Clearance::Alone
            || self.calls.iter().all(|call| {
                let (Some(connector), Some(args)) = (call.connector, &call.args) else {
                    return false;
                };
                access::decide(&access::Request {
                    role,
                    clearance,
                    connector,
                    tool: call.tool,
                    args,
                    surface,
                })
                .allowed
            })
    }

    /// The answer as this model may see it.
    pub fn answer(&self, to: To) -> &str {
        if self.is_hidden(to) {
            NOT_SHOWN
        } else {
            &self.said.answer
        }
    }

    fn is_hidden(&self, to: To) -> bool {
        match to {
            To::Local => false,
            To::Cloud { blind } => (blind && !self.calls.is_empty()) || self.is_local_only(),
        }
    }

    /// What was claimed, where this model may see the answer.
    pub fn claims(&self, to: To) -> &'a [Value] {
        if self.is_hidden(to) {
            &[]
        } else {
            &self.said.claims
        }
    }

    /// The calls as this model may see them, as `connector/tool arguments`.
    pub fn calls(&self, to: To) -> Vec<String> {
        let hidden = match to {
            To::Local => false,
            To::Cloud { blind } => blind || self.is_local_only(),
        };
        if !hidden {
            return self.said.asked.clone();
        }
        self.calls
            .iter()
            .map(|call| {
                let args = Value::Object(call.args.clone().unwrap_or_default());
                format!("{}/{} {}", call.id, call.tool, kinds(&args))
            })
            .collect()
    }

    /// Titles of the sources that it read.
    pub fn sources(&self) -> impl Iterator<Item = String> {
        self.calls.iter().map(|call| {
            call.connector
                .map_or(call.id, |connector| connector.title.as_str())
                .to_owned()
        })
    }

    /// Was another source than this one read?
    pub fn read_from_others(&self, id: &ConnectorId) -> bool {
        self.calls.iter().any(|call| call.id != id.as_str())
    }

    /// A source that is not there any more may have been one for local models only.
    fn is_local_only(&self) -> bool {
        self.calls
            .iter()
            .any(|call| call.connector.is_none_or(|connector| connector.local_only))
    }
}

/// May a run's brief be spoken of where the answer will be seen? It is for those who read it, and in a place that its role
/// clears or to which it was delivered.
pub fn brief_may_be_told(
    run: &Run,
    user: Option<&UserId>,
    role: &Role,
    clearance: Clearance<'_>,
    channel: Option<&str>,
) -> bool {
    if !run.is_read_by(user, &role.id, channel) {
        return false;
    }
    let delivered_here = |target: &Target| {
        target.user.is_none()
            && matches!(&target.to, Address::Slack { to } if Some(to.as_str()) == channel)
    };
    match clearance {
        Clearance::Alone => true,
        Clearance::Place(place) => {
            place.id == run.audience.role || run.audience.recipients.iter().any(delivered_here)
        }
        Clearance::Unknown => false,
    }
}

/// The brief as this model may see it, if at all.
pub fn brief_as_data(
    brief: &Brief,
    to: To,
    connectors: &BTreeMap<ConnectorId, Connector>,
) -> Option<Value> {
    let is_hidden = |item: &Item| {
        to != To::Local
            && item.evidence.iter().any(|evidence| {
                connectors
                    .get(&evidence.connector)
                    .is_none_or(|connector| connector.local_only)
            })
    };
    if to == (To::Cloud { blind: true }) {
        return None;
    }
    // What is listed below the line may be asked about as well.
    let items: Vec<Value> = brief
        .items()
        .chain(&brief.rest)
        .filter(|item| !is_hidden(item))
        .map(|item| {
            json!({
                "number": item.number,
                "severity": item.severity,
                "headline": item.headline.text(),
                "body": item.body.text(),
                "next": item.next.text(),
            })
        })
        .collect();
    let mut data = json!({
        // Under which claims may speak of its items.
        "handle": "R1",
        "title": brief.title,
        "due": brief.due.to_string(),
        "items": items,
        "not_checked": brief.gaps.iter().map(|gap| gap.connector.as_str()).collect::<Vec<_>>(),
    });
    // The bottom line speaks of all items.
    if !brief.items().any(is_hidden)
        && let Some(data) = data.as_object_mut()
    {
        data.insert("bottom_line".to_owned(), brief.bottom_line.text().into());
    }
    Some(data)
}
