//! What is written past statements, while other sessions write the same leads.

use std::thread;
use std::time::Duration;

use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::session::Session;
use equity_system_tests::{Outcome, ensure};

const SESSIONS: usize = 6;
const POINTS: usize = 30;

const STORE: &str = "SELECT upsert_lead('list', 'v1', p_address_line1 := '12 Oak St', p_postal_code := '85001')::text";

const INSERT: &str = "INSERT INTO leads (source, vendor_record_id, address_line1, property_zip) VALUES ('list', 'v1', '12 Oak St', '85001')";

fn installed() -> Outcome<Pipeline> {
    let mut pipeline = Pipeline::bare(Plan::new(1, 1))?;
    pipeline.install()?;
    Ok(pipeline)
}

/// Runs a query that waits for another session, which then says `end`.
fn after_waiting(
    pipeline: &Pipeline,
    other: &mut Session,
    query: &'static str,
    end: &str,
) -> Outcome<String> {
    let mut session = pipeline.another_session()?;
    let waiting = thread::spawn(move || {
        let found = session.one::<String>(query);
        found.map_err(|error| error.to_string())
    });
    thread::sleep(Duration::from_millis(500));
    ensure(!waiting.is_finished(), "it did not wait")?;
    other.run(end)?;
    Ok(waiting.join().expect("the thread only runs a query")?)
}

#[test]
fn contact_points_that_come_at_once_all_stay() -> Outcome {
    let mut pipeline = installed()?;
    let id: String = pipeline.db.one(STORE)?;
    let mut threads = Vec::new();
    for n in 0..SESSIONS {
        let mut session = pipeline.another_session()?;
        let id = id.clone();
        threads.push(thread::spawn(move || -> Result<(), String> {
            for point in 0..POINTS {
                let number = n * POINTS + point;
                session
                    .run(&format!(
                        "SELECT merge_contact_point('{id}', 'phone', '60223{number:05}', 'list', 50)"
                    ))
                    .map_err(|error| error.to_string())?;
            }
            Ok(())
        }));
    }
    for one in threads {
        one.join().expect("the thread only runs statements")?;
    }
    let stored: i32 = pipeline.db.one("SELECT cardinality(phones) FROM leads")?;
    ensure(
        stored == (SESSIONS * POINTS) as i32,
        format!("{stored} contact points of {}", SESSIONS * POINTS),
    )
}

#[test]
fn a_lead_that_another_session_is_storing_is_waited_for() -> Outcome {
    for (end, count) in [("COMMIT", 1), ("ROLLBACK", 1)] {
        let mut pipeline = installed()?;
        let mut other = pipeline.another_session()?;
        // A statement of the user's takes none of our locks.
        other.run("BEGIN")?;
        other.run(INSERT)?;
        let id = after_waiting(&pipeline, &mut other, STORE, end)?;
        let found: i64 = pipeline.db.one(&format!(
            "SELECT count(*) FILTER (WHERE id = '{id}') FROM leads HAVING count(*) = {count}"
        ))?;
        ensure(found == 1, format!("after {end}: {found} leads"))?;
    }
    Ok(())
}

#[test]
fn a_lead_that_another_session_is_writing_is_seen_again_after_it() -> Outcome {
    for end in ["COMMIT", "ROLLBACK"] {
        let mut pipeline = installed()?;
        let id: String = pipeline.db.one(STORE)?;
        pipeline
            .db
            .run("UPDATE leads SET last_seen_at = now() - interval '1 day'")?;
        let mut other = pipeline.another_session()?;
        other.run("BEGIN")?;
        other.run("UPDATE leads SET first_name = 'Pat'")?;
        let again = after_waiting(&pipeline, &mut other, STORE, end)?;
        let name: String = pipeline.db.one(
            "SELECT COALESCE(first_name, '') FROM leads WHERE last_seen_at > now() - interval '1 hour'",
        )?;
        let expected = if end == "COMMIT" { "Pat" } else { "" };
        ensure(
            (again == id, name.as_str()) == (true, expected),
            format!("after {end}: {again} for {id}, {name:?}"),
        )?;
    }
    Ok(())
}

#[test]
fn a_transaction_that_sees_the_past_is_told_to_try_again() -> Outcome {
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let mut pipeline = installed()?;
        let mut past = pipeline.another_session()?;
        let begin = format!("BEGIN ISOLATION LEVEL {level}; SELECT FROM leads");
        past.run(&begin)?;
        pipeline.db.run(STORE)?;
        let new = past.sqlstate(STORE)?;
        past.run("ROLLBACK")?;
        past.run(&begin)?;
        pipeline.db.run(STORE)?;
        let known = past.sqlstate(STORE)?;
        past.run("ROLLBACK")?;
        let count: i64 = pipeline.db.one("SELECT count(*) FROM leads")?;
        ensure(
            (new.as_str(), known.as_str(), count) == ("40001", "40001", 1),
            format!("{level}: {new} for a new lead, {known} for a known one, {count} leads"),
        )?;
    }
    Ok(())
}
