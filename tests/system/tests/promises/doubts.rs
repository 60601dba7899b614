//! Purchases in doubt: held, bought again from a budget of their own, or decided by the vendor's bill.

use equity_simulator::faults::{Kind, Rule};
use equity_simulator::vendor::Vendor;
use equity_system_tests::cluster::Stop;
use equity_system_tests::pipeline::{Pipeline, Plan, is_idle};
use equity_system_tests::{Outcome, ensure, ledger, seed};

fn cut_once(pipeline: &Pipeline, kind: Kind) {
    pipeline.fault(Rule {
        times: Some(1),
        ..Rule::new(Vendor::Melissa, kind)
    });
}

/// Enriches one more door, and waits until nothing is left to do for it.
fn enrich_one(pipeline: &mut Pipeline, door: usize) -> Outcome<String> {
    let ids = pipeline.store_doors(door, 1)?;
    pipeline.enrich(&ids)?;
    pipeline.wait_for_work(is_idle)?;
    pipeline.db.run("SELECT resume_vendor('melissa')")?;
    ids.into_iter().next().ok_or_else(|| "no lead".into())
}

#[test]
fn buying_again_has_a_budget_of_its_own_that_starts_at_zero() -> Outcome {
    let (seed, _) = seed::choose("rebuy", 30);
    let mut pipeline = Pipeline::start(Plan::new(seed, 30))?;
    pipeline
        .db
        .run("UPDATE vendors SET doubt_policy = 'rebuy' WHERE name = 'melissa'")?;
    let parked = |pipeline: &mut Pipeline| -> Outcome<i64> {
        pipeline
            .db
            .one("SELECT count(*) FROM dlq WHERE kind = 'doubt'")
    };

    // Without a budget it is a hold.
    cut_once(&pipeline, Kind::ResetAfterBill);
    enrich_one(&mut pipeline, 0)?;
    ensure(
        pipeline.requests(Vendor::Melissa) == 1 && parked(&mut pipeline)? == 1,
        "it was bought again without a budget",
    )?;

    // With one it is bought again, once, and the first purchase stays in doubt and counted.
    pipeline
        .db
        .run("UPDATE vendors SET rebuy_spend_cap = 1.5 * unit_price WHERE name = 'melissa'")?;
    cut_once(&pipeline, Kind::ResetAfterBill);
    let lead = enrich_one(&mut pipeline, 1)?;
    let states: String = pipeline.db.one_with(
        "SELECT string_agg(concat_ws(' ', generation, state), ',' ORDER BY id) FROM vendor_calls WHERE lead_id::text = $1 AND vendor = 'melissa'",
        &[&lead],
    )?;
    ensure(
        states == "1 in_doubt,2 applied" && parked(&mut pipeline)? == 1,
        format!("after buying again: {states}"),
    )?;
    let books: String = pipeline.db.one(
        "SELECT string_agg(concat_ws(' ', scope, reserved::numeric(9, 2), settled::numeric(9, 2), spend_left::numeric(9, 3)), ',' ORDER BY scope)
         FROM vw_spend_today WHERE scope IN ('rebuy:melissa', 'vendor:melissa')",
    )?;
    ensure(
        books == "rebuy:melissa 0.00 0.05 0.025,vendor:melissa 0.10 0.05",
        format!("the books say {books}"),
    )?;

    // The budget is used up: the next waits for a person again.
    cut_once(&pipeline, Kind::ResetAfterBill);
    enrich_one(&mut pipeline, 2)?;
    ensure(
        pipeline.requests(Vendor::Melissa) == 4 && parked(&mut pipeline)? == 2,
        "the budget for buying again was exceeded",
    )?;

    // A second doubt about the same thing is not answered by a third purchase.
    pipeline
        .db
        .run("UPDATE vendors SET rebuy_spend_cap = 10 WHERE name = 'melissa'")?;
    pipeline.fault(Rule {
        times: Some(2),
        ..Rule::new(Vendor::Melissa, Kind::ResetAfterBill)
    });
    enrich_one(&mut pipeline, 3)?;
    ensure(
        pipeline.requests(Vendor::Melissa) == 6 && parked(&mut pipeline)? == 3,
        "a purchase was made a third time",
    )?;

    // The vendor's bill decides all of them, and the books agree with it to the cent.
    let report = ledger::report(&pipeline, Vendor::Melissa);
    let resolved: i64 = pipeline.db.one_with(
        "SELECT count(*) FROM import_vendor_bill('melissa', $1) WHERE outcome = 'charged'",
        &[&report],
    )?;
    ensure(resolved == 5, format!("{resolved} purchases were resolved"))?;
    pipeline.finish()?;
    ledger::check_open_ends(&mut pipeline.db)?;
    ledger::check_budgets(&mut pipeline.db)?;
    ledger::check_bill(&mut pipeline)
}

#[test]
fn who_shares_a_phone_is_served_from_what_was_bought_again() -> Outcome {
    let (seed, _) = seed::choose("shared_rebuy", 33);
    let mut pipeline = Pipeline::start(Plan::new(seed, 20))?;
    pipeline.open_vendors(&[Vendor::HlrLookup])?;
    pipeline.db.run(
        "UPDATE vendors SET doubt_policy = 'rebuy', rebuy_spend_cap = 1 WHERE name = 'hlr_lookup'",
    )?;
    let leads: Vec<String> = pipeline.db.column(
        "INSERT INTO leads (addr_hash, address_line1, property_zip, mak, apn, owner_occupied, age, property_value, estimated_equity, phones)
         SELECT 'phone ' || n, n || ' Main St', '90028', 'mak ' || n, 'apn ' || n, true, 70, 500000, 100000,
                ARRAY['{\"phone\": \"+13235550123\", \"type\": \"mobile\", \"source\": \"manual\"}'::jsonb]
         FROM generate_series(1, 3) n RETURNING id::text",
    )?;
    pipeline.fault(Rule {
        times: Some(1),
        ..Rule::new(Vendor::HlrLookup, Kind::ResetBeforeBill)
    });
    let resolve = "SELECT resolve_call(id, 'not_charged', 'looked up') FROM vendor_calls WHERE state = 'in_doubt'";
    // The second asks while the first purchase is in doubt, the third after it was resolved.
    for (lead, after) in leads.iter().zip(["SELECT", resolve, "SELECT"]) {
        pipeline.enrich(std::slice::from_ref(lead))?;
        pipeline.wait_for_work(is_idle)?;
        pipeline
            .db
            .run(&format!("SELECT resume_vendor('hlr_lookup'); {after}"))?;
    }
    let states: String = pipeline.db.one(
        "SELECT string_agg(concat_ws(' ', generation, state, reuses_call_id IS NOT NULL), ',' ORDER BY id) FROM vendor_calls WHERE vendor = 'hlr_lookup'",
    )?;
    ensure(
        states == "1 resolved f,2 applied f,2 applied t,2 applied t"
            && pipeline.requests(Vendor::HlrLookup) == 2,
        format!("the ledger has {states}"),
    )?;
    ledger::check(&mut pipeline)
}

#[test]
fn the_vendors_bill_decides_what_is_in_doubt() -> Outcome {
    let (seed, _) = seed::choose("vendor_bill", 31);
    let mut pipeline = Pipeline::start(Plan::new(seed, 60))?;
    pipeline
        .db
        .run("UPDATE vendors SET batch_size = 1, timeout = '1 s' WHERE name = 'melissa'")?;
    // Every third call is cut: of those, every second one before it is billed.
    for (kind, every) in [(Kind::ResetBeforeBill, 3), (Kind::ResetAfterBill, 5)] {
        pipeline.fault(Rule {
            every: Some(every),
            times: Some(3),
            ..Rule::new(Vendor::Melissa, kind)
        });
    }
    let leads = pipeline.store_doors(0, 24)?;
    pipeline.enrich(&leads)?;
    pipeline.wait_for_work(is_idle)?;
    let doubts: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vendor_calls WHERE state = 'in_doubt' AND error IS NOT NULL")?;
    ensure(doubts == 6, format!("{doubts} purchases are in doubt"))?;
    let before = pipeline.requests(Vendor::Melissa);
    let report = ledger::report(&pipeline, Vendor::Melissa);
    let import = "SELECT COALESCE(string_agg(outcome || ' ' || n, ',' ORDER BY outcome), '') FROM (
                      SELECT outcome, count(*) AS n
                      FROM import_vendor_bill('melissa', $1, now() - interval '1 hour', now() + interval '1 hour') GROUP BY outcome) s";
    // The last call must be over by the vendor's own time limit.
    pipeline.db.run("SELECT pg_sleep(1.1)")?;
    let found: String = pipeline.db.one_with(import, &[&report])?;
    ensure(
        found == "charged 3,not_charged 3",
        format!("it found {found}"),
    )?;
    pipeline.finish()?;
    ensure(
        pipeline.requests(Vendor::Melissa) == before + 3,
        "what was not charged is bought, and nothing else",
    )?;
    let report = ledger::report(&pipeline, Vendor::Melissa);
    let again: String = pipeline.db.one_with(import, &[&report])?;
    ensure(again.is_empty(), format!("then it found {again}"))?;
    ledger::check(&mut pipeline)
}

#[test]
fn a_database_that_commits_asynchronously_forgets_no_purchase() -> Outcome {
    let (seed, _) = seed::choose("asynchronous", 32);
    let plan = Plan::new(seed, 30)
        .setting("synchronous_commit", "off")
        .setting("wal_writer_delay", "10s");
    let mut pipeline = Pipeline::start(plan)?;
    pipeline
        .db
        .run("ALTER DATABASE leads SET synchronous_commit = off; CHECKPOINT")?;
    for door in 0..3 {
        let leads = pipeline.store_doors(door, 1)?;
        pipeline.fault(Rule {
            ms: Some(400),
            times: Some(1),
            ..Rule::new(Vendor::Melissa, Kind::DelayAfterBill)
        });
        let before = ledger::billed(&pipeline, Vendor::Melissa);
        pipeline.enrich(&leads)?;
        equity_system_tests::wait::until_true(
            "the call is billed",
            std::time::Duration::from_secs(20),
            || Ok(ledger::billed(&pipeline, Vendor::Melissa) > before),
        )?;
        pipeline.cluster.stop(Stop::Immediate)?;
        pipeline.cluster.launch()?;
        pipeline.reconnect()?;
        let known: i64 = pipeline
            .db
            .one("SELECT count(*) FROM vendor_calls WHERE vendor = 'melissa' AND state IN ('sending', 'in_doubt', 'resolved')")?;
        ensure(
            known == door as i64 + 1,
            format!("{known} of {} purchases are in the ledger", door + 1),
        )?;
        ledger::resolve_doubts(&mut pipeline)?;
        pipeline.finish()?;
        ledger::resolve_doubts(&mut pipeline)?;
        pipeline.finish()?;
    }
    ledger::check(&mut pipeline)
}
