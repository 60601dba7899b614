//! SignalWire phone-number look-up: is it a number, of which type, at which carrier.
//!
//! Documented: GET with Basic authentication (`project:token`); `include=carrier` is the live and
//! billed part. `valid_number` only checks the numbering plan and `number_type` the number range,
//! which for the US is always "Fixed Line or Mobile": the type comes from `carrier.linetype` alone.
//! Members may be null. Assumed: `+` as `%2B`, 404 for a number that can't be looked up.

use serde_json::Value;

use super::exchange::{self, Account, BuildError, HttpRequest};
use super::found::{Unreadable, phone_type};
use super::{Item, Part, PhoneVerdict, Reply, Service, judge, lenient};

const PATH: &str = "/api/relay/rest/lookup/phone_number/";

pub(super) fn request(account: &Account<'_>, item: &Item) -> Result<HttpRequest, BuildError> {
    let number = item.phone()?;
    let path = format!("{PATH}{}?include=carrier", exchange::segment(number));
    Ok(exchange::get(account.endpoint(&path)?, account.basic()?))
}

pub(super) fn receive(items: &[Item], body: Value) -> Reply {
    let [item] = items else {
        return Reply::Doubtful {
            reason: "one phone number per answer".into(),
        };
    };
    let verdict = read(&body);
    if verdict.is_err() {
        let message = judge::message_of(&body).unwrap_or_default();
        return Reply::Doubtful {
            reason: judge::reason("HTTP 200 without a result", &message, items),
        };
    }
    let asked = item.phone().unwrap_or_default();
    if lenient::text(&body, "e164").is_some_and(|told| told != asked) {
        return Reply::Doubtful {
            reason: "the answer is about another number".into(),
        };
    }
    Reply::Answered(vec![Part {
        item_id: item.id.clone(),
        units: 1,
        matched: lenient::at(&body, "carrier").is_some(),
        pending: false,
        body,
    }])
}

/// Reads a stored answer.
pub fn read(body: &Value) -> Result<PhoneVerdict, Unreadable> {
    let phone_type = lenient::text(body, "carrier.linetype").and_then(|word| phone_type(&word));
    let stated = lenient::flag(body, "valid_number");
    let valid = stated
        .or_else(|| lenient::at(body, "carrier.linetype").map(|_| true))
        .ok_or_else(|| {
            Unreadable::because("the answer has neither valid_number nor a line type")
        })?;
    Ok(PhoneVerdict {
        service: if valid { Service::In } else { Service::Out },
        phone_type,
        carrier: lenient::text(body, "carrier.lec"),
    })
}
