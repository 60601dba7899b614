//! Paid answers into leads: read, merge, score, and plan what comes next; one transaction and one savepoint for a
//! batch. Where one answer spoils it, each gets a savepoint of its own, so that an answer that cannot be used is
//! parked alone and never bought again.

use pgrx::Uuid;
use pgrx::prelude::PgSqlErrorCode;

use super::facts::{self, Sources};
use super::learn::{Learned, learn};
use super::page;
use super::stop_points::{Point, reached};
use super::transact::transact;
use crate::error::Error;
use crate::merging::bridge::{self, Bridged, Named};
use crate::merging::contradiction::Facts;
use crate::retry::{self, Schedule};
use crate::settings;
use crate::store::Db;
use crate::store::calls::{self, Answered, Bought};
use crate::store::dlq::{self, Kind as DlqKind};
use crate::store::jobs::{self, Job, Next};
use crate::store::leads::{self, Lead};
use crate::store::subtransaction::attempt;
use crate::store::vendors::Vendor;
use crate::store::{matches, merges};
use crate::vendors::{Product, Subject};
use crate::waterfall::{Purchase, PurchaseStage, Step};

/// Answers applied in one transaction.
const BATCH: i64 = 100;
/// Waits between tries to apply an answer that the database refused (a deadlock, a lost race).
const RETRIES: Schedule = Schedule {
    base: std::time::Duration::from_secs(2),
    cap: std::time::Duration::from_secs(600),
};

/// What the answers of a batch need to know.
struct Context {
    sources: Sources,
    history: Vec<Bought>,
    now: String,
}

/// What became of the answers that waited.
#[derive(Default)]
pub struct Applied {
    /// Any was applied or parked.
    pub moved: bool,
    /// Any was left because another session is in the way; nothing tells when it is gone.
    pub left_any: bool,
}

/// Applies answers that wait. Those whose lead or job is locked by another
/// session are left for a later turn.
pub fn apply_answers(vendors: &[Vendor]) -> Result<Applied, Error> {
    transact(|db| {
        let mut answers = calls::to_apply(db, BATCH)?;
        if answers.is_empty() {
            return Ok(Applied::default());
        }
        // One page at a time: a second one would lock leads from the start of their order again.
        let mut pages = 0;
        answers.retain(|answer| {
            pages += usize::from(answer.pull_id.is_some());
            answer.pull_id.is_none() || pages == 1
        });
        // In the order in which everybody locks leads.
        answers.sort_by_key(|answer| answer.lead_id.map(|id| *id.as_bytes()));
        let lead_ids: Vec<Uuid> = answers.iter().filter_map(|answer| answer.lead_id).collect();
        let context = Context {
            sources: facts::sources(vendors),
            history: calls::history(db, lead_ids, settings::refresh_after_minutes())?,
            now: leads::now_rfc3339(db)?,
        };
        // What is locked is changed under the same savepoint: else each row would get a multixact.
        if attempt(|| apply_batch(db, &answers, &context)).is_ok() {
            reached(Point::Applying);
            return Ok(Applied {
                moved: true,
                left_any: false,
            });
        }
        let mut applied = Applied::default();
        for answer in &answers {
            let mut job = None;
            let tried = attempt(|| {
                job = jobs::of_call_now(db, answer.id)?;
                apply_one(db, answer, job.as_ref(), &context)
            });
            let done = match tried {
                Err(error) if !is_busy(&error) => {
                    attempt(|| park(db, answer, job.as_ref(), &error))
                }
                other => other,
            };
            match done {
                Err(error) if is_busy(&error) => applied.left_any = true,
                Err(error) => return Err(error),
                Ok(()) => applied.moved = true,
            }
        }
        reached(Point::Applying);
        Ok(applied)
    })
}

/// Does another session hold what the work needs?
fn is_busy(error: &Error) -> bool {
    matches!(
        error,
        Error::Busy
            | Error::Database {
                code: PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
                ..
            }
    )
}

fn apply_batch(db: &mut Db<'_>, answers: &[Answered], context: &Context) -> Result<(), Error> {
    let ids: Vec<i64> = answers.iter().map(|answer| answer.id).collect();
    let waiting = jobs::of_calls(db, &ids)?;
    answers.iter().try_for_each(|answer| {
        let job = waiting.iter().find(|job| job.call_id == Some(answer.id));
        apply_one(db, answer, job, context)
    })
}

fn apply_one(
    db: &mut Db<'_>,
    answer: &Answered,
    job: Option<&Job>,
    context: &Context,
) -> Result<(), Error> {
    let learned = match (answer.product, answer.lead_id, answer.pull_id) {
        (Product::BatchdataSearch, _, Some(pull_id)) => {
            page::apply(db, answer, pull_id, job).map(|()| Learned::default())?
        }
        (_, Some(lead_id), _) => apply_to_lead(db, answer, lead_id, job, context)?,
        _ => Learned::default(),
    };
    calls::mark_applied(db, answer.id, learned.verified, learned.new_points)
}

/// Parks a paid answer that cannot be used; one that the database refused is tried again by itself.
fn park(db: &mut Db<'_>, answer: &Answered, job: Option<&Job>, error: &Error) -> Result<(), Error> {
    let attempts = job.map_or(0, |job| job.attempts);
    let can_pass = matches!(
        error,
        Error::Database { .. } | Error::Contended | Error::Spi(_)
    ) && attempts + 1 < settings::max_attempts();
    let tries = u32::try_from(attempts).unwrap_or(0) + 1;
    let again = can_pass
        .then(|| retry::backoff(tries, &RETRIES, super::answers::random_unit()).as_secs_f64());
    let why = error.to_string();
    calls::mark_unreadable(db, answer.id, &why)?;
    match job {
        Some(job) => dlq::from_jobs(db, &[job.id], DlqKind::Answer, &why, again),
        // Put back, a page would start a run that nobody asked for: it waits for a person.
        None => dlq::add_answer(db, answer, &why, again.filter(|_| answer.pull_id.is_none())),
    }
}

fn apply_to_lead(
    db: &mut Db<'_>,
    answer: &Answered,
    lead_id: Uuid,
    job: Option<&Job>,
    context: &Context,
) -> Result<Learned, Error> {
    let Some(mut lead) = leads::load_unlocked_for_update(db, vec![lead_id])?.pop() else {
        if leads::exists(db, lead_id)? {
            return Err(Error::Busy);
        }
        if let Some(survivor) = merges::survivor_now(db, lead_id)? {
            let context = Context {
                sources: context.sources.clone(),
                history: calls::history(db, vec![survivor], settings::refresh_after_minutes())?,
                now: context.now.clone(),
            };
            return apply_to_lead(db, answer, survivor, job, &context);
        }
        // Deleted meanwhile: the answer stays in the ledger, there is nothing to do.
        return job
            .map_or(Ok(()), |job| jobs::finish(db, &[job.id]))
            .map(|()| Learned::default());
    };
    let learned = if answer.answer.is_null() {
        Learned::default()
    } else {
        learn(db, answer, &mut lead, &context.now)?
    };
    let mut purchases = facts::purchases_of(lead_id, &context.history);
    settle(&mut purchases, answer);
    let step = facts::next_step(&lead, &purchases, &context.sources);
    lead.suppressed |= lead.suppressed_reason.is_some();
    let status = if step == Step::Done {
        lead.status_for(score(&lead))
    } else {
        lead.status.clone()
    };
    leads::save_enriched(db, &lead, &status)?;
    if let Some(job) = job {
        go_on(db, &job.after_success(), &step, &status)?;
    }
    if let Some((mak, other)) = &learned.same_mak {
        one_mak(db, &lead, mak, *other)?;
    }
    Ok(learned)
}

/// Enrichment found the mak of another lead: the two are one property, or a pair for a person.
fn one_mak(db: &mut Db<'_>, lead: &Lead, mak: &str, other: Uuid) -> Result<(), Error> {
    // The worker waits for nobody who holds the other one.
    if leads::load_unlocked_for_update(db, vec![other])?.is_empty() {
        return Err(Error::Busy);
    }
    let named = [lead.id, other].map(|id| Named {
        id,
        is_strong: true,
    });
    let facts = Facts {
        mak: Some(mak.to_string()),
        ..Facts::default()
    };
    match bridge::merge_named(db, &named, &facts, bridge::ONE_MAK)? {
        Bridged::Merged { .. } => Ok(()),
        Bridged::Gone => Err(Error::Busy),
        Bridged::Apart => matches::remember(db, lead.id, other, matches::SAME_MAK).map(drop),
    }
}

fn score(lead: &Lead) -> i32 {
    crate::score::quality_score(&lead.scored())
}

/// The purchase just answered is done, as far as the next step is concerned.
fn settle(purchases: &mut [Purchase], answer: &Answered) {
    let value = match &answer.subject {
        Some(Subject::Email(value) | Subject::Phone(value)) => Some(value.as_str()),
        _ => None,
    };
    for purchase in purchases
        .iter_mut()
        .filter(|p| p.product == answer.product && p.stage == PurchaseStage::UnderWay)
    {
        if purchase.value.as_deref() == value {
            purchase.stage = PurchaseStage::Done;
        }
    }
}

/// Sends the lead's job to its next step, or ends it.
pub fn go_on(db: &mut Db<'_>, job: &Job, step: &Step, status: &str) -> Result<(), Error> {
    let next = match step {
        Step::Enrich { product, .. } | Step::Verify { product, .. } => Next {
            stage: facts::stage_of(*product),
            vendor: Some(product.name()),
            ..Next::replan(job)
        },
        Step::WaitForPurchase => Next {
            run_in: 30.0,
            waiting_for: Some("an earlier purchase".into()),
            ..Next::replan(job)
        },
        Step::WaitForDoubt => Next {
            run_in: 600.0,
            waiting_for: Some("a purchase in doubt".into()),
            ..Next::replan(job)
        },
        Step::Done => {
            let minutes = settings::second_pass_after_minutes();
            if status != "enriched" || job.pass > 1 || minutes == 0 {
                return jobs::finish(db, &[job.id]);
            }
            let waiting_for = Some("a second pass".to_string());
            Next {
                stage: "enrich",
                run_in: f64::from(minutes) * 60.0,
                waiting_for,
                pass: 2,
                ..Next::replan(job)
            }
        }
    };
    jobs::move_on(db, &[next])
}

/// Plans leads' jobs that have no next purchase yet; true when there were any.
pub fn plan(vendors: &[Vendor]) -> Result<bool, Error> {
    let sources = facts::sources(vendors);
    transact(|db| {
        if !jobs::has_unplanned(db)? {
            return Ok(false);
        }
        let claimed = jobs::claim_unplanned(db, 2 * BATCH)?;
        let ids: Vec<Uuid> = claimed.iter().filter_map(|job| job.lead_id).collect();
        let history = calls::history(db, ids.clone(), settings::refresh_after_minutes())?;
        let found = leads::load_unlocked_for_update(db, ids)?;
        for job in &claimed {
            let Some(lead) = found.iter().find(|lead| Some(lead.id) == job.lead_id) else {
                put_off_or_finish(db, job)?;
                continue;
            };
            let step = facts::next_step(lead, &facts::purchases_of(lead.id, &history), &sources);
            close_if_done(db, lead, &step)?;
            go_on(db, job, &step, &lead.status_for(score(lead)))?;
        }
        Ok(!claimed.is_empty())
    })
}

/// A job whose lead another session has locked waits a moment; one whose lead is gone is done.
pub fn put_off_or_finish(db: &mut Db<'_>, job: &Job) -> Result<(), Error> {
    match job.lead_id {
        Some(lead) if leads::exists(db, lead)? => {
            jobs::postpone(db, job.id, 2.0, "another session that works on the lead")
        }
        _ => jobs::finish(db, &[job.id]),
    }
}

/// A lead that needs nothing more gets its score and status.
pub fn close_if_done(db: &mut Db<'_>, lead: &Lead, step: &Step) -> Result<(), Error> {
    if *step == Step::Done {
        leads::rescore(db, std::slice::from_ref(lead))?;
    }
    Ok(())
}
