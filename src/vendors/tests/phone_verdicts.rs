use serde_json::json;

use super::signalwire_lookup::read;
use super::*;

const PRODUCT: Product = Product::SignalwireLookup;

fn pat() -> [Item; 1] {
    [item("call-1", Subject::Phone("+16025550143".into()))]
}

fn received(status: u16, body: &[u8]) -> Reply {
    receive(PRODUCT, &Value::Null, &pat(), &answer(status, body))
}

#[test]
fn the_look_up_includes_the_carrier_and_encodes_the_plus() {
    let request = sent(PRODUCT, &Value::Null, &pat()).expect("built");
    assert_eq!(request.method, Method::Get);
    assert_eq!(
        request.url,
        "https://api.example.com/api/relay/rest/lookup/phone_number/%2B16025550143?include=carrier"
    );
    assert_eq!(
        header(&request, "authorization"),
        Some("Basic cHJvamVjdDp0b2tlbg==")
    );
    assert_eq!(request.body, None);
}

#[test]
fn a_key_without_project_and_token_is_a_setting_to_mend() {
    for key in ["token", ":token", "project:"] {
        let account = Account {
            base_url: "https://api.example.com",
            key: &Secret::new(key),
            options: &Value::Null,
        };
        let error = request(PRODUCT, &account, &pat()).expect_err("no pair");
        assert!(matches!(error, BuildError::Account { .. }), "{key}");
    }
}

#[test]
fn what_is_no_e164_number_is_not_paid_for() {
    for number in [
        "6025550143",
        "+1602555",
        "+1",
        "+1602-555-0143",
        "+1602555014301234",
        "",
    ] {
        let items = [item("call-1", Subject::Phone(number.into()))];
        let built = sent(PRODUCT, &Value::Null, &items);
        assert_eq!(built.is_ok(), number == "+1602555", "{number}");
    }
}

#[test]
fn the_type_comes_from_the_carrier() {
    let told = parts(received(200, fixture!("signalwire_wireless.json")));
    assert_eq!(
        (told[0].units, told[0].matched, told[0].pending),
        (1, true, false)
    );
    let verdict = read(&told[0].body).expect("readable");
    assert_eq!(verdict.service, Service::In);
    assert_eq!(verdict.phone_type, Some("mobile"));
    assert_eq!(verdict.carrier.as_deref(), Some("Example Wireless"));
    for (linetype, kind) in [
        ("landline", Some("landline")),
        ("voip", Some("voip")),
        ("pager", None),
    ] {
        let body = json!({"valid_number": true, "carrier": {"linetype": linetype}});
        assert_eq!(read(&body).expect("readable").phone_type, kind);
    }
}

#[test]
fn null_members_leave_the_type_open() {
    let body = json!({"valid_number": true, "e164": null, "carrier": null, "number_type": "Fixed Line or Mobile"});
    let told = parts(received(200, body.to_string().as_bytes()));
    assert!(!told[0].matched);
    let verdict = read(&told[0].body).expect("readable");
    assert_eq!(
        (verdict.service, verdict.phone_type, verdict.carrier),
        (Service::In, None, None)
    );
    let invalid = json!({"valid_number": false, "possible_number": true});
    assert_eq!(read(&invalid).expect("readable").service, Service::Out);
}

#[test]
fn refusals_are_told_apart() {
    let unauthorized = received(401, br#"{"error":"Unauthorized"}"#);
    let reason = "HTTP 401: Unauthorized".to_owned();
    assert_eq!(unauthorized, Reply::Blocked { reason });
    let unknown = received(404, br#"{"error":"Not Found"}"#);
    assert!(matches!(unknown, Reply::Rejected { .. }));
    let refused = br#"{"errors":[{"detail":"6025550143 is not valid","status":"422","title":"Invalid","code":"x"}]}"#;
    let reason = "HTTP 422: … is not valid".to_owned();
    assert_eq!(received(422, refused), Reply::Rejected { reason });
    for doubtful in [
        &br#"{"error":"Internal Server Error"}"#[..],
        br#"{"valid_number":null}"#,
        br#"{"valid_number":true,"e164":"+16025550199"}"#,
        b"null",
    ] {
        assert!(matches!(received(200, doubtful), Reply::Doubtful { .. }));
    }
}
