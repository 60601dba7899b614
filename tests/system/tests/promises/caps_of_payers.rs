//! The caps of campaigns and leads, many reservations at once, and the day they belong to.

use std::thread;
use std::time::Duration;

use equity_simulator::faults::{Kind, Rule};
use equity_simulator::vendor::Vendor;
use equity_system_tests::cluster::Stop;
use equity_system_tests::pipeline::{Pipeline, Plan, has_reached_caps, is_idle};
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, ensure, ledger, midnight, seed};
use fastrand::Rng;

/// One vendor alone is of use only to who wants everything there is.
const GOAL: (&str, &str) = ("equity_connect.enrichment_goal", "complete");

/// One worker serves a database, so eight of them never meet at one cap. What they would do they do here: eight
/// backends reserve, give back and settle through the worker's own code, which development builds show to tests.
#[test]
fn eight_reservers_at_once_get_exactly_a_hundred_of_a_hundred_and_a_half() -> Outcome {
    let (seed, mut rng) = seed::choose("eight_reservers", 40);
    let mut pipeline = Pipeline::start(Plan::new(seed, 10))?;
    let library = "AS 'equity_connect'";
    pipeline.db.run(&format!(
        "CREATE FUNCTION reserve_for_test(vendor text, purchases bigint) RETURNS bigint LANGUAGE c {library}, 'reserve_for_test_wrapper';
         CREATE FUNCTION close_for_test(vendor text, is_settled boolean) RETURNS void LANGUAGE c STRICT {library}, 'close_for_test_wrapper';
         ALTER FUNCTION reserve_for_test SET search_path = public;
         ALTER FUNCTION close_for_test SET search_path = public;
         UPDATE vendors SET daily_spend_cap = 100.5 * unit_price WHERE name = 'melissa'"
    ))?;
    let mut reservers = Vec::new();
    for _ in 0..8 {
        let session = pipeline.another_session()?;
        let rng = Rng::with_seed(rng.u64(..));
        reservers.push(thread::spawn(move || reserve_until_refused(session, rng)));
    }
    let mut held = 0;
    for reserver in reservers {
        held += reserver.join().map_err(|_| "a reserver failed")??;
    }
    // Nobody gives back any more: what is left is taken one by one.
    while pipeline
        .db
        .one::<i64>("SELECT reserve_for_test('melissa', 1)")?
        == 1
    {
        held += 1;
    }
    let booked: String = pipeline.db.one(
        "SELECT reserved_calls + settled_calls || ' ' || (reserved + settled = 100 * v.unit_price AND spend_left = 0.5 * v.unit_price)
         FROM vw_spend_today JOIN vendors v ON scope = 'vendor:' || v.name WHERE v.name = 'melissa'",
    )?;
    ensure(
        held == 100 && booked == "100 true",
        format!("eight reservers hold {held}; the budget has {booked}"),
    )
}

/// Reserves a few at a time, gives some back, settles others, until ten wishes in a row get nothing; how many it holds.
fn reserve_until_refused(
    mut session: equity_system_tests::session::Session,
    mut rng: Rng,
) -> Outcome<i64> {
    let (mut reserved, mut settled, mut refusals) = (0, 0, 0);
    while refusals < 10 {
        let wish = rng.i64(1..5);
        let got: i64 = session.one(&format!("SELECT reserve_for_test('melissa', {wish})"))?;
        refusals = if got == 0 { refusals + 1 } else { 0 };
        reserved += got;
        let over: bool = session
            .one("SELECT count(*) > 0 FROM vw_spend_today WHERE reserved + settled > spend_cap")?;
        ensure(!over, "more was reserved than the cap allows")?;
        if reserved > 0 && rng.bool() {
            let is_settled = rng.bool();
            session.run(&format!("SELECT close_for_test('melissa', {is_settled})"))?;
            reserved -= 1;
            settled += i64::from(is_settled);
        }
    }
    Ok(reserved + settled)
}

#[test]
fn a_campaign_spends_what_it_may_and_holds_nobody_else_up() -> Outcome {
    let (seed, _) = seed::choose("campaign_cap", 41);
    let mut pipeline = Pipeline::start(Plan::new(seed, 60).setting(GOAL.0, GOAL.1))?;
    pipeline.open_vendors(&[Vendor::Melissa])?;
    pipeline
        .db
        .run("INSERT INTO campaigns (name, daily_spend_cap) VALUES ('spring', 0.175)")?;
    let leads = pipeline.store_doors(0, 16)?;
    let (spring, others) = leads.split_at(8);
    pipeline.db.client.execute(
        "SELECT request_enrichment(id::uuid, 'spring') FROM unnest($1::text[]) AS id",
        &[&spring],
    )?;
    pipeline.enrich(others)?;
    pipeline.wait_for_work(has_reached_caps)?;
    let requests = |pipeline: &mut Pipeline, leads: &[String]| -> Outcome<i64> {
        pipeline.db.one_with(
            "SELECT count(*) FROM vendor_calls WHERE state = 'applied' AND lead_id::text = ANY ($1)",
            &[&leads],
        )
    };
    let bought = (
        requests(&mut pipeline, spring)?,
        requests(&mut pipeline, others)?,
    );
    ensure(
        bought == (3, 8),
        format!("bought for the campaign and for others: {bought:?}"),
    )?;
    // A changed cap holds for the next reservation.
    pipeline
        .db
        .run("UPDATE campaigns SET daily_spend_cap = 0.25")?;
    pipeline.wait_for_work(|db| {
        Ok(has_reached_caps(db)?
            && db.one("SELECT settled_calls = 5 FROM vw_spend_today WHERE scope = 'campaign_spend:spring'")?)
    })?;
    pipeline
        .db
        .run("UPDATE campaigns SET daily_spend_cap = NULL")?;
    pipeline.finish()?;
    ensure(
        requests(&mut pipeline, spring)? == 8,
        "without a cap the rest is bought",
    )?;
    ledger::check(&mut pipeline)
}

#[test]
fn a_pull_for_a_campaign_pays_pages_and_leads_from_its_cap() -> Outcome {
    let (seed, _) = seed::choose("campaign_pull", 42);
    let mut pipeline = Pipeline::start(Plan::new(seed, 120))?;
    pipeline
        .db
        .run("INSERT INTO campaigns (name, daily_spend_cap) VALUES ('spring', 2.5)")?;
    pipeline.db.run("SELECT request_pull('batchdata', '{\"zip_codes\": [\"90028\", \"90038\", \"90046\"]}', p_campaign => 'spring')")?;
    pipeline.finish_day()?;
    let billed: u64 = equity_system_tests::pipeline::VENDORS
        .iter()
        .map(|vendor| ledger::billed(&pipeline, *vendor))
        .sum();
    let elsewhere: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vendor_calls WHERE campaign IS DISTINCT FROM 'spring'")?;
    ensure(
        billed <= 2_500_000 && billed > 2_300_000 && elsewhere == 0,
        format!("{billed} micro-dollars of 2,500,000; {elsewhere} purchases are nobody's"),
    )?;
    ledger::check(&mut pipeline)
}

#[test]
fn a_lead_costs_no_more_than_it_may() -> Outcome {
    let (seed, _) = seed::choose("lead_cap", 43);
    // Melissa and one verification, and never a skip trace.
    let plan = Plan::new(seed, 60).setting("equity_connect.lead_spend_cap", "0.065");
    let mut pipeline = Pipeline::start(plan)?;
    let leads = pipeline.enrich_doors(40)?;
    pipeline.finish()?;
    let dearest: f64 = pipeline.db.one(
        "SELECT max(cost)::float8 FROM (SELECT sum(settled_amount) AS cost FROM vendor_calls GROUP BY lead_id) s",
    )?;
    ensure(dearest <= 0.065, format!("a lead has cost {dearest}"))?;
    let routed: i64 = pipeline.db.one(
        "SELECT count(*) FROM leads WHERE status IN ('contactable', 'enriched', 'do_not_contact')",
    )?;
    ensure(
        routed == 40 && ledger::billed(&pipeline, Vendor::BatchdataSkipTrace) == 0,
        format!("{routed} of 40 leads are routed"),
    )?;
    // A higher cap holds from the next reservation on.
    pipeline
        .cluster
        .configure(&[("equity_connect.lead_spend_cap", "0.3")])?;
    pipeline.cluster.reload()?;
    until_true("the new cap is read", Duration::from_secs(20), || {
        let shown: String = pipeline.db.one("SHOW equity_connect.lead_spend_cap")?;
        Ok(shown == "0.3")
    })?;
    pipeline.db.run(
        "UPDATE leads SET status = 'new' WHERE status = 'do_not_contact' AND suppressed_at IS NULL",
    )?;
    pipeline.enrich(&leads)?;
    pipeline.finish()?;
    ensure(
        ledger::billed(&pipeline, Vendor::BatchdataSkipTrace) > 0,
        "nothing was bought after the cap was raised",
    )?;
    let dearest: f64 = pipeline.db.one(
        "SELECT max(cost)::float8 FROM (SELECT sum(settled_amount) AS cost FROM vendor_calls GROUP BY lead_id) s",
    )?;
    ensure(dearest <= 0.3, format!("a lead has cost {dearest}"))?;
    ledger::check(&mut pipeline)
}

#[test]
fn a_purchase_belongs_to_the_day_of_its_reservation_and_the_next_day_has_a_cap_of_its_own()
-> Outcome {
    let (seed, _) = seed::choose("midnight", 44);
    let mut pipeline = Pipeline::start(Plan::new(seed, 40).setting(GOAL.0, GOAL.1))?;
    pipeline.open_vendors(&[Vendor::Melissa])?;
    pipeline
        .db
        .run("UPDATE vendors SET daily_call_cap = 3, batch_size = 1 WHERE name = 'melissa'")?;
    // A new start, so that worker and test have the time zone at the same moment.
    let zone = midnight::zone_with_midnight_in(&mut pipeline.db, 9)?;
    pipeline.cluster.stop(Stop::Fast)?;
    pipeline
        .cluster
        .configure(&[("equity_connect.budget_timezone", &zone)])?;
    pipeline.cluster.launch()?;
    pipeline.reconnect()?;
    // Asked before midnight, answered after it, however soon they are asked.
    pipeline.fault(Rule {
        ms: Some(11_000),
        times: Some(3),
        ..Rule::new(Vendor::Melissa, Kind::DelayAfterBill)
    });
    pipeline.enrich_doors(6)?;
    // Nobody touches anything: the three that wait go on by themselves, after midnight.
    pipeline.wait_for_work(is_idle)?;
    let days: String = pipeline.db.one(
        "SELECT string_agg(concat_ws(' ', n, settled, reserved), ', ' ORDER BY day) FROM (
             SELECT b.day, (SELECT count(*) FROM vendor_calls c WHERE c.day = b.day) AS n, settled_calls AS settled, reserved_calls AS reserved
             FROM spend_budgets b WHERE scope = 'vendor:melissa') s",
    )?;
    ensure(days == "3 3 0, 3 3 0", format!("the days have {days}"))?;
    let late: i64 = pipeline.db.one(&format!(
        "SELECT count(*) FROM vendor_calls WHERE (answered_at AT TIME ZONE '{zone}')::date > day AND (reserved_at AT TIME ZONE '{zone}')::date = day"
    ))?;
    let calls: String = pipeline.db.one(
        "SELECT string_agg(concat_ws(' ', day, reserved_at, answered_at), ', ' ORDER BY id) FROM vendor_calls",
    )?;
    ensure(
        late == 3,
        format!(
            "{late} purchases were answered on the day after their reservation, in {zone}: {calls}"
        ),
    )?;
    ledger::check(&mut pipeline)
}

#[test]
fn a_cap_lowered_in_mid_run_holds_at_the_next_reservation() -> Outcome {
    let (seed, _) = seed::choose("lowered_cap", 45);
    let mut pipeline = Pipeline::start(Plan::new(seed, 200).latency(Duration::from_millis(20)))?;
    pipeline
        .db
        .run("UPDATE vendors SET batch_size = 1 WHERE name = 'melissa'")?;
    pipeline.request_pull()?;
    pipeline.wait_for_work(|db| {
        db.one("SELECT count(*) > 20 FROM vendor_calls WHERE vendor = 'melissa'")
    })?;
    // The statement waits for a reservation that is being made, and everything after it sees the new cap.
    pipeline
        .db
        .run("UPDATE vendors SET daily_call_cap = 0 WHERE name = 'melissa'")?;
    let made: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vendor_calls WHERE vendor = 'melissa'")?;
    pipeline.finish_day()?;
    let later: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vendor_calls WHERE vendor = 'melissa'")?;
    ensure(
        later == made,
        format!(
            "{} purchases were reserved under a cap of zero",
            later - made
        ),
    )?;
    ledger::check(&mut pipeline)
}

#[test]
fn what_today_shows_is_what_the_ledger_adds_up_to() -> Outcome {
    let (seed, _) = seed::choose("spend_today", 46);
    let mut pipeline = Pipeline::start(Plan::new(seed, 80))?;
    pipeline.db.run(
        "INSERT INTO campaigns (name, daily_spend_cap) VALUES ('spring', 5);
         UPDATE vendors SET daily_spend_cap = 2, batch_size = 5 WHERE name = 'melissa'",
    )?;
    pipeline.fault(Rule {
        every: Some(2),
        times: Some(2),
        ..Rule::new(Vendor::Melissa, Kind::ResetAfterBill)
    });
    pipeline.db.run("SELECT request_pull('batchdata', '{\"zip_codes\": [\"90028\", \"90038\", \"90046\"]}', p_campaign => 'spring')")?;
    // Some wait for money that is held by what is in doubt.
    pipeline.wait_for_work(|db| {
        db.one("SELECT count(*) > 0 AND bool_and(waiting_for IS NOT NULL) FROM jobs")
    })?;
    let differing: Vec<String> = pipeline.db.column(
        "WITH purchases AS (
             SELECT unnest(ARRAY['total', 'vendor:' || vendor, 'pull:' || pull_id, 'campaign_spend:' || campaign]) AS scope,
                 CASE WHEN state IN ('reserved', 'sending', 'in_doubt') THEN reserved_amount ELSE 0 END AS reserved, COALESCE(settled_amount, 0) AS settled
             FROM vendor_calls WHERE state <> 'released'
         ), sums AS (SELECT scope, sum(reserved) AS reserved, sum(settled) AS settled FROM purchases GROUP BY scope)
         SELECT v.scope FROM vw_spend_today v LEFT JOIN sums s USING (scope)
         WHERE (v.reserved, v.settled) IS DISTINCT FROM (COALESCE(s.reserved, 0), COALESCE(s.settled, 0))
             OR v.spend_left IS DISTINCT FROM v.spend_cap - COALESCE(s.reserved + s.settled, 0)",
    )?;
    let scopes: i64 = pipeline.db.one(
        "SELECT count(*) FROM vw_spend_today WHERE reserved > 0 OR scope IN ('total', 'vendor:hlr_lookup', 'campaign_spend:spring', 'pull:1')",
    )?;
    ensure(
        differing.is_empty() && scopes >= 5,
        format!("{differing:?} differ from the ledger; {scopes} scopes"),
    )
}
