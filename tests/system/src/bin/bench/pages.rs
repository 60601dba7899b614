//! `upsert_leads` in pages of 500: new records against the raw floor, duplicates against the rival's calls.

use equity_system_tests::Outcome;

use crate::calls::fill;
use crate::duel::{Work, fight};
use crate::stage;

const PAGE: usize = 500;
/// Pages of one turn.
const PAGES: usize = 20;
const TURN: usize = PAGE * PAGES;
const KNOWN: usize = 100_000;
const RECORDS: usize = KNOWN + 60 * TURN;

const CALL: &str = "rival.upsert_lead(source, vendor_record_id, vendor_list_id, address_line1, NULL, city, state, postal_code, apn, first_name, last_name, full_name, NULL, property_value, estimated_equity, age)";

pub fn run() -> Outcome {
    let mut pipeline = stage::set(RECORDS)?;
    let db = &mut pipeline.db;
    fill(db, KNOWN)?;
    // As a client would pass them: out of line, and not compressed.
    db.run("CREATE TABLE pages (page integer PRIMARY KEY, records jsonb)")?;
    db.run("ALTER TABLE pages ALTER records SET STORAGE EXTERNAL")?;
    db.run(&format!(
        "INSERT INTO pages SELECT (n - 1) / {PAGE}, jsonb_agg(record ORDER BY n) FROM records GROUP BY 1"
    ))?;
    db.run("VACUUM ANALYZE pages")?;
    let pages = |from: usize| {
        let first = from / PAGE;
        format!(
            "SELECT count(*) FROM pages, upsert_leads('batchdata', records) WHERE page >= {first} AND page < {first} + {PAGES}"
        )
    };
    let calls = |from: usize| {
        format!("SELECT count({CALL}) FROM records WHERE n > {from} AND n <= {from} + {TURN}")
    };
    let fresh = |turn: usize| KNOWN + turn * TURN;
    let work = |what, rival, goal| Work {
        what,
        rival,
        count: TURN,
        goal,
    };
    fight(
        db,
        &work("upsert_leads, new", "raw floor", Some(0.8)),
        |turn| pages(fresh(turn)),
        |turn| floor("leads", fresh(turn)),
    )?;
    fight(
        db,
        &work("upsert_leads, new", "PL/pgSQL", Some(1.25)),
        |turn| pages(fresh(turn + 20)),
        |turn| calls(fresh(turn + 20)),
    )?;
    let ours = |turn: usize| (turn * TURN) % (KNOWN / 2);
    fight(
        db,
        &work("upsert_leads, duplicates", "PL/pgSQL", Some(3.0)),
        |turn| pages(ours(turn)),
        |turn| calls(KNOWN / 2 + ours(turn)),
    )?;
    fight(
        db,
        &work("upsert_leads, duplicates", "the table's own work", None),
        |turn| pages(ours(turn)),
        |turn| touched(ours(turn)),
    )?;
    // What our own triggers cost the floor.
    db.run("CREATE TABLE bare (LIKE leads INCLUDING ALL)")?;
    db.run("INSERT INTO bare SELECT * FROM leads")?;
    db.run("VACUUM ANALYZE bare")?;
    fight(
        db,
        &work(
            "raw floor with our triggers",
            "raw floor on a copy without",
            Some(0.9),
        ),
        |turn| floor("leads", fresh(turn + 40)),
        |turn| floor("bare", fresh(turn + 40)),
    )
}

/// The least that seeing known records again can cost: their hash is there, and nothing is compared.
fn touched(from: usize) -> String {
    let page = |from: usize| {
        format!(
            "UPDATE leads l SET last_seen_at = now(), updated_at = now()
             FROM (SELECT addr_hash FROM records WHERE n > {from} AND n <= {from} + {PAGE}) r WHERE l.addr_hash = r.addr_hash;"
        )
    };
    (0..PAGES).map(|n| page(from + n * PAGE)).collect()
}

/// The least that storing new records can cost: their hash is there, and nothing is looked up.
fn floor(table: &str, from: usize) -> String {
    let page = |from: usize| {
        format!(
            "INSERT INTO {table} (source, vendor_record_id, vendor_list_id, address_line1, property_address, property_city, property_state,
                 property_zip, addr_hash, apn, first_name, last_name, owner_full_name, property_value, estimated_equity, age)
             SELECT source, vendor_record_id, vendor_list_id, address_line1, address_line1, city, state, postal_code, addr_hash, apn,
                    first_name, last_name, full_name, property_value, estimated_equity, age
             FROM records WHERE n > {from} AND n <= {from} + {PAGE}
             ON CONFLICT DO NOTHING;"
        )
    };
    (0..PAGES).map(|n| page(from + n * PAGE)).collect()
}
