//! Yes-or-no values as people and vendors write them into JSON.
//!
//! Two readings, because the cost of a mistake differs. A *claim* (`verified`) counts only when it is
//! clearly a yes. A *bar* (`dnc`, `tcpa`, `litigator`, `suppressed`) counts unless it is clearly a no:
//! calling somebody who opted out costs more than a number not called.

use serde_json::Value;

/// The keys that keep a contact point from being used; once true they stay true.
pub const BARS: [&str; 4] = ["dnc", "tcpa", "litigator", "suppressed"];

const YES: [&str; 5] = ["true", "t", "yes", "y", "1"];
const NO: [&str; 6] = ["false", "f", "no", "n", "0", "none"];
const NOT_KNOWN: [&str; 7] = ["", "null", "undefined", "unknown", "n/a", "na", "-"];

/// The bar that a key names, whatever its case: `DNC` is `dnc`.
#[inline]
pub fn bar_named(key: impl AsRef<[u8]>) -> Option<&'static str> {
    let key = key.as_ref();
    BARS.into_iter()
        .find(|bar| key.eq_ignore_ascii_case(bar.as_bytes()))
}

/// What most members say, without a `Value` made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    Nothing,
    Flag(bool),
    Words(&'a str),
}

impl<'a> Said<'a> {
    /// As `is_claimed` reads it.
    pub fn is_claim(self) -> bool {
        match self {
            Said::Nothing => false,
            Said::Flag(flag) => flag,
            Said::Words(text) => yes_or_no(text) == Some(true),
        }
    }

    /// As `bar` reads it.
    pub fn bar(self) -> Option<bool> {
        match self {
            Said::Nothing => None,
            Said::Flag(flag) => Some(flag),
            Said::Words(text) => bar_in_words(text),
        }
    }

    /// The text, where it is one.
    pub fn words(self) -> Option<&'a str> {
        match self {
            Said::Words(text) => Some(text),
            Said::Nothing | Said::Flag(_) => None,
        }
    }
}

/// Reads a word as yes or no; `None` when it is neither.
pub fn yes_or_no(text: &str) -> Option<bool> {
    let word = text.trim();
    let is_in = |list: &[&str]| list.iter().any(|known| word.eq_ignore_ascii_case(known));
    if is_in(&YES) {
        Some(true)
    } else if is_in(&NO) {
        Some(false)
    } else {
        None
    }
}

/// True only for a clear yes: `true`, `"yes"`, `"t"`, `1`.
pub fn is_claimed(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(flag)) => Said::Flag(*flag).is_claim(),
        Some(Value::Number(number)) => number.as_f64() == Some(1.0),
        Some(Value::String(text)) => Said::Words(text).is_claim(),
        _ => false,
    }
}

/// What a bar says: `None` when nothing is known, `Some(true)` for anything that is not clearly a no.
pub fn bar(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Null => Said::Nothing.bar(),
        Value::Bool(flag) => Said::Flag(*flag).bar(),
        Value::Number(number) => Some(number.as_f64() != Some(0.0)),
        Value::String(text) => Said::Words(text).bar(),
        // BatchData nests it: `"dnc": {"tcpa": false}`.
        Value::Object(members) => strongest(members.values()),
        Value::Array(items) => strongest(items.iter()),
    }
}

fn strongest<'a>(values: impl Iterator<Item = &'a Value>) -> Option<bool> {
    values.filter_map(|value| bar(Some(value))).max()
}

fn bar_in_words(text: &str) -> Option<bool> {
    let word = text.trim();
    if NOT_KNOWN
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
    {
        return None;
    }
    Some(yes_or_no(word) != Some(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_claim_needs_a_clear_yes() {
        for yes in [
            json!(true),
            json!("Yes"),
            json!(" t "),
            json!(1),
            json!(1.0),
        ] {
            assert!(is_claimed(Some(&yes)), "{yes}");
        }
        for no in [
            json!(null),
            json!(false),
            json!("maybe"),
            json!(2),
            json!({}),
            json!([true]),
        ] {
            assert!(!is_claimed(Some(&no)), "{no}");
        }
        assert!(!is_claimed(None));
    }

    #[test]
    fn a_bar_stands_unless_it_is_clearly_a_no() {
        for yes in [
            json!(true),
            json!("Y"),
            json!("National DNC"),
            json!(1),
            json!({"tcpa": true}),
            json!([false, "listed"]),
        ] {
            assert_eq!(bar(Some(&yes)), Some(true), "{yes}");
        }
        for no in [json!(false), json!("No"), json!(0), json!({"tcpa": false})] {
            assert_eq!(bar(Some(&no)), Some(false), "{no}");
        }
        for unknown in [json!(null), json!(""), json!("N/A"), json!({}), json!([])] {
            assert_eq!(bar(Some(&unknown)), None, "{unknown}");
        }
        assert_eq!(bar(None), None);
    }
}
