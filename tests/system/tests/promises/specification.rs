//! The example calls of the specification, word for word.

use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, ensure, seed};

const UPSERT: &str = "SELECT upsert_lead(
  p_source := 'batchdata', p_vendor_record_id := 'batch-123', p_vendor_list_id := 'hollywood-pull-1',
  p_address_line1 := '123 Sunset Blvd', p_address_line2 := NULL, p_city := 'Los Angeles', p_state := 'CA', p_postal_code := '90028',
  p_apn := '5544-003-021', p_owner_first_name := 'John', p_owner_last_name := 'Smith', p_owner_full_name := 'John Smith',
  p_owner_company := NULL, p_property_value := 850000, p_estimated_equity := 425000, p_age := 68
)::text";

#[test]
fn every_example_call_works_as_written() -> Outcome {
    let (seed, _) = seed::choose("specification", 80);
    let mut pipeline = Pipeline::start(Plan::new(seed, 20))?;
    let db = &mut pipeline.db;
    ensure(
        db.one::<String>("SELECT normalize_zip('90028-1234')")? == "90028",
        "normalize_zip",
    )?;
    let hash: String =
        db.one("SELECT compute_addr_hash('123 Main St', 'Los Angeles', 'CA', '90028')")?;
    ensure(
        hash.len() == 64
            && hash
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()),
        format!("compute_addr_hash: {hash}"),
    )?;
    let id: String = db.one(UPSERT)?;
    ensure(
        db.one::<String>(UPSERT)? == id,
        "upsert_lead made a second lead",
    )?;
    ensure(db.one::<i64>("SELECT count(*) FROM leads WHERE addr_hash IS NOT NULL AND last_seen_at >= first_seen_at")? == 1, "upsert_lead")?;
    db.run(&format!(
        "SELECT merge_contact_point('{id}', 'phone', '+15551234567', 'melissa', 85, true)"
    ))?;
    db.run(&format!(
        "SELECT merge_contact_point('{id}', 'email', 'john@example.com', 'batchdata', 75, false)"
    ))?;
    db.run(&format!(
        "SELECT merge_contact_point('{id}', 'email', 'JOHN@EXAMPLE.COM', 'batchdata', 70, false)"
    ))?;
    let points: String = db.one("SELECT concat(cardinality(phones), cardinality(emails), phones[1] ->> 'phone', emails[1] ->> 'score') FROM leads")?;
    ensure(
        points == "11+1555123456775",
        format!("merge_contact_point: {points}"),
    )?;
    // Demographics 10; the phone is of unknown type and the e-mail not verified.
    ensure(
        db.one::<i32>(&format!("SELECT compute_quality_score('{id}')"))? == 10,
        "compute_quality_score",
    )?;
    ensure(
        db.one::<String>(&format!(
            "SELECT update_lead_status_from_score('{id}')::text"
        ))? == "do_not_contact",
        "update_lead_status_from_score",
    )?;
    db.run(&format!("SELECT merge_contact_point('{id}', 'phone', '+15551234567', 'melissa', 85, true, 'mobile'), merge_contact_point('{id}', 'email', 'john@example.com', 'batchdata', 75, true)"))?;
    ensure(
        db.one::<String>(&format!(
            "SELECT update_lead_status_from_score('{id}')::text"
        ))? == "contactable",
        "80 points are contactable",
    )?;
    let sig = "query-sig-hash";
    ensure(!db.one::<bool>(&format!("SELECT has_vendor_ids_been_seen('batchdata', '{sig}', ARRAY['vendor-123', 'vendor-124'])"))?, "seen before it came")?;
    db.run(&format!("INSERT INTO lead_source_events (source, query_sig, page_number, seen_vendor_ids) VALUES ('batchdata', '{sig}', 1, '{{vendor-124}}')"))?;
    ensure(db.one::<bool>(&format!("SELECT has_vendor_ids_been_seen('batchdata', '{sig}', ARRAY['vendor-123', 'vendor-124'])"))?, "not seen")?;
    ensure(
        db.rows("SELECT * FROM vw_lead_quality_summary")?.len() == 1,
        "vw_lead_quality_summary",
    )?;
    ensure(
        db.rows("SELECT * FROM vw_campaign_ready_leads LIMIT 250")?
            .len()
            == 1,
        "vw_campaign_ready_leads",
    )
}

/// The same query in any order of its keys and ZIP codes has the same signature.
#[test]
fn the_query_of_the_specification_has_one_signature() -> Outcome {
    let (seed, _) = seed::choose("signature", 81);
    let mut pipeline = Pipeline::start(Plan::new(seed, 20))?;
    let same: bool = pipeline.db.one(
        r#"SELECT compute_query_sig('{"zip_codes": ["90028", "90038"], "filters": {"owner_occupied": true, "property_type": "single_family"}, "sort": "created_desc"}')
             = compute_query_sig('{"sort": "created_desc", "filters": {"property_type": "single_family", "owner_occupied": true}, "zip_codes": ["90038", "90028"], "page": 3}')
           AND compute_query_sig('{"zip_codes": ["90028"]}') <> compute_query_sig('{"zip_codes": ["90038"]}')"#,
    )?;
    ensure(same, "the signature depends on the order")
}
