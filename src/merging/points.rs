//! The contact points of two leads into one list, and the way back.
//!
//! What was learnt about a phone or a mailbox since the merge (a paid check, a bar, an opt-out, its removal) stays with
//! it, whichever of the two leads it goes back to; to both, when both held it.

use serde_json::{Map, Value};

use crate::contact::point::{self, merge_stored};
use crate::contact::{Contact, Kind};

/// The points of the survivor; None: the folded lead adds nothing.
pub fn merged(kind: Kind, kept: &[Value], folded: &[Value]) -> Option<Vec<Value>> {
    let mut all = kept.to_vec();
    merge_stored(kind, &mut all, folded).then_some(all)
}

/// The points of one of the two leads after the undo: `own` is what it held before the merge, `after` what the survivor
/// held right after it, `now` what it holds.
pub fn given_back(kind: Kind, own: &[Value], after: &[Value], now: &[Value]) -> Vec<Value> {
    if after == now {
        return own.to_vec();
    }
    own.iter()
        .filter_map(|element| {
            let known = find(kind, after, element);
            match (known, find(kind, now, element)) {
                (Some(after), Some(now)) => Some(replay(after, now, element)),
                // Removed since.
                (Some(_), None) => None,
                (None, _) => Some(element.clone()),
            }
        })
        .collect()
}

/// The points that the survivor has gained since the merge: nobody's but its own.
pub fn gained(kind: Kind, after: &[Value], now: &[Value]) -> Vec<Value> {
    now.iter()
        .filter(|element| find(kind, after, element).is_none())
        .cloned()
        .collect()
}

fn find<'a>(kind: Kind, points: &'a [Value], element: &Value) -> Option<&'a Value> {
    match contact_of(kind, element) {
        None => points.iter().find(|other| *other == element),
        Some(contact) => points.iter().find(|other| {
            contact_of(kind, other).is_some_and(|other| other.key() == contact.key())
        }),
    }
}

fn contact_of(kind: Kind, element: &Value) -> Option<Contact> {
    point::read(kind, std::slice::from_ref(element))
        .pop()
        .map(|point| point.contact)
}

/// Member by member: what has not changed since `from` is as in `to`, what has changed stays.
fn replay(from: &Value, now: &Value, to: &Value) -> Value {
    let (Some(from), Some(now), Some(own)) = (from.as_object(), now.as_object(), to.as_object())
    else {
        return to.clone();
    };
    let mut result: Map<String, Value> = own.clone();
    for member in now.keys().chain(from.keys()) {
        if now.get(member) == from.get(member) {
            continue;
        }
        match now.get(member) {
            Some(value) => result.insert(member.clone(), value.clone()),
            None => result.remove(member),
        };
    }
    Value::Object(result)
}

#[cfg(test)]
#[path = "points_tests.rs"]
mod tests;
