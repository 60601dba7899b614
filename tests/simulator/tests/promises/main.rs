//! What the simulator promises: each dialect as documented, and a bill that can be trusted.

mod any_input;
mod bill_and_faults;
mod campaigns;
mod customer;
mod email_verification;
mod mail_servers;
mod melissa;
mod phone_verification;
mod property_search;
mod sessions_and_cursors;
mod skip_trace;
mod wire;
