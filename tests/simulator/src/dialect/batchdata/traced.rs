//! A traced person, as V1 (flat, with scores) and V3 (grouped, with ranks) show it.

use serde_json::{Value, json};

use super::record::address_hash;
use crate::dice::share;
use crate::world::property::{Email, Line, Mailbox, Phone, Property};

/// A phone of V1 and of search.
#[must_use]
pub fn phone_v1(position: usize, phone: &Phone) -> Value {
    let mut shown = common(phone);
    shown["score"] = json!(100 - 15 * position.min(6));
    shown["lastReportedDate"] = json!("2025-11-02");
    shown
}

fn phone_v3(position: usize, phone: &Phone) -> Value {
    let mut shown = common(phone);
    shown["rank"] = json!(position + 1);
    shown["tcpa"] = json!(phone.tcpa);
    shown
}

fn common(phone: &Phone) -> Value {
    json!({
        "number": phone.number, "type": line_name(phone), "carrier": phone.carrier,
        "tested": phone.live && share(&phone.number) < 60, "reachable": phone.live, "dnc": phone.dnc,
    })
}

/// The vendor spells landlines in two ways.
fn line_name(phone: &Phone) -> &'static str {
    match phone.line {
        Line::Mobile => "Mobile",
        Line::Voip => "VoIP",
        Line::Landline if share(&phone.number) < 50 => "Land Line",
        Line::Landline => "Landline",
    }
}

/// Whether a delivery test once succeeded: true for some of the good mailboxes, never for others.
#[must_use]
pub fn tested(email: &Email) -> bool {
    email.mailbox == Mailbox::Valid && share(&email.address) < 70
}

/// What is known of the owner, in the vendor's order: mobiles come first.
fn known(property: &Property) -> (Vec<&Phone>, Vec<&Email>) {
    let tracer = &property.tracer;
    let mut phones: Vec<&Phone> = tracer
        .phones
        .iter()
        .filter_map(|at| property.phones.get(*at))
        .collect();
    phones.retain(|_| !property.owner.litigator);
    phones.sort_by_key(|phone| phone.line != Line::Mobile);
    phones.truncate(5);
    let emails = tracer
        .emails
        .iter()
        .filter_map(|at| property.emails.get(*at))
        .take(3);
    (phones, emails.collect())
}

/// The normalised address of a property.
#[must_use]
pub fn address(property: &Property) -> Value {
    let place = &property.place;
    json!({
        "street": property.line.standard(), "city": place.city, "state": place.state,
        "zip": place.zip, "zipPlus4": property.plus4, "county": place.county,
        "hash": address_hash(property), "addressValidity": "Valid", "dpvMatchCode": "Y",
    })
}

/// The person of V1. Phones of people who sue callers are left out unless asked for.
#[must_use]
pub fn person_v1(property: &Property, with_tcpa_phones: bool) -> Value {
    let owner = &property.owner;
    let (phones, emails) = known(property);
    let shown = phones
        .into_iter()
        .filter(|phone| with_tcpa_phones || !phone.tcpa);
    let phones: Vec<Value> = shown
        .enumerate()
        .map(|(at, phone)| {
            let mut shown = phone_v1(at, phone);
            if with_tcpa_phones {
                shown["tcpa"] = json!(phone.tcpa);
            }
            shown
        })
        .collect();
    let emails: Vec<Value> = emails
        .iter()
        .map(|email| json!({"email": email.address, "tested": tested(email)}))
        .collect();
    json!({
        "name": name(property),
        "propertyAddress": address(property), "mailingAddress": address(property),
        "phoneNumbers": phones, "emails": emails,
        "bankruptcy": {"bankruptcy": false}, "death": {"deceased": owner.deceased},
        "dnc": {"tcpa": property.phones.iter().any(|phone| phone.tcpa)},
        "litigator": owner.litigator,
        "property": {"address": address(property), "owner": {"name": name(property)}},
        "meta": {"matched": true, "error": false},
    })
}

fn name(property: &Property) -> Value {
    let owner = &property.owner;
    match &owner.company {
        Some(company) => json!({"full": company}),
        None => json!({"first": owner.first, "last": owner.last, "full": owner.full_name()}),
    }
}

/// The persons of V3: the owner, now and then also a relative.
#[must_use]
pub fn persons_v3(property: &Property, with_tcpa_phones: bool) -> Vec<Value> {
    let owner = &property.owner;
    let (phones, emails) = known(property);
    let shown = phones
        .into_iter()
        .filter(|phone| with_tcpa_phones || !phone.tcpa);
    let phones: Vec<Value> = shown
        .enumerate()
        .map(|(at, phone)| phone_v3(at, phone))
        .collect();
    let emails: Vec<Value> = emails
        .iter()
        .enumerate()
        .map(|(at, email)| json!({"rank": at + 1, "email": email.address, "tested": tested(email)}))
        .collect();
    let mut persons = vec![json!({
        "propertyOwner": true, "name": name(property), "phones": phones, "emails": emails,
        "addresses": [{"street": property.line.standard(), "city": property.place.city,
            "state": property.place.state, "zip": property.place.zip, "rank": 1,
            "propertyMailingAddress": owner.occupied}],
        "litigator": owner.litigator, "deceased": owner.deceased, "dob": null,
    })];
    if property.tracer.relative {
        persons.push(relative(property));
    }
    persons
}

/// Somebody of the same name who is not the owner, with a number of their own.
fn relative(property: &Property) -> Value {
    let number = format!(
        "{}555{:04}",
        201 + property.index % 9,
        property.index % 10_000
    );
    json!({
        "propertyOwner": false,
        "name": {"first": "Jordan", "last": property.owner.last, "full": format!("Jordan {}", property.owner.last)},
        "phones": [{"rank": 1, "number": number, "type": "Mobile", "carrier": "Example Wireless",
            "tested": false, "reachable": false, "dnc": true, "tcpa": false}],
        "emails": [], "litigator": false, "deceased": false,
    })
}
