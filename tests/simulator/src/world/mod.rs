//! The made-up world: properties, the records that list them, and the people behind them.
//!
//! A pure function of the seed, the ZIP codes and the number of properties; new arrivals
//! continue the same streams, so adding five and then five equals adding ten. Nothing here knows
//! HTTP or a vendor's field names: the dialects read this world, tests ask it for the truth.

mod birth;
pub mod doorway;
pub mod listing;
pub mod places;
pub mod property;
pub mod spelling;
pub mod truth;

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::dice::{Dice, Purpose};
use doorway::{Written, city_key};
use listing::Listing;
use places::Place;
use property::{Email, Phone, Property};

/// The whole world.
#[derive(Debug)]
pub struct World {
    seed: u64,
    places: Vec<Place>,
    properties: Vec<Property>,
    /// Oldest first; a new arrival is at the end.
    listings: Vec<Listing>,
    doors: Doors,
    parcels: HashMap<(String, String), usize>,
    phones: HashMap<String, (usize, usize)>,
    emails: HashMap<String, (usize, usize)>,
}

/// The door keys by ZIP, and by city for addresses without a ZIP.
#[derive(Debug, Default)]
struct Doors {
    by_zip: HashMap<String, usize>,
    by_city: HashMap<String, usize>,
}

/// What is taken while properties are drawn.
#[derive(Debug)]
struct Taken<'a> {
    doors: &'a Doors,
    parcels: &'a HashMap<(String, String), usize>,
    phones: &'a HashMap<String, (usize, usize)>,
    fresh_numbers: HashSet<String>,
}

impl birth::Registry for Taken<'_> {
    fn take_door(&mut self, key: &str) -> bool {
        !self.doors.by_zip.contains_key(key)
    }

    fn take_parcel(&mut self, county_fips: &str, apn: &str) -> bool {
        !self
            .parcels
            .contains_key(&(county_fips.to_owned(), apn.to_owned()))
    }

    fn take_number(&mut self, number: &str) -> bool {
        !self.phones.contains_key(number) && self.fresh_numbers.insert(number.to_owned())
    }
}

impl World {
    /// A world of `properties` doors spread over `zips`; texts that are no ZIP are left out, and
    /// with none left the table of real ZIPs is used.
    #[must_use]
    pub fn new(seed: u64, properties: usize, zips: &[String]) -> Self {
        let distinct: BTreeSet<&String> = zips.iter().collect();
        let mut places: Vec<Place> = distinct
            .into_iter()
            .filter_map(|zip| places::place(zip))
            .collect();
        if places.is_empty() {
            places = places::real_zips()
                .iter()
                .filter_map(|zip| places::place(zip))
                .collect();
        }
        let mut world = Self {
            seed,
            places,
            properties: Vec::with_capacity(properties),
            listings: Vec::with_capacity(properties + properties / 20),
            doors: Doors::default(),
            parcels: HashMap::new(),
            phones: HashMap::new(),
            emails: HashMap::new(),
        };
        world.add(properties);
        world
    }

    /// Lets `count` new properties appear at the top of the vendor's list.
    pub fn add(&mut self, count: usize) {
        let first = self.properties.len();
        for index in first..first + count {
            let mut dice = Dice::new(self.seed, Purpose::Property, index as u64);
            let place = self.places[dice.below(self.places.len() as u64) as usize].clone();
            let mut taken = Taken {
                doors: &self.doors,
                parcels: &self.parcels,
                phones: &self.phones,
                fresh_numbers: HashSet::new(),
            };
            let property = birth::born(index, &place, &mut dice, &mut taken);
            self.register(property);
        }
        let arrivals = listing::list(self.seed, &self.properties[first..]);
        self.listings.extend(arrivals);
    }

    fn register(&mut self, property: Property) {
        let index = property.index;
        let key = property.door_key();
        let without_zip = key.split_once('|').and_then(|(_, door)| {
            let city = city_key(&property.place.city, &property.place.state)?;
            Some(format!("{city}|{door}"))
        });
        self.doors.by_zip.insert(key, index);
        if let Some(key) = without_zip {
            self.doors.by_city.entry(key).or_insert(index);
        }
        let county = property.place.county_fips.clone();
        self.parcels.insert((county, property.apn.clone()), index);
        for (position, phone) in property.phones.iter().enumerate() {
            self.phones.insert(phone.number.clone(), (index, position));
        }
        for (position, email) in property.emails.iter().enumerate() {
            self.emails.insert(email.address.clone(), (index, position));
        }
        self.properties.push(property);
    }

    /// Every door, oldest first.
    #[must_use]
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// Every record of the vendor's list, oldest first.
    #[must_use]
    pub fn listings(&self) -> &[Listing] {
        &self.listings
    }

    /// The places that hold properties.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The property at an address, however it is spelled.
    #[must_use]
    pub fn at_address(&self, written: &Written<'_>) -> Option<&Property> {
        let key = doorway::key(written)?;
        let index = self
            .doors
            .by_zip
            .get(&key)
            .or_else(|| self.doors.by_city.get(&key))?;
        self.properties.get(*index)
    }

    /// The property with a parcel number in a county, given by FIPS number.
    #[must_use]
    pub fn with_parcel(&self, county_fips: &str, apn: &str) -> Option<&Property> {
        let index = self
            .parcels
            .get(&(county_fips.to_owned(), apn.to_owned()))?;
        self.properties.get(*index)
    }

    /// What is true about a ten-digit phone number.
    #[must_use]
    pub fn phone(&self, number: &str) -> Option<(&Property, &Phone)> {
        let (index, position) = self.phones.get(number)?;
        let property = self.properties.get(*index)?;
        Some((property, property.phones.get(*position)?))
    }

    /// Does every mailbox of this domain answer yes?
    #[must_use]
    pub fn is_catch_all(&self, domain: &str) -> bool {
        birth::CATCH_ALL_DOMAINS.contains(&domain)
    }

    /// What is true about an e-mail address, in any letter case.
    #[must_use]
    pub fn email(&self, address: &str) -> Option<&Email> {
        let (index, position) = self.emails.get(&address.trim().to_lowercase())?;
        self.properties.get(*index)?.emails.get(*position)
    }
}

#[cfg(test)]
mod tests;
