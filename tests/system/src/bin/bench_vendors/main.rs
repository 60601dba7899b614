//! What the vendors' side costs and how fast it goes: `bench_vendors [road|throughput|weather|memory]…`, or all but the last.

mod fixture;
mod memory;
mod road;
mod throughput;
mod weather;

use equity_system_tests::Outcome;

fn main() -> Outcome {
    let mut themes: Vec<String> = std::env::args().skip(1).collect();
    if themes.is_empty() {
        themes = ["road", "throughput", "weather"].map(str::to_owned).into();
    }
    for theme in themes {
        println!("== {theme}");
        match theme.as_str() {
            "road" => road::run()?,
            "throughput" => throughput::run()?,
            "weather" => weather::run()?,
            "memory" => memory::run()?,
            other => return Err(format!("there is no theme {other}").into()),
        }
    }
    Ok(())
}
