//! Purchases for leads: claim due jobs, look at each lead again, reserve the money, commit, mark as sending,
//! commit, and only then hand the requests to the network.

use std::collections::BTreeMap;

use pgrx::Uuid;

use super::apply::{close_if_done, go_on, put_off_or_finish};
use super::caps::{self, LeadCap};
use super::pull::{still_open, wait_for_budget};
use super::send::{Reserved, in_batches, send, start};
use super::session::Session;
use super::transact::transact;
use super::{doubt, facts};
use crate::error::Error;
use crate::settings;
use crate::store::Db;
use crate::store::budgets::{self, Deltas, Grant, Wish};
use crate::store::calls::{self, Bought, NewCall};
use crate::store::jobs::{self, Job};
use crate::store::leads;
use crate::store::scopes::{Payers, Scope};
use crate::store::vendors::Vendor;
use crate::vendors::{Subject, max_batch};

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
        let open = still_open(db, vendor)?;
        let reserved = match &open {
            Some(vendor) => reserve(db, &claimed, vendor, vendors, epoch, &hash_key)?,
            None => Vec::new(),
        };
        Ok((!claimed.is_empty(), open, reserved))
    });
    let (moved, open, reserved) = match bought {
        Ok((moved, open, reserved)) => (Ok(moved), open, reserved),
        Err(error) => (Err(error), None, Vec::new()),
    };
    // As it was when the money was reserved: the price that is settled is the one that was reserved.
    let vendor = open.as_ref().unwrap_or(vendor);
    send(session, vendor, in_batches(reserved, batch), started)?;
    moved
}

/// Reserves the purchases that the claimed jobs still need of `vendor`, as its locked row has it; the jobs that need
/// another step move on.
fn reserve(
    db: &mut Db<'_>,
    claimed: &[Job],
    vendor: &Vendor,
    vendors: &[Vendor],
    epoch: i64,
    hash_key: &[u8],
) -> Result<Vec<Reserved>, Error> {
    let mut groups: BTreeMap<Payers, Vec<NewCall>> = BTreeMap::new();
    for call in wanted(db, claimed, vendor, vendors, hash_key)? {
        groups.entry(call.payers()).or_default().push(call);
    }
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let timezone = settings::budget_timezone();
    let day = budgets::today(db, &timezone)?;
    let mut capped = Vec::new();
    for (payers, calls) in groups {
        capped.push((caps::of(db, vendor, &payers, None)?, calls));
    }
    budgets::lock_all(db, &day, capped.iter().flat_map(|(caps, _)| caps))?;
    let (mut granted, mut refused) = (Vec::new(), Vec::new());
    for (caps, mut calls) in capped {
        let wish = Wish {
            purchases: i64::try_from(calls.len()).unwrap_or(i64::MAX),
            units: 1,
            unit_price: vendor.unit_price,
        };
        let grant = budgets::reserve(db, &day, &caps, wish)?;
        let fits = usize::try_from(grant.purchases).unwrap_or(0);
        let rest = calls.split_off(fits.min(calls.len()));
        granted.extend(calls);
        if !rest.is_empty() {
            refused.push((rest, grant));
        }
    }
    for (rest, grant) in refused {
        wait_for_money(db, vendor, &timezone, (&rest, grant), &job_ids(&granted))?;
    }
    insert(db, &granted, epoch, &day, claimed)
}

fn job_ids(calls: &[NewCall]) -> Vec<i64> {
    calls.iter().map(|call| call.job_id).collect()
}

/// Jobs without money wait for it, and so do those behind them that would meet the same cap. What is to be bought
/// again while it is in doubt waits for a person instead: its budget is meant to be small.
fn wait_for_money(
    db: &mut Db<'_>,
    vendor: &Vendor,
    timezone: &str,
    (calls, grant): (&[NewCall], Grant),
    granted: &[i64],
) -> Result<(), Error> {
    if let Some(Scope::Rebuy(_)) = grant.limited_by {
        for call in calls {
            let Some(doubted) = call.rebuys_call_id else {
                continue;
            };
            jobs::wait_for_calls(db, &[(call.job_id, doubted)])?;
            doubt::park_jobs(db, &[doubted], "the budget for buying again is used up")?;
        }
        return Ok(());
    }
    let campaign = match &grant.limited_by {
        Some(Scope::Campaign(name)) => Some(name.as_str()),
        _ => None,
    };
    let wait = wait_for_budget(db, timezone, &grant)?;
    jobs::postpone_vendor(db, vendor.name(), campaign, wait, granted)
}

/// Looks at each job's lead again: what it needs may have changed since it was planned.
fn wanted(
    db: &mut Db<'_>,
    claimed: &[Job],
    vendor: &Vendor,
    vendors: &[Vendor],
    hash_key: &[u8],
) -> Result<Vec<NewCall>, Error> {
    let every_source = facts::sources(vendors);
    let ids: Vec<Uuid> = claimed.iter().filter_map(|job| job.lead_id).collect();
    let history = calls::history(db, ids.clone(), settings::refresh_after_minutes())?;
    // Locked until the reservation commits: an opt-out that commits first is seen here, a later one comes after.
    let found = leads::load_unlocked_for_update(db, ids.clone())?;
    let lead_cap = LeadCap::of(db, ids)?;
    let mut wanted = Vec::new();
    for job in claimed {
        let Some(lead) = found.iter().find(|lead| Some(lead.id) == job.lead_id) else {
            put_off_or_finish(db, job)?;
            continue;
        };
        let doubted = doubted(job, &history);
        let without = |bought: &&Bought| doubted.is_none_or(|doubted| doubted.id != bought.id);
        let known: Vec<Bought> = history.iter().filter(without).cloned().collect();
        let purchases = facts::purchases_of(lead.id, &known);
        let step = match lead_cap.affordable(lead.id, vendors) {
            Some(affordable) => facts::next_step(lead, &purchases, &facts::sources(&affordable)),
            None => facts::next_step(lead, &purchases, &every_source),
        };
        let call = facts::purchase(job, lead, &step, vendor, hash_key)
            .filter(|_| step.product() == Some(vendor.product));
        match (call, doubted) {
            (Some(call), None) => wanted.push(call),
            (Some(call), Some(doubted)) if is_the_same(&call, doubted) => wanted.push(NewCall {
                generation: doubted.generation + 1,
                rebuys_call_id: Some(doubted.id),
                ..call
            }),
            _ => {
                close_if_done(db, lead, &step)?;
                let status = lead.status_for(crate::score::quality_score(&lead.scored()));
                go_on(db, job, &step, &status)?;
            }
        }
    }
    Ok(wanted)
}

/// The purchase that a job is to make again, as long as it is in doubt.
fn doubted<'a>(job: &Job, history: &'a [Bought]) -> Option<&'a Bought> {
    let id = job.rebuys_call_id?;
    history
        .iter()
        .find(|bought| bought.id == id && bought.state == "in_doubt")
}

fn is_the_same(call: &NewCall, doubted: &Bought) -> bool {
    let value = match &call.subject {
        Subject::Email(value) | Subject::Phone(value) => Some(value.as_str()),
        _ => None,
    };
    call.product.name() == doubted.product && value == doubted.value.as_deref()
}

/// Writes the purchases into the ledger. What was bought before, for this lead or another, is not bought again.
fn insert(
    db: &mut Db<'_>,
    granted: &[NewCall],
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
        match inserted.remove(&(call.purchase_key.clone(), call.generation)) {
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
        // Their reservations were not needed.
        let mut deltas = Deltas::default();
        for call in &known {
            deltas.unreserve(day, &call.payers(), call.units, call.amount.micros());
        }
        budgets::change(db, &deltas)?;
        use_known(db, &known, epoch, day)?;
    }
    Ok(reserved.into_iter().map(|(_, reserved)| reserved).collect())
}

/// Uses stored answers of the same purchase, or waits for the one that is under way.
fn use_known(db: &mut Db<'_>, known: &[&NewCall], epoch: i64, day: &str) -> Result<(), Error> {
    let existing = calls::existing(db, known)?;
    for call in known {
        let earlier = existing
            .iter()
            .find(|e| e.purchase_key == call.purchase_key && e.generation >= call.generation);
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
