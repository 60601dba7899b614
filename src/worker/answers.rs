//! What came back from the network goes into the ledger: answers with their price, refusals, doubts.
//!
//! Judged first, then stored in one transaction. Nothing that landed is forgotten when storing fails: it stays
//! in memory and is tried again; a crash before that leaves the purchase `sending`, which is in doubt.

use std::time::{Duration, SystemTime};

use pgrx::prelude::*;

use super::doubt;
use super::landed::{Landed, Verdict, judge};
use super::session::{Flight, Purpose, Session};
use super::stop_points::{Point, reached};
use super::transact::transact;
use crate::error::Error;
use crate::money::{Counts, Money};
use crate::retry::{self, Schedule};
use crate::settings;
use crate::store::calls;
use crate::store::dlq::{self, Kind};
use crate::store::jobs::{self, Sharing};
use crate::store::settlement::{self, Settlement};
use crate::store::vendors::{self, Vendor};
use crate::store::{Db, pulls};
use crate::vendors::{Part, Product, Reply, Subject, poll_schedule};

/// Pauses of a vendor that throttles or cannot be reached.
const PAUSES: Schedule = Schedule {
    base: Duration::from_secs(1),
    cap: Duration::from_secs(300),
};
/// Waits between tries of a refused request.
const RETRIES: Schedule = Schedule {
    base: Duration::from_secs(60),
    cap: Duration::from_secs(3600),
};

/// Seconds until the first free question, where the vendor's row has an empty schedule.
const FIRST_POLL: f64 = 5.0;

/// Takes what the network thread delivered and stores it; true when something was stored. What cannot be stored
/// now stays in `session.landed`, and nothing new is sent before it is.
pub fn take(session: &mut Session) -> Result<bool, Error> {
    session.network.drain_wake();
    loop {
        match session.network.receive() {
            Ok(Some(incoming)) => {
                let Some(incoming) = session.campaign.land(incoming) else {
                    continue;
                };
                if let Some(flight) = session.land(incoming.ticket) {
                    let mut landed = judge(flight, incoming);
                    if landed.flight.purpose == Purpose::Buy {
                        let failed = landed.verdict.is_failure();
                        landed.opens_circuit = session.note_end(&landed.flight.vendor, failed);
                    }
                    session.landed.push(landed);
                }
            }
            Ok(None) => break,
            Err(_) => {
                session.network_is_gone = true;
                break;
            }
        }
    }
    if session.landed.is_empty() {
        return Ok(false);
    }
    reached(Point::Answered);
    if transact(|db| store_all(db, &session.landed)).is_ok() {
        session.landed.clear();
        reached(Point::Stored);
        return Ok(true);
    }
    // One of them, or the database, is in the way: each on its own, so that one cannot hold up the others.
    let before = session.landed.len();
    for landed in std::mem::take(&mut session.landed) {
        if let Err(error) = store_alone(&landed) {
            pgrx::warning!("equity_connect: an answer waits to be stored: {error}");
            session.landed.push(landed);
        }
    }
    Ok(session.landed.len() < before)
}

/// Stores one answer; one that cannot be stored whatever happens becomes a purchase in doubt.
fn store_alone(landed: &Landed) -> Result<(), Error> {
    match transact(|db| store_one(db, landed)) {
        Err(error) if error.is_about_data() => {
            let why = format!("the answer cannot be stored: {error}");
            let calls = &landed.flight.call_ids;
            transact(|db| doubt::doubt(db, None, vendors::DoubtPolicy::Hold, calls, &why))
        }
        other => other,
    }
}

fn store_all(db: &mut Db<'_>, all: &[Landed]) -> Result<(), Error> {
    let (answered, others): (Vec<&Landed>, Vec<&Landed>) =
        all.iter().partition(|landed| landed.is_whole());
    store_whole(db, &answered)?;
    others
        .into_iter()
        .try_for_each(|landed| store_one(db, landed))?;
    reached(Point::Storing);
    Ok(())
}

/// Stores purchases that were answered without a remainder, all in one go: at full speed most are.
fn store_whole(db: &mut Db<'_>, answered: &[&Landed]) -> Result<(), Error> {
    let mut settlements = Vec::new();
    for landed in answered {
        if let Verdict::Reply(Reply::Answered(parts)) = &landed.verdict {
            for part in parts {
                settlements.extend(settlement(landed, part)?);
            }
        }
    }
    if settlements.is_empty() {
        return Ok(());
    }
    settlement::store_answers(db, &settlements)?;
    for landed in answered
        .iter()
        .filter(|landed| landed.flight.vendor.pauses > 0)
    {
        vendors::recovered(db, landed.flight.product)?;
    }
    Ok(())
}

fn store_one(db: &mut Db<'_>, landed: &Landed) -> Result<(), Error> {
    let Landed { flight, .. } = landed;
    if flight.purpose == Purpose::Ask {
        return store_asked(db, landed);
    }
    match &landed.verdict {
        Verdict::Reply(Reply::Answered(parts)) => store_parts(db, landed, parts, &[]),
        Verdict::Reply(Reply::Partly { parts, refused }) => {
            let refused: Vec<i64> = refused.iter().filter_map(|id| id.parse().ok()).collect();
            refuse(db, flight, &refused, "it told an error for this item alone")?;
            store_parts(db, landed, parts, &refused)
        }
        Verdict::Reply(Reply::Throttled { retry_after }) => {
            pause(
                db,
                &flight.vendor,
                retry_after.as_deref(),
                "the vendor asked to slow down",
            )?;
            doubt::give_back(
                db,
                &flight.call_ids,
                "refused: too many requests",
                Sharing::AsBefore,
            )
        }
        Verdict::NotSent(why) => {
            if landed.opens_circuit {
                pause(db, &flight.vendor, None, why)?;
            }
            doubt::give_back(db, &flight.call_ids, why, Sharing::AsBefore)
        }
        Verdict::Reply(Reply::Blocked { reason }) => {
            vendors::pause(db, flight.product, f64::INFINITY, reason)?;
            pgrx::log!(
                "equity_connect: vendor {} is paused until it is resumed: {}",
                flight.vendor.name(),
                reason
            );
            if speaks_for_one_item(flight) {
                return refuse(db, flight, &flight.call_ids, reason);
            }
            doubt::give_back(db, &flight.call_ids, reason, Sharing::AsBefore)
        }
        Verdict::Reply(Reply::Rejected { reason }) => reject(db, flight, reason),
        Verdict::Reply(Reply::Doubtful { reason }) | Verdict::NoAnswer(reason) => {
            // A vendor in trouble is not sent the next hundred purchases to doubt.
            if landed.opens_circuit {
                pause(db, &flight.vendor, None, reason)?;
            }
            let policy = flight.vendor.doubt_policy;
            doubt::doubt(db, Some(flight.product), policy, &flight.call_ids, reason)
        }
    }
}

fn store_parts(
    db: &mut Db<'_>,
    landed: &Landed,
    parts: &[Part],
    refused: &[i64],
) -> Result<(), Error> {
    let flight = &landed.flight;
    let settlements: Vec<Settlement> = parts
        .iter()
        .filter_map(|part| settlement(landed, part).transpose())
        .collect::<Result<_, _>>()?;
    settlement::store_answers(db, &settlements)?;
    let answered: Vec<i64> = settlements.iter().map(|s| s.call_id).collect();
    let silent: Vec<i64> = flight
        .call_ids
        .iter()
        .copied()
        .filter(|id| !answered.contains(id) && !refused.contains(id))
        .collect();
    if !silent.is_empty() {
        doubt::doubt(
            db,
            None,
            vendors::DoubtPolicy::Hold,
            &silent,
            "the answer does not mention this item",
        )?;
    }
    if flight.vendor.pauses > 0 {
        vendors::recovered(db, flight.product)?;
    }
    Ok(())
}

fn settlement(landed: &Landed, part: &Part) -> Result<Option<Settlement>, Error> {
    let Landed { flight, .. } = landed;
    let Ok(call_id) = part.item_id.parse::<i64>() else {
        return Ok(None);
    };
    if !flight.call_ids.contains(&call_id) {
        return Ok(None);
    }
    let amount = price(&flight.vendor, part)?;
    let poll_in = part
        .pending
        .then(|| poll_seconds(&flight.vendor, 0).unwrap_or(FIRST_POLL));
    Ok(Some(Settlement {
        call_id,
        amount,
        units: part.units,
        matched: part.matched,
        answer: part.body.clone(),
        http_status: landed.http_status,
        latency_ms: u64::try_from(landed.latency.as_millis()).unwrap_or(u64::MAX),
        poll_in,
    }))
}

/// What an answer costs, by the vendor's price rule.
fn price(vendor: &Vendor, part: &Part) -> Result<Money, Error> {
    let counts = Counts {
        items: part.units.min(1),
        matches: part.units.min(1),
        records: part.units,
    };
    vendor
        .price_rule
        .cost(vendor.unit_price, counts)
        .map_err(|problem| Error::Internal(format!("price: {problem}")))
}

/// The answer to a free question: final, or later, or nobody knows.
fn store_asked(db: &mut Db<'_>, landed: &Landed) -> Result<(), Error> {
    let Landed { flight, .. } = landed;
    let Some(&call_id) = flight.call_ids.first() else {
        return Ok(());
    };
    let polls = calls::polls(db, call_id)?;
    match &landed.verdict {
        Verdict::Reply(Reply::Answered(parts)) if parts.iter().any(|part| !part.pending) => {
            let settlements: Vec<Settlement> = parts
                .iter()
                .filter_map(|part| settlement(landed, part).transpose())
                .collect::<Result<_, _>>()?;
            settlement::store_answers(db, &settlements)?;
            Ok(())
        }
        Verdict::Reply(Reply::Blocked { reason }) => {
            vendors::pause(db, flight.product, f64::INFINITY, reason)?;
            if speaks_for_one_item(flight) {
                return ask_again(db, flight, call_id, polls);
            }
            calls::poll_later(db, call_id, Some(60.0), Some(reason))
        }
        Verdict::Reply(Reply::Throttled { retry_after }) => {
            pause(
                db,
                &flight.vendor,
                retry_after.as_deref(),
                "the vendor asked to slow down",
            )?;
            calls::poll_later(db, call_id, Some(5.0), None)
        }
        _ => ask_again(db, flight, call_id, polls),
    }
}

fn ask_again(db: &mut Db<'_>, flight: &Flight, call_id: i64, polls: i32) -> Result<(), Error> {
    match poll_seconds(&flight.vendor, polls) {
        Some(seconds) => calls::poll_later(db, call_id, Some(seconds), None),
        None => give_up_asking(db, call_id),
    }
}

/// Each mail server decides for itself whom it blocks: asked first after each resume, it would stop the probe anew.
fn speaks_for_one_item(flight: &Flight) -> bool {
    flight.product == Product::SmtpProbe
}

/// Nobody knows: a pending answer is taken as it is, a purchase in doubt waits for a person.
fn give_up_asking(db: &mut Db<'_>, call_id: i64) -> Result<(), Error> {
    calls::poll_later(db, call_id, None, Some("the vendor gave no final answer"))?;
    let is_in_doubt =
        calls::state_for_update(db, call_id)?.is_some_and(|(state, _)| state == "in_doubt");
    if is_in_doubt {
        doubt::park_jobs(db, &[call_id], "the vendor knows of no such purchase")
    } else {
        Ok(())
    }
}

/// Seconds until the question after `polls` earlier ones; None: no more questions.
fn poll_seconds(vendor: &Vendor, polls: i32) -> Option<f64> {
    let asked = usize::try_from(polls).unwrap_or(usize::MAX);
    match vendor
        .options
        .get("poll_seconds")
        .and_then(serde_json::Value::as_array)
    {
        Some(own) => own
            .get(asked)
            .and_then(serde_json::Value::as_f64)
            .map(|seconds| seconds.clamp(0.1, 86_400.0)),
        None => poll_schedule(vendor.product).get(asked).copied(),
    }
}

/// A request that the vendor will never take. Items that shared it are tried alone; a single one goes to dlq.
fn reject(db: &mut Db<'_>, flight: &Flight, reason: &str) -> Result<(), Error> {
    if flight.call_ids.len() > 1 {
        return doubt::give_back(db, &flight.call_ids, reason, Sharing::Never);
    }
    refuse(db, flight, &flight.call_ids, reason)?;
    if flight.vendor.pauses > 0 {
        // It refused, so it is there.
        vendors::recovered(db, flight.product)?;
    }
    Ok(())
}

/// Purchases of a request that were refused, and not billed: a failed attempt of each, tried again later.
fn refuse(db: &mut Db<'_>, flight: &Flight, calls: &[i64], reason: &str) -> Result<(), Error> {
    let waiting = jobs::of_calls(db, calls)?;
    settlement::release(db, calls, reason, None)?;
    let error = format!("the vendor refused the request: {reason}");
    for job in waiting {
        if let (Some(pull_id), true) = (job.pull_id, used_a_cursor(flight)) {
            // The vendor no longer takes its own place mark: go on from the page number.
            pulls::forget_cursors(db, pull_id)?;
        }
        let attempts = u32::try_from(job.attempts).unwrap_or(0) + 1;
        let again = (job.attempts + 1 < settings::max_attempts())
            .then(|| seconds(retry::backoff(attempts, &RETRIES, random_unit())));
        dlq::from_jobs(db, &[job.id], Kind::Job, &error, again)?;
    }
    Ok(())
}

fn used_a_cursor(flight: &Flight) -> bool {
    flight
        .items
        .iter()
        .any(|item| matches!(&item.subject, Subject::Search(page) if page.cursor.is_some()))
}

fn pause(
    db: &mut Db<'_>,
    vendor: &Vendor,
    retry_after: Option<&str>,
    why: &str,
) -> Result<(), Error> {
    let asked = retry_after.and_then(|header| retry::parse_retry_after(header, SystemTime::now()));
    let attempt = u32::try_from(vendor.pauses).unwrap_or(0) + 1;
    let wait = asked.unwrap_or_else(|| retry::backoff(attempt, &PAUSES, random_unit()));
    vendors::pause(db, vendor.product, seconds(wait), why)
}

pub fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// A number from 0 to 1, by Postgres's own generator.
pub fn random_unit() -> f64 {
    let mut bytes = [0u8; 4];
    // SAFETY: fills the four bytes given; false means no entropy, and then the middle will do.
    let filled = unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), bytes.len()) };
    if filled {
        f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX)
    } else {
        0.5
    }
}
