//! A record as the values of a new row of `leads`.

use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid, varlena_to_byte_slice};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value;

use super::jsonb::stored;
use super::numeric::compare;
use super::text::server_text;
use crate::record::LeadRecord;

/// What a record says of a new lead, in the order of `LeadValues::datums`; all other columns have their defaults.
pub const COLUMNS: [(&str, pg_sys::Oid); 25] = [
    ("id", pg_sys::UUIDOID),
    ("source", pg_sys::TEXTOID),
    ("vendor_record_id", pg_sys::TEXTOID),
    ("vendor_list_id", pg_sys::TEXTOID),
    ("first_name", pg_sys::TEXTOID),
    ("last_name", pg_sys::TEXTOID),
    ("owner_full_name", pg_sys::TEXTOID),
    ("owner_company", pg_sys::TEXTOID),
    ("address_line1", pg_sys::TEXTOID),
    ("address_line2", pg_sys::TEXTOID),
    ("property_address", pg_sys::TEXTOID),
    ("property_city", pg_sys::TEXTOID),
    ("property_state", pg_sys::TEXTOID),
    ("property_zip", pg_sys::TEXTOID),
    ("county_fips", pg_sys::TEXTOID),
    ("addr_hash", pg_sys::TEXTOID),
    ("mak", pg_sys::TEXTOID),
    ("apn", pg_sys::TEXTOID),
    ("property_value", pg_sys::NUMERICOID),
    ("estimated_equity", pg_sys::NUMERICOID),
    ("age", pg_sys::INT4OID),
    ("owner_occupied", pg_sys::BOOLOID),
    ("custom", pg_sys::JSONBOID),
    ("phones", pg_sys::JSONBARRAYOID),
    ("emails", pg_sys::JSONBARRAYOID),
];

/// A record with what follows from it.
pub struct LeadValues<'a> {
    pub id: Uuid,
    pub source: &'a str,
    pub addr_hash: Option<&'a str>,
    pub record: &'a LeadRecord,
    /// Contact points; None: as they are, which for a new lead is none.
    pub phones: Option<&'a [Value]>,
    pub emails: Option<&'a [Value]>,
}

impl LeadValues<'_> {
    /// In the order of `COLUMNS`, in the current memory context.
    pub fn datums(&self) -> [Option<pg_sys::Datum>; COLUMNS.len()] {
        let record = self.record;
        let text = |text: &Option<String>| text.as_deref().map(server_text);
        let custom = record.custom.clone().map(Value::Object);
        [
            self.id.into_datum(),
            Some(server_text(self.source)),
            text(&record.vendor_record_id),
            text(&record.vendor_list_id),
            text(&record.owner_first_name),
            text(&record.owner_last_name),
            text(&record.owner_full_name),
            text(&record.owner_company),
            text(&record.address_line1),
            text(&record.address_line2),
            whole_address(record),
            text(&record.city),
            text(&record.state),
            text(&record.postal_code),
            text(&record.county_fips),
            self.addr_hash.map(server_text),
            text(&record.mak),
            text(&record.apn),
            record.property_value.and_then(numeric_datum),
            record.estimated_equity.and_then(numeric_datum),
            record.age.into_datum(),
            record.owner_occupied.into_datum(),
            custom.as_ref().map(stored::datum),
            self.phones.map(stored::array),
            self.emails.map(stored::array),
        ]
    }
}

fn whole_address(record: &LeadRecord) -> Option<pg_sys::Datum> {
    match (&record.address_line1, &record.address_line2) {
        (Some(line1), Some(line2)) => Some(server_text(&format!("{line1}, {line2}"))),
        (line1, line2) => line1.as_deref().or(line2.as_deref()).map(server_text),
    }
}

/// With the digits after the point that came: 12.50 stays 12.50.
pub fn numeric(amount: Decimal) -> Option<AnyNumeric> {
    AnyNumeric::try_from(amount.to_string().as_str()).ok()
}

/// A whole number of dollars, as most amounts are.
pub fn whole_dollars(amount: Decimal) -> Option<i64> {
    amount.to_i64().filter(|_| amount.scale() == 0)
}

fn numeric_datum(amount: Decimal) -> Option<pg_sys::Datum> {
    match whole_dollars(amount) {
        // SAFETY: takes any number.
        Some(whole) => Some(pg_sys::Datum::from(unsafe {
            pg_sys::int64_to_numeric(whole)
        })),
        None => numeric(amount).into_datum(),
    }
}

const OLDEST: i32 = 150;
const HIGHEST_SCORE: i64 = 100;

/// What every lead must hold: a score from 0 to 100, an age from 0 to 150, and an object as the user's own data; NULL fits.
///
/// # Safety
/// Datums of type numeric, integer and jsonb.
pub unsafe fn fit(
    score: Option<pg_sys::Datum>,
    age: Option<pg_sys::Datum>,
    custom: Option<pg_sys::Datum>,
) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        score.is_none_or(|score| is_score(score))
            && age.is_none_or(|age| (0..=OLDEST).contains(&(age.value() as i32)))
            && custom.is_none_or(|custom| is_object(custom))
    }
}

/// # Safety
/// A datum of type numeric.
unsafe fn is_score(score: pg_sys::Datum) -> bool {
    // SAFETY: the caller's promise.
    unsafe { compare(score, 0).is_ge() && compare(score, HIGHEST_SCORE).is_le() }
}

/// # Safety
/// A datum of type jsonb.
unsafe fn is_object(value: pg_sys::Datum) -> bool {
    const HEADER: i32 = size_of::<u32>() as i32;
    // SAFETY: the caller's promise; the header stands first.
    unsafe {
        let start = pg_sys::pg_detoast_datum_slice(value.cast_mut_ptr(), 0, HEADER);
        let header = varlena_to_byte_slice(start).first_chunk();
        header.is_some_and(|bytes| u32::from_ne_bytes(*bytes) & pg_sys::JB_FOBJECT != 0)
    }
}
