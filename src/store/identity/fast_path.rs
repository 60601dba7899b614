//! The two commonest outcomes of an upsert, in one statement each where the guess is right.

use std::cell::Cell;

use pgrx::Uuid;

use super::{Outcome, RecordKeys, Upserted, several};
use crate::error::Error;
use crate::record::LeadRecord;
use crate::store::Db;
use crate::store::recognition::{self, Recognised};
use crate::store::tried_insert;

thread_local! {
    /// Did the last record of this session make a lead? New ones come in runs, and so do known ones: what was true of the
    /// last is tried first with the next.
    static LAST_WAS_NEW: Cell<bool> = const { Cell::new(false) };
}

/// A record that is a lead which holds all of it, or nobody's; None: it is neither, or a key has to be looked at.
pub(super) fn upsert(
    db: &mut Db<'_>,
    record: &LeadRecord,
    keys: &RecordKeys<'_>,
    new_id: Option<Uuid>,
) -> Result<Option<Upserted>, Error> {
    // It goes in unless another lead has one of its keys, or had it before it was folded.
    let insert = |db: &mut Db<'_>| {
        let id = several::insert(db, new_id, record, keys)?;
        LAST_WAS_NEW.set(id.is_some());
        Ok::<_, Error>(id.map(|id| Upserted::alone(id, Outcome::Inserted)))
    };
    let starts_with_insert =
        LAST_WAS_NEW.get() && recognition::is_tried(keys) && tried_insert::goes_unnoticed();
    if starts_with_insert && let Some(new) = insert(db)? {
        return Ok(Some(new));
    }
    match recognition::touch(db, keys, record)? {
        Recognised::Wholly(id) => Ok(Some(Upserted::alone(id, Outcome::Updated))),
        Recognised::No if !starts_with_insert => insert(db),
        Recognised::No | Recognised::Partly => Ok(None),
    }
}
