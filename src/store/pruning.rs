//! Which rows of the ledger may go.
//!
//! Never one that is open, that keeps a purchase from being made again, or on which a repeated request is built:
//! - a row younger than `refresh_after` is what its lead, and every other with the same subject, is served from;
//! - the pages of a pull count what its search session has delivered, for as long as the pull lives. Of an old page
//!   the answer goes, which is in `leads` by then, and the row stays;
//! - what a job or a row of `dlq` refers to, and the second purchase of what is still in doubt.
//!
//! The budgets of a day stay as they are: they are its totals.

use super::Db;
use super::plan::write;
use crate::error::Error;

/// Rows of one transaction.
const BATCH: i64 = 500;

// The first condition is for idx_vendor_calls_day; the others decide.
const PRUNE: &str = "
WITH old AS (
    SELECT id, lead_id IS NOT NULL OR state = 'released' AS goes
    FROM vendor_calls c
    WHERE day < ((now() - make_interval(mins => $1)) AT TIME ZONE $2)::date
      AND state IN ('applied', 'released', 'resolved')
      AND GREATEST(reserved_at, answered_at, applied_at, resolved_at) < now() - make_interval(mins => GREATEST($1, $3))
      AND (lead_id IS NOT NULL OR state = 'released' OR answer <> 'null'::jsonb)
      AND NOT EXISTS (SELECT FROM jobs j WHERE j.call_id = c.id)
      AND NOT EXISTS (SELECT FROM jobs j WHERE j.replays_call_id = c.id)
      AND NOT EXISTS (SELECT FROM jobs j WHERE j.rebuys_call_id = c.id)
      AND NOT EXISTS (SELECT FROM dlq d WHERE d.call_id = c.id)
      AND NOT EXISTS (SELECT FROM vendor_calls d WHERE d.id = c.rebuys_call_id AND d.state = 'in_doubt')
    ORDER BY day, id
    LIMIT $4
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM vendor_calls c USING old WHERE c.id = old.id AND old.goes
), emptied AS (
    UPDATE vendor_calls c SET answer = 'null'::jsonb FROM old WHERE c.id = old.id AND NOT old.goes
)
SELECT FROM old";

/// Removes a batch of what is older than `keep` and no longer of use, all in minutes; true when there may be more.
pub fn prune(
    db: &mut Db<'_>,
    keep: i32,
    refresh_after: i32,
    timezone: &str,
) -> Result<bool, Error> {
    let args = [
        keep.into(),
        timezone.into(),
        refresh_after.into(),
        BATCH.into(),
    ];
    let pruned = write(db, PRUNE, &args)?.len();
    Ok(i64::try_from(pruned).is_ok_and(|pruned| pruned >= BATCH))
}
