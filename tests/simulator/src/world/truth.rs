//! What is true, for tests to compare with: which records are one door, whom which vendor can
//! reach, and the score that a perfect pipeline would give.
//!
//! The points are the specification's (40 verified e-mail, 30 verified mobile or VoIP, 10 MAK and
//! APN, 10 owner-occupied, 10 demographics), counted here a second time on purpose.

use std::collections::BTreeMap;

use serde::Serialize;

use super::World;
use super::listing::{Copy, Gap, Listing};
use super::property::{Email, Line, Mailbox, Phone, Property};

/// The truth about the whole world.
#[derive(Clone, Debug, Serialize)]
pub struct Truth {
    pub listings: usize,
    pub bad_listings: usize,
    pub properties: Vec<PropertyTruth>,
}

/// The truth about one door.
#[derive(Clone, Debug, Serialize)]
pub struct PropertyTruth {
    pub door: String,
    pub record_ids: Vec<String>,
    pub zip: String,
    pub county_fips: String,
    pub apn: String,
    pub mak: Option<String>,
    pub deceased: bool,
    pub litigator: bool,
    pub matched_by_skip_trace: bool,
    pub melissa: Contacts,
    pub skip_trace: Contacts,
    /// The score, from all records of the door together, when Melissa's contacts are all verified (SignalWire for phones).
    pub score_after_melissa: u8,
    /// The score when the skip trace's contacts are verified too.
    pub score_after_skip_trace: u8,
}

/// What one vendor hands out for a door.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Contacts {
    /// E.164.
    pub phones: Vec<String>,
    pub emails: Vec<String>,
    /// The mailboxes among `emails` that a verifier confirms.
    pub valid_emails: Vec<String>,
    /// The numbers among `phones` that a carrier look-up shows to be mobile or VoIP.
    pub mobile_phones: Vec<String>,
    /// The numbers among `phones` that this vendor flags as not to be called.
    pub flagged_phones: Vec<String>,
}

/// Counts for a first look.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub seed: u64,
    pub properties: usize,
    pub listings: usize,
    pub second_listings: usize,
    pub bad_listings: usize,
    pub by_zip: BTreeMap<String, usize>,
    pub reach_60_after_melissa: usize,
    pub reach_60_in_the_end: usize,
}

impl World {
    /// The truth about every door.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let mut listed: Vec<Vec<&Listing>> = vec![Vec::new(); self.properties.len()];
        let mut bad_listings = 0;
        for listing in &self.listings {
            match listing.copy {
                Copy::First | Copy::Second => listed[listing.property].push(listing),
                Copy::NoAddress | Copy::Null => bad_listings += 1,
            }
        }
        let doors = self.properties.iter().zip(&listed);
        Truth {
            listings: self.listings.len(),
            bad_listings,
            properties: doors
                .map(|(property, records)| property_truth(property, records))
                .collect(),
        }
    }

    /// Counts for a first look.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let truth = self.truth();
        let mut by_zip = BTreeMap::new();
        for property in &truth.properties {
            *by_zip.entry(property.zip.clone()).or_insert(0) += 1;
        }
        let reach = |score: fn(&PropertyTruth) -> u8| {
            truth
                .properties
                .iter()
                .filter(|property| score(property) >= 60)
                .count()
        };
        Summary {
            seed: self.seed,
            properties: truth.properties.len(),
            listings: truth.listings,
            second_listings: self
                .listings
                .iter()
                .filter(|l| l.copy == Copy::Second)
                .count(),
            bad_listings: truth.bad_listings,
            by_zip,
            reach_60_after_melissa: reach(|property| property.score_after_melissa),
            reach_60_in_the_end: reach(PropertyTruth::final_score),
        }
    }
}

impl PropertyTruth {
    /// The score of a pipeline that buys a skip trace only where Melissa left it below 60.
    #[must_use]
    pub fn final_score(&self) -> u8 {
        if self.score_after_melissa >= 60 {
            self.score_after_melissa
        } else {
            self.score_after_skip_trace
        }
    }
}

/// What the records of a door tell together.
struct Told {
    apn: bool,
    demographics: bool,
}

impl Told {
    fn by(records: &[&Listing]) -> Self {
        let any = |tells: fn(&Listing) -> bool| records.iter().any(|listing| tells(listing));
        Self {
            apn: any(|listing| !listing.gaps.parcel),
            demographics: any(|listing| listing.gaps.valuation == Gap::None)
                && any(|listing| listing.gaps.demographics == Gap::None),
        }
    }
}

fn property_truth(property: &Property, records: &[&Listing]) -> PropertyTruth {
    let told = Told::by(records);
    let melissa = melissa_contacts(property);
    let skip_trace = tracer_contacts(property);
    PropertyTruth {
        door: property.door_key(),
        record_ids: records
            .iter()
            .map(|listing| listing.record_id.clone())
            .collect(),
        zip: property.place.zip.clone(),
        county_fips: property.place.county_fips.clone(),
        apn: property.apn.clone(),
        mak: property.mak.clone(),
        deceased: property.owner.deceased,
        litigator: property.owner.litigator,
        matched_by_skip_trace: property.tracer.matches,
        score_after_melissa: score(property, &told, &[&melissa]),
        score_after_skip_trace: score(property, &told, &[&melissa, &skip_trace]),
        melissa,
        skip_trace,
    }
}

fn melissa_contacts(property: &Property) -> Contacts {
    let known = &property.melissa;
    let phones = known
        .phone
        .and_then(|at| property.phones.get(at))
        .into_iter();
    let emails = known
        .email
        .and_then(|at| property.emails.get(at))
        .into_iter();
    Contacts {
        flagged_phones: Vec::new(),
        ..contacts(phones, emails)
    }
}

/// The owner's contacts as V3 returns them; a relative's are not counted.
fn tracer_contacts(property: &Property) -> Contacts {
    let known = &property.tracer;
    if !known.matches {
        return Contacts::default();
    }
    let phones = known
        .phones
        .iter()
        .filter_map(|at| property.phones.get(*at))
        .take(5);
    let phones = phones.filter(|_| !property.owner.litigator);
    contacts(
        phones,
        known
            .emails
            .iter()
            .filter_map(|at| property.emails.get(*at))
            .take(3),
    )
}

fn contacts<'a>(
    phones: impl Iterator<Item = &'a Phone>,
    emails: impl Iterator<Item = &'a Email>,
) -> Contacts {
    let phones: Vec<&Phone> = phones.collect();
    let emails: Vec<&Email> = emails.collect();
    let mobile = |phone: &&&Phone| phone.line != Line::Landline && phone.line_is_told;
    let numbers = |chosen: Vec<&&Phone>| chosen.into_iter().map(|phone| phone.e164()).collect();
    Contacts {
        mobile_phones: numbers(phones.iter().filter(mobile).collect()),
        flagged_phones: numbers(
            phones
                .iter()
                .filter(|phone| phone.dnc || phone.tcpa)
                .collect(),
        ),
        phones: numbers(phones.iter().collect()),
        valid_emails: addresses(
            emails
                .iter()
                .filter(|email| email.mailbox == Mailbox::Valid),
        ),
        emails: addresses(emails.iter()),
    }
}

fn addresses<'a>(emails: impl Iterator<Item = &'a &'a Email>) -> Vec<String> {
    emails.map(|email| email.address.clone()).collect()
}

fn score(property: &Property, told: &Told, bought: &[&Contacts]) -> u8 {
    let email = bought
        .iter()
        .any(|contacts| !contacts.valid_emails.is_empty());
    let flagged = |number: &String| bought.iter().any(|c| c.flagged_phones.contains(number));
    let phone = bought
        .iter()
        .flat_map(|c| &c.mobile_phones)
        .any(|number| !flagged(number));
    let fits = told.demographics
        && property.owner.age.is_some_and(|age| age >= 62)
        && property.value >= 100_000
        && property.equity > 0;
    let points = [
        (email, 40),
        (phone, 30),
        (property.mak.is_some() && told.apn, 10),
        (property.owner.occupied, 10),
        (fits, 10),
    ];
    points
        .iter()
        .filter(|(earned, _)| *earned)
        .map(|(_, points)| points)
        .sum()
}
