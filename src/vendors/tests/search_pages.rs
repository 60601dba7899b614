use serde_json::json;

use super::batchdata_search::read;
use super::*;

const PRODUCT: Product = Product::BatchdataSearch;

fn page(change: impl FnOnce(&mut SearchPage)) -> Item {
    let mut page = SearchPage {
        criteria: json!({"zip_codes": ["85001"]}),
        take: 100,
        idempotency_key: "pull-7-page-1".into(),
        ..SearchPage::default()
    };
    change(&mut page);
    item("call-1", Subject::Search(page))
}

fn body_of(item: Item, options: Value) -> Value {
    json_of(&sent(PRODUCT, &options, &[item]).expect("built"))
}

#[test]
fn the_first_page_asks_newest_first_with_cursor_session_and_few_datasets() {
    let first = page(|page| page.session = Some("pull-7".into()));
    let request = sent(PRODUCT, &Value::Null, &[first]).expect("built");
    assert_eq!(request.method, Method::Post);
    assert_eq!(
        request.url,
        "https://api.example.com/api/v1/property/search"
    );
    assert_eq!(
        header(&request, "authorization"),
        Some("Bearer project:token")
    );
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    assert_eq!(
        json_of(&request),
        json!({
            "searchCriteria": {"query": "85001", "address": {"zip": {"inList": ["85001"]}}},
            "options": {"take": 100, "useCursorPagination": true,
                "datasets": ["basic", "owner", "valuation", "demographics"],
                "sort": {"field": "meta.propertyDateModified", "sortOrder": "desc"},
                "searchSession": {"id": "pull-7", "idempotencyKey": "pull-7-page-1"}}
        })
    );
}

#[test]
fn a_later_page_goes_on_by_cursor_and_by_skip_only_without_one() {
    let with_both = page(|page| {
        page.cursor = Some("opaque-1".into());
        page.skip = Some(200);
    });
    let options = &body_of(with_both, Value::Null)["options"];
    assert_eq!(options["pageCursor"], "opaque-1");
    assert_eq!(options.get("skip"), None);

    let options = &body_of(page(|page| page.skip = Some(200)), Value::Null)["options"];
    assert_eq!(options["skip"], 200);
    assert_eq!(options.get("useCursorPagination"), None);
    assert_eq!(options.get("searchSession"), None);
}

#[test]
fn options_choose_datasets_and_the_meaning_of_newest() {
    let options = json!({"datasets": ["core"], "sort_field": "intel.lastSoldDate", "other": 1});
    let body = body_of(page(|_| ()), options);
    assert_eq!(body["options"]["datasets"], json!(["core"]));
    assert_eq!(body["options"]["sort"]["field"], "intel.lastSoldDate");
    for wrong in [
        json!({"datasets": []}),
        json!({"datasets": ["basic", "core"]}),
        json!({"datasets": "basic"}),
        json!({"sort_field": 1}),
    ] {
        let error = sent(PRODUCT, &wrong, &[page(|_| ())]).expect_err("wrong");
        assert!(matches!(error, BuildError::Account { .. }), "{wrong}");
    }
}

#[test]
fn a_page_the_vendor_would_refuse_is_not_built() {
    let wrong: [fn(&mut SearchPage); 5] = [
        |page| page.take = 501,
        |page| page.session = Some("has space".into()),
        |page| page.session = Some("x".repeat(129)),
        |page| {
            page.session = Some("pull-7".into());
            page.idempotency_key = " ".into();
        },
        |page| page.criteria = json!({"zip_codes": ["85001"], "pool": true}),
    ];
    for change in wrong {
        let error = sent(PRODUCT, &Value::Null, &[page(change)]).expect_err("wrong");
        assert!(matches!(error, BuildError::Item { id, .. } if id == "call-1"));
    }
}

#[test]
fn a_page_is_billed_per_record_and_read_record_by_record() {
    let reply = receive(
        PRODUCT,
        &Value::Null,
        &[page(|_| ())],
        &answer(200, fixture!("batchdata_search_page.json")),
    );
    let parts = parts(reply);
    assert_eq!((parts[0].units, parts[0].matched), (5, true));
    let answer = read(&parts[0].body).expect("readable");
    assert_eq!(answer.next_cursor.as_deref(), Some("opaque-1"));
    assert_eq!((answer.found, answer.delivered), (Some(8123), Some(5)));
    assert_eq!(answer.unreadable.len(), 3);
    let ids: Vec<_> = answer
        .records
        .iter()
        .map(|r| r.vendor_record_id.as_str())
        .collect();
    assert_eq!(ids, ["p-0001", "p-0002", "p-0003"]);
    assert_eq!(
        answer.records[0].record,
        json!({
            "vendor_record_id": "p-0001", "address_line1": "100 W Sample Ave", "city": "Phoenix",
            "state": "AZ", "postal_code": "85001", "apn": "123-45-678", "county_fips": "04013",
            "owner_first_name": "Pat", "owner_last_name": "Example", "owner_full_name": "Pat Example",
            "property_value": 412000, "estimated_equity": 253380, "owner_occupied": true
        })
    );
    assert_eq!(
        answer.records[1].record,
        json!({
            "vendor_record_id": "p-0002", "address_line1": "7 N Invented St", "address_line2": "APT 4",
            "city": "Mesa", "state": "AZ", "postal_code": "85201", "apn": "987-65-432",
            "county_fips": "04013", "owner_full_name": "Sample Holdings LLC",
            "owner_company": "Sample Holdings LLC", "property_value": "350000",
            "estimated_equity": -12000, "age": 71, "owner_occupied": false,
            "custom": {"litigator": true, "deceased": false, "tcpa": true}
        })
    );
    assert_eq!(
        answer.records[2].record,
        json!({"vendor_record_id": "p-0003"})
    );
}

#[test]
fn contacts_bought_with_a_page_carry_their_warnings() {
    let page: Value = serde_json::from_slice(fixture!("batchdata_search_page.json")).expect("JSON");
    let record = &read(&page).expect("readable").records[1];
    assert_eq!(record.flags.litigator, Some(true));
    let phone = FoundPhone {
        number: "6025550143".into(),
        phone_type: Some("landline"),
        score: Some(80),
        dnc: Some(true),
        tcpa: Some(true),
        ..FoundPhone::default()
    };
    let email = FoundEmail {
        email: "office@example.com".into(),
        tested: Some(true),
        ..FoundEmail::default()
    };
    assert_eq!(
        record.contacts,
        [FoundContact::Phone(phone), FoundContact::Email(email)]
    );
}

#[test]
fn an_empty_page_is_the_end_and_costs_nothing() {
    let reply = receive(
        PRODUCT,
        &Value::Null,
        &[page(|_| ())],
        &answer(200, fixture!("batchdata_search_last_page.json")),
    );
    let parts = parts(reply);
    assert_eq!((parts[0].units, parts[0].matched), (0, false));
    let answer = read(&parts[0].body).expect("readable");
    assert!(answer.records.is_empty() && answer.next_cursor.is_none());
}

#[test]
fn a_page_that_may_have_been_billed_is_never_taken_for_an_empty_one() {
    for body in [
        r#"{}"#,
        r#"{"error": "internal"}"#,
        r#"{"results": null}"#,
        r#"{"results": {}}"#,
        r#"{"results": {"properties": "none"}}"#,
        r#"{"results": {"properties": [], "meta": {"results": {"resultCount": 7}}}}"#,
        r#"{"results": {"properties": null, "meta": {"results": {"resultCount": 7}}}}"#,
        r#"{"results": {"properties": [{"_id": "p"#,
        r#"{"status": {"code": 500}}"#,
        r#"[]"#,
        "",
    ] {
        let reply = receive(
            PRODUCT,
            &Value::Null,
            &[page(|_| ())],
            &answer(200, body.as_bytes()),
        );
        assert!(matches!(reply, Reply::Doubtful { .. }), "{body}: {reply:?}");
    }
}

#[test]
fn holes_are_free_and_records_lost_on_the_way_are_not() {
    for (records, counted, units) in [
        (json!([null, null]), json!(2), 0),
        (json!([null, {"_id": "p"}]), json!(2), 1),
        (json!([{"_id": "p"}]), json!(3), 3),
        (json!([{"_id": "p"}]), json!(100_000), 100),
        (json!([{"_id": "p"}, {"_id": "q"}]), json!("1"), 2),
        (json!([{"_id": "p"}]), json!(null), 1),
    ] {
        let meta = json!({"results": {"resultCount": counted}});
        let body = json!({"results": {"properties": records, "meta": meta}}).to_string();
        let reply = receive(
            PRODUCT,
            &Value::Null,
            &[page(|_| ())],
            &answer(200, body.as_bytes()),
        );
        assert_eq!(parts(reply)[0].units, units, "{body}");
    }
}

#[test]
fn parameters_can_be_checked_before_they_are_queued() {
    let check = super::batchdata_search::check_criteria;
    assert_eq!(check(&json!({"zip_codes": ["85001"]})), Ok(()));
    let problem = check(&json!({"zip_codes": ["85001"], "pool": "secret"})).expect_err("unknown");
    assert_eq!(problem.to_string(), "\"pool\" is not understood");
}

#[test]
fn a_refusal_inside_a_200_is_a_refusal() {
    let reply = receive(
        PRODUCT,
        &Value::Null,
        &[page(|_| ())],
        &answer(200, fixture!("batchdata_forbidden.json")),
    );
    let reason = "code 403 at HTTP 200: Insufficient balance".to_owned();
    assert_eq!(reply, Reply::Blocked { reason });
}
