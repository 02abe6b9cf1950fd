//! Reading files of objects.

use std::{borrow::Cow, path::PathBuf};

use include_dir::{Dir, include_dir};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Kind, Objects, Origin,
    files::{is_toml, toml_files},
};
use crate::{
    domain::briefing::Briefing,
    error::{Problem, Problems},
    settings::{
        Settings,
        shape::{self, Lines, Source, did_you_mean, is_slip_of},
    },
    signals, text_file,
};

static ROLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/roles");
static BRIEFINGS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/briefings");

/// The roles and briefings that are shipped.
pub fn shipped() -> Result<Objects, Problems> {
    let mut reading = Reading::default();
    for (folder, files) in [("roles", &ROLES), ("briefings", &BRIEFINGS)] {
        for file in files.files().filter(|file| is_toml(file.path())) {
            reading.file(
                &format!("{folder}/{}", file.path().display()),
                file.contents_utf8().unwrap_or_default(),
            );
        }
    }
    reading.finish()
}

/// Reads every `*.toml` below the folders that is not hidden, each file once; all problems of all files at once. Two objects of one kind and id are a
/// problem; put the result [`over`](Objects::over) the shipped objects to replace those.
pub fn read(folders: &[PathBuf]) -> Result<Objects, Problems> {
    let (objects, problems) = read_in_part(folders);
    if problems.is_empty() {
        Ok(objects)
    } else {
        Err(Problems(problems))
    }
}

/// Reads as [`read`] does, as far as it goes: what can be read, and everything that is wrong with the rest. The objects then are
/// for finding more that is wrong, and for nothing else.
pub fn read_in_part(folders: &[PathBuf]) -> (Objects, Vec<Problem>) {
    let mut reading = Reading::default();
    let (paths, problems) = toml_files(folders);
    let are_all_found = problems.is_empty();
    reading.problems.extend(problems);
    for path in paths {
        match text_file::read_or_tell(&path) {
            Ok(text) => reading.file(&path.display().to_string(), &text),
            Err(problem) => {
                // Whatever is named and not found may be in it.
                reading.objects.unread.all = true;
                reading.problems.push(problem);
            }
        }
    }
    reading.objects.unread.all |= !are_all_found;
    reading.end()
}

#[derive(Default)]
struct Reading {
    objects: Objects,
    problems: Vec<Problem>,
}

/// The tables of a file by their key.
type Entry<'t> = (Spanned<Cow<'t, str>>, Spanned<DeValue<'t>>);

impl Reading {
    fn file(&mut self, place: &str, text: &str) {
        let source = Source { place, text };
        let (table, broken) = source.table_in_part();
        if broken.problems.is_empty() {
            if let Some(table) = table {
                self.tables(table, source);
            }
            return;
        }
        self.objects.unread.ids.extend(ids_in(text));
        if let Some(table) = table {
            let mut aside = Self::default();
            aside.tables(table, source);
            let certain = aside.problems.into_iter();
            self.problems
                .extend(certain.filter(|problem| broken.leaves(source, problem)));
        }
        self.problems.extend(broken.problems);
    }

    fn tables<'t>(&mut self, mut table: DeTable<'t>, source: Source<'t>) {
        if let Some(problem) = elsewhere(&table, source) {
            return self.problems.push(problem);
        }
        let (mut signals, mut next_date) = (
            table.remove_entry("signal"),
            table.remove_entry("next_date"),
        );
        // What follows from a misspelled name is told by that name alone.
        let misspelled = |name: &str| table.keys().any(|key| is_slip_of(key.get_ref(), name));
        if misspelled("signal") || misspelled("briefing") {
            (signals, next_date) = (None, None);
        }
        self.join_signals(source, &mut table, signals, next_date);
        for (key, value) in table {
            let kind = Kind::ALL
                .into_iter()
                .find(|kind| kind.name() == key.get_ref().as_ref());
            let Some(kind) = kind else {
                self.objects.unread.ids.extend(ids_of(value.get_ref()));
                let names = Kind::ALL
                    .map(Kind::name)
                    .into_iter()
                    .chain(["signal", "next_date"]);
                self.problems.push(
                    Problem::new(
                        "unknown-table",
                        format!("`[{}]` is no kind of object", key.get_ref()),
                    )
                    .at(source.at(source.line(key.span().start)))
                    .advise(did_you_mean(key.get_ref(), names)),
                );
                continue;
            };
            let span = value.span();
            match value.into_inner() {
                DeValue::Array(values) => {
                    for value in values {
                        self.object(kind, value, source);
                    }
                }
                value => self.object(kind, Spanned::new(span, value), source),
            }
        }
    }

    /// `[[signal]]` and `[next_date]` beside the one `[briefing]` of a file belong to it.
    fn join_signals<'t>(
        &mut self,
        source: Source<'t>,
        table: &mut DeTable<'t>,
        signals: Option<Entry<'t>>,
        next_date: Option<Entry<'t>>,
    ) {
        let mut briefing = table
            .get_mut("briefing")
            .and_then(|value| match value.get_mut() {
                DeValue::Table(table) => Some(table),
                _ => None,
            });
        for ((key, value), inside) in [(signals, "signals"), (next_date, "next_date")]
            .into_iter()
            .filter_map(|(entry, inside)| Some((entry?, inside)))
        {
            let at = source.at(source.line(key.span().start));
            match &mut briefing {
                Some(briefing) if !briefing.contains_key(inside) => {
                    briefing.insert(Spanned::new(key.span(), Cow::Borrowed(inside)), value);
                }
                Some(_) => self.problems.push(
                    Problem::new("twice", format!("the briefing has `{inside}` already"))
                        .at(at)
                        .advise("write its signals in one way, as `[[signal]]`"),
                ),
                None => self.problems.push(
                    Problem::new(
                        "no-briefing",
                        format!("`{}` belongs to no briefing", key.get_ref()),
                    )
                    .at(at)
                    .advise("write one `[briefing]` in this file; a file with several uses `[[briefing.signals]]`"),
                ),
            }
        }
    }

    fn object(&mut self, kind: Kind, value: Spanned<DeValue<'_>>, source: Source<'_>) {
        match kind {
            Kind::Calendar => {
                if let Some((object, lines)) = self.typed(kind, value, source) {
                    self.add(
                        kind,
                        object,
                        lines,
                        |objects| &mut objects.calendars,
                        |o| o.id.as_str(),
                    );
                }
            }
            Kind::Connector => {
                if let Some((object, lines)) = self.typed(kind, value, source) {
                    self.add(
                        kind,
                        object,
                        lines,
                        |objects| &mut objects.connectors,
                        |o| o.id.as_str(),
                    );
                }
            }
            Kind::Role => {
                if let Some((object, lines)) = self.typed(kind, value, source) {
                    self.add(
                        kind,
                        object,
                        lines,
                        |objects| &mut objects.roles,
                        |o| o.id.as_str(),
                    );
                }
            }
            Kind::User => {
                if let Some((object, lines)) = self.typed(kind, value, source) {
                    self.add(
                        kind,
                        object,
                        lines,
                        |objects| &mut objects.users,
                        |o| o.id.as_str(),
                    );
                }
            }
            Kind::Place => {
                if let Some((object, lines)) = self.typed(kind, value, source) {
                    self.add(
                        kind,
                        object,
                        lines,
                        |objects| &mut objects.places,
                        |o| o.id.as_str(),
                    );
                }
            }
            Kind::Schedule => {
                if let Some((object, lines)) = self.typed(kind, value, source) {
                    self.add(
                        kind,
                        object,
                        lines,
                        |objects| &mut objects.schedules,
                        |o| o.id.as_str(),
                    );
                }
            }
            Kind::Briefing => {
                if let Some((object, lines)) = self.typed::<Briefing>(kind, value, source) {
                    self.rules(&object, &lines);
                    self.add(
                        kind,
                        object,
                        lines,
                        |objects| &mut objects.briefings,
                        |o| o.id.as_str(),
                    );
                }
            }
        }
    }

    fn typed<T: DeserializeOwned + JsonSchema>(
        &mut self,
        kind: Kind,
        value: Spanned<DeValue<'_>>,
        source: Source<'_>,
    ) -> Option<(T, Lines)> {
        let ids = ids_of(value.get_ref());
        let read = shape::read_in_part(value, source, kind.name(), &mut self.problems);
        if read.is_none() {
            self.objects.unread.ids.extend(ids);
        }
        read
    }

    fn rules(&mut self, briefing: &Briefing, lines: &Lines) {
        for problem in signals::check(briefing) {
            let index = briefing
                .signals
                .iter()
                .position(|signal| Some(&signal.id) == problem.signal.as_ref());
            let path = match index {
                Some(index) => format!("signals[{index}].{}", problem.field),
                None => problem.field.clone(),
            };
            // What follows from a key that could not be read is told by that key alone.
            let of_signal = index.map(|index| format!("signals[{index}]"));
            let in_doubt = of_signal.is_some_and(|signal| lines.is_wrong(&signal));
            if in_doubt || lines.is_doubtful(&path) {
                continue;
            }
            let mut told = Problem::new("bad-rule", problem.to_string()).at(lines.at(&path));
            told.advice = problem.advice;
            self.problems.push(told);
        }
    }

    fn add<T>(
        &mut self,
        kind: Kind,
        object: T,
        lines: Lines,
        list: impl Fn(&mut Objects) -> &mut Vec<T>,
        id: impl Fn(&T) -> &str,
    ) {
        let id = id(&object).to_owned();
        if let Some(first) = self.objects.origins.get(&(kind, id.clone())) {
            self.problems.push(
                Problem::new(
                    "two-of-one-id",
                    format!(
                        "the {} `{id}` is defined here and at {}",
                        kind.name(),
                        first.lines.at("id")
                    ),
                )
                .at(lines.at("id"))
                .advise("remove one of them, or give it another id"),
            );
            return;
        }
        let origin = Origin { lines };
        self.objects.origins.insert((kind, id), origin);
        list(&mut self.objects).push(object);
    }

    fn end(mut self) -> (Objects, Vec<Problem>) {
        sort(&mut self.problems);
        (self.objects, self.problems)
    }

    fn finish(self) -> Result<Objects, Problems> {
        let (objects, problems) = self.end();
        if problems.is_empty() {
            Ok(objects)
        } else {
            Err(Problems(problems))
        }
    }
}

/// Puts problems into the order of their files and lines.
pub fn sort(problems: &mut [Problem]) {
    problems.sort_by_cached_key(|problem| file_and_line(problem.place.as_deref()));
}

/// The id of an object, or of each in a list.
fn ids_of(value: &DeValue<'_>) -> Vec<String> {
    let id = |table: &DeTable<'_>| table.get("id")?.get_ref().as_str().map(str::to_owned);
    match value {
        DeValue::Table(table) => id(table).into_iter().collect(),
        DeValue::Array(values) => {
            let tables = values.iter().filter_map(|value| value.get_ref().as_table());
            tables.filter_map(id).collect()
        }
        _ => Vec::new(),
    }
}

/// What may be the ids of the objects in a text that is no TOML: what stands behind each `id`.
fn ids_in(text: &str) -> Vec<String> {
    let named = text.lines().flat_map(|line| line.split("id").skip(1));
    let named = named.filter_map(|id| {
        let id = id
            .trim_start()
            .trim_start_matches(['=', ':', ' ', '\t', '"', '\'']);
        let end = id.find(['"', '\'', ' ', ',', '#']).unwrap_or(id.len());
        id.get(..end).filter(|id| !id.is_empty())
    });
    named.map(str::to_owned).collect()
}

/// A place as it is sorted: lines as numbers.
fn file_and_line(place: Option<&str>) -> (String, usize) {
    let place = place.unwrap_or_default();
    match place.rsplit_once(':') {
        Some((file, line)) if line.parse::<usize>().is_ok() => {
            (file.to_owned(), line.parse().unwrap_or_default())
        }
        _ => (place.to_owned(), 0),
    }
}

/// Tells where a whole file belongs that holds no objects: settings, or the queries of our own connector.
fn elsewhere(table: &DeTable<'_>, source: Source<'_>) -> Option<Problem> {
    let is_object = |name: &str| {
        matches!(name, "signal" | "next_date") || Kind::ALL.iter().any(|kind| kind.name() == name)
    };
    if table.keys().any(|key| is_object(key.get_ref())) {
        return None;
    }
    let settings = shape::keys::<Settings>();
    let is_setting = |name: &str| {
        settings
            .iter()
            .any(|key| key.path == name || key.path.strip_suffix("[]") == Some(name))
    };
    let first = table.keys().min_by_key(|key| key.span().start)?;
    let (what, advice) = if table.keys().all(|key| key.get_ref() == "query") {
        (
            "holds queries of `daybrief connector sql`, and no objects",
            "keep it outside of the objects' folder, where `--queries` names it",
        )
    } else if table.keys().all(|key| is_setting(key.get_ref())) {
        (
            "holds settings, and no objects",
            "keep the settings in one daybrief.toml outside of the objects' folder",
        )
    } else {
        return None;
    };
    Some(
        Problem::new("not-objects", what)
            .at(source.at(source.line(first.span().start)))
            .advise(advice),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_texts(texts: &[(&str, &str)]) -> Result<Objects, Problems> {
        let mut reading = Reading::default();
        for (place, text) in texts {
            reading.file(place, text);
        }
        reading.finish()
    }

    #[test]
    fn the_shipped_briefings_load() {
        let shipped = shipped().unwrap();
        for id in [
            "ceo-morning",
            "finance-morning",
            "vp-engineering-morning",
            "vp-sales-morning",
        ] {
            assert!(
                shipped
                    .briefings
                    .iter()
                    .any(|known| known.id.as_str() == id),
                "{id}"
            );
        }
        assert!(
            shipped
                .briefings
                .iter()
                .all(|briefing| !briefing.signals.is_empty())
        );
    }

    #[test]
    fn the_seven_shipped_roles_load_and_an_own_one_takes_their_place() {
        let shipped = shipped().unwrap();
        let mut ids: Vec<&str> = shipped.roles.iter().map(|role| role.id.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(
            ids,
            [
                "ceo",
                "finance",
                "member",
                "operations",
                "support",
                "vp-engineering",
                "vp-sales"
            ]
        );
        let own = read_texts(&[("a.toml", "[role]\nid = 'finance'\ntitle = 'Our finance'\n")]);
        let all = own.unwrap().over(shipped);
        assert_eq!(all.roles.len(), 7);
        let finance = all.roles.iter().find(|role| role.id.as_str() == "finance");
        assert!(finance.unwrap().grants.is_empty());
    }

    #[test]
    fn rights_and_places_are_read_with_all_that_they_may_say() {
        let objects = read_texts(&[(
            "x.toml",
            "[role]\nid = 'r'\ntitle = 'R'\ngroups = ['g']\nsurfaces = ['web', 'cli']\ntechnical = true\n\
             [[role.grants]]\nconnector = 'c'\ntools = ['*']\napprove = ['add_*']\nwhen = [\n\
             { tools = ['a'], arg = 'p', one_of = ['ENG', 2, true] },\n\
             { arg = 'params.region', equals = 'EU', optional = true },\n\
             { arg = 'limit', at_most = 100, at_least = 1.5 },\n\
             { arg = 'sql', statement = 'select', tables = ['v'], dialect = 'postgres' } ]\n\
             [[place]]\nid = 'all'\nsurface = 'teams'\nchannel = '19:x'\nas = 'r'\n",
        )])
        .unwrap();
        let when = &objects.roles[0].grants[0].when;
        assert_eq!(when.len(), 4);
        assert_eq!(when[0].one_of.as_ref().unwrap().len(), 3);
        assert_eq!(when[2].at_most, Some(100.0));
        assert_eq!(objects.places[0].role.as_str(), "r");
        for (text, told) in [
            (
                "[role]\nid = 'r'\ntitle = 'R'\nsurfaces = ['fax']",
                "x.toml:4: `role.surfaces[0]`",
            ),
            (
                "[role]\nid = 'r'\ntitle = 'R'\n[[role.grants]]\nconnector = 'c'\nwhen = [{ arg = 'a', oneof = ['x'] }]",
                "`role.grants[0].when[0].oneof` is no known key\n  → did you mean `one_of`?",
            ),
            (
                "[user]\nid = 'a'\nname = 'A'\nroles = []\nstate = 'gone'",
                "x.toml:5: `user.state` is not one of `active`, `waiting`, `disabled`",
            ),
            (
                "[place]\nid = 'p'\nsurface = 'slack'\nchannel = 'C'",
                "`as` is missing",
            ),
        ] {
            let problems = read_texts(&[("x.toml", text)]).unwrap_err().to_string();
            assert!(problems.contains(told), "{told}\nnot in\n{problems}");
        }
    }

    #[test]
    fn all_problems_of_all_files_are_told_at_once_with_their_lines() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.toml", "[role]\nid = \"Big Boss\"\ntitel = \"x\"");
        write("b.toml", "\n[connector\n");
        write("c.toml", "[colour]\nx = 1\n[[rolle]]\nid = 'x'");
        let missing = folder.path().join("none");
        let told = read(&[folder.path().to_owned(), missing])
            .unwrap_err()
            .to_string();
        for part in [
            "a.toml:2: `role.id`: `Big Boss` is not a name",
            "a.toml:3: `role.titel` is no known key\n  → did you mean `title`?",
            "b.toml:2: is not TOML",
            "c.toml:1: `[colour]` is no kind of object",
            "c.toml:3: `[rolle]` is no kind of object\n  → did you mean `role`?",
            "none: cannot be read",
        ] {
            assert!(told.contains(part), "{part}\nnot in\n{told}");
        }
        assert!(!told.contains("`title` is missing"), "{told}");
    }

    #[test]
    fn keys_of_flattened_parts_are_checked() {
        let told = read_texts(&[(
            "x.toml",
            "[connector]\nid = 'a'\ntitle = 'A'\ncomand = ['a']\n[connector.tools]\nquery = 'raed'\n\
             [[connector]]\n",
        )])
        .unwrap_err()
        .to_string();
        assert!(told.contains("x.toml:7: is not TOML"), "{told}");
        let told = read_texts(&[(
            "x.toml",
            "[[connector]]\nid = 'a'\ntitle = 'A'\ncomand = ['a']\n[connector.tools]\nquery = 'raed'\n\
             [[connector]]\nid = 'b'\ntitle = 'B'\ntools = {}\n[connector.limits]\nconcurency = 1\nmax_bytes = '3'\n\
             [[connector]]\nid = 'c'\ntitle = 'C'\ntools = {}\nurl = 'https://c'\ncommand = ['c']\n\
             [[connector]]\nid = 'd'\ntitle = 'D'\ntools = {}\ncommand = ['d']\n[connector.env]\n\
             D_TOKEN = { secret = 'hunter2' }\n\
             [briefing]\nid = 'x'\ntitle = 'X'\nrole = 'r'\n[[signal]]\nid = 's'\ntitle = 'S'\nconnector = 'A B'\n\
             tool = 'q'\nheadlin = 'x'\nargs = { since = 2026-01-01 }\n",
        )])
        .unwrap_err()
        .to_string();
        for part in [
            "x.toml:4: `connector.comand` is no known key\n  → did you mean `command`?",
            "x.toml:6: `connector.tools.query` is not one of `read`, `action`\n  → did you mean `read`?",
            "x.toml:12: `connector.limits.concurency` is no known key\n  → did you mean `concurrency`?",
            "x.toml:13: `connector.limits.max_bytes` is text, expected a whole number",
            "x.toml:7: `connector`: one of `command`, `url` is missing",
            "cannot stand beside",
            "x.toml:26: `connector.env.D_TOKEN.secret` names no place of a secret",
            "env:CONNECTOR_ENV_D_TOKEN",
            "x.toml:34: `briefing.signals[0].connector`: `A B` is not a name",
            "x.toml:36: `briefing.signals[0].headlin` is no known key\n  → did you mean `headline`?",
            "x.toml:37: `briefing.signals[0].args.since` is a bare date",
        ] {
            assert!(told.contains(part), "{part}\nnot in\n{told}");
        }
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn users_schedules_and_calendars_are_read() {
        let objects = read_texts(&[(
            "x.toml",
            "[[user]]\nid = 'ann'\nname = 'Ann'\nroles = ['ceo']\n\n[calendar]\nid = 'de'\n[calendar.holidays]\n2026-12-25 = 'Christmas'\n\
             [schedule]\nid = 'm'\nbriefing = 'ceo-morning'\nwhen = 'weekdays at 07:00'\nzone = 'recipient'\n\
             to = [\n  { user = 'ann', via = ['email'] },\n  { slack_channel = 'C1', as = 'ceo' } ]\n",
        )])
        .unwrap();
        assert_eq!(
            (
                objects.users.len(),
                objects.calendars.len(),
                objects.schedules.len()
            ),
            (1, 1, 1)
        );
        assert_eq!(objects.origin(Kind::User, "ann", "roles[0]"), "x.toml:4");
        assert_eq!(objects.origin(Kind::Schedule, "m", "to[1].as"), "x.toml:17");
        assert_eq!(objects.origin(Kind::Role, "none", ""), "role `none`");
        let told = read_texts(&[(
            "x.toml",
            "[calendar]\nid = 'de'\n[calendar.holidays]\n2026-13-25 = 'x'\n",
        )])
        .unwrap_err()
        .to_string();
        assert!(told.contains("x.toml:"), "{told}");
    }

    #[test]
    fn two_of_one_id_are_a_problem_and_a_shipped_one_is_replaced() {
        let role = "[role]\nid = 'ceo'\ntitle = 'CEO'\n";
        let told = read_texts(&[("a.toml", role), ("b.toml", role)])
            .unwrap_err()
            .to_string();
        assert!(
            told.starts_with("b.toml:2: the role `ceo` is defined here and at a.toml:2"),
            "{told}"
        );

        let own = read_texts(&[(
            "a.toml",
            "[briefing]\nid = 'ceo-morning'\ntitle = 'Mine'\nrole = 'ceo'\n",
        )])
        .unwrap();
        let shipped = shipped().unwrap();
        let count = shipped.briefings.len();
        let all = own.over(shipped);
        assert_eq!(all.briefings.len(), count);
        assert!(
            all.briefings
                .iter()
                .any(|briefing| briefing.title == "Mine")
        );
        assert_eq!(
            all.origin(Kind::Briefing, "ceo-morning", "title"),
            "a.toml:3"
        );
    }

    #[test]
    fn a_wrong_rule_is_told_at_its_line() {
        let told = read_texts(&[(
            "x.toml",
            "[briefing]\nid = 'x'\ntitle = 'X'\nrole = 'r'\nmax_risks = 9\n[[signal]]\nid = 's'\ntitle = 'S'\nconnector = 'c'\ntool = 't'\n\
             key = 'item.id'\nheadline = 'It is late'\nwhen = 'item.x >'\n[signal.facts]\na = 'item.('\n",
        )])
        .unwrap_err()
        .to_string();
        for part in [
            "x.toml:13: signal `s`: `when`",
            "x.toml:15: signal `s`: `facts.a`",
            "x.toml:5: `briefing.max_risks`",
        ] {
            assert!(told.contains(part), "{part}\nnot in\n{told}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([a-z\\[\\]{}=.\"'0-9 \n-]|briefing|signal|connector|role|id|true){0,80}") {
            let _ = read_texts(&[("x", &text)]);
        }
    }
}
