//! Melissa Personator Consumer: `/v3/WEB/ContactVerify/doContactVerify`.
//!
//! Every value is a string and an empty one is a single space. Mistakes of the whole request are
//! GE codes at HTTP 200; mistakes of shape are 400. A phone or e-mail in the answer was appended
//! only where the record says DA30 or DA40; else it is the input handed back. Every record of an
//! accepted request is billed, also one that is not found.

mod record;
mod request;

use serde_json::{Value, json};

use crate::dice::fingerprint;
use crate::exchange::{Answer, Call};
use crate::office::Office;
use crate::vendor::Vendor;
use request::Request;

const PATH: &str = "/melissa/v3/WEB/ContactVerify/doContactVerify";
/// The most records of one request.
const MOST_RECORDS: usize = 100;

/// Answers anything below `/melissa`.
pub fn answer(office: &mut Office, call: &Call) -> Answer {
    if call.path != PATH {
        return Answer::empty(404);
    }
    let request = match call.method.as_str() {
        "POST" => call
            .json()
            .map_err(|message| malformed("$", &message))
            .and_then(|body| Request::parse(&body)),
        "GET" => Request::from_query(&call.query),
        _ => return Answer::empty(405),
    };
    match request {
        Ok(request) => respond(office, &request),
        Err(answer) => answer,
    }
}

/// The documented 400 body.
#[must_use]
pub fn malformed(place: &str, message: &str) -> Answer {
    let body = json!({
        "type": "https://tools.ietf.org/html/rfc7231#section-6.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "errors": {place: [message]},
        "traceId": format!("00-{}-{}-00", fingerprint(place, 16), fingerprint(message, 8)),
    });
    Answer::json(400, &body)
}

fn respond(office: &mut Office, request: &Request) -> Answer {
    if let Some(code) = refused(office, request) {
        return envelope(request, code, &[]);
    }
    let mut records: Vec<Value> = request
        .records
        .iter()
        .map(|given| record::check(office, request, given))
        .collect();
    for given in &request.records {
        let item = record::billed_as(office, given);
        office.bill.charge_unit(Vendor::Melissa, item);
    }
    office.noise.shuffle(&mut records);
    let warnings = request.warnings();
    envelope(request, &warnings, &records)
}

/// The code of a request that is refused whole and not billed.
fn refused(office: &Office, request: &Request) -> Option<&'static str> {
    if request.customer.is_empty() {
        Some("GE04")
    } else if request.customer != office.settings.keys.melissa {
        Some("GE05")
    } else if request.records.is_empty() {
        Some("GE02")
    } else if request.records.len() > MOST_RECORDS {
        Some("GE03")
    } else if request.actions.is_empty() {
        Some("GE23")
    } else if office.is_out_of_credit(Vendor::Melissa) {
        Some("GE14")
    } else if request
        .columns
        .iter()
        .any(|column| column == "GRPDEMOGRAPHICBASIC")
    {
        Some("GE24")
    } else {
        None
    }
}

fn envelope(request: &Request, results: &str, records: &[Value]) -> Answer {
    let body = json!({
        "Version": "9.0.0",
        "TransmissionReference": or_space(&request.reference),
        "TransmissionResults": or_space(results),
        "TotalRecords": records.len().to_string(),
        "Records": records,
    });
    Answer::json(200, &body)
}

/// How Melissa writes nothing.
fn or_space(text: &str) -> &str {
    if text.is_empty() { " " } else { text }
}
