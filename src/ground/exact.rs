//! Numbers as they are: any decimal with all its digits, and arithmetic that never rounds without saying so.

use std::{cmp::Ordering, fmt, str::FromStr};

use num_bigint::{BigInt, Sign};
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};
use rust_decimal::Decimal;

/// Digits that a number may have, before and behind the point each.
pub const MAX_DIGITS: usize = 400;
/// Digits behind the point of a quotient that does not end, where it is written.
const WRITTEN_DIGITS: u32 = 28;
/// The greatest exponent of a power.
const MAX_POWER: u32 = 64;

/// An exact number. Equal numbers are equal however they were written: `1`, `1.0`, `1e0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exact(BigRational);

/// Why there is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotExact {
    #[error("is no number")]
    NoNumber,
    #[error("has more than {MAX_DIGITS} digits")]
    TooLong,
    #[error("is divided by zero")]
    ByZero,
    #[error("has more than the 28 digits that an amount or a figure can have")]
    TooLongToShow,
    #[error("is a power whose exponent is no whole number from 0 to {MAX_POWER}")]
    Power,
}

fn ten_to(exponent: usize) -> BigInt {
    let exponent = u32::try_from(exponent).unwrap_or(u32::MAX);
    BigInt::from(10).pow(exponent)
}

impl Exact {
    /// Reads a decimal: an optional sign, digits, a fraction, an exponent. `.5` is read, `1,000`, `0x1` and `1_000` are not.
    pub fn parse(text: &str) -> Result<Self, NotExact> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (rest, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(NotExact::NoNumber),
            None => (mantissa, ""),
        };
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(whole) || !are_digits(fraction) || (whole.is_empty() && fraction.is_empty())
        {
            return Err(NotExact::NoNumber);
        }
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let exponent = match exponent {
            None => 0,
            Some(exponent) => {
                let digits = exponent.trim_start_matches(['+', '-']);
                if exponent.len() > digits.len() + 1 || digits.is_empty() || !are_digits(digits) {
                    return Err(NotExact::NoNumber);
                }
                // An exponent that no machine number holds is as long as any.
                exponent.parse::<i64>().unwrap_or(i64::MAX)
            }
        };
        if digits.is_empty() {
            return Ok(Self(BigRational::zero()));
        }
        let significant = digits.trim_end_matches('0');
        let zeros = digits.len() - significant.len();
        let as_i64 = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let exponent = exponent
            .saturating_sub(as_i64(fraction.len()))
            .saturating_add(as_i64(zeros));
        let before = as_i64(significant.len()).saturating_add(exponent);
        let most = as_i64(MAX_DIGITS);
        if before > most || exponent < -most || exponent > most {
            return Err(NotExact::TooLong);
        }
        let mantissa = BigInt::from_str(significant).map_err(|_| NotExact::NoNumber)?;
        let mantissa = if negative { -mantissa } else { mantissa };
        let places = usize::try_from(exponent.unsigned_abs()).unwrap_or(MAX_DIGITS);
        Ok(Self(if exponent < 0 {
            BigRational::new(mantissa, ten_to(places))
        } else {
            BigRational::from_integer(mantissa * ten_to(places))
        }))
    }

    /// The number `numerator / denominator`, as of seconds and hours; zero where the denominator is.
    pub fn ratio(numerator: i128, denominator: i128) -> Self {
        if denominator == 0 {
            return Self(BigRational::zero());
        }
        Self(BigRational::new(numerator.into(), denominator.into()))
    }

    fn bounded(number: BigRational) -> Result<Self, NotExact> {
        // Three bits and a third a digit.
        const MAX_BITS: u64 = 4 * MAX_DIGITS as u64;
        if number.numer().bits() > MAX_BITS || number.denom().bits() > MAX_BITS {
            return Err(NotExact::TooLong);
        }
        Ok(Self(number))
    }

    pub fn add(&self, other: &Self) -> Result<Self, NotExact> {
        Self::bounded(&self.0 + &other.0)
    }

    pub fn subtract(&self, other: &Self) -> Result<Self, NotExact> {
        Self::bounded(&self.0 - &other.0)
    }

    pub fn multiply(&self, other: &Self) -> Result<Self, NotExact> {
        Self::bounded(&self.0 * &other.0)
    }

    /// The quotient as a fraction, so that a third three times is one.
    pub fn divide(&self, other: &Self) -> Result<Self, NotExact> {
        if other.is_zero() {
            return Err(NotExact::ByZero);
        }
        Self::bounded(&self.0 / &other.0)
    }

    /// The quotient, rounded down.
    pub fn divide_whole(&self, other: &Self) -> Result<Self, NotExact> {
        Ok(Self(self.divide(other)?.0.floor()))
    }

    /// What remains of a division that is rounded down: it has the divisor's sign.
    pub fn remainder(&self, other: &Self) -> Result<Self, NotExact> {
        self.subtract(&self.divide_whole(other)?.multiply(other)?)
    }

    pub fn power(&self, exponent: &Self) -> Result<Self, NotExact> {
        let exponent = exponent
            .0
            .is_integer()
            .then(|| exponent.0.to_integer().to_u32())
            .flatten()
            .filter(|exponent| *exponent <= MAX_POWER)
            .ok_or(NotExact::Power)?;
        let mut power = Self(BigRational::one());
        for _ in 0..exponent {
            power = power.multiply(self)?;
        }
        Ok(power)
    }

    pub fn negated(&self) -> Self {
        Self(-&self.0)
    }

    pub fn abs(&self) -> Self {
        Self(self.0.abs())
    }

    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    pub fn is_whole(&self) -> bool {
        self.0.is_integer()
    }

    /// The whole number, where it is one and small enough.
    pub fn to_i64(&self) -> Option<i64> {
        self.is_whole()
            .then(|| self.0.to_integer().to_i64())
            .flatten()
    }

    /// Rounds to so many places; half goes away from zero. Fewer than no places round to tens, hundreds.
    pub fn round(&self, places: i32) -> Self {
        self.scaled(places, |number| number.round())
    }

    /// The greatest number of so many places that is not greater.
    pub fn floor(&self, places: i32) -> Self {
        self.scaled(places, |number| number.floor())
    }

    /// The least number of so many places that is not less.
    pub fn ceil(&self, places: i32) -> Self {
        self.scaled(places, |number| number.ceil())
    }

    fn scaled(&self, places: i32, round: impl Fn(BigRational) -> BigRational) -> Self {
        let by = usize::try_from(places.unsigned_abs())
            .unwrap_or(MAX_DIGITS)
            .min(MAX_DIGITS);
        let by = BigRational::from_integer(ten_to(by));
        Self(if places < 0 {
            round(&self.0 / &by) * by
        } else {
            round(&self.0 * &by) / by
        })
    }

    /// Can it be written with all its digits? A third cannot.
    pub fn ends(&self) -> bool {
        self.places().is_some()
    }

    /// The places that it has behind the point; nothing where it does not end.
    fn places(&self) -> Option<u32> {
        let mut rest = self.0.denom().clone();
        let mut count = |prime: u32| {
            let prime = BigInt::from(prime);
            let mut times = 0;
            while (&rest % &prime).is_zero() {
                rest /= &prime;
                times += 1;
            }
            times
        };
        let places = count(2).max(count(5));
        rest.is_one().then_some(places)
    }

    /// The number as a figure of at most 28 digits. A quotient that does not end is rounded to nine places; nothing else is
    /// rounded: what has more digits is refused.
    pub fn to_decimal(&self) -> Result<Decimal, NotExact> {
        if self.places().is_none() {
            return Decimal::from_str_exact(&self.round(9).to_string())
                .map(|number| number.normalize())
                .map_err(|_| NotExact::TooLongToShow);
        }
        Decimal::from_str_exact(&self.to_string())
            .map(|number| number.normalize())
            .map_err(|_| NotExact::TooLongToShow)
    }

    /// The number as JSON, with all its digits; a quotient that does not end is cut as it is written.
    pub fn to_json(&self) -> serde_json::Value {
        let text = self.to_string();
        text.parse()
            .map_or_else(|_| text.into(), serde_json::Value::Number)
    }
}

impl From<i64> for Exact {
    fn from(number: i64) -> Self {
        Self(BigRational::from_integer(number.into()))
    }
}

impl From<Decimal> for Exact {
    fn from(number: Decimal) -> Self {
        let scale = usize::try_from(number.scale()).unwrap_or_default();
        Self(BigRational::new(number.mantissa().into(), ten_to(scale)))
    }
}

impl TryFrom<&serde_json::Number> for Exact {
    type Error = NotExact;
    fn try_from(number: &serde_json::Number) -> Result<Self, NotExact> {
        Self::parse(number.as_str())
    }
}

/// All digits, without an exponent and without zeros at the end; 28 places where it does not end.
impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, places) = match self.places() {
            Some(places) => (self.0.clone(), places),
            None => (
                self.round(i32::try_from(WRITTEN_DIGITS).unwrap_or(28)).0,
                WRITTEN_DIGITS,
            ),
        };
        let places = usize::try_from(places).unwrap_or_default();
        let scaled = (number * BigRational::from_integer(ten_to(places))).to_integer();
        if scaled.sign() == Sign::Minus {
            f.write_str("-")?;
        }
        let digits = scaled.magnitude().to_string();
        let digits = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let fraction = fraction.trim_end_matches('0');
        f.write_str(whole)?;
        if !fraction.is_empty() {
            write!(f, ".{fraction}")?;
        }
        Ok(())
    }
}

/// The order of two JSON numbers, whatever their size and form.
pub fn compare_json(a: &serde_json::Number, b: &serde_json::Number) -> Result<Ordering, NotExact> {
    Ok(Exact::try_from(a)?.cmp(&Exact::try_from(b)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Exact {
        Exact::parse(text).unwrap_or_else(|error| panic!("{text} {error}"))
    }

    #[test]
    fn a_number_is_written_with_all_its_digits_however_it_came() {
        for (text, written) in [
            ("100000000000000000001", "100000000000000000001"),
            ("90071992547409.93", "90071992547409.93"),
            ("-1234567891011.1213141000", "-1234567891011.1213141"),
            ("1e3", "1000"),
            ("12.50E-3", "0.0125"),
            ("-0.0", "0"),
            (".5", "0.5"),
            ("+7", "7"),
            ("007", "7"),
            ("-0.05", "-0.05"),
        ] {
            assert_eq!(exact(text).to_string(), written, "{text}");
        }
        let long = format!("{}.{}", "9".repeat(390), "3".repeat(390));
        assert_eq!(exact(&long).to_string(), long);
    }

    #[test]
    fn what_is_no_number_or_too_long_for_one_is_told() {
        for text in [
            "", "-", ".", "1.", "1,000", "0x1", "1_0", "1e", "1e+-2", "NaN", "inf", "1 ", "--1",
            "١",
        ] {
            assert_eq!(Exact::parse(text), Err(NotExact::NoNumber), "{text}");
        }
        for text in [
            "1e401",
            "1e-401",
            "1e99999999999999999999",
            "1e-99999999999999999999",
        ] {
            assert_eq!(Exact::parse(text), Err(NotExact::TooLong), "{text}");
        }
        assert_eq!(exact("0e99999999999").to_string(), "0");
        let large = exact("1e399");
        assert_eq!(
            large.multiply(&large).and_then(|n| n.multiply(&large)),
            Err(NotExact::TooLong)
        );
    }

    #[test]
    fn arithmetic_is_exact() {
        assert_eq!(exact("0.1").add(&exact("0.2")), Ok(exact("0.3")));
        assert_eq!(exact("19.99").multiply(&exact("1.1")), Ok(exact("21.989")));
        let third = exact("1").divide(&exact("3")).unwrap();
        assert_eq!(third.multiply(&exact("3")), Ok(exact("1")));
        assert_eq!(third.to_string(), "0.3333333333333333333333333333");
        assert_eq!(third.to_decimal().unwrap().to_string(), "0.333333333");
        assert_eq!(exact("-7").remainder(&exact("3")), Ok(exact("2")));
        assert_eq!(exact("-7").divide_whole(&exact("2")), Ok(exact("-4")));
        assert_eq!(exact("1").divide(&exact("0")), Err(NotExact::ByZero));
        assert_eq!(exact("1.5").power(&exact("2")), Ok(exact("2.25")));
        assert_eq!(exact("2").power(&exact("0.5")), Err(NotExact::Power));
        assert_eq!(exact("2.345").round(2), exact("2.35"));
        assert_eq!(exact("-2.5").round(0), exact("-3"));
        assert_eq!(exact("1250").round(-2), exact("1300"));
    }

    #[test]
    fn a_figure_is_never_a_rounded_one() {
        assert_eq!(
            exact("90071992547409.91").to_decimal().unwrap().to_string(),
            "90071992547409.91"
        );
        assert_eq!(
            exact("100000000000000000000000000001.5").to_decimal(),
            Err(NotExact::TooLongToShow)
        );
        assert_eq!(
            exact("0.12345678901234567890123456789").to_decimal(),
            Err(NotExact::TooLongToShow)
        );
    }
}
