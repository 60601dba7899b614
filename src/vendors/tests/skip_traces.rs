use serde_json::json;

use super::batchdata_skip_trace::read;
use super::*;

const PRODUCT: Product = Product::BatchdataSkipTrace;

fn two_houses() -> [Item; 2] {
    [
        house("lead-42", "100 West Sample Avenue", "85001"),
        house("lead-43", "9 Nowhere Road", "85201"),
    ]
}

fn received(items: &[Item], body: &[u8]) -> Reply {
    receive(PRODUCT, &Value::Null, items, &answer(200, body))
}

/// Item ids with units, in the order of the items.
fn billed(parts: &[Part]) -> Vec<(&str, u32)> {
    parts
        .iter()
        .map(|part| (part.item_id.as_str(), part.units))
        .collect()
}

#[test]
fn requests_name_themselves_and_give_address_or_parcel() {
    let parcel = PropertySubject {
        address_line1: Some(" ".into()),
        apn: Some("123-45-678".into()),
        county_fips: Some("04013".into()),
        first_name: Some("Sam".into()),
        last_name: Some("Example".into()),
        ..PropertySubject::default()
    };
    let mut flat = house("lead-1", "100 W Sample Ave", "85001");
    if let Subject::Property(property) = &mut flat.subject {
        property.address_line2 = Some("Apt 4".into());
        property.first_name = Some("Pat".into());
    }
    let items = [flat, item("lead-2", Subject::Property(parcel))];
    let requests = json!([
        {"requestId": "lead-1", "propertyAddress":
            {"street": "100 W Sample Ave Apt 4", "city": "Phoenix", "state": "AZ", "zip": "85001"}},
        {"requestId": "lead-2", "apn": "123-45-678", "countyFipsCode": "04013",
         "name": {"first": "Sam", "last": "Example"}}
    ]);
    let v3 = sent(PRODUCT, &Value::Null, &items).expect("built");
    assert_eq!(v3.url, "https://api.example.com/api/v3/property/skip-trace");
    assert_eq!(json_of(&v3), json!({"requests": requests}));
    let v1 = sent(PRODUCT, &json!({"version": "v1"}), &items).expect("built");
    assert_eq!(v1.url, "https://api.example.com/api/v1/property/skip-trace");
    let options = json!({"includeTCPABlacklistedPhones": true});
    assert_eq!(
        json_of(&v1),
        json!({"requests": requests, "options": options})
    );
}

#[test]
fn an_item_without_an_address_is_named_so_that_the_others_can_go() {
    let mut items = two_houses().to_vec();
    items.push(item(
        "lead-44",
        Subject::Property(PropertySubject::default()),
    ));
    let error = sent(PRODUCT, &Value::Null, &items).expect_err("no address");
    assert!(matches!(error, BuildError::Item { id, .. } if id == "lead-44"));
}

#[test]
fn a_null_element_is_a_miss_found_by_elimination() {
    let parts = parts(received(
        &two_houses(),
        fixture!("batchdata_skip_trace_v3.json"),
    ));
    assert_eq!(billed(&parts), [("lead-42", 1), ("lead-43", 0)]);
    assert!(!read(&parts[1].body).expect("readable").matched);
    let found = read(&parts[0].body).expect("readable");
    assert!(found.matched && found.owner_confirmed == Some(true));
    assert_eq!(
        (found.deceased, found.litigator),
        (Some(false), Some(false))
    );
    assert_eq!(
        found.phones,
        [FoundPhone {
            number: "6025550143".into(),
            phone_type: Some("mobile"),
            score: Some(100),
            dnc: Some(true),
            tcpa: Some(false),
            reachable: Some(true),
            tested: Some(true),
            carrier: None,
        }]
    );
    assert_eq!(found.emails[0].email, "pat@example.com");
}

#[test]
fn shuffled_answers_go_to_the_items_they_name() {
    let items = [
        house("lead-42", "1 A St", "85001"),
        house("lead-43", "2 A St", "85001"),
        house("lead-44", "3 A St", "85001"),
    ];
    let parts = parts(received(
        &items,
        fixture!("batchdata_skip_trace_v3_people.json"),
    ));
    assert_eq!(
        billed(&parts),
        [("lead-42", 1), ("lead-43", 0), ("lead-44", 0)]
    );
    assert!(!read(&parts[1].body).expect("readable").matched);
    assert!(read(&parts[2].body).is_err(), "an error is not a miss");
}

#[test]
fn only_living_owners_are_found_and_a_warning_about_one_counts() {
    let items = [house("lead-42", "1 A St", "85001")];
    let parts = parts(received(
        &items,
        fixture!("batchdata_skip_trace_v3_people.json"),
    ));
    let found = read(&parts[0].body).expect("readable");
    let phones: Vec<_> = found
        .phones
        .iter()
        .map(|p| (p.number.as_str(), p.phone_type, p.score, p.dnc, p.tcpa))
        .collect();
    assert_eq!(
        phones,
        [
            (
                "6025550143",
                Some("landline"),
                Some(90),
                Some(true),
                Some(true)
            ),
            ("6025550144", None, Some(10), None, None),
        ]
    );
    let emails: Vec<_> = found.emails.iter().map(|e| e.email.as_str()).collect();
    assert_eq!(emails, ["sam@example.com"]);
    assert_eq!((found.deceased, found.litigator), (Some(false), Some(true)));
}

#[test]
fn v1_is_linked_by_address_when_the_vendor_drops_our_ids() {
    let mut items = two_houses();
    items.reverse();
    let parts = parts(received(&items, fixture!("batchdata_skip_trace_v1.json")));
    assert_eq!(billed(&parts), [("lead-43", 0), ("lead-42", 1)]);
    let found = read(&parts[1].body).expect("readable");
    assert_eq!(found.phones[0].score, Some(100));
    assert_eq!(found.phones[0].carrier.as_deref(), Some("Example Wireless"));
    assert_eq!(found.emails[0].tested, Some(true));
    assert!(!read(&parts[0].body).expect("readable").matched);
}

#[test]
fn v1_echoes_of_our_id_are_found_wherever_they_stand() {
    for echo in [
        json!({"requestId": "lead-43"}),
        json!({"request": {"requestId": "lead-43"}}),
        json!({"meta": {"requestId": "lead-43"}}),
    ] {
        let body = json!({"results": {"persons": [echo], "meta": {"results": {"matchCount": 0}}}});
        let parts = parts(received(&two_houses(), body.to_string().as_bytes()));
        assert_eq!(billed(&parts), [("lead-43", 0)], "{body}");
    }
}

#[test]
fn an_element_of_nobody_is_linked_to_nobody() {
    let strange = [
        json!({"input": {"requestId": "someone-else"}, "inputIndex": 0, "persons": [{}]}),
        json!({"propertyAddress": {"street": "5 Other St", "zip": "85001"}, "persons": [{}]}),
        json!({"inputIndex": 1, "input": {"propertyAddress": {"street": "100 W Sample Ave", "zip": "85001"}}}),
        json!({"inputIndex": 2}),
        json!({"persons": [{}]}),
        json!("text"),
    ];
    for element in strange {
        let body = json!({"result": {"data": [element, null]}});
        let parts = parts(received(&two_houses(), body.to_string().as_bytes()));
        assert_eq!(parts, [], "{element}");
    }
}

#[test]
fn two_items_at_one_door_are_not_told_apart_by_address() {
    let items = [
        house("lead-42", "100 W Sample Ave", "85001"),
        house("lead-43", "100 West Sample Ave", "85001"),
    ];
    let body = json!({"results": {"persons": [
        {"propertyAddress": {"street": "100 W Sample Ave", "zip": "85001"}, "name": {"full": "Pat Example"}}]}});
    assert_eq!(parts(received(&items, body.to_string().as_bytes())), []);
}

#[test]
fn fewer_nulls_than_items_left_over_prove_nothing() {
    let items = [
        house("lead-42", "1 A St", "85001"),
        house("lead-43", "2 A St", "85001"),
        house("lead-44", "3 A St", "85001"),
    ];
    let body =
        json!({"result": {"data": [{"input": {"requestId": "lead-42"}, "persons": [{}]}, null]}});
    assert_eq!(
        billed(&parts(received(&items, body.to_string().as_bytes()))),
        [("lead-42", 1)]
    );
}

#[test]
fn misses_that_leave_no_element_are_found_by_the_vendors_count() {
    let items = ["1 A St", "2 A St", "3 A St"].map(|street| house(street, street, "85001"));
    let told = |counts: Value| {
        let body = json!({"results": {"meta": {"results": counts}, "persons": [
            {"requestId": "1 A St", "meta": {"matched": true}},
            {"requestId": "2 A St", "meta": {"matched": false, "error": true}}]}});
        parts(received(&items, body.to_string().as_bytes())).len()
    };
    assert_eq!(
        told(json!({"matchCount": 1, "noMatchCount": 1, "errorCount": 1})),
        3
    );
    assert_eq!(
        told(json!({"matchCount": 2, "noMatchCount": 0, "errorCount": 1})),
        2
    );
    assert_eq!(told(json!(null)), 2);
}

#[test]
fn an_empty_list_is_a_miss_for_all_unless_the_vendor_counts_otherwise() {
    let empty = json!({"results": {"persons": [], "meta": {"results": {"matchCount": 0}}}});
    let parts_of = |body: Value| parts(received(&two_houses(), body.to_string().as_bytes()));
    assert_eq!(billed(&parts_of(empty)), [("lead-42", 0), ("lead-43", 0)]);
    let bare = json!({"result": {"data": []}});
    assert_eq!(billed(&parts_of(bare)), [("lead-42", 0), ("lead-43", 0)]);
    let failed =
        json!({"result": {"data": [], "meta": {"results": {"matchCount": 0, "errorCount": 2}}}});
    assert_eq!(parts_of(failed), []);
    for doubtful in [
        json!({"result": {"data": [], "meta": {"results": {"matchCount": 1}}}}),
        json!({"result": {}}),
        json!({"result": {"data": "none"}}),
        json!({"status": {"code": 200}, "error": "late"}),
        json!({"results": []}),
    ] {
        let reply = received(&two_houses(), doubtful.to_string().as_bytes());
        assert!(matches!(reply, Reply::Doubtful { .. }), "{doubtful}");
    }
}

#[test]
fn a_litigator_without_phones_is_a_match_with_a_warning() {
    let body = json!({"v1": [{"name": {"full": "Pat Example"}, "litigator": true, "phoneNumbers": null,
                              "death": {"deceased": true}, "meta": {"matched": true}}]});
    let found = read(&body).expect("readable");
    assert!(found.matched && found.phones.is_empty());
    assert_eq!((found.deceased, found.litigator), (Some(true), Some(true)));
}

#[test]
fn what_is_no_stored_part_is_parked() {
    for body in [
        json!(null),
        json!({}),
        json!({"v1": {}}),
        json!([1]),
        json!({"no_match": false}),
    ] {
        assert!(read(&body).is_err(), "{body}");
    }
}
