//! What the campaign tool answered, into the hand-outs and their leads.

use std::time::{Duration, SystemTime};

use serde_json::json;

use super::{Asked, Errand, REST, events};
use crate::error::Error;
use crate::retry::{self, Schedule};
use crate::settings;
use crate::store::campaign_tool;
use crate::store::deliveries::{self, Delivery, Outcome, Try, Waiting};
use crate::store::{Db, vendors};
use crate::vendors::instantly_campaign::{self, Added, Counts, Found, NAME};
use crate::vendors::{HttpAnswer, Reply};
use crate::worker::answers::random_unit;
use crate::worker::http::SendFailure;
use crate::worker::session::Session;
use crate::worker::transact::transact;

/// Pauses of a tool that throttles or cannot be reached.
const PAUSES: Schedule = Schedule {
    base: Duration::from_secs(1),
    cap: Duration::from_secs(300),
};
/// Waits between tries of what the tool does not take.
const RETRIES: Schedule = Schedule {
    base: Duration::from_secs(60),
    cap: Duration::from_secs(3600),
};
/// Seconds until a lead that could not be taken out is tried again.
const RECALL_AGAIN: f64 = 60.0;

/// Stores what has landed; true when anything was. What cannot be stored now is kept, and nothing is sent before it is.
pub fn take_landed(session: &mut Session) -> bool {
    if session.campaign.landed.is_empty() || session.campaign.rests() {
        return false;
    }
    let mut moved = false;
    for (errand, result) in std::mem::take(&mut session.campaign.landed) {
        match store(&errand, &result) {
            Ok(next) => {
                moved = true;
                session.campaign.to_go_on.extend(next);
            }
            Err(error) => {
                pgrx::warning!("equity_connect: the campaign tool's answer waits: {error}");
                session.campaign.rests_until = Some(std::time::Instant::now() + REST);
                session.campaign.landed.push((errand, result));
            }
        }
    }
    moved
}

/// Stores one answer; what must be asked next.
fn store(
    errand: &Errand,
    result: &Result<HttpAnswer, SendFailure>,
) -> Result<Option<Errand>, Error> {
    let answer = match result {
        Ok(answer) => answer,
        Err(failure) => return transact(|db| no_answer(db, errand, failure)).map(|()| None),
    };
    let refused = |reply: Reply| transact(|db| refuse(db, errand, &reply)).map(|()| None);
    match errand {
        Errand::Add { waiting, emails } => match instantly_campaign::read_added(answer, emails) {
            Ok(added) => transact(|db| store_added(db, waiting, &added)).map(|()| None),
            Err(reply) => refused(reply),
        },
        Errand::Find { asked, found, .. } => {
            let emails: Vec<String> = asked.iter().map(|one| one.email.clone()).collect();
            match instantly_campaign::read_found(answer, &emails) {
                Ok(page) => {
                    let all: Vec<Found> = found.iter().chain(&page.items).cloned().collect();
                    store_found(asked, all, page.next)
                }
                Err(reply) => refused(reply),
            }
        }
        Errand::Remove { handout } => match instantly_campaign::read_removed(answer) {
            Ok(()) => transact(|db| {
                recovered(db)?;
                deliveries::mark_recalled(db, *handout)
            })
            .map(|()| None),
            Err(reply) => refused(reply),
        },
        Errand::Events(walk) => match instantly_campaign::read_events(answer) {
            Ok(page) => events::store(walk, page),
            Err(reply) => refused(reply),
        },
    }
}

fn store_added(db: &mut Db<'_>, waiting: &[Waiting], added: &Added) -> Result<(), Error> {
    let mut outcomes = Vec::new();
    let mut others = Vec::new();
    for (n, one) in waiting.iter().enumerate() {
        match added.created.iter().find(|(place, _)| *place == n) {
            Some((_, id)) => outcomes.push(Outcome {
                id: one.id,
                delivery: Delivery::Accepted,
                vendor_lead_id: Some(id.clone()),
            }),
            None => others.push(one.id),
        }
    }
    let counts = &added.counts;
    match of_all(counts, others.len()) {
        Some(delivery) => outcomes.extend(others.into_iter().map(|id| Outcome {
            id,
            delivery,
            vendor_lead_id: None,
        })),
        None if others.is_empty() => {}
        None => {
            let of = waiting.len();
            let counts = json!({"known": counts.known, "blocked": counts.blocked, "invalid": counts.invalid, "of": of});
            deliveries::mark_unclear(db, others, counts)?;
        }
    }
    deliveries::settle(db, &outcomes)?;
    recovered(db)
}

/// What became of all that were left out, if it is the same for all and needs no look.
fn of_all(counts: &Counts, left_out: usize) -> Option<Delivery> {
    let all = u64::try_from(left_out).ok().filter(|all| *all > 0)?;
    if counts.blocked == all && counts.known + counts.invalid == 0 {
        Some(Delivery::Blocked)
    } else if counts.invalid == all && counts.known + counts.blocked == 0 {
        Some(Delivery::Invalid)
    } else {
        None
    }
}

/// Who was found is accepted or skipped; who was not is sent again alone, so that the vendor's counts name it.
fn store_found(
    asked: &[Asked],
    found: Vec<Found>,
    next: Option<String>,
) -> Result<Option<Errand>, Error> {
    if next.is_some() {
        return Ok(Some(Errand::Find {
            asked: asked.to_vec(),
            found,
            after: next,
        }));
    }
    transact(|db| {
        let (mut outcomes, mut again) = (Vec::new(), Vec::new());
        for one in asked {
            let there: Vec<&Found> = found
                .iter()
                .filter(|found| found.email.eq_ignore_ascii_case(&one.email))
                .collect();
            let ours = there.iter().find(|found| is_ours(found, &one.waiting));
            let (delivery, vendor_lead_id) = match ours {
                Some(found) => (Delivery::Accepted, Some(found.vendor_lead_id.clone())),
                None if !there.is_empty() => (Delivery::Skipped, None),
                None if one.is_suppressed => (Delivery::Unsent, None),
                None if one.was_alone => {
                    let why = "the campaign tool counts the lead as known and does not list it";
                    deliveries::fail(db, vec![one.waiting.id], why, again_in(&one.waiting))?;
                    continue;
                }
                None => {
                    again.push(one.waiting.id);
                    continue;
                }
            };
            outcomes.push(Outcome {
                id: one.waiting.id,
                delivery,
                vendor_lead_id,
            });
        }
        deliveries::settle(db, &outcomes)?;
        deliveries::send_alone(db, again)?;
        recovered(db).map(|()| None)
    })
}

/// In the campaign that it was sent to, and by this hand-out, not by that of another lead of the same person.
fn is_ours(found: &Found, waiting: &Waiting) -> bool {
    found.campaign.as_deref() == Some(&waiting.vendor_campaign_id)
        && found
            .handout_id
            .as_ref()
            .is_none_or(|id| *id == waiting.id.to_string())
}

/// Seconds until it is sent again; None: a person must see to it.
fn again_in(waiting: &Waiting) -> Option<f64> {
    let tried = waiting.attempts + 1;
    (tried < settings::max_attempts()).then(|| wait(&RETRIES, tried))
}

fn wait(schedule: &Schedule, tried: i32) -> f64 {
    let tried = u32::try_from(tried).unwrap_or(1);
    retry::backoff(tried, schedule, random_unit()).as_secs_f64()
}

fn recovered(db: &mut Db<'_>) -> Result<(), Error> {
    vendors::recovered_named(db, NAME)
}

/// Nothing was learnt. What may have arrived is sent again all the same: the vendor skips whom it has.
fn no_answer(db: &mut Db<'_>, errand: &Errand, failure: &SendFailure) -> Result<(), Error> {
    let (why, tried) = match failure {
        SendFailure::NotSent(why) => (why, Try::Free),
        SendFailure::InDoubt(why) => (why, Try::Counted),
    };
    pause(db, None, why)?;
    not_done(db, errand, why, tried)
}

fn refuse(db: &mut Db<'_>, errand: &Errand, reply: &Reply) -> Result<(), Error> {
    match reply {
        Reply::Throttled { retry_after } => {
            pause(db, retry_after.as_deref(), "the vendor asked to slow down")?;
            not_done(db, errand, "too many requests", Try::Free)
        }
        Reply::Blocked { reason } => {
            vendors::pause_named(db, NAME, f64::INFINITY, reason)?;
            pgrx::log!("equity_connect: vendor {NAME} is paused until it is resumed: {reason}");
            not_done(db, errand, reason, Try::Free)
        }
        Reply::Rejected { reason } => reject(db, errand, reason),
        Reply::Doubtful { reason } => {
            pause(db, None, reason)?;
            not_done(db, errand, reason, Try::Counted)
        }
        Reply::Answered(_) | Reply::Partly { .. } => Ok(()),
    }
}

/// A request that the tool will never take: leads that shared it are sent alone, a single one goes to dlq.
fn reject(db: &mut Db<'_>, errand: &Errand, reason: &str) -> Result<(), Error> {
    let why = format!("the campaign tool refused the request: {reason}");
    match errand {
        Errand::Add { waiting, .. } if waiting.len() > 1 => {
            deliveries::requeue(db, ids(waiting), true, Try::Free, 0.0)
        }
        Errand::Add { waiting, .. } => waiting
            .iter()
            .try_for_each(|one| deliveries::fail(db, vec![one.id], &why, again_in(one))),
        Errand::Find { asked, .. } => asked.iter().try_for_each(|one| {
            deliveries::fail(db, vec![one.waiting.id], &why, again_in(&one.waiting))
        }),
        Errand::Remove { handout } => deliveries::postpone(db, vec![*handout], RECALL_AGAIN),
        // Its own place mark, perhaps: the next look starts from the day.
        Errand::Events(_) => {
            let mark = campaign_tool::mark(db)?;
            campaign_tool::set_mark(
                db,
                &campaign_tool::Mark {
                    cursor: None,
                    ..mark
                },
            )
        }
    }
}

fn not_done(db: &mut Db<'_>, errand: &Errand, why: &str, tried: Try) -> Result<(), Error> {
    match errand {
        Errand::Add { waiting, .. } => {
            let worn_out = |one: &&Waiting| {
                tried == Try::Counted && one.attempts + 1 >= settings::max_attempts()
            };
            let (failed, again): (Vec<_>, Vec<_>) = waiting.iter().partition(worn_out);
            if !failed.is_empty() {
                let failed = failed.iter().map(|one| one.id).collect();
                deliveries::fail(db, failed, why, None)?;
            }
            let seconds = match again.first() {
                Some(one) if tried == Try::Counted => wait(&PAUSES, one.attempts + 1),
                _ => 0.0,
            };
            let again = again.iter().map(|one| one.id).collect();
            deliveries::requeue(db, again, false, tried, seconds)
        }
        // They are found in the same state by the next look, once the pause is over.
        Errand::Find { .. } | Errand::Events(_) => Ok(()),
        Errand::Remove { handout } => deliveries::postpone(db, vec![*handout], 1.0),
    }
}

fn ids(waiting: &[Waiting]) -> Vec<i64> {
    waiting.iter().map(|one| one.id).collect()
}

fn pause(db: &mut Db<'_>, retry_after: Option<&str>, why: &str) -> Result<(), Error> {
    let pauses = campaign_tool::enabled(db)?.map_or(0, |tool| tool.pauses);
    let asked = retry_after.and_then(|header| retry::parse_retry_after(header, SystemTime::now()));
    let seconds = asked.map_or_else(|| wait(&PAUSES, pauses + 1), |asked| asked.as_secs_f64());
    vendors::pause_named(db, NAME, seconds, why)
}
