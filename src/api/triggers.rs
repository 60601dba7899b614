//! Trigger functions on leads: they compute columns of their own row and nothing else. What they need to know of
//! opt-outs is read, never written; only the deferred one, at commit, remembers the property of a suppressed lead.
//!
//! Most rows concern nobody. So the functions that fire read the row where it lies, and call those that work with the
//! owner's rights (`leads_opt_out_look`, `leads_opt_out_settle`) only when there is something to do.

use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::datum::datetime_support::transaction_timestamp;
use pgrx::pg_sys::panic::{ErrorReport, ErrorReportable};
use pgrx::prelude::*;
use serde_json::Value;

use super::lead_row::{Columns, LeadRow};
use super::native::native_function;
use super::row_trigger::RowTrigger;
use crate::address::{self, AddressParts};
use crate::error::Error;
use crate::opt_out::watch::{self, Hit};
use crate::store::jsonb::Points;
use crate::store::leads::LeadStatus;
use crate::suppression::Holder;

native_function!(
    leads_addr_hash_wrapper,
    pg_finfo_leads_addr_hash_wrapper,
    leads_addr_hash
);
native_function!(
    leads_opt_out_wrapper,
    pg_finfo_leads_opt_out_wrapper,
    leads_opt_out
);
native_function!(
    leads_opt_out_at_commit_wrapper,
    pg_finfo_leads_opt_out_at_commit_wrapper,
    leads_opt_out_at_commit
);

/// Keeps `addr_hash` in step with the address: fills it when it is NULL, and computes it anew when the address
/// changed and the hash was ours. A hash that somebody set by hand stays.
///
/// # Safety
/// Called by Postgres for a trigger.
unsafe fn leads_addr_hash(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the caller's promise.
    let trigger = unsafe { RowTrigger::of(call, "leads_addr_hash") };
    let columns = trigger.columns();
    let new = trigger.new_row();
    if let Some(given) = new.text(columns.addr_hash) {
        let is_set_by_hand = trigger.old_row().is_none_or(|old| {
            let is_untouched = columns
                .address()
                .iter()
                .all(|column| new.is_stored_alike(&old, *column));
            is_untouched
                || old.text(columns.addr_hash) != Some(given)
                || hash_of(&old, &columns).as_deref() != Some(given)
        });
        if is_set_by_hand {
            return trigger.unchanged();
        }
    }
    let hash = hash_of(&new, &columns);
    if hash.as_deref() == new.text(columns.addr_hash) {
        return trigger.unchanged();
    }
    trigger.with(columns.addr_hash, hash.into_datum())
}

fn hash_of(row: &LeadRow, columns: &Columns) -> Option<String> {
    let line1 = row
        .text(columns.address_line1)
        .or_else(|| row.text(columns.property_address));
    address::canonical(&AddressParts {
        line1,
        line2: row.text(columns.address_line2),
        city: row.text(columns.city),
        state: row.text(columns.state),
        zip: row.text(columns.zip),
    })
    .map(|address| address.hash_hex())
}

/// Must opt-outs be looked up for this row? If not, it is stored as it is.
///
/// # Safety
/// Called by Postgres for a trigger.
unsafe fn leads_opt_out(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the caller's promise.
    let trigger = unsafe { RowTrigger::of(call, "leads_opt_out") };
    let columns = trigger.columns();
    let new = trigger.new_row();
    let is_flagged = !new.is_null(columns.suppressed_at);
    let concerns_nobody = match trigger.old_row() {
        // Born with its mark: a restore.
        None => is_flagged || watch::has_no_opt_outs(),
        Some(old) => {
            let is_same = columns
                .held
                .iter()
                .all(|column| new.is_stored_alike(&old, *column));
            !is_flagged
                && old.is_null(columns.suppressed_at)
                && (is_same || watch::has_no_opt_outs())
        }
    };
    if concerns_nobody {
        return trigger.unchanged();
    }
    // SAFETY: this call's own; the other function is a trigger function as well.
    unsafe { trigger.pass_on_to(call, c"leads_opt_out_look") }
}

/// The last look at a written lead, when its transaction commits; one look for all rows finds that none is needed.
///
/// # Safety
/// Called by Postgres for a trigger.
unsafe fn leads_opt_out_at_commit(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    if watch::is_settled() {
        return pg_sys::Datum::null();
    }
    // SAFETY: the caller's promise; the other function is a trigger function as well.
    unsafe {
        RowTrigger::of(call, "leads_opt_out_at_commit").pass_on_to(call, c"leads_opt_out_settle")
    }
}

fn text<A: WhoAllocated>(row: &PgHeapTuple<'_, A>, name: &str) -> Option<String> {
    row.get_by_name(name).unwrap_or_report()
}

/// A row with an opted-out value becomes do_not_contact; a suppressed row stays it whatever an UPDATE says.
#[pg_trigger(sql = false)]
fn leads_opt_out_look<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, ErrorReport> {
    let new = trigger
        .new()
        .ok_or_else(|| not_for_this("leads_opt_out_look"))?;
    let mut row = new.into_owned();
    let old = trigger.old();
    or_report(look_at(&mut row, old.as_ref()));
    Ok(Some(row))
}

/// pgrx turns an `Err` of a trigger function into a panic without its SQLSTATE: raised here, it keeps it.
fn or_report<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| {
        ErrorReport::from(error).report(PgLogLevel::ERROR);
        unreachable!("ERROR unwinds")
    })
}

fn look_at<A: WhoAllocated>(
    row: &mut OwnRow<'_>,
    old: Option<&PgHeapTuple<'_, A>>,
) -> Result<(), Error> {
    let suppressed_before = old.filter(|old| when(*old, "suppressed_at").is_some());
    if let (Some(old), false) = (suppressed_before, watch::is_lifting()) {
        keep_suppressed(row, old)
    } else if when(row, "suppressed_at").is_some() {
        // Flagged by hand or by a vendor: an INSERT, and so a restore, does not come here with a mark.
        set_do_not_contact(row)?;
        id_of(row).map_or(Ok(()), |id| watch::became_suppressed(id, 0))
    } else if watch::is_needed()? {
        heed_opt_outs(row)
    } else {
        Ok(())
    }
}

/// The last look at one written lead.
#[pg_trigger(sql = false)]
fn leads_opt_out_settle<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, ErrorReport> {
    let new = trigger
        .new()
        .ok_or_else(|| not_for_this("leads_opt_out_settle"))?;
    if let Some(id) = id_of(&new) {
        or_report(watch::at_commit(id));
    }
    Ok(None)
}

type OwnRow<'a> = PgHeapTuple<'a, pgrx::AllocatedByRust>;

fn not_for_this(name: &'static str) -> ErrorReport {
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_TRIGGERED_ACTION_EXCEPTION,
        format!("{name}() is for row-level INSERT and UPDATE triggers"),
        name,
    )
}

fn heed_opt_outs(row: &mut OwnRow<'_>) -> Result<(), Error> {
    let (phones, emails) = (points(row, "phones"), points(row, "emails"));
    let own = |name| text(row, name);
    let (addr_hash, mak, source) = (own("addr_hash"), own("mak"), own("source"));
    let (vendor_record_id, apn, county_fips) =
        (own("vendor_record_id"), own("apn"), own("county_fips"));
    let holder = Holder {
        phones: &phones,
        emails: &emails,
        addr_hash: addr_hash.as_deref(),
        mak: mak.as_deref(),
        source: source.as_deref(),
        vendor_record_id: vendor_record_id.as_deref(),
        apn: apn.as_deref(),
        county_fips: county_fips.as_deref(),
    };
    let Some(hit) = watch::look(&holder)? else {
        return Ok(());
    };
    suppress_row(row, hit)
}

fn suppress_row(row: &mut OwnRow<'_>, hit: Hit) -> Result<(), Error> {
    if let Some(phones) = hit.phones {
        row.set_by_name("phones", Points(phones)).unwrap_or_report();
    }
    if let Some(emails) = hit.emails {
        row.set_by_name("emails", Points(emails)).unwrap_or_report();
    }
    row.set_by_name("suppressed_at", transaction_timestamp())
        .unwrap_or_report();
    row.set_by_name("suppressed_reason", hit.reason)
        .unwrap_or_report();
    set_do_not_contact(row)?;
    match id_of(row) {
        Some(id) => watch::became_suppressed(id, hit.id),
        None => Ok(()),
    }
}

/// Takes back what an UPDATE tried on a suppressed row.
fn keep_suppressed<A: WhoAllocated>(
    row: &mut OwnRow<'_>,
    old: &PgHeapTuple<'_, A>,
) -> Result<(), Error> {
    if when(row, "suppressed_at").is_none() {
        row.set_by_name("suppressed_at", when(old, "suppressed_at"))
            .unwrap_or_report();
        row.set_by_name("suppressed_reason", text(old, "suppressed_reason"))
            .unwrap_or_report();
    }
    set_do_not_contact(row)
}

fn set_do_not_contact(row: &mut OwnRow<'_>) -> Result<(), Error> {
    let Some(wanted) = watch::do_not_contact()? else {
        return Ok(());
    };
    let is: Option<LeadStatus> = row.get_by_name("status").unwrap_or_report();
    if is.is_none_or(|is| !is.equals(wanted)) {
        row.set_by_name("status", wanted).unwrap_or_report();
    }
    Ok(())
}

fn id_of<A: WhoAllocated>(row: &PgHeapTuple<'_, A>) -> Option<Uuid> {
    row.get_by_name("id").unwrap_or_report()
}

fn when<A: WhoAllocated>(row: &PgHeapTuple<'_, A>, name: &str) -> Option<TimestampWithTimeZone> {
    row.get_by_name(name).unwrap_or_report()
}

fn points<A: WhoAllocated>(row: &PgHeapTuple<'_, A>, name: &str) -> Vec<Value> {
    let stored: Option<Points> = row.get_by_name(name).unwrap_or_report();
    stored.map_or_else(Vec::new, |stored| stored.0)
}
