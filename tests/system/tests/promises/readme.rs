//! What the README shows works as written.

use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, ensure, seed};

const README: &str = include_str!("../../../../README.md");

/// The blocks of SQL, in order.
fn sql_blocks() -> Vec<&'static str> {
    let parts = README.split("```sql\n").skip(1);
    parts.filter_map(|part| part.split("```").next()).collect()
}

#[test]
fn the_tour_works_as_written() -> Outcome {
    let (seed, _) = seed::choose("readme", 90);
    let mut plan = Plan::new(seed, 200);
    plan.schema = "crm";
    let mut pipeline = Pipeline::bare(plan)?;
    let blocks = sql_blocks();
    ensure(blocks.len() >= 8, "the README has lost its SQL")?;
    for block in blocks {
        pipeline.db.run(block)?;
        if block.contains("CREATE EXTENSION") {
            pipeline.point_at_simulator()?;
        }
        if block.contains("canonical_address") {
            let count: i64 = pipeline.db.one("SELECT count(*) FROM leads")?;
            ensure(count == 1, format!("{count} leads where the tour has one"))?;
        }
        if block.contains("vw_campaign_ready_leads LIMIT") {
            let score: i32 = pipeline
                .db
                .one("SELECT quality_score::integer FROM vw_campaign_ready_leads")?;
            ensure(
                score == 100,
                format!("the lead of the tour has {score} points"),
            )?;
        }
    }
    pipeline.finish()?;
    let pulled: i64 = pipeline
        .db
        .one("SELECT count(*) FROM leads WHERE source = 'batchdata' AND status <> 'new'")?;
    let imported: i64 = pipeline
        .db
        .one("SELECT count(*) FROM leads WHERE source = 'propstream' AND last_name = 'Sample'")?;
    ensure(
        pulled > 10 && imported == 1,
        format!("{pulled} leads were pulled, {imported} imported"),
    )?;
    check_roles(&mut pipeline)
}

/// The two roles can do what they are for, and no more.
fn check_roles(pipeline: &mut Pipeline) -> Outcome {
    pipeline.db.run("SET ROLE lead_reader")?;
    pipeline
        .db
        .run("SELECT * FROM leads; SELECT * FROM vw_campaign_ready_leads; SELECT * FROM vw_vendor_performance")?;
    let denied = pipeline.db.sqlstate("DELETE FROM leads")?;
    ensure(denied == "42501", format!("a reader may delete: {denied}"))?;
    pipeline.db.run("RESET ROLE; SET ROLE lead_app")?;
    let lead: String = pipeline.db.one(
        "SELECT upsert_lead('manual', p_address_line1 => '9 Elm St', p_postal_code => '90046')::text",
    )?;
    for call in [
        format!("merge_contact_point('{lead}', 'phone', '+13235550199')"),
        format!("compute_quality_score('{lead}')"),
        format!("request_enrichment('{lead}')"),
        "request_pull('batchdata', '{\"zip_codes\": [\"90046\"]}')".into(),
        "get_or_create_bookmark('manual', 'sig')".into(),
        "record_page('manual', 'sig', 1, '{a,b}')".into(),
        "has_vendor_ids_been_seen('manual', 'sig', '{b}')".into(),
    ] {
        pipeline.db.run(&format!("SELECT {call}"))?;
    }
    for call in ["arm_spending()", "resolve_call(1, 'charged', 'x')"] {
        let denied = pipeline.db.sqlstate(&format!("SELECT {call}"))?;
        ensure(denied == "42501", format!("an application may call {call}"))?;
    }
    pipeline.db.run("RESET ROLE")?;
    pipeline.finish()
}

#[test]
fn the_table_of_settings_is_complete() -> Outcome {
    let (seed, _) = seed::choose("settings", 91);
    let mut pipeline = Pipeline::bare(Plan::new(seed, 20))?;
    let settings: Vec<String> = pipeline
        .db
        .column("SELECT name FROM pg_settings WHERE name LIKE 'equity\\_connect.%'")?;
    ensure(settings.len() > 5, "the library is not loaded")?;
    let missing: Vec<&String> = settings
        .iter()
        .filter(|name| !README.contains(&format!("| `{name}` |")))
        .collect();
    ensure(
        missing.is_empty(),
        format!("the README does not have {missing:?}"),
    )?;
    let shown = README.matches("| `equity_connect.").count();
    ensure(
        shown == settings.len(),
        format!(
            "the README has {shown} settings, the server {}",
            settings.len()
        ),
    )
}
