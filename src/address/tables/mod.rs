//! The rules of the address normaliser as data: one table a file, each with its source.

pub(super) mod directionals;
pub(super) mod highways;
pub(super) mod lookup;
pub(super) mod meanings;
pub(super) mod ordinals;
pub(super) mod states;
pub(super) mod suffixes;
pub(super) mod symbols;
pub(super) mod units;
