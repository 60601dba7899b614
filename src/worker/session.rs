//! One life of a worker in one installed extension: what it knows and what is under way.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::campaign::{Desk, Errand};
use super::http::{Network, Outgoing};
use super::keys::{Keys, KeysProblem};
use super::limits::Limiter;
use crate::error::Error;
use crate::settings;
use crate::store::vendors::Vendor;
use crate::vendors::{self, Account, BuildError, HttpRequest, Item, Product, Request};

/// The longest answer that is read: a page of 500 properties with all datasets is below 10 MB.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// Why a request is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It costs money.
    Buy,
    /// A free question about an earlier purchase.
    Ask,
}

/// One HTTP request under way.
pub struct Flight {
    pub product: Product,
    pub purpose: Purpose,
    pub items: Vec<Item>,
    pub call_ids: Vec<i64>,
    /// The vendor's row as it was when the request left.
    pub vendor: Vendor,
}

pub struct Session {
    pub epoch: i64,
    pub hash_key: Vec<u8>,
    pub keys: Keys,
    pub keys_problem: Option<KeysProblem>,
    pub network: Network,
    pub flights: HashMap<u64, Flight>,
    /// Ended requests whose outcome is not stored yet.
    pub landed: Vec<super::landed::Landed>,
    /// Reserved purchases that could not be sent; to be given back.
    pub unsent: Vec<i64>,
    /// The campaign stage.
    pub campaign: Desk,
    /// The network thread has ended: this session is over once what landed is stored.
    pub network_is_gone: bool,
    /// When it was last looked for purchases that are too old to keep, to the end.
    pub pruned_at: Option<Instant>,
    limits: HashMap<Product, Limiter>,
    next_ticket: u64,
    last_beat: Option<Instant>,
    waiting_for: Option<String>,
    known_caps: String,
    rate_wait: Option<Duration>,
}

impl Session {
    pub fn new(epoch: i64, hash_key: Vec<u8>, network: Network) -> Self {
        let mut session = Self {
            epoch,
            hash_key,
            keys: Keys::default(),
            keys_problem: None,
            network,
            flights: HashMap::new(),
            landed: Vec::new(),
            unsent: Vec::new(),
            campaign: Desk::default(),
            network_is_gone: false,
            pruned_at: None,
            limits: HashMap::new(),
            next_ticket: 1,
            last_beat: None,
            waiting_for: None,
            known_caps: String::new(),
            rate_wait: None,
        };
        session.read_keys();
        session
    }

    /// Reads the keys file again; the old keys are forgotten even if the new ones cannot be read.
    pub fn read_keys(&mut self) {
        (self.keys, self.keys_problem) = match Keys::read(&settings::keys_file()) {
            Ok(keys) => (keys, None),
            Err(problem) => (Keys::default(), Some(problem)),
        };
    }

    /// Takes slots for up to `wanted` requests; fewer when the rate allows no more now.
    pub fn start_requests(&mut self, vendor: &Vendor, wanted: usize) -> usize {
        for started in 0..wanted {
            if let Err(wait) = self.limiter(vendor).try_start() {
                self.rate_wait = Some(self.rate_wait.map_or(wait, |known| known.min(wait)));
                return started;
            }
        }
        wanted
    }

    /// How long until a vendor's rate allows what it refused since the last time this was asked.
    pub fn take_rate_wait(&mut self) -> Option<Duration> {
        self.rate_wait.take()
    }

    pub fn limiter(&mut self, vendor: &Vendor) -> &mut Limiter {
        let limiter = self
            .limits
            .entry(vendor.product)
            .or_insert_with(|| Limiter::new(vendor.requests_per_second));
        limiter.set_rate(vendor.requests_per_second);
        limiter
    }

    /// The request for `items`; None while there is no key.
    pub fn build(&self, vendor: &Vendor, items: &[Item]) -> Option<Result<Request, BuildError>> {
        let key = self.keys.of(vendor.product)?;
        let account = Account {
            base_url: &vendor.base_url,
            key,
            options: &vendor.options,
        };
        Some(vendors::request(vendor.product, &account, items))
    }

    /// The free question about `item`; None while there is no key, or where the vendor has none.
    pub fn build_question(&self, vendor: &Vendor, item: &Item) -> Option<Request> {
        let key = self.keys.of(vendor.product)?;
        vendors::poll_request(
            vendor.product,
            &Account {
                base_url: &vendor.base_url,
                key,
                options: &vendor.options,
            },
            item,
        )
    }

    /// Hands a request to the network thread. Its slot was taken from the limiter before.
    pub fn dispatch(&mut self, flight: Flight, request: Request) -> Result<(), Error> {
        let ticket = self.take_ticket();
        let timeout_ms = flight.vendor.timeout_ms;
        self.flights.insert(ticket, flight);
        self.post(ticket, request, timeout_ms)
    }

    /// The same for the campaign stage.
    pub fn dispatch_errand(
        &mut self,
        errand: Errand,
        request: HttpRequest,
        timeout_ms: u64,
    ) -> Result<(), Error> {
        let ticket = self.take_ticket();
        self.campaign.started(ticket, errand);
        self.post(ticket, request.into(), timeout_ms)
    }

    fn take_ticket(&mut self) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        ticket
    }

    fn post(&self, ticket: u64, request: Request, timeout_ms: u64) -> Result<(), Error> {
        let timeout = Duration::from_millis(timeout_ms);
        self.network
            .send(Outgoing {
                ticket,
                request,
                timeout,
                body_limit: BODY_LIMIT,
            })
            .map_err(|_| Error::Internal("the network thread has ended".into()))
    }

    /// Purchases whose free question is under way.
    pub fn asking(&self) -> Vec<i64> {
        let asks = self
            .flights
            .values()
            .filter(|flight| flight.purpose == Purpose::Ask);
        asks.flat_map(|flight| flight.call_ids.iter().copied())
            .collect()
    }

    /// Is this purchase on its way, or back and not stored yet?
    pub fn is_under_way(&self, call: i64) -> bool {
        let landed = self.landed.iter().map(|landed| &landed.flight);
        self.flights
            .values()
            .chain(landed)
            .any(|flight| flight.call_ids.contains(&call))
    }

    /// Notes how a purchase ended; true when its vendor must be left alone for a while.
    pub fn note_end(&mut self, vendor: &Vendor, failed: bool) -> bool {
        let is_probe = vendor.pauses > 0;
        let limiter = self.limiter(vendor);
        limiter.note_end(failed) || (failed && is_probe)
    }

    /// A request ended: its slot is free again.
    pub fn land(&mut self, ticket: u64) -> Option<Flight> {
        let flight = self.flights.remove(&ticket)?;
        if let Some(limiter) = self.limits.get_mut(&flight.product) {
            limiter.landed();
        }
        Some(flight)
    }

    /// Is a heartbeat due? Seldom while it is busy, and at once when it starts to wait for something else.
    pub fn must_beat(&mut self, waiting_for: Option<&str>) -> bool {
        let is_news = self.waiting_for.as_deref() != waiting_for;
        let due = is_news
            || self
                .last_beat
                .is_none_or(|at| at.elapsed() > Duration::from_secs(10));
        if due {
            self.last_beat = Some(Instant::now());
            self.waiting_for = waiting_for.map(str::to_string);
        }
        due
    }

    /// Did any cap change since the last time, or a vendor stop for good or start again? `campaigns`: their spend caps, in
    /// any words.
    pub fn caps_changed(&mut self, vendors: &[Vendor], campaigns: &str) -> bool {
        let mut caps = format!(
            "{:?}|{}|{campaigns}",
            settings::daily_spend_cap(),
            settings::budget_timezone()
        );
        for vendor in vendors {
            caps.push_str(&format!(
                "|{}:{}:{:?}:{:?}:{:?}",
                vendor.name(),
                vendor.paused_for.is_infinite(),
                vendor.daily_call_cap,
                vendor.daily_spend_cap,
                vendor.unit_price
            ));
        }
        let changed = self.known_caps != caps;
        self.known_caps = caps;
        changed
    }
}
