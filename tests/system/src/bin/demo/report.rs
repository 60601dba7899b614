//! What came of it: the funnel, the money beside the vendors' bill, and leads to look at.

use equity_simulator::bill::dollars;
use equity_system_tests::Outcome;
use equity_system_tests::ledger::{billed, check, spent};
use equity_system_tests::pipeline::{Pipeline, VENDORS};
use equity_system_tests::session::Session;

pub fn print(pipeline: &mut Pipeline) -> Outcome {
    funnel(&mut pipeline.db)?;
    money(pipeline)?;
    leads(&mut pipeline.db)?;
    check(pipeline)?;
    println!("\nEvery purchase is accounted for, and nothing was billed twice.");
    Ok(())
}

fn funnel(db: &mut Session) -> Outcome {
    let steps = [
        ("pulled", "SELECT sum(records_total)::bigint FROM pulls"),
        ("  new leads", "SELECT sum(new_total)::bigint FROM pulls"),
        (
            "  duplicates",
            "SELECT sum(records_total - new_total - rejected_total)::bigint FROM pulls",
        ),
        (
            "  rejected (see dlq)",
            "SELECT sum(rejected_total)::bigint FROM pulls",
        ),
        (
            "enriched by a vendor",
            "SELECT count(DISTINCT lead_id) FROM vendor_calls WHERE stage = 'enrich' AND matched",
        ),
        (
            "with a verified contact",
            "SELECT count(DISTINCT lead_id) FROM vendor_calls WHERE stage = 'verify' AND matched",
        ),
        (
            "contactable (score 60 and more)",
            "SELECT count(*) FROM leads WHERE status = 'contactable'",
        ),
        (
            "enriched (40 to 59)",
            "SELECT count(*) FROM leads WHERE status = 'enriched'",
        ),
        (
            "do not contact",
            "SELECT count(*) FROM leads WHERE status = 'do_not_contact'",
        ),
    ];
    println!("The funnel");
    for (name, sql) in steps {
        let count: Option<i64> = db.one(sql)?;
        println!("  {name:<34}{:>8}", count.unwrap_or(0));
    }
    Ok(())
}

fn money(pipeline: &mut Pipeline) -> Outcome {
    println!(
        "\n  {:<24}{:>10}{:>14}{:>16}",
        "Vendor", "purchases", "ledger, $", "their bill, $"
    );
    let (mut total_spent, mut total_billed) = (0, 0);
    for vendor in VENDORS {
        let purchases: i64 =
            pipeline.db.one_with("SELECT count(*) FROM vendor_calls WHERE vendor = $1 AND state = 'applied' AND reuses_call_id IS NULL", &[&vendor.name()])?;
        let (own, theirs) = (spent(&mut pipeline.db, vendor)?, billed(pipeline, vendor));
        println!(
            "  {:<24}{purchases:>10}{:>14}{:>16}",
            vendor.name(),
            dollars(own),
            dollars(theirs)
        );
        total_spent += own;
        total_billed += theirs;
    }
    println!(
        "  {:<24}{:>10}{:>14}{:>16}",
        "total",
        "",
        dollars(total_spent),
        dollars(total_billed)
    );
    Ok(())
}

fn leads(db: &mut Session) -> Outcome {
    println!("\nSELECT ... FROM vw_campaign_ready_leads LIMIT 10  (all people are invented)");
    let rows = db.rows(
        "SELECT quality_score::integer, concat_ws(' ', first_name, last_name), concat_ws(', ', property_city, property_state),
             COALESCE((SELECT p ->> 'phone' FROM unnest(phones) p WHERE (p ->> 'verified')::boolean LIMIT 1), '-'),
             COALESCE((SELECT e ->> 'email' FROM unnest(emails) e WHERE (e ->> 'verified')::boolean LIMIT 1), '-')
         FROM vw_campaign_ready_leads LIMIT 10",
    )?;
    println!(
        "  {:<6}{:<24}{:<20}{:<15}e-mail",
        "score", "name", "city", "phone"
    );
    for row in rows {
        let text = |at: usize| row.try_get::<_, String>(at);
        let score: i32 = row.try_get(0)?;
        println!(
            "  {score:<6}{:<24}{:<20}{:<15}{}",
            text(1)?,
            text(2)?,
            text(3)?,
            text(4)?
        );
    }
    Ok(())
}
