//! Who the worker is, and whether it may spend here.

use pgrx::datum::TimestampWithTimeZone;

use super::Db;
use super::plan::{column, required, scalar, select, write};
use crate::error::Error;

/// The session advisory lock that the one worker of a database holds while it lives (any two constants of our own).
const LIVENESS_LOCK: (i32, i32) = (0x4543_4e54, 1);

const TRY_LOCK: &str = "SELECT pg_try_advisory_lock($1, $2)";

const IS_LOCKED: &str = "
SELECT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND classid::bigint = $1 AND objid::bigint = $2 AND objsubid = 2 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)";

const BEGIN: &str = "
UPDATE worker_state SET epoch = epoch + 1, pid = pg_backend_pid(), started_at = now(), heartbeat_at = now(), doing = 'starting'
RETURNING epoch";

const BEAT: &str = "UPDATE worker_state SET heartbeat_at = now(), doing = $2 WHERE epoch = $1";

const READ: &str = "SELECT pid, doing, heartbeat_at, armed_identity FROM worker_state";

const ARM: &str = "UPDATE worker_state SET armed_identity = $1, armed_at = CASE WHEN $1 IS NOT NULL THEN now() END";

// Qualified: it runs before the schema, and so the search_path, is known.
const INSTALLED: &str = "
SELECT e.oid, e.extversion, pg_catalog.quote_ident(n.nspname)
FROM pg_catalog.pg_extension e
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
WHERE e.extname OPERATOR(pg_catalog.=) 'equity_connect'";

const HASH_KEY: &str = "SELECT value FROM secrets WHERE name = 'hash_key'";

/// The row of `worker_state`.
pub struct State {
    pub pid: Option<i32>,
    pub doing: Option<String>,
    pub heartbeat_at: Option<TimestampWithTimeZone>,
    pub armed_identity: Option<String>,
}

/// Takes the worker's lock for this session; false while another worker lives.
pub fn try_lock(db: &mut Db<'_>) -> Result<bool, Error> {
    Ok(scalar(write(
        db,
        TRY_LOCK,
        &[LIVENESS_LOCK.0.into(), LIVENESS_LOCK.1.into()],
    )?)?
    .unwrap_or(false))
}

/// Does a worker live in this database?
pub fn is_locked(db: &Db<'_>) -> Result<bool, Error> {
    Ok(scalar(select(
        db,
        IS_LOCKED,
        &[
            i64::from(LIVENESS_LOCK.0).into(),
            i64::from(LIVENESS_LOCK.1).into(),
        ],
    )?)?
    .unwrap_or(false))
}

/// Starts an epoch: what earlier workers hold is fenced off from now on.
pub fn begin_epoch(db: &mut Db<'_>) -> Result<i64, Error> {
    scalar(write(db, BEGIN, &[])?)?.ok_or_else(|| Error::Internal("worker_state has no row".into()))
}

pub fn beat(db: &mut Db<'_>, epoch: i64, doing: &str) -> Result<(), Error> {
    write(db, BEAT, &[epoch.into(), doing.into()])?;
    Ok(())
}

pub fn read(db: &Db<'_>) -> Result<State, Error> {
    let row = select(db, READ, &[])?
        .next()
        .ok_or_else(|| Error::Internal("worker_state has no row".into()))?;
    Ok(State {
        pid: column(&row, 1)?,
        doing: column(&row, 2)?,
        heartbeat_at: column(&row, 3)?,
        armed_identity: column(&row, 4)?,
    })
}

/// Stores the identity that may spend; None: none may.
pub fn arm(db: &mut Db<'_>, identity: Option<&str>) -> Result<(), Error> {
    write(db, ARM, &[identity.into()])?;
    Ok(())
}

/// Oid, version and quoted schema of the installed extension; None: not installed in this database.
pub fn installed(db: &Db<'_>) -> Result<Option<(u32, String, String)>, Error> {
    let Some(row) = select(db, INSTALLED, &[])?.next() else {
        return Ok(None);
    };
    let oid: pgrx::pg_sys::Oid = required(&row, 1)?;
    Ok(Some((oid.to_u32(), required(&row, 2)?, required(&row, 3)?)))
}

/// The key behind purchase keys and opt-out hashes.
pub fn hash_key(db: &Db<'_>) -> Result<Vec<u8>, Error> {
    scalar(select(db, HASH_KEY, &[])?)?
        .ok_or_else(|| Error::Internal("the hash key is missing from secrets".into()))
}
