//! Requests that are sent again: what must be repeated to the letter, and what got lost on the way.

use pgrx::JsonB;

use super::Db;
use super::plan::{column, required, scalar, select};
use crate::error::Error;
use crate::vendors::Subject;

const WITH_SESSION: &str = "
SELECT id FROM vendor_calls WHERE id = ANY ($1) AND subject #>> '{search,session}' IS NOT NULL";

const CAN_BE_REBOUGHT: &str = "
SELECT id FROM vendor_calls WHERE id = ANY ($1) AND lead_id IS NOT NULL AND rebuys_call_id IS NULL";

const TO_REPLAY: &str =
    "SELECT subject, purchase_key, generation, reserved_units FROM vendor_calls WHERE id = $1";

const WAS_REPLAYED: &str = "
SELECT EXISTS (
    SELECT FROM vendor_calls c JOIN vendor_calls r USING (purchase_key) WHERE c.id = $1 AND r.resolution = 'replayed'
)";

const DELIVERED: &str = "
SELECT COALESCE(sum(units), 0)::bigint FROM vendor_calls
WHERE pull_id = $1 AND state IN ('answered', 'applied') AND subject #>> '{search,session}' = $2";

/// Those purchases that run within a vendor's session, so that the vendor recognises a repeated request.
pub fn with_session(db: &Db<'_>, calls: &[i64]) -> Result<Vec<i64>, Error> {
    select(db, WITH_SESSION, &[calls.to_vec().into()])?
        .map(|row| required(&row, 1))
        .collect()
}

/// Those purchases that may be made again: once, and for a lead. (A page has its idempotency key, or waits for a person.)
pub fn can_be_rebought(db: &Db<'_>, calls: &[i64]) -> Result<Vec<i64>, Error> {
    select(db, CAN_BE_REBOUGHT, &[calls.to_vec().into()])?
        .map(|row| required(&row, 1))
        .collect()
}

/// What must be sent again to the letter.
pub struct Replay {
    pub subject: Subject,
    pub purchase_key: String,
    pub generation: i32,
    pub units: i64,
}

/// The request of an earlier purchase; None when it is gone.
pub fn to_replay(db: &Db<'_>, id: i64) -> Result<Option<Replay>, Error> {
    let Some(row) = select(db, TO_REPLAY, &[id.into()])?.next() else {
        return Ok(None);
    };
    let Some(JsonB(subject)) = column::<JsonB>(&row, 1)? else {
        return Ok(None);
    };
    let Ok(subject) = serde_json::from_value(subject) else {
        return Ok(None);
    };
    Ok(Some(Replay {
        subject,
        purchase_key: required(&row, 2)?,
        generation: required(&row, 3)?,
        units: required::<i32>(&row, 4)?.into(),
    }))
}

/// Was the same request sent before, without an answer?
pub fn was_replayed(db: &Db<'_>, id: i64) -> Result<bool, Error> {
    Ok(scalar(select(db, WAS_REPLAYED, &[id.into()])?)?.unwrap_or(false))
}

/// How many records of a session have arrived.
pub fn delivered(db: &Db<'_>, pull_id: i32, session: &str) -> Result<i64, Error> {
    Ok(scalar(select(db, DELIVERED, &[pull_id.into(), session.into()])?)?.unwrap_or(0))
}
