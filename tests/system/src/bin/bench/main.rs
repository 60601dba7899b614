//! Measures what the extension does against stated rivals, on the same server, tables and indexes. One file per
//! theme: `bench` runs all but the longest (`memory`), `bench pages hash` those two.
//!
//! Nothing here passes or fails: a figure that misses its goal is printed as such. Rivals are in `rival.sql`.

mod calls;
mod duel;
mod hash;
mod memory;
mod opt_outs;
mod pages;
mod points;
mod road;
mod stage;
mod throughput;
mod verifications;
mod weather;

use equity_system_tests::Outcome;

/// Its name, what measures it, and whether it is run without being asked for.
type Theme = (&'static str, fn() -> Outcome, bool);

const THEMES: [Theme; 9] = [
    ("hash", hash::run, true),
    ("calls", calls::run, true),
    ("pages", pages::run, true),
    ("points", points::run, true),
    ("opt_outs", opt_outs::run, true),
    ("road", road::run, true),
    ("throughput", throughput::run, true),
    ("weather", weather::run, true),
    ("memory", memory::run, false),
];

fn main() -> Outcome {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for name in &wanted {
        if !THEMES.iter().any(|(theme, ..)| theme == name) {
            let known = THEMES.map(|(theme, ..)| theme).join(", ");
            return Err(format!("there is no theme {name}; there are: {known}").into());
        }
    }
    for (theme, run, by_itself) in THEMES {
        if (wanted.is_empty() && by_itself) || wanted.iter().any(|name| name == theme) {
            println!("{theme}");
            run()?;
        }
    }
    Ok(())
}
