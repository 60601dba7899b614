//! Pages that meet: the same records from several sessions at once, in different orders.

use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, ensure, seed};

const RECORDS: u64 = 300;
const SESSIONS: usize = 6;
const PAGES: usize = 12;

#[test]
fn pages_that_meet_make_one_lead_of_each_record_and_no_error() -> Outcome {
    let (seed, mut rng) = seed::choose("pages_that_meet", 61);
    let mut pipeline = Pipeline::bare(Plan::new(seed, 1).setting("deadlock_timeout", "100ms"))?;
    pipeline.install()?;
    let mut at_work = Vec::new();
    for _ in 0..SESSIONS {
        let mut session = pipeline.another_session()?;
        let mut pages = Vec::new();
        for _ in 0..PAGES {
            let mut numbers: Vec<u64> = (0..RECORDS).collect();
            rng.shuffle(&mut numbers);
            numbers.truncate(150);
            let records: Vec<String> = numbers
                .iter()
                .map(|n| {
                    let street = ["Oak Street", "OAK ST", "oak st."][rng.usize(0..3)];
                    // Half of them also go by the vendor's id, some by nothing else.
                    let id = format!(r#""vendor_record_id": "r{n}""#);
                    let address = format!(
                        r#""address_line1": "{} {street}", "postal_code": "85201""#,
                        n + 1
                    );
                    match rng.u8(0..4) {
                        0 | 1 => format!("{{{address}}}"),
                        _ => format!("{{{address}, {id}}}"),
                    }
                })
                .collect();
            pages.push(records.join(","));
        }
        at_work.push(std::thread::spawn(move || -> Outcome<i64> {
            let mut rejected = 0;
            for page in pages {
                rejected += session.one::<i64>(&format!(
                    "SELECT count(*) FROM upsert_leads('list', '[{page}]') WHERE outcome NOT IN ('inserted', 'updated')"
                ))?;
            }
            Ok(rejected)
        }));
    }
    for session in at_work {
        let rejected = session.join().map_err(|_| "a session panicked")??;
        ensure(
            rejected == 0,
            format!("{rejected} records were not simply stored"),
        )?;
    }
    let (leads, touched): (i64, i64) = (
        pipeline.db.one("SELECT count(*) FROM leads")?,
        pipeline
            .db
            .one("SELECT count(DISTINCT addr_hash) FROM leads")?,
    );
    ensure(
        leads == RECORDS as i64 && touched == leads,
        format!("{leads} leads of {RECORDS} records, at {touched} addresses"),
    )?;
    let log = pipeline.cluster.log()?;
    ensure(
        !log.contains("deadlock detected"),
        "pages waited for each other",
    )
}
