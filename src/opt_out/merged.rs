//! Opt-outs follow the person through a merge and its undoing.

use pgrx::Uuid;

use super::{remember_property, watch};
use crate::error::Error;
use crate::store::Db;
use crate::store::suppressions::{self, Held, Patience, Points};

/// Lets `lead` be opted out as `other` is, for the same cause, so that lifting that opt-out frees both.
pub fn cover(db: &mut Db<'_>, lead: Uuid, other: &Held) -> Result<(), Error> {
    if !other.is_suppressed {
        return Ok(());
    }
    let secret = watch::secret(db)?;
    let hashes = other
        .holder()
        .keys()
        .iter()
        .map(|key| key.hash(&secret))
        .collect();
    let in_force = suppressions::in_force(db, hashes)?;
    let (cause, reason) = match in_force.first() {
        Some(opt_out) => (opt_out.id, opt_out.reason.clone()),
        // A flag on the lead.
        None => (0, other.reason.clone().unwrap_or_default()),
    };
    let Some(held) = suppressions::lock(db, vec![lead], Patience::Waits)?.pop() else {
        return Ok(());
    };
    if !held.is_suppressed {
        suppressions::mark(db, lead, Points::default(), &reason)?;
    }
    remember_property(db, &held, cause, &reason, &secret)
}
