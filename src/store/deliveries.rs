//! Hand-outs on their way to the campaign tool. The lead's row is always locked before the hand-out's.

use pgrx::{JsonB, Uuid};
use serde_json::Value;

use super::Db;
use super::plan::{column, required, scalar, select, write};
use crate::error::Error;

/// A hand-out that waits to be sent.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub id: i64,
    pub lead_id: Uuid,
    pub vendor_campaign_id: String,
    pub attempts: i32,
}

/// What becomes of a hand-out. The words are those of `campaign_handouts.delivery`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    Accepted,
    Skipped,
    Blocked,
    Invalid,
    Unsent,
}

impl Delivery {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Skipped => "skipped",
            Self::Blocked => "blocked",
            Self::Invalid => "invalid",
            Self::Unsent => "unsent",
        }
    }

    /// The `campaign_status` of a lead that was queued until now.
    fn campaign_status(self) -> &'static str {
        match self {
            Self::Accepted => "active",
            Self::Skipped | Self::Unsent => "paused",
            Self::Blocked => "do_not_contact",
            Self::Invalid => "bounced",
        }
    }
}

/// How one hand-out ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub id: i64,
    pub delivery: Delivery,
    pub vendor_lead_id: Option<String>,
}

/// A lead to be taken out of its campaign.
pub struct Recall {
    pub id: i64,
    pub vendor_lead_id: String,
}

const RECOVER: &str = "
UPDATE campaign_handouts SET delivery = 'queued', run_at = now() WHERE delivery = 'sending'";

// One request is about one campaign. The oldest first; those of a disabled campaign wait.
const TAKE: &str = "
WITH due AS (
    SELECT h.id, h.lead_id, h.vendor_campaign_id, h.alone, h.attempts, h.run_at
    FROM campaign_handouts h
    JOIN campaigns c ON c.name = h.campaign AND c.enabled
    WHERE h.delivery = 'queued' AND h.run_at <= clock_timestamp()
), first AS (
    SELECT vendor_campaign_id, alone FROM due ORDER BY run_at, id LIMIT 1
)
SELECT d.id, d.lead_id, d.vendor_campaign_id, d.attempts
FROM due d JOIN first f ON f.vendor_campaign_id = d.vendor_campaign_id AND f.alone = d.alone
ORDER BY d.run_at, d.id
LIMIT (SELECT CASE WHEN alone THEN 1 ELSE $1 END FROM first)";

// Fenced: a worker that has been replaced marks nothing, and so sends nothing.
const SENDING: &str = "
UPDATE campaign_handouts SET delivery = 'sending', attempts = attempts + 1
WHERE id = ANY ($1) AND delivery = 'queued' AND EXISTS (SELECT FROM worker_state WHERE epoch = $2)";

const POSTPONE: &str = "
UPDATE campaign_handouts SET run_at = clock_timestamp() + make_interval(secs => $2) WHERE id = ANY ($1)";

const REQUEUE: &str = "
UPDATE campaign_handouts SET delivery = 'queued', alone = alone OR $2, attempts = attempts - CASE WHEN $3 THEN 0 ELSE 1 END,
                             run_at = clock_timestamp() + make_interval(secs => $4)
WHERE id = ANY ($1) AND delivery = 'sending'";

const UNCLEAR: &str = "
UPDATE campaign_handouts SET delivery = 'unclear', vendor_counts = $2, run_at = now() WHERE id = ANY ($1) AND delivery = 'sending'";

// Sent by a worker that died over it, and opted out since: asked about, and not sent again.
const DOUBT: &str = "
UPDATE campaign_handouts SET delivery = 'unclear', vendor_counts = NULL, run_at = now() WHERE id = ANY ($1) AND delivery = 'queued'";

const SEND_ALONE: &str = "
UPDATE campaign_handouts SET delivery = 'queued', alone = true, run_at = now() WHERE id = ANY ($1) AND delivery = 'unclear'";

const LOCK_LEADS: &str = "
SELECT l.id FROM leads l WHERE l.id IN (SELECT lead_id FROM campaign_handouts WHERE id = ANY ($1)) ORDER BY l.id FOR NO KEY UPDATE";

// A hand-out that was opted out meanwhile is taken back at once: run_at is when.
const SETTLE: &str = "
UPDATE campaign_handouts h SET delivery = n.delivery, vendor_lead_id = COALESCE(n.vendor_lead_id, h.vendor_lead_id), delivered_at = now(), run_at = now(),
       recall_asked_at = CASE WHEN n.delivery IN ('blocked', 'invalid', 'unsent') THEN NULL ELSE h.recall_asked_at END
FROM jsonb_to_recordset($1) AS n (id bigint, delivery text, vendor_lead_id text)
WHERE h.id = n.id";

// What the tool has told of the lead meanwhile says more.
const SETTLE_LEADS: &str = "
UPDATE leads l SET campaign_status = n.campaign_status::campaign_status, updated_at = now()
FROM jsonb_to_recordset($1) AS n (id bigint, campaign_status text) JOIN campaign_handouts h ON h.id = n.id
WHERE l.id = h.lead_id AND l.campaign_status = 'queued' AND l.suppressed_at IS NULL";

const PUT_BACK: &str = "
UPDATE leads SET added_to_campaign_at = NULL, campaign_status = 'new', instantly_campaign_id = NULL, updated_at = now()
WHERE id = ANY ($1) AND campaign_status = 'queued' AND suppressed_at IS NULL";

const UNCLEAR_DUE: &str = "
SELECT id, lead_id, vendor_campaign_id, attempts FROM campaign_handouts
WHERE delivery = 'unclear' AND run_at <= clock_timestamp() AND id <> ALL ($1)
ORDER BY run_at, id LIMIT $2";

const COUNTS: &str = "SELECT id, vendor_counts FROM campaign_handouts WHERE id = ANY ($1)";

const RECALLS: &str = "
SELECT h.id, h.vendor_lead_id FROM campaign_handouts h
WHERE h.delivery = 'accepted' AND h.recall_asked_at IS NOT NULL AND h.recalled_at IS NULL AND h.vendor_lead_id IS NOT NULL
  AND h.run_at <= clock_timestamp() AND h.id <> ALL ($1)
ORDER BY h.run_at, h.id LIMIT $2";

// The tool told of these itself.
const KNOWN_THERE: &str = "
UPDATE campaign_handouts h SET recalled_at = now()
FROM leads l
WHERE h.delivery = 'accepted' AND h.recall_asked_at IS NOT NULL AND h.recalled_at IS NULL AND l.id = h.lead_id AND l.campaign_status = 'unsubscribed'";

const RECALLED: &str = "
UPDATE campaign_handouts SET delivery = 'recalled', recalled_at = now(), vendor_lead_id = NULL WHERE id = $1";

// A lead that was opted out meanwhile may have arrived: it is looked for until that is known.
const FAIL: &str = "
WITH failed AS (
    UPDATE campaign_handouts SET
        delivery = CASE WHEN recall_asked_at IS NULL THEN 'failed' ELSE 'unclear' END,
        run_at = CASE WHEN recall_asked_at IS NULL THEN run_at ELSE clock_timestamp() + interval '1 min' END
    WHERE id = ANY ($1) AND delivery IN ('queued', 'sending', 'unclear') RETURNING *
)
INSERT INTO dlq (stage, payload, error, retry_after, attempts, kind, lead_id)
SELECT 'campaign', jsonb_build_object('handout_id', id, 'campaign', campaign), $2, clock_timestamp() + make_interval(secs => $3), attempts, 'handout', lead_id
FROM failed WHERE delivery = 'failed'";

const RETRY: &str = "
WITH back AS (
    DELETE FROM dlq WHERE kind = 'handout' AND (id = ANY ($1) OR ($1 IS NULL AND retry_after <= clock_timestamp())) RETURNING payload
)
UPDATE campaign_handouts h SET delivery = 'queued', run_at = now(), alone = true, 
       -- Never back to 0: it may have arrived.
       attempts = CASE WHEN $1 IS NULL THEN h.attempts ELSE LEAST(h.attempts, 1) END
FROM back b WHERE h.id = (b.payload ->> 'handout_id')::bigint AND h.delivery = 'failed'";

const NEXT: &str = "
SELECT extract(epoch FROM LEAST(
    (SELECT min(h.run_at) FROM campaign_handouts h JOIN campaigns c ON c.name = h.campaign AND c.enabled WHERE h.delivery = 'queued'),
    (SELECT min(run_at) FROM campaign_handouts WHERE delivery = 'unclear' AND id <> ALL ($1)),
    (SELECT min(run_at) FROM campaign_handouts
     WHERE delivery = 'accepted' AND recall_asked_at IS NOT NULL AND recalled_at IS NULL AND vendor_lead_id IS NOT NULL AND id <> ALL ($1)),
    (SELECT min(retry_after) FROM dlq WHERE kind = 'handout')
) - clock_timestamp())::float8";

/// What an earlier worker was sending is sent again: the vendor skips whom it has.
pub fn recover(db: &mut Db<'_>) -> Result<(), Error> {
    write(db, RECOVER, &[])?;
    Ok(())
}

fn waiting(rows: pgrx::spi::SpiTupleTable<'_>) -> Result<Vec<Waiting>, Error> {
    rows.map(|row| {
        Ok(Waiting {
            id: required(&row, 1)?,
            lead_id: required(&row, 2)?,
            vendor_campaign_id: required(&row, 3)?,
            attempts: required(&row, 4)?,
        })
    })
    .collect()
}

/// Due hand-outs of one campaign, at most `limit`.
pub fn take(db: &Db<'_>, limit: i64) -> Result<Vec<Waiting>, Error> {
    waiting(select(db, TAKE, &[limit.into()])?)
}

/// Hand-outs of which the vendor has not told what became of them, apart from those being asked about.
pub fn unclear(db: &Db<'_>, asking: Vec<i64>, limit: i64) -> Result<Vec<Waiting>, Error> {
    waiting(select(db, UNCLEAR_DUE, &[asking.into(), limit.into()])?)
}

/// How many were marked; fewer than given: another worker has taken over.
pub fn mark_sending(db: &mut Db<'_>, ids: Vec<i64>, epoch: i64) -> Result<usize, Error> {
    Ok(write(db, SENDING, &[ids.into(), epoch.into()])?.len())
}

pub fn postpone(db: &mut Db<'_>, ids: Vec<i64>, seconds: f64) -> Result<(), Error> {
    write(db, POSTPONE, &[ids.into(), seconds.into()])?;
    Ok(())
}

/// How a request that has to be sent again counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try {
    /// It was an attempt.
    Counted,
    /// The vendor looked at nothing.
    Free,
}

/// Puts hand-outs back that were being sent. `alone`: each in a request of its own.
pub fn requeue(
    db: &mut Db<'_>,
    ids: Vec<i64>,
    alone: bool,
    tried: Try,
    seconds: f64,
) -> Result<(), Error> {
    let counts = tried == Try::Counted;
    write(
        db,
        REQUEUE,
        &[ids.into(), alone.into(), counts.into(), seconds.into()],
    )?;
    Ok(())
}

/// Sent, and the vendor did not say what became of them: it is asked next.
pub fn mark_unclear(db: &mut Db<'_>, ids: Vec<i64>, counts: Value) -> Result<(), Error> {
    write(db, UNCLEAR, &[ids.into(), JsonB(counts).into()])?;
    Ok(())
}

/// Sent perhaps, and not to be sent again: the vendor is asked.
pub fn doubt(db: &mut Db<'_>, ids: Vec<i64>) -> Result<(), Error> {
    write(db, DOUBT, &[ids.into()])?;
    Ok(())
}

/// Asked about in vain: sent again, each in a request of its own.
pub fn send_alone(db: &mut Db<'_>, ids: Vec<i64>) -> Result<(), Error> {
    write(db, SEND_ALONE, &[ids.into()])?;
    Ok(())
}

/// What the vendor counted when it took these.
pub fn counts(db: &Db<'_>, ids: Vec<i64>) -> Result<Vec<(i64, Value)>, Error> {
    select(db, COUNTS, &[ids.into()])?
        .map(|row| {
            let counts = column::<JsonB>(&row, 2)?.map_or(Value::Null, |json| json.0);
            Ok((required(&row, 1)?, counts))
        })
        .collect()
}

/// Stores how hand-outs ended, on them and on their leads.
pub fn settle(db: &mut Db<'_>, outcomes: &[Outcome]) -> Result<(), Error> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = outcomes.iter().map(|outcome| outcome.id).collect();
    write(db, LOCK_LEADS, &[ids.into()])?;
    let rows: Vec<Value> = outcomes
        .iter()
        .map(|outcome| {
            serde_json::json!({
                "id": outcome.id, "delivery": outcome.delivery.as_str(), "vendor_lead_id": outcome.vendor_lead_id,
                "campaign_status": outcome.delivery.campaign_status(),
            })
        })
        .collect();
    write(db, SETTLE, &[JsonB(Value::Array(rows.clone())).into()])?;
    write(db, SETTLE_LEADS, &[JsonB(Value::Array(rows)).into()])?;
    Ok(())
}

/// Leads that were handed out and cannot be sent as they are now: they may be handed out again.
pub fn put_back(db: &mut Db<'_>, lead_ids: Vec<Uuid>) -> Result<(), Error> {
    write(db, PUT_BACK, &[lead_ids.into()])?;
    Ok(())
}

/// Accepted leads that were opted out since, apart from those being recalled.
pub fn recalls(db: &mut Db<'_>, under_way: Vec<i64>, limit: i64) -> Result<Vec<Recall>, Error> {
    let due = |db: &Db<'_>, limit: i64| -> Result<Vec<Recall>, Error> {
        select(db, RECALLS, &[under_way.clone().into(), limit.into()])?
            .map(|row| {
                Ok(Recall {
                    id: required(&row, 1)?,
                    vendor_lead_id: required(&row, 2)?,
                })
            })
            .collect()
    };
    if due(db, 1)?.is_empty() {
        return Ok(Vec::new());
    }
    write(db, KNOWN_THERE, &[])?;
    due(db, limit)
}

pub fn mark_recalled(db: &mut Db<'_>, id: i64) -> Result<(), Error> {
    write(db, RECALLED, &[id.into()])?;
    Ok(())
}

/// Moves hand-outs to dlq. `retry_in`: seconds; None: parked for a person.
pub fn fail(
    db: &mut Db<'_>,
    ids: Vec<i64>,
    error: &str,
    retry_in: Option<f64>,
) -> Result<(), Error> {
    write(db, FAIL, &[ids.into(), error.into(), retry_in.into()])?;
    Ok(())
}

/// Queues failed hand-outs again: these of dlq, or (None) all whose time has come; how many.
pub fn retry(db: &mut Db<'_>, dlq_ids: Option<Vec<i64>>) -> Result<i64, Error> {
    let count = write(db, RETRY, &[dlq_ids.into()])?.len();
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Seconds until something is due here, apart from what is under way.
pub fn next_in(db: &Db<'_>, under_way: Vec<i64>) -> Result<Option<f64>, Error> {
    scalar(select(db, NEXT, &[under_way.into()])?)
}
