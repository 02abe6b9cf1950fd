//! The part of `daybrief check` that looks at what servers offer: tools that write and count as ones that read.

use super::check::{Line, good};
use crate::{
    app::App,
    domain::connector::{Connector, ToolClass, matches_pattern},
    provision::{Kind, Objects},
    settings::shape::did_you_mean,
    text::{shorten, visible},
};

/// Tools that are named where several are told together.
const MAX_NAMED: usize = 5;
/// Characters of a tool's name.
const NAME_CHARACTERS: usize = 60;

/// Warns of tools that a pattern with `*` takes for ones that read, and that by their server's or their name's word write.
/// A server that does not answer is told with the briefs that ask it.
pub(super) async fn look(app: &App, objects: &Objects, lines: &mut Vec<Line>) {
    let pool = &app.parts.maker.pool;
    pool.replace(objects.connectors.clone());
    for connector in &objects.connectors {
        let Some(pattern) = broad_pattern(connector) else {
            continue;
        };
        let Ok(tools) = pool.tools(&connector.id).await else {
            continue;
        };
        let writing: Vec<String> = tools
            .iter()
            .filter(|tool| tool.class == Some(ToolClass::Read) && tool.seems_to_write())
            // One that is named by itself was decided on.
            .filter(|tool| !connector.tools.contains_key(&tool.name))
            .map(|tool| shorten(&visible(&tool.name), NAME_CHARACTERS))
            .collect();
        if writing.is_empty() {
            continue;
        }
        let mut named: Vec<String> = writing
            .iter()
            .take(MAX_NAMED)
            .map(|name| format!("`{name}`"))
            .collect();
        if writing.len() > named.len() {
            named.push(format!("{} more", writing.len() - named.len()));
        }
        let id = connector.id.as_str();
        lines.push(good(
            objects.origin(Kind::Connector, id, &format!("tools.{pattern}")),
            format!(
                "warning: `{pattern}` of the connector `{id}` takes tools for ones that read and that seem to write: {} → write \
                 `\"NAME\" = \"action\"` for each that does, or \"read\" for one that does not",
                named.join(", ")
            ),
        ));
    }
}

/// Warns of patterns in grants that name no tool of a server that answers: what was meant is not granted.
pub(super) async fn look_at_grants(app: &App, objects: &Objects, lines: &mut Vec<Line>) {
    let shipped = crate::provision::shipped().unwrap_or_default();
    let pool = &app.parts.maker.pool;
    for role in objects
        .roles
        .iter()
        .filter(|role| !shipped.roles.contains(role))
    {
        for (index, grant) in role.grants.iter().enumerate() {
            let Ok(tools) = pool.tools(&grant.connector).await else {
                continue;
            };
            let lists = [
                ("tools", &grant.tools),
                ("actions", &grant.actions),
                ("approve", &grant.approve),
            ];
            for (key, patterns) in lists {
                for (at, pattern) in patterns.iter().enumerate() {
                    if tools
                        .iter()
                        .any(|tool| matches_pattern(pattern, &tool.name))
                    {
                        continue;
                    }
                    let names: Vec<String> = tools
                        .iter()
                        .take(MAX_NAMED)
                        .map(|tool| shorten(&visible(&tool.name), NAME_CHARACTERS))
                        .collect();
                    let id = role.id.as_str();
                    lines.push(good(
                        objects.origin(Kind::Role, id, &format!("grants[{index}].{key}[{at}]")),
                        format!(
                            "warning: role `{id}`: `{pattern}` names no tool that `{}` has → {}",
                            grant.connector,
                            did_you_mean(pattern, names.iter().map(String::as_str))
                        ),
                    ));
                }
            }
        }
    }
}

/// A pattern of read tools that names more than one.
fn broad_pattern(connector: &Connector) -> Option<&str> {
    connector
        .tools
        .iter()
        .find(|(pattern, class)| **class == ToolClass::Read && pattern.contains('*'))
        .map(|(pattern, _)| pattern.as_str())
}
