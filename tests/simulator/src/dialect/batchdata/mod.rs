//! BatchData: property search (v1, with search sessions of v2) and skip trace (v1 and v3).

mod criteria;
mod filter;
mod options;
mod record;
mod search;
mod session;
mod trace;
mod trace_request;
mod traced;

pub use search::answer as search;
pub use session::Searches;
pub use trace::answer as skip_trace;

use serde_json::{Map, Value, json};

use super::wording;
use crate::exchange::{Answer, Call};
use crate::office::Office;
use crate::vendor::Vendor;

/// The documented error body.
#[must_use]
pub fn refuse(status: u16, message: &str) -> Answer {
    let body =
        json!({"status": {"code": status, "text": wording::reason(status), "message": message}});
    Answer::json(status, &body)
}

/// Checks what every endpoint checks: the token, and that the account is not empty.
fn admit(office: &Office, vendor: Vendor, call: &Call) -> Result<(), Answer> {
    let expected = format!("Bearer {}", office.settings.keys.batchdata);
    if call.header("authorization") != Some(expected.as_str()) {
        return Err(refuse(401, "Invalid or missing API token"));
    }
    if office.is_out_of_credit(vendor) {
        return Err(refuse(403, "Insufficient balance"));
    }
    Ok(())
}

/// Refuses members that the documentation does not name.
fn only(object: &Map<String, Value>, place: &str, names: &[&str]) -> Result<(), String> {
    match object.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(format!("{place}: unknown property \"{name}\"")),
        None => Ok(()),
    }
}

/// A member that must be an object when it is there.
fn object<'a>(
    value: Option<&'a Value>,
    place: &str,
) -> Result<Option<&'a Map<String, Value>>, String> {
    match value {
        None => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(format!("{place} must be an object")),
    }
}

/// A member that must be a text when it is there.
fn text<'a>(value: Option<&'a Value>, place: &str) -> Result<Option<&'a str>, String> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{place} must be a string")),
    }
}

/// A member that must be true or false when it is there.
fn flag(value: Option<&Value>, place: &str) -> Result<bool, String> {
    match value {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("{place} must be a boolean")),
    }
}
