//! Rows of `leads` by the values of a unique index.

use std::ffi::CStr;

use pgrx::PgRelation;
use pgrx::prelude::*;

use super::row::Columns;
use crate::store::identity::RecordKeys;
use crate::store::open_leads::OpenLeads;
use crate::store::text::server_bytes;

const SHARE: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

/// The keys that a lead is looked for by, strongest first.
#[derive(Clone, Copy)]
pub enum By {
    Mak,
    Address,
    VendorRecord,
}

impl By {
    /// Of the keys that a record has; None: at most a parcel number, which may be another county's.
    pub fn strongest(keys: &RecordKeys<'_>) -> Option<Self> {
        match (keys.mak, keys.addr_hash, keys.vendor_record_id) {
            (Some(_), _, _) => Some(Self::Mak),
            (_, Some(_), _) => Some(Self::Address),
            (_, _, Some(_)) => Some(Self::VendorRecord),
            _ => None,
        }
    }

    fn index(self) -> &'static CStr {
        match self {
            Self::Mak => c"ux_leads_mak",
            Self::Address => c"ux_leads_addr",
            Self::VendorRecord => c"ux_leads_vendor",
        }
    }

    fn columns(self, columns: &Columns) -> [Option<usize>; 2] {
        match self {
            Self::Mak => [Some(columns.mak), None],
            Self::Address => [Some(columns.addr_hash), None],
            Self::VendorRecord => [Some(columns.source), Some(columns.vendor_record_id)],
        }
    }

    /// In the order of the index's columns.
    pub fn values<'a>(self, keys: &RecordKeys<'a>) -> [Option<&'a str>; 2] {
        match self {
            Self::Mak => [keys.mak, None],
            Self::Address => [keys.addr_hash, None],
            Self::VendorRecord => [Some(keys.source), keys.vendor_record_id],
        }
    }
}

/// Room for a row of the table.
pub struct Slot(pub *mut pg_sys::TupleTableSlot);

impl Slot {
    /// Empty.
    pub fn of(table: &OpenLeads) -> Self {
        // SAFETY: the table is open.
        Self(unsafe { pg_sys::table_slot_create(table.relation(), std::ptr::null_mut()) })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: made with this value; after an error PostgreSQL ends what has begun.
            unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.0) }
        }
    }
}

/// A scan of a unique index, one key after another.
pub struct Scan {
    scan: pg_sys::IndexScanDesc,
    index: PgRelation,
}

impl Scan {
    /// None: the index has other columns.
    pub fn begin(table: &OpenLeads, by: By, columns: &Columns) -> Option<Self> {
        // SAFETY: an index that is there is opened, and closed with the value. The snapshot outlives the scan.
        unsafe {
            let name = by.index().as_ptr();
            let found = pg_sys::get_relname_relid(name, table.schema());
            if found == pg_sys::InvalidOid {
                return None;
            }
            let index = PgRelation::with_lock(found, SHARE);
            let keys = index.rd_index.as_ref()?;
            let count = usize::try_from(keys.indnkeyatts).unwrap_or(0);
            let stored = keys.indkey.values.as_slice(count);
            let wanted = by.columns(columns);
            let is_ours = keys.indrelid == table.oid()
                && keys.indisvalid
                && keys.indisunique
                && stored
                    .iter()
                    .map(|column| usize::try_from(column - 1).ok())
                    .eq(wanted.into_iter().filter(Option::is_some));
            if !is_ours {
                return None;
            }
            let scan = pg_sys::index_beginscan(
                table.relation(),
                index.as_ptr(),
                pg_sys::GetActiveSnapshot(),
                #[cfg(feature = "pg18")]
                std::ptr::null_mut(),
                i32::try_from(count).unwrap_or(0),
                0,
            );
            Some(Self { scan, index })
        }
    }

    /// Reads the row with these values into a slot; false: there is none.
    pub fn find(&mut self, values: [Option<&str>; 2], into: *mut pg_sys::TupleTableSlot) -> bool {
        let mut keys = [pg_sys::ScanKeyData::default(); 2];
        let mut count = 0;
        // SAFETY: one comparison of texts for each column of the index, whose values live until the row is found.
        unsafe {
            for (n, value) in values.into_iter().flatten().enumerate() {
                pg_sys::ScanKeyEntryInitialize(
                    &mut keys[n],
                    0,
                    n as pg_sys::AttrNumber + 1,
                    pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
                    pg_sys::InvalidOid,
                    *self.index.rd_indcollation.add(n),
                    pg_sys::F_TEXTEQ.into(),
                    server_bytes(value)
                        .into_datum()
                        .unwrap_or(pg_sys::Datum::null()),
                );
                count += 1;
            }
            pg_sys::index_rescan(self.scan, keys.as_mut_ptr(), count, std::ptr::null_mut(), 0);
            pg_sys::index_getnext_slot(self.scan, pg_sys::ScanDirection::ForwardScanDirection, into)
        }
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: begun with this value; after an error PostgreSQL ends what has begun.
            unsafe { pg_sys::index_endscan(self.scan) }
        }
    }
}
