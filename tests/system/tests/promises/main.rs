//! The promises of the whole system, each kept or broken on a real server with simulated vendors.
//!
//! `EQUITY_SEED` chooses another seed, `EQUITY_KILLS` the number of kills.

mod batches;
mod bulk;
mod campaigns;
mod caps;
mod caps_of_payers;
mod circuit;
mod copies;
mod direct_writes;
mod doubts;
mod dump_and_restore;
mod failed_work;
mod flags;
mod identity_under_fire;
mod input;
mod kill_matrix;
mod kill_worker;
mod locked_rows;
mod main_job;
mod merges;
mod naive_designs;
mod numbers;
mod opt_out_sequences;
mod opt_outs;
mod pruning;
mod pull;
mod readme;
mod same_hash;
mod secrets;
mod signals;
mod specification;
mod vendor_weather;
mod verifiers;
mod waiting;
mod without_preload;
