//! A vendor's usage report beside the ledger.

use pgrx::JsonB;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::Value;

use super::Db;
use super::plan::{column, required, scalar, select, write};
use crate::error::Error;
use crate::money::Money;

/// A purchase that a record of the report may be about.
pub struct Candidate {
    /// Number of the record.
    pub ord: i32,
    pub call: Booked,
}

/// A purchase as the ledger has it.
#[derive(Clone)]
pub struct Booked {
    pub id: i64,
    pub state: String,
    pub settled: Option<Money>,
}

// Of several purchases of one thing: those near the record's time first, of those the one in doubt (to take a
// purchase for charged that was not costs less than to buy again), then the nearest, then the latest.
const CANDIDATES: &str = "
WITH report AS (
    SELECT * FROM jsonb_to_recordset($2) AS n (ord integer, call_id bigint, page text, key text, at timestamptz)
), found AS (
    SELECT n.ord, n.at, c.id FROM report n JOIN vendor_calls c ON c.id = n.call_id
    UNION ALL
    SELECT n.ord, n.at, c.id FROM report n JOIN vendor_calls c ON c.purchase_key = n.key
    UNION ALL
    SELECT n.ord, n.at, c.id FROM report n JOIN vendor_calls c ON c.subject #>> '{search,idempotency_key}' = n.page
)
SELECT f.ord, c.id, c.state, (c.settled_amount * 1000000)::bigint
FROM found f
JOIN vendor_calls c ON c.id = f.id
CROSS JOIN LATERAL (SELECT COALESCE(abs(extract(epoch FROM f.at - COALESCE(c.sent_at, c.reserved_at))), 0) AS seconds) AS off
WHERE c.vendor = $1 AND c.reuses_call_id IS NULL
ORDER BY f.ord, off.seconds > 86400, c.state <> 'in_doubt', off.seconds, c.id DESC";

const MISSING: &str = "
SELECT c.id, c.state, (c.settled_amount * 1000000)::bigint
FROM vendor_calls c
JOIN vendors v ON v.name = c.vendor
WHERE c.vendor = $1 AND c.reuses_call_id IS NULL AND NOT c.id = ANY ($4)
  AND c.sent_at >= $2 AND c.sent_at + v.timeout <= LEAST($3, now())
  AND (c.state = 'in_doubt' OR c.state IN ('answered', 'applied', 'resolved') AND c.settled_amount > 0)
ORDER BY c.id";

const LOCK_DOUBTS: &str = "
SELECT id FROM vendor_calls WHERE vendor = $1 AND state = 'in_doubt' ORDER BY id FOR UPDATE";

const IS_KNOWN: &str = "SELECT EXISTS (SELECT FROM vendors WHERE name = $1)";

const AS_TIME: &str = "SELECT $1::timestamptz";

fn booked(row: &pgrx::spi::SpiHeapTupleData<'_>, first: usize) -> Result<Booked, Error> {
    Ok(Booked {
        id: required(row, first)?,
        state: required(row, first + 1)?,
        settled: column(row, first + 2)?.map(Money::from_micros),
    })
}

pub fn is_known(db: &Db<'_>, vendor: &str) -> Result<bool, Error> {
    Ok(scalar(select(db, IS_KNOWN, &[vendor.into()])?)?.unwrap_or(false))
}

/// Keeps the vendor's purchases in doubt as they are until the transaction ends.
pub fn lock_doubts(db: &mut Db<'_>, vendor: &str) -> Result<(), Error> {
    write(db, LOCK_DOUBTS, &[vendor.into()])?;
    Ok(())
}

/// The purchases that the records may be about, best first within each record. A record is an object of ord, and
/// call_id, page or key, and at.
pub fn candidates(db: &Db<'_>, vendor: &str, records: Vec<Value>) -> Result<Vec<Candidate>, Error> {
    let args = [vendor.into(), JsonB(Value::Array(records)).into()];
    select(db, CANDIDATES, &args)?
        .map(|row| {
            Ok(Candidate {
                ord: required(&row, 1)?,
                call: booked(&row, 2)?,
            })
        })
        .collect()
}

/// Purchases sent, and long enough over, within a time, that are in doubt or were paid for; but these.
pub fn missing(
    db: &Db<'_>,
    vendor: &str,
    (from, until): (TimestampWithTimeZone, TimestampWithTimeZone),
    but: Vec<i64>,
) -> Result<Vec<Booked>, Error> {
    let args = [vendor.into(), from.into(), until.into(), but.into()];
    select(db, MISSING, &args)?
        .map(|row| booked(&row, 1))
        .collect()
}

/// Fails where the text is no time.
pub fn check_time(db: &Db<'_>, text: &str) -> Result<(), Error> {
    scalar::<TimestampWithTimeZone>(select(db, AS_TIME, &[text.into()])?).map(drop)
}
