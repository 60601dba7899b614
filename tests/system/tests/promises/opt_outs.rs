//! An opt-out is for ever: against imports, edits, deletions, hand-outs, purchases, restores, and all at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::session::Session;
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, dumps, ensure, seed};
use fastrand::Rng;

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
fn a_forgotten_person_is_in_no_dump() -> Outcome {
    let (seed, _) = seed::choose("forgotten", 54);
    let mut pipeline = Pipeline::start(Plan::new(seed, 60))?;
    pipeline.request_pull()?;
    pipeline.finish()?;
    // A person whose contact points are nobody else's.
    let id: String = pipeline.db.one(
        "SELECT l.id::text FROM leads l WHERE cardinality(contact_keys(phones, emails)) > 2 AND vendor_record_id IS NOT NULL
             AND NOT EXISTS (SELECT FROM leads o WHERE o.id <> l.id AND contact_keys(o.phones, o.emails) && contact_keys(l.phones, l.emails))
         ORDER BY id LIMIT 1",
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
    pipeline.db.run(&format!("SELECT forget_lead('{id}')"))?;
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

/// One random step of a user, an importer, a vendor's answer or an opt-out desk.
fn step(rng: &mut Rng) -> String {
    let (house, value) = (rng.u32(1..=12), rng.u32(1..=16));
    let email = format!("person{value}@example.com");
    let phone = format!("60255501{value:02}");
    let some = format!("(SELECT id FROM leads WHERE address_line1 = '{house} Sample Ave' LIMIT 1)");
    let point = format!("jsonb_build_object('email', '{email}', 'verified', true)");
    match rng.u32(0..14) {
        0..=2 => format!(
            "SELECT upsert_lead('batchdata', 'r{house}', p_address_line1 := '{house} Sample Ave', p_postal_code := '85001', p_owner_occupied := true)"
        ),
        3 => format!(
            "SELECT * FROM upsert_leads('batchdata', jsonb_build_array(jsonb_build_object('vendor_record_id', 'r{house}', 'address_line1', '{house} Sample Ave', 'postal_code', '85001', 'emails', jsonb_build_array({point}))))"
        ),
        4 => format!(
            "INSERT INTO leads (address_line1, property_zip, emails, status, quality_score) VALUES ('{house} Sample Ave', '85001', ARRAY[{point}], 'contactable', 90) ON CONFLICT DO NOTHING"
        ),
        5 => format!(
            "SELECT merge_contact_point(id, 'phone', '{phone}', 'melissa', 80, true, 'mobile') FROM {some} s (id) WHERE id IS NOT NULL"
        ),
        6 => format!(
            "SELECT merge_contact_point(id, 'email', '{email}', 'melissa', 80, true) FROM {some} s (id) WHERE id IS NOT NULL"
        ),
        7 => format!("UPDATE leads SET emails = ARRAY[{point}], phones = '{{}}' WHERE id = {some}"),
        8 => format!(
            "UPDATE leads SET status = 'contactable', quality_score = 95, suppressed_at = NULL, suppressed_reason = NULL WHERE id = {some}"
        ),
        9 => format!(
            "SELECT update_lead_status_from_score(id) FROM {some} s (id) WHERE id IS NOT NULL"
        ),
        10 => format!("DELETE FROM leads WHERE id = {some}"),
        11 => "SELECT * FROM claim_campaign_leads('phx', 2)".to_owned(),
        12 => format!(
            "SELECT record_campaign_event('{email}', '{}')",
            ["email_opened", "email_bounced", "reply_received"][rng.usize(0..3)]
        ),
        _ => format!(
            "UPDATE leads SET last_seen_at = now(), added_to_campaign_at = NULL, status = 'contactable', quality_score = 90 WHERE id = {some}"
        ),
    }
}

/// An opt-out, noted in the same transaction.
fn opt_out(rng: &mut Rng) -> String {
    let value = rng.u32(1..=16);
    let house = rng.u32(1..=12);
    match rng.u32(0..4) {
        0 => format!(
            "WITH s AS (INSERT INTO opted (value) VALUES ('person{value}@example.com')) SELECT suppress_contact('email', 'Person{value}@example.com', 'x')"
        ),
        1 => format!(
            "WITH s AS (INSERT INTO opted (value) VALUES ('+160255501{value:02}')) SELECT suppress_contact('phone', '(602) 555-01{value:02}', 'x')"
        ),
        2 => format!(
            "WITH s AS (INSERT INTO opted (value) SELECT compute_addr_hash('{house} Sample Ave', NULL, NULL, '85001')) SELECT suppress_contact('address', compute_addr_hash('{house} Sample Ave', NULL, NULL, '85001'), 'x')"
        ),
        _ => format!(
            "WITH s AS (INSERT INTO opted (value) VALUES ('person{value}@example.com')) SELECT record_campaign_event('person{value}@example.com', 'lead_unsubscribed')"
        ),
    }
}

const SLIPPED: &str = "SELECT count(*) FROM vw_campaign_ready_leads v JOIN leads l USING (id)
    WHERE EXISTS (SELECT FROM opted WHERE value = l.addr_hash OR value = ANY (contact_keys(l.phones, l.emails)))";

/// Repeats what the database asks to be repeated.
fn insist(session: &mut Session, sql: &str, repeats: &AtomicU64) -> Result<(), String> {
    for _ in 0..20 {
        match session.run(sql) {
            Err(error)
                if ["40P01", "40001"]
                    .iter()
                    .any(|code| error.to_string().starts_with(code)) =>
            {
                repeats.fetch_add(1, Ordering::Relaxed);
                session.run("ROLLBACK").map_err(|error| error.to_string())?;
            }
            // Another writer has deleted the lead meanwhile.
            Err(error) if error.to_string().starts_with("P0002") => {
                return session.run("ROLLBACK").map_err(|error| error.to_string());
            }
            other => return other.map_err(|error| error.to_string()),
        }
    }
    Err("repeated in vain".to_owned())
}

#[test]
fn no_sequence_of_events_brings_an_opt_out_back() -> Outcome {
    let (seed, mut rng) = seed::choose("opt_out_sequences", 55);
    let sequences = seed::number_from_environment("EQUITY_SEQUENCES", 400);
    let mut pipeline = quiet(Plan::new(seed, 1))?;
    pipeline.db.run("CREATE TABLE opted (value text); INSERT INTO campaigns (name, daily_cap) VALUES ('phx', 1000000)")?;
    let (repeats, checks, is_over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let mut writers: Vec<(Session, Rng)> = Vec::new();
    for _ in 0..6 {
        writers.push((pipeline.another_session()?, rng.fork()));
    }
    for round in 0..sequences / 6 {
        // Opt-outs outlive everything, so each round starts with nobody opted out.
        pipeline
            .db
            .run("TRUNCATE leads, suppressions, campaign_handouts, opted")?;
        is_over.store(false, Ordering::Relaxed);
        let mut checker = pipeline.another_session()?;
        let slipped = std::thread::scope(|scope| -> Outcome<i64> {
            let running: Vec<_> = writers
                .iter_mut()
                .map(|(session, rng)| {
                    let repeats = &repeats;
                    scope.spawn(move || -> Result<(), String> {
                        for n in 0..24 {
                            let sql = if n % 8 == 7 { opt_out(rng) } else { step(rng) };
                            let sql = if rng.u32(0..4) == 0 {
                                format!("BEGIN; {sql}; {}; COMMIT", step(rng))
                            } else {
                                sql
                            };
                            insist(session, &sql, repeats).inspect_err(|_| {
                                let _ = session.run("ROLLBACK");
                            })?;
                        }
                        Ok(())
                    })
                })
                .collect();
            let watching = scope.spawn(|| -> Result<i64, String> {
                let mut worst = 0;
                while !is_over.load(Ordering::Relaxed) {
                    worst = worst.max(checker.one::<i64>(SLIPPED).map_err(|e| e.to_string())?);
                    checks.fetch_add(1, Ordering::Relaxed);
                }
                Ok(worst)
            });
            let ended: Vec<_> = running.into_iter().map(|writer| writer.join()).collect();
            is_over.store(true, Ordering::Relaxed);
            let worst = watching.join().map_err(|_| "the checker panicked")??;
            for writer in ended {
                writer.map_err(|_| "a writer panicked")??;
            }
            Ok(worst)
        })?;
        let at_end: i64 = pipeline.db.one(SLIPPED)?;
        ensure(
            slipped.max(at_end) == 0,
            format!("round {round}: {slipped} opted-out leads were ready, {at_end} in the end"),
        )?;
    }
    println!(
        "{sequences} sequences, {} looks, {} repeats",
        checks.load(Ordering::Relaxed),
        repeats.load(Ordering::Relaxed)
    );
    restored_opt_outs_hold(&mut pipeline)
}

/// A restored copy knows who opted out: the same values are born opted out there.
fn restored_opt_outs_hold(pipeline: &mut Pipeline) -> Outcome {
    let file = pipeline.cluster.scratch().join("opt_outs.dump");
    dumps::client(
        &pipeline.cluster,
        "pg_dump",
        &[
            "-Fc",
            "-f",
            &file.display().to_string(),
            pipeline.cluster.database(),
        ],
    )?;
    pipeline
        .cluster
        .connect_to("postgres")?
        .run("CREATE DATABASE copy")?;
    dumps::restore_custom(&pipeline.cluster, "copy", &file)?;
    let mut copy = pipeline.cluster.connect_to("copy")?;
    let same = |db: &mut Session| {
        db.one::<String>("SELECT md5(string_agg(l::text, '' ORDER BY id)) || (SELECT md5(string_agg(s::text, '' ORDER BY id)) FROM suppressions s) FROM leads l")
    };
    ensure(
        same(&mut copy)? == same(&mut pipeline.db)?,
        "the copy differs",
    )?;
    copy.run("DELETE FROM leads; INSERT INTO leads (emails, status, quality_score) SELECT ARRAY[jsonb_build_object('email', value)], 'contactable', 90 FROM opted WHERE value LIKE '%@%'")?;
    until_true("the copy holds opt-outs", Duration::from_secs(1), || {
        copy.one("SELECT count(*) > 0 FROM leads")
    })?;
    let slipped: i64 = copy.one(SLIPPED)?;
    ensure(
        slipped == 0,
        format!("{slipped} opted-out leads are ready in the copy"),
    )
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
