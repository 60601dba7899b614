//! Bad input gets an error of the right kind and leaves no trace.

use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, ensure, seed};

const STRANGER: &str = "00000000-0000-7000-8000-000000000000";

#[test]
fn bad_input_is_refused_with_the_right_sqlstate_and_leaves_no_trace() -> Outcome {
    let (seed, _) = seed::choose("input", 70);
    let mut pipeline = Pipeline::start(Plan::new(seed, 20))?;
    let lead: String = pipeline.db.one("SELECT upsert_lead('manual', p_address_line1 => '123 Main St', p_postal_code => '90028')::text")?;
    let trace = "SELECT concat_ws('/', (SELECT md5(string_agg(l::text, '')) FROM leads l), (SELECT count(*) FROM pulls), (SELECT count(*) FROM jobs),
                        (SELECT count(*) FROM source_bookmarks), (SELECT count(*) FROM lead_source_events), (SELECT count(*) FROM dlq))";
    let before: String = pipeline.db.one(trace)?;
    let mut wrong = Vec::new();
    for (call, expected) in [
        (format!("compute_quality_score('{STRANGER}')"), "P0002"),
        (format!("update_lead_status_from_score('{STRANGER}')"), "P0002"),
        (format!("merge_contact_point('{STRANGER}', 'phone', '+13235550123')"), "P0002"),
        (format!("request_enrichment('{STRANGER}')"), "P0002"),
        (format!("merge_contact_point('{lead}', 'fax', '+13235550123')"), "22023"),
        (format!("merge_contact_point('{lead}', 'phone', '12')"), "22P02"),
        (format!("merge_contact_point('{lead}', 'email', 'not an address')"), "22P02"),
        (format!("merge_contact_point('{lead}', 'phone', NULL)"), "22023"),
        (format!("merge_contact_point('{lead}', 'phone', '+13235550123', p_score => -1)"), "22023"),
        ("upsert_lead('manual')".into(), "22023"),
        ("upsert_lead(NULL, p_address_line1 => '1 Main St', p_postal_code => '90028')".into(), "22023"),
        ("upsert_lead('manual', p_vendor_record_id => 'undefined')".into(), "22023"),
        ("upsert_lead('manual', p_address_line1 => '1 Main St', p_postal_code => '90028', p_age => -3)".into(), "22023"),
        ("request_pull('batchdata', '[1]')".into(), "22023"),
        ("request_pull('nobody', '{\"zip_codes\": [\"90028\"]}')".into(), "22023"),
        ("request_pull('batchdata', '{\"zip_cods\": [\"90028\"]}')".into(), "22023"),
        ("request_pull('batchdata', '{\"zip_codes\": [\"90028\"]}', p_page_size => 501)".into(), "22023"),
        ("request_pull('batchdata', '{\"zip_codes\": [\"90028\"]}', p_daily_record_cap => -1)".into(), "22023"),
        ("request_pull('batchdata', NULL)".into(), "22023"),
        ("compute_query_sig('[]')".into(), "22023"),
        ("has_vendor_ids_been_seen('batchdata', NULL, '{a}')".into(), "22023"),
        ("get_or_create_bookmark('', 'x')".into(), "22023"),
        ("record_page('batchdata', 'x', 0, '{a}')".into(), "22023"),
        ("resolve_call(4711, 'charged', 'why')".into(), "P0002"),
        ("resolve_call(4711, 'perhaps', 'why')".into(), "22023"),
        ("resume_vendor('nobody')".into(), "P0002"),
    ] {
        match pipeline.db.sqlstate(&format!("SELECT {call}")) {
            Ok(state) if state == expected || (expected == "P0002" && state == "02000") => {}
            Ok(state) => wrong.push(format!("{call}: {state} instead of {expected}")),
            Err(error) => wrong.push(format!("{call}: {error}")),
        }
    }
    ensure(wrong.is_empty(), wrong.join("\n"))?;
    let after: String = pipeline.db.one(trace)?;
    ensure(
        after == before,
        format!("bad input left a trace: {before} -> {after}"),
    )
}

#[test]
fn what_can_spend_is_not_for_everyone() -> Outcome {
    let (seed, _) = seed::choose("privileges", 71);
    let mut pipeline = Pipeline::start(Plan::new(seed, 20))?;
    pipeline
        .db
        .run("CREATE ROLE stranger; GRANT USAGE ON SCHEMA public TO stranger; SET ROLE stranger")?;
    for call in [
        "SELECT request_pull('batchdata', '{\"zip_codes\": [\"90028\"]}')",
        "SELECT arm_spending()",
        "SELECT disarm_spending()",
        "SELECT resolve_call(1, 'charged', 'x')",
        "SELECT retry_dlq('{1}')",
        "SELECT resume_vendor('melissa')",
        "SELECT request_enrichment('00000000-0000-7000-8000-000000000000')",
        "SELECT count(*) FROM leads",
        "SELECT count(*) FROM vendors",
        "SELECT value FROM secrets",
        "SELECT count(*) FROM vw_campaign_ready_leads",
        "SELECT upsert_lead('manual', p_address_line1 => '1 Main St', p_postal_code => '90028')",
    ] {
        let state = pipeline.db.sqlstate(call)?;
        ensure(state == "42501", format!("{call}: {state}"))?;
    }
    // What only computes is for all.
    let zip: String = pipeline.db.one("SELECT normalize_zip('90028-1234')")?;
    ensure(zip == "90028", "normalize_zip() does not work for everyone")
}
