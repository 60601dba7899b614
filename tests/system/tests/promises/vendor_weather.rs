//! Vendors that throttle, fail, refuse, run dry, or take their time.

use std::time::{Duration, Instant};

use equity_simulator::faults::{Kind, Rule, Shape};
use equity_simulator::vendor::Vendor;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, ensure, ledger, seed, truth};

#[test]
fn a_vendor_that_throttles_is_left_alone_and_the_others_go_on() -> Outcome {
    let (seed, _) = seed::choose("throttle", 40);
    let mut pipeline = Pipeline::start(Plan::new(seed, 120))?;
    pipeline
        .db
        .run("UPDATE vendors SET batch_size = 20, max_in_flight = 1 WHERE name = 'melissa'")?;
    pipeline.fault(Rule {
        status: Some(429),
        retry_after: Some("4".into()),
        nth: Some(2),
        ..Rule::new(Vendor::Melissa, Kind::Status)
    });
    pipeline.request_pull()?;
    pipeline.wait_for_work(|db| {
        db.one("SELECT paused_until > now() FROM vendors WHERE name = 'melissa'")
            .map(|paused: Option<bool>| paused == Some(true))
    })?;
    let paused = Instant::now();
    let (asked, verified) = (
        pipeline.requests(Vendor::Melissa),
        pipeline.requests(Vendor::InstantlyVerify),
    );
    while paused.elapsed() < Duration::from_secs(3) {
        ensure(
            pipeline.requests(Vendor::Melissa) == asked,
            "the vendor was called before its Retry-After was over",
        )?;
        std::thread::sleep(Duration::from_millis(50));
    }
    ensure(
        pipeline.requests(Vendor::InstantlyVerify) > verified,
        "another vendor stood still",
    )?;
    pipeline.finish()?;
    // A throttled request is not a failed attempt, and costs nothing.
    let failed: i64 = pipeline
        .db
        .one("SELECT count(*) FROM dlq WHERE kind <> 'record'")?;
    ensure(failed == 0, format!("{failed} steps count as failed"))?;
    truth::check_reached(&mut pipeline)?;
    ledger::check(&mut pipeline)
}

#[test]
fn a_purchase_without_an_answer_is_in_doubt_and_never_sent_again() -> Outcome {
    let (seed, _) = seed::choose("doubt", 41);
    let mut pipeline = Pipeline::start(Plan::new(seed, 150))?;
    pipeline.db.run(
        "UPDATE vendors SET batch_size = 10 WHERE name IN ('melissa', 'batchdata_skip_trace')",
    )?;
    // Before and after billing, cut off or refused by a gateway: from outside all look alike.
    for (nth, kind, status) in [
        (2, Kind::ResetBeforeBill, None),
        (4, Kind::ResetAfterBill, None),
        (6, Kind::StatusAfterBill, Some(500)),
        (8, Kind::Status, Some(502)),
        (9, Kind::TruncateAfterBill, None),
        (10, Kind::CutJsonAfterBill, None),
    ] {
        let rule = Rule {
            nth: Some(nth),
            status,
            body: if status == Some(502) {
                Shape::Html
            } else {
                Shape::Vendor
            },
            ..Rule::new(Vendor::Melissa, kind)
        };
        pipeline.fault(rule.clone());
        pipeline.fault(Rule {
            vendor: Some(Vendor::BatchdataSkipTrace),
            nth: Some(nth / 2),
            ..rule.clone()
        });
        pipeline.fault(Rule {
            vendor: Some(Vendor::SignalwireLookup),
            ..rule
        });
    }
    pipeline.request_pull()?;
    pipeline.finish()?;
    let held: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vendor_calls WHERE state = 'in_doubt'")?;
    let parked: i64 = pipeline
        .db
        .one("SELECT count(*) FROM dlq WHERE kind = 'doubt' AND retry_after IS NULL")?;
    ensure(
        held > 60 && held == parked,
        format!("{held} purchases are in doubt, {parked} are parked"),
    )?;
    ledger::check_billed_once(&pipeline)?;
    ledger::check_budgets(&mut pipeline.db)?;
    // Their money stays reserved: no cap can be passed by doubt.
    let reserved: bool = pipeline.db.one("SELECT reserved_amount = (SELECT sum(reserved_amount) FROM vendor_calls WHERE state = 'in_doubt') FROM spend_budgets WHERE scope = 'total'")?;
    ensure(reserved, "the money of purchases in doubt is not reserved")?;
    resolve_and_finish(&mut pipeline)?;
    truth::check_doors(&mut pipeline)?;
    truth::check_scores(&mut pipeline.db)?;
    ledger::check(&mut pipeline)
}

fn resolve_and_finish(pipeline: &mut Pipeline) -> Outcome {
    while ledger::resolve_doubts(pipeline)? > 0 {
        pipeline.finish()?;
    }
    Ok(())
}

#[test]
fn a_page_without_an_answer_is_asked_for_again_under_its_key_and_billed_once() -> Outcome {
    let (seed, _) = seed::choose("replay", 42);
    let mut pipeline = Pipeline::start(Plan::new(seed, 300))?;
    pipeline.open_vendors(&[Vendor::BatchdataSearch])?;
    for (nth, kind) in [
        (1, Kind::ResetAfterBill),
        (3, Kind::ResetBeforeBill),
        (5, Kind::TruncateAfterBill),
    ] {
        pipeline.fault(Rule {
            nth: Some(nth),
            ..Rule::new(Vendor::BatchdataSearch, kind)
        });
    }
    pipeline.request_pull()?;
    pipeline.wait_for_runs()?;
    truth::check_doors(&mut pipeline)?;
    let replayed: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vendor_calls WHERE resolution = 'replayed'")?;
    ensure(
        replayed == 3,
        format!("{replayed} pages were asked for again"),
    )?;
    ledger::check(&mut pipeline)
}

#[test]
fn a_refused_key_or_an_empty_account_pauses_the_vendor_until_it_is_resumed() -> Outcome {
    let (seed, _) = seed::choose("blocked", 43);
    for (vendor, status) in [
        (Vendor::BatchdataSkipTrace, 401),
        (Vendor::InstantlyVerify, 402),
        (Vendor::SignalwireLookup, 403),
    ] {
        let mut pipeline = Pipeline::start(Plan::new(seed, 60))?;
        pipeline.fault(Rule {
            status: Some(status),
            ..Rule::new(vendor, Kind::Status)
        });
        pipeline.request_pull()?;
        pipeline.wait_for_work(|db| db.one_with::<bool>("SELECT paused_until = 'infinity' FROM vendors WHERE name = $1 AND paused_until IS NOT NULL UNION ALL SELECT false LIMIT 1", &[&vendor.name()]))?;
        let told: Option<String> = pipeline.db.one("SELECT problem FROM worker_status()")?;
        ensure(
            told.as_ref().is_some_and(|told| {
                told.contains(vendor.name()) && told.contains(&status.to_string())
            }),
            format!("{}: worker_status() says {told:?}", vendor.name()),
        )?;
        std::thread::sleep(Duration::from_secs(1));
        let asked = pipeline.requests(vendor);
        std::thread::sleep(Duration::from_secs(1));
        ensure(
            pipeline.requests(vendor) == asked,
            format!("{} was called while it was paused", vendor.name()),
        )?;
        pipeline
            .simulator()
            .with_faults(equity_simulator::faults::Faults::clear);
        pipeline
            .db
            .one_with::<Option<String>>("SELECT resume_vendor($1)::text", &[&vendor.name()])?;
        pipeline.finish()?;
        truth::check_reached(&mut pipeline)?;
        ledger::check(&mut pipeline)?;
    }
    Ok(())
}

#[test]
fn an_empty_melissa_account_pauses_it_although_it_answers_200() -> Outcome {
    let (seed, _) = seed::choose("out_of_credit", 44);
    let mut pipeline = Pipeline::start(Plan::new(seed, 40))?;
    pipeline
        .simulator()
        .with_office(|office| office.empty_accounts.insert(Vendor::Melissa));
    pipeline.request_pull()?;
    until_true("Melissa is paused", Duration::from_secs(30), || {
        pipeline.db.one("SELECT count(*) = 1 FROM vendors WHERE name = 'melissa' AND paused_until = 'infinity' AND paused_reason <> ''")
    })?;
    ensure(
        ledger::billed(&pipeline, Vendor::Melissa) == 0,
        "Melissa was billed",
    )?;
    pipeline
        .simulator()
        .with_office(|office| office.empty_accounts.remove(&Vendor::Melissa));
    pipeline.db.run("SELECT resume_vendor('melissa')")?;
    pipeline.finish()?;
    ledger::check(&mut pipeline)
}

#[test]
fn pending_verifications_are_asked_for_and_never_started_again() -> Outcome {
    let (seed, _) = seed::choose("pending", 45);
    let mut pipeline = Pipeline::start(Plan::new(seed, 150))?;
    pipeline.request_pull()?;
    pipeline.finish()?;
    let polled: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vendor_calls WHERE vendor = 'instantly_verify' AND polls > 0")?;
    let unsettled: i64 = pipeline.db.one("SELECT count(*) FROM vendor_calls WHERE vendor = 'instantly_verify' AND answer ->> 'verification_status' = 'pending'")?;
    ensure(
        polled > 5 && unsettled == 0,
        format!("{polled} were pending at first, {unsettled} still are"),
    )?;
    let twice = pipeline.simulator().with_office(|office| {
        office
            .bill
            .items(Vendor::InstantlyVerify)
            .values()
            .filter(|item| item.times > 1)
            .count()
    });
    ensure(twice == 0, format!("{twice} addresses were verified twice"))?;
    truth::check_reached(&mut pipeline)?;
    ledger::check(&mut pipeline)
}

#[test]
fn limits_of_the_vendors_are_kept() -> Outcome {
    let (seed, _) = seed::choose("limits", 46);
    let mut pipeline = Pipeline::start(Plan::new(seed, 60).latency(Duration::from_millis(100)))?;
    pipeline.db.run("UPDATE vendors SET max_in_flight = 3, requests_per_second = 20 WHERE name = 'instantly_verify'")?;
    let started = Instant::now();
    pipeline.request_pull()?;
    pipeline.finish()?;
    let stats = pipeline
        .simulator()
        .with_stats(|stats| stats.of(Vendor::InstantlyVerify));
    // Calls that ended are not in flight any more, so that is exact; the rate has a burst of one second.
    ensure(
        stats.max_in_flight <= 3,
        format!("{} requests were in flight", stats.max_in_flight),
    )?;
    let allowed = 20.0 * (started.elapsed().as_secs_f64() + 1.0);
    ensure(
        (stats.requests as f64) < allowed,
        format!("{} requests where {allowed:.0} are allowed", stats.requests),
    )
}
