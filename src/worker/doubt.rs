//! Purchases that ended without an answer: given back, or in doubt.

use std::time::Duration;

use crate::error::Error;
use crate::retry::{self, Schedule};
use crate::settings;
use crate::store::dlq::{self, Kind};
use crate::store::jobs::{self, Sharing};
use crate::store::settlement::{self, Resolution};
use crate::store::vendors::DoubtPolicy;
use crate::store::{Db, replays};
use crate::vendors::{Product, has_question};

/// How soon a vendor is asked what became of a purchase in doubt, in seconds.
const ASK_AFTER: f64 = 2.0;
/// Waits before the same request is sent again.
const REPLAYS: Schedule = Schedule {
    base: Duration::from_secs(1),
    cap: Duration::from_secs(60),
};

/// Purchases that were provably not made: their money comes back, and their jobs are due again.
pub fn give_back(db: &mut Db<'_>, calls: &[i64], why: &str, sharing: Sharing) -> Result<(), Error> {
    settlement::release(db, calls, why, None)?;
    jobs::let_go(db, calls, sharing)
}

/// Purchases that were sent and have no answer. A policy that a purchase cannot follow is a hold.
pub fn doubt(
    db: &mut Db<'_>,
    product: Option<Product>,
    policy: DoubtPolicy,
    calls: &[i64],
    why: &str,
) -> Result<(), Error> {
    match policy {
        DoubtPolicy::Ask if product.is_some_and(has_question) => {
            settlement::doubt(db, calls, why, Some(ASK_AFTER))
        }
        DoubtPolicy::Replay => {
            let replayable = replays::with_session(db, calls)?;
            let others: Vec<i64> = calls
                .iter()
                .copied()
                .filter(|call| !replayable.contains(call))
                .collect();
            hold(db, &others, why)?;
            replay(db, &replayable, why)
        }
        DoubtPolicy::Rebuy => rebuy(db, calls, why),
        DoubtPolicy::Hold | DoubtPolicy::Ask => hold(db, calls, why),
    }
}

fn hold(db: &mut Db<'_>, calls: &[i64], why: &str) -> Result<(), Error> {
    if calls.is_empty() {
        return Ok(());
    }
    settlement::doubt(db, calls, why, None)?;
    park_jobs(db, calls, why)
}

/// The purchase stays in doubt, and counted; its job makes it again, once, out of the vendor's budget for that.
fn rebuy(db: &mut Db<'_>, calls: &[i64], why: &str) -> Result<(), Error> {
    settlement::doubt(db, calls, why, None)?;
    let can_be = replays::can_be_rebought(db, calls)?;
    let others: Vec<i64> = calls
        .iter()
        .copied()
        .filter(|call| !can_be.contains(call))
        .collect();
    park_jobs(db, &others, why)?;
    jobs::rebuy(db, &can_be)
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

/// The very same request will be sent again under its idempotency key, in a new row of the ledger. Only requests
/// within a search session have such a key: without it a second request is a second bill.
fn replay(db: &mut Db<'_>, calls: &[i64], why: &str) -> Result<(), Error> {
    if calls.is_empty() {
        return Ok(());
    }
    settlement::doubt(db, calls, why, None)?;
    for job in jobs::of_calls(db, calls)? {
        let Some(call) = job.call_id else { continue };
        if job.attempts + 1 >= settings::max_attempts() {
            park_jobs(db, &[call], why)?;
            continue;
        }
        let tries = u32::try_from(job.attempts).unwrap_or(0) + 1;
        let wait = retry::backoff(tries, &REPLAYS, super::answers::random_unit());
        settlement::resolve(
            db,
            call,
            Resolution::Replayed,
            None,
            "sent again under the same idempotency key",
        )?;
        jobs::replay(db, job.id, wait.as_secs_f64())?;
    }
    Ok(())
}
