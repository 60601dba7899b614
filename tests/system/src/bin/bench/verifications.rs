//! Leads that need one verification each, and a vendor that does nothing else.

use std::time::{Duration, Instant};

use equity_simulator::vendor::Vendor;
use equity_system_tests::Outcome;
use equity_system_tests::pipeline::{Pipeline, Plan};

/// A cluster as a production server is: durable, with room.
pub fn plan(latency: Duration) -> Plan {
    Plan::new(1, 1)
        .latency(latency)
        .setting("shared_buffers", "256MB")
        .setting("max_wal_size", "4GB")
        .setting("track_wal_io_timing", "on")
}

/// Enables these vendors, with so many requests in flight each.
pub fn open(pipeline: &mut Pipeline, vendors: &[Vendor], in_flight: u32) -> Outcome {
    pipeline.open_vendors(vendors)?;
    pipeline.db.run(&format!(
        "UPDATE vendors SET max_in_flight = {in_flight}, requests_per_second = 100000"
    ))
}

/// Leads numbered from `first`, each with a phone that SignalWire can verify (or an e-mail for Instantly), queued.
pub fn queue(pipeline: &mut Pipeline, kind: &str, first: u32, count: u32) -> Outcome {
    let point = match kind {
        "phone" => {
            "'{}', ARRAY[jsonb_build_object('phone', '+1' || 2132000000 + n, 'type', 'mobile')]"
        }
        _ => "ARRAY[jsonb_build_object('email', 'owner' || n || '@mail.example.com')], '{}'",
    };
    let last = first + count - 1;
    pipeline.db.run(&format!(
        "WITH made AS (
             INSERT INTO leads (addr_hash, address_line1, property_zip, mak, apn, owner_occupied, age, property_value, estimated_equity, emails, phones)
             SELECT '{kind} ' || n, n || ' Main St', '90028', '{kind} ' || n, '{kind} ' || n, true, 70, 500000, 100000, {point}
             FROM generate_series({first}, {last}) n RETURNING id)
         INSERT INTO jobs (stage, lead_id) SELECT 'enrich', id FROM made;
         UPDATE vendors SET enabled = enabled"
    ))
}

/// Waits until so many purchases of a vendor are applied.
pub fn wait_for(pipeline: &mut Pipeline, vendor: Vendor, count: u32, within: Duration) -> Outcome {
    let started = Instant::now();
    loop {
        let done: i64 = pipeline.db.one_with(
            "SELECT count(*) FROM vendor_calls WHERE vendor = $1 AND state = 'applied'",
            &[&vendor.name()],
        )?;
        if done >= i64::from(count) {
            return Ok(());
        }
        if started.elapsed() > within {
            return Err(format!("{done} of {count}:\n{}", pipeline.state_of_things()?).into());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Answers a second between the first tenth and the last tenth of a vendor's purchases.
pub fn steady_rate(pipeline: &mut Pipeline, vendor: Vendor) -> Outcome<f64> {
    pipeline.db.one_with(
        "SELECT (0.8 * n / extract(epoch FROM late - early))::float8
         FROM (SELECT count(*) AS n,
                      percentile_disc(0.1) WITHIN GROUP (ORDER BY answered_at) AS early,
                      percentile_disc(0.9) WITHIN GROUP (ORDER BY answered_at) AS late
               FROM vendor_calls WHERE vendor = $1 AND answered_at IS NOT NULL) s",
        &[&vendor.name()],
    )
}

/// Seconds of processor time that a process has used.
pub fn processor_seconds(pid: u32) -> Outcome<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // After the name in parentheses, which may hold blanks.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    Ok((ticks(11) + ticks(12)) / 100.0)
}
