//! May this cluster spend? A restored dump, a clone or a promoted standby holds the arming of the cluster it was
//! copied from, and waits until a person arms it again.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::Error;
use crate::store::{Db, worker_state};

/// What tells this cluster from every copy of it: its system identifier, the timeline (a promotion starts a new
/// one), the database's oid (a restore into another database), and the very file system entry of its data
/// directory (a copy of the files, running beside or instead of the original).
pub fn identity(db: &Db<'_>) -> Result<String, Error> {
    let cluster = worker_state::cluster(db)?;
    let version_file = Path::new(&cluster.data_directory).join("PG_VERSION");
    let entry = std::fs::metadata(version_file).map_err(|error| {
        Error::Internal(format!(
            "the data directory cannot be read: {}",
            error.kind()
        ))
    })?;
    Ok(format!(
        "{}/{}/{}/{}.{}.{}",
        cluster.system_identifier,
        cluster.timeline,
        cluster.database,
        entry.ino(),
        entry.mtime(),
        entry.mtime_nsec()
    ))
}

/// Whether the worker may spend, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arming {
    Armed,
    /// Nobody has called arm_spending() yet, or somebody called disarm_spending().
    NotArmed,
    /// The database was copied from the cluster that was armed.
    OtherCluster,
}

pub fn state(db: &Db<'_>) -> Result<Arming, Error> {
    let armed = worker_state::read(db)?.armed_identity;
    Ok(match armed {
        None => Arming::NotArmed,
        Some(armed) if armed == identity(db)? => Arming::Armed,
        Some(_) => Arming::OtherCluster,
    })
}

impl Arming {
    /// What a person reads in `worker_status()`.
    pub fn problem(self) -> Option<&'static str> {
        match self {
            Self::Armed => None,
            Self::NotArmed => Some("spending is not armed"),
            Self::OtherCluster => {
                Some("this database is a copy: spending was armed on another cluster")
            }
        }
    }
}
