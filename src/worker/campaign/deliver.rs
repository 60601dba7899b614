//! Hand-outs to the campaign tool: sending them, asking what became of them, taking them back.

use super::{Asked, Errand, build, dispatch};
use crate::contact::{Kind, point};
use crate::error::Error;
use crate::handout::best_verified;
use crate::settings;
use crate::store::campaign_tool::{self, Tool};
use crate::store::campaigns::{self, Addressee};
use crate::store::deliveries::{self, Delivery, Outcome, Waiting};
use crate::store::{Db, leads, vendors};
use crate::vendors::instantly_campaign::{self, HANDOUT_ID, LEAD_ID, MOST_LEADS, NAME, NewLead};
use crate::vendors::{Account, HttpRequest};
use crate::worker::arming::{self, Arming};
use crate::worker::session::Session;
use crate::worker::transact::transact;

/// Seconds until a lead that another session holds is tried again.
const BUSY: f64 = 1.0;
/// Leads that are asked about in one request: each may stand in several campaigns, and a page holds 100.
const MOST_ASKED: i64 = 50;
const GONE: &str =
    "the lead is gone, and the campaign tool may have it: look there for the lead_id";

/// Due hand-outs, sorted by what can be done with them.
#[derive(Default)]
struct Sorted {
    ready: Vec<(Waiting, NewLead)>,
    /// Not ours to send, and never sent.
    unsent: Vec<Waiting>,
    /// Without a verified address just now.
    unreachable: Vec<Waiting>,
    /// Sent before by a worker that died over it, and opted out since.
    doubtful: Vec<i64>,
    /// The same, with the lead gone.
    gone: Vec<i64>,
    busy: Vec<i64>,
}

/// Sends due hand-outs of one campaign; true when a request left.
pub fn send(session: &mut Session, tool: &Tool) -> Result<bool, Error> {
    let Some(key) = session.keys.named(NAME) else {
        return Ok(false);
    };
    let account = Account {
        base_url: &tool.base_url,
        key,
        options: &tool.options,
    };
    let epoch = session.epoch;
    let limit = tool.batch_size.min(MOST_LEADS);
    let prepared = transact(|db| prepare(db, &account, limit, epoch))?;
    match prepared {
        Some((errand, request)) => dispatch(session, tool, errand, Some(request)),
        None => Ok(false),
    }
}

/// May leads go out? What was read at the start of the turn may have changed.
pub fn is_open(db: &mut Db<'_>) -> Result<bool, Error> {
    let is_armed = arming::state(db)? == Arming::Armed && !settings::paused();
    Ok(is_armed && campaign_tool::is_open(db)?)
}

/// The request, built while its leads are locked: an opt-out that commits before is heeded, a later one recalls them.
fn prepare(
    db: &mut Db<'_>,
    account: &Account<'_>,
    limit: usize,
    epoch: i64,
) -> Result<Option<(Errand, HttpRequest)>, Error> {
    let waiting = deliveries::take(db, i64::try_from(limit).unwrap_or(1))?;
    if waiting.is_empty() || !is_open(db)? {
        return Ok(None);
    }
    let sorted = sort(db, waiting)?;
    put_aside(db, &sorted)?;
    let Some(campaign) = sorted
        .ready
        .first()
        .map(|(waiting, _)| waiting.vendor_campaign_id.clone())
    else {
        return Ok(None);
    };
    let (waiting, new): (Vec<Waiting>, Vec<NewLead>) = sorted.ready.into_iter().unzip();
    let request = match instantly_campaign::add(account, &campaign, &new) {
        Ok(request) => request,
        Err(problem) => {
            vendors::pause_named(db, NAME, f64::INFINITY, &problem.to_string())?;
            return Ok(None);
        }
    };
    let ids: Vec<i64> = waiting.iter().map(|one| one.id).collect();
    if deliveries::mark_sending(db, ids, epoch)? != waiting.len() {
        return Err(Error::Internal(
            "another worker has taken over: nothing was sent".into(),
        ));
    }
    let emails = new.into_iter().map(|lead| lead.email).collect();
    Ok(Some((Errand::Add { waiting, emails }, request)))
}

fn sort(db: &mut Db<'_>, waiting: Vec<Waiting>) -> Result<Sorted, Error> {
    let ids = waiting.iter().map(|one| one.lead_id).collect();
    let found = campaigns::addressees(db, ids)?;
    let mut sorted = Sorted::default();
    for one in waiting {
        let was_sent = one.attempts > 0;
        match found.iter().find(|lead| lead.id == one.lead_id) {
            None if leads::exists(db, one.lead_id)? => sorted.busy.push(one.id),
            None if was_sent => sorted.gone.push(one.id),
            None => sorted.unsent.push(one),
            Some(lead) if lead.is_suppressed && was_sent => sorted.doubtful.push(one.id),
            Some(lead) if lead.is_suppressed => sorted.unsent.push(one),
            Some(lead) => match new_lead(&one, lead) {
                Some(new) => sorted.ready.push((one, new)),
                None => sorted.unreachable.push(one),
            },
        }
    }
    Ok(sorted)
}

fn put_aside(db: &mut Db<'_>, sorted: &Sorted) -> Result<(), Error> {
    let unsent: Vec<Outcome> = sorted
        .unsent
        .iter()
        .chain(&sorted.unreachable)
        .map(|one| Outcome {
            id: one.id,
            delivery: Delivery::Unsent,
            vendor_lead_id: None,
        })
        .collect();
    // First, because it looks for leads that are still queued.
    deliveries::put_back(
        db,
        sorted.unreachable.iter().map(|one| one.lead_id).collect(),
    )?;
    deliveries::settle(db, &unsent)?;
    deliveries::postpone(db, sorted.busy.clone(), BUSY)?;
    deliveries::doubt(db, sorted.doubtful.clone())?;
    if !sorted.gone.is_empty() {
        deliveries::fail(db, sorted.gone.clone(), GONE, None)?;
    }
    Ok(())
}

/// What the campaign tool gets of a lead; None while it has no verified address.
fn new_lead(waiting: &Waiting, lead: &Addressee) -> Option<NewLead> {
    let email = best_verified(Kind::Email, &lead.emails)?;
    let text = |name, value: &Option<String>| {
        value
            .as_ref()
            .map(|value| (name, serde_json::Value::from(value.as_str())))
    };
    let number =
        |name, value: Option<f64>| value.map(|value| (name, serde_json::Value::from(value)));
    let variables = [
        Some((LEAD_ID, lead.id.to_string().into())),
        Some((HANDOUT_ID, waiting.id.to_string().into())),
        text("property_city", &lead.city),
        text("property_state", &lead.state),
        text("assigned_persona", &lead.persona),
        text("microsite_url", &lead.microsite_url),
        number("property_value", lead.property_value),
        number("estimated_equity", lead.estimated_equity),
    ];
    Some(NewLead {
        email: email.as_str().to_string(),
        first_name: lead.first_name.clone(),
        last_name: lead.last_name.clone(),
        company: lead.company.clone(),
        phone: best_verified(Kind::Phone, &lead.phones).map(|phone| phone.as_str().to_string()),
        variables: variables.into_iter().flatten().collect(),
    })
}

/// Asks about hand-outs that were sent and not itemised; true when a question left.
pub fn ask(session: &mut Session, tool: &Tool) -> Result<bool, Error> {
    let under_way = session.campaign.under_way();
    let asked = transact(|db| {
        let waiting = deliveries::unclear(db, under_way, MOST_ASKED)?;
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        to_ask(db, waiting)
    })?;
    if asked.is_empty() {
        return Ok(false);
    }
    let emails: Vec<String> = asked.iter().map(|one| one.email.clone()).collect();
    let request = build(session, tool, |account| {
        instantly_campaign::find(account, &emails, None)
    })?;
    let errand = Errand::Find {
        asked,
        found: Vec::new(),
        after: None,
    };
    dispatch(session, tool, errand, request)
}

fn to_ask(db: &mut Db<'_>, waiting: Vec<Waiting>) -> Result<Vec<Asked>, Error> {
    let counts = deliveries::counts(db, waiting.iter().map(|one| one.id).collect())?;
    let found = campaigns::addressees(db, waiting.iter().map(|one| one.lead_id).collect())?;
    let (mut asked, mut gone, mut busy) = (Vec::new(), Vec::new(), Vec::new());
    for one in waiting {
        let lead = found.iter().find(|lead| lead.id == one.lead_id);
        let was_alone = counts
            .iter()
            .any(|(id, counts)| *id == one.id && counts.get("of") == Some(&1.into()));
        match lead.map(|lead| (lead, any_email(lead))) {
            Some((lead, Some(email))) => asked.push(Asked {
                is_suppressed: lead.is_suppressed,
                waiting: one,
                email,
                was_alone,
            }),
            None if leads::exists(db, one.lead_id)? => busy.push(one.id),
            _ => gone.push(one.id),
        }
    }
    deliveries::postpone(db, busy, BUSY)?;
    if !gone.is_empty() {
        deliveries::fail(db, gone, GONE, None)?;
    }
    Ok(asked)
}

/// The address that a lead was sent with, also when it may not be used any more.
fn any_email(lead: &Addressee) -> Option<String> {
    let verified = best_verified(Kind::Email, &lead.emails);
    let contact = verified.or_else(|| {
        let stored = point::best_first(point::read(Kind::Email, &lead.emails));
        let verified = stored.iter().find(|point| point.verified);
        verified
            .or_else(|| stored.first())
            .map(|point| point.contact.clone())
    })?;
    Some(contact.as_str().to_string())
}

/// Takes one opted-out lead out of its campaign; true when the request left.
pub fn recall(session: &mut Session, tool: &Tool) -> Result<bool, Error> {
    let under_way = session.campaign.under_way();
    let Some(recall) = transact(|db| deliveries::recalls(db, under_way, 1))?.pop() else {
        return Ok(false);
    };
    let request = build(session, tool, |account| {
        instantly_campaign::remove(account, &recall.vendor_lead_id)
    })?;
    dispatch(
        session,
        tool,
        Errand::Remove { handout: recall.id },
        request,
    )
}
