//! Contact points, scores and statuses, each against PL/pgSQL over jsonb arrays.

use equity_system_tests::Outcome;

use crate::calls::fill;
use crate::duel::{Work, fight};
use crate::stage;

const LEADS: usize = 64_000;
const TURN: usize = 4_000;

pub fn run() -> Outcome {
    let mut pipeline = stage::set(LEADS)?;
    let db = &mut pipeline.db;
    fill(db, LEADS)?;
    db.run("CREATE TABLE numbered AS SELECT id, row_number() OVER (ORDER BY id)::integer AS n FROM leads")?;
    db.run("ALTER TABLE numbered ADD PRIMARY KEY (n)")?;
    db.run("VACUUM ANALYZE numbered")?;
    let part = |turn: usize| {
        let from = (turn * TURN) % LEADS;
        format!("FROM numbered WHERE n > {from} AND n <= {from} + {TURN}")
    };
    let merge = |schema: &str, round: usize, turn: usize| {
        format!(
            "SELECT count({schema}.merge_contact_point(id, 'phone', '+1602' || 2000000 + n * 10 + {round}, 'melissa', 85, true, 'mobile')),
                    count({schema}.merge_contact_point(id, 'email', 'owner' || n * 10 + {round} || '@example.com', 'melissa', 75, true)) {}",
            part(turn)
        )
    };
    let work = |what, count, goal: f64| Work {
        what,
        rival: "PL/pgSQL",
        count,
        goal: Some(goal),
    };
    fight(
        db,
        &work("merge_contact_point, new", 2 * TURN, 1.5),
        |turn| merge("public", turn / 16, turn),
        |turn| merge("rival", turn / 16, turn),
    )?;
    db.run("VACUUM ANALYZE leads")?;
    fight(
        db,
        &work("merge_contact_point, known", 2 * TURN, 1.5),
        |turn| merge("public", 0, turn),
        |turn| merge("rival", 0, turn),
    )?;
    db.run("VACUUM ANALYZE leads")?;
    let score = |schema: &str, turn: usize| {
        format!(
            "SELECT count({schema}.compute_quality_score(id)) {}",
            part(turn)
        )
    };
    fight(
        db,
        &work("compute_quality_score", TURN, 4.0),
        |turn| score("public", turn),
        |turn| score("rival", turn),
    )?;
    let ids = |turn: usize| format!("(SELECT array_agg(id) {})", part(turn));
    let statuses = |what| work(what, TURN, 5.0);
    for what in [
        "update_lead_statuses, all change",
        "update_lead_statuses, none changes",
    ] {
        fight(
            db,
            &statuses(what),
            |turn| format!("SELECT count(*) FROM update_lead_statuses({})", ids(turn)),
            |turn| format!("SELECT rival.update_lead_statuses({})", ids(turn)),
        )?;
    }
    // As a nightly pass over all leads finds them; the turns of both sides are all of the leads once.
    db.run("UPDATE leads l SET quality_score = 0, status = 'new' FROM numbered k WHERE l.id = k.id AND k.n % 20 = 0")?;
    db.run("VACUUM ANALYZE leads")?;
    fight(
        db,
        &statuses("update_lead_statuses, one in twenty changes"),
        |turn| format!("SELECT count(*) FROM update_lead_statuses({})", ids(turn)),
        |turn| format!("SELECT rival.update_lead_statuses({})", ids(turn)),
    )?;
    db.run("UPDATE leads SET quality_score = 0, status = 'new'")?;
    db.run("VACUUM FULL ANALYZE leads")?;
    fight(
        db,
        &against_the_table("update_lead_statuses, all change", TURN),
        |turn| format!("SELECT count(*) FROM update_lead_statuses({})", ids(turn)),
        |turn| {
            format!(
                "UPDATE leads l SET quality_score = 70, status = 'contactable', updated_at = now() FROM (SELECT id {}) k WHERE l.id = k.id",
                part(turn)
            )
        },
    )?;
    // Written by nobody's function: what the table and its indexes take for themselves.
    fight(
        db,
        &against_the_table("merge_contact_point, new", 2 * TURN),
        |turn| merge("public", 3 + turn / 16, turn),
        |turn| appended(turn / 16, &part(turn)),
    )
}

/// A figure without a goal: how near ours comes to what PostgreSQL takes to write the values themselves.
fn against_the_table(what: &str, count: usize) -> Work<'_> {
    Work {
        what,
        rival: "the table's own work",
        count,
        goal: None,
    }
}

/// One phone and one e-mail appended to each lead.
fn appended(round: usize, part: &str) -> String {
    format!(
        "DO $$ DECLARE lead record; BEGIN
             FOR lead IN SELECT id, n {part} LOOP
                 UPDATE leads SET phones = phones || jsonb_build_object('phone', '+1702' || 2000000 + lead.n * 10 + {round}, 'score', 85, 'verified', true)
                 WHERE id = lead.id;
                 UPDATE leads SET emails = emails || jsonb_build_object('email', 'other' || lead.n * 10 + {round} || '@example.com', 'score', 75)
                 WHERE id = lead.id;
             END LOOP; END $$"
    )
}
