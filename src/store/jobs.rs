//! Work to do: one row per pull or lead in the pipeline.

use pgrx::{JsonB, Uuid};
use serde_json::{Value, json};

use super::Db;
use super::plan::{column, required, scalar, select, write};
use crate::error::Error;

/// A job as the worker claims it.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: i64,
    pub stage: String,
    pub lead_id: Option<Uuid>,
    pub pull_id: Option<i32>,
    pub attempts: i32,
    pub pass: i32,
    pub alone: bool,
    pub call_id: Option<i64>,
    pub replays_call_id: Option<i64>,
    pub rebuys_call_id: Option<i64>,
    pub campaign: Option<String>,
}

/// Where a job goes on.
#[derive(Debug, Clone)]
pub struct Next {
    pub job_id: i64,
    pub stage: &'static str,
    /// None: to be planned.
    pub vendor: Option<&'static str>,
    /// Seconds from now.
    pub run_in: f64,
    pub waiting_for: Option<String>,
    pub attempts: i32,
    pub pass: i32,
    pub alone: bool,
}

impl Next {
    /// The job as it is, to be planned at once. It keeps its failed attempts: planning is no success.
    pub fn replan(job: &Job) -> Self {
        Self {
            job_id: job.id,
            stage: stage_name(&job.stage),
            vendor: None,
            run_in: 0.0,
            waiting_for: None,
            attempts: job.attempts,
            pass: job.pass,
            alone: job.alone,
        }
    }
}

impl Job {
    /// The job after a step that succeeded: earlier failures are forgotten.
    pub fn after_success(&self) -> Self {
        Self {
            attempts: 0,
            alone: false,
            ..self.clone()
        }
    }
}

/// The constant for a stage read from the database.
pub fn stage_name(stage: &str) -> &'static str {
    match stage {
        "pull" => "pull",
        "verify" => "verify",
        "campaign" => "campaign",
        _ => "enrich",
    }
}

const ENQUEUE_LEADS: &str = "
INSERT INTO jobs (stage, lead_id, campaign) SELECT 'enrich', lead_id, $2 FROM unnest($1) AS lead_id ON CONFLICT DO NOTHING";

const ENQUEUE_PULL: &str = "
INSERT INTO jobs (stage, pull_id, vendor) VALUES ('pull', $1, $2)
ON CONFLICT (pull_id) WHERE pull_id IS NOT NULL DO NOTHING";

/// The columns that `read` reads, with what follows them.
macro_rules! jobs {
    ($rest:literal) => {
        concat!(
            "
SELECT id, stage, lead_id, pull_id, attempts, pass::integer, alone, call_id, replays_call_id, rebuys_call_id, campaign FROM jobs
WHERE ",
            $rest
        )
    };
}

const UNPLANNED: &str = jobs!(
    "vendor IS NULL AND call_id IS NULL AND run_at <= now() AND lead_id IS NOT NULL
ORDER BY run_at, id LIMIT $1 FOR UPDATE SKIP LOCKED"
);

const DUE: &str = jobs!(
    "vendor = $1 AND call_id IS NULL AND run_at <= now()
ORDER BY run_at, id LIMIT $2 FOR UPDATE SKIP LOCKED"
);

const OF_CALLS: &str = jobs!("call_id = ANY ($1) FOR UPDATE");

const OF_CALL_NOW: &str = jobs!("call_id = $1 FOR UPDATE NOWAIT");

const WAIT_FOR_CALLS: &str = "
UPDATE jobs j SET call_id = n.call_id, waiting_for = NULL
FROM jsonb_to_recordset($1) AS n (job_id bigint, call_id bigint) WHERE j.id = n.job_id";

const MOVE_ON: &str = "
UPDATE jobs j SET
    stage = n.stage, vendor = n.vendor, call_id = NULL, run_at = now() + make_interval(secs => n.run_in), waiting_for = n.waiting_for,
    attempts = n.attempts, pass = n.pass, alone = n.alone, replays_call_id = NULL, rebuys_call_id = NULL
FROM jsonb_to_recordset($1)
    AS n (job_id bigint, stage text, vendor text, run_in float8, waiting_for text, attempts integer, pass smallint, alone boolean)
WHERE j.id = n.job_id";

const FINISH: &str = "DELETE FROM jobs WHERE id = ANY ($1)";

const LET_GO: &str = "UPDATE jobs SET call_id = NULL, alone = alone OR $2 WHERE call_id = ANY ($1)";

const FORGET_PLANS: &str = "
UPDATE jobs SET vendor = NULL WHERE call_id IS NULL AND lead_id IS NOT NULL AND vendor IS NOT NULL AND NOT vendor = ANY ($1)";

const POSTPONE_VENDOR: &str = "
UPDATE jobs SET run_at = now() + make_interval(secs => $2), waiting_for = $3
WHERE vendor = $1 AND call_id IS NULL AND run_at <= now() AND NOT id = ANY ($4) AND ($5 IS NULL OR campaign = $5)";

const POSTPONE: &str =
    "UPDATE jobs SET run_at = now() + make_interval(secs => $2), waiting_for = $3 WHERE id = $1";

const WAKE_WAITING: &str = "
UPDATE jobs SET run_at = now(), waiting_for = NULL
WHERE call_id IS NULL AND run_at > now() AND waiting_for = $1";

const NEXT_DUE: &str = "
SELECT extract(epoch FROM min(run_at) - clock_timestamp())::float8 FROM jobs
WHERE call_id IS NULL AND run_at > now() - make_interval(secs => $2) AND (vendor IS NULL OR vendor = ANY ($1))";

fn read(row: &pgrx::spi::SpiHeapTupleData<'_>) -> Result<Job, Error> {
    Ok(Job {
        id: required(row, 1)?,
        stage: required(row, 2)?,
        lead_id: column(row, 3)?,
        pull_id: column(row, 4)?,
        attempts: required(row, 5)?,
        pass: required(row, 6)?,
        alone: required(row, 7)?,
        call_id: column(row, 8)?,
        replays_call_id: column(row, 9)?,
        rebuys_call_id: column(row, 10)?,
        campaign: column(row, 11)?,
    })
}

/// Puts leads into the waterfall, for a campaign's money if one is named; the number that were not in it.
pub fn enqueue_leads(
    db: &mut Db<'_>,
    leads: Vec<Uuid>,
    campaign: Option<&str>,
) -> Result<usize, Error> {
    Ok(write(db, ENQUEUE_LEADS, &[leads.into(), campaign.into()])?.len())
}

/// Queues a run of a pull; false when one is queued already.
pub fn enqueue_pull(db: &mut Db<'_>, pull_id: i32, vendor: &str) -> Result<bool, Error> {
    Ok(write(db, ENQUEUE_PULL, &[pull_id.into(), vendor.into()])?.len() == 1)
}

/// Due jobs without a plan, locked.
pub fn claim_unplanned(db: &mut Db<'_>, limit: i64) -> Result<Vec<Job>, Error> {
    write(db, UNPLANNED, &[limit.into()])?
        .map(|row| read(&row))
        .collect()
}

/// Due jobs whose next purchase is of this vendor, locked.
pub fn claim(db: &mut Db<'_>, vendor: &str, limit: i64) -> Result<Vec<Job>, Error> {
    write(db, DUE, &[vendor.into(), limit.into()])?
        .map(|row| read(&row))
        .collect()
}

/// The jobs that wait for these purchases, locked.
pub fn of_calls(db: &mut Db<'_>, calls: &[i64]) -> Result<Vec<Job>, Error> {
    write(db, OF_CALLS, &[calls.to_vec().into()])?
        .map(|row| read(&row))
        .collect()
}

/// The job that waits for this purchase, locked; an error at once while another session holds it.
pub fn of_call_now(db: &mut Db<'_>, call: i64) -> Result<Option<Job>, Error> {
    write(db, OF_CALL_NOW, &[call.into()])?
        .next()
        .map(|row| read(&row))
        .transpose()
}

/// Ties jobs to the purchases they wait for: pairs of job and call.
pub fn wait_for_calls(db: &mut Db<'_>, pairs: &[(i64, i64)]) -> Result<(), Error> {
    let rows: Vec<Value> = pairs
        .iter()
        .map(|(job, call)| json!({"job_id": job, "call_id": call}))
        .collect();
    write(db, WAIT_FOR_CALLS, &[JsonB(Value::Array(rows)).into()])?;
    Ok(())
}

/// Sends jobs on to their next step.
pub fn move_on(db: &mut Db<'_>, steps: &[Next]) -> Result<(), Error> {
    if steps.is_empty() {
        return Ok(());
    }
    let rows: Vec<Value> = steps
        .iter()
        .map(|n| {
            json!({
                "job_id": n.job_id, "stage": n.stage, "vendor": n.vendor, "run_in": n.run_in, "waiting_for": n.waiting_for,
                "attempts": n.attempts, "pass": n.pass, "alone": n.alone,
            })
        })
        .collect();
    write(db, MOVE_ON, &[JsonB(Value::Array(rows)).into()])?;
    Ok(())
}

pub fn finish(db: &mut Db<'_>, ids: &[i64]) -> Result<(), Error> {
    if !ids.is_empty() {
        write(db, FINISH, &[ids.to_vec().into()])?;
    }
    Ok(())
}

/// Unties jobs from purchases that were released. `alone`: they may not share a request again.
pub fn let_go(db: &mut Db<'_>, calls: &[i64], alone: Sharing) -> Result<(), Error> {
    write(
        db,
        LET_GO,
        &[calls.to_vec().into(), (alone == Sharing::Never).into()],
    )?;
    Ok(())
}

/// May a job share its next request with others?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    AsBefore,
    Never,
}

/// Lets leads' jobs be planned anew whose vendor is not among the usable ones.
pub fn forget_plans(db: &mut Db<'_>, usable: Vec<String>) -> Result<(), Error> {
    write(db, FORGET_PLANS, &[usable.into()])?;
    Ok(())
}

/// Puts a vendor's due jobs off by `seconds`, except these; with a `campaign`, only its own.
pub fn postpone_vendor(
    db: &mut Db<'_>,
    vendor: &str,
    campaign: Option<&str>,
    (seconds, waiting_for): (f64, &str),
    except: &[i64],
) -> Result<(), Error> {
    write(
        db,
        POSTPONE_VENDOR,
        &[
            vendor.into(),
            seconds.into(),
            waiting_for.into(),
            except.to_vec().into(),
            campaign.into(),
        ],
    )?;
    Ok(())
}

/// Puts one job off by `seconds`.
pub fn postpone(db: &mut Db<'_>, id: i64, seconds: f64, waiting_for: &str) -> Result<(), Error> {
    write(
        db,
        POSTPONE,
        &[id.into(), seconds.into(), waiting_for.into()],
    )?;
    Ok(())
}

/// Brings jobs forward that wait for something that has come.
pub fn wake_waiting(db: &mut Db<'_>, waiting_for: &str) -> Result<(), Error> {
    write(db, WAKE_WAITING, &[waiting_for.into()])?;
    Ok(())
}

/// Seconds until the next job of a usable vendor, or without a plan, is due. Jobs that fell due within the last
/// `since` seconds count: the turn that is ending may not have seen them.
pub fn next_due_in(db: &Db<'_>, usable: Vec<String>, since: f64) -> Result<Option<f64>, Error> {
    scalar(select(db, NEXT_DUE, &[usable.into(), since.into()])?)
}

const REPLAY: &str = "
UPDATE jobs SET
    call_id = NULL, replays_call_id = call_id, attempts = attempts + 1, run_at = now() + make_interval(secs => $2),
    waiting_for = 'sending the same request again'
WHERE id = $1";

const REBUY: &str = "
UPDATE jobs SET call_id = NULL, rebuys_call_id = call_id, run_at = now(), waiting_for = 'buying again what is in doubt'
WHERE call_id = ANY ($1)";

const BRING_FORWARD: &str = "
UPDATE jobs SET run_at = now(), waiting_for = NULL WHERE pull_id = $1 AND call_id IS NULL AND run_at > now()";

const HAS_UNPLANNED: &str = "
SELECT EXISTS (SELECT FROM jobs WHERE vendor IS NULL AND call_id IS NULL AND run_at <= now() AND lead_id IS NOT NULL)";

const HAS_DUE_FOR: &str = "
SELECT EXISTS (
    SELECT FROM unnest($1) AS name
    CROSS JOIN LATERAL (SELECT FROM jobs WHERE vendor = name AND call_id IS NULL AND run_at <= now() AND lead_id IS NOT NULL LIMIT 1) AS due
)";

const COUNT_DUE: &str = "
SELECT count(*) FROM (SELECT FROM jobs WHERE vendor = $1 AND call_id IS NULL AND run_at <= now() LIMIT $2) AS due";

/// Lets a job send the request of its purchase in doubt again, in so many seconds.
pub fn replay(db: &mut Db<'_>, id: i64, seconds: f64) -> Result<(), Error> {
    write(db, REPLAY, &[id.into(), seconds.into()])?;
    Ok(())
}

/// Lets the jobs of these purchases in doubt make them again.
pub fn rebuy(db: &mut Db<'_>, calls: &[i64]) -> Result<(), Error> {
    write(db, REBUY, &[calls.to_vec().into()])?;
    Ok(())
}

/// A waiting pull is due now: somebody asked for it, perhaps with a larger cap.
pub fn bring_forward(db: &mut Db<'_>, pull_id: i32) -> Result<(), Error> {
    write(db, BRING_FORWARD, &[pull_id.into()])?;
    Ok(())
}

/// Is there a due job without a plan?
pub fn has_unplanned(db: &Db<'_>) -> Result<bool, Error> {
    Ok(scalar(select(db, HAS_UNPLANNED, &[])?)?.unwrap_or(false))
}

/// Is a lead's job due whose next purchase is of one of these vendors?
pub fn has_due_for(db: &Db<'_>, vendors: Vec<&str>) -> Result<bool, Error> {
    Ok(scalar(select(db, HAS_DUE_FOR, &[vendors.into()])?)?.unwrap_or(false))
}

/// How many jobs of this vendor are due, counted up to `limit`.
pub fn count_due(db: &Db<'_>, vendor: &str, limit: i64) -> Result<i64, Error> {
    Ok(scalar(select(db, COUNT_DUE, &[vendor.into(), limit.into()])?)?.unwrap_or(0))
}
