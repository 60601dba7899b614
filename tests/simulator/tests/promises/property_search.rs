use crate::customer::{Customer, SEARCH, ids, settings};
use equity_simulator::exchange::Call;
use equity_simulator::settings::Settings;
use equity_simulator::simulator::Simulator;
use equity_simulator::vendor::Vendor;
use serde_json::{Value, json};

fn refused(body: &Value) -> String {
    let customer = Customer::new();
    let answer = customer.batchdata(SEARCH, body);
    assert_eq!(answer.status, 400, "{body} was accepted");
    assert_eq!(answer.value()["status"]["code"], 400);
    assert_eq!(customer.total(Vendor::BatchdataSearch).units, 0);
    answer.value()["status"]["message"]
        .as_str()
        .expect("a message")
        .to_owned()
}

#[test]
fn the_documented_request_is_answered_in_the_documented_shape() {
    let customer = Customer::new();
    let body = json!({"searchCriteria": {"query": "Fort Worth, TX",
       "quickLists": ["owner-occupied", "not-corporate-owned"],
       "valuation": {"estimatedEquity": {"min": 100_000}},
       "general": {"propertyTypeDetail": {"equals": "Single Family"}}},
     "options": {"take": 100, "useCursorPagination": true,
       "datasets": ["basic", "owner", "valuation"],
       "searchSession": {"id": "camp-7-phx", "idempotencyKey": "camp-7-phx-page-0001"}}});
    let answer = customer.batchdata(SEARCH, &body).value();
    assert_eq!(answer["status"], json!({"code": 200, "text": "OK"}));
    let results = &answer["results"];
    let rows = results["properties"].as_array().expect("properties");
    assert!(!rows.is_empty());
    assert_eq!(results["meta"]["results"]["resultCount"], rows.len());
    assert!(results["meta"]["results"]["resultsFound"].as_u64() >= Some(rows.len() as u64));
    assert_eq!(
        results["meta"]["requestId"].as_str().map(str::len),
        Some(26)
    );
    assert_eq!(
        results["searchSessionMeta"],
        json!({"isNewSession": true, "totalDelivered": rows.len()})
    );
    let whole = rows.iter().find(|row| {
        row["address"]["normalized"] == true
            && row["owner"]["names"].is_array()
            && row["valuation"].is_object()
            && row["ids"]["apn"].is_string()
    });
    let whole = whole.expect("most records are whole");
    assert_eq!(whole["address"]["city"], "Fort Worth");
    assert_eq!(whole["address"]["state"], "TX");
    assert_eq!(whole["ids"]["fipsCode"], "48439");
    assert_eq!(whole["general"]["propertyTypeDetail"], "Single Family");
    assert!(whole["valuation"]["equityCurrentEstimatedBalance"].as_i64() >= Some(100_000));
    assert!(whole.get("demographics").is_none() && whole.get("quickLists").is_none());
}

#[test]
fn filters_choose_what_they_say() {
    let customer = Customer::new();
    let body = json!({"searchCriteria": {"query": "90028", "address": {"zip": {"inList": ["90028", "76102"]}},
        "owner": {"ownerOccupied": {"equals": true}}, "demographics": {"age": {"min": 62}}},
        "options": {"take": 500, "datasets": ["basic", "owner", "demographics"]}});
    let answer = customer.batchdata(SEARCH, &body).value();
    let rows = answer["results"]["properties"]
        .as_array()
        .expect("properties");
    assert!(rows.len() > 20);
    for row in rows.iter().filter(|row| !row.is_null()) {
        assert_eq!(row["owner"]["ownerOccupied"], true);
        assert!(row["demographics"].is_null() || row["demographics"]["age"].as_u64() >= Some(62));
        assert!(
            row["address"].is_null()
                || row["address"]["zip"]
                    .as_str()
                    .is_some_and(|zip| zip.starts_with("90028"))
        );
    }
}

#[test]
fn wrong_names_and_types_are_refused() {
    let query = json!({"query": "90028"});
    for body in [
        json!([]),
        json!({}),
        json!({"searchCriteria": {}}),
        json!({"searchCriteria": query, "option": {}}),
        json!({"searchCriteria": {"query": "90028", "zip": "90028"}}),
        json!({"searchCriteria": {"query": "90028", "owner": {"owner_occupied": {"equals": true}}}}),
        json!({"searchCriteria": {"query": "90028", "owner": {"ownerOccupied": true}}}),
        json!({"searchCriteria": {"query": "90028", "owner": {"ownerOccupied": {"equals": "yes"}}}}),
        json!({"searchCriteria": {"query": "90028", "quickLists": ["rich-people"]}}),
        json!({"searchCriteria": {"query": "somewhere"}}),
        json!({"searchCriteria": query, "options": {"limit": 5}}),
        json!({"searchCriteria": query, "options": {"take": "5"}}),
        json!({"searchCriteria": query, "options": {"take": -1}}),
        json!({"searchCriteria": query, "options": {"datasets": ["basic", "core"]}}),
        json!({"searchCriteria": query, "options": {"datasets": ["everything"]}}),
        json!({"searchCriteria": query, "options": {"sort": {"field": "createdAt", "sortOrder": "desc"}}}),
        json!({"searchCriteria": query, "options": {"searchSession": {"id": "not allowed!"}}}),
        json!({"searchCriteria": query, "options": {"useCursorPagination": true, "pageCursor": "bm9uZQ"}}),
    ] {
        assert!(!refused(&body).is_empty());
    }
}

#[test]
fn keys_paths_and_grants_are_checked_exactly() {
    let customer = Customer::new();
    let body = json!({"searchCriteria": {"query": "90028"}});
    for key in [
        "",
        "Bearer wrong",
        "bearer simulator-batchdata-key-0000000000000000000",
        "simulator-batchdata-key-0000000000000000000",
    ] {
        let answer = customer
            .0
            .handle_path(&Call::post(SEARCH, &body).with_header("authorization", key));
        assert_eq!(
            (answer.status, &answer.value()["status"]["text"]),
            (401, &json!("Unauthorized"))
        );
    }
    assert_eq!(
        customer
            .batchdata("/batchdata/api/v2/property/search", &body)
            .status,
        404
    );
    let asynchronous = customer.batchdata("/batchdata/api/v1/property/search/async", &body);
    assert_eq!(asynchronous.status, 403);
    assert!(
        asynchronous.value()["status"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("permission"))
    );
    let untyped = Call {
        headers: vec![(
            "authorization".into(),
            "Bearer simulator-batchdata-key-0000000000000000000".into(),
        )],
        ..Call::post(SEARCH, &body)
    };
    assert_eq!(customer.0.handle_path(&untyped).status, 400);
}

#[test]
fn a_count_is_free_and_a_page_holds_at_most_500() {
    let customer = Customer(Simulator::new(Settings {
        properties: 700,
        ..settings()
    }));
    let counted = customer.search(&json!({"take": 0}));
    assert!(counted.get("properties").is_none());
    assert!(counted["meta"]["results"]["resultsFound"].as_u64() >= Some(700));
    assert_eq!(customer.total(Vendor::BatchdataSearch).units, 0);
    assert_eq!(ids(&customer.search(&json!({"take": 9999}))).len(), 500);
    assert_eq!(ids(&customer.search(&json!({}))).len(), 25);
}

#[test]
fn skip_and_take_repeat_a_record_when_arrivals_push_the_list() {
    let customer = Customer::new();
    let first = ids(&customer.search(
        &json!({"take": 50, "sort": {"field": "meta.propertyDateModified", "sortOrder": "desc"}}),
    ));
    customer.0.with_office(|office| office.world.add(3));
    let second = ids(&customer.search(&json!({"take": 50, "skip": 50, "sort": {"field": "meta.propertyDateModified", "sortOrder": "desc"}})));
    let repeated: Vec<&String> = first
        .iter()
        .filter(|id| *id != "null" && second.contains(id))
        .collect();
    assert!(
        repeated.len() >= 2,
        "three or more arrivals push at least two known records over"
    );
    let duplicates = customer.0.with_office(|office| office.bill.duplicates());
    assert_eq!(duplicates.len(), repeated.len());
}

#[test]
fn arrivals_stand_at_the_top_and_orders_are_kept() {
    let customer = Customer::new();
    let before = ids(&customer.search(&json!({"take": 10})));
    customer.0.with_office(|office| office.world.add(1));
    let after = ids(&customer.search(&json!({"take": 10})));
    let arrived = after
        .iter()
        .position(|id| *id == before[0])
        .expect("the old top is near the top");
    assert!((1..=2).contains(&arrived));
    assert_eq!(after[arrived..], before[..10 - arrived]);
    let up = customer.search(&json!({"take": 20, "datasets": ["valuation"], "sort": {"field": "valuation.estimatedValue", "sortOrder": "asc"}}));
    let values: Vec<i64> = up["properties"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["valuation"]["estimatedValue"].as_i64())
        .collect();
    assert!(values.is_sorted() && values.len() > 10);
}

#[test]
fn records_are_listed_twice_lack_members_and_may_be_null() {
    let customer = Customer(Simulator::new(Settings {
        properties: 3000,
        ..Settings::default()
    }));
    let mut rows = Vec::new();
    let body = |skip: usize| json!({"searchCriteria": {"query": "90028, 90038, 90046, 92101, 94110, 95814, 85001, 85201, 85701, 33101, 33701, 32801, 78701, 77002, 76102, 75201, 10001, 11201, 14604, 12207"}, "options": {"take": 500, "skip": skip}});
    for page in 0..7 {
        let answer = customer.batchdata(SEARCH, &body(page * 500)).value();
        rows.extend(
            answer["results"]["properties"]
                .as_array()
                .expect("rows")
                .clone(),
        );
    }
    let count = |test: &dyn Fn(&Value) -> bool| rows.iter().filter(|row| test(row)).count();
    let holes = count(&|row| row.is_null());
    assert!(rows.len() > 3050 && holes > 0);
    assert!(count(&|row| !row.is_null() && row["address"].is_null()) > 0);
    assert!(count(&|row| !row.is_null() && row.get("valuation").is_none()) > 0);
    assert!(count(&|row| row.get("valuation").is_some_and(Value::is_null)) > 0);
    assert!(
        count(&|row| row["address"]["zip"]
            .as_str()
            .is_some_and(|zip| zip.len() == 10))
            > 60
    );
    assert_eq!(
        customer.total(Vendor::BatchdataSearch).units as usize,
        rows.len() - holes
    );
}

#[test]
fn data_sets_can_be_priced_one_by_one() {
    let prices = [
        ("basic".to_owned(), 10_000),
        ("owner".to_owned(), 5_000),
        ("valuation".to_owned(), 40_000),
    ];
    let customer = Customer(Simulator::new(Settings {
        dataset_prices: prices.into(),
        ..settings()
    }));
    customer.search(&json!({"take": 10, "datasets": ["basic", "owner"]}));
    assert_eq!(customer.total(Vendor::BatchdataSearch).micros, 150_000);
    customer.search(&json!({"take": 10, "skip": 10}));
    assert_eq!(
        customer.total(Vendor::BatchdataSearch).micros,
        150_000 + 550_000
    );
}
