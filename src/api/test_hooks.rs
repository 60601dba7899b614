//! What tests call and users must not have: only in builds with debug assertions, and without a declaration in
//! sql/install; a test declares what it needs.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use crate::error::Error;
use crate::settings;
use crate::store::budgets::{self, Deltas, Wish};
use crate::store::scopes::Payers;
use crate::store::{self, vendors};
use crate::worker::caps;

fn payers(vendor: &str) -> Payers {
    Payers {
        vendor: vendor.to_string(),
        pull_id: None,
        campaign: None,
        is_rebuy: false,
    }
}

/// Reserves up to so many purchases of an enabled vendor, as the worker does it; how many fit.
#[pg_extern(sql = false)]
fn reserve_for_test(vendor: &str, purchases: i64) -> Result<i64, ErrorReport> {
    Ok(store::connect(|db| {
        let row = vendors::enabled_for_share(db, vendor)?
            .ok_or_else(|| Error::Internal("no such vendor is enabled".into()))?;
        let caps = caps::of(db, &row, &payers(vendor), None)?;
        let day = budgets::today(db, &settings::budget_timezone())?;
        let wish = Wish {
            purchases,
            units: 1,
            unit_price: row.unit_price,
        };
        Ok(budgets::reserve(db, &day, &caps, wish)?.purchases)
    })?)
}

/// Gives one reserved purchase back, or settles it.
#[pg_extern(sql = false)]
fn close_for_test(vendor: &str, is_settled: bool) -> Result<(), ErrorReport> {
    Ok(store::connect(|db| {
        let row = vendors::enabled_for_share(db, vendor)?
            .ok_or_else(|| Error::Internal("no such vendor is enabled".into()))?;
        let day = budgets::today(db, &settings::budget_timezone())?;
        let mut deltas = Deltas::default();
        let price = row.unit_price.micros();
        deltas.unreserve(&day, &payers(vendor), 1, price);
        if is_settled {
            deltas.settle(&day, &payers(vendor), 1, price);
        }
        budgets::change(db, &deltas)
    })?)
}
