//! Where people meet Daybrief: surfaces, and the shared places among them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{PlaceId, RoleId};

/// Where somebody acts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Surface {
    /// Nobody: a brief that is due.
    Schedule,
    #[serde(rename = "cli")]
    CommandLine,
    Web,
    Slack,
    Teams,
    Discord,
    Email,
    Api,
    Mcp,
}

impl Surface {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Schedule,
        Self::CommandLine,
        Self::Web,
        Self::Slack,
        Self::Teams,
        Self::Discord,
        Self::Email,
        Self::Api,
        Self::Mcp,
    ];

    /// Its name in files, audit rows and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::CommandLine => "cli",
            Self::Web => "web",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Discord => "discord",
            Self::Email => "email",
            Self::Api => "api",
            Self::Mcp => "mcp",
        }
    }
}

impl std::fmt::Display for Surface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// No surface has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no surface; there are schedule, cli, web, slack, teams, discord, email, api, mcp"
)]
pub struct NoSurface(pub String);

impl std::str::FromStr for Surface {
    type Err = NoSurface;
    fn from_str(text: &str) -> Result<Self, NoSurface> {
        Self::ALL
            .into_iter()
            .find(|surface| surface.name() == text)
            .ok_or_else(|| NoSurface(text.to_owned()))
    }
}

/// A place that several people read, such as a Slack channel, and what may be shown there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// What it is called in the trail.
    pub id: PlaceId,
    /// The platform: slack, teams, discord or email.
    pub surface: Surface,
    /// The platform's own id of the channel (`C…` in Slack).
    pub channel: String,
    /// Its clearance: nothing is shown there that this role may not ask.
    #[serde(rename = "as")]
    pub role: RoleId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_surface_has_one_name_in_files_and_everywhere_else() {
        for surface in Surface::ALL {
            assert_eq!(
                serde_json::to_value(surface).unwrap(),
                surface.name(),
                "{surface:?}"
            );
            assert_eq!(surface.name().parse(), Ok(surface));
        }
        let told = "fax".parse::<Surface>().unwrap_err().to_string();
        for surface in Surface::ALL {
            assert!(told.contains(surface.name()), "{told}");
        }
    }
}
