//! The campaign stage: hands ready leads out, sends them to the campaign tool, and hears what became of them.
//!
//! Handing out is one transaction; sending is another, which locks the leads, leaves out who has been opted out, and marks
//! the rest as being sent. A worker that dies over it leaves rows that the next one sends again: the vendor skips whom it
//! has, so a repeat is harmless. Whom it did not create is looked up. A lead that is opted out later is taken out again.
//! No transaction is open while the vendor is waited for.

mod deliver;
mod events;
mod landed;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::http::{Incoming, SendFailure};
use super::limits::Limiter;
use super::session::Session;
use super::transact::transact;
use crate::error::Error;
use crate::handout;
use crate::store::campaign_tool::Tool;
use crate::store::campaigns::{self, Sender};
use crate::store::deliveries::{self, Waiting};
use crate::vendors::instantly_campaign::{self, Found, NAME};
use crate::vendors::{Account, BuildError, HttpAnswer, HttpRequest};

pub use landed::take_landed;

/// How often ready leads are looked for, while the worker is busy making them.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the stage rests when the database was in its way.
const REST: Duration = Duration::from_secs(1);

/// A hand-out that the vendor is asked about.
#[derive(Clone)]
pub struct Asked {
    waiting: Waiting,
    email: String,
    /// Opted out: if the vendor does not have it, it must not get it.
    is_suppressed: bool,
    /// It was sent in a request of its own, so that sending it again tells nothing new.
    was_alone: bool,
}

/// What a request is for.
pub enum Errand {
    Add {
        waiting: Vec<Waiting>,
        emails: Vec<String>,
    },
    Find {
        asked: Vec<Asked>,
        found: Vec<Found>,
        after: Option<String>,
    },
    Remove {
        handout: i64,
    },
    Events(events::Walk),
}

/// What the stage has under way, and when it looks again.
#[derive(Default)]
pub struct Desk {
    flights: HashMap<u64, Errand>,
    landed: Vec<(Errand, Result<HttpAnswer, SendFailure>)>,
    /// Lists that go on on another page.
    to_go_on: Vec<Errand>,
    limiter: Option<Limiter>,
    rests_until: Option<Instant>,
    looked_at: Option<Instant>,
    /// A look was left out because one had just been made.
    must_look: bool,
    polled_at: Option<Instant>,
    rate_wait: Option<Duration>,
}

impl Desk {
    pub fn started(&mut self, ticket: u64, errand: Errand) {
        self.flights.insert(ticket, errand);
    }

    /// Takes a result that belongs here; gives others back.
    pub fn land(&mut self, incoming: Incoming) -> Option<Incoming> {
        let Some(errand) = self.flights.remove(&incoming.ticket) else {
            return Some(incoming);
        };
        if let Some(limiter) = &mut self.limiter {
            limiter.landed();
        }
        self.landed.push((errand, incoming.result));
        None
    }

    /// Requests under way.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Hand-outs that are being asked about or recalled, also those whose answer is not stored yet.
    fn under_way(&self) -> Vec<i64> {
        let landed = self.landed.iter().map(|(errand, _)| errand);
        let errands = self.flights.values().chain(landed).chain(&self.to_go_on);
        errands
            .flat_map(|errand| match errand {
                Errand::Find { asked, .. } => asked.iter().map(|one| one.waiting.id).collect(),
                Errand::Remove { handout } => vec![*handout],
                Errand::Add { .. } | Errand::Events(_) => Vec::new(),
            })
            .collect()
    }

    fn is_polling(&self) -> bool {
        let landed = self.landed.iter().map(|(errand, _)| errand);
        let mut errands = self.flights.values().chain(landed).chain(&self.to_go_on);
        errands.any(|errand| matches!(errand, Errand::Events(_)))
    }

    fn rests(&self) -> bool {
        self.rests_until.is_some_and(|until| Instant::now() < until)
    }

    /// Room and rate for one more request? It counts as started.
    fn try_start(&mut self, tool: &Tool) -> bool {
        let limiter = self
            .limiter
            .get_or_insert_with(|| Limiter::new(tool.requests_per_second));
        limiter.set_rate(tool.requests_per_second);
        if limiter.in_flight() >= tool.max_in_flight {
            return false;
        }
        match limiter.try_start() {
            Ok(()) => true,
            Err(wait) => {
                self.rate_wait = Some(wait);
                false
            }
        }
    }

    /// A slot that was taken for nothing.
    fn not_started(&mut self) {
        if let Some(limiter) = &mut self.limiter {
            limiter.landed();
        }
    }
}

/// Whatever can be started now; true when anything moved. Trouble here does not hold up the other stages.
pub fn work(session: &mut Session, tool: Option<&Tool>) -> bool {
    let Some(tool) = tool.filter(|tool| !tool.is_paused()) else {
        return false;
    };
    if session.campaign.rests()
        || !session.campaign.landed.is_empty()
        || session.keys.named(NAME).is_none()
    {
        return false;
    }
    start_all(session, tool).unwrap_or_else(|error| {
        pgrx::warning!("equity_connect: campaigns wait: {error}");
        session.campaign.rests_until = Some(Instant::now() + REST);
        false
    })
}

fn start_all(session: &mut Session, tool: &Tool) -> Result<bool, Error> {
    let mut moved = false;
    while session.campaign.try_start(tool) {
        match start_one(session, tool) {
            Ok(true) => moved = true,
            other => {
                session.campaign.not_started();
                other?;
                break;
            }
        }
    }
    Ok(moved)
}

/// The most urgent thing to do: who must not be contacted any more comes first, new leads last.
fn start_one(session: &mut Session, tool: &Tool) -> Result<bool, Error> {
    if let Some(errand) = session.campaign.to_go_on.pop() {
        return go_on(session, tool, errand);
    }
    if deliver::recall(session, tool)?
        || deliver::ask(session, tool)?
        || deliver::send(session, tool)?
        || events::poll(session, tool)?
    {
        return Ok(true);
    }
    Ok(feed(session, tool)? && deliver::send(session, tool)?)
}

fn go_on(session: &mut Session, tool: &Tool, errand: Errand) -> Result<bool, Error> {
    let request = match &errand {
        Errand::Find { asked, after, .. } => {
            let emails: Vec<String> = asked.iter().map(|one| one.email.clone()).collect();
            build(session, tool, |account| {
                instantly_campaign::find(account, &emails, after.as_deref())
            })?
        }
        Errand::Events(walk) => build(session, tool, |account| walk.request(account))?,
        Errand::Add { .. } | Errand::Remove { .. } => None,
    };
    dispatch(session, tool, errand, request)
}

/// Hands leads out to the campaigns that the worker feeds; true when there were any.
fn feed(session: &mut Session, tool: &Tool) -> Result<bool, Error> {
    if session
        .campaign
        .looked_at
        .is_some_and(|at| at.elapsed() < LOOK_EVERY)
    {
        session.campaign.must_look = true;
        return Ok(false);
    }
    session.campaign.must_look = false;
    let limit = i64::try_from(tool.batch_size.min(instantly_campaign::MOST_LEADS)).unwrap_or(1);
    let fed = transact(|db| {
        for campaign in campaigns::fed_by_worker(db)? {
            if handout::has_room(db, &campaign)?
                && campaigns::any_ready(db)?
                && deliver::is_open(db)?
                && !handout::claim(db, &campaign, limit, Sender::Worker)?.is_empty()
            {
                return Ok(true);
            }
        }
        Ok(false)
    })?;
    session.campaign.looked_at = (!fed).then(Instant::now);
    Ok(fed)
}

/// A request; None: the vendor's row or key is wrong, and it is paused until a person has seen to it.
fn build(
    session: &Session,
    tool: &Tool,
    write: impl FnOnce(&Account<'_>) -> Result<HttpRequest, BuildError>,
) -> Result<Option<HttpRequest>, Error> {
    let Some(key) = session.keys.named(NAME) else {
        return Ok(None);
    };
    let account = Account {
        base_url: &tool.base_url,
        key,
        options: &tool.options,
    };
    match write(&account) {
        Ok(request) => Ok(Some(request)),
        Err(problem) => {
            let why = problem.to_string();
            transact(|db| crate::store::vendors::pause_named(db, NAME, f64::INFINITY, &why))?;
            Ok(None)
        }
    }
}

fn dispatch(
    session: &mut Session,
    tool: &Tool,
    errand: Errand,
    request: Option<HttpRequest>,
) -> Result<bool, Error> {
    match request {
        Some(request) => session
            .dispatch_errand(errand, request, tool.timeout_ms)
            .map(|()| true),
        None => Ok(false),
    }
}

/// Seconds until the stage has something to do by the clock; 0 and less: now.
pub fn next_in(session: &mut Session, tool: Option<&Tool>) -> Result<Option<f64>, Error> {
    let Some(tool) = tool else {
        return Ok(None);
    };
    if tool.is_paused() {
        return Ok(Some(tool.paused_for));
    }
    if session.keys.named(NAME).is_none() {
        return Ok(None);
    }
    let desk = &mut session.campaign;
    let left = |at: Option<Instant>, every: f64| {
        at.map_or(0.0, |at| every - at.elapsed().as_secs_f64())
            .max(0.0)
    };
    let polls = tool
        .poll_seconds()
        .filter(|_| !desk.is_polling())
        .map(|every| left(desk.polled_at, every));
    let look = desk
        .must_look
        .then(|| left(desk.looked_at, LOOK_EVERY.as_secs_f64()));
    let rest = desk
        .rests_until
        .map(|until| {
            until
                .saturating_duration_since(Instant::now())
                .as_secs_f64()
        })
        .filter(|left| *left > 0.0);
    let rate = desk.rate_wait.take().map(|wait| wait.as_secs_f64());
    if let Some(rest) = rest {
        return Ok(Some(rest));
    }
    // A full line frees itself by an answer, which wakes the worker.
    let is_full = desk.in_flight() >= tool.max_in_flight;
    let under_way = desk.under_way();
    let due = transact(|db| deliveries::next_in(db, under_way))?.filter(|_| !is_full);
    let times = [polls.filter(|_| !is_full), look, rate, due];
    Ok(times.into_iter().flatten().reduce(f64::min))
}
