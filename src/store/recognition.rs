//! The common ends of an upsert in one statement each: the record is a lead that holds all of it, or nobody's.
//!
//! The lead that the record's strongest key names is touched by that key, whatever else the record says: it is the one
//! that is matched. If it holds the other keys as well, no other lead can (each is unique), and nothing is left to do.

use pgrx::{AnyNumeric, Uuid};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::Db;
use super::plan::{column, required, scalar, write_by_key};
use crate::error::Error;
use crate::record::LeadRecord;

/// What is known of a record after the touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// This lead, which holds everything that the record says.
    Wholly(Uuid),
    /// A lead was touched that lacks something, or holds it otherwise.
    Partly,
    /// No lead has the record's strongest key.
    No,
}

/// Changes no indexed column, fires no trigger of ours: a heap-only update.
macro_rules! touch_by {
    ($condition:literal) => {
        concat!(
            "UPDATE leads SET last_seen_at = now(), updated_at = now() WHERE ",
            $condition,
            " RETURNING id, source, vendor_record_id, addr_hash, apn, county_fips, address_line1, vendor_list_id, first_name, last_name, owner_full_name, owner_company, property_value, estimated_equity, age, owner_occupied"
        )
    };
}

const TOUCH_BY_MAK: &str = touch_by!("mak = $1");

const TOUCH_BY_ADDRESS: &str = touch_by!("addr_hash = $1");

const TOUCH_BY_RECORD: &str = touch_by!("source = $1 AND vendor_record_id = $2");

// Changes no indexed column, fires no trigger of ours: a heap-only update. No row: there is something to fill.
const TOUCH_UNLESS_LACKING: &str = "
UPDATE leads SET last_seen_at = now(), updated_at = now()
WHERE id = $1
  AND ($2 IS NULL OR vendor_list_id IS NOT NULL)
  AND ($3 IS NULL OR first_name IS NOT NULL)
  AND ($4 IS NULL OR last_name IS NOT NULL)
  AND ($5 IS NULL OR owner_full_name IS NOT NULL)
  AND ($6 IS NULL OR owner_company IS NOT NULL)
  AND ($7 IS NULL OR property_value = $7::numeric)
  AND ($8 IS NULL OR estimated_equity = $8::numeric)
  AND ($9 IS NULL OR age = $9)
  AND ($10 IS NULL OR owner_occupied = $10)
  AND ($11 IS NULL OR $11 || custom = custom)";

const INSERT: &str = "
INSERT INTO leads (source, vendor_record_id, vendor_list_id, first_name, last_name, owner_full_name, owner_company,
                   address_line1, address_line2, property_address, property_city, property_state, property_zip, county_fips,
                   addr_hash, mak, apn, property_value, estimated_equity, age, owner_occupied, custom)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULLIF(concat_ws(', ', $8, $9), ''), $10, $11, $12, $13, $14, $15, $16, $17::numeric, $18::numeric, $19, $20,
        COALESCE($21, '{}'))
ON CONFLICT DO NOTHING
RETURNING id";

/// Touches the lead that the record's strongest key names.
pub fn touch(
    db: &mut Db<'_>,
    source: &str,
    record: &LeadRecord,
    addr_hash: Option<&str>,
) -> Result<Recognised, Error> {
    let id = record.vendor_record_id.as_deref();
    let mut touched = match (record.mak.as_deref(), addr_hash, id) {
        (Some(mak), _, _) => write_by_key(db, TOUCH_BY_MAK, &[mak.into()])?,
        (_, Some(hash), _) => write_by_key(db, TOUCH_BY_ADDRESS, &[hash.into()])?,
        (_, _, Some(id)) => write_by_key(db, TOUCH_BY_RECORD, &[source.into(), id.into()])?,
        // A parcel number alone may be another county's.
        _ => return Ok(Recognised::Partly),
    };
    let Some(lead) = touched.next() else {
        return Ok(Recognised::No);
    };
    let holds_all = holds_keys(&lead, source, record, addr_hash)? && holds_facts(&lead, record)?;
    Ok(match holds_all {
        true => Recognised::Wholly(required(&lead, 1)?),
        false => Recognised::Partly,
    })
}

type Row<'a> = pgrx::spi::SpiHeapTupleData<'a>;

fn holds_keys(
    lead: &Row<'_>,
    source: &str,
    record: &LeadRecord,
    addr_hash: Option<&str>,
) -> Result<bool, Error> {
    let text = |ordinal| column::<&str>(lead, ordinal);
    let (id, apn) = (record.vendor_record_id.as_deref(), record.apn.as_deref());
    if id.is_some() && (text(2)? != Some(source) || text(3)? != id) {
        return Ok(false);
    }
    let has_address = match addr_hash {
        Some(_) => text(4)? == addr_hash,
        None => record.address_line1.is_none() || text(7)?.is_some() || text(4)?.is_some(),
    };
    if !has_address || apn.is_none() {
        return Ok(has_address);
    }
    let county = text(6)?.unwrap_or_default();
    Ok(text(5)? == apn && county == record.county_fips.as_deref().unwrap_or_default())
}

fn holds_facts(lead: &Row<'_>, record: &LeadRecord) -> Result<bool, Error> {
    let filled = [
        (8, &record.vendor_list_id),
        (9, &record.owner_first_name),
        (10, &record.owner_last_name),
        (11, &record.owner_full_name),
        (12, &record.owner_company),
    ];
    for (ordinal, given) in filled {
        if given.is_some() && column::<&str>(lead, ordinal)?.is_none() {
            return Ok(false);
        }
    }
    for (ordinal, given) in [(13, record.property_value), (14, record.estimated_equity)] {
        if given.is_some() && column::<AnyNumeric>(lead, ordinal)? != given.and_then(numeric) {
            return Ok(false);
        }
    }
    let is_as_old = record.age.is_none() || column(lead, 15)? == record.age;
    let lives_there = record.owner_occupied.is_none() || column(lead, 16)? == record.owner_occupied;
    Ok(is_as_old && lives_there && record.custom.is_none())
}

/// Says only that the lead was seen. False: the record brings something that the lead lacks, or holds otherwise.
pub fn touch_unless_lacking(db: &mut Db<'_>, id: Uuid, record: &LeadRecord) -> Result<bool, Error> {
    let args = [
        id.into(),
        record.vendor_list_id.as_deref().into(),
        record.owner_first_name.as_deref().into(),
        record.owner_last_name.as_deref().into(),
        record.owner_full_name.as_deref().into(),
        record.owner_company.as_deref().into(),
        record.property_value.map(|v| v.to_string()).into(),
        record.estimated_equity.map(|v| v.to_string()).into(),
        record.age.into(),
        record.owner_occupied.into(),
        custom(record).into(),
    ];
    Ok(!write_by_key(db, TOUCH_UNLESS_LACKING, &args)?.is_empty())
}

/// Stores a new lead; None: a lead has one of its keys.
pub fn insert(
    db: &mut Db<'_>,
    source: &str,
    record: &LeadRecord,
    addr_hash: Option<&str>,
    with_parcel: bool,
) -> Result<Option<Uuid>, Error> {
    let args = [
        source.into(),
        record.vendor_record_id.as_deref().into(),
        record.vendor_list_id.as_deref().into(),
        record.owner_first_name.as_deref().into(),
        record.owner_last_name.as_deref().into(),
        record.owner_full_name.as_deref().into(),
        record.owner_company.as_deref().into(),
        record.address_line1.as_deref().into(),
        record.address_line2.as_deref().into(),
        record.city.as_deref().into(),
        record.state.as_deref().into(),
        record.postal_code.as_deref().into(),
        record.county_fips.as_deref().into(),
        addr_hash.into(),
        record.mak.as_deref().into(),
        record.apn.as_deref().filter(|_| with_parcel).into(),
        record.property_value.map(|v| v.to_string()).into(),
        record.estimated_equity.map(|v| v.to_string()).into(),
        record.age.into(),
        record.owner_occupied.into(),
        custom(record).into(),
    ];
    scalar(write_by_key(db, INSERT, &args)?)
}

/// The user's own data, for a statement.
pub fn custom(record: &LeadRecord) -> Option<pgrx::JsonB> {
    record
        .custom
        .clone()
        .map(|custom| pgrx::JsonB(serde_json::Value::Object(custom)))
}

/// With the digits after the point that came: 12.50 stays 12.50.
pub fn numeric(amount: Decimal) -> Option<AnyNumeric> {
    match amount.to_i64().filter(|_| amount.scale() == 0) {
        Some(whole) => Some(AnyNumeric::from(whole)),
        None => AnyNumeric::try_from(amount.to_string().as_str()).ok(),
    }
}
