//! Opt-outs: recording them, marking the leads that hold the value, and lifting them.
//!
//! The invariant, at every commit: a lead that holds a value with an opt-out in force is suppressed. Two sides keep it.
//! Whoever records an opt-out marks every committed lead that holds the value; whoever writes leads looks at each row as
//! it is written and, when the transaction commits, once more if an opt-out came meanwhile (`watch`). One advisory lock
//! stands between the two: exclusive from before the last look for leads until the opt-out commits, shared from the last
//! look for opt-outs until the leads commit. So one of the two always sees the other, and no writer waits for an opt-out
//! before it commits.
//!
//! No deadlock: rows are locked before that lock, and none is waited for while it is held. A committing writer waits for
//! no row. An opt-out that meets a new holder at the last look lets go of everything and starts again.

pub mod merged;
pub mod watch;

use std::collections::{BTreeSet, HashMap};

use pgrx::Uuid;
use pgrx::prelude::*;

use crate::contact::point;
use crate::error::Error;
use crate::store::subtransaction::attempt;
use crate::store::suppressions::{self, Held, NewOptOut, Patience, Points};
use crate::store::{Db, leads, merges};
use crate::suppression::Key;

/// How often an opt-out starts again before the caller is told.
const TRIES: u32 = 50;
const PAUSE_MICROSECONDS: i64 = 10_000;

/// An opt-out that somebody asks for.
pub struct Request {
    /// What it is about. The others follow from the first.
    pub keys: Vec<Key>,
    pub reason: String,
    pub lead_id: Option<Uuid>,
}

/// How an opt-out ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    New(i64),
    /// It was in force already.
    Known(i64),
}

impl Recorded {
    pub fn id(self) -> i64 {
        match self {
            Self::New(id) | Self::Known(id) => id,
        }
    }
}

/// Records opt-outs and marks every lead that holds one of their values, all together.
pub fn suppress(db: &mut Db<'_>, requests: &[Request]) -> Result<Vec<Recorded>, Error> {
    for _ in 0..TRIES {
        match attempt(|| try_to_suppress(db, requests)) {
            Err(
                Error::Overtaken
                | Error::Database {
                    code: PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
                    ..
                },
            ) => pause(),
            other => return other,
        }
    }
    Err(Error::Contended)
}

/// The same in one try: [`Error::Busy`] when other sessions hold the leads.
pub fn suppress_at_once(db: &mut Db<'_>, requests: &[Request]) -> Result<Vec<Recorded>, Error> {
    match attempt(|| try_to_suppress(db, requests)) {
        Err(
            Error::Overtaken
            | Error::Database {
                code: PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
                ..
            },
        ) => Err(Error::Busy),
        other => other,
    }
}

fn pause() {
    pgrx::check_for_interrupts!();
    // SAFETY: sleeps for the time given.
    unsafe { pg_sys::pg_usleep(PAUSE_MICROSECONDS) }
}

fn try_to_suppress(db: &mut Db<'_>, requests: &[Request]) -> Result<Vec<Recorded>, Error> {
    let keys: Vec<Key> = requests.iter().flat_map(|r| r.keys.clone()).collect();
    let mut ids = reached(db, &keys, requests)?;
    let mut found = suppressions::lock(db, ids.clone(), Patience::Waits)?;
    suppressions::lock_for_opt_out(db)?;
    let late: Vec<Uuid> = reached(db, &keys, requests)?
        .into_iter()
        .filter(|id| !ids.contains(id))
        .collect();
    if !late.is_empty() {
        found.extend(suppressions::lock(db, late.clone(), Patience::GivesUp)?);
        ids.extend(late);
    }
    let secret = watch::secret(db)?;
    let mut recorded = Vec::with_capacity(requests.len());
    for request in requests {
        recorded.push(record(db, request, &secret)?);
    }
    watch::opt_outs_came();
    let by_key: HashMap<&Key, usize> = requests
        .iter()
        .enumerate()
        .rev()
        .flat_map(|(n, request)| request.keys.iter().map(move |key| (key, n)))
        .collect();
    for lead in &mut found {
        let mut held = lead.holder().keys();
        if merges::are_there()? {
            let folded = suppressions::folded_into(db, vec![lead.id])?;
            held.extend(folded.iter().flat_map(|held| held.holder().property_keys()));
        }
        let named = requests.iter().position(|r| r.lead_id == Some(lead.id));
        let reasons: BTreeSet<usize> = held
            .iter()
            .filter_map(|key| by_key.get(key).copied())
            .chain(named)
            .collect();
        let Some(&first) = reasons.first() else {
            continue;
        };
        mark(db, lead, &by_key, &requests[first].reason)?;
        remember_property(
            db,
            lead,
            recorded[first].id(),
            &requests[first].reason,
            &secret,
        )?;
    }
    Ok(recorded)
}

/// The leads that hold one of the values, those that a lead known by one was folded into, and those that were named.
fn reached(db: &mut Db<'_>, keys: &[Key], requests: &[Request]) -> Result<Vec<Uuid>, Error> {
    let mut ids = suppressions::holders(db, keys)?;
    let of_properties: Vec<String> = keys.iter().filter_map(Key::of_property).collect();
    let mut others: Vec<Uuid> = requests
        .iter()
        .filter_map(|request| request.lead_id)
        .collect();
    if !of_properties.is_empty() && merges::are_there()? {
        others.extend(suppressions::survivors(db, of_properties)?);
    }
    for id in others {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Records the values of one request: the first as asked for, the others as following from it.
fn record(db: &mut Db<'_>, request: &Request, secret: &[u8]) -> Result<Recorded, Error> {
    let mut main: Option<Recorded> = None;
    for key in &request.keys {
        let value_hash = key.hash(secret);
        let new = NewOptOut {
            kind: key.kind,
            value_hash: &value_hash,
            reason: &request.reason,
            lead_id: request.lead_id,
            caused_by: main.map(Recorded::id),
        };
        let inserted = suppressions::record(db, &new)?;
        if main.is_none() {
            main = Some(match inserted {
                Some(id) => Recorded::New(id),
                None => Recorded::Known(known(db, value_hash)?),
            });
        }
    }
    main.ok_or_else(|| {
        Error::bad_argument(
            "the lead has nothing to be known by",
            "Give it an address, a phone or an e-mail first.",
        )
    })
}

/// The opt-out of this value that is in force; from now on it stands for itself.
fn known(db: &mut Db<'_>, value_hash: String) -> Result<i64, Error> {
    let id = suppressions::in_force(db, vec![value_hash])?
        .first()
        .map(|found| found.id)
        .ok_or_else(|| Error::Internal("an opt-out vanished".into()))?;
    suppressions::stand_alone(db, id)?;
    Ok(id)
}

/// Marks the lead, and the points that the opt-outs are about.
fn mark(
    db: &mut Db<'_>,
    lead: &mut Held,
    opted_out: &HashMap<&Key, usize>,
    reason: &str,
) -> Result<(), Error> {
    let mut changed = (false, false);
    for contact in lead.holder().contacts() {
        if opted_out.contains_key(&Key::of_contact(&contact)) {
            changed.0 |= point::suppress(&mut lead.phones, &contact);
            changed.1 |= point::suppress(&mut lead.emails, &contact);
        }
    }
    if lead.is_suppressed && changed == (false, false) {
        return Ok(());
    }
    let points = Points {
        phones: changed.0.then(|| lead.phones.clone()),
        emails: changed.1.then(|| lead.emails.clone()),
    };
    suppressions::mark(db, lead.id, points, reason)?;
    lead.is_suppressed = true;
    Ok(())
}

/// Lets the opt-out outlive the row: the keys of the property, also of those folded into it. They are lifted with
/// `cause`; without one (0) they stand for the flag on the lead. A lead that one of the keys leads to is opted out, too.
fn remember_property(
    db: &mut Db<'_>,
    lead: &Held,
    cause: i64,
    reason: &str,
    secret: &[u8],
) -> Result<(), Error> {
    let folded = suppressions::folded_into(db, vec![lead.id])?;
    let mut keys = lead.holder().property_keys();
    keys.extend(folded.iter().flat_map(|held| held.holder().property_keys()));
    let mut cause = Some(cause).filter(|cause| *cause > 0);
    let mut news = Vec::new();
    for key in keys {
        let new = NewOptOut {
            kind: key.kind,
            value_hash: &key.hash(secret),
            reason,
            lead_id: Some(lead.id),
            caused_by: cause.or(Some(0)),
        };
        if let Some(id) = suppressions::record(db, &new)? {
            news.extend(key.of_property());
            if cause.is_none() {
                suppressions::cause_itself(db, id)?;
                cause = Some(id);
            }
        }
    }
    if news.is_empty() || !merges::are_there()? {
        return Ok(());
    }
    for other in survivors(db, lead.id, news)? {
        suppressions::mark(db, other.id, Points::default(), reason)?;
        remember_property(db, &other, cause.unwrap_or(0), reason, secret)?;
    }
    Ok(())
}

/// Leads that another one with these keys was folded into, and that are not opted out yet, locked. Nobody is waited for:
/// the transaction may be committing.
fn survivors(db: &mut Db<'_>, lead: Uuid, folded_keys: Vec<String>) -> Result<Vec<Held>, Error> {
    let mut ids = suppressions::survivors(db, folded_keys)?;
    ids.retain(|id| *id != lead);
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = match attempt(|| suppressions::lock(db, ids, Patience::GivesUp)) {
        Err(Error::Database {
            code: PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
            ..
        }) => return Err(Error::Overtaken),
        locked => locked?,
    };
    found.retain(|held| !held.is_suppressed);
    Ok(found)
}

/// Everything that a lead, and what was folded into it, can be known by.
pub fn all_keys(db: &mut Db<'_>, id: Uuid) -> Result<Vec<Key>, Error> {
    let mut held = suppressions::lock(db, vec![id], Patience::Waits)?;
    if held.is_empty() {
        return Err(Error::no_such_lead());
    }
    held.extend(suppressions::folded_into(db, vec![id])?);
    let mut keys: Vec<Key> = Vec::new();
    for key in held.iter().flat_map(|held| held.holder().keys()) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// Opts a lead out with everything it holds.
pub fn suppress_lead(db: &mut Db<'_>, id: Uuid, reason: &str) -> Result<Recorded, Error> {
    let request = Request {
        keys: all_keys(db, id)?,
        reason: reason.to_string(),
        lead_id: Some(id),
    };
    suppress(db, &[request])?
        .pop()
        .ok_or_else(|| Error::Internal("an opt-out has no outcome".into()))
}

/// Ends an opt-out; how many leads no longer hold any value with one in force.
pub fn lift(db: &mut Db<'_>, id: i64, reason: &str) -> Result<i32, Error> {
    let lifted = suppressions::lift(db, id, reason)?;
    if lifted.is_empty() {
        return Err(match suppressions::exists(db, id)? {
            true => Error::WrongState {
                message: "the opt-out was lifted before".into(),
                hint: "Look at suppressions.lifted_at.",
            },
            false => Error::NotFound {
                message: "no such opt-out".into(),
                hint: "Pass an id of suppressions.",
            },
        });
    }
    let secret = watch::secret(db)?;
    let mut freed = 0;
    let mut after = None;
    loop {
        let batch = suppressions::suppressed_after(db, after)?;
        let Some(last) = batch.last() else {
            return Ok(freed);
        };
        after = Some(last.id);
        for mut lead in batch {
            freed += i32::from(free(db, &mut lead, &lifted, &secret)?);
        }
    }
}

/// Frees a lead that held a lifted value and holds no other in force; true when it did.
fn free(db: &mut Db<'_>, lead: &mut Held, lifted: &[String], secret: &[u8]) -> Result<bool, Error> {
    let mut keys = lead.holder().keys();
    for folded in suppressions::folded_into(db, vec![lead.id])? {
        keys.extend(folded.holder().property_keys());
    }
    let hashes: Vec<String> = keys.iter().map(|k| k.hash(secret)).collect();
    if !hashes.iter().any(|hash| lifted.contains(hash)) {
        return Ok(false);
    }
    if let Some(left) = suppressions::in_force(db, hashes)?.first() {
        // Its property was remembered for what is lifted now; from here on for what is left.
        remember_property(db, lead, left.id, &left.reason, secret)?;
        return Ok(false);
    }
    for contact in lead.holder().contacts() {
        if lifted.contains(&Key::of_contact(&contact).hash(secret)) {
            point::lift_suppression(&mut lead.phones, &contact);
            point::lift_suppression(&mut lead.emails, &contact);
        }
    }
    watch::lifting(|| suppressions::clear(db, lead))?;
    let lead = leads::load_one_for_update(db, lead.id)?;
    leads::rescore(db, &[lead])?;
    Ok(true)
}
