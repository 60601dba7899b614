//! The ledger loses old purchases by itself, and nothing with them.

use std::time::Duration;

use equity_system_tests::pipeline::{Pipeline, Plan, VENDORS};
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, ensure, ledger, seed};

#[test]
fn old_purchases_go_and_neither_their_totals_nor_their_guards() -> Outcome {
    let (seed, _) = seed::choose("pruning", 50);
    let plan = Plan::new(seed, 60)
        .setting("equity_connect.keep_ledger_for", "600")
        .setting("equity_connect.refresh_after", "600");
    let mut pipeline = Pipeline::start(plan)?;
    pipeline.request_pull()?;
    pipeline.finish()?;
    ledger::check(&mut pipeline)?;
    let billed = |pipeline: &Pipeline| -> Vec<u64> {
        VENDORS
            .iter()
            .map(|vendor| ledger::billed(pipeline, *vendor))
            .collect()
    };
    let before = billed(&pipeline);
    // Half of the leads were enriched two days ago.
    pipeline.db.run(
        "CREATE TABLE old AS SELECT id FROM vendor_calls WHERE pull_id IS NOT NULL OR lead_id IN (SELECT id FROM leads ORDER BY id LIMIT 30);
         UPDATE vendor_calls SET day = day - 2, reserved_at = reserved_at - interval '2 days', sent_at = sent_at - interval '2 days',
             answered_at = answered_at - interval '2 days', applied_at = applied_at - interval '2 days'
         WHERE id IN (SELECT id FROM old)",
    )?;
    let totals = "SELECT string_agg(b::text, ',' ORDER BY b::text) FROM spend_budgets b";
    let books: String = pipeline.db.one(totals)?;
    let kept: i64 = pipeline.db.one(
        "SELECT count(*) FROM vendor_calls WHERE NOT id IN (SELECT id FROM old) OR pull_id IS NOT NULL",
    )?;
    // A reload makes the worker look at once.
    pipeline.cluster.reload()?;
    until_true("old purchases are gone", Duration::from_secs(30), || {
        pipeline.db.one(
            "SELECT count(*) = 0 FROM vendor_calls WHERE id IN (SELECT id FROM old) AND pull_id IS NULL",
        )
    })?;
    let (left, pages): (i64, bool) = (
        pipeline.db.one("SELECT count(*) FROM vendor_calls")?,
        pipeline.db.one(
            "SELECT bool_and(answer = 'null'::jsonb AND units > 0 OR units = 0) FROM vendor_calls WHERE pull_id IS NOT NULL",
        )?,
    );
    ensure(
        left == kept && pages,
        format!("{left} purchases are left of {kept}; pages are emptied: {pages}"),
    )?;
    ensure(
        pipeline.db.one::<String>(totals)? == books,
        "the totals of the days have changed",
    )?;
    // What was bought within refresh_after is not bought again, and the list is not pulled again.
    pipeline.db.client.execute(
        "SELECT request_enrichment(lead_id) FROM (SELECT DISTINCT lead_id FROM vendor_calls WHERE lead_id IS NOT NULL) s",
        &[],
    )?;
    pipeline.request_pull_again()?;
    pipeline.finish()?;
    ensure(
        billed(&pipeline) == before,
        "something was bought a second time",
    )
}
