//! `compute_addr_hash` against the naive hash, and what hostile text costs.

use equity_system_tests::Outcome;

use crate::duel::{Work, fight, timed};
use crate::stage;

const ADDRESSES: usize = 200_000;

/// Texts that a rule could stumble over, repeated up to the length asked for.
const HOSTILE: [&str; 10] = [
    "#",
    "1 ",
    "N ",
    "apt ",
    "c/o ",
    "1/2 ",
    "st ",
    "1st-",
    "é\u{301}",
    "&amp;",
];

pub fn run() -> Outcome {
    let mut pipeline = stage::set(ADDRESSES)?;
    let db = &mut pipeline.db;
    let count = |function: &str| {
        format!("SELECT count({function}(address_line1, city, state, postal_code)) FROM records")
    };
    let work = Work {
        what: "compute_addr_hash",
        rival: "naive PL/pgSQL",
        count: ADDRESSES,
        goal: Some(3.0),
    };
    fight(
        db,
        &work,
        |_| count("compute_addr_hash"),
        |_| count("rival.compute_addr_hash"),
    )?;
    let scan = timed(
        db,
        "SELECT count(address_line1), count(city), count(state), count(postal_code) FROM records",
    )?;
    println!(
        "  of both, reading the rows: {:.2} µs",
        scan.processor.as_secs_f64() * 1e6 / ADDRESSES as f64
    );
    for text in HOSTILE {
        let mut line = format!("  hostile {text:?}, nanoseconds a byte:");
        for length in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
            let times = (1_000_000 / length).max(1);
            let sql = format!(
                "SELECT count(compute_addr_hash('12 ' || repeat('{text}', {length} / octet_length('{text}')) || n, 'Mesa', 'AZ', '85201')) FROM generate_series(1, {times}) n"
            );
            let took = timed(db, &sql)?.processor.as_nanos() as f64;
            line += &format!(" {:.1} ({length})", took / f64::from(times * length));
        }
        println!("{line}");
    }
    Ok(())
}
