//! What came in and how long it took, without secrets: paths only, never queries or bodies.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use crate::vendor::Vendor;

/// How many of the last requests are kept.
const KEPT: usize = 200;

/// The statistics of one simulator.
#[derive(Debug, Default)]
pub struct Stats {
    vendors: BTreeMap<Vendor, VendorStats>,
    last: VecDeque<Seen>,
}

/// The statistics of one vendor.
#[derive(Clone, Debug, Default, Serialize)]
pub struct VendorStats {
    pub requests: u64,
    pub in_flight: u64,
    pub max_in_flight: u64,
    /// Answers by status; a cut connection counts as 0.
    pub statuses: BTreeMap<u16, u64>,
    pub total_ms: u64,
    pub max_ms: u64,
}

/// One request that was answered or cut.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// Method and path.
    pub request: String,
    /// 0 for a cut connection.
    pub status: u16,
    pub ms: u64,
}

impl Stats {
    /// A request begins; says how many of this vendor's are now worked on.
    pub fn begin(&mut self, vendor: Vendor) -> u64 {
        let own = self.vendors.entry(vendor).or_default();
        own.requests += 1;
        own.in_flight += 1;
        own.max_in_flight = own.max_in_flight.max(own.in_flight);
        own.in_flight
    }

    /// A request ends.
    pub fn end(&mut self, vendor: Vendor, request: String, (status, took): (u16, Duration)) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let own = self.vendors.entry(vendor).or_default();
        own.in_flight = own.in_flight.saturating_sub(1);
        *own.statuses.entry(status).or_default() += 1;
        own.total_ms = own.total_ms.saturating_add(ms);
        own.max_ms = own.max_ms.max(ms);
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(Seen {
            request,
            status,
            ms,
        });
    }

    /// One vendor's statistics.
    #[must_use]
    pub fn of(&self, vendor: Vendor) -> VendorStats {
        self.vendors.get(&vendor).cloned().unwrap_or_default()
    }

    /// All statistics as the control interface shows them.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({"vendors": self.vendors, "last_requests": self.last})
    }
}
