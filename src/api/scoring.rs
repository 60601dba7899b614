//! Quality score and the status that follows from it.

use pgrx::Uuid;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use super::present;
use crate::error::Error;
use crate::merging;
use crate::score;
use crate::store;
use crate::store::leads::{self, LeadStatus, Rescored};

#[pg_extern(sql = false, stable, parallel_restricted)]
fn compute_quality_score(lead_id: Option<Uuid>) -> Result<i32, ErrorReport> {
    let lead_id = present("p_lead_id", lead_id)?;
    Ok(store::connect(|db| {
        let lead = merging::following(db, lead_id, |db, id| {
            leads::load(db, vec![id])?
                .pop()
                .ok_or_else(Error::no_such_lead)
        })?;
        Ok(score::quality_score(&lead.scored()))
    })?)
}

#[pg_extern(sql = false)]
fn update_lead_status_from_score(lead_id: Option<Uuid>) -> Result<LeadStatus, ErrorReport> {
    let lead_id = present("p_lead_id", lead_id)?;
    let rescored = store::connect(|db| {
        let lead = merging::following(db, lead_id, leads::load_one_for_update)?;
        leads::rescore(db, &[lead])?
            .pop()
            .ok_or_else(Error::no_such_lead)
    })?;
    Ok(rescored.status)
}

#[pg_extern(sql = false)]
fn update_lead_statuses(
    lead_ids: Option<Vec<Option<Uuid>>>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(lead_id, Uuid),
            name!(quality_score, i32),
            name!(status, LeadStatus),
        ),
    >,
    ErrorReport,
> {
    let ids: Vec<Uuid> = present("p_lead_ids", lead_ids)?
        .into_iter()
        .flatten()
        .collect();
    let rescored = store::connect(|db| {
        let ids = merging::all_current(db, ids)?;
        let leads = leads::load_for_update(db, ids)?;
        leads::rescore(db, &leads)
    })?;
    Ok(TableIterator::new(rescored.into_iter().map(
        |Rescored {
             lead_id,
             score,
             status,
         }| (lead_id, score, status),
    )))
}
