//! The only SQL text outside `sql/`, and the only use of SPI. One file per group of tables.
//!
//! Table names are bare: every SQL function of ours, and the worker's session, runs with
//! `search_path = <extension's schema>, pg_temp`.
//!
//! Rows of `leads` are also read and written below SPI, where a statement would take several times as long as the rows:
//! `scored`, `sightings` and `new_leads`.

pub mod at_hand;
pub mod budgets;
pub mod bulk;
pub mod calls;
pub mod campaign_tool;
pub mod campaigns;
mod columns;
pub mod deliveries;
pub mod dlq;
pub mod erasure;
pub mod groups;
pub mod identity;
pub mod jobs;
pub mod jsonb;
pub mod lead_status;
pub mod lead_values;
pub mod leads;
pub mod matches;
pub mod merges;
pub mod new_leads;
pub mod numeric;
pub mod open_leads;
pub mod owner;
pub mod plan;
pub mod pruning;
pub mod pulls;
pub mod recognition;
pub mod references;
pub mod replays;
pub mod scopes;
pub mod scored;
pub mod search_path;
pub mod settlement;
pub mod sightings;
pub mod subtransaction;
pub mod suppressions;
pub mod sweeps;
pub mod text;
pub mod track_records;
pub mod varlena;
pub mod vendor_bills;
pub mod vendors;
pub mod worker_state;

use pgrx::spi::{Spi, SpiClient};

use crate::error::Error;

/// An open SPI connection.
pub type Db<'conn> = SpiClient<'conn>;

/// Opens SPI for `work`; results of its statements live until it returns.
pub fn connect<R>(work: impl FnOnce(&mut Db<'_>) -> Result<R, Error>) -> Result<R, Error> {
    Spi::connect_mut(work)
}
