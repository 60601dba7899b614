//! The drop guard: refuses to drop the extension while there are leads.
//!
//! An object-access hook sees every way an extension goes: DROP EXTENSION, DROP SCHEMA CASCADE, DROP OWNED. An
//! event trigger cannot do it: as a member it would be gone before it could fire. It works in every session of a
//! server that preloads the library.

use std::ffi::CStr;

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use crate::settings;

static mut PREVIOUS: pg_sys::object_access_hook_type = None;

/// Puts the hook in front of the one that is there. Called once, in the postmaster.
pub fn install() {
    // SAFETY: the postmaster is single-threaded while it loads libraries.
    unsafe {
        PREVIOUS = pg_sys::object_access_hook;
        pg_sys::object_access_hook = Some(on_object_access);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_object_access(
    access: pg_sys::ObjectAccessType::Type,
    class: pg_sys::Oid,
    object: pg_sys::Oid,
    sub_id: i32,
    argument: *mut std::ffi::c_void,
) {
    // SAFETY: written once at load time; the earlier hook gets exactly what we got.
    unsafe {
        if let Some(previous) = PREVIOUS {
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                previous(access, class, object, sub_id, argument)
            });
        }
    }
    if access == pg_sys::ObjectAccessType::OAT_DROP && sub_id == 0 && !settings::allow_data_loss() {
        refuse_if_leads_would_go(class, object);
    }
}

fn refuse_if_leads_would_go(class: pg_sys::Oid, object: pg_sys::Oid) {
    if class == pg_sys::RelationRelationId && is_our_leads_table(object) && has_rows(object) {
        ErrorReport::new(
            PgSqlErrorCode::ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
            "the leads of extension equity_connect would be lost",
            "equity_connect",
        )
        .set_hint("Export them first, or SET equity_connect.allow_data_loss = on if you mean it.")
        .report(PgLogLevel::ERROR);
    }
}

/// Tables go before the extension they belong to, so the membership can still be read.
fn is_our_leads_table(table: pg_sys::Oid) -> bool {
    // SAFETY: plain catalogue look-ups by oid and name, inside the transaction of the drop; the constants end in NUL.
    unsafe {
        let name = pg_sys::get_rel_name(table);
        if name.is_null() || CStr::from_ptr(name) != c"leads" {
            return false;
        }
        let ours = pg_sys::get_extension_oid(c"equity_connect".as_ptr(), true);
        ours != pg_sys::InvalidOid
            && pg_sys::getExtensionOfObject(pg_sys::RelationRelationId, table) == ours
    }
}

/// Is there a row that this transaction can see?
fn has_rows(table: pg_sys::Oid) -> bool {
    // SAFETY: opens, scans and closes one table with the current snapshot; every step is undone below.
    unsafe {
        let relation = pg_sys::table_open(table, pg_sys::AccessShareLock as i32);
        let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
        let scan = pg_sys::systable_beginscan(
            relation,
            pg_sys::InvalidOid,
            false,
            snapshot,
            0,
            std::ptr::null_mut(),
        );
        let found = !pg_sys::systable_getnext(scan).is_null();
        pg_sys::systable_endscan(scan);
        pg_sys::UnregisterSnapshot(snapshot);
        pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
        found
    }
}
