//! Handing leads to campaigns, and hearing what became of them.

use pgrx::datum::TimestampWithTimeZone;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};
use serde_json::Value;

use super::{identifier, present};
use crate::campaign_event::{self, Event};
use crate::contact::{Contact, Kind};
use crate::error::Error;
use crate::handout::{self, Heard, usable};
use crate::store::campaigns::Sender;
use crate::store::{self, campaigns};

/// The most leads of one call: what a campaign tool takes in one request.
const MOST: i32 = 1000;

#[pg_extern(sql = false)]
fn claim_campaign_leads(
    campaign: Option<String>,
    limit: Option<i32>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, Uuid),
            name!(first_name, Option<String>),
            name!(last_name, Option<String>),
            name!(property_city, Option<String>),
            name!(property_state, Option<String>),
            name!(quality_score, i32),
            name!(phones, JsonB),
            name!(emails, JsonB),
            name!(assigned_persona, Option<String>),
            name!(microsite_url, Option<String>),
            name!(first_seen_at, Option<TimestampWithTimeZone>),
        ),
    >,
    ErrorReport,
> {
    let name = identifier("p_campaign", campaign)?;
    let limit = present("p_limit", limit)?;
    if !(1..=MOST).contains(&limit) {
        return Err(Error::bad_argument(
            "p_limit is not between 1 and 1000",
            "Call again for more.",
        )
        .into());
    }
    let leads = store::connect(|db| {
        let campaign = campaigns::find(db, &name)?.ok_or(Error::NotFound {
            message: "no such campaign".into(),
            hint: "Add a row to the table campaigns first.",
        })?;
        if !campaign.is_enabled {
            return Err(Error::WrongState {
                message: "the campaign is not enabled".into(),
                hint: "Set campaigns.enabled.",
            });
        }
        handout::claim(db, &campaign, i64::from(limit), Sender::Caller)
    })?;
    let rows: Vec<_> = leads
        .into_iter()
        .map(|lead| {
            let points = |kind, points: &[Value]| JsonB(Value::Array(usable(kind, points)));
            let (phones, emails) = (
                points(Kind::Phone, &lead.phones),
                points(Kind::Email, &lead.emails),
            );
            (
                lead.id,
                lead.first_name,
                lead.last_name,
                lead.city,
                lead.state,
                lead.score,
                phones,
                emails,
                lead.persona,
                lead.microsite_url,
                lead.first_seen_at,
            )
        })
        .collect();
    Ok(TableIterator::new(rows))
}

#[pg_extern(sql = false)]
fn record_campaign_event(
    email: Option<String>,
    event: Option<String>,
    payload: Option<JsonB>,
) -> Result<String, ErrorReport> {
    let event = identifier("p_event", event)?;
    let email = identifier("p_email", email)?;
    let contact = Contact::parse(Kind::Email, &email).map_err(|problem| {
        Error::bad_syntax(problem.to_string(), "Pass the payload's lead_email.")
    })?;
    let told_at = payload
        .as_ref()
        .and_then(|payload| campaign_event::told_at(&payload.0));
    let heard = match Event::named(&event) {
        // A label of the user's own: tools send them along with the rest.
        None => Heard::Ignored,
        Some(event) => {
            store::connect(|db| handout::hear(db, &contact, event, told_at, Sender::Caller))?
        }
    };
    Ok(heard.as_str().to_string())
}
