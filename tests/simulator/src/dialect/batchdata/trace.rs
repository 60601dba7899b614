//! `POST /api/v1/property/skip-trace` and `/api/v3/property/skip-trace`.
//!
//! Matches are billed, misses are not, and tracing a door again bills again. Answers come in any
//! order. A miss has several faces, chosen by the door, as clients have met them all.

use serde_json::{Value, json};

use super::trace_request::{Item, TraceRequest};
use super::traced::{address, person_v1, persons_v3};
use super::{admit, refuse};
use crate::dice::{share, ulid};
use crate::exchange::{Answer, Call};
use crate::office::Office;
use crate::vendor::Vendor;
use crate::world::property::Property;

/// The two versions that exist.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V3,
}

/// What one call came to.
#[derive(Default)]
struct Counts {
    matched: usize,
    missed: usize,
    failed: usize,
}

/// Answers anything below `/batchdata` that speaks of skip tracing.
pub fn answer(office: &mut Office, call: &Call) -> Answer {
    if let Err(refusal) = admit(office, Vendor::BatchdataSkipTrace, call) {
        return refusal;
    }
    let version = match call.path.trim_start_matches("/batchdata") {
        "/api/v1/property/skip-trace" => Version::V1,
        "/api/v3/property/skip-trace" => Version::V3,
        "/api/v1/property/skip-trace/async" | "/api/v3/property/skip-trace/async" => {
            return refuse(
                403,
                "This token does not have permission to access this API: property-skip-trace-async",
            );
        }
        _ => return refuse(404, "Not found"),
    };
    if call.method != "POST" {
        return refuse(405, "Method not allowed");
    }
    match call.json().and_then(|body| TraceRequest::parse(&body)) {
        Ok(request) => trace(office, &request, version),
        Err(message) => refuse(400, &message),
    }
}

fn trace(office: &mut Office, request: &TraceRequest, version: Version) -> Answer {
    let mut counts = Counts::default();
    let mut rows: Vec<Value> = Vec::new();
    let mut charged: Vec<String> = Vec::new();
    for (index, item) in request.items.iter().enumerate() {
        let found = item
            .find(&office.world)
            .filter(|property| property.tracer.matches);
        match found {
            Some(property) => {
                counts.matched += 1;
                charged.push(property.door_key());
                rows.push(matched(
                    item,
                    index,
                    property,
                    (version, request.with_tcpa_phones),
                ));
            }
            None if item.is_mistaken() => counts.failed += 1,
            None => counts.missed += 1,
        }
        if found.is_none() {
            rows.extend(missed(item, index, version));
        }
    }
    for door in charged {
        office.bill.charge_unit(Vendor::BatchdataSkipTrace, door);
    }
    office.noise.shuffle(&mut rows);
    let request_id = ulid(&mut office.noise);
    Answer::json(200, &envelope(version, rows, &counts, &request_id))
}

fn envelope(version: Version, rows: Vec<Value>, counts: &Counts, request_id: &str) -> Value {
    let meta = json!({
        "apiVersion": if version == Version::V1 { "1.0" } else { "3" },
        "requestId": request_id,
        "results": {
            "requestCount": counts.matched + counts.missed + counts.failed,
            "matchCount": counts.matched, "noMatchCount": counts.missed, "errorCount": counts.failed,
        },
    });
    let status = json!({"code": 200, "text": "OK"});
    match version {
        Version::V1 => json!({"status": status, "results": {"persons": rows, "meta": meta}}),
        Version::V3 => json!({"status": status, "result": {"data": rows, "meta": meta}}),
    }
}

fn matched(item: &Item, index: usize, property: &Property, how: (Version, Option<bool>)) -> Value {
    let (version, with_tcpa) = how;
    match version {
        Version::V1 => {
            let mut person = person_v1(property, with_tcpa.unwrap_or(false));
            echo_v1(&mut person, item, &property.door_key());
            person
        }
        Version::V3 => json!({
            "inputIndex": index,
            "input": input(item, index),
            "property": {
                "id": crate::dice::fingerprint(&property.door_key(), 12),
                "address": address(property), "mailingAddress": address(property),
                "owners": [{"name": {"full": property.owner.full_name()}}],
            },
            "persons": persons_v3(property, with_tcpa.unwrap_or(true)),
            "meta": {"matched": true, "error": false},
        }),
    }
}

fn input(item: &Item, index: usize) -> Value {
    let mut input = item.given.clone();
    input["inputIndex"] = json!(index);
    input
}

/// V1 does not say where it repeats the caller's id; all three places occur, and none.
fn echo_v1(row: &mut Value, item: &Item, door: &str) {
    let Some(id) = &item.request_id else { return };
    match share(&format!("echo {door}")) % 4 {
        0 => row["requestId"] = json!(id),
        1 => row["request"] = json!({"requestId": id}),
        2 => row["meta"]["requestId"] = json!(id),
        _ => {}
    }
}

/// What a miss leaves in the answer, if anything.
fn missed(item: &Item, index: usize, version: Version) -> Option<Value> {
    let text = item.given.to_string();
    let error = item.is_mistaken();
    let face = share(&text) % 3;
    match version {
        Version::V1 if face == 0 && !error => None,
        Version::V1 => {
            let mut row = json!({
                "propertyAddress": item.address(), "meta": {"matched": false, "error": error},
            });
            echo_v1(&mut row, item, &text);
            Some(row)
        }
        Version::V3 if face == 0 && !error => Some(Value::Null),
        Version::V3 => Some(json!({
            "inputIndex": index, "input": input(item, index), "persons": [],
            "meta": {"matched": false, "error": error},
        })),
    }
}
