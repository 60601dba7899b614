//! The only door to SPI: every statement is a constant, prepared once per process and kept.
//!
//! A kept plan of the same text is re-planned by Postgres itself when a table or the search_path changes, so a
//! dropped and re-created extension, or one in another schema, is found again. Reads go through `select`, which
//! takes no transaction id; only `write` does.

use std::cell::RefCell;
use std::collections::HashMap;

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::PgOid;
use pgrx::spi::{OwnedPreparedStatement, SpiClient, SpiHeapTupleData, SpiTupleTable};
use pgrx::{FromDatum, IntoDatum, pg_sys};

use crate::error::Error;

thread_local! {
    // Leaked on purpose: freeing plans while a process exits would call into a Postgres that is half gone.
    static PLANS: RefCell<HashMap<(usize, usize, bool), &'static OwnedPreparedStatement>> = RefCell::new(HashMap::new());
}

fn plan(
    client: &SpiClient<'_>,
    sql: &'static str,
    args: &[DatumWithOid<'_>],
    writes: bool,
) -> Result<&'static OwnedPreparedStatement, Error> {
    // Length too: one constant may be stored as the beginning of another.
    let key = (sql.as_ptr() as usize, sql.len(), writes);
    if let Some(plan) = PLANS.with_borrow(|plans| plans.get(&key).copied()) {
        return Ok(plan);
    }
    let types: Vec<PgOid> = args.iter().map(|arg| PgOid::from(arg.oid())).collect();
    let prepared = if writes {
        client.prepare_mut(sql, &types)?
    } else {
        client.prepare(sql, &types)?
    };
    let kept: &'static OwnedPreparedStatement = Box::leak(Box::new(prepared.keep()));
    PLANS.with_borrow_mut(|plans| plans.insert(key, kept));
    Ok(kept)
}

/// Runs a reading statement.
pub fn select<'conn>(
    client: &SpiClient<'conn>,
    sql: &'static str,
    args: &[DatumWithOid<'_>],
) -> Result<SpiTupleTable<'conn>, Error> {
    Ok(client.select(plan(client, sql, args, false)?, None, args)?)
}

/// Runs a statement put together from names of the catalogue, as a writing one; its plan is not kept.
pub fn write_once<'conn>(
    client: &mut SpiClient<'conn>,
    sql: &str,
    args: &[DatumWithOid<'_>],
) -> Result<SpiTupleTable<'conn>, Error> {
    Ok(client.update(sql, None, args)?)
}

/// Runs a writing statement, with or without RETURNING.
pub fn write<'conn>(
    client: &mut SpiClient<'conn>,
    sql: &'static str,
    args: &[DatumWithOid<'_>],
) -> Result<SpiTupleTable<'conn>, Error> {
    let plan = plan(client, sql, args, true)?;
    Ok(client.update(plan, None, args)?)
}

/// Runs a reading statement that reaches its rows by their keys alone.
pub fn select_by_key<'conn>(
    client: &SpiClient<'conn>,
    sql: &'static str,
    args: &[DatumWithOid<'_>],
) -> Result<SpiTupleTable<'conn>, Error> {
    let _planned = ByKey::begin();
    select(client, sql, args)
}

/// Runs a writing statement that reaches its rows by their keys alone.
pub fn write_by_key<'conn>(
    client: &mut SpiClient<'conn>,
    sql: &'static str,
    args: &[DatumWithOid<'_>],
) -> Result<SpiTupleTable<'conn>, Error> {
    let _planned = ByKey::begin();
    write(client, sql, args)
}

/// As long as it lives, statements are planned once for all values, as loops over index look-ups.
///
/// Left to itself, Postgres plans such a statement anew at each call, because a plan for given values promises to be
/// a little cheaper, and planning takes longer than running it. And the one plan must not be made while the table is
/// small and read whole: sessions of importers live on while it grows. Set past the settings' own machinery, which
/// would cost more than the statement.
struct ByKey {
    cache_mode: i32,
    reads_whole_tables: bool,
    joins_by_hash: bool,
    joins_by_merge: bool,
    compiles: bool,
}

impl ByKey {
    fn begin() -> Self {
        // SAFETY: plain variables of the backend, which has one thread.
        unsafe {
            let before = Self {
                cache_mode: pg_sys::plan_cache_mode,
                reads_whole_tables: pg_sys::enable_seqscan,
                joins_by_hash: pg_sys::enable_hashjoin,
                joins_by_merge: pg_sys::enable_mergejoin,
                compiles: pg_sys::jit_enabled,
            };
            pg_sys::plan_cache_mode =
                pg_sys::PlanCacheMode::PLAN_CACHE_MODE_FORCE_GENERIC_PLAN as i32;
            pg_sys::enable_seqscan = false;
            pg_sys::enable_hashjoin = false;
            pg_sys::enable_mergejoin = false;
            pg_sys::jit_enabled = false;
            before
        }
    }
}

impl Drop for ByKey {
    fn drop(&mut self) {
        // SAFETY: as above; errors of the database unwind, so this runs after them, too.
        unsafe {
            pg_sys::plan_cache_mode = self.cache_mode;
            pg_sys::enable_seqscan = self.reads_whole_tables;
            pg_sys::enable_hashjoin = self.joins_by_hash;
            pg_sys::enable_mergejoin = self.joins_by_merge;
            pg_sys::jit_enabled = self.compiles;
        }
    }
}

/// One column of a row, or None for NULL. `ordinal` counts from 1.
pub fn column<T: IntoDatum + FromDatum>(
    row: &SpiHeapTupleData<'_>,
    ordinal: usize,
) -> Result<Option<T>, Error> {
    Ok(row.get::<T>(ordinal)?)
}

/// A column that the statement guarantees not to be NULL.
pub fn required<T: IntoDatum + FromDatum>(
    row: &SpiHeapTupleData<'_>,
    ordinal: usize,
) -> Result<T, Error> {
    column(row, ordinal)?.ok_or_else(|| {
        Error::Internal(format!("column {ordinal} of a result is unexpectedly NULL"))
    })
}

/// The first column of the first row.
pub fn scalar<T: IntoDatum + FromDatum>(mut rows: SpiTupleTable<'_>) -> Result<Option<T>, Error> {
    match rows.next() {
        Some(row) => column(&row, 1),
        None => Ok(None),
    }
}
