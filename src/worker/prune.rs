//! Keeps the ledger from growing without end: old purchases go, a batch at a time, when there is nothing else to do.

use std::time::{Duration, Instant};

use super::session::Session;
use super::transact::transact;
use crate::error::Error;
use crate::settings;
use crate::store::pruning;

/// How often it is looked for old purchases.
const EVERY: Duration = Duration::from_secs(3600);

/// Removes a batch if it is time to; true when there may be more.
pub fn prune(session: &mut Session) -> Result<bool, Error> {
    if session.pruned_at.is_some_and(|at| at.elapsed() < EVERY) {
        return Ok(false);
    }
    let has_more = transact(|db| {
        let keep = settings::keep_ledger_for_minutes();
        let refresh_after = settings::refresh_after_minutes();
        pruning::prune(db, keep, refresh_after, &settings::budget_timezone())
    })?;
    session.pruned_at = (!has_more).then(Instant::now);
    Ok(has_more)
}
