//! Purchases that ended without an answer: given back, or in doubt.

use crate::error::Error;
use crate::settings;
use crate::store::Db;
use crate::store::dlq::{self, Kind};
use crate::store::jobs::{self, Sharing};
use crate::store::settlement::{self, Resolution};
use crate::store::vendors::DoubtPolicy;

/// How soon a vendor is asked what became of a purchase in doubt, in seconds.
const ASK_AFTER: f64 = 2.0;

/// Purchases that were provably not made: their money comes back, and their jobs are due again.
pub fn give_back(db: &mut Db<'_>, calls: &[i64], why: &str, sharing: Sharing) -> Result<(), Error> {
    settlement::release(db, calls, why, None)?;
    jobs::let_go(db, calls, sharing)
}

/// Purchases that were sent and have no answer.
pub fn doubt(db: &mut Db<'_>, policy: DoubtPolicy, calls: &[i64], why: &str) -> Result<(), Error> {
    match policy {
        DoubtPolicy::Hold => hold(db, calls, why),
        DoubtPolicy::Ask => settlement::doubt(db, calls, why, Some(ASK_AFTER)),
        DoubtPolicy::Replay => replay(db, calls, why),
    }
}

fn hold(db: &mut Db<'_>, calls: &[i64], why: &str) -> Result<(), Error> {
    settlement::doubt(db, calls, why, None)?;
    park_jobs(db, calls, why)
}

/// Parks the jobs of purchases in doubt until a person says what became of them.
pub fn park_jobs(db: &mut Db<'_>, calls: &[i64], why: &str) -> Result<(), Error> {
    let waiting: Vec<i64> = jobs::of_calls(db, calls)?
        .iter()
        .map(|job| job.id)
        .collect();
    let error = format!("purchase in doubt: {why}; say what became of it with resolve_call()");
    dlq::from_jobs(db, &waiting, Kind::Doubt, &error, None)
}

/// The same request will be sent again under the same idempotency key, in a new row of the ledger.
fn replay(db: &mut Db<'_>, calls: &[i64], why: &str) -> Result<(), Error> {
    settlement::doubt(db, calls, why, None)?;
    for job in jobs::of_calls(db, calls)? {
        let Some(call) = job.call_id else { continue };
        if job.attempts + 1 >= settings::max_attempts() {
            park_jobs(db, &[call], why)?;
            continue;
        }
        settlement::resolve(
            db,
            call,
            Resolution::Replayed,
            "sent again under the same idempotency key",
        )?;
        jobs::count_attempt(db, job.id)?;
        jobs::let_go(db, &[call], Sharing::AsBefore)?;
    }
    Ok(())
}
