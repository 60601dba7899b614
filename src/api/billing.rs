//! A vendor's bill beside the ledger.

use std::str::FromStr;

use pgrx::datum::TimestampWithTimeZone;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, JsonB};
use serde_json::Value;

use super::{identifier, present};
use crate::error::Error;
use crate::money::Money;
use crate::store::{self, vendor_bills};
use crate::vendor_bill::{self, Finding};
use crate::worker::shared;

#[pg_extern(sql = false)]
fn import_vendor_bill(
    vendor: Option<String>,
    records: Option<JsonB>,
    from: Option<TimestampWithTimeZone>,
    until: Option<TimestampWithTimeZone>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(ord, Option<i32>),
            name!(call_id, Option<i64>),
            name!(outcome, String),
            name!(billed, Option<AnyNumeric>),
            name!(booked, Option<AnyNumeric>),
            name!(detail, String),
        ),
    >,
    ErrorReport,
> {
    let vendor = identifier("p_vendor", vendor)?;
    let Value::Array(records) = present("p_records", records)?.0 else {
        return Err(Error::bad_argument(
            "p_records is not a JSON array",
            "Pass an array of objects, one per line of the report.",
        )
        .into());
    };
    let period = match (from, until) {
        (Some(from), Some(until)) => Some((from, until)),
        (None, None) => None,
        _ => {
            return Err(Error::bad_argument(
                "only one of p_from and p_until is given",
                "Give both, if the report lists everything between them; else none.",
            )
            .into());
        }
    };
    let findings = store::connect(|db| {
        if !vendor_bills::is_known(db, &vendor)? {
            return Err(Error::NotFound {
                message: "no such vendor".into(),
                hint: "Pass a name of the table vendors.",
            });
        }
        vendor_bill::import(db, &vendor, &records, period)
    })?;
    shared::wake_at_commit();
    Ok(TableIterator::new(
        findings
            .into_iter()
            .map(row)
            .collect::<Result<Vec<_>, Error>>()?,
    ))
}

type Row = (
    Option<i32>,
    Option<i64>,
    String,
    Option<AnyNumeric>,
    Option<AnyNumeric>,
    String,
);

fn row(finding: Finding) -> Result<Row, Error> {
    Ok((
        finding.ord,
        finding.call_id,
        finding.outcome.to_string(),
        dollars(finding.billed)?,
        dollars(finding.booked)?,
        finding.detail,
    ))
}

fn dollars(money: Option<Money>) -> Result<Option<AnyNumeric>, Error> {
    money
        .map(|money| AnyNumeric::from_str(&money.to_string()))
        .transpose()
        .map_err(|_| Error::Internal("an amount of money is no number".into()))
}
