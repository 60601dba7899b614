//! The functions as users call them: through SQL, inside a server. One file per family.
//!
//! Each test runs in a transaction of its own that is rolled back; what needs several sessions or the worker is
//! under tests/system.

mod addresses;
mod bulk;
mod contacts;
mod direct_writes;
mod handouts;
mod leads;
mod made;
mod merged_people;
mod merges;
mod money;
mod opt_outs;
mod pair;
mod pulls;
mod purchases;
mod recalls;
mod reviews;
mod scoring;
mod steering;
mod stored_amounts;
mod stored_points;
mod stored_records;

pub use pgrx::Uuid;
pub use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum};

pub use crate::error::Error;
pub use crate::store::subtransaction::attempt;

/// The first column of the first row.
pub fn one<T: FromDatum + IntoDatum>(sql: &str) -> Option<T> {
    Spi::get_one(sql).expect("the query is valid")
}

pub fn run(sql: &str) {
    Spi::run(sql).expect("the statement is valid");
}

/// SQLSTATE and message of a statement that must fail; what it did is undone.
pub fn failure(sql: &str) -> (PgSqlErrorCode, String) {
    match attempt(|| Ok(Spi::run(sql)?)) {
        Err(Error::Database { code, message }) => (code, message),
        Err(other) => panic!("failed outside the database: {other}"),
        Ok(()) => panic!("succeeded, but must fail: {sql}"),
    }
}

pub fn assert_refused(sql: &str, code: PgSqlErrorCode) {
    let (found, message) = failure(sql);
    assert_eq!(found, code, "{sql}: {message}");
}

/// A lead at a made-up address.
pub fn lead(house: i32) -> Uuid {
    one(&format!(
        "SELECT upsert_lead('batchdata', 'rec-{house}', p_address_line1 := '{house} Sample Ave', p_city := 'Phoenix', p_state := 'AZ', p_postal_code := '85001')"
    ))
    .expect("upsert_lead returns an id")
}
