//! A savepoint around work that may fail: what it did is undone and the transaction goes on.
//!
//! pgrx catches a database error without undoing it, so the savepoint is opened and ended by hand, as PL/pgSQL
//! does for a block with an EXCEPTION clause (src/pl/plpgsql/src/pl_exec.c, exec_stmt_block).

use std::panic::AssertUnwindSafe;

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use crate::error::Error;

/// Runs `work` in a subtransaction. Any error, ours or the database's, rolls it back and is returned.
pub fn attempt<R>(work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    // SAFETY: inside a transaction (every caller is a function call or the worker's transaction), the pointers
    // are the backend's own globals, saved here and restored below whatever happens in between.
    let (context, owner) = unsafe {
        let saved = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(saved.0);
        saved
    };
    let result = PgTryBuilder::new(AssertUnwindSafe(work))
        .catch_others(|caught| Err(Error::from(caught)))
        .catch_rust_panic(|caught| Err(Error::from(caught)))
        .execute();
    // SAFETY: ends the subtransaction opened above; context and owner are those of the enclosing transaction.
    unsafe {
        pg_sys::MemoryContextSwitchTo(context);
        if result.is_ok() {
            pg_sys::ReleaseCurrentSubTransaction();
        } else {
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
    }
    if let Err(Error::Database {
        code: PgSqlErrorCode::ERRCODE_QUERY_CANCELED | PgSqlErrorCode::ERRCODE_ADMIN_SHUTDOWN,
        ..
    }) = &result
    {
        // A wish to stop is never taken for a fault of the work.
        return result.map_err(|error| -> Error {
            ErrorReport::from(error).report(PgLogLevel::ERROR);
            unreachable!("ERROR unwinds")
        });
    }
    result
}
