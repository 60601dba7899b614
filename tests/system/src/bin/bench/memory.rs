//! The worker's memory and the ledger's dead rows over EQUITY_CALLS (200,000) purchases.

use std::time::Duration;

use equity_simulator::vendor::Vendor;
use equity_system_tests::pipeline::Pipeline;
use equity_system_tests::{Outcome, seed};

use crate::verifications;

const VENDOR: Vendor = Vendor::SignalwireLookup;
const STEPS: u32 = 20;

pub fn run() -> Outcome {
    let count = u32::try_from(seed::number_from_environment("EQUITY_CALLS", 200_000))?;
    let mut pipeline =
        Pipeline::start(verifications::plan(Duration::ZERO).setting("autovacuum_naptime", "10s"))?;
    verifications::open(&mut pipeline, &[VENDOR], 64)?;
    let worker = pipeline.wait_for_worker()?;
    let step = count / STEPS;
    let mut sizes = Vec::new();
    println!(
        "{:>8} {:>10} {:>10} {:>22} {:>10}",
        "calls", "VmRSS kB", "RssAnon kB", "dead vendor_calls/jobs", "vacuums"
    );
    for n in 0..STEPS {
        verifications::queue(&mut pipeline, "phone", 1 + n * step, step)?;
        verifications::wait_for(
            &mut pipeline,
            VENDOR,
            (n + 1) * step,
            Duration::from_secs(1200),
        )?;
        let (rss, anonymous) = (memory(worker, "VmRSS")?, memory(worker, "RssAnon")?);
        let row = pipeline.db.rows(
            "SELECT string_agg(n_dead_tup::text, '/' ORDER BY relname DESC), sum(autovacuum_count)::bigint
             FROM pg_stat_user_tables WHERE relname IN ('vendor_calls', 'jobs')",
        )?;
        println!(
            "{:>8} {rss:>10} {anonymous:>10} {:>22} {:>10}",
            (n + 1) * step,
            row[0].try_get::<_, String>(0)?,
            row[0].try_get::<_, i64>(1)?
        );
        sizes.push(anonymous);
    }
    // The first quarter fills caches and plans, and single samples jump: the second quarter beside the last.
    let quarter = sizes.len() / 4;
    let median = |part: &[u64]| {
        let mut sorted = part.to_vec();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or(0)
    };
    let first = median(&sizes[quarter..2 * quarter]);
    let last = median(&sizes[3 * quarter..]);
    let calls = f64::from(step) * (2 * quarter) as f64;
    let slope = (last as f64 - first as f64) * 1024.0 / calls.max(1.0);
    println!(
        "private memory grew by {slope:.1} bytes a call after the first quarter: {:.1} MB over 200,000 calls",
        slope * 200_000.0 / 1e6
    );
    Ok(())
}

/// A line of /proc/PID/status, in kB.
fn memory(pid: u32, name: &str) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|text| text.split_whitespace().next());
    Ok(number.ok_or("no such line")?.parse()?)
}
