//! May an insert that meets a known lead be tried, because nobody notices it?

use std::ffi::CStr;

use pgrx::{PgRelation, PgTupleDesc, pg_sys};

/// What sql/install puts on `leads`.
const OUR_CHECKS: u16 = 1;
const OUR_NOT_NULLS: usize = 2;
const OUR_TRIGGERS: &[u8] = b"trg_leads_";

/// True while the caller may insert any row, and nothing of the user's looks at a row before it meets the known lead: no
/// row security, constraint, or trigger.
pub fn goes_unnoticed() -> bool {
    // SAFETY: a name that ends with a NUL; looked for in the extension's schema, as in a statement. What the relation
    // holds is read while it is open.
    unsafe {
        let table = pg_sys::RelnameGetRelid(c"leads".as_ptr());
        if table == pg_sys::InvalidOid {
            return false;
        }
        let caller = pg_sys::GetUserId();
        let may_insert = pg_sys::pg_class_aclcheck(table, caller, pg_sys::ACL_INSERT)
            == pg_sys::AclResult::ACLCHECK_OK;
        let table = PgRelation::with_lock(table, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        may_insert
            && !(*table.rd_rel).relrowsecurity
            && has_our_constraints(&table)
            && !has_others_triggers(&table)
    }
}

unsafe fn has_our_constraints(table: &PgRelation) -> bool {
    // SAFETY: the shape of an open relation.
    let shape = unsafe { PgTupleDesc::from_pg_unchecked(table.rd_att) };
    let not_nulls = shape.iter().filter(|column| column.attnotnull).count();
    // SAFETY: as above; a table without constraints has none of them.
    let checks = unsafe { (*table.rd_att).constr.as_ref() }.map_or(0, |all| all.num_check);
    not_nulls == OUR_NOT_NULLS && checks == OUR_CHECKS
}

unsafe fn has_others_triggers(table: &PgRelation) -> bool {
    const BEFORE_INSERT: i16 = (pg_sys::TRIGGER_TYPE_BEFORE | pg_sys::TRIGGER_TYPE_INSERT) as i16;
    // SAFETY: the caller's open relation; its list has so many triggers, each with a name that ends with a NUL.
    unsafe {
        let Some(all) = table.trigdesc.as_ref() else {
            return false;
        };
        let count = usize::try_from(all.numtriggers).unwrap_or(0);
        std::slice::from_raw_parts(all.triggers, count)
            .iter()
            .any(|trigger| {
                let name = CStr::from_ptr(trigger.tgname).to_bytes();
                trigger.tgtype & BEFORE_INSERT == BEFORE_INSERT && !name.starts_with(OUR_TRIGGERS)
            })
    }
}
