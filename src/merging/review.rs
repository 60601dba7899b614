//! A person decides about a pair.

use super::bridge::{REVIEWED, who_stays};
use crate::error::Error;
use crate::store::matches::{self, Verdict};
use crate::store::{Db, groups};

/// Records the verdict; the number of the merge that follows from `Same`, if the two were not one already.
pub fn decide(db: &mut Db<'_>, id: i64, verdict: Verdict) -> Result<Option<i64>, Error> {
    let (lead, other) = matches::pair(db, id)?.ok_or_else(|| Error::NotFound {
        message: "no such pair".into(),
        hint: "Pass an id of lead_matches.",
    })?;
    let (a, b) = (super::current(db, lead)?, super::current(db, other)?);
    groups::lock(db, &[a, b])?;
    let merge = match (verdict, a == b) {
        (Verdict::Different, true) => {
            return Err(Error::WrongState {
                message: "the two were merged".into(),
                hint: "Undo that first: unmerge_leads(id of lead_merges).",
            });
        }
        (Verdict::Different, false) | (Verdict::Same, true) => None,
        (Verdict::Same, false) => {
            let (keep, fold) = who_stays(db, a, b)?.ok_or_else(|| Error::WrongState {
                message: "rows of your own tables refer to both leads".into(),
                hint: "Let them refer to one of the two first.",
            })?;
            Some(super::merge(db, keep, fold, REVIEWED)?)
        }
    };
    matches::decide(db, lead, other, verdict)?;
    Ok(merge)
}
