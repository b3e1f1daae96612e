//! Amounts in minor units: cents, yen. Never a floating-point number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A currency that both providers take, by its ISO 4217 code, with its digits after the point.
///
/// Sources: <https://www.iso.org/iso-4217-currency-codes.html>, <https://docs.stripe.com/currencies>,
/// <https://developer.paypal.com/reference/currency-codes/> (read 2026-11).
static CURRENCIES: &[(&str, u32)] = &[
    ("AUD", 2),
    ("BRL", 2),
    ("CAD", 2),
    ("CHF", 2),
    ("CZK", 2),
    ("DKK", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("HKD", 2),
    ("HUF", 2),
    ("ILS", 2),
    ("JPY", 0),
    ("MXN", 2),
    ("MYR", 2),
    ("NOK", 2),
    ("NZD", 2),
    ("PHP", 2),
    ("PLN", 2),
    ("SEK", 2),
    ("SGD", 2),
    ("THB", 2),
    ("TWD", 2),
    ("USD", 2),
];

/// By its place among those that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(usize);

/// A text that is no currency of ours.
#[derive(Debug, thiserror::Error)]
#[error("not a currency that is taken: three capital letters such as EUR")]
pub struct NoCurrency;

impl TryFrom<String> for Currency {
    type Error = NoCurrency;
    fn try_from(text: String) -> Result<Self, NoCurrency> {
        CURRENCIES.iter().position(|(code, _)| *code == text).map(Self).ok_or(NoCurrency)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl Currency {
    pub fn code(self) -> &'static str {
        CURRENCIES[self.0].0
    }

    fn digits(self) -> u32 {
        CURRENCIES[self.0].1
    }

    /// `12.34`, `1234` where the currency has no minor unit.
    pub fn decimal(self, minor: u64) -> String {
        let unit = 10_u64.pow(self.digits());
        match self.digits() {
            0 => minor.to_string(),
            digits => format!("{}.{:0width$}", minor / unit, minor % unit, width = digits as usize),
        }
    }

    /// The text of [`Currency::decimal`] back in minor units; `None` when it is none.
    pub fn minor(self, decimal: &str) -> Option<u64> {
        let (whole, part) = decimal.split_once('.').unwrap_or((decimal, ""));
        let digits = self.digits() as usize;
        let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(part) || part.len() > digits {
            return None;
        }
        let padded = format!("{part:0<digits$}");
        let part: u64 = if padded.is_empty() { 0 } else { padded.parse().ok()? };
        whole.parse::<u64>().ok()?.checked_mul(10_u64.pow(self.digits()))?.checked_add(part)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::try_from(code.to_owned()).expect("a currency")
    }

    #[test]
    fn minor_units_become_decimals_and_back() {
        for (code, minor, decimal) in
            [("EUR", 5, "0.05"), ("EUR", 1234, "12.34"), ("JPY", 1234, "1234"), ("USD", 100, "1.00")]
        {
            assert_eq!(currency(code).decimal(minor), decimal);
            assert_eq!(currency(code).minor(decimal), Some(minor));
        }
        assert_eq!(currency("EUR").minor("12.3"), Some(1230));
        for wrong in ["", ".5", "1.234", "1,5", "-1", "1e3", "99999999999999999999"] {
            assert_eq!(currency("EUR").minor(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_known_currencies_are_taken() {
        for wrong in ["eur", "EURO", "XXX", ""] {
            assert!(Currency::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
