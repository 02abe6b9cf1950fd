//! What expressions may call, besides minijinja's own filters.
//!
//! [`FUNCTIONS`](super::FUNCTIONS) has all of them, each with an example that a test holds.
//!
//! A date or time without a zone is read in the reader's zone.

use std::sync::Arc;

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use minijinja::{
    Environment, Error, ErrorKind,
    value::{Kwargs, Value},
};
use rust_decimal::Decimal;

use super::{
    companies::{email_domain, legal_name},
    kinds::{self, Arithmetic, Kind, Typed, Unit},
    values::of_json,
};
use crate::{
    domain::{calendar::Calendar, finding::FactValue},
    exact::{Exact, NotExact},
    money::{Currency, Money},
};

fn failed(what: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

/// The exact number that a value is, or that its text says: here the author asks for a number.
pub(super) fn number(value: &Value) -> Result<Exact, Error> {
    let kind = Kind::of(value);
    match &kind {
        Kind::Number(number, _) => Ok(number.clone()),
        Kind::Text(text) => Exact::parse(text.trim()).map_err(|why| match why {
            NotExact::NoNumber => failed("the text is no number".to_owned()),
            why => failed(format!("the number {why}")),
        }),
        Kind::Missing => Err(missing()),
        other => Err(failed(format!("{} is no number", other.told()))),
    }
}

/// The number of a value that is one already, as a figure; a text is none.
pub(super) fn decimal(value: &Value) -> Result<Decimal, String> {
    match Kind::of(value) {
        Kind::Number(number, _) => number
            .to_decimal()
            .map_err(|why| format!("gives a number that {why}")),
        Kind::Text(_) => {
            Err("gives a text, not a number; read it as one with `|number`".to_owned())
        }
        other => Err(format!("gives {}, not a number", other.told())),
    }
}

fn missing() -> Error {
    Error::new(ErrorKind::UndefinedError, "a field is not there")
}

/// The number with a unit; one that has another already is not called by this one.
fn in_unit(value: &Value, unit: Unit) -> Result<Value, Error> {
    if let Kind::Number(_, own) = Kind::of(value)
        && own != Unit::Plain
        && own != unit
    {
        let (own, wanted) = (value.clone(), kinds::with_unit(0.into(), unit));
        let unlike = kinds::order(&own, &wanted).err();
        return Err(unlike.map_or_else(
            || failed("is of another unit".to_owned()),
            |unlike| unlike.error(),
        ));
    }
    Ok(kinds::with_unit(number(value)?, unit))
}

/// A whole number as one that a fact holds.
fn whole(number: &Exact, what: &str) -> Result<i64, String> {
    number
        .to_i64()
        .ok_or_else(|| format!("gives {what} that is not whole, or too large"))
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
    let kind = Kind::of(value);
    match &kind {
        Kind::Date(date) => return Ok(Moment::Day(*date)),
        Kind::Instant(instant) => return Ok(Moment::Instant(*instant)),
        Kind::Missing => return Err(missing()),
        _ => {}
    }
    if let Kind::Number(number, Unit::Plain) = &kind
        // A sample of Prometheus has a fraction.
        && let Some(seconds) = number.floor(0).to_i64()
    {
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
        .ok_or_else(|| failed(format!("{} is no date", kind.told())))?
        .trim();
    if let Some(instant) = instant_as_written(text) {
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

/// The instant of a text that says its offset: RFC 3339 and ISO 8601, also with a space before the offset (`git log`) or with
/// `UTC` or `GMT` for it (mcp-atlassian), and RFC 5322 (mail, HTTP).
fn instant_as_written(text: &str) -> Option<Timestamp> {
    let plain = text.parse::<Timestamp>().ok();
    let spaced = || {
        let (local, offset) = text.rsplit_once(' ')?;
        let offset = match offset {
            "UTC" | "GMT" => "Z",
            offset => offset,
        };
        format!("{local}{offset}").parse().ok()
    };
    let mail = || {
        let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(zoned.timestamp())
    };
    plain.or_else(spaced).or_else(mail)
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

/// A length in hours, exactly.
fn hours_of(duration: jiff::SignedDuration) -> Value {
    const NANOSECONDS: i128 = 3_600_000_000_000;
    kinds::plain(Exact::ratio(duration.as_nanos(), NANOSECONDS))
}

/// The date of a text of ours; nothing where it is a point in time.
pub(super) fn day_of(value: &Value) -> Option<Value> {
    match moment(value).ok()? {
        Moment::Day(date) => Some(Value::from_object(Typed::Date(date))),
        Moment::Local(_) | Moment::Instant(_) => None,
    }
}

/// The instant of a text of ours; nothing where it says none.
pub(super) fn instant_of(value: &Value) -> Option<Value> {
    match moment(value).ok()? {
        Moment::Instant(instant) => Some(Value::from_object(Typed::Instant(instant))),
        Moment::Day(_) | Moment::Local(_) => None,
    }
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
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
        hours_of(now.duration_since(instant_in(&value, &zone)?))
    });
    with_zone!("hours_until", |value, zone| {
        hours_of(instant_in(&value, &zone)?.duration_since(now))
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
    env.add_function(
        "ratio",
        |part: Value, whole: Value| -> Result<Value, Error> {
            let (part, whole) = (read(&part)?, read(&whole)?);
            if number(&whole)?.is_zero() {
                return Ok(Value::from(0));
            }
            let ratio = kinds::compute(Arithmetic::Divide, &part, &whole).map_err(not_computed)?;
            Ok(kinds::plain(number(&ratio)?))
        },
    );
    {
        let zone = zone.clone();
        env.add_filter("date", move |value: Value| {
            Ok::<_, Error>(Value::from_object(Typed::Date(date_in(&value, &zone)?)))
        });
    }
    {
        let zone = zone.clone();
        env.add_filter("datetime", move |value: Value| {
            Ok::<_, Error>(Value::from_object(Typed::Instant(instant_in(
                &value, &zone,
            )?)))
        });
    }
    env.add_filter(
        "money",
        |value: Value, currency: String| -> Result<Value, Error> {
            let currency = Currency::new(&currency).map_err(|error| failed(error.to_string()))?;
            in_unit(&value, Unit::Money(currency))
        },
    );
    env.add_filter("number", |value: Value| {
        Ok::<_, Error>(kinds::plain(number(&value)?))
    });
    env.add_filter("percent", |value: Value| -> Result<Value, Error> {
        if matches!(Kind::of(&value), Kind::Number(_, Unit::Percent)) {
            return Ok(value);
        }
        let share = number(&in_unit(&value, Unit::Percent)?)?
            .multiply(&100.into())
            .map_err(|why| failed(format!("the share {why}")))?;
        in_unit(&kinds::plain(share), Unit::Percent)
    });
    env.add_filter(
        "count",
        |value: Value, of: Option<String>| -> Result<Value, Error> {
            // Without a name it is minijinja's own: how long a list is.
            let Some(of) = of else {
                return value
                    .len()
                    .map(Value::from)
                    .ok_or_else(|| failed(format!("{} has no length", Kind::of(&value).told())));
            };
            whole(&number(&value)?, "a number of things").map_err(failed)?;
            in_unit(&value, Unit::Count(of))
        },
    );
    env.add_filter("days", |value: Value| in_unit(&value, Unit::Days));
    env.add_filter("working_days", |value: Value| {
        in_unit(&value, Unit::WorkingDays)
    });
    env.add_filter("hours", |value: Value| in_unit(&value, Unit::Hours));
    env.add_filter(
        "sum",
        |list: Value, field: Option<String>, options: Kwargs| -> Result<Value, Error> {
            let attribute: Option<String> = options.get("attribute")?;
            options.assert_all_used()?;
            let field = field.or(attribute);
            let mut sum = Value::from(0);
            for record in list.try_iter()? {
                let value = match &field {
                    Some(field) => super::filters::field(&record, field),
                    None => record,
                };
                sum =
                    kinds::compute(Arithmetic::Add, &sum, &read(&value)?).map_err(not_computed)?;
            }
            Ok(sum)
        },
    );
    env.add_filter("lines", |text: Option<String>| {
        lines(text.as_deref().unwrap_or_default())
    });
    env.add_filter("records", |text: Option<String>, first: String| {
        crate::text::records(text.as_deref().unwrap_or_default(), &first)
    });
    env.add_filter("json", |value: Value| match &Kind::of(&value) {
        Kind::Text(text) => serde_json::from_str(text)
            .map(|json| of_json(&json))
            .map_err(|_| failed("the text is no JSON".to_owned())),
        Kind::Missing => Err(missing()),
        other => Err(failed(format!("{} is no text of JSON", other.told()))),
    });
    env.add_filter("email_domain", |text: Option<String>| {
        email_domain(text.as_deref().unwrap_or_default())
    });
    env.add_filter("legal_name", |text: Option<String>| {
        legal_name(text.as_deref().unwrap_or_default())
    });
}

/// A value as the number that it is or says, with the unit that it has.
fn read(value: &Value) -> Result<Value, Error> {
    match Kind::of(value) {
        Kind::Number(..) => Ok(value.clone()),
        _ => Ok(kinds::plain(number(value)?)),
    }
}

fn not_computed(why: kinds::Failed) -> Error {
    match why {
        kinds::Failed::Unlike(unlike) => unlike.error(),
        kinds::Failed::NotExact(why) => failed(format!("the result {why}")),
    }
}

/// The fact that an expression's value is; text where it has no kind of its own. No list or table is one.
///
/// A plain number of more digits than a figure holds stands as text, with all of them.
pub(super) fn fact(value: &Value) -> Result<FactValue, String> {
    let figure = |number: &Exact| {
        number
            .to_decimal()
            .map_err(|why| format!("gives a number that {why}"))
    };
    Ok(match Kind::of(value) {
        Kind::Nothing => FactValue::Text(String::new()),
        Kind::Text(text) | Kind::Long(text) => FactValue::Text(text.to_owned()),
        Kind::Date(date) => FactValue::Date(date),
        Kind::Instant(instant) => FactValue::Instant(instant),
        Kind::Number(number, unit) => match unit {
            Unit::Plain => number
                .to_decimal()
                .map_or_else(|_| FactValue::Text(number.to_string()), FactValue::Number),
            Unit::Money(currency) => FactValue::Money(Money {
                amount: figure(&number)?,
                currency,
            }),
            Unit::Percent => FactValue::Percent(figure(&number.round(1))?),
            Unit::Hours => FactValue::Hours(figure(&number.round(1))?),
            Unit::Days => FactValue::Days(whole(&number.round(0), "a number of days")?),
            Unit::WorkingDays => {
                FactValue::WorkingDays(whole(&number.round(0), "a number of working days")?)
            }
            Unit::Count(of) => FactValue::Count {
                count: whole(&number, "a number of things")?,
                of,
            },
        },
        other => return Err(format!("gives {}, which is no fact", other.told())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_servers_write_it() {
        let six: Timestamp = "2026-11-24T06:00:00Z".parse().unwrap();
        for text in [
            "2026-11-24T06:00:00.000Z",
            "2026-11-24T06:00:00.000+0000",
            "2026-11-24T07:00:00+01:00",
            "2026-11-24 06:00:00+00:00",
            "2026-11-24 06:00:00 UTC",
            "2026-11-24 06:00:00 GMT",
            "2026-11-24 07:00:00 +0100",
            "2026-11-24 07:00:00 +01:00",
            "Tue, 24 Nov 2026 07:00:00 +0100",
            "Tue, 24 Nov 2026 06:00:00 GMT",
        ] {
            assert_eq!(
                instant_in(&Value::from(text), &TimeZone::UTC).unwrap(),
                six,
                "{text}"
            );
        }
        for number in ["1795500000", "1795500000.571", "1795500000571"] {
            let value = kinds::as_written(number);
            let instant = instant_in(&value, &TimeZone::UTC).unwrap();
            assert_eq!(instant.as_second(), six.as_second(), "{number}");
        }
        for text in [
            "UTC",
            "2026-11-24 UTC",
            "06:00:00 UTC",
            "2026-11-24 06:00:00 CET",
            "1795500000 UTC",
        ] {
            assert!(
                instant_in(&Value::from(text), &TimeZone::UTC).is_err(),
                "{text}"
            );
        }
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
    fn a_number_is_read_from_text_only_where_it_is_asked_for() {
        let text = Value::from(" 28872.19 ");
        assert_eq!(number(&text).unwrap().to_string(), "28872.19");
        assert!(decimal(&text).unwrap_err().contains("|number"));
        for nothing in [
            Value::from("x"),
            Value::from(""),
            Value::from(()),
            Value::from(true),
        ] {
            assert!(number(&nothing).is_err(), "{nothing}");
        }
    }

    #[test]
    fn a_fact_is_never_rounded_and_a_long_number_keeps_its_digits() {
        let id = kinds::as_written("123456789012345678901234567890123456789");
        assert_eq!(
            fact(&id),
            Ok(FactValue::Text(
                "123456789012345678901234567890123456789".to_owned()
            ))
        );
        let currency = Currency::new("EUR").unwrap();
        let amount = in_unit(&id, Unit::Money(currency)).unwrap();
        assert!(fact(&amount).unwrap_err().contains("28 digits"));
        let amount = in_unit(
            &kinds::as_written("90071992547409.93"),
            Unit::Money(currency),
        );
        let Ok(FactValue::Money(money)) = fact(&amount.unwrap()) else {
            panic!("no amount");
        };
        assert_eq!(money.amount.to_string(), "90071992547409.93");
        let dollars = Unit::Money(Currency::new("USD").unwrap());
        assert!(in_unit(&amount_of("5", currency), dollars).is_err());
    }

    fn amount_of(text: &str, currency: Currency) -> Value {
        in_unit(&kinds::as_written(text), Unit::Money(currency)).unwrap()
    }
}
