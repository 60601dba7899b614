//! What the views and the preview say, recomputed from the ledger row by row.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use equity_simulator::faults::{Kind, Rule};
use equity_simulator::vendor::Vendor;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, ensure, ledger, seed};

#[derive(Default)]
struct Tally {
    calls: i64,
    hits: i64,
    checks: i64,
    verified: i64,
    cost: i64,
    in_doubt: i64,
    ever_in_doubt: i64,
    reached: BTreeSet<String>,
    latencies: Vec<i32>,
}

#[test]
fn vendor_performance_is_what_the_ledger_adds_up_to() -> Outcome {
    let (seed, _) = seed::choose("performance", 80);
    let mut pipeline = Pipeline::start(Plan::new(seed, 120).latency(Duration::from_millis(5)))?;
    pipeline.db.run(
        "UPDATE vendors SET batch_size = 10 WHERE name IN ('melissa', 'batchdata_skip_trace')",
    )?;
    pipeline.fault(Rule {
        nth: Some(3),
        ..Rule::new(Vendor::BatchdataSkipTrace, Kind::ResetAfterBill)
    });
    pipeline.fault(Rule {
        nth: Some(5),
        ..Rule::new(Vendor::SignalwireLookup, Kind::ResetBeforeBill)
    });
    pipeline.request_pull()?;
    pipeline.finish()?;
    // One kind of doubt is settled, the other stays.
    pipeline.db.run("SELECT resolve_call(id, 'charged', 'test') FROM vendor_calls WHERE state = 'in_doubt' AND vendor = 'batchdata_skip_trace'")?;
    pipeline.finish()?;
    let mut tallies: BTreeMap<(String, String), Tally> = BTreeMap::new();
    for row in pipeline.db.rows(
        "SELECT c.vendor, c.day::text, c.state, COALESCE(c.matched, false), c.verified, COALESCE(c.settled_amount * 1000000, 0)::bigint,
                c.lead_id::text, COALESCE(l.status = 'contactable', false), c.latency_ms, c.id = c.request_id, c.reuses_call_id IS NULL
         FROM vendor_calls c LEFT JOIN leads l ON l.id = c.lead_id",
    )? {
        if !row.try_get::<_, bool>(10)? {
            continue;
        }
        let state: String = row.try_get(2)?;
        let tally = tallies.entry((row.try_get(0)?, row.try_get(1)?)).or_default();
        let is_answered = ["answered", "applied"].contains(&state.as_str());
        let is_doubted = ["in_doubt", "resolved"].contains(&state.as_str());
        tally.calls += i64::from(is_answered);
        tally.hits += i64::from(is_answered && row.try_get::<_, bool>(3)?);
        if let Some(verified) = row.try_get::<_, Option<bool>>(4)? {
            tally.checks += 1;
            tally.verified += i64::from(verified);
        }
        tally.cost += row.try_get::<_, i64>(5)?;
        tally.in_doubt += i64::from(state == "in_doubt");
        tally.ever_in_doubt += i64::from(is_doubted);
        if let (Some(lead), true) = (row.try_get::<_, Option<String>>(6)?, row.try_get::<_, bool>(7)?) {
            tally.reached.insert(lead);
        }
        if let (Some(latency), Some(true)) = (row.try_get::<_, Option<i32>>(8)?, row.try_get::<_, Option<bool>>(9)?) {
            tally.latencies.push(latency);
        }
    }
    let shown = pipeline.db.rows(
        "SELECT vendor, day::text, calls, hits, (hit_rate * 10000)::bigint, (verified_rate * 10000)::bigint, (cost * 1000000)::bigint,
                (cost_per_contactable_lead * 10000)::bigint, in_doubt, median_latency_ms, p95_latency_ms, (doubt_rate * 10000)::bigint
         FROM vw_vendor_performance",
    )?;
    ensure(
        shown.len() == tallies.len() && shown.len() == 5,
        format!("{} rows for {}", shown.len(), tallies.len()),
    )?;
    for row in shown {
        let key = (row.try_get::<_, String>(0)?, row.try_get::<_, String>(1)?);
        let tally = tallies.get_mut(&key).ok_or("a row for nothing")?;
        tally.latencies.sort_unstable();
        let at = |share: f64| {
            let place = (share * tally.latencies.len() as f64).ceil() as usize;
            tally.latencies.get(place.max(1) - 1).copied()
        };
        let reached = i64::try_from(tally.reached.len())?;
        let expected = (
            (tally.calls, tally.hits, tally.cost, tally.in_doubt),
            (
                rate(tally.hits, tally.calls),
                rate(tally.verified, tally.checks),
                rate(tally.ever_in_doubt, tally.calls + tally.ever_in_doubt),
            ),
            // Micro-dollars to ten-thousandths.
            rate(tally.cost, reached * 1_000_000),
            (at(0.5), at(0.95)),
        );
        let told = (
            (
                row.try_get(2)?,
                row.try_get(3)?,
                row.try_get(6)?,
                row.try_get(8)?,
            ),
            (row.try_get(4)?, row.try_get(5)?, row.try_get(11)?),
            row.try_get(7)?,
            (row.try_get(9)?, row.try_get(10)?),
        );
        ensure(
            told == expected,
            format!("{key:?}: the view says {told:?}, the ledger {expected:?}"),
        )?;
    }
    Ok(())
}

/// Ten-thousandths, rounded as SQL rounds numerics.
fn rate(part: i64, whole: i64) -> Option<i64> {
    (whole != 0).then(|| (part * 10_000 * 2 + whole) / (whole * 2))
}

/// Vendor, leads, most calls, most micro-dollars, expected calls in hundredths, expected micro-dollars.
type Line = (String, i64, i64, i64, Option<i64>, Option<i64>);

fn preview(pipeline: &mut Pipeline, which: &str) -> Outcome<Vec<Line>> {
    let rows = pipeline.db.rows(&format!(
        "SELECT vendor, leads, maximum_calls, (maximum_cost * 1000000)::bigint, (expected_calls * 100)::bigint, (expected_cost * 1000000)::bigint
         FROM preview_enrichment(ARRAY(SELECT id FROM leads WHERE {which})) ORDER BY vendor"
    ))?;
    rows.iter()
        .map(|row| {
            Ok((
                row.try_get(0)?,
                row.try_get(1)?,
                row.try_get(2)?,
                row.try_get(3)?,
                row.try_get(4)?,
                row.try_get(5)?,
            ))
        })
        .collect()
}

#[test]
fn a_preview_promises_a_maximum_that_is_kept_and_sends_nothing() -> Outcome {
    let (seed, _) = seed::choose("preview", 81);
    let mut pipeline = Pipeline::start(Plan::new(seed, 150))?;
    pipeline.db.run("SELECT disarm_spending()")?;
    pipeline.enrich_doors(100)?;
    let before = pipeline.db.one::<String>(
        "SELECT count(*) || '/' || (SELECT count(*) FROM spend_budgets) FROM vendor_calls",
    )?;
    let told = preview(&mut pipeline, "true")?;
    let after = pipeline.db.one::<String>(
        "SELECT count(*) || '/' || (SELECT count(*) FROM spend_budgets) FROM vendor_calls",
    )?;
    ensure(
        before == "0/0" && after == before,
        format!("the ledger holds {after} after a preview"),
    )?;
    let melissa = told
        .iter()
        .find(|line| line.0 == "melissa")
        .ok_or("no line for Melissa")?;
    ensure(
        *melissa == ("melissa".into(), 100, 100, 5_000_000, None, None),
        format!("100 new leads cost at most: {melissa:?}"),
    )?;
    pipeline.arm()?;
    pipeline.finish()?;
    for (vendor, _, calls, cost, ..) in &told {
        let vendor = Vendor::named(vendor).ok_or("an unknown vendor")?;
        let spent = i64::try_from(ledger::spent(&mut pipeline.db, vendor)?)?;
        let bought: i64 = pipeline.db.one_with(
            "SELECT count(*) FROM vendor_calls WHERE vendor = $1 AND state = 'applied'",
            &[&vendor.name()],
        )?;
        ensure(
            bought > 0 && bought <= *calls && spent <= *cost,
            format!(
                "{}: {bought} calls for {spent}, at most {calls} for {cost} were promised",
                vendor.name()
            ),
        )?;
    }
    // Who needs nothing, or may have nothing, costs nothing.
    let reached = preview(
        &mut pipeline,
        "status = 'contactable' OR suppressed_at IS NOT NULL",
    )?;
    ensure(
        reached.is_empty(),
        format!("contactable and suppressed leads would cost {reached:?}"),
    )?;
    let unknown = pipeline
        .db
        .sqlstate("SELECT * FROM preview_enrichment(ARRAY[gen_random_uuid()])")?;
    ensure(
        unknown == "P0002",
        format!("an unknown lead is an {unknown}"),
    )
}

#[test]
fn a_preview_counts_what_is_there_exactly_and_expects_what_the_ledger_shows() -> Outcome {
    let (seed, _) = seed::choose("preview_exact", 82);
    let mut pipeline = Pipeline::start(Plan::new(seed, 1))?;
    pipeline.open_vendors(&[Vendor::InstantlyVerify, Vendor::SignalwireLookup])?;
    // Two e-mails and a phone; only an e-mail can bring it to 60.
    pipeline.db.run(
        "INSERT INTO leads (addr_hash, address_line1, property_zip, mak, apn, owner_occupied, emails, phones)
         VALUES ('one', '1 Main St', '90028', 'm', 'a', true,
                 ARRAY[jsonb_build_object('email', 'a@example.com'), jsonb_build_object('email', 'b@example.com')],
                 ARRAY[jsonb_build_object('phone', '+12135550123', 'type', 'mobile'), jsonb_build_object('phone', '+12135550124', 'type', 'landline')])",
    )?;
    let told = preview(&mut pipeline, "true")?;
    let exact = [
        ("instantly_verify".to_owned(), 1, 2, 20_000, None, None),
        ("signalwire_lookup".to_owned(), 1, 1, 10_000, None, None),
    ];
    ensure(told == exact, format!("the preview says {told:?}"))?;
    // History: every second e-mail passes, every fourth phone does.
    pipeline.db.run(
        "INSERT INTO vendor_calls (vendor, stage, lead_id, purchase_key, subject, state, epoch, day, reserved_amount, settled_amount, units,
                                   matched, verified, new_emails, new_phones, answered_at, applied_at)
         SELECT v, 'verify', gen_random_uuid(), v || n, '{}', 'applied', 0, current_date, 0.01, 0.01, 1, true, true,
                CASE WHEN v = 'instantly_verify' THEN n % 2 ELSE 0 END, CASE WHEN v = 'signalwire_lookup' AND n % 4 = 0 THEN 1 ELSE 0 END, now(), now()
         FROM generate_series(1, 400) n, unnest(ARRAY['instantly_verify', 'signalwire_lookup']) v",
    )?;
    pipeline.reconnect()?;
    let told = preview(&mut pipeline, "true")?;
    // An e-mail first, and the second one when it fails; the phone (for a second look) when both fail.
    let expected = [
        (
            "instantly_verify".to_owned(),
            1,
            2,
            20_000,
            Some(150),
            Some(15_000),
        ),
        (
            "signalwire_lookup".to_owned(),
            1,
            1,
            10_000,
            Some(25),
            Some(2_500),
        ),
    ];
    ensure(
        told == expected,
        format!("with history the preview says {told:?}"),
    )
}

#[test]
fn the_workers_writes_are_counted_and_autovacuum_comes() -> Outcome {
    let (seed, _) = seed::choose("autovacuum", 83);
    let plan = Plan::new(seed, 200)
        .setting("autovacuum_naptime", "1s")
        .setting("autovacuum_vacuum_threshold", "20");
    let mut pipeline = Pipeline::start(plan)?;
    pipeline.request_pull()?;
    pipeline.finish()?;
    // The worker reports its writes once a second at most, the last ones 10 s later. Dead rows of the few budgets are cleared
    // away by whoever reads them next: too few may be left for autovacuum to come.
    for table in ["vendor_calls", "jobs", "leads", "spend_budgets"] {
        until_true(
            &format!("autovacuum comes to {table}"),
            Duration::from_secs(60),
            || {
                pipeline.db.one_with(
                "SELECT n_tup_upd > 20 AND (autovacuum_count > 0 OR relname = 'spend_budgets' AND n_dead_tup <= 20) AND n_dead_tup < n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE relname = $1",
                &[&table],
            )
            },
        )?;
    }
    Ok(())
}
