//! A dump brings every row back, and the copy does not spend.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::session::Session;
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, dumps, ensure, ledger, seed};

/// Each table's rows in one figure. Left out: the worker's own row, which the copy's worker writes too.
fn figures(db: &mut Session) -> Outcome<BTreeMap<String, String>> {
    let tables: Vec<String> = db.column(
        "SELECT c.relname::text FROM pg_class c JOIN pg_depend d ON d.objid = c.oid AND d.deptype = 'e'
         WHERE c.relkind = 'r' AND c.relname <> 'worker_state' ORDER BY 1",
    )?;
    let mut figures = BTreeMap::new();
    for table in tables {
        let figure = db.one(&format!("SELECT count(*) || ' ' || COALESCE(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM {table} t"))?;
        figures.insert(table, figure);
    }
    let sequences: Vec<String> = db.column("SELECT c.relname::text FROM pg_class c JOIN pg_depend d ON d.objid = c.oid AND d.deptype = 'e' WHERE c.relkind = 'S' ORDER BY 1")?;
    for sequence in sequences {
        let figure = db.one(&format!("SELECT last_value::text FROM {sequence}"))?;
        figures.insert(sequence, figure);
    }
    Ok(figures)
}

#[test]
fn a_restored_copy_has_every_row_and_does_not_spend() -> Outcome {
    let (seed, _) = seed::choose("dump", 60);
    let mut plan = Plan::new(seed, 200).latency(Duration::from_millis(20));
    plan.cluster
        .databases
        .extend(["plain_copy".to_owned(), "custom_copy".to_owned()]);
    let mut pipeline = Pipeline::start(plan)?;
    // The copies are there before their workers look for them.
    pipeline.db.run("CREATE DATABASE plain_copy")?;
    pipeline.db.run("CREATE DATABASE custom_copy")?;
    // A table of the user's, as the README recommends it, and a price of the user's.
    pipeline.db.run(
        "CREATE TABLE my_leads (lead_id uuid PRIMARY KEY REFERENCES leads (id) ON DELETE CASCADE, note text);
         UPDATE vendors SET unit_price = 0.123456 WHERE name = 'hlr_lookup';
         UPDATE vendors SET max_in_flight = 1, batch_size = 1 WHERE name = 'melissa'",
    )?;
    pipeline.request_pull()?;
    // Stopped in the middle, with work left that could spend.
    pipeline.wait_for_work(|db| {
        db.one(
            "SELECT count(*) > 20 FROM vendor_calls WHERE vendor = 'melissa' AND state = 'applied'",
        )
    })?;
    pipeline
        .cluster
        .configure(&[("equity_connect.paused", "on")])?;
    pipeline.cluster.reload()?;
    until_true(
        "the worker has stopped buying",
        Duration::from_secs(20),
        || {
            Ok(pipeline.wait_for_silence().is_ok()
                && pipeline.db.one(
                    "SELECT count(*) = 0 FROM vendor_calls WHERE state IN ('reserved', 'sending')",
                )?)
        },
    )?;
    pipeline
        .db
        .run("INSERT INTO my_leads SELECT id, 'mine' FROM leads")?;
    let original = figures(&mut pipeline.db)?;
    let work: i64 = pipeline.db.one("SELECT count(*) FROM jobs")?;
    ensure(
        work > 20,
        format!("only {work} jobs are left: nothing to spend on"),
    )?;

    let plain = pipeline.cluster.scratch().join("plain.sql");
    fs::write(&plain, dumps::dump(&pipeline.cluster, &[])?)?;
    dumps::restore_plain(&pipeline.cluster, "plain_copy", &plain)?;
    let custom = pipeline.cluster.scratch().join("custom.dump");
    fs::write(&custom, dumps::dump(&pipeline.cluster, &["-Fc"])?)?;
    fs::set_permissions(&custom, fs::Permissions::from_mode(0o644))?;
    dumps::restore_custom(&pipeline.cluster, "custom_copy", &custom)?;
    for copy in ["plain_copy", "custom_copy"] {
        let mut db = pipeline.cluster.connect_to(copy)?;
        let restored = figures(&mut db)?;
        for (name, figure) in &original {
            ensure(
                restored.get(name) == Some(figure),
                format!(
                    "{copy}: {name} has {:?} instead of {figure}",
                    restored.get(name)
                ),
            )?;
        }
        let notes: i64 = db.one("SELECT count(*) FROM my_leads JOIN leads ON id = lead_id")?;
        ensure(notes > 0, format!("{copy}: the user's own table is empty"))?;
    }
    copies_do_not_spend(&mut pipeline)
}

fn copies_do_not_spend(pipeline: &mut Pipeline) -> Outcome {
    pipeline.cluster.configure(&[])?;
    // The original must not spend while the copies are watched.
    pipeline.db.run("SELECT disarm_spending()")?;
    pipeline.cluster.reload()?;
    let billed = |pipeline: &Pipeline| -> u64 {
        equity_system_tests::pipeline::VENDORS
            .iter()
            .map(|vendor| ledger::billed(pipeline, *vendor))
            .sum()
    };
    let before = billed(pipeline);
    for copy in ["plain_copy", "custom_copy"] {
        let mut db = pipeline.cluster.connect_to(copy)?;
        until_true(
            &format!("the worker of {copy} says why it waits"),
            Duration::from_secs(40),
            || {
                db.one("SELECT (running AND NOT armed AND problem LIKE '%copy%' AND hint LIKE '%arm_spending()%') IS TRUE FROM worker_status()")
            },
        )?;
        db.run("SELECT request_pull(source, params) FROM pulls")?;
    }
    std::thread::sleep(Duration::from_secs(3));
    ensure(billed(pipeline) == before, "a copy has spent money")?;
    // Armed by a person, it goes on: so it was the arming that held it back.
    let mut db = pipeline.cluster.connect_to("custom_copy")?;
    db.run("SELECT arm_spending()")?;
    until_true("the armed copy works", Duration::from_secs(20), || {
        Ok(billed(pipeline) > before)
    })
}

#[test]
fn a_column_added_by_hand_is_refused_with_the_recipe() -> Outcome {
    let (seed, _) = seed::choose("shape", 61);
    let mut pipeline = Pipeline::start(Plan::new(seed, 20))?;
    let error = match pipeline
        .db
        .client
        .batch_execute("ALTER TABLE leads ADD COLUMN mine text")
    {
        Ok(()) => return Err("the column was added".into()),
        Err(error) => error,
    };
    let hint = error
        .as_db_error()
        .and_then(|told| told.hint())
        .unwrap_or_default()
        .to_owned();
    ensure(
        hint.contains("REFERENCES leads (id) ON DELETE CASCADE"),
        format!("the hint is {hint:?}"),
    )?;
    pipeline.db.take_notices();
    pipeline.db.run("CREATE INDEX mine ON leads (last_name)")?;
    let notices = pipeline.db.take_notices();
    ensure(
        notices
            .iter()
            .any(|notice| notice.severity == "WARNING" && notice.message.contains("pg_dump")),
        format!("no warning: {notices:?}"),
    )
}
