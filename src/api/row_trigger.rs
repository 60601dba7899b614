//! The call of a row-level trigger on `leads`.

use std::ffi::CStr;

use pgrx::pg_sys::SysCacheIdentifier;
use pgrx::prelude::*;

use super::lead_row::{Columns, LeadRow};

/// The rows of a call, as Postgres holds them.
pub struct RowTrigger {
    relation: pg_sys::Relation,
    new: pg_sys::HeapTuple,
    old: Option<pg_sys::HeapTuple>,
}

impl RowTrigger {
    /// # Safety
    /// Called by Postgres as a function that returns trigger; what is returned is not used after the call.
    pub unsafe fn of(call: pg_sys::FunctionCallInfo, name: &str) -> Self {
        // SAFETY: the caller's promise; the context is a TriggerData when it says so.
        unsafe {
            if !pgrx::trigger_support::called_as_trigger(call) {
                pgrx::error!("{name}() is a trigger function");
            }
            let data = &*(*call).context.cast::<pg_sys::TriggerData>();
            let is_for_rows = data.tg_event & pg_sys::TRIGGER_EVENT_ROW != 0;
            let (new, old) = match data.tg_event & pg_sys::TRIGGER_EVENT_OPMASK {
                pg_sys::TRIGGER_EVENT_INSERT if is_for_rows => (data.tg_trigtuple, None),
                pg_sys::TRIGGER_EVENT_UPDATE if is_for_rows => {
                    (data.tg_newtuple, Some(data.tg_trigtuple))
                }
                _ => pgrx::error!("{name}() is for row-level INSERT and UPDATE triggers"),
            };
            Self {
                relation: data.tg_relation,
                new,
                old,
            }
        }
    }

    pub fn columns(&self) -> Columns {
        // SAFETY: the relation of a trigger is open.
        unsafe { Columns::of(self.relation) }
    }

    pub fn new_row(&self) -> LeadRow {
        // SAFETY: the row is of the relation's shape, and lives as long as the call.
        unsafe { LeadRow::read(self.new, (*self.relation).rd_att) }
    }

    /// The row before an UPDATE.
    pub fn old_row(&self) -> Option<LeadRow> {
        // SAFETY: as in `new_row`.
        self.old
            .map(|old| unsafe { LeadRow::read(old, (*self.relation).rd_att) })
    }

    /// The new row as it is.
    pub fn unchanged(&self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.new)
    }

    /// The new row with another value in one column.
    pub fn with(&self, column: usize, value: Option<pg_sys::Datum>) -> pg_sys::Datum {
        let mut number = i32::try_from(column + 1).unwrap_or(0);
        let mut is_null = value.is_none();
        let mut value = value.unwrap_or(pg_sys::Datum::null());
        // SAFETY: one column of the row, its value, and whether it is NULL.
        pg_sys::Datum::from(unsafe {
            pg_sys::heap_modify_tuple_by_cols(
                self.new,
                (*self.relation).rd_att,
                1,
                &mut number,
                &mut value,
                &mut is_null,
            )
        })
    }

    /// Lets the trigger function of this name, beside the one that was called, answer with the rights it is declared
    /// with.
    ///
    /// # Safety
    /// `call` is the one that this was made of.
    pub unsafe fn pass_on_to(&self, call: pg_sys::FunctionCallInfo, name: &CStr) -> pg_sys::Datum {
        // SAFETY: the caller's promise. What is found is kept beside the called function, as fn_extra is meant for.
        unsafe {
            let called = (*call).flinfo;
            if (*called).fn_extra.is_null() {
                let found = function_beside((*called).fn_oid, name);
                let size = std::mem::size_of::<pg_sys::FmgrInfo>();
                let info = pg_sys::MemoryContextAllocZero((*called).fn_mcxt, size).cast();
                pg_sys::fmgr_info_cxt(found, info, (*called).fn_mcxt);
                (*called).fn_extra = info.cast();
            }
            let info: *mut pg_sys::FmgrInfo = (*called).fn_extra.cast();
            let mut inner = pg_sys::FunctionCallInfoBaseData {
                flinfo: info,
                context: (*call).context,
                ..Default::default()
            };
            let inner: pg_sys::FunctionCallInfo = &mut inner;
            let Some(function) = (*info).fn_addr else {
                pgrx::error!("a trigger function of leads cannot be called");
            };
            pg_sys::ffi::pg_guard_ffi_boundary(|| function(inner))
        }
    }
}

/// The function without arguments of this name in the schema of another.
fn function_beside(other: pg_sys::Oid, name: &CStr) -> pg_sys::Oid {
    // SAFETY: looks up a name; the key of no arguments is an empty vector.
    unsafe {
        let schema = pg_sys::get_func_namespace(other);
        let no_arguments = pg_sys::buildoidvector(std::ptr::null(), 0);
        pg_sys::GetSysCacheOid(
            SysCacheIdentifier::PROCNAMEARGSNSP as i32,
            pg_sys::Anum_pg_proc_oid as i16,
            name.as_ptr().into(),
            no_arguments.into(),
            schema.into(),
            pg_sys::Datum::null(),
        )
    }
}
