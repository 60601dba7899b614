use std::collections::BTreeSet;

use crate::customer::{Customer, SEARCH, ids, settings};
use equity_simulator::exchange::Call;
use equity_simulator::settings::{Keys, Replay, Settings};
use equity_simulator::simulator::Simulator;
use equity_simulator::vendor::Vendor;
use serde_json::{Value, json};

fn page(customer: &Customer, key: &str, cursor: Option<&Value>) -> Value {
    let mut options = json!({"take": 60, "useCursorPagination": true,
        "searchSession": {"id": "session", "idempotencyKey": key}});
    if let Some(cursor) = cursor {
        options["pageCursor"] = cursor.clone();
    }
    customer.search(&options)
}

#[test]
fn a_cursor_walks_every_record_once_whatever_arrives() {
    let customer = Customer::new();
    let expected = customer
        .0
        .with_office(|office| office.world.listings().len());
    let mut seen = Vec::new();
    let mut cursor = None;
    for number in 0..100 {
        let results = page(&customer, &format!("page-{number}"), cursor.as_ref());
        seen.extend(ids(&results));
        customer.0.with_office(|office| office.world.add(5));
        assert_eq!(results["searchSessionMeta"]["isNewSession"], number == 0);
        assert_eq!(results["searchSessionMeta"]["totalDelivered"], seen.len());
        cursor = results.get("nextPageCursor").cloned();
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), expected);
    let distinct: BTreeSet<&String> = seen.iter().filter(|id| *id != "null").collect();
    assert_eq!(
        distinct.len(),
        seen.iter().filter(|id| *id != "null").count()
    );
    assert!(
        customer
            .0
            .with_office(|office| office.bill.duplicates())
            .is_empty()
    );
}

#[test]
fn a_session_never_delivers_twice_also_without_a_cursor() {
    let customer = Customer::new();
    let options = json!({"take": 100, "searchSession": {"id": "again"}});
    let (first, second) = (
        ids(&customer.search(&options)),
        ids(&customer.search(&options)),
    );
    assert!(
        first
            .iter()
            .filter(|id| *id != "null")
            .all(|id| !second.contains(id))
    );
    let mut last = second;
    while !last.is_empty() {
        last = ids(&customer.search(&options));
    }
    let found = customer.search(&options)["meta"]["results"]["resultsFound"].as_u64();
    assert!(found > Some(400), "what was delivered is still found");
}

#[test]
fn a_repeated_key_gets_the_same_page_and_no_bill() {
    let customer = Customer::new();
    let first = page(&customer, "one", None);
    let billed = customer.total(Vendor::BatchdataSearch);
    customer.0.with_office(|office| office.world.add(5));
    let again = page(&customer, "one", None);
    assert_eq!(ids(&again), ids(&first));
    assert_eq!(again["nextPageCursor"], first["nextPageCursor"]);
    assert_eq!(customer.total(Vendor::BatchdataSearch), billed);
    let next = page(&customer, "two", Some(&again["nextPageCursor"]));
    assert!(
        ids(&next)
            .iter()
            .all(|id| id == "null" || !ids(&first).contains(id))
    );
}

#[test]
fn a_repeated_key_gets_an_empty_page_where_set_so() {
    let customer = Customer(Simulator::new(Settings {
        replay: Replay::EmptyPage,
        ..settings()
    }));
    assert_eq!(ids(&page(&customer, "one", None)).len(), 60);
    let billed = customer.total(Vendor::BatchdataSearch);
    let again = page(&customer, "one", None);
    assert!(ids(&again).is_empty());
    assert_eq!(again["meta"]["results"]["resultCount"], 0);
    assert_eq!(customer.total(Vendor::BatchdataSearch), billed);
}

#[test]
fn a_key_belongs_to_one_request_and_a_cursor_to_one_search() {
    let customer = Customer::new();
    let first = page(&customer, "one", None);
    let refused = |criteria: Value, options: Value| {
        let body = json!({"searchCriteria": criteria, "options": options});
        customer.batchdata(SEARCH, &body).status
    };
    let session = json!({"id": "session", "idempotencyKey": "one"});
    assert_eq!(
        refused(
            json!({"query": "90028, 76102"}),
            json!({"take": 61, "useCursorPagination": true, "searchSession": session})
        ),
        400
    );
    let options = json!({"useCursorPagination": true, "pageCursor": first["nextPageCursor"]});
    assert_eq!(refused(json!({"query": "90028"}), options), 400);
}

#[test]
fn one_record_in_two_sessions_is_paid_twice_and_shown() {
    let customer = Customer::new();
    for id in ["a", "b"] {
        customer.search(&json!({"take": 4, "searchSession": {"id": id}}));
    }
    let bill = customer.0.with_office(|office| office.bill.to_json());
    let shared = bill["search_records_in_several_sessions"]
        .as_object()
        .expect("records");
    assert!(shared.len() >= 3 && shared.values().all(|count| count == 2));
    assert_eq!(bill["duplicates"], json!([]));
}

#[test]
fn a_team_has_a_hundred_sessions_and_can_list_them() {
    let customer = Customer::new();
    let body = |id: usize| {
        json!({"searchCriteria": {"query": "90028"},
            "options": {"take": 1, "searchSession": {"id": format!("s-{id:03}")}}})
    };
    for id in 0..100 {
        assert_eq!(customer.batchdata(SEARCH, &body(id)).status, 200);
    }
    let billed = customer.total(Vendor::BatchdataSearch);
    assert_eq!(customer.batchdata(SEARCH, &body(100)).status, 400);
    assert_eq!(customer.total(Vendor::BatchdataSearch), billed);
    let key = format!("Bearer {}", Keys::default().batchdata);
    let call = Call::get("/batchdata/api/v2/property/search-sessions?skip=10&take=5")
        .with_header("authorization", &key);
    let listed = customer.0.handle_path(&call).value();
    assert_eq!(
        listed["results"]["sessions"].as_array().map(Vec::len),
        Some(5)
    );
    assert_eq!(listed["results"]["sessions"][0]["id"], "s-010");
    assert_eq!(listed["results"]["sessions"][0]["totalDelivered"], 1);
}
