//! Trigger functions on leads: they compute columns of their own row and nothing else. What they need to know of
//! opt-outs is read, never written; only the deferred one, at commit, remembers the property of a suppressed lead.

use pgrx::datum::datetime_support::transaction_timestamp;
use pgrx::datum::{Datum, TimestampWithTimeZone, UnboxDatum};
use pgrx::pg_sys::panic::{ErrorReport, ErrorReportable};
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};
use serde_json::Value;

use crate::address::{self, AddressParts};
use crate::error::Error;
use crate::opt_out::watch::{self, Hit};
use crate::store::leads::LeadStatus;
use crate::suppression::Holder;

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

/// A row with an opted-out value becomes do_not_contact; a suppressed row stays it whatever an UPDATE says.
#[pg_trigger(sql = false)]
fn leads_opt_out<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, ErrorReport> {
    let new = trigger.new().ok_or_else(|| not_for_this("leads_opt_out"))?;
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

/// The last look at a written lead, when its transaction commits.
#[pg_trigger(sql = false)]
fn leads_opt_out_at_commit<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, ErrorReport> {
    let new = trigger
        .new()
        .ok_or_else(|| not_for_this("leads_opt_out_at_commit"))?;
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
        row.set_by_name("phones", StoredPoints(phones))
            .unwrap_or_report();
    }
    if let Some(emails) = hit.emails {
        row.set_by_name("emails", StoredPoints(emails))
            .unwrap_or_report();
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
    let stored: Option<StoredPoints> = row.get_by_name(name).unwrap_or_report();
    stored.map_or_else(Vec::new, |stored| stored.0)
}

/// The elements of a column of type jsonb[]; pgrx reads no arrays out of a row by itself.
struct StoredPoints(Vec<Value>);

impl FromDatum for StoredPoints {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        oid: pg_sys::Oid,
    ) -> Option<Self> {
        // SAFETY: the caller's promise: a datum of type jsonb[].
        let stored = unsafe { Vec::<Option<JsonB>>::from_polymorphic_datum(datum, is_null, oid) };
        let value = |point: Option<JsonB>| point.map_or(Value::Null, |point| point.0);
        stored.map(|stored| Self(stored.into_iter().map(value).collect()))
    }
}

impl IntoDatum for StoredPoints {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        let points: Vec<JsonB> = self.0.into_iter().map(JsonB).collect();
        points.into_datum()
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBARRAYOID
    }
}

// SAFETY: reads a datum of the same type in the same way as FromDatum.
unsafe impl UnboxDatum for StoredPoints {
    type As<'src> = StoredPoints;

    unsafe fn unbox<'src>(datum: Datum<'src>) -> Self
    where
        Self: 'src,
    {
        // SAFETY: the caller's promise: a datum of type jsonb[] that is not NULL.
        unsafe { Self::from_datum(datum.sans_lifetime(), false) }.unwrap_or(Self(Vec::new()))
    }
}
