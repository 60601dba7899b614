//! Leads with all that were folded into them: what a new member must not contradict.

use pgrx::Uuid;

use super::Db;
use super::plan::{column, required, scalar, write};
use crate::address::{self, AddressParts};
use crate::error::Error;
use crate::merging::contradiction::Facts;

/// A lead, or one that was folded into it.
pub struct Member {
    /// The lead that stands for the group.
    pub root: Uuid,
    pub id: Uuid,
    pub facts: Facts,
}

const LOCK: &str = "SELECT id FROM leads WHERE id = ANY ($1) ORDER BY id FOR UPDATE";

const MEMBERS: &str = "
WITH RECURSIVE member AS (
    SELECT id AS root, id FROM unnest($1) AS id
    UNION
    SELECT m.root, g.folded_lead_id FROM member m JOIN lead_merges g ON g.kept_lead_id = m.id AND g.unmerged_at IS NULL
)
SELECT m.root, m.id, f.mak, f.apn, f.county_fips, f.addr_hash IS NOT NULL, COALESCE(f.address_line1, f.property_address), f.address_line2,
       f.property_city, f.property_state, f.property_zip
FROM member m
CROSS JOIN LATERAL (
    SELECT l.mak, l.apn, l.county_fips, l.addr_hash, l.address_line1, l.property_address, l.address_line2, l.property_city, l.property_state,
           l.property_zip
    FROM leads l WHERE l.id = m.id
    UNION ALL
    SELECT p.mak, p.apn, p.county_fips, p.addr_hash, p.address_line1, p.property_address, p.address_line2, p.property_city, p.property_state,
           p.property_zip
    FROM lead_merges g, jsonb_populate_record(NULL::leads, g.folded_before) p
    WHERE g.folded_lead_id = m.id AND g.unmerged_at IS NULL
) f";

const TOLD_APART: &str = "
SELECT EXISTS (
    SELECT FROM lead_matches
    WHERE verdict = 'different'
      AND ((lead_id = ANY ($1) AND other_lead_id = ANY ($2)) OR (lead_id = ANY ($2) AND other_lead_id = ANY ($1)))
)";

/// Locks these leads in the order of their ids; how many there are.
pub fn lock(db: &mut Db<'_>, ids: &[Uuid]) -> Result<usize, Error> {
    Ok(write(db, LOCK, &[ids.to_vec().into()])?.len())
}

/// These leads and all that were folded into them.
pub fn members(db: &mut Db<'_>, ids: &[Uuid]) -> Result<Vec<Member>, Error> {
    write(db, MEMBERS, &[ids.to_vec().into()])?
        .map(|row| {
            let text = |ordinal| column::<String>(&row, ordinal);
            let (line1, line2, city) = (text(7)?, text(8)?, text(9)?);
            let (state, zip) = (text(10)?, text(11)?);
            let address = address::canonical(&AddressParts {
                line1: line1.as_deref(),
                line2: line2.as_deref(),
                city: city.as_deref(),
                state: state.as_deref(),
                zip: zip.as_deref(),
            });
            Ok(Member {
                root: required(&row, 1)?,
                id: required(&row, 2)?,
                facts: Facts {
                    mak: text(3)?,
                    apn: text(4)?,
                    county_fips: text(5)?,
                    has_addr_hash: required(&row, 6)?,
                    address,
                    state,
                    zip,
                },
            })
        })
        .collect()
}

/// Did a person say that one of these is not one of those?
pub fn are_told_apart(db: &mut Db<'_>, these: Vec<Uuid>, those: Vec<Uuid>) -> Result<bool, Error> {
    Ok(scalar(write(db, TOLD_APART, &[these.into(), those.into()])?)?.unwrap_or(false))
}
