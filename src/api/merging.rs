//! Merging leads, undoing it, and deciding about pairs that may be one property.

use pgrx::Uuid;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use super::{identifier, present};
use crate::error::Error;
use crate::merging;
use crate::store::matches::Verdict;
use crate::store::{self, sweeps};

#[pg_extern(sql = false)]
fn merge_leads(
    keep: Option<Uuid>,
    fold: Option<Uuid>,
    reason: Option<String>,
) -> Result<i64, ErrorReport> {
    let keep = present("p_keep", keep)?;
    let fold = present("p_fold", fold)?;
    let reason = identifier("p_reason", reason)?;
    Ok(store::connect(|db| {
        let (keep, fold) = (merging::current(db, keep)?, merging::current(db, fold)?);
        if keep == fold {
            return Err(Error::WrongState {
                message: "these are one lead already".into(),
                hint: "Look at lead_merges: who was folded into whom.",
            });
        }
        merging::merge(db, keep, fold, &reason)
    })?)
}

#[pg_extern(sql = false)]
fn review_match(id: Option<i64>, verdict: Option<String>) -> Result<Option<i64>, ErrorReport> {
    let id = present("p_id", id)?;
    let verdict = match identifier("p_verdict", verdict)?
        .to_ascii_lowercase()
        .as_str()
    {
        "same" => Verdict::Same,
        "different" => Verdict::Different,
        _ => {
            return Err(Error::bad_argument(
                "p_verdict is neither \"same\" nor \"different\"",
                "Pass 'same' to merge the two, 'different' to keep them apart.",
            )
            .into());
        }
    };
    Ok(store::connect(|db| {
        merging::review::decide(db, id, verdict)
    })?)
}

fn batch_size(limit: Option<i32>) -> Result<i32, Error> {
    let limit = present("p_limit", limit)?;
    if (1..=100_000).contains(&limit) {
        Ok(limit)
    } else {
        Err(Error::bad_argument(
            "p_limit is not between 1 and 100000",
            "Pass how many leads this call is to look at.",
        ))
    }
}

#[pg_extern(sql = false)]
fn rehash_leads(
    limit: Option<i32>,
    restart: Option<bool>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(seen, i64),
            name!(of_about, i64),
            name!(changed, i64),
            name!(merged, i64),
            name!(to_review, i64),
            name!(finished, bool),
        ),
    >,
    ErrorReport,
> {
    let limit = batch_size(limit)?;
    let (done, about) = store::connect(|db| {
        let done = merging::rehash::go_on(db, limit, restart.unwrap_or(false))?;
        Ok((done, sweeps::about_how_many(db)?))
    })?;
    Ok(TableIterator::once((
        done.seen,
        about.max(done.seen),
        done.changed,
        done.merged,
        done.to_review,
        done.is_finished,
    )))
}

#[pg_extern(sql = false)]
fn find_near_matches(
    limit: Option<i32>,
    restart: Option<bool>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(seen, i64),
            name!(of_about, i64),
            name!(to_review, i64),
            name!(finished, bool),
        ),
    >,
    ErrorReport,
> {
    let limit = batch_size(limit)?;
    let (done, about) = store::connect(|db| {
        let done = merging::near::go_on(db, limit, restart.unwrap_or(false))?;
        Ok((done, sweeps::about_how_many(db)?))
    })?;
    Ok(TableIterator::once((
        done.seen,
        about.max(done.seen),
        done.to_review,
        done.is_finished,
    )))
}

#[pg_extern(sql = false)]
fn unmerge_leads(merge_id: Option<i64>) -> Result<Uuid, ErrorReport> {
    let merge_id = present("p_merge_id", merge_id)?;
    Ok(store::connect(|db| merging::unmerge(db, merge_id))?)
}
