//! SIGKILL at any instant: no lead doubled, nothing paid twice, nothing over a cap, the job finished.

use std::time::{Duration, Instant};

use equity_simulator::vendor::Vendor;
use equity_system_tests::cluster::signal;
use equity_system_tests::pipeline::{Pipeline, Plan, VENDORS, has_reached_caps, is_idle};
use equity_system_tests::{Outcome, ensure, ledger, seed, truth};
use fastrand::Rng;

/// What the search vendor may cost in this run: about enough for two thirds of the world, then raised.
const SEARCH_CAP: f64 = 4.0;

/// Kills the worker in mid-run many times; a person reads the vendor's bill and resolves what is in doubt.
#[test]
fn a_killed_worker_neither_loses_nor_doubles_nor_pays_twice() -> Outcome {
    let (seed, mut rng) = seed::choose("kill_worker", 7);
    let kills = seed::number_from_environment("EQUITY_KILLS", 22);
    let plan = Plan::new(seed, 600)
        .latency(Duration::from_millis(60))
        .setting("equity_connect.max_attempts", "100");
    let mut pipeline = Pipeline::start(plan)?;
    pipeline.db.run(&format!(
        "UPDATE vendors SET max_in_flight = 4, batch_size = LEAST(batch_size, 10);
         UPDATE vendors SET daily_spend_cap = {SEARCH_CAP} WHERE name = 'batchdata_search'"
    ))?;
    pipeline.db.run("SELECT request_pull('batchdata', '{\"zip_codes\": [\"90028\", \"90038\", \"90046\"]}', p_page_size => 40)")?;
    let mut struck = 0;
    let mut resolved = 0;
    for kill in 1..=kills {
        let under_way = kill_once(&mut pipeline, &mut rng)?;
        struck += u64::from(under_way > 0);
        println!("kill {kill}: {under_way} requests were under way");
        check_within_cap(&mut pipeline)?;
        if rng.u8(0..4) == 0 {
            resolved += ledger::resolve_doubts(&mut pipeline)?;
        }
        if has_reached_caps(&mut pipeline.db)? {
            more_work(&mut pipeline)?;
        }
    }
    ensure(
        struck * 3 >= kills,
        format!("only {struck} of {kills} kills struck while a vendor was at work"),
    )?;
    pipeline
        .db
        .run("UPDATE vendors SET daily_spend_cap = NULL")?;
    resolved += finish(&mut pipeline)?;
    println!(
        "{struck} of {kills} kills struck while a vendor was at work; {resolved} purchases were resolved by hand"
    );
    // Arrivals that came after the last run.
    pipeline.request_pull_again()?;
    finish(&mut pipeline)?;

    truth::check_doors(&mut pipeline)?;
    truth::check_pages(&mut pipeline)?;
    truth::check_scores(&mut pipeline.db)?;
    ledger::check(&mut pipeline)
}

/// Kills the worker some time after it has come up, two times of three when a vendor is at work, however long a busy
/// machine takes to get there; how many requests were under way then. Returns when the server is back.
fn kill_once(pipeline: &mut Pipeline, rng: &mut Rng) -> Outcome<u64> {
    let worker = pipeline.wait_for_worker()?;
    let strike = Instant::now() + Duration::from_millis(rng.u64(0..500));
    let latest = match rng.u8(0..3) {
        0 => strike,
        _ => strike + Duration::from_secs(2),
    };
    let under_way = |pipeline: &Pipeline| -> u64 {
        VENDORS
            .iter()
            .map(|vendor| pipeline.under_way(*vendor))
            .sum()
    };
    while Instant::now() < strike || (Instant::now() < latest && under_way(pipeline) == 0) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let under_way = under_way(pipeline);
    signal(worker, libc::SIGKILL)?;
    pipeline.wait_for_crash(worker)?;
    Ok(under_way)
}

/// At every moment, reserved and settled money is within the cap.
fn check_within_cap(pipeline: &mut Pipeline) -> Outcome {
    let over: i64 = pipeline.db.one(
        "SELECT count(*) FROM spend_budgets b JOIN vendors v ON b.scope = 'vendor:' || v.name WHERE reserved_amount + settled_amount > v.daily_spend_cap",
    )?;
    let billed = ledger::billed(pipeline, Vendor::BatchdataSearch);
    let cap: Option<f64> = pipeline
        .db
        .one("SELECT daily_spend_cap::float8 FROM vendors WHERE name = 'batchdata_search'")?;
    ensure(
        over == 0 && cap.is_none_or(|cap| billed as f64 <= cap * 1e6),
        format!("over a cap: {over} scopes; the search vendor billed {billed} micro-dollars"),
    )
}

/// Keeps the worker busy: new properties appear, and the cap is raised.
fn more_work(pipeline: &mut Pipeline) -> Outcome {
    pipeline
        .simulator()
        .with_office(|office| office.world.add(60));
    pipeline.db.run(
        "UPDATE vendors SET daily_spend_cap = daily_spend_cap + 2 WHERE name = 'batchdata_search'",
    )?;
    pipeline.request_pull_again()
}

/// Lets the worker finish, resolving what is in doubt as it comes; how many purchases were.
fn finish(pipeline: &mut Pipeline) -> Outcome<usize> {
    let mut resolved = 0;
    loop {
        resolved += ledger::resolve_doubts(pipeline)?;
        pipeline.wait_for_work(|db| Ok(is_idle(db)? || db.one("SELECT count(*) > 0 FROM vendor_calls WHERE state = 'in_doubt' AND poll_at IS NULL")?))?;
        let is_done: bool = pipeline.db.one("SELECT count(*) = 0 FROM vendor_calls WHERE state IN ('in_doubt', 'answered', 'sending', 'reserved')")?;
        if is_done && is_idle(&mut pipeline.db)? {
            return Ok(resolved);
        }
    }
}
