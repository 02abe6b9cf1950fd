//! What a place may see: one function for every surface.

use super::Clearance;
use crate::domain::{
    people::Role,
    place::{Place, Surface},
};

/// The clearance of where an answer would be seen. Without a channel the asker alone sees it; a channel that nobody
/// has cleared, or whose role is not there, may see nothing.
pub fn clearance<'a>(
    surface: Surface,
    channel: Option<&str>,
    places: &[Place],
    roles: &'a [Role],
) -> Clearance<'a> {
    let Some(channel) = channel else {
        return Clearance::Alone;
    };
    // Two places of one channel are an error of `check`; until it is mended none of them counts.
    let mut here = places
        .iter()
        .filter(|place| place.surface == surface && place.channel == channel);
    let (Some(place), None) = (here.next(), here.next()) else {
        return Clearance::Unknown;
    };
    roles
        .iter()
        .find(|role| role.id == place.role)
        .map_or(Clearance::Unknown, Clearance::Place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(id: &str, surface: &str, channel: &str, role: &str) -> Place {
        toml::from_str(&format!(
            "id = '{id}'\nsurface = '{surface}'\nchannel = '{channel}'\nas = '{role}'"
        ))
        .unwrap()
    }

    #[test]
    fn a_place_sees_what_its_role_may_and_an_unknown_one_nothing() {
        let roles: Vec<Role> = ["member", "finance"]
            .map(|id| toml::from_str(&format!("id = '{id}'\ntitle = 'R'")).unwrap())
            .into();
        let places = [
            place("all", "slack", "C1", "member"),
            place("money", "slack", "C2", "finance"),
            place("lost", "slack", "C3", "gone"),
            place("twice-a", "slack", "C4", "member"),
            place("twice-b", "slack", "C4", "finance"),
            place("teams", "teams", "19:x", "member"),
        ];
        for (surface, channel, expected) in [
            (Surface::Slack, None, "alone"),
            (Surface::Web, None, "alone"),
            (Surface::Email, None, "alone"),
            (Surface::Schedule, None, "alone"),
            (Surface::Slack, Some("C1"), "member"),
            (Surface::Slack, Some("C2"), "finance"),
            (Surface::Slack, Some("C3"), "unknown"),
            (Surface::Slack, Some("C4"), "unknown"),
            (Surface::Slack, Some("C9"), "unknown"),
            (Surface::Slack, Some("c1"), "unknown"),
            (Surface::Slack, Some(""), "unknown"),
            (Surface::Teams, Some("C1"), "unknown"),
            (Surface::Teams, Some("19:x"), "member"),
            (Surface::Email, Some("C1"), "unknown"),
        ] {
            let said = match clearance(surface, channel, &places, &roles) {
                Clearance::Alone => "alone",
                Clearance::Place(role) => role.id.as_str(),
                Clearance::Unknown => "unknown",
            };
            assert_eq!(said, expected, "{surface} {channel:?}");
        }
    }
}
