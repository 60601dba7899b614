//! A directory that goes when its value goes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Outcome;
use crate::account::Account;

static MADE: AtomicU32 = AtomicU32::new(0);

/// A temporary directory of the server's user. Short by name: a socket's path has at most 107 bytes.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes a fresh one.
    pub fn new(account: Account) -> Outcome<Self> {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("equity-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path)?;
        let scratch = Self { path };
        fs::set_permissions(&scratch.path, fs::Permissions::from_mode(0o700))?;
        account.own(&scratch.path)?;
        Ok(scratch)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
