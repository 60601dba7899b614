//! Takes a person out of every table. What was spent stays spent: rows of the ledger keep their sums and lose what they
//! were about.

use pgrx::Uuid;

use super::Db;
use super::plan::{required, write};
use crate::error::Error;

// A JSON null is an answer that holds nothing: it can be used again, and says nothing.
const CALLS: &str = "
UPDATE vendor_calls SET subject = NULL, answer = CASE WHEN answer IS NOT NULL THEN 'null'::jsonb END, error = NULL, apply_error = NULL, poll_at = NULL
WHERE lead_id = ANY ($1)";

// Pages of a pull hold many people. One that was applied is not read again, so the whole answer goes; the records that
// it brought are in leads.
const PAGES: &str = "
UPDATE vendor_calls SET answer = 'null'::jsonb
WHERE pull_id IS NOT NULL AND lead_id IS NULL AND state = 'applied' AND answer <> 'null'::jsonb
  AND EXISTS (SELECT FROM unnest($1) AS word WHERE strpos(lower(answer::text), word) > 0)";

const DLQ_OF_LEADS: &str = "DELETE FROM dlq WHERE lead_id = ANY ($1)";

const DLQ_WITH_WORDS: &str = "
UPDATE dlq SET payload = '{\"forgotten\": true}', error = NULL, retry_after = NULL
WHERE EXISTS (SELECT FROM unnest($1) AS word WHERE strpos(lower(concat_ws(' ', payload::text, error)), word) > 0)";

const EVENTS: &str = "
UPDATE lead_source_events SET seen_vendor_ids = array_remove(seen_vendor_ids, $2), first_id = NULLIF(first_id, $2), last_id = NULLIF(last_id, $2)
WHERE source = $1 AND seen_vendor_ids @> ARRAY[$2]";

const BOOKMARKS: &str = "UPDATE source_bookmarks SET last_seen_vendor_id = NULL WHERE source = $1 AND last_seen_vendor_id = $2";

// A merge without what it held cannot be undone; it says so by being undone already. Others that once touched one of these
// leads, however far away, may hold what it knew; those in force do not: undoing a merge takes its part out of them.
const MERGES: &str = "
WITH RECURSIVE near AS (
    SELECT unnest($1) AS id
    UNION
    SELECT CASE WHEN m.kept_lead_id = n.id THEN m.folded_lead_id ELSE m.kept_lead_id END
    FROM near n JOIN lead_merges m ON n.id IN (m.kept_lead_id, m.folded_lead_id)
)
UPDATE lead_merges SET kept_before = '{}', folded_before = '{}', kept_after = NULL, folded_keys = '{}', moved = '{}',
                       unmerged_at = COALESCE(unmerged_at, now())
WHERE kept_lead_id = ANY ($1) OR folded_lead_id = ANY ($1)
   OR (unmerged_at IS NOT NULL AND kept_lead_id IN (SELECT id FROM near))";

// Nobody was forgotten but a value in them: who was folded into whom stays, and can no more be undone.
const MERGES_WITH_WORDS: &str = "
UPDATE lead_merges SET kept_before = '{}', folded_before = '{}', kept_after = NULL
WHERE EXISTS (SELECT FROM unnest($1) AS word
              WHERE strpos(lower(concat_ws(' ', kept_before::text, folded_before::text, kept_after::text)), word) > 0)";

const MATCHES: &str =
    "DELETE FROM lead_matches WHERE lead_id = ANY ($1) OR other_lead_id = ANY ($1)";

const NEAR_MATCH_KEYS: &str = "DELETE FROM near_match_keys WHERE lead_id = ANY ($1)";

const JOBS: &str = "DELETE FROM jobs WHERE lead_id = ANY ($1)";

const LEADS: &str = "DELETE FROM leads WHERE id = ANY ($1)";

const FOLDED_IDS: &str = "
WITH RECURSIVE folded AS (
    SELECT folded_lead_id FROM lead_merges WHERE kept_lead_id = ANY ($1) AND unmerged_at IS NULL
    UNION
    SELECT m.folded_lead_id FROM folded f JOIN lead_merges m ON m.kept_lead_id = f.folded_lead_id AND m.unmerged_at IS NULL
)
SELECT folded_lead_id FROM folded";

/// The leads that are folded into these.
pub fn folded_ids(db: &mut Db<'_>, ids: Vec<Uuid>) -> Result<Vec<Uuid>, Error> {
    write(db, FOLDED_IDS, &[ids.into()])?
        .map(|row| required(&row, 1))
        .collect()
}

/// Removes everything that is tied to these leads, and they themselves.
pub fn leads(db: &mut Db<'_>, ids: &[Uuid]) -> Result<(), Error> {
    for statement in [
        CALLS,
        DLQ_OF_LEADS,
        MATCHES,
        MERGES,
        NEAR_MATCH_KEYS,
        JOBS,
        LEADS,
    ] {
        write(db, statement, &[ids.to_vec().into()])?;
    }
    Ok(())
}

/// Removes a vendor's record id from the log of pages.
pub fn vendor_record(db: &mut Db<'_>, source: &str, id: &str) -> Result<(), Error> {
    write(db, EVENTS, &[source.into(), id.into()])?;
    write(db, BOOKMARKS, &[source.into(), id.into()])?;
    Ok(())
}

/// Removes raw pages, failed work and what merges remember, where they hold one of these words, in lower case.
pub fn words(db: &mut Db<'_>, words: &[String]) -> Result<(), Error> {
    for statement in [PAGES, DLQ_WITH_WORDS, MERGES_WITH_WORDS] {
        write(db, statement, &[words.to_vec().into()])?;
    }
    Ok(())
}
