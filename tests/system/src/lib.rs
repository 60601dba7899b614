//! Runs the whole system for tests and for the demo: a private PostgreSQL cluster with the extension, and the
//! vendor simulator.
//!
//! Nothing of the machine's own servers is touched: the server's programs are copied beside the built extension
//! into a directory of its own, which goes when the cluster goes, also after a panic. Waits are for conditions,
//! never for times.

pub mod account;
pub mod cluster;
pub mod dumps;
pub mod gate;
pub mod ledger;
pub mod midnight;
pub mod pipeline;
pub mod scratch;
pub mod seed;
pub mod server_files;
pub mod session;
pub mod strike;
pub mod truth;
pub mod wait;

/// Why a step of the harness failed, for people.
pub struct Failure(Box<dyn std::error::Error + Send + Sync>);
/// The outcome of a step of the harness.
pub type Outcome<T = ()> = Result<T, Failure>;

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The text as it is: a test that returns a failure shows it this way.
impl std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Fails with a text unless a condition holds.
pub fn ensure(condition: bool, why: impl Into<String>) -> Outcome {
    if condition {
        Ok(())
    } else {
        Err(why.into().into())
    }
}
