//! Purchases for leads: claim due jobs, look at each lead again, reserve the money, commit, mark as sending,
//! commit, and only then hand the requests to the network.

use pgrx::Uuid;

use super::apply::{close_if_done, go_on, put_off_or_finish};
use super::facts;
use super::pull::{still_open, wait_for_budget};
use super::send::{Reserved, in_batches, send, start};
use super::session::Session;
use super::transact::transact;
use crate::error::Error;
use crate::settings;
use crate::store::Db;
use crate::store::budgets::{self, Cap, Counts, Wish};
use crate::store::calls::{self, NewCall};
use crate::store::jobs::{self, Job};
use crate::store::leads;
use crate::store::settlement;
use crate::store::vendors::Vendor;
use crate::vendors::max_batch;

/// What a job waits for when a cap is reached; looked for again when caps change.
pub const DAILY_CAP: &str = "the next day of the budget";
/// What a job waits for when money is left, but reserved by others, who may give it back.
pub const RESERVED: &str = "money that other purchases have reserved";
/// Seconds until it is looked for again.
pub const RESERVED_WAIT: f64 = 10.0;

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

/// Reserves the purchases that the claimed jobs still need; the jobs that need another step move on.
fn reserve(
    db: &mut Db<'_>,
    claimed: &[Job],
    vendor: &Vendor,
    vendors: &[Vendor],
    epoch: i64,
    hash_key: &[u8],
) -> Result<Vec<Reserved>, Error> {
    let Some(vendor) = &still_open(db, vendor)? else {
        return Ok(Vec::new());
    };
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
        let (wait, why) = wait_for_budget(db, &timezone, grant)?;
        jobs::postpone_vendor(db, vendor.name(), wait, why, &job_ids(&wanted[..granted]))?;
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
    let found = leads::load_unlocked_for_update(db, ids)?;
    let mut wanted = Vec::new();
    for job in claimed {
        let Some(lead) = found.iter().find(|lead| Some(lead.id) == job.lead_id) else {
            put_off_or_finish(db, job)?;
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
fn unneeded(known: &[&NewCall], vendor: &Vendor, day: &str) -> settlement::Deltas {
    let mut deltas = settlement::Deltas::new();
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
