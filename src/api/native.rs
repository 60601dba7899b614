//! Functions that Postgres calls without pgrx's conversions: text is read where it lies, and as UTF-8 whatever the
//! encoding of the database.

use pgrx::prelude::*;

use crate::store::text::{server_text, stores_utf8};
use crate::store::varlena;

/// Exports a function that reads its call by itself, under the name that sql/install declares.
macro_rules! native_function {
    ($name:ident, $info:ident, $body:path) => {
        /// Tells Postgres how the function is called.
        #[unsafe(no_mangle)]
        pub extern "C" fn $info() -> &'static pgrx::pg_sys::Pg_finfo_record {
            const VERSION_1: pgrx::pg_sys::Pg_finfo_record =
                pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
            &VERSION_1
        }

        /// Called by Postgres.
        ///
        /// # Safety
        /// `call` is what Postgres passes to a function declared as sql/install does.
        #[unsafe(no_mangle)]
        #[pgrx::pg_guard]
        pub unsafe extern "C-unwind" fn $name(
            call: pgrx::pg_sys::FunctionCallInfo,
        ) -> pgrx::pg_sys::Datum {
            // SAFETY: the caller's promise.
            unsafe { $body(call) }
        }
    };
}
pub(super) use native_function;

/// A text argument; None for NULL.
///
/// # Safety
/// The function takes more than `n` arguments, and this one is of type text. The text lives as long as the call.
pub unsafe fn text_argument<'call>(call: pg_sys::FunctionCallInfo, n: usize) -> Option<&'call str> {
    // SAFETY: the caller's promise.
    unsafe {
        let argument = (*call).args.as_slice(n + 1)[n];
        (!argument.isnull).then(|| utf8(argument.value))
    }
}

/// The text of a datum, in UTF-8; an error where a database without an encoding holds something else.
///
/// # Safety
/// A datum of type text that is not NULL. The text lives as long as the memory of the call, and as the datum.
pub unsafe fn utf8<'call>(datum: pg_sys::Datum) -> &'call str {
    const UTF8: i32 = pg_sys::pg_enc::PG_UTF8 as i32;
    // SAFETY: the caller's promise; a converted text ends with a NUL, and is valid where conversion succeeded.
    unsafe {
        let stored = varlena::unpacked(datum);
        if stored.is_ascii() || stores_utf8() {
            return std::str::from_utf8_unchecked(stored);
        }
        let start = stored.as_ptr().cast();
        let length = i32::try_from(stored.len()).unwrap_or(i32::MAX);
        let converted = pg_sys::pg_server_to_any(start, length, UTF8);
        if std::ptr::eq(converted, start) {
            return std::str::from_utf8_unchecked(stored);
        }
        std::str::from_utf8_unchecked(std::ffi::CStr::from_ptr(converted).to_bytes())
    }
}

/// Returns a text, in the encoding of the database, or NULL.
///
/// # Safety
/// Inside a call of a function that returns text.
pub unsafe fn return_text(call: pg_sys::FunctionCallInfo, text: Option<&str>) -> pg_sys::Datum {
    let Some(text) = text else {
        // SAFETY: the caller's promise.
        unsafe { (*call).isnull = true };
        return pg_sys::Datum::null();
    };
    server_text(text)
}

/// A datum of type text[] from datums of type text.
pub fn text_array(texts: &mut [pg_sys::Datum]) -> pg_sys::Datum {
    let count = i32::try_from(texts.len()).unwrap_or(i32::MAX);
    // SAFETY: `count` datums of type text, none of them NULL.
    unsafe {
        pg_sys::Datum::from(pg_sys::construct_array(
            texts.as_mut_ptr(),
            count,
            pg_sys::TEXTOID,
            -1,
            false,
            pg_sys::TYPALIGN_INT as std::ffi::c_char,
        ))
    }
}
