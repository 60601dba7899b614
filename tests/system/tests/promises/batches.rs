//! Answers to many items at once: what is not understood is parked alone, and what was paid for is kept.

use equity_simulator::faults::{Kind, Rule};
use equity_simulator::vendor::Vendor;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, ensure, ledger, seed};

#[test]
fn an_item_that_the_answer_forgets_is_in_doubt_alone() -> Outcome {
    let (seed, _) = seed::choose("forgotten_item", 90);
    let mut pipeline = Pipeline::start(Plan::new(seed, 60))?;
    pipeline.db.run(
        "UPDATE vendors SET batch_size = 20 WHERE name IN ('melissa', 'batchdata_skip_trace')",
    )?;
    for vendor in [Vendor::Melissa, Vendor::BatchdataSkipTrace] {
        pipeline.fault(Rule {
            nth: Some(1),
            ..Rule::new(vendor, Kind::ForgetItemAfterBill)
        });
    }
    pipeline.enrich_doors(50)?;
    pipeline.finish()?;
    // A miss that the skip trace answers with null cannot be told from what it forgot.
    for (vendor, most) in [("melissa", 1_i64), ("batchdata_skip_trace", 4)] {
        let (doubts, parked, siblings): (i64, i64, i64) = {
            let rows = pipeline.db.rows(&format!(
                "SELECT count(*) FILTER (WHERE state = 'in_doubt'),
                        (SELECT count(*) FROM dlq d JOIN vendor_calls p ON p.id = d.call_id WHERE p.vendor = '{vendor}'),
                        count(*) FILTER (WHERE state = 'applied' AND request_id IN (SELECT request_id FROM vendor_calls WHERE state = 'in_doubt' AND vendor = '{vendor}'))
                 FROM vendor_calls WHERE vendor = '{vendor}'"
            ))?;
            (
                rows[0].try_get(0)?,
                rows[0].try_get(1)?,
                rows[0].try_get(2)?,
            )
        };
        ensure(
            (1..=most).contains(&doubts) && parked == doubts && siblings > 3,
            format!(
                "{vendor}: {doubts} in doubt, {parked} parked, {siblings} others of their requests applied"
            ),
        )?;
    }
    while ledger::resolve_doubts(&mut pipeline)? > 0 {
        pipeline.finish()?;
    }
    ledger::check(&mut pipeline)
}

#[test]
fn an_answer_that_never_fits_is_parked_with_what_was_paid_for_and_read_again_without_a_call()
-> Outcome {
    let (seed, _) = seed::choose("poison", 91);
    let mut pipeline =
        Pipeline::start(Plan::new(seed, 30).setting("equity_connect.max_attempts", "2"))?;
    pipeline.open_vendors(&[
        Vendor::Melissa,
        Vendor::InstantlyVerify,
        Vendor::SignalwireLookup,
    ])?;
    pipeline
        .db
        .run("ALTER TABLE leads ADD CONSTRAINT no_mak CHECK (mak IS NULL)")?;
    pipeline.enrich_doors(10)?;
    // The clock is put forward instead of waiting.
    pipeline.wait_for_work(|db| {
        db.run("UPDATE dlq SET retry_after = now() WHERE retry_after > now(); UPDATE vendors SET enabled = enabled")?;
        db.one("SELECT count(*) > 3 AND bool_and(retry_after IS NULL) FROM dlq WHERE kind = 'answer'")
    })?;
    let asked = pipeline.requests(Vendor::Melissa);
    let kept: bool = pipeline.db.one(
        "SELECT bool_and(c.state = 'answered' AND c.answer IS NOT NULL AND c.settled_amount > 0 AND d.attempts = 2)
         FROM dlq d JOIN vendor_calls c ON c.id = d.call_id WHERE d.kind = 'answer'",
    )?;
    ensure(
        kept,
        "a parked answer is not kept, or was tried another number of times",
    )?;
    pipeline.db.run(
        "ALTER TABLE leads DROP CONSTRAINT no_mak; SELECT retry_dlq(ARRAY(SELECT id FROM dlq))",
    )?;
    pipeline.finish()?;
    ensure(
        pipeline.requests(Vendor::Melissa) == asked,
        "the vendor was called again",
    )?;
    ledger::check(&mut pipeline)
}
