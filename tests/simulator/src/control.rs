//! The control interface under `/control`: JSON for tests and for people.
//!
//! It is not a vendor: it asks for no key, is never delayed and never struck by a fault.

use std::time::Duration;

use serde_json::{Value, json};

use crate::exchange::{Answer, Call};
use crate::faults::Rule;
use crate::limits::Limit;
use crate::simulator::Simulator;
use crate::vendor::Vendor;

/// Most properties that one call may add.
const MOST_ARRIVALS: u64 = 100_000;

/// Answers a control request.
pub fn answer(simulator: &Simulator, call: &Call) -> Answer {
    let path = call.path.trim_start_matches("/control");
    let done = match (call.method.as_str(), path) {
        ("GET", "/bill") => Ok(simulator.with_office(|office| office.bill.to_json())),
        ("GET", "/bill/items") => items(simulator, call),
        ("POST", "/faults") => add_faults(simulator, call),
        ("GET", "/faults") => Ok(simulator.with_faults(|faults| faults.to_json())),
        ("DELETE", "/faults") => {
            simulator.with_faults(crate::faults::Faults::clear);
            Ok(json!({"rules": 0}))
        }
        ("GET", "/stats") => Ok(simulator.with_stats(|stats| stats.to_json())),
        ("POST", "/latency") => latency(simulator, call),
        ("POST", "/limits") => limits(simulator, call),
        ("POST", "/world/add") => arrivals(simulator, call),
        ("GET", "/world/summary") => {
            Ok(simulator.with_office(|office| json!(office.world.summary())))
        }
        ("GET", "/world/truth") => Ok(simulator.with_office(|office| json!(office.world.truth()))),
        ("POST", "/out-of-credit") => out_of_credit(simulator, call),
        ("GET", "/campaign-handouts") => {
            Ok(simulator.with_office(|office| json!(office.campaigns.handouts)))
        }
        ("POST", "/campaign-event") => campaign_event(simulator, call),
        _ => return Answer::json(404, &json!({"error": "no such control"})),
    };
    match done {
        Ok(body) => Answer::json(200, &body),
        Err(message) => Answer::json(400, &json!({"error": message})),
    }
}

fn body(call: &Call) -> Result<Value, String> {
    serde_json::from_slice(&call.body).map_err(|error| format!("body is not JSON: {error}"))
}

fn vendor(name: Option<&str>) -> Result<Vendor, String> {
    name.and_then(Vendor::named).ok_or_else(|| {
        let names: Vec<&str> = Vendor::ALL.iter().map(|vendor| vendor.name()).collect();
        format!("vendor must be one of {}", names.join(", "))
    })
}

fn items(simulator: &Simulator, call: &Call) -> Result<Value, String> {
    let vendor = vendor(call.parameter("vendor"))?;
    Ok(simulator.with_office(|office| json!(office.bill.items(vendor))))
}

/// Takes one rule, a list of rules, or `{"rules": […]}`.
fn add_faults(simulator: &Simulator, call: &Call) -> Result<Value, String> {
    let mut given = body(call)?;
    if let Some(rules) = given.get_mut("rules") {
        given = rules.take();
    }
    let given = if given.is_array() {
        given
    } else {
        json!([given])
    };
    let rules: Vec<Rule> = serde_json::from_value(given).map_err(|error| error.to_string())?;
    if let Some(mistake) = rules.iter().find_map(Rule::mistake) {
        return Err(mistake.to_owned());
    }
    simulator.with_faults(|faults| rules.into_iter().for_each(|rule| faults.add(rule)));
    Ok(simulator.with_faults(|faults| faults.to_json()))
}

/// `{"ms": 20}` for every vendor, or `{"vendor": "melissa", "ms": 20}` for one.
fn latency(simulator: &Simulator, call: &Call) -> Result<Value, String> {
    let given = body(call)?;
    let ms = given["ms"].as_u64().ok_or("ms must be a whole number")?;
    let vendors = match given.get("vendor") {
        None => Vendor::ALL.to_vec(),
        Some(name) => vec![vendor(name.as_str())?],
    };
    for vendor in vendors {
        simulator.set_latency(vendor, Duration::from_millis(ms));
    }
    Ok(json!({"ms": ms}))
}

/// `{"vendor": "melissa", "per_second": 10, "in_flight": 4}`; what is left out is unlimited.
fn limits(simulator: &Simulator, call: &Call) -> Result<Value, String> {
    let given = body(call)?;
    let vendor = vendor(given["vendor"].as_str())?;
    let limit: Limit = serde_json::from_value(given).map_err(|error| error.to_string())?;
    simulator.with_limits(|limits| limits.set(vendor, limit));
    Ok(json!({"vendor": vendor, "limit": limit}))
}

fn arrivals(simulator: &Simulator, call: &Call) -> Result<Value, String> {
    let count = body(call)?["count"]
        .as_u64()
        .filter(|count| *count <= MOST_ARRIVALS);
    let count = count.ok_or("count must be a whole number of at most 100000")?;
    Ok(simulator.with_office(|office| {
        office.world.add(count as usize);
        json!({"properties": office.world.properties().len(), "listings": office.world.listings().len()})
    }))
}

fn out_of_credit(simulator: &Simulator, call: &Call) -> Result<Value, String> {
    let given = body(call)?;
    let vendor = vendor(given["vendor"].as_str())?;
    let on = given["on"].as_bool().ok_or("on must be true or false")?;
    simulator.with_office(|office| {
        if on {
            office.empty_accounts.insert(vendor);
        } else {
            office.empty_accounts.remove(&vendor);
        }
        Ok(json!({"out_of_credit": office.empty_accounts}))
    })
}

/// Lets something happen to a lead of a campaign: the payload of a webhook, kept for polling.
fn campaign_event(simulator: &Simulator, call: &Call) -> Result<Value, String> {
    let payload = body(call)?;
    if payload["event_type"].as_str().is_none() || payload["lead_email"].as_str().is_none() {
        return Err("event_type and lead_email are required".to_owned());
    }
    simulator.with_office(|office| {
        office.campaigns.events.push(payload);
        Ok(json!({"events": office.campaigns.events.len()}))
    })
}
