//! What enriching leads would cost, before anything is bought.

use std::collections::BTreeSet;

use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};

use super::present;
use crate::error::Error;
use crate::settings::{self, Planner};
use crate::store::vendors::{self, Vendor};
use crate::store::{self, Db, calls, leads};
use crate::waterfall::most::{expected_purchases, most_purchases};
use crate::waterfall::road::Order;
use crate::worker::facts;

/// One vendor's line.
#[derive(Default, Clone)]
struct Line {
    leads: i64,
    most: i64,
    expected: f64,
}

#[pg_extern(sql = false, stable, parallel_restricted)]
fn preview_enrichment(
    lead_ids: Option<Vec<Option<Uuid>>>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(vendor, String),
            name!(leads, i64),
            name!(maximum_calls, i64),
            name!(maximum_cost, AnyNumeric),
            name!(expected_calls, Option<AnyNumeric>),
            name!(expected_cost, Option<AnyNumeric>),
        ),
    >,
    ErrorReport,
> {
    let ids = present("p_lead_ids", lead_ids)?;
    let distinct: BTreeSet<[u8; 16]> = ids.iter().flatten().map(|id| *id.as_bytes()).collect();
    let ids: Vec<Uuid> = distinct.into_iter().map(Uuid::from_bytes).collect();
    let rows = store::connect(|db| {
        let vendors: Vec<Vendor> = vendors::enabled(db)?;
        facts::refresh_records(db)?;
        let (lines, is_known) = lines(db, ids, &vendors)?;
        let records = facts::records();
        let priced = vendors.iter().zip(lines).filter(|(_, line)| line.leads > 0);
        Ok(priced
            .map(|(vendor, line)| {
                let price = vendor.unit_price;
                let billed = records.get(&vendor.product).map_or(1.0, |odds| odds.billed);
                let cost = line.expected * billed * price.micros() as f64;
                let most = price.micros().saturating_mul(line.most);
                (
                    vendor.name().to_string(),
                    line.leads,
                    line.most,
                    dollars(most),
                    is_known.then(|| rounded(line.expected)),
                    is_known.then(|| dollars(cost.round() as i64)),
                )
            })
            .collect::<Vec<_>>())
    })?;
    Ok(TableIterator::new(rows))
}

/// A line for each vendor, and whether what is to be expected is known.
fn lines(db: &Db<'_>, ids: Vec<Uuid>, vendors: &[Vendor]) -> Result<(Vec<Line>, bool), Error> {
    let sources = facts::sources(vendors);
    let order = match settings::planner() {
        Planner::Cheapest => Order::Cheapest,
        Planner::Fixed => Order::Configured,
    };
    let usable: Vec<&Vendor> = facts::usable(vendors).collect();
    let map = facts::map(&usable, &facts::records(), order);
    let history = calls::history(db, ids.clone(), settings::refresh_after_minutes())?;
    let found = leads::load(db, ids.clone())?;
    if found.len() < ids.len() {
        return Err(Error::no_such_lead());
    }
    let place = |product| vendors.iter().position(|vendor| vendor.product == product);
    let mut lines = vec![Line::default(); vendors.len()];
    let mut is_known = map.is_some();
    for lead in &found {
        let purchases = facts::purchases_of(lead.id, &history);
        let situation = facts::situation(lead, &purchases, &sources);
        for (product, count) in most_purchases(&situation) {
            if let Some(line) = place(product).and_then(|at| lines.get_mut(at)) {
                line.leads += 1;
                line.most += i64::try_from(count).unwrap_or(i64::MAX);
            }
        }
        let Some(expected) = map
            .as_ref()
            .and_then(|map| expected_purchases(&situation, map))
        else {
            is_known = false;
            continue;
        };
        for (product, count) in expected {
            if let Some(line) = place(product).and_then(|at| lines.get_mut(at)) {
                line.expected += count;
            }
        }
    }
    Ok((lines, is_known))
}

fn dollars(micros: i64) -> AnyNumeric {
    AnyNumeric::from(micros) / AnyNumeric::from(1_000_000_i64)
}

fn rounded(count: f64) -> AnyNumeric {
    AnyNumeric::from((count * 100.0).round() as i64) / AnyNumeric::from(100_i64)
}
