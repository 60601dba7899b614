//! hlrlookup.com v2: `POST /apiv2/hlr`.
//!
//! Key and secret stand in the body; up to 80 numbers, answered in order, each with its own
//! error. Without `usa_status: "YES"` a US number gets network and type only. Bad formats and
//! numbers outside coverage that are not mobile cost nothing.

use serde_json::{Map, Value, json};

use super::wording;
use crate::dice::fingerprint;
use crate::exchange::{Answer, Call};
use crate::office::Office;
use crate::settings::HlrEnvelope;
use crate::vendor::Vendor;
use crate::world::property::{Line, Phone};

/// The most numbers of one request.
const MOST_NUMBERS: usize = 80;
const ITEM: [&str; 9] = [
    "telephone_number",
    "usa_status",
    "get_ported_date",
    "get_landline_status",
    "cache_days_private",
    "cache_days_global",
    "save_to_cache",
    "input_format",
    "output_format",
];

/// Answers anything below `/hlr`.
pub fn answer(office: &mut Office, call: &Call) -> Answer {
    match (call.path.as_str(), call.method.as_str()) {
        ("/hlr/apiv2/hlr", "POST") => {}
        _ => return refuse(404, "unknown endpoint"),
    }
    let body = match call.json() {
        Ok(body) => body,
        Err(message) => return refuse(400, &message),
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    if format!("{}:{}", text("api_key"), text("api_secret")) != office.settings.keys.hlr {
        return refuse(401, "api_key or api_secret is wrong");
    }
    let numbers = match requests(&body) {
        Ok(numbers) => numbers,
        Err(message) => return refuse(400, &message),
    };
    let results: Vec<Value> = numbers.iter().map(|given| look_up(office, given)).collect();
    let results = json!({"results": results});
    match office.settings.hlr_envelope {
        HlrEnvelope::TopLevel => Answer::json(200, &results),
        HlrEnvelope::Body => Answer::json(200, &json!({"body": results})),
    }
}

/// The documented error body.
#[must_use]
pub fn refuse(status: u16, message: &str) -> Answer {
    let error = wording::reason(status).to_uppercase().replace(' ', "_");
    Answer::json(status, &json!({"error": error, "message": message}))
}

fn requests(body: &Value) -> Result<Vec<Map<String, Value>>, String> {
    let members = body.as_object().ok_or("body must be an object")?;
    if let Some(name) = members
        .keys()
        .find(|name| !["api_key", "api_secret", "requests"].contains(&name.as_str()))
    {
        return Err(format!("unknown property {name}"));
    }
    let requests = members
        .get("requests")
        .and_then(Value::as_array)
        .ok_or("requests must be an array")?;
    if requests.is_empty() || requests.len() > MOST_NUMBERS {
        return Err(format!("requests must hold 1 to {MOST_NUMBERS} numbers"));
    }
    requests.iter().map(request).collect()
}

fn request(given: &Value) -> Result<Map<String, Value>, String> {
    let members = given.as_object().ok_or("a request must be an object")?;
    if let Some(name) = members.keys().find(|name| !ITEM.contains(&name.as_str())) {
        return Err(format!("unknown property {name}"));
    }
    if members
        .get("telephone_number")
        .and_then(Value::as_str)
        .is_none()
    {
        return Err("telephone_number is required".to_owned());
    }
    Ok(members.clone())
}

fn look_up(office: &mut Office, given: &Map<String, Value>) -> Value {
    let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = text("telephone_number").chars();
    let digits: String = number.filter(char::is_ascii_digit).collect();
    let depth = if text("usa_status") == "YES" {
        Depth::Live
    } else {
        Depth::Network
    };
    let mut result = json!({
        "uuid": uuid(&digits), "request_parameters": given, "error": "NONE",
        "credits_spent": 0, "detected_telephone_number": digits,
        "formatted_telephone_number": format!("+{digits}"), "timestamp": "2026-01-15T18:22:05Z",
    });
    if office.is_out_of_credit(Vendor::HlrLookup) {
        result["error"] = json!("INSUFFICIENT_CREDIT");
        return result;
    }
    if office.broken_numbers.contains(&digits) {
        result["error"] = json!("INTERNAL_ERROR");
        return result;
    }
    let national = digits
        .strip_prefix('1')
        .filter(|national| national.len() == 10);
    match national.map(|national| office.world.phone(national)) {
        None => unknown(&mut result, "NOT_APPLICABLE", "BAD_FORMAT"),
        Some(None) => unknown(&mut result, "NO_COVERAGE", "UNKNOWN"),
        Some(Some((_, phone))) => {
            describe(&mut result, phone, depth);
            if phone.line == Line::Mobile {
                result["credits_spent"] = json!(if depth == Depth::Live { 2 } else { 1 });
                office
                    .bill
                    .charge_unit(Vendor::HlrLookup, format!("+{digits}"));
            }
        }
    }
    result
}

fn unknown(result: &mut Value, live_status: &str, kind: &str) {
    result["live_status"] = json!(live_status);
    result["telephone_number_type"] = json!(kind);
}

/// How much was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Network,
    Live,
}

fn describe(result: &mut Value, phone: &Phone, depth: Depth) {
    let kind = match phone.line {
        Line::Mobile => "MOBILE",
        Line::Landline => "LANDLINE",
        Line::Voip => "VOIP",
    };
    let live = match (phone.line, depth) {
        (Line::Mobile, Depth::Network) => "NOT_AVAILABLE_NETWORK_ONLY",
        (Line::Mobile, Depth::Live) if phone.live => "LIVE",
        (Line::Mobile, Depth::Live) => "DEAD",
        _ => "NO_COVERAGE",
    };
    let network = json!({
        "name": phone.carrier, "mccmnc": "310999", "country_name": "United States",
        "country_iso3": "USA", "area": "United States", "country_prefix": "1",
    });
    result["live_status"] = json!(live);
    result["telephone_number_type"] = json!(kind);
    for name in ["original_network", "current_network"] {
        result[name] = json!("AVAILABLE");
        result[format!("{name}_details")] = network.clone();
    }
    result["is_ported"] = json!(if phone.ported { "YES" } else { "NO" });
    if depth == Depth::Live {
        result["usa_status"] = json!("YES");
    }
}

fn uuid(digits: &str) -> String {
    let hex = fingerprint(&format!("hlr {digits}"), 16);
    format!(
        "{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}
