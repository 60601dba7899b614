//! The records of a call that name known leads.

use std::collections::{HashMap, HashSet};

use pgrx::Uuid;

use super::{Call, Match, SET, no_lead};
use crate::error::Error;
use crate::store::at_hand::AtHand;
use crate::store::identity::Outcome;
use crate::store::subtransaction::attempt;
use crate::store::{self, Db, bulk};

impl Call<'_> {
    /// Says that all leads were seen, where each record that can be stored names a lead which holds all it says.
    pub(super) fn touch_page(&mut self, alone: &[usize]) -> Result<bool, Error> {
        let ready = self.ready.iter().flatten().count();
        if alone.len() < ready || alone.len() > SET {
            return Ok(false);
        }
        self.read_clock(alone.iter().copied())?;
        let touched = attempt(|| {
            store::connect(|db| {
                let rows = alone.iter().map(|&n| self.row((n, no_lead()))).collect();
                match bulk::touch_known(db, rows)? {
                    Some(touched) if touched.len() == alone.len() => {
                        self.add_contacts(db, &touched)?;
                        Ok(touched)
                    }
                    _ => Err(Error::Contended),
                }
            })
        });
        if let Ok(touched) = &touched {
            self.settle(touched, Outcome::Updated);
        }
        Ok(touched.is_ok())
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
