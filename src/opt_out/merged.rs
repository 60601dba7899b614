//! Opt-outs follow the person through a merge and its undoing.

use pgrx::{Uuid, pg_sys};

use super::{remember_property, watch};
use crate::error::Error;
use crate::store::suppressions::{self, Held, Patience, Points};
use crate::store::{self, Db};

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

/// A merge, or its undoing, is about to be committed. An opt-out of what is folded into the lead that came meanwhile found
/// neither the row, which was gone or not committed yet, nor the merge; so it is looked for here, as for every written lead.
pub fn at_commit(kept: Uuid) -> Result<(), Error> {
    store::connect(|db| {
        suppressions::lock_for_commit(db)?;
        // SAFETY: a plain variable of the backend.
        let sees_old_rows_only =
            unsafe { pg_sys::XactIsoLevel } >= pg_sys::XACT_REPEATABLE_READ as i32;
        if sees_old_rows_only && suppressions::is_blind(db)? {
            return Err(Error::Overtaken);
        }
        let Some(lead) = suppressions::lock(db, vec![kept], Patience::Waits)?.pop() else {
            return Ok(());
        };
        // None while a restore has not brought the hash key yet.
        let Some(outlook) = suppressions::outlook(db)?.filter(|_| !lead.is_suppressed) else {
            return Ok(());
        };
        let folded = suppressions::folded_into(db, vec![kept])?;
        let hashes: Vec<String> = folded
            .iter()
            .flat_map(|held| held.holder().property_keys())
            .map(|key| key.hash(&outlook.secret))
            .collect();
        let Some(hit) = suppressions::in_force(db, hashes)?.into_iter().next() else {
            return Ok(());
        };
        suppressions::mark(db, kept, Points::default(), &hit.reason)?;
        remember_property(db, &lead, hit.id, &hit.reason, &outlook.secret)
    })
}
