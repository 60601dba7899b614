//! What vendors say against contacting somebody is kept, earns nothing, and is never taken back by silence.

use std::collections::BTreeSet;

use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, ensure, seed, truth};

#[test]
fn flags_of_vendors_are_kept_and_silence_is_no_denial() -> Outcome {
    let (seed, _) = seed::choose("flags", 68);
    let mut pipeline = Pipeline::start(Plan::new(seed, 300))?;
    pipeline.request_pull()?;
    pipeline.finish()?;
    let properties = truth::of(&pipeline).properties;
    let barred: BTreeSet<&String> = properties
        .iter()
        .filter(|property| property.deceased || property.litigator)
        .flat_map(|property| &property.record_ids)
        .collect();
    // Whoever a vendor calls a litigator or dead is opted out, and nobody else is.
    let opted: Vec<String> = pipeline.db.column(
        "SELECT vendor_record_id FROM leads WHERE suppressed_reason IN ('litigator', 'deceased') AND suppressed_at IS NOT NULL AND status = 'do_not_contact'",
    )?;
    let reasons: i64 = pipeline
        .db
        .one("SELECT count(DISTINCT suppressed_reason) FROM leads")?;
    let wrong = opted.iter().filter(|id| !barred.contains(id)).count();
    ensure(
        reasons == 2 && wrong == 0,
        format!(
            "{} are opted out for {reasons} reasons, {wrong} of them wrongly",
            opted.len()
        ),
    )?;
    // A flag is on the number that it was said of, with the time of the list; where no vendor said anything, there is none.
    let flagged: BTreeSet<&String> = properties
        .iter()
        .flat_map(|property| &property.skip_trace.flagged_phones)
        .collect();
    let points = pipeline.db.rows(
        "SELECT p ->> 'phone', p ? 'dnc' OR p ? 'tcpa', COALESCE((p ->> 'dnc')::boolean, false) OR COALESCE((p ->> 'tcpa')::boolean, false),
                NOT p ? 'dnc' OR p ->> 'dnc_checked_at' ~ '^20..-..-..T', COALESCE(p -> 'sources', jsonb_build_array(p -> 'source')) = '[\"melissa\"]'
         FROM leads, unnest(phones) AS p",
    )?;
    let (mut kept, mut silent) = (0, 0);
    for row in &points {
        let (phone, is_told, is_barred): (String, bool, bool) =
            (row.get(0), row.get(1), row.get(2));
        let (is_dated, is_melissas): (bool, bool) = (row.get(3), row.get(4));
        ensure(is_dated, format!("{phone} was checked at no time"))?;
        ensure(
            !is_barred || flagged.contains(&phone),
            format!("{phone} is barred, and no vendor said so"),
        )?;
        ensure(
            !(is_melissas && is_told),
            format!("{phone} has a flag that its vendor does not know"),
        )?;
        kept += u32::from(is_barred);
        silent += u32::from(is_melissas);
    }
    ensure(
        kept > 0 && silent > 0,
        format!("{kept} flagged and {silent} unflagged numbers prove nothing"),
    )?;
    // Neither a denial by another vendor nor a new score takes them back.
    let before: String = pipeline.db.one("SELECT string_agg(id || status::text, ',' ORDER BY id) FROM leads WHERE suppressed_at IS NOT NULL")?;
    pipeline.db.run(
        "SELECT merge_contact_point(id, 'phone', p ->> 'phone', 'other', 99, true, 'mobile', '{\"dnc\": false, \"tcpa\": false, \"litigator\": false}')
         FROM leads, unnest(phones) AS p WHERE p ->> 'dnc' = 'true' OR p ->> 'tcpa' = 'true';
         SELECT update_lead_status_from_score(id) FROM leads",
    )?;
    let after: String = pipeline.db.one("SELECT string_agg(id || status::text, ',' ORDER BY id) FROM leads WHERE suppressed_at IS NOT NULL")?;
    let still: i64 = pipeline.db.one("SELECT count(*) FROM leads, unnest(phones) AS p WHERE p ->> 'dnc' = 'true' OR p ->> 'tcpa' = 'true'")?;
    ensure(
        before == after && still == i64::from(kept),
        format!("{still} of {kept} flags are left"),
    )?;
    // And a barred number earns no points, however verified.
    let earned: i64 = pipeline.db.one(
        "SELECT count(*) FROM leads WHERE status = 'contactable' AND cardinality(emails) = 0
             AND NOT EXISTS (SELECT FROM unnest(phones) AS p WHERE p ->> 'dnc' IS DISTINCT FROM 'true' AND p ->> 'tcpa' IS DISTINCT FROM 'true')",
    )?;
    ensure(
        earned == 0,
        format!("{earned} leads are contactable by barred numbers alone"),
    )
}
