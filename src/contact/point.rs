//! One stored contact point: how it is read, how it grows, how a check changes it.
//!
//! Stored points are JSON objects that users and other tools may also write, so everything here reads
//! leniently: an element that is not an object with a `phone` (or `email`) text is foreign and is
//! never touched, and a member with an odd type is kept until there is something better.

mod check;
mod merge;

use serde_json::{Map, Value};

use super::{Contact, Kind, PhoneType, flag};

pub use check::{CheckOutcome, CheckResult, lift_suppression, record_check, suppress};
pub use merge::{Merged, NewPoint, merge, merge_stored};

/// What is read of a stored contact point.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Phone or e-mail, in canonical form.
    pub contact: Contact,
    /// The vendor that brought it first.
    pub source: Option<String>,
    /// The best score any vendor gave it.
    pub score: Option<f64>,
    /// Whether it is known to work.
    pub verified: bool,
    /// When that was found out, RFC 3339.
    pub verified_at: Option<String>,
    /// The last check's own word.
    pub check_result: Option<String>,
    /// When the last check was made, RFC 3339.
    pub checked_at: Option<String>,
    /// The kind of line, for phones.
    pub phone_type: PhoneType,
    /// True when a bar forbids using it.
    pub is_barred: bool,
    /// Where it stands in the stored array.
    pub index: usize,
}

/// Reads the points of this kind; foreign elements and values that are no contact point are left out.
pub fn read(kind: Kind, points: &[Value]) -> Vec<Point> {
    points
        .iter()
        .enumerate()
        .filter_map(|(index, element)| read_one(kind, index, element.as_object()?))
        .collect()
}

/// The phones or e-mails of the points of this kind; foreign elements and values that are no contact point are left out.
pub fn contacts(kind: Kind, points: &[Value]) -> impl Iterator<Item = Contact> {
    points
        .iter()
        .filter_map(move |element| stored_contact(kind, element.as_object()?))
}

/// The order in which points are worth verifying: usable before barred, then higher scores, then
/// phones that can take a message, then as stored.
pub fn best_first(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| {
        let rank = |point: &Point| {
            (
                point.is_barred,
                !matches!(point.phone_type, PhoneType::Mobile | PhoneType::Voip),
            )
        };
        let score = |point: &Point| point.score.unwrap_or(0.0);
        rank(a)
            .0
            .cmp(&rank(b).0)
            .then(score(b).total_cmp(&score(a)))
            .then(rank(a).1.cmp(&rank(b).1))
    });
    points
}

fn read_one(kind: Kind, index: usize, point: &Map<String, Value>) -> Option<Point> {
    let text = |key: &str| point.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Point {
        contact: stored_contact(kind, point)?,
        source: text("source"),
        score: point.get("score").and_then(score_of),
        verified: flag::is_claimed(point.get("verified")),
        verified_at: text("verified_at"),
        check_result: text("check_result"),
        checked_at: text("checked_at"),
        phone_type: stored_type(point),
        is_barred: is_barred(point),
        index,
    })
}

/// True when one of the bars of a stored point is set.
pub fn is_barred(point: &Map<String, Value>) -> bool {
    point
        .iter()
        .any(|(key, value)| flag::bar_named(key).is_some() && flag::bar(Some(value)) == Some(true))
}

/// The kind of line that a stored point names.
pub fn stored_type(point: &Map<String, Value>) -> PhoneType {
    point
        .get("type")
        .and_then(Value::as_str)
        .map_or(PhoneType::Unknown, PhoneType::lenient)
}

fn stored_contact(kind: Kind, point: &Map<String, Value>) -> Option<Contact> {
    Contact::parse(kind, point.get(kind.as_str())?.as_str()?).ok()
}

fn places_of(points: &[Value], contact: &Contact) -> Vec<usize> {
    let key = contact.key();
    let is_it = |element: &Value| {
        let point = element.as_object()?;
        let text = point.get(contact.kind().as_str())?.as_str()?;
        Some(text == key || Contact::parse(contact.kind(), text).ok()?.key() == key)
    };
    (0..points.len())
        .filter(|index| is_it(&points[*index]) == Some(true))
        .collect()
}

fn score_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|score| score.is_finite())
}

#[cfg(test)]
mod tests;
