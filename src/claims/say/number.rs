//! Numbers as a person writes them, without turning a claim around.

use ground::{exact::Exact, money::Currency};
use rust_decimal::Decimal;

use super::Voice;
use crate::computed::{Measured, Quantity};

/// From here on a sum has no cents, and from there it is said in millions.
const WITHOUT_CENTS: i64 = 1_000;
const MILLION: i64 = 1_000_000;
const BILLION: i64 = 1_000_000_000;
/// The finest step of rounding that is tried before all digits are written.
const MAX_PLACES: i32 = 6;
/// Figures of a number in millions.
const MILLION_PLACES: i32 = 2;

/// A number as printed, with the value that stands on the page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Printed {
    pub text: String,
    pub value: Exact,
}

impl Voice {
    /// A number, at a level of detail: 0 as short as it may be, then with more digits.
    pub fn quantity(&self, quantity: &Quantity, level: i32) -> Printed {
        match quantity.unit {
            Measured::Percent if !quantity.is_of_record => self.percent(&quantity.value, level),
            Measured::Points => {
                let places = places_of_points(&quantity.value) + level;
                let value = quantity.value.round(places);
                let key = if self.is_one(&value) {
                    "unit.point"
                } else {
                    "unit.points"
                };
                let text = self.words().fill(key, &[("v", &self.decimal(&value))]);
                Printed { text, value }
            }
            _ => self.amount(quantity, level),
        }
    }

    fn amount(&self, quantity: &Quantity, level: i32) -> Printed {
        let value = &quantity.value;
        let size = value.abs();
        let large = size >= Exact::from(MILLION) && !quantity.is_of_record && level == 0;
        let (value, number) = if large {
            let (unit, key) = if size >= Exact::from(BILLION) {
                (BILLION, "unit.billion")
            } else {
                (MILLION, "unit.million")
            };
            let whole = value.divide(&unit.into()).unwrap_or_else(|_| value.clone());
            let short = whole.round(MILLION_PLACES);
            let shown = short
                .multiply(&unit.into())
                .unwrap_or_else(|_| value.clone());
            let number = self.words().fill(key, &[("v", &self.decimal(&short))]);
            (shown, number)
        } else {
            let places = self.places(quantity, level);
            let shown = value.round(places);
            // Nothing but nothing is printed as 0.
            let shown = if shown.is_zero() && !value.is_zero() {
                value.round(significant(value))
            } else {
                shown
            };
            let number = self.number(&shown, cents(quantity, &shown));
            (shown, number)
        };
        Printed {
            text: self.with_unit(&number, &value, &quantity.unit),
            value,
        }
    }

    /// A number of so many places, in full.
    fn fixed(&self, quantity: &Quantity, places: i32) -> Printed {
        let value = quantity.value.round(places);
        let number = self.number(&value, cents(quantity, &value));
        Printed {
            text: self.with_unit(&number, &value, &quantity.unit),
            value,
        }
    }

    fn with_unit(&self, number: &str, value: &Exact, unit: &Measured) -> String {
        let one = self.is_one(value);
        let key = match unit {
            Measured::Plain | Measured::Count => return number.to_owned(),
            Measured::Percent => "unit.percent",
            Measured::Points if one => "unit.point",
            Measured::Points => "unit.points",
            Measured::Days if one => "unit.day",
            Measured::Days => "unit.days",
            Measured::Unit(unit) => {
                let unit = self.source_text(unit);
                return self
                    .words()
                    .fill("unit.named", &[("v", number), ("unit", &unit)]);
            }
        };
        self.words().fill(key, &[("v", number)])
    }

    pub fn is_one(&self, value: &Exact) -> bool {
        let decimal = value.to_decimal();
        decimal.is_ok_and(|decimal| self.language.is_one(decimal))
    }

    /// Decimals of a number at a level of detail.
    fn places(&self, quantity: &Quantity, level: i32) -> i32 {
        let value = &quantity.value;
        if quantity.is_of_record || quantity.unit == Measured::Count {
            return if value.ends() { 28 } else { MAX_PLACES };
        }
        let base = if value.abs() >= Exact::from(WITHOUT_CENTS) {
            0
        } else if currency(&quantity.unit).is_some() {
            2
        } else {
            significant(value).clamp(1, 2)
        };
        base + level
    }

    /// A percentage: whole from 10 on, one digit below; never 0 or 100 unless it is.
    pub fn percent(&self, value: &Exact, level: i32) -> Printed {
        let (zero, ten, hundred) = (Exact::from(0), Exact::from(10), Exact::from(100));
        let places = i32::from(value.abs() < ten) + level;
        let mut shown = value.round(places);
        let mut bound = None;
        if shown == hundred && *value != hundred {
            let more = value.round(places.max(1));
            if more == hundred {
                let edge = Exact::ratio(999, 10);
                bound = (*value < hundred).then_some("unit.over");
                shown = if bound.is_some() {
                    edge
                } else {
                    value.round(MAX_PLACES)
                };
            } else {
                shown = more;
            }
        }
        if shown.is_zero() && *value > zero {
            shown = Exact::ratio(1, 10);
            bound = Some("unit.under");
        }
        let number = self.decimal(&shown);
        let text = self.words().fill("unit.percent", &[("v", &number)]);
        let text = match bound {
            Some(key) => self.words().fill(key, &[("v", &text)]),
            None => text,
        };
        Printed { text, value: shown }
    }

    /// Two numbers and their distance, with as few digits as let the reader find the distance on the page.
    pub fn together(&self, a: &Quantity, b: &Quantity, by: &Quantity) -> [Printed; 3] {
        let first = match a.unit {
            Measured::Percent => {
                let ten = Exact::from(10);
                let is_fine = |it: &Quantity| it.is_of_record || it.value.abs() < ten;
                i32::from(is_fine(a) || is_fine(b))
            }
            _ => self.places(a, 0).min(self.places(b, 0)),
        };
        for places in first..=first.max(MAX_PLACES) {
            let printed = [a, b, by].map(|quantity| self.fixed(quantity, places));
            let [x, y, d] = &printed;
            let differ = a.value == b.value || x.value != y.value;
            let distance = x.value.subtract(&y.value).map(|distance| distance.abs());
            if differ && distance.as_ref() == Ok(&d.value) {
                return printed;
            }
        }
        [a, b, by].map(|quantity| self.fixed(quantity, MAX_PLACES))
    }

    /// Two numbers and one in percent of the other.
    pub fn with_percent(
        &self,
        a: &Quantity,
        b: &Quantity,
        percent: &Exact,
        of_change: bool,
    ) -> [Printed; 3] {
        let mut level = 0;
        loop {
            let printed = [self.quantity(a, level), self.quantity(b, level)];
            let [x, y] = &printed;
            let part = if of_change {
                x.value.subtract(&y.value).map(|part| part.abs())
            } else {
                Ok(x.value.clone())
            };
            let again = part
                .and_then(|part| part.multiply(&100.into()))
                .and_then(|part| part.divide(&y.value));
            let shown = self.percent(percent, 0);
            let holds = again.is_ok_and(|again| self.percent(&again, 0).text == shown.text);
            let differ = a.value == b.value || x.value != y.value;
            if (holds && differ) || level >= MAX_PLACES {
                let [x, y] = printed;
                return [x, y, shown];
            }
            level += 1;
        }
    }

    /// A number with the language's separators.
    pub fn decimal(&self, value: &Exact) -> String {
        self.number(value, None)
    }

    fn number(&self, value: &Exact, digits: Option<u32>) -> String {
        match value.to_decimal() {
            Ok(decimal) => self.language.number(decimal, digits),
            // More digits than a figure has: as they are.
            Err(_) => value.to_string(),
        }
    }

    /// How many, in words up to twelve.
    pub fn count(&self, count: usize) -> String {
        match self.words().numbers.get(count) {
            Some(word) => word.clone(),
            None => self.digits(count),
        }
    }

    pub fn digits(&self, count: usize) -> String {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.language.number(Decimal::from(count), None)
    }
}

fn currency(unit: &Measured) -> Option<Currency> {
    match unit {
        Measured::Unit(name) => Currency::new(name)
            .ok()
            .filter(|currency| currency.code() == name),
        _ => None,
    }
}

/// An amount of money has all its cents or none.
fn cents(quantity: &Quantity, shown: &Exact) -> Option<u32> {
    let digits = currency(&quantity.unit)?.minor_digits();
    let fits = shown.round(i32::try_from(digits).ok()?) == *shown;
    (!shown.is_whole() && fits).then_some(digits)
}

/// Places that leave two figures of a number below one.
fn significant(value: &Exact) -> i32 {
    let mut places = 1;
    let mut size = value.abs();
    while places < 12 && !size.is_zero() && size < Exact::from(1) {
        size = size.multiply(&10.into()).unwrap_or(size);
        places += 1;
    }
    places
}

fn places_of_points(value: &Exact) -> i32 {
    if value.is_whole() {
        0
    } else {
        (significant(value) - 1).max(1)
    }
}
