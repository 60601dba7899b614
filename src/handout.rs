//! Ready leads to campaigns, and what the campaign tool reports back.
//!
//! The daily cap is reserved first: its row is the queue in which claimers stand, so that the best leads go first and the
//! cap is exact. Then leads are taken under their locks; an opt-out that commits first is seen, a later one finds the
//! lead handed out.

use pgrx::Uuid;
use serde_json::{Value, json};

use crate::campaign_event::{self, Event};
use crate::contact::point::{self, CheckOutcome, CheckResult};
use crate::contact::{Contact, Kind};
use crate::error::Error;
use crate::money::Money;
use crate::opt_out::{self, Request};
use crate::settings;
use crate::store::budgets::{self, Cap, Delta, Deltas, Wish};
use crate::store::campaigns::{self, Campaign, Contacted, Ready, Sender};
use crate::store::scopes::Scope;
use crate::store::{Db, leads};
use crate::suppression::Key;

/// Hands up to `limit` leads to the campaign.
pub fn claim(
    db: &mut Db<'_>,
    campaign: &Campaign,
    limit: i64,
    sender: Sender,
) -> Result<Vec<Ready>, Error> {
    let day = budgets::today(db, &settings::budget_timezone())?;
    let scope = scope_of(campaign);
    let cap = Cap {
        scope: scope.clone(),
        calls: Some(campaign.daily_cap),
        amount: None,
    };
    let wish = Wish {
        purchases: limit,
        units: 1,
        unit_price: Money::from_micros(0),
    };
    let grant = budgets::reserve(db, &day, &[cap], wish)?;
    if grant.purchases == 0 {
        return Ok(Vec::new());
    }
    let mut ready = campaigns::claim(db, grant.purchases, sender)?;
    if sender == Sender::Worker {
        ready.retain(|lead| best_verified(Kind::Email, &lead.emails).is_some());
    }
    let count = i64::try_from(ready.len()).unwrap_or(grant.purchases);
    let mut deltas = Deltas::default();
    let delta = Delta {
        reserved_calls: -grant.purchases,
        settled_calls: count,
        ..Delta::default()
    };
    deltas.add(&day, &scope, &delta);
    budgets::change(db, &deltas)?;
    let ids = ready.iter().map(|lead| lead.id).collect();
    campaigns::stamp(db, ids, campaign.vendor_campaign_id.as_deref())?;
    let facts = ready.iter().enumerate().map(facts_of).collect();
    campaigns::note(db, facts, campaign, sender)?;
    Ok(ready)
}

fn scope_of(campaign: &Campaign) -> Scope {
    Scope::Handouts(campaign.name.clone())
}

/// Does today's cap let the campaign have another lead? A look without a lock: [`claim`] decides.
pub fn has_room(db: &Db<'_>, campaign: &Campaign) -> Result<bool, Error> {
    let day = budgets::today(db, &settings::budget_timezone())?;
    Ok(budgets::calls(db, &day, &scope_of(campaign))? < campaign.daily_cap)
}

/// The best contact point that is verified and may be used.
pub fn best_verified(kind: Kind, points: &[Value]) -> Option<Contact> {
    point::best_first(point::read(kind, points))
        .into_iter()
        .find(|point| point.verified && !point.is_barred)
        .map(|point| point.contact)
}

/// What allowed a hand-out, without the contact data itself.
fn facts_of((n, lead): (usize, &Ready)) -> Value {
    let facts = |kind: Kind, points: &[Value]| -> Vec<Value> {
        point::read(kind, points)
            .into_iter()
            .filter(|point| point.verified && !point.is_barred)
            .map(|point| {
                let stored = points.get(point.index);
                let member = |name: &str| stored.and_then(|stored| stored.get(name)).cloned();
                json!({
                    "kind": kind.as_str(), "type": member("type"), "verified_at": member("verified_at"),
                    "check_result": member("check_result"), "dnc": member("dnc"), "dnc_checked_at": member("dnc_checked_at"),
                })
            })
            .collect()
    };
    let mut verified = facts(Kind::Email, &lead.emails);
    verified.extend(facts(Kind::Phone, &lead.phones));
    json!({"n": n, "lead_id": lead.id.to_string(), "score": lead.score, "verified": verified})
}

/// The points that may be used: verified ones first, barred ones not at all.
pub fn usable(kind: Kind, points: &[Value]) -> Vec<Value> {
    let mut usable: Vec<_> = point::best_first(point::read(kind, points))
        .into_iter()
        .filter(|point| !point.is_barred)
        .collect();
    usable.sort_by_key(|point| !point.verified);
    usable
        .into_iter()
        .filter_map(|point| points.get(point.index).cloned())
        .collect()
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    Recorded,
    /// Known already, or overtaken by a later one.
    Unchanged,
    Suppressed,
    NoLead,
    Ignored,
}

impl Heard {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Unchanged => "unchanged",
            Self::Suppressed => "suppressed",
            Self::NoLead => "no_lead",
            Self::Ignored => "ignored",
        }
    }
}

/// Applies an event to every lead that holds the address.
pub fn hear(
    db: &mut Db<'_>,
    email: &Contact,
    event: Event,
    told_at: Option<&str>,
    hearer: Sender,
) -> Result<Heard, Error> {
    if event == Event::Nothing {
        return Ok(Heard::Ignored);
    }
    let mut opted_out = false;
    if event == Event::Unsubscribed {
        // Before the leads are locked: an opt-out locks them itself. Also when no lead holds the address, yet.
        let request = Request {
            keys: vec![Key::of_contact(email)],
            reason: "unsubscribed".into(),
            lead_id: None,
        };
        match hearer {
            Sender::Caller => opt_out::suppress(db, &[request])?,
            // It must not wait for sessions that hold leads; it comes back.
            Sender::Worker => opt_out::suppress_at_once(db, &[request])?,
        };
        opted_out = true;
    }
    let holders = campaigns::leads_of_email(db, &email.key())?;
    let mut is_news = false;
    for lead in &holders {
        if event == Event::Bounced {
            is_news |= bounce(db, lead, email, told_at)?;
        }
        let (status, campaign_status) =
            campaign_event::after(event, &lead.status, &lead.campaign_status);
        if (status, campaign_status) != (&lead.status, &lead.campaign_status) {
            // A bounce may just have changed the status: what the event does not move is left alone.
            let moved = Some(status).filter(|status| *status != lead.status);
            campaigns::progress(db, lead.id, moved, campaign_status)?;
            is_news = true;
        }
    }
    Ok(match (opted_out, holders.is_empty(), is_news) {
        (true, _, _) => Heard::Suppressed,
        (_, true, _) => Heard::NoLead,
        (_, _, true) => Heard::Recorded,
        (_, _, false) => Heard::Unchanged,
    })
}

/// Takes the verification of an address back that cannot be reached; false when it was verified after the bounce, or is
/// known to bounce.
fn bounce(
    db: &mut Db<'_>,
    lead: &Contacted,
    email: &Contact,
    told_at: Option<&str>,
) -> Result<bool, Error> {
    let stored = point::read(Kind::Email, &lead.emails);
    let known = stored
        .iter()
        .find(|point| point.contact.key() == email.key());
    let is_stale = known.is_some_and(|point| {
        point.check_result.as_deref() == Some("bounced") && !point.verified
            // Both are RFC 3339 in UTC, so text order is time order.
            || matches!((&point.verified_at, told_at), (Some(verified), Some(told)) if told < verified.as_str())
    });
    if is_stale {
        return Ok(false);
    }
    let now = leads::now_rfc3339(db)?;
    let check = CheckResult {
        checked_by: "instantly_campaign",
        outcome: CheckOutcome::Failed,
        result: "bounced",
        phone_type: None,
        checked_at: &now,
    };
    let mut emails = lead.emails.clone();
    unverify(&mut emails, email);
    point::record_check(&mut emails, email, &check);
    leads::set_points(db, lead.id, Kind::Email, &emails)?;
    rescore(db, lead.id)?;
    Ok(true)
}

/// A bounce outweighs whoever vouched for the address, not only an earlier check.
fn unverify(emails: &mut [Value], email: &Contact) {
    for place in point::read(Kind::Email, emails)
        .into_iter()
        .filter(|point| point.contact.key() == email.key())
        .map(|point| point.index)
        .collect::<Vec<_>>()
    {
        if let Some(stored) = emails.get_mut(place).and_then(Value::as_object_mut) {
            stored.insert("verified".into(), false.into());
            stored.remove("verified_at");
            stored.remove("verified_by");
        }
    }
}

fn rescore(db: &mut Db<'_>, id: Uuid) -> Result<(), Error> {
    let lead = leads::load_one_for_update(db, id)?;
    leads::rescore(db, &[lead])?;
    Ok(())
}
