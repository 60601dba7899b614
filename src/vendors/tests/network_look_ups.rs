use serde_json::json;

use super::hlr_lookup::read;
use super::*;

const PRODUCT: Product = Product::HlrLookup;

fn numbers() -> [Item; 2] {
    [
        item("1", Subject::Phone("+16025550143".into())),
        item("2", Subject::Phone("+442055501430".into())),
    ]
}

fn result(number: &str, status: &str, kind: &str, credits: f64) -> Value {
    json!({"error": "NONE", "detected_telephone_number": number, "live_status": status, "telephone_number_type": kind,
           "credits_spent": credits, "current_network_details": {"name": "Example Wireless"}})
}

fn received(results: &Value) -> Reply {
    receive(
        PRODUCT,
        &Value::Null,
        &numbers(),
        &answer(200, results.to_string().as_bytes()),
    )
}

#[test]
fn us_numbers_are_asked_about_with_their_live_status() {
    let request = sent(PRODUCT, &Value::Null, &numbers()).expect("built");
    assert_eq!(request.url, "https://api.example.com/apiv2/hlr");
    assert_eq!(
        json_of(&request),
        json!({"api_key": "project", "api_secret": "token", "requests": [
            {"telephone_number": "16025550143", "usa_status": "YES"}, {"telephone_number": "442055501430"}]})
    );
}

#[test]
fn a_key_without_its_secret_is_a_setting_to_mend() {
    for key in ["key", ":secret", "key:"] {
        let account = Account {
            base_url: "https://api.example.com",
            key: &Secret::new(key),
            options: &Value::Null,
        };
        let error = request(PRODUCT, &account, &numbers()).expect_err("no pair");
        assert!(matches!(error, BuildError::Account { .. }), "{key}");
    }
}

#[test]
fn results_are_linked_by_number_in_either_envelope() {
    let shuffled = json!([
        result("442055501430", "DEAD", "MOBILE", 1.0),
        result("16025550143", "LIVE", "MOBILE", 2.0),
        result("16025550199", "LIVE", "MOBILE", 2.0),
    ]);
    for body in [
        json!({"results": shuffled}),
        json!({"body": {"results": shuffled}}),
    ] {
        let told = parts(received(&body));
        assert_eq!(told.len(), 2);
        let services: Vec<_> = told
            .iter()
            .map(|part| {
                (
                    part.item_id.as_str(),
                    read(&part.body).expect("readable").service,
                )
            })
            .collect();
        assert_eq!(services, [("1", Service::In), ("2", Service::Out)]);
    }
}

#[test]
fn what_the_vendor_charges_nothing_for_costs_nothing() {
    let body = json!({"results": [
        result("16025550143", "NO_COVERAGE", "LANDLINE", 0.0), result("442055501430", "LIVE", "MOBILE", 0.5)]});
    let units: Vec<u32> = parts(received(&body))
        .iter()
        .map(|part| part.units)
        .collect();
    assert_eq!(units, [0, 1]);
}

#[test]
fn each_status_has_one_meaning() {
    for (status, kind, service, phone_type) in [
        ("LIVE", "MOBILE", Service::In, Some("mobile")),
        ("DEAD", "MOBILE", Service::Out, Some("mobile")),
        (
            "ABSENT_SUBSCRIBER",
            "MOBILE",
            Service::Absent,
            Some("mobile"),
        ),
        ("INCONCLUSIVE", "MOBILE", Service::Unknown, Some("mobile")),
        (
            "NOT_AVAILABLE_NETWORK_ONLY",
            "MOBILE",
            Service::Unknown,
            Some("mobile"),
        ),
        (
            "NO_TELESERVICE_PROVISIONED",
            "MOBILE",
            Service::Unknown,
            Some("mobile"),
        ),
        // Its network does not know it: the next verifier may.
        ("NO_COVERAGE", "VOIP", Service::Unknown, Some("voip")),
        ("NO_COVERAGE", "LANDLINE", Service::In, Some("landline")),
        ("NOT_APPLICABLE", "BAD_FORMAT", Service::Out, None),
        ("NO_COVERAGE", "UNKNOWN", Service::Unknown, None),
    ] {
        let verdict = read(&result("16025550143", status, kind, 0.0)).expect("readable");
        assert_eq!(
            (verdict.service, verdict.phone_type),
            (service, phone_type),
            "{status} {kind}"
        );
    }
    assert!(read(&json!({"uuid": "x"})).is_err());
}

#[test]
fn numbers_that_were_refused_one_by_one_are_given_back() {
    let failed =
        |number: &str, error: &str| json!({"error": error, "detected_telephone_number": number});
    let good = result("16025550143", "LIVE", "MOBILE", 2.0);
    for error in ["INTERNAL_ERROR", "INSUFFICIENT_CREDIT"] {
        let reply = received(&json!({"results": [good, failed("442055501430", error)]}));
        let Reply::Partly { parts, refused } = reply else {
            panic!("{error}: {reply:?}")
        };
        assert_eq!((parts.len(), refused), (1, vec!["2".to_owned()]));
    }
    let all =
        |error| json!({"results": [failed("16025550143", error), failed("442055501430", error)]});
    assert!(matches!(
        received(&all("INSUFFICIENT_CREDIT")),
        Reply::Blocked { .. }
    ));
    // A number that fails for ever must not hold up the others.
    assert!(matches!(
        received(&all("INTERNAL_ERROR")),
        Reply::Partly { parts, refused } if parts.is_empty() && refused.len() == 2
    ));
    for empty in [json!({"results": []}), json!({}), json!({"results": 7})] {
        assert!(matches!(received(&empty), Reply::Doubtful { .. }));
    }
}
