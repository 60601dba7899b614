//! Text in the encoding of the database.

use pgrx::{pg_sys, set_varsize_4b};

const UTF8: i32 = pg_sys::pg_enc::PG_UTF8 as i32;

unsafe extern "C-unwind" {
    // Raises no error, so it is called without a guard, which would cost more than the call.
    safe fn GetDatabaseEncoding() -> std::ffi::c_int;
}

/// Is what the database stores UTF-8?
pub fn stores_utf8() -> bool {
    GetDatabaseEncoding() == UTF8
}

/// Is what the database stores what it is given, because it converts nothing?
pub fn converts_nothing() -> bool {
    stores_utf8() || GetDatabaseEncoding() == pg_sys::pg_enc::PG_SQL_ASCII as i32
}

/// A UTF-8 text as the server stores it; where it has to be converted, in the current memory context.
pub fn server_bytes(text: &str) -> &[u8] {
    if text.is_ascii() || stores_utf8() {
        return text.as_bytes();
    }
    let length = i32::try_from(text.len()).unwrap_or(i32::MAX);
    // SAFETY: reads `length` bytes; a converted text ends with a NUL, and lives as long as the memory of the call.
    unsafe {
        let start: *const std::ffi::c_char = text.as_ptr().cast();
        let converted = pg_sys::pg_any_to_server(start, length, UTF8);
        if std::ptr::eq(converted, start) {
            text.as_bytes()
        } else {
            std::ffi::CStr::from_ptr(converted).to_bytes()
        }
    }
}

/// A datum of type text, in the encoding of the database.
pub fn server_text(text: &str) -> pg_sys::Datum {
    text_datum(server_bytes(text))
}

fn text_datum(bytes: &[u8]) -> pg_sys::Datum {
    let size = pg_sys::VARHDRSZ + bytes.len();
    // SAFETY: palloc returns room for header and bytes, or raises an error.
    unsafe {
        let stored: *mut pg_sys::varlena = pg_sys::palloc(size).cast();
        set_varsize_4b(stored, i32::try_from(size).unwrap_or(i32::MAX));
        let data: *mut u8 = stored.cast::<u8>().add(pg_sys::VARHDRSZ);
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len());
        pg_sys::Datum::from(stored)
    }
}
