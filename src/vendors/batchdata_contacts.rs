//! Phones, e-mails and warnings about a person, as both BatchData products write them.
//!
//! V1 skip trace and search keep phones in `phoneNumbers` with a `score`; V3 keeps them in `phones`
//! with a `rank`. Warnings are nested in V1 (`death.deceased`, `dnc.tcpa`) and flat in V3; the bare
//! `litigator` may be an object that holds one. A person-level `dnc.tcpa` counts for every phone.

use serde_json::Value;

use super::found::{FoundEmail, FoundPhone, OwnerFlags, phone_type, score_of_rank};
use super::lenient;

/// The person's phones, best first as listed.
pub(super) fn phones(person: &Value) -> Vec<FoundPhone> {
    let person_tcpa = flags(person).tcpa.filter(|tcpa| *tcpa);
    ["phones", "phoneNumbers"]
        .into_iter()
        .flat_map(|place| lenient::list(person, place))
        .filter_map(|phone| {
            Some(FoundPhone {
                number: lenient::text(phone, "number")?,
                phone_type: lenient::text(phone, "type").and_then(|word| phone_type(&word)),
                score: score(phone),
                dnc: lenient::flag(phone, "dnc"),
                tcpa: person_tcpa.or(lenient::flag(phone, "tcpa")),
                reachable: lenient::flag(phone, "reachable"),
                tested: lenient::flag(phone, "tested"),
                carrier: lenient::text(phone, "carrier"),
            })
        })
        .collect()
}

/// The person's e-mail addresses: plain strings, or objects that say more. Search lists both.
pub(super) fn emails(person: &Value) -> Vec<FoundEmail> {
    let mut found: Vec<FoundEmail> = Vec::new();
    let listed = ["enrichedEmails", "emails"]
        .into_iter()
        .flat_map(|place| lenient::list(person, place));
    for entry in listed {
        let address = match entry {
            Value::String(raw) => lenient::clean(raw),
            other => lenient::text(other, "email"),
        };
        let Some(email) = address else { continue };
        if found.iter().any(|known| known.email == email) {
            continue;
        }
        found.push(FoundEmail {
            email,
            score: score(entry),
            tested: lenient::flag(entry, "tested"),
            hints: Vec::new(),
        });
    }
    found
}

/// The warnings about the person.
pub(super) fn flags(person: &Value) -> OwnerFlags {
    let either = |one: &str, other: &str| {
        lenient::flag(person, one).or_else(|| lenient::flag(person, other))
    };
    OwnerFlags {
        deceased: either("death.deceased", "deceased"),
        litigator: either("litigator", "litigator.litigator"),
        tcpa: lenient::flag(person, "dnc.tcpa"),
    }
}

fn score(entry: &Value) -> Option<u8> {
    let stated = lenient::number(entry, "score").map(|score| score.clamp(0.0, 100.0) as u8);
    stated.or_else(|| lenient::count(entry, "rank").map(score_of_rank))
}
