//! Reserved purchases onto the wire: slots by rate and room, the commit of `sending`, and only then the network.

use super::session::{Flight, Purpose, Session};
use super::stop_points::{Point, reached};
use super::transact::transact;
use crate::error::Error;
use crate::store::calls;
use crate::store::jobs::{self, Sharing};
use crate::store::settlement;
use crate::store::vendors::{self, Vendor};
use crate::store::{Db, dlq};
use crate::vendors::{BuildError, Item, Request};

/// A reserved purchase, ready to be sent.
#[derive(Clone)]
pub struct Reserved {
    pub call_id: i64,
    pub alone: bool,
    pub item: Item,
}

/// Takes slots for as many requests of `batch` items as there is work, room and rate; None: for none.
pub fn start(session: &mut Session, vendor: &Vendor, batch: usize) -> Result<Option<usize>, Error> {
    let slots = vendor
        .room()
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

/// Requests of at most `batch` items; items that must be alone get one of their own.
pub fn in_batches(reserved: Vec<Reserved>, batch: usize) -> Vec<Vec<Reserved>> {
    let (alone, shared): (Vec<_>, Vec<_>) =
        reserved.into_iter().partition(|reserved| reserved.alone);
    let mut batches: Vec<Vec<Reserved>> = shared.chunks(batch).map(<[Reserved]>::to_vec).collect();
    batches.extend(alone.into_iter().map(|reserved| vec![reserved]));
    batches
}

/// Sends reserved purchases: the second commit of the protocol, one for all requests, then the network. `started`: the
/// slots taken for them; those not used are free again.
pub fn send(
    session: &mut Session,
    vendor: &Vendor,
    batches: Vec<Vec<Reserved>>,
    started: usize,
) -> Result<(), Error> {
    if !batches.is_empty() {
        reached(Point::Reserved);
    }
    let mut slots = started;
    let result = send_all(session, vendor, batches, &mut slots);
    for _ in 0..slots {
        session.limiter(vendor).landed();
    }
    result
}

/// As `send`; takes what it uses off `slots`. What cannot be sent is remembered as unsent.
fn send_all(
    session: &mut Session,
    vendor: &Vendor,
    batches: Vec<Vec<Reserved>>,
    slots: &mut usize,
) -> Result<(), Error> {
    let mut ready = Vec::new();
    let mut result = Ok(());
    for batch in batches {
        let call_ids: Vec<i64> = batch.iter().map(|reserved| reserved.call_id).collect();
        if ready.len() == *slots || result.is_err() {
            session.unsent.extend(call_ids);
            continue;
        }
        match build(session, vendor, batch) {
            Ok(built) => ready.extend(built),
            Err(error) => {
                session.unsent.extend(call_ids);
                result = Err(error);
            }
        }
    }
    let request_ids: Vec<(i64, i64)> = ready
        .iter()
        .flat_map(|(batch, _)| {
            let request_id = batch.first().map_or(0, |first| first.call_id);
            batch
                .iter()
                .map(move |reserved| (reserved.call_id, request_id))
        })
        .collect();
    if request_ids.is_empty() {
        return result;
    }
    let epoch = session.epoch;
    let marked = transact(|db| match calls::mark_sending(db, &request_ids, epoch)? {
        moved if moved == request_ids.len() => Ok(()),
        _ => Err(Error::Internal(
            "another worker has taken over: nothing was sent".into(),
        )),
    });
    if let Err(error) = marked {
        let unsent = request_ids.iter().map(|(call_id, _)| *call_id);
        session.unsent.extend(unsent);
        return Err(error);
    }
    reached(Point::Sending);
    for (batch, request) in ready {
        let flight = Flight {
            product: vendor.product,
            purpose: Purpose::Buy,
            call_ids: batch.iter().map(|reserved| reserved.call_id).collect(),
            items: batch.into_iter().map(|reserved| reserved.item).collect(),
            vendor: vendor.clone(),
        };
        *slots -= 1;
        session.dispatch(flight, request)?;
    }
    result
}

/// Gives reserved purchases back that could not be sent. A purchase that did leave is not among them any more.
pub fn give_unsent_back(session: &mut Session) -> Result<(), Error> {
    if session.unsent.is_empty() {
        return Ok(());
    }
    let unsent: Vec<i64> = session
        .unsent
        .iter()
        .copied()
        .filter(|id| !session.is_under_way(*id))
        .collect();
    transact(|db| super::doubt::give_back(db, &unsent, "not sent", Sharing::AsBefore))?;
    session.unsent.clear();
    Ok(())
}

/// The request for a batch, without the items that cannot be asked about; None when nothing is left to send.
fn build(
    session: &Session,
    vendor: &Vendor,
    mut batch: Vec<Reserved>,
) -> Result<Option<(Vec<Reserved>, Request)>, Error> {
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
    settlement::release(db, call_ids, problem, None)?;
    dlq::from_jobs(db, &waiting, dlq::Kind::Job, problem, None)
}
