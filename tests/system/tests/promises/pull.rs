//! Pulling again: new arrivals by the head, schedules, bookmarks, and no page twice.

use std::time::Duration;

use equity_simulator::vendor::Vendor;
use equity_system_tests::cluster::Stop;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, ensure, ledger, seed, truth};

/// A pipeline that pulls and does nothing else.
fn pulling(test: &str, properties: usize) -> Outcome<Pipeline> {
    let (seed, _) = seed::choose(test, 20);
    let mut pipeline = Pipeline::start(Plan::new(seed, properties))?;
    pipeline.open_vendors(&[Vendor::BatchdataSearch])?;
    Ok(pipeline)
}

fn wait_for_pulls(pipeline: &mut Pipeline) -> Outcome {
    pipeline.wait_for_work(|db| db.one("SELECT count(*) = 0 FROM jobs WHERE stage = 'pull'"))
}

fn records_billed(pipeline: &Pipeline) -> u64 {
    pipeline
        .simulator()
        .with_office(|office| office.bill.total(Vendor::BatchdataSearch).units)
}

#[test]
fn a_second_run_takes_the_new_arrivals_and_pays_for_nothing_else() -> Outcome {
    let mut pipeline = pulling("arrivals", 300)?;
    pipeline.request_pull()?;
    wait_for_pulls(&mut pipeline)?;
    truth::check_doors(&mut pipeline)?;
    let first = records_billed(&pipeline);
    let listings = |pipeline: &Pipeline| {
        pipeline
            .simulator()
            .with_office(|office| office.world.listings().len() as u64)
    };
    let before = listings(&pipeline);
    pipeline
        .simulator()
        .with_office(|office| office.world.add(130));
    pipeline.request_pull()?;
    wait_for_pulls(&mut pipeline)?;
    truth::check_doors(&mut pipeline)?;
    let (billed, arrived) = (
        records_billed(&pipeline) - first,
        listings(&pipeline) - before,
    );
    ensure(
        billed <= arrived,
        format!("{arrived} records arrived, {billed} were paid"),
    )?;
    // And a run that finds nothing new costs nothing.
    pipeline.request_pull()?;
    wait_for_pulls(&mut pipeline)?;
    ensure(
        records_billed(&pipeline) == first + billed,
        "a run without news was billed",
    )?;
    ledger::check_billed_once(&pipeline)?;
    ledger::check_bill(&mut pipeline)
}

#[test]
fn a_scheduled_pull_runs_by_itself() -> Outcome {
    let mut pipeline = pulling("schedule", 60)?;
    pipeline.db.run("SELECT request_pull('batchdata', '{\"zip_codes\": [\"90028\", \"90038\", \"90046\"]}', p_every => '2 s')")?;
    wait_for_pulls(&mut pipeline)?;
    for round in 2..=3 {
        pipeline
            .simulator()
            .with_office(|office| office.world.add(5));
        pipeline.wait_for_work(|db| {
            db.one(&format!(
                "SELECT run_number >= {round} AND phase = 'idle' FROM pulls"
            ))
        })?;
    }
    pipeline.wait_for_work(|db| db.one("SELECT count(*) >= 70 FROM leads"))?;
    truth::check_doors(&mut pipeline)
}

#[test]
fn a_backfill_goes_on_from_its_bookmark_after_a_stop_while_records_arrive() -> Outcome {
    let mut pipeline = pulling("bookmark", 500)?;
    pipeline
        .simulator()
        .set_latency(Vendor::BatchdataSearch, Duration::from_millis(200));
    pipeline.db.run("SELECT request_pull('batchdata', '{\"zip_codes\": [\"90028\", \"90038\", \"90046\"]}', p_page_size => 50)")?;
    pipeline.wait_for_work(|db| db.one("SELECT count(*) >= 3 FROM lead_source_events"))?;
    pipeline.cluster.stop(Stop::Fast)?;
    pipeline
        .simulator()
        .with_office(|office| office.world.add(40));
    pipeline.cluster.launch()?;
    pipeline.reconnect()?;
    wait_for_pulls(&mut pipeline)?;
    let pages: i64 = pipeline.db.one("SELECT max(last_page_fetched)::bigint FROM source_bookmarks WHERE exhausted_at IS NOT NULL")?;
    ensure(pages > 5, format!("the bookmark stands at page {pages}"))?;
    // What arrived while the backfill was half done is at the head of the next run.
    pipeline.request_pull_again()?;
    wait_for_pulls(&mut pipeline)?;
    truth::check_doors(&mut pipeline)?;
    truth::check_pages(&mut pipeline)?;
    ledger::check(&mut pipeline)
}

#[test]
fn the_same_query_in_other_words_is_the_same_pull() -> Outcome {
    let mut pipeline = pulling("same_query", 60)?;
    let first: i32 = pipeline.db.one("SELECT request_pull('batchdata', '{\"zip_codes\": [\"90028\", \"90038\"], \"filters\": {\"owner_occupied\": true}}')")?;
    wait_for_pulls(&mut pipeline)?;
    let billed = records_billed(&pipeline);
    let second: i32 = pipeline.db.one("SELECT request_pull('batchdata', '{\"filters\": {\"owner_occupied\": true}, \"zip_codes\": [\"90038\", \"90028\"]}')")?;
    wait_for_pulls(&mut pipeline)?;
    ensure(first == second, "another pull was made")?;
    ensure(
        billed > 0 && records_billed(&pipeline) == billed,
        "records were paid again",
    )
}

#[test]
fn records_that_two_queries_share_are_one_lead_each() -> Outcome {
    let mut pipeline = pulling("overlap", 150)?;
    for query in [
        "{\"zip_codes\": [\"90028\", \"90038\", \"90046\"]}",
        "{\"zip_codes\": [\"90038\"]}",
    ] {
        pipeline.db.one_with::<i32>(
            "SELECT request_pull('batchdata', $1::text::jsonb)",
            &[&query],
        )?;
        wait_for_pulls(&mut pipeline)?;
    }
    truth::check_doors(&mut pipeline)
}
