//! Amounts of money: a decimal with its currency, never a float.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::text::Language;

/// A currency by its ISO 4217 code, three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// The text is no ISO 4217 code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a currency: use the three letters of ISO 4217, such as EUR")]
pub struct BadCurrency(pub String);

impl Currency {
    /// The currency of a three-letter code, in any case.
    pub fn new(code: &str) -> Result<Self, BadCurrency> {
        let letters = code.trim().to_ascii_uppercase();
        match letters.as_bytes() {
            &[a, b, c] if letters.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                Ok(Self([a, b, c]))
            }
            _ => Err(BadCurrency(code.to_owned())),
        }
    }

    /// The code in capitals.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// Digits of the minor unit (ISO 4217 table A.1); two for all that are not listed as exceptions.
    pub fn minor_digits(self) -> u32 {
        match self.code() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF"
            | "UGX" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = BadCurrency;
    fn try_from(text: String) -> Result<Self, BadCurrency> {
        Self::new(&text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.code().to_owned()
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in a currency. Amounts of different currencies don't add up or compare: there is no
/// operation for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// In major units (euros, not cents).
    pub amount: Decimal,
    pub currency: Currency,
}

impl Money {
    /// The sum, or nothing where the currencies differ or the sum overflows.
    pub fn plus(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        let amount = self.amount.checked_add(other.amount)?;
        Some(Self {
            amount,
            currency: self.currency,
        })
    }

    /// As a reader of `language` writes it, rounded half away from zero to the currency's minor unit:
    /// `EUR 4,680.90` (en), `4.680,90 EUR` (de). A whole amount of a thousand or more stands without decimals.
    pub fn display(self, language: Language) -> String {
        let short = self.amount.fract().is_zero() && self.amount.abs() >= Decimal::ONE_THOUSAND;
        let digits = if short {
            0
        } else {
            self.currency.minor_digits()
        };
        let number = language.number(self.amount, Some(digits));
        match language {
            Language::English => format!("{} {number}", self.currency),
            Language::German | Language::French | Language::Spanish => {
                format!("{number} {}", self.currency)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_take_the_readers_form() {
        let money = |amount: i64, scale, code| Money {
            amount: Decimal::new(amount, scale),
            currency: Currency::new(code).unwrap(),
        };
        assert_eq!(
            money(46809, 1, "usd").display(Language::English),
            "USD 4,680.90"
        );
        assert_eq!(
            money(46809, 1, "EUR").display(Language::German),
            "4.680,90 EUR"
        );
        assert_eq!(
            money(420_000, 0, "EUR").display(Language::English),
            "EUR 420,000"
        );
        assert_eq!(money(76, 0, "USD").display(Language::English), "USD 76.00");
        assert_eq!(money(5005, 1, "JPY").display(Language::English), "JPY 501");
        assert_eq!(money(1, 0, "EUR").plus(money(1, 0, "USD")), None);
    }
}
