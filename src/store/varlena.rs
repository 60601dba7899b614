//! Values of variable length where they lie.

use pgrx::{pg_sys, varatt_is_1b_e, varatt_is_4b_c, varlena_to_byte_slice};

/// What a datum holds, behind its header; None: it is compressed or lies elsewhere.
///
/// # Safety
/// A datum of a type of variable length that is not NULL and outlives what is returned.
pub unsafe fn plain<'a>(datum: pg_sys::Datum) -> Option<&'a [u8]> {
    let stored: *const pg_sys::varlena = datum.cast_mut_ptr();
    // SAFETY: the caller's promise.
    unsafe {
        let is_elsewhere = varatt_is_1b_e(stored) || varatt_is_4b_c(stored);
        (!is_elsewhere).then(|| varlena_to_byte_slice(stored))
    }
}

/// What a datum holds, behind its header, whether it is compressed, lies elsewhere, or neither.
///
/// # Safety
/// As for `plain`, and the current memory context outlives what is returned.
pub unsafe fn unpacked<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe {
        plain(datum).unwrap_or_else(|| {
            varlena_to_byte_slice(pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr()))
        })
    }
}
