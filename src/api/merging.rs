//! Merging leads, undoing it, and deciding about pairs that may be one property.

use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use super::{identifier, present};
use crate::error::Error;
use crate::{merging, store};

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
fn unmerge_leads(merge_id: Option<i64>) -> Result<Uuid, ErrorReport> {
    let merge_id = present("p_merge_id", merge_id)?;
    Ok(store::connect(|db| merging::unmerge(db, merge_id))?)
}
