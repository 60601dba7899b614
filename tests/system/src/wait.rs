//! Waiting for a condition, with an end.

use std::time::{Duration, Instant};

use crate::Outcome;

/// Asks `look` until it finds something; an error that says `what` was waited for when `within` is over.
pub fn until<T>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Outcome<Option<T>>,
) -> Outcome<T> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        let last = started.elapsed() >= within;
        if let Some(found) = look()? {
            return Ok(found);
        }
        if last {
            return Err(format!("waited {within:?} in vain: {what}").into());
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// The same for a yes-or-no.
pub fn until_true(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Outcome<bool>,
) -> Outcome {
    until(what, within, || Ok(look()?.then_some(())))
}
