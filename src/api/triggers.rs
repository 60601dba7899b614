//! Row-local trigger functions: they compute columns of their own row and nothing else.

use pgrx::pg_sys::panic::{ErrorReport, ErrorReportable};
use pgrx::prelude::*;

use crate::address::{self, AddressParts};

/// Keeps `addr_hash` in step with the address: fills it when it is NULL, and computes it anew when the address
/// changed and the hash was ours. A hash that somebody set by hand stays.
#[pg_trigger(sql = false)]
fn leads_addr_hash<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, ErrorReport> {
    let Some(new) = trigger.new() else {
        return Err(ErrorReport::new(
            PgSqlErrorCode::ERRCODE_TRIGGERED_ACTION_EXCEPTION,
            "leads_addr_hash() is for row-level INSERT and UPDATE triggers",
            "leads_addr_hash",
        ));
    };
    let given: Option<String> = text(&new, "addr_hash");
    let keep = match (&given, trigger.old()) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(hash), Some(old)) => {
            text(&old, "addr_hash").as_ref() != Some(hash) || hash_of(&old).as_ref() != Some(hash)
        }
    };
    let mut row = new.into_owned();
    if !keep {
        let hash = hash_of(&row);
        if hash != given {
            row.set_by_name("addr_hash", hash).unwrap_or_report();
        }
    }
    Ok(Some(row))
}

fn hash_of<A: WhoAllocated>(row: &PgHeapTuple<'_, A>) -> Option<String> {
    let line1 = text(row, "address_line1").or_else(|| text(row, "property_address"));
    let (line2, city, state, zip) = (
        text(row, "address_line2"),
        text(row, "property_city"),
        text(row, "property_state"),
        text(row, "property_zip"),
    );
    address::canonical(&AddressParts {
        line1: line1.as_deref(),
        line2: line2.as_deref(),
        city: city.as_deref(),
        state: state.as_deref(),
        zip: zip.as_deref(),
    })
    .map(|address| address.hash_hex())
}

fn text<A: WhoAllocated>(row: &PgHeapTuple<'_, A>, name: &str) -> Option<String> {
    row.get_by_name(name).unwrap_or_report()
}
