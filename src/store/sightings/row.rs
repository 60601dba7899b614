//! Does a lead hold what a record says?

use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::RecordKeys;
use crate::record::LeadRecord;
use crate::store::columns::lead_columns;
use crate::store::lead_values::{numeric, whole_dollars};
use crate::store::numeric::compare;
use crate::store::text::server_bytes;
use crate::store::varlena;

lead_columns! {
    id: UUIDOID,
    source: TEXTOID,
    vendor_record_id: TEXTOID,
    vendor_list_id: TEXTOID,
    first_name: TEXTOID,
    last_name: TEXTOID,
    owner_full_name: TEXTOID,
    owner_company: TEXTOID,
    address_line1: TEXTOID,
    county_fips: TEXTOID,
    addr_hash: TEXTOID,
    mak: TEXTOID,
    apn: TEXTOID,
    property_value: NUMERICOID,
    estimated_equity: NUMERICOID,
    age: INT4OID,
    owner_occupied: BOOLOID,
    custom: JSONBOID,
    last_seen_at: TIMESTAMPTZOID,
    updated_at: TIMESTAMPTZOID,
}

impl Columns {
    /// What is written when a lead is seen again.
    pub fn times(&self) -> [usize; 2] {
        [self.last_seen_at, self.updated_at]
    }
}

/// A lead in a slot, until another one is read into it.
pub struct Row<'a> {
    slot: *mut pg_sys::TupleTableSlot,
    columns: &'a Columns,
}

impl<'a> Row<'a> {
    /// The slot holds a row of the table with these columns.
    pub fn new(slot: *mut pg_sys::TupleTableSlot, columns: &'a Columns) -> Self {
        // SAFETY: the caller's promise.
        unsafe { pg_sys::slot_getallattrs(slot) };
        Self { slot, columns }
    }

    fn datum(&self, column: usize) -> Option<pg_sys::Datum> {
        // SAFETY: the slot has values for all columns of its table.
        unsafe {
            let is_null = *(*self.slot).tts_isnull.add(column);
            (!is_null).then(|| *(*self.slot).tts_values.add(column))
        }
    }

    fn text(&self, column: usize) -> Option<&[u8]> {
        // SAFETY: a column of type text; what had to be unpacked lives as long as the memory of the call.
        self.datum(column)
            .map(|datum| unsafe { varlena::unpacked(datum) })
    }

    fn is(&self, column: usize, wanted: &str) -> bool {
        self.text(column) == Some(server_bytes(wanted))
    }

    /// Of the lead.
    pub fn id(&self) -> Option<Uuid> {
        // SAFETY: a column of type uuid.
        unsafe { Uuid::from_datum(self.datum(self.columns.id)?, false) }
    }

    /// All keys of the record but the vendor's.
    pub fn holds_keys(&self, keys: &RecordKeys<'_>) -> bool {
        let columns = self.columns;
        let holds = |column, wanted: Option<&str>| wanted.is_none_or(|key| self.is(column, key));
        let county = || self.text(columns.county_fips).unwrap_or_default();
        holds(columns.mak, keys.mak)
            && holds(columns.addr_hash, keys.addr_hash)
            && holds(columns.apn, keys.apn)
            && (keys.apn.is_none()
                || county() == server_bytes(keys.county_fips.unwrap_or_default()))
    }

    /// The vendor's key of the record, if it has one.
    pub fn holds_vendor_record(&self, keys: &RecordKeys<'_>) -> bool {
        keys.vendor_record_id.is_none_or(|id| {
            self.is(self.columns.source, keys.source) && self.is(self.columns.vendor_record_id, id)
        })
    }

    /// May another lead have the vendor's key of the record?
    pub fn is_of_another_source(&self, keys: &RecordKeys<'_>) -> bool {
        self.datum(self.columns.source).is_some() && !self.is(self.columns.source, keys.source)
    }

    /// Everything else: nothing is to be filled, nothing is newer.
    pub fn holds_facts(&self, record: &LeadRecord) -> bool {
        let columns = self.columns;
        let is_there = |column| self.datum(column).is_some();
        let texts = [
            (columns.vendor_list_id, &record.vendor_list_id),
            (columns.first_name, &record.owner_first_name),
            (columns.last_name, &record.owner_last_name),
            (columns.owner_full_name, &record.owner_full_name),
            (columns.owner_company, &record.owner_company),
        ];
        let number = |column| self.datum(column).map(|datum| datum.value() as i32);
        let flag = |column| self.datum(column).map(|datum| datum.value() != 0);
        (record.address_line1.is_none()
            || is_there(columns.address_line1)
            || is_there(columns.addr_hash))
            && texts
                .iter()
                .all(|(column, given)| given.is_none() || is_there(*column))
            && self.is_worth(columns.property_value, record.property_value)
            && self.is_worth(columns.estimated_equity, record.estimated_equity)
            && record
                .age
                .is_none_or(|age| number(columns.age) == Some(age))
            && record
                .owner_occupied
                .is_none_or(|lives| flag(columns.owner_occupied) == Some(lives))
            && record
                .custom
                .as_ref()
                .is_none_or(|custom| self.holds_members(custom))
    }

    fn is_worth(&self, column: usize, given: Option<Decimal>) -> bool {
        let Some(amount) = given else { return true };
        let Some(stored) = self.datum(column) else {
            return false;
        };
        match whole_dollars(amount) {
            // SAFETY: a column of type numeric.
            Some(whole) => unsafe { compare(stored, whole) }.is_eq(),
            // SAFETY: a column of type numeric.
            None => unsafe { AnyNumeric::from_datum(stored, false) == numeric(amount) },
        }
    }

    /// The user's own data of a record only fills: what the lead has already stays.
    fn holds_members(&self, custom: &Map<String, Value>) -> bool {
        let Some(stored) = self.datum(self.columns.custom) else {
            return false;
        };
        // SAFETY: a column of type jsonb; asked for with texts, and what was unpacked for it is freed.
        unsafe {
            let packed = stored.cast_mut_ptr();
            let unpacked = pg_sys::pg_detoast_datum(packed);
            let stored = Some(pg_sys::Datum::from(unpacked));
            let holds_all = custom.keys().all(|name| {
                let name = server_bytes(name).into_datum();
                pgrx::direct_function_call(pg_sys::jsonb_exists, &[stored, name]).unwrap_or(false)
            });
            if unpacked != packed {
                pg_sys::pfree(unpacked.cast());
            }
            holds_all
        }
    }
}
