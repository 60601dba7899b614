//! What a dead worker left behind.

use std::collections::BTreeMap;

use super::doubt;
use crate::error::Error;
use crate::store::jobs::Sharing;
use crate::store::vendors::{self, DoubtPolicy};
use crate::store::{Db, calls};

/// After a restart: what earlier workers reserved is given back, what they were sending is in doubt.
pub fn recover(db: &mut Db<'_>, epoch: i64) -> Result<(), Error> {
    let mut reserved = Vec::new();
    let mut sending: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (id, vendor, state) in calls::left_open(db, epoch)? {
        if state == "reserved" {
            reserved.push(id)
        } else {
            sending.entry(vendor).or_default().push(id)
        }
    }
    doubt::give_back(
        db,
        &reserved,
        "not sent: the worker ended first",
        Sharing::AsBefore,
    )?;
    let count: usize = sending.values().map(Vec::len).sum();
    for (vendor, ids) in sending {
        let policy = vendors::doubt_policy(db, &vendor)?.unwrap_or(DoubtPolicy::Hold);
        doubt::doubt(
            db,
            policy,
            &ids,
            "the worker ended while it was waiting for the answer",
        )?;
    }
    if !reserved.is_empty() || count > 0 {
        pgrx::log!(
            "equity_connect: after a restart, {} purchases were given back and {} were in doubt",
            reserved.len(),
            count
        );
    }
    Ok(())
}
