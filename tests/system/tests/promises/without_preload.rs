//! Without `shared_preload_libraries` everything but the worker works, and says what is missing.

use equity_system_tests::cluster::Library;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, ensure, seed};

#[test]
fn functions_work_and_queueing_says_how_to_switch_the_worker_on() -> Outcome {
    let (seed, _) = seed::choose("without_preload", 15);
    let mut plan = Plan::new(seed, 20);
    plan.cluster.library = Library::NotPreloaded;
    let mut pipeline = Pipeline::bare(plan)?;
    pipeline.install()?;
    let hash: String = pipeline
        .db
        .one("SELECT compute_addr_hash('123 Main St', 'Los Angeles', 'CA', '90028')")?;
    ensure(hash.len() == 64, "no hash")?;
    let lead: String = pipeline.db.one("SELECT upsert_lead('manual', p_address_line1 => '123 Main St', p_postal_code => '90028')::text")?;
    let score: i32 = pipeline
        .db
        .one(&format!("SELECT compute_quality_score('{lead}')"))?;
    ensure(score == 0, "an empty lead has a score")?;
    pipeline.db.take_notices();
    for (call, what) in [
        (
            "SELECT request_pull('batchdata', '{\"zip_codes\": [\"90028\"]}')".to_owned(),
            "the pull is queued",
        ),
        (
            format!("SELECT request_enrichment('{lead}')"),
            "the lead is queued",
        ),
        (
            "SELECT retry_dlq('{1}')".to_owned(),
            "the work is queued again",
        ),
        ("SELECT arm_spending()".to_owned(), "spending is armed"),
    ] {
        pipeline.db.run(&call)?;
        let notices = pipeline.db.take_notices();
        let told = notices.iter().any(|notice| {
            notice.severity == "NOTICE"
                && notice.message.starts_with(what)
                && notice.hint.as_ref().is_some_and(|hint| {
                    hint.contains("shared_preload_libraries = 'equity_connect'")
                })
        });
        ensure(told, format!("{call} said {notices:?}"))?;
    }
    let queued: i64 = pipeline.db.one("SELECT count(*) FROM jobs")?;
    let told: bool = pipeline.db.one("SELECT NOT running AND NOT preloaded AND problem LIKE '%not preloaded%' AND hint LIKE '%shared_preload_libraries%' FROM worker_status()")?;
    ensure(
        queued == 2 && told,
        "the work is not queued, or worker_status() does not say what is missing",
    )
}
