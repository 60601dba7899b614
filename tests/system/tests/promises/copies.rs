//! A copy of the cluster's files does not spend, whatever it was made for.

use std::time::Duration;

use equity_simulator::vendor::Vendor;
use equity_system_tests::cluster::{Cluster, CopyAs};
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, ensure, seed};

/// A cluster that would buy for five leads at once, if it were not paused by its configuration.
fn original(test: &str) -> Outcome<Pipeline> {
    let (seed, _) = seed::choose(test, 62);
    let mut pipeline = Pipeline::start(Plan::new(seed, 30))?;
    pipeline
        .cluster
        .configure(&[("equity_connect.paused", "on")])?;
    pipeline.cluster.reload()?;
    until_true("the worker is paused", Duration::from_secs(20), || {
        pipeline
            .db
            .one("SELECT (doing LIKE '%paused%') IS TRUE FROM worker_status()")
    })?;
    pipeline.enrich_doors(5)?;
    Ok(pipeline)
}

/// The copy, which is not paused, says why it waits, and sends nothing until a person arms it.
fn does_not_spend(pipeline: &Pipeline, copy: &Cluster) -> Outcome {
    let mut db = copy.connect()?;
    until_true(
        "the copy says why it waits",
        Duration::from_secs(40),
        || {
            db.one(
            "SELECT (running AND NOT armed AND problem LIKE '%is a copy%' AND hint LIKE '%arm_spending()%' AND doing LIKE 'waiting: %copy%') IS TRUE
             FROM worker_status()",
        )
        },
    )?;
    let work: i64 = db.one("SELECT count(*) FROM jobs WHERE run_at <= now()")?;
    ensure(work == 5, format!("{work} jobs are due in the copy"))?;
    db.run("SELECT resume_vendor('melissa')")?;
    std::thread::sleep(Duration::from_secs(2));
    ensure(
        pipeline.requests(Vendor::Melissa) == 0,
        "the copy has called a vendor",
    )?;
    // Armed by a person, it goes on: so it was the arming that held it back.
    db.run("SELECT arm_spending()")?;
    until_true("the armed copy works", Duration::from_secs(20), || {
        Ok(pipeline.requests(Vendor::Melissa) > 0)
    })
}

#[test]
fn a_clone_of_the_files_does_not_spend() -> Outcome {
    let pipeline = original("clone")?;
    let clone = pipeline.cluster.copy(CopyAs::Clone)?;
    does_not_spend(&pipeline, &clone)
}

#[test]
fn a_promoted_standby_does_not_spend() -> Outcome {
    let pipeline = original("promotion")?;
    let standby = pipeline.cluster.copy(CopyAs::Standby)?;
    let mut db = standby.connect()?;
    let told: String = db.one("SELECT problem FROM worker_status()")?;
    ensure(
        told == "this server is in recovery",
        format!("the standby says {told:?}"),
    )?;
    let promoted: bool = db.one("SELECT pg_promote()")?;
    ensure(promoted, "the standby was not promoted")?;
    does_not_spend(&pipeline, &standby)
}
