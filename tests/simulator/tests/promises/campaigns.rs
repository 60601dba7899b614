use crate::customer::{Customer, settings};
use equity_simulator::exchange::{Answer, Call};
use equity_simulator::settings::{Settings, UnknownFields};
use equity_simulator::simulator::Simulator;
use serde_json::{Value, json};

const CAMPAIGN: &str = "6f1f2a7e-0000-4000-8000-000000000001";

fn post(customer: &Customer, path: &str, body: &Value) -> Answer {
    customer.instantly(Call::post(&format!("/instantly/api/v2/{path}"), body))
}

fn add(customer: &Customer, leads: &Value, skips: bool) -> Value {
    let body = json!({"campaign_id": CAMPAIGN, "skip_if_in_workspace": skips, "leads": leads});
    let answer = post(customer, "leads/add", &body);
    assert_eq!(answer.status, 200, "{}", answer.value());
    answer.value()
}

#[test]
fn only_created_leads_are_itemised_and_a_repeat_with_the_flag_is_harmless() {
    let customer = Customer::new();
    post(
        &customer,
        "block-lists-entries",
        &json!({"bl_value": "out@example.com"}),
    );
    let leads = json!([
        {"email": "pat@example.com", "first_name": "Pat", "custom_variables": {"lead_id": 42, "city": "Phoenix"}},
        {"email": "PAT@example.com"}, {"email": "nobody"}, {"email": "out@example.com"},
    ]);
    let first = add(&customer, &leads, true);
    assert_eq!(
        (
            &first["status"],
            &first["total_sent"],
            &first["leads_uploaded"]
        ),
        (&json!("success"), &json!(4), &json!(1))
    );
    for (count, expected) in [
        ("duplicate_email_count", 1),
        ("invalid_email_count", 1),
        ("in_blocklist", 1),
        ("skipped_count", 0),
    ] {
        assert_eq!(first[count], expected, "{count}");
    }
    assert_eq!(
        (
            &first["created_leads"][0]["index"],
            &first["created_leads"][0]["email"]
        ),
        (&json!(0), &json!("pat@example.com"))
    );
    let again = add(&customer, &json!([{"email": "pat@example.com"}]), true);
    assert_eq!(
        (&again["skipped_count"], &again["leads_uploaded"]),
        (&json!(1), &json!(0))
    );
    let plain = add(&customer, &json!([{"email": "pat@example.com"}]), false);
    assert_eq!(plain["duplicated_leads"], 1);
    let found = post(
        &customer,
        "leads/list",
        &json!({"contacts": ["pat@example.com"], "limit": 10}),
    )
    .value();
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["items"][0]["payload"]["lead_id"], 42);
}

#[test]
fn the_bulk_call_wants_campaign_id_and_known_fields() {
    let customer = Customer::new();
    let lead = json!([{"email": "pat@example.com"}]);
    for body in [
        json!({"campaign": CAMPAIGN, "leads": lead}),
        json!({"leads": lead}),
        json!({"campaign_id": CAMPAIGN, "list_id": CAMPAIGN, "leads": lead}),
        json!({"campaign_id": CAMPAIGN, "leads": [{"email": "pat@example.com", "quality_score": 70}]}),
        json!({"campaign_id": CAMPAIGN, "leads": [{"email": "pat@example.com", "custom_variables": {"a": {}}}]}),
    ] {
        assert_eq!(post(&customer, "leads/add", &body).status, 400, "{body}");
    }
    let lenient = Customer(Simulator::new(Settings {
        unknown_lead_fields: UnknownFields::Drop,
        ..settings()
    }));
    add(
        &lenient,
        &json!([{"email": "pat@example.com", "quality_score": 70}]),
        true,
    );
    let dropped = lenient
        .0
        .with_office(|office| office.campaigns.leads[0].given.clone());
    assert!(!dropped.contains_key("quality_score"));
}

#[test]
fn handouts_are_counted_by_address_and_a_lead_can_be_removed() {
    let customer = Customer::new();
    let leads = json!([{"email": "pat@example.com"}, {"email": "Pat@example.com"}]);
    let id = add(&customer, &leads, true)["created_leads"][0]["id"].clone();
    add(&customer, &leads, true);
    let path = format!(
        "/instantly/api/v2/leads/{}",
        id.as_str().unwrap_or_default()
    );
    let delete = |key: bool| {
        let call = Call {
            method: "DELETE".into(),
            ..Call::get(&path)
        };
        if key {
            customer.instantly(call)
        } else {
            customer.0.handle_path(&call)
        }
    };
    assert_eq!(delete(false).status, 401);
    assert_eq!(delete(true).status, 200);
    assert_eq!(delete(true).status, 404);
    let counted = customer
        .0
        .handle_path(&Call::get("/control/campaign-handouts"))
        .value();
    assert_eq!(
        counted["pat@example.com"],
        json!({"offered": 4, "created": 1, "removed": 1})
    );
}

#[test]
fn events_are_paged_and_found_by_lead() {
    let customer = Customer::new();
    for number in 0..3 {
        let event = json!({"event_type": "reply_received", "lead_email": format!("p{number}@example.com"), "timestamp": "2026-01-15T18:22:05.000Z"});
        assert_eq!(
            customer
                .0
                .handle_path(&Call::post("/control/campaign-event", &event))
                .status,
            200
        );
    }
    let get = |query: &str| {
        customer
            .instantly(Call::get(&format!(
                "/instantly/api/v2/webhook-events?{query}"
            )))
            .value()
    };
    let first = get("limit=2");
    assert_eq!(first["items"].as_array().map(Vec::len), Some(2));
    let after = first["next_starting_after"].as_str().expect("more");
    let rest = get(&format!("limit=2&starting_after={after}"));
    assert_eq!(rest["items"][0]["payload"]["lead_email"], "p2@example.com");
    assert_eq!(rest["next_starting_after"], Value::Null);
    assert_eq!(
        get("search=p1%40example.com")["items"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}
