//! The simulator as one shared thing: the office, the faults, the statistics, each behind its
//! own lock, none held while anything waits.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::dialect;
use crate::exchange::{Answer, Call};
use crate::faults::Faults;
use crate::limits::Limits;
use crate::office::Office;
use crate::settings::Settings;
use crate::stats::Stats;
use crate::vendor::Vendor;

/// Every vendor, over one world, with one bill.
#[derive(Debug)]
pub struct Simulator {
    office: Mutex<Office>,
    faults: Mutex<Faults>,
    stats: Mutex<Stats>,
    limits: Mutex<Limits>,
    latencies: Mutex<BTreeMap<Vendor, Duration>>,
}

impl Simulator {
    /// A simulator with a fresh world.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let latencies = Vendor::ALL
            .into_iter()
            .map(|vendor| (vendor, settings.latency))
            .collect();
        Self {
            faults: Mutex::new(Faults::new(settings.seed)),
            stats: Mutex::new(Stats::default()),
            limits: Mutex::new(Limits::default()),
            latencies: Mutex::new(latencies),
            office: Mutex::new(Office::new(settings)),
        }
    }

    /// Handles a vendor's request whole, and bills it.
    pub fn handle(&self, vendor: Vendor, call: &Call) -> Answer {
        self.with_office(|office| dialect::answer(office, vendor, call))
    }

    /// Handles a request to any path, without delays and faults.
    pub fn handle_path(&self, call: &Call) -> Answer {
        match Vendor::at_path(&call.path) {
            Some(vendor) => self.handle(vendor, call),
            None => crate::control::answer(self, call),
        }
    }

    /// Looks at or changes the world, the bill and the accounts.
    pub fn with_office<T>(&self, look: impl FnOnce(&mut Office) -> T) -> T {
        look(&mut locked(&self.office))
    }

    /// Looks at or changes the faults.
    pub fn with_faults<T>(&self, look: impl FnOnce(&mut Faults) -> T) -> T {
        look(&mut locked(&self.faults))
    }

    /// Looks at or adds to the statistics.
    pub fn with_stats<T>(&self, look: impl FnOnce(&mut Stats) -> T) -> T {
        look(&mut locked(&self.stats))
    }

    /// Asks or changes the limits.
    pub fn with_limits<T>(&self, look: impl FnOnce(&mut Limits) -> T) -> T {
        look(&mut locked(&self.limits))
    }

    /// How long a request to this vendor takes.
    #[must_use]
    pub fn latency(&self, vendor: Vendor) -> Duration {
        locked(&self.latencies)
            .get(&vendor)
            .copied()
            .unwrap_or_default()
    }

    /// Sets how long a request to this vendor takes.
    pub fn set_latency(&self, vendor: Vendor, latency: Duration) {
        locked(&self.latencies).insert(vendor, latency);
    }
}

/// A lock that outlives a panic of another request: what it holds is changed in whole steps.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
