//! The records of the vendor's list: usually one for a door, sometimes two, now and then a bad one.

use super::property::Property;
use super::spelling::{LastLine, Spelled};
use crate::dice::{Dice, Purpose, fingerprint};

/// One record that a property search can return.
#[derive(Clone, Debug)]
pub struct Listing {
    pub record_id: String,
    /// The door's place in the world; a bad record still knows whose it should have been.
    pub property: usize,
    pub copy: Copy,
    pub address: Spelled,
    pub gaps: Gaps,
}

/// Why this record stands in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// The door's own record.
    First,
    /// A second record of a door, in another spelling.
    Second,
    /// A record without any address.
    NoAddress,
    /// A hole in the list, delivered as JSON null.
    Null,
}

/// Objects that this record lacks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gaps {
    pub valuation: Gap,
    pub demographics: Gap,
    pub owner_names: bool,
    pub parcel: bool,
}

/// How an object is missing: clients have met both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gap {
    #[default]
    None,
    Absent,
    Null,
}

/// The records of `properties`, oldest first. A second record comes some time after the first.
#[must_use]
pub fn list(seed: u64, properties: &[Property]) -> Vec<Listing> {
    let last = properties
        .last()
        .map_or(0, |property| property.index as u64);
    let mut placed: Vec<(u64, u8, Listing)> = Vec::new();
    for property in properties {
        let mut dice = Dice::new(seed, Purpose::Listings, property.index as u64);
        let at = property.index as u64;
        placed.push((at, 0, listing(seed, property, Copy::First, &mut dice)));
        let extra = match dice.below(1000) {
            0..=29 => Some(Copy::Second),
            30..=31 => Some(Copy::NoAddress),
            32 => Some(Copy::Null),
            _ => None,
        };
        if let Some(copy) = extra {
            let later = dice.between(at, last);
            placed.push((later, 1, listing(seed, property, copy, &mut dice)));
        }
    }
    placed.sort_by_key(|(at, rank, listing)| (*at, *rank, listing.property));
    placed.into_iter().map(|(_, _, listing)| listing).collect()
}

fn listing(seed: u64, property: &Property, copy: Copy, dice: &mut Dice) -> Listing {
    let place = &property.place;
    let ending = LastLine {
        city: &place.city,
        zip: &place.zip,
        plus4: &property.plus4,
    };
    let address = match copy {
        Copy::Second => property.line.respelled(&ending, dice),
        _ => property.line.spelled(&place.city, &place.zip),
    };
    Listing {
        record_id: fingerprint(&format!("record {seed} {} {copy:?}", property.index), 12),
        property: property.index,
        copy,
        address,
        gaps: Gaps {
            valuation: gap(dice),
            demographics: if property.owner.age.is_none() {
                Gap::Absent
            } else {
                gap(dice)
            },
            owner_names: dice.percent(2),
            parcel: dice.percent(if copy == Copy::Second { 40 } else { 1 }),
        },
    }
}

fn gap(dice: &mut Dice) -> Gap {
    match dice.below(100) {
        0 => Gap::Absent,
        1 => Gap::Null,
        _ => Gap::None,
    }
}
