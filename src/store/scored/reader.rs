//! A scan of the primary key of `leads`, past SPI.

use std::cell::RefCell;

use pgrx::prelude::*;
use pgrx::{PgTupleDesc, Uuid};

use super::columns::Columns;
use super::raw;
use crate::store::open_leads::Kept;

const SHARE: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

const NO_LOCK: pg_sys::LOCKMODE = pg_sys::NoLock as pg_sys::LOCKMODE;
const CACHE_LINE: usize = 64;

/// Reads one lead after another. The locks stay until the transaction ends, as those of a statement do.
pub struct Reader {
    scan: pg_sys::IndexScanDesc,
    slot: *mut pg_sys::TupleTableSlot,
    columns: Columns,
    index: pg_sys::Relation,
    table: pg_sys::Relation,
}

impl Reader {
    /// Reads what the running statement sees of the table. None: where the caller may not read all of its rows and columns,
    /// only a statement can say what he may see.
    pub fn open(table: pg_sys::Oid) -> Option<Self> {
        if table == pg_sys::InvalidOid {
            return None;
        }
        // SAFETY: nothing inside the guards is to be dropped. What has been opened is closed when the reader goes, or here.
        unsafe {
            let (table, primary_key) = raw::guarded(|| whole_table(table))?;
            let columns = columns_of(table).filter(|_| !(*(*table).rd_rel).relrowsecurity);
            let reader =
                columns.and_then(|columns| raw::guarded(|| by_key(table, primary_key, columns)));
            if reader.is_none() {
                pg_sys::relation_close(table, NO_LOCK);
            }
            reader
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

/// # Safety
/// `table` is an open relation.
unsafe fn columns_of(table: pg_sys::Relation) -> Option<Columns> {
    thread_local! {
        static COLUMNS: RefCell<Kept<Option<Columns>>> = const { RefCell::new(Kept::nothing()) };
    }
    // SAFETY: the caller's promise.
    let (oid, shape) = unsafe {
        let shape = PgTupleDesc::from_pg_unchecked((*table).rd_att);
        ((*table).rd_id, shape)
    };
    COLUMNS.with_borrow_mut(|kept| kept.get_or_read(oid, || Columns::of(&shape)))
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

/// Begins a scan of the primary key; None: it is not that of the id.
///
/// # Safety
/// Inside a guard, with an open table of these columns. The scan's snapshot is that of the statement that is running,
/// which outlives it.
unsafe fn by_key(
    table: pg_sys::Relation,
    primary_key: pg_sys::Oid,
    columns: Columns,
) -> Option<Reader> {
    if primary_key == pg_sys::InvalidOid {
        return None;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let index = raw::relation_open(primary_key, SHARE);
        if !columns.is_key(index) {
            raw::relation_close(index, NO_LOCK);
            return None;
        }
        Some(Reader {
            scan: raw::begin_scan(table, index),
            slot: raw::table_slot_create(table, std::ptr::null_mut()),
            columns,
            index,
            table,
        })
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
            let (scan, slot, index, table) = (self.scan, self.slot, self.index, self.table);
            // SAFETY: made by `open`; nothing inside the guard is to be dropped. After an error PostgreSQL ends what has begun.
            unsafe {
                raw::guarded(|| {
                    raw::index_endscan(scan);
                    raw::ExecDropSingleTupleTableSlot(slot);
                    raw::relation_close(index, NO_LOCK);
                    raw::relation_close(table, NO_LOCK);
                });
            }
        }
    }
}

/// A lead, until the next one is looked for.
pub struct Row<'a>(&'a Reader);

impl Row<'_> {
    /// Where its columns stand.
    pub fn columns(&self) -> &Columns {
        &self.0.columns
    }

    /// Where this version of the lead lies.
    pub fn place(&self) -> pg_sys::ItemPointerData {
        // SAFETY: the slot holds a row of the table.
        unsafe { (*self.0.slot).tts_tid }
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
