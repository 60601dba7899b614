//! Records into leads: checks a record, stores it, adds the contact points that came with it.
//!
//! The one road for `upsert_lead`, `upsert_leads` (whose sets are made in `bulk`), pulled pages and retried records.

use pgrx::Uuid;
use serde_json::Value;

use crate::address;
use crate::contact::{Kind, point};
use crate::error::Error;
use crate::record::{self, LeadRecord, Members, ProblemKind, RecordContact, RecordProblem};
use crate::store::identity::{self, Upserted};
use crate::store::subtransaction::attempt;
use crate::store::{Db, leads};

/// A clean record that identifies a property, or why it is not one.
pub fn accept(record: LeadRecord) -> Result<LeadRecord, Error> {
    identified(record.clean().map_err(bad_record)?)
}

fn identified(record: LeadRecord) -> Result<LeadRecord, Error> {
    let record = record.identified().map_err(bad_record)?;
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

/// A record and its address hash, or why it is none. `members`: of its JSON; None: it is no object.
pub fn read(members: Option<Members>) -> Result<(LeadRecord, Option<String>), Error> {
    let record = members
        .ok_or(RecordProblem::NotAnObject)
        .and_then(record::from_members)
        .map_err(bad_record)?;
    let record = identified(record)?;
    let addr_hash = identity::canonical_address(&record).map(|address| address.hash_hex());
    Ok((record, addr_hash))
}

/// Stores one record with its contact points, or nothing of it.
pub fn upsert_one(db: &mut Db<'_>, source: &str, json: Value) -> Result<Upserted, Error> {
    let members = record::members(json).map_err(bad_record)?;
    let record = identified(record::from_members(members).map_err(bad_record)?)?;
    store_one(db, source, &record, None)
}

/// Stores one clean record with its contact points, or nothing of it; `new_id`: see `identity::upsert`.
pub fn store_one(
    db: &mut Db<'_>,
    source: &str,
    record: &LeadRecord,
    new_id: Option<Uuid>,
) -> Result<Upserted, Error> {
    attempt(|| {
        let upserted = identity::upsert(db, source, record, new_id)?;
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
    let changed = merge_contacts(
        contacts,
        (source, &now),
        &mut stored.phones,
        &mut stored.emails,
    );
    if changed.0 {
        leads::set_points(db, lead.lead_id, Kind::Phone, &stored.phones)?;
    }
    if changed.1 {
        leads::set_points(db, lead.lead_id, Kind::Email, &stored.emails)?;
    }
    Ok(())
}

/// Merges the contacts of a record, reported by this source at this time, into stored phones and e-mails; which of the
/// two changed. Those that cannot be a phone or an e-mail are left out.
pub fn merge_contacts(
    contacts: &[RecordContact],
    (source, now): (&str, &str),
    phones: &mut Vec<Value>,
    emails: &mut Vec<Value>,
) -> (bool, bool) {
    let mut changed = (false, false);
    for found in contacts {
        let Ok(new) = found.to_point(source, now) else {
            continue;
        };
        let (points, has_changed) = match found.kind {
            Kind::Phone => (&mut *phones, &mut changed.0),
            Kind::Email => (&mut *emails, &mut changed.1),
        };
        *has_changed |= !matches!(point::merge(points, &new), point::Merged::Same(_));
    }
    changed
}
