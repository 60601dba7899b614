//! Erasing a person, so that they stay erased.
//!
//! First the opt-out, which holds hashes only and outlives everything; then whatever was stored about the person, in the
//! same transaction. What is left says that money was spent, and on nobody.

use std::collections::BTreeSet;

use pgrx::Uuid;

use crate::contact::{Contact, Kind};
use crate::error::Error;
use crate::opt_out;
use crate::store::suppressions::{self, Held, Patience};
use crate::store::{Db, erasure};
use crate::suppression::Key;

/// Why a forgotten person is opted out.
pub const REASON: &str = "forgotten";
/// Shorter words would find other people.
const SHORTEST_WORD: usize = 6;

/// Erases a lead and those folded into it.
pub fn lead(db: &mut Db<'_>, id: Uuid) -> Result<(), Error> {
    opt_out::suppress_lead(db, id, REASON)?;
    let mut held = suppressions::lock(db, vec![id], Patience::Waits)?;
    held.extend(suppressions::folded_into(db, vec![id])?);
    for record in &held {
        if let (Some(source), Some(record_id)) = (&record.source, &record.vendor_record_id) {
            erasure::vendor_record(db, source, record_id)?;
        }
    }
    erasure::words(db, &words(&held))?;
    let mut ids = erasure::folded_ids(db, vec![id])?;
    ids.push(id);
    erasure::leads(db, &ids)
}

/// Erases every lead that holds a contact point, and what else mentions it; how many leads.
pub fn contact(db: &mut Db<'_>, contact: &Contact) -> Result<usize, Error> {
    let key = Key::of_contact(contact);
    let request = opt_out::Request {
        keys: vec![key.clone()],
        reason: REASON.to_string(),
        lead_id: None,
    };
    opt_out::suppress(db, &[request])?;
    let ids = suppressions::holders(db, &[key])?;
    for id in &ids {
        lead(db, *id)?;
    }
    erasure::words(db, &spellings(contact).into_iter().collect::<Vec<_>>())?;
    Ok(ids.len())
}

/// Words by which raw records about these leads are found, in lower case.
fn words(held: &[Held]) -> Vec<String> {
    let mut words: BTreeSet<String> = BTreeSet::new();
    for record in held {
        for contact in record.holder().contacts() {
            words.extend(spellings(&contact));
        }
        words.extend(record.vendor_record_id.iter().map(|id| {
            // In JSON, so that rec-1 does not find rec-10.
            format!("\"{}\"", id.to_lowercase())
        }));
    }
    words.retain(|word| word.chars().count() >= SHORTEST_WORD);
    words.into_iter().collect()
}

/// How raw records may write a contact point: vendors write phones without +1, and in groups.
fn spellings(contact: &Contact) -> BTreeSet<String> {
    let text = contact.as_str().to_lowercase();
    let mut all = BTreeSet::from([text.clone(), contact.key().into_owned()]);
    if let (Kind::Phone, Some(ten)) = (contact.kind(), text.strip_prefix("+1")) {
        all.insert(ten.to_string());
        if let (Some(area), Some(exchange), Some(line)) =
            (ten.get(..3), ten.get(3..6), ten.get(6..))
        {
            all.insert(format!("{area}-{exchange}-{line}"));
            all.insert(format!("({area}) {exchange}-{line}"));
            all.insert(format!("({area}){exchange}-{line}"));
            all.insert(format!("{area}.{exchange}.{line}"));
        }
    }
    all
}
