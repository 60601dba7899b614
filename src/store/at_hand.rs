//! Records that a set-based statement works on: `records_at_hand()` shows them to it as a table.
//!
//! They lie in the backend's memory while one statement runs. Passed as parameters, each of two dozen columns would be
//! an array to build, to take apart and to join again, which costs as much as the statement's own work.

use std::cell::RefCell;
use std::rc::Rc;

use pgrx::Uuid;
use serde_json::Value;

use super::Db;
use super::lead_values::LeadValues;
use super::plan::write_by_key;
use crate::error::Error;
use crate::record::LeadRecord;

/// A clean record with what follows from it.
pub struct Ready {
    pub source: Rc<str>,
    pub record: LeadRecord,
    pub addr_hash: Option<String>,
    /// The lead's id, if it is a new one.
    pub new_id: Uuid,
}

/// A row of `records_at_hand()`.
#[derive(Clone)]
pub struct AtHand {
    /// Whose row it is, for the statement's answer.
    pub n: usize,
    /// The lead to write: for a new one, the id it gets.
    pub lead_id: Uuid,
    pub ready: Rc<Ready>,
    /// New contact points; None: as they are.
    pub phones: Option<Vec<Value>>,
    pub emails: Option<Vec<Value>>,
}

impl AtHand {
    pub fn values(&self) -> LeadValues<'_> {
        LeadValues {
            id: self.lead_id,
            source: &self.ready.source,
            addr_hash: self.ready.addr_hash.as_deref(),
            record: &self.ready.record,
            phones: self.phones.as_deref(),
            emails: self.emails.as_deref(),
        }
    }
}

thread_local! {
    static AT_HAND: RefCell<Vec<AtHand>> = const { RefCell::new(Vec::new()) };
}

/// Runs a writing statement without parameters while `rows` are at hand.
pub fn write_with<'conn>(
    db: &mut Db<'conn>,
    sql: &'static str,
    rows: Vec<AtHand>,
) -> Result<pgrx::spi::SpiTupleTable<'conn>, Error> {
    // Taken away also when the statement fails: an error of the database unwinds.
    struct Ends;
    impl Drop for Ends {
        fn drop(&mut self) {
            AT_HAND.with_borrow_mut(Vec::clear);
        }
    }
    AT_HAND.set(rows);
    let _ends = Ends;
    write_by_key(db, sql, &[])
}

/// Shows each row at hand.
pub fn each(mut show: impl FnMut(&AtHand)) {
    AT_HAND.with_borrow(|rows| rows.iter().for_each(&mut show));
}
