//! Money that is spent: whole millionths of a dollar, and what a vendor call may cost and did cost.
//!
//! No floating point anywhere, and no silent wrap: a cap that is compared with a wrong sum is no cap.
//! Lead data (property values) is not money in this sense; it stays a decimal.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

const MICROS_PER_DOLLAR: i64 = 1_000_000;
const FRACTION_DIGITS: usize = 6;

/// An amount in millionths of a dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

/// Why an amount could not be read or computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyProblem {
    /// Not a plain decimal number.
    #[error("an amount of money is a decimal number like 0.15")]
    NotADecimal,
    /// Something under a millionth of a dollar.
    #[error("an amount of money has at most six decimal places")]
    TooFine,
    /// More than can be counted.
    #[error("the amount of money is too large")]
    TooLarge,
}

impl Money {
    /// An amount from millionths of a dollar.
    pub const fn from_micros(micros: i64) -> Self {
        Money(micros)
    }

    /// The amount in millionths of a dollar.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// So many times the amount.
    pub fn times(self, units: u32) -> Result<Money, MoneyProblem> {
        let product = self.0.checked_mul(i64::from(units));
        product.map(Money).ok_or(MoneyProblem::TooLarge)
    }
}

impl fmt::Display for Money {
    /// Dollars with six decimal places, `0.150000`: PostgreSQL reads it as `numeric`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let micros = self.0.unsigned_abs();
        let unit = MICROS_PER_DOLLAR.unsigned_abs();
        write!(f, "{sign}{}.{:06}", micros / unit, micros % unit)
    }
}

impl FromStr for Money {
    type Err = MoneyProblem;

    fn from_str(text: &str) -> Result<Self, MoneyProblem> {
        let text = text.trim();
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(MoneyProblem::NotADecimal);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > FRACTION_DIGITS {
            return Err(MoneyProblem::TooFine);
        }
        // Six digits are left, so only the dollars can be too large.
        let micros: i64 = format!("{fraction:0<FRACTION_DIGITS$}")
            .parse()
            .map_err(|_| MoneyProblem::NotADecimal)?;
        let dollars: i64 = whole.parse().map_err(|_| MoneyProblem::TooLarge)?;
        dollars
            .checked_mul(MICROS_PER_DOLLAR)
            .and_then(|whole| whole.checked_add(micros))
            .map(|total| Money(sign * total))
            .ok_or(MoneyProblem::TooLarge)
    }
}

/// What a vendor's unit price is charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Billed {
    /// Each item asked about that the vendor knew.
    Match,
    /// Each item asked about.
    Item,
    /// Each record handed over.
    Record,
}

/// How a vendor product is billed: `vendors.price_rule`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PriceRule {
    /// What the unit price is charged for.
    pub billed: Billed,
}

/// Why a price rule could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PriceRuleProblem {
    /// Not an object, or no word under `billed`.
    #[error("a price rule is an object with \"billed\" set to \"match\", \"item\" or \"record\"")]
    NoBilled,
    /// A word that names no way of billing.
    #[error("\"billed\" in a price rule is \"match\", \"item\" or \"record\"")]
    UnknownBilled,
}

/// What a vendor did in one call, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Items that were asked about.
    pub items: u32,
    /// Items that the vendor knew.
    pub matches: u32,
    /// Records that the vendor handed over.
    pub records: u32,
}

impl PriceRule {
    /// Reads a price rule; members other than `billed` are for others. There is no default: a wrong
    /// guess would make the reservation smaller than the bill.
    pub fn from_json(rule: &Value) -> Result<Self, PriceRuleProblem> {
        let word = rule
            .get("billed")
            .and_then(Value::as_str)
            .ok_or(PriceRuleProblem::NoBilled)?;
        let billed = match word.trim().to_ascii_lowercase().as_str() {
            "match" => Billed::Match,
            "item" => Billed::Item,
            "record" => Billed::Record,
            _ => return Err(PriceRuleProblem::UnknownBilled),
        };
        Ok(PriceRule { billed })
    }

    /// How many unit prices these counts are.
    pub fn units(self, counts: Counts) -> u32 {
        match self.billed {
            Billed::Match => counts.matches,
            Billed::Item => counts.items,
            Billed::Record => counts.records,
        }
    }

    /// What a call cost.
    pub fn cost(self, unit_price: Money, counts: Counts) -> Result<Money, MoneyProblem> {
        unit_price.times(self.units(counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn money(text: &str) -> Money {
        text.parse().expect("an amount")
    }

    #[test]
    fn amounts_are_written_with_six_places_and_read_back() {
        for (text, shown) in [
            ("0.15", "0.150000"),
            ("0.050000", "0.050000"),
            ("12", "12.000000"),
            ("12.", "12.000000"),
            ("-0.000001", "-0.000001"),
            (" 1000.10 ", "1000.100000"),
            ("0.15000000000000", "0.150000"),
            ("9223372036854.775807", "9223372036854.775807"),
        ] {
            assert_eq!(money(text).to_string(), shown);
        }
        assert_eq!(
            Money::from_micros(i64::MIN).to_string(),
            "-9223372036854.775808"
        );
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for (text, problem) in [
            ("", MoneyProblem::NotADecimal),
            (".", MoneyProblem::NotADecimal),
            (".5", MoneyProblem::NotADecimal),
            ("-", MoneyProblem::NotADecimal),
            ("+1", MoneyProblem::NotADecimal),
            ("--1", MoneyProblem::NotADecimal),
            ("1e3", MoneyProblem::NotADecimal),
            ("$1", MoneyProblem::NotADecimal),
            ("1,000", MoneyProblem::NotADecimal),
            ("NaN", MoneyProblem::NotADecimal),
            ("Infinity", MoneyProblem::NotADecimal),
            ("0.1234567", MoneyProblem::TooFine),
            ("9223372036854.775808", MoneyProblem::TooLarge),
            ("99999999999999999999", MoneyProblem::TooLarge),
        ] {
            assert_eq!(text.parse::<Money>(), Err(problem), "{text}");
        }
    }

    #[test]
    fn sums_that_do_not_fit_are_errors() {
        let most = Money::from_micros(i64::MAX);
        assert_eq!(most.times(2), Err(MoneyProblem::TooLarge));
        assert_eq!(money("0.15").times(1_000), Ok(money("150")));
    }

    #[test]
    fn each_rule_bills_what_it_names() {
        let counts = Counts {
            items: 100,
            matches: 60,
            records: 250,
        };
        let price = money("0.15");
        for (word, cost) in [("match", "9"), ("Item", "15"), ("record", "37.5")] {
            let rule = PriceRule::from_json(&json!({"billed": word, "since": 2025}));
            assert_eq!(rule.expect("a rule").cost(price, counts), Ok(money(cost)));
        }
    }

    #[test]
    fn a_rule_that_is_not_understood_is_an_error_not_a_guess() {
        for rule in [json!(null), json!({}), json!([]), json!({"billed": 1})] {
            assert_eq!(PriceRule::from_json(&rule), Err(PriceRuleProblem::NoBilled));
        }
        assert_eq!(
            PriceRule::from_json(&json!({"billed": "minute"})),
            Err(PriceRuleProblem::UnknownBilled)
        );
    }

    proptest! {
        #[test]
        fn every_amount_reads_back(micros in -i64::MAX..=i64::MAX) {
            let amount = Money::from_micros(micros);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,20}", digits in "-?[0-9]{0,25}\\.?[0-9]{0,25}") {
            let _ = text.parse::<Money>();
            let _ = digits.parse::<Money>();
        }
    }
}
