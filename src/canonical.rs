//! One text for one JSON value, and the signatures and keyed hashes made from texts.
//!
//! A query signature decides which bookmark a pull goes on from. Two queries with one signature would
//! lose leads; one query with two signatures only reads pages again. So only differences that can
//! never matter are removed, and everything not understood stays.
//!
//! The canonical text follows RFC 8785 in spirit: members sorted by key, no white space, one way to
//! escape, UTF-8. It differs where PostgreSQL's jsonb does: keys sort by their bytes, and integers
//! keep all digits that 64 bits hold.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

/// Names under which a query says which piece of the answer it wants, not what it asks for; compared
/// without case, `_` and `-`. A search session belongs here: it names a walk through the answer.
const PAGE_KEYS: [&str; 25] = [
    "page",
    "pages",
    "pageno",
    "pagenum",
    "pagenumber",
    "pageindex",
    "pagesize",
    "pagelimit",
    "perpage",
    "resultsperpage",
    "skip",
    "take",
    "limit",
    "offset",
    "cursor",
    "pagecursor",
    "nextcursor",
    "nextpagecursor",
    "usecursorpagination",
    "pagetoken",
    "nextpagetoken",
    "searchsession",
    "sessionid",
    "idempotencykey",
    "requestid",
];

/// Top-level objects in which page-like keys are looked for, too.
const PAGE_HOLDERS: [&str; 3] = ["options", "pagination", "paging"];

/// Arrays under keys with one of these words in them are lists in order, whatever they hold.
const ORDERED_WORDS: [&str; 8] = [
    "sort",
    "order",
    "range",
    "between",
    "coordinate",
    "point",
    "bounds",
    "path",
];

/// Query parameters that are not a JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("query parameters must be a JSON object")]
pub struct NotAnObject;

/// The canonical text of a JSON value: equal values, equal texts.
///
/// Numbers: 1, 1.0 and 1e0 are `1`; -0 is `0`; a whole number that fits 64 bits is written in digits;
/// any other number as the shortest text that reads back as the same double, like `2.5e-1`.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value);
    text
}

/// The signature of a vendor query: lower-case hex SHA-256 of its canonical form.
///
/// Does not depend on key order, white space, members that are null, page-like keys (at the top and
/// in a top-level `options` or `pagination`), or order and repetitions in set-like arrays. Set-like is
/// a member that is an array of only texts or only whole numbers, like `zip_codes`; not one with a null
/// (an open range), nested values or fractions (coordinates), nor one under a key that speaks of order.
pub fn query_sig(params: &Value) -> Result<String, NotAnObject> {
    let members = params.as_object().ok_or(NotAnObject)?;
    let mut query = without_page_keys(members);
    for (key, value) in members {
        let inner = value.as_object().filter(|_| is_one_of(key, &PAGE_HOLDERS));
        if let Some(inner) = inner {
            let rest = without_page_keys(inner);
            if rest.is_empty() {
                query.remove(key);
            } else {
                query.insert(key.clone(), Value::Object(rest));
            }
        }
    }
    let canonical = canonical_json(&comparable(None, &Value::Object(query)));
    Ok(hex(&Sha256::digest(canonical.as_bytes())))
}

/// HMAC-SHA-256 over the parts, in lower-case hex. Every part goes in with its length, so that
/// ("ab", "c") and ("a", "bc") differ.
pub fn keyed_hash(key: &[u8], parts: &[&str]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length (RFC 2104)");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    hex(&mac.finalize().into_bytes())
}

fn without_page_keys(members: &Map<String, Value>) -> Map<String, Value> {
    members
        .iter()
        .filter(|(key, _)| !is_one_of(key, &PAGE_KEYS))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn is_one_of(key: &str, names: &[&str]) -> bool {
    let plain: String = key
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    names.contains(&plain.as_str())
}

/// The value with nulls dropped from objects and set-like arrays sorted. `key` is the member's own,
/// `None` for an element of an array: an array in an array is a range or a pair, not a set.
fn comparable(key: Option<&str>, value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, member)| !member.is_null())
            .map(|(key, member)| (key.clone(), comparable(Some(key), member)))
            .collect(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| comparable(None, item)).collect();
            if key.is_some_and(|key| is_set_like(key, &items)) {
                items.sort_by_cached_key(canonical_json);
                items.dedup();
            }
            Value::Array(items)
        }
        scalar => scalar.clone(),
    }
}

fn is_set_like(key: &str, items: &[Value]) -> bool {
    let key = key.to_ascii_lowercase();
    let is_whole = |item: &Value| item.is_i64() || item.is_u64();
    !ORDERED_WORDS.iter().any(|word| key.contains(word))
        && (items.iter().all(Value::is_string) || items.iter().all(is_whole))
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => write_number(text, number),
        Value::String(string) => write_string(text, string),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_value(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => write_object(text, members),
    }
}

fn write_object(text: &mut String, members: &Map<String, Value>) {
    // Sorted here and not by the map: another crate may switch serde_json to insertion order.
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    text.push('{');
    for (index, (key, member)) in sorted.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_string(text, key);
        text.push(':');
        write_value(text, member);
    }
    text.push('}');
}

/// 2^63: below it a whole double is an i64 exactly.
const I64_LIMIT: f64 = 9_223_372_036_854_775_808.0;

fn write_number(text: &mut String, number: &Number) {
    let written = if let Some(whole) = number.as_i64() {
        write!(text, "{whole}")
    } else if let Some(whole) = number.as_u64() {
        write!(text, "{whole}")
    } else {
        match number.as_f64() {
            Some(double) if double.fract() == 0.0 && double.abs() < I64_LIMIT => {
                write!(text, "{}", double as i64)
            }
            Some(double) => write!(text, "{double:e}"),
            None => write!(text, "{number}"),
        }
    };
    debug_assert!(written.is_ok(), "writing to a String does not fail");
}

/// RFC 8785 3.2.2.2: the two-character escapes where there is one, `\u00xx` for other control
/// characters, everything else as it is.
fn write_string(text: &mut String, string: &str) {
    text.push('"');
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            control if control < ' ' => {
                text.push_str("\\u00");
                push_hex(text, control as u8);
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        push_hex(&mut text, *byte);
    }
    text
}

fn push_hex(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.push(char::from(DIGITS[usize::from(byte >> 4)]));
    text.push(char::from(DIGITS[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests;
