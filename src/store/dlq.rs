//! Work that failed: put back later by the drain, or parked for a person.
//!
//! Rows without a kind were put there by a user's own flow and are never touched.

use pgrx::JsonB;
use serde_json::Value;

use super::Db;
use super::plan::{column, required, scalar, select, write};
use crate::error::Error;

/// What the drain, or a person's retry, may do with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A step to try again.
    Job,
    /// A paid answer that could not be used: read again, never bought again.
    Answer,
    /// A purchase in doubt: waits for `resolve_call`.
    Doubt,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Answer => "answer",
            Self::Doubt => "doubt",
        }
    }
}

/// A record of a page that could not be stored.
pub struct BadRecord {
    pub payload: Value,
    pub error: String,
    pub pull_id: Option<i32>,
}

/// A parked record, to be tried again.
pub struct ParkedRecord {
    pub id: i64,
    pub payload: Value,
    /// The campaign of its pull.
    pub campaign: Option<String>,
}

const FROM_JOBS: &str = "
WITH gone AS (DELETE FROM jobs WHERE id = ANY ($1) RETURNING *)
INSERT INTO dlq (stage, payload, error, retry_after, attempts, kind, lead_id, pull_id, call_id)
SELECT stage, jsonb_build_object('pass', pass, 'alone', alone, 'call_id', call_id, 'campaign', campaign), $2,
       CASE WHEN $3 IS NOT NULL THEN now() + make_interval(secs => $3) END,
       attempts + 1, $4, lead_id, pull_id, call_id
FROM gone";

const BACK_TO_JOBS: &str = "
WITH back AS (
    DELETE FROM dlq
    WHERE (id = ANY ($1) OR ($1 IS NULL AND retry_after <= now())) AND kind IN ('job', 'answer')
      AND (pull_id IS NULL OR EXISTS (SELECT FROM pulls p JOIN vendors v ON v.source = p.source WHERE p.id = pull_id))
    RETURNING *
), put AS (
    INSERT INTO jobs (stage, lead_id, pull_id, vendor, call_id, attempts, pass, alone, campaign)
    SELECT b.stage, b.lead_id, b.pull_id, v.name, CASE WHEN b.kind = 'answer' THEN b.call_id END, COALESCE(b.attempts, 0),
           COALESCE((b.payload ->> 'pass')::smallint, 1), COALESCE((b.payload ->> 'alone')::boolean, false), b.payload ->> 'campaign'
    FROM back b
    LEFT JOIN pulls p ON p.id = b.pull_id
    LEFT JOIN vendors v ON v.source = p.source
    ON CONFLICT DO NOTHING
)
UPDATE vendor_calls c SET apply_error = NULL FROM back b WHERE b.kind = 'answer' AND c.id = b.call_id";

const COUNT_RETRIABLE: &str =
    "SELECT count(*) FROM dlq WHERE id = ANY ($1) AND kind IN ('job', 'answer')";

const AFTER_DOUBT: &str = "
WITH back AS (DELETE FROM dlq WHERE kind = 'doubt' AND call_id = $1 RETURNING *)
INSERT INTO jobs (stage, lead_id, pull_id, vendor, attempts, pass, alone, campaign)
SELECT b.stage, b.lead_id, b.pull_id, v.name, COALESCE(b.attempts, 0), COALESCE((b.payload ->> 'pass')::smallint, 1), COALESCE((b.payload ->> 'alone')::boolean, false),
       b.payload ->> 'campaign'
FROM back b
LEFT JOIN pulls p ON p.id = b.pull_id
LEFT JOIN vendors v ON v.source = p.source
ON CONFLICT DO NOTHING";

const UNTIE: &str = "UPDATE jobs SET call_id = NULL, run_at = now() WHERE call_id = $1";

const ADD_RECORD: &str = "
INSERT INTO dlq (stage, payload, error, kind, pull_id, attempts) VALUES ('pull', $1, $2, 'record', $3, 1)";

const TAKE_RECORDS: &str = "
SELECT id, payload, (SELECT campaign FROM pulls p WHERE p.id = dlq.pull_id) FROM dlq WHERE id = ANY ($1) AND kind = 'record' ORDER BY id FOR UPDATE";

const REMOVE: &str = "DELETE FROM dlq WHERE id = $1";

const FAILED_AGAIN: &str =
    "UPDATE dlq SET attempts = COALESCE(attempts, 0) + 1, error = $2 WHERE id = $1";

const NEXT_RETRY: &str = "SELECT extract(epoch FROM min(retry_after) - clock_timestamp())::float8 FROM dlq
WHERE retry_after IS NOT NULL AND kind IN ('job', 'answer', 'handout')
  AND (pull_id IS NULL OR EXISTS (SELECT FROM pulls p JOIN vendors v ON v.source = p.source WHERE p.id = pull_id))";

const HOLDS_LEAD: &str =
    "SELECT EXISTS (SELECT FROM dlq WHERE lead_id = $1 AND kind IN ('job', 'answer', 'doubt'))";

/// Moves jobs here. `retry_in`: seconds; None: parked.
pub fn from_jobs(
    db: &mut Db<'_>,
    jobs: &[i64],
    kind: Kind,
    error: &str,
    retry_in: Option<f64>,
) -> Result<(), Error> {
    write(
        db,
        FROM_JOBS,
        &[
            jobs.to_vec().into(),
            error.into(),
            retry_in.into(),
            kind.as_str().into(),
        ],
    )?;
    Ok(())
}

/// Puts everything back whose time has come.
pub fn drain(db: &mut Db<'_>) -> Result<(), Error> {
    write(db, BACK_TO_JOBS, &[None::<Vec<i64>>.into()])?;
    Ok(())
}

/// Puts the named steps and answers back at once; how many.
pub fn retry(db: &mut Db<'_>, ids: &[i64]) -> Result<i64, Error> {
    let count = scalar(select(db, COUNT_RETRIABLE, &[ids.to_vec().into()])?)?.unwrap_or(0);
    write(db, BACK_TO_JOBS, &[Some(ids.to_vec()).into()])?;
    Ok(count)
}

/// Puts the job back that waited for a purchase in doubt, now resolved.
pub fn after_doubt(db: &mut Db<'_>, call_id: i64) -> Result<(), Error> {
    write(db, AFTER_DOUBT, &[call_id.into()])?;
    // Where the vendor could be asked, the job stayed in the queue.
    write(db, UNTIE, &[call_id.into()])?;
    Ok(())
}

pub fn add_record(db: &mut Db<'_>, bad: &BadRecord) -> Result<(), Error> {
    write(
        db,
        ADD_RECORD,
        &[
            JsonB(bad.payload.clone()).into(),
            bad.error.as_str().into(),
            bad.pull_id.into(),
        ],
    )?;
    Ok(())
}

/// The parked records among `ids`, locked.
pub fn take_records(db: &mut Db<'_>, ids: &[i64]) -> Result<Vec<ParkedRecord>, Error> {
    write(db, TAKE_RECORDS, &[ids.to_vec().into()])?
        .map(|row| {
            Ok(ParkedRecord {
                id: required(&row, 1)?,
                payload: column::<JsonB>(&row, 2)?.map_or(Value::Null, |json| json.0),
                campaign: column(&row, 3)?,
            })
        })
        .collect()
}

pub fn remove(db: &mut Db<'_>, id: i64) -> Result<(), Error> {
    write(db, REMOVE, &[id.into()])?;
    Ok(())
}

pub fn failed_again(db: &mut Db<'_>, id: i64, error: &str) -> Result<(), Error> {
    write(db, FAILED_AGAIN, &[id.into(), error.into()])?;
    Ok(())
}

/// Seconds until the drain has something to do.
pub fn next_retry_in(db: &Db<'_>) -> Result<Option<f64>, Error> {
    scalar(select(db, NEXT_RETRY, &[])?)
}

/// Is failed work of this lead waiting here?
pub fn holds_lead(db: &Db<'_>, lead: pgrx::Uuid) -> Result<bool, Error> {
    Ok(scalar(select(db, HOLDS_LEAD, &[lead.into()])?)?.unwrap_or(false))
}

const ADD_ANSWER: &str = "
INSERT INTO dlq (stage, payload, error, retry_after, kind, lead_id, pull_id, call_id, attempts)
SELECT stage, jsonb_build_object('call_id', id, 'campaign', campaign), $2, CASE WHEN $3 IS NOT NULL THEN now() + make_interval(secs => $3) END,
       'answer', lead_id, pull_id, id, 1
FROM vendor_calls WHERE id = $1";

/// Keeps a paid answer that no job waits for. `retry_in`: seconds; None: parked.
pub fn add_answer(
    db: &mut Db<'_>,
    answer: &super::calls::Answered,
    error: &str,
    retry_in: Option<f64>,
) -> Result<(), Error> {
    write(
        db,
        ADD_ANSWER,
        &[answer.id.into(), error.into(), retry_in.into()],
    )?;
    Ok(())
}
