//! Reading the campaign tool's events where its webhooks cannot reach. Off unless `vendors.options` of the campaign tool
//! says `poll_events_seconds`.
//!
//! The tool does not say whether it lists events oldest or newest first; the times on a page tell. Oldest first, the list
//! goes on after the last event read. Newest first, a look ends at the newest event of the look before, and only then is
//! the mark moved. An event that is read twice changes nothing.

use std::time::Instant;

use super::{Errand, build, dispatch};
use crate::campaign_event::{self, Event};
use crate::contact::{Contact, Kind};
use crate::error::Error;
use crate::handout;
use crate::store::campaign_tool::{self, Mark, Tool};
use crate::store::campaigns::Sender;
use crate::vendors::instantly_campaign::{self, Page, Told};
use crate::vendors::{Account, BuildError, HttpRequest};
use crate::worker::session::Session;
use crate::worker::transact::transact;

/// One look, from its first page to its last.
#[derive(Clone, Default)]
pub struct Walk {
    mark: Mark,
    /// The first event of the look.
    first: Option<String>,
    after: Option<String>,
}

impl Walk {
    pub fn request(&self, account: &Account<'_>) -> Result<HttpRequest, BuildError> {
        let after = self.after.as_deref();
        let since = self.mark.since.as_deref().filter(|_| after.is_none());
        instantly_campaign::events(account, since, after)
    }
}

/// In which order a page is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    OldestFirst,
    NewestFirst,
    Unknown,
}

/// Starts a look when it is time; true when the request left.
pub fn poll(session: &mut Session, tool: &Tool) -> Result<bool, Error> {
    let Some(every) = tool.poll_seconds() else {
        return Ok(false);
    };
    let is_early = session
        .campaign
        .polled_at
        .is_some_and(|at| at.elapsed().as_secs_f64() < every);
    if is_early || session.campaign.is_polling() {
        return Ok(false);
    }
    let mark = transact(|db| campaign_tool::mark(db))?;
    let walk = Walk {
        after: mark.cursor.clone(),
        mark,
        first: None,
    };
    let request = build(session, tool, |account| walk.request(account))?;
    session.campaign.polled_at = Some(Instant::now());
    dispatch(session, tool, Errand::Events(walk), request)
}

/// Applies a page of events; the page to read next.
pub fn store(walk: &Walk, page: Page<Told>) -> Result<Option<Errand>, Error> {
    let goes_on_after_last = walk.mark.cursor.is_some();
    let order = match order(&page.items) {
        Order::Unknown if goes_on_after_last => Order::OldestFirst,
        order => order,
    };
    let known = page
        .items
        .iter()
        .position(|told| Some(&told.id) == walk.mark.newest.as_ref());
    let news = match (order, known) {
        (Order::OldestFirst, Some(at)) => &page.items[at + 1..],
        (Order::NewestFirst, Some(at)) => &page.items[..at],
        _ => &page.items[..],
    };
    for told in news {
        hear(told)?;
    }
    let mut next = walk.clone();
    next.first = next
        .first
        .or_else(|| page.items.first().map(|told| told.id.clone()));
    let ends = page.next.is_none() || (order == Order::NewestFirst && known.is_some());
    next.after = page.next;
    let reached = match order {
        Order::OldestFirst => page.items.last().map(|told| told.id.clone()),
        _ if ends => next.first.clone(),
        _ => None,
    };
    if let Some(reached) = reached {
        let is_oldest_first = order == Order::OldestFirst;
        next.mark.cursor = is_oldest_first.then(|| reached.clone());
        next.mark.newest = Some(reached);
        transact(|db| campaign_tool::set_mark(db, &next.mark))?;
    }
    Ok((!ends).then_some(Errand::Events(next)))
}

fn order(items: &[Told]) -> Order {
    // Both are RFC 3339 in UTC, so text order is time order.
    let at = |told: Option<&Told>| told.and_then(|told| told.at.clone());
    match (at(items.first()), at(items.last())) {
        (Some(first), Some(last)) if first < last => Order::OldestFirst,
        (Some(first), Some(last)) if first > last => Order::NewestFirst,
        _ => Order::Unknown,
    }
}

/// Applies one event, in a transaction of its own: an opt-out locks leads in their order, and events have none.
fn hear(told: &Told) -> Result<(), Error> {
    let event = told.event.as_deref().and_then(Event::named);
    let contact = told
        .email
        .as_deref()
        .and_then(|email| Contact::parse(Kind::Email, email).ok());
    let (Some(event), Some(contact)) = (event, contact) else {
        return Ok(());
    };
    let told_at = campaign_event::told_at(&told.payload).or(told.at.as_deref());
    transact(|db| handout::hear(db, &contact, event, told_at, Sender::Worker)).map(drop)
}
