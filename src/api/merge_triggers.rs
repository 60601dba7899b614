//! The last look at a merge, when its transaction commits.

use pgrx::Uuid;
use pgrx::pg_sys::panic::{ErrorReport, ErrorReportable};
use pgrx::prelude::*;

use crate::opt_out::merged;

#[pg_trigger(sql = false)]
fn lead_merges_opt_out_at_commit<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, pgrx::AllocatedByPostgres>>, ErrorReport> {
    let row = trigger.new();
    let id = |column| -> Option<Uuid> { row.as_ref()?.get_by_name(column).unwrap_or_report() };
    // Of an undone merge, the folded lead is back, with what had been folded into it before.
    let leads = [id("kept_lead_id"), id("folded_lead_id")];
    if let Err(error) = leads.into_iter().flatten().try_for_each(merged::at_commit) {
        // pgrx turns an `Err` of a trigger function into a panic without its SQLSTATE: raised here, it keeps it.
        ErrorReport::from(error).report(PgLogLevel::ERROR);
    }
    Ok(None)
}
