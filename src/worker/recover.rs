//! What a dead worker left behind.

use super::doubt;
use crate::error::Error;
use crate::store::jobs::Sharing;
use crate::store::subtransaction::attempt;
use crate::store::vendors::{self, DoubtPolicy};
use crate::store::{Db, calls};
use crate::vendors::Product;

/// After a restart: what earlier workers reserved is given back, what they were sending is in doubt. One purchase
/// that resists does not keep the worker from starting; it stays as it is, and its money reserved.
pub fn recover(db: &mut Db<'_>, epoch: i64) -> Result<(), Error> {
    let (mut given_back, mut in_doubt) = (0, 0);
    for (id, vendor, state) in calls::left_open(db, epoch)? {
        let result = attempt(|| {
            if state == "reserved" {
                let why = "not sent: the worker ended first";
                return doubt::give_back(db, &[id], why, Sharing::AsBefore);
            }
            let policy = vendors::doubt_policy(db, &vendor)?.unwrap_or(DoubtPolicy::Hold);
            let why = "the worker ended while it was waiting for the answer";
            doubt::doubt(db, Product::from_name(&vendor), policy, &[id], why)
        });
        match result {
            Ok(()) if state == "reserved" => given_back += 1,
            Ok(()) => in_doubt += 1,
            Err(error) => pgrx::warning!("equity_connect: purchase {id} is left {state}: {error}"),
        }
    }
    if given_back > 0 || in_doubt > 0 {
        pgrx::log!(
            "equity_connect: after a restart, {given_back} purchases were given back and {in_doubt} were in doubt"
        );
    }
    Ok(())
}
