//! Ways to die, and how a cluster comes back from each.

use std::time::Duration;

use fastrand::Rng;

use crate::Outcome;
use crate::cluster::{Stop, signal};
use crate::gate::Gate;
use crate::pipeline::Pipeline;
use crate::wait::{until, until_true};

/// How a buyer is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// SIGKILL of the process that buys.
    KillBuyer,
    /// SIGKILL of a client's backend: the whole server recovers.
    KillBackend,
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
    /// `pg_cancel_backend`.
    Cancel,
    /// `pg_ctl stop -m immediate`, and a new start.
    ImmediateStop,
    /// The vendor cuts every connection.
    Cut,
    /// The buyer can write to no file any more: its next write to the WAL is a PANIC, as on a full disk.
    NoRoom,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::KillBuyer,
        Self::KillBackend,
        Self::Terminate,
        Self::Interrupt,
        Self::Cancel,
        Self::ImmediateStop,
        Self::Cut,
        Self::NoRoom,
    ];

    /// One of them.
    #[must_use]
    pub fn any(rng: &mut Rng) -> Self {
        Self::ALL[rng.usize(0..Self::ALL.len())]
    }
}

/// Strikes. The server may be gone when it returns; see `come_back`.
pub fn strike(pipeline: &mut Pipeline, gate: &Gate, way: Way, buyer: u32) -> Outcome {
    match way {
        Way::KillBuyer => signal(buyer, libc::SIGKILL),
        Way::Terminate => signal(buyer, libc::SIGTERM),
        Way::Interrupt => signal(buyer, libc::SIGINT),
        Way::Cancel => pipeline
            .db
            .run(&format!("SELECT pg_cancel_backend({buyer})")),
        Way::KillBackend => {
            let mut session = pipeline.another_session()?;
            let backend: i32 = session.one("SELECT pg_backend_pid()")?;
            signal(backend.unsigned_abs(), libc::SIGKILL)
        }
        Way::ImmediateStop => pipeline.cluster.stop(Stop::Immediate).map(drop),
        Way::Cut => {
            gate.cut();
            Ok(())
        }
        Way::NoRoom => forbid_writing(pipeline, buyer),
    }
}

/// Waits until a struck worker, or the whole server, is back.
pub fn come_back(pipeline: &mut Pipeline, way: Way, worker: u32) -> Outcome {
    match way {
        Way::KillBuyer | Way::KillBackend | Way::NoRoom => pipeline.wait_for_crash(worker)?,
        Way::ImmediateStop => {
            pipeline.cluster.launch()?;
            pipeline.reconnect()?;
        }
        Way::Terminate => until_true("the worker is gone", Duration::from_secs(15), || {
            Ok(pipeline.worker()? != Some(worker))
        })?,
        Way::Interrupt | Way::Cancel | Way::Cut => {}
    }
    until("the worker runs", Duration::from_secs(30), || {
        pipeline.worker()
    })
    .map(drop)
}

/// No byte may be written to a file by this process; the server ignores the signal that goes with it, and takes the
/// error as it takes a full disk's. As the server's user: nobody else may do that to its processes.
fn forbid_writing(pipeline: &Pipeline, process: u32) -> Outcome {
    let output = pipeline
        .cluster
        .command("prlimit")
        .args(["--pid", &process.to_string(), "--fsize=0:"])
        .output()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("prlimit: {}", String::from_utf8_lossy(&output.stderr)).into())
    }
}
