//! The seed of a test: from `EQUITY_SEED`, else a fixed one; always printed, so that a failure can be repeated.

use fastrand::Rng;

/// The seed and a generator that follows from it.
#[must_use]
pub fn choose(test: &str, usual: u64) -> (u64, Rng) {
    let given = std::env::var("EQUITY_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = given.unwrap_or(usual);
    println!("{test}: EQUITY_SEED={seed}");
    (seed, Rng::with_seed(seed))
}

/// A number from the environment, for soak runs.
#[must_use]
pub fn number_from_environment(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}
