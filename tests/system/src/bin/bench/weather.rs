//! One vendor alone, beside a healthy one, beside a dead one, and beside one that hangs: calls a second of the first.

use std::time::Duration;

use equity_simulator::faults::{Kind, Rule};
use equity_simulator::vendor::Vendor;
use equity_system_tests::Outcome;
use equity_system_tests::pipeline::Pipeline;

use crate::verifications;

const MEASURED: Vendor = Vendor::InstantlyVerify;
const OTHER: Vendor = Vendor::SignalwireLookup;
const COUNT: u32 = 3_000;

pub fn run() -> Outcome {
    for other in [
        "nobody",
        "a healthy vendor",
        "a dead vendor",
        "a vendor that hangs",
    ] {
        let mut pipeline = Pipeline::start(verifications::plan(Duration::from_millis(50)))?;
        verifications::open(&mut pipeline, &[MEASURED, OTHER], 16)?;
        match other {
            "a dead vendor" => pipeline.fault(Rule {
                status: Some(502),
                ..Rule::new(OTHER, Kind::Status)
            }),
            "a vendor that hangs" => pipeline
                .simulator()
                .set_latency(OTHER, Duration::from_secs(3600)),
            _ => {}
        }
        if other != "nobody" {
            verifications::queue(&mut pipeline, "phone", 1, COUNT)?;
        }
        verifications::queue(&mut pipeline, "email", 1, COUNT)?;
        verifications::wait_for(&mut pipeline, MEASURED, COUNT, Duration::from_secs(300))?;
        let rate = verifications::steady_rate(&mut pipeline, MEASURED)?;
        println!(
            "beside {other}: {rate:.0} calls/s (ideal 320), {} requests to the other",
            pipeline.requests(OTHER)
        );
    }
    Ok(())
}
