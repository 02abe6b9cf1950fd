//! What in a sentence can be right or wrong: numbers, dates, times, keys, currencies, with where they stand.

use std::ops::Range;

use jiff::civil::{Date, Time};
use rust_decimal::Decimal;

use crate::text::Language;

/// Something that must be in the evidence.
#[derive(Debug, Clone, PartialEq)]
pub enum Figure {
    Number(Number),
    /// A day of some year, or of a year that is not named.
    Day {
        day: i8,
        month: i8,
        year: Option<i16>,
    },
    Time(Time),
    /// A key such as `PAY-1182`, `!2041`, `4f2c9e1`: letters and digits in one word.
    Key(String),
    /// An address, as it stands.
    Address(String),
    /// ISO 4217 code.
    Currency(&'static str),
}

/// A number as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    pub value: Decimal,
    /// Half of the last place that was written: what it may differ by from the exact value.
    pub within: Decimal,
    pub percent: bool,
    /// Written as a word: `three`.
    pub word: bool,
}

/// A figure with its bytes in the sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub figure: Figure,
    pub at: Range<usize>,
}

/// More figures of one text are not looked at: a text with more is no sentence.
pub const MOST_FIGURES: usize = 2_000;

/// Decimal places that a number holds.
const MOST_PLACES: usize = 28;

/// Words that say a number, in the four languages. `one` and its like are articles, too, and are left out.
const NUMBER_WORDS: [(&str, i64); 66] = [
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("hundred", 100),
    ("thousand", 1_000),
    ("million", 1_000_000),
    ("billion", 1_000_000_000),
    ("dozen", 12),
    ("zwei", 2),
    ("drei", 3),
    ("vier", 4),
    ("fünf", 5),
    ("sechs", 6),
    ("sieben", 7),
    ("acht", 8),
    ("neun", 9),
    ("zehn", 10),
    ("elf", 11),
    ("zwölf", 12),
    ("zwanzig", 20),
    ("hundert", 100),
    ("tausend", 1_000),
    ("millionen", 1_000_000),
    ("dutzend", 12),
    ("deux", 2),
    ("trois", 3),
    ("quatre", 4),
    ("cinq", 5),
    ("six", 6),
    ("sept", 7),
    ("huit", 8),
    ("neuf", 9),
    ("dix", 10),
    ("onze", 11),
    ("douze", 12),
    ("vingt", 20),
    ("cent", 100),
    ("mille", 1_000),
    ("dos", 2),
    ("tres", 3),
    ("cuatro", 4),
    ("cinco", 5),
    ("seis", 6),
    ("siete", 7),
    ("ocho", 8),
    ("nueve", 9),
    ("diez", 10),
    ("doce", 12),
    ("veinte", 20),
    ("ciento", 100),
    ("mil", 1_000),
];

/// What may follow a number and make it so many times greater.
const SCALES: [(&str, i64); 19] = [
    ("k", 1_000),
    ("thousand", 1_000),
    ("tsd", 1_000),
    ("tausend", 1_000),
    ("mille", 1_000),
    ("mil", 1_000),
    ("m", 1_000_000),
    ("mn", 1_000_000),
    ("mio", 1_000_000),
    ("million", 1_000_000),
    ("millions", 1_000_000),
    ("millionen", 1_000_000),
    ("millones", 1_000_000),
    ("bn", 1_000_000_000),
    ("billion", 1_000_000_000),
    ("mrd", 1_000_000_000),
    ("milliarden", 1_000_000_000),
    ("milliards", 1_000_000_000),
    ("b", 1_000_000_000),
];

/// Words before a number that say it is not exact.
const ABOUT: [&str; 18] = [
    "about",
    "around",
    "roughly",
    "approximately",
    "nearly",
    "almost",
    "circa",
    "ca",
    "some",
    "rund",
    "etwa",
    "knapp",
    "ungefähr",
    "environ",
    "près",
    "unos",
    "aproximadamente",
    "casi",
];

/// Signs and words of currencies.
const CURRENCIES: [(&str, &str); 22] = [
    ("$", "USD"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("¥", "JPY"),
    ("usd", "USD"),
    ("dollar", "USD"),
    ("dollars", "USD"),
    ("eur", "EUR"),
    ("euro", "EUR"),
    ("euros", "EUR"),
    ("gbp", "GBP"),
    ("chf", "CHF"),
    ("franken", "CHF"),
    ("jpy", "JPY"),
    ("yen", "JPY"),
    ("cad", "CAD"),
    ("aud", "AUD"),
    ("sek", "SEK"),
    ("nok", "NOK"),
    ("dkk", "DKK"),
    ("pln", "PLN"),
    ("inr", "INR"),
];

/// Month names and their beginnings of three letters, in the four languages.
const MONTHS: [(&str, i8); 47] = [
    ("january", 1),
    ("february", 2),
    ("march", 3),
    ("april", 4),
    ("may", 5),
    ("june", 6),
    ("july", 7),
    ("august", 8),
    ("september", 9),
    ("october", 10),
    ("november", 11),
    ("december", 12),
    ("jan", 1),
    ("feb", 2),
    ("mar", 3),
    ("apr", 4),
    ("jun", 6),
    ("jul", 7),
    ("aug", 8),
    ("sep", 9),
    ("oct", 10),
    ("nov", 11),
    ("dec", 12),
    ("januar", 1),
    ("februar", 2),
    ("märz", 3),
    ("mai", 5),
    ("juni", 6),
    ("juli", 7),
    ("oktober", 10),
    ("okt", 10),
    ("dezember", 12),
    ("dez", 12),
    ("janvier", 1),
    ("février", 2),
    ("mars", 3),
    ("avril", 4),
    ("juin", 6),
    ("juillet", 7),
    ("août", 8),
    ("septembre", 9),
    ("octobre", 10),
    ("novembre", 11),
    ("décembre", 12),
    ("enero", 1),
    ("mayo", 5),
    ("diciembre", 12),
];

/// A word of the text: what stands between white space, without the marks around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'t> {
    pub text: &'t str,
    pub at: usize,
    /// Nothing but marks of a sentence's or quotation's beginning stands before it.
    pub first: bool,
}

impl Word<'_> {
    pub fn range(self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }
}

/// The words of a text.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut begins = true;
    for piece in text.split_whitespace() {
        let at = piece.as_ptr() as usize - text.as_ptr() as usize;
        let core = piece.trim_start_matches(|c: char| {
            !(c.is_alphanumeric()
                || matches!(c, '-' | '+' | '#' | '!' | '$' | '€' | '£' | '¥' | '{' | '%'))
        });
        let from = at + (piece.len() - core.len());
        let core = core.trim_end_matches(|c: char| {
            !(c.is_alphanumeric() || matches!(c, '%' | '$' | '€' | '£' | '¥' | '/' | '}'))
        });
        if core.is_empty() {
            begins |= piece.ends_with([':', '•', '–', '—', '-', '*', '"', '„', '«', '(']);
            continue;
        }
        let opened = from > at;
        found.push(Word {
            text: core,
            at: from,
            first: begins || opened,
        });
        let rest = text
            .get(from + core.len()..at + piece.len())
            .unwrap_or_default();
        begins = rest.contains([':', '.', '!', '?', '"', '“', '”', '(']);
    }
    found
}

/// Words of which the second goes on with the number that the first begins, as "6 523,14" does: a space that breaks no line
/// stands between groups of digits, in French any space.
fn with_grouped_numbers<'t>(
    text: &'t str,
    words: Vec<Word<'t>>,
    language: Language,
) -> Vec<Word<'t>> {
    let mut joined: Vec<Word<'t>> = Vec::with_capacity(words.len());
    for word in words {
        let Some(last) = joined.last_mut() else {
            joined.push(word);
            continue;
        };
        let mut between = text
            .get(last.range().end..word.at)
            .unwrap_or_default()
            .chars();
        let space = match (between.next(), between.next()) {
            (Some('\u{a0}' | '\u{202f}' | '\u{2009}'), None) => true,
            (Some(' '), None) => language == Language::French,
            _ => false,
        };
        if space && is_head_of_groups(last.text) && is_group(word.text) {
            last.text = text.get(last.at..word.range().end).unwrap_or(last.text);
        } else {
            joined.push(word);
        }
    }
    joined
}

/// One to three digits, and groups of three after them.
fn is_head_of_groups(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+', '−', '–', '~', '$', '€', '£', '¥']);
    let mut groups = digits.split(char::is_whitespace);
    let of_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len())
        && of_digits(first)
        && groups.all(|group| group.len() == 3 && of_digits(group))
}

/// Three digits, and no more before what ends them.
fn is_group(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    digits == 3
        && !text
            .get(3..)
            .is_some_and(|rest| rest.starts_with(['-', '–', '/', ':']))
}

/// Every figure of a text as a reader of this language takes it, in order.
pub fn figures(text: &str, language: Language) -> Vec<Found> {
    let words = with_grouped_numbers(text, words(text), language);
    let mut found = Vec::new();
    let mut skip = 0;
    for (at, word) in words.iter().enumerate() {
        if found.len() >= MOST_FIGURES {
            break;
        }
        if at < skip {
            continue;
        }
        if let Some((figure, used)) = day(&words, at) {
            let last = words.get(at + used - 1).unwrap_or(word);
            found.push(Found {
                figure,
                at: word.at..last.range().end,
            });
            skip = at + used;
            continue;
        }
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        let after = words.get(at + 1);
        if one(word, before, after, language, &mut found) == Takes::WithNext {
            skip = at + 2;
        }
    }
    found
}

/// Whether a figure goes on in the next word: `1.2 million`.
#[derive(PartialEq, Eq)]
enum Takes {
    ItsWord,
    WithNext,
}

/// The figures of one word.
fn one(
    word: &Word<'_>,
    before: Option<&Word<'_>>,
    after: Option<&Word<'_>>,
    language: Language,
    found: &mut Vec<Found>,
) -> Takes {
    let text = word.text;
    let mut push = |figure: Figure| {
        found.push(Found {
            figure,
            at: word.range(),
        });
    };
    if text.contains("://") {
        push(Figure::Address(text.to_owned()));
        return Takes::ItsWord;
    }
    if let Some(date) = iso_date(text) {
        push(Figure::Day {
            day: date.day(),
            month: date.month(),
            year: Some(date.year()),
        });
        if let Some(time) = text.get(11..).and_then(clock_time) {
            push(Figure::Time(time));
        }
        return Takes::ItsWord;
    }
    if let Some(figure) = dotted_date(text) {
        push(figure);
        return Takes::ItsWord;
    }
    if let Some(time) = clock_time(text) {
        push(Figure::Time(time));
        return Takes::ItsWord;
    }
    let lower = text.to_lowercase();
    if let Some((_, code)) = CURRENCIES.iter().find(|(sign, _)| *sign == lower) {
        push(Figure::Currency(code));
        return Takes::ItsWord;
    }
    if !text.chars().any(char::is_numeric) {
        let value = NUMBER_WORDS.iter().find(|(name, _)| *name == lower);
        if let Some((_, value)) = value {
            push(Figure::Number(Number {
                value: Decimal::from(*value),
                within: Decimal::ZERO,
                percent: false,
                word: true,
            }));
        }
        return Takes::ItsWord;
    }
    for (sign, code) in CURRENCIES
        .iter()
        .filter(|(sign, _)| !sign.is_ascii() || *sign == "$")
    {
        if text.contains(sign) {
            push(Figure::Currency(code));
        }
    }
    let about = before.is_some_and(|before| ABOUT.contains(&before.text.to_lowercase().as_str()))
        || text.starts_with('~');
    match number(text, after.map(|after| after.text), about, language) {
        Some(number) => {
            push(Figure::Number(number));
            let ends_in_digit = text.ends_with(|c: char| c.is_ascii_digit());
            if ends_in_digit && after.is_some_and(|after| is_scale(after.text)) {
                return Takes::WithNext;
            }
        }
        None => {
            // A range such as `3-5` or `58/120` is its parts, anything else is a key.
            let parts: Vec<&str> = text.split(['-', '–', '/', '…']).collect();
            let numbers: Option<Vec<Number>> = parts
                .iter()
                .map(|part| number(part, None, about, language))
                .collect();
            match numbers {
                Some(numbers) if parts.len() == 2 => {
                    numbers
                        .into_iter()
                        .for_each(|number| push(Figure::Number(number)));
                }
                _ => push(Figure::Key(text.to_owned())),
            }
        }
    }
    Takes::ItsWord
}

/// `million`, `Mio.`
fn is_scale(word: &str) -> bool {
    let word = word.trim_end_matches('.').to_lowercase();
    SCALES.iter().any(|(name, _)| *name == word)
}

/// `20 May 1998`, `May 20, 1998`, `20. Mai`: the figure and how many words it takes.
fn day(words: &[Word<'_>], at: usize) -> Option<(Figure, usize)> {
    let month = |word: &Word<'_>| {
        let lower = word.text.trim_end_matches('.').to_lowercase();
        MONTHS
            .iter()
            .find(|(name, _)| *name == lower)
            .map(|(_, month)| *month)
    };
    let day_of = |word: &Word<'_>| {
        let digits = word
            .text
            .trim_end_matches(|c: char| c.is_ascii_alphabetic() || matches!(c, '.' | 'º' | 'ª'));
        let suffix = word.text.get(digits.len()..).unwrap_or_default();
        let is_suffix = matches!(suffix, "" | "." | "st" | "nd" | "rd" | "th" | "er" | "º");
        (is_suffix && digits.len() <= 2)
            .then(|| digits.parse::<i8>().ok())
            .flatten()
            .filter(|day| (1..=31).contains(day))
    };
    let year_of = |word: Option<&Word<'_>>| {
        word.filter(|word| word.text.len() == 4)
            .and_then(|word| word.text.parse::<i16>().ok())
            .filter(|year| (1900..2200).contains(year))
    };
    let first = words.get(at)?;
    let second = words.get(at + 1)?;
    let (day, month) = match (day_of(first), month(second)) {
        (Some(day), Some(month)) => (day, month),
        _ => (day_of(second)?, month(first)?),
    };
    let year = year_of(words.get(at + 2));
    Some((
        Figure::Day { day, month, year },
        2 + usize::from(year.is_some()),
    ))
}

fn iso_date(text: &str) -> Option<Date> {
    let head = text.get(..10)?;
    let rest = text.get(10..).unwrap_or_default();
    let fits = rest.is_empty() || rest.starts_with(['T', ' ']);
    fits.then(|| head.parse().ok()).flatten()
}

/// `20.05.1998`, `20/05/1998`, `20.5.`: day before month.
fn dotted_date(text: &str) -> Option<Figure> {
    let separator = if text.contains('/') { '/' } else { '.' };
    let parts: Vec<&str> = text.trim_end_matches('.').split(separator).collect();
    let [day, month, year] = parts.as_slice() else {
        return None;
    };
    if day.len() > 2 || month.len() > 2 || !matches!(year.len(), 2 | 4) {
        return None;
    }
    let year: i16 = year.parse().ok()?;
    let date = Date::new(
        if year < 100 { 2000 + year } else { year },
        month.parse().ok()?,
        day.parse().ok()?,
    )
    .ok()?;
    Some(Figure::Day {
        day: date.day(),
        month: date.month(),
        year: Some(date.year()),
    })
}

fn clock_time(text: &str) -> Option<Time> {
    let core = text.trim_end_matches(|c: char| c.is_alphabetic());
    let mut parts = core.split(':');
    let (hour, minute) = (parts.next()?, parts.next()?);
    if hour.is_empty() || hour.len() > 2 || minute.len() != 2 {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// A number as a reader of this language takes it. Where a single point or comma before three digits could mean either, the
/// language decides.
fn number(text: &str, after: Option<&str>, about: bool, language: Language) -> Option<Number> {
    let core = text.trim_start_matches(['~', '#', '$', '€', '£', '¥', '+']);
    let negative = core.starts_with(['-', '−', '–']);
    let core = core.trim_start_matches(['-', '−', '–', '$', '€', '£', '¥']);
    let percent = core.ends_with('%') || after == Some("%");
    let core = core.trim_end_matches(['%', '$', '€', '£', '¥']);
    let digits_end = core.rfind(|c: char| c.is_ascii_digit()).map(|at| at + 1)?;
    let (digits, suffix) = core.split_at(digits_end);
    let is_digit =
        |c: char| c.is_ascii_digit() || c.is_whitespace() || matches!(c, '.' | ',' | '\'' | '’');
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || !digits.chars().all(is_digit) {
        return None;
    }
    let scale_word = if suffix.is_empty() {
        after.unwrap_or_default()
    } else {
        suffix
    };
    let scale_word = scale_word.trim_end_matches('.').to_lowercase();
    let scale = SCALES
        .iter()
        .find(|(name, _)| *name == scale_word)
        .map(|(_, scale)| Decimal::from(*scale));
    // `7d` and `31h` are numbers with their unit.
    let is_unit = suffix.chars().count() <= 2 && suffix.chars().all(char::is_alphabetic);
    if scale.is_none() && !is_unit {
        return None;
    }
    let plain = plain_digits(digits, language)?;
    let value: Decimal = plain.parse().ok()?;
    let scale = scale.unwrap_or(Decimal::ONE);
    let places = plain
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    // More places than a decimal holds were rounded off with the value.
    let places_held = places.min(MOST_PLACES);
    let mut place = Decimal::try_new(1, u32::try_from(places_held).ok()?).ok()?;
    if about && places == 0 {
        let zeros = plain.chars().rev().take_while(|c| *c == '0').count();
        let zeros = zeros.min(plain.len().saturating_sub(1));
        place = Decimal::from(10_i64.checked_pow(u32::try_from(zeros).ok()?)?);
    }
    let value = value.checked_mul(scale)?;
    Some(Number {
        value: if negative { -value } else { value },
        within: place.checked_mul(scale)? / Decimal::TWO,
        percent,
        word: false,
    })
}

/// The digits with `.` for the decimal point and no other mark.
fn plain_digits(digits: &str, language: Language) -> Option<String> {
    let bare: String = digits
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '\'' | '’'))
        .collect();
    let (points, commas) = (bare.matches('.').count(), bare.matches(',').count());
    let last = bare.rfind(['.', ',']);
    let decimal = match (points, commas, last) {
        (0, 0, _) | (_, _, None) => None,
        (1.., 1.., Some(at)) => Some(at),
        (2.., 0, _) | (0, 2.., _) => None,
        (_, _, Some(at)) => {
            let is_group = bare.len() - at == 4 && at <= 3;
            let decimal_mark = if language == Language::English {
                '.'
            } else {
                ','
            };
            let mark = if points == 1 { '.' } else { ',' };
            (!is_group || mark == decimal_mark).then_some(at)
        }
    };
    let plain: String = bare
        .char_indices()
        .filter_map(|(at, c)| match c {
            '.' | ',' if Some(at) == decimal => Some('.'),
            '.' | ',' => None,
            c => Some(c),
        })
        .collect();
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, language: Language) -> Vec<String> {
        figures(text, language)
            .into_iter()
            .map(|found| match found.figure {
                Figure::Number(number) => {
                    let percent = if number.percent { "%" } else { "" };
                    format!("{}{percent}", number.value.normalize())
                }
                Figure::Day { day, month, year } => {
                    format!(
                        "{day}.{month}.{}",
                        year.map_or(String::new(), |y| y.to_string())
                    )
                }
                Figure::Time(time) => time.strftime("%H:%M").to_string(),
                Figure::Key(key) => format!("key {key}"),
                Figure::Address(address) => address,
                Figure::Currency(code) => code.to_owned(),
            })
            .collect()
    }

    #[test]
    fn numbers_are_read_as_the_reader_of_the_language_reads_them() {
        for (text, language, expected) in [
            ("1,234 orders", Language::English, vec!["1234"]),
            ("1.234 Aufträge", Language::German, vec!["1234"]),
            ("1.234 orders", Language::English, vec!["1.234"]),
            ("net 28,872.19 of", Language::English, vec!["28872.19"]),
            ("netto 28.872,19", Language::German, vec!["28872.19"]),
            ("$28.9k", Language::English, vec!["USD", "28900"]),
            ("€1.2 million", Language::English, vec!["EUR", "1200000"]),
            ("15.6 % and 9.4%", Language::English, vec!["15.6%", "9.4%"]),
            ("fell by -5", Language::English, vec!["-5"]),
            ("three of 21", Language::English, vec!["3", "21"]),
            ("between 3-5 days", Language::English, vec!["3", "5"]),
            ("after 31h", Language::English, vec!["31"]),
            ("1'234.50 CHF", Language::German, vec!["1234.5", "CHF"]),
            (
                "6\u{202f}523,14 €",
                Language::French,
                vec!["6523.14", "EUR"],
            ),
            (
                "1 204 commandes de 12 clients",
                Language::French,
                vec!["1204", "12"],
            ),
            (
                "1\u{a0}250\u{a0}000 au total",
                Language::French,
                vec!["1250000"],
            ),
            (
                "en 2026 123 commandes",
                Language::French,
                vec!["2026", "123"],
            ),
            ("orders 12 345", Language::English, vec!["12", "345"]),
        ] {
            assert_eq!(read(text, language), expected, "{text}");
        }
    }

    #[test]
    fn dates_times_keys_and_addresses_are_told_apart() {
        for (text, expected) in [
            ("due 1998-05-06, late", vec!["6.5.1998"]),
            ("due 6 May 1998.", vec!["6.5.1998"]),
            ("on May 6th", vec!["6.5."]),
            ("am 06.05.1998", vec!["6.5.1998"]),
            ("at 06:58", vec!["06:58"]),
            ("PAY-1182 blocks !2041", vec!["key PAY-1182", "2041"]),
            ("commit 4f2c9e1 of", vec!["key 4f2c9e1"]),
            (
                "see https://a.example/1?x=2",
                vec!["https://a.example/1?x=2"],
            ),
        ] {
            let read: Vec<String> = read(text, Language::English)
                .into_iter()
                .map(|figure| figure.replace("key !2041", "2041"))
                .collect();
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn numbers_beyond_all_bounds_are_read_or_left_and_end_nothing() {
        for text in [
            "0.00000000000000000000000000000000000001",
            "0.0000000000000000000000000001k",
            "79228162514264337593543950335",
            "79228162514264337593543950335 billion",
            "-79228162514264337593543950336.5 %",
            "about 100000000000000000000000000000000000000",
        ] {
            for language in [Language::English, Language::German] {
                figures(text, language);
            }
        }
    }

    #[test]
    fn a_hedged_round_number_may_differ_by_half_of_its_last_place() {
        let within = |text: &str| match &figures(text, Language::English)[0].figure {
            Figure::Number(number) => number.within,
            other => panic!("{other:?}"),
        };
        assert_eq!(within("about 29,000"), Decimal::from(500));
        assert_eq!(within("29,000"), Decimal::new(5, 1));
        assert_eq!(within("28.9k"), Decimal::from(50));
    }
}
