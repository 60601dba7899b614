//! A session that holds a row holds up that row's lead, and nobody else.

use std::time::{Duration, Instant};

use equity_simulator::vendor::Vendor;
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, ensure};

use crate::circuit::{two_verifiers, with_phones};

#[test]
fn a_job_that_another_session_holds_holds_up_no_other_answer() -> Outcome {
    let mut pipeline = two_verifiers("held_job", 73)?;
    pipeline
        .simulator()
        .set_latency(Vendor::SignalwireLookup, Duration::from_secs(2));
    with_phones(&mut pipeline, 8)?;
    until_true("all are asked", Duration::from_secs(30), || {
        Ok(pipeline.under_way(Vendor::SignalwireLookup) == 8)
    })?;
    let mut other = pipeline.another_session()?;
    other.run(
        "BEGIN; SELECT FROM jobs WHERE call_id = (SELECT max(call_id) FROM jobs) FOR UPDATE",
    )?;
    pipeline.wait_for_work(|db| {
        db.one("SELECT count(*) = 1 FROM jobs WHERE waiting_for IS DISTINCT FROM 'a second pass'")
    })?;
    let (applied, parked): (i64, i64) = {
        let row = pipeline.db.rows("SELECT count(*) FILTER (WHERE state = 'applied'), (SELECT count(*) FROM dlq) FROM vendor_calls")?;
        (row[0].try_get(0)?, row[0].try_get(1)?)
    };
    ensure(
        (applied, parked) == (7, 0),
        format!("{applied} answers applied, {parked} parked"),
    )?;
    // Nothing tells the worker that the row is free: it looks again by itself, and soon.
    std::thread::sleep(Duration::from_secs(2));
    let freed = Instant::now();
    other.run("ROLLBACK")?;
    pipeline.finish()?;
    ensure(
        freed.elapsed() < Duration::from_secs(8),
        format!("the answer was taken up after {:?}", freed.elapsed()),
    )
}
