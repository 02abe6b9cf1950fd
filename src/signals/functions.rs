//! What expressions may call, besides minijinja's own filters.
//!
//! [`FUNCTIONS`](super::FUNCTIONS) has all of them, each with an example that a test holds.
//!
//! A date or time without a zone is read in the reader's zone.

use std::{cmp::Ordering, fmt, str::FromStr, sync::Arc};

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use minijinja::{
    Environment, Error, ErrorKind,
    value::{DynObject, Object, ObjectRepr, Value},
};
use rust_decimal::Decimal;
use unicode_normalization::UnicodeNormalization;

use crate::{
    domain::{calendar::Calendar, finding::FactValue},
    money::{Currency, Money},
};

/// A typed value within expressions; what a fact becomes without losing its kind.
#[derive(Debug, Clone)]
pub(super) struct Typed(pub FactValue);

impl Typed {
    fn number(&self) -> Option<Decimal> {
        match &self.0 {
            FactValue::Number(number) | FactValue::Percent(number) | FactValue::Hours(number) => {
                Some(*number)
            }
            FactValue::Count { count, .. }
            | FactValue::Days(count)
            | FactValue::WorkingDays(count) => Some(Decimal::from(*count)),
            FactValue::Money(money) => Some(money.amount),
            FactValue::Text(_) | FactValue::Date(_) | FactValue::Instant(_) => None,
        }
    }
}

impl Object for Typed {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.number().is_none_or(|number| !number.is_zero())
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        match (&self.0, &other.0) {
            (FactValue::Date(a), FactValue::Date(b)) => Some(a.cmp(b)),
            (FactValue::Instant(a), FactValue::Instant(b)) => Some(a.cmp(b)),
            _ => Some(self.number()?.cmp(&other.number()?)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            FactValue::Text(text) => f.write_str(text),
            FactValue::Date(date) => write!(f, "{date}"),
            FactValue::Instant(instant) => write!(f, "{instant}"),
            _ => write!(f, "{}", self.number().unwrap_or_default()),
        }
    }
}

fn failed(what: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

fn typed(value: FactValue) -> Value {
    Value::from_object(Typed(value))
}

/// The exact number behind a value: text is read as written, floats by their shortest form to nine decimals.
pub(super) fn decimal(value: &Value) -> Option<Decimal> {
    if let Some(typed) = value.downcast_object_ref::<Typed>() {
        return typed.number();
    }
    let text = match value.as_str() {
        Some(text) => text.trim().to_owned(),
        None if value.is_number() => value.to_string(),
        None => return None,
    };
    let number = Decimal::from_str(&text)
        .or_else(|_| Decimal::from_scientific(&text))
        .ok()?;
    Some(if value.is_integer() {
        number
    } else {
        number.round_dp(9).normalize()
    })
}

fn number(value: &Value) -> Result<Decimal, Error> {
    decimal(value).ok_or_else(|| failed(format!("{} is no number", value.kind())))
}

fn whole(value: &Value) -> Result<i64, Error> {
    let number = number(value)?.round();
    i64::try_from(number).map_err(|_| failed("the number is too large".to_owned()))
}

/// A point in time as a source writes it.
#[derive(Clone, Copy)]
enum Moment {
    Day(Date),
    Local(DateTime),
    Instant(Timestamp),
}

/// Milliseconds since 1970 are told from seconds by their size: below this they are seconds (year 5138).
const LARGEST_SECONDS: i64 = 100_000_000_000;

fn moment(value: &Value) -> Result<Moment, Error> {
    if let Some(typed) = value.downcast_object_ref::<Typed>() {
        match typed.0 {
            FactValue::Date(date) => return Ok(Moment::Day(date)),
            FactValue::Instant(instant) => return Ok(Moment::Instant(instant)),
            _ => {}
        }
    }
    if let Some(seconds) = value.as_i64() {
        let instant = if seconds.abs() < LARGEST_SECONDS {
            Timestamp::from_second(seconds)
        } else {
            Timestamp::from_millisecond(seconds)
        };
        return instant
            .map(Moment::Instant)
            .map_err(|_| failed("the number is no point in time".to_owned()));
    }
    let text = value
        .as_str()
        .ok_or_else(|| failed(format!("{} is no date", value.kind())))?
        .trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(Moment::Instant(instant));
    }
    if text.len() <= 10
        && let Ok(date) = text.parse::<Date>()
    {
        return Ok(Moment::Day(date));
    }
    let local = text
        .parse::<DateTime>()
        .map_err(|_| failed("the text is no date".to_owned()))?;
    Ok(Moment::Local(local))
}

fn date_in(value: &Value, zone: &TimeZone) -> Result<Date, Error> {
    Ok(match moment(value)? {
        Moment::Day(date) => date,
        Moment::Local(local) => local.date(),
        Moment::Instant(instant) => zone.to_datetime(instant).date(),
    })
}

fn instant_in(value: &Value, zone: &TimeZone) -> Result<Timestamp, Error> {
    let local = match moment(value)? {
        Moment::Instant(instant) => return Ok(instant),
        Moment::Day(date) => date.at(0, 0, 0, 0),
        Moment::Local(local) => local,
    };
    zone.to_timestamp(local)
        .map_err(|_| failed("the date is out of range".to_owned()))
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

/// Addresses of these belong to people, not to companies.
const FREE_MAIL: [&str; 18] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "yahoo.com",
    "icloud.com",
    "me.com",
    "aol.com",
    "gmx.de",
    "gmx.net",
    "gmx.ch",
    "web.de",
    "t-online.de",
    "proton.me",
    "protonmail.com",
    "bluewin.ch",
    "orange.fr",
];

/// Suffixes of two parts under which companies register.
const TWO_PART_SUFFIXES: [&str; 10] = [
    "co.uk", "org.uk", "com.au", "co.nz", "co.jp", "com.br", "co.za", "com.mx", "co.in", "com.tr",
];

/// The registrable domain of an address or host, lower case; empty for free mail and for what is none.
fn email_domain(text: &str) -> String {
    let host = text
        .rsplit('@')
        .next()
        .unwrap_or(text)
        .trim()
        .trim_end_matches('.')
        .to_lowercase();
    let parts: Vec<&str> = host.split('.').collect();
    let keep = if TWO_PART_SUFFIXES
        .iter()
        .any(|suffix| host.ends_with(&format!(".{suffix}")))
    {
        3
    } else {
        2
    };
    let domain = match parts.len().checked_sub(keep) {
        Some(first) => parts.get(first..).unwrap_or_default().join("."),
        None => return String::new(),
    };
    if FREE_MAIL.contains(&domain.as_str()) {
        String::new()
    } else {
        domain
    }
}

/// Words that name a company's legal form.
const LEGAL_FORMS: [&str; 22] = [
    "ag",
    "gmbh",
    "kg",
    "ohg",
    "se",
    "ug",
    "inc",
    "incorporated",
    "corp",
    "corporation",
    "llc",
    "ltd",
    "limited",
    "plc",
    "sa",
    "sas",
    "sarl",
    "srl",
    "bv",
    "nv",
    "ab",
    "as",
];

/// A company's name for exact comparison: no case, accents, punctuation or legal form.
fn legal_name(text: &str) -> String {
    let plain: String = text
        .nfkd()
        .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let words: Vec<&str> = plain
        .split_whitespace()
        .filter(|word| !LEGAL_FORMS.contains(word))
        .collect();
    words.join(" ")
}

/// Lines of a text at most.
const MOST_LINES: usize = 10_000;

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(MOST_LINES)
        .map(str::to_owned)
        .collect()
}

/// Adds all of [`FUNCTIONS`](super::FUNCTIONS) to an environment, bound to an instant, a zone and a calendar.
pub(super) fn add(env: &mut Environment<'_>, now: Timestamp, zone: &TimeZone, calendar: &Calendar) {
    let today = zone.to_datetime(now).date();
    let zone = Arc::new(zone.clone());
    let calendar = Arc::new(calendar.clone());
    macro_rules! with_zone {
        ($name:literal, |$value:ident, $zone:ident| $body:expr) => {{
            let $zone = zone.clone();
            env.add_function($name, move |$value: Value| -> Result<Value, Error> {
                Ok(Value::from($body))
            });
        }};
    }
    with_zone!("days_since", |value, zone| days_between(
        date_in(&value, &zone)?,
        today
    ));
    with_zone!("days_until", |value, zone| days_between(
        today,
        date_in(&value, &zone)?
    ));
    with_zone!("hours_since", |value, zone| {
        now.duration_since(instant_in(&value, &zone)?).as_secs_f64() / 3600.0
    });
    with_zone!("hours_until", |value, zone| {
        instant_in(&value, &zone)?.duration_since(now).as_secs_f64() / 3600.0
    });
    {
        let (zone, calendar) = (zone.clone(), calendar.clone());
        env.add_function(
            "working_days_since",
            move |value: Value| -> Result<i64, Error> {
                Ok(calendar.working_days_between(date_in(&value, &zone)?, today))
            },
        );
    }
    {
        let (zone, calendar) = (zone.clone(), calendar.clone());
        env.add_function(
            "working_days_until",
            move |value: Value| -> Result<i64, Error> {
                Ok(calendar.working_days_between(today, date_in(&value, &zone)?))
            },
        );
    }
    {
        let zone = zone.clone();
        env.add_function(
            "add_days",
            move |value: Value, days: i32| -> Result<String, Error> {
                let date = date_in(&value, &zone)?
                    .checked_add(days.days())
                    .map_err(|_| failed("the date is out of range".to_owned()))?;
                Ok(date.to_string())
            },
        );
    }
    env.add_function("ratio", |part: Value, whole: Value| -> Result<f64, Error> {
        let (part, whole) = (number(&part)?, number(&whole)?);
        let ratio = part.checked_div(whole).unwrap_or_default();
        ratio
            .try_into()
            .map_err(|_| failed("the ratio is out of range".to_owned()))
    });
    {
        let zone = zone.clone();
        env.add_filter("date", move |value: Value| {
            Ok::<_, Error>(typed(FactValue::Date(date_in(&value, &zone)?)))
        });
    }
    {
        let zone = zone.clone();
        env.add_filter("datetime", move |value: Value| {
            Ok::<_, Error>(typed(FactValue::Instant(instant_in(&value, &zone)?)))
        });
    }
    env.add_filter(
        "money",
        |value: Value, currency: String| -> Result<Value, Error> {
            let currency = Currency::new(&currency).map_err(|error| failed(error.to_string()))?;
            Ok(typed(FactValue::Money(Money {
                amount: number(&value)?,
                currency,
            })))
        },
    );
    env.add_filter("number", |value: Value| {
        Ok::<_, Error>(typed(FactValue::Number(number(&value)?)))
    });
    env.add_filter("percent", |value: Value| -> Result<Value, Error> {
        let share = number(&value)?
            .checked_mul(Decimal::ONE_HUNDRED)
            .ok_or_else(|| failed("too large".to_owned()))?;
        Ok(typed(FactValue::Percent(share.round_dp(1).normalize())))
    });
    env.add_filter("count", |value: Value, of: String| {
        Ok::<_, Error>(typed(FactValue::Count {
            count: whole(&value)?,
            of,
        }))
    });
    env.add_filter("days", |value: Value| {
        Ok::<_, Error>(typed(FactValue::Days(whole(&value)?)))
    });
    env.add_filter("working_days", |value: Value| {
        Ok::<_, Error>(typed(FactValue::WorkingDays(whole(&value)?)))
    });
    env.add_filter("hours", |value: Value| {
        Ok::<_, Error>(typed(FactValue::Hours(number(&value)?.round_dp(1))))
    });
    env.add_filter(
        "sum",
        |list: Value, field: Option<String>| -> Result<Value, Error> {
            let mut sum = Decimal::ZERO;
            for record in list.try_iter()? {
                let value = match &field {
                    Some(field) => record.get_attr(field)?,
                    None => record,
                };
                sum = sum
                    .checked_add(number(&value)?)
                    .ok_or_else(|| failed("the sum is too large".to_owned()))?;
            }
            Ok(typed(FactValue::Number(sum)))
        },
    );
    env.add_filter("lines", |text: Option<String>| {
        lines(text.as_deref().unwrap_or_default())
    });
    env.add_filter("records", |text: Option<String>, first: String| {
        crate::text::records(text.as_deref().unwrap_or_default(), &first)
    });
    env.add_filter("email_domain", |text: Option<String>| {
        email_domain(text.as_deref().unwrap_or_default())
    });
    env.add_filter("legal_name", |text: Option<String>| {
        legal_name(text.as_deref().unwrap_or_default())
    });
}

/// The fact that an expression's value is; text where it has no kind of its own. Nothing for lists and tables.
pub(super) fn fact(value: &Value) -> Option<FactValue> {
    if let Some(typed) = value.downcast_object_ref::<Typed>() {
        return Some(typed.0.clone());
    }
    if value.is_none() {
        return Some(FactValue::Text(String::new()));
    }
    if let Some(text) = value.as_str() {
        return Some(FactValue::Text(text.to_owned()));
    }
    if value.is_number() {
        return decimal(value).map(FactValue::Number);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_folded_and_free_mail_is_nobody() {
        for (address, domain) in [
            ("it@eu.hartmann.example", "hartmann.example"),
            ("hartmann.example", "hartmann.example"),
            ("a@shop.acme.co.uk", "acme.co.uk"),
            ("maria@gmail.com", ""),
            ("nonsense", ""),
        ] {
            assert_eq!(email_domain(address), domain, "{address}");
        }
    }

    #[test]
    fn legal_names_compare_without_form_case_and_accents() {
        assert_eq!(
            legal_name("Müller & Söhne GmbH"),
            legal_name("MULLER  SOHNE")
        );
        assert_ne!(legal_name("Müller"), legal_name("Mueller"));
    }

    #[test]
    fn a_text_of_named_lines_becomes_records() {
        let text = "Commit history:\nCommit: a1\nAuthor: Priya\nDate: 2026-11-20 10:00:00+01:00\nMessage: Fix retry\n\nAuthor: not this one\nmore\n\nCommit: b2\nMessage: Add";
        let records = crate::text::records(text, "Commit");
        assert_eq!(records.len(), 2);
        assert_eq!(records[0]["author"], "Priya");
        assert_eq!(
            records[0]["message"],
            "Fix retry\n\nAuthor: not this one\nmore"
        );
        assert_eq!(records[1]["commit"], "b2");
        assert_eq!(crate::text::records("nothing here", "Commit").len(), 0);
        assert_eq!(lines("  feature\n* main\n\n"), ["feature", "* main"]);
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(decimal(&Value::from(4680.9)).unwrap().to_string(), "4680.9");
        assert_eq!(
            decimal(&Value::from("28872.19")).unwrap().to_string(),
            "28872.19"
        );
        assert_eq!(decimal(&Value::from(0.1 + 0.2)).unwrap().to_string(), "0.3");
        assert_eq!(decimal(&Value::from("x")), None);
    }
}
