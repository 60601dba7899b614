//! BatchData skip trace: phones and e-mails of a property's owner, billed per match.
//!
//! Documented: V3 groups by request (`result.data[]`), flags TCPA phones and ranks contacts; V1 is a
//! flat list (`results.persons[]`) that hides TCPA phones unless asked. Both echo `requestId`; V1's
//! place for it is not public. Seen: null elements for no match, an empty list for a batch without
//! one. Tracing an address again bills again.
//! Never links by position. An element that belongs to nobody stays unlinked, and so does an item
//! that may have had it: one family's phones must not land with another.
//!
//! Options: `version`: `v3` (default) or `v1`.

mod linked;

use serde::Serialize;
use serde_json::{Value, json};

use super::exchange::{self, Account, BuildError, HttpRequest};
use super::found::{Enrichment, FoundEmail, FoundPhone, Unreadable};
use super::{Item, PropertySubject, Reply, Subject, batchdata_contacts, judge, lenient};

use linked::Linked;

#[derive(Serialize)]
struct TraceRequest<'a> {
    requests: Vec<TraceItem<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TraceItem<'a> {
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    property_address: Option<TraceAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    apn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    county_fips_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<TraceName>,
}

#[derive(Serialize)]
struct TraceAddress {
    street: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zip: Option<String>,
}

#[derive(Serialize)]
struct TraceName {
    first: String,
    last: String,
}

pub(super) fn request(account: &Account<'_>, items: &[Item]) -> Result<HttpRequest, BuildError> {
    let (path, options) = match account.text_option("version")? {
        None | Some("v3") => ("/api/v3/property/skip-trace", None),
        Some("v1") => (
            "/api/v1/property/skip-trace",
            // V1 hides these phones; a hidden phone can't be kept from being called.
            Some(json!({"includeTCPABlacklistedPhones": true})),
        ),
        Some(_) => return Err(BuildError::account("option version must be v3 or v1")),
    };
    let requests = items.iter().map(trace_item).collect::<Result<_, _>>()?;
    let body = TraceRequest { requests, options };
    exchange::post(account.endpoint(path)?, account.bearer()?, &body)
}

fn trace_item(item: &Item) -> Result<TraceItem<'_>, BuildError> {
    let Subject::Property(property) = &item.subject else {
        return Err(BuildError::item(&item.id, "a skip trace takes a property"));
    };
    let property = property.cleaned();
    let mut traced = TraceItem {
        request_id: &item.id,
        property_address: None,
        apn: None,
        county_fips_code: None,
        name: match (property.first_name.clone(), property.last_name.clone()) {
            (Some(first), Some(last)) => Some(TraceName { first, last }),
            _ => None,
        },
    };
    if let Some(street) = street(&property) {
        traced.property_address = Some(TraceAddress {
            street,
            city: property.city,
            state: property.state,
            zip: property.zip,
        });
    } else if property.apn.is_some() && property.county_fips.is_some() {
        traced.apn = property.apn;
        traced.county_fips_code = property.county_fips;
    } else {
        return Err(BuildError::item(
            &item.id,
            "a skip trace needs street and ZIP, or street, city and state, or parcel number and county",
        ));
    }
    Ok(traced)
}

/// The vendor's `street` holds the unit too.
fn street(property: &PropertySubject) -> Option<String> {
    let line1 = property.address_line1.as_deref()?;
    property
        .has_address()
        .then(|| match &property.address_line2 {
            Some(line2) => format!("{line1} {line2}"),
            None => line1.to_owned(),
        })
}

pub(super) fn receive(items: &[Item], body: Value) -> Reply {
    if let Some(reply) = judge::inner_refusal(items, &body, "status.code") {
        return reply;
    }
    let doubtful = |what: &str| {
        let message = judge::message_of(&body).unwrap_or_default();
        Reply::Doubtful {
            reason: judge::reason(what, &message, items),
        }
    };
    let (results, key, version) =
        match (lenient::at(&body, "result"), lenient::at(&body, "results")) {
            (Some(result), _) if result.is_object() => (result, "data", "v3"),
            (_, Some(results)) if results.is_object() => (results, "persons", "v1"),
            _ => return doubtful("HTTP 200 without results"),
        };
    let listed = lenient::list(results, key);
    let matches = lenient::count(results, "meta.results.matchCount");
    let is_list = lenient::at(results, key).is_some_and(Value::is_array);
    if listed.is_empty() && !(matches == Some(0) || is_list && matches.is_none()) {
        return doubtful("HTTP 200 without a readable list of results");
    }
    let mut linked = Linked::new(items);
    for element in listed {
        linked.add(element, version);
    }
    let failed = lenient::count(results, "meta.results.errorCount").unwrap_or(0);
    let misses = if listed.is_empty() && failed == 0 {
        items.len()
    } else {
        linked.counted_misses(results)
    };
    Reply::Answered(linked.parts(version, misses))
}

/// A match is what the vendor says is one, and what it bills. Where it says nothing, a person is.
fn is_match(element: &Value) -> bool {
    let has_person = !lenient::list(element, "persons").is_empty()
        || lenient::at(element, "name").is_some()
        || !lenient::list(element, "phoneNumbers").is_empty();
    !is_failed(element) && lenient::flag(element, "meta.matched").unwrap_or(has_person)
}

/// The vendor could not work on it; neither a match nor a miss, and not billed.
fn is_failed(element: &Value) -> bool {
    lenient::flag(element, "meta.error") == Some(true)
}

/// Reads a stored part.
pub fn read(body: &Value) -> Result<Enrichment, Unreadable> {
    let (elements, persons): (&[Value], Vec<&Value>) =
        if let Some(element) = lenient::at(body, "v3") {
            let persons = lenient::list(element, "persons").iter();
            (std::slice::from_ref(element), persons.collect())
        } else if let Some(Value::Array(elements)) = lenient::at(body, "v1") {
            (elements, elements.iter().collect())
        } else if lenient::flag(body, "no_match") == Some(true) {
            return Ok(Enrichment::default());
        } else {
            return Err(Unreadable::because("the answer is neither V3 nor V1"));
        };
    if elements.iter().any(is_failed) {
        return Err(Unreadable::because(
            "the vendor reports an error for this property",
        ));
    }
    let matched = elements.iter().any(is_match);
    if !matched {
        return Ok(Enrichment::default());
    }
    Ok(enrichment(&persons))
}

/// Of all owners together, best first: so many are kept. The vendor documents three persons with three e-mails and
/// five phones each.
pub(super) const MOST_EMAILS: usize = 9;
pub(super) const MOST_PHONES: usize = 15;

fn enrichment(persons: &[&Value]) -> Enrichment {
    let persons: Vec<&Value> = persons.iter().copied().filter(|p| p.is_object()).collect();
    let owning = |person: &Value| lenient::flag(person, "propertyOwner");
    let has_owner = persons.iter().any(|person| owning(person) == Some(true));
    let has_stranger = persons.iter().any(|person| owning(person) == Some(false));
    // A tenant's phone is not the owner's.
    let owners: Vec<&Value> = persons
        .into_iter()
        .filter(|person| owning(person).unwrap_or(!has_owner))
        .collect();
    let dead = |person: &Value| batchdata_contacts::flags(person).deceased == Some(true);
    let all_dead = !owners.is_empty() && owners.iter().all(|person| dead(person));
    let mut enrichment = Enrichment {
        matched: true,
        owner_confirmed: (has_owner || has_stranger).then_some(has_owner),
        ..Enrichment::default()
    };
    for person in owners {
        let flags = batchdata_contacts::flags(person);
        let litigator = enrichment.litigator.unwrap_or(false) || flags.litigator == Some(true);
        if enrichment.litigator.is_some() || flags.litigator.is_some() {
            enrichment.litigator = Some(litigator);
        }
        if flags.deceased.is_some() {
            enrichment.deceased = Some(all_dead);
        }
        // The living owner of a couple is the one to write to.
        if all_dead || flags.deceased != Some(true) {
            add_phones(&mut enrichment.phones, batchdata_contacts::phones(person));
            add_emails(&mut enrichment.emails, batchdata_contacts::emails(person));
        }
    }
    enrichment.emails.truncate(MOST_EMAILS);
    enrichment.phones.truncate(MOST_PHONES);
    enrichment
}

fn add_phones(known: &mut Vec<FoundPhone>, more: Vec<FoundPhone>) {
    for phone in more {
        match known.iter_mut().find(|old| old.number == phone.number) {
            // A warning about one of its owners is a warning about the phone.
            Some(old) => {
                old.score = old.score.max(phone.score);
                old.dnc = either(old.dnc, phone.dnc);
                old.tcpa = either(old.tcpa, phone.tcpa);
            }
            None => known.push(phone),
        }
    }
}

fn add_emails(known: &mut Vec<FoundEmail>, more: Vec<FoundEmail>) {
    for email in more {
        match known
            .iter_mut()
            .find(|old| old.email.eq_ignore_ascii_case(&email.email))
        {
            Some(old) => old.score = old.score.max(email.score),
            None => known.push(email),
        }
    }
}

fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (known, None) | (None, known) => known,
        (Some(false), Some(false)) => Some(false),
    }
}
