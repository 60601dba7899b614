//! From an empty database to campaign-ready leads.

use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, ensure, ledger, seed, truth};

/// The main job, run once; every promise about its outcome.
#[test]
fn one_call_turns_an_empty_database_into_contactable_leads() -> Outcome {
    let (seed, _) = seed::choose("main_job", 42);
    let mut plan = Plan::new(seed, 800);
    // Nothing may depend on the caller's search_path.
    plan.schema = "lead_data";
    let mut pipeline = Pipeline::start(plan)?;
    pipeline.db.run("SET search_path = pg_catalog")?;
    let zips = r#"{"zip_codes": ["90028", "90038", "90046"]}"#;
    pipeline.db.one_with::<i32>(
        "SELECT lead_data.request_pull('batchdata', $1::text::jsonb)",
        &[&zips],
    )?;
    pipeline.db.run("SET search_path = lead_data")?;
    pipeline.finish()?;

    truth::check_doors(&mut pipeline)?;
    truth::check_pages(&mut pipeline)?;
    truth::check_scores(&mut pipeline.db)?;
    truth::check_reached(&mut pipeline)?;
    ledger::check(&mut pipeline)?;
    check_bad_records(&mut pipeline)?;
    check_ready_leads(&mut pipeline)?;
    check_reports(&mut pipeline)
}

/// Bad records are parked with what came, and nothing else is.
fn check_bad_records(pipeline: &mut Pipeline) -> Outcome {
    let (holes, without_address) = truth::bad_records(pipeline);
    ensure(
        holes + without_address > 0,
        "this world has no bad record: choose another seed",
    )?;
    let rejected: i64 = pipeline
        .db
        .one("SELECT sum(rejected_total)::bigint FROM pulls")?;
    let parked: i64 = pipeline.db.one("SELECT count(*) FROM dlq WHERE kind = 'record' AND stage = 'pull' AND payload ? 'record' AND error <> ''")?;
    let others: i64 = pipeline
        .db
        .one("SELECT count(*) FROM dlq WHERE kind IS DISTINCT FROM 'record'")?;
    ensure(
        rejected == parked && others == 0,
        format!("{rejected} records were rejected, {parked} are parked, and {others} other things"),
    )?;
    // A record with an id and no address is a lead that can be told apart; a hole is not.
    let nameless: i64 = pipeline
        .db
        .one("SELECT count(*) FROM leads WHERE address_line1 IS NULL")?;
    let expected = i64::try_from(holes + without_address)?;
    ensure(
        parked + nameless == expected && parked >= i64::try_from(holes)?,
        format!(
            "{holes} holes and {without_address} records without an address, but {parked} parked and {nameless} leads without an address"
        ),
    )
}

fn check_ready_leads(pipeline: &mut Pipeline) -> Outcome {
    let (ready, contactable): (i64, i64) = (
        pipeline
            .db
            .one("SELECT count(*) FROM vw_campaign_ready_leads")?,
        pipeline
            .db
            .one("SELECT count(*) FROM leads WHERE status = 'contactable'")?,
    );
    ensure(
        ready > 250 && ready == contactable,
        format!("{ready} leads are ready, {contactable} contactable"),
    )?;
    let is_ordered: bool = pipeline.db.one(
        "SELECT COALESCE(bool_and(ok), false) FROM (
             SELECT (quality_score < lag(quality_score) OVER w) OR (quality_score = lag(quality_score) OVER w AND first_seen_at >= lag(first_seen_at) OVER w)
                 OR lag(id) OVER w IS NULL AS ok
             FROM (SELECT *, row_number() OVER () AS place FROM vw_campaign_ready_leads LIMIT 250) v
             WINDOW w AS (ORDER BY place)
         ) pairs",
    )?;
    ensure(
        is_ordered,
        "the ready leads are not ordered: best first, oldest first within a score",
    )?;
    let unreachable: i64 = pipeline.db.one(
        "SELECT count(*) FROM vw_campaign_ready_leads
         WHERE NOT EXISTS (SELECT FROM unnest(emails || phones) p WHERE (p ->> 'verified')::boolean)",
    )?;
    ensure(
        unreachable == 0,
        format!("{unreachable} ready leads have no verified contact point"),
    )
}

/// The views that a person reads agree with the tables.
fn check_reports(pipeline: &mut Pipeline) -> Outcome {
    let agrees: bool = pipeline.db.one(
        "SELECT (SELECT sum(cost) FROM vw_vendor_performance) = (SELECT sum(settled_amount) FROM spend_budgets WHERE scope = 'total')
            AND (SELECT sum(settled) FROM vw_spend_today WHERE scope LIKE 'vendor:%') = (SELECT sum(settled) FROM vw_spend_today WHERE scope = 'total')
            AND (SELECT sum(count) FROM vw_lead_quality_summary) = (SELECT count(*) FROM leads)
            AND (SELECT sum(contactable_count) FROM vw_lead_quality_summary) = (SELECT count(*) FROM vw_campaign_ready_leads)
            AND (SELECT bool_and(queued = 0 AND running = 0 AND retrying = 0) FROM vw_pipeline)
            AND (SELECT bool_and(finished_at IS NOT NULL AND records >= new + rejected) FROM vw_pull_progress)",
    )?;
    ensure(agrees, "the views do not agree with the tables")
}
