//! Leads that one record names: are they one property?
//!
//! They are, when the record's own strong key (mak or address) found each of them, or when one is known by nothing but a
//! vendor's id or a parcel number, and nothing contradicts: no hard key of any lead that was ever folded into either, none
//! of the record, and no person's verdict. So a chain of merges never joins two doors that differ in unit, parcel or mak.

use pgrx::Uuid;

use super::contradiction::{self, Facts};
use crate::error::Error;
use crate::store::groups::{self, Member};
use crate::store::owner::as_owner;
use crate::store::{Db, references};

/// Why the merge was made, in `lead_merges.reason`.
pub const ONE_RECORD: &str = "one record names both";
pub const ONE_MAK: &str = "enrichment found one mak for both";
pub const ONE_ADDRESS: &str = "both addresses are one after a rehash";
pub const REVIEWED: &str = "a person says they are the same";

/// A lead that a record names.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    pub id: Uuid,
    /// By its mak or its address, not only by a vendor's id or a parcel number.
    pub is_strong: bool,
}

/// What became of the leads that a record names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bridged {
    /// The two were merged: look again.
    Merged { merge: i64, keep: Uuid },
    /// One of them is gone: look again.
    Gone,
    /// They stay apart.
    Apart,
}

/// Merges two of the leads that `record` names, if any two are one property.
pub fn merge_named(
    db: &mut Db<'_>,
    named: &[Named],
    record: &Facts,
    reason: &str,
) -> Result<Bridged, Error> {
    as_owner(db, |db| {
        let ids: Vec<Uuid> = named.iter().map(|lead| lead.id).collect();
        if groups::lock(db, &ids)? < ids.len() {
            return Ok(Bridged::Gone);
        }
        let members = groups::members(db, &ids)?;
        for (n, a) in named.iter().enumerate() {
            for b in &named[n + 1..] {
                if are_one(db, a, b, &members, record)?
                    && let Some((keep, fold)) = who_stays(db, a.id, b.id)?
                {
                    let merge = super::merge(db, keep, fold, reason)?;
                    return Ok(Bridged::Merged { merge, keep });
                }
            }
        }
        Ok(Bridged::Apart)
    })
}

fn are_one(
    db: &mut Db<'_>,
    a: &Named,
    b: &Named,
    members: &[Member],
    record: &Facts,
) -> Result<bool, Error> {
    let of =
        |lead: &Named| -> Vec<&Member> { members.iter().filter(|m| m.root == lead.id).collect() };
    let groups = [of(a), of(b)];
    let is_sure = [a, b]
        .iter()
        .zip(&groups)
        .all(|(lead, group)| lead.is_strong || group.iter().all(|member| member.facts.is_bare()));
    if !is_sure {
        return Ok(false);
    }
    let [ours, theirs] = &groups;
    let contradict = |a: &[&Member], b: &[&Member]| {
        a.iter().any(|a| {
            b.iter()
                .any(|b| contradiction::between(&a.facts, &b.facts).is_some())
        })
    };
    let contradicts_record = |group: &[&Member]| {
        group
            .iter()
            .any(|member| contradiction::between(&member.facts, record).is_some())
    };
    if contradict(ours, theirs) || contradicts_record(ours) || contradicts_record(theirs) {
        return Ok(false);
    }
    let ids = |group: &[&Member]| group.iter().map(|member| member.id).collect::<Vec<_>>();
    Ok(!groups::are_told_apart(db, ids(ours), ids(theirs))?)
}

/// The older lead stays, unless rows of the user's refer to the other; None: they refer to both.
pub fn who_stays(db: &mut Db<'_>, a: Uuid, b: Uuid) -> Result<Option<(Uuid, Uuid)>, Error> {
    let (older, newer) = if a.as_bytes() <= b.as_bytes() {
        (a, b)
    } else {
        (b, a)
    };
    if references::referring_table(db, newer)?.is_none() {
        return Ok(Some((older, newer)));
    }
    let is_free = references::referring_table(db, older)?.is_none();
    Ok(is_free.then_some((newer, older)))
}
