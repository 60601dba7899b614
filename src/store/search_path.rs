//! The extension's own search path, for functions that are declared without one because they hardly ever need it:
//! setting it takes as long as reading a lead.

use std::ffi::{CStr, CString};

use pgrx::pg_sys;

use crate::error::Error;

/// Runs `work` with `search_path = <schema>, pg_temp`, as `SET search_path` of a function's declaration does.
pub fn with_schema<R>(
    schema: pg_sys::Oid,
    work: impl FnOnce() -> Result<R, Error>,
) -> Result<R, Error> {
    let path = path(schema)?;
    // SAFETY: as fmgr_security_definer (src/backend/utils/fmgr/fmgr.c) does it; after an error the transaction, or the
    // savepoint, takes the setting back.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        pg_sys::set_config_option(
            c"search_path".as_ptr(),
            path.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
        let result = work();
        pg_sys::AtEOXact_GUC(true, level);
        result
    }
}

fn path(schema: pg_sys::Oid) -> Result<CString, Error> {
    let no_schema = || Error::Internal("the extension's schema is not there".into());
    // SAFETY: a name out of the catalogue, or null; the quoted one ends with a NUL.
    let quoted = unsafe {
        let name = pg_sys::get_namespace_name(schema);
        if name.is_null() {
            return Err(no_schema());
        }
        CStr::from_ptr(pg_sys::quote_identifier(name))
    };
    let path = [quoted.to_bytes(), b", pg_temp"].concat();
    CString::new(path).map_err(|_| no_schema())
}
