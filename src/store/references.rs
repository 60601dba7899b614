//! Rows of the user's own tables that refer to leads.

use pgrx::Uuid;

use super::Db;
use super::plan::{required, scalar, select, write_once};
use crate::error::Error;

const REFERENCES: &str = "
SELECT c.conrelid::regclass::text, format('SELECT EXISTS (SELECT FROM %s WHERE %I = $1)', c.conrelid::regclass, a.attname)
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.contype = 'f' AND c.confrelid = 'leads'::regclass AND c.conparentid = 0
ORDER BY c.oid";

/// A table of the user's whose rows refer to this lead: they would go, or stand in the way, if it went.
pub fn referring_table(db: &mut Db<'_>, id: Uuid) -> Result<Option<String>, Error> {
    let questions: Vec<(String, String)> = select(db, REFERENCES, &[])?
        .map(|row| Ok((required(&row, 1)?, required(&row, 2)?)))
        .collect::<Result<_, Error>>()?;
    for (table, question) in questions {
        if scalar(write_once(db, &question, &[id.into()])?)?.unwrap_or(false) {
            return Ok(Some(table));
        }
    }
    Ok(None)
}
