//! A record that names several leads, or one that was folded into another.

use pgrx::Uuid;

use super::{Candidate, Key, RecordKeys, canonical_address, key_texts};
use crate::address;
use crate::error::Error;
use crate::merging::bridge::{self, Bridged, Named};
use crate::merging::contradiction::Facts;
use crate::record::LeadRecord;
use crate::store::owner::as_owner;
use crate::store::plan::{column, required, write};
use crate::store::{Db, groups, leads, merges, recognition};

const BY_ID: &str = "
SELECT source, vendor_record_id, address_line1 IS NOT NULL, addr_hash, mak, apn, property_state, property_zip FROM leads WHERE id = $1";

/// Adds the leads that have survived the owners of keys that no lead has itself.
pub(super) fn add_survivors(
    db: &mut Db<'_>,
    keys: &RecordKeys<'_>,
    candidates: &mut Vec<Candidate>,
) -> Result<(), Error> {
    if !merges::are_there()? {
        return Ok(());
    }
    let open: Vec<(Key, String)> = key_texts(keys)
        .into_iter()
        .filter(|(key, _)| candidates.iter().all(|found| found.key != *key))
        .collect();
    if open.is_empty() {
        return Ok(());
    }
    let texts = open.iter().map(|(_, text)| text.clone()).collect();
    let owners = as_owner(db, |db| merges::owners_of_folded_keys(db, texts))?;
    for (text, id) in owners {
        let key = open.iter().find(|(_, open)| *open == text);
        let lead = load(db, id)?;
        if let (Some((key, _)), Some(lead)) = (key, lead) {
            candidates.push(Candidate { key: *key, ..lead });
        }
    }
    candidates.sort_by_key(|candidate| candidate.key);
    Ok(())
}

/// Stores a new lead; None: another lead has one of its keys, or has survived the lead that had it. That is looked for
/// afterwards: a lead that is folded meanwhile would slip between a look and the insert.
pub(super) fn insert(
    db: &mut Db<'_>,
    new_id: Option<Uuid>,
    record: &LeadRecord,
    keys: &RecordKeys<'_>,
) -> Result<Option<Uuid>, Error> {
    let new_id = new_id.unwrap_or_else(leads::new_id);
    match recognition::insert(db, new_id, record, keys)? {
        Some(id) => unless_survived(db, id, keys),
        None => Ok(None),
    }
}

/// A new lead, if none has survived one that had its keys; else it goes again.
pub(super) fn unless_survived(
    db: &mut Db<'_>,
    id: Uuid,
    keys: &RecordKeys<'_>,
) -> Result<Option<Uuid>, Error> {
    let mut survivors = Vec::new();
    add_survivors(db, keys, &mut survivors)?;
    if survivors.is_empty() {
        return Ok(Some(id));
    }
    as_owner(db, |db| merges::remove(db, id))?;
    Ok(None)
}

fn load(db: &mut Db<'_>, id: Uuid) -> Result<Option<Candidate>, Error> {
    let Some(row) = write(db, BY_ID, &[id.into()])?.next() else {
        return Ok(None);
    };
    Ok(Some(Candidate {
        key: Key::Parcel,
        id,
        source: column(&row, 1)?,
        vendor_record_id: column(&row, 2)?,
        has_address: required(&row, 3)?,
        addr_hash: column(&row, 4)?,
        mak: column(&row, 5)?,
        apn: column(&row, 6)?,
        state: column(&row, 7)?,
        zip: column(&row, 8)?,
    }))
}

/// Merges two of the leads that the record names, if they are one property.
pub(super) fn merge(
    db: &mut Db<'_>,
    record: &LeadRecord,
    found: &[Candidate],
) -> Result<Bridged, Error> {
    let mut named: Vec<Named> = Vec::new();
    for candidate in found {
        let is_strong = matches!(candidate.key, Key::Mak | Key::Address);
        match named.iter_mut().find(|lead| lead.id == candidate.id) {
            Some(lead) => lead.is_strong |= is_strong,
            None => named.push(Named {
                id: candidate.id,
                is_strong,
            }),
        }
    }
    // A parcel number without its county names many properties.
    let is_vague = |lead: &Named| {
        record.county_fips.is_none()
            && found
                .iter()
                .all(|candidate| candidate.id != lead.id || candidate.key == Key::Parcel)
    };
    named.retain(|lead| !is_vague(lead));
    if named.len() < 2 {
        return Ok(Bridged::Apart);
    }
    bridge::merge_named(db, &named, &facts(record), bridge::ONE_RECORD)
}

fn facts(record: &LeadRecord) -> Facts {
    let address = canonical_address(record);
    Facts {
        mak: record.mak.clone(),
        apn: record.apn.clone(),
        county_fips: record.county_fips.clone(),
        has_addr_hash: address.is_some(),
        address,
        state: record.state.clone(),
        zip: record.postal_code.clone(),
    }
}

/// Those of the candidates that the record is not, although they share its parcel number.
pub(super) fn without_other_parcels(
    db: &mut Db<'_>,
    found: Vec<Candidate>,
    record: &LeadRecord,
) -> Result<(Vec<Candidate>, Vec<Candidate>), Error> {
    let (mut refused, mut matches): (Vec<Candidate>, Vec<Candidate>) = (Vec::new(), Vec::new());
    // Strongest key first: a lead that a stronger one has found is not looked at again.
    for candidate in found {
        let is_alone = matches.iter().all(|other| other.id != candidate.id);
        if candidate.key == Key::Parcel && is_alone && is_other_parcel(db, &candidate, record)? {
            refused.push(candidate);
        } else {
            matches.push(candidate);
        }
    }
    Ok((refused, matches))
}

/// Two counties share parcel numbers, and so may the doors of one building: a match on the parcel alone is no match when
/// mak or address contradict it. A state contradicts only as a code: `California` and `CA` are one.
fn is_other_parcel(
    db: &mut Db<'_>,
    candidate: &Candidate,
    record: &LeadRecord,
) -> Result<bool, Error> {
    let maks = candidate.mak.as_deref().zip(record.mak.as_deref());
    if maks.is_some_and(|(a, b)| a != b) {
        return Ok(true);
    }
    let ours = facts(record);
    if candidate.addr_hash.is_none() || ours.address.is_none() {
        return Ok(false);
    }
    let zip = |text: &Option<String>| text.as_deref().and_then(address::normalize_zip);
    let state = |text: &Option<String>| {
        let code = text.as_deref()?.trim().to_ascii_uppercase();
        (code.len() == 2).then_some(code)
    };
    let zips = zip(&candidate.zip).zip(zip(&record.postal_code));
    let states = state(&candidate.state).zip(state(&record.state));
    if zips.is_some_and(|(a, b)| a.as_str() != b.as_str()) || states.is_some_and(|(a, b)| a != b) {
        return Ok(true);
    }
    let unit = |facts: &Facts| {
        let address = facts.address.as_ref()?;
        Some(address.unit().to_string()).filter(|unit| !unit.is_empty())
    };
    let theirs = as_owner(db, |db| groups::members(db, &[candidate.id]))?;
    Ok(theirs
        .iter()
        .filter(|member| member.id == candidate.id)
        .any(|member| matches!((unit(&member.facts), unit(&ours)), (Some(a), Some(b)) if a != b)))
}
