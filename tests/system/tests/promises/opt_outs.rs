//! An opt-out is for ever: against imports, edits, deletions, hand-outs, purchases, restores, and all at once.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use equity_simulator::faults::{Kind, Rule};
use equity_simulator::vendor::Vendor;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::session::Session;
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, dumps, ensure, ledger, seed};

/// A pipeline without vendors, for what needs the database only.
fn quiet(plan: Plan) -> Outcome<Pipeline> {
    let mut pipeline = Pipeline::bare(plan)?;
    pipeline.install()?;
    Ok(pipeline)
}

const READY: &str = "INSERT INTO leads (addr_hash, emails, status, quality_score)
    SELECT 'house ' || n, ARRAY[jsonb_build_object('email', 'owner' || n || '@example.com', 'verified', true)], 'contactable', 60 + n % 41
    FROM generate_series(1, 600) n";

#[test]
fn two_hundred_claimers_never_share_a_lead_and_the_cap_is_exact() -> Outcome {
    let (seed, _) = seed::choose("claimers", 50);
    let mut pipeline = quiet(Plan::new(seed, 1).setting("max_connections", "260"))?;
    pipeline.db.run(READY)?;
    pipeline
        .db
        .run("INSERT INTO campaigns (name, daily_cap) VALUES ('phx', 450)")?;
    let pipeline = Mutex::new(pipeline);
    let claimed: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| -> Outcome {
        let claimers: Vec<_> = (0..200)
            .map(|_| {
                scope.spawn(|| -> Result<(), String> {
                    let session = pipeline
                        .lock()
                        .map_err(|e| e.to_string())?
                        .another_session();
                    let mut session = session.map_err(|e| e.to_string())?;
                    for _ in 0..4 {
                        let ids: Vec<String> = session
                            .column("SELECT id::text FROM claim_campaign_leads('phx', 3)")
                            .map_err(|e| e.to_string())?;
                        claimed.lock().map_err(|e| e.to_string())?.extend(ids);
                    }
                    Ok(())
                })
            })
            .collect();
        for claimer in claimers {
            claimer.join().map_err(|_| "a claimer panicked")??;
        }
        Ok(())
    })?;
    let mut claimed = claimed.into_inner()?;
    let count = claimed.len();
    claimed.sort();
    claimed.dedup();
    ensure(
        count == 450 && claimed.len() == 450,
        format!(
            "{count} hand-outs of {} leads under a cap of 450",
            claimed.len()
        ),
    )?;
    let mut pipeline = pipeline.into_inner().map_err(|e| e.to_string())?;
    let worst: i32 = pipeline
        .db
        .one("SELECT min(score) FROM campaign_handouts")?;
    let left: i32 = pipeline
        .db
        .one("SELECT max(quality_score)::integer FROM vw_campaign_ready_leads")?;
    ensure(
        worst >= left,
        format!("a lead of {worst} went out before one of {left}"),
    )
}

/// Runs `statement` on a thread until `release` has run; what it did in the end.
fn held(session: Session, statement: &str, release: impl FnOnce() -> Outcome) -> Outcome<Session> {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            let mut session = session;
            session
                .run(statement)
                .map(|()| session)
                .map_err(|e| e.to_string())
        });
        std::thread::sleep(Duration::from_millis(300));
        if waiting.is_finished() {
            return Err("it did not wait".into());
        }
        release()?;
        Ok(waiting.join().map_err(|_| "panicked")??)
    })
}

#[test]
fn commit_order_decides_between_an_opt_out_and_a_hand_out() -> Outcome {
    let (seed, _) = seed::choose("opt_out_or_hand_out", 51);
    let mut pipeline = quiet(Plan::new(seed, 1))?;
    pipeline.db.run(READY)?;
    pipeline.db.run(
        "INSERT INTO campaigns (name) VALUES ('phx'); DELETE FROM leads WHERE quality_score < 100",
    )?;
    let email: String = pipeline
        .db
        .one("SELECT emails[1] ->> 'email' FROM vw_campaign_ready_leads LIMIT 1")?;
    let (mut desk, mut feeder) = (pipeline.another_session()?, pipeline.another_session()?);
    // The opt-out has the lead, and has not committed: the feeder passes it by, now and later.
    desk.run(&format!(
        "BEGIN; SELECT suppress_contact('email', '{email}', 'x')"
    ))?;
    let taken: Vec<String> =
        feeder.column("SELECT emails -> 0 ->> 'email' FROM claim_campaign_leads('phx', 1)")?;
    ensure(!taken.contains(&email), "an opted-out lead was handed out")?;
    desk.run("COMMIT")?;
    let taken: Vec<String> =
        feeder.column("SELECT emails -> 0 ->> 'email' FROM claim_campaign_leads('phx', 1)")?;
    ensure(!taken.contains(&email), "an opted-out lead was handed out")?;
    // The feeder has it: the opt-out waits, and then holds for everything after.
    let email: String = pipeline
        .db
        .one("SELECT emails[1] ->> 'email' FROM vw_campaign_ready_leads LIMIT 1")?;
    feeder.run("BEGIN; SELECT * FROM claim_campaign_leads('phx', 1)")?;
    held(
        desk,
        &format!("SELECT suppress_contact('email', '{email}', 'x')"),
        || feeder.run("COMMIT"),
    )?;
    let both: bool = pipeline.db.one(&format!(
        "SELECT added_to_campaign_at < now() AND status = 'do_not_contact' FROM leads WHERE emails[1] ->> 'email' = '{email}'"
    ))?;
    ensure(both, "the lead was not handed out first and opted out then")
}

#[test]
fn an_import_that_commits_after_the_opt_out_is_born_opted_out() -> Outcome {
    let (seed, _) = seed::choose("opt_out_or_import", 52);
    let mut pipeline = quiet(Plan::new(seed, 1))?;
    let (mut desk, mut importer) = (pipeline.another_session()?, pipeline.another_session()?);
    let import = |n: i32| {
        format!(
            "INSERT INTO leads (addr_hash, emails, status, quality_score) VALUES ('h{n}', ARRAY['{{\"email\": \"late{n}@example.com\"}}'::jsonb], 'contactable', 90)"
        )
    };
    // Written before the opt-out, committed after it: neither waits for the other.
    importer.run(&format!("BEGIN; {}", import(1)))?;
    desk.run("SELECT suppress_contact('email', 'late1@example.com', 'x')")?;
    importer.run("COMMIT")?;
    // Written while the opt-out is being recorded: the commit waits for it.
    desk.run("BEGIN; SELECT suppress_contact('email', 'late2@example.com', 'x')")?;
    let mut importer = held(importer, &import(2), || desk.run("COMMIT"))?;
    let ready: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vw_campaign_ready_leads")?;
    ensure(ready == 0, format!("{ready} leads slipped through"))?;
    let remembered: i64 = pipeline
        .db
        .one("SELECT count(*) FROM suppressions WHERE kind = 'address'")?;
    ensure(
        remembered == 2,
        format!("{remembered} of 2 properties are remembered"),
    )?;
    // A transaction that cannot see the opt-out may not commit past it.
    importer.run(&format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ; {}",
        import(3)
    ))?;
    desk.run("SELECT suppress_contact('email', 'late3@example.com', 'x')")?;
    let ended = importer
        .run("COMMIT")
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    ensure(
        ended.starts_with("40001"),
        format!("a blind transaction ended with: {ended}"),
    )
}

#[test]
fn a_merge_that_commits_after_the_opt_out_of_what_it_folds_is_opted_out() -> Outcome {
    let (seed, _) = seed::choose("opt_out_or_merge", 57);
    let mut pipeline = quiet(Plan::new(seed, 1))?;
    let (mut desk, mut importer) = (pipeline.another_session()?, pipeline.another_session()?);
    pipeline.db.run("INSERT INTO leads (addr_hash, emails, status, quality_score) VALUES ('kept', ARRAY['{\"email\": \"a@example.com\", \"verified\": true}'::jsonb], 'contactable', 90)")?;
    // The opt-out sees neither the lead that is folded, nor the merge.
    importer.run(
        "BEGIN; INSERT INTO leads (addr_hash) VALUES (repeat('f', 64));
         SELECT merge_leads(k.id, f.id, 'the same') FROM leads k, leads f WHERE k.addr_hash = 'kept' AND f.addr_hash = repeat('f', 64)",
    )?;
    desk.run("SELECT suppress_contact('address', repeat('f', 64), 'x')")?;
    importer.run("COMMIT")?;
    let is_suppressed: bool = pipeline
        .db
        .one("SELECT suppressed_at IS NOT NULL FROM leads WHERE addr_hash = 'kept'")?;
    ensure(
        is_suppressed,
        "a lead was folded past the opt-out of its address",
    )
}

#[test]
fn nothing_is_bought_for_the_opted_out() -> Outcome {
    let (seed, _) = seed::choose("opt_out_or_purchase", 53);
    let mut pipeline = Pipeline::start(Plan::new(seed, 60))?;
    pipeline.open_vendors(&[])?;
    let ids = pipeline.enrich_doors(20)?;
    for id in &ids[..10] {
        pipeline.db.run(&format!(
            "SELECT suppress_contact('address', addr_hash, 'x') FROM leads WHERE id = '{id}'"
        ))?;
    }
    pipeline.open_vendors(&equity_system_tests::pipeline::VENDORS)?;
    pipeline.finish()?;
    let (barred, free): (i64, i64) = (
        pipeline.db.one("SELECT count(*) FROM vendor_calls c JOIN leads l ON l.id = c.lead_id WHERE l.suppressed_reason = 'x'")?,
        pipeline.db.one("SELECT count(DISTINCT lead_id) FROM vendor_calls")?,
    );
    ensure(
        barred == 0 && free == 10,
        format!("{barred} purchases about the opted-out, {free} leads bought for"),
    )
}

#[test]
fn commit_order_decides_between_an_opt_out_and_a_purchase() -> Outcome {
    let (seed, _) = seed::choose("opt_out_and_purchase", 56);
    let mut pipeline = Pipeline::start(Plan::new(seed, 60))?;
    pipeline.open_vendors(&[])?;
    let ids = pipeline.enrich_doors(2)?;
    let bought = |pipeline: &mut Pipeline, id: &str| -> Outcome<i64> {
        pipeline.db.one(&format!(
            "SELECT count(*) FROM vendor_calls WHERE lead_id = '{id}'"
        ))
    };
    let opt_out = |id: &str| {
        format!("SELECT suppress_contact('address', addr_hash, 'x') FROM leads WHERE id = '{id}'")
    };
    // The opt-out has the lead, and has not committed: the worker passes it by, and buys nothing when it looks again.
    let mut desk = pipeline.another_session()?;
    desk.run(&format!("BEGIN; {}", opt_out(&ids[0])))?;
    pipeline.open_vendors(&equity_system_tests::pipeline::VENDORS)?;
    until_true("the other lead is bought", Duration::from_secs(30), || {
        Ok(bought(&mut pipeline, &ids[1])? > 0)
    })
    .map_err(|error| match pipeline.state_of_things() {
        Ok(state) => format!("{error}\n{state}"),
        Err(second) => format!("{error}, {second}"),
    })?;
    let early = bought(&mut pipeline, &ids[0])?;
    ensure(
        early == 0,
        "a purchase about a lead that an opt-out holds began",
    )?;
    desk.run("COMMIT")?;
    pipeline.finish()?;
    let late = bought(&mut pipeline, &ids[0])?;
    ensure(late == 0, "a purchase began after the opt-out")?;
    // The purchase is on its way: the opt-out does not wait for the vendor, its answer is kept, and nothing follows.
    pipeline.fault(Rule {
        ms: Some(2500),
        ..Rule::new(Vendor::Melissa, Kind::Delay)
    });
    let id: String = pipeline.db.one(
        "SELECT lead_id::text FROM (SELECT upsert_lead('batchdata', p_address_line1 := '1 Elsewhere Rd', p_postal_code := '90028') AS lead_id) u, request_enrichment(lead_id)",
    )?;
    pipeline.wait_for_request(Vendor::Melissa)?;
    let asked = Instant::now();
    pipeline.db.run(&opt_out(&id))?;
    ensure(
        asked.elapsed() < Duration::from_secs(2) && pipeline.under_way(Vendor::Melissa) > 0,
        "the opt-out waited for the vendor",
    )?;
    pipeline.open_vendors(&equity_system_tests::pipeline::VENDORS)?;
    pipeline.finish()?;
    let (state, status): (String, String) = (
        pipeline.db.one(&format!(
            "SELECT string_agg(vendor || ' ' || state, ', ') FROM vendor_calls WHERE lead_id = '{id}'"
        ))?,
        pipeline
            .db
            .one(&format!("SELECT status::text FROM leads WHERE id = '{id}'"))?,
    );
    ensure(
        state == "melissa applied" && status == "do_not_contact",
        format!("after the opt-out: {state}, {status}"),
    )
}

#[test]
fn a_forgotten_person_is_in_no_dump() -> Outcome {
    let (seed, _) = seed::choose("forgotten", 54);
    let mut pipeline = Pipeline::start(Plan::new(seed, 60))?;
    pipeline.request_pull()?;
    pipeline.finish()?;
    pipeline.open_campaigns()?;
    pipeline.db.run("INSERT INTO campaigns (name, vendor_campaign_id, fed_by_worker) VALUES ('phx', 'c-1', true)")?;
    until_true(
        "the ready leads are in a campaign",
        Duration::from_secs(30),
        || {
            pipeline.db.one(
                "SELECT count(*) > 5 AND bool_and(delivery = 'accepted') FROM campaign_handouts",
            )
        },
    )?;
    // A person whose contact points are nobody else's.
    let id: String = pipeline.db.one(
        "SELECT l.id::text FROM leads l JOIN campaign_handouts h ON h.lead_id = l.id
         WHERE cardinality(contact_keys(phones, emails)) > 2 AND vendor_record_id IS NOT NULL
             AND NOT EXISTS (SELECT FROM leads o WHERE o.id <> l.id AND contact_keys(o.phones, o.emails) && contact_keys(l.phones, l.emails))
         ORDER BY l.id LIMIT 1",
    )?;
    let mut canaries: Vec<String> = pipeline.db.column(&format!(
        "SELECT ltrim(unnest(contact_keys(phones, emails)), '+1') FROM leads WHERE id = '{id}'"
    ))?;
    canaries.extend(pipeline.db.column::<String>(&format!(
        "SELECT unnest(ARRAY[address_line1, vendor_record_id]) FROM leads WHERE id = '{id}'"
    ))?);
    let seen = |text: &str| {
        canaries
            .iter()
            .filter(|canary| text.to_lowercase().contains(&canary.to_lowercase()))
            .cloned()
            .collect::<Vec<_>>()
    };
    let before = String::from_utf8_lossy(&dumps::dump(&pipeline.cluster, &[])?).into_owned();
    ensure(
        seen(&before).len() == canaries.len(),
        "the search finds nothing at all",
    )?;
    let spent: String = pipeline
        .db
        .one("SELECT sum(settled_amount)::text FROM spend_budgets")?;
    pipeline.db.run(&format!(
        "INSERT INTO dlq (stage, payload, error, kind, lead_id) SELECT 'campaign', jsonb_build_object('e', emails[1]), phones[1] ->> 'phone', 'handout', id FROM leads WHERE id = '{id}';
         INSERT INTO dlq (stage, payload, error) SELECT 'campaign', jsonb_build_object('body', emails), phones[1] ->> 'phone' FROM leads WHERE id = '{id}';
         SELECT forget_lead('{id}')"
    ))?;
    until_true(
        "the campaign tool has forgotten, too",
        Duration::from_secs(30),
        || {
            pipeline.db.one(&format!("SELECT delivery = 'recalled' AND vendor_lead_id IS NULL FROM campaign_handouts WHERE lead_id = '{id}'"))
        },
    )?;
    let after = String::from_utf8_lossy(&dumps::dump(&pipeline.cluster, &[])?).into_owned();
    ensure(
        seen(&after).is_empty(),
        format!("the dump still holds {:?} of {canaries:?}", seen(&after)),
    )?;
    let still: String = pipeline
        .db
        .one("SELECT sum(settled_amount)::text FROM spend_budgets")?;
    ensure(spent == still, "forgetting changed the books")
}

#[test]
fn a_look_that_a_savepoint_undoes_is_taken_again() -> Outcome {
    let (seed, _) = seed::choose("opt_out_and_savepoint", 55);
    let mut pipeline = quiet(Plan::new(seed, 1))?;
    let (mut desk, mut importer) = (pipeline.another_session()?, pipeline.another_session()?);
    let import = |name: &str| {
        format!(
            "INSERT INTO leads (addr_hash, emails, status, quality_score) VALUES ('{name}', ARRAY['{{\"email\": \"{name}@example.com\"}}'::jsonb], 'contactable', 90)"
        )
    };
    // The last look is taken, and given back with the lock that makes it last.
    importer.run("BEGIN; SAVEPOINT s")?;
    importer.run(&import("undone"))?;
    importer.run("SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK TO s; SET CONSTRAINTS ALL DEFERRED")?;
    importer.run(&import("late"))?;
    desk.run("SELECT suppress_contact('email', 'late@example.com', 'x')")?;
    importer.run("COMMIT")?;
    let ready: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vw_campaign_ready_leads")?;
    ensure(ready == 0, format!("{ready} leads slipped through"))
}

#[test]
fn an_answer_about_somebody_who_was_forgotten_meanwhile_is_not_kept() -> Outcome {
    let (seed, _) = seed::choose("forgotten_in_flight", 55);
    let mut pipeline = Pipeline::start(Plan::new(seed, 1).latency(Duration::from_secs(1)))?;
    let lead = pipeline.enrich_doors(1)?.remove(0);
    pipeline.wait_for_request(Vendor::Melissa)?;
    pipeline.db.run(&format!("SELECT forget_lead('{lead}')"))?;
    until_true("the answer is applied", Duration::from_secs(30), || {
        pipeline
            .db
            .one("SELECT count(*) = 1 FROM vendor_calls WHERE state = 'applied'")
    })?;
    let kept: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vendor_calls WHERE answer <> 'null' OR subject IS NOT NULL")?;
    ensure(kept == 0, format!("{kept} answers are kept"))?;
    ledger::check(&mut pipeline)
}
