use super::*;
use crate::vendors::Secret;

fn answer(status: u16, body: Value) -> HttpAnswer {
    HttpAnswer {
        status,
        retry_after: None,
        body: serde_json::to_vec(&body).expect("JSON"),
    }
}

fn emails(names: &[&str]) -> Vec<String> {
    names
        .iter()
        .map(|name| format!("{name}@example.com"))
        .collect()
}

#[test]
fn a_request_names_the_campaign_and_skips_whom_the_vendor_has() {
    let key = Secret::new("k");
    let account = Account {
        base_url: "https://api.example.com",
        key: &key,
        options: &Value::Null,
    };
    let lead = NewLead {
        email: "pat@example.com".into(),
        first_name: Some("Pat".into()),
        last_name: None,
        company: None,
        phone: None,
        variables: vec![(LEAD_ID, json!("l-1"))],
    };
    let request = add(&account, "c-1", std::slice::from_ref(&lead)).expect("a request");
    assert_eq!(request.url, "https://api.example.com/api/v2/leads/add");
    let body: Value = serde_json::from_slice(&request.body.expect("a body")).expect("JSON");
    assert_eq!(
        body,
        json!({"campaign_id": "c-1", "skip_if_in_workspace": true, "leads": [
            {"email": "pat@example.com", "first_name": "Pat", "custom_variables": {"lead_id": "l-1"}}]})
    );
    assert!(add(&account, "c-1", &[]).is_err());
    assert!(add(&account, "c-1", &vec![lead; 1001]).is_err());
    let request = remove(&account, "../x").expect("a request");
    assert_eq!(request.url, "https://api.example.com/api/v2/leads/..%2Fx");
}

#[test]
fn the_created_are_linked_by_their_address() {
    let body = json!({"status": "success", "in_blocklist": 1, "skipped_count": "2", "created_leads": [
        {"index": 0, "id": "a", "email": "Bo@example.com"}, {"index": 2, "id": "c"}, {"index": 9, "id": "x", "email": "who@example.com"}]});
    let added = read_added(&answer(200, body), &emails(&["al", "bo", "cy"])).expect("understood");
    assert_eq!(added.created, [(1, "a".to_string()), (2, "c".to_string())]);
    assert_eq!(
        added.counts,
        Counts {
            known: 2,
            blocked: 1,
            invalid: 0
        }
    );
}

#[test]
fn an_error_with_status_200_is_no_success() {
    for body in [
        json!({"error": "something"}),
        json!({"status": "failed"}),
        json!([]),
    ] {
        let reply = read_added(&answer(200, body), &emails(&["al"]));
        assert!(matches!(reply, Err(Reply::Doubtful { .. })), "{reply:?}");
    }
    let dry = json!({"error": "out of lead credits"});
    assert!(matches!(
        read_added(&answer(200, dry), &[]),
        Err(Reply::Blocked { .. })
    ));
    assert!(matches!(
        read_found(&answer(401, json!({})), &[]),
        Err(Reply::Blocked { .. })
    ));
}

#[test]
fn an_empty_page_is_the_last() {
    let page = read_events(&answer(
        200,
        json!({"items": [], "next_starting_after": "x"}),
    ));
    assert_eq!(page.expect("understood").next, None);
    let event = json!({"id": "e", "timestamp_created": "t", "lead_email": "a@example.com", "payload": {"event_type": "link_clicked"}});
    let page = read_events(&answer(
        200,
        json!({"items": [event], "next_starting_after": "e"}),
    ))
    .expect("understood");
    assert_eq!(page.next.as_deref(), Some("e"));
    assert_eq!(page.items[0].event.as_deref(), Some("link_clicked"));
    assert_eq!(page.items[0].email.as_deref(), Some("a@example.com"));
}

#[test]
fn who_is_gone_is_removed() {
    assert_eq!(read_removed(&answer(404, json!({}))), Ok(()));
    assert_eq!(read_removed(&answer(200, json!({}))), Ok(()));
    assert!(read_removed(&answer(429, json!({}))).is_err());
}
