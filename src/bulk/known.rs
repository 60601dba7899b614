//! The records of a call that name known leads.

use std::collections::{HashMap, HashSet};

use pgrx::Uuid;

use super::{Call, Match, no_lead};
use crate::error::Error;
use crate::store::at_hand::AtHand;
use crate::store::bulk::Named;
use crate::store::identity::Outcome;
use crate::store::subtransaction::attempt;
use crate::store::{self, Db, bulk, sightings};

impl Call<'_> {
    /// Says that leads were seen whose records bring nothing more, and locks the leads that all other records of the call
    /// name; what those name. None: nothing was done, it has to be done in the common order.
    pub(super) fn touch_known(&mut self, alone: &[usize]) -> Result<Option<Vec<Named>>, Error> {
        self.read_clock(alone.iter().copied())?;
        let done = attempt(|| {
            store::connect(|db| {
                let records = alone
                    .iter()
                    .filter_map(|&n| Some((n, self.keys_of(n)?, &self.ready(n).record)));
                let touched = sightings::touch_all(records).unwrap_or_default();
                if touched.is_empty() {
                    return Err(Error::Contended);
                }
                self.add_contacts(db, &touched)?;
                let left = self.lock_left(db, &touched)?;
                bulk::refuse_folded(db, &self.without_survivors())?;
                Ok((touched, left))
            })
        });
        Ok(done.ok().map(|(touched, left)| {
            self.settle(&touched, Outcome::Updated);
            left
        }))
    }

    /// Locks what the records name that are not touched. It does not wait, because these leads may come before the touched
    /// ones; and none of them may be a touched one, because then the records' order counts.
    fn lock_left(&self, db: &mut Db<'_>, touched: &[Match]) -> Result<Vec<Named>, Error> {
        let (done, leads): (HashSet<usize>, HashSet<Uuid>) = touched.iter().copied().unzip();
        let is_left = |n: &usize| self.ready[*n].is_some() && !done.contains(n);
        let left: Vec<AtHand> = (0..self.ready.len())
            .filter(is_left)
            .map(|n| self.row((n, no_lead())))
            .collect();
        if left.is_empty() {
            return Ok(Vec::new());
        }
        let named = bulk::find(db, left)?;
        let survivors = self.survivors.values().flatten().copied();
        let ids: HashSet<Uuid> = named.iter().flat_map(Named::all).chain(survivors).collect();
        if !ids.is_disjoint(&leads) {
            return Err(Error::Contended);
        }
        match bulk::lock_now(db, &ids)? == ids.len() {
            true => Ok(named),
            // One was folded meanwhile.
            false => Err(Error::Contended),
        }
    }

    /// The records that no key of a folded lead was found for.
    fn without_survivors(&self) -> Vec<AtHand> {
        let is_one = |n: &usize| self.ready[*n].is_some() && !self.survivors.contains_key(n);
        (0..self.ready.len())
            .filter(is_one)
            .map(|n| self.row((n, no_lead())))
            .collect()
    }

    /// Freshens and fills known leads, and adds the contact points that came.
    pub(super) fn store_known(&mut self, set: &[Match]) -> Result<(), Error> {
        self.read_clock(set.iter().map(|(n, _)| *n))?;
        if let Ok(updated) = attempt(|| store::connect(|db| self.update_known(db, set))) {
            self.settle(&updated, Outcome::Updated);
        }
        Ok(())
    }

    fn update_known(&self, db: &mut Db<'_>, set: &[Match]) -> Result<Vec<Match>, Error> {
        let rows = |matches: &[Match]| matches.iter().map(|one| self.row(*one)).collect();
        let touched = bulk::touch(db, rows(set))?;
        let mut done: HashSet<usize> = touched.into_iter().map(|(n, _)| n).collect();
        let (mut updated, left): (Vec<Match>, Vec<Match>) =
            set.iter().partition(|(n, _)| done.contains(n));
        if !left.is_empty() {
            done.extend(bulk::fill(db, rows(&left))?);
            updated.extend(left.iter().filter(|(n, _)| done.contains(n)));
        }
        self.add_contacts(db, &updated)?;
        Ok(updated)
    }

    /// Merges the contact points of the records into their leads, which are locked.
    fn add_contacts(&self, db: &mut Db<'_>, done: &[Match]) -> Result<(), Error> {
        let with_contacts: HashMap<Uuid, usize> = done
            .iter()
            .filter(|(n, _)| !self.ready(*n).record.contacts.is_empty())
            .map(|(n, lead)| (*lead, *n))
            .collect();
        if with_contacts.is_empty() {
            return Ok(());
        }
        let mut changed = Vec::new();
        for (lead, mut phones, mut emails) in bulk::points(db, with_contacts.keys().copied())? {
            let n = with_contacts[&lead];
            let grew = self.merge_contacts(n, &mut phones, &mut emails);
            if grew != (false, false) {
                changed.push(AtHand {
                    phones: grew.0.then_some(phones),
                    emails: grew.1.then_some(emails),
                    ..self.row((n, lead))
                });
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        bulk::set_points(db, changed)
    }
}
