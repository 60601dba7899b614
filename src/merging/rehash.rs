//! The addresses' hashes anew, after the canonical form has changed: in batches, and what has become one is merged.
//!
//! A hash that is not ours (somebody set it by hand) stays, and so does one whose address no longer has a canonical form.

use pgrx::Uuid;

use super::bridge::{self, Bridged, Named};
use super::contradiction::Facts;
use super::likeness::address_of;
use crate::address::NORMALIZER_VERSION;
use crate::error::Error;
use crate::store::identity::{self, RecordKeys};
use crate::store::leads::Lead;
use crate::store::sweeps::{self, Progress, Sweep};
use crate::store::{Db, matches, merges};

/// One batch; the totals of the pass.
pub fn go_on(db: &mut Db<'_>, limit: i32, starts_again: bool) -> Result<Progress, Error> {
    let is_first = !identity::has_written();
    let mut progress = sweeps::begin(db, Sweep::Rehash, NORMALIZER_VERSION, starts_again)?;
    if progress.is_finished {
        return Ok(progress);
    }
    let ids = sweeps::next(db, progress.last, Uuid::from_bytes([0xff; 16]), limit)?;
    progress.is_finished = i32::try_from(ids.len()).is_ok_and(|count| count < limit);
    progress.last = ids.last().copied().or(progress.last);
    progress.seen += i64::try_from(ids.len()).unwrap_or(0);
    let stale = stale(&sweeps::load(db, ids)?);
    let keys: Vec<RecordKeys<'_>> = stale
        .iter()
        .map(|(_, hash)| RecordKeys {
            addr_hash: Some(hash),
            ..RecordKeys::default()
        })
        .collect();
    let own: Vec<Uuid> = stale.iter().map(|(id, _)| *id).collect();
    // Only other sweeps wait for the sweep's own row, and they hold nothing else.
    let _keys = is_first.then(|| identity::Held::of(&keys));
    let _held = identity::lock_all(db, "", &keys, &own)?;
    // Again, now that nobody else can change them.
    for (id, hash) in self::stale(&sweeps::load(db, own)?) {
        give_hash(db, id, &hash, &mut progress)?;
    }
    sweeps::save(db, Sweep::Rehash, &progress)?;
    Ok(progress)
}

/// The leads whose hash is not that of their address, with what it should be.
fn stale(leads: &[Lead]) -> Vec<(Uuid, String)> {
    leads
        .iter()
        .filter(|lead| lead.addr_hash.as_deref().is_none_or(is_ours))
        .filter_map(|lead| Some((lead.id, address_of(lead)?.hash_hex(), &lead.addr_hash)))
        .filter(|(_, hash, old)| old.as_ref() != Some(hash))
        .map(|(id, hash, _)| (id, hash))
        .collect()
}

fn is_ours(hash: &str) -> bool {
    hash.len() == 64
        && hash
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn give_hash(db: &mut Db<'_>, id: Uuid, hash: &str, progress: &mut Progress) -> Result<(), Error> {
    let Some(other) = sweeps::owner_of_hash(db, hash)? else {
        progress.changed += 1;
        return sweeps::set_hash(db, id, hash);
    };
    let named = [id, other].map(|id| Named {
        id,
        is_strong: true,
    });
    match bridge::merge_named(db, &named, &Facts::default(), bridge::ONE_ADDRESS)? {
        Bridged::Merged { merge, keep } => {
            progress.merged += 1;
            sweeps::set_hash(db, keep, hash)?;
            // So that the hash is part of what an undoing takes back.
            merges::note_after(db, merge)
        }
        // Folded into another one of this batch.
        Bridged::Gone => Ok(()),
        Bridged::Apart => {
            let waits = matches::remember(db, id, other, matches::SAME_ADDRESS_NOW)?;
            progress.to_review += i64::from(waits);
            Ok(())
        }
    }
}
