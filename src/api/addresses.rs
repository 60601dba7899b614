//! Pure functions on addresses and queries.

use pgrx::JsonB;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use crate::address::{self, AddressParts, CanonicalAddress};
use crate::canonical;
use crate::error::Error;

#[pg_extern(sql = false, volatile, parallel_safe)]
fn new_lead_id() -> pgrx::Uuid {
    pgrx::Uuid::from_bytes(uuid::Uuid::now_v7().into_bytes())
}

#[pg_extern(sql = false, immutable, parallel_safe)]
fn normalize_zip(zip: &str) -> Option<String> {
    address::normalize_zip(zip).map(|zip| zip.as_str().to_string())
}

fn canonical(
    line1: Option<&str>,
    city: Option<&str>,
    state: Option<&str>,
    zip: Option<&str>,
) -> Option<CanonicalAddress> {
    address::canonical(&AddressParts {
        line1,
        line2: None,
        city,
        state,
        zip,
    })
}

#[pg_extern(sql = false, immutable, parallel_safe)]
fn compute_addr_hash(
    line1: Option<&str>,
    city: Option<&str>,
    state: Option<&str>,
    zip: Option<&str>,
) -> Option<String> {
    canonical(line1, city, state, zip).map(|address| address.hash_hex())
}

#[pg_extern(sql = false, immutable, parallel_safe)]
fn canonical_address(
    line1: Option<&str>,
    city: Option<&str>,
    state: Option<&str>,
    zip: Option<&str>,
) -> Option<String> {
    canonical(line1, city, state, zip).map(|address| address.text().to_string())
}

#[pg_extern(sql = false, immutable, parallel_safe)]
fn normalizer_version() -> i32 {
    address::NORMALIZER_VERSION
}

#[pg_extern(sql = false, immutable, parallel_safe)]
fn compute_query_sig(params: JsonB) -> Result<String, ErrorReport> {
    Ok(canonical::query_sig(&params.0).map_err(|_| not_an_object())?)
}

pub(super) fn not_an_object() -> Error {
    Error::bad_argument(
        "the parameters of a query must be a JSON object",
        "Pass an object such as {\"zip_codes\": [\"90028\"]}.",
    )
}
