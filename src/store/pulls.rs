//! What was pulled, how far each query has come, and the pulls themselves.

use pgrx::JsonB;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use serde_json::Value;

use super::Db;
use super::plan::{column, required, scalar, select, write};
use crate::error::Error;

/// A pull with the place of its query.
#[derive(Debug, Clone)]
pub struct Pull {
    pub id: i32,
    pub source: String,
    pub params: Value,
    pub query_sig: String,
    pub page_size: i32,
    pub daily_record_cap: Option<i32>,
    pub campaign: Option<String>,
    pub phase: Phase,
    pub run_number: i32,
    pub head_page: i32,
    pub head_cursor: Option<String>,
    pub bookmark_page: i32,
    pub bookmark_cursor: Option<String>,
    pub is_exhausted: bool,
    pub is_enabled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Idle,
    /// From the newest record until a known one.
    Head,
    /// On from the bookmark.
    Backfill,
}

impl Phase {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Head => "head",
            Self::Backfill => "backfill",
        }
    }
}

/// One fetched page, for the log of pages.
pub struct Page<'a> {
    pub source: &'a str,
    pub query_sig: &'a str,
    pub params: Option<&'a Value>,
    pub number: i32,
    pub vendor_ids: &'a [String],
}

/// What a page did to its pull.
pub struct Progress {
    pub phase: Phase,
    pub head_page: i32,
    pub head_cursor: Option<String>,
    pub records: i32,
    pub new: i32,
    pub rejected: i32,
    pub found: Option<i64>,
    /// Set when the run ends with this page.
    pub outcome: Option<String>,
}

/// A row of `source_bookmarks`.
pub struct Bookmark {
    pub id: i64,
    pub source: String,
    pub query_sig: String,
    pub last_page_fetched: i32,
    pub last_seen_vendor_id: Option<String>,
    pub updated_at: Option<TimestampWithTimeZone>,
    pub cursor: Option<String>,
    pub exhausted_at: Option<TimestampWithTimeZone>,
}

const SEEN: &str = "
SELECT EXISTS (
    SELECT FROM lead_source_events
    WHERE source = $1
      AND seen_vendor_ids && $3
      AND CASE
          WHEN query_sig IS NOT NULL THEN query_sig = $2
          WHEN jsonb_typeof(pull_params) = 'object' THEN compute_query_sig(pull_params) = $2
          ELSE true
      END
)";

const LOG_PAGE: &str = "
INSERT INTO lead_source_events (source, query_sig, pull_params, page_number, seen_vendor_ids, first_id, last_id)
VALUES ($1, $2, $3, $4, $5, $5[1], $5[array_upper($5, 1)])";

const BOOKMARK: &str = "
INSERT INTO source_bookmarks AS b (source, query_sig) VALUES ($1, $2)
ON CONFLICT (source, query_sig) DO UPDATE SET source = b.source
RETURNING id, source, query_sig, COALESCE(last_page_fetched, 0), last_seen_vendor_id, updated_at, cursor, exhausted_at";

const MOVE_BOOKMARK: &str = "
INSERT INTO source_bookmarks AS b (source, query_sig, last_page_fetched, last_seen_vendor_id, cursor, exhausted_at)
VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN now() END)
ON CONFLICT (source, query_sig) DO UPDATE SET
    last_page_fetched = GREATEST(COALESCE(b.last_page_fetched, 0), EXCLUDED.last_page_fetched),
    last_seen_vendor_id = COALESCE(EXCLUDED.last_seen_vendor_id, b.last_seen_vendor_id),
    cursor = COALESCE(EXCLUDED.cursor, b.cursor),
    exhausted_at = CASE WHEN $6 THEN COALESCE(b.exhausted_at, now()) ELSE b.exhausted_at END,
    updated_at = now()";

const FORGET_CURSORS: &str = "
WITH pull AS (UPDATE pulls SET head_cursor = NULL WHERE id = $1 RETURNING source, query_sig)
UPDATE source_bookmarks b SET cursor = NULL FROM pull p WHERE b.source = p.source AND b.query_sig = p.query_sig";

const REQUEST: &str = "
INSERT INTO pulls AS p (source, params, query_sig, every, page_size, daily_record_cap, campaign, next_run_at)
VALUES ($1, $2, $3, $4, COALESCE($5, 100), $6, $7, CASE WHEN $4 IS NOT NULL THEN now() + $4 END)
ON CONFLICT (source, query_sig) DO UPDATE SET
    params = EXCLUDED.params,
    every = COALESCE($4, p.every),
    page_size = COALESCE($5, p.page_size),
    daily_record_cap = COALESCE($6, p.daily_record_cap),
    campaign = COALESCE($7, p.campaign),
    next_run_at = CASE WHEN COALESCE($4, p.every) IS NOT NULL THEN now() + COALESCE($4, p.every) END,
    enabled = true
RETURNING id";

const LOAD: &str = "
SELECT p.id, p.source, p.params, p.query_sig, p.page_size, p.daily_record_cap, p.phase, p.run_number, p.head_page, p.head_cursor,
       COALESCE(b.last_page_fetched, 0), b.cursor, b.exhausted_at IS NOT NULL, p.enabled, p.campaign
FROM pulls p
LEFT JOIN source_bookmarks b ON b.source = p.source AND b.query_sig = p.query_sig
WHERE p.id = $1
FOR UPDATE OF p";

const START_RUN: &str = "
UPDATE pulls SET
    phase = $2, run_number = run_number + 1, run_started_at = now(), run_pages = 0, head_page = 0, head_cursor = NULL
WHERE id = $1
RETURNING run_number";

const PROGRESS: &str = "
UPDATE pulls SET
    phase = $2, head_page = $3, head_cursor = $4, run_pages = run_pages + 1, pages_total = pages_total + 1,
    records_total = records_total + $5, new_total = new_total + $6, rejected_total = rejected_total + $7,
    found_total = COALESCE($8, found_total),
    last_outcome = COALESCE($9, last_outcome),
    last_run_at = CASE WHEN $9 IS NOT NULL THEN now() ELSE last_run_at END
WHERE id = $1";

// The schedule moves on whether or not a run can start, so that a pull with a parked page is not queued for ever.
const QUEUE_DUE: &str = "
WITH due AS (
    UPDATE pulls p SET next_run_at = now() + p.every
    FROM vendors v
    WHERE v.source = p.source AND v.stage = 'pull' AND p.enabled AND p.next_run_at <= now()
    RETURNING p.id, v.name
)
INSERT INTO jobs (stage, pull_id, vendor)
SELECT 'pull', due.id, due.name
FROM due
WHERE NOT EXISTS (SELECT FROM dlq WHERE dlq.pull_id = due.id AND dlq.kind IN ('job', 'answer', 'doubt'))
ON CONFLICT (pull_id) WHERE pull_id IS NOT NULL DO NOTHING";

const NEXT_RUN: &str = "
SELECT extract(epoch FROM min(p.next_run_at) - clock_timestamp())::float8
FROM pulls p
JOIN vendors v ON v.source = p.source AND v.stage = 'pull'
WHERE p.enabled AND p.next_run_at IS NOT NULL";

const END_RUN: &str =
    "UPDATE pulls SET phase = 'idle', last_outcome = $2, last_run_at = now() WHERE id = $1";

/// Was any of these ids on an earlier page of this source and query?
pub fn has_seen(
    db: &Db<'_>,
    source: &str,
    query_sig: &str,
    vendor_ids: &[String],
) -> Result<bool, Error> {
    Ok(scalar(select(
        db,
        SEEN,
        &[source.into(), query_sig.into(), vendor_ids.to_vec().into()],
    )?)?
    .unwrap_or(false))
}

pub fn log_page(db: &mut Db<'_>, page: &Page<'_>) -> Result<(), Error> {
    let args = [
        page.source.into(),
        page.query_sig.into(),
        page.params.map(|params| JsonB(params.clone())).into(),
        page.number.into(),
        page.vendor_ids.to_vec().into(),
    ];
    write(db, LOG_PAGE, &args)?;
    Ok(())
}

/// The bookmark of a query, made if it is not there.
pub fn bookmark(db: &mut Db<'_>, source: &str, query_sig: &str) -> Result<Bookmark, Error> {
    let row = write(db, BOOKMARK, &[source.into(), query_sig.into()])?
        .next()
        .ok_or_else(|| Error::Internal("the bookmark vanished".into()))?;
    Ok(Bookmark {
        id: required(&row, 1)?,
        source: required(&row, 2)?,
        query_sig: required(&row, 3)?,
        last_page_fetched: required(&row, 4)?,
        last_seen_vendor_id: column(&row, 5)?,
        updated_at: column(&row, 6)?,
        cursor: column(&row, 7)?,
        exhausted_at: column(&row, 8)?,
    })
}

/// Moves the bookmark of a query to a page; never back.
pub fn move_bookmark(
    db: &mut Db<'_>,
    page: &Page<'_>,
    cursor: Option<&str>,
    end: ListEnd,
) -> Result<(), Error> {
    let args = [
        page.source.into(),
        page.query_sig.into(),
        page.number.into(),
        page.vendor_ids.last().map(String::as_str).into(),
        cursor.into(),
        (end == ListEnd::Reached).into(),
    ];
    write(db, MOVE_BOOKMARK, &args)?;
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListEnd {
    Reached,
    Ahead,
}

/// Makes or changes a pull; its id.
pub fn request(
    db: &mut Db<'_>,
    source: &str,
    params: &Value,
    query_sig: &str,
    wishes: &Wishes,
) -> Result<i32, Error> {
    let args = [
        source.into(),
        JsonB(params.clone()).into(),
        query_sig.into(),
        wishes.every.into(),
        wishes.page_size.into(),
        wishes.daily_record_cap.into(),
        wishes.campaign.as_deref().into(),
    ];
    scalar(write(db, REQUEST, &args)?)?.ok_or_else(|| Error::Internal("the pull vanished".into()))
}

/// What the caller of `request_pull` may leave open.
pub struct Wishes {
    pub every: Option<Interval>,
    pub page_size: Option<i32>,
    pub daily_record_cap: Option<i32>,
    pub campaign: Option<String>,
}

/// A pull, locked; None when it was deleted.
pub fn load_for_update(db: &mut Db<'_>, id: i32) -> Result<Option<Pull>, Error> {
    let Some(row) = write(db, LOAD, &[id.into()])?.next() else {
        return Ok(None);
    };
    Ok(Some(Pull {
        id: required(&row, 1)?,
        source: required(&row, 2)?,
        params: required::<JsonB>(&row, 3)?.0,
        query_sig: required(&row, 4)?,
        page_size: required(&row, 5)?,
        daily_record_cap: column(&row, 6)?,
        phase: match required::<String>(&row, 7)?.as_str() {
            "head" => Phase::Head,
            "backfill" => Phase::Backfill,
            _ => Phase::Idle,
        },
        run_number: required(&row, 8)?,
        head_page: required(&row, 9)?,
        head_cursor: column(&row, 10)?,
        bookmark_page: required(&row, 11)?,
        bookmark_cursor: column(&row, 12)?,
        is_exhausted: required(&row, 13)?,
        is_enabled: required(&row, 14)?,
        campaign: column(&row, 15)?,
    }))
}

/// Starts a run in `phase`; its number.
pub fn start_run(db: &mut Db<'_>, id: i32, phase: Phase) -> Result<i32, Error> {
    scalar(write(db, START_RUN, &[id.into(), phase.as_str().into()])?)?
        .ok_or_else(|| Error::Internal("the pull vanished".into()))
}

pub fn progress(db: &mut Db<'_>, id: i32, progress: &Progress) -> Result<(), Error> {
    let args = [
        id.into(),
        progress.phase.as_str().into(),
        progress.head_page.into(),
        progress.head_cursor.as_deref().into(),
        progress.records.into(),
        progress.new.into(),
        progress.rejected.into(),
        progress.found.into(),
        progress.outcome.as_deref().into(),
    ];
    write(db, PROGRESS, &args)?;
    Ok(())
}

/// Ends a run without a page.
pub fn end_run(db: &mut Db<'_>, id: i32, outcome: &str) -> Result<(), Error> {
    write(db, END_RUN, &[id.into(), outcome.into()])?;
    Ok(())
}

/// Forgets the vendor's place marks of a pull, which it no longer takes.
pub fn forget_cursors(db: &mut Db<'_>, id: i32) -> Result<(), Error> {
    write(db, FORGET_CURSORS, &[id.into()])?;
    Ok(())
}

/// Queues the pulls whose time has come.
pub fn queue_due(db: &mut Db<'_>) -> Result<usize, Error> {
    Ok(write(db, QUEUE_DUE, &[])?.len())
}

/// Seconds until the next scheduled run.
pub fn next_run_in(db: &Db<'_>) -> Result<Option<f64>, Error> {
    scalar(select(db, NEXT_RUN, &[])?)
}
