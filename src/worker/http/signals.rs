//! Keeps signals away from the network thread.
//!
//! Postgres's handlers set latches and flags of the main thread's world; a signal that a second thread
//! takes may run them where they must not run, and the main thread would sleep on.

use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;

/// Blocks every signal for the calling thread, and for the threads it starts, until dropped.
pub(super) struct SignalsBlocked {
    before: libc::sigset_t,
    /// The mask belongs to one thread, and so does its restoring.
    not_send: PhantomData<*const ()>,
}

impl SignalsBlocked {
    pub(super) fn new() -> io::Result<Self> {
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: `sigfillset` initialises `all`, and `pthread_sigmask` initialises `before` when it
        // returns 0; both pointers are valid for writing.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            match libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) {
                0 => Ok(Self {
                    before: before.assume_init(),
                    not_send: PhantomData,
                }),
                code => Err(io::Error::from_raw_os_error(code)),
            }
        }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: `before` was filled in by `pthread_sigmask` on this thread.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut());
        }
    }
}
