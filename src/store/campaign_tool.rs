//! The row of `vendors` for the campaign tool, and how far its events have been read.

use pgrx::JsonB;
use serde_json::Value;

use super::Db;
use super::plan::{column, required, select, write};
use crate::error::Error;
use crate::vendors::instantly_campaign::NAME;

/// How the campaign tool may be called.
#[derive(Debug, Clone)]
pub struct Tool {
    pub base_url: String,
    pub requests_per_second: f64,
    pub max_in_flight: usize,
    pub batch_size: usize,
    pub timeout_ms: u64,
    pub options: Value,
    /// Seconds until its pause ends; 0: not paused; infinity: until a person resumes it.
    pub paused_for: f64,
    pub pauses: i32,
}

impl Tool {
    pub fn is_paused(&self) -> bool {
        self.paused_for > 0.0
    }

    /// Seconds between looks for events; None: nobody asked for it.
    pub fn poll_seconds(&self) -> Option<f64> {
        let seconds = self.options.get("poll_events_seconds")?.as_f64()?;
        (seconds > 0.0).then(|| seconds.clamp(0.1, 86_400.0))
    }
}

const ENABLED: &str = "
SELECT base_url, requests_per_second::float8, max_in_flight, batch_size, (extract(epoch FROM timeout) * 1000)::bigint, options,
       CASE WHEN paused_until = 'infinity' THEN 'Infinity'::float8
            WHEN paused_until > clock_timestamp() THEN extract(epoch FROM paused_until - clock_timestamp())::float8
            ELSE 0 END,
       pauses
FROM vendors WHERE name = $1 AND enabled";

const IS_OPEN: &str = "
SELECT 1 FROM vendors WHERE name = $1 AND enabled AND (paused_until IS NULL OR paused_until <= clock_timestamp()) FOR SHARE";

const EVENTS_SIG: &str = "webhook-events";

const MARK: &str = "
SELECT last_seen_vendor_id, cursor, to_char(updated_at AT TIME ZONE 'UTC' - interval '1 day', 'YYYY-MM-DD')
FROM source_bookmarks WHERE source = $1 AND query_sig = $2";

const SET_MARK: &str = "
INSERT INTO source_bookmarks (source, query_sig, last_page_fetched, last_seen_vendor_id, cursor, updated_at) VALUES ($1, $2, 0, $3, $4, now())
ON CONFLICT (source, query_sig) DO UPDATE SET last_seen_vendor_id = EXCLUDED.last_seen_vendor_id, cursor = EXCLUDED.cursor, updated_at = now()";

/// None: not enabled.
pub fn enabled(db: &Db<'_>) -> Result<Option<Tool>, Error> {
    let Some(row) = select(db, ENABLED, &[NAME.into()])?.next() else {
        return Ok(None);
    };
    let options: JsonB = required(&row, 6)?;
    Ok(Some(Tool {
        base_url: required(&row, 1)?,
        requests_per_second: required(&row, 2)?,
        max_in_flight: required::<i32>(&row, 3)?.max(1) as usize,
        batch_size: required::<i32>(&row, 4)?.max(1) as usize,
        timeout_ms: required::<i64>(&row, 5)?.max(1) as u64,
        options: options.0,
        paused_for: required(&row, 7)?,
        pauses: required(&row, 8)?,
    }))
}

/// Is it enabled and not paused? It stays so until the transaction ends.
pub fn is_open(db: &mut Db<'_>) -> Result<bool, Error> {
    Ok(!write(db, IS_OPEN, &[NAME.into()])?.is_empty())
}

/// How far the events have been read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// The newest event that was read.
    pub newest: Option<String>,
    /// Where the list goes on, when it is told oldest first.
    pub cursor: Option<String>,
    /// The day before the last look: older events need not be asked for.
    pub since: Option<String>,
}

pub fn mark(db: &Db<'_>) -> Result<Mark, Error> {
    match select(db, MARK, &[NAME.into(), EVENTS_SIG.into()])?.next() {
        Some(row) => Ok(Mark {
            newest: column(&row, 1)?,
            cursor: column(&row, 2)?,
            since: column(&row, 3)?,
        }),
        None => Ok(Mark::default()),
    }
}

pub fn set_mark(db: &mut Db<'_>, mark: &Mark) -> Result<(), Error> {
    let args = [
        NAME.into(),
        EVENTS_SIG.into(),
        mark.newest.as_deref().into(),
        mark.cursor.as_deref().into(),
    ];
    write(db, SET_MARK, &args)?;
    Ok(())
}
