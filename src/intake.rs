//! Records into leads: checks a record, stores it, adds the contact points that came with it.
//!
//! The one road for `upsert_lead`, `upsert_leads`, pulled pages and retried records.

use serde_json::Value;

use crate::address;
use crate::contact::{Kind, point};
use crate::error::Error;
use crate::record::{self, LeadRecord, ProblemKind, RecordContact, RecordProblem};
use crate::store::identity::{self, Held, RecordKeys, Upserted};
use crate::store::subtransaction::attempt;
use crate::store::{self, Db, leads};

/// Records per open SPI connection.
const PORTION: usize = 100;

/// A clean record that identifies a property, or why it is not one.
pub fn accept(record: LeadRecord) -> Result<LeadRecord, Error> {
    let record = record
        .clean()
        .and_then(LeadRecord::identified)
        .map_err(bad_record)?;
    let postal_code = record
        .postal_code
        .map(|text| address::normalize_zip(&text).map_or(text, |zip| zip.as_str().to_string()));
    let record = LeadRecord {
        postal_code,
        ..record
    };
    // Without a key that an index can hold, every import would make another lead of it.
    let has_key = record.vendor_record_id.is_some() || record.mak.is_some() || record.apn.is_some();
    if has_key || identity::canonical_address(&record).is_some() {
        Ok(record)
    } else {
        Err(bad_record(RecordProblem::NoIdentity))
    }
}

/// Takes the keys of these records, and the leads that they name, in the order in which every import takes them. To be
/// called before the first of several records is stored in one transaction; those that will be refused are left out.
pub fn lock(db: &mut Db<'_>, source: &str, records: &[Value]) -> Result<Held, Error> {
    let accepted: Vec<(LeadRecord, Option<String>)> = records
        .iter()
        .filter_map(|json| accept(record::from_json(json).ok()?).ok())
        .map(|record| {
            let hash = identity::canonical_address(&record).map(|address| address.hash_hex());
            (record, hash)
        })
        .collect();
    let keys: Vec<RecordKeys<'_>> = accepted
        .iter()
        .map(|(record, hash)| RecordKeys::of(source, record, hash.as_deref()))
        .collect();
    identity::lock_all(db, source, &keys, &[])
}

/// Stores each record on its own: a bad one leaves no trace and the others go in. Results are in the records' order.
/// A fault of the database (no room, a deadlock, a cancelled call) is no fault of a record: it ends the call.
pub fn upsert_all(source: &str, records: &[Value]) -> Result<Vec<Result<Upserted, Error>>, Error> {
    let mut outcomes = Vec::with_capacity(records.len());
    let _held = store::connect(|db| lock(db, source, records))?;
    // SPI keeps the results of all statements until it is closed: a large file goes in portions.
    for portion in records.chunks(PORTION) {
        store::connect(|db| {
            for json in portion {
                match upsert_one(db, source, json) {
                    Err(error) if !error.is_about_data() => return Err(error),
                    outcome => outcomes.push(outcome),
                }
            }
            Ok(())
        })?;
    }
    Ok(outcomes)
}

/// Stores one record with its contact points, or nothing of it.
pub fn upsert_one(db: &mut Db<'_>, source: &str, json: &Value) -> Result<Upserted, Error> {
    let record = accept(record::from_json(json).map_err(bad_record)?)?;
    attempt(|| {
        let upserted = identity::upsert(db, source, &record)?;
        add_contacts(db, &upserted, source, &record.contacts)?;
        if let Some(reason) = record.barred {
            leads::suppress(db, upserted.lead_id, reason)?;
        }
        Ok(upserted)
    })
}

fn bad_record(problem: RecordProblem) -> Error {
    let hint = "Compare the field with README, \"Importing\".";
    match problem.kind() {
        ProblemKind::BadSyntax => Error::bad_syntax(problem.to_string(), hint),
        ProblemKind::BadArgument => Error::bad_argument(problem.to_string(), hint),
    }
}

/// Adds contact points to a lead; those that cannot be a phone or an e-mail are left out.
fn add_contacts(
    db: &mut Db<'_>,
    lead: &Upserted,
    source: &str,
    contacts: &[RecordContact],
) -> Result<(), Error> {
    if contacts.is_empty() {
        return Ok(());
    }
    let mut stored = leads::load_one_for_update(db, lead.lead_id)?;
    let now = leads::now_rfc3339(db)?;
    let mut changed = (false, false);
    for found in contacts {
        let Ok(new) = found.to_point(source, &now) else {
            continue;
        };
        match found.kind {
            Kind::Phone => {
                changed.0 |= !matches!(
                    point::merge(&mut stored.phones, &new),
                    point::Merged::Same(_)
                )
            }
            Kind::Email => {
                changed.1 |= !matches!(
                    point::merge(&mut stored.emails, &new),
                    point::Merged::Same(_)
                )
            }
        }
    }
    if changed.0 {
        leads::set_points(db, lead.lead_id, Kind::Phone, &stored.phones)?;
    }
    if changed.1 {
        leads::set_points(db, lead.lead_id, Kind::Email, &stored.emails)?;
    }
    Ok(())
}
