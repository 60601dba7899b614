//! Measures what the extension does against stated rivals, on the same server, tables and indexes. One file per
//! theme: `bench` runs all of them, `bench pages hash` those two.
//!
//! Nothing here passes or fails: a figure that misses its goal is printed as such. Rivals are in `rival.sql`.

mod calls;
mod duel;
mod hash;
mod opt_outs;
mod pages;
mod points;
mod stage;

use equity_system_tests::Outcome;

/// Its name, and what measures it.
type Theme = (&'static str, fn() -> Outcome);

const THEMES: [Theme; 5] = [
    ("hash", hash::run),
    ("calls", calls::run),
    ("pages", pages::run),
    ("points", points::run),
    ("opt_outs", opt_outs::run),
];

fn main() -> Outcome {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for name in &wanted {
        if !THEMES.iter().any(|(theme, _)| theme == name) {
            let known = THEMES.map(|(theme, _)| theme).join(", ");
            return Err(format!("there is no theme {name}; there are: {known}").into());
        }
    }
    for (theme, run) in THEMES {
        if wanted.is_empty() || wanted.iter().any(|name| name == theme) {
            println!("{theme}");
            run()?;
        }
    }
    Ok(())
}
