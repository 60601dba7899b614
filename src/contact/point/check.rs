//! What a verification, an opt-out or its lifting writes on a stored contact point.
//!
//! A passed check verifies, and `verified_by` remembers which. A failed check takes `verified` away
//! only when `verified_by` is there, that is, when an earlier check gave it; a verification that a
//! user or a data vendor vouched for stays, with the failed result beside it. An inconclusive check
//! only leaves its result. All checks of one kind of contact point (mailbox checks for e-mails, line
//! look-ups for phones) count as the same kind of check.

use serde_json::{Map, Value};

use super::places_of;
use crate::contact::{Contact, Kind, PhoneType, flag};

/// How a check of a contact point ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckOutcome {
    /// It works.
    Passed,
    /// It does not work.
    Failed,
    /// The check could not tell: pending, catch-all domain, phone switched off.
    Inconclusive,
}

/// The result of checking one contact point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult<'a> {
    /// The vendor product that checked, for example `instantly_verify`.
    pub checked_by: &'a str,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// The vendor's own word for it, for example `catch_all`.
    pub result: &'a str,
    /// The kind of line, where the check tells it.
    pub phone_type: Option<PhoneType>,
    /// When, RFC 3339.
    pub checked_at: &'a str,
}

/// Writes a check's result on every stored copy of this contact point; false when there is none.
/// The module head states when a failed check takes `verified` away.
pub fn record_check(points: &mut [Value], contact: &Contact, check: &CheckResult<'_>) -> bool {
    let places = places_of(points, contact);
    for index in &places {
        if let Some(point) = points[*index].as_object_mut() {
            record_one(point, contact.kind(), check);
        }
    }
    !places.is_empty()
}

/// Marks every stored copy of this contact point as opted out; false when nothing changed.
pub fn suppress(points: &mut [Value], contact: &Contact) -> bool {
    let mut is_changed = false;
    for index in places_of(points, contact) {
        if let Some(point) = points[index].as_object_mut() {
            is_changed |=
                point.insert("suppressed".into(), Value::Bool(true)) != Some(Value::Bool(true));
        }
    }
    is_changed
}

/// Takes the opt-out mark off every stored copy; false when there was none. Only for an opt-out that
/// a person has lifted.
pub fn lift_suppression(points: &mut [Value], contact: &Contact) -> bool {
    let mut is_changed = false;
    for index in places_of(points, contact) {
        if let Some(point) = points[index].as_object_mut() {
            is_changed |= point.remove("suppressed").is_some();
        }
    }
    is_changed
}

fn record_one(point: &mut Map<String, Value>, kind: Kind, check: &CheckResult<'_>) {
    let mut set = |key: &str, value: Value| point.insert(key.to_owned(), value);
    set("check_result", check.result.into());
    set("checked_at", check.checked_at.into());
    set("checked_by", check.checked_by.into());
    if let Some(phone_type) = check.phone_type
        && kind == Kind::Phone
        && phone_type != PhoneType::Unknown
    {
        set("type", phone_type.as_str().into());
    }
    match check.outcome {
        CheckOutcome::Passed => {
            set("verified", true.into());
            set("verified_at", check.checked_at.into());
            set("verified_by", check.checked_by.into());
        }
        CheckOutcome::Failed if point.contains_key("verified_by") => {
            point.insert("verified".into(), false.into());
            point.remove("verified_at");
            point.remove("verified_by");
        }
        CheckOutcome::Failed if !flag::is_claimed(point.get("verified")) => {
            point.insert("verified".into(), false.into());
        }
        CheckOutcome::Failed | CheckOutcome::Inconclusive => {}
    }
}
