//! The command line and the settings it stands for.

use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::bill::micros;
use crate::settings::{EventOrder, HlrEnvelope, Keys, PageOrder, Replay, Settings, UnknownFields};
use crate::vendor::Vendor;

/// Speaks every data vendor's dialect over a made-up world, and keeps the bill.
#[derive(Debug, Parser)]
#[command(name = "equity_simulator")]
pub struct CommandLine {
    /// Port on the loopback address; 0 for any free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// The world's seed
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Distinct properties of the world
    #[arg(long, default_value_t = 3000)]
    properties: usize,
    /// ZIP codes of the world, joined by commas; without it a table of real ones
    #[arg(long, value_delimiter = ',', value_parser = zip)]
    zips: Vec<String>,
    /// Milliseconds that every vendor request takes
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Order of a search without `sort`
    #[arg(long, value_enum, default_value_t = Order::Newest)]
    page_order: Order,
    /// What a repeated idempotency key gets
    #[arg(long, value_enum, default_value_t = Repeat::SamePage)]
    replay: Repeat,
    /// Where hlrlookup.com puts its results
    #[arg(long, value_enum, default_value_t = Envelope::TopLevel)]
    hlr_envelope: Envelope,
    /// In which order webhook events are listed
    #[arg(long, value_enum, default_value_t = Events::OldestFirst)]
    event_order: Events,
    /// What happens to unknown fields of a campaign lead
    #[arg(long, value_enum, default_value_t = Unknown::Reject)]
    unknown_lead_fields: Unknown,
    /// Price of one unit in dollars, as melissa=0.05; may be given several times
    #[arg(long, value_name = "VENDOR=DOLLARS", value_parser = price)]
    price: Vec<(Vendor, u64)>,
    /// Price per record of one search data set in dollars, as basic=0.01
    #[arg(long, value_name = "DATASET=DOLLARS", value_parser = named_price)]
    dataset_price: Vec<(String, u64)>,
    /// Times that a slow e-mail verification must be asked for
    #[arg(long, default_value_t = 2)]
    pending_polls: u32,
    /// Verification credits at the start
    #[arg(long, default_value_t = 1_000_000)]
    instantly_credits: u64,
    /// Accepted BatchData token
    #[arg(long, default_value_t = Keys::default().batchdata)]
    batchdata_key: String,
    /// Accepted Melissa licence key
    #[arg(long, default_value_t = Keys::default().melissa)]
    melissa_key: String,
    /// Accepted Instantly key
    #[arg(long, default_value_t = Keys::default().instantly)]
    instantly_key: String,
    /// Accepted SignalWire project and token
    #[arg(long, value_name = "PROJECT:TOKEN", default_value_t = Keys::default().signalwire)]
    signalwire_key: String,
    /// Accepted hlrlookup.com key and secret
    #[arg(long, value_name = "KEY:SECRET", default_value_t = Keys::default().hlr)]
    hlr_key: String,
    /// Stop when standard input is closed
    #[arg(long)]
    pub stop_with_stdin: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Order {
    Newest,
    Oldest,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Repeat {
    SamePage,
    EmptyPage,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Envelope {
    TopLevel,
    Body,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Events {
    OldestFirst,
    NewestFirst,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Unknown {
    Reject,
    Drop,
}

impl From<CommandLine> for Settings {
    fn from(given: CommandLine) -> Self {
        Self {
            seed: given.seed,
            properties: given.properties,
            zips: given.zips,
            latency: Duration::from_millis(given.latency_ms),
            page_order: match given.page_order {
                Order::Newest => PageOrder::Newest,
                Order::Oldest => PageOrder::Oldest,
            },
            replay: match given.replay {
                Repeat::SamePage => Replay::SamePage,
                Repeat::EmptyPage => Replay::EmptyPage,
            },
            hlr_envelope: match given.hlr_envelope {
                Envelope::TopLevel => HlrEnvelope::TopLevel,
                Envelope::Body => HlrEnvelope::Body,
            },
            event_order: match given.event_order {
                Events::OldestFirst => EventOrder::OldestFirst,
                Events::NewestFirst => EventOrder::NewestFirst,
            },
            unknown_lead_fields: match given.unknown_lead_fields {
                Unknown::Reject => UnknownFields::Reject,
                Unknown::Drop => UnknownFields::Drop,
            },
            keys: Keys {
                batchdata: given.batchdata_key,
                melissa: given.melissa_key,
                instantly: given.instantly_key,
                signalwire: given.signalwire_key,
                hlr: given.hlr_key,
            },
            prices: given.price.into_iter().collect(),
            dataset_prices: given.dataset_price.into_iter().collect(),
            pending_polls: given.pending_polls,
            instantly_credits: given.instantly_credits,
        }
    }
}

fn zip(text: &str) -> Result<String, String> {
    let place = crate::world::places::place(text.trim());
    place
        .map(|place| place.zip)
        .ok_or_else(|| "a ZIP code has five digits".to_owned())
}

fn named_price(text: &str) -> Result<(String, u64), String> {
    let parts = text
        .split_once('=')
        .and_then(|(name, price)| Some((name.to_owned(), micros(price)?)));
    parts.ok_or_else(|| "a price is given as name=dollars, with up to six decimals".to_owned())
}

fn price(text: &str) -> Result<(Vendor, u64), String> {
    let (name, price) = named_price(text)?;
    let vendor = Vendor::named(&name).ok_or_else(|| format!("no vendor is called {name}"))?;
    Ok((vendor, price))
}
