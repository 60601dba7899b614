//! Single values of a record: from JSON or text to the field's type, or an error that names the field.

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::RecordProblem;
use crate::contact::flag;

/// Far under PostgreSQL's limit for an index entry (about 2,700 bytes).
const LONGEST_IDENTIFIER: usize = 250;
const LONGEST_TEXT: usize = 2_000;

/// What templates write for a value that is not there.
const TEMPLATE_WORDS: [&str; 2] = ["undefined", "null"];

/// What exports and people write into a number, a yes-or-no or an identifier that is not known.
const NOT_KNOWN: [&str; 8] = [
    "n/a",
    "na",
    "none",
    "unknown",
    "not available",
    "-",
    "--",
    "#n/a",
];

/// A text field: trimmed, nothing when blank or a template's word.
pub fn clean_text(
    field: &'static str,
    text: Option<String>,
) -> Result<Option<String>, RecordProblem> {
    let Some(text) = trimmed(field, text)? else {
        return Ok(None);
    };
    if text.len() > LONGEST_TEXT {
        return Err(RecordProblem::TooLong {
            field,
            limit: LONGEST_TEXT,
        });
    }
    // A template that fills several words writes "undefined undefined". A capital keeps Mr Null.
    let is_template = |word: &str| {
        TEMPLATE_WORDS
            .iter()
            .any(|known| word == *known || word == known.to_ascii_uppercase())
    };
    Ok(if text.split_whitespace().all(is_template) {
        None
    } else {
        Some(text)
    })
}

/// An identifier: trimmed, without a spreadsheet's `.0`, nothing when blank or a word for not known.
pub fn clean_identifier(
    field: &'static str,
    text: Option<String>,
) -> Result<Option<String>, RecordProblem> {
    let Some(text) = trimmed(field, text)? else {
        return Ok(None);
    };
    if is_made_by_a_broken_template(&text) {
        return Err(RecordProblem::TemplateWord { field });
    }
    if is_rounded(&text) {
        return Err(RecordProblem::Rounded { field });
    }
    if is_in(&NOT_KNOWN, &text) || !text.chars().any(char::is_alphanumeric) {
        return Ok(None);
    }
    if text.len() > LONGEST_IDENTIFIER {
        return Err(RecordProblem::TooLong {
            field,
            limit: LONGEST_IDENTIFIER,
        });
    }
    Ok(Some(without_float_tail(text)))
}

/// "undefined", "batch-null", "NaN", "[object Object]": the same text for every record.
fn is_made_by_a_broken_template(text: &str) -> bool {
    is_in(&["nan", "[object object]"], text)
        || text
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| is_in(&TEMPLATE_WORDS, word))
}

/// `5.544E+09` is what a spreadsheet shows of a long number: many numbers share that text.
fn is_rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return false;
    };
    let is_mantissa = mantissa.split_once('.').map_or_else(
        || is_digits(mantissa),
        |(whole, fraction)| is_digits(whole) && is_digits(fraction),
    );
    is_mantissa && exponent.strip_prefix('+').is_some_and(is_digits)
}

/// `85001.0` is what a spreadsheet makes of 85001.
pub fn without_float_tail(text: String) -> String {
    match text.split_once('.') {
        Some((whole, fraction))
            if is_digits(whole) && fraction.bytes().all(|byte| byte == b'0') =>
        {
            whole.to_owned()
        }
        _ => text,
    }
}

/// 000-00-000 in a parcel number says that there is none.
pub fn is_all_zeros(text: &str) -> bool {
    let mut characters = text.chars().filter(|c| c.is_alphanumeric());
    characters.all(|c| c == '0')
}

/// Five digits; a spreadsheet takes the zero from the first nine states.
pub fn county_fips(field: &'static str, text: String) -> Result<String, RecordProblem> {
    match text.len() {
        5 if is_digits(&text) => Ok(text),
        4 if is_digits(&text) => Ok(format!("0{text}")),
        _ => Err(RecordProblem::NotACounty { field }),
    }
}

/// A JSON value as the text of a field.
pub fn text_of(field: &'static str, value: &Value) -> Result<Option<String>, RecordProblem> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Number(number) => Ok(Some(without_float_tail(number.to_string()))),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(RecordProblem::NotText { field })
        }
    }
}

/// The same of a value that is not needed any more.
pub fn into_text(field: &'static str, value: Value) -> Result<Option<String>, RecordProblem> {
    match value {
        Value::String(text) => Ok(Some(text)),
        other => text_of(field, &other),
    }
}

/// A JSON value as dollars: 1234.5, "$1,234.50", "(1,234)" for a negative amount.
pub fn amount_of(field: &'static str, value: &Value) -> Result<Option<Decimal>, RecordProblem> {
    if let Some(whole) = value.as_i64() {
        return Ok(Some(whole.into()));
    }
    let Some(text) = known_word(field, value)? else {
        return Ok(None);
    };
    amount(&text)
        .map(Some)
        .ok_or(RecordProblem::NotANumber { field })
}

/// A JSON value as a whole number.
pub fn whole_of(field: &'static str, value: &Value) -> Result<Option<i32>, RecordProblem> {
    let Some(number) = amount_of(field, value)? else {
        return Ok(None);
    };
    if !number.fract().is_zero() {
        return Err(RecordProblem::NotWhole { field });
    }
    i32::try_from(number)
        .map(Some)
        .map_err(|_| RecordProblem::NotWhole { field })
}

/// A JSON value as yes or no.
pub fn yes_or_no_of(field: &'static str, value: &Value) -> Result<Option<bool>, RecordProblem> {
    if let Value::Bool(flag) = value {
        return Ok(Some(*flag));
    }
    let Some(text) = known_word(field, value)? else {
        return Ok(None);
    };
    flag::yes_or_no(&without_float_tail(text))
        .map(Some)
        .ok_or(RecordProblem::NotYesOrNo { field })
}

/// A JSON object, or the text of one.
pub fn object_of(
    field: &'static str,
    value: &Value,
) -> Result<Option<Map<String, Value>>, RecordProblem> {
    let problem = RecordProblem::NotJson { field };
    match value {
        Value::Null => Ok(None),
        Value::Object(members) => Ok(Some(members.clone())),
        Value::String(text) if is_in(&TEMPLATE_WORDS, text) || text.trim().is_empty() => Ok(None),
        Value::String(text) => serde_json::from_str(text).map(Some).map_err(|_| problem),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => Err(problem),
    }
}

/// Refuses an object with a NUL in a key or a text: jsonb cannot hold it.
pub fn refuse_nul(
    field: &'static str,
    members: Option<&Map<String, Value>>,
) -> Result<(), RecordProblem> {
    let has_nul = members.is_some_and(|members| members.iter().any(member_has_nul));
    if has_nul {
        Err(RecordProblem::NulByte { field })
    } else {
        Ok(())
    }
}

fn member_has_nul((key, value): (&String, &Value)) -> bool {
    key.contains('\0') || value_has_nul(value)
}

fn value_has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(value_has_nul),
        Value::Object(members) => members.iter().any(member_has_nul),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The text of a value in a field where "not known" has many words; `None` for any of them.
fn known_word(field: &'static str, value: &Value) -> Result<Option<String>, RecordProblem> {
    let text = trimmed(field, text_of(field, value)?)?;
    Ok(text.filter(|text| !is_in(&TEMPLATE_WORDS, text) && !is_in(&NOT_KNOWN, text)))
}

fn trimmed(field: &'static str, text: Option<String>) -> Result<Option<String>, RecordProblem> {
    let Some(text) = text else {
        return Ok(None);
    };
    if text.contains('\0') {
        return Err(RecordProblem::NulByte { field });
    }
    let inner = text.trim_matches(is_padding);
    Ok(match inner.len() {
        0 => None,
        length if length == text.len() => Some(text),
        _ => Some(inner.to_owned()),
    })
}

fn is_padding(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '\u{200B}' | '\u{2060}' | '\u{FEFF}')
}

fn is_in(words: &[&str], text: &str) -> bool {
    let text = text.trim();
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn amount(text: &str) -> Option<Decimal> {
    let (is_negative, size) = match text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        Some(inner) => (true, without_currency(inner)),
        None => {
            let size = without_currency(text);
            match size.strip_prefix('-') {
                Some(size) => (true, without_currency(size)),
                None => (false, size),
            }
        }
    };
    let plain = without_grouping(size)?;
    let size = if plain.contains(['e', 'E']) {
        Decimal::from_scientific(&plain).ok()?
    } else {
        plain.parse::<Decimal>().ok()?
    };
    Some(if is_negative { -size } else { size })
}

fn without_currency(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('$').map_or(text, str::trim_start)
}

/// 1,234,567.89 without its commas. A comma anywhere else may be a decimal comma: not understood.
fn without_grouping(text: &str) -> Option<String> {
    // The decimal library also takes signs and underscores; they have no business here.
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') || text.contains('_') {
        return None;
    }
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    if fraction.is_some_and(|fraction| fraction.contains(',')) {
        return None;
    }
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let is_grouped = whole.contains(',');
    if is_grouped
        && (!(1..=3).contains(&first.len())
            || !is_digits(first)
            || !groups.all(|group| group.len() == 3 && is_digits(group)))
    {
        return None;
    }
    Some(text.replace(',', ""))
}

#[cfg(test)]
mod tests;
