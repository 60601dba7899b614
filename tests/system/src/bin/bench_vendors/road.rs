//! Dollars per contactable lead in one world: everything for every lead, the fixed waterfall, and the cheapest road.
//!
//! The first half of the world makes the history that the planner needs; the second half is measured, in every run.

use std::time::Duration;

use equity_simulator::vendor::Vendor;
use equity_system_tests::pipeline::{Pipeline, Plan, VENDORS, is_idle};
use equity_system_tests::{Outcome, seed};

struct Run {
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
    vendors: &'static [Vendor],
}

/// The specification's vendors, and the further verifiers.
const WITH_PROBES: [Vendor; 7] = [
    VENDORS[0],
    VENDORS[1],
    VENDORS[2],
    VENDORS[3],
    VENDORS[4],
    Vendor::SmtpProbe,
    Vendor::HlrLookup,
];

const RUNS: [Run; 4] = [
    Run {
        name: "(a) all vendors for every lead",
        settings: &[("equity_connect.enrichment_goal", "complete")],
        vendors: &VENDORS,
    },
    Run {
        name: "(b) the fixed waterfall",
        settings: &[("equity_connect.planner", "fixed")],
        vendors: &VENDORS,
    },
    Run {
        name: "(c) the cheapest road",
        settings: &[("equity_connect.planner", "cheapest")],
        vendors: &VENDORS,
    },
    Run {
        name: "(c) with SMTP probe and HLR",
        settings: &[("equity_connect.planner", "cheapest")],
        vendors: &WITH_PROBES,
    },
];

pub fn run() -> Outcome {
    let seed = seed::number_from_environment("EQUITY_SEED", 42);
    let properties = usize::try_from(seed::number_from_environment("EQUITY_PROPERTIES", 3_000))?;
    println!(
        "{properties} properties after as many that make history, EQUITY_SEED={seed}; what the leads themselves cost is left out"
    );
    println!(
        "{:32} {:>9} {:>11} {:>12}  purchases",
        "", "dollars", "contactable", "$/contactable"
    );
    for run in &RUNS {
        let mut plan = Plan::new(seed, properties).setting("synchronous_commit", "off");
        for (name, value) in run.settings {
            plan = plan.setting(name, value);
        }
        let mut pipeline = Pipeline::start(plan)?;
        pipeline.open_vendors(run.vendors)?;
        pipeline.request_pull()?;
        pipeline.wait_for_work_at_most(is_idle, Duration::from_secs(3600))?;
        pipeline.db.run(
            "CREATE TABLE history AS SELECT id FROM leads; ALTER TABLE history ADD PRIMARY KEY (id)",
        )?;
        pipeline
            .simulator()
            .with_office(|office| office.world.add(properties));
        pipeline.request_pull_again()?;
        pipeline.wait_for_work_at_most(is_idle, Duration::from_secs(3600))?;
        let row = pipeline.db.rows(
            "WITH bought AS (
                 SELECT * FROM vendor_calls c
                 WHERE lead_id IS NOT NULL AND NOT EXISTS (SELECT FROM history h WHERE h.id = c.lead_id)
             )
             SELECT (SELECT sum(settled_amount)::float8 FROM bought),
                    (SELECT count(*) FROM leads l WHERE status = 'contactable' AND NOT EXISTS (SELECT FROM history h WHERE h.id = l.id)),
                    (SELECT string_agg(vendor || ' ' || n, ', ' ORDER BY vendor)
                     FROM (SELECT vendor, count(*) AS n FROM bought WHERE reuses_call_id IS NULL AND state = 'applied' GROUP BY vendor) v)",
        )?;
        let (dollars, contactable): (f64, i64) = (row[0].try_get(0)?, row[0].try_get(1)?);
        println!(
            "{:32} {dollars:>9.2} {contactable:>11} {:>12.4}  {}",
            run.name,
            dollars / contactable as f64,
            row[0].try_get::<_, String>(2)?
        );
    }
    Ok(())
}
