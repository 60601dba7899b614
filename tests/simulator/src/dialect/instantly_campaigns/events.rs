//! `GET /api/v2/webhook-events`: what the webhooks were told. In which order the vendor lists it is not documented, so
//! both are spoken.

use serde_json::{Value, json};

use super::{page, uuid};
use crate::exchange::Call;
use crate::office::Office;
use crate::settings::EventOrder;

pub fn list(office: &Office, call: &Call) -> Result<Value, String> {
    let search = call.parameter("search");
    let from = call.parameter("from");
    let is_wanted = |payload: &Value| {
        search.is_none_or(|search| payload["lead_email"] == search)
            && from.is_none_or(|from| {
                payload["timestamp"]
                    .as_str()
                    .is_some_and(|timestamp| timestamp >= from)
            })
    };
    let mut rows: Vec<Value> = office
        .campaigns
        .events
        .iter()
        .enumerate()
        .filter(|(_, payload)| is_wanted(payload))
        .map(|(number, payload)| row(number, payload))
        .collect();
    if office.settings.event_order == EventOrder::NewestFirst {
        rows.reverse();
    }
    let limit = call
        .parameter("limit")
        .map_or(Some(10), |text| text.parse().ok());
    page(rows, limit, call.parameter("starting_after"))
}

fn row(number: usize, payload: &Value) -> Value {
    json!({
        "id": uuid(&format!("event {number}")), "payload": payload, "success": true,
        "retry_count": 0, "will_retry": false, "timestamp_created": payload["timestamp"],
        "retry_group_id": uuid(&format!("group {number}")), "lead_email": payload["lead_email"],
    })
}
