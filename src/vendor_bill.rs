//! A vendor's usage report against the ledger: what is in doubt is resolved by it, and what differs is listed.
//!
//! That something is *not* on the report proves nothing unless the report is whole. So only a caller who says from
//! when until when it lists everything gets purchases resolved as not charged: they may be bought again after that. Nor is
//! a report whole of which a line is not understood: that line may be the very purchase that seems to be missing.

use std::collections::HashMap;

use pgrx::datum::TimestampWithTimeZone;
use serde_json::{Value, json};

use crate::address::{self, AddressParts};
use crate::contact::{Contact, Kind};
use crate::error::Error;
use crate::money::Money;
use crate::store::settlement::{self, Resolution};
use crate::store::subtransaction::attempt;
use crate::store::vendor_bills::{self, Booked};
use crate::store::{Db, calls, dlq, worker_state};

const REASON: &str = "by the vendor's bill";
const UNREADABLE: &str = "unreadable";
const UNKNOWN: &str = "unknown";

/// One line of the answer.
pub struct Finding {
    /// Number of the record, from 1; None: it is about a purchase that the report does not have.
    pub ord: Option<i32>,
    pub call_id: Option<i64>,
    pub outcome: &'static str,
    pub billed: Option<Money>,
    pub booked: Option<Money>,
    pub detail: String,
}

/// A record of the report, read.
struct Record {
    ord: i32,
    /// How the ledger is asked for it.
    question: Value,
    amount: Option<Money>,
}

/// When the report lists everything that was billed.
pub type Period = Option<(TimestampWithTimeZone, TimestampWithTimeZone)>;

/// Resolves what the report decides; what was resolved, and what differs.
pub fn import(
    db: &mut Db<'_>,
    vendor: &str,
    records: &[Value],
    period: Period,
) -> Result<Vec<Finding>, Error> {
    let hash_key = worker_state::hash_key(db)?;
    vendor_bills::lock_doubts(db, vendor)?;
    let (mut known, mut findings) = (Vec::new(), Vec::new());
    for (ord, record) in (1..).zip(records) {
        match read(db, vendor, &hash_key, ord, record) {
            Ok(record) => known.push(record),
            Err(error) => findings.push(Finding {
                ord: Some(ord),
                call_id: None,
                outcome: UNREADABLE,
                billed: None,
                booked: None,
                detail: error.to_string(),
            }),
        }
    }
    let questions = known.iter().map(|record| record.question.clone()).collect();
    let mut candidates: HashMap<i32, Vec<Booked>> = HashMap::new();
    for candidate in vendor_bills::candidates(db, vendor, questions)? {
        candidates
            .entry(candidate.ord)
            .or_default()
            .push(candidate.call);
    }
    let mut billed = Vec::new();
    for record in &known {
        let found = candidates.remove(&record.ord).unwrap_or_default();
        findings.extend(compare(db, record, &found, &mut billed)?);
    }
    if let Some(period) = period {
        let is_whole = !findings
            .iter()
            .any(|finding| matches!(finding.outcome, UNREADABLE | UNKNOWN));
        for call in vendor_bills::missing(db, vendor, period, billed)? {
            findings.push(not_billed(db, call, is_whole)?);
        }
    }
    Ok(findings)
}

/// What one record says about the first of the purchases that no earlier record was about.
fn compare(
    db: &mut Db<'_>,
    record: &Record,
    found: &[Booked],
    billed: &mut Vec<i64>,
) -> Result<Option<Finding>, Error> {
    let finding = |call: Option<&Booked>, outcome, detail: &str| Finding {
        ord: Some(record.ord),
        call_id: call.map(|call| call.id),
        outcome,
        billed: record.amount,
        booked: call.and_then(|call| call.settled),
        detail: detail.to_string(),
    };
    let Some(call) = found.iter().find(|call| !billed.contains(&call.id)) else {
        return Ok(Some(match found.first() {
            Some(call) => finding(
                Some(call),
                "billed_again",
                "the purchase is on the report twice",
            ),
            None => finding(None, UNKNOWN, "no purchase in the ledger is this"),
        }));
    };
    billed.push(call.id);
    if call.state == "in_doubt" {
        settlement::resolve(db, call.id, Resolution::Charged, record.amount, REASON)?;
        dlq::after_doubt(db, call.id)?;
        return Ok(Some(finding(Some(call), "charged", "was in doubt")));
    }
    let booked = call.settled.unwrap_or_default();
    let agrees = match record.amount {
        Some(amount) => amount == booked,
        None => booked.micros() > 0,
    };
    let detail = format!("the purchase is {}", call.state);
    Ok((!agrees).then(|| finding(Some(call), "other_amount", &detail)))
}

/// A purchase of the report's time that is not on it. `is_whole`: is every line of the report understood?
fn not_billed(db: &mut Db<'_>, call: Booked, is_whole: bool) -> Result<Finding, Error> {
    let (outcome, detail) = match (call.state.as_str(), is_whole) {
        ("in_doubt", true) => {
            settlement::resolve(db, call.id, Resolution::NotCharged, None, REASON)?;
            dlq::after_doubt(db, call.id)?;
            ("not_charged", "was in doubt".to_string())
        }
        ("in_doubt", false) => (
            "undecided",
            "a line that is unreadable or unknown may be this purchase".to_string(),
        ),
        (state, _) => ("not_billed", format!("the purchase is {state}")),
    };
    Ok(Finding {
        ord: None,
        call_id: Some(call.id),
        outcome,
        billed: None,
        booked: call.settled,
        detail,
    })
}

fn read(
    db: &Db<'_>,
    vendor: &str,
    hash_key: &[u8],
    ord: i32,
    record: &Value,
) -> Result<Record, Error> {
    let text = |name: &str| -> Option<String> {
        let text = match record.get(name)? {
            Value::String(text) => text.trim().to_string(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    };
    let mut question = match text("reference") {
        Some(reference) => match reference.parse::<i64>() {
            Ok(call_id) => json!({"call_id": call_id}),
            Err(_) => json!({"page": reference}),
        },
        None => json!({"key": calls::purchase_key(hash_key, vendor, &bought(&text)?)}),
    };
    question["ord"] = json!(ord);
    if let Some(at) = text("at") {
        attempt(|| vendor_bills::check_time(db, &at)).map_err(|_| bad("\"at\" is no time"))?;
        question["at"] = json!(at);
    }
    let amount = text("amount")
        .map(|amount| amount.parse::<Money>())
        .transpose()
        .map_err(|problem| bad(&format!("\"amount\": {problem}")))?;
    if amount.is_some_and(|amount| amount.micros() < 0) {
        return Err(bad("\"amount\" is negative"));
    }
    Ok(Record {
        ord,
        question,
        amount,
    })
}

/// What was bought, in the words of the purchase key.
fn bought(text: &impl Fn(&str) -> Option<String>) -> Result<String, Error> {
    for (name, kind) in [("email", Kind::Email), ("phone", Kind::Phone)] {
        if let Some(value) = text(name) {
            let contact = Contact::parse(kind, &value)
                .map_err(|problem| bad(&format!("\"{name}\": {problem}")))?;
            return Ok(contact.as_str().to_lowercase());
        }
    }
    let (line1, line2) = (text("address_line1"), text("address_line2"));
    let (city, state, zip) = (text("city"), text("state"), text("postal_code"));
    address::canonical(&AddressParts {
        line1: line1.as_deref(),
        line2: line2.as_deref(),
        city: city.as_deref(),
        state: state.as_deref(),
        zip: zip.as_deref(),
    })
    .map(|address| address.hash_hex())
    .ok_or_else(|| bad("it names neither \"reference\", \"email\", \"phone\" nor a whole address"))
}

fn bad(message: &str) -> Error {
    Error::bad_argument(message, "See README, \"Money\".")
}
