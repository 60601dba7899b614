//! What SQL callers see: each function reads its arguments, calls the store, returns.
//!
//! The SQL declarations are written by hand in sql/install, so that names, defaults, volatility and
//! search_path are reviewed text; `sql = false` keeps pgrx from generating others.

mod addresses;
mod billing;
mod campaigns;
mod contacts;
mod lead_check;
mod lead_row;
mod leads;
mod merge_triggers;
mod merging;
mod native;
mod preview;
mod pulls;
mod records_at_hand;
mod row_trigger;
mod scoring;
mod suppression;
#[cfg(debug_assertions)]
mod test_hooks;
mod triggers;
mod worker;

use crate::error::Error;

/// A text argument: trimmed, blank counts as not given.
fn given(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_string())
        .filter(|text| !text.is_empty())
}

/// A text argument that must be there, and must not be a template's `undefined` or `null`.
fn identifier(name: &str, text: Option<String>) -> Result<String, Error> {
    let text = given(text).ok_or_else(|| {
        Error::bad_argument(
            format!("{name} is missing"),
            "Pass a text that is not blank.",
        )
    })?;
    if ["undefined", "null"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
    {
        return Err(Error::bad_argument(
            format!("{name} is the word \"{text}\""),
            "A template was filled with a missing value.",
        ));
    }
    Ok(text)
}

/// An argument that must not be NULL.
fn present<T>(name: &str, value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| Error::bad_argument(format!("{name} is NULL"), "Pass a value."))
}
