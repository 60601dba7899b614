//! Named instants at which a test can hold the worker still, to strike it exactly there.
//!
//! Only in builds with debug assertions, which the release profile has not: there `reached` is empty, and the
//! benchmark, which runs the release build, looks that no trace of this is left in the library. A test names the
//! point in the file `equity_stop_at` of the data directory; the worker that reaches it says so in
//! `equity_stopped_at` and serves nothing and nobody until the first file is gone.

/// The instants, in the order of the protocol.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(debug_assertions), allow(dead_code))]
pub enum Point {
    /// The reservation is committed, nothing is sent.
    Reserved,
    /// `sending` is committed, nothing is handed to the network.
    Sending,
    /// The answer is in memory only.
    Answered,
    /// The answer is written, and not committed.
    Storing,
    /// The answer is committed, and not applied.
    Stored,
    /// The answer is applied to its lead, and not committed.
    Applying,
    /// Failed work is put back, and not committed.
    Draining,
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reached(_: Point) {}

#[cfg(debug_assertions)]
pub fn reached(point: Point) {
    use std::time::Duration;

    // SAFETY: set at the server's start and never changed.
    let data = unsafe { std::ffi::CStr::from_ptr(pgrx::pg_sys::DataDir) };
    let data = std::path::PathBuf::from(data.to_string_lossy().into_owned());
    let name = format!("{point:?}");
    let is_asked = || {
        std::fs::read_to_string(data.join("equity_stop_at")).is_ok_and(|text| text.trim() == name)
    };
    if !is_asked() {
        return;
    }
    let told = data.join("equity_stopped_at");
    let _ = std::fs::write(&told, &name);
    while is_asked() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = std::fs::remove_file(&told);
}
