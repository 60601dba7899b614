//! The vendor simulator: speaks every vendor's dialect over a made-up world, and keeps the bill.
//!
//! A client cannot tell it from the real vendors except by its URL. It is never kinder than they
//! are: unknown names are refused, keys are checked exactly, a second purchase is billed again.
//! Facts about the vendors come from their public documentation; where that is silent, a setting
//! chooses between the possible behaviours.

pub mod bill;
pub mod body;
pub mod command_line;
pub mod control;
pub mod dialect;
pub mod dice;
pub mod exchange;
pub mod faults;
pub mod limits;
pub mod mail;
pub mod office;
pub mod running;
pub mod server;
pub mod settings;
pub mod simulator;
pub mod stats;
pub mod vendor;
pub mod world;
