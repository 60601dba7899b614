//! The purchase of a page: which page comes next, under which idempotency key, and how many records.

use super::arming::{self, Arming};
use super::buy::{DAILY_CAP, RESERVED, RESERVED_WAIT};
use super::send::{Reserved, send, start};
use super::session::Session;
use super::transact::transact;
use super::{caps, facts};
use crate::canonical;
use crate::error::Error;
use crate::money::Money;
use crate::settings;
use crate::store::budgets::{self, Deltas, Grant, Wish};
use crate::store::calls::{self, NewCall};
use crate::store::jobs::{self, Job};
use crate::store::pulls::{self, Phase, Pull};
use crate::store::replays::{self, Replay};
use crate::store::scopes::Payers;
use crate::store::vendors::{self, Vendor};
use crate::store::{Db, dlq};
use crate::vendors::{SearchPage, Subject};

/// How often a page that was paid for and lost is asked for again.
const MOST_GENERATIONS: usize = 10;

/// Buys the next page of each due pull of `vendor`; true when anything moved.
pub fn buy_pages(session: &mut Session, vendor: &Vendor) -> Result<bool, Error> {
    let Some(started) = start(session, vendor, 1)? else {
        return Ok(false);
    };
    let epoch = session.epoch;
    let hash_key = session.hash_key.clone();
    let bought = transact(|db| {
        let claimed = jobs::claim(
            db,
            vendor.name(),
            i64::try_from(started).unwrap_or(i64::MAX),
        )?;
        let open = still_open(db, vendor)?;
        let mut reserved = Vec::new();
        if let Some(vendor) = &open {
            for job in &claimed {
                reserved.extend(reserve_page(db, job, vendor, epoch, &hash_key)?);
            }
        }
        Ok((!claimed.is_empty(), open, reserved))
    });
    let (moved, open, reserved) = match bought {
        Ok((moved, open, reserved)) => (Ok(moved), open, reserved),
        Err(error) => (Err(error), None, Vec::new()),
    };
    let pages = reserved.into_iter().map(|page| vec![page]).collect();
    // As it was when the money was reserved: the price that is settled is the one that was reserved.
    send(session, open.as_ref().unwrap_or(vendor), pages, started)?;
    moved
}

/// Reserves the next page of a job's pull from `vendor`, as its locked row has it.
fn reserve_page(
    db: &mut Db<'_>,
    job: &Job,
    vendor: &Vendor,
    epoch: i64,
    hash_key: &[u8],
) -> Result<Option<Reserved>, Error> {
    let pull = match job.pull_id {
        Some(pull_id) => pulls::load_for_update(db, pull_id)?,
        None => None,
    };
    let Some(pull) = pull else {
        return jobs::finish(db, &[job.id]).map(|()| None);
    };
    if !pull.is_enabled {
        pulls::end_run(db, pull.id, "stopped: the pull is disabled")?;
        return jobs::finish(db, &[job.id]).map(|()| None);
    }
    let replay = match job.replays_call_id {
        Some(call) => replays::to_replay(db, call)?,
        None => None,
    };
    let pull = started(db, pull)?;
    let timezone = settings::budget_timezone();
    let day = budgets::today(db, &timezone)?;
    let wish = Wish {
        purchases: 1,
        units: replay
            .as_ref()
            .map_or(pull.page_size.into(), |replay| replay.units),
        unit_price: vendor.unit_price,
    };
    let payers = Payers {
        vendor: vendor.name().to_string(),
        pull_id: Some(pull.id),
        campaign: pull.campaign.clone(),
        is_rebuy: false,
    };
    let caps = caps::of(db, vendor, &payers, pull.daily_record_cap.map(i64::from))?;
    let grant = budgets::reserve(db, &day, &caps, wish)?;
    let is_partial = replay.is_some() && grant.units < wish.units;
    if grant.purchases == 0 || is_partial {
        if is_partial {
            give_back(db, vendor, &payers, grant.units, &day)?;
        }
        let (wait, why) = wait_for_budget(db, &timezone, &grant)?;
        return jobs::postpone(db, job.id, wait, why).map(|()| None);
    }
    let mut call = match replay {
        Some(replay) => again(job, &pull, vendor, replay)?,
        None => purchase(job, &pull, vendor, grant.units, hash_key)?,
    };
    for _ in 0..MOST_GENERATIONS {
        let inserted = calls::insert(db, std::slice::from_ref(&call), epoch, &day)?;
        if let Some(&call_id) = inserted.values().next() {
            jobs::wait_for_calls(db, &[(job.id, call_id)])?;
            let item = calls::item(call_id, call.subject);
            return Ok(Some(Reserved {
                call_id,
                alone: true,
                item,
            }));
        }
        let mut existing = calls::existing(db, &[&call])?.into_iter();
        let Some(earlier) = existing.find(|earlier| earlier.generation == call.generation) else {
            break;
        };
        if earlier.state != "resolved" {
            give_back(db, vendor, &payers, call.units, &day)?;
            return use_earlier(db, job, &earlier).map(|()| None);
        }
        // Paid for and lost: the same request once more, so that a vendor that remembers it delivers the page.
        call.generation = earlier.generation + 1;
    }
    Err(Error::Internal(
        "a page of a pull has too many generations".into(),
    ))
}

/// The vendor's row as it is in this transaction, locked: a cap lowered, a pause or a disarming that committed
/// before the reservation holds for it. None: nothing may be bought from it now.
pub fn still_open(db: &mut Db<'_>, vendor: &Vendor) -> Result<Option<Vendor>, Error> {
    let is_armed = arming::state(db)? == Arming::Armed && !settings::paused();
    let current = vendors::enabled_for_share(db, vendor.name())?;
    Ok(current.filter(|current| is_armed && !current.is_paused()))
}

/// How long to wait for money: until the next day when it is spent, a moment when it is only reserved.
pub fn wait_for_budget(
    db: &Db<'_>,
    timezone: &str,
    grant: &Grant,
) -> Result<(f64, &'static str), Error> {
    if grant.is_spent {
        Ok((budgets::seconds_to_next_day(db, timezone)?, DAILY_CAP))
    } else {
        Ok((RESERVED_WAIT, RESERVED))
    }
}

/// A page that was bought before and is not resolved: its answer is used, or it is waited for.
fn use_earlier(db: &mut Db<'_>, job: &Job, earlier: &calls::Existing) -> Result<(), Error> {
    match earlier.state.as_str() {
        "in_doubt" => {
            let why = "this page is in doubt; say what became of it with resolve_call()";
            jobs::wait_for_calls(db, &[(job.id, earlier.id)])?;
            dlq::from_jobs(db, &[job.id], dlq::Kind::Doubt, why, None)
        }
        _ => jobs::wait_for_calls(db, &[(job.id, earlier.id)]),
    }
}

/// The pull with a run under way: an idle one starts its next run.
fn started(db: &mut Db<'_>, mut pull: Pull) -> Result<Pull, Error> {
    if pull.phase == Phase::Idle {
        // A list never walked has no head of its own: its newest page is the first of the backfill.
        pull.phase = if pull.bookmark_page == 0 && !pull.is_exhausted {
            Phase::Backfill
        } else {
            Phase::Head
        };
        pull.run_number = pulls::start_run(db, pull.id, pull.phase)?;
        (pull.head_page, pull.head_cursor) = (0, None);
    }
    Ok(pull)
}

/// A reservation that turned out not to be needed.
fn give_back(
    db: &mut Db<'_>,
    vendor: &Vendor,
    payers: &Payers,
    units: i64,
    day: &str,
) -> Result<(), Error> {
    let mut deltas = Deltas::default();
    deltas.unreserve(day, payers, units, price(vendor, units)?.micros());
    budgets::change(db, &deltas)
}

fn price(vendor: &Vendor, units: i64) -> Result<Money, Error> {
    let units = u32::try_from(units).unwrap_or(u32::MAX);
    vendor
        .unit_price
        .times(units)
        .map_err(|problem| Error::Internal(format!("price: {problem}")))
}

/// The request of a purchase in doubt, to the letter.
fn again(job: &Job, pull: &Pull, vendor: &Vendor, replay: Replay) -> Result<NewCall, Error> {
    Ok(NewCall {
        job_id: job.id,
        product: vendor.product,
        stage: facts::stage_of(vendor.product),
        lead_id: None,
        pull_id: Some(pull.id),
        purchase_key: replay.purchase_key,
        generation: replay.generation,
        subject: replay.subject,
        units: replay.units,
        amount: price(vendor, replay.units)?,
        campaign: pull.campaign.clone(),
        rebuys_call_id: None,
    })
}

/// The next page. Its idempotency key follows from where the run stands, so that the same page asked for again,
/// after a crash, is the same request to the vendor.
fn purchase(
    job: &Job,
    pull: &Pull,
    vendor: &Vendor,
    take: i64,
    hash_key: &[u8],
) -> Result<NewCall, Error> {
    // Of this installation alone: two databases with one account must not share a session, in which the vendor
    // delivers each record once.
    let own = canonical::keyed_hash(hash_key, &["session", &pull.source, &pull.query_sig]);
    let signature = own.get(..24).unwrap_or(&own);
    let uses_session = vendor
        .options
        .get("search_session")
        .and_then(serde_json::Value::as_bool)
        .unwrap_or(false);
    let (mark, number, cursor) = match pull.phase {
        Phase::Head => ("h", pull.head_page + 1, pull.head_cursor.clone()),
        Phase::Backfill | Phase::Idle => {
            ("b", pull.bookmark_page + 1, pull.bookmark_cursor.clone())
        }
    };
    let idempotency_key = format!(
        "ec-{signature}-p{}-r{}-{mark}{number}",
        pull.id, pull.run_number
    );
    let pages_before = u32::try_from(number - 1).unwrap_or(0);
    // Without a cursor: a session leaves out what it delivered, so its list starts anew; else count the pages.
    let skip = (cursor.is_none() && pages_before > 0 && !uses_session)
        .then(|| pages_before * pull.page_size.unsigned_abs());
    let subject = SearchPage {
        criteria: pull.params.clone(),
        take: u32::try_from(take).unwrap_or(u32::MAX),
        cursor,
        skip,
        session: uses_session.then(|| format!("ec-{signature}")),
        idempotency_key: idempotency_key.clone(),
    };
    Ok(NewCall {
        job_id: job.id,
        product: vendor.product,
        stage: facts::stage_of(vendor.product),
        lead_id: None,
        pull_id: Some(pull.id),
        purchase_key: canonical::keyed_hash(
            hash_key,
            &[
                vendor.name(),
                &pull.source,
                &pull.query_sig,
                &idempotency_key,
            ],
        ),
        generation: 1,
        subject: Subject::Search(subject),
        units: take,
        amount: price(vendor, take)?,
        campaign: pull.campaign.clone(),
        rebuys_call_id: None,
    })
}
