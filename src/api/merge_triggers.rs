//! The last look at a merge, when its transaction commits.

use pgrx::Uuid;
use pgrx::pg_sys::panic::{ErrorReport, ErrorReportable};
use pgrx::prelude::*;

use crate::opt_out::merged;

#[pg_trigger(sql = false)]
fn lead_merges_opt_out_at_commit<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, pgrx::AllocatedByPostgres>>, ErrorReport> {
    let kept: Option<Uuid> = trigger
        .new()
        .and_then(|row| row.get_by_name("kept_lead_id").unwrap_or_report());
    if let Some(kept) = kept
        && let Err(error) = merged::at_commit(kept)
    {
        // pgrx turns an `Err` of a trigger function into a panic without its SQLSTATE: raised here, it keeps it.
        ErrorReport::from(error).report(PgLogLevel::ERROR);
    }
    Ok(None)
}
