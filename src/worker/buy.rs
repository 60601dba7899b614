//! Purchases for leads: claim due jobs, look at each lead again, reserve the money, commit, mark as sending,
//! commit, and only then hand the requests to the network.

use std::collections::BTreeMap;

use pgrx::Uuid;

use super::apply::{close_if_done, go_on};
use super::facts;
use super::session::{Flight, Purpose, Session};
use super::transact::transact;
use crate::error::Error;
use crate::settings;
use crate::store::budgets::{self, Cap, Counts, Wish};
use crate::store::calls::{self, NewCall};
use crate::store::jobs::{self, Job, Sharing};
use crate::store::leads::{self, Lead};
use crate::store::vendors::{self, DoubtPolicy, Vendor};
use crate::store::{Db, dlq};
use crate::vendors::{BuildError, HttpRequest, Item, max_batch};

/// What a job waits for when a cap is reached; looked for again when caps change.
pub const DAILY_CAP: &str = "the next day of the budget";

/// A reserved purchase, ready to be sent.
#[derive(Clone)]
pub struct Reserved {
    pub call_id: i64,
    pub alone: bool,
    pub item: Item,
}

/// Buys what due jobs of `vendor` need, as far as its rate, its slots and the caps allow; true when anything moved.
pub fn buy_for_leads(
    session: &mut Session,
    vendor: &Vendor,
    vendors: &[Vendor],
) -> Result<bool, Error> {
    let batch = vendor.batch_size.min(max_batch(vendor.product)).max(1);
    let Some(started) = start(session, vendor, batch)? else {
        return Ok(false);
    };
    let epoch = session.epoch;
    let hash_key = session.hash_key.clone();
    let limit = i64::try_from(started * batch).unwrap_or(i64::MAX);
    let bought = transact(|db| {
        let claimed = jobs::claim(db, vendor.name(), limit)?;
        Ok((
            !claimed.is_empty(),
            reserve(db, &claimed, vendor, vendors, epoch, &hash_key)?,
        ))
    });
    let reserved = bought
        .as_ref()
        .map(|(_, reserved)| reserved.clone())
        .unwrap_or_default();
    send(session, vendor, in_batches(reserved, batch), started)?;
    Ok(bought?.0)
}

/// Takes slots for as many requests of `batch` items as there is work, room and rate; None: for none.
pub fn start(session: &mut Session, vendor: &Vendor, batch: usize) -> Result<Option<usize>, Error> {
    let slots = vendor
        .max_in_flight
        .saturating_sub(session.limiter(vendor).in_flight());
    if slots == 0 || session.keys.of(vendor.product).is_none() {
        return Ok(None);
    }
    let limit = i64::try_from(slots * batch).unwrap_or(i64::MAX);
    let due = transact(|db| jobs::count_due(db, vendor.name(), limit))?;
    let wanted = usize::try_from(due).unwrap_or(0).div_ceil(batch).min(slots);
    let started = session.start_requests(vendor, wanted);
    Ok((started > 0).then_some(started))
}

/// Reserves the purchases that the claimed jobs still need; the jobs that need another step move on.
fn reserve(
    db: &mut Db<'_>,
    claimed: &[Job],
    vendor: &Vendor,
    vendors: &[Vendor],
    epoch: i64,
    hash_key: &[u8],
) -> Result<Vec<Reserved>, Error> {
    let wanted = wanted(db, claimed, vendor, vendors, hash_key)?;
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let timezone = settings::budget_timezone();
    let day = budgets::today(db, &timezone)?;
    let wish = Wish {
        purchases: i64::try_from(wanted.len()).unwrap_or(i64::MAX),
        units: 1,
        unit_price: vendor.unit_price,
    };
    let grant = budgets::reserve(db, &day, &caps(vendor), wish)?;
    let granted = usize::try_from(grant.purchases)
        .unwrap_or(0)
        .min(wanted.len());
    if granted < wanted.len() {
        let wait = budgets::seconds_to_next_day(db, &timezone)?;
        jobs::postpone_vendor(
            db,
            vendor.name(),
            wait,
            DAILY_CAP,
            &job_ids(&wanted[..granted]),
        )?;
    }
    insert(db, &wanted[..granted], vendor, epoch, &day, claimed)
}

fn job_ids(calls: &[NewCall]) -> Vec<i64> {
    calls.iter().map(|call| call.job_id).collect()
}

/// Looks at each job's lead again: what it needs may have changed since it was planned.
fn wanted(
    db: &mut Db<'_>,
    claimed: &[Job],
    vendor: &Vendor,
    vendors: &[Vendor],
    hash_key: &[u8],
) -> Result<Vec<NewCall>, Error> {
    let sources = facts::sources(vendors);
    let ids: Vec<Uuid> = claimed.iter().filter_map(|job| job.lead_id).collect();
    let history = calls::history(db, ids.clone(), settings::refresh_after_minutes())?;
    // Locked until the reservation commits: an opt-out that commits first is seen here, a later one comes after.
    let found: BTreeMap<[u8; 16], Lead> = leads::load_for_update(db, ids)?
        .into_iter()
        .map(|lead| (*lead.id.as_bytes(), lead))
        .collect();
    let mut wanted = Vec::new();
    for job in claimed {
        let Some(lead) = job.lead_id.and_then(|id| found.get(id.as_bytes())) else {
            jobs::finish(db, &[job.id])?;
            continue;
        };
        let step = facts::next_step(lead, &facts::purchases_of(lead.id, &history), &sources);
        match facts::purchase(job, lead, &step, vendor, hash_key) {
            Some(call) if step.product() == Some(vendor.product) => wanted.push(call),
            _ => {
                close_if_done(db, lead, &step)?;
                go_on(
                    db,
                    job,
                    &step,
                    &lead.status_for(crate::score::quality_score(&lead.scored())),
                )?;
            }
        }
    }
    Ok(wanted)
}

/// The caps of a lead's purchase: all vendors together, and this vendor.
fn caps(vendor: &Vendor) -> Vec<Cap> {
    vec![
        Cap {
            scope: "total".into(),
            calls: None,
            amount: Some(settings::daily_spend_cap()),
            counts: Counts::Purchases,
        },
        Cap {
            scope: format!("vendor:{}", vendor.name()),
            calls: vendor.daily_call_cap,
            amount: vendor.daily_spend_cap,
            counts: Counts::Purchases,
        },
    ]
}

/// Writes the purchases into the ledger. What was bought before, for this lead or another, is not bought again.
fn insert(
    db: &mut Db<'_>,
    granted: &[NewCall],
    vendor: &Vendor,
    epoch: i64,
    day: &str,
    claimed: &[Job],
) -> Result<Vec<Reserved>, Error> {
    if granted.is_empty() {
        return Ok(Vec::new());
    }
    let mut inserted = calls::insert(db, granted, epoch, day)?;
    let mut reserved = Vec::new();
    let mut known = Vec::new();
    for call in granted {
        match inserted.remove(&call.purchase_key) {
            Some(call_id) => {
                let alone = claimed.iter().any(|job| job.id == call.job_id && job.alone);
                reserved.push((
                    call.job_id,
                    Reserved {
                        call_id,
                        alone,
                        item: calls::item(call_id, call.subject.clone()),
                    },
                ));
            }
            None => known.push(call),
        }
    }
    jobs::wait_for_calls(
        db,
        &reserved
            .iter()
            .map(|(job, reserved)| (*job, reserved.call_id))
            .collect::<Vec<_>>(),
    )?;
    if !known.is_empty() {
        budgets::change(db, &unneeded(&known, vendor, day))?;
        use_known(db, &known, epoch, day)?;
    }
    Ok(reserved.into_iter().map(|(_, reserved)| reserved).collect())
}

/// The reservations of purchases that turned out to be made already.
fn unneeded(known: &[&NewCall], vendor: &Vendor, day: &str) -> calls::Deltas {
    let mut deltas = calls::Deltas::new();
    for call in known {
        for cap in caps(vendor) {
            let delta = deltas.entry((day.to_string(), cap.scope)).or_default();
            delta.reserved_calls -= 1;
            delta.reserved -= call.amount.micros();
        }
    }
    deltas
}

/// Uses stored answers of the same purchase, or waits for the one that is under way.
fn use_known(db: &mut Db<'_>, known: &[&NewCall], epoch: i64, day: &str) -> Result<(), Error> {
    let existing = calls::existing(db, known)?;
    for call in known {
        let earlier = existing
            .iter()
            .find(|e| e.purchase_key == call.purchase_key);
        match earlier {
            Some(earlier) if earlier.has_answer || earlier.state == "resolved" => {
                let reused = calls::reuse(db, earlier.id, call, epoch, day)?;
                jobs::wait_for_calls(db, &[(call.job_id, reused)])?;
            }
            Some(earlier) => {
                let wait = if earlier.state == "in_doubt" {
                    600.0
                } else {
                    2.0
                };
                jobs::postpone(db, call.job_id, wait, "the same purchase for another lead")?;
            }
            None => jobs::postpone(db, call.job_id, 1.0, "the same purchase for another lead")?,
        }
    }
    Ok(())
}

/// Requests of at most `batch` items; items that must be alone get one of their own.
fn in_batches(reserved: Vec<Reserved>, batch: usize) -> Vec<Vec<Reserved>> {
    let (alone, shared): (Vec<_>, Vec<_>) =
        reserved.into_iter().partition(|reserved| reserved.alone);
    let mut batches: Vec<Vec<Reserved>> = shared.chunks(batch).map(<[Reserved]>::to_vec).collect();
    batches.extend(alone.into_iter().map(|reserved| vec![reserved]));
    batches
}

/// Sends reserved purchases: the second commit of the protocol, then the network. `started`: the slots taken for
/// them; those not used are free again.
pub fn send(
    session: &mut Session,
    vendor: &Vendor,
    batches: Vec<Vec<Reserved>>,
    started: usize,
) -> Result<(), Error> {
    let mut slots = started;
    let result = batches.into_iter().try_for_each(|batch| {
        let call_ids: Vec<i64> = batch.iter().map(|reserved| reserved.call_id).collect();
        if slots == 0 {
            return transact(|db| {
                super::doubt::give_back(
                    db,
                    &call_ids,
                    "not sent: no slot was left",
                    Sharing::AsBefore,
                )
            });
        }
        let sent = send_one(session, vendor, batch)?;
        slots -= usize::from(sent);
        Ok(())
    });
    for _ in 0..slots {
        session.limiter(vendor).landed();
    }
    result
}

/// True when a request went to the network.
fn send_one(session: &mut Session, vendor: &Vendor, batch: Vec<Reserved>) -> Result<bool, Error> {
    let Some((batch, request)) = build(session, vendor, batch)? else {
        return Ok(false);
    };
    let call_ids: Vec<i64> = batch.iter().map(|reserved| reserved.call_id).collect();
    let Some(&request_id) = call_ids.first() else {
        return Ok(false);
    };
    let epoch = session.epoch;
    let moved = transact(
        |db| match calls::mark_sending(db, &call_ids, request_id, epoch)? {
            moved if moved == call_ids.len() => Ok(()),
            _ => Err(Error::Internal(
                "another worker has taken over: nothing was sent".into(),
            )),
        },
    );
    moved?;
    let items = batch.into_iter().map(|reserved| reserved.item).collect();
    session.dispatch(
        Flight {
            product: vendor.product,
            purpose: Purpose::Buy,
            items,
            call_ids,
            vendor: vendor.clone(),
        },
        request,
    )?;
    Ok(true)
}

/// The request for a batch, without the items that cannot be asked about; None when nothing is left to send.
fn build(
    session: &Session,
    vendor: &Vendor,
    mut batch: Vec<Reserved>,
) -> Result<Option<(Vec<Reserved>, HttpRequest)>, Error> {
    while !batch.is_empty() {
        let items: Vec<Item> = batch.iter().map(|reserved| reserved.item.clone()).collect();
        let all: Vec<i64> = batch.iter().map(|reserved| reserved.call_id).collect();
        match session.build(vendor, &items) {
            Some(Ok(request)) => return Ok(Some((batch, request))),
            Some(Err(BuildError::Item { id, problem })) => {
                let bad: Vec<i64> = all
                    .iter()
                    .copied()
                    .filter(|call| call.to_string() == id)
                    .collect();
                transact(|db| cannot_be_asked(db, &bad, &problem))?;
                batch.retain(|reserved| !bad.contains(&reserved.call_id));
                if bad.is_empty() {
                    return Err(Error::Internal(
                        "a request could not be built for an item that is not in it".into(),
                    ));
                }
            }
            Some(Err(problem)) => {
                let why = problem.to_string();
                transact(|db| {
                    vendors::pause(db, vendor.product, f64::INFINITY, &why)?;
                    super::doubt::give_back(db, &all, &why, Sharing::AsBefore)
                })?;
                return Ok(None);
            }
            None => {
                transact(|db| {
                    super::doubt::give_back(db, &all, "not sent: no key", Sharing::AsBefore)
                })?;
                return Ok(None);
            }
        }
    }
    Ok(None)
}

/// An item that the vendor's dialect cannot express: its money comes back, its job waits for a person.
fn cannot_be_asked(db: &mut Db<'_>, call_ids: &[i64], problem: &str) -> Result<(), Error> {
    let waiting: Vec<i64> = jobs::of_calls(db, call_ids)?
        .iter()
        .map(|job| job.id)
        .collect();
    calls::release(db, call_ids, problem, None)?;
    dlq::from_jobs(db, &waiting, dlq::Kind::Job, problem, None)
}

/// Asks the vendors, for nothing, about purchases that are pending or in doubt; true when a question left.
pub fn ask(session: &mut Session, vendors: &[Vendor]) -> Result<bool, Error> {
    let under_way = session.asking();
    let due = transact(|db| calls::to_poll(db, under_way))?;
    let mut asked = false;
    for open in due {
        let Some(vendor) = vendors.iter().find(|vendor| vendor.product == open.product) else {
            continue;
        };
        let item = calls::item(open.id, open.subject);
        let Some(request) = session.build_question(vendor, &item) else {
            continue;
        };
        if session.limiter(vendor).in_flight() >= vendor.max_in_flight
            || session.start_requests(vendor, 1) == 0
        {
            break;
        }
        let flight = Flight {
            product: vendor.product,
            purpose: Purpose::Ask,
            items: vec![item],
            call_ids: vec![open.id],
            vendor: vendor.clone(),
        };
        session.dispatch(flight, request)?;
        asked = true;
    }
    Ok(asked)
}

/// After a restart: what earlier workers reserved is given back, what they were sending is in doubt.
pub fn recover(db: &mut Db<'_>, epoch: i64) -> Result<(), Error> {
    let mut reserved = Vec::new();
    let mut sending: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (id, vendor, state) in calls::left_open(db, epoch)? {
        if state == "reserved" {
            reserved.push(id)
        } else {
            sending.entry(vendor).or_default().push(id)
        }
    }
    super::doubt::give_back(
        db,
        &reserved,
        "not sent: the worker ended first",
        Sharing::AsBefore,
    )?;
    let count: usize = sending.values().map(Vec::len).sum();
    for (vendor, ids) in sending {
        let policy = vendors::doubt_policy(db, &vendor)?.unwrap_or(DoubtPolicy::Hold);
        super::doubt::doubt(
            db,
            policy,
            &ids,
            "the worker ended while it was waiting for the answer",
        )?;
    }
    if !reserved.is_empty() || count > 0 {
        pgrx::log!(
            "equity_connect: after a restart, {} purchases were given back and {} were in doubt",
            reserved.len(),
            count
        );
    }
    Ok(())
}
