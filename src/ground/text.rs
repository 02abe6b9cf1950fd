//! Text as people read it: languages, numbers, dates, words, cutting.

mod time;

pub use time::Case;

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

/// The languages a brief can be written in: they decide the form of numbers, dates and fixed words.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
pub enum Language {
    #[default]
    #[serde(rename = "en")]
    English,
    #[serde(rename = "de")]
    German,
    #[serde(rename = "fr")]
    French,
    #[serde(rename = "es")]
    Spanish,
}

impl Language {
    /// The BCP 47 tag, as in HTML's `lang`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
        }
    }

    /// The number with this language's separators (Unicode CLDR): `4,680.9` (en), `4.680,9` (de), `4680,9` and `46.809` (es,
    /// which groups from five digits on), `4 680,9` (fr, with U+202F). `digits` fixes the number of decimals, rounding half away from zero;
    /// without it the number keeps its own, trailing zeros dropped.
    pub fn number(self, value: Decimal, digits: Option<u32>) -> String {
        let value = match digits {
            Some(digits) => {
                let mut value =
                    value.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
                value.rescale(digits);
                value
            }
            None => value.normalize(),
        };
        let plain = value.abs().to_string();
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let (group, point) = match self {
            Self::English => (',', '.'),
            Self::German | Self::Spanish => ('.', ','),
            Self::French => ('\u{202f}', ','),
        };
        let mut text = String::with_capacity(plain.len() + 4);
        if value.is_sign_negative() && !value.is_zero() {
            text.push('-');
        }
        let grouped = whole.len() > if self == Self::Spanish { 4 } else { 3 };
        for (index, digit) in whole.chars().enumerate() {
            if grouped && index > 0 && (whole.len() - index).is_multiple_of(3) {
                text.push(group);
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push(point);
            text.push_str(fraction);
        }
        text
    }

    /// The marks around what another has said (Unicode CLDR).
    pub fn quotation_marks(self) -> (&'static str, &'static str) {
        match self {
            Self::English => ("“", "”"),
            Self::German => ("„", "“"),
            Self::French => ("«\u{202f}", "\u{202f}»"),
            Self::Spanish => ("«", "»"),
        }
    }

    /// The text as what another has said: in this language's marks, with none inside that could end them.
    pub fn quoted(self, text: &str) -> String {
        let (open, close) = self.quotation_marks();
        let inside = text.replace(['"', '“', '”', '„', '‟', '«', '»', '＂'], "'");
        format!("{open}{inside}{close}")
    }

    /// The weekday of a date: `Thu`.
    fn weekday(self, date: Date) -> &'static str {
        const WEEKDAYS: [[&str; 7]; 4] = [
            ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
            ["Mo.", "Di.", "Mi.", "Do.", "Fr.", "Sa.", "So."],
            ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."],
            ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
        ];
        WEEKDAYS
            .get(self as usize)
            .and_then(|names| {
                let at = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
                names.get(at).copied()
            })
            .unwrap_or_default()
    }

    /// A date with weekday, without a year unless it differs from `today`'s: `Thu 26 Nov`.
    pub fn date(self, date: Date, today: Date) -> String {
        const MONTHS: [[&str; 12]; 4] = [
            [
                "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
            ],
            [
                "Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.",
                "Nov.", "Dez.",
            ],
            [
                "janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.",
                "nov.", "déc.",
            ],
            [
                "ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic",
            ],
        ];
        let month = MONTHS
            .get(self as usize)
            .and_then(|names| {
                let at = usize::try_from(date.month() - 1).ok()?;
                names.get(at).copied()
            })
            .unwrap_or_default();
        let (weekday, day) = (self.weekday(date), date.day());
        let text = match self {
            Self::German => format!("{weekday} {day}. {month}"),
            Self::French if day == 1 => format!("{weekday} 1er {month}"),
            _ => format!("{weekday} {day} {month}"),
        };
        if date.year() == today.year() {
            text
        } else {
            format!("{text} {}", date.year())
        }
    }
}

/// The text with nothing in it that hides, turns or commands: control characters and line breaks become spaces;
/// characters that override the direction of writing (Unicode TR 9), that have no width, tags, and those of private use
/// are taken out. Joiners go too: some emoji then stand as their parts.
pub fn visible(text: &str) -> String {
    text.chars()
        .filter(|c| {
            !matches!(*c,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
        })
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}

/// [`visible`] line by line: line breaks stay.
pub fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// JSON with the keys of every object sorted: equal values give equal texts.
pub fn canonical(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(map) => {
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_by_key(|(key, _)| key.as_str());
            let fields: Vec<_> = keys
                .into_iter()
                .map(|(key, value)| {
                    format!(
                        "{}:{}",
                        serde_json::Value::from(key.as_str()),
                        canonical(value)
                    )
                })
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        serde_json::Value::Array(items) => format!(
            "[{}]",
            items.iter().map(canonical).collect::<Vec<_>>().join(",")
        ),
        other => other.to_string(),
    }
}

/// The names of units of time in the languages of a brief, in lower case.
const UNITS_OF_TIME: &str = "minute minutes min min. hour hours h day days week weeks month months year years \
    minuten stunde stunden std std. tag tage tagen arbeitstag arbeitstage woche wochen monat monate jahr jahre \
    heure heures jour jours semaine semaines mois an ans année années \
    minuto minutos hora horas día días dia dias semana semanas mes meses año años";

/// Does what is counted begin with a unit of time: "days late", "Tage überfällig"?
pub fn is_unit_of_time(unit: &str) -> bool {
    let first = unit
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_lowercase();
    !first.is_empty() && UNITS_OF_TIME.split_whitespace().any(|name| name == first)
}

/// Records and lines of a text at most.
const MOST_RECORDS: usize = 10_000;
/// The longest name of a record's line, in bytes.
const LONGEST_RECORD_KEY: usize = 40;

/// The records of a text that a server writes for people: lines of `Name: value`, each record beginning with the line of
/// the name given. Lines without a name belong to the value before; what stands before the first record is left out. A
/// value that itself has such a line in it cannot be told from a record.
pub fn records(text: &str, first: &str) -> Vec<BTreeMap<String, String>> {
    let mut records: Vec<BTreeMap<String, String>> = Vec::new();
    let mut key = String::new();
    for line in text.lines() {
        let named = line
            .split_once(": ")
            .or_else(|| line.strip_suffix(':').map(|name| (name, "")));
        let named = named.filter(|(name, _)| {
            (1..=LONGEST_RECORD_KEY).contains(&name.len())
                && name.chars().all(char::is_alphanumeric)
        });
        match named {
            Some((name, value)) if name == first => {
                if records.len() == MOST_RECORDS {
                    break;
                }
                key = name.to_lowercase();
                records.push(BTreeMap::from([(key.clone(), value.trim().to_owned())]));
            }
            Some((name, value))
                if records
                    .last()
                    .is_some_and(|record| !record.contains_key(&name.to_lowercase())) =>
            {
                key = name.to_lowercase();
                if let Some(record) = records.last_mut() {
                    record.insert(key.clone(), value.trim().to_owned());
                }
            }
            _ => {
                if let Some(value) = records.last_mut().and_then(|record| record.get_mut(&key)) {
                    value.push('\n');
                    value.push_str(line);
                }
            }
        }
    }
    for value in records.iter_mut().flat_map(BTreeMap::values_mut) {
        *value = value.trim().to_owned();
    }
    records
}

/// Characters of the longest run that is read as one word, and of each word that a longer one is read as.
const LONGEST_WORD: usize = 20;
const LONG_WORD_PART: usize = 12;

/// Words as a reader counts them: runs between white space that hold a letter or a digit. A run longer than any word, such
/// as an address or a key without spaces, counts by its length.
pub fn word_count(text: &str) -> usize {
    text.split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(|word| match word.graphemes(true).count() {
            0..=LONGEST_WORD => 1,
            length => length.div_ceil(LONG_WORD_PART),
        })
        .sum()
}

/// A sentence of at most `max` characters: a longer one ends with a clause where one ends in its second half, closed by `…`,
/// so that no number stands without what it counts. Else it is shortened as any text.
pub fn shorten_sentence(sentence: &str, max: usize) -> String {
    let cut = shorten(sentence, max);
    if cut == sentence {
        return cut;
    }
    let clause = [", ", "; ", ": ", " (", " – "]
        .iter()
        .filter_map(|mark| cut.rfind(mark))
        .max()
        .filter(|at| at * 2 > cut.len());
    let cut = match clause {
        Some(at) => cut.get(..at).unwrap_or(&cut),
        None => cut.trim_end_matches('…'),
    };
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let cut = match cut.rsplit_once(' ') {
        Some((before, last)) if clause.is_none() && is_number(last) => before,
        _ => cut,
    };
    format!("{}…", cut.trim_end_matches([' ', ',', ';', ':', '.']))
}

/// The text if it has at most `max` characters (grapheme clusters), else its beginning, cut at a word's end
/// where there is one, closed by `…` within the limit. A no-break space is no word's end.
pub fn shorten(text: &str, max: usize) -> String {
    let count = text.graphemes(true).count();
    if count <= max {
        return text.to_owned();
    }
    let head: String = text.graphemes(true).take(max.saturating_sub(1)).collect();
    let is_break = |c: char| c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}');
    let cut = match head.rfind(is_break) {
        Some(at) if at * 2 > head.len() => head.get(..at).unwrap_or(&head),
        _ => &head,
    };
    format!("{}…", cut.trim_end_matches([' ', ',', ';', ':', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn numbers_take_the_separators_of_the_language() {
        let number = Decimal::new(-468_090_555, 4);
        assert_eq!(Language::English.number(number, Some(2)), "-46,809.06");
        assert_eq!(Language::German.number(number, Some(2)), "-46.809,06");
        assert_eq!(Language::French.number(number, None), "-46\u{202f}809,0555");
        assert_eq!(Language::English.number(Decimal::new(1000, 2), None), "10");
        let spanish = |number: i64| Language::Spanish.number(Decimal::from(number), None);
        assert_eq!(
            (spanish(4680), spanish(46_809)),
            ("4680".into(), "46.809".into())
        );
        assert_eq!(
            Language::English.number(Decimal::new(-1, 3), Some(2)),
            "0.00"
        );
    }

    #[test]
    fn dates_name_the_year_only_when_it_is_another() {
        let today = date(2026, 11, 24);
        assert_eq!(
            Language::English.date(date(2026, 11, 26), today),
            "Thu 26 Nov"
        );
        assert_eq!(
            Language::German.date(date(2027, 3, 1), today),
            "Mo. 1. März 2027"
        );
    }

    #[test]
    fn text_that_hides_turns_or_commands_is_made_plain() {
        assert_eq!(
            visible("pay\u{202e}lla\u{200b} now\u{e0041}\u{7}"),
            "paylla now "
        );
        assert_eq!(visible("a\u{1b}[31mb\r\nc\u{2028}d"), "a [31mb  c d");
    }

    #[test]
    fn a_run_longer_than_any_word_counts_by_its_length() {
        assert_eq!(word_count("one – two, Dampfschifffahrt"), 3);
        assert_eq!(word_count(&"x".repeat(400)), 34);
    }

    #[test]
    fn a_sentence_is_cut_where_a_clause_ends_and_leaves_no_number_alone() {
        let owes = "Hartmann Logistics schuldet 105.000 EUR, fällig seit 52 Tagen";
        assert_eq!(shorten_sentence(owes, 70), owes);
        assert_eq!(
            shorten_sentence(owes, 57),
            "Hartmann Logistics schuldet 105.000 EUR…"
        );
        assert_eq!(
            shorten_sentence("Payment-service main has been red for 13\u{a0}h", 41),
            "Payment-service main has been red for…"
        );
        assert_eq!(
            shorten_sentence("Release 4.12 has open blockers with 2 days left", 38),
            "Release 4.12 has open blockers with…"
        );
    }

    #[test]
    fn shortening_cuts_at_a_word_and_stays_within_the_limit() {
        assert_eq!(shorten("one two three", 13), "one two three");
        assert_eq!(shorten("one two three", 12), "one two…");
        assert_eq!(shorten("aaaaaaaaaa", 4), "aaa…");
    }
}
