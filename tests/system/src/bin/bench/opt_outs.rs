//! What opt-outs and hand-outs cost on tables of two sizes: 10,000 leads and EQUITY_LEADS (a million).

use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, seed};

pub fn run() -> Outcome {
    let large = seed::number_from_environment("EQUITY_LEADS", 1_000_000);
    for count in [10_000, large] {
        let mut pipeline = Pipeline::bare(
            Plan::new(1, 1)
                .setting("shared_buffers", "1GB")
                .setting("synchronous_commit", "off"),
        )?;
        pipeline.install()?;
        let fill = |points: &str| {
            format!(
                "INSERT INTO leads (addr_hash, phones, emails, status, quality_score)
                 SELECT 'house ' || n, {points}, 'contactable', 60 + n % 41 FROM generate_series(1, {count}) n"
            )
        };
        let mut timed = |what: &str, sql: &str| -> Outcome<f64> {
            let started = std::time::Instant::now();
            pipeline.db.run(sql)?;
            let took = started.elapsed().as_secs_f64() * 1000.0;
            println!("{count} leads: {what}: {took:.2} ms");
            Ok(took)
        };
        timed("insert without contact points", &fill("'{}', '{}'"))?;
        timed(
            "empty the table",
            "TRUNCATE leads; INSERT INTO campaigns (name, daily_cap) VALUES ('phx', 1000000)",
        )?;
        timed(
            "insert with a phone and an e-mail",
            &fill(
                "ARRAY[jsonb_build_object('phone', '+1602' || 2000000 + n, 'verified', true)], ARRAY[jsonb_build_object('email', 'owner' || n || '@example.com', 'verified', true)]",
            ),
        )?;
        timed("vacuum", "VACUUM ANALYZE leads")?;
        let mut medians = Vec::new();
        for (what, sql) in [
            (
                "suppress_contact",
                "SELECT suppress_contact('email', 'owner#@example.com', 'x')",
            ),
            (
                "claim 250",
                "SELECT count(*) FROM claim_campaign_leads('phx', 250)",
            ),
        ] {
            let mut times = Vec::new();
            for n in 1..=9 {
                times.push(timed(what, &sql.replace('#', &(n * 997).to_string()))?);
            }
            times.sort_by(f64::total_cmp);
            medians.push(format!("{what} {:.2} ms", times[4]));
        }
        println!("{count} leads: medians: {}", medians.join(", "));
    }
    Ok(())
}
