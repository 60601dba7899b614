//! Two rows of `leads` into one, and the way back, field by field.
//!
//! A row is its columns as the JSON text of each value, exactly as the database wrote it: nothing is rounded on the way.
//! The user's `custom` object counts as one field per key. Fields that only mean something together (the address, the
//! owner's name, the parcel and its county, where a campaign stands) move together or not at all, so that no lead ends
//! up with one person's first name and another's last.
//!
//! Contact points are no fields: see `points`. Opt-outs are none either: whatever is undone, an opt-out stays.

use std::collections::{BTreeMap, BTreeSet};

/// Column -> JSON text of its value. `custom.KEY` is one key of `custom`; `at.COLUMN` is a time as a number of seconds,
/// for comparing only.
pub type Row = BTreeMap<String, String>;

const NULL: &str = "null";

const ADDRESS: [&str; 7] = [
    "address_line1",
    "address_line2",
    "property_address",
    "property_city",
    "property_state",
    "property_zip",
    "addr_hash",
];
const PARCEL: [&str; 2] = ["apn", "county_fips"];
const OWNER: [&str; 4] = [
    "first_name",
    "last_name",
    "owner_full_name",
    "owner_company",
];
const VENDOR_RECORD: [&str; 2] = ["source", "vendor_record_id"];
const CAMPAIGN: [&str; 3] = [
    "campaign_status",
    "instantly_campaign_id",
    "added_to_campaign_at",
];
const TOGETHER: [&[&str]; 5] = [&ADDRESS, &PARCEL, &OWNER, &VENDOR_RECORD, &CAMPAIGN];

/// Not a merge's to give back: the identity, the clock, and opt-outs, which last.
const NEVER_RESTORED: [&str; 4] = ["id", "updated_at", "suppressed_at", "suppressed_reason"];

/// What ages: the lead that was seen last knows better.
const AGEING: [&str; 4] = [
    "property_value",
    "estimated_equity",
    "age",
    "owner_occupied",
];
const FILLED: [&str; 4] = ["mak", "vendor_list_id", "assigned_persona", "microsite_url"];

/// Statuses that the pipeline may set; all others belong to the sale.
const PIPELINE: [&str; 5] = [
    "\"new\"",
    "\"enriched\"",
    "\"contactable\"",
    "\"do_not_contact\"",
    "\"needs_contact_info\"",
];

/// The JSON text of a field, if there is a value.
pub fn value<'a>(row: &'a Row, field: &str) -> Option<&'a str> {
    row.get(field)
        .map(String::as_str)
        .filter(|text| *text != NULL)
}

/// A field that is a text.
pub fn text(row: &Row, field: &str) -> Option<String> {
    serde_json::from_str(value(row, field)?).ok()
}

fn has_any(row: &Row, fields: &[&str]) -> bool {
    fields.iter().any(|field| value(row, field).is_some())
}

fn copy(to: &mut Row, from: &Row, fields: &[&str]) {
    for field in fields {
        match from.get(*field) {
            Some(text) => to.insert((*field).to_string(), text.clone()),
            None => to.remove(*field),
        };
    }
}

/// What the survivor knows after `folded` has been folded into it. Contact points are as they were.
pub fn merged(kept: &Row, folded: &Row) -> Row {
    let mut all = kept.clone();
    for field in FILLED {
        if value(kept, field).is_none() {
            copy(&mut all, folded, &[field]);
        }
    }
    let lines = ["address_line1", "property_address"];
    let is_better = value(kept, "addr_hash").is_none() && value(folded, "addr_hash").is_some();
    if is_better || (!has_any(kept, &lines) && has_any(folded, &lines)) {
        copy(&mut all, folded, &ADDRESS);
    }
    let county = value(kept, "county_fips");
    let may_be_there = county.is_none() || county == value(folded, "county_fips");
    if value(kept, "apn").is_none() && value(folded, "apn").is_some() && may_be_there {
        copy(&mut all, folded, &PARCEL);
    }
    if value(kept, "vendor_record_id").is_none() && value(kept, "source") == value(folded, "source")
    {
        copy(&mut all, folded, &VENDOR_RECORD);
    }
    if is_same_owner(kept, folded) {
        for field in OWNER.iter().filter(|field| value(kept, field).is_none()) {
            copy(&mut all, folded, &[field]);
        }
    }
    let folded_is_newer = seconds(folded, "last_seen_at") > seconds(kept, "last_seen_at");
    for field in AGEING {
        if value(folded, field).is_some() && (folded_is_newer || value(kept, field).is_none()) {
            copy(&mut all, folded, &[field]);
        }
    }
    merge_times(&mut all, folded, folded_is_newer);
    merge_standing(&mut all, kept, folded);
    for (key, text) in folded.iter().filter(|(key, _)| key.starts_with("custom.")) {
        all.entry(key.clone()).or_insert_with(|| text.clone());
    }
    all
}

/// The earliest first sight and the latest last one.
fn merge_times(all: &mut Row, folded: &Row, folded_is_newer: bool) {
    for field in ["first_seen_at", "created_at"] {
        let is_earlier = match (seconds(all, field), seconds(folded, field)) {
            (Some(kept), Some(other)) => other < kept,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if is_earlier {
            copy(all, folded, &[field, &format!("at.{field}")]);
        }
    }
    if folded_is_newer {
        copy(all, folded, &["last_seen_at", "at.last_seen_at"]);
    }
}

/// Where it stands: a lead that was handed out stays handed out, and the sale outranks the pipeline.
fn merge_standing(all: &mut Row, kept: &Row, folded: &Row) {
    let is_handed_out = |row| value(row, "added_to_campaign_at").is_some();
    if is_handed_out(folded) && !is_handed_out(kept) {
        copy(all, folded, &CAMPAIGN);
    }
    if !is_past_pipeline(kept) && is_past_pipeline(folded) {
        copy(all, folded, &["status"]);
    }
}

/// Where the campaign stands, from another row.
pub fn copy_campaign(to: &mut Row, from: &Row) {
    copy(to, from, &CAMPAIGN);
}

fn is_past_pipeline(row: &Row) -> bool {
    value(row, "status").is_some_and(|status| !PIPELINE.contains(&status))
}

/// Must the survivor be scored? Leads that nobody has looked at yet wait for their turn, as imported ones do.
pub fn must_be_scored(kept: &Row, folded: &Row) -> bool {
    let is_untouched = |row| {
        value(row, "status")
            .is_none_or(|status| status == "\"new\"" || status == "\"needs_contact_info\"")
    };
    !(is_past_pipeline(kept) || (is_untouched(kept) && is_untouched(folded)))
}

/// Do the names not contradict each other? Then one may fill what the other lacks.
fn is_same_owner(a: &Row, b: &Row) -> bool {
    let names = |row| -> BTreeSet<String> {
        OWNER
            .iter()
            .filter_map(|field| text(row, field))
            .flat_map(|name| {
                name.split(|c: char| !c.is_alphanumeric())
                    .map(str::to_uppercase)
                    .collect::<Vec<_>>()
            })
            .filter(|word| !word.is_empty())
            .collect()
    };
    let (a, b) = (names(a), names(b));
    a.is_subset(&b) || b.is_subset(&a)
}

fn seconds(row: &Row, field: &str) -> Option<f64> {
    row.get(&format!("at.{field}"))?.parse().ok()
}

/// Takes the step `from` -> `to` on `now`: what has not changed since `from` becomes as in `to`, what has changed stays.
/// With `from` = after and `to` = before, this undoes a merge.
pub fn replay(from: &Row, now: &Row, to: &Row) -> Row {
    let mut result = Row::new();
    let fields: BTreeSet<&String> = now.keys().chain(to.keys()).collect();
    for field in fields {
        if field.starts_with("at.") {
            continue;
        }
        let own = [field.as_str()];
        let unit: &[&str] = TOGETHER
            .iter()
            .find(|unit| unit.contains(&field.as_str()))
            .copied()
            .unwrap_or(&own);
        let is_changed = unit.iter().any(|field| now.get(*field) != from.get(*field));
        let source = if is_changed || NEVER_RESTORED.contains(&field.as_str()) {
            now
        } else {
            to
        };
        copy(&mut result, source, &own);
    }
    for field in ["first_seen_at", "last_seen_at", "created_at"] {
        let at = format!("at.{field}");
        let source = if now.get(field) == from.get(field) {
            to
        } else {
            now
        };
        copy(&mut result, source, &[&at]);
    }
    result
}

/// Has anything changed between two states, apart from the clock and opt-outs?
pub fn differs(a: &Row, b: &Row) -> bool {
    let fields: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    fields.into_iter().any(|field| {
        !field.starts_with("at.")
            && !NEVER_RESTORED.contains(&field.as_str())
            && field != "last_seen_at"
            && a.get(field) != b.get(field)
    })
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
