//! How fast a vendor may be called: requests per second, requests in flight, and failures in a row.
//!
//! So many failures in a row open the circuit: the vendor is paused, for longer each time. After the pause one request
//! at a time probes it (`vendors.pauses` says that the circuit is half open), until one is answered.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Failures in a row that open the circuit. One or two are chance where many requests are in flight.
const MOST_FAILURES: u32 = 3;

/// The limits of one vendor product.
pub struct Limiter {
    requests_per_second: f64,
    bucket: DefaultDirectRateLimiter,
    in_flight: usize,
    failures: u32,
}

impl Limiter {
    pub fn new(requests_per_second: f64) -> Self {
        Self {
            requests_per_second,
            bucket: bucket(requests_per_second),
            in_flight: 0,
            failures: 0,
        }
    }

    /// Takes a changed rate over.
    pub fn set_rate(&mut self, requests_per_second: f64) {
        if self.requests_per_second != requests_per_second {
            self.requests_per_second = requests_per_second;
            self.bucket = bucket(requests_per_second);
        }
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// May one more request leave now? Else how long until the rate allows it.
    pub fn try_start(&mut self) -> Result<(), Duration> {
        match self.bucket.check() {
            Ok(()) => {
                self.in_flight += 1;
                Ok(())
            }
            Err(not_yet) => Err(not_yet.wait_time_from(DefaultClock::default().now())),
        }
    }

    /// Notes how a request ended; true when that opens the circuit.
    pub fn note_end(&mut self, failed: bool) -> bool {
        self.failures = if failed { self.failures + 1 } else { 0 };
        let opens = self.failures >= MOST_FAILURES;
        if opens {
            self.failures = 0;
        }
        opens
    }

    pub fn landed(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }
}

/// A bucket that holds a second's worth of requests.
fn bucket(requests_per_second: f64) -> DefaultDirectRateLimiter {
    let rate = requests_per_second.clamp(0.001, 100_000.0);
    let burst = NonZeroU32::new(rate.ceil() as u32).unwrap_or(NonZeroU32::MIN);
    let period = Duration::from_secs_f64(1.0 / rate);
    let quota = Quota::with_period(period).unwrap_or(Quota::per_second(NonZeroU32::MIN));
    RateLimiter::direct(quota.allow_burst(burst))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_no_more_than_its_rate() {
        let mut limiter = Limiter::new(5.0);
        let started = (0..20).filter(|_| limiter.try_start().is_ok()).count();
        assert_eq!(started, 5);
        assert_eq!(limiter.in_flight(), 5);
        let wait = limiter.try_start().expect_err("the bucket is empty");
        assert!(wait <= Duration::from_millis(200), "{wait:?}");
    }

    #[test]
    fn failures_in_a_row_open_the_circuit_and_single_ones_do_not() {
        let mut limiter = Limiter::new(5.0);
        let ends = [true, true, false, true, true, true, true, false];
        let opens = ends.map(|failed| limiter.note_end(failed));
        assert_eq!(
            opens,
            [false, false, false, false, false, true, false, false]
        );
    }

    #[test]
    fn a_slow_rate_still_lets_one_through() {
        let mut limiter = Limiter::new(0.01);
        assert!(limiter.try_start().is_ok());
        assert!(limiter.try_start().is_err());
    }
}
