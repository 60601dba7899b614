//! The purchase of a page: which page comes next, under which idempotency key, and how many records.

use super::buy::DAILY_CAP;
use super::facts;
use super::send::{Reserved, send, start};
use super::session::Session;
use super::transact::transact;
use crate::canonical;
use crate::error::Error;
use crate::settings;
use crate::store::budgets::{self, Cap, Counts, Wish};
use crate::store::calls::{self, NewCall};
use crate::store::jobs::{self, Job};
use crate::store::pulls::{self, Phase, Pull};
use crate::store::settlement;
use crate::store::vendors::Vendor;
use crate::store::{Db, dlq};
use crate::vendors::{SearchPage, Subject};

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
        let mut reserved = Vec::new();
        for job in &claimed {
            reserved.extend(reserve_page(db, job, vendor, epoch, &hash_key)?);
        }
        Ok((!claimed.is_empty(), reserved))
    });
    let reserved = bought
        .as_ref()
        .map(|(_, reserved)| reserved.clone())
        .unwrap_or_default();
    send(
        session,
        vendor,
        reserved.into_iter().map(|page| vec![page]).collect(),
        started,
    )?;
    Ok(bought?.0)
}

fn reserve_page(
    db: &mut Db<'_>,
    job: &Job,
    vendor: &Vendor,
    epoch: i64,
    hash_key: &[u8],
) -> Result<Option<Reserved>, Error> {
    let Some(pull_id) = job.pull_id else {
        return jobs::finish(db, &[job.id]).map(|()| None);
    };
    let Some(mut pull) = pulls::load_for_update(db, pull_id)? else {
        return jobs::finish(db, &[job.id]).map(|()| None);
    };
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
    let timezone = settings::budget_timezone();
    let day = budgets::today(db, &timezone)?;
    let wish = Wish {
        purchases: 1,
        units: pull.page_size.into(),
        unit_price: vendor.unit_price,
    };
    let grant = budgets::reserve(db, &day, &caps(&pull, vendor), wish)?;
    if grant.purchases == 0 {
        let wait = budgets::seconds_to_next_day(db, &timezone)?;
        return jobs::postpone(db, job.id, wait, DAILY_CAP).map(|()| None);
    }
    let call = purchase(job, &pull, vendor, grant.units, hash_key)?;
    let inserted = calls::insert(db, std::slice::from_ref(&call), epoch, &day)?;
    let Some(&call_id) = inserted.get(&call.purchase_key) else {
        // This very page is held in the ledger, in doubt: a person decides before it is sent again.
        budgets::change(db, &release(&pull, vendor, &call, &day))?;
        return dlq::from_jobs(
            db,
            &[job.id],
            dlq::Kind::Job,
            "this page was bought before and has no answer; see vendor_calls",
            None,
        )
        .map(|()| None);
    };
    jobs::wait_for_calls(db, &[(job.id, call_id)])?;
    Ok(Some(Reserved {
        call_id,
        alone: true,
        item: calls::item(call_id, call.subject),
    }))
}

/// The caps of a page: all vendors together, the pull's records, and the vendor.
fn caps(pull: &Pull, vendor: &Vendor) -> Vec<Cap> {
    vec![
        Cap {
            scope: "total".into(),
            calls: None,
            amount: Some(settings::daily_spend_cap()),
            counts: Counts::Purchases,
        },
        Cap {
            scope: format!("pull:{}", pull.id),
            calls: pull.daily_record_cap.map(i64::from),
            amount: None,
            counts: Counts::Units,
        },
        Cap {
            scope: format!("vendor:{}", vendor.name()),
            calls: vendor.daily_call_cap,
            amount: vendor.daily_spend_cap,
            counts: Counts::Purchases,
        },
    ]
}

fn release(pull: &Pull, vendor: &Vendor, call: &NewCall, day: &str) -> settlement::Deltas {
    let mut deltas = settlement::Deltas::new();
    for cap in caps(pull, vendor) {
        let delta = deltas.entry((day.to_string(), cap.scope)).or_default();
        delta.reserved_calls -= if cap.counts == Counts::Units {
            call.units
        } else {
            1
        };
        delta.reserved -= call.amount.micros();
    }
    deltas
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
    let signature = pull.query_sig.get(..24).unwrap_or(&pull.query_sig);
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
    let idempotency_key = format!("ec-{signature}-r{}-{mark}{number}", pull.run_number);
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
    let units = u32::try_from(take).unwrap_or(u32::MAX);
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
        amount: vendor
            .unit_price
            .times(units)
            .map_err(|problem| Error::Internal(format!("price: {problem}")))?,
    })
}
