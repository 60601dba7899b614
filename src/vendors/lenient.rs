//! Reads vendors' JSON without trusting it.
//!
//! Vendors send numbers as strings, null for absent, a single space for empty (Melissa), and leave
//! whole objects out. Every look-up here answers `None` for all of those alike, and none can panic.
//! Paths are written with dots: `address.street`.

use serde_json::Value;

/// The value at `path`, unless it or anything on the way is missing or null.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let found = path
        .split('.')
        .try_fold(value, |inner, key| inner.get(key))?;
    (!found.is_null()).then_some(found)
}

/// A text, trimmed and without control characters; a number is written out; blank is absent.
pub(super) fn text(value: &Value, path: &str) -> Option<String> {
    match at(value, path)? {
        Value::String(raw) => clean(raw),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Yes or no, also when written as a word.
pub(super) fn flag(value: &Value, path: &str) -> Option<bool> {
    match at(value, path)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(raw) => match raw.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "1" => Some(true),
            "false" | "no" | "n" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A finite number, also when written as a string.
pub(super) fn number(value: &Value, path: &str) -> Option<f64> {
    let number = match at(value, path)? {
        Value::Number(number) => number.as_f64()?,
        Value::String(raw) => raw.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// A whole number that is not negative, also when written as a string or with a zero fraction.
pub(super) fn count(value: &Value, path: &str) -> Option<u64> {
    let number = number(value, path)?;
    let whole = number >= 0.0 && number.fract() == 0.0 && number < 9e15;
    whole.then_some(number as u64)
}

/// An amount as the vendor wrote it, number or numeric string, so that no digit is lost.
pub(super) fn amount(value: &Value, path: &str) -> Option<Value> {
    number(value, path)?;
    match at(value, path)? {
        Value::String(raw) => Some(Value::from(raw.trim())),
        other => Some(other.clone()),
    }
}

/// The elements of a list; none for anything else.
pub(super) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A trimmed text without control characters, or nothing when blank.
pub(super) fn clean(raw: &str) -> Option<String> {
    let spaced: String = raw
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let trimmed = spaced.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// The body as JSON, or nothing. Text that is not UTF-8 is paid for all the same, so its bad bytes
/// are replaced rather than the whole answer refused.
pub(super) fn parse(body: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(body);
    let mut value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    strip_nul(&mut value);
    Some(value)
}

/// jsonb refuses NUL inside a string; such an answer could be paid for and not stored.
fn strip_nul(value: &mut Value) {
    match value {
        Value::String(text) => text.retain(|c| c != '\0'),
        Value::Array(items) => items.iter_mut().for_each(strip_nul),
        Value::Object(members) => {
            if members.keys().any(|key| key.contains('\0')) {
                *members = std::mem::take(members)
                    .into_iter()
                    .map(|(key, member)| (key.replace('\0', ""), member))
                    .collect();
            }
            members.values_mut().for_each(strip_nul);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absent_null_blank_and_space_are_all_absent() {
        let value = json!({"a": null, "b": "", "c": " ", "d": {"e": null}, "f": [1]});
        for path in ["a", "b", "c", "d.e", "d.e.f", "f.g", "z", ""] {
            assert_eq!(text(&value, path), None, "{path}");
        }
    }

    #[test]
    fn numbers_may_be_strings_and_strings_numbers() {
        let value = json!({"n": "412000", "f": 3.0, "t": 85001, "bad": "NaN", "neg": -1});
        assert_eq!(number(&value, "n"), Some(412000.0));
        assert_eq!(count(&value, "f"), Some(3));
        assert_eq!(text(&value, "t").as_deref(), Some("85001"));
        assert_eq!(number(&value, "bad"), None);
        assert_eq!(count(&value, "neg"), None);
        assert_eq!(amount(&value, "n"), Some(json!("412000")));
    }

    #[test]
    fn a_body_with_bad_bytes_or_nul_is_still_read() {
        assert_eq!(parse(b"\xef\xbb\xbf{\"a\":1}"), Some(json!({"a": 1})));
        assert_eq!(
            parse(b"{\"a\":\"Jos\xe9\"}"),
            Some(json!({"a": "Jos\u{fffd}"}))
        );
        assert_eq!(
            parse(br#"{"k\u0000":"x\u0000y"}"#),
            Some(json!({"k": "xy"}))
        );
        assert_eq!(parse(b"{\"a\":"), None);
    }
}
