//! What the worker is while it waits: no transaction, no snapshot, no noise.

use std::time::{Duration, Instant};

use equity_simulator::vendor::Vendor;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, ensure, seed};

#[test]
fn no_transaction_is_open_while_a_vendor_is_called() -> Outcome {
    let (seed, _) = seed::choose("no_transaction", 8);
    let mut pipeline = Pipeline::start(Plan::new(seed, 50))?;
    pipeline
        .simulator()
        .set_latency(Vendor::Melissa, Duration::from_secs(3));
    pipeline.enrich_doors(1)?;
    pipeline.wait_for_request(Vendor::Melissa)?;
    let (mut looks, mut open) = (0, 0);
    while pipeline.under_way(Vendor::Melissa) > 0 {
        let row = pipeline.db.client.query_one(
            "SELECT xact_start IS NOT NULL OR backend_xmin IS NOT NULL OR backend_xid IS NOT NULL OR state LIKE 'idle in transaction%',
                    COALESCE(extract(epoch FROM clock_timestamp() - xact_start)::float8, 0)
             FROM pg_stat_activity WHERE backend_type = 'equity_connect worker'",
            &[],
        )?;
        if pipeline.under_way(Vendor::Melissa) > 0 {
            looks += 1;
            open += i32::from(row.try_get::<_, bool>(0)?);
            let age: f64 = row.try_get(1)?;
            ensure(
                age < 0.5,
                format!("a transaction is {age} s old while the vendor is waited for"),
            )?;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    ensure(looks > 50, format!("the call was seen only {looks} times"))?;
    // The worker may be met while it stores the call or its heartbeat, never for long.
    ensure(
        open * 20 <= looks,
        format!("a transaction was open in {open} of {looks} looks"),
    )?;
    pipeline.finish()
}

#[test]
fn an_idle_worker_takes_no_transaction_ids() -> Outcome {
    let (seed, _) = seed::choose("idle", 9);
    let mut pipeline = Pipeline::start(Plan::new(seed, 20))?;
    pipeline.request_pull()?;
    pipeline.finish()?;
    let next = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
    let before: i64 = pipeline.db.one(next)?;
    let started = Instant::now();
    std::thread::sleep(Duration::from_secs(12));
    let used = pipeline.db.one::<i64>(next)? - before;
    // A heartbeat every ten seconds or more.
    ensure(
        used <= 3,
        format!(
            "{used} transaction ids in {:?} of nothing to do",
            started.elapsed()
        ),
    )
}

#[test]
fn the_worker_waits_quietly_where_the_extension_is_not_installed() -> Outcome {
    let (seed, _) = seed::choose("not_installed", 10);
    let mut pipeline = Pipeline::bare(Plan::new(seed, 20))?;
    let worker = pipeline.wait_for_worker()?;
    let before = pipeline.cluster.log()?.len();
    std::thread::sleep(Duration::from_secs(6));
    ensure(
        pipeline.worker()? == Some(worker),
        "the worker did not stay",
    )?;
    let log = pipeline.cluster.log()?;
    let new = log.get(before..).unwrap_or_default();
    ensure(new.is_empty(), format!("the log is not quiet:\n{new}"))?;
    pipeline.install()?;
    until_true(
        "the worker finds the new extension",
        Duration::from_secs(8),
        || pipeline.db.one("SELECT running FROM worker_status()"),
    )?;
    pipeline.open_vendors(&[Vendor::BatchdataSearch])?;
    pipeline.arm()?;
    pipeline.request_pull()?;
    pipeline.wait_for_runs()?;
    ensure(
        pipeline.worker()? == Some(worker),
        "the worker was started anew",
    )
}

#[test]
fn nothing_is_bought_before_spending_is_armed() -> Outcome {
    let (seed, _) = seed::choose("not_armed", 11);
    let mut pipeline = Pipeline::bare(Plan::new(seed, 20))?;
    pipeline.install()?;
    pipeline.open_vendors(&[Vendor::BatchdataSearch])?;
    pipeline.request_pull()?;
    until_true("worker_status() says so", Duration::from_secs(10), || {
        pipeline.db.one("SELECT (running AND NOT armed AND problem = 'spending is not armed' AND hint LIKE '%arm_spending()%') IS TRUE FROM worker_status()")
    })?;
    std::thread::sleep(Duration::from_secs(2));
    ensure(
        pipeline.requests(Vendor::BatchdataSearch) == 0,
        "a vendor was called",
    )?;
    pipeline.arm()?;
    pipeline.wait_for_runs()?;
    let before = pipeline.requests(Vendor::BatchdataSearch);
    pipeline.db.run("SELECT disarm_spending()")?;
    pipeline
        .simulator()
        .with_office(|office| office.world.add(5));
    pipeline.request_pull()?;
    std::thread::sleep(Duration::from_secs(2));
    ensure(
        before > 0 && pipeline.requests(Vendor::BatchdataSearch) == before,
        "a vendor was called after disarm_spending()",
    )
}
