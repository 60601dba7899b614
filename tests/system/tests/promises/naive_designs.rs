//! The kill tests' own test: struck in the same ways, with the same oracle, two naive designs must be seen to pay twice.

use std::process::{Child, Command};
use std::time::Duration;

use equity_simulator::faults::{Kind, Rule};
use equity_simulator::vendor::Vendor;
use equity_system_tests::gate::Gate;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::strike::{Way, strike};
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, ensure, ledger, seed};

struct Buyer(Child);

impl Buyer {
    fn start(pipeline: &Pipeline, gate: &Gate, design: &str) -> Outcome<Self> {
        let child = Command::new(env!("CARGO_BIN_EXE_naive_buyer"))
            .arg(pipeline.cluster.socket())
            .arg(gate.base_url().trim_start_matches("http://"))
            .arg(design)
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Buyer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Strikes the design once, after its purchase is billed and before it has the answer, and lets it finish.
fn pays_twice(pipeline: &mut Pipeline, gate: &Gate, design: &str, way: Way) -> Outcome<bool> {
    let email = format!("{design}-{way:?}@example.com").to_lowercase();
    pipeline.db.run(&format!(
        "CREATE TABLE IF NOT EXISTS naive_jobs (email text PRIMARY KEY, answer text, hidden_until timestamptz NOT NULL DEFAULT '-infinity');
         INSERT INTO naive_jobs (email) VALUES ('{email}')"
    ))?;
    let before = ledger::billed(pipeline, Vendor::InstantlyVerify);
    pipeline.fault(Rule {
        ms: Some(500),
        times: Some(1),
        ..Rule::new(Vendor::InstantlyVerify, Kind::DelayAfterBill)
    });
    let buyer = Buyer::start(pipeline, gate, design)?;
    until_true("the call is billed", Duration::from_secs(20), || {
        Ok(ledger::billed(pipeline, Vendor::InstantlyVerify) > before)
    })?;
    strike(pipeline, gate, way, buyer.0.id())?;
    drop(buyer);
    if way == Way::KillBackend {
        pipeline.wait_for_crash(0)?;
    }
    let _next = Buyer::start(pipeline, gate, design)?;
    until_true("the work is done", Duration::from_secs(20), || {
        pipeline
            .db
            .one("SELECT bool_and(answer IS NOT NULL) FROM naive_jobs")
    })?;
    let twice = pipeline.simulator().with_office(|office| {
        office
            .bill
            .duplicates()
            .iter()
            .any(|duplicate| duplicate.item == email)
    });
    // The whole oracle, as the other kill tests ask it.
    ensure(
        !twice || ledger::check_billed_once(pipeline).is_err(),
        "the bill has a duplicate that the oracle does not see",
    )?;
    Ok(twice)
}

#[test]
fn the_harness_sees_two_naive_designs_pay_twice() -> Outcome {
    let (seed, _) = seed::choose("naive_designs", 9);
    let mut pipeline = Pipeline::bare(Plan::new(seed, 10))?;
    let gate = Gate::open(pipeline.vendors_address())?;
    for design in ["transaction", "timeout"] {
        for way in [Way::KillBuyer, Way::KillBackend, Way::Cut] {
            ensure(
                pays_twice(&mut pipeline, &gate, design, way)?,
                format!("{design} × {way:?}: no double payment was reported"),
            )?;
        }
    }
    Ok(())
}
