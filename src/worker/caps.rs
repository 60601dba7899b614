//! The caps of a purchase: the limit of each scope that it counts against, read in the transaction that reserves.
//!
//! The cap per lead is none of these scopes: a row per lead and day would be a second ledger. It is summed up
//! from the ledger itself, under the lock of the lead, by which its reservations come one after another.

use std::collections::HashMap;

use pgrx::Uuid;

use crate::error::Error;
use crate::money::Money;
use crate::settings;
use crate::store::budgets::Cap;
use crate::store::scopes::{Payers, Scope};
use crate::store::vendors::{self, Vendor};
use crate::store::{Db, calls, campaigns};

/// The caps of what `payers` pay for. `records`: how many records their pull may take a day.
pub fn of(
    db: &Db<'_>,
    vendor: &Vendor,
    payers: &Payers,
    records: Option<i64>,
) -> Result<Vec<Cap>, Error> {
    let cap = |scope: Scope| {
        let (calls, amount) = match &scope {
            Scope::Total => (None, Some(settings::daily_spend_cap())),
            Scope::Vendor(_) => (vendor.daily_call_cap, vendor.daily_spend_cap),
            Scope::Pull(_) => (records, None),
            // No purchase pays from it.
            Scope::Handouts(_) => (None, None),
            Scope::Campaign(name) => (None, campaigns::spend_cap(db, name)?),
            Scope::Rebuy(name) => (None, Some(vendors::rebuy_spend_cap(db, name)?)),
        };
        Ok(Cap {
            scope,
            calls,
            amount,
        })
    };
    payers.scopes().into_iter().map(cap).collect()
}

/// What may still be spent on each lead of a batch.
pub struct LeadCap(Option<(Money, HashMap<Uuid, Money>)>);

impl LeadCap {
    /// For leads that are locked.
    pub fn of(db: &Db<'_>, leads: Vec<Uuid>) -> Result<Self, Error> {
        let Some(cap) = settings::lead_spend_cap() else {
            return Ok(Self(None));
        };
        let spent = calls::spent_on(db, leads, settings::refresh_after_minutes())?;
        Ok(Self(Some((cap, spent))))
    }

    /// The vendors whose price the lead's cap leaves room for; None: all of them.
    pub fn affordable(&self, lead: Uuid, vendors: &[Vendor]) -> Option<Vec<Vendor>> {
        let (cap, spent) = self.0.as_ref()?;
        let spent = spent.get(&lead).copied().unwrap_or_default();
        let left = cap.micros() - spent.micros();
        let fits = |vendor: &&Vendor| vendor.unit_price.micros() <= left;
        let affordable: Vec<Vendor> = vendors.iter().filter(fits).cloned().collect();
        (affordable.len() < vendors.len()).then_some(affordable)
    }
}
