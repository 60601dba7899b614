//! A scan of the primary key of `leads`, past SPI.

use pgrx::prelude::*;
use pgrx::{PgRelation, Uuid};

use super::columns::Columns;
use super::raw;

const SHARE: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

const CACHE_LINE: usize = 64;

/// Reads one lead after another.
pub struct Reader {
    scan: pg_sys::IndexScanDesc,
    slot: *mut pg_sys::TupleTableSlot,
    columns: Columns,
    // After the scan, which ends first. The locks stay until the transaction ends, as those of a statement do.
    _index: PgRelation,
    _table: PgRelation,
}

impl Reader {
    /// Reads what the running statement sees of the table. None: where the caller may not read all of its rows and columns,
    /// only a statement can say what he may see.
    pub fn open(table: pg_sys::Oid) -> Option<Self> {
        if table == pg_sys::InvalidOid {
            return None;
        }
        // SAFETY: what is opened is closed by the values that hold it. The scan's snapshot is that of the statement that
        // is running, which outlives it. Nothing inside the guards is to be dropped.
        unsafe {
            let (table, primary_key) = raw::guarded(|| whole_table(table))?;
            let table = PgRelation::from_pg_owned(table);
            if (*table.rd_rel).relrowsecurity || primary_key == pg_sys::InvalidOid {
                return None;
            }
            let columns = Columns::of(table.as_ptr())?;
            let index = raw::guarded(|| raw::relation_open(primary_key, SHARE));
            let index = PgRelation::from_pg_owned(index);
            if !columns.is_key(index.as_ptr()) {
                return None;
            }
            let (heap, key) = (table.as_ptr(), index.as_ptr());
            let (scan, slot) = raw::guarded(|| {
                let scan = raw::begin_scan(heap, key);
                (scan, raw::table_slot_create(heap, std::ptr::null_mut()))
            });
            Some(Self {
                scan,
                slot,
                columns,
                _index: index,
                _table: table,
            })
        }
    }

    /// The lead with this id, with so many of its first columns; None: there is none.
    pub fn find(&mut self, id: &Uuid, needed: fn(&Columns) -> i32) -> Option<Row<'_>> {
        let (scan, slot, needed) = (self.scan, self.slot, needed(&self.columns));
        let id = pg_sys::Datum::from(id.as_bytes().as_ptr());
        let mut key = pg_sys::ScanKeyData::default();
        // SAFETY: the scan's one key compares the id, which lives until the row is found; the slot takes its row. Nothing
        // inside the guard is to be dropped.
        let is_there = unsafe {
            raw::guarded(|| {
                raw::ScanKeyInit(
                    &mut key,
                    1,
                    pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
                    pg_sys::F_UUID_EQ.into(),
                    id,
                );
                raw::index_rescan(scan, &mut key, 1, std::ptr::null_mut(), 0);
                let forward = pg_sys::ScanDirection::ForwardScanDirection;
                let is_there = raw::index_getnext_slot(scan, forward, slot);
                if is_there {
                    fetch_whole(slot);
                    raw::slot_getsomeattrs_int(slot, needed);
                }
                is_there
            })
        };
        is_there.then_some(Row(self))
    }
}

/// Opens a table that the caller may read all columns of, and says which index is its primary key.
///
/// # Safety
/// Inside a guard.
unsafe fn whole_table(table: pg_sys::Oid) -> Option<(pg_sys::Relation, pg_sys::Oid)> {
    // SAFETY: the caller's promise; a table of that oid was there when it was looked up.
    unsafe {
        let allowed = raw::pg_class_aclcheck(
            table,
            raw::GetUserId(),
            pg_sys::ACL_SELECT as pg_sys::AclMode,
        );
        if allowed != pg_sys::AclResult::ACLCHECK_OK {
            return None;
        }
        let table = raw::relation_open(table, SHARE);
        Some((table, raw::primary_key(table)))
    }
}

/// Reads a little of every part of the row in the slot: no cache holds it as a rule, and its columns are found one after
/// the other, which would wait for each part by itself.
///
/// # Safety
/// A slot with a row.
unsafe fn fetch_whole(slot: *mut pg_sys::TupleTableSlot) {
    // SAFETY: the caller's promise; a slot of this kind has a tuple of that length in a buffer, which it holds.
    let row = unsafe {
        if !std::ptr::eq((*slot).tts_ops, &raw const pg_sys::TTSOpsBufferHeapTuple) {
            return;
        }
        let tuple = (*slot.cast::<pg_sys::BufferHeapTupleTableSlot>())
            .base
            .tuple;
        let length = usize::try_from((*tuple).t_len).unwrap_or(0);
        std::slice::from_raw_parts((*tuple).t_data.cast::<u8>(), length)
    };
    for part in row.iter().step_by(CACHE_LINE) {
        std::hint::black_box(*part);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let (scan, slot) = (self.scan, self.slot);
            // SAFETY: made by `open`; after an error PostgreSQL ends what has begun.
            unsafe {
                raw::guarded(|| {
                    raw::index_endscan(scan);
                    raw::ExecDropSingleTupleTableSlot(slot);
                });
            }
        }
    }
}

/// A lead, until the next one is looked for.
pub struct Row<'a>(&'a Reader);

impl Row<'_> {
    pub fn columns(&self) -> &Columns {
        &self.0.columns
    }

    /// A column among those that were asked for.
    pub fn datum(&self, column: usize) -> Option<pg_sys::Datum> {
        // SAFETY: the slot holds the values of that many of its first columns.
        unsafe {
            let slot = &*self.0.slot;
            let is_there = usize::try_from(slot.tts_nvalid).is_ok_and(|count| column < count)
                && !*slot.tts_isnull.add(column);
            is_there.then(|| *slot.tts_values.add(column))
        }
    }
}
