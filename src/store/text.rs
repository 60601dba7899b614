//! Text in the encoding of the database.

use pgrx::pg_sys;

/// A UTF-8 text as the server stores it; where it has to be converted, in the current memory context.
pub fn server_bytes(text: &str) -> &[u8] {
    const UTF8: i32 = pg_sys::pg_enc::PG_UTF8 as i32;
    // SAFETY: a plain variable of the backend.
    if text.is_ascii() || unsafe { pg_sys::GetDatabaseEncoding() } == UTF8 {
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
