//! The vendors' keys appear nowhere but in the keys file and on the wire.

use equity_simulator::faults::{Kind, Rule};
use equity_simulator::vendor::Vendor;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, dumps, ensure, seed};

#[test]
fn keys_appear_nowhere() -> Outcome {
    let (seed, _) = seed::choose("secrets", 30);
    let plan = Plan::new(seed, 60)
        .setting("log_min_messages", "debug1")
        .setting("log_statement", "all")
        .setting("log_min_error_statement", "debug1");
    let keys: Vec<String> = plan
        .cluster
        .keys
        .iter()
        .map(|(_, key)| key.clone())
        .collect();
    let mut pipeline = Pipeline::start(plan)?;
    // Vendors quote what they were sent; refusals, broken answers and doubts all leave words behind.
    for key in &keys {
        let quoted = Rule {
            status: Some(400),
            message: Some(format!("token {key} is not allowed here")),
            times: Some(1),
            ..Rule::new(Vendor::BatchdataSearch, Kind::Status)
        };
        pipeline.fault(quoted.clone());
        pipeline.fault(Rule {
            vendor: Some(Vendor::Melissa),
            ..quoted.clone()
        });
        pipeline.fault(Rule {
            vendor: Some(Vendor::InstantlyVerify),
            status: Some(403),
            ..quoted
        });
    }
    pipeline.fault(Rule {
        times: Some(1),
        ..Rule::new(Vendor::SignalwireLookup, Kind::ResetAfterBill)
    });
    pipeline.request_pull()?;
    let mut seen = String::new();
    pipeline.wait_for_work(|db| {
        seen += &db.one::<String>("SELECT COALESCE(string_agg(a::text, ' '), '') FROM pg_stat_activity a")?;
        // A person puts right what the faults stopped.
        db.run("SELECT resume_vendor(name) FROM vendors WHERE paused_until = 'infinity'; SELECT retry_dlq(ARRAY(SELECT id FROM dlq WHERE kind = 'job'))")?;
        db.one("SELECT count(*) = 0 FROM jobs WHERE waiting_for IS DISTINCT FROM 'a second pass'")
    })?;
    pipeline.cluster.reload()?;
    seen += &pipeline
        .db
        .one::<String>("SELECT string_agg(s::text, ' ') FROM pg_settings s")?;
    seen += &pipeline
        .db
        .one::<String>("SELECT COALESCE(string_agg(s::text, ' '), '') FROM pg_file_settings s")?;
    seen += &pipeline
        .db
        .one::<String>("SELECT string_agg(s::text, ' ') FROM worker_status() s")?;
    seen += &String::from_utf8_lossy(&dumps::dump(&pipeline.cluster, &[])?);
    seen += &pipeline.cluster.log()?;
    for key in keys.iter().flat_map(|key| key.split(':')) {
        ensure(
            !seen.contains(key),
            format!("a key that ends in {:?} was found", &key[key.len() - 4..]),
        )?;
    }
    ensure(
        seen.len() > 100_000 && seen.contains("equity_connect.keys_file"),
        "the search saw too little to mean anything",
    )
}

#[test]
fn a_keys_file_that_others_can_read_is_not_used() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let (seed, _) = seed::choose("open_keys", 31);
    let mut pipeline = Pipeline::start(Plan::new(seed, 20))?;
    let path = pipeline.cluster.scratch().join("keys");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644))?;
    pipeline.cluster.reload()?;
    equity_system_tests::wait::until_true(
        "the worker says so",
        std::time::Duration::from_secs(20),
        || {
            pipeline.db.one("SELECT count(*) > 0 FROM worker_status() WHERE concat(doing, problem) LIKE '%0600%'")
        },
    )?;
    pipeline.request_pull()?;
    std::thread::sleep(std::time::Duration::from_secs(1));
    ensure(
        pipeline.requests(Vendor::BatchdataSearch) == 0,
        "a vendor was called",
    )?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    pipeline.cluster.reload()?;
    pipeline.finish()
}
