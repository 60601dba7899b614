//! The ledger's money: answers settle it, releases give it back, doubts keep it reserved. Every change of a
//! purchase's state that moves money moves the budgets of its day in the same transaction.

use pgrx::JsonB;
use serde_json::{Value, json};

use super::Db;
use super::budgets::{self, Deltas};
use super::plan::{column, required, write};
use super::scopes::Payers;
use crate::error::Error;
use crate::money::Money;

/// One part of a vendor's answer, as it goes into the ledger.
#[derive(Debug, Clone)]
pub struct Settlement {
    pub call_id: i64,
    pub amount: Money,
    pub units: u32,
    pub matched: bool,
    pub answer: Value,
    pub http_status: u16,
    pub latency_ms: u64,
    /// Seconds until the free follow-up question; None: the answer is final.
    pub poll_in: Option<f64>,
}

const ANSWER: &str = "
UPDATE vendor_calls c SET
    state = 'answered',
    -- A later poll repeats the price; what was settled first stays.
    settled_amount = CASE WHEN c.state = 'answered' THEN c.settled_amount ELSE n.amount * 0.000001 END,
    units = CASE WHEN c.state = 'answered' THEN c.units ELSE n.units END, matched = n.matched,
    -- Of somebody who was forgotten meanwhile nothing is kept.
    answer = CASE WHEN c.subject IS NULL AND c.pull_id IS NULL THEN 'null'::jsonb ELSE n.answer END,
    http_status = n.http_status, latency_ms = COALESCE(c.latency_ms, n.latency_ms), answered_at = clock_timestamp(),
    poll_at = CASE WHEN c.subject IS NOT NULL AND n.poll_in IS NOT NULL THEN clock_timestamp() + make_interval(secs => n.poll_in) END,
    polls = CASE WHEN n.poll_in IS NOT NULL THEN c.polls + 1 ELSE c.polls END,
    error = NULL
FROM jsonb_to_recordset($1) AS n (id bigint, amount bigint, units integer, matched boolean, answer jsonb, http_status integer, latency_ms integer, poll_in float8)
WHERE c.id = n.id AND c.state IN ('sending', 'in_doubt', 'answered')
RETURNING c.id, c.day::text, c.vendor, c.pull_id, (c.reserved_amount * 1000000)::bigint, c.reserved_units, c.campaign,
          c.rebuys_call_id IS NOT NULL, n.amount, n.units, (SELECT o.state FROM vendor_calls o WHERE o.id = c.id)";

const CLOSE: &str = "
UPDATE vendor_calls SET
    state = $2, error = $3, http_status = COALESCE($4, http_status),
    poll_at = CASE WHEN $5 IS NOT NULL THEN clock_timestamp() + make_interval(secs => $5) END
WHERE id = ANY ($1) AND state IN ('reserved', 'sending')
RETURNING id, day::text, vendor, pull_id, (reserved_amount * 1000000)::bigint, reserved_units, campaign, rebuys_call_id IS NOT NULL";

const RESOLVE: &str = "
UPDATE vendor_calls SET
    state = 'resolved', resolution = $2, resolved_reason = $3, resolved_at = clock_timestamp(), poll_at = NULL,
    settled_amount = CASE WHEN $2 = 'charged' THEN COALESCE($4 * 0.000001, reserved_amount) ELSE 0 END
WHERE id = $1 AND state = 'in_doubt'
RETURNING id, day::text, vendor, pull_id, (reserved_amount * 1000000)::bigint, reserved_units, campaign, rebuys_call_id IS NOT NULL";

struct Closed {
    id: i64,
    day: String,
    payers: Payers,
    reserved: i64,
    reserved_units: i64,
}

/// A row of a statement that returns the columns of `CLOSE`, and perhaps more after them.
fn closed(row: &pgrx::spi::SpiHeapTupleData<'_>) -> Result<Closed, Error> {
    Ok(Closed {
        id: required(row, 1)?,
        day: required(row, 2)?,
        payers: Payers {
            vendor: required(row, 3)?,
            pull_id: column(row, 4)?,
            campaign: column(row, 7)?,
            is_rebuy: required(row, 8)?,
        },
        reserved: required(row, 5)?,
        reserved_units: required::<i32>(row, 6)?.into(),
    })
}

fn unreserve(deltas: &mut Deltas, call: &Closed) {
    deltas.unreserve(&call.day, &call.payers, call.reserved_units, call.reserved);
}

/// Stores vendors' answers and settles their price. Answers of purchases that are closed already change nothing.
pub fn store_answers(db: &mut Db<'_>, settlements: &[Settlement]) -> Result<Vec<i64>, Error> {
    let rows: Vec<Value> = settlements
        .iter()
        .map(|s| {
            json!({
                "id": s.call_id, "amount": s.amount.micros(), "units": s.units, "matched": s.matched, "answer": s.answer,
                "http_status": s.http_status, "latency_ms": s.latency_ms, "poll_in": s.poll_in,
            })
        })
        .collect();
    let mut deltas = Deltas::default();
    let mut stored = Vec::new();
    for row in write(db, ANSWER, &[JsonB(Value::Array(rows)).into()])? {
        let call = closed(&row)?;
        // The subselect in RETURNING sees the row as it was before the update.
        let was: String = required(&row, 11)?;
        if was != "answered" {
            let (amount, units): (i64, i32) = (required(&row, 9)?, required(&row, 10)?);
            unreserve(&mut deltas, &call);
            deltas.settle(&call.day, &call.payers, units.into(), amount);
        }
        stored.push(call.id);
    }
    budgets::change(db, &deltas)?;
    Ok(stored)
}

/// Gives reserved money back: the purchase was never sent, or was refused.
pub fn release(
    db: &mut Db<'_>,
    ids: &[i64],
    why: &str,
    http_status: Option<i32>,
) -> Result<(), Error> {
    let mut deltas = Deltas::default();
    let args = [
        ids.to_vec().into(),
        "released".into(),
        why.into(),
        http_status.into(),
        None::<f64>.into(),
    ];
    for row in write(db, CLOSE, &args)? {
        unreserve(&mut deltas, &closed(&row)?);
    }
    budgets::change(db, &deltas)
}

/// Marks purchases as sent without an answer: their money stays reserved. `ask_in`: seconds until a free question.
pub fn doubt(db: &mut Db<'_>, ids: &[i64], why: &str, ask_in: Option<f64>) -> Result<(), Error> {
    let args = [
        ids.to_vec().into(),
        "in_doubt".into(),
        why.into(),
        None::<i32>.into(),
        ask_in.into(),
    ];
    write(db, CLOSE, &args)?;
    Ok(())
}

/// How a purchase in doubt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    Charged,
    NotCharged,
    Replayed,
}

impl Resolution {
    fn as_str(self) -> &'static str {
        match self {
            Self::Charged => "charged",
            Self::NotCharged => "not_charged",
            Self::Replayed => "replayed",
        }
    }
}

/// Resolves a purchase in doubt and its money; false when it is not in doubt (any more). `billed`: what a charged
/// one cost, if that is known; else its full price.
pub fn resolve(
    db: &mut Db<'_>,
    id: i64,
    resolution: Resolution,
    billed: Option<Money>,
    reason: &str,
) -> Result<bool, Error> {
    let args = [
        id.into(),
        resolution.as_str().into(),
        reason.into(),
        billed.map(Money::micros).into(),
    ];
    let Some(row) = write(db, RESOLVE, &args)?.next() else {
        return Ok(false);
    };
    let call = closed(&row)?;
    let mut deltas = Deltas::default();
    unreserve(&mut deltas, &call);
    if resolution == Resolution::Charged {
        let amount = billed.map_or(call.reserved, Money::micros);
        deltas.settle(&call.day, &call.payers, call.reserved_units, amount);
    }
    budgets::change(db, &deltas)?;
    Ok(true)
}

const CHARGE_LOST: &str = "
UPDATE vendor_calls SET
    units = LEAST($2, reserved_units)::integer,
    settled_amount = reserved_amount * LEAST($2, reserved_units) / GREATEST(reserved_units, 1),
    error = 'billed, and not delivered again'
WHERE id = $1 AND state = 'answered' AND units = 0
RETURNING id, day::text, vendor, pull_id, (reserved_amount * 1000000)::bigint, reserved_units, campaign, rebuys_call_id IS NOT NULL,
          (settled_amount * 1000000)::bigint, units";

/// Settles records that an empty answer did not mention, but the vendor has billed.
pub fn charge_lost(db: &mut Db<'_>, id: i64, records: i64) -> Result<(), Error> {
    let Some(row) = write(db, CHARGE_LOST, &[id.into(), records.into()])?.next() else {
        return Ok(());
    };
    let call = closed(&row)?;
    let (amount, units): (i64, i32) = (required(&row, 9)?, required(&row, 10)?);
    let mut deltas = Deltas::default();
    deltas.correct(&call.day, &call.payers, units.into(), amount);
    budgets::change(db, &deltas)
}
