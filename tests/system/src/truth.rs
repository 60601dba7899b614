//! The leads beside the simulator's world: every door that can be stored is one lead.

use std::collections::BTreeMap;

use equity_simulator::world::doorway::{self, Written};
use equity_simulator::world::listing::Copy;
use equity_simulator::world::truth::{PropertyTruth, Truth};

use crate::Outcome;
use crate::pipeline::Pipeline;
use crate::session::Session;

/// What is true about the vendors' world.
#[must_use]
pub fn of(pipeline: &Pipeline) -> Truth {
    pipeline
        .simulator()
        .with_office(|office| office.world.truth())
}

/// Records of the vendor's list that cannot be stored: holes, and records without an address.
#[must_use]
pub fn bad_records(pipeline: &Pipeline) -> (usize, usize) {
    pipeline.simulator().with_office(|office| {
        let count = |wanted| {
            office
                .world
                .listings()
                .iter()
                .filter(|listing| listing.copy == wanted)
                .count()
        };
        (count(Copy::Null), count(Copy::NoAddress))
    })
}

/// The doors of the leads with an address, as the simulator recognises them, with how many leads each has.
pub fn doors_of_leads(db: &mut Session) -> Outcome<BTreeMap<String, usize>> {
    let mut doors = BTreeMap::new();
    for row in db.rows(
        "SELECT COALESCE(address_line1, ''), COALESCE(address_line2, ''), COALESCE(property_city, ''), COALESCE(property_state, ''), COALESCE(property_zip, '')
         FROM leads WHERE address_line1 IS NOT NULL",
    )? {
        let text = |at: usize| row.try_get::<_, String>(at);
        let (street, unit, city, state, zip) = (text(0)?, text(1)?, text(2)?, text(3)?, text(4)?);
        let written = Written { street: &street, unit: &unit, city: &city, state: &state, zip: &zip };
        let door = doorway::key(&written).unwrap_or_else(|| format!("no door: {street} {unit}, {city} {state} {zip}"));
        *doors.entry(door).or_insert(0) += 1;
    }
    Ok(doors)
}

/// No lead lost, no lead doubled: each door of the world has exactly one lead, and no lead has another door.
pub fn check_doors(pipeline: &mut Pipeline) -> Outcome {
    let truth = of(pipeline);
    let mut leads = doors_of_leads(&mut pipeline.db)?;
    let mut wrong = Vec::new();
    for property in &truth.properties {
        match leads.remove(&property.door) {
            Some(1) => {}
            count => wrong.push(format!("{}: {} leads", property.door, count.unwrap_or(0))),
        }
    }
    wrong.extend(
        leads
            .into_iter()
            .map(|(door, count)| format!("{door}: {count} leads, and no such door")),
    );
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "{} doors are wrong, such as {:?}",
            wrong.len(),
            &wrong[..wrong.len().min(5)]
        )
        .into())
    }
}

/// Every record id of the vendor stands in the log of pages.
pub fn check_pages(pipeline: &mut Pipeline) -> Outcome {
    let missing: Vec<String> = {
        let seen: Vec<String> = pipeline
            .db
            .column("SELECT DISTINCT unnest(seen_vendor_ids) FROM lead_source_events")?;
        let wanted = of(pipeline)
            .properties
            .into_iter()
            .flat_map(|property| property.record_ids);
        wanted.filter(|id| !seen.contains(id)).collect()
    };
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "{} records never came: {:?}",
            missing.len(),
            missing.first()
        )
        .into())
    }
}

/// Scores and statuses of all leads are what the score function says.
pub fn check_scores(db: &mut Session) -> Outcome {
    let wrong: Vec<String> = db.column(
        "SELECT concat_ws(' ', id, status, quality_score, computed, suppressed_reason)
         FROM (SELECT *, compute_quality_score(id) AS computed FROM leads) l
         WHERE quality_score <> computed
            OR status::text <> CASE
                WHEN suppressed_at IS NOT NULL THEN 'do_not_contact'
                WHEN computed >= 60 THEN 'contactable'
                WHEN computed >= 40 THEN 'enriched'
                ELSE 'do_not_contact'
            END
         ORDER BY id LIMIT 5",
    )?;
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("scores or statuses are wrong: {wrong:#?}").into())
    }
}

/// The score that a door deserves when nothing is left out; None for people who must not be contacted.
#[must_use]
pub fn deserved(property: &PropertyTruth) -> Option<u8> {
    (!property.deceased && !property.litigator).then(|| property.final_score())
}

/// Every door that can be reached was reached, and no other.
pub fn check_reached(pipeline: &mut Pipeline) -> Outcome {
    let reached: Vec<String> = pipeline
        .db
        .column("SELECT vendor_record_id FROM leads WHERE status = 'contactable'")?;
    let mut wrong = Vec::new();
    for property in of(pipeline).properties {
        let is_reached = property.record_ids.iter().any(|id| reached.contains(id));
        let deserves = deserved(&property).is_some_and(|score| score >= 60);
        if is_reached != deserves {
            wrong.push(format!(
                "{} (deserves {:?}, contactable: {is_reached})",
                property.door,
                deserved(&property)
            ));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "{} doors, such as {:#?}",
            wrong.len(),
            &wrong[..wrong.len().min(5)]
        )
        .into())
    }
}
