//! Shared memory: which process is the worker of which database, and waking it.
//!
//! Plain numbers only, and nothing durable: it is gone at a restart. Without preload it does not exist, and
//! every access asks first.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use pgrx::prelude::*;
use pgrx::{PgLwLock, PgXactCallbackEvent, pg_shmem_init, register_xact_callback};

/// As many workers as there can be; PostgreSQL's own limit is max_worker_processes.
pub const MOST_DATABASES: usize = 32;

#[derive(Clone, Copy, Default)]
pub struct Seats {
    /// Database oid and process id; 0: free.
    seats: [(u32, i32); MOST_DATABASES],
}

// SAFETY: an array of plain numbers, without pointers, guarded by its lock.
unsafe impl pgrx::PGRXSharedMemory for Seats {}

// SAFETY: the name is unique in the cluster; it is initialised in _PG_init before any access (see is_preloaded).
static SEATS: PgLwLock<Seats> = unsafe { PgLwLock::new(c"equity_connect_workers") };

static PRELOADED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static WILL_WAKE: Cell<bool> = const { Cell::new(false) };
}

/// Asks for the shared memory; only while shared_preload_libraries is processed.
pub fn init() {
    pg_shmem_init!(SEATS);
    PRELOADED.store(true, Ordering::SeqCst);
}

/// Was the library loaded by shared_preload_libraries? Only then are there workers.
pub fn is_preloaded() -> bool {
    PRELOADED.load(Ordering::SeqCst)
}

/// The worker of this process's database takes its seat. `seat`: its number among the configured databases.
pub fn take_seat(seat: usize) {
    // SAFETY: both are set once a worker is connected to its database.
    let (database, pid) = unsafe { (pg_sys::MyDatabaseId.to_u32(), pg_sys::MyProcPid) };
    if let Some(place) = SEATS.exclusive().seats.get_mut(seat) {
        *place = (database, pid);
    }
}

fn worker_pid() -> Option<i32> {
    // SAFETY: a backend's own database, set at its start.
    let database = unsafe { pg_sys::MyDatabaseId.to_u32() };
    SEATS
        .share()
        .seats
        .iter()
        .find(|(oid, pid)| *oid == database && *pid != 0)
        .map(|(_, pid)| *pid)
}

/// Wakes this database's worker when the transaction commits; once per transaction, and not at all if it aborts.
/// False: there is no worker to wake (it will find the work when it starts).
pub fn wake_at_commit() -> bool {
    if !is_preloaded() {
        return false;
    }
    let Some(pid) = worker_pid() else {
        return false;
    };
    if !WILL_WAKE.replace(true) {
        register_xact_callback(PgXactCallbackEvent::Commit, move || {
            WILL_WAKE.set(false);
            // SAFETY: BackendPidGetProc returns NULL or an entry of the process array, which lives as long as the
            // server; a latch set by mistake (the pid was reused this moment) is a wake-up too many, no more.
            unsafe {
                let process = pg_sys::BackendPidGetProc(pid);
                if !process.is_null() {
                    pg_sys::SetLatch(&raw mut (*process).procLatch);
                }
            }
        });
        // A prepared transaction wakes nobody: whoever commits it is another one.
        for end in [PgXactCallbackEvent::Abort, PgXactCallbackEvent::Prepare] {
            register_xact_callback(end, || WILL_WAKE.set(false));
        }
    }
    true
}
