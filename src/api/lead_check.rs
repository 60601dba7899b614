//! What every row of `leads` must hold, in one CHECK: PostgreSQL reads the expression of each one anew for each statement,
//! which for three of them took a fifth of an upsert.

use pgrx::prelude::*;

use super::native::native_function;
use crate::store::lead_values;

native_function!(
    lead_values_fit_wrapper,
    pg_finfo_lead_values_fit_wrapper,
    lead_values_fit
);

/// A score from 0 to 100, an age from 0 to 150, and an object as the user's own data; NULL fits.
///
/// # Safety
/// Called by Postgres for a function declared as `lead_values_fit(numeric, integer, jsonb)` that returns boolean.
unsafe fn lead_values_fit(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the caller's promise.
    let fits = unsafe {
        let arguments = (*call).args.as_slice(3);
        let given = |n: usize| (!arguments[n].isnull).then(|| arguments[n].value);
        lead_values::fit(given(0), given(1), given(2))
    };
    pg_sys::Datum::from(fits)
}
