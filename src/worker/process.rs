//! The worker as a PostgreSQL process: settings of its session, signals, latch, what it shows of itself.

use std::ffi::CString;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use pgrx::bgworkers::BackgroundWorker;
use pgrx::prelude::*;

use super::session::Session;

pub fn set(name: &str, value: &str) {
    let (Ok(name), Ok(value)) = (CString::new(name), CString::new(value)) else {
        return;
    };
    // SAFETY: both strings end in NUL and live across the call, which copies them.
    unsafe {
        pg_sys::SetConfigOption(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_SESSION,
        );
    }
}

pub fn must_stop() -> bool {
    // SAFETY: a flag set by the signal handler; the single truth about stopping.
    unsafe { (&raw const pg_sys::ShutdownRequestPending).read_volatile() != 0 }
}

pub fn report_doing(doing: &str) {
    let Ok(text) = CString::new(doing) else {
        return;
    };
    // SAFETY: the string ends in NUL and is copied by the call.
    unsafe { pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_IDLE, text.as_ptr()) }
}

pub fn reload_if_asked(session: Option<&mut Session>) {
    if BackgroundWorker::sighup_received() {
        // SAFETY: the worker's main thread, outside a transaction, as PostgreSQL's own workers do it.
        unsafe {
            (&raw mut pg_sys::ConfigReloadPending).write_volatile(0);
            pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
        }
        if let Some(session) = session {
            session.read_keys();
            session.pruned_at = None;
        }
    }
}

/// Sleeps until the latch is set, an answer arrives, the time is over, or the postmaster dies.
pub fn wait(session: Option<&Session>, time: Duration) {
    let mut events = pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH;
    let socket = match session {
        Some(session) => {
            events |= pg_sys::WL_SOCKET_READABLE;
            session.network.wake_socket()
        }
        None => -1,
    };
    let time = report_statistics().map_or(time, |pause| pause.min(time));
    let milliseconds = i64::try_from(time.as_millis()).unwrap_or(1000).max(1);
    // SAFETY: MyLatch is this process's own latch; the socket lives as long as the session. A stop that is asked
    // for between the loop's test and this call has set the latch, so the wait ends at once.
    unsafe {
        if must_stop() {
            return;
        }
        pg_sys::WaitLatchOrSocket(
            pg_sys::MyLatch,
            events as i32,
            socket,
            milliseconds,
            pg_sys::PG_WAIT_EXTENSION,
        );
        pg_sys::ResetLatch(pg_sys::MyLatch);
    }
}

/// Reports what was written to the statistics that autovacuum goes by, at most once a second. When to do it again, if
/// something is left: a worker that sleeps through would keep its last writes to itself.
fn report_statistics() -> Option<Duration> {
    // SAFETY: the worker's main thread, outside a transaction.
    let pause = unsafe { pg_sys::pgstat_report_stat(false) };
    let pause = u64::try_from(pause).ok().filter(|pause| *pause > 0)?;
    Some(Duration::from_millis(pause))
}

/// Lets other processes' barriers through (DROP DATABASE waits for them); a cancelled query is nobody's here.
pub fn serve_interrupts() {
    PgTryBuilder::new(AssertUnwindSafe(|| {
        pgrx::check_for_interrupts!();
    }))
    .catch_when(PgSqlErrorCode::ERRCODE_QUERY_CANCELED, |_| ())
    .execute();
}
