//! The purchase ledger: one row per thing bought, moved one way (see sql/install/spend.sql).

use std::collections::{BTreeMap, HashMap};

use pgrx::JsonB;
use pgrx::Uuid;
use serde_json::{Value, json};

use super::Db;
use super::plan::{column, required, scalar, select, write};
use super::scopes::Payers;
use crate::canonical;
use crate::error::Error;
use crate::money::Money;
use crate::vendors::{Item, Product, Subject};

/// A purchase about to be reserved.
#[derive(Debug, Clone)]
pub struct NewCall {
    pub job_id: i64,
    pub product: Product,
    pub stage: &'static str,
    pub lead_id: Option<Uuid>,
    pub pull_id: Option<i32>,
    pub purchase_key: String,
    pub generation: i32,
    pub subject: Subject,
    pub units: i64,
    pub amount: Money,
    /// Whose money it is.
    pub campaign: Option<String>,
    /// The purchase in doubt that is made again.
    pub rebuys_call_id: Option<i64>,
}

impl NewCall {
    /// Who pays for it.
    pub fn payers(&self) -> Payers {
        Payers {
            vendor: self.product.name().to_string(),
            pull_id: self.pull_id,
            campaign: self.campaign.clone(),
            is_rebuy: self.rebuys_call_id.is_some(),
        }
    }
}

/// What an earlier purchase of a lead came to, for the planner.
#[derive(Debug, Clone)]
pub struct Bought {
    pub id: i64,
    pub lead_id: Uuid,
    pub product: String,
    pub value: Option<String>,
    pub state: String,
    pub generation: i32,
    /// Answered within `refresh_after`, or not answered yet.
    pub is_fresh: bool,
}

/// The row that stands in the way of a purchase: the same thing, bought before.
#[derive(Debug, Clone)]
pub struct Existing {
    pub id: i64,
    pub purchase_key: String,
    pub generation: i32,
    pub state: String,
    pub has_answer: bool,
}

/// A paid answer that waits to be applied.
#[derive(Debug, Clone)]
pub struct Answered {
    pub id: i64,
    pub product: Product,
    pub lead_id: Option<Uuid>,
    pub pull_id: Option<i32>,
    pub answer: Value,
    pub subject: Option<Subject>,
}

/// An open purchase after a restart, or one to be asked about.
#[derive(Debug, Clone)]
pub struct OpenCall {
    pub id: i64,
    pub product: Product,
    pub subject: Subject,
}

const HISTORY: &str = "
SELECT lead_id, vendor, COALESCE(subject ->> 'email', subject ->> 'phone'), state, generation,
       COALESCE(answered_at, resolved_at) IS NULL OR COALESCE(answered_at, resolved_at) > now() - make_interval(mins => $2), id
FROM vendor_calls c
WHERE lead_id = ANY ($1) AND state <> 'released' AND resolution IS DISTINCT FROM 'not_charged' AND resolution IS DISTINCT FROM 'replayed'
  -- What was bought again is no doubt that anybody waits for.
  AND NOT (state = 'in_doubt' AND EXISTS (SELECT FROM vendor_calls r WHERE r.rebuys_call_id = c.id AND r.state <> 'released'))";

const SPENT_ON: &str = "
SELECT lead_id, (sum(COALESCE(settled_amount, reserved_amount)) * 1000000)::bigint
FROM vendor_calls
WHERE lead_id = ANY ($1) AND state <> 'released' AND reserved_at > now() - make_interval(mins => $2)
GROUP BY lead_id";

// What was in doubt and bought again is not bought once more, whatever becomes of the doubt.
const INSERT: &str = "
INSERT INTO vendor_calls (vendor, stage, lead_id, pull_id, purchase_key, generation, subject, epoch, day, reserved_amount, reserved_units, campaign, rebuys_call_id)
SELECT vendor, stage, lead_id, pull_id, purchase_key, generation, subject, $2, $3::date, amount * 0.000001, units, campaign, rebuys_call_id
FROM jsonb_to_recordset($1) AS n (n integer, vendor text, stage text, lead_id uuid, pull_id integer, purchase_key text, generation integer,
                                  subject jsonb, amount bigint, units integer, campaign text, rebuys_call_id bigint)
WHERE NOT EXISTS (SELECT FROM vendor_calls r WHERE r.purchase_key = n.purchase_key AND r.generation > n.generation AND r.rebuys_call_id IS NOT NULL
    AND state <> 'released' AND resolution IS DISTINCT FROM 'not_charged' AND resolution IS DISTINCT FROM 'replayed' AND reuses_call_id IS NULL)
ORDER BY n
ON CONFLICT DO NOTHING
RETURNING id, purchase_key, generation";

const EXISTING: &str = "
SELECT c.id, c.purchase_key, c.generation, c.state, c.answer IS NOT NULL AND c.poll_at IS NULL AS has_answer
FROM vendor_calls c
JOIN jsonb_to_recordset($1) AS n (key text, generation integer) ON c.purchase_key = n.key AND c.generation >= n.generation
WHERE state <> 'released' AND resolution IS DISTINCT FROM 'not_charged' AND resolution IS DISTINCT FROM 'replayed' AND reuses_call_id IS NULL
ORDER BY has_answer DESC, c.generation DESC";

const REUSE: &str = "
INSERT INTO vendor_calls (vendor, stage, lead_id, pull_id, purchase_key, generation, subject, state, epoch, day, reserved_amount, reserved_units,
                          settled_amount, units, matched, answer, reuses_call_id, answered_at)
SELECT vendor, stage, $2, $3, purchase_key, generation, $6, 'answered', $4, $5::date, 0, 0, 0, 0, matched, answer, id, now()
FROM vendor_calls WHERE id = $1
RETURNING id";

const SEND: &str = "
UPDATE vendor_calls c SET state = 'sending', request_id = n.request_id, sent_at = clock_timestamp()
FROM unnest($1, $2) AS n (id, request_id)
WHERE c.id = n.id AND c.state = 'reserved' AND c.epoch = $3 AND EXISTS (SELECT FROM worker_state WHERE epoch = $3)";

const POLL_LATER: &str = "
UPDATE vendor_calls SET
    polls = polls + 1,
    poll_at = CASE WHEN $2 IS NOT NULL THEN clock_timestamp() + make_interval(secs => $2) END,
    error = $3
WHERE id = $1";

const TO_POLL: &str = "
SELECT id, vendor, subject FROM vendor_calls
WHERE state IN ('answered', 'in_doubt') AND poll_at <= clock_timestamp() AND subject IS NOT NULL AND NOT id = ANY ($1) AND vendor = ANY ($2)
ORDER BY poll_at LIMIT 100";

const NEXT_POLL: &str = "
SELECT extract(epoch FROM min(poll_at) - clock_timestamp())::float8 FROM vendor_calls WHERE state IN ('answered', 'in_doubt') AND poll_at IS NOT NULL AND vendor = ANY ($1)";

const TO_APPLY: &str = "
SELECT id, vendor, lead_id, pull_id, answer, subject
FROM vendor_calls
WHERE state = 'answered' AND poll_at IS NULL AND apply_error IS NULL
ORDER BY id LIMIT $1";

const APPLIED: &str = "
UPDATE vendor_calls SET state = 'applied', verified = $2, new_emails = $3, new_phones = $4, applied_at = clock_timestamp()
WHERE id = $1 AND state = 'answered'";

const UNREADABLE: &str =
    "UPDATE vendor_calls SET apply_error = $2 WHERE id = $1 AND state = 'answered'";

const LEFT_OPEN: &str = "
SELECT id, vendor, state FROM vendor_calls WHERE state IN ('reserved', 'sending') AND epoch <> $1 ORDER BY id";

const STATE: &str = "SELECT state, vendor FROM vendor_calls WHERE id = $1 FOR UPDATE";

/// The purchase of one thing from one vendor, as a keyed hash. `bought`: an e-mail or a phone in its canonical form,
/// a property by the hash of its address.
pub fn purchase_key(hash_key: &[u8], vendor: &str, bought: &str) -> String {
    canonical::keyed_hash(hash_key, &[vendor, bought])
}

/// What was bought for these leads before, released and not-charged purchases left out.
pub fn history(
    db: &Db<'_>,
    leads: Vec<Uuid>,
    refresh_after_minutes: i32,
) -> Result<Vec<Bought>, Error> {
    select(db, HISTORY, &[leads.into(), refresh_after_minutes.into()])?
        .map(|row| {
            Ok(Bought {
                id: required(&row, 7)?,
                lead_id: required(&row, 1)?,
                product: required(&row, 2)?,
                value: column(&row, 3)?,
                state: required(&row, 4)?,
                generation: required(&row, 5)?,
                is_fresh: required(&row, 6)?,
            })
        })
        .collect()
}

/// What was spent on leads, or is reserved for them, within `refresh_after`.
pub fn spent_on(
    db: &Db<'_>,
    leads: Vec<Uuid>,
    refresh_after_minutes: i32,
) -> Result<HashMap<Uuid, Money>, Error> {
    select(db, SPENT_ON, &[leads.into(), refresh_after_minutes.into()])?
        .map(|row| Ok((required(&row, 1)?, Money::from_micros(required(&row, 2)?))))
        .collect()
}

/// Inserts reserved purchases. Those that were bought before are missing from the result, by key and generation.
pub fn insert(
    db: &mut Db<'_>,
    calls: &[NewCall],
    epoch: i64,
    day: &str,
) -> Result<BTreeMap<(String, i32), i64>, Error> {
    let rows: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(n, call)| {
            json!({
                "n": n, "vendor": call.product.name(), "stage": call.stage, "lead_id": call.lead_id.map(|id| id.to_string()),
                "pull_id": call.pull_id, "purchase_key": call.purchase_key, "generation": call.generation,
                "subject": call.subject, "amount": call.amount.micros(), "units": call.units,
                "campaign": call.campaign, "rebuys_call_id": call.rebuys_call_id,
            })
        })
        .collect();
    write(
        db,
        INSERT,
        &[JsonB(Value::Array(rows)).into(), epoch.into(), day.into()],
    )?
    .map(|row| Ok(((required(&row, 2)?, required(&row, 3)?), required(&row, 1)?)))
    .collect()
}

/// The purchases that stand in the way of `calls`, of their generation or a later one; the best to use comes first:
/// the latest that has an answer, else the latest.
pub fn existing(db: &mut Db<'_>, calls: &[&NewCall]) -> Result<Vec<Existing>, Error> {
    let keys: Vec<Value> = calls
        .iter()
        .map(|call| json!({"key": call.purchase_key, "generation": call.generation}))
        .collect();
    write(db, EXISTING, &[JsonB(Value::Array(keys)).into()])?
        .map(|row| {
            Ok(Existing {
                id: required(&row, 1)?,
                purchase_key: required(&row, 2)?,
                generation: required(&row, 3)?,
                state: required(&row, 4)?,
                has_answer: required(&row, 5)?,
            })
        })
        .collect()
}

/// Records that a lead uses the answer of an earlier purchase, for nothing; the new row waits to be applied.
pub fn reuse(
    db: &mut Db<'_>,
    existing: i64,
    call: &NewCall,
    epoch: i64,
    day: &str,
) -> Result<i64, Error> {
    // The lead's own spelling, so that its history knows what was asked.
    let subject = serde_json::to_value(&call.subject)
        .map_err(|_| Error::Internal("a subject is no JSON".into()))?;
    scalar(write(
        db,
        REUSE,
        &[
            existing.into(),
            call.lead_id.into(),
            call.pull_id.into(),
            epoch.into(),
            day.into(),
            JsonB(subject).into(),
        ],
    )?)?
    .ok_or_else(|| Error::Internal("the purchase to reuse vanished".into()))
}

/// Moves reserved purchases, each with the number of its request, to `sending`; the number that moved. None of them,
/// when another worker has taken over.
pub fn mark_sending(db: &mut Db<'_>, calls: &[(i64, i64)], epoch: i64) -> Result<usize, Error> {
    let (ids, request_ids): (Vec<i64>, Vec<i64>) = calls.iter().copied().unzip();
    Ok(write(db, SEND, &[ids.into(), request_ids.into(), epoch.into()])?.len())
}

/// Puts the next free question off by `seconds`; None: do not ask any more.
pub fn poll_later(
    db: &mut Db<'_>,
    id: i64,
    seconds: Option<f64>,
    why: Option<&str>,
) -> Result<(), Error> {
    write(db, POLL_LATER, &[id.into(), seconds.into(), why.into()])?;
    Ok(())
}

/// Purchases of these vendors whose free question is due and not under way.
pub fn to_poll(
    db: &Db<'_>,
    under_way: Vec<i64>,
    vendors: Vec<String>,
) -> Result<Vec<OpenCall>, Error> {
    let mut open = Vec::new();
    for row in select(db, TO_POLL, &[under_way.into(), vendors.into()])? {
        let subject: JsonB = required(&row, 3)?;
        let vendor: String = required(&row, 2)?;
        if let (Some(product), Ok(subject)) = (
            Product::from_name(&vendor),
            serde_json::from_value(subject.0),
        ) {
            open.push(OpenCall {
                id: required(&row, 1)?,
                product,
                subject,
            });
        }
    }
    Ok(open)
}

/// Seconds until the next free question to one of these vendors.
pub fn next_poll_in(db: &Db<'_>, vendors: Vec<String>) -> Result<Option<f64>, Error> {
    scalar(select(db, NEXT_POLL, &[vendors.into()])?)
}

/// Answers that wait to be applied, oldest first.
pub fn to_apply(db: &Db<'_>, limit: i64) -> Result<Vec<Answered>, Error> {
    let mut answers = Vec::new();
    for row in select(db, TO_APPLY, &[limit.into()])? {
        let vendor: String = required(&row, 2)?;
        let Some(product) = Product::from_name(&vendor) else {
            continue;
        };
        answers.push(Answered {
            id: required(&row, 1)?,
            product,
            lead_id: column(&row, 3)?,
            pull_id: column(&row, 4)?,
            answer: column::<JsonB>(&row, 5)?.map_or(Value::Null, |json| json.0),
            subject: column::<JsonB>(&row, 6)?.and_then(|json| serde_json::from_value(json.0).ok()),
        });
    }
    Ok(answers)
}

/// The answer has reached its lead. `verified`: how a verification ended; `new_points`: e-mails and phones worth
/// checking that an enrichment brought, or that a check made earn points.
pub fn mark_applied(
    db: &mut Db<'_>,
    id: i64,
    verified: Option<bool>,
    new_points: Option<(usize, usize)>,
) -> Result<(), Error> {
    let small = |count: usize| i16::try_from(count).unwrap_or(i16::MAX);
    let args = [
        id.into(),
        verified.into(),
        new_points.map(|(emails, _)| small(emails)).into(),
        new_points.map(|(_, phones)| small(phones)).into(),
    ];
    write(db, APPLIED, &args)?;
    Ok(())
}

/// Keeps a paid answer that could not be applied from being tried again by itself.
pub fn mark_unreadable(db: &mut Db<'_>, id: i64, why: &str) -> Result<(), Error> {
    write(db, UNREADABLE, &[id.into(), why.into()])?;
    Ok(())
}

/// Purchases that earlier workers left reserved or sending.
pub fn left_open(db: &Db<'_>, epoch: i64) -> Result<Vec<(i64, String, String)>, Error> {
    select(db, LEFT_OPEN, &[epoch.into()])?
        .map(|row| Ok((required(&row, 1)?, required(&row, 2)?, required(&row, 3)?)))
        .collect()
}

/// State and vendor of a purchase, locked.
pub fn state_for_update(db: &mut Db<'_>, id: i64) -> Result<Option<(String, String)>, Error> {
    match write(db, STATE, &[id.into()])?.next() {
        Some(row) => Ok(Some((required(&row, 1)?, required(&row, 2)?))),
        None => Ok(None),
    }
}

/// The request items of ledger rows.
pub fn item(id: i64, subject: Subject) -> Item {
    Item {
        id: id.to_string(),
        subject,
    }
}

const POLLS: &str = "SELECT polls FROM vendor_calls WHERE id = $1";

/// How often a purchase was asked about.
pub fn polls(db: &Db<'_>, id: i64) -> Result<i32, Error> {
    Ok(scalar(select(db, POLLS, &[id.into()])?)?.unwrap_or(0))
}
