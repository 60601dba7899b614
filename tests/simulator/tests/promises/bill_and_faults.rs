use crate::customer::{Customer, SEARCH};
use equity_simulator::exchange::Call;
use equity_simulator::settings::{Keys, Settings};
use equity_simulator::simulator::Simulator;
use equity_simulator::vendor::Vendor;
use serde_json::{Value, json};

fn control(customer: &Customer, path: &str, body: &Value) -> (u16, Value) {
    let answer = customer
        .0
        .handle_path(&Call::post(&format!("/control{path}"), body));
    (answer.status, answer.value())
}

fn shown(customer: &Customer, path: &str) -> Value {
    let answer = customer
        .0
        .handle_path(&Call::get(&format!("/control{path}")));
    assert_eq!(answer.status, 200, "{}", answer.value());
    answer.value()
}

#[test]
fn two_simulators_of_one_seed_answer_alike() {
    let answers = || {
        let customer = Customer::new();
        let first = customer.search(&json!({"take": 50}));
        (
            first,
            shown(&customer, "/world/truth"),
            shown(&customer, "/bill"),
        )
    };
    assert_eq!(answers(), answers());
}

#[test]
fn the_bill_names_its_items_and_duplicates() {
    let customer = Customer::new();
    let one = json!({"CustomerID": Keys::default().melissa, "Actions": "Check",
        "Records": [{"RecordID": "1", "AddressLine1": "9 Nowhere Rd", "PostalCode": "85201"}]});
    customer.melissa(&one);
    assert_eq!(shown(&customer, "/bill")["duplicates"], json!([]));
    customer.melissa(&one);
    let bill = shown(&customer, "/bill");
    assert_eq!(
        bill["vendors"]["melissa"],
        json!({"charges": 2, "items": 1, "units": 2, "micros": 100_000})
    );
    assert_eq!(bill["total_dollars"], "0.100000");
    assert_eq!(bill["duplicates"][0]["times"], 2);
    let items = shown(&customer, "/bill/items?vendor=melissa");
    assert_eq!(
        items
            .as_object()
            .and_then(|items| items.values().next().cloned()),
        Some(json!({"times": 2, "units": 2, "micros": 100_000}))
    );
}

#[test]
fn an_empty_account_is_refused_in_each_dialect_and_not_billed() {
    let customer = Customer::new();
    for vendor in ["batchdata_search", "instantly_verify"] {
        assert_eq!(
            control(
                &customer,
                "/out-of-credit",
                &json!({"vendor": vendor, "on": true})
            )
            .0,
            200
        );
    }
    let search = customer.batchdata(SEARCH, &json!({"searchCriteria": {"query": "90028"}}));
    assert_eq!(
        (search.status, &search.value()["status"]["message"]),
        (403, &json!("Insufficient balance"))
    );
    let verify = customer.instantly(Call::post(
        crate::customer::VERIFY,
        &json!({"email": "pat@example.com"}),
    ));
    assert_eq!(verify.status, 402);
    assert_eq!(shown(&customer, "/bill")["total_micros"], 0);
    control(
        &customer,
        "/out-of-credit",
        &json!({"vendor": "batchdata_search", "on": false}),
    );
    assert_eq!(
        customer
            .batchdata(SEARCH, &json!({"searchCriteria": {"query": "90028"}}))
            .status,
        200
    );
}

#[test]
fn arrivals_and_truth_can_be_asked_for() {
    let customer = Customer::new();
    assert_eq!(
        control(&customer, "/world/add", &json!({"count": 7})).1["properties"],
        407
    );
    let summary = shown(&customer, "/world/summary");
    assert_eq!(summary["properties"], 407);
    let truth = shown(&customer, "/world/truth");
    assert_eq!(truth["properties"].as_array().map(Vec::len), Some(407));
    let ids: usize = truth["properties"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|p| p["record_ids"].as_array().map(Vec::len))
        .sum();
    assert_eq!(
        json!(ids + truth["bad_listings"].as_u64().expect("a count") as usize),
        truth["listings"]
    );
}

#[test]
fn senseless_controls_are_refused() {
    let customer = Customer::new();
    for (path, body) in [
        ("/faults", json!({"kind": "status"})),
        ("/faults", json!({"kind": "explode"})),
        (
            "/faults",
            json!({"kind": "reset_after_bill", "vendor": "nobody"}),
        ),
        (
            "/faults",
            json!({"kind": "reset_after_bill", "often": true}),
        ),
        ("/latency", json!({"ms": "fast"})),
        ("/world/add", json!({"count": -1})),
        ("/out-of-credit", json!({"vendor": "melissa"})),
    ] {
        assert_eq!(control(&customer, path, &body).0, 400, "{path} {body}");
    }
    assert_eq!(
        customer
            .0
            .handle_path(&Call::get("/control/nothing"))
            .status,
        404
    );
    assert_eq!(customer.0.handle_path(&Call::get("/")).status, 404);
}

#[test]
fn prices_are_the_ones_given() {
    let prices = [(Vendor::Melissa, 85_000)].into();
    let customer = Customer(Simulator::new(Settings {
        prices,
        properties: 10,
        ..Settings::default()
    }));
    customer.melissa(&json!({"CustomerID": Keys::default().melissa, "Actions": "Check", "Records": [{"FullName": "Pat Example"}]}));
    assert_eq!(customer.total(Vendor::Melissa).micros, 85_000);
}
