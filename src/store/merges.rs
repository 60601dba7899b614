//! Merged leads: both rows as they were, what went over, and the way back.

use std::collections::BTreeMap;

use pgrx::{JsonB, PgRelation, Uuid, pg_sys};
use serde_json::Value;

use super::Db;
use super::plan::{column, required, scalar, select, write};
use crate::error::Error;
use crate::merging::lineage::Recorded;
use crate::merging::rows::Row;

/// A row of type `leads` as an object of JSON texts (see `merging::rows`): nothing is rounded. Snapshots come through
/// the row type again, so that times are written as in this session's time zone.
macro_rules! flat {
    ($row:literal) => {
        concat!(
            "(SELECT jsonb_object_agg(e.key, e.value::text) FROM (
    SELECT key, value FROM jsonb_each(to_jsonb(",
            $row,
            ") - 'custom')
    UNION ALL SELECT 'custom.' || key, value FROM jsonb_each(",
            $row,
            ".custom)
    UNION ALL SELECT 'at.' || name, to_jsonb(extract(epoch FROM at)::float8)
    FROM (VALUES ('first_seen_at', ",
            $row,
            ".first_seen_at), ('last_seen_at', ",
            $row,
            ".last_seen_at), ('created_at', ",
            $row,
            ".created_at)) AS t (name, at)) AS e)"
        )
    };
}

/// The reverse: an object of JSON texts as a row of type `leads`.
macro_rules! row_of {
    ($texts:literal) => {
        concat!(
            "jsonb_populate_record(NULL::leads,
    (SELECT COALESCE(jsonb_object_agg(key, value::jsonb), '{}') FROM jsonb_each_text(",
            $texts,
            ") WHERE key NOT LIKE 'custom.%' AND key NOT LIKE 'at.%')
    || jsonb_build_object('custom', (SELECT COALESCE(jsonb_object_agg(substr(key, 8), value::jsonb), '{}')
                                     FROM jsonb_each_text(",
            $texts,
            ") WHERE key LIKE 'custom.%')))"
        )
    };
}

/// The columns that a merge writes: all but the identity, the clock and opt-outs.
macro_rules! columns {
    () => {
        "source, vendor_record_id, vendor_list_id, first_name, last_name, owner_full_name, owner_company, address_line1, address_line2,
    property_address, property_city, property_state, property_zip, county_fips, addr_hash, mak, apn, property_value, estimated_equity, age,
    owner_occupied, phones, emails, quality_score, status, campaign_status, assigned_persona, microsite_url, instantly_campaign_id,
    added_to_campaign_at, custom, first_seen_at, last_seen_at, created_at"
    };
}

const LOCK: &str = concat!(
    "SELECT l.id, ",
    flat!("l"),
    " FROM leads l WHERE l.id = ANY ($1) ORDER BY l.id FOR UPDATE"
);

// Also where merges followed each other.
const SURVIVOR: &str = "
WITH RECURSIVE step AS (
    SELECT kept_lead_id AS id FROM lead_merges WHERE folded_lead_id = $1 AND unmerged_at IS NULL
    UNION
    SELECT m.kept_lead_id FROM step s JOIN lead_merges m ON m.folded_lead_id = s.id AND m.unmerged_at IS NULL
)
SELECT l.id FROM step JOIN leads l ON l.id = step.id LIMIT 1";

const OF_KEYS: &str = "
WITH RECURSIVE hit AS (
    SELECT k.key, m.kept_lead_id AS id
    FROM lead_merges m, unnest(m.folded_keys) AS k (key)
    WHERE m.unmerged_at IS NULL AND m.folded_keys && $1 AND k.key = ANY ($1)
    UNION
    SELECT h.key, m.kept_lead_id FROM hit h JOIN lead_merges m ON m.folded_lead_id = h.id AND m.unmerged_at IS NULL
)
SELECT h.key, h.id FROM hit h JOIN leads l ON l.id = h.id";

const RECORD: &str = "
INSERT INTO lead_merges (kept_lead_id, folded_lead_id, reason, kept_before, folded_before, folded_keys)
SELECT k.id, f.id, $3, to_jsonb(k), to_jsonb(f), $4 FROM leads k, leads f WHERE k.id = $1 AND f.id = $2
RETURNING id";

const REMOVE: &str = "DELETE FROM leads WHERE id = $1";

const WRITE: &str = concat!(
    "UPDATE leads SET (",
    columns!(),
    ", updated_at) = (SELECT ",
    columns!(),
    ", now() FROM ",
    row_of!("$2"),
    ") WHERE id = $1"
);

const PUT_BACK: &str = concat!(
    "INSERT INTO leads (id, suppressed_at, suppressed_reason, ",
    columns!(),
    ", updated_at) SELECT id, suppressed_at, suppressed_reason, ",
    columns!(),
    ", now() FROM ",
    row_of!("$1"),
    " ON CONFLICT DO NOTHING RETURNING id"
);

const NOTE_AFTER: &str = "
UPDATE lead_merges m SET kept_after = to_jsonb(l) FROM leads l WHERE m.id = $1 AND l.id = m.kept_lead_id";

// A lead has at most one job: the survivor's own goes on, else the folded one's.
const MOVE_JOB: &str = "
WITH held AS (SELECT * FROM jobs WHERE lead_id = $3),
moved AS (
    UPDATE jobs SET lead_id = $2 WHERE lead_id = $3 AND NOT EXISTS (SELECT FROM jobs WHERE lead_id = $2) RETURNING id
)
UPDATE lead_merges SET moved = moved || jsonb_build_object('job', (SELECT to_jsonb(held) FROM held), 'job_went_over', EXISTS (SELECT FROM moved))
WHERE id = $1 AND EXISTS (SELECT FROM held)";

const END_JOB: &str = "DELETE FROM jobs WHERE lead_id = $1";

const MOVE_CALLS: &str = "
WITH gone AS (UPDATE vendor_calls SET lead_id = $2 WHERE lead_id = $3 RETURNING id)
UPDATE lead_merges SET moved = moved || jsonb_build_object('calls', (SELECT jsonb_agg(id) FROM gone))
WHERE id = $1 AND EXISTS (SELECT FROM gone)";

const MOVE_DLQ: &str = "
WITH gone AS (UPDATE dlq SET lead_id = $2 WHERE lead_id = $3 RETURNING id)
UPDATE lead_merges SET moved = moved || jsonb_build_object('dlq', (SELECT jsonb_agg(id) FROM gone))
WHERE id = $1 AND EXISTS (SELECT FROM gone)";

// So that whoever opts the survivor out calls them back.
const MOVE_HANDOUTS: &str = "
WITH gone AS (UPDATE campaign_handouts SET lead_id = $2 WHERE lead_id = $3 RETURNING id)
UPDATE lead_merges SET moved = moved || jsonb_build_object('handouts', (SELECT jsonb_agg(id) FROM gone))
WHERE id = $1 AND EXISTS (SELECT FROM gone)";

const HANDOUTS_BACK: &str = "
UPDATE campaign_handouts h SET lead_id = m.folded_lead_id
FROM lead_merges m, jsonb_array_elements_text(m.moved -> 'handouts') AS row (id)
WHERE m.id = $1 AND h.id = row.id::bigint AND h.lead_id = m.kept_lead_id";

const CALLS_BACK: &str = "
UPDATE vendor_calls c SET lead_id = m.folded_lead_id
FROM lead_merges m, jsonb_array_elements_text(m.moved -> 'calls') AS call (id)
WHERE m.id = $1 AND c.id = call.id::bigint AND c.lead_id = m.kept_lead_id";

const DLQ_BACK: &str = "
UPDATE dlq d SET lead_id = m.folded_lead_id
FROM lead_merges m, jsonb_array_elements_text(m.moved -> 'dlq') AS row (id)
WHERE m.id = $1 AND d.id = row.id::bigint AND d.lead_id = m.kept_lead_id";

const JOB_BACK: &str = "
UPDATE jobs j SET lead_id = m.folded_lead_id
FROM lead_merges m
WHERE m.id = $1 AND m.moved -> 'job_went_over' = 'true' AND j.id = (m.moved -> 'job' ->> 'id')::bigint AND j.lead_id = m.kept_lead_id";

// Where the job ended with the merge or since: it is made again. A purchase that is over has been applied; one that is not
// is held, because whoever applies it in this moment would not find the job, which would wait for it for ever.
const JOB_AGAIN: &str = "
WITH under_way AS MATERIALIZED (
    SELECT c.id FROM vendor_calls c
    WHERE c.id = (SELECT (moved -> 'job' ->> 'call_id')::bigint FROM lead_merges WHERE id = $1)
      AND c.state IN ('reserved', 'sending', 'answered')
    FOR SHARE
)
INSERT INTO jobs (id, stage, lead_id, vendor, call_id, run_at, attempts, pass, alone, replays_call_id, rebuys_call_id, campaign,
                  waiting_for, created_at)
SELECT j.id, j.stage, m.folded_lead_id, CASE WHEN c.id IS NULL AND j.call_id IS NOT NULL THEN NULL ELSE j.vendor END, c.id, j.run_at, j.attempts, j.pass,
       j.alone, r.id, b.id, j.campaign, j.waiting_for, j.created_at
FROM lead_merges m
CROSS JOIN LATERAL jsonb_populate_record(NULL::jobs, m.moved -> 'job') j
LEFT JOIN under_way c ON c.id = j.call_id
LEFT JOIN vendor_calls r ON r.id = j.replays_call_id AND r.state = 'in_doubt'
LEFT JOIN vendor_calls b ON b.id = j.rebuys_call_id AND b.state = 'in_doubt'
WHERE m.id = $1 AND j.id IS NOT NULL
ON CONFLICT DO NOTHING";

// A lead that was opted out before does not become so now: no trigger calls its new hand-outs back.
const RECALL: &str = "
WITH opted_out AS (
    SELECT l.id FROM lead_merges m JOIN leads l ON l.id IN (m.kept_lead_id, m.folded_lead_id) WHERE m.id = $1 AND l.suppressed_at IS NOT NULL
), no_retry AS (
    DELETE FROM dlq WHERE kind = 'handout' AND lead_id IN (SELECT id FROM opted_out)
)
UPDATE campaign_handouts SET
    recall_asked_at = now(), run_at = LEAST(run_at, now()), delivery = CASE delivery WHEN 'failed' THEN 'unclear' ELSE delivery END
WHERE lead_id IN (SELECT id FROM opted_out) AND recall_asked_at IS NULL AND delivery NOT IN ('blocked', 'invalid', 'unsent')";

const FIND: &str = "
SELECT kept_lead_id, folded_lead_id, unmerged_at IS NOT NULL FROM lead_merges WHERE id = $1";

const HISTORY: &str = concat!(
    "SELECT m.id, ",
    flat!("b"),
    ", ",
    flat!("f"),
    ", ",
    flat!("a"),
    ", m.kept_after IS NULL FROM lead_merges m
CROSS JOIN LATERAL jsonb_populate_record(NULL::leads, m.kept_before) b
CROSS JOIN LATERAL jsonb_populate_record(NULL::leads, m.folded_before) f
CROSS JOIN LATERAL jsonb_populate_record(NULL::leads, COALESCE(m.kept_after, '{}')) a
WHERE m.kept_lead_id = $1 AND m.id >= $2 AND m.unmerged_at IS NULL
ORDER BY m.id"
);

const REWRITE: &str = concat!(
    "UPDATE lead_merges SET kept_before = (SELECT to_jsonb(b) FROM ",
    row_of!("$2"),
    " b), kept_after = (SELECT to_jsonb(a) FROM ",
    row_of!("$3"),
    " a) WHERE id = $1"
);

const END: &str = "UPDATE lead_merges SET unmerged_at = now() WHERE id = $1";

fn read_row(json: Option<JsonB>) -> Row {
    match json {
        Some(JsonB(Value::Object(fields))) => fields
            .into_iter()
            .filter_map(|(field, text)| match text {
                Value::String(text) => Some((field, text)),
                _ => None,
            })
            .collect(),
        _ => Row::new(),
    }
}

fn texts(row: &Row) -> JsonB {
    JsonB(Value::Object(
        row.iter()
            .map(|(field, text)| (field.clone(), Value::String(text.clone())))
            .collect(),
    ))
}

/// These leads as rows, locked in the order of their ids; a missing one is left out.
pub fn lock(db: &mut Db<'_>, ids: &[Uuid]) -> Result<BTreeMap<[u8; 16], Row>, Error> {
    write(db, LOCK, &[ids.to_vec().into()])?
        .map(|row| {
            let id: Uuid = required(&row, 1)?;
            Ok((*id.as_bytes(), read_row(column(&row, 2)?)))
        })
        .collect()
}

/// The lead that this one, which is gone, was folded into.
pub fn survivor_of(db: &Db<'_>, id: Uuid) -> Result<Option<Uuid>, Error> {
    scalar(select(db, SURVIVOR, &[id.into()])?)
}

/// The same for those who may have merged it themselves in the statement that is running.
pub fn survivor_now(db: &mut Db<'_>, id: Uuid) -> Result<Option<Uuid>, Error> {
    scalar(write(db, SURVIVOR, &[id.into()])?)
}

/// Has there ever been a merge? Looks at the size of the table only: every record that comes in asks it.
pub fn are_there() -> Result<bool, Error> {
    // SAFETY: a name that ends with a NUL; looked for in the extension's schema, as in a statement.
    let table = unsafe { pg_sys::RelnameGetRelid(c"lead_merges".as_ptr()) };
    if table == pg_sys::InvalidOid {
        return Err(Error::Internal("the table lead_merges is not there".into()));
    }
    // SAFETY: opened for as long as its storage is asked.
    let blocks = unsafe {
        let table = PgRelation::with_lock(table, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        pg_sys::RelationGetNumberOfBlocksInFork(table.as_ptr(), pg_sys::ForkNumber::MAIN_FORKNUM)
    };
    Ok(blocks > 0)
}

/// Which of these keys belonged to leads that were folded, and the leads that have survived them. Like a writer: in a
/// savepoint of its own a reader would not see what the same call has merged before.
pub fn owners_of_folded_keys(
    db: &mut Db<'_>,
    keys: Vec<String>,
) -> Result<Vec<(String, Uuid)>, Error> {
    write(db, OF_KEYS, &[keys.into()])?
        .map(|row| Ok((required(&row, 1)?, required(&row, 2)?)))
        .collect()
}

/// Records a merge with both leads as they are now.
pub fn record(
    db: &mut Db<'_>,
    keep: Uuid,
    fold: Uuid,
    reason: &str,
    folded_keys: Vec<String>,
) -> Result<i64, Error> {
    let args = [keep.into(), fold.into(), reason.into(), folded_keys.into()];
    scalar(write(db, RECORD, &args)?)?.ok_or_else(Error::no_such_lead)
}

pub fn remove(db: &mut Db<'_>, id: Uuid) -> Result<(), Error> {
    write(db, REMOVE, &[id.into()])?;
    Ok(())
}

/// Writes a lead's row; identity, clock and opt-outs are as they were.
pub fn write_row(db: &mut Db<'_>, id: Uuid, row: &Row) -> Result<(), Error> {
    write(db, WRITE, &[id.into(), texts(row).into()])?;
    Ok(())
}

/// Puts a folded lead back; false when its id or one of its keys is another lead's now.
pub fn put_back(db: &mut Db<'_>, row: &Row) -> Result<bool, Error> {
    Ok(write(db, PUT_BACK, &[texts(row).into()])?.len() == 1)
}

/// Gives what points at the folded lead to the survivor: the job, purchases, failed work and hand-outs.
pub fn move_work(db: &mut Db<'_>, merge: i64, keep: Uuid, fold: Uuid) -> Result<(), Error> {
    for statement in [MOVE_JOB, MOVE_CALLS, MOVE_DLQ, MOVE_HANDOUTS] {
        write(db, statement, &[merge.into(), keep.into(), fold.into()])?;
    }
    write(db, END_JOB, &[fold.into()])?;
    write(db, RECALL, &[merge.into()])?;
    Ok(())
}

/// Gives back what `move_work` gave to the survivor.
pub fn give_work_back(db: &mut Db<'_>, merge: i64) -> Result<(), Error> {
    for statement in [
        CALLS_BACK,
        DLQ_BACK,
        HANDOUTS_BACK,
        JOB_BACK,
        JOB_AGAIN,
        RECALL,
    ] {
        write(db, statement, &[merge.into()])?;
    }
    Ok(())
}

/// The survivor as the merge has left it.
pub fn note_after(db: &mut Db<'_>, merge: i64) -> Result<(), Error> {
    write(db, NOTE_AFTER, &[merge.into()])?;
    Ok(())
}

/// A row of `lead_merges`.
pub struct Merge {
    pub kept: Uuid,
    pub folded: Uuid,
    pub is_undone: bool,
}

pub fn find(db: &mut Db<'_>, merge: i64) -> Result<Option<Merge>, Error> {
    let Some(row) = write(db, FIND, &[merge.into()])?.next() else {
        return Ok(None);
    };
    Ok(Some(Merge {
        kept: required(&row, 1)?,
        folded: required(&row, 2)?,
        is_undone: required(&row, 3)?,
    }))
}

/// This merge and the later ones into the same lead, oldest first; None for one whose snapshots are gone.
pub fn history(
    db: &mut Db<'_>,
    keep: Uuid,
    from: i64,
) -> Result<Vec<(i64, Option<Recorded>)>, Error> {
    write(db, HISTORY, &[keep.into(), from.into()])?
        .map(|row| {
            let recorded = Recorded {
                before: read_row(column(&row, 2)?),
                folded: read_row(column(&row, 3)?),
                after: read_row(column(&row, 4)?),
            };
            let is_erased: bool = required(&row, 5)?;
            Ok((required(&row, 1)?, (!is_erased).then_some(recorded)))
        })
        .collect()
}

/// A later merge as it would have been without the one that was undone.
pub fn rewrite(db: &mut Db<'_>, merge: i64, before: &Row, after: &Row) -> Result<(), Error> {
    let args = [merge.into(), texts(before).into(), texts(after).into()];
    write(db, REWRITE, &args)?;
    Ok(())
}

/// Marks a merge as undone.
pub fn end(db: &mut Db<'_>, merge: i64) -> Result<(), Error> {
    write(db, END, &[merge.into()])?;
    Ok(())
}
