//! Pairs of leads that may be one property, kept apart until a person decides.

use pgrx::{JsonB, Uuid};

use super::Db;
use super::plan::{scalar, select, write};
use crate::error::Error;

/// Why a pair is kept: the words that a reviewer reads.
pub const SAME_MAK: &str = "same mak, other keys differ";

const REMEMBER_MATCH: &str = "
INSERT INTO lead_matches (lead_id, other_lead_id, reason, agreement)
VALUES (LEAST($1, $2), GREATEST($1, $2), $3, $4)
ON CONFLICT ON CONSTRAINT lead_matches_once DO NOTHING";

const OWNER_OF_MAK: &str = "SELECT id FROM leads WHERE mak = $1";

/// Keeps a pair for review; a pair that is kept for the same reason stays as it is.
pub fn remember(db: &mut Db<'_>, lead: Uuid, other: Uuid, reason: &str) -> Result<(), Error> {
    let agreement = JsonB(serde_json::json!({}));
    let args = [lead.into(), other.into(), reason.into(), agreement.into()];
    write(db, REMEMBER_MATCH, &args)?;
    Ok(())
}

/// The lead that has this Melissa address key.
pub fn owner_of_mak(db: &Db<'_>, mak: &str) -> Result<Option<Uuid>, Error> {
    scalar(select(db, OWNER_OF_MAK, &[mak.into()])?)
}
