//! SignalWire: `GET /api/relay/rest/lookup/phone_number/{e164}?include=carrier,cnam`.
//!
//! Each include is a live look-up and is billed, whatever it finds; without one the numbering
//! plan answers for nothing. Members may be null.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::dice::share;
use crate::exchange::{Answer, Call, percent_decode};
use crate::office::Office;
use crate::vendor::Vendor;
use crate::world::property::{Line, Phone};

const PATH: &str = "/signalwire/api/relay/rest/lookup/phone_number/";

/// Answers anything below `/signalwire`.
pub fn answer(office: &mut Office, call: &Call) -> Answer {
    let expected = format!(
        "Basic {}",
        STANDARD.encode(&office.settings.keys.signalwire)
    );
    if call.header("authorization") != Some(expected.as_str()) {
        return Answer::json(401, &json!({"error": "Unauthorized"}));
    }
    let number = call.path.strip_prefix(PATH).map(percent_decode);
    let national = number
        .as_deref()
        .and_then(|number| number.strip_prefix("+1"));
    let national = national.filter(|digits| is_possible(digits));
    let (Some(national), "GET") = (national, call.method.as_str()) else {
        return Answer::json(404, &json!({"error": "Not Found"}));
    };
    let includes = call.parameter("include").unwrap_or_default();
    let includes: Vec<&str> = includes
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    if let Some(wrong) = includes
        .iter()
        .find(|name| !matches!(**name, "carrier" | "cnam"))
    {
        return unprocessable(wrong);
    }
    if !includes.is_empty() && office.is_out_of_credit(Vendor::SignalwireLookup) {
        return Answer::json(402, &json!({"error": "Payment Required"}));
    }
    for name in &includes {
        let item = if *name == "carrier" {
            format!("+1{national}")
        } else {
            format!("+1{national} {name}")
        };
        office.bill.charge_unit(Vendor::SignalwireLookup, item);
    }
    Answer::json(200, &lookup(office, national, &includes))
}

fn unprocessable(include: &str) -> Answer {
    let body = json!({"errors": [{
        "detail": format!("include \"{include}\" is not included in the list"), "status": "422",
        "title": "Unprocessable Entity", "code": "invalid_parameter",
    }]});
    Answer::json(422, &body)
}

/// Ten digits that the numbering plan allows: area code and exchange begin with 2 to 9.
fn is_possible(digits: &str) -> bool {
    let bytes = digits.as_bytes();
    bytes.len() == 10
        && bytes.iter().all(u8::is_ascii_digit)
        && bytes[0] >= b'2'
        && bytes[3] >= b'2'
}

fn lookup(office: &Office, national: &str, includes: &[&str]) -> Value {
    let known = office.world.phone(national);
    let (area, exchange, line) = (&national[..3], &national[3..6], &national[6..]);
    let time_zone = known.map(|(property, _)| property.place.time_zone.clone());
    let mut answer = json!({
        "country_code_number": 1, "national_number": national,
        "possible_number": true, "valid_number": known.is_some(),
        "national_number_formatted": format!("({area}) {exchange}-{line}"),
        "international_number_formatted": format!("+1 {area}-{exchange}-{line}"),
        "e164": format!("+1{national}"), "country_code": "US",
        "location": known.filter(|_| share(national) < 80).map(|(property, _)| property.place.state.clone()),
        "timezones": time_zone.map(|zone| vec![zone]),
        "number_type": "Fixed Line or Mobile",
    });
    if includes.contains(&"carrier") {
        answer["carrier"] = known.map_or(Value::Null, |(_, phone)| carrier(phone));
    }
    if includes.contains(&"cnam") {
        let name = known.filter(|_| share(national) < 50);
        answer["cnam"] = name.map_or(
            Value::Null,
            |(property, _)| json!({"caller_id": property.owner.full_name().to_uppercase()}),
        );
    }
    answer
}

fn carrier(phone: &Phone) -> Value {
    let kind = match phone.line {
        Line::Mobile => "wireless",
        Line::Landline => "landline",
        Line::Voip => "voip",
    };
    json!({
        "lrn": format!("1{}0100", &phone.number[..6]), "spid": "0000", "ocn": "0000", "lata": null,
        "city": null, "state": null, "jurisdiction": "undetermined",
        "lec": phone.carrier, "linetype": phone.line_is_told.then_some(kind),
    })
}
