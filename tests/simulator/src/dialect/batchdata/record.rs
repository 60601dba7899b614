//! The property object of a search answer: only the requested data sets, any member may lack.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::traced::{phone_v1, tested};
use crate::dice::{fingerprint, share};
use crate::world::listing::{Copy, Gap, Listing};
use crate::world::property::Property;

/// Data sets that the token is granted; a request that names none gets, and pays for, all.
pub const DATASETS: [&str; 14] = [
    "basic",
    "core",
    "owner",
    "contact",
    "valuation",
    "mortgage-liens",
    "deed",
    "foreclosure",
    "listing",
    "demographics",
    "permit",
    "quicklist",
    "batchrank",
    "image",
];

/// The record of a listing with these data sets; null for a hole in the list.
#[must_use]
pub fn render(listing: &Listing, property: &Property, datasets: &BTreeSet<&str>) -> Value {
    if listing.copy == Copy::Null {
        return Value::Null;
    }
    let has = |name: &str| datasets.contains(name);
    let mut record = Map::new();
    record.insert("_id".into(), json!(listing.record_id));
    record.insert(
        "meta".into(),
        json!({"propertyDateModified": modified(property.index)}),
    );
    if has("basic") || has("core") {
        basic(&mut record, listing, property);
    }
    if has("owner") || has("core") {
        record.insert("owner".into(), owner(listing, property));
    }
    if has("contact") {
        contact(&mut record, property);
    }
    if has("valuation") || has("core") {
        put(&mut record, "valuation", listing.gaps.valuation, || {
            valuation(property)
        });
    }
    if has("demographics") {
        put(
            &mut record,
            "demographics",
            listing.gaps.demographics,
            || json!({"age": property.owner.age, "gender": "U", "householdSize": 2}),
        );
    }
    if has("quicklist") {
        record.insert("quickLists".into(), quick_lists(property));
    }
    if has("mortgage-liens") {
        record.insert(
            "openLien".into(),
            json!({
                "totalOpenLienCount": u8::from(property.equity < property.value),
                "totalOpenLienBalance": property.value - property.equity,
            }),
        );
    }
    Value::Object(record)
}

/// A date that is later for a newer property.
fn modified(index: usize) -> String {
    let day = index / 40;
    format!(
        "{}-{:02}-{:02}",
        2020 + day / 336,
        day / 28 % 12 + 1,
        day % 28 + 1
    )
}

/// Inserts a member, or leaves it out in the listing's way.
fn put(record: &mut Map<String, Value>, name: &str, gap: Gap, make: impl Fn() -> Value) {
    let value = match gap {
        Gap::None => make(),
        Gap::Null => Value::Null,
        Gap::Absent => return,
    };
    record.insert(name.into(), value);
}

fn basic(record: &mut Map<String, Value>, listing: &Listing, property: &Property) {
    let place = &property.place;
    let mut ids = json!({"fipsCode": place.county_fips, "addressHash": address_hash(property)});
    if !listing.gaps.parcel {
        ids["apn"] = json!(property.apn);
    }
    record.insert("ids".into(), ids);
    if listing.copy != Copy::NoAddress {
        record.insert("address".into(), address(listing, property));
    }
    let kind = property.kind;
    record.insert(
        "general".into(),
        json!({
            "propertyTypeCategory": "Residential", "propertyTypeDetail": kind,
            "timeZone": place.time_zone, "vacant": false,
        }),
    );
    let half_baths = share(&listing.record_id).is_multiple_of(3);
    let baths = if half_baths { json!(2.5) } else { json!(2) };
    record.insert(
        "building".into(),
        json!({
            "bedroomCount": property.bedrooms(), "bathroomCount": baths,
            "yearBuilt": 1920 + property.index % 100,
            "livingAreaSquareFeet": 700 + property.index % 2_600,
        }),
    );
}

fn address(listing: &Listing, property: &Property) -> Value {
    let (place, spelled) = (&property.place, &listing.address);
    let mut address = json!({
        "houseNumber": property.line.house.to_string(),
        "street": spelled.street,
        "formattedStreet": spelled.street,
        "streetNoUnit": spelled.street_no_unit,
        "city": spelled.city, "county": place.county, "countyFipsCode": place.county_fips,
        "state": place.state, "zip": spelled.zip, "zipPlus4": property.plus4,
        "addressValidity": "Valid", "dpvMatchCode": "Y", "normalized": listing.copy == Copy::First,
        "hash": address_hash(property),
    });
    for (name, value) in [
        ("unitType", &spelled.unit_type),
        ("unitNumber", &spelled.unit_number),
    ] {
        if let Some(value) = value {
            address[name] = json!(value);
        }
    }
    address
}

/// 32 hex digits, as an address hash has.
#[must_use]
pub fn address_hash(property: &Property) -> String {
    fingerprint(&property.door_key(), 16)
}

fn owner(listing: &Listing, property: &Property) -> Value {
    let owner = &property.owner;
    let mut shown = json!({
        "fullName": owner.full_name(),
        "ownerOccupied": owner.occupied,
        "ownerStatusType": owner.status,
        "lengthOfResidenceYears": property.years_owned(),
        "litigator": owner.litigator,
        "death": {"deceased": owner.deceased},
        "dnc": {"tcpa": property.phones.iter().any(|phone| phone.tcpa)},
    });
    if !listing.gaps.owner_names {
        shown["names"] = match &owner.company {
            Some(company) => json!([{"first": "", "last": company, "full": company}]),
            None => json!([{"first": owner.first, "last": owner.last, "full": owner.full_name()}]),
        };
    }
    if owner.occupied {
        shown["mailingAddress"] = json!({
            "street": property.line.standard(), "city": property.place.city,
            "state": property.place.state, "zip": property.place.zip, "addressValidity": "Valid",
        });
    }
    shown
}

fn contact(record: &mut Map<String, Value>, property: &Property) {
    let owner = record.entry("owner").or_insert_with(|| json!({}));
    let known = &property.tracer;
    let phones = known
        .phones
        .iter()
        .filter_map(|at| property.phones.get(*at));
    let shown = phones.filter(|phone| known.matches && !property.owner.litigator && !phone.tcpa);
    let numbers: Vec<Value> = shown
        .enumerate()
        .map(|(at, phone)| phone_v1(at, phone))
        .collect();
    let emails = known
        .emails
        .iter()
        .filter_map(|at| property.emails.get(*at));
    let emails: Vec<_> = emails.filter(|_| known.matches).take(3).collect();
    owner["phoneNumbers"] = json!(numbers);
    owner["emails"] = emails.iter().map(|email| json!(email.address)).collect();
    owner["enrichedEmails"] = emails
        .iter()
        .map(|email| json!({"email": email.address, "tested": tested(email)}))
        .collect();
}

fn valuation(property: &Property) -> Value {
    json!({
        "estimatedValue": property.value,
        "priceRangeMin": property.value * 9 / 10, "priceRangeMax": property.value * 11 / 10,
        "confidenceScore": 80 + property.index % 20,
        "equityCurrentEstimatedBalance": property.equity,
        "equityPercent": property.equity_percent(),
        "ltv": ((100.0 - property.equity_percent()) * 10.0).round() / 10.0,
        "asOfDate": "2026-01-02",
    })
}

fn quick_lists(property: &Property) -> Value {
    json!({
        "ownerOccupied": property.owner.occupied,
        "absenteeOwner": !property.owner.occupied,
        "corporateOwned": property.owner.status == "LLC",
        "trustOwned": property.owner.status == "Trust",
        "seniorOwner": property.owner.age.is_some_and(|age| age >= 62),
        "highEquity": property.equity_percent() >= 50.0,
    })
}
