//! The two commonest outcomes of an upsert: the record is nobody's, or a lead that holds all of it.

use pgrx::Uuid;

use super::{Outcome, RecordKeys, Upserted, several};
use crate::error::Error;
use crate::record::LeadRecord;
use crate::store::lead_values::LeadValues;
use crate::store::sightings::{self, Seen};
use crate::store::{Db, leads, new_leads};

/// A record that is a lead which holds all of it, or nobody's; None: it is neither, or only statements can tell.
pub(super) fn upsert(
    db: &mut Db<'_>,
    record: &LeadRecord,
    keys: &RecordKeys<'_>,
    new_id: Option<Uuid>,
) -> Result<Option<Upserted>, Error> {
    match sightings::touch(keys, record) {
        Seen::Touched(id) => Ok(Some(Upserted::alone(id, Outcome::Updated))),
        Seen::Nobody => insert(db, record, keys, new_id.unwrap_or_else(leads::new_id)),
        Seen::Unclear => Ok(None),
    }
}

/// It goes in unless another lead has one of its keys, or had it before it was folded.
fn insert(
    db: &mut Db<'_>,
    record: &LeadRecord,
    keys: &RecordKeys<'_>,
    id: Uuid,
) -> Result<Option<Upserted>, Error> {
    let lead = LeadValues {
        id,
        source: keys.source,
        addr_hash: keys.addr_hash,
        record,
        phones: None,
        emails: None,
    };
    let is_stored =
        new_leads::insert_all([lead].into_iter()).is_some_and(|stored| stored == [true]);
    if !is_stored {
        return Ok(None);
    }
    let id = several::unless_survived(db, id, keys)?;
    Ok(id.map(|id| Upserted::alone(id, Outcome::Inserted)))
}
