use crate::customer::{Customer, HLR, LOOKUP, settings};
use base64::Engine;
use equity_simulator::exchange::{Answer, Call};
use equity_simulator::settings::{HlrEnvelope, Settings};
use equity_simulator::simulator::Simulator;
use equity_simulator::vendor::Vendor;
use equity_simulator::world::property::{Line, Phone};
use serde_json::{Value, json};

fn phone(customer: &Customer, fits: impl Fn(&Phone) -> bool) -> Phone {
    let owner = customer.property(|property| property.phones.iter().any(&fits));
    owner
        .phones
        .into_iter()
        .find(|phone| fits(phone))
        .expect("just seen")
}

fn look_up(customer: &Customer, rest: &str) -> Answer {
    let key = base64::engine::general_purpose::STANDARD.encode("simulator-project:simulator-token");
    let call = Call::get(&format!("{LOOKUP}{rest}"));
    customer
        .0
        .handle_path(&call.with_header("authorization", &format!("Basic {key}")))
}

#[test]
fn signalwire_tells_the_line_only_for_an_include_and_bills_each() {
    let customer = Customer::new();
    let mobile = phone(&customer, |phone| {
        phone.line == Line::Mobile && phone.line_is_told
    });
    let landline = phone(&customer, |phone| {
        phone.line == Line::Landline && phone.line_is_told
    });
    let plain = look_up(&customer, &format!("%2B1{}", mobile.number)).value();
    assert!(plain.get("carrier").is_none());
    assert_eq!(plain["number_type"], "Fixed Line or Mobile");
    assert_eq!(customer.total(Vendor::SignalwireLookup).units, 0);
    let wireless = look_up(&customer, &format!("%2B1{}?include=carrier", mobile.number)).value();
    assert_eq!(wireless["e164"], mobile.e164());
    assert_eq!(
        (
            &wireless["carrier"]["linetype"],
            &wireless["carrier"]["lec"]
        ),
        (&json!("wireless"), &json!(mobile.carrier))
    );
    let fixed = look_up(&customer, &format!("+1{}?include=carrier", landline.number)).value();
    assert_eq!(fixed["carrier"]["linetype"], "landline");
    assert_eq!(customer.total(Vendor::SignalwireLookup).units, 2);
    look_up(
        &customer,
        &format!("%2B1{}?include=carrier,cnam", mobile.number),
    );
    assert_eq!(customer.total(Vendor::SignalwireLookup).units, 4);
    assert_eq!(
        customer
            .0
            .with_office(|office| office.bill.duplicates())
            .len(),
        1
    );
}

#[test]
fn signalwire_may_say_null_and_refuses_what_it_cannot_use() {
    let customer = Customer::new();
    let silent = phone(&customer, |phone| !phone.line_is_told);
    let answer = look_up(&customer, &format!("%2B1{}?include=carrier", silent.number)).value();
    assert_eq!(answer["carrier"]["linetype"], Value::Null);
    let unknown = look_up(&customer, "%2B12125550199?include=carrier");
    let body = unknown.value();
    assert_eq!(
        (unknown.status, &body["carrier"], &body["possible_number"]),
        (200, &Value::Null, &json!(true))
    );
    for unusable in ["%2B1555", "6025550143", "%2B4412345678", "%2B11125550143"] {
        let answer = look_up(&customer, unusable);
        assert_eq!(
            (answer.status, answer.value()),
            (404, json!({"error": "Not Found"}))
        );
    }
    assert_eq!(
        look_up(&customer, "%2B16025550143?include=line_type").status,
        422
    );
    let call = Call::get(&format!("{LOOKUP}%2B16025550143"))
        .with_header("authorization", "Basic d3Jvbmc6d3Jvbmc=");
    let refused = customer.0.handle_path(&call);
    assert_eq!(
        (refused.status, refused.value()),
        (401, json!({"error": "Unauthorized"}))
    );
    assert_eq!(customer.total(Vendor::SignalwireLookup).units, 2);
}

fn hlr(customer: &Customer, requests: &Value) -> Answer {
    let body = json!({"api_key": "simulator-hlr-key", "api_secret": "simulator-hlr-secret", "requests": requests});
    customer.0.handle_path(&Call::post(HLR, &body))
}

#[test]
fn hlr_tells_the_live_status_in_order_and_bills_mobiles() {
    let customer = Customer::new();
    let live = phone(&customer, |phone| phone.line == Line::Mobile && phone.live);
    let dead = phone(&customer, |phone| phone.line == Line::Mobile && !phone.live);
    let fixed = phone(&customer, |phone| phone.line == Line::Landline);
    let ask = |number: &str| json!({"telephone_number": number, "usa_status": "YES"});
    let answer = hlr(&customer, &json!([
        ask(&live.e164()), ask(&dead.e164()), ask(&fixed.e164()), ask("12"), {"telephone_number": live.e164()},
    ])).value();
    let told: Vec<(&str, &str, u64)> = answer["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|row| {
            assert_eq!(row["error"], "NONE");
            (
                row["live_status"].as_str().expect("status"),
                row["telephone_number_type"].as_str().expect("type"),
                row["credits_spent"].as_u64().expect("credits"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("LIVE", "MOBILE", 2),
            ("DEAD", "MOBILE", 2),
            ("NO_COVERAGE", "LANDLINE", 0),
            ("NOT_APPLICABLE", "BAD_FORMAT", 0),
            ("NOT_AVAILABLE_NETWORK_ONLY", "MOBILE", 1),
        ]
    );
    assert!(answer["results"][4].get("usa_status").is_none());
    assert_eq!(customer.total(Vendor::HlrLookup).units, 3);
    assert_eq!(customer.total(Vendor::HlrLookup).micros, 30_000);
}

#[test]
fn hlr_has_two_envelopes_and_refuses_more_than_80() {
    let body = Customer(Simulator::new(Settings {
        hlr_envelope: HlrEnvelope::Body,
        ..settings()
    }));
    let one = json!([{"telephone_number": "+16025550143"}]);
    assert!(hlr(&body, &one).value()["body"]["results"].is_array());
    let customer = Customer::new();
    assert!(hlr(&customer, &one).value()["results"].is_array());
    let many = json!(vec![json!({"telephone_number": "+16025550143"}); 81]);
    let refused = hlr(&customer, &many);
    assert_eq!(
        (refused.status, &refused.value()["error"]),
        (400, &json!("BAD_REQUEST"))
    );
    assert_eq!(
        hlr(&customer, &json!([{"number": "+16025550143"}])).status,
        400
    );
    let wrong = json!({"api_key": "simulator-hlr-key", "api_secret": "wrong", "requests": one});
    assert_eq!(customer.0.handle_path(&Call::post(HLR, &wrong)).status, 401);
    customer
        .0
        .with_office(|office| office.empty_accounts.insert(Vendor::HlrLookup));
    assert_eq!(
        hlr(&customer, &one).value()["results"][0]["error"],
        "INSUFFICIENT_CREDIT"
    );
}
