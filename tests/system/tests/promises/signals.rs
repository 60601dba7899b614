//! Stopping, dropping and coming back, also while a vendor takes its time.

use std::time::{Duration, Instant};

use equity_simulator::vendor::Vendor;
use equity_system_tests::cluster::Stop;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::wait::{until, until_true};
use equity_system_tests::{Outcome, ensure, ledger, seed};

/// A second, and what a busy machine adds to measuring it.
const A_SECOND: Duration = Duration::from_millis(1500);

/// A worker in the middle of a call of thirty seconds.
fn in_mid_call(test: &str) -> Outcome<Pipeline> {
    let (seed, _) = seed::choose(test, 12);
    let mut pipeline = Pipeline::start(Plan::new(seed, 30))?;
    pipeline
        .simulator()
        .set_latency(Vendor::Melissa, Duration::from_secs(30));
    pipeline.enrich_doors(1)?;
    pipeline.wait_for_request(Vendor::Melissa)?;
    Ok(pipeline)
}

#[test]
fn a_worker_stops_within_a_second_during_a_call() -> Outcome {
    let mut pipeline = in_mid_call("terminate")?;
    let worker = pipeline.wait_for_worker()?;
    let started = Instant::now();
    pipeline
        .db
        .run(&format!("SELECT pg_terminate_backend({worker})"))?;
    until_true("the worker is gone", Duration::from_secs(10), || {
        Ok(pipeline.worker()? != Some(worker))
    })?;
    let took = started.elapsed();
    ensure(took < A_SECOND, format!("it took {took:?}"))?;
    // It comes back by itself, and the purchase is in doubt, not lost and not made again.
    let next = until("the next worker runs", Duration::from_secs(20), || {
        pipeline.worker()
    })?;
    until_true("the purchase is in doubt", Duration::from_secs(10), || {
        pipeline
            .db
            .one("SELECT count(*) = 1 FROM vendor_calls WHERE state = 'in_doubt'")
    })?;
    let parked: i64 = pipeline
        .db
        .one("SELECT count(*) FROM dlq WHERE kind = 'doubt' AND error LIKE '%resolve_call()%'")?;
    ensure(
        next != worker && parked == 1,
        "the purchase in doubt is not parked for a person",
    )?;
    ensure(
        pipeline.requests(Vendor::Melissa) == 1,
        "the purchase was made again",
    )
}

#[test]
fn a_fast_shutdown_is_not_held_up_by_a_call() -> Outcome {
    let mut pipeline = in_mid_call("shutdown")?;
    let took = pipeline.cluster.stop(Stop::Fast)?;
    // The server's own shutdown takes its share.
    ensure(
        took < A_SECOND + Duration::from_secs(1),
        format!("the shutdown took {took:?}"),
    )?;
    pipeline.cluster.launch()?;
    pipeline.reconnect()?;
    until_true("the purchase is in doubt", Duration::from_secs(20), || {
        pipeline
            .db
            .one("SELECT count(*) = 1 FROM vendor_calls WHERE state = 'in_doubt'")
    })
}

#[test]
fn another_database_can_be_dropped_during_a_call() -> Outcome {
    let mut pipeline = in_mid_call("drop_database")?;
    pipeline.db.run("CREATE DATABASE other")?;
    let started = Instant::now();
    pipeline.db.run("DROP DATABASE other")?;
    let took = started.elapsed();
    ensure(took < A_SECOND, format!("DROP DATABASE took {took:?}"))?;
    ensure(
        pipeline.under_way(Vendor::Melissa) == 1,
        "the call was over before",
    )
}

#[test]
fn the_extension_can_be_dropped_and_created_again_under_the_worker() -> Outcome {
    let (seed, _) = seed::choose("drop_extension", 13);
    let mut pipeline = Pipeline::start(Plan::new(seed, 40))?;
    pipeline.request_pull()?;
    pipeline.finish()?;
    let worker = pipeline.wait_for_worker()?;
    // Leads are not dropped by accident.
    ensure(
        pipeline.db.sqlstate("DROP EXTENSION equity_connect")? == "2BP01",
        "DROP EXTENSION was not refused",
    )?;
    ensure(
        pipeline.db.sqlstate("DROP SCHEMA public CASCADE")? == "2BP01",
        "DROP SCHEMA was not refused",
    )?;
    let kept: i64 = pipeline.db.one("SELECT count(*) FROM leads")?;
    ensure(kept > 0, "the leads are gone")?;
    pipeline
        .db
        .run("SET equity_connect.allow_data_loss = on; DROP EXTENSION equity_connect")?;
    pipeline.install()?;
    pipeline.open_vendors(&[Vendor::BatchdataSearch])?;
    pipeline.arm()?;
    pipeline.request_pull()?;
    pipeline.wait_for_runs()?;
    let leads: i64 = pipeline.db.one("SELECT count(*) FROM leads")?;
    ensure(leads == kept, format!("{leads} leads instead of {kept}"))?;
    ensure(
        pipeline.worker()? == Some(worker),
        "the worker was started anew",
    )?;
    ledger::check_budgets(&mut pipeline.db)
}

#[test]
fn a_power_cut_loses_nothing_that_was_paid() -> Outcome {
    let (seed, _) = seed::choose("power_cut", 14);
    let mut pipeline = Pipeline::start(Plan::new(seed, 300).latency(Duration::from_millis(30)))?;
    pipeline.request_pull()?;
    for calls in [50, 300] {
        pipeline.wait_for_work(|db| {
            db.one(&format!(
                "SELECT count(*) > {calls} FROM vendor_calls WHERE state = 'applied'"
            ))
        })?;
        pipeline.cluster.stop(Stop::Immediate)?;
        pipeline.cluster.launch()?;
        pipeline.reconnect()?;
    }
    loop {
        ledger::resolve_doubts(&mut pipeline)?;
        pipeline.wait_for_work(|db| {
            Ok(equity_system_tests::pipeline::is_idle(db)? || db.one("SELECT count(*) > 0 FROM vendor_calls WHERE state = 'in_doubt' AND poll_at IS NULL")?)
        })?;
        if pipeline.db.one("SELECT count(*) = 0 FROM vendor_calls WHERE state IN ('in_doubt', 'answered', 'sending', 'reserved')")? {
            break;
        }
    }
    equity_system_tests::truth::check_doors(&mut pipeline)?;
    ledger::check(&mut pipeline)
}
