//! Who is who: finds the lead that a record is, or makes one.
//!
//! Keys are tried in the order mak, address, vendor record, parcel. The unique indexes are the judge: an insert
//! that loses a race is not an error but a reason to look again.

mod fast_path;
mod keys;
mod several;

pub use keys::{Held, RecordKeys, has_written, key_texts, lock_all};

use pgrx::Uuid;
use pgrx::prelude::*;

use super::plan::{column, required, write_by_key};
use super::recognition;
use super::subtransaction::attempt;
use super::{Db, matches};
use crate::address::{self, AddressParts, CanonicalAddress};
use crate::error::Error;
use crate::merging::bridge::Bridged;
use crate::record::LeadRecord;

/// How often a race for a new lead is tried again before the caller is told.
const TRIES: usize = 10;

macro_rules! candidates {
    ($key:literal, $condition:literal) => {
        concat!(
            "SELECT ",
            $key,
            ", id, source, vendor_record_id, address_line1 IS NOT NULL, addr_hash, mak, apn, property_state, property_zip
FROM leads WHERE ",
            $condition
        )
    };
}

// Sorted here, not there: a sort costs as much as a look-up.
const FIND: &str = concat!(
    candidates!("1", "mak = $1"),
    "\nUNION ALL ",
    candidates!("2", "addr_hash = $2"),
    "\nUNION ALL ",
    candidates!("3", "source = $3 AND vendor_record_id = $4"),
    "\nUNION ALL ",
    candidates!(
        "4",
        "apn = $5 AND COALESCE(county_fips, '') = COALESCE($6, '')"
    )
);

const FILL: &str = "
UPDATE leads SET
    last_seen_at = now(),
    updated_at = now(),
    vendor_record_id = COALESCE(vendor_record_id, CASE WHEN source = $2 THEN $3 END),
    vendor_list_id = COALESCE(vendor_list_id, $4),
    first_name = COALESCE(first_name, $5),
    last_name = COALESCE(last_name, $6),
    owner_full_name = COALESCE(owner_full_name, $7),
    owner_company = COALESCE(owner_company, $8),
    address_line1 = CASE WHEN address_line1 IS NULL THEN $9 ELSE address_line1 END,
    address_line2 = CASE WHEN address_line1 IS NULL AND $9 IS NOT NULL THEN $10 ELSE address_line2 END,
    property_address = COALESCE(property_address, NULLIF(concat_ws(', ', $9, $10), '')),
    property_city = CASE WHEN address_line1 IS NULL THEN COALESCE($11, property_city) ELSE property_city END,
    property_state = CASE WHEN address_line1 IS NULL THEN COALESCE($12, property_state) ELSE property_state END,
    property_zip = CASE WHEN address_line1 IS NULL THEN COALESCE($13, property_zip) ELSE property_zip END,
    addr_hash = COALESCE(addr_hash, $15),
    mak = COALESCE(mak, $16),
    county_fips = CASE WHEN apn IS NULL THEN COALESCE(county_fips, $14) ELSE county_fips END,
    apn = COALESCE(apn, CASE WHEN (county_fips <> $14) IS NOT TRUE THEN $17 END),
    property_value = COALESCE($18::numeric, property_value),
    estimated_equity = COALESCE($19::numeric, estimated_equity),
    age = COALESCE($20, age),
    owner_occupied = COALESCE($21, owner_occupied),
    custom = CASE WHEN $22 IS NULL THEN custom ELSE $22 || custom END
WHERE id = $1";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Mak = 1,
    Address = 2,
    VendorRecord = 3,
    Parcel = 4,
}

/// A lead that shares at least one key with the record.
struct Candidate {
    key: Key,
    id: Uuid,
    source: Option<String>,
    vendor_record_id: Option<String>,
    has_address: bool,
    addr_hash: Option<String>,
    mak: Option<String>,
    apn: Option<String>,
    state: Option<String>,
    zip: Option<String>,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Inserted,
    Updated,
    /// It showed that two leads are one property.
    Merged,
    /// Stored, and a pair with another lead waits in `lead_matches`.
    MatchedReview,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inserted => "inserted",
            Self::Updated => "updated",
            Self::Merged => "merged",
            Self::MatchedReview => "matched_review",
        }
    }
}

pub struct Upserted {
    pub lead_id: Uuid,
    pub outcome: Outcome,
    /// Did the record make the lead? Also true beside a pair to review.
    pub is_new: bool,
}

impl Upserted {
    /// No other lead is concerned.
    pub fn alone(lead_id: Uuid, outcome: Outcome) -> Self {
        Self {
            lead_id,
            outcome,
            is_new: outcome == Outcome::Inserted,
        }
    }
}

/// Inserts `record`, as a lead with the id `new_id` (None: any), or updates the lead it is. It must be clean and have an
/// identity.
pub fn upsert(
    db: &mut Db<'_>,
    source: &str,
    record: &LeadRecord,
    new_id: Option<Uuid>,
) -> Result<Upserted, Error> {
    let addr_hash = canonical_address(record).map(|address| address.hash_hex());
    let keys = RecordKeys::of(source, record, addr_hash.as_deref());
    let _held = keys::Held::take([&keys]);
    if let Some(upserted) = fast_path::upsert(db, record, &keys, new_id)? {
        return Ok(upserted);
    }
    let mut merged = false;
    for attempt in 0..TRIES {
        let mut candidates = find(db, source, record, addr_hash.as_deref())?;
        several::add_survivors(db, &keys, &mut candidates)?;
        let (refused, matches) = several::without_other_parcels(db, candidates, record)?;
        match several::merge(db, record, &matches)? {
            Bridged::Merged { .. } => {
                merged = true;
                continue;
            }
            Bridged::Gone => continue,
            Bridged::Apart => {}
        }
        let stored = match matches.split_first() {
            None => {
                let apn = keys.apn.filter(|_| refused.is_empty());
                several::insert(db, new_id, record, &RecordKeys { apn, ..keys })?
                    .map(|id| (id, Outcome::Inserted))
            }
            Some((best, rest)) => {
                let others: Vec<&Candidate> = rest
                    .iter()
                    .filter(|c| c.id != best.id)
                    .chain(&refused)
                    .collect();
                // A key that keeps clashing belongs to a lead that this record does not name: do without it.
                let keys = if attempt < 2 { Keys::Take } else { Keys::Leave };
                let new = NewFacts::of(source, record, addr_hash.as_deref(), best, &others, keys);
                fill(db, source, record, best, &new)?.then_some((best.id, Outcome::Updated))
            }
        };
        let Some((lead_id, mut outcome)) = stored else {
            continue;
        };
        let is_new = outcome == Outcome::Inserted;
        if merged {
            outcome = Outcome::Merged;
        }
        for other in matches.iter().chain(&refused).filter(|c| c.id != lead_id) {
            if matches::remember(db, lead_id, other.id, reason(other.key))? {
                outcome = Outcome::MatchedReview;
            }
        }
        return Ok(Upserted {
            lead_id,
            outcome,
            is_new,
        });
    }
    Err(Error::Contended)
}

/// The canonical address of a record, or None when it does not identify a property.
pub fn canonical_address(record: &LeadRecord) -> Option<CanonicalAddress> {
    address::canonical(&AddressParts {
        line1: record.address_line1.as_deref(),
        line2: record.address_line2.as_deref(),
        city: record.city.as_deref(),
        state: record.state.as_deref(),
        zip: record.postal_code.as_deref(),
    })
}

/// Like a writer: a reader in a subtransaction would not see what the statement stored before.
fn find(
    db: &mut Db<'_>,
    source: &str,
    record: &LeadRecord,
    addr_hash: Option<&str>,
) -> Result<Vec<Candidate>, Error> {
    let args = [
        record.mak.as_deref().into(),
        addr_hash.into(),
        source.into(),
        record.vendor_record_id.as_deref().into(),
        record.apn.as_deref().into(),
        record.county_fips.as_deref().into(),
    ];
    let mut found: Vec<Candidate> = write_by_key(db, FIND, &args)?
        .map(|row| {
            Ok(Candidate {
                key: match required::<i32>(&row, 1)? {
                    1 => Key::Mak,
                    2 => Key::Address,
                    3 => Key::VendorRecord,
                    _ => Key::Parcel,
                },
                id: required(&row, 2)?,
                source: column(&row, 3)?,
                vendor_record_id: column(&row, 4)?,
                has_address: required(&row, 5)?,
                addr_hash: column(&row, 6)?,
                mak: column(&row, 7)?,
                apn: column(&row, 8)?,
                state: column(&row, 9)?,
                zip: column(&row, 10)?,
            })
        })
        .collect::<Result<_, Error>>()?;
    found.sort_by_key(|candidate| candidate.key);
    Ok(found)
}

/// May a match give the lead keys that it lacks?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    Take,
    Leave,
}

/// The keys and the address that a record brings to a lead that lacks them. An address comes whole or not at all.
#[derive(Default)]
struct NewFacts<'a> {
    vendor_record_id: Option<&'a str>,
    address: Option<&'a LeadRecord>,
    addr_hash: Option<&'a str>,
    mak: Option<&'a str>,
    apn: Option<&'a str>,
}

impl<'a> NewFacts<'a> {
    fn of(
        source: &str,
        record: &'a LeadRecord,
        addr_hash: Option<&'a str>,
        lead: &Candidate,
        others: &[&Candidate],
        keys: Keys,
    ) -> Self {
        if keys == Keys::Leave {
            return Self::default();
        }
        let free = |key: Key| others.iter().all(|other| other.key != key);
        let may_have_id = lead.vendor_record_id.is_none()
            && lead.source.as_deref() == Some(source)
            && free(Key::VendorRecord);
        let may_have_address = !lead.has_address
            && lead.addr_hash.is_none()
            && free(Key::Address)
            && record.address_line1.is_some();
        Self {
            vendor_record_id: record.vendor_record_id.as_deref().filter(|_| may_have_id),
            address: Some(record).filter(|_| may_have_address),
            addr_hash: addr_hash.filter(|_| may_have_address),
            mak: record
                .mak
                .as_deref()
                .filter(|_| lead.mak.is_none() && free(Key::Mak)),
            apn: record
                .apn
                .as_deref()
                .filter(|_| lead.apn.is_none() && free(Key::Parcel)),
        }
    }

    /// Can a unique index refuse it? An address can, by the hash that the trigger computes.
    fn takes_a_key(&self) -> bool {
        self.vendor_record_id.is_some()
            || self.address.is_some()
            || self.mak.is_some()
            || self.apn.is_some()
    }
}

/// Fills what the lead lacks and freshens what ages. False: another lead has one of the keys.
fn fill(
    db: &mut Db<'_>,
    source: &str,
    record: &LeadRecord,
    lead: &Candidate,
    new: &NewFacts<'_>,
) -> Result<bool, Error> {
    if !new.takes_a_key() && recognition::touch_unless_lacking(db, lead.id, record)? {
        return Ok(true);
    }
    let address = |field: fn(&LeadRecord) -> &Option<String>| {
        new.address.and_then(|record| field(record).as_deref())
    };
    let args = [
        lead.id.into(),
        source.into(),
        new.vendor_record_id.into(),
        record.vendor_list_id.as_deref().into(),
        record.owner_first_name.as_deref().into(),
        record.owner_last_name.as_deref().into(),
        record.owner_full_name.as_deref().into(),
        record.owner_company.as_deref().into(),
        address(|r| &r.address_line1).into(),
        address(|r| &r.address_line2).into(),
        address(|r| &r.city).into(),
        address(|r| &r.state).into(),
        address(|r| &r.postal_code).into(),
        record
            .county_fips
            .as_deref()
            .filter(|_| new.apn.is_some())
            .into(),
        new.addr_hash.into(),
        new.mak.into(),
        new.apn.into(),
        record.property_value.map(|v| v.to_string()).into(),
        record.estimated_equity.map(|v| v.to_string()).into(),
        record.age.into(),
        record.owner_occupied.into(),
        recognition::custom(record).into(),
    ];
    if !new.takes_a_key() {
        return Ok(!write_by_key(db, FILL, &args)?.is_empty());
    }
    match attempt(|| Ok(!write_by_key(db, FILL, &args)?.is_empty())) {
        Err(Error::Database {
            code: PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
            ..
        }) => Ok(false),
        other => other,
    }
}

fn reason(key: Key) -> &'static str {
    match key {
        Key::Mak => matches::SAME_MAK,
        Key::Address => "same address, other keys differ",
        Key::VendorRecord => "same vendor record, other keys differ",
        Key::Parcel => "same parcel number, address contradicts",
    }
}
