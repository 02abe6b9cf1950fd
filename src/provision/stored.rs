//! Objects in the store: loading them, and applying those of files.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::Objects;
use crate::{
    domain::schedule::Schedule,
    store::{Kind, Rows, Store, StoreError, Stored},
};

/// What applying does, or would do, to one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub kind: Kind,
    pub id: String,
    pub change: ChangeKind,
    /// The lines of its TOML that go (`-`) and come (`+`).
    pub lines: Vec<String>,
}

/// Made, changed or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Add,
    Change,
    Remove,
}

impl ChangeKind {
    /// The sign that stands before it in a list.
    pub fn sign(self) -> char {
        match self {
            Self::Add => '+',
            Self::Change => '~',
            Self::Remove => '-',
        }
    }
}

/// All objects that are in force.
pub async fn load(store: &Store) -> Result<Objects, StoreError> {
    fn all<T: DeserializeOwned>(rows: &Rows, kind: Kind) -> Result<Vec<T>, StoreError> {
        let stored = rows.of::<T>(kind)?;
        Ok(stored.into_iter().map(|stored| stored.object).collect())
    }
    // One read for all kinds: this is done at each look of the daemon.
    let rows = store.objects().rows().await?;
    Ok(Objects {
        roles: all(&rows, Kind::Role)?,
        users: all(&rows, Kind::User)?,
        places: all(&rows, Kind::Place)?,
        connectors: all(&rows, Kind::Connector)?,
        briefings: all(&rows, Kind::Briefing)?,
        schedules: all(&rows, Kind::Schedule)?,
        calendars: all(&rows, Kind::Calendar)?,
        ..Objects::default()
    })
}

impl Objects {
    /// Every object as (kind, id) → JSON.
    fn values(&self) -> BTreeMap<(Kind, String), Value> {
        fn add<T: Serialize>(
            values: &mut BTreeMap<(Kind, String), Value>,
            kind: Kind,
            objects: &[T],
        ) {
            for object in objects {
                let value = serde_json::to_value(object).unwrap_or_default();
                let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
                values.insert((kind, id.to_owned()), value);
            }
        }
        let mut values = BTreeMap::new();
        add(&mut values, Kind::Role, &self.roles);
        add(&mut values, Kind::User, &self.users);
        add(&mut values, Kind::Place, &self.places);
        add(&mut values, Kind::Connector, &self.connectors);
        add(&mut values, Kind::Briefing, &self.briefings);
        add(&mut values, Kind::Schedule, &self.schedules);
        add(&mut values, Kind::Calendar, &self.calendars);
        values
    }

    /// Every object with its kind and id, as its own TOML file would have it.
    pub fn files(&self) -> Vec<(Kind, String, String)> {
        self.values()
            .iter()
            .map(|((kind, id), value)| (*kind, id.clone(), toml_of(*kind, value)))
            .collect()
    }
}

/// The TOML of one object.
fn toml_of(kind: Kind, value: &Value) -> String {
    let mut file = toml::Table::new();
    let mut table = match value {
        Value::Object(fields) => toml_table(fields),
        _ => toml::Table::new(),
    };
    if kind == Kind::Briefing {
        // A briefing's signals stand beside its table, where they are easier to write.
        let signals = table.remove("signals");
        let next = table.remove("next_date");
        file.insert(kind.name().to_owned(), toml::Value::Table(table));
        file.extend(next.map(|next| ("next_date".to_owned(), next)));
        file.extend(signals.map(|signals| ("signal".to_owned(), signals)));
    } else {
        file.insert(kind.name().to_owned(), toml::Value::Table(table));
    }
    toml::to_string_pretty(&file).unwrap_or_default()
}

/// TOML has no null: what is missing is left out.
fn toml_table(fields: &serde_json::Map<String, Value>) -> toml::Table {
    fields
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), toml_value(value)?)))
        .collect()
}

/// The value in TOML; nothing for null. A number that TOML cannot hold stands as text, with all its digits.
fn toml_value(value: &Value) -> Option<toml::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(float)) if says_the_same(float, number) => float.into(),
            _ => number.to_string().into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => toml::Value::Array(items.iter().filter_map(toml_value).collect()),
        Value::Object(fields) => toml_table(fields).into(),
    })
}

/// Is the float exactly the number, whatever its form?
fn says_the_same(float: f64, number: &serde_json::Number) -> bool {
    let exact = |text: &str| {
        Decimal::from_str_exact(text)
            .or_else(|_| Decimal::from_scientific(text))
            .ok()
    };
    let float = exact(&float.to_string());
    float.is_some() && float == exact(number.as_str())
}

/// What applying `after` over `before` changes, in the order of kinds and ids. Only what came from files is removed
/// where files have it no more; `from_files` says which those are.
pub fn difference(
    before: &Objects,
    after: &Objects,
    from_files: &dyn Fn(Kind, &str) -> bool,
) -> Vec<Change> {
    let (before, after) = (before.values(), after.values());
    let mut changes = Vec::new();
    for ((kind, id), value) in &after {
        let old = before.get(&(*kind, id.clone()));
        if old == Some(value) {
            continue;
        }
        changes.push(Change {
            kind: *kind,
            id: id.clone(),
            change: if old.is_some() {
                ChangeKind::Change
            } else {
                ChangeKind::Add
            },
            lines: lines(
                &old.map(|old| toml_of(*kind, old)).unwrap_or_default(),
                &toml_of(*kind, value),
            ),
        });
    }
    for ((kind, id), value) in &before {
        if !after.contains_key(&(*kind, id.clone())) && from_files(*kind, id) {
            changes.push(Change {
                kind: *kind,
                id: id.clone(),
                change: ChangeKind::Remove,
                lines: lines(&toml_of(*kind, value), ""),
            });
        }
    }
    changes
}

/// The lines that go and come, by the longest common subsequence of lines.
fn lines(before: &str, after: &str) -> Vec<String> {
    let (a, b): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    similar::capture_diff_slices(similar::Algorithm::Myers, &a, &b)
        .iter()
        .flat_map(|op| op.iter_changes(&a, &b))
        .filter_map(|change| match change.tag() {
            similar::ChangeTag::Delete => Some(format!("- {}", change.value())),
            similar::ChangeTag::Insert => Some(format!("+ {}", change.value())),
            similar::ChangeTag::Equal => None,
        })
        .collect()
}

/// What applying these objects would change in the store.
pub async fn plan(store: &Store, objects: &Objects) -> Result<Vec<Change>, StoreError> {
    let mut from_files = std::collections::BTreeSet::new();
    for kind in Kind::ALL {
        for stored in store.objects().all::<Value>(kind).await? {
            if stored.file.is_some()
                && let Some(id) = stored.object.get("id").and_then(Value::as_str)
            {
                from_files.insert((kind, id.to_owned()));
            }
        }
    }
    Ok(difference(&load(store).await?, objects, &|kind, id| {
        from_files.contains(&(kind, id.to_owned()))
    }))
}

/// Makes the changes. Idempotent: what stopped half-way is finished by the next time.
pub async fn apply(
    store: &Store,
    objects: &Objects,
    changes: &[Change],
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = objects.values();
    for change in changes {
        let value = values.get(&(change.kind, change.id.clone()));
        match (change.change, value) {
            (ChangeKind::Remove, _) => {
                store.objects().delete(change.kind, &change.id).await?;
            }
            (_, Some(value)) => {
                let since = since(store, change, value, now).await?;
                let stored = Stored {
                    object: value,
                    file: Some(format!("{}/{}", change.kind.name(), change.id)),
                    since,
                };
                store
                    .objects()
                    .put(change.kind, &change.id, &stored)
                    .await?;
            }
            (_, None) => {}
        }
    }
    Ok(())
}

/// Since when the object is as it is: a schedule whose times did not change goes on, all else begins now.
async fn since(
    store: &Store,
    change: &Change,
    value: &Value,
    now: Timestamp,
) -> Result<Timestamp, StoreError> {
    if change.kind != Kind::Schedule {
        return Ok(now);
    }
    let before = store
        .objects()
        .get::<Schedule>(change.kind, &change.id)
        .await?;
    let after: Option<Schedule> = serde_json::from_value(value.clone()).ok();
    Ok(match (before, after) {
        (Some(before), Some(after)) if same_times(&before.object, &after) => before.since,
        _ => now,
    })
}

fn same_times(a: &Schedule, b: &Schedule) -> bool {
    (&a.when, &a.zone, &a.calendar, a.on_day_off, a.paused)
        == (&b.when, &b.zone, &b.calendar, b.on_day_off, b.paused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::shipped;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn schedule(when: &str, folder: &str) -> Schedule {
        toml::from_str(&format!(
            "id = 's'\nbriefing = 'b'\nwhen = '{when}'\nzone = 'UTC'\nto = [{{ folder = '{folder}', as = 'vp' }}]"
        ))
        .unwrap()
    }

    #[tokio::test]
    async fn applying_is_idempotent_and_says_what_it_changes() {
        let store = Store::in_memory().await.unwrap();
        let mut objects = shipped().unwrap();
        objects.schedules.push(schedule("weekdays at 07:00", "a"));
        let now = at("2026-11-24T06:00:00Z");
        let changes = plan(&store, &objects).await.unwrap();
        assert!(
            changes
                .iter()
                .all(|change| change.change == ChangeKind::Add)
        );
        apply(&store, &objects, &changes, now).await.unwrap();
        assert_eq!(plan(&store, &objects).await.unwrap(), []);
        let loaded = load(&store).await.unwrap();
        assert_eq!(loaded.values(), objects.values());

        objects.schedules[0] = schedule("weekdays at 08:00", "a");
        objects.briefings.remove(0);
        let changes = plan(&store, &objects).await.unwrap();
        assert_eq!(changes.len(), 2);
        assert!(
            changes[0]
                .lines
                .contains(&"+ when = \"weekdays at 08:00\"".to_owned()),
            "{:?}",
            changes[0].lines
        );
        assert_eq!(changes[1].change, ChangeKind::Remove);
        apply(&store, &objects, &changes, now).await.unwrap();
        assert_eq!(load(&store).await.unwrap().values(), objects.values());
    }

    #[tokio::test]
    async fn a_schedule_begins_anew_only_when_its_times_change() {
        let store = Store::in_memory().await.unwrap();
        let since = async |when: &str, folder: &str, now: &str| {
            let objects = Objects {
                schedules: vec![schedule(when, folder)],
                ..Objects::default()
            };
            let changes = plan(&store, &objects).await.unwrap();
            apply(&store, &objects, &changes, at(now)).await.unwrap();
            let stored = store.objects().get::<Schedule>(Kind::Schedule, "s").await;
            stored.unwrap().unwrap().since.to_string()
        };
        let first = "2026-11-24T06:00:00Z";
        assert_eq!(since("weekdays at 07:00", "a", first).await, first);
        assert_eq!(
            since("weekdays at 07:00", "b", "2026-11-24T07:00:00Z").await,
            first
        );
        let changed = "2026-11-24T08:00:00Z";
        assert_eq!(since("weekdays at 09:00", "b", changed).await, changed);
    }

    #[test]
    fn the_files_of_all_shipped_objects_read_back_equal() {
        let objects = shipped().unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (kind, id, text) in objects.files() {
            let path = folder.path().join(format!("{}-{id}.toml", kind.name()));
            std::fs::write(path, text).unwrap();
        }
        let back = crate::provision::read(&[folder.path().to_owned()]).unwrap();
        assert_eq!(back.values(), objects.values());
    }
}
