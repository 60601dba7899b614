use crate::customer::{Customer, TRACE_V1, TRACE_V3, address};
use equity_simulator::vendor::Vendor;
use equity_simulator::world::property::Property;
use serde_json::{Value, json};

fn v3(customer: &Customer, requests: &Value) -> Value {
    let answer = customer.batchdata(TRACE_V3, &json!({"requests": requests}));
    assert_eq!(answer.status, 200, "{}", answer.value());
    answer.value()["result"].clone()
}

fn person(property: &Property) -> bool {
    property.tracer.matches && !property.owner.litigator
}

#[test]
fn v3_answers_in_the_documented_shape() {
    let customer = Customer::new();
    let known = customer
        .property(|p| person(p) && !p.tracer.phones.is_empty() && !p.tracer.emails.is_empty());
    let result = v3(
        &customer,
        &json!([
            {"requestId": "lead-42", "propertyAddress": address(&known), "name": {"first": "Pat", "last": "Example"}},
        ]),
    );
    let item = &result["data"][0];
    assert_eq!(
        (&item["inputIndex"], &item["input"]["requestId"]),
        (&json!(0), &json!("lead-42"))
    );
    assert_eq!(item["input"]["propertyAddress"], address(&known));
    assert_eq!(item["meta"], json!({"matched": true, "error": false}));
    let owner = &item["persons"][0];
    assert_eq!(owner["propertyOwner"], true);
    assert_eq!(
        owner["phones"].as_array().map(Vec::len),
        Some(known.tracer.phones.len())
    );
    for (at, phone) in owner["phones"]
        .as_array()
        .expect("phones")
        .iter()
        .enumerate()
    {
        assert_eq!(phone["rank"], at + 1);
        assert!(
            phone.get("score").is_none() && phone["tcpa"].is_boolean() && phone["dnc"].is_boolean()
        );
        assert_eq!(phone["number"].as_str().map(str::len), Some(10));
        assert!(
            ["Mobile", "VoIP", "Land Line", "Landline"]
                .contains(&phone["type"].as_str().unwrap_or_default())
        );
    }
    assert!(
        owner["emails"][0]["email"]
            .as_str()
            .is_some_and(|email| email.contains(".example."))
    );
    assert_eq!(
        result["meta"]["results"],
        json!({"requestCount": 1, "matchCount": 1, "noMatchCount": 0, "errorCount": 0})
    );
}

#[test]
fn v1_answers_in_the_documented_shape() {
    let customer = Customer::new();
    let known = customer.property(|p| {
        person(p)
            && p.tracer.phones.len() > 1
            && p.tracer.phones.iter().any(|at| p.phones[*at].tcpa)
    });
    let trace = |options: Value| {
        let body = json!({"requests": [{"propertyAddress": address(&known)}], "options": options});
        customer.batchdata(TRACE_V1, &body).value()["results"].clone()
    };
    let results = trace(json!({}));
    let traced = &results["persons"][0];
    assert_eq!(traced["meta"]["matched"], true);
    assert_eq!(traced["name"]["full"], known.owner.full_name());
    assert_eq!(traced["propertyAddress"]["zip"], known.place.zip);
    let hidden = traced["phoneNumbers"].as_array().expect("phones");
    assert!(
        hidden
            .iter()
            .all(|phone| phone["score"].is_number() && phone.get("tcpa").is_none())
    );
    assert!(traced["death"]["deceased"].is_boolean() && traced["litigator"].is_boolean());
    let shown = trace(json!({"includeTCPABlacklistedPhones": true}));
    let shown = shown["persons"][0]["phoneNumbers"]
        .as_array()
        .expect("phones");
    assert_eq!(shown.len(), known.tracer.phones.len());
    assert!(hidden.len() < shown.len() && shown.iter().any(|phone| phone["tcpa"] == true));
    assert_eq!(results["meta"]["results"]["matchCount"], 1);
}

#[test]
fn every_match_is_billed_each_time_and_no_miss_ever() {
    let customer = Customer::new();
    let known = customer.property(|p| p.tracer.matches);
    let unknown = customer.property(|p| !p.tracer.matches);
    let requests = json!([
        {"propertyAddress": address(&known)},
        {"propertyAddress": address(&unknown)},
        {"propertyAddress": {"street": "9 Nowhere Rd", "city": "Mesa", "state": "AZ", "zip": "85201"}},
        {"propertyAddress": {"street": "", "zip": "85201"}},
    ]);
    let result = v3(&customer, &requests);
    assert_eq!(
        result["meta"]["results"],
        json!({"requestCount": 4, "matchCount": 1, "noMatchCount": 2, "errorCount": 1})
    );
    assert_eq!(customer.total(Vendor::BatchdataSkipTrace).units, 1);
    v3(
        &customer,
        &json!([{"propertyAddress": {"street": known.line.standard().to_uppercase(), "zip": known.place.zip}}]),
    );
    let total = customer.total(Vendor::BatchdataSkipTrace);
    assert_eq!((total.items, total.units, total.micros), (1, 2, 300_000));
    let duplicates = customer.0.with_office(|office| office.bill.duplicates());
    assert_eq!(
        (duplicates.len(), duplicates[0].item.clone()),
        (1, known.door_key())
    );
}

#[test]
fn answers_come_in_any_order_and_misses_have_several_faces() {
    let customer = Customer::new();
    let properties = customer
        .0
        .with_office(|office| office.world.properties()[..100].to_vec());
    let requests: Vec<Value> = properties
        .iter()
        .enumerate()
        .map(|(at, p)| json!({"requestId": format!("r{at}"), "propertyAddress": address(p)}))
        .collect();
    let result = v3(&customer, &json!(requests));
    let rows = result["data"].as_array().expect("data");
    assert_eq!(rows.len(), 100);
    let order: Vec<u64> = rows
        .iter()
        .filter_map(|row| row["inputIndex"].as_u64())
        .collect();
    assert!(!order.is_sorted(), "the order is not the request's");
    let nulls = rows.iter().filter(|row| row.is_null()).count();
    let empty = rows
        .iter()
        .filter(|row| row["meta"]["matched"] == false)
        .count();
    assert!(nulls > 0 && empty > 0);
    let misses = properties.iter().filter(|p| !p.tracer.matches).count();
    assert_eq!(nulls + empty, misses);
    assert!(
        rows.iter()
            .filter(|row| !row.is_null())
            .all(|row| { row["input"]["requestId"] == format!("r{}", row["inputIndex"]) })
    );
    let flat = customer
        .batchdata(TRACE_V1, &json!({"requests": requests}))
        .value();
    let persons = flat["results"]["persons"].as_array().expect("persons");
    assert!(persons.len() < 100 && persons.len() > 100 - misses);
    for place in ["/requestId", "/request/requestId", "/meta/requestId"] {
        assert!(
            persons.iter().any(|row| row.pointer(place).is_some()),
            "{place}"
        );
    }
    assert!(persons.iter().any(|row| {
        ["/requestId", "/request/requestId", "/meta/requestId"]
            .iter()
            .all(|place| row.pointer(place).is_none())
    }));
}

#[test]
fn a_litigator_has_no_phones_and_the_dead_are_told() {
    let customer = Customer(equity_simulator::simulator::Simulator::new(
        equity_simulator::settings::Settings {
            properties: 3000,
            ..crate::customer::settings()
        },
    ));
    let sues =
        customer.property(|p| p.tracer.matches && p.owner.litigator && !p.tracer.phones.is_empty());
    let dead = customer.property(|p| p.tracer.matches && p.owner.deceased);
    let first = |property: &Property| {
        v3(&customer, &json!([{"propertyAddress": address(property)}]))["data"][0]["persons"][0]
            .clone()
    };
    assert_eq!(
        (&first(&sues)["litigator"], &first(&sues)["phones"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(first(&dead)["deceased"], true);
}

#[test]
fn a_door_is_found_by_parcel_too() {
    let customer = Customer::new();
    let known = customer.property(person);
    for request in [
        json!({"apn": known.apn, "countyFipsCode": known.place.county_fips}),
        json!({"apn": known.apn, "county": known.place.county, "state": known.place.state}),
    ] {
        assert_eq!(
            v3(&customer, &json!([request]))["meta"]["results"]["matchCount"],
            1
        );
    }
}

#[test]
fn wrong_requests_are_refused_whole() {
    let customer = Customer::new();
    let item = json!({"propertyAddress": {"street": "1 Oak St", "zip": "90028"}});
    for body in [
        json!({}),
        json!({"requests": []}),
        json!({"requests": vec![item.clone(); 101]}),
        json!({"requests": [item], "option": {}}),
        json!({"requests": [{"address": {"street": "1 Oak St", "zip": "90028"}}]}),
        json!({"requests": [{"propertyAddress": {"line1": "1 Oak St", "zip": "90028"}}]}),
        json!({"requests": [{"propertyAddress": {"street": "1 Oak St", "zip": 90028}}]}),
        json!({"requests": [{"apn": "1"}]}),
        json!({"requests": [{"propertyAddress": {"street": "1 Oak St", "zip": "90028"}, "name": {"full": "Pat"}}]}),
    ] {
        for path in [TRACE_V1, TRACE_V3] {
            assert_eq!(customer.batchdata(path, &body).status, 400, "{body}");
        }
    }
    assert_eq!(
        customer
            .batchdata("/batchdata/api/v2/property/skip-trace", &json!({}))
            .status,
        404
    );
    assert_eq!(customer.total(Vendor::BatchdataSkipTrace).units, 0);
}
