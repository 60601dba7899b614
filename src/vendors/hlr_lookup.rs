//! HLR look-up (hlrlookup.com v2): is a mobile number in service, asked of its own network.
//!
//! Documented: POST `/apiv2/hlr` with `api_key` and `api_secret` in the body and up to 80 numbers, each
//! answered with its own `error`. A US number gets its live status only with `usa_status: "YES"` (two
//! credits). Nothing is charged for an error of a number, for `BAD_FORMAT`, and for a number outside
//! coverage that is not mobile. The network itself knows mobiles only: a VoIP number's service stays open.
//! The documentation puts the results under `body`, working clients read them at the top: both are taken.
//! Results are linked by the number the vendor echoes, never by position.
//!
//! The key is `key:secret`. `unit_price` is that of one charged look-up, however many credits it takes.

use serde::Serialize;
use serde_json::Value;

use super::exchange::{self, Account, BuildError, HttpRequest, Secret};
use super::found::{Unreadable, phone_type};
use super::{Item, Part, PhoneVerdict, Reply, Service, judge, lenient};

const PATH: &str = "/apiv2/hlr";

#[derive(Serialize)]
struct Body<'a> {
    api_key: &'a str,
    api_secret: &'a str,
    requests: Vec<Request<'a>>,
}

#[derive(Serialize)]
struct Request<'a> {
    telephone_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usa_status: Option<&'static str>,
}

pub(super) fn request(account: &Account<'_>, items: &[Item]) -> Result<HttpRequest, BuildError> {
    let key = account.usable_key()?;
    let (api_key, api_secret) = key
        .split_once(':')
        .filter(|(key, secret)| !key.is_empty() && !secret.is_empty())
        .ok_or_else(|| BuildError::account("the key must be written key:secret"))?;
    let body = Body {
        api_key,
        api_secret,
        requests: items.iter().map(one).collect::<Result<_, _>>()?,
    };
    let headers = vec![("accept", Secret::new("application/json"))];
    exchange::post(account.endpoint(PATH)?, headers, &body)
}

fn one(item: &Item) -> Result<Request<'_>, BuildError> {
    let number = digits(item.phone()?);
    Ok(Request {
        telephone_number: number,
        usa_status: number.starts_with('1').then_some("YES"),
    })
}

fn digits(e164: &str) -> &str {
    e164.trim_start_matches('+')
}

pub(super) fn receive(items: &[Item], body: &Value) -> Reply {
    let mut results = lenient::list(body, "results");
    if results.is_empty() {
        results = lenient::list(body, "body.results");
    }
    if results.is_empty() {
        let message = judge::message_of(body).unwrap_or_default();
        let reason = judge::reason("HTTP 200 without results", &message, items);
        return if judge::is_out_of_money(&message) {
            Reply::Blocked { reason }
        } else {
            Reply::Doubtful { reason }
        };
    }
    let (mut parts, mut refused, mut is_empty) = (Vec::new(), Vec::new(), false);
    for item in items {
        let Some(result) = results.iter().find(|result| is_about(result, item)) else {
            continue;
        };
        match lenient::text(result, "error").as_deref() {
            None | Some("NONE") => parts.push(part(item, result)),
            Some(word) => {
                is_empty |= word == "INSUFFICIENT_CREDIT";
                refused.push(item.id.clone());
            }
        }
    }
    match (refused.is_empty(), is_empty) {
        (true, _) => Reply::Answered(parts),
        (false, true) if parts.is_empty() => Reply::Blocked {
            reason: "the account has insufficient credit".into(),
        },
        (false, _) => Reply::Partly { parts, refused },
    }
}

fn is_about(result: &Value, item: &Item) -> bool {
    let asked = item.phone().map(digits).unwrap_or_default();
    [
        "request_parameters.telephone_number",
        "detected_telephone_number",
    ]
    .iter()
    .find_map(|place| lenient::text(result, place))
    .is_some_and(|told| digits(&told) == asked)
}

fn part(item: &Item, result: &Value) -> Part {
    let charged = lenient::number(result, "credits_spent").is_none_or(|credits| credits > 0.0);
    Part {
        item_id: item.id.clone(),
        units: u32::from(charged),
        matched: matches!(read(result), Ok(verdict) if verdict.service != Service::Unknown),
        pending: false,
        body: result.clone(),
    }
}

/// Reads a stored answer.
pub fn read(body: &Value) -> Result<PhoneVerdict, Unreadable> {
    let kind = lenient::text(body, "telephone_number_type").unwrap_or_default();
    let status = lenient::text(body, "live_status").unwrap_or_default();
    if kind.is_empty() && status.is_empty() {
        return Err(Unreadable::because(
            "the answer has neither live_status nor telephone_number_type",
        ));
    }
    let phone_type = phone_type(&kind);
    let service = match (status.as_str(), kind.as_str()) {
        (_, "BAD_FORMAT") | ("DEAD", _) => Service::Out,
        ("LIVE", _) => Service::In,
        ("ABSENT_SUBSCRIBER", _) => Service::Absent,
        // A landline is no phone that a message reaches, in service or not: that settles it.
        (_, "LANDLINE") => Service::In,
        _ => Service::Unknown,
    };
    Ok(PhoneVerdict {
        service,
        phone_type,
        carrier: lenient::text(body, "current_network_details.name"),
    })
}
