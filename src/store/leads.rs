//! Reads a lead's contact points and facts, and writes score, status and what enrichment found back.

use std::cell::RefCell;
use std::collections::HashMap;

use pgrx::{JsonB, Uuid, pg_sys};
use rust_decimal::Decimal;
use serde_json::Value;

use super::Db;
use super::jsonb::{Points, PointsToStore};
pub use super::lead_status::LeadStatus;
use super::plan::{column, required, scalar, select, select_by_key, write, write_by_key};
use crate::error::Error;
use crate::score::{self, Route, Scored};

/// Statuses that the pipeline may set; all others belong to the sale and are never overwritten.
const PIPELINE_STATUSES: [&str; 5] = [
    "new",
    "enriched",
    "contactable",
    "do_not_contact",
    "needs_contact_info",
];

/// What scoring, merging and the waterfall need to know of a lead.
#[derive(Debug, Clone)]
pub struct Lead {
    pub id: Uuid,
    pub phones: Vec<Value>,
    pub emails: Vec<Value>,
    pub mak: Option<String>,
    pub apn: Option<String>,
    pub county_fips: Option<String>,
    pub owner_occupied: Option<bool>,
    pub age: Option<i32>,
    pub property_value: Option<Decimal>,
    pub estimated_equity: Option<Decimal>,
    pub status: String,
    /// The same, as it is stored.
    pub stored_status: Option<LeadStatus>,
    pub suppressed_reason: Option<String>,
    pub suppressed: bool,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub full_name: Option<String>,
    pub company: Option<String>,
    pub address_line1: Option<String>,
    pub address_line2: Option<String>,
    pub city: Option<String>,
    pub state: Option<String>,
    pub zip: Option<String>,
    pub addr_hash: Option<String>,
}

impl Lead {
    pub fn scored(&self) -> Scored<'_> {
        Scored {
            phones: &self.phones,
            emails: &self.emails,
            has_mak: self.mak.is_some(),
            has_apn: self.apn.is_some(),
            owner_occupied: self.owner_occupied,
            age: self.age,
            property_value: self.property_value,
            estimated_equity: self.estimated_equity,
        }
    }

    /// Is it the pipeline's to route, or already contacted, replied, closed …?
    pub fn is_in_pipeline(&self) -> bool {
        is_in_pipeline(&self.status)
    }

    /// The status that `score` gives it.
    pub fn status_for(&self, score: i32) -> String {
        status_for(&self.status, self.suppressed, score).to_string()
    }
}

fn is_in_pipeline(status: &str) -> bool {
    PIPELINE_STATUSES.contains(&status)
}

/// The status that `score` gives a lead: a suppressed one is always `do_not_contact`, one past the pipeline keeps its own.
pub fn status_for(status: &str, is_suppressed: bool, score: i32) -> &str {
    if is_suppressed {
        Route::DoNotContact.as_str()
    } else if is_in_pipeline(status) {
        score::route(score).as_str()
    } else {
        status
    }
}

/// The columns that `read_lead` reads, with what follows the condition.
macro_rules! leads_by_id {
    ($locking:literal) => {
        concat!(
            "
SELECT id, phones, emails, mak, apn, county_fips, owner_occupied, age,
       property_value::text, estimated_equity::text, status::text, suppressed_at IS NOT NULL, suppressed_reason,
       first_name, last_name, owner_full_name, owner_company, NULLIF(btrim(COALESCE(address_line1, property_address)), ''), address_line2,
       property_city, property_state, property_zip, addr_hash, status
FROM leads
WHERE id = ANY ($1)",
            $locking
        )
    };
}

const BY_ID: &str = leads_by_id!("");

const BY_ID_FOR_UPDATE: &str = leads_by_id!(
    "
ORDER BY id
FOR NO KEY UPDATE"
);

const BY_ID_UNLOCKED: &str = leads_by_id!(
    "
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED"
);

// What a score depends on, the amounts no more exactly than it needs.
const SCORED: &str = "
SELECT phones, emails, mak IS NOT NULL, apn IS NOT NULL, owner_occupied, age,
       trunc(LEAST(GREATEST(property_value, 0), 1e15))::bigint, CASE WHEN estimated_equity > 0 THEN 1::bigint END
FROM leads
WHERE id = $1";

const POINTS_FOR_UPDATE: &str = "
SELECT CASE WHEN $2 THEN phones ELSE emails END FROM leads WHERE id = $1 FOR NO KEY UPDATE";

const EXISTS: &str = "SELECT EXISTS (SELECT FROM leads WHERE id = $1)";

const SET_PHONES: &str = "UPDATE leads SET phones = $2, updated_at = now() WHERE id = $1";

const SET_EMAILS: &str = "UPDATE leads SET emails = $2, updated_at = now() WHERE id = $1";

// Only the version that was read, by its place. Not `=`, by which PostgreSQL could look for it: it would not compare the
// place again once it has waited for another session.
const REPLACE_PHONES: &str = "UPDATE leads SET phones = $2, updated_at = now() WHERE id = $1 AND ctid IS NOT DISTINCT FROM $3";

const REPLACE_EMAILS: &str = "UPDATE leads SET emails = $2, updated_at = now() WHERE id = $1 AND ctid IS NOT DISTINCT FROM $3";

// A row that would stay as it is is not written: score and status stand in an index, so it would be written into all.
const SET_STATUSES: &str = "
UPDATE leads l SET quality_score = n.score, status = n.status::lead_status, updated_at = now()
FROM unnest($1, $2, $3) AS n (id, score, status)
WHERE l.id = n.id AND (l.quality_score IS DISTINCT FROM n.score OR l.status IS DISTINCT FROM n.status::lead_status)
RETURNING l.id, l.status";

const SET_ENRICHED: &str = "
UPDATE leads SET
    phones = ARRAY(SELECT point FROM jsonb_array_elements($2) WITH ORDINALITY AS t (point, n) ORDER BY n),
    emails = ARRAY(SELECT point FROM jsonb_array_elements($3) WITH ORDINALITY AS t (point, n) ORDER BY n),
    mak = $4,
    owner_occupied = $5,
    suppressed_reason = $6,
    suppressed_at = CASE WHEN $6 IS NULL THEN suppressed_at ELSE COALESCE(suppressed_at, now()) END,
    quality_score = $7,
    status = $8::lead_status,
    updated_at = now()
WHERE id = $1";

const NOW_RFC3339: &str =
    "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')";

fn read_lead(row: &pgrx::spi::SpiHeapTupleData<'_>) -> Result<Lead, Error> {
    Ok(Lead {
        id: required(row, 1)?,
        phones: points(column(row, 2)?),
        emails: points(column(row, 3)?),
        mak: column(row, 4)?,
        apn: column(row, 5)?,
        county_fips: column(row, 6)?,
        owner_occupied: column(row, 7)?,
        age: column(row, 8)?,
        property_value: decimal(column(row, 9)?),
        estimated_equity: decimal(column(row, 10)?),
        status: column(row, 11)?.unwrap_or_else(|| "new".to_string()),
        suppressed: required(row, 12)?,
        suppressed_reason: column(row, 13)?,
        first_name: column(row, 14)?,
        last_name: column(row, 15)?,
        full_name: column(row, 16)?,
        company: column(row, 17)?,
        address_line1: column(row, 18)?,
        address_line2: column(row, 19)?,
        city: column(row, 20)?,
        state: column(row, 21)?,
        zip: column(row, 22)?,
        addr_hash: column(row, 23)?,
        stored_status: column(row, 24)?,
    })
}

fn points(stored: Option<Points>) -> Vec<Value> {
    stored.map_or_else(Vec::new, |stored| stored.0)
}

/// A stored amount; one too large for our arithmetic (28 digits) counts as the largest there is.
fn decimal(text: Option<String>) -> Option<Decimal> {
    text.map(|text| {
        text.parse().unwrap_or(if text.starts_with('-') {
            Decimal::MIN
        } else {
            Decimal::MAX
        })
    })
}

/// The id of a new lead. Not for the postmaster: its children would go on with the same random numbers.
pub fn new_id() -> Uuid {
    Uuid::from_bytes(uuid::Uuid::now_v7().into_bytes())
}

/// The leads that exist among `ids`, without locking them.
pub fn load(db: &Db<'_>, ids: Vec<Uuid>) -> Result<Vec<Lead>, Error> {
    select_by_key(db, BY_ID, &[ids.into()])?
        .map(|row| read_lead(&row))
        .collect()
}

/// The leads that exist among `ids`, locked in the order of their ids.
pub fn load_for_update(db: &mut Db<'_>, ids: Vec<Uuid>) -> Result<Vec<Lead>, Error> {
    write_by_key(db, BY_ID_FOR_UPDATE, &[ids.into()])?
        .map(|row| read_lead(&row))
        .collect()
}

/// Those among `ids` that exist and that nobody else has locked, locked: the worker waits for no session.
pub fn load_unlocked_for_update(db: &mut Db<'_>, ids: Vec<Uuid>) -> Result<Vec<Lead>, Error> {
    write(db, BY_ID_UNLOCKED, &[ids.into()])?
        .map(|row| read_lead(&row))
        .collect()
}

/// Is there such a lead, locked or not?
pub fn exists(db: &Db<'_>, id: Uuid) -> Result<bool, Error> {
    Ok(scalar(select(db, EXISTS, &[id.into()])?)?.unwrap_or(false))
}

/// One lead, locked; an error when it does not exist.
pub fn load_one_for_update(db: &mut Db<'_>, id: Uuid) -> Result<Lead, Error> {
    load_for_update(db, vec![id])?
        .pop()
        .ok_or_else(Error::no_such_lead)
}

/// The contact points of one kind of a lead, which is locked; an error when it does not exist.
pub fn points_for_update(
    db: &mut Db<'_>,
    id: Uuid,
    kind: crate::contact::Kind,
) -> Result<Vec<Value>, Error> {
    let is_phone = kind == crate::contact::Kind::Phone;
    let row = write_by_key(db, POINTS_FOR_UPDATE, &[id.into(), is_phone.into()])?
        .next()
        .ok_or_else(Error::no_such_lead)?;
    Ok(points(column(&row, 1)?))
}

/// Writes the contact points of one kind back.
pub fn set_points(
    db: &mut Db<'_>,
    id: Uuid,
    kind: crate::contact::Kind,
    points: &[Value],
) -> Result<(), Error> {
    let statement = match kind {
        crate::contact::Kind::Phone => SET_PHONES,
        crate::contact::Kind::Email => SET_EMAILS,
    };
    write_by_key(db, statement, &[id.into(), PointsToStore(points).into()])?;
    Ok(())
}

/// The same of a lead that is not locked, if it still is the version at this place.
pub fn replace_points(
    db: &mut Db<'_>,
    id: Uuid,
    kind: crate::contact::Kind,
    points: &[Value],
    place: pg_sys::ItemPointerData,
) -> Result<bool, Error> {
    let statement = match kind {
        crate::contact::Kind::Phone => REPLACE_PHONES,
        crate::contact::Kind::Email => REPLACE_EMAILS,
    };
    let args = [id.into(), PointsToStore(points).into(), place.into()];
    Ok(!write_by_key(db, statement, &args)?.is_empty())
}

/// The score of a lead as it is stored; an error when it does not exist.
pub fn quality_score(db: &Db<'_>, id: Uuid) -> Result<i32, Error> {
    let row = select_by_key(db, SCORED, &[id.into()])?
        .next()
        .ok_or_else(Error::no_such_lead)?;
    let (phones, emails) = (points(column(&row, 1)?), points(column(&row, 2)?));
    Ok(score::quality_score(&Scored {
        phones: &phones,
        emails: &emails,
        has_mak: required(&row, 3)?,
        has_apn: required(&row, 4)?,
        owner_occupied: column(&row, 5)?,
        age: column(&row, 6)?,
        property_value: column::<i64>(&row, 7)?.map(Decimal::from),
        estimated_equity: column::<i64>(&row, 8)?.map(Decimal::from),
    }))
}

/// A lead's score and status after an update.
pub struct Rescored {
    pub lead_id: Uuid,
    pub score: i32,
    pub status: LeadStatus,
}

/// Scores `leads` and stores score and status, in one statement. The leads must be locked.
pub fn rescore(db: &mut Db<'_>, leads: &[Lead]) -> Result<Vec<Rescored>, Error> {
    let scores: Vec<i32> = leads
        .iter()
        .map(|lead| score::quality_score(&lead.scored()))
        .collect();
    let ids: Vec<Uuid> = leads.iter().map(|lead| lead.id).collect();
    let statuses: Vec<String> = leads
        .iter()
        .zip(&scores)
        .map(|(lead, score)| lead.status_for(*score))
        .collect();
    let args = [ids.into(), scores.clone().into(), statuses.into()];
    let changed: HashMap<Uuid, LeadStatus> = write_by_key(db, SET_STATUSES, &args)?
        .map(|row| Ok((required(&row, 1)?, required(&row, 2)?)))
        .collect::<Result<_, Error>>()?;
    let rescored = leads.iter().zip(scores).filter_map(|(lead, score)| {
        Some(Rescored {
            lead_id: lead.id,
            score,
            status: changed.get(&lead.id).copied().or(lead.stored_status)?,
        })
    });
    Ok(rescored.collect())
}

/// Writes what enrichment or verification changed, with the score that follows and `status`.
pub fn save_enriched(db: &mut Db<'_>, lead: &Lead, status: &str) -> Result<(), Error> {
    let args = [
        lead.id.into(),
        JsonB(Value::Array(lead.phones.clone())).into(),
        JsonB(Value::Array(lead.emails.clone())).into(),
        lead.mak.as_deref().into(),
        lead.owner_occupied.into(),
        lead.suppressed_reason.as_deref().into(),
        score::quality_score(&lead.scored()).into(),
        status.into(),
    ];
    write_by_key(db, SET_ENRICHED, &args)?;
    Ok(())
}

thread_local! {
    /// When the last transaction that asked began, and how that is written.
    static CLOCK: RefCell<(pg_sys::TimestampTz, String)> = const { RefCell::new((0, String::new())) };
}

/// The transaction's time, for contact points.
pub fn now_rfc3339(db: &Db<'_>) -> Result<String, Error> {
    // SAFETY: reads what the backend knows of its transaction.
    let began = unsafe { pg_sys::GetCurrentTransactionStartTimestamp() };
    let known = CLOCK.with_borrow(|(at, text)| (*at == began).then(|| text.clone()));
    if let Some(text) = known {
        return Ok(text);
    }
    let text: String = scalar(select(db, NOW_RFC3339, &[])?)?
        .ok_or_else(|| Error::Internal("the clock returned nothing".into()))?;
    CLOCK.set((began, text.clone()));
    Ok(text)
}

const SUPPRESS: &str = "
UPDATE leads SET
    suppressed_at = COALESCE(suppressed_at, now()), suppressed_reason = COALESCE(suppressed_reason, $2),
    status = 'do_not_contact', updated_at = now()
WHERE id = $1 AND suppressed_at IS NULL";

/// Takes a lead out of all outreach.
pub fn suppress(db: &mut Db<'_>, id: Uuid, reason: &str) -> Result<(), Error> {
    write(db, SUPPRESS, &[id.into(), reason.into()])?;
    Ok(())
}
