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

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::exchange::{self, Account, BuildError, HttpRequest};
use super::found::{Enrichment, FoundEmail, FoundPhone, Unreadable};
use super::same_address::{Door, Written};
use super::{Item, Part, PropertySubject, Reply, Subject, batchdata_contacts, judge, lenient};

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

/// The elements of an answer, sorted to the items they belong to.
struct Linked<'a> {
    items: &'a [Item],
    by_id: HashMap<&'a str, usize>,
    doors: Vec<Option<Door>>,
    found: Vec<Vec<Value>>,
    nulls: usize,
    strays: usize,
}

impl<'a> Linked<'a> {
    fn new(items: &'a [Item]) -> Self {
        let ids = items.iter().enumerate();
        Self {
            items,
            by_id: ids.map(|(index, item)| (item.id.as_str(), index)).collect(),
            doors: items.iter().map(door).collect(),
            found: vec![Vec::new(); items.len()],
            nulls: 0,
            strays: 0,
        }
    }

    fn add(&mut self, element: &Value, version: &str) {
        if element.is_null() {
            self.nulls += 1;
            return;
        }
        match self.owner_of(element) {
            // V3 has one element per request; a second one would be somebody else's.
            Some(index) if version == "v1" || self.found[index].is_empty() => {
                self.found[index].push(element.clone());
            }
            _ => self.strays += 1,
        }
    }

    /// The item an element belongs to: by our id, else by the index it states, else by its address.
    fn owner_of(&self, element: &Value) -> Option<usize> {
        const IDS: [&str; 5] = [
            "input.requestId",
            "requestId",
            "request.requestId",
            "meta.requestId",
            "property.requestId",
        ];
        let named = IDS.iter().filter_map(|place| lenient::text(element, place));
        let mut foreign = false;
        for id in named {
            match self.by_id.get(id.as_str()) {
                Some(index) => return Some(*index),
                // `meta.requestId` may be the vendor's own number of the call.
                None => foreign |= lenient::text(element, "meta.requestId").as_ref() != Some(&id),
            }
        }
        if foreign {
            return None;
        }
        let echoed = [
            "input.propertyAddress",
            "propertyAddress",
            "property.address",
        ];
        let door = echoed
            .iter()
            .find_map(|place| Door::of_json(lenient::at(element, place)?));
        let stated = ["input.inputIndex", "inputIndex"];
        let index = stated
            .iter()
            .find_map(|place| usize::try_from(lenient::count(element, place)?).ok());
        match (index.filter(|index| *index < self.items.len()), door) {
            (Some(index), None) => Some(index),
            (Some(index), Some(door)) => self.is_at(index, &door).then_some(index),
            (None, Some(door)) => {
                let mut at = (0..self.items.len()).filter(|index| self.is_at(*index, &door));
                let first = at.next();
                first.filter(|_| at.next().is_none())
            }
            (None, None) => None,
        }
    }

    fn is_at(&self, index: usize, door: &Door) -> bool {
        self.doors[index].as_ref().is_some_and(|mine| mine.is(door))
    }

    /// Misses that the answer speaks of without saying whose: null elements, or the vendor's count.
    fn counted_misses(&self, results: &Value) -> usize {
        let counted = lenient::count(results, "meta.results.noMatchCount").unwrap_or(0);
        let shown = self.found.iter().flatten().filter(|e| !is_match(e)).count();
        let hidden = usize::try_from(counted).unwrap_or(usize::MAX);
        self.nulls.max(hidden.saturating_sub(shown))
    }

    /// Items that are left over are misses only if there are as many as the answer accounts for.
    fn parts(self, version: &str, misses: usize) -> Vec<Part> {
        let left = self.found.iter().filter(|found| found.is_empty()).count();
        let all_missed = self.strays == 0 && left > 0 && left == misses;
        let pairs = self.items.iter().zip(self.found);
        pairs
            .filter_map(|(item, found)| match found.as_slice() {
                [] if !all_missed => None,
                [] => Some(part(item, json!({"no_match": true}), false)),
                [one] if version == "v3" => Some(part(item, json!({"v3": one}), is_match(one))),
                many => Some(part(item, json!({"v1": many}), many.iter().any(is_match))),
            })
            .collect()
    }
}

fn part(item: &Item, body: Value, matched: bool) -> Part {
    Part {
        item_id: item.id.clone(),
        units: u32::from(matched),
        matched,
        pending: false,
        body,
    }
}

fn door(item: &Item) -> Option<Door> {
    let Subject::Property(property) = &item.subject else {
        return None;
    };
    let property = property.cleaned();
    Door::of(&Written {
        street: &street(&property)?,
        city: property.city.as_deref(),
        state: property.state.as_deref(),
        zip: property.zip.as_deref(),
    })
}

/// A match is what the vendor says is one, and what it bills. Where it says nothing, a person is.
fn is_match(element: &Value) -> bool {
    let is_failed = lenient::flag(element, "meta.error") == Some(true);
    let has_person = !lenient::list(element, "persons").is_empty()
        || lenient::at(element, "name").is_some()
        || !lenient::list(element, "phoneNumbers").is_empty();
    !is_failed && lenient::flag(element, "meta.matched").unwrap_or(has_person)
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
    if elements
        .iter()
        .any(|e| lenient::flag(e, "meta.error") == Some(true))
    {
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
