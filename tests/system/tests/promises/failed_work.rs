//! The dead-letter queue: what fails is kept, retried or parked, and a paid answer is never bought again.

use std::time::Duration;

use equity_simulator::faults::{Kind, Rule};
use equity_simulator::vendor::{Vendor, Vendor::Melissa};
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, ensure, ledger, seed, truth};

#[test]
fn a_paid_answer_that_cannot_be_read_is_parked_and_read_again_without_a_call() -> Outcome {
    let (seed, _) = seed::choose("unreadable", 50);
    let mut pipeline = Pipeline::start(Plan::new(seed, 40))?;
    pipeline.request_pull()?;
    pipeline.finish()?;
    let asked: u64 = requests(&pipeline);
    // An answer that this version does not understand, met again as if it had just come.
    pipeline.db.run(
        "CREATE TABLE kept AS SELECT id, answer FROM vendor_calls WHERE vendor = 'melissa' ORDER BY id LIMIT 3;
         UPDATE vendor_calls SET state = 'answered', answer = '{\"Records\": 7}' WHERE id IN (SELECT id FROM kept)",
    )?;
    pipeline
        .db
        .run("UPDATE vendors SET batch_size = batch_size WHERE name = 'melissa'")?;
    pipeline.wait_for_work(|db| db.one("SELECT count(*) = 3 FROM dlq WHERE kind = 'answer' AND retry_after IS NULL AND call_id IN (SELECT id FROM kept)"))?;
    pipeline.db.run("UPDATE vendor_calls c SET answer = k.answer FROM kept k WHERE k.id = c.id; SELECT retry_dlq(ARRAY(SELECT id FROM dlq WHERE kind = 'answer'))")?;
    pipeline.wait_for_work(|db| db.one("SELECT bool_and(state = 'applied') FROM vendor_calls WHERE id IN (SELECT id FROM kept)"))?;
    pipeline.finish()?;
    ensure(requests(&pipeline) == asked, "a vendor was called")?;
    let left: i64 = pipeline
        .db
        .one("SELECT count(*) FROM dlq WHERE kind = 'answer'")?;
    ensure(left == 0, format!("{left} answers are still parked"))?;
    ledger::check(&mut pipeline)
}

fn requests(pipeline: &Pipeline) -> u64 {
    equity_system_tests::pipeline::VENDORS
        .iter()
        .map(|vendor| pipeline.requests(*vendor))
        .sum()
}

#[test]
fn an_answer_that_the_database_refuses_is_tried_again_by_itself_and_not_bought_again() -> Outcome {
    let (seed, _) = seed::choose("refused_by_database", 51);
    let mut pipeline = Pipeline::start(Plan::new(seed, 40))?;
    pipeline
        .db
        .run("ALTER TABLE leads ADD CONSTRAINT no_mak CHECK (mak IS NULL)")?;
    pipeline.enrich_doors(10)?;
    pipeline.wait_for_work(|db| {
        db.one("SELECT count(*) > 3 FROM dlq WHERE kind = 'answer' AND retry_after > now()")
    })?;
    let asked = pipeline.requests(Melissa);
    pipeline
        .db
        .run("ALTER TABLE leads DROP CONSTRAINT no_mak")?;
    pipeline.wait_for_work(|db| db.one("SELECT count(*) = 0 FROM dlq WHERE kind = 'answer'"))?;
    pipeline.finish()?;
    let enriched: i64 = pipeline
        .db
        .one("SELECT count(*) FROM leads WHERE mak IS NOT NULL")?;
    ensure(
        enriched > 3 && pipeline.requests(Melissa) == asked,
        format!(
            "{enriched} leads got their answer, {} requests after {asked}",
            pipeline.requests(Melissa)
        ),
    )?;
    ledger::check(&mut pipeline)
}

#[test]
fn a_refused_request_is_retried_with_backoff_and_parked_in_the_end() -> Outcome {
    let (seed, _) = seed::choose("backoff", 52);
    let mut pipeline =
        Pipeline::start(Plan::new(seed, 40).setting("equity_connect.max_attempts", "3"))?;
    pipeline.open_vendors(&[Vendor::SignalwireLookup])?;
    pipeline.fault(Rule {
        status: Some(422),
        ..Rule::new(Vendor::SignalwireLookup, Kind::Status)
    });
    let lead: String = pipeline.db.one(
        "SELECT upsert_lead('manual', p_address_line1 => '12 Main St', p_postal_code => '90028', p_owner_occupied => true,
                            p_apn => '1-2-3', p_mak => '1234567890', p_age => 70, p_property_value => 500000, p_estimated_equity => 1)::text",
    )?;
    pipeline.db.run(&format!("SELECT merge_contact_point('{lead}', 'phone', '+13235550123', 'manual', p_type => 'mobile'), request_enrichment('{lead}')"))?;
    for attempt in 1..=3 {
        pipeline.wait_for_work(|db| {
            db.one(&format!(
                "SELECT count(*) = 1 FROM dlq WHERE kind = 'job' AND attempts = {attempt}"
            ))
        })?;
        let waits: bool = pipeline
            .db
            .one("SELECT retry_after IS NOT NULL FROM dlq WHERE kind = 'job'")?;
        ensure(
            waits == (attempt < 3),
            format!("after attempt {attempt} it waits: {waits}"),
        )?;
        // The clock is put forward instead of waiting for minutes.
        pipeline.db.run("UPDATE dlq SET retry_after = now() WHERE retry_after IS NOT NULL; UPDATE vendors SET enabled = enabled WHERE name = 'signalwire_lookup'")?;
    }
    pipeline
        .simulator()
        .with_faults(equity_simulator::faults::Faults::clear);
    ensure(
        ledger::billed(&pipeline, Vendor::SignalwireLookup) == 0,
        "a refused request was billed",
    )?;
    pipeline
        .db
        .run("SELECT retry_dlq(ARRAY(SELECT id FROM dlq))")?;
    pipeline.finish()?;
    let called: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vendor_calls WHERE state = 'applied'")?;
    ensure(called == 1, "the step was not tried again")?;
    ledger::check(&mut pipeline)
}

#[test]
fn an_answer_that_the_database_refused_is_tried_again_also_without_a_job() -> Outcome {
    let (seed, _) = seed::choose("refused_answer", 55);
    let mut pipeline = Pipeline::start(Plan::new(seed, 40))?;
    pipeline.enrich_doors(5)?;
    pipeline.finish()?;
    let asked: u64 = requests(&pipeline);
    // An answer that no job waits for, met again as if it had just come.
    pipeline.db.run(
        "DELETE FROM jobs;
         CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = 'deadlock_detected'; END $$;
         CREATE TRIGGER refuse BEFORE UPDATE ON vendor_calls FOR EACH ROW WHEN (NEW.state = 'applied') EXECUTE FUNCTION public.refuse();
         UPDATE vendor_calls SET state = 'answered' WHERE id = (SELECT min(id) FROM vendor_calls WHERE vendor = 'melissa');
         UPDATE vendors SET batch_size = batch_size WHERE name = 'melissa'",
    )?;
    pipeline.wait_for_work(|db| {
        db.one("SELECT count(*) = 1 FROM dlq WHERE kind = 'answer' AND retry_after IS NOT NULL")
    })?;
    pipeline.db.run("DROP TRIGGER refuse ON vendor_calls")?;
    pipeline.wait_for_work(|db| {
        db.one("SELECT (SELECT count(*) FROM dlq) = 0 AND bool_and(state = 'applied') FROM vendor_calls")
    })?;
    pipeline.finish()?;
    ensure(requests(&pipeline) == asked, "a vendor was called")
}

#[test]
fn one_bad_record_does_not_keep_its_page_out() -> Outcome {
    let (seed, _) = seed::choose("bad_record", 53);
    let mut pipeline = Pipeline::start(Plan::new(seed, 1200))?;
    pipeline.open_vendors(&[Vendor::BatchdataSearch])?;
    pipeline.request_pull()?;
    pipeline.wait_for_work(|db| db.one("SELECT count(*) = 0 FROM jobs WHERE stage = 'pull'"))?;
    let (holes, _) = truth::bad_records(&pipeline);
    let parked: i64 = pipeline.db.one("SELECT count(*) FROM dlq WHERE kind = 'record' AND payload ->> 'source' = 'batchdata' AND payload ? 'record'")?;
    ensure(
        holes > 0 && parked >= i64::try_from(holes)?,
        format!("{holes} holes in the list, {parked} records parked"),
    )?;
    truth::check_doors(&mut pipeline)?;
    // A page is one transaction: its leads carry one transaction time.
    let pages: bool = pipeline.db.one(
        "SELECT count(DISTINCT created_at) <= (SELECT count(*) FROM lead_source_events) FROM leads",
    )?;
    ensure(pages, "a page was stored in several transactions")?;
    // A record that was mended goes in.
    pipeline.db.run(
        "UPDATE dlq SET payload = jsonb_set(payload, '{record}', '{\"vendor_record_id\": \"mended\", \"address_line1\": \"1 Mended St\", \"postal_code\": \"90028\"}')
         WHERE id = (SELECT min(id) FROM dlq WHERE kind = 'record')",
    )?;
    let mended: i32 = pipeline
        .db
        .one("SELECT retry_dlq(ARRAY(SELECT id FROM dlq WHERE kind = 'record'))")?;
    let there: bool = pipeline.db.one(
        "SELECT count(*) = 1 FROM leads WHERE vendor_record_id = 'mended' AND source = 'batchdata'",
    )?;
    let left: i64 = pipeline
        .db
        .one("SELECT count(*) FROM dlq WHERE kind = 'record' AND attempts = 2")?;
    ensure(
        mended == 1 && there && left == parked - 1,
        format!("{mended} mended, there: {there}, {left} left"),
    )
}

#[test]
fn rows_of_other_flows_are_left_alone() -> Outcome {
    let (seed, _) = seed::choose("foreign_rows", 54);
    let mut pipeline = Pipeline::start(Plan::new(seed, 20))?;
    pipeline.db.run("INSERT INTO dlq (stage, payload, error, retry_after, attempts) VALUES ('enrich', '{\"mine\": 1}', 'own flow', now(), 1)")?;
    pipeline.request_pull()?;
    pipeline.finish()?;
    std::thread::sleep(Duration::from_millis(300));
    let there: bool = pipeline
        .db
        .one("SELECT count(*) = 1 FROM dlq WHERE payload = '{\"mine\": 1}' AND attempts = 1")?;
    ensure(there, "a row of another flow was touched")
}
