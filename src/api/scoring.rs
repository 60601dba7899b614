//! Quality score and the status that follows from it.

use std::collections::HashSet;

use pgrx::Uuid;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use super::native::native_function;
use super::present;
use crate::error::Error;
use crate::merging;
use crate::store;
use crate::store::leads::{self, LeadStatus, Rescored};
use crate::store::scored::{self, Columns, OtherSnapshot, Reader};
use crate::store::search_path::with_schema;

native_function!(
    compute_quality_score_wrapper,
    pg_finfo_compute_quality_score_wrapper,
    compute_quality_score
);

/// # Safety
/// Called by Postgres for a function declared as `compute_quality_score(uuid)` that returns integer.
unsafe fn compute_quality_score(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the caller's promise.
    let (lead_id, schema) = unsafe {
        let argument = (*call).args.as_slice(1)[0];
        (
            Uuid::from_datum(argument.value, argument.isnull),
            schema_of((*call).flinfo),
        )
    };
    match present("p_lead_id", lead_id).and_then(|id| stored_score(id, schema)) {
        Ok(score) => pg_sys::Datum::from(score),
        Err(error) => {
            ErrorReport::from(error).report(PgLogLevel::ERROR);
            unreachable!("ERROR unwinds")
        }
    }
}

/// The schema of a function, looked up once for each place of a plan that calls it: if the function moves, that is planned
/// anew.
///
/// # Safety
/// What Postgres passes to a function of ours that keeps nothing else there.
unsafe fn schema_of(function: *mut pg_sys::FmgrInfo) -> pg_sys::Oid {
    // SAFETY: the caller's promise; the address is only a number.
    unsafe {
        let known = (*function).fn_extra.addr();
        if let Some(known) = u32::try_from(known).ok().filter(|known| *known != 0) {
            return pg_sys::Oid::from(known);
        }
        let schema = pg_sys::get_func_namespace((*function).fn_oid);
        (*function).fn_extra = std::ptr::without_provenance_mut(schema.to_u32() as usize);
        schema
    }
}

/// The score of what is stored of a lead, or of the one that it was folded into.
fn stored_score(lead_id: Uuid, schema: pg_sys::Oid) -> Result<i32, Error> {
    // SAFETY: a name that ends with a NUL.
    let table = unsafe { pg_sys::get_relname_relid(c"leads".as_ptr(), schema) };
    let read = || {
        let mut reader = Reader::open(table)?;
        Some(reader.find(&lead_id, Columns::for_score)?.score())
    };
    let written = OtherSnapshot::with_own_writes();
    if let Some(score) = read() {
        return score;
    }
    let is_last = written.is_none();
    drop(written);
    let survivors = with_schema(schema, || {
        store::connect(|db| merging::following(db, lead_id, |db, id| leads::quality_score(db, id)))
    });
    match survivors {
        // The calling statement has deleted it, and sees it all the same.
        Err(Error::NotFound { .. }) if !is_last => read().unwrap_or(survivors),
        _ => survivors,
    }
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
    let mut ids: Vec<Uuid> = present("p_lead_ids", lead_ids)?
        .into_iter()
        .flatten()
        .collect();
    ids.sort_unstable_by_key(|id| *id.as_bytes());
    ids.dedup();
    let rescored = store::connect(|db| {
        let mut rescored = scored::up_to_date(db, &ids)?;
        let done: HashSet<Uuid> = rescored.iter().map(|lead| lead.lead_id).collect();
        let left = ids.into_iter().filter(|id| !done.contains(id)).collect();
        let left = merging::all_current(db, left)?;
        let locked = leads::load_for_update(db, left)?;
        rescored.extend(leads::rescore(db, &locked)?);
        rescored.sort_unstable_by_key(|lead| *lead.lead_id.as_bytes());
        // A survivor may be named by its own id and by that of a lead that was folded into it.
        rescored.dedup_by_key(|lead| lead.lead_id);
        Ok(rescored)
    })?;
    Ok(TableIterator::new(rescored.into_iter().map(
        |Rescored {
             lead_id,
             score,
             status,
         }| (lead_id, score, status),
    )))
}
