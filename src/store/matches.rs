//! Pairs of leads that may be one property, kept apart until a person decides.

use pgrx::{JsonB, Uuid};

use super::plan::{required, scalar, select, write};
use super::{Db, leads};
use crate::error::Error;
use crate::merging::likeness;

/// Why a pair is kept: the words that a reviewer reads.
pub const SAME_MAK: &str = "same mak, other keys differ";
/// A merge of the two was undone.
pub const UNMERGED: &str = "merged, and the merge was undone";

/// Two addresses have one hash since the canonical form changed.
pub const SAME_ADDRESS_NOW: &str = "same address since a rehash, other keys differ";
/// Found by find_near_matches().
pub const NEAR_ADDRESS: &str = "same owner, near address";

// Not where a person has said that they are different, for whatever reason they were kept.
const REMEMBER_MATCH: &str = "
INSERT INTO lead_matches (lead_id, other_lead_id, reason, agreement)
SELECT LEAST($1, $2), GREATEST($1, $2), $3, $4
WHERE NOT EXISTS (SELECT FROM lead_matches WHERE lead_id = LEAST($1, $2) AND other_lead_id = GREATEST($1, $2) AND verdict = 'different')
ON CONFLICT ON CONSTRAINT lead_matches_once DO NOTHING";

const WAITS: &str = "
SELECT EXISTS (SELECT FROM lead_matches WHERE lead_id = LEAST($1, $2) AND other_lead_id = GREATEST($1, $2) AND verdict IS NULL)";

const PAIR: &str = "SELECT lead_id, other_lead_id FROM lead_matches WHERE id = $1";

const OWNER_OF_MAK: &str = "SELECT id FROM leads WHERE mak = $1";

const DECIDE: &str = "
UPDATE lead_matches SET verdict = $3, decided_by = session_user, decided_at = now()
WHERE lead_id = LEAST($1, $2) AND other_lead_id = GREATEST($1, $2) AND verdict IS DISTINCT FROM $3";

const REMEMBER_VERDICT: &str = "
INSERT INTO lead_matches (lead_id, other_lead_id, reason, verdict, decided_by, decided_at)
VALUES (LEAST($1, $2), GREATEST($1, $2), $3, 'different', session_user, now())
ON CONFLICT ON CONSTRAINT lead_matches_once DO NOTHING";

/// What a person said about a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Same,
    Different,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
        }
    }
}

/// Keeps a pair for review; a pair that is kept for the same reason, or that a person has told apart, stays as it is. Says
/// whether the pair waits for a person.
pub fn remember(db: &mut Db<'_>, lead: Uuid, other: Uuid, reason: &str) -> Result<bool, Error> {
    let agreement = match leads::load(db, vec![lead, other])?.as_slice() {
        [a, b] => likeness::agreement(a, b),
        _ => serde_json::json!({}),
    };
    let args = [
        lead.into(),
        other.into(),
        reason.into(),
        JsonB(agreement).into(),
    ];
    write(db, REMEMBER_MATCH, &args)?;
    Ok(scalar(write(db, WAITS, &[lead.into(), other.into()])?)?.unwrap_or(false))
}

/// The two leads of a pair.
pub fn pair(db: &Db<'_>, id: i64) -> Result<Option<(Uuid, Uuid)>, Error> {
    match select(db, PAIR, &[id.into()])?.next() {
        Some(row) => Ok(Some((required(&row, 1)?, required(&row, 2)?))),
        None => Ok(None),
    }
}

/// The lead that has this Melissa address key.
pub fn owner_of_mak(db: &Db<'_>, mak: &str) -> Result<Option<Uuid>, Error> {
    scalar(select(db, OWNER_OF_MAK, &[mak.into()])?)
}

/// Settles every entry about this pair.
pub fn decide(db: &mut Db<'_>, lead: Uuid, other: Uuid, verdict: Verdict) -> Result<(), Error> {
    let args = [lead.into(), other.into(), verdict.as_str().into()];
    write(db, DECIDE, &args)?;
    Ok(())
}

/// Keeps the verdict `different` about a pair, for a reason of its own.
pub fn remember_verdict(
    db: &mut Db<'_>,
    lead: Uuid,
    other: Uuid,
    reason: &str,
) -> Result<(), Error> {
    let args = [lead.into(), other.into(), reason.into()];
    write(db, REMEMBER_VERDICT, &args)?;
    Ok(())
}
