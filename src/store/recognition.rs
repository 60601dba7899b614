//! The common ends of an upsert in one statement each: the record is a lead that holds all of it, or nobody's.
//!
//! Only a lead that holds all keys of the record is touched: each is unique, so no other lead can be meant.

use pgrx::{AnyNumeric, Uuid};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::Db;
use super::identity::RecordKeys;
use super::plan::{column, required, scalar, write_by_key};
use crate::error::Error;
use crate::record::LeadRecord;

/// What is known of a record after the touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// This lead, which holds everything that the record says.
    Wholly(Uuid),
    /// A lead was touched that holds all keys of the record, but lacks something else, or holds it otherwise.
    Partly,
    /// No lead has all keys of the record.
    No,
}

/// Changes no indexed column, fires no trigger of ours: a heap-only update. Only a lead with all keys is touched, because
/// the record may name others beside it, and several leads are locked in the order of their ids.
macro_rules! touch_by {
    ($condition:literal) => {
        concat!(
            "UPDATE leads SET last_seen_at = now(), updated_at = now() WHERE ",
            $condition,
            " AND ($1 IS NULL OR mak = $1) AND ($2 IS NULL OR addr_hash = $2)",
            " AND ($4 IS NULL OR source = $3 AND vendor_record_id = $4)",
            " AND ($5 IS NULL OR apn = $5 AND COALESCE(county_fips, '') = COALESCE($6, ''))",
            " RETURNING id, addr_hash, address_line1, vendor_list_id, first_name, last_name, owner_full_name, owner_company, property_value, estimated_equity, age, owner_occupied"
        )
    };
}

const TOUCH_BY_MAK: &str = touch_by!("mak = $1");

const TOUCH_BY_ADDRESS: &str = touch_by!("addr_hash = $2");

const TOUCH_BY_RECORD: &str = touch_by!("source = $3 AND vendor_record_id = $4");

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
INSERT INTO leads (id, source, vendor_record_id, vendor_list_id, first_name, last_name, owner_full_name, owner_company,
                   address_line1, address_line2, property_address, property_city, property_state, property_zip, county_fips,
                   addr_hash, mak, apn, property_value, estimated_equity, age, owner_occupied, custom)
VALUES ($22, $1, $2, $3, $4, $5, $6, $7, $8, $9, NULLIF(concat_ws(', ', $8, $9), ''), $10, $11, $12, $13, $14, $15, $16, $17::numeric, $18::numeric, $19, $20,
        COALESCE($21, '{}'))
ON CONFLICT DO NOTHING
RETURNING id";

/// Has the record a key that one lead is looked for by? A parcel number alone may be another county's.
pub fn is_tried(keys: &RecordKeys<'_>) -> bool {
    keys.mak.is_some() || keys.addr_hash.is_some() || keys.vendor_record_id.is_some()
}

/// Touches the lead that the record's strongest key names, if the others name no other.
pub fn touch(
    db: &mut Db<'_>,
    keys: &RecordKeys<'_>,
    record: &LeadRecord,
) -> Result<Recognised, Error> {
    let statement = match (keys.mak, keys.addr_hash, keys.vendor_record_id) {
        (Some(_), _, _) => TOUCH_BY_MAK,
        (_, Some(_), _) => TOUCH_BY_ADDRESS,
        (_, _, Some(_)) => TOUCH_BY_RECORD,
        _ => return Ok(Recognised::Partly),
    };
    let args = [
        keys.mak.into(),
        keys.addr_hash.into(),
        keys.source.into(),
        keys.vendor_record_id.into(),
        keys.apn.into(),
        keys.county_fips.into(),
    ];
    let Some(lead) = write_by_key(db, statement, &args)?.next() else {
        return Ok(Recognised::No);
    };
    Ok(match holds_facts(&lead, record)? {
        true => Recognised::Wholly(required(&lead, 1)?),
        false => Recognised::Partly,
    })
}

type Row<'a> = pgrx::spi::SpiHeapTupleData<'a>;

fn holds_facts(lead: &Row<'_>, record: &LeadRecord) -> Result<bool, Error> {
    let is_there = |ordinal| Ok::<bool, Error>(column::<&str>(lead, ordinal)?.is_some());
    if record.address_line1.is_some() && !is_there(2)? && !is_there(3)? {
        return Ok(false);
    }
    let filled = [
        (4, &record.vendor_list_id),
        (5, &record.owner_first_name),
        (6, &record.owner_last_name),
        (7, &record.owner_full_name),
        (8, &record.owner_company),
    ];
    for (ordinal, given) in filled {
        if given.is_some() && !is_there(ordinal)? {
            return Ok(false);
        }
    }
    for (ordinal, given) in [(9, record.property_value), (10, record.estimated_equity)] {
        if given.is_some() && column::<AnyNumeric>(lead, ordinal)? != given.and_then(numeric) {
            return Ok(false);
        }
    }
    let is_as_old = record.age.is_none() || column(lead, 11)? == record.age;
    let lives_there = record.owner_occupied.is_none() || column(lead, 12)? == record.owner_occupied;
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

/// Stores a new lead with these keys; None: another lead has one of them.
pub fn insert(
    db: &mut Db<'_>,
    id: Uuid,
    record: &LeadRecord,
    keys: &RecordKeys<'_>,
) -> Result<Option<Uuid>, Error> {
    let args = [
        keys.source.into(),
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
        keys.addr_hash.into(),
        keys.mak.into(),
        keys.apn.into(),
        record.property_value.map(|v| v.to_string()).into(),
        record.estimated_equity.map(|v| v.to_string()).into(),
        record.age.into(),
        record.owner_occupied.into(),
        custom(record).into(),
        id.into(),
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
