//! `upsert_lead`, one call at a time: in one transaction, and each in its own.

use equity_system_tests::Outcome;
use equity_system_tests::session::Session;

use crate::duel::{Work, fight};
use crate::stage;

/// Calls of one turn.
const CALLS: usize = 5_000;
/// Leads that are there before.
const KNOWN: usize = 100_000;
const RECORDS: usize = KNOWN + 40 * CALLS;

const ARGUMENTS: &str = "source, vendor_record_id, vendor_list_id, address_line1, NULL, city, state, postal_code, apn, first_name, last_name, full_name, NULL, property_value, estimated_equity, age";

pub fn run() -> Outcome {
    let mut pipeline = stage::set(RECORDS)?;
    let db = &mut pipeline.db;
    fill(db, KNOWN)?;
    let call = |function: &str, from: usize| {
        format!(
            "SELECT count({function}({ARGUMENTS})) FROM records WHERE n > {from} AND n <= {from} + {CALLS}"
        )
    };
    let own_transaction = |function: &str, from: usize| {
        format!(
            "DO $$ DECLARE r record; BEGIN
                 FOR r IN SELECT * FROM records WHERE n > {from} AND n <= {from} + {CALLS} LOOP
                     PERFORM {function}({}); COMMIT;
                 END LOOP; END $$",
            ARGUMENTS
                .split(", ")
                .map(|argument| match argument {
                    "NULL" => "NULL".to_string(),
                    column => format!("r.{column}"),
                })
                .collect::<Vec<_>>()
                .join(", ")
        )
    };
    let work = |what| Work {
        what,
        rival: "PL/pgSQL",
        count: CALLS,
        goal: Some(1.25),
    };
    let fresh = |turn: usize| KNOWN + turn * CALLS;
    let ours = |turn: usize| (turn * CALLS) % (KNOWN / 2);
    let theirs = |turn: usize| KNOWN / 2 + ours(turn);
    fight(
        db,
        &work("upsert_lead, new"),
        |turn| call("upsert_lead", fresh(turn)),
        |turn| call("rival.upsert_lead", fresh(turn)),
    )?;
    fight(
        db,
        &work("upsert_lead, duplicate"),
        |turn| call("upsert_lead", ours(turn)),
        |turn| call("rival.upsert_lead", theirs(turn)),
    )?;
    fight(
        db,
        &work("upsert_lead, new, each in its own transaction"),
        |turn| own_transaction("upsert_lead", fresh(turn + 20)),
        |turn| own_transaction("rival.upsert_lead", fresh(turn + 20)),
    )?;
    fight(
        db,
        &work("upsert_lead, duplicate, each in its own transaction"),
        |turn| own_transaction("upsert_lead", ours(turn)),
        |turn| own_transaction("rival.upsert_lead", theirs(turn)),
    )
}

/// Stores the first records: one half under our hash, the other under the rival's, so that each side finds its
/// duplicates by the address.
pub fn fill(db: &mut Session, count: usize) -> Outcome {
    db.run(&format!(
        "INSERT INTO leads (source, vendor_record_id, vendor_list_id, address_line1, property_address, property_city, property_state,
             property_zip, addr_hash, apn, first_name, last_name, owner_full_name, property_value, estimated_equity, age)
         SELECT source, vendor_record_id, vendor_list_id, address_line1, address_line1, city, state, postal_code,
                CASE WHEN n <= {count} / 2 THEN addr_hash ELSE rival.compute_addr_hash(address_line1, city, state, postal_code) END,
                apn, first_name, last_name, full_name, property_value, estimated_equity, age
         FROM records WHERE n <= {count}"
    ))?;
    db.run("VACUUM ANALYZE leads")
}
