//! One pulled page into leads: upserts, the log of pages, the bookmark, jobs for new leads, and where the run
//! goes on. All in the transaction that applies the answer.

use pgrx::Uuid;
use serde_json::{Value, json};

use crate::bulk;
use crate::error::Error;
use crate::merging;
use crate::record;
use crate::score::quality_score;
use crate::store::calls::Answered;
use crate::store::dlq::{self, BadRecord};
use crate::store::jobs::{self, Job, Next};
use crate::store::leads::{self, Lead};
use crate::store::pulls::{self, ListEnd, Page, Phase, Progress, Pull};
use crate::store::{Db, replays, settlement, vendors};
use crate::vendors::batchdata_search::{self, PulledRecord, SearchAnswer};
use crate::vendors::{FoundContact, SearchPage, Subject};

/// What the records of a page came to.
#[derive(Default)]
struct Tally {
    new: Vec<Uuid>,
    /// Leads that were there before.
    known: Vec<Uuid>,
    records: i32,
    rejected: i32,
}

pub fn apply(
    db: &mut Db<'_>,
    answer: &Answered,
    pull_id: i32,
    job: Option<&Job>,
) -> Result<(), Error> {
    let page = batchdata_search::read(&answer.answer).map_err(|problem| {
        Error::bad_syntax(
            format!("the paid page cannot be read: {problem}"),
            "After an upgrade that reads it, call retry_dlq().",
        )
    })?;
    let asked = match &answer.subject {
        Some(Subject::Search(asked)) => asked.clone(),
        _ => SearchPage::default(),
    };
    let Some(pull) = pulls::load_for_update(db, pull_id)? else {
        // Deleted meanwhile: what was paid for is stored all the same.
        let source = vendors::source_of(db, answer.product.name())?.unwrap_or_default();
        let tally = store_records(db, &source, pull_id, None, &page)?;
        jobs::enqueue_leads(db, tally.new, None)?;
        return job.map_or(Ok(()), |job| jobs::finish(db, &[job.id]));
    };
    let lost = lost_records(db, answer, &pull, &page, &asked)?;
    let ids: Vec<String> = page
        .records
        .iter()
        .map(|record| record.vendor_record_id.clone())
        .collect();
    let has_known = pulls::has_seen(db, &pull.source, &pull.query_sig, &ids)?;
    let campaign = pull.campaign.as_deref();
    let tally = store_records(db, &pull.source, pull.id, campaign, &page)?;
    jobs::enqueue_leads(db, tally.new.clone(), campaign)?;
    let end = if lost {
        ListEnd::Ahead
    } else {
        list_end(&page, &asked)
    };
    let progress = match pull.phase {
        Phase::Head => head_page(db, &pull, &page, &ids, has_known, end)?,
        Phase::Backfill | Phase::Idle => backfill_page(db, &pull, &page, &ids, end)?,
    };
    let is_over = progress.outcome.is_some();
    pulls::progress(
        db,
        pull.id,
        &Progress {
            records: tally.records,
            new: i32::try_from(tally.new.len()).unwrap_or(i32::MAX),
            rejected: tally.rejected,
            ..progress
        },
    )?;
    match job {
        Some(job) if is_over => jobs::finish(db, &[job.id]),
        Some(job) => jobs::move_on(
            db,
            &[Next {
                stage: "pull",
                vendor: Some(answer.product.name()),
                ..Next::replan(&job.after_success())
            }],
        ),
        None => Ok(()),
    }
}

fn store_records(
    db: &mut Db<'_>,
    source: &str,
    pull_id: i32,
    campaign: Option<&str>,
    page: &SearchAnswer,
) -> Result<Tally, Error> {
    let mut tally = Tally::default();
    let records: Vec<Value> = page
        .records
        .iter()
        .map(|record| lead_record(pull_id, record))
        .collect();
    // The whole page is tried again when it is the database that refuses.
    let members = records.iter().cloned().map(record::members);
    let stored = bulk::upsert_all(source, members.map(Result::ok).collect())?;
    for ((record, json), outcome) in page.records.iter().zip(records).zip(stored) {
        tally.records += 1;
        match outcome {
            Ok(upserted) => {
                // A later record of the page may have shown that it is another lead's property.
                let lead_id = merging::current(db, upserted.lead_id)?;
                heed_flags(db, lead_id, record)?;
                let met = if upserted.is_new {
                    &mut tally.new
                } else {
                    &mut tally.known
                };
                met.push(lead_id);
            }
            Err(error) => {
                tally.rejected += 1;
                let payload = json!({"source": source, "record": json});
                reject(db, pull_id, payload, &error.to_string())?;
            }
        }
    }
    for (record, reason) in &page.unreadable {
        tally.records += 1;
        tally.rejected += 1;
        reject(
            db,
            pull_id,
            json!({"source": source, "record": record}),
            reason,
        )?;
    }
    route_again(db, std::mem::take(&mut tally.known), campaign)?;
    Ok(tally)
}

/// A record of a lead that was routed before may have brought what its score counts (an age, a parcel number):
/// its score and status follow, and where the status changed, the waterfall looks at it once more, for the pull's campaign.
fn route_again(db: &mut Db<'_>, known: Vec<Uuid>, campaign: Option<&str>) -> Result<(), Error> {
    let mut routed = leads::load_for_update(db, known)?;
    routed.retain(|lead| lead.status != "new");
    if routed.is_empty() {
        return Ok(());
    }
    leads::rescore(db, &routed)?;
    let changed = |lead: &Lead| lead.status_for(quality_score(&lead.scored())) != lead.status;
    let again = routed
        .iter()
        .filter(|lead| changed(lead))
        .map(|lead| lead.id)
        .collect();
    jobs::enqueue_leads(db, again, campaign).map(drop)
}

/// A dead owner, or one who sues callers, is never contacted.
fn heed_flags(db: &mut Db<'_>, lead_id: Uuid, record: &PulledRecord) -> Result<(), Error> {
    for (reason, flag) in [
        ("deceased", record.flags.deceased),
        ("litigator", record.flags.litigator),
    ] {
        if flag == Some(true) {
            leads::suppress(db, lead_id, reason)?;
        }
    }
    Ok(())
}

/// A bad record is parked with all that came, and the others go in.
fn reject(db: &mut Db<'_>, pull_id: i32, payload: Value, reason: &str) -> Result<(), Error> {
    dlq::add_record(
        db,
        &BadRecord {
            payload,
            error: reason.to_string(),
            pull_id: Some(pull_id),
        },
    )
}

/// A request sent again was answered by an empty page, though the vendor's session counts more records than have
/// arrived: they were billed and lost with the first answer. The loss goes into the books and before a person.
fn lost_records(
    db: &mut Db<'_>,
    answer: &Answered,
    pull: &Pull,
    page: &SearchAnswer,
    asked: &SearchPage,
) -> Result<bool, Error> {
    let is_empty = page.records.is_empty() && page.unreadable.is_empty();
    let (Some(session), Some(delivered)) = (asked.session.as_deref(), page.delivered) else {
        return Ok(false);
    };
    if !is_empty || !replays::was_replayed(db, answer.id)? {
        return Ok(false);
    }
    let arrived = replays::delivered(db, pull.id, session)?;
    let lost = i64::try_from(delivered).unwrap_or(i64::MAX) - arrived;
    if lost <= 0 {
        return Ok(false);
    }
    settlement::charge_lost(db, answer.id, lost)?;
    let payload = json!({"call_id": answer.id, "lost_records": lost});
    reject(
        db,
        pull.id,
        payload,
        "the vendor billed records that it did not deliver again",
    )?;
    Ok(true)
}

/// The vendor's record under our own names, with its list and contact points.
fn lead_record(pull_id: i32, pulled: &PulledRecord) -> Value {
    let mut record = pulled.record.clone();
    if let Value::Object(fields) = &mut record {
        fields.insert("vendor_record_id".into(), json!(pulled.vendor_record_id));
        fields
            .entry("vendor_list_id")
            .or_insert_with(|| json!(format!("pull-{pull_id}")));
        let (phones, emails): (Vec<_>, Vec<_>) = pulled
            .contacts
            .iter()
            .partition(|contact| matches!(contact, FoundContact::Phone(_)));
        for (name, found) in [("phones", phones), ("emails", emails)] {
            if !found.is_empty() {
                fields.insert(name.into(), found.into_iter().map(contact).collect());
            }
        }
    }
    record
}

fn contact(found: &FoundContact) -> Value {
    match found {
        FoundContact::Phone(phone) => {
            json!({"phone": phone.number, "type": phone.phone_type, "score": phone.score, "dnc": phone.dnc, "tcpa": phone.tcpa})
        }
        FoundContact::Email(email) => json!({"email": email.email, "score": email.score}),
    }
}

/// Where a page stands in the vendor's list. With the vendor's own cursor only an empty page or a missing cursor
/// is the end: a session that leaves delivered records out may deliver short pages before it.
fn list_end(page: &SearchAnswer, asked: &SearchPage) -> ListEnd {
    let count = page.records.len() + page.unreadable.len();
    let is_short = u32::try_from(count).is_ok_and(|count| count < asked.take);
    let is_last = count == 0 || (page.next_cursor.is_none() && (is_short || asked.skip.is_none()));
    if is_last {
        ListEnd::Reached
    } else {
        ListEnd::Ahead
    }
}

/// A page of the newest records: unknown ones on it are taken too, and a known one ends the head.
fn head_page(
    db: &mut Db<'_>,
    pull: &Pull,
    page: &SearchAnswer,
    ids: &[String],
    has_known: bool,
    end: ListEnd,
) -> Result<Progress, Error> {
    let number = pull.head_page + 1;
    pulls::log_page(
        db,
        &Page {
            source: &pull.source,
            query_sig: &pull.query_sig,
            params: Some(&pull.params),
            number,
            vendor_ids: ids,
        },
    )?;
    let is_over = has_known || end == ListEnd::Reached;
    let (phase, outcome) = match (is_over, pull.is_exhausted) {
        (false, _) => (Phase::Head, None),
        (true, false) => (Phase::Backfill, None),
        (true, true) => (
            Phase::Idle,
            Some("caught up with the newest records".to_string()),
        ),
    };
    Ok(Progress {
        phase,
        head_page: number,
        head_cursor: page.next_cursor.clone(),
        outcome,
        ..nothing(page)
    })
}

/// The next page of the list: known ids on it are skipped by the upsert, and only the list's end ends it.
fn backfill_page(
    db: &mut Db<'_>,
    pull: &Pull,
    page: &SearchAnswer,
    ids: &[String],
    end: ListEnd,
) -> Result<Progress, Error> {
    let number = pull.bookmark_page + 1;
    let logged = Page {
        source: &pull.source,
        query_sig: &pull.query_sig,
        params: Some(&pull.params),
        number,
        vendor_ids: ids,
    };
    if !ids.is_empty() {
        pulls::log_page(db, &logged)?;
    }
    pulls::move_bookmark(db, &logged, page.next_cursor.as_deref(), end)?;
    let (phase, outcome) = match end {
        ListEnd::Ahead => (Phase::Backfill, None),
        ListEnd::Reached => (Phase::Idle, Some("reached the end of the list".to_string())),
    };
    Ok(Progress {
        phase,
        head_page: pull.head_page,
        head_cursor: None,
        outcome,
        ..nothing(page)
    })
}

fn nothing(page: &SearchAnswer) -> Progress {
    Progress {
        phase: Phase::Idle,
        head_page: 0,
        head_cursor: None,
        records: 0,
        new: 0,
        rejected: 0,
        found: page.found.and_then(|found| i64::try_from(found).ok()),
        outcome: None,
    }
}
