//! Work with the rights of the tables' owner, as PostgreSQL's own referential integrity does it: a caller who may write
//! leads may cause a merge, and needs no right on the ledger, the jobs or the lineage for that.

use pgrx::pg_sys;

use super::Db;
use super::plan::{scalar, select};
use crate::error::Error;

const OWNER: &str = "SELECT relowner FROM pg_catalog.pg_class WHERE oid = 'leads'::regclass";

/// The caller's identity, taken up again whatever happens.
struct Caller {
    user: pg_sys::Oid,
    context: i32,
}

impl Drop for Caller {
    fn drop(&mut self) {
        // SAFETY: what GetUserIdAndSecContext said; a rolled back (sub)transaction sets the same.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) }
    }
}

/// Runs `work` as the owner of `leads`.
pub fn as_owner<R>(
    db: &mut Db<'_>,
    work: impl FnOnce(&mut Db<'_>) -> Result<R, Error>,
) -> Result<R, Error> {
    let owner: pg_sys::Oid = scalar(select(db, OWNER, &[])?)?
        .ok_or_else(|| Error::Internal("the table leads has no owner".into()))?;
    let mut caller = Caller {
        user: pg_sys::InvalidOid,
        context: 0,
    };
    // SAFETY: writes to the two places given. The flag says that the change ends with this function (ri_triggers.c,
    // ri_PerformCheck).
    unsafe {
        pg_sys::GetUserIdAndSecContext(&raw mut caller.user, &raw mut caller.context);
        pg_sys::SetUserIdAndSecContext(
            owner,
            caller.context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32,
        );
    }
    let result = work(db);
    drop(caller);
    result
}
