//! The promises of the whole system, each kept or broken on a real server with simulated vendors.
//!
//! `EQUITY_SEED` chooses another seed, `EQUITY_KILLS` the number of kills.

mod campaigns;
mod caps;
mod dump_and_restore;
mod failed_work;
mod flags;
mod identity_under_fire;
mod input;
mod kill_worker;
mod main_job;
mod merges;
mod opt_out_sequences;
mod opt_outs;
mod pull;
mod readme;
mod secrets;
mod signals;
mod specification;
mod vendor_weather;
mod waiting;
mod without_preload;
