//! What every row of `leads` must hold, in one CHECK: PostgreSQL reads the expression of each one anew for each statement,
//! which for three of them took a fifth of an upsert.

use pgrx::prelude::*;
use pgrx::varlena_to_byte_slice;

use super::native::native_function;
use crate::store::scored::compare;

const OLDEST: i32 = 150;

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
        given(0).is_none_or(|score| is_score(score))
            && given(1).is_none_or(|age| (0..=OLDEST).contains(&(age.value() as i32)))
            && given(2).is_none_or(|custom| is_object(custom))
    };
    pg_sys::Datum::from(fits)
}

/// # Safety
/// A datum of type numeric.
unsafe fn is_score(score: pg_sys::Datum) -> bool {
    // SAFETY: the caller's promise.
    let stored =
        unsafe { varlena_to_byte_slice(pg_sys::pg_detoast_datum_packed(score.cast_mut_ptr())) };
    // New leads have none: zero is a header without digits, and so are infinity and NaN (src/backend/utils/adt/numeric.c).
    const SPECIAL: u16 = 0xC000;
    if let [low, high] = stored
        && u16::from_ne_bytes([*low, *high]) & SPECIAL != SPECIAL
    {
        return true;
    }
    compare(pg_sys::numeric_ge, score, 0) && compare(pg_sys::numeric_le, score, 100)
}

/// # Safety
/// A datum of type jsonb.
unsafe fn is_object(value: pg_sys::Datum) -> bool {
    const HEADER: i32 = size_of::<u32>() as i32;
    // SAFETY: the caller's promise; the header stands first.
    unsafe {
        let start = pg_sys::pg_detoast_datum_slice(value.cast_mut_ptr(), 0, HEADER);
        let header = varlena_to_byte_slice(start).first_chunk();
        header.is_some_and(|bytes| u32::from_ne_bytes(*bytes) & pg_sys::JB_FOBJECT != 0)
    }
}
