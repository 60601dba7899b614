//! Who has opted out, and since when: what the database must never contradict.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use equity_system_tests::session::Session;
use equity_system_tests::{Outcome, ensure};

/// By e-mail, phone or hash of an address, as leads hold it.
#[derive(Default)]
pub struct Model {
    opted: Mutex<HashMap<String, Since>>,
}

#[derive(Clone, Copy)]
struct Since {
    here: Instant,
    /// The server's clock, in seconds.
    there: f64,
}

impl Model {
    /// The commit of the opt-out has been seen; `there`: the server's clock since then.
    pub fn opted_out(&self, values: Vec<String>, there: f64) {
        let since = Since {
            here: Instant::now(),
            there,
        };
        let mut opted = self.opted.lock().unwrap_or_else(PoisonError::into_inner);
        for value in values {
            opted.entry(value).or_insert(since);
        }
    }

    pub fn len(&self) -> usize {
        self.opted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    pub fn values(&self) -> Vec<String> {
        let opted = self.opted.lock().unwrap_or_else(PoisonError::into_inner);
        opted.keys().cloned().collect()
    }

    /// One of the values that was opted out before `asked`.
    pub fn broken(&self, values: &[String], asked: Instant) -> Option<String> {
        let opted = self.opted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_broken = |value: &&String| opted.get(*value).is_some_and(|since| since.here < asked);
        values.iter().find(is_broken).cloned()
    }

    fn broken_there(&self, values: &[String], at: f64) -> Option<String> {
        let opted = self.opted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_broken = |value: &&String| opted.get(*value).is_some_and(|since| since.there < at);
        values.iter().find(is_broken).cloned()
    }
}

/// What a ready lead can be known by: what it holds, and the addresses folded into it.
const READY: &str = "
WITH RECURSIVE ready AS (
    SELECT l.id, l.addr_hash, l.phones, l.emails FROM vw_campaign_ready_leads v JOIN leads l USING (id)
), folded AS (
    SELECT r.id, m.folded_lead_id, m.folded_before FROM ready r JOIN lead_merges m ON m.kept_lead_id = r.id AND m.unmerged_at IS NULL
    UNION
    SELECT f.id, m.folded_lead_id, m.folded_before FROM folded f JOIN lead_merges m ON m.kept_lead_id = f.folded_lead_id AND m.unmerged_at IS NULL
)
SELECT array_remove(contact_keys(phones, emails) || addr_hash
                    || ARRAY(SELECT folded_before ->> 'addr_hash' FROM folded f WHERE f.id = r.id), NULL)
FROM ready r";

/// No ready lead holds anything that was opted out before this look.
pub fn look(session: &mut Session, model: &Model) -> Outcome {
    let asked = Instant::now();
    for held in session.column::<Vec<String>>(READY)? {
        if let Some(value) = model.broken(&held, asked) {
            let story: String = session.one_with(
                "SELECT concat_ws(E'\\n',
                     (SELECT 'merges: ' || jsonb_agg(to_jsonb(m) - '{kept_before,kept_after,folded_before}'::text[] || jsonb_build_object('hash', folded_before ->> 'addr_hash') ORDER BY m.id)::text
                      FROM lead_merges m WHERE folded_before ->> 'addr_hash' = $1
                          OR kept_lead_id IN (SELECT kept_lead_id FROM lead_merges WHERE folded_before ->> 'addr_hash' = $1)),
                     (SELECT 'lead: ' || jsonb_agg(to_jsonb(l) - '{phones,emails}'::text[])::text FROM leads l
                      WHERE id IN (SELECT kept_lead_id FROM lead_merges WHERE folded_before ->> 'addr_hash' = $1) OR addr_hash = $1),
                     (SELECT 'opt-outs: ' || jsonb_agg(to_jsonb(s) ORDER BY id)::text FROM suppressions s
                      WHERE lead_id IN (SELECT kept_lead_id FROM lead_merges WHERE folded_before ->> 'addr_hash' = $1) OR lead_id IN (SELECT folded_lead_id FROM lead_merges WHERE folded_before ->> 'addr_hash' = $1)))",
                &[&value],
            )?;
            return Err(format!(
                "a lead with the opted-out value {value} is ready: {held:?}\n{story}"
            )
            .into());
        }
    }
    Ok(())
}

/// No purchase about an opted-out value began after it. By what was asked, because a merge gives purchases to other leads.
pub fn check_purchases(session: &mut Session, model: &Model) -> Outcome {
    let rows = session.client.query(
        "SELECT c.id, extract(epoch FROM c.reserved_at)::float8,
                array_remove(ARRAY[subject ->> 'email', subject ->> 'phone',
                    compute_addr_hash(concat_ws(' ', p ->> 'address_line1', p ->> 'address_line2'), p ->> 'city', p ->> 'state', p ->> 'zip')], NULL)
         FROM vendor_calls c, LATERAL (SELECT subject -> 'property') AS s (p)",
        &[],
    )?;
    for row in &rows {
        let (id, at, about): (i64, f64, Vec<String>) = (row.get(0), row.get(1), row.get(2));
        if let Some(value) = model.broken_there(&about, at) {
            return Err(format!("purchase {id} about {value} began after its opt-out").into());
        }
    }
    ensure(!rows.is_empty(), "nothing was bought at all")
}

/// No hand-out of an opted-out door came after it. Those that went over to another lead by a merge are left out.
pub fn check_handouts(session: &mut Session, model: &Model) -> Outcome {
    let rows = session.client.query(
        "SELECT h.id, extract(epoch FROM h.handed_out_at)::float8, l.addr_hash FROM campaign_handouts h JOIN leads l ON l.id = h.lead_id WHERE l.addr_hash IS NOT NULL
           AND NOT EXISTS (SELECT FROM lead_merges m WHERE m.moved -> 'handouts' @> to_jsonb(h.id))",
        &[],
    )?;
    for row in &rows {
        let (id, at, about): (i64, f64, String) = (row.get(0), row.get(1), row.get(2));
        if let Some(value) = model.broken_there(std::slice::from_ref(&about), at) {
            return Err(format!("hand-out {id} of {value} came after its opt-out").into());
        }
    }
    ensure(!rows.is_empty(), "nothing was handed out at all")
}
