//! Paid calls a second with a vendor that answers in 100 ms and 64 calls in flight: the ideal is 640.

use std::time::{Duration, Instant};

use equity_simulator::vendor::Vendor;
use equity_system_tests::pipeline::Pipeline;
use equity_system_tests::{Outcome, seed};

use crate::verifications;

const VENDOR: Vendor = Vendor::SignalwireLookup;
const IDEAL: f64 = 640.0;

pub fn run() -> Outcome {
    let count = u32::try_from(seed::number_from_environment("EQUITY_CALLS", 6_000))?;
    let mut pipeline = Pipeline::start(verifications::plan(Duration::from_millis(100)))?;
    verifications::open(&mut pipeline, &[VENDOR], 64)?;
    let worker = pipeline.wait_for_worker()?;
    let commits = commits_a_second(&mut pipeline)?;
    pipeline.db.run("SELECT pg_stat_reset_shared('wal')")?;
    let (began, used) = (Instant::now(), verifications::processor_seconds(worker)?);
    verifications::queue(&mut pipeline, "phone", 1, count)?;
    verifications::wait_for(&mut pipeline, VENDOR, count, Duration::from_secs(600))?;
    let (took, used) = (
        began.elapsed().as_secs_f64(),
        verifications::processor_seconds(worker)? - used,
    );
    let rate = verifications::steady_rate(&mut pipeline, VENDOR)?;
    let in_flight = pipeline
        .simulator()
        .with_stats(|stats| stats.of(VENDOR).max_in_flight);
    pipeline.db.run("SELECT pg_sleep(1.2)")?;
    let row = pipeline
        .db
        .rows("SELECT wal_sync, (wal_sync_time / 1000)::float8 FROM pg_stat_wal")?;
    let (syncs, sync_seconds): (i64, f64) = (row[0].try_get(0)?, row[0].try_get(1)?);
    println!(
        "{count} paid calls in {took:.1} s; steady: {rate:.0} calls/s, {:.0} % of the ideal {IDEAL:.0}; at most {in_flight} in flight",
        rate / IDEAL * 100.0
    );
    println!(
        "the worker used {used:.1} s of processor time, {:.2} ms a call; {syncs} WAL syncs took {sync_seconds:.1} s",
        used * 1000.0 / f64::from(count)
    );
    println!(
        "a plain session commits {commits:.0} single-row updates a second here, with fsync on"
    );
    let bound = if rate >= 0.9 * IDEAL {
        "the vendor (90 % of the ideal and more)"
    } else if sync_seconds > used {
        "the ledger's commits"
    } else {
        "the worker's processor time"
    };
    println!("what binds: {bound}");
    Ok(())
}

/// How fast this machine's disk lets anybody commit.
fn commits_a_second(pipeline: &mut Pipeline) -> Outcome<f64> {
    pipeline
        .db
        .run("CREATE TABLE pace (n integer); INSERT INTO pace VALUES (0)")?;
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(2) {
        pipeline.db.run("UPDATE pace SET n = n + 1")?;
        count += 1;
    }
    pipeline.db.run("DROP TABLE pace")?;
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}
