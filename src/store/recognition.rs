//! The common ends of an upsert in one statement each: the record is a lead that holds all of it, or nobody's.

use pgrx::Uuid;

use super::Db;
use super::identity::RecordKeys;
use super::plan::{scalar, write_by_key};
use crate::error::Error;
use crate::record::LeadRecord;

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
