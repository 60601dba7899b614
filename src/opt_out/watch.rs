//! Leads that are being written, seen from the triggers on `leads`.
//!
//! A row that holds an opted-out value is marked as it is written. That look may miss an opt-out that has not committed
//! yet; so the transaction looks again when it commits, and only if a newer opt-out than it knew has come. What a
//! transaction must remember for that lives here, in the backend's memory, and is forgotten with the next transaction.

use std::cell::RefCell;
use std::collections::HashMap;

use pgrx::Uuid;
use pgrx::prelude::*;
use serde_json::Value;

use super::remember_property;
use crate::contact::point;
use crate::error::Error;
use crate::store::leads::LeadStatus;
use crate::store::suppressions::{self, InForce, Outlook, Patience, Points};
use crate::store::{self, Db};
use crate::suppression::{Holder, Key};

/// What one transaction knows.
#[derive(Default)]
struct Watch {
    /// The transaction's number; 0: none yet.
    transaction: u64,
    outlook: Option<Outlook>,
    /// Leads that became suppressed, and the opt-out that did it (0: a flag).
    suppressed: HashMap<[u8; 16], i64>,
    /// Set when the transaction has begun to commit: has a newer opt-out come? And the subtransaction that asked: the
    /// lock that makes the answer last is given back when it is undone.
    is_late: Option<(bool, pg_sys::SubTransactionId)>,
    is_lifting: bool,
}

impl Watch {
    fn known_lateness(&self) -> Option<bool> {
        // SAFETY: compares a number with those of the running subtransactions.
        let lasts =
            |asked: pg_sys::SubTransactionId| unsafe { pg_sys::SubTransactionIsActive(asked) };
        let (is_late, asked) = self.is_late?;
        lasts(asked).then_some(is_late)
    }

    fn has_opt_outs(&self) -> bool {
        self.outlook.as_ref().is_some_and(|o| o.has_any)
    }
}

thread_local! {
    static WATCH: RefCell<Watch> = RefCell::default();
}

fn transaction() -> u64 {
    // SAFETY: called from functions and triggers, so inside a transaction; one that only reads gets a number here, and
    // is about to write.
    unsafe { pg_sys::GetTopFullTransactionId().value }
}

/// Runs `look` on what this transaction knows, which is read first where it is not yet.
fn with<R>(db: &Db<'_>, look: impl FnOnce(&mut Watch) -> R) -> Result<R, Error> {
    let now = transaction();
    let is_known = WATCH.with_borrow(|watch| watch.transaction == now);
    if !is_known {
        let outlook = suppressions::outlook(db)?;
        WATCH.set(Watch {
            transaction: now,
            outlook,
            ..Watch::default()
        });
    }
    Ok(WATCH.with_borrow_mut(look))
}

/// The key of the keyed hashes.
pub fn secret(db: &Db<'_>) -> Result<Vec<u8>, Error> {
    with(db, |watch| watch.outlook.as_ref().map(|o| o.secret.clone()))?
        .ok_or_else(|| Error::Internal("the hash key is missing from secrets".into()))
}

/// This transaction has recorded opt-outs: it must look for them itself from now on.
pub fn opt_outs_came() {
    WATCH.with_borrow_mut(|watch| {
        if let Some(outlook) = &mut watch.outlook {
            outlook.has_any = true;
        }
    });
}

/// Lets `work` take the marks of opted-out leads back.
pub fn lifting<R>(work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    // Ended also when the statement fails: an error of the database unwinds.
    struct Ends;
    impl Drop for Ends {
        fn drop(&mut self) {
            WATCH.with_borrow_mut(|watch| watch.is_lifting = false);
        }
    }
    WATCH.with_borrow_mut(|watch| watch.is_lifting = true);
    let _ends = Ends;
    work()
}

pub fn is_lifting() -> bool {
    WATCH.with_borrow(|watch| watch.is_lifting)
}

/// A lead became suppressed by this opt-out, or (0) by a flag: its property is remembered at commit.
pub fn became_suppressed(id: Uuid, cause: i64) -> Result<(), Error> {
    store::connect(|db| {
        with(db, |watch| {
            watch.suppressed.entry(*id.as_bytes()).or_insert(cause);
        })
    })
}

/// The enum value `do_not_contact`; None while a restore has not brought the hash key yet.
pub fn do_not_contact() -> Result<Option<LeadStatus>, Error> {
    store::connect(|db| with(db, |watch| watch.outlook.as_ref().map(|o| o.do_not_contact)))
}

/// Does this transaction know already that there is no opt-out at all?
pub fn has_no_opt_outs() -> bool {
    let now = transaction();
    WATCH.with_borrow(|watch| watch.transaction == now && !watch.has_opt_outs())
}

/// Must rows be looked at? Not while there is no opt-out at all.
pub fn is_needed() -> Result<bool, Error> {
    Ok(!has_no_opt_outs() && store::connect(|db| with(db, |watch| watch.has_opt_outs()))?)
}

/// What is in force about a row, and its contact points with their marks.
pub struct Hit {
    pub id: i64,
    pub reason: String,
    pub phones: Option<Vec<Value>>,
    pub emails: Option<Vec<Value>>,
}

/// Looks for opt-outs of what a row holds.
pub fn look(holder: &Holder<'_>) -> Result<Option<Hit>, Error> {
    store::connect(|db| {
        let secret = secret(db)?;
        find(db, holder, &secret)
    })
}

fn find(db: &mut Db<'_>, holder: &Holder<'_>, secret: &[u8]) -> Result<Option<Hit>, Error> {
    let contacts = holder.contacts();
    let contact_hashes: Vec<String> = contacts
        .iter()
        .map(|contact| Key::of_contact(contact).hash(secret))
        .collect();
    let mut hashes: Vec<String> = holder
        .property_keys()
        .iter()
        .map(|key| key.hash(secret))
        .collect();
    hashes.extend(contact_hashes.iter().cloned());
    if hashes.is_empty() {
        return Ok(None);
    }
    let found: Vec<InForce> = suppressions::in_force(db, hashes)?;
    let Some(first) = found.first() else {
        return Ok(None);
    };
    let (mut phones, mut emails) = (holder.phones.to_vec(), holder.emails.to_vec());
    let mut changed = (false, false);
    for (contact, hash) in contacts.iter().zip(&contact_hashes) {
        if found.iter().any(|hit| hit.value_hash == *hash) {
            changed.0 |= point::suppress(&mut phones, contact);
            changed.1 |= point::suppress(&mut emails, contact);
        }
    }
    Ok(Some(Hit {
        id: first.id,
        reason: first.reason.clone(),
        phones: changed.0.then_some(phones),
        emails: changed.1.then_some(emails),
    }))
}

/// Does this transaction know already that no lead it wrote needs a last look?
pub fn is_settled() -> bool {
    let now = transaction();
    WATCH.with_borrow(|watch| {
        watch.transaction == now
            && watch.suppressed.is_empty()
            && watch.known_lateness() == Some(false)
    })
}

/// A lead that this transaction wrote is about to be committed.
pub fn at_commit(id: Uuid) -> Result<(), Error> {
    let now = transaction();
    let known = WATCH.with_borrow(|watch| {
        (watch.transaction == now)
            .then(|| watch.known_lateness())
            .flatten()
    });
    let is_late = match known {
        Some(is_late) => is_late,
        None => store::connect(begin_commit)?,
    };
    let cause = WATCH.with_borrow_mut(|watch| watch.suppressed.remove(id.as_bytes()));
    match cause {
        None if !is_late => Ok(()),
        cause => store::connect(|db| settle(db, id, cause)),
    }
}

/// Waits for opt-outs that are being recorded; says whether one has come that the rows were not looked at for.
fn begin_commit(db: &mut Db<'_>) -> Result<bool, Error> {
    let known = with(db, |watch| watch.outlook.as_ref().map(|o| o.newest))?;
    suppressions::lock_for_commit(db)?;
    let newest = suppressions::newest(db)?;
    // SAFETY: a plain variable of the backend.
    let sees_old_rows_only = unsafe { pg_sys::XactIsoLevel } >= pg_sys::XACT_REPEATABLE_READ as i32;
    if sees_old_rows_only && suppressions::is_blind(db)? {
        return Err(Error::Overtaken);
    }
    let is_late = known != Some(newest);
    // SAFETY: the number of the running subtransaction.
    let asked = unsafe { pg_sys::GetCurrentSubTransactionId() };
    with(db, |watch| watch.is_late = Some((is_late, asked)))?;
    Ok(is_late)
}

/// The last look at a lead before its transaction commits.
fn settle(db: &mut Db<'_>, id: Uuid, cause: Option<i64>) -> Result<(), Error> {
    let Some(lead) = suppressions::lock(db, vec![id], Patience::Waits)?.pop() else {
        return Ok(());
    };
    let Some(secret) = with(db, |watch| watch.outlook.as_ref().map(|o| o.secret.clone()))? else {
        return Ok(());
    };
    let mut cause = cause;
    let mut reason = lead.reason.clone().unwrap_or_default();
    if !lead.is_suppressed {
        let Some(hit) = find(db, &lead.holder(), &secret)? else {
            return Ok(());
        };
        let points = Points {
            phones: hit.phones,
            emails: hit.emails,
        };
        suppressions::mark(db, id, points, &hit.reason)?;
        (cause, reason) = (Some(hit.id), hit.reason);
    }
    match cause {
        Some(cause) => remember_property(db, &lead, cause, &reason, &secret),
        None => Ok(()),
    }
}
