//! Many records in few statements: the set-based half of `identity`, for records that concern one lead each.
//!
//! What a statement leaves out (a key that is taken, a lead that contradicts the record) is for `identity::upsert`. Rows
//! are locked in one order by every caller, so that two calls do not wait for each other: new leads by their keys, then
//! known ones by their ids. The order is that of the rows at hand, because the plans are loops over them.

use std::cell::Cell;
use std::collections::HashSet;

use pgrx::Uuid;
use pgrx::prelude::*;
use serde_json::Value;

use super::Db;
use super::at_hand::{AtHand, write_with};
use super::identity::{RecordKeys, key_texts};
use super::jsonb::Points;
use super::owner::as_owner;
use super::plan::{column, required, write_by_key};
use super::subtransaction::attempt;
use super::{merges, new_leads};
use crate::error::Error;

thread_local! {
    /// Was all of this session's last set new? New records come in runs; then the next set is stored without asking each
    /// index first. A wrong guess leaves the dead rows of one set.
    static LAST_SET_WAS_NEW: Cell<bool> = const { Cell::new(false) };
}

macro_rules! insert {
    ($where_taken:literal) => {
        concat!(
            "
INSERT INTO leads (id, source, vendor_record_id, vendor_list_id, first_name, last_name, owner_full_name, owner_company,
                   address_line1, address_line2, property_address, property_city, property_state, property_zip, county_fips,
                   addr_hash, mak, apn, property_value, estimated_equity, age, owner_occupied, custom, phones, emails)
SELECT lead_id, source, vendor_record_id, vendor_list_id, first_name, last_name, owner_full_name, owner_company,
       address_line1, address_line2, property_address, property_city, property_state, property_zip, county_fips,
       addr_hash, mak, apn, property_value, estimated_equity, age, owner_occupied, COALESCE(custom, '{}'),
       COALESCE(phones, '{}'), COALESCE(emails, '{}')
FROM records_at_hand()
",
            $where_taken,
            "RETURNING id"
        )
    };
}

// Where a key is taken, it fails as a whole; asking each index first whether a key is free takes as long again as storing.
const INSERT: &str = insert!("");

const INSERT_UNLESS_TAKEN: &str = insert!("ON CONFLICT DO NOTHING\n");

// A key that the lead found before holds in the same way finds no other lead: it is not looked up.
const FIND: &str = "
SELECT p.n, b.id, c.id, a.id, d.id
FROM records_at_hand() p
LEFT JOIN leads b ON b.addr_hash = p.addr_hash
LEFT JOIN leads c ON c.source = p.source
    AND c.vendor_record_id = CASE WHEN b.source = p.source AND b.vendor_record_id = p.vendor_record_id THEN NULL ELSE p.vendor_record_id END
LEFT JOIN leads a ON a.mak = CASE WHEN p.mak IN (b.mak, c.mak) THEN NULL ELSE p.mak END
LEFT JOIN leads d ON d.apn = CASE WHEN b.apn = p.apn AND COALESCE(b.county_fips, '') = COALESCE(p.county_fips, '')
                                    OR c.apn = p.apn AND COALESCE(c.county_fips, '') = COALESCE(p.county_fips, '')
                                    OR a.apn = p.apn AND COALESCE(a.county_fips, '') = COALESCE(p.county_fips, '')
                                  THEN NULL ELSE p.apn END
    AND COALESCE(d.county_fips, '') = COALESCE(p.county_fips, '')";

// Changes no indexed column, fires no trigger of ours: a heap-only update. Left out are leads that lack something the
// record brings, and those that hold it otherwise.
const TOUCH: &str = "
UPDATE leads l SET last_seen_at = now(), updated_at = now()
FROM records_at_hand() p
WHERE l.id = p.lead_id
  AND (p.mak IS NULL OR l.mak = p.mak)
  AND (p.addr_hash IS NULL OR l.addr_hash = p.addr_hash)
  AND (p.vendor_record_id IS NULL OR l.source IS DISTINCT FROM p.source OR l.vendor_record_id = p.vendor_record_id)
  AND (p.apn IS NULL OR l.apn = p.apn)
  AND (p.address_line1 IS NULL OR l.address_line1 IS NOT NULL OR l.addr_hash IS NOT NULL)
  AND (p.vendor_list_id IS NULL OR l.vendor_list_id IS NOT NULL)
  AND (p.first_name IS NULL OR l.first_name IS NOT NULL)
  AND (p.last_name IS NULL OR l.last_name IS NOT NULL)
  AND (p.owner_full_name IS NULL OR l.owner_full_name IS NOT NULL)
  AND (p.owner_company IS NULL OR l.owner_company IS NOT NULL)
  AND (p.property_value IS NULL OR l.property_value = p.property_value)
  AND (p.estimated_equity IS NULL OR l.estimated_equity = p.estimated_equity)
  AND (p.age IS NULL OR l.age = p.age)
  AND (p.owner_occupied IS NULL OR l.owner_occupied = p.owner_occupied)
  AND (p.custom IS NULL OR p.custom || l.custom = l.custom)
RETURNING p.n, l.id";

/// An address comes whole or not at all.
macro_rules! with_address {
    ($column:literal, $value:literal) => {
        concat!(
            $column,
            " = CASE WHEN l.address_line1 IS NULL AND l.addr_hash IS NULL AND p.address_line1 IS NOT NULL THEN ",
            $value,
            " ELSE l.",
            $column,
            " END,\n"
        )
    };
}

// As `identity` fills. Left out are leads that contradict the record.
const FILL: &str = concat!(
    "
UPDATE leads l SET
    last_seen_at = now(),
    updated_at = now(),
    vendor_record_id = COALESCE(l.vendor_record_id, CASE WHEN l.source = p.source THEN p.vendor_record_id END),
    vendor_list_id = COALESCE(l.vendor_list_id, p.vendor_list_id),
    first_name = COALESCE(l.first_name, p.first_name),
    last_name = COALESCE(l.last_name, p.last_name),
    owner_full_name = COALESCE(l.owner_full_name, p.owner_full_name),
    owner_company = COALESCE(l.owner_company, p.owner_company),
",
    with_address!("address_line1", "p.address_line1"),
    with_address!("address_line2", "p.address_line2"),
    with_address!("property_address", "COALESCE(l.property_address, p.property_address)"),
    with_address!("property_city", "COALESCE(p.property_city, l.property_city)"),
    with_address!("property_state", "COALESCE(p.property_state, l.property_state)"),
    with_address!("property_zip", "COALESCE(p.property_zip, l.property_zip)"),
    with_address!("addr_hash", "p.addr_hash"),
    "
    mak = COALESCE(l.mak, p.mak),
    county_fips = CASE WHEN l.apn IS NULL AND p.apn IS NOT NULL THEN COALESCE(l.county_fips, p.county_fips) ELSE l.county_fips END,
    apn = COALESCE(l.apn, p.apn),
    property_value = COALESCE(p.property_value, l.property_value),
    estimated_equity = COALESCE(p.estimated_equity, l.estimated_equity),
    age = COALESCE(p.age, l.age),
    owner_occupied = COALESCE(p.owner_occupied, l.owner_occupied),
    custom = CASE WHEN p.custom IS NULL THEN l.custom ELSE p.custom || l.custom END
FROM records_at_hand() p
WHERE l.id = p.lead_id
  AND (l.mak <> p.mak) IS NOT TRUE
  AND (l.addr_hash <> p.addr_hash) IS NOT TRUE
  AND (l.source = p.source AND l.vendor_record_id <> p.vendor_record_id) IS NOT TRUE
  AND (l.apn <> p.apn) IS NOT TRUE
  AND (l.apn IS NULL AND p.apn IS NOT NULL AND l.county_fips <> p.county_fips) IS NOT TRUE
RETURNING p.n"
);

const LOCK_NOW: &str = "SELECT FROM leads WHERE id = ANY ($1) FOR NO KEY UPDATE NOWAIT";

const POINTS: &str = "
SELECT id, phones, emails FROM leads WHERE id = ANY ($1)";

const SET_POINTS: &str = "
UPDATE leads l SET phones = COALESCE(p.phones, l.phones), emails = COALESCE(p.emails, l.emails), updated_at = now()
FROM records_at_hand() p
WHERE l.id = p.lead_id";

/// The leads that a record names by its keys.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    pub n: usize,
    /// By address, vendor record and mak.
    pub strong: [Option<Uuid>; 3],
    pub parcel: Option<Uuid>,
}

impl Named {
    pub fn is_nobody(&self) -> bool {
        self.strong
            .iter()
            .chain([&self.parcel])
            .all(Option::is_none)
    }

    /// The only lead, where it is one and not named by its parcel number alone.
    pub fn only(&self) -> Option<Uuid> {
        let mut strong = self.strong.iter().flatten();
        let first = *strong.next()?;
        let all_same = strong.chain(&self.parcel).all(|id| *id == first);
        all_same.then_some(first)
    }

    pub fn all(&self) -> impl Iterator<Item = Uuid> {
        self.strong.into_iter().chain([self.parcel]).flatten()
    }
}

/// Stores leads; the ids of those that met no other. `are_new`: they are expected to meet none.
fn insert(db: &mut Db<'_>, rows: &[AtHand], are_new: bool) -> Result<HashSet<[u8; 16]>, Error> {
    let mut insert_with = |statement| -> Result<HashSet<[u8; 16]>, Error> {
        write_with(db, statement, rows.to_vec())?
            .map(|row| Ok(*required::<Uuid>(&row, 1)?.as_bytes()))
            .collect()
    };
    if !are_new {
        return insert_with(INSERT_UNLESS_TAKEN);
    }
    let ids = || rows.iter().map(|row| *row.lead_id.as_bytes());
    if let Some(stored) = new_leads::insert_all(rows.iter().map(AtHand::values)) {
        let stored = ids().zip(stored).filter(|(_, stored)| *stored);
        return Ok(stored.map(|(id, _)| id).collect());
    }
    match attempt(|| insert_with(INSERT)) {
        Err(Error::Database {
            code: PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
            ..
        }) => insert_with(INSERT_UNLESS_TAKEN),
        other => other,
    }
}

/// Stores the rows that are new; which those are, and what leads the others name, unless that is known (`found`).
pub fn insert_new(
    db: &mut Db<'_>,
    rows: Vec<AtHand>,
    sample: Sample,
    found: Option<Vec<Named>>,
) -> Result<(Vec<(usize, Uuid)>, Vec<Named>), Error> {
    let mut named = Vec::new();
    let (rows, are_new) = if sample == Sample::AllNew {
        (rows, LAST_SET_WAS_NEW.get())
    } else {
        named = match found {
            Some(found) => found,
            None => find(db, rows.clone())?,
        };
        let known = named.iter().filter(|one| !one.is_nobody());
        let known: HashSet<usize> = known.map(|one| one.n).collect();
        let is_new = |row: &AtHand| !known.contains(&row.n);
        (rows.into_iter().filter(is_new).collect(), true)
    };
    if rows.is_empty() {
        return Ok((Vec::new(), named));
    }
    let inserted = insert(db, &rows, are_new)?;
    let (inserted, met): (Vec<AtHand>, Vec<AtHand>) = rows
        .into_iter()
        .partition(|row| inserted.contains(row.lead_id.as_bytes()));
    LAST_SET_WAS_NEW.set(sample == Sample::AllNew && met.is_empty());
    if !met.is_empty() {
        named.extend(find(db, met)?);
    }
    refuse_folded(db, &inserted)?;
    Ok((
        inserted.iter().map(|row| (row.n, row.lead_id)).collect(),
        named,
    ))
}

/// Leads may have been folded since the keys of the set were looked for: then its records go one by one.
pub fn refuse_folded(db: &mut Db<'_>, rows: &[AtHand]) -> Result<(), Error> {
    if !merges::are_there()? {
        return Ok(());
    }
    let texts = rows
        .iter()
        .flat_map(|row| {
            let ready = &row.ready;
            let hash = ready.addr_hash.as_deref();
            key_texts(&RecordKeys::of(&ready.source, &ready.record, hash))
        })
        .map(|(_, text)| text)
        .collect();
    match as_owner(db, |db| merges::owners_of_folded_keys(db, texts))?.is_empty() {
        true => Ok(()),
        false => Err(Error::Contended),
    }
}

/// What a few records of a set say of all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// Looking it up first would be for nothing; an insert that meets a known lead leaves it alone.
    AllNew,
    Mixed,
}

/// The leads that the records name.
pub fn find(db: &mut Db<'_>, rows: Vec<AtHand>) -> Result<Vec<Named>, Error> {
    write_with(db, FIND, rows)?
        .map(|row| {
            Ok(Named {
                n: number(&row)?,
                strong: [column(&row, 2)?, column(&row, 3)?, column(&row, 4)?],
                parcel: column(&row, 5)?,
            })
        })
        .collect()
}

/// Says that leads were seen; whose record brings nothing more.
pub fn touch(db: &mut Db<'_>, rows: Vec<AtHand>) -> Result<Vec<(usize, Uuid)>, Error> {
    write_with(db, TOUCH, rows)?
        .map(|row| Ok((number(&row)?, required(&row, 2)?)))
        .collect()
}

/// Locks leads; how many there are. An error where another session holds one.
pub fn lock_now(db: &mut Db<'_>, ids: &HashSet<Uuid>) -> Result<usize, Error> {
    let ids: Vec<Uuid> = ids.iter().copied().collect();
    Ok(write_by_key(db, LOCK_NOW, &[ids.into()])?.len())
}

/// Fills what leads lack and freshens what ages; whose record fits its lead.
pub fn fill(db: &mut Db<'_>, rows: Vec<AtHand>) -> Result<Vec<usize>, Error> {
    write_with(db, FILL, rows)?
        .map(|row| number(&row))
        .collect()
}

/// Phones and e-mails of leads that this transaction has locked.
pub fn points(
    db: &mut Db<'_>,
    ids: impl Iterator<Item = Uuid>,
) -> Result<Vec<(Uuid, Vec<Value>, Vec<Value>)>, Error> {
    let ids: Vec<Uuid> = ids.collect();
    let list = |stored: Option<Points>| stored.map_or_else(Vec::new, |stored| stored.0);
    write_by_key(db, POINTS, &[ids.into()])?
        .map(|row| {
            Ok((
                required(&row, 1)?,
                list(column(&row, 2)?),
                list(column(&row, 3)?),
            ))
        })
        .collect()
}

/// Writes contact points back.
pub fn set_points(db: &mut Db<'_>, rows: Vec<AtHand>) -> Result<(), Error> {
    write_with(db, SET_POINTS, rows).map(drop)
}

fn number(row: &pgrx::spi::SpiHeapTupleData<'_>) -> Result<usize, Error> {
    usize::try_from(required::<i32>(row, 1)?)
        .map_err(|_| Error::Internal("a record has a negative number".into()))
}
