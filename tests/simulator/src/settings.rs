//! How one simulator is set up.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bill::Prices;

/// Everything the command line can say.
#[derive(Clone, Debug)]
pub struct Settings {
    pub seed: u64,
    pub properties: usize,
    pub zips: Vec<String>,
    /// Time that every request takes: half before it is billed, half after.
    pub latency: Duration,
    pub page_order: PageOrder,
    pub replay: Replay,
    pub hlr_envelope: HlrEnvelope,
    pub keys: Keys,
    pub prices: Prices,
    /// Prices per data set, in millionths of a dollar; empty for one price per record.
    pub dataset_prices: BTreeMap<String, u64>,
    /// How often a slow verification must be asked for until it is settled.
    pub pending_polls: u32,
    pub instantly_credits: u64,
    pub unknown_lead_fields: UnknownFields,
    pub event_order: EventOrder,
}

/// The order of a search without `sort`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageOrder {
    #[default]
    Newest,
    Oldest,
}

/// What a repeated idempotency key gets. The vendor's text leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replay {
    #[default]
    SamePage,
    EmptyPage,
}

/// Where hlrlookup.com puts its results: its documentation and its users disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HlrEnvelope {
    #[default]
    TopLevel,
    Body,
}

/// What happens to a lead's unknown fields. The documentation leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownFields {
    #[default]
    Reject,
    Drop,
}

/// In which order Instantly lists webhook events. The documentation leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventOrder {
    #[default]
    OldestFirst,
    NewestFirst,
}

/// The credentials that are accepted, and no others.
#[derive(Clone, Debug)]
pub struct Keys {
    pub batchdata: String,
    pub melissa: String,
    pub instantly: String,
    /// `project:token`.
    pub signalwire: String,
    /// `key:secret`.
    pub hlr: String,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            batchdata: "simulator-batchdata-key-0000000000000000000".to_owned(),
            melissa: "simulator-melissa-key".to_owned(),
            instantly: "simulator-instantly-key".to_owned(),
            signalwire: "simulator-project:simulator-token".to_owned(),
            hlr: "simulator-hlr-key:simulator-hlr-secret".to_owned(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 42,
            properties: 3000,
            zips: Vec::new(),
            latency: Duration::ZERO,
            page_order: PageOrder::default(),
            replay: Replay::default(),
            hlr_envelope: HlrEnvelope::default(),
            keys: Keys::default(),
            prices: Prices::new(),
            dataset_prices: BTreeMap::new(),
            pending_polls: 2,
            instantly_credits: 1_000_000,
            unknown_lead_fields: UnknownFields::default(),
            event_order: EventOrder::default(),
        }
    }
}
