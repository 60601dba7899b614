//! Leads come in: one at a time, or a page or file at once.

use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyElement, AnyNumeric, JsonB, Uuid};
use serde_json::Value;

use super::{identifier, present};
use crate::bulk;
use crate::error::Error;
use crate::intake;
use crate::record::LeadRecord;
use crate::store::{self, identity, jsonb};

#[allow(
    clippy::too_many_arguments,
    reason = "the signature is the user's specification"
)]
#[pg_extern(sql = false)]
fn upsert_lead(
    source: Option<String>,
    vendor_record_id: Option<String>,
    vendor_list_id: Option<String>,
    address_line1: Option<String>,
    address_line2: Option<String>,
    city: Option<String>,
    state: Option<String>,
    postal_code: Option<String>,
    apn: Option<String>,
    owner_first_name: Option<String>,
    owner_last_name: Option<String>,
    owner_full_name: Option<String>,
    owner_company: Option<String>,
    property_value: Option<AnyNumeric>,
    estimated_equity: Option<AnyNumeric>,
    age: Option<i32>,
    mak: Option<String>,
    owner_occupied: Option<bool>,
    county_fips: Option<String>,
    custom: Option<JsonB>,
) -> Result<Uuid, ErrorReport> {
    let source = identifier("p_source", source)?;
    let record = LeadRecord {
        vendor_record_id,
        vendor_list_id,
        address_line1,
        address_line2,
        city,
        state,
        postal_code,
        apn,
        owner_first_name,
        owner_last_name,
        owner_full_name,
        owner_company,
        mak,
        county_fips,
        property_value: property_value
            .map(|value| read_amount("p_property_value", &value))
            .transpose()?,
        estimated_equity: estimated_equity
            .map(|value| read_amount("p_estimated_equity", &value))
            .transpose()?,
        age,
        owner_occupied,
        custom: custom.map(read_custom).transpose()?,
        ..LeadRecord::default()
    };
    let record = intake::accept(record)?;
    Ok(store::connect(|db| identity::upsert(db, &source, &record, None))?.lead_id)
}

fn read_amount(name: &str, value: &AnyNumeric) -> Result<rust_decimal::Decimal, Error> {
    value.to_string().parse().map_err(|_| {
        Error::bad_argument(
            format!("{name} is not an amount of money"),
            "Pass dollars, such as 850000.",
        )
    })
}

fn read_custom(custom: JsonB) -> Result<serde_json::Map<String, Value>, Error> {
    match custom.0 {
        Value::Object(custom) => Ok(custom),
        _ => Err(Error::bad_argument(
            "p_custom is not a JSON object",
            "Pass an object such as {\"crm_id\": 17}.",
        )),
    }
}

#[pg_extern(sql = false)]
fn upsert_leads(
    source: Option<String>,
    records: Option<AnyElement>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(ord, i32),
            name!(lead_id, Option<Uuid>),
            name!(outcome, String),
            name!(error, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let source = identifier("p_source", source)?;
    let records = present("p_records", records)?;
    // SAFETY: declared as jsonb, and not NULL.
    let records = unsafe { jsonb::records::records(records.datum()) }?.ok_or_else(|| {
        Error::bad_argument(
            "p_records is not a JSON array",
            "Pass an array of objects, one per record.",
        )
    })?;
    let outcomes = bulk::upsert_all(&source, records)?;
    let rows = outcomes.into_iter().enumerate().map(|(n, outcome)| {
        let ord = i32::try_from(n + 1).unwrap_or(i32::MAX);
        match outcome {
            Ok(upserted) => (
                ord,
                Some(upserted.lead_id),
                upserted.outcome.as_str().to_string(),
                None,
            ),
            Err(error) => (ord, None, "rejected".to_string(), Some(error.to_string())),
        }
    });
    Ok(TableIterator::new(rows.collect::<Vec<_>>()))
}
