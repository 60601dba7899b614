//! Near matches: the same owner at nearly the same address, found for a person to decide.
//!
//! Lazily, so that imports pay nothing for it: each call takes the next leads, notes where they stand (ZIP, house number
//! and owner) in a table of its own, and compares them with those that stand there already. So each lead is looked at
//! once, and each pair is met by the later of the two.

use std::collections::HashMap;

use pgrx::Uuid;

use super::likeness;
use crate::address::NORMALIZER_VERSION;
use crate::canonical;
use crate::error::Error;
use crate::store::leads::Lead;
use crate::store::sweeps::{self, Progress, Sweep};
use crate::store::{Db, matches};

/// One batch; the totals of the pass.
pub fn go_on(db: &mut Db<'_>, limit: i32, starts_again: bool) -> Result<Progress, Error> {
    let mut progress = sweeps::begin(db, Sweep::NearMatches, NORMALIZER_VERSION, starts_again)?;
    if starts_again {
        sweeps::forget_orphans(db)?;
    }
    let bound = sweeps::settled_until(db)?;
    let ids = sweeps::next(db, progress.last, bound, limit)?;
    // Never for good: the next leads come.
    progress.is_finished = i32::try_from(ids.len()).is_ok_and(|count| count < limit);
    progress.last = ids.last().copied().or(progress.last);
    progress.seen += i64::try_from(ids.len()).unwrap_or(0);
    let newcomers: Vec<(Lead, i64)> = sweeps::load(db, ids)?
        .into_iter()
        .filter_map(|lead| {
            let block = number(&likeness::block(&lead)?);
            Some((lead, block))
        })
        .collect();
    let (ids, blocks): (Vec<Uuid>, Vec<i64>) = newcomers
        .iter()
        .map(|(lead, block)| (lead.id, *block))
        .unzip();
    sweeps::note_blocks(db, ids, blocks.clone())?;
    for (a, b) in pairs(db, &newcomers, blocks)? {
        let waits = matches::remember(db, a, b, matches::NEAR_ADDRESS)?;
        progress.to_review += i64::from(waits);
    }
    sweeps::save(db, Sweep::NearMatches, &progress)?;
    Ok(progress)
}

/// The near ones among the newcomers and those that stand in the same blocks.
fn pairs(
    db: &mut Db<'_>,
    newcomers: &[(Lead, i64)],
    blocks: Vec<i64>,
) -> Result<Vec<(Uuid, Uuid)>, Error> {
    let there = sweeps::in_blocks(db, blocks)?;
    let mut by_block: HashMap<String, Vec<Lead>> = HashMap::new();
    for lead in sweeps::load(db, there)? {
        if let Some(block) = likeness::block(&lead) {
            by_block.entry(block).or_default().push(lead);
        }
    }
    let mut near = Vec::new();
    for (lead, _) in newcomers {
        let neighbours = likeness::block(lead).and_then(|block| by_block.get(&block));
        for other in neighbours.into_iter().flatten() {
            let is_newcomer = newcomers.iter().any(|(lead, _)| lead.id == other.id);
            // Of two newcomers the later one meets the earlier.
            let is_met_already = is_newcomer && other.id.as_bytes() >= lead.id.as_bytes();
            if other.id != lead.id && !is_met_already && likeness::is_near(lead, other) {
                near.push((lead.id, other.id));
            }
        }
    }
    Ok(near)
}

fn number(block: &str) -> i64 {
    let hash = canonical::keyed_hash(b"near match", &[block]);
    // The first 15 digits: 60 bits, which a bigint holds.
    hash.get(..15)
        .and_then(|digits| i64::from_str_radix(digits, 16).ok())
        .unwrap_or(0)
}
