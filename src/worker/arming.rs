//! May this cluster spend? A restored dump, a clone or a promoted standby holds the arming of the cluster it was
//! copied from, and waits until a person arms it again.

use std::ffi::CStr;
use std::os::unix::fs::MetadataExt;

use pgrx::pg_sys;

use crate::canonical;
use crate::error::Error;
use crate::store::{Db, worker_state};

/// What tells this cluster from every copy of it: its system identifier, the timeline (a promotion starts a new
/// one), the database's oid (a restore into another database), the very file system entry of its data directory (a
/// copy of the files, running beside or instead of the original), and the place: the directory's path and the
/// machine's id, since a snapshot of the disk, mounted elsewhere or on another machine, has the same entries.
/// The name of the host and the id of its boot are not part of it: they change under a cluster that stays.
pub fn identity() -> Result<String, Error> {
    // SAFETY: set when the server and the session started. The timeline is known outside recovery only, and no
    // worker runs in recovery.
    let (system, timeline, database, data) = unsafe {
        if pg_sys::RecoveryInProgress() {
            let message = "this server is in recovery".to_string();
            let hint = "Ask the primary.";
            return Err(Error::WrongState { message, hint });
        }
        let data = CStr::from_ptr(pg_sys::DataDir)
            .to_string_lossy()
            .into_owned();
        (
            pg_sys::GetSystemIdentifier(),
            pg_sys::GetWALInsertionTimeLine(),
            pg_sys::MyDatabaseId.to_u32(),
            data,
        )
    };
    let unreadable = |error: std::io::Error| {
        let kind = error.kind();
        Error::Internal(format!("the data directory cannot be read: {kind}"))
    };
    let path = std::fs::canonicalize(&data).map_err(unreadable)?;
    let entry = std::fs::metadata(path.join("PG_VERSION")).map_err(unreadable)?;
    let place = canonical::keyed_hash(
        machine_id().as_bytes(),
        &["data directory", &path.to_string_lossy()],
    );
    Ok(format!(
        "{system}/{timeline}/{database}/{}.{}.{}/{}",
        entry.ino(),
        entry.mtime(),
        entry.mtime_nsec(),
        place.get(..16).unwrap_or(&place)
    ))
}

/// Of this installation of the operating system (machine-id(5)); empty where there is none, as in many containers.
/// Not to be shown as it is, so it only goes into a hash.
fn machine_id() -> String {
    let text = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    text.trim().to_string()
}

/// Whether the worker may spend, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arming {
    Armed,
    /// Nobody has called arm_spending() yet, or somebody called disarm_spending().
    NotArmed,
    /// The database was copied from the cluster that was armed.
    OtherCluster,
    /// A standby neither spends nor has a worker.
    InRecovery,
}

pub fn state(db: &Db<'_>) -> Result<Arming, Error> {
    // SAFETY: reads a flag in shared memory.
    if unsafe { pg_sys::RecoveryInProgress() } {
        return Ok(Arming::InRecovery);
    }
    let armed = worker_state::read(db)?.armed_identity;
    Ok(match armed {
        None => Arming::NotArmed,
        Some(armed) if armed == identity()? => Arming::Armed,
        Some(_) => Arming::OtherCluster,
    })
}

impl Arming {
    /// What a person reads in `worker_status()`.
    pub fn problem(self) -> Option<&'static str> {
        match self {
            Self::Armed => None,
            Self::NotArmed => Some("spending is not armed"),
            Self::InRecovery => Some("this server is in recovery"),
            Self::OtherCluster => {
                Some("this database is a copy: spending was armed on another cluster")
            }
        }
    }
}
