//! Opting out, lifting an opt-out, being forgotten.

use std::str::FromStr;

use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};
use serde_json::Value;

use super::{identifier, present};
use crate::address::{self, AddressParts};
use crate::contact::{Contact, Kind};
use crate::error::Error;
use crate::opt_out::{self, Recorded, Request};
use crate::suppression::Key;
use crate::{forgetting, merging, store};

#[pg_extern(sql = false)]
fn suppress_contact(
    kind: Option<String>,
    value: Option<String>,
    reason: Option<String>,
) -> Result<i64, ErrorReport> {
    let request = read_request(
        &present("p_kind", kind)?,
        &present("p_value", value)?,
        identifier("p_reason", reason)?,
    )?;
    let recorded = store::connect(|db| opt_out::suppress(db, &[request]))?;
    Ok(recorded.first().map_or(0, |recorded| recorded.id()))
}

type Outcome = (i32, Option<i64>, String, Option<String>);

#[pg_extern(sql = false)]
fn suppress_contacts(
    records: Option<JsonB>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(ord, i32),
            name!(suppression_id, Option<i64>),
            name!(outcome, String),
            name!(error, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let Value::Array(records) = present("p_records", records)?.0 else {
        return Err(Error::bad_argument(
            "p_records is not a JSON array",
            "Pass an array of objects: kind, value, reason.",
        )
        .into());
    };
    let mut requests = Vec::new();
    let read: Vec<Result<(), Error>> = records
        .iter()
        .map(|record| read_record(record).map(|request| requests.push(request)))
        .collect();
    let mut recorded = store::connect(|db| opt_out::suppress(db, &requests))?.into_iter();
    let rows: Vec<Outcome> = read
        .into_iter()
        .enumerate()
        .map(|(n, read)| {
            let ord = i32::try_from(n + 1).unwrap_or(i32::MAX);
            match read.map(|()| recorded.next()) {
                Ok(Some(Recorded::New(id))) => (ord, Some(id), "suppressed".into(), None),
                Ok(Some(Recorded::Known(id))) => (ord, Some(id), "known".into(), None),
                Ok(None) => (ord, None, "rejected".into(), None),
                Err(error) => (ord, None, "rejected".into(), Some(error.to_string())),
            }
        })
        .collect();
    Ok(TableIterator::new(rows))
}

#[pg_extern(sql = false)]
fn suppress_lead(lead_id: Option<Uuid>, reason: Option<String>) -> Result<i64, ErrorReport> {
    let lead_id = present("p_lead_id", lead_id)?;
    let reason = identifier("p_reason", reason)?;
    Ok(store::connect(|db| {
        let lead_id = merging::current(db, lead_id)?;
        opt_out::suppress_lead(db, lead_id, &reason)
    })?
    .id())
}

#[pg_extern(sql = false)]
fn lift_suppression(id: Option<i64>, reason: Option<String>) -> Result<i32, ErrorReport> {
    let id = present("p_id", id)?;
    let reason = identifier("p_reason", reason)?;
    Ok(store::connect(|db| opt_out::lift(db, id, &reason))?)
}

#[pg_extern(sql = false)]
fn forget_lead(lead_id: Option<Uuid>) -> Result<bool, ErrorReport> {
    let lead_id = present("p_lead_id", lead_id)?;
    store::connect(|db| {
        let lead_id = merging::current(db, lead_id)?;
        forgetting::lead(db, lead_id)
    })?;
    Ok(true)
}

#[pg_extern(sql = false)]
fn forget_contact(kind: Option<String>, value: Option<String>) -> Result<i32, ErrorReport> {
    let kind = present("p_kind", kind)?;
    let value = present("p_value", value)?;
    let Ok(kind) = Kind::from_str(&kind) else {
        return Err(bad_kind("Pass 'phone' or 'email'; for an address use forget_lead().").into());
    };
    let contact = Contact::parse(kind, &value).map_err(impossible)?;
    let count = store::connect(|db| forgetting::contact(db, &contact))?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

fn read_record(record: &Value) -> Result<Request, Error> {
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    let given = |name: &'static str| {
        text(name).ok_or_else(|| {
            Error::bad_argument(
                format!("{name} is missing or not a text"),
                "Pass an object: kind, value, reason.",
            )
        })
    };
    let reason = identifier("reason", text("reason").map(str::to_string))?;
    read_request(given("kind")?, given("value")?, reason)
}

fn read_request(kind: &str, value: &str, reason: String) -> Result<Request, Error> {
    let key = if kind.trim().eq_ignore_ascii_case("address") {
        Key::of_address(&read_address(value)?)
    } else {
        let Ok(kind) = Kind::from_str(kind) else {
            return Err(bad_kind("Pass 'phone', 'email' or 'address'."));
        };
        Key::of_contact(&Contact::parse(kind, value).map_err(impossible)?)
    };
    Ok(Request {
        keys: vec![key],
        reason,
        lead_id: None,
    })
}

fn bad_kind(hint: &'static str) -> Error {
    Error::bad_argument("p_kind is not a kind of contact", hint)
}

fn impossible(problem: crate::contact::ContactProblem) -> Error {
    Error::bad_syntax(
        problem.to_string(),
        "Pass a phone of ten digits or with its country code, or an address like name@example.com.",
    )
}

/// The hash of an address: itself, a JSON object of its parts, or one line "street[, unit], city, state ZIP".
fn read_address(text: &str) -> Result<String, Error> {
    let text = text.trim();
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    let hash = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(parts)) => {
            let part = |names: [&str; 2]| {
                names
                    .iter()
                    .find_map(|name| parts.get(*name).and_then(Value::as_str))
            };
            hash_of(&AddressParts {
                line1: part(["line1", "address_line1"]),
                line2: part(["line2", "address_line2"]),
                city: part(["city", "property_city"]),
                state: part(["state", "property_state"]),
                zip: part(["zip", "postal_code"]),
            })
        }
        _ => from_one_line(text),
    };
    hash.ok_or_else(|| {
        Error::bad_syntax(
            "the text does not identify a property",
            "Pass \"street, unit, city, state ZIP\", a JSON object of line1, line2, city, state, zip, or the result of compute_addr_hash().",
        )
    })
}

fn from_one_line(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let (last, mut before) = parts.split_last()?;
    let has_digit = |text: &str| text.bytes().any(|b| b.is_ascii_digit());
    let (mut state, zip) = match last.rsplit_once(char::is_whitespace) {
        Some((state, zip)) if has_digit(zip) => (Some(state), Some(zip)),
        _ if has_digit(last) => (None, Some(*last)),
        _ => (Some(*last), None),
    };
    if let (None, [rest @ .., own]) = (state, before)
        && rest.len() > 1
    {
        (state, before) = (Some(*own), rest);
    }
    let (city, street) = before.split_last()?;
    let (line1, rest) = street.split_first()?;
    let line2 = rest.join(" ");
    hash_of(&AddressParts {
        line1: Some(line1),
        line2: Some(line2.as_str()).filter(|line| !line.is_empty()),
        city: Some(city),
        state,
        zip,
    })
}

fn hash_of(parts: &AddressParts<'_>) -> Option<String> {
    address::canonical(parts).map(|address| address.hash_hex())
}
