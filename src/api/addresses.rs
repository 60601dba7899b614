//! Pure functions on addresses and queries.

use pgrx::JsonB;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use super::native::{self, native_function};
use crate::address::{self, AddressParts, CanonicalAddress, Hash};
use crate::canonical;
use crate::error::Error;
use crate::store::leads;

#[pg_extern(sql = false, volatile, parallel_safe)]
fn new_lead_id() -> pgrx::Uuid {
    leads::new_id()
}

#[pg_extern(sql = false, immutable, parallel_safe)]
fn normalize_zip(zip: &str) -> Option<String> {
    address::normalize_zip(zip).map(|zip| zip.as_str().to_string())
}

native_function!(
    compute_addr_hash_wrapper,
    pg_finfo_compute_addr_hash_wrapper,
    compute_addr_hash
);
native_function!(
    canonical_address_wrapper,
    pg_finfo_canonical_address_wrapper,
    canonical_address
);

/// # Safety
/// Called by Postgres with the four texts of an address.
unsafe fn compute_addr_hash(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the caller's promise.
    unsafe {
        let hash = address_argument(call).map(|address| address.hash());
        native::return_text(call, hash.as_ref().map(Hash::as_str))
    }
}

/// # Safety
/// Called by Postgres with the four texts of an address.
unsafe fn canonical_address(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the caller's promise.
    unsafe {
        let address = address_argument(call);
        native::return_text(call, address.as_ref().map(CanonicalAddress::text))
    }
}

/// # Safety
/// A call with the four texts of an address.
unsafe fn address_argument(call: pg_sys::FunctionCallInfo) -> Option<CanonicalAddress> {
    // SAFETY: the caller's promise.
    let text = |n| unsafe { native::text_argument(call, n) };
    address::canonical(&AddressParts {
        line1: text(0),
        line2: None,
        city: text(1),
        state: text(2),
        zip: text(3),
    })
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
