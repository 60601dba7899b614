//! A vendor in trouble is left alone and probed by single requests; the others go on at full speed.

use std::time::{Duration, Instant};

use equity_simulator::faults::{Faults, Kind, Rule};
use equity_simulator::vendor::Vendor;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, ensure, ledger, seed};

/// Leads with a mobile phone each and nothing else, which SignalWire alone can help.
pub fn with_phones(pipeline: &mut Pipeline, count: u32) -> Outcome {
    pipeline.db.run(&format!(
        "INSERT INTO leads (addr_hash, address_line1, property_zip, mak, apn, owner_occupied, age, property_value, estimated_equity, phones)
         SELECT 'phone ' || n, n || ' Main St', '90028', 'mak ' || n, 'apn ' || n, true, 70, 500000, 100000,
                ARRAY[jsonb_build_object('phone', '+1213' || 2000000 + n, 'type', 'mobile', 'source', 'manual')]
         FROM generate_series(1, {count}) n;
         SELECT request_enrichment(id) FROM leads WHERE addr_hash LIKE 'phone %'"
    ))
}

/// Leads with an e-mail each and nothing else, which Instantly alone can help.
fn with_emails(pipeline: &mut Pipeline, count: u32) -> Outcome {
    pipeline.db.run(&format!(
        "INSERT INTO leads (addr_hash, address_line1, property_zip, mak, apn, owner_occupied, age, property_value, estimated_equity, emails)
         SELECT 'email ' || n, n || ' Main St', '90038', 'mak e' || n, 'apn e' || n, true, 70, 500000, 100000,
                ARRAY[jsonb_build_object('email', 'owner' || n || '@mail.example.com', 'source', 'manual')]
         FROM generate_series(1, {count}) n;
         SELECT request_enrichment(id) FROM leads WHERE addr_hash LIKE 'email %'"
    ))
}

pub fn two_verifiers(name: &str, usual: u64) -> Outcome<Pipeline> {
    let (seed, _) = seed::choose(name, usual);
    let mut pipeline = Pipeline::start(Plan::new(seed, 1))?;
    pipeline.open_vendors(&[Vendor::SignalwireLookup, Vendor::InstantlyVerify])?;
    pipeline
        .db
        .run("UPDATE vendors SET max_in_flight = 8 WHERE name = 'signalwire_lookup'")?;
    Ok(pipeline)
}

fn has_email_jobs(pipeline: &mut Pipeline) -> Outcome<bool> {
    pipeline.db.one("SELECT EXISTS (SELECT FROM jobs j JOIN leads l ON l.id = j.lead_id WHERE l.addr_hash LIKE 'email %')")
}

#[test]
fn a_vendor_that_hangs_holds_up_nobody_else() -> Outcome {
    let mut pipeline = two_verifiers("hangs", 70)?;
    pipeline
        .simulator()
        .set_latency(Vendor::SignalwireLookup, Duration::from_secs(600));
    with_phones(&mut pipeline, 100)?;
    until_true(
        "every slot of the slow vendor is taken",
        Duration::from_secs(30),
        || Ok(pipeline.under_way(Vendor::SignalwireLookup) == 8),
    )?;
    with_emails(&mut pipeline, 300)?;
    until_true("the others are done", Duration::from_secs(60), || {
        Ok(!has_email_jobs(&mut pipeline)?)
    })?;
    // Not one answer of the slow vendor has come: nobody waited for it.
    let (asked, under_way) = (
        pipeline.requests(Vendor::SignalwireLookup),
        pipeline.under_way(Vendor::SignalwireLookup),
    );
    ensure(
        asked == 8 && under_way == 8 && pipeline.requests(Vendor::InstantlyVerify) >= 300,
        format!("{asked} requests, {under_way} under way, to the slow vendor"),
    )
}

#[test]
fn failures_in_a_row_open_the_circuit_and_one_probe_at_a_time_closes_it() -> Outcome {
    let mut pipeline = two_verifiers("circuit", 71)?;
    pipeline.fault(Rule {
        status: Some(500),
        ..Rule::new(Vendor::SignalwireLookup, Kind::Status)
    });
    with_phones(&mut pipeline, 200)?;
    until_true("the circuit is open", Duration::from_secs(30), || {
        pipeline.db.one("SELECT pauses > 0 AND paused_reason IS NOT NULL FROM vendors WHERE name = 'signalwire_lookup'")
    })?;
    // All that was in flight may fail, and then single probes with growing pauses.
    let opened = Instant::now();
    with_emails(&mut pipeline, 200)?;
    until_true("the others are done", Duration::from_secs(60), || {
        Ok(!has_email_jobs(&mut pipeline)?)
    })?;
    std::thread::sleep(Duration::from_secs(3).saturating_sub(opened.elapsed()));
    let asked = pipeline.requests(Vendor::SignalwireLookup);
    let probes: i32 = pipeline
        .db
        .one("SELECT pauses FROM vendors WHERE name = 'signalwire_lookup'")?;
    ensure(
        asked <= 8 + 3 + u64::from(probes.unsigned_abs()) + 1,
        format!("{asked} requests to a dead vendor, after {probes} pauses"),
    )?;
    pipeline.simulator().with_faults(Faults::clear);
    // The pause that is in force may be a long one.
    pipeline
        .db
        .run("UPDATE vendors SET paused_until = now() WHERE name = 'signalwire_lookup'")?;
    pipeline.wait_for_work(|db| db.one("SELECT count(*) = 0 FROM jobs"))?;
    let closed: bool = pipeline.db.one(
        "SELECT pauses = 0 AND paused_until IS NULL FROM vendors WHERE name = 'signalwire_lookup'",
    )?;
    ensure(closed, "the circuit is not closed after an answer")?;
    while ledger::resolve_doubts(&mut pipeline)? > 0 {
        pipeline.finish()?;
    }
    ledger::check(&mut pipeline)
}

#[test]
fn one_failure_among_many_answers_pauses_nobody() -> Outcome {
    let mut pipeline = two_verifiers("single_failures", 72)?;
    pipeline.fault(Rule {
        every: Some(7),
        ..Rule::new(Vendor::SignalwireLookup, Kind::ResetBeforeBill)
    });
    pipeline
        .db
        .run("UPDATE vendors SET max_in_flight = 1 WHERE name = 'signalwire_lookup'")?;
    with_phones(&mut pipeline, 60)?;
    pipeline.finish()?;
    let (pauses, doubts): (i32, i64) = {
        let row = pipeline.db.rows("SELECT pauses, (SELECT count(*) FROM vendor_calls WHERE state = 'in_doubt') FROM vendors WHERE name = 'signalwire_lookup'")?;
        (row[0].try_get(0)?, row[0].try_get(1)?)
    };
    ensure(
        pauses == 0 && doubts == 60 / 7,
        format!("{pauses} pauses, {doubts} purchases in doubt"),
    )
}
