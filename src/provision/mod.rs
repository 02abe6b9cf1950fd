//! Objects from TOML files: roles, connectors, briefings, calendars. The shipped briefings are in the binary.

mod stored;

pub use stored::{Change, ChangeKind, apply, load, plan};

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use serde::de::DeserializeOwned;

use crate::{
    domain::{
        briefing::Briefing,
        calendar::Calendar,
        connector::Connector,
        people::{Role, User},
        schedule::Schedule,
    },
    error::{Problem, Problems},
    signals,
};

static BRIEFINGS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/briefings");

/// The deepest folder below the one named.
const DEEPEST_FOLDER: usize = 8;

/// What files define.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Objects {
    pub roles: Vec<Role>,
    pub users: Vec<User>,
    pub connectors: Vec<Connector>,
    pub briefings: Vec<Briefing>,
    pub schedules: Vec<Schedule>,
    pub calendars: Vec<Calendar>,
}

/// The briefings that are shipped.
pub fn shipped() -> Result<Objects, Problems> {
    let mut reading = Reading::default();
    for file in BRIEFINGS.files().filter(|file| is_toml(file.path())) {
        reading.file(
            &format!("briefings/{}", file.path().display()),
            file.contents_utf8().unwrap_or_default(),
        );
    }
    reading.finish()
}

/// Reads every `*.toml` below a folder; all problems of all files at once.
pub fn read(folder: &Path) -> Result<Objects, Problems> {
    let mut reading = Reading::default();
    let mut paths = Vec::new();
    if let Err(error) = find(folder, DEEPEST_FOLDER, &mut paths) {
        reading.problems.push(
            Problem::new("unreadable", format!("cannot be read: {error}"))
                .at(folder.display().to_string()),
        );
    }
    paths.sort();
    for path in paths {
        match std::fs::read_to_string(&path) {
            Ok(text) => reading.file(&path.display().to_string(), &text),
            Err(error) => reading.problems.push(
                Problem::new("unreadable", format!("cannot be read: {error}"))
                    .at(path.display().to_string()),
            ),
        }
    }
    reading.finish()
}

fn is_toml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "toml")
}

fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && depth > 0 {
            find(&path, depth - 1, found)?;
        } else if is_toml(&path) {
            found.push(path);
        }
    }
    Ok(())
}

#[derive(Default)]
struct Reading {
    objects: Objects,
    problems: Vec<Problem>,
}

impl Reading {
    fn file(&mut self, place: &str, text: &str) {
        let table: toml::Table = match toml::from_str(text) {
            Ok(table) => table,
            Err(error) => {
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                self.problems.push(
                    Problem::new("bad-toml", error.message().to_owned())
                        .at(format!("{place}:{line}")),
                );
                return;
            }
        };
        let mut table = table;
        let (signals, next_date) = (table.remove("signal"), table.remove("next_date"));
        if let Some(toml::Value::Table(mut briefing)) = table.remove("briefing") {
            briefing.extend(signals.map(|signals| ("signals".to_owned(), signals)));
            briefing.extend(next_date.map(|next| ("next_date".to_owned(), next)));
            if let Some(briefing) =
                self.object::<Briefing>(place, "briefing", toml::Value::Table(briefing))
            {
                for problem in signals::check(&briefing) {
                    self.problems.push(
                        Problem::new("bad-rule", format!("{} {}", problem.field, problem.what))
                            .at(format!("{place}: signal `{}`", problem.signal)),
                    );
                }
                self.objects.briefings.push(briefing);
            }
        }
        for (kind, value) in table {
            let values = match value {
                toml::Value::Array(values) => values,
                value => vec![value],
            };
            for value in values {
                match kind.as_str() {
                    "role" => self.objects.roles.extend(object(&mut self.problems, place, &kind, value)),
                    "user" => self.objects.users.extend(object(&mut self.problems, place, &kind, value)),
                    "schedule" => self.objects.schedules.extend(object(&mut self.problems, place, &kind, value)),
                    "connector" => self.objects.connectors.extend(object(&mut self.problems, place, &kind, value)),
                    "calendar" => self.objects.calendars.extend(object(&mut self.problems, place, &kind, value)),
                    other => self.problems.push(
                        Problem::new("unknown-table", format!("`[{other}]` is no kind of object"))
                            .at(place)
                            .advise("use [role], [connector], [calendar], or [briefing] with [[signal]]"),
                    ),
                }
            }
        }
    }

    fn object<T: DeserializeOwned>(
        &mut self,
        place: &str,
        kind: &str,
        value: toml::Value,
    ) -> Option<T> {
        object(&mut self.problems, place, kind, value)
    }

    fn finish(mut self) -> Result<Objects, Problems> {
        let ids = [
            (
                "role",
                self.objects
                    .roles
                    .iter()
                    .map(|role| role.id.to_string())
                    .collect::<Vec<_>>(),
            ),
            (
                "connector",
                self.objects
                    .connectors
                    .iter()
                    .map(|connector| connector.id.to_string())
                    .collect(),
            ),
            (
                "briefing",
                self.objects
                    .briefings
                    .iter()
                    .map(|briefing| briefing.id.to_string())
                    .collect(),
            ),
        ];
        for (kind, mut ids) in ids {
            ids.sort();
            for pair in ids.windows(2) {
                if let [a, b] = pair
                    && a == b
                {
                    self.problems.push(Problem::new(
                        "two-of-one-id",
                        format!("two of kind {kind} are called `{a}`"),
                    ));
                }
            }
        }
        if self.problems.is_empty() {
            Ok(self.objects)
        } else {
            Err(Problems(self.problems))
        }
    }
}

fn object<T: DeserializeOwned>(
    problems: &mut Vec<Problem>,
    place: &str,
    kind: &str,
    value: toml::Value,
) -> Option<T> {
    match value.try_into() {
        Ok(object) => Some(object),
        Err(error) => {
            let error: toml::de::Error = error;
            problems.push(
                Problem::new("bad-object", format!("[{kind}]: {}", error.message())).at(place),
            );
            None
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_briefings_load() {
        let ids: Vec<String> = shipped()
            .unwrap()
            .briefings
            .iter()
            .map(|briefing| briefing.id.to_string())
            .collect();
        for id in [
            "ceo-morning",
            "finance-morning",
            "vp-engineering-morning",
            "vp-sales-morning",
        ] {
            assert!(ids.iter().any(|known| known == id), "{ids:?}");
        }
    }

    #[test]
    fn all_problems_of_all_files_are_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.toml", "[role]\nid = \"Big Boss\"\ntitle = \"x\"");
        write("b.toml", "\n[connector\n");
        write("c.toml", "[colour]\nx = 1");
        let problems = read(folder.path()).unwrap_err().to_string();
        assert!(problems.contains("`Big Boss` is not a name"), "{problems}");
        assert!(problems.contains("b.toml:2"), "{problems}");
        assert!(problems.contains("[colour]"), "{problems}");
    }
}
