//! Opt-outs in force, and the leads that they reach.

use std::collections::BTreeMap;

use pgrx::{JsonB, Uuid};
use serde_json::Value;

use super::Db;
use super::leads::LeadStatus;
use super::plan::{column, required, scalar, select_by_key, write, write_by_key};
use crate::error::Error;
use crate::suppression::{Holder, Key, KeyKind};

/// The advisory lock between those who record opt-outs (exclusive) and transactions that wrote leads and are
/// committing (shared).
const COMMIT_LOCK: (i32, i32) = (0x4543_4e54, 2);

/// An opt-out in force.
#[derive(Debug, Clone)]
pub struct InForce {
    pub id: i64,
    pub reason: String,
    pub value_hash: String,
}

/// What a transaction must know to look at the leads it writes.
pub struct Outlook {
    pub secret: Vec<u8>,
    /// The newest opt-out that was asked for; 0: there is none.
    pub newest: i64,
    pub has_any: bool,
    /// The enum value `do_not_contact`, whose number differs from database to database.
    pub do_not_contact: LeadStatus,
}

/// A lead with what an opt-out could be about.
pub struct Held {
    pub id: Uuid,
    pub phones: Vec<Value>,
    pub emails: Vec<Value>,
    pub addr_hash: Option<String>,
    pub mak: Option<String>,
    pub source: Option<String>,
    pub vendor_record_id: Option<String>,
    pub apn: Option<String>,
    pub county_fips: Option<String>,
    pub is_suppressed: bool,
    pub reason: Option<String>,
}

impl Held {
    pub fn holder(&self) -> Holder<'_> {
        Holder {
            phones: &self.phones,
            emails: &self.emails,
            addr_hash: self.addr_hash.as_deref(),
            mak: self.mak.as_deref(),
            source: self.source.as_deref(),
            vendor_record_id: self.vendor_record_id.as_deref(),
            apn: self.apn.as_deref(),
            county_fips: self.county_fips.as_deref(),
        }
    }
}

const LOCK_SHARED: &str = "SELECT pg_advisory_xact_lock_shared($1, $2)";

const LOCK_EXCLUSIVE: &str = "SELECT pg_advisory_xact_lock($1, $2)";

const OUTLOOK: &str = "
SELECT (SELECT value FROM secrets WHERE name = 'hash_key'),
       COALESCE((SELECT max(id) FROM suppressions WHERE caused_by IS NULL), 0),
       EXISTS (SELECT FROM suppressions),
       'do_not_contact'::lead_status";

const NEWEST: &str = "SELECT COALESCE(max(id), 0) FROM suppressions WHERE caused_by IS NULL";

// A sequence shows what other transactions did whatever the snapshot.
const IS_BLIND: &str = "
SELECT CASE WHEN is_called THEN last_value ELSE 0 END > COALESCE((SELECT max(id) FROM suppressions), 0) FROM suppressions_id_seq";

const IN_FORCE: &str = "
SELECT id, reason, value_hash FROM suppressions WHERE value_hash = ANY ($1) AND lifted_at IS NULL ORDER BY id";

// One statement for each index: a look for nothing would still be planned, and an empty list matches a partial index of
// other columns.
const HOLDERS_OF_CONTACTS: &str = "SELECT id FROM leads WHERE contact_keys(phones, emails) && $1";

const HOLDERS_OF_ADDRESSES: &str = "SELECT id FROM leads WHERE addr_hash = ANY ($1)";

const HOLDERS_OF_MAKS: &str = "SELECT id FROM leads WHERE mak = ANY ($1)";

const SURVIVORS: &str = "
WITH RECURSIVE survivor AS (
    SELECT kept_lead_id AS id FROM lead_merges WHERE unmerged_at IS NULL AND folded_keys && $1
    UNION
    SELECT m.kept_lead_id FROM survivor s JOIN lead_merges m ON m.folded_lead_id = s.id AND m.unmerged_at IS NULL
)
SELECT l.id FROM survivor JOIN leads l ON l.id = survivor.id";

const LOCK_HELD: &str = "
SELECT id, to_jsonb(COALESCE(phones, '{}')), to_jsonb(COALESCE(emails, '{}')), addr_hash, mak, source, vendor_record_id, apn, county_fips,
       suppressed_at IS NOT NULL, suppressed_reason
FROM leads WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE";

const LOCK_HELD_AT_ONCE: &str = "
SELECT id, to_jsonb(COALESCE(phones, '{}')), to_jsonb(COALESCE(emails, '{}')), addr_hash, mak, source, vendor_record_id, apn, county_fips,
       suppressed_at IS NOT NULL, suppressed_reason
FROM leads WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE NOWAIT";

const FOLDED: &str = "
WITH RECURSIVE folded AS (
    SELECT folded_lead_id, folded_before FROM lead_merges WHERE kept_lead_id = ANY ($1) AND unmerged_at IS NULL
    UNION
    SELECT m.folded_lead_id, m.folded_before
    FROM folded f JOIN lead_merges m ON m.kept_lead_id = f.folded_lead_id AND m.unmerged_at IS NULL
)
SELECT folded_lead_id, COALESCE(folded_before -> 'phones', '[]'), COALESCE(folded_before -> 'emails', '[]'), folded_before ->> 'addr_hash',
       folded_before ->> 'mak', folded_before ->> 'source', folded_before ->> 'vendor_record_id', folded_before ->> 'apn',
       folded_before ->> 'county_fips', true, NULL::text
FROM folded";

// Without burning an id where nothing is missing: ids in force tell how new the newest opt-out is.
const RECORD: &str = "
INSERT INTO suppressions (kind, value_hash, reason, lead_id, caused_by)
SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT FROM suppressions WHERE value_hash = $2 AND lifted_at IS NULL)
ON CONFLICT (value_hash) WHERE lifted_at IS NULL DO NOTHING
RETURNING id";

const STAND_ALONE: &str =
    "UPDATE suppressions SET caused_by = NULL WHERE id = $1 AND caused_by IS NOT NULL";

const CAUSE_ITSELF: &str = "UPDATE suppressions SET caused_by = id WHERE id = $1";

const MARK: &str = "
UPDATE leads SET
    phones = CASE WHEN $2 IS NULL THEN phones ELSE ARRAY(SELECT point FROM jsonb_array_elements($2) WITH ORDINALITY AS t (point, n) ORDER BY n) END,
    emails = CASE WHEN $3 IS NULL THEN emails ELSE ARRAY(SELECT point FROM jsonb_array_elements($3) WITH ORDINALITY AS t (point, n) ORDER BY n) END,
    suppressed_at = COALESCE(suppressed_at, now()),
    suppressed_reason = COALESCE(suppressed_reason, $4),
    status = 'do_not_contact',
    campaign_status = CASE WHEN campaign_status IN ('unsubscribed', 'bounced', 'converted') THEN campaign_status ELSE 'do_not_contact' END,
    updated_at = now()
WHERE id = $1";

const LIFT: &str = "
UPDATE suppressions SET lifted_at = now(), lifted_reason = $2
WHERE (id = $1 OR caused_by = $1) AND lifted_at IS NULL
RETURNING value_hash";

const EXISTS: &str = "SELECT EXISTS (SELECT FROM suppressions WHERE id = $1)";

const SUPPRESSED: &str =
    "SELECT id FROM leads WHERE suppressed_at IS NOT NULL AND id > $1 ORDER BY id LIMIT 1000";

const CLEAR: &str = "
UPDATE leads SET
    phones = ARRAY(SELECT point FROM jsonb_array_elements($2) WITH ORDINALITY AS t (point, n) ORDER BY n),
    emails = ARRAY(SELECT point FROM jsonb_array_elements($3) WITH ORDINALITY AS t (point, n) ORDER BY n),
    suppressed_at = NULL,
    suppressed_reason = NULL,
    campaign_status = CASE WHEN campaign_status <> 'do_not_contact' THEN campaign_status
                           WHEN added_to_campaign_at IS NULL THEN 'new' ELSE 'sent' END,
    updated_at = now()
WHERE id = $1";

// Whom the campaign tool still has may stay there.
const KEEP_HANDED_OUT: &str = "
UPDATE campaign_handouts SET recall_asked_at = NULL WHERE lead_id = $1 AND recall_asked_at IS NOT NULL AND recalled_at IS NULL";

/// Waits for opt-outs that are being recorded, and keeps new ones away until this transaction has ended.
pub fn lock_for_commit(db: &mut Db<'_>) -> Result<(), Error> {
    write(
        db,
        LOCK_SHARED,
        &[COMMIT_LOCK.0.into(), COMMIT_LOCK.1.into()],
    )?;
    Ok(())
}

/// Waits for transactions that are committing leads, and keeps others from it until this transaction has ended.
pub fn lock_for_opt_out(db: &mut Db<'_>) -> Result<(), Error> {
    write(
        db,
        LOCK_EXCLUSIVE,
        &[COMMIT_LOCK.0.into(), COMMIT_LOCK.1.into()],
    )?;
    Ok(())
}

/// None while a restore has not brought the hash key yet.
pub fn outlook(db: &Db<'_>) -> Result<Option<Outlook>, Error> {
    let row = select_by_key(db, OUTLOOK, &[])?
        .next()
        .ok_or_else(|| Error::Internal("a row was expected".into()))?;
    let Some(secret) = column::<Vec<u8>>(&row, 1)? else {
        return Ok(None);
    };
    Ok(Some(Outlook {
        secret,
        newest: required(&row, 2)?,
        has_any: required(&row, 3)?,
        do_not_contact: required(&row, 4)?,
    }))
}

/// The newest opt-out that was asked for, as far as this transaction sees; 0: there is none.
pub fn newest(db: &mut Db<'_>) -> Result<i64, Error> {
    Ok(scalar(write_by_key(db, NEWEST, &[])?)?.unwrap_or(0))
}

/// Has an opt-out been recorded that this transaction's snapshot does not show?
pub fn is_blind(db: &mut Db<'_>) -> Result<bool, Error> {
    Ok(scalar(write(db, IS_BLIND, &[])?)?.unwrap_or(true))
}

/// Opt-outs in force among these hashes, oldest first.
pub fn in_force(db: &mut Db<'_>, hashes: Vec<String>) -> Result<Vec<InForce>, Error> {
    write_by_key(db, IN_FORCE, &[hashes.into()])?
        .map(|row| {
            Ok(InForce {
                id: required(&row, 1)?,
                reason: required(&row, 2)?,
                value_hash: required(&row, 3)?,
            })
        })
        .collect()
}

/// Leads that hold one of these contact points, addresses or Melissa keys.
pub fn holders(db: &mut Db<'_>, keys: &[Key]) -> Result<Vec<Uuid>, Error> {
    let mut holders = BTreeMap::new();
    for (statement, kinds) in [
        (
            HOLDERS_OF_CONTACTS,
            &[KeyKind::Phone, KeyKind::Email] as &[KeyKind],
        ),
        (HOLDERS_OF_ADDRESSES, &[KeyKind::Address]),
        (HOLDERS_OF_MAKS, &[KeyKind::Mak]),
    ] {
        let values: Vec<String> = keys
            .iter()
            .filter(|key| kinds.contains(&key.kind))
            .map(|key| key.value.clone())
            .collect();
        if values.is_empty() {
            continue;
        }
        for row in write(db, statement, &[values.into()])? {
            let id: Uuid = required(&row, 1)?;
            holders.insert(*id.as_bytes(), id);
        }
    }
    Ok(holders.into_values().collect())
}

/// Leads that one known by these keys was folded into. Read as a write is, with the newest snapshot: a merge may just
/// have committed.
pub fn survivors(db: &mut Db<'_>, folded_keys: Vec<String>) -> Result<Vec<Uuid>, Error> {
    write(db, SURVIVORS, &[folded_keys.into()])?
        .map(|row| required(&row, 1))
        .collect()
}

fn read_held(row: &pgrx::spi::SpiHeapTupleData<'_>) -> Result<Held, Error> {
    let points = |ordinal| -> Result<Vec<Value>, Error> {
        Ok(match column::<JsonB>(row, ordinal)? {
            Some(JsonB(Value::Array(points))) => points,
            _ => Vec::new(),
        })
    };
    Ok(Held {
        id: required(row, 1)?,
        phones: points(2)?,
        emails: points(3)?,
        addr_hash: column(row, 4)?,
        mak: column(row, 5)?,
        source: column(row, 6)?,
        vendor_record_id: column(row, 7)?,
        apn: column(row, 8)?,
        county_fips: column(row, 9)?,
        is_suppressed: required(row, 10)?,
        reason: column(row, 11)?,
    })
}

/// How long to wait for a lead that another transaction holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    Waits,
    /// An error (55P03) at once.
    GivesUp,
}

/// These leads, locked in the order of their ids.
pub fn lock(db: &mut Db<'_>, ids: Vec<Uuid>, patience: Patience) -> Result<Vec<Held>, Error> {
    let statement = match patience {
        Patience::Waits => LOCK_HELD,
        Patience::GivesUp => LOCK_HELD_AT_ONCE,
    };
    write(db, statement, &[ids.into()])?
        .map(|row| read_held(&row))
        .collect()
}

/// What the leads folded into these held, as far down as folding went.
pub fn folded_into(db: &mut Db<'_>, ids: Vec<Uuid>) -> Result<Vec<Held>, Error> {
    write(db, FOLDED, &[ids.into()])?
        .map(|row| read_held(&row))
        .collect()
}

/// A new row of `suppressions`.
pub struct NewOptOut<'a> {
    pub kind: KeyKind,
    pub value_hash: &'a str,
    pub reason: &'a str,
    pub lead_id: Option<Uuid>,
    pub caused_by: Option<i64>,
}

/// Records an opt-out; None when one of the same value is in force.
pub fn record(db: &mut Db<'_>, new: &NewOptOut<'_>) -> Result<Option<i64>, Error> {
    let args = [
        new.kind.as_str().into(),
        new.value_hash.into(),
        new.reason.into(),
        new.lead_id.into(),
        new.caused_by.into(),
    ];
    scalar(write(db, RECORD, &args)?)
}

/// An opt-out that followed from another was asked for by itself: it no longer ends with the other.
pub fn stand_alone(db: &mut Db<'_>, id: i64) -> Result<(), Error> {
    write(db, STAND_ALONE, &[id.into()])?;
    Ok(())
}

/// An opt-out that nobody asked for: the lead was flagged.
pub fn cause_itself(db: &mut Db<'_>, id: i64) -> Result<(), Error> {
    write(db, CAUSE_ITSELF, &[id.into()])?;
    Ok(())
}

/// New contact points of a lead; None: as they are.
#[derive(Default)]
pub struct Points {
    pub phones: Option<Vec<Value>>,
    pub emails: Option<Vec<Value>>,
}

/// Takes a lead out of all outreach. It must be locked.
pub fn mark(db: &mut Db<'_>, id: Uuid, points: Points, reason: &str) -> Result<(), Error> {
    let json = |points: Option<Vec<Value>>| points.map(|points| JsonB(Value::Array(points)));
    let args = [
        id.into(),
        json(points.phones).into(),
        json(points.emails).into(),
        reason.into(),
    ];
    // A lead that the lock found and the update does not see came after this transaction's snapshot.
    match write(db, MARK, &args)?.len() {
        1 => Ok(()),
        _ => Err(Error::Contended),
    }
}

/// Ends an opt-out and those that follow from it; the hashes of their values.
pub fn lift(db: &mut Db<'_>, id: i64, reason: &str) -> Result<Vec<String>, Error> {
    write(db, LIFT, &[id.into(), reason.into()])?
        .map(|row| required(&row, 1))
        .collect()
}

pub fn exists(db: &mut Db<'_>, id: i64) -> Result<bool, Error> {
    Ok(scalar(write(db, EXISTS, &[id.into()])?)?.unwrap_or(false))
}

/// Suppressed leads after this one, some at a time, locked.
pub fn suppressed_after(db: &mut Db<'_>, after: Option<Uuid>) -> Result<Vec<Held>, Error> {
    let after = after.unwrap_or(Uuid::from_bytes([0; 16]));
    let ids: Vec<Uuid> = write(db, SUPPRESSED, &[after.into()])?
        .map(|row| required(&row, 1))
        .collect::<Result<_, _>>()?;
    lock(db, ids, Patience::Waits)
}

/// Lets a lead be contacted again; its status must be scored next.
pub fn clear(db: &mut Db<'_>, lead: &Held) -> Result<(), Error> {
    let args = [
        lead.id.into(),
        JsonB(Value::Array(lead.phones.clone())).into(),
        JsonB(Value::Array(lead.emails.clone())).into(),
    ];
    write(db, CLEAR, &args)?;
    write(db, KEEP_HANDED_OUT, &[lead.id.into()])?;
    Ok(())
}
