//! Instantly campaigns: leads in bulk into a campaign, looking up what became of them, taking one out again, and the
//! events that its webhooks told.
//!
//! Documented: `POST /leads/add` takes `campaign_id` (not `campaign`) and up to 1,000 leads of known fields; it names the
//! leads that it created and only counts the others. `skip_if_in_workspace` makes a repeat harmless. `POST /leads/list`
//! finds leads by their addresses, 100 a page. `DELETE /leads/{id}` takes one out. `GET /webhook-events` pages through
//! what was told to the webhooks. Some calls answer 200 with an `error`. Whether events come newest or oldest first is
//! not documented.
//!
//! Nothing here is bought, so this is no [`Product`](super::Product). Options are read by the worker.

use serde_json::{Map, Value, json};

use super::exchange::{self, Account, BuildError, HttpAnswer, HttpRequest};
use super::{Item, Reply, Subject, judge, lenient};

/// The name in the `vendors` table.
pub const NAME: &str = "instantly_campaign";
/// The most leads of one request.
pub const MOST_LEADS: usize = 1000;
/// The most leads, or events, of one page.
pub const PAGE: usize = 100;

/// A lead as it is sent.
#[derive(Clone, Debug)]
pub struct NewLead {
    pub email: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub company: Option<String>,
    pub phone: Option<String>,
    /// What the campaign's texts can name: texts, numbers, booleans.
    pub variables: Vec<(&'static str, Value)>,
}

/// The variable that says which lead of ours it is, for people.
pub const LEAD_ID: &str = "lead_id";
/// The variable by which we know our own hand-out again: a lead may have been merged into another meanwhile.
pub const HANDOUT_ID: &str = "handout_id";

/// How an `add` ended: who was created, by the place in the request, and how the others were counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Place in the request and the vendor's name for the lead.
    pub created: Vec<(usize, String)>,
    pub counts: Counts,
}

/// The leads that were not created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// There already: in this campaign, or anywhere in the workspace.
    pub known: u64,
    /// On the block list.
    pub blocked: u64,
    /// No address that the vendor takes.
    pub invalid: u64,
}

/// A lead that the vendor has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub vendor_lead_id: String,
    pub email: String,
    pub campaign: Option<String>,
    /// Our hand-out, as we sent it; None: somebody else put the person there.
    pub handout_id: Option<String>,
}

/// What a webhook was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub id: String,
    pub at: Option<String>,
    pub email: Option<String>,
    pub event: Option<String>,
    pub payload: Value,
}

/// Some of a list, and where it goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// Adds leads to a campaign; who is in the workspace already is skipped.
pub fn add(
    account: &Account<'_>,
    campaign: &str,
    leads: &[NewLead],
) -> Result<HttpRequest, BuildError> {
    if leads.is_empty() || leads.len() > MOST_LEADS {
        return Err(BuildError::batch("a request takes 1 to 1000 leads"));
    }
    let body = json!({
        "campaign_id": campaign,
        "skip_if_in_workspace": true,
        "leads": leads.iter().map(written).collect::<Vec<_>>(),
    });
    post(account, "leads/add", &body)
}

fn written(lead: &NewLead) -> Value {
    let mut fields = Map::new();
    fields.insert("email".into(), json!(lead.email));
    for (name, value) in [
        ("first_name", &lead.first_name),
        ("last_name", &lead.last_name),
        ("company_name", &lead.company),
        ("phone", &lead.phone),
    ] {
        if let Some(value) = value {
            fields.insert(name.into(), json!(value));
        }
    }
    let variables: Map<String, Value> = lead
        .variables
        .iter()
        .map(|(name, value)| ((*name).to_string(), value.clone()))
        .collect();
    fields.insert("custom_variables".into(), Value::Object(variables));
    Value::Object(fields)
}

/// Looks leads up by their addresses, wherever in the workspace they are.
pub fn find(
    account: &Account<'_>,
    emails: &[String],
    after: Option<&str>,
) -> Result<HttpRequest, BuildError> {
    let mut body = json!({"contacts": emails, "limit": PAGE});
    if let Some(after) = after {
        body["starting_after"] = json!(after);
    }
    post(account, "leads/list", &body)
}

/// Takes a lead out.
pub fn remove(account: &Account<'_>, vendor_lead_id: &str) -> Result<HttpRequest, BuildError> {
    let path = format!("leads/{}", exchange::segment(vendor_lead_id));
    Ok(exchange::delete(
        endpoint(account, &path)?,
        account.bearer()?,
    ))
}

/// Events since a day (YYYY-MM-DD), after the one of that id.
pub fn events(
    account: &Account<'_>,
    since: Option<&str>,
    after: Option<&str>,
) -> Result<HttpRequest, BuildError> {
    let mut path = format!("webhook-events?limit={PAGE}");
    for (name, value) in [("from", since), ("starting_after", after)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", exchange::segment(value)));
        }
    }
    Ok(exchange::get(endpoint(account, &path)?, account.bearer()?))
}

fn endpoint(account: &Account<'_>, path: &str) -> Result<String, BuildError> {
    account.endpoint(&format!("/api/v2/{path}"))
}

fn post(account: &Account<'_>, path: &str, body: &Value) -> Result<HttpRequest, BuildError> {
    exchange::post(endpoint(account, path)?, account.bearer()?, body)
}

/// Reads the answer to [`add`] of these addresses.
pub fn read_added(answer: &HttpAnswer, emails: &[String]) -> Result<Added, Reply> {
    let body = read_body(answer, emails)?;
    if lenient::text(&body, "status").as_deref() != Some("success") {
        return Err(strange(&body, "HTTP 200 without success", emails));
    }
    let count = |name: &str| lenient::count(&body, name).unwrap_or(0);
    let place = |row: &Value| -> Option<(usize, String)> {
        let id = lenient::text(row, "id")?;
        let told = lenient::text(row, "email");
        // By the address that it echoes; the index alone says nothing when the two disagree.
        let index = usize::try_from(lenient::count(row, "index")?).ok();
        let is_at = |n: usize| {
            emails
                .get(n)
                .is_some_and(|email| told.as_ref().is_none_or(|t| t.eq_ignore_ascii_case(email)))
        };
        match index.filter(|n| is_at(*n)) {
            Some(n) => Some((n, id)),
            None => (0..emails.len()).find(|n| is_at(*n)).map(|n| (n, id)),
        }
    };
    Ok(Added {
        created: lenient::list(&body, "created_leads")
            .iter()
            .filter_map(place)
            .collect(),
        counts: Counts {
            known: count("skipped_count")
                + count("duplicated_leads")
                + count("duplicate_email_count"),
            blocked: count("in_blocklist"),
            invalid: count("invalid_email_count") + count("incomplete_count"),
        },
    })
}

/// Reads the answer to [`find`].
pub fn read_found(answer: &HttpAnswer, emails: &[String]) -> Result<Page<Found>, Reply> {
    read_page(answer, emails, |row| {
        Some(Found {
            vendor_lead_id: lenient::text(row, "id")?,
            email: lenient::text(row, "email")?,
            campaign: lenient::text(row, "campaign"),
            handout_id: lenient::text(row, &format!("payload.{HANDOUT_ID}")),
        })
    })
}

/// Reads the answer to [`events`].
pub fn read_events(answer: &HttpAnswer) -> Result<Page<Told>, Reply> {
    read_page(answer, &[], |row| {
        let payload = row.get("payload").cloned().unwrap_or_default();
        let either =
            |name: &str| lenient::text(&payload, name).or_else(|| lenient::text(row, name));
        Some(Told {
            id: lenient::text(row, "id")?,
            at: lenient::text(row, "timestamp_created"),
            email: either("lead_email"),
            event: either("event_type"),
            payload,
        })
    })
}

/// Reads the answer to [`remove`]: who is not there any more is out as well.
pub fn read_removed(answer: &HttpAnswer) -> Result<(), Reply> {
    match judge::refusal(&[], answer) {
        Some(Reply::Rejected { .. }) if answer.status == 404 => Ok(()),
        Some(reply) => Err(reply),
        None => Ok(()),
    }
}

fn read_page<T>(
    answer: &HttpAnswer,
    emails: &[String],
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Page<T>, Reply> {
    let body = read_body(answer, emails)?;
    if !body.get("items").is_some_and(Value::is_array) {
        return Err(strange(&body, "HTTP 200 without items", emails));
    }
    let items = lenient::list(&body, "items");
    Ok(Page {
        // An empty page is the end, whatever else it says.
        next: lenient::text(&body, "next_starting_after").filter(|_| !items.is_empty()),
        items: items.iter().filter_map(read).collect(),
    })
}

fn read_body(answer: &HttpAnswer, emails: &[String]) -> Result<Value, Reply> {
    let items = about(emails);
    if let Some(reply) = judge::refusal(&items, answer) {
        return Err(reply);
    }
    let body = lenient::parse(&answer.body)
        .filter(Value::is_object)
        .ok_or_else(|| Reply::Doubtful {
            reason: format!("HTTP {}: the body is not whole JSON", answer.status),
        })?;
    match judge::inner_refusal(&items, &body, "statusCode") {
        Some(reply) => Err(reply),
        None => Ok(body),
    }
}

/// A success that is none.
fn strange(body: &Value, what: &str, emails: &[String]) -> Reply {
    let message = judge::message_of(body).unwrap_or_default();
    let reason = judge::reason(what, &message, &about(emails));
    if judge::is_out_of_money(&message) {
        Reply::Blocked { reason }
    } else {
        Reply::Doubtful { reason }
    }
}

/// What was asked about, so that its words do not show up in a reason.
fn about(emails: &[String]) -> Vec<Item> {
    emails
        .iter()
        .map(|email| Item {
            id: String::new(),
            subject: Subject::Email(email.clone()),
        })
        .collect()
}

#[cfg(test)]
mod tests;
