//! The ledger beside the simulator's bill, to the micro-dollar.

use equity_simulator::vendor::Vendor;
use equity_simulator::world::doorway::{self, Written};
use postgres::Row;
use serde_json::{Value, json};

use crate::Outcome;
use crate::pipeline::{Pipeline, VENDORS};
use crate::session::Session;

/// Every purchase is closed, the sums agree with one another and with the bill, and nothing was billed twice.
pub fn check(pipeline: &mut Pipeline) -> Outcome {
    check_open_ends(&mut pipeline.db)?;
    check_budgets(&mut pipeline.db)?;
    check_bill(pipeline)?;
    check_billed_once(pipeline)
}

/// No purchase is left between reservation and application.
pub fn check_open_ends(db: &mut Session) -> Outcome {
    let open: Vec<String> = db.column(
        "SELECT concat_ws(' ', id, vendor, state, error, apply_error) FROM vendor_calls
         WHERE state NOT IN ('applied', 'released', 'resolved') ORDER BY id LIMIT 5",
    )?;
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!("purchases are left open: {open:?}").into())
    }
}

/// What the budgets say is what the purchases add up to, scope by scope and day by day.
pub fn check_budgets(db: &mut Session) -> Outcome {
    let differing: Vec<String> = db.column(
        "WITH scopes AS (
             SELECT c.*, 'total' AS scope, 1 AS n FROM vendor_calls c
             UNION ALL SELECT c.*, 'vendor:' || vendor, 1 FROM vendor_calls c
             UNION ALL SELECT c.*, 'pull:' || pull_id, NULL FROM vendor_calls c WHERE pull_id IS NOT NULL
             UNION ALL SELECT c.*, 'campaign_spend:' || campaign, 1 FROM vendor_calls c WHERE campaign IS NOT NULL
             UNION ALL SELECT c.*, 'rebuy:' || vendor, 1 FROM vendor_calls c WHERE rebuys_call_id IS NOT NULL
         ), sums AS (
             SELECT day, scope,
                 COALESCE(sum(COALESCE(n, reserved_units)) FILTER (WHERE state IN ('reserved', 'sending', 'in_doubt')), 0) AS reserved_calls,
                 COALESCE(sum(reserved_amount) FILTER (WHERE state IN ('reserved', 'sending', 'in_doubt')), 0) AS reserved_amount,
                 COALESCE(sum(COALESCE(n, units)) FILTER (WHERE state IN ('answered', 'applied')), 0)
                     + COALESCE(sum(COALESCE(n, reserved_units)) FILTER (WHERE resolution = 'charged'), 0) AS settled_calls,
                 COALESCE(sum(settled_amount) FILTER (WHERE state IN ('answered', 'applied', 'resolved')), 0) AS settled_amount
             FROM scopes WHERE reuses_call_id IS NULL
             GROUP BY day, scope
         )
         SELECT concat_ws(' ', COALESCE(s.scope, b.scope), 'purchases:', s.reserved_calls, s.reserved_amount, s.settled_calls, s.settled_amount,
                          'budget:', b.reserved_calls, b.reserved_amount, b.settled_calls, b.settled_amount)
         FROM sums s FULL JOIN (SELECT * FROM spend_budgets WHERE scope NOT LIKE 'campaign:%') b ON b.day = s.day AND b.scope = s.scope
         WHERE (COALESCE(s.reserved_calls, 0), COALESCE(s.reserved_amount, 0), COALESCE(s.settled_calls, 0), COALESCE(s.settled_amount, 0))
             IS DISTINCT FROM (COALESCE(b.reserved_calls, 0), COALESCE(b.reserved_amount, 0), COALESCE(b.settled_calls, 0), COALESCE(b.settled_amount, 0))
         ORDER BY 1",
    )?;
    if differing.is_empty() {
        Ok(())
    } else {
        Err(format!("budgets and purchases differ: {differing:#?}").into())
    }
}

/// What each vendor cost, in millionths of a dollar, by the ledger.
pub fn spent(db: &mut Session, vendor: Vendor) -> Outcome<u64> {
    let micros: i64 = db.one_with(
        "SELECT (COALESCE(sum(settled_amount), 0) * 1000000)::bigint FROM vendor_calls WHERE vendor = $1",
        &[&vendor.name()],
    )?;
    Ok(micros.unsigned_abs())
}

/// What each vendor has billed, in millionths of a dollar.
#[must_use]
pub fn billed(pipeline: &Pipeline, vendor: Vendor) -> u64 {
    pipeline
        .simulator()
        .with_office(|office| office.bill.total(vendor).micros)
}

/// Ledger and bill agree, vendor by vendor.
pub fn check_bill(pipeline: &mut Pipeline) -> Outcome {
    for vendor in VENDORS {
        let (spent, billed) = (spent(&mut pipeline.db, vendor)?, billed(pipeline, vendor));
        if spent != billed {
            return Err(format!(
                "{}: the ledger says {spent} micro-dollars, the bill {billed}",
                vendor.name()
            )
            .into());
        }
    }
    Ok(())
}

/// The vendors billed nothing twice.
pub fn check_billed_once(pipeline: &Pipeline) -> Outcome {
    let (twice, sessions) = pipeline.simulator().with_office(|office| {
        (
            office.bill.duplicates(),
            office.bill.records_in_several_sessions(),
        )
    });
    if twice.is_empty() && sessions.is_empty() {
        return Ok(());
    }
    Err(format!("billed twice: {twice:?}; records in several search sessions: {sessions:?}").into())
}

/// What a vendor has billed, as the usage report that `import_vendor_bill` reads; of the vendors that are asked about
/// one door, one e-mail or one phone at a time.
#[must_use]
pub fn report(pipeline: &Pipeline, vendor: Vendor) -> Value {
    pipeline.simulator().with_office(|office| {
        let mut doors = std::collections::BTreeMap::new();
        for listing in office.world.listings() {
            let property = &office.world.properties()[listing.property];
            let written = Written {
                street: &listing.address.street,
                unit: "",
                city: &listing.address.city,
                state: &property.place.state,
                zip: &listing.address.zip,
            };
            if let Some(key) = doorway::key(&written) {
                doors.entry(key).or_insert_with(|| {
                    json!({"address_line1": written.street, "city": written.city, "state": written.state, "postal_code": written.zip})
                });
            }
        }
        let items = office.bill.items(vendor);
        let lines = items.iter().flat_map(|(item, total)| {
            let mut line = match doors.get(item) {
                Some(door) => door.clone(),
                None if item.contains('@') => json!({"email": item}),
                None => json!({"phone": item}),
            };
            line["amount"] = json!(equity_simulator::bill::dollars(total.micros / total.times.max(1)));
            (0..total.times).map(move |_| line.clone())
        });
        lines.collect()
    })
}

/// Says of every purchase in doubt what the vendor's bill shows; how many there were.
pub fn resolve_doubts(pipeline: &mut Pipeline) -> Outcome<usize> {
    let held = pipeline.db.rows("SELECT id, vendor, subject FROM vendor_calls WHERE state = 'in_doubt' AND poll_at IS NULL ORDER BY id")?;
    if held.is_empty() {
        return Ok(0);
    }
    pipeline.wait_for_silence()?;
    for row in &held {
        let call: i64 = row.try_get(0)?;
        let verdict = if was_charged(pipeline, row)? {
            "charged"
        } else {
            "not_charged"
        };
        // A free question may have found it out meanwhile.
        let is_held: bool = pipeline.db.one_with(
            "SELECT state = 'in_doubt' FROM vendor_calls WHERE id = $1",
            &[&call],
        )?;
        if is_held {
            pipeline.db.one_with::<String>(
                "SELECT resolve_call($1, $2, 'read off the bill')",
                &[&call, &verdict],
            )?;
        }
    }
    Ok(held.len())
}

fn was_charged(pipeline: &mut Pipeline, row: &Row) -> Outcome<bool> {
    let vendor = Vendor::named(row.try_get(1)?).ok_or("an unknown vendor")?;
    let subject: Value = row.try_get(2)?;
    let item =
        billed_item(&subject).ok_or_else(|| format!("the bill has no item for {subject}"))?;
    let times = pipeline.simulator().with_office(|office| {
        office
            .bill
            .items(vendor)
            .get(&item)
            .map_or(0, |total| total.times)
    });
    let known: i64 = pipeline.db.one_with(
        "SELECT count(*) FROM vendor_calls
         WHERE vendor = $1 AND subject = $2 AND settled_amount > 0 AND state IN ('answered', 'applied', 'resolved')",
        &[&vendor.name(), &subject],
    )?;
    Ok(times > known.unsigned_abs())
}

/// The name under which a purchase stands in the bill.
fn billed_item(subject: &Value) -> Option<String> {
    if let Some(email) = subject["email"].as_str() {
        return Some(email.to_lowercase());
    }
    if let Some(phone) = subject["phone"].as_str() {
        return Some(phone.to_owned());
    }
    let property = &subject["property"];
    let text = |name: &str| property[name].as_str().unwrap_or_default();
    doorway::key(&Written {
        street: text("address_line1"),
        unit: text("address_line2"),
        city: text("city"),
        state: text("state"),
        zip: text("zip"),
    })
}
