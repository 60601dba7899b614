//! Campaigns, the leads handed to them, and what came back.

use pgrx::datum::TimestampWithTimeZone;
use pgrx::{JsonB, Uuid};
use serde_json::Value;

use super::Db;
use super::plan::{column, required, scalar, select, write};
use crate::error::Error;
use crate::money::Money;
use crate::score::CONTACTABLE_FROM;

/// A row of `campaigns`.
pub struct Campaign {
    pub name: String,
    pub vendor_campaign_id: Option<String>,
    pub daily_cap: i64,
    pub is_enabled: bool,
}

/// A ready lead, locked.
pub struct Ready {
    pub id: Uuid,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub city: Option<String>,
    pub state: Option<String>,
    pub score: i32,
    pub phones: Vec<Value>,
    pub emails: Vec<Value>,
    pub persona: Option<String>,
    pub microsite_url: Option<String>,
    pub first_seen_at: Option<TimestampWithTimeZone>,
}

/// A lead that was handed out, as it is when it is sent; locked.
pub struct Addressee {
    pub id: Uuid,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub company: Option<String>,
    pub city: Option<String>,
    pub state: Option<String>,
    pub persona: Option<String>,
    pub microsite_url: Option<String>,
    pub property_value: Option<f64>,
    pub estimated_equity: Option<f64>,
    pub phones: Vec<Value>,
    pub emails: Vec<Value>,
    pub is_suppressed: bool,
}

/// Who sends what is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Whoever called claim_campaign_leads().
    Caller,
    /// The worker, by e-mail: only leads with a verified address.
    Worker,
}

/// A lead as the campaign tool's events see it, locked.
pub struct Contacted {
    pub id: Uuid,
    pub status: String,
    pub campaign_status: String,
    pub emails: Vec<Value>,
}

const FIND: &str =
    "SELECT name, vendor_campaign_id, daily_cap::bigint, enabled FROM campaigns WHERE name = $1";

const FED_BY_WORKER: &str = "
SELECT name, vendor_campaign_id, daily_cap::bigint, enabled FROM campaigns
WHERE enabled AND fed_by_worker AND vendor_campaign_id IS NOT NULL ORDER BY id";

// In the order, and with the conditions, of idx_leads_campaign_ready and vw_campaign_ready_leads. Qualified: the bare name
// would be the output column, an expression that no index has.
macro_rules! ready_leads {
    ($condition:literal) => {
        concat!(
            "
SELECT id, first_name, last_name, property_city, property_state, quality_score::integer, to_jsonb(COALESCE(phones, '{}')),
       to_jsonb(COALESCE(emails, '{}')), assigned_persona, microsite_url, first_seen_at
FROM leads
WHERE status = 'contactable' AND added_to_campaign_at IS NULL AND suppressed_at IS NULL AND quality_score >= $2",
            $condition,
            "
ORDER BY leads.quality_score DESC, first_seen_at, id
LIMIT $1
FOR UPDATE SKIP LOCKED"
        )
    };
}

const CLAIM: &str = ready_leads!("");

// A lead that only a phone makes contactable has 60 points at most, so these few are passed over at the end.
const CLAIM_BY_EMAIL: &str = ready_leads!(
    "
  AND EXISTS (SELECT FROM unnest(emails) AS e WHERE lower(btrim(e ->> 'verified')) IN ('true', 't', 'yes', 'y', '1', '1.0'))"
);

const ANY_READY: &str = "
SELECT EXISTS (
    SELECT FROM leads
    WHERE status = 'contactable' AND added_to_campaign_at IS NULL AND suppressed_at IS NULL AND quality_score >= $1
      AND EXISTS (SELECT FROM unnest(emails) AS e WHERE lower(btrim(e ->> 'verified')) IN ('true', 't', 'yes', 'y', '1', '1.0')))";

const ADDRESSEES: &str = "
SELECT id, first_name, last_name, owner_company, property_city, property_state, assigned_persona, microsite_url, property_value::float8,
       estimated_equity::float8, to_jsonb(COALESCE(phones, '{}')), to_jsonb(COALESCE(emails, '{}')), suppressed_at IS NOT NULL
FROM leads WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED";

const SPEND_CAP: &str = "SELECT (daily_spend_cap * 1000000)::bigint FROM campaigns WHERE name = $1";

const SPEND_CAPS: &str = "
SELECT string_agg(name || ':' || daily_spend_cap::text, '|' ORDER BY name) FROM campaigns WHERE daily_spend_cap IS NOT NULL";

const STAMP: &str = "
UPDATE leads SET added_to_campaign_at = now(), campaign_status = 'queued', instantly_campaign_id = COALESCE($2, instantly_campaign_id),
                 updated_at = now()
WHERE id = ANY ($1)";

const NOTE: &str = "
INSERT INTO campaign_handouts (lead_id, campaign, delivery, vendor_campaign_id, score, verified, dnc_age)
SELECT n.lead_id, $2, $3, $4, n.score, n.verified,
       now() - (SELECT min(point ->> 'dnc_checked_at') FROM jsonb_array_elements(n.verified) AS point
                -- As this extension writes it; another tool's own words are kept in `verified` and not counted.
                WHERE point ->> 'dnc_checked_at' ~ '^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?Z$')::timestamptz
FROM jsonb_to_recordset($1) AS n (n integer, lead_id uuid, score integer, verified jsonb)
ORDER BY n.n";

const OF_EMAIL: &str = "
SELECT id, status::text, COALESCE(campaign_status, 'new')::text, to_jsonb(COALESCE(emails, '{}'))
FROM leads WHERE contact_keys(phones, emails) && ARRAY[$1] ORDER BY id FOR NO KEY UPDATE";

const PROGRESS: &str = "
UPDATE leads SET status = COALESCE($2::lead_status, status), campaign_status = $3::campaign_status, updated_at = now() WHERE id = $1";

pub fn find(db: &Db<'_>, name: &str) -> Result<Option<Campaign>, Error> {
    select(db, FIND, &[name.into()])?
        .next()
        .map(|row| read(&row))
        .transpose()
}

fn read(row: &pgrx::spi::SpiHeapTupleData<'_>) -> Result<Campaign, Error> {
    Ok(Campaign {
        name: required(row, 1)?,
        vendor_campaign_id: column(row, 2)?,
        daily_cap: required(row, 3)?,
        is_enabled: required(row, 4)?,
    })
}

/// The campaigns that the worker feeds.
pub fn fed_by_worker(db: &Db<'_>) -> Result<Vec<Campaign>, Error> {
    select(db, FED_BY_WORKER, &[])?
        .map(|row| read(&row))
        .collect()
}

/// Is there a lead that the worker could hand out?
pub fn any_ready(db: &Db<'_>) -> Result<bool, Error> {
    Ok(scalar(select(db, ANY_READY, &[CONTACTABLE_FROM.into()])?)?.unwrap_or(false))
}

fn points(json: Option<JsonB>) -> Vec<Value> {
    match json {
        Some(JsonB(Value::Array(points))) => points,
        _ => Vec::new(),
    }
}

/// The best ready leads that no other claimer holds, locked.
pub fn claim(db: &mut Db<'_>, limit: i64, sender: Sender) -> Result<Vec<Ready>, Error> {
    let statement = match sender {
        Sender::Caller => CLAIM,
        Sender::Worker => CLAIM_BY_EMAIL,
    };
    write(db, statement, &[limit.into(), CONTACTABLE_FROM.into()])?
        .map(|row| {
            Ok(Ready {
                id: required(&row, 1)?,
                first_name: column(&row, 2)?,
                last_name: column(&row, 3)?,
                city: column(&row, 4)?,
                state: column(&row, 5)?,
                score: required(&row, 6)?,
                phones: points(column(&row, 7)?),
                emails: points(column(&row, 8)?),
                persona: column(&row, 9)?,
                microsite_url: column(&row, 10)?,
                first_seen_at: column(&row, 11)?,
            })
        })
        .collect()
}

/// What may be bought for a campaign a day; None: no cap, or no such campaign any more.
pub fn spend_cap(db: &Db<'_>, name: &str) -> Result<Option<Money>, Error> {
    Ok(scalar(select(db, SPEND_CAP, &[name.into()])?)?.map(Money::from_micros))
}

/// All campaigns' spend caps in one text, to see that one has changed.
pub fn spend_caps(db: &Db<'_>) -> Result<String, Error> {
    Ok(scalar(select(db, SPEND_CAPS, &[])?)?.unwrap_or_default())
}

/// Writes on the leads that they were handed out.
pub fn stamp(
    db: &mut Db<'_>,
    ids: Vec<Uuid>,
    vendor_campaign_id: Option<&str>,
) -> Result<(), Error> {
    write(db, STAMP, &[ids.into(), vendor_campaign_id.into()])?;
    Ok(())
}

/// Remembers the hand-outs with what allowed them: objects of n, lead_id, score, verified.
pub fn note(
    db: &mut Db<'_>,
    handouts: Vec<Value>,
    campaign: &Campaign,
    sender: Sender,
) -> Result<(), Error> {
    let delivery = match sender {
        Sender::Caller => "by_caller",
        Sender::Worker => "queued",
    };
    let args = [
        JsonB(Value::Array(handouts)).into(),
        campaign.name.as_str().into(),
        delivery.into(),
        campaign.vendor_campaign_id.as_deref().into(),
    ];
    write(db, NOTE, &args)?;
    Ok(())
}

/// Handed-out leads that no other session holds, locked until the transaction ends.
pub fn addressees(db: &mut Db<'_>, ids: Vec<Uuid>) -> Result<Vec<Addressee>, Error> {
    write(db, ADDRESSEES, &[ids.into()])?
        .map(|row| {
            Ok(Addressee {
                id: required(&row, 1)?,
                first_name: column(&row, 2)?,
                last_name: column(&row, 3)?,
                company: column(&row, 4)?,
                city: column(&row, 5)?,
                state: column(&row, 6)?,
                persona: column(&row, 7)?,
                microsite_url: column(&row, 8)?,
                property_value: column(&row, 9)?,
                estimated_equity: column(&row, 10)?,
                phones: points(column(&row, 11)?),
                emails: points(column(&row, 12)?),
                is_suppressed: required(&row, 13)?,
            })
        })
        .collect()
}

/// The leads that hold this e-mail (its comparison key), locked.
pub fn leads_of_email(db: &mut Db<'_>, key: &str) -> Result<Vec<Contacted>, Error> {
    write(db, OF_EMAIL, &[key.into()])?
        .map(|row| {
            Ok(Contacted {
                id: required(&row, 1)?,
                status: column(&row, 2)?.unwrap_or_else(|| "new".to_string()),
                campaign_status: required(&row, 3)?,
                emails: points(column(&row, 4)?),
            })
        })
        .collect()
}

/// Moves a lead on. `status`: None, if it stays.
pub fn progress(
    db: &mut Db<'_>,
    id: Uuid,
    status: Option<&str>,
    campaign_status: &str,
) -> Result<(), Error> {
    write(
        db,
        PROGRESS,
        &[id.into(), status.into(), campaign_status.into()],
    )?;
    Ok(())
}
