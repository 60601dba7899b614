//! Passes over all leads that go on where they stopped.

use pgrx::Uuid;

use super::Db;
use super::leads::{self, Lead};
use super::plan::{column, required, scalar, write};
use crate::error::Error;

/// Which pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    Rehash,
    NearMatches,
}

impl Sweep {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rehash => "rehash",
            Self::NearMatches => "near_matches",
        }
    }
}

/// How far a pass has come.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    pub last: Option<Uuid>,
    pub seen: i64,
    pub changed: i64,
    pub merged: i64,
    pub to_review: i64,
    pub is_finished: bool,
}

const BEGIN: &str = "
INSERT INTO sweeps AS s (name, version) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET
    version = excluded.version, last_lead_id = NULL, seen = 0, changed = 0, merged = 0, to_review = 0, started_at = now(), finished_at = NULL
WHERE $3 OR s.version <> excluded.version";

const READ: &str = "
SELECT last_lead_id, seen, changed, merged, to_review, finished_at IS NOT NULL FROM sweeps WHERE name = $1 FOR UPDATE";

const SAVE: &str = "
UPDATE sweeps SET last_lead_id = $2, seen = $3, changed = $4, merged = $5, to_review = $6, finished_at = CASE WHEN $7 THEN now() END WHERE name = $1";

const ABOUT: &str =
    "SELECT GREATEST(reltuples, 0)::bigint FROM pg_catalog.pg_class WHERE oid = 'leads'::regclass";

const NEXT: &str = "SELECT id FROM leads WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3";

// Ids are made in the order of time, and become visible in the order of commits: whatever was written by a transaction that
// is still open has an id from after its beginning.
const SETTLED_UNTIL: &str = "
SELECT floor(extract(epoch FROM LEAST(clock_timestamp(), (
    SELECT min(xact_start) FROM pg_catalog.pg_stat_activity WHERE (backend_xid IS NOT NULL OR state = 'active') AND datname = current_database() AND pid <> pg_catalog.pg_backend_pid()
))) * 1000)::bigint";

const SET_HASH: &str = "UPDATE leads SET addr_hash = $2, updated_at = now() WHERE id = $1";

const OWNER_OF_HASH: &str = "SELECT id FROM leads WHERE addr_hash = $1";

const NOTE_BLOCKS: &str = "
INSERT INTO near_match_keys (lead_id, block) SELECT * FROM unnest($1, $2)
ON CONFLICT (lead_id) DO UPDATE SET block = excluded.block WHERE near_match_keys.block <> excluded.block";

const IN_BLOCKS: &str = "
SELECT k.lead_id FROM near_match_keys k JOIN leads l ON l.id = k.lead_id WHERE k.block = ANY ($1)";

const FORGET_ORPHANS: &str =
    "DELETE FROM near_match_keys k WHERE NOT EXISTS (SELECT FROM leads l WHERE l.id = k.lead_id)";

/// Starts the pass, or starts it again; goes on with one that is under way. Callers stand in line.
pub fn begin(
    db: &mut Db<'_>,
    sweep: Sweep,
    version: i32,
    starts_again: bool,
) -> Result<Progress, Error> {
    let name = sweep.as_str();
    write(
        db,
        BEGIN,
        &[name.into(), version.into(), starts_again.into()],
    )?;
    let row = write(db, READ, &[name.into()])?
        .next()
        .ok_or_else(|| Error::Internal("a sweep vanished".into()))?;
    Ok(Progress {
        last: column(&row, 1)?,
        seen: required(&row, 2)?,
        changed: required(&row, 3)?,
        merged: required(&row, 4)?,
        to_review: required(&row, 5)?,
        is_finished: required(&row, 6)?,
    })
}

pub fn save(db: &mut Db<'_>, sweep: Sweep, progress: &Progress) -> Result<(), Error> {
    let args = [
        sweep.as_str().into(),
        progress.last.into(),
        progress.seen.into(),
        progress.changed.into(),
        progress.merged.into(),
        progress.to_review.into(),
        progress.is_finished.into(),
    ];
    write(db, SAVE, &args)?;
    Ok(())
}

/// How many leads there are, by the server's own estimate.
pub fn about_how_many(db: &mut Db<'_>) -> Result<i64, Error> {
    Ok(scalar(write(db, ABOUT, &[])?)?.unwrap_or(0))
}

/// The ids of the next leads in their order, below `bound`.
pub fn next(
    db: &mut Db<'_>,
    after: Option<Uuid>,
    bound: Uuid,
    limit: i32,
) -> Result<Vec<Uuid>, Error> {
    let after = after.unwrap_or(Uuid::from_bytes([0; 16]));
    let args = [after.into(), bound.into(), i64::from(limit).into()];
    write(db, NEXT, &args)?
        .map(|row| required(&row, 1))
        .collect()
}

/// The id below which no open transaction can have written a lead.
pub fn settled_until(db: &mut Db<'_>) -> Result<Uuid, Error> {
    let milliseconds: i64 = scalar(write(db, SETTLED_UNTIL, &[])?)?
        .ok_or_else(|| Error::Internal("the clock returned nothing".into()))?;
    let mut bytes = [0; 16];
    // A UUID of version 7 begins with 48 bits of milliseconds (RFC 9562, 5.7).
    bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
    Ok(Uuid::from_bytes(bytes))
}

/// Leads by their ids, in their order; one that is gone is left out.
pub fn load(db: &Db<'_>, ids: Vec<Uuid>) -> Result<Vec<Lead>, Error> {
    let mut found = leads::load(db, ids)?;
    found.sort_by_key(|lead| *lead.id.as_bytes());
    Ok(found)
}

pub fn set_hash(db: &mut Db<'_>, id: Uuid, hash: &str) -> Result<(), Error> {
    write(db, SET_HASH, &[id.into(), hash.into()])?;
    Ok(())
}

/// The lead that has this hash.
pub fn owner_of_hash(db: &mut Db<'_>, hash: &str) -> Result<Option<Uuid>, Error> {
    scalar(write(db, OWNER_OF_HASH, &[hash.into()])?)
}

/// Notes in which blocks leads stand.
pub fn note_blocks(db: &mut Db<'_>, ids: Vec<Uuid>, blocks: Vec<i64>) -> Result<(), Error> {
    write(db, NOTE_BLOCKS, &[ids.into(), blocks.into()])?;
    Ok(())
}

/// The leads that stand in one of these blocks.
pub fn in_blocks(db: &mut Db<'_>, blocks: Vec<i64>) -> Result<Vec<Uuid>, Error> {
    write(db, IN_BLOCKS, &[blocks.into()])?
        .map(|row| required(&row, 1))
        .collect()
}

/// Drops the notes about leads that are gone.
pub fn forget_orphans(db: &mut Db<'_>) -> Result<(), Error> {
    write(db, FORGET_ORPHANS, &[])?;
    Ok(())
}
