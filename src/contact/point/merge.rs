//! What several vendors say about one phone or mailbox, folded into one stored point.
//!
//! What never happens: a `verified` or a bar (`dnc`, `tcpa`, `litigator`, `suppressed`) is not turned
//! off, the best score is not lost, the first `added_at` and the first `source` stay. A merge that
//! adds nothing reports [`Merged::Same`], so that a repeated import writes no row. The order in which
//! vendors report does not matter for value, score, `verified` and bars.

use serde_json::{Map, Number, Value};

use super::{places_of, score_of, stored_contact, stored_type};
use crate::contact::{Contact, Kind, PhoneType, flag};

/// A contact point that somebody reports for a lead.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPoint {
    /// Phone or e-mail, in canonical form.
    pub contact: Contact,
    /// Who reports it.
    pub source: String,
    /// The reporter's score, 0 to 100.
    pub score: Option<f64>,
    /// Whether the reporter vouches that it works.
    pub verified: bool,
    /// The kind of line, for phones.
    pub phone_type: Option<PhoneType>,
    /// `dnc`, `tcpa`, `litigator`, `suppressed` and the reporter's own members.
    pub flags: Map<String, Value>,
    /// When it was reported, RFC 3339.
    pub seen_at: String,
}

/// What a merge did, and to which element of the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// A new element, at this place.
    Added(usize),
    /// The element at this place knows more than before.
    Changed(usize),
    /// The element at this place knew it all.
    Same(usize),
}

impl Merged {
    /// The place of the element in the array.
    pub fn index(self) -> usize {
        match self {
            Merged::Added(index) | Merged::Changed(index) | Merged::Same(index) => index,
        }
    }
}

/// Members that the merge itself writes; a reporter's flags cannot overwrite them.
const OWN_MEMBERS: [&str; 13] = [
    "phone",
    "email",
    "source",
    "sources",
    "score",
    "verified",
    "verified_at",
    "verified_by",
    "check_result",
    "checked_at",
    "checked_by",
    "type",
    "added_at",
];

/// Adds what is reported to the stored points. Copies of one phone or mailbox that a user has stored
/// become one element, the first, which then knows what any of them knew.
pub fn merge(points: &mut Vec<Value>, new: &NewPoint) -> Merged {
    let places = places_of(points, &new.contact);
    let reported = as_stored(new);
    let Some((&first, copies)) = places.split_first() else {
        points.push(Value::Object(reported));
        return Merged::Added(points.len() - 1);
    };
    let copies: Vec<Value> = copies
        .iter()
        .rev()
        .map(|index| points.remove(*index))
        .collect();
    let Some(kept) = points[first].as_object_mut() else {
        return Merged::Same(first);
    };
    let before = kept.clone();
    rewrite_value(kept, new.contact.kind());
    for copy in copies.iter().rev().filter_map(Value::as_object) {
        absorb(kept, copy);
    }
    absorb(kept, &reported);
    if *kept == before && copies.is_empty() {
        Merged::Same(first)
    } else {
        Merged::Changed(first)
    }
}

/// Adds another lead's stored points to these, for the merge of two leads. Says whether anything
/// changed. Foreign elements come along unless an equal one is there.
pub fn merge_stored(kind: Kind, points: &mut Vec<Value>, others: &[Value]) -> bool {
    let before = points.clone();
    for other in others {
        let Some((contact, object)) = other
            .as_object()
            .and_then(|object| Some((stored_contact(kind, object)?, object)))
        else {
            if !points.contains(other) {
                points.push(other.clone());
            }
            continue;
        };
        match places_of(points, &contact).first() {
            Some(&index) => {
                if let Some(kept) = points[index].as_object_mut() {
                    absorb(kept, object);
                }
            }
            None => points.push(other.clone()),
        }
    }
    *points != before
}

fn as_stored(new: &NewPoint) -> Map<String, Value> {
    let mut point = Map::new();
    for (key, value) in &new.flags {
        if let Some(bar) = flag::bar_named(key) {
            if let Some(is_set) = flag::bar(Some(value)) {
                point.insert(bar.to_owned(), Value::Bool(is_set));
            }
        } else if !OWN_MEMBERS.contains(&key.as_str()) && !value.is_null() {
            point.insert(key.clone(), value.clone());
        }
    }
    let mut set = |key: &str, value: Value| point.insert(key.to_owned(), value);
    set(new.contact.kind().as_str(), new.contact.as_str().into());
    set("source", new.source.as_str().into());
    set("sources", vec![Value::from(new.source.as_str())].into());
    set("verified", new.verified.into());
    set("added_at", new.seen_at.as_str().into());
    if new.verified {
        set("verified_at", new.seen_at.as_str().into());
    }
    if let Some(score) = new.score.and_then(score_number) {
        set("score", Value::Number(score));
    }
    if new.contact.kind() == Kind::Phone {
        let phone_type = new.phone_type.unwrap_or(PhoneType::Unknown);
        set("type", phone_type.as_str().into());
    }
    point
}

/// Folds what `other` knows into `kept`.
fn absorb(kept: &mut Map<String, Value>, other: &Map<String, Value>) {
    absorb_verification(kept, other);
    absorb_sources(kept, other);
    for (key, value) in other {
        match key.as_str() {
            "verified" | "verified_at" | "verified_by" | "sources" | "phone" | "email" => {}
            "score" => absorb_score(kept, value),
            "added_at" => absorb_added_at(kept, value),
            "type" => absorb_type(kept, value),
            _ => match flag::bar_named(key) {
                Some(bar) => absorb_bar(kept, bar, value),
                None => fill(kept, key, value),
            },
        }
    }
}

/// `verified` is turned on, never off; when and by which check come from the side that turned it on.
fn absorb_verification(kept: &mut Map<String, Value>, other: &Map<String, Value>) {
    let is_verified = flag::is_claimed(kept.get("verified"));
    if !is_verified && flag::is_claimed(other.get("verified")) {
        kept.insert("verified".into(), Value::Bool(true));
        for key in ["verified_at", "verified_by"] {
            kept.remove(key);
            if let Some(value) = other.get(key) {
                kept.insert(key.into(), value.clone());
            }
        }
    } else if other.contains_key("verified") && !kept.contains_key("verified") {
        kept.insert("verified".into(), Value::Bool(false));
    }
}

/// `sources` lists every vendor once; it appears as soon as there is a second one.
fn absorb_sources(kept: &mut Map<String, Value>, other: &Map<String, Value>) {
    let mut all = sources_of(kept);
    let known = all.len();
    for source in sources_of(other) {
        if !all.contains(&source) {
            all.push(source);
        }
    }
    if all.len() > known {
        kept.insert("sources".into(), Value::Array(all));
    }
}

fn sources_of(point: &Map<String, Value>) -> Vec<Value> {
    let listed = match point.get("sources") {
        Some(Value::Array(listed)) => listed.clone(),
        Some(text @ Value::String(_)) => vec![text.clone()],
        _ => Vec::new(),
    };
    match point.get("source") {
        Some(first @ Value::String(_)) if !listed.contains(first) => {
            std::iter::once(first.clone()).chain(listed).collect()
        }
        _ => listed,
    }
}

fn absorb_score(kept: &mut Map<String, Value>, value: &Value) {
    let best = kept.get("score").and_then(score_of);
    if score_of(value).is_some_and(|score| best.is_none_or(|best| score > best)) {
        kept.insert("score".into(), value.clone());
    }
}

/// The earlier of two times; both are RFC 3339 in UTC when they are ours, so text order is time order.
fn absorb_added_at(kept: &mut Map<String, Value>, value: &Value) {
    let is_earlier = match (kept.get("added_at").and_then(Value::as_str), value.as_str()) {
        (Some(kept), Some(other)) => other < kept,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    if is_earlier {
        kept.insert("added_at".into(), value.clone());
    }
}

fn absorb_type(kept: &mut Map<String, Value>, value: &Value) {
    let is_open = stored_type(kept) == PhoneType::Unknown;
    let offered = value.as_str().map(PhoneType::lenient);
    let is_news = offered.is_some_and(|offered| offered != PhoneType::Unknown);
    if is_open && (is_news || !kept.contains_key("type")) {
        kept.insert("type".into(), value.clone());
    }
}

fn absorb_bar(kept: &mut Map<String, Value>, bar: &str, value: &Value) {
    let before = kept
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case(bar))
        .filter_map(|(_, value)| flag::bar(Some(value)))
        .max();
    let after = before.max(flag::bar(Some(value)));
    if after != before {
        kept.insert(bar.to_owned(), after.map_or(Value::Null, Value::Bool));
    }
}

fn fill(kept: &mut Map<String, Value>, key: &str, value: &Value) {
    if !value.is_null() && kept.get(key).is_none_or(Value::is_null) {
        kept.insert(key.to_owned(), value.clone());
    }
}

/// Stores the canonical form where a user wrote another spelling.
fn rewrite_value(point: &mut Map<String, Value>, kind: Kind) {
    if let Some(contact) = stored_contact(kind, point) {
        point.insert(kind.as_str().to_owned(), contact.as_str().into());
    }
}

/// Whole scores are written without a fraction: 85, not 85.0.
fn score_number(score: f64) -> Option<Number> {
    if score.fract() == 0.0 && score.abs() < 1e15 {
        Some(Number::from(score as i64))
    } else {
        Number::from_f64(score)
    }
}
