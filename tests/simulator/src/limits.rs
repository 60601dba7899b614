//! How much a vendor takes at once: over it, 429.
//!
//! No limit until one is set, because vendors publish few; a test sets what it wants to see kept.
//! A refused request is not billed and does not count against the rate.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::vendor::Vendor;

/// The limits of one vendor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Requests that may begin within any second.
    pub per_second: Option<usize>,
    /// Requests that may be worked on at once.
    pub in_flight: Option<u64>,
}

/// The limits in force and the requests of the last second.
#[derive(Debug, Default)]
pub struct Limits {
    limits: BTreeMap<Vendor, Limit>,
    begun: BTreeMap<Vendor, VecDeque<Instant>>,
}

impl Limits {
    /// Sets or lifts the limits of one vendor.
    pub fn set(&mut self, vendor: Vendor, limit: Limit) {
        self.limits.insert(vendor, limit);
    }

    /// Whether a request that begins now, as one of `in_flight`, is taken.
    pub fn admits(&mut self, vendor: Vendor, in_flight: u64, now: Instant) -> bool {
        let limit = self.limits.get(&vendor).copied().unwrap_or_default();
        let begun = self.begun.entry(vendor).or_default();
        while begun
            .front()
            .is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1))
        {
            begun.pop_front();
        }
        let fits = limit.per_second.is_none_or(|most| begun.len() < most)
            && limit.in_flight.is_none_or(|most| in_flight <= most);
        if fits {
            begun.push_back(now);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_so_many_requests_and_no_more() {
        let mut limits = Limits::default();
        let limit = Limit {
            per_second: Some(2),
            in_flight: None,
        };
        limits.set(Vendor::Melissa, limit);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let taken: Vec<bool> = [0, 10, 20, 999, 1000, 1005, 1010]
            .map(|ms| limits.admits(Vendor::Melissa, 1, at(ms)))
            .into();
        assert_eq!(taken, [true, true, false, false, true, false, true]);
        assert!(limits.admits(Vendor::HlrLookup, 99, at(20)));
    }

    #[test]
    fn so_many_requests_are_worked_on_at_once() {
        let mut limits = Limits::default();
        limits.set(
            Vendor::Melissa,
            Limit {
                per_second: None,
                in_flight: Some(3),
            },
        );
        assert!(limits.admits(Vendor::Melissa, 3, Instant::now()));
        assert!(!limits.admits(Vendor::Melissa, 4, Instant::now()));
    }
}
