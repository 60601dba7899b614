//! Instantly API v2, campaigns: adding leads, listing them, taking them out, and the webhook events they cause.
//!
//! `POST /api/v2/leads/add` itemises only the leads it created; all other outcomes are counts.
//! Adding a lead costs nothing here: the plan's contact quota is counted instead.

mod events;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::instantly_verify::{admit, refuse};
use crate::dice::fingerprint;
use crate::exchange::{Answer, Call, percent_decode};
use crate::office::Office;
use crate::settings::UnknownFields;
use crate::vendor::Vendor;

const MOST_LEADS: usize = 1000;
const PLAN_CONTACTS: usize = 25_000;
const REQUEST: [&str; 9] = [
    "campaign_id",
    "list_id",
    "leads",
    "skip_if_in_workspace",
    "skip_if_in_campaign",
    "skip_if_in_list",
    "blocklist_id",
    "verify_leads_on_import",
    "assigned_to",
];
const LEAD: [&str; 12] = [
    "email",
    "first_name",
    "last_name",
    "company_name",
    "job_title",
    "phone",
    "website",
    "personalization",
    "lt_interest_status",
    "pl_value_lead",
    "assigned_to",
    "custom_variables",
];

/// The workspace: leads in the order added, blocked values, events.
#[derive(Debug, Default)]
pub struct Campaigns {
    pub leads: Vec<Lead>,
    pub blocked: Vec<String>,
    /// Webhook payloads, oldest first.
    pub events: Vec<Value>,
    /// By address.
    pub handouts: BTreeMap<String, Handouts>,
}

/// How often an address was handed to this workspace.
#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Handouts {
    /// It stood in a request.
    pub offered: u32,
    /// A lead was made of it: from then on mails go out.
    pub created: u32,
    pub removed: u32,
}

/// A lead of the workspace.
#[derive(Clone, Debug)]
pub struct Lead {
    pub id: String,
    pub campaign: String,
    pub email: String,
    pub given: Map<String, Value>,
}

/// Answers the campaign calls.
pub fn answer(office: &mut Office, call: &Call) -> Answer {
    if let Err(refusal) = admit(office, call) {
        return refusal;
    }
    if office.is_out_of_credit(Vendor::InstantlyCampaign) {
        return refuse(402, "Workspace does not have an active paid plan");
    }
    let path = call.path.trim_start_matches("/instantly/api/v2/");
    let done = match (path, call.method.as_str()) {
        ("leads/add", "POST") => call.json().and_then(|body| add(office, &body)),
        ("leads/list", "POST") => call.json().and_then(|body| list(office, &body)),
        ("block-lists-entries", "POST") => call.json().and_then(|body| block(office, &body)),
        ("webhook-events", "GET") => events::list(office, call),
        ("workspaces/current", "GET") => {
            Ok(json!({"id": workspace_id(), "name": "Simulated workspace"}))
        }
        (path, "DELETE") => match path.strip_prefix("leads/") {
            Some(id) => return remove(office, &percent_decode(id)),
            None => return refuse(404, "Route not found"),
        },
        _ => return refuse(404, "Route not found"),
    };
    match done {
        Ok(body) => Answer::json(200, &body),
        Err(message) => refuse(400, &message),
    }
}

fn members<'a>(
    value: &'a Value,
    names: &[&str],
    place: &str,
) -> Result<&'a Map<String, Value>, String> {
    let members = value
        .as_object()
        .ok_or_else(|| format!("{place} must be object"))?;
    if members.keys().all(|name| names.contains(&name.as_str())) {
        Ok(members)
    } else {
        Err(format!("{place} must NOT have additional properties"))
    }
}

fn add(office: &mut Office, body: &Value) -> Result<Value, String> {
    let request = members(body, &REQUEST, "body")?;
    let target = |name: &str| request.get(name).and_then(Value::as_str);
    let campaign = match (target("campaign_id"), target("list_id")) {
        (Some(id), None) | (None, Some(id)) => id,
        _ => return Err("exactly one of campaign_id and list_id is required".to_owned()),
    };
    let leads = read_leads(request, office.settings.unknown_lead_fields)?;
    let is_set = |name: &str| request.get(name).and_then(Value::as_bool).unwrap_or(false);
    let skips = is_set("skip_if_in_workspace") || is_set("skip_if_in_campaign");
    let skip = if skips { Skip::Anywhere } else { Skip::Nowhere };
    let mut counts = BTreeMap::from(COUNTS.map(|name| (name, 0_usize)));
    let mut created = Vec::new();
    for (index, given) in leads.iter().enumerate() {
        let offered = given
            .get("email")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let address = offered.trim().to_lowercase();
        office
            .campaigns
            .handouts
            .entry(address)
            .or_default()
            .offered += 1;
        match admit_lead(office, given, campaign, (skip, &leads[..index])) {
            Err(count) => *counts.entry(count).or_default() += 1,
            Ok(email) => {
                let (id, campaign) = (lead_id(&email, campaign), campaign.to_owned());
                created.push(created_row(index, &id, given));
                office
                    .campaigns
                    .handouts
                    .entry(email.clone())
                    .or_default()
                    .created += 1;
                office.campaigns.leads.push(Lead {
                    id,
                    campaign,
                    email,
                    given: given.clone(),
                });
            }
        }
    }
    let remaining = PLAN_CONTACTS.saturating_sub(office.campaigns.leads.len());
    let mut reply = json!({
        "status": "success", "total_sent": leads.len(), "leads_uploaded": created.len(),
        "blocklist_used": null, "created_leads": created,
        "remaining_in_plan": target("campaign_id").map(|_| remaining),
    });
    for (name, count) in counts {
        reply[name] = json!(count);
    }
    Ok(reply)
}

fn read_leads(
    request: &Map<String, Value>,
    unknown_fields: UnknownFields,
) -> Result<Vec<Map<String, Value>>, String> {
    let leads = request.get("leads").and_then(Value::as_array);
    let leads = leads.ok_or("body/leads must be array")?;
    if leads.is_empty() || leads.len() > MOST_LEADS {
        return Err(format!("body/leads must hold 1 to {MOST_LEADS} items"));
    }
    leads
        .iter()
        .map(|lead| read_lead(lead, unknown_fields))
        .collect()
}

const COUNTS: [&str; 6] = [
    "in_blocklist",
    "duplicated_leads",
    "skipped_count",
    "invalid_email_count",
    "incomplete_count",
    "duplicate_email_count",
];

/// Where a lead must not be yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Skip {
    Anywhere,
    Nowhere,
}

fn read_lead(lead: &Value, unknown_fields: UnknownFields) -> Result<Map<String, Value>, String> {
    let mut given = lead
        .as_object()
        .ok_or("body/leads/0 must be object")?
        .clone();
    if unknown_fields == UnknownFields::Reject {
        members(lead, &LEAD, "body/leads/0")?;
    }
    given.retain(|name, _| LEAD.contains(&name.as_str()));
    let custom = given.get("custom_variables").and_then(Value::as_object);
    if custom.is_some_and(|custom| {
        custom
            .values()
            .any(|value| value.is_object() || value.is_array())
    }) {
        return Err("custom_variables must be string, number, boolean or null".to_owned());
    }
    Ok(given)
}

/// The lead's address when it is to be added, else the count it goes into.
fn admit_lead(
    office: &Office,
    given: &Map<String, Value>,
    campaign: &str,
    rules: (Skip, &[Map<String, Value>]),
) -> Result<String, &'static str> {
    let address = |lead: &Map<String, Value>| {
        lead.get("email")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .trim()
            .to_lowercase()
    };
    let (skip, earlier) = rules;
    let email = address(given);
    let domain = email.split_once('@').map_or("", |(_, domain)| domain);
    let known = &office.campaigns.leads;
    if !domain.contains('.') {
        Err("invalid_email_count")
    } else if earlier.iter().any(|lead| address(lead) == email) {
        Err("duplicate_email_count")
    } else if office
        .campaigns
        .blocked
        .iter()
        .any(|value| *value == email || value == domain)
    {
        Err("in_blocklist")
    } else if skip == Skip::Anywhere && known.iter().any(|lead| lead.email == email) {
        Err("skipped_count")
    } else if known
        .iter()
        .any(|lead| lead.email == email && lead.campaign == campaign)
    {
        Err("duplicated_leads")
    } else {
        Ok(email)
    }
}

fn created_row(index: usize, id: &str, given: &Map<String, Value>) -> Value {
    let mut row = json!({"index": index, "id": id});
    for name in ["email", "first_name", "last_name", "phone"] {
        if let Some(value) = given.get(name) {
            row[name] = value.clone();
        }
    }
    row
}

fn lead_id(email: &str, campaign: &str) -> String {
    uuid(&format!("lead {email} {campaign}"))
}

fn workspace_id() -> String {
    uuid("workspace")
}

fn uuid(text: &str) -> String {
    let hex = fingerprint(text, 16);
    format!(
        "{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}

fn list(office: &Office, body: &Value) -> Result<Value, String> {
    const FILTERS: [&str; 8] = [
        "search",
        "filter",
        "campaign",
        "list_id",
        "ids",
        "contacts",
        "limit",
        "starting_after",
    ];
    let filter = members(body, &FILTERS, "body")?;
    let texts = |name: &str| {
        filter.get(name).and_then(Value::as_array).map(|all| {
            all.iter()
                .filter_map(Value::as_str)
                .map(str::to_lowercase)
                .collect::<Vec<_>>()
        })
    };
    let (contacts, ids) = (texts("contacts"), texts("ids"));
    let campaign = filter
        .get("campaign")
        .or(filter.get("list_id"))
        .and_then(Value::as_str);
    let rows = office.campaigns.leads.iter().filter(|lead| {
        contacts
            .as_ref()
            .is_none_or(|all| all.contains(&lead.email))
            && ids.as_ref().is_none_or(|all| all.contains(&lead.id))
            && campaign.is_none_or(|campaign| campaign == lead.campaign)
    });
    let rows: Vec<Value> = rows.map(lead_row).collect();
    let limit = filter.get("limit").map_or(Some(10), Value::as_u64);
    page(
        rows,
        limit,
        filter.get("starting_after").and_then(Value::as_str),
    )
}

fn lead_row(lead: &Lead) -> Value {
    let member = |name: &str| lead.given.get(name).cloned().unwrap_or_default();
    json!({
        "id": lead.id, "email": lead.email, "campaign": lead.campaign, "status": 1,
        "first_name": member("first_name"), "last_name": member("last_name"),
        "phone": member("phone"), "payload": member("custom_variables"),
        "email_open_count": 0, "email_reply_count": 0, "email_click_count": 0,
    })
}

/// A page of rows after the row with that id.
fn page(rows: Vec<Value>, limit: Option<u64>, after: Option<&str>) -> Result<Value, String> {
    let limit = limit
        .filter(|limit| (1..=100).contains(limit))
        .ok_or("limit must be 1 to 100")?;
    let start = match after {
        None => 0,
        Some(id) => rows
            .iter()
            .position(|row| row["id"] == id)
            .map_or(rows.len(), |at| at + 1),
    };
    let items: Vec<Value> = rows
        .iter()
        .skip(start)
        .take(limit as usize)
        .cloned()
        .collect();
    let more = start + items.len() < rows.len();
    let next = items.last().filter(|_| more).map(|row| row["id"].clone());
    Ok(json!({"items": items, "next_starting_after": next}))
}

/// Takes a lead out of its campaign and of the workspace; answers with it.
fn remove(office: &mut Office, id: &str) -> Answer {
    let leads = &mut office.campaigns.leads;
    let Some(at) = leads.iter().position(|lead| lead.id == id) else {
        return refuse(404, "Lead not found");
    };
    let lead = leads.remove(at);
    office
        .campaigns
        .handouts
        .entry(lead.email.clone())
        .or_default()
        .removed += 1;
    Answer::json(200, &lead_row(&lead))
}

fn block(office: &mut Office, body: &Value) -> Result<Value, String> {
    let value = members(body, &["bl_value"], "body")?
        .get("bl_value")
        .and_then(Value::as_str);
    let value = value
        .ok_or("body must have required property 'bl_value'")?
        .to_lowercase();
    office.campaigns.blocked.push(value.clone());
    Ok(json!({"id": uuid(&value), "bl_value": value}))
}
