//! PostgreSQL's own functions as they are, for several calls inside one guard: pgrx guards each call by itself, which
//! takes longer than some of these do.
//!
//! An error leaves a guard with a jump. So what is called inside one, and whatever calls it there, holds nothing that
//! has to be dropped, and does not panic.

use pgrx::pg_sys;
pub use pgrx::pg_sys::ffi::pg_guard_ffi_boundary as guarded;

unsafe extern "C-unwind" {
    pub fn GetUserId() -> pg_sys::Oid;
    pub fn pg_class_aclcheck(
        table: pg_sys::Oid,
        role: pg_sys::Oid,
        mode: pg_sys::AclMode,
    ) -> pg_sys::AclResult::Type;
    pub fn relation_open(id: pg_sys::Oid, mode: pg_sys::LOCKMODE) -> pg_sys::Relation;
    pub fn relation_close(relation: pg_sys::Relation, mode: pg_sys::LOCKMODE);
    fn GetActiveSnapshot() -> pg_sys::Snapshot;
    pub fn table_slot_create(
        table: pg_sys::Relation,
        list: *mut *mut pg_sys::List,
    ) -> *mut pg_sys::TupleTableSlot;
    pub fn ScanKeyInit(
        key: pg_sys::ScanKey,
        column: pg_sys::AttrNumber,
        strategy: pg_sys::StrategyNumber,
        procedure: pg_sys::RegProcedure,
        argument: pg_sys::Datum,
    );
    pub fn index_rescan(
        scan: pg_sys::IndexScanDesc,
        keys: pg_sys::ScanKey,
        key_count: std::ffi::c_int,
        order: pg_sys::ScanKey,
        order_count: std::ffi::c_int,
    );
    pub fn index_getnext_slot(
        scan: pg_sys::IndexScanDesc,
        direction: pg_sys::ScanDirection::Type,
        slot: *mut pg_sys::TupleTableSlot,
    ) -> bool;
    pub fn slot_getsomeattrs_int(slot: *mut pg_sys::TupleTableSlot, count: std::ffi::c_int);
    pub fn index_endscan(scan: pg_sys::IndexScanDesc);
    pub fn ExecDropSingleTupleTableSlot(slot: *mut pg_sys::TupleTableSlot);
}

#[cfg(not(feature = "pg18"))]
unsafe extern "C-unwind" {
    fn RelationGetPrimaryKeyIndex(table: pg_sys::Relation) -> pg_sys::Oid;
    fn index_beginscan(
        table: pg_sys::Relation,
        index: pg_sys::Relation,
        snapshot: pg_sys::Snapshot,
        keys: std::ffi::c_int,
        orders: std::ffi::c_int,
    ) -> pg_sys::IndexScanDesc;
}

#[cfg(feature = "pg18")]
unsafe extern "C-unwind" {
    fn RelationGetPrimaryKeyIndex(table: pg_sys::Relation, deferrable: bool) -> pg_sys::Oid;
    fn index_beginscan(
        table: pg_sys::Relation,
        index: pg_sys::Relation,
        snapshot: pg_sys::Snapshot,
        instrument: *mut pg_sys::IndexScanInstrumentation,
        keys: std::ffi::c_int,
        orders: std::ffi::c_int,
    ) -> pg_sys::IndexScanDesc;
}

/// # Safety
/// `table` is an open relation.
pub unsafe fn primary_key(table: pg_sys::Relation) -> pg_sys::Oid {
    // SAFETY: the caller's promise.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        let key = RelationGetPrimaryKeyIndex(table);
        #[cfg(feature = "pg18")]
        let key = RelationGetPrimaryKeyIndex(table, false);
        key
    }
}

/// A scan for one key with the snapshot of the running statement.
///
/// # Safety
/// An open table and an open index of it.
pub unsafe fn begin_scan(
    table: pg_sys::Relation,
    index: pg_sys::Relation,
) -> pg_sys::IndexScanDesc {
    // SAFETY: the caller's promise.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        let scan = index_beginscan(table, index, GetActiveSnapshot(), 1, 0);
        #[cfg(feature = "pg18")]
        let scan = index_beginscan(
            table,
            index,
            GetActiveSnapshot(),
            std::ptr::null_mut(),
            1,
            0,
        );
        scan
    }
}
