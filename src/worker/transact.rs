//! The only place that opens and ends a transaction in the worker. No call to a vendor is made inside one.

use std::panic::AssertUnwindSafe;

use pgrx::prelude::*;

use crate::error::Error;
use crate::store::{self, Db};

/// Runs `work` in a transaction of its own. An error, ours or the database's, undoes all of it.
pub fn transact<R>(work: impl FnOnce(&mut Db<'_>) -> Result<R, Error>) -> Result<R, Error> {
    let body = || {
        // SAFETY: the worker's main thread, outside a transaction: this function is never nested.
        unsafe {
            pg_sys::SetCurrentStatementStartTimestamp();
            pg_sys::StartTransactionCommand();
            pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        }
        let result = store::connect(work)?;
        // SAFETY: pops the snapshot pushed above and commits the transaction started above.
        unsafe {
            pg_sys::PopActiveSnapshot();
            pg_sys::CommitTransactionCommand();
        }
        Ok(result)
    };
    let result = PgTryBuilder::new(AssertUnwindSafe(body))
        .catch_others(|caught| Err(Error::from(caught)))
        .catch_rust_panic(|caught| Err(Error::from(caught)))
        .execute();
    // SAFETY: ends whatever transaction is left after an error; allowed in every transaction state.
    unsafe {
        if result.is_err() {
            pg_sys::AbortCurrentTransaction();
        }
        // Without this the worker's writes never reach the statistics, and autovacuum never comes.
        pg_sys::pgstat_report_stat(false);
    }
    result
}
