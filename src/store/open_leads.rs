//! The table `leads`, opened past SPI, and whether anything but ours wants to see what is written to it.
//!
//! What goes past SPI is the common case alone: where this module says no, a statement does the same.

use std::cell::Cell;
use std::ffi::CStr;

use pgrx::prelude::*;
use pgrx::{PgRelation, PgTupleDesc};

use super::text::converts_nothing;

/// What sql/install puts on `leads`: the function of its one CHECK, and the triggers that fire for a new row.
const CHECKED_BY: &CStr = c"lead_values_fit";
const NOT_NULL: [&str; 2] = ["id", "custom"];
const FOR_NEW_ROWS: [&CStr; 3] = [
    c"trg_leads_addr_hash",
    c"trg_leads_opt_out_insert",
    c"trg_leads_opt_out_inserted",
];
/// Fires for an update of any column, when a lead becomes suppressed.
const RECALLS: &CStr = c"trg_leads_recall_handouts";

/// The open table. Its lock is held until the transaction ends, as that of a statement.
pub struct OpenLeads(PgRelation);

impl OpenLeads {
    /// The table on the search path, if its rows lie in it and can be written there. None also where the transaction
    /// may not write, where a library watches over the rights of statements, and where texts would have to be converted.
    pub fn open() -> Option<Self> {
        // SAFETY: plain variables of the backend, and a name that ends with a NUL. What is opened is closed with the
        // value.
        unsafe {
            let is_watched = (&raw const pg_sys::ExecutorCheckPerms_hook)
                .read()
                .is_some();
            if pg_sys::XactReadOnly
                || pg_sys::IsInParallelMode()
                || is_watched
                || !converts_nothing()
            {
                return None;
            }
            let table = pg_sys::RelnameGetRelid(c"leads".as_ptr());
            if table == pg_sys::InvalidOid {
                return None;
            }
            let lock = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;
            let table = pg_sys::try_table_open(table, lock);
            if table.is_null() {
                return None;
            }
            let table = Self(PgRelation::from_pg_owned(table));
            table.is_plain().then_some(table)
        }
    }

    /// The relation, open as long as this value lives.
    pub fn relation(&self) -> pg_sys::Relation {
        self.0.as_ptr()
    }

    /// Its number.
    pub fn oid(&self) -> pg_sys::Oid {
        self.0.rd_id
    }

    /// The extension's schema.
    pub fn schema(&self) -> pg_sys::Oid {
        // SAFETY: read while the relation is open.
        unsafe { (*self.0.rd_rel).relnamespace }
    }

    fn is_plain(&self) -> bool {
        // SAFETY: as above.
        let (row, method) = unsafe { (&*self.0.rd_rel, pg_sys::GetHeapamTableAmRoutine()) };
        row.relkind == pg_sys::RELKIND_RELATION as std::ffi::c_char
            && std::ptr::eq(self.0.rd_tableam, method)
            && !row.relrowsecurity
            && !row.relispartition
            && !row.relhassubclass
            && !row.relhasrules
    }

    /// Has the caller this right on the whole table?
    pub fn caller_may(&self, right: u32) -> bool {
        // SAFETY: looks the right up.
        unsafe {
            let caller = pg_sys::GetUserId();
            pg_sys::pg_class_aclcheck(self.oid(), caller, right) == pg_sys::AclResult::ACLCHECK_OK
        }
    }

    /// Its columns.
    pub fn shape(&self) -> PgTupleDesc<'_> {
        // SAFETY: the shape of an open relation.
        unsafe { PgTupleDesc::from_pg_unchecked(self.0.rd_att) }
    }

    /// Are the constraints ours, and no others, and the rows here?
    pub fn is_as_made(&self) -> bool {
        let has_our_not_nulls = self
            .shape()
            .iter()
            .all(|column| column.attnotnull == NOT_NULL.contains(&column.name()));
        // SAFETY: of an open relation; a table without constraints has none of them.
        let constraints = unsafe { (*self.0.rd_att).constr.as_ref() };
        has_our_not_nulls
            && !is_spread()
            && constraints.is_some_and(|all| {
                all.num_check == 1
                    && !all.has_generated_stored
                    // SAFETY: there is one.
                    && unsafe { self.is_our_check(&*all.check) }
            })
    }

    /// # Safety
    /// A constraint of this table.
    unsafe fn is_our_check(&self, check: &pg_sys::ConstrCheck) -> bool {
        // SAFETY: the caller's promise: its expression as a text that ends with a NUL.
        unsafe {
            let expression = pg_sys::stringToNode(check.ccbin).cast::<pg_sys::Node>();
            if (*expression).type_ != pg_sys::NodeTag::T_FuncExpr {
                return false;
            }
            let function = (*expression.cast::<pg_sys::FuncExpr>()).funcid;
            self.is_beside(function) && is_named(pg_sys::get_func_name(function), CHECKED_BY)
        }
    }

    /// Is this function of the extension's schema?
    fn is_beside(&self, function: pg_sys::Oid) -> bool {
        // SAFETY: looks a number up.
        unsafe { pg_sys::get_func_namespace(function) == self.schema() }
    }

    /// Do our triggers fire for a new row, all of them, and nobody else's?
    pub fn has_our_triggers_for_new_rows(&self) -> bool {
        let is_ours = |trigger: &pg_sys::Trigger| {
            self.is_beside(trigger.tgfoid)
                && FOR_NEW_ROWS
                    .iter()
                    .any(|name| is_named(trigger.tgname, name))
        };
        let (ours, others): (Vec<&pg_sys::Trigger>, Vec<_>) = self
            .triggers()
            .iter()
            .filter(|trigger| fires_on(trigger, pg_sys::TRIGGER_TYPE_INSERT))
            .partition(|trigger| is_ours(trigger));
        ours.len() == FOR_NEW_ROWS.len() && others.is_empty()
    }

    /// Does a trigger fire when none but these columns, counted from 0, are updated, and no key is?
    pub fn shows_updates_of(&self, columns: &[usize]) -> bool {
        self.triggers().iter().any(|trigger| {
            fires_on(trigger, pg_sys::TRIGGER_TYPE_UPDATE)
                && fires_for(trigger, columns)
                && !(is_named(trigger.tgname, RECALLS) && self.is_beside(trigger.tgfoid))
                && !guards_references(trigger)
        })
    }

    fn triggers(&self) -> &[pg_sys::Trigger] {
        // SAFETY: the list of an open relation has so many triggers; a table without any has no list.
        unsafe {
            self.0.trigdesc.as_ref().map_or(&[], |all| {
                let count = usize::try_from(all.numtriggers).unwrap_or(0);
                std::slice::from_raw_parts(all.triggers, count)
            })
        }
    }
}

fn is_named(name: *const std::ffi::c_char, wanted: &CStr) -> bool {
    // SAFETY: a name out of the catalogue ends with a NUL; it is null where nothing has it.
    !name.is_null() && unsafe { CStr::from_ptr(name) } == wanted
}

fn fires_on(trigger: &pg_sys::Trigger, event: u32) -> bool {
    u32::from(trigger.tgtype.cast_unsigned()) & event != 0
}

/// `UPDATE OF …`, or for any column.
fn fires_for(trigger: &pg_sys::Trigger, columns: &[usize]) -> bool {
    let count = usize::try_from(trigger.tgnattr).unwrap_or(0);
    if count == 0 {
        return true;
    }
    // SAFETY: the trigger has a list of so many columns.
    let listed = unsafe { std::slice::from_raw_parts(trigger.tgattr, count) };
    let is_listed = |column: &usize| {
        listed
            .iter()
            .any(|one| usize::try_from(*one) == Ok(column + 1))
    };
    columns.iter().any(is_listed)
}

/// The side of a foreign key that is referred to: nothing to do where no key changes
/// (src/backend/utils/adt/ri_triggers.c, RI_FKey_pk_upd_check_required).
fn guards_references(trigger: &pg_sys::Trigger) -> bool {
    // SAFETY: compares the number of the function.
    let side = unsafe { pg_sys::RI_FKey_trigger_type(trigger.tgfoid) };
    trigger.tgisinternal && side == pg_sys::RI_TRIGGER_PK as i32
}

/// Is there an extension that keeps the rows of tables on other servers? Then only statements reach them.
fn is_spread() -> bool {
    // SAFETY: a name that ends with a NUL.
    unsafe { pg_sys::get_extension_oid(c"citus".as_ptr(), true) != pg_sys::InvalidOid }
}

thread_local! {
    static TABLE: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::InvalidOid) };
    static CHANGES: Cell<u64> = const { Cell::new(0) };
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// What was read of the table's definition, kept until the definition changes.
pub struct Kept<T: Clone>(Option<(pg_sys::Oid, u64, T)>);

impl<T: Clone> Kept<T> {
    /// Nothing yet.
    pub const fn nothing() -> Self {
        Self(None)
    }

    /// What is kept, or what `read` says now.
    pub fn get_or_read(&mut self, table: pg_sys::Oid, read: impl FnOnce() -> T) -> T {
        watch(table);
        match &self.0 {
            Some((oid, changes, kept)) if *oid == table && *changes == CHANGES.get() => {
                kept.clone()
            }
            _ => {
                let changes = CHANGES.get();
                let read = read();
                self.0 = Some((table, changes, read.clone()));
                read
            }
        }
    }
}

fn watch(table: pg_sys::Oid) {
    if TABLE.replace(table) != table {
        CHANGES.set(CHANGES.get() + 1);
    }
    if !IS_WATCHED.replace(true) {
        // SAFETY: the function lives as long as the process.
        unsafe {
            pg_sys::CacheRegisterRelcacheCallback(Some(definition_changed), pg_sys::Datum::null());
        }
    }
}

/// Called by Postgres when the definition of a table (or, without a number, of any) has changed.
#[pg_guard]
unsafe extern "C-unwind" fn definition_changed(_kept: pg_sys::Datum, table: pg_sys::Oid) {
    if table == pg_sys::InvalidOid || table == TABLE.get() {
        CHANGES.set(CHANGES.get() + 1);
    }
}
