//! The demo: an empty database, one call that asks for a pull, and the worker does the rest.
//!
//! Everything it starts is its own and is stopped at the end, also after an error or Ctrl-C.

mod progress;
mod report;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use equity_system_tests::Outcome;
use equity_system_tests::pipeline::{Pipeline, Plan, ZIPS, is_idle};
use equity_system_tests::seed::number_from_environment;

use progress::Progress;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let properties = usize::try_from(number_from_environment("EQUITY_PROPERTIES", 3000))?;
    println!(
        "Starting a throw-away PostgreSQL cluster and a simulator of the vendors with {properties} properties ..."
    );
    let mut pipeline = Pipeline::start(
        Plan::new(number_from_environment("EQUITY_SEED", 42), properties)
            .latency(Duration::from_millis(20)),
    )?;
    hurry(&mut pipeline)?;
    println!("Asking for a pull of ZIP codes {} ...", ZIPS.join(", "));
    let started = Instant::now();
    pipeline.request_pull()?;
    let mut progress = Progress::start();
    pipeline.wait_for_work(|db| {
        if stop.load(Ordering::SeqCst) {
            return Err("interrupted: everything it started is stopped".into());
        }
        progress.show(db)?;
        is_idle(db)
    })?;
    progress.end();
    println!("Done in {:.1} s.\n", started.elapsed().as_secs_f64());
    report::print(&mut pipeline)
}

/// More at once than anyone may ask of real vendors.
fn hurry(pipeline: &mut Pipeline) -> Outcome {
    pipeline.db.run(
        "UPDATE vendors SET max_in_flight = CASE WHEN stage = 'verify' THEN 100 WHEN stage = 'pull' THEN 2 ELSE 8 END,
                            options = options || '{\"poll_seconds\": [0.2, 0.3, 0.5, 1, 1, 2, 5]}'",
    )
}
