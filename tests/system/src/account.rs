//! The user that runs the server: PostgreSQL refuses to run as root.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::Outcome;

/// Whom the server and its files belong to.
#[derive(Clone, Copy, Debug)]
pub enum Account {
    /// The caller, who is not root.
    Caller,
    /// The user `postgres`, because the caller is root.
    Postgres { uid: u32, gid: u32 },
}

impl Account {
    /// The caller, or `postgres` for root.
    pub fn choose() -> Outcome<Self> {
        // SAFETY: geteuid has no preconditions and cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            return Ok(Self::Caller);
        }
        let users = std::fs::read_to_string("/etc/passwd")?;
        let fields = users
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.first() == Some(&"postgres"))
            .ok_or("root needs a user postgres to run the server as")?;
        let number = |at: usize| fields.get(at).and_then(|text| text.parse().ok());
        match (number(2), number(3)) {
            (Some(uid), Some(gid)) => Ok(Self::Postgres { uid, gid }),
            _ => Err("/etc/passwd: the user postgres has no numbers".into()),
        }
    }

    /// Hands a file or directory over to the server's user.
    pub fn own(self, path: &Path) -> Outcome {
        if let Self::Postgres { uid, gid } = self {
            std::os::unix::fs::chown(path, Some(uid), Some(gid))?;
        }
        Ok(())
    }

    /// A program of the server's, run as its user, without the caller's own PostgreSQL settings.
    pub fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command
            .env("LC_ALL", "C.UTF-8")
            .env("RUST_BACKTRACE", "0")
            .current_dir("/");
        if let Self::Postgres { uid, gid } = self {
            command.uid(uid).gid(gid).env("HOME", "/");
        }
        command
    }
}
