//! One property that became two leads becomes one again, and back.
//!
//! A merge keeps one lead and folds the other into it. The survivor's own facts win and the folded one's fill the gaps;
//! both are recorded whole, so that `unmerge` gives each back exactly what it had, and what has changed on the survivor
//! since stays. What points at the folded lead:
//! - its id and its keys lead to the survivor (`current`, and the look-up of records);
//! - purchases, its job and failed work go over, and count as the survivor's: nothing is bought again;
//! - hand-outs to campaigns go over, so that whoever opts the survivor out calls them back;
//! - opt-outs of either hold for both, also after the undoing: nothing here ever lifts one;
//! - verdicts in `lead_matches` stay, and hold for the survivor;
//! - a user's own table that refers to it by a foreign key: then it is not folded, because its rows would go with it.
//!
//! No deadlock: both rows are locked first, in the order of their ids.

pub mod bridge;
pub mod contradiction;
pub mod likeness;
pub mod lineage;
pub mod near;
mod points;
pub mod rehash;
pub mod review;
pub mod rows;

use pgrx::Uuid;
use pgrx::prelude::*;

use crate::error::Error;
use crate::opt_out;
use crate::store::owner::as_owner;
use crate::store::subtransaction::attempt;
use crate::store::suppressions::{self, Patience};
use crate::store::{Db, identity, leads, matches, merges, references};

use self::lineage::Recorded;
use self::rows::Row;

/// The lead that goes by this id: itself, or the one that it was folded into.
pub fn current(db: &mut Db<'_>, id: Uuid) -> Result<Uuid, Error> {
    if leads::exists(db, id)? {
        return Ok(id);
    }
    as_owner(db, |db| merges::survivor_of(db, id))?.ok_or_else(Error::no_such_lead)
}

/// The leads that go by these ids; one that is gone is left out.
pub fn all_current(db: &mut Db<'_>, ids: Vec<Uuid>) -> Result<Vec<Uuid>, Error> {
    if !merges::are_there()? {
        return Ok(ids);
    }
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        match current(db, id) {
            Ok(id) => all.push(id),
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Does `work` with this lead, or with the one that it was folded into; asked for only when there is no such lead.
pub fn following<R>(
    db: &mut Db<'_>,
    id: Uuid,
    mut work: impl FnMut(&mut Db<'_>, Uuid) -> Result<R, Error>,
) -> Result<R, Error> {
    match work(db, id) {
        Err(Error::NotFound { .. }) => {
            let survivor = current(db, id)?;
            work(db, survivor)
        }
        other => other,
    }
}

/// Folds one lead into another; the number of the merge. With the owner's rights: see `as_owner`.
pub fn merge(db: &mut Db<'_>, keep: Uuid, fold: Uuid, reason: &str) -> Result<i64, Error> {
    as_owner(db, |db| fold_into(db, keep, fold, reason))
}

fn fold_into(db: &mut Db<'_>, keep: Uuid, fold: Uuid, reason: &str) -> Result<i64, Error> {
    let mut locked = merges::lock(db, &[keep, fold])?;
    let mut take = |id: Uuid| locked.remove(id.as_bytes()).ok_or_else(Error::no_such_lead);
    let (kept, folded) = (take(keep)?, take(fold)?);
    if let Some(table) = references::referring_table(db, fold)? {
        return Err(Error::WrongState {
            message: format!("rows of table {table} refer to the lead that would be folded"),
            hint: "Let them refer to the other lead, or keep this one and fold the other.",
        });
    }
    let held = suppressions::lock(db, vec![keep, fold], Patience::Waits)?;
    let id = merges::record(db, keep, fold, reason, keys(&folded))?;
    merges::remove(db, fold)?;
    merges::write_row(db, keep, &lineage::merged(&kept, &folded))?;
    merges::move_work(db, id, keep, fold)?;
    matches::decide(db, keep, fold, matches::Verdict::Same)?;
    // Of either: the keys of both are known by then.
    for held in &held {
        opt_out::merged::cover(db, keep, held)?;
    }
    if rows::must_be_scored(&kept, &folded) {
        score(db, keep)?;
    }
    merges::note_after(db, id)?;
    Ok(id)
}

/// The keys by which a row is found, as texts.
fn keys(row: &Row) -> Vec<String> {
    let text = |field: &str| rows::text(row, field);
    let (source, county) = (text("source"), text("county_fips"));
    identity::key_texts(&identity::RecordKeys {
        mak: text("mak").as_deref(),
        addr_hash: text("addr_hash").as_deref(),
        source: source.as_deref().unwrap_or_default(),
        vendor_record_id: text("vendor_record_id").as_deref(),
        apn: text("apn").as_deref(),
        county_fips: county.as_deref(),
    })
    .into_iter()
    .map(|(_, text)| text)
    .collect()
}

fn score(db: &mut Db<'_>, id: Uuid) -> Result<(), Error> {
    let lead = leads::load_one_for_update(db, id)?;
    leads::rescore(db, &[lead])?;
    Ok(())
}

/// Undoes a merge; the lead that is back.
pub fn unmerge(db: &mut Db<'_>, merge: i64) -> Result<Uuid, Error> {
    as_owner(db, |db| give_back(db, merge))
}

fn cannot(message: &str, hint: &'static str) -> Error {
    Error::WrongState {
        message: message.into(),
        hint,
    }
}

fn give_back(db: &mut Db<'_>, id: i64) -> Result<Uuid, Error> {
    let no_such_merge = || Error::NotFound {
        message: "no such merge".into(),
        hint: "Pass an id of lead_merges.",
    };
    let kept = merges::find(db, id)?.ok_or_else(no_such_merge)?.kept;
    // The lead first: all that is done to its merges stands in line for it.
    let now = merges::lock(db, &[kept])?.remove(kept.as_bytes());
    let merge = merges::find(db, id)?.ok_or_else(no_such_merge)?;
    if merge.is_undone {
        return Err(cannot(
            "the merge was undone before",
            "Look at lead_merges.unmerged_at.",
        ));
    }
    let Some(now) = now else {
        return Err(match merges::survivor_of(db, merge.kept)? {
            Some(_) => cannot(
                "the lead that was kept was folded into another one since",
                "Undo that merge first: it is the one with this lead as its folded_lead_id.",
            ),
            None => cannot(
                "the lead that was kept is gone",
                "What the folded one held is in lead_merges.folded_before.",
            ),
        });
    };
    let (ids, recorded): (Vec<i64>, Vec<Option<Recorded>>) =
        merges::history(db, merge.kept, id)?.into_iter().unzip();
    let recorded: Option<Vec<Recorded>> = recorded.into_iter().collect();
    let Some((first, later)) = recorded.as_deref().and_then(<[_]>::split_first) else {
        return Err(cannot(
            "what the leads held before the merge was erased",
            "Somebody asked to be forgotten; this merge stays.",
        ));
    };
    let undone = lineage::undo(first, later, &now);
    restore(db, &merge, &undone)?;
    for (id, (before, after)) in ids.iter().skip(1).zip(&undone.later) {
        merges::rewrite(db, *id, before, after)?;
    }
    merges::give_work_back(db, id)?;
    merges::end(db, id)?;
    matches::decide(db, merge.kept, merge.folded, matches::Verdict::Different)?;
    matches::remember_verdict(db, merge.kept, merge.folded, matches::UNMERGED)?;
    let is_changed = !later.is_empty() || rows::differs(&first.after, &now);
    if is_changed && rows::must_be_scored(&undone.kept, &undone.kept) {
        score(db, merge.kept)?;
    }
    if rows::differs(&first.folded, &undone.folded)
        && rows::must_be_scored(&undone.folded, &undone.folded)
    {
        score(db, merge.folded)?;
    }
    Ok(merge.folded)
}

/// Writes both leads: first the survivor, which gives up the keys that the other takes back.
fn restore(db: &mut Db<'_>, merge: &merges::Merge, undone: &lineage::Undone) -> Result<(), Error> {
    let is_free = match attempt(|| {
        merges::write_row(db, merge.kept, &undone.kept)?;
        merges::put_back(db, &undone.folded)
    }) {
        Err(Error::Database {
            code: PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
            ..
        }) => false,
        other => other?,
    };
    if !is_free {
        return Err(cannot(
            "another lead has a key of the folded lead by now",
            "Compare lead_merges.folded_before (addr_hash, mak, apn, vendor_record_id) with leads; merge or change that lead first.",
        ));
    }
    let kept = suppressions::lock(db, vec![merge.kept], Patience::Waits)?.pop();
    match kept {
        Some(kept) => opt_out::merged::cover(db, merge.folded, &kept),
        None => Ok(()),
    }
}
