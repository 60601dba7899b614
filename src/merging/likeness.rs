//! How alike two leads are: for a person to decide, never for a merge.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::contradiction::{self, Facts};
use crate::address::{self, AddressParts, CanonicalAddress};
use crate::contact::{Kind, point};
use crate::store::leads::Lead;

/// Streets from here on may be one with a typing mistake (0: nothing in common, 1: equal).
const NEAR_STREET: f64 = 0.75;

/// Words that say nothing about who the owner is.
const NAME_NOISE: [&str; 20] = [
    "JR", "SR", "II", "III", "IV", "MR", "MRS", "MS", "DR", "AND", "OR", "ET", "AL", "UX", "TRUST",
    "TRUSTEE", "TTEE", "ESTATE", "OF", "THE",
];

/// The canonical address of a lead, if it has one.
pub fn address_of(lead: &Lead) -> Option<CanonicalAddress> {
    address::canonical(&AddressParts {
        line1: lead.address_line1.as_deref(),
        line2: lead.address_line2.as_deref(),
        city: lead.city.as_deref(),
        state: lead.state.as_deref(),
        zip: lead.zip.as_deref(),
    })
}

/// The owner's name without order, case, initials and titles.
pub fn owner_key(lead: &Lead) -> Option<String> {
    let name = match (&lead.full_name, &lead.first_name, &lead.last_name) {
        (_, Some(first), Some(last)) => format!("{first} {last}"),
        (Some(full), _, _) => full.clone(),
        _ => lead.company.clone()?,
    };
    let words: BTreeSet<String> = name
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(|word| word.replace('\'', "").to_uppercase())
        .filter(|word| word.chars().count() > 1 && !NAME_NOISE.contains(&word.as_str()))
        .collect();
    (!words.is_empty()).then(|| words.into_iter().collect::<Vec<_>>().join(" "))
}

/// Where to look for near matches of a lead: the same owner, ZIP and house number.
pub fn block(lead: &Lead) -> Option<String> {
    let address = address_of(lead)?;
    let (zip, number) = (address.zip()?, address.house_number());
    let owner = owner_key(lead)?;
    (!number.is_empty()).then(|| format!("{zip}|{number}|{owner}"))
}

/// Two leads of one block: is it worth a person's look? Not where a hard key tells them apart, or where nothing differs
/// that a person could judge.
pub fn is_near(a: &Lead, b: &Lead) -> bool {
    let (Some(x), Some(y)) = (address_of(a), address_of(b)) else {
        return false;
    };
    let is_open = match contradiction::between(&facts(a), &facts(b)) {
        None => true,
        Some(key) => key == "unit" && (x.unit().is_empty() || y.unit().is_empty()),
    };
    is_open && x.text() != y.text() && street_likeness(&x, &y) >= NEAR_STREET
}

fn street_likeness(a: &CanonicalAddress, b: &CanonicalAddress) -> f64 {
    let words = |address: &CanonicalAddress| -> BTreeSet<String> {
        address.street().split(' ').map(str::to_string).collect()
    };
    let (x, y) = (words(a), words(b));
    // `N MAIN ST` and `MAIN ST`.
    if x.is_subset(&y) || y.is_subset(&x) {
        return 1.0;
    }
    strsim::normalized_damerau_levenshtein(a.street(), b.street())
}

fn facts(lead: &Lead) -> Facts {
    Facts {
        mak: lead.mak.clone(),
        apn: lead.apn.clone(),
        county_fips: lead.county_fips.clone(),
        address: address_of(lead),
        state: lead.state.clone(),
        zip: lead.zip.clone(),
        has_addr_hash: lead.addr_hash.is_some(),
    }
}

/// What agrees, field by field: true, false, or null where one of them does not know; for the street a likeness from 0
/// to 1, for contact points how many they share.
pub fn agreement(a: &Lead, b: &Lead) -> Value {
    let same = |a: Option<&str>, b: Option<&str>| Some(a? == b?);
    let (x, y) = (address_of(a), address_of(b));
    let part = |of: fn(&CanonicalAddress) -> &str| Some(of(x.as_ref()?) == of(y.as_ref()?));
    let street = x
        .as_ref()
        .zip(y.as_ref())
        .map(|(x, y)| (street_likeness(x, y) * 100.0).round() / 100.0);
    let zip = |address: &Option<CanonicalAddress>, lead: &Lead| {
        let of_address = address.as_ref().and_then(CanonicalAddress::zip);
        of_address.map(str::to_string).or_else(|| lead.zip.clone())
    };
    json!({
        "mak": same(a.mak.as_deref(), b.mak.as_deref()),
        "apn": same(a.apn.as_deref(), b.apn.as_deref()),
        "county": same(a.county_fips.as_deref(), b.county_fips.as_deref()),
        "zip": same(zip(&x, a).as_deref(), zip(&y, b).as_deref()),
        "city": part(CanonicalAddress::city),
        "house_number": part(CanonicalAddress::house_number),
        "street": street,
        "unit": part(CanonicalAddress::unit),
        "owner": same(owner_key(a).as_deref(), owner_key(b).as_deref()),
        "phones": shared(Kind::Phone, &a.phones, &b.phones),
        "emails": shared(Kind::Email, &a.emails, &b.emails),
    })
}

fn shared(kind: Kind, a: &[Value], b: &[Value]) -> usize {
    let keys = |points: &[Value]| -> BTreeSet<String> {
        point::read(kind, points)
            .iter()
            .map(|point| point.contact.key().into_owned())
            .collect()
    };
    keys(a).intersection(&keys(b)).count()
}
