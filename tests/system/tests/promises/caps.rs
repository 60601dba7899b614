//! Caps hold exactly, and work that waits for one goes on when it is raised.

use equity_simulator::vendor::Vendor;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, ensure, ledger, seed};

fn units(pipeline: &Pipeline, vendor: Vendor) -> u64 {
    pipeline
        .simulator()
        .with_office(|office| office.bill.total(vendor).units)
}

fn expect_units(pipeline: &Pipeline, vendor: Vendor, expected: u64) -> Outcome {
    let billed = units(pipeline, vendor);
    ensure(
        billed == expected,
        format!(
            "{} billed {billed} units instead of {expected}",
            vendor.name()
        ),
    )
}

#[test]
fn a_daily_call_cap_buys_exactly_that_many_and_raising_it_goes_on() -> Outcome {
    let (seed, _) = seed::choose("call_cap", 3);
    let mut pipeline = Pipeline::start(Plan::new(seed, 200))?;
    pipeline
        .db
        .run("UPDATE vendors SET daily_call_cap = 37, batch_size = 10 WHERE name = 'melissa'")?;
    pipeline.request_pull()?;
    pipeline.finish_day()?;
    expect_units(&pipeline, Vendor::Melissa, 37)?;
    pipeline
        .db
        .run("UPDATE vendors SET daily_call_cap = 60 WHERE name = 'melissa'")?;
    pipeline.wait_for_work(|db| {
        db.one("SELECT settled_calls = 60 FROM vw_spend_today WHERE scope = 'vendor:melissa'")
    })?;
    pipeline.finish_day()?;
    expect_units(&pipeline, Vendor::Melissa, 60)?;
    ledger::check(&mut pipeline)
}

#[test]
fn a_spend_cap_worth_a_hundred_and_a_half_purchases_buys_exactly_a_hundred() -> Outcome {
    let (seed, _) = seed::choose("spend_cap", 4);
    let mut pipeline = Pipeline::start(Plan::new(seed, 500))?;
    // Of skip traces only the matches are billed, so reserved money comes back and can be spent on others.
    pipeline.db.run("UPDATE vendors SET daily_spend_cap = 100.5 * unit_price WHERE name = 'batchdata_skip_trace'")?;
    pipeline.request_pull()?;
    pipeline.finish_day()?;
    expect_units(&pipeline, Vendor::BatchdataSkipTrace, 100)?;
    ledger::check(&mut pipeline)
}

#[test]
fn the_total_cap_holds_over_all_vendors_and_raising_it_goes_on_without_a_restart() -> Outcome {
    let (seed, _) = seed::choose("total_cap", 5);
    let mut pipeline =
        Pipeline::start(Plan::new(seed, 150).setting("equity_connect.daily_spend_cap", "3.995"))?;
    let worker = pipeline.wait_for_worker()?;
    pipeline.request_pull()?;
    pipeline.finish_day()?;
    let billed = total(&pipeline);
    // What is left is not worth one record of Melissa.
    ensure(
        billed <= 3_995_000 && billed > 3_945_000,
        format!("the cap is 3,995,000 micro-dollars, billed are {billed}"),
    )?;
    pipeline
        .cluster
        .configure(&[("equity_connect.daily_spend_cap", "100000")])?;
    pipeline.cluster.reload()?;
    pipeline.finish()?;
    ensure(
        pipeline.worker()? == Some(worker),
        "the worker was started anew",
    )?;
    ensure(
        total(&pipeline) > 3_995_000,
        "nothing was bought after the cap was raised",
    )?;
    ledger::check(&mut pipeline)
}

fn total(pipeline: &Pipeline) -> u64 {
    equity_system_tests::pipeline::VENDORS
        .iter()
        .map(|vendor| ledger::billed(pipeline, *vendor))
        .sum()
}

#[test]
fn a_pull_takes_exactly_its_daily_records() -> Outcome {
    let (seed, _) = seed::choose("record_cap", 6);
    let mut pipeline = Pipeline::start(Plan::new(seed, 300))?;
    pipeline.open_vendors(&[Vendor::BatchdataSearch])?;
    let ask = |cap: u32| {
        format!(
            "SELECT request_pull('batchdata', '{{\"zip_codes\": [\"90028\", \"90038\", \"90046\"]}}', p_page_size => 50, p_daily_record_cap => {cap})"
        )
    };
    for cap in [120, 175] {
        pipeline.db.run(&ask(cap))?;
        pipeline.wait_for_work(|db| {
            db.one(&format!(
                "SELECT count(*) > 0 AND (SELECT sum(records_total) >= {cap} FROM pulls) FROM jobs WHERE stage = 'pull' AND waiting_for = 'the next day of the budget'"
            ))
        })?;
        expect_units(&pipeline, Vendor::BatchdataSearch, cap.into())?;
    }
    ledger::check(&mut pipeline)
}
