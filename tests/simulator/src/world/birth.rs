//! Draws a property from its stream of chance: the tables of names and the rates.
//!
//! The rates are set so that the pipeline's funnel is believable: of all leads about 30 % reach
//! a score of 60 on Melissa's data, and 55 to 60 % after a skip trace (`truth` holds the test).

use super::places::Place;
use super::property::{Email, Line, Mailbox, MelissaKnows, Owner, Phone, Property, TracerKnows};
use super::spelling::StreetLine;
use crate::dice::Dice;

const NAMED_STREETS: &[&str] = &[
    "Sunset",
    "Fountain",
    "Vine",
    "Oak",
    "Maple",
    "Elm",
    "Cedar",
    "Washington",
    "Lincoln",
    "Jefferson",
    "Madison",
    "Monroe",
    "Franklin",
    "Willow",
    "Magnolia",
    "Sycamore",
    "Juniper",
    "Laurel",
    "Walnut",
    "Chestnut",
    "Central",
    "Mission",
    "Orchard",
    "Highland",
    "Lakeview",
    "Palmetto",
    "Cypress",
    "Hawthorne",
    "Prospect",
    "Liberty",
    "Granada",
    "Martel",
];
const NUMBERED_STREETS: &[&str] = &[
    "1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th", "10th", "11th", "12th", "15th",
    "21st", "32nd", "43rd",
];
const SUFFIXES: &[&str] = &[
    "St", "Ave", "Blvd", "Dr", "Ln", "Rd", "Ct", "Pl", "Way", "Ter", "Cir",
];
const FIRST_NAMES: &[&str] = &[
    "Pat", "Robin", "Alex", "Maria", "James", "Linda", "Robert", "Susan", "David", "Karen", "Jose",
    "Nancy", "Daniel", "Carol", "Paul", "Ruth", "Mark", "Sharon", "George", "Helen", "Kenneth",
    "Teresa", "Frank", "Gloria", "Raymond", "Marie", "Dennis", "Janet", "Walter", "Alice",
];
const LAST_NAMES: &[&str] = &[
    "Example",
    "Sampleton",
    "Testwell",
    "Placeholder",
    "Mockford",
    "Fabricant",
    "Specimen",
    "Dummett",
    "Prototype",
    "Figment",
    "Novelle",
    "Inventado",
    "Madeup",
    "Modelski",
    "Patternson",
    "Template",
    "Stubbs-Sample",
    "O'Sample",
    "Van Example",
    "Fixture",
    "Mannequin",
    "Trialer",
    "Draftman",
    "Scriptor",
];
const COMPANIES: &[&str] = &[
    "Sample Holdings",
    "Example Homes",
    "Mockingbird Estates",
    "Test Harbor Realty",
];
const CARRIERS: &[&str] = &[
    "Example Wireless",
    "Sample Mobile",
    "Testline Telecom",
    "Mock Cable Voice",
];
const DOMAINS: &[&str] = &[
    "mail.example.com",
    "post.example.net",
    "inbox.example.org",
    "home.example.com",
    "letters.example.org",
];
/// Every mailbox of these domains answers yes.
pub const CATCH_ALL_DOMAINS: &[&str] = &["office.example.net", "firm.example.com"];

/// The facts that other properties may already own; the caller answers whether one is taken.
pub trait Registry {
    /// Takes a door key; false when another property has it.
    fn take_door(&mut self, key: &str) -> bool;
    /// Takes a parcel number inside a county; false when another property has it.
    fn take_parcel(&mut self, county_fips: &str, apn: &str) -> bool;
    /// Takes a phone number; false when another property has it.
    fn take_number(&mut self, number: &str) -> bool;
}

/// Draws property number `index` at `place`.
pub fn born(index: usize, place: &Place, dice: &mut Dice, registry: &mut dyn Registry) -> Property {
    let kind = dice.pick(&[
        "Single Family",
        "Single Family",
        "Single Family",
        "Condo",
        "Townhouse",
    ]);
    let owner = owner(dice);
    let value = 1_000 * dice.between(90, 900) as i64
        + 1_000 * dice.below(2) as i64 * dice.below(1_200) as i64;
    let mut property = Property {
        index,
        place: place.clone(),
        line: line(kind, dice),
        plus4: format!("{:04}", dice.between(1000, 9899)),
        apn: String::new(),
        mak: dice
            .percent(97)
            .then(|| format!("{:010}", 2_000_000_000 + index as u64 * 7_919)),
        kind,
        value,
        equity: value * dice.between(0, 104) as i64 / 100 - value / 25,
        phones: phones(place, dice, registry),
        emails: emails(&owner, index, dice),
        owner,
        melissa: MelissaKnows::default(),
        tracer: TracerKnows::default(),
    };
    while !registry.take_door(&property.door_key()) {
        property.line.house = dice.between(100, 29_999) as u32;
    }
    property.apn = parcel(place, dice, registry);
    property.melissa = melissa_knows(&property, dice);
    property.tracer = tracer_knows(&property, dice);
    property
}

fn line(kind: &str, dice: &mut Dice) -> StreetLine {
    let numbered = dice.percent(25);
    let name = dice.pick(if numbered {
        NUMBERED_STREETS
    } else {
        NAMED_STREETS
    });
    let direction = dice.percent(35).then(|| dice.pick(&["N", "S", "E", "W"]));
    let shared = matches!(kind, "Condo" | "Townhouse") || dice.percent(4);
    let unit = shared.then(|| {
        let number = match dice.below(3) {
            0 => dice.between(1, 40).to_string(),
            1 => dice.between(101, 1220).to_string(),
            _ => format!(
                "{}{}",
                dice.between(1, 19),
                dice.pick(&["A", "B", "C", "D"])
            ),
        };
        (dice.pick(&["APT", "UNIT"]), number)
    });
    StreetLine {
        house: dice.between(100, 9_899) as u32,
        direction,
        name: name.to_owned(),
        suffix: SUFFIXES[dice.below(SUFFIXES.len() as u64) as usize],
        unit: unit
            .map(|(designator, number)| (if designator == "APT" { "APT" } else { "UNIT" }, number)),
    }
}

fn owner(dice: &mut Dice) -> Owner {
    let first = dice.pick(FIRST_NAMES).to_owned();
    let last = dice.pick(LAST_NAMES).to_owned();
    let (company, status) = match dice.below(100) {
        0..=3 => (
            Some(format!(
                "{} {} LLC",
                dice.pick(COMPANIES),
                dice.between(2, 90)
            )),
            "LLC",
        ),
        4..=8 => (Some(format!("The {last} Family Trust")), "Trust"),
        _ => (None, "Individual"),
    };
    let person = company.is_none();
    Owner {
        first,
        last,
        occupied: if person {
            dice.percent(76)
        } else {
            dice.percent(25)
        },
        age: (person && dice.percent(93)).then(|| dice.between(34, 88) as u8),
        deceased: person && dice.permille(18),
        litigator: dice.permille(9),
        company,
        status,
    }
}

/// A parcel number, unique in its county. Some are drawn from a small pool that every county
/// shares, because two counties do give out the same number.
fn parcel(place: &Place, dice: &mut Dice, registry: &mut dyn Registry) -> String {
    for attempt in 0_u32.. {
        let pooled = attempt == 0 && dice.percent(2);
        let apn = if pooled {
            format!("5544-003-{:03}", dice.between(1, 60))
        } else {
            format!(
                "{:04}-{:03}-{:03}",
                dice.between(1000, 9999),
                dice.below(1000),
                dice.below(1000)
            )
        };
        if registry.take_parcel(&place.county_fips, &apn) {
            return apn;
        }
    }
    String::new()
}

fn phones(place: &Place, dice: &mut Dice, registry: &mut dyn Registry) -> Vec<Phone> {
    let count = match dice.below(100) {
        0..=9 => 0,
        10..=44 => 1,
        45..=79 => 2,
        80..=94 => 3,
        _ => 4,
    };
    (0..count).map(|_| phone(place, dice, registry)).collect()
}

fn phone(place: &Place, dice: &mut Dice, registry: &mut dyn Registry) -> Phone {
    let line = match dice.below(100) {
        0..=54 => Line::Mobile,
        55..=89 => Line::Landline,
        _ => Line::Voip,
    };
    Phone {
        number: number(place, dice, registry),
        line,
        carrier: CARRIERS[dice.below(CARRIERS.len() as u64) as usize],
        live: dice.percent(86),
        dnc: dice.percent(30),
        tcpa: dice.percent(2),
        ported: dice.percent(25),
        line_is_told: !dice.percent(2),
    }
}

/// A ten-digit number on exchange 555, in the place's area code while that has room.
fn number(place: &Place, dice: &mut Dice, registry: &mut dyn Registry) -> String {
    let mut number = String::new();
    for attempt in 0_u32.. {
        let area = if attempt < 8 {
            place.area_code.clone()
        } else {
            any_area(dice)
        };
        number = format!("{area}555{:04}", dice.below(10_000));
        if registry.take_number(&number) {
            break;
        }
    }
    number
}

fn any_area(dice: &mut Dice) -> String {
    format!("{}{}", dice.between(2, 9), dice.between(12, 99))
}

fn emails(owner: &Owner, index: usize, dice: &mut Dice) -> Vec<Email> {
    let count = match dice.below(100) {
        0..=13 => 0,
        14..=61 => 1,
        62..=89 => 2,
        _ => 3,
    };
    (0..count)
        .map(|position| email(owner, index * 4 + position, dice))
        .collect()
}

fn email(owner: &Owner, serial: usize, dice: &mut Dice) -> Email {
    let letters = |name: &str| {
        name.to_lowercase()
            .replace(|letter: char| !letter.is_ascii_lowercase(), "")
    };
    let mailbox = match dice.below(100) {
        0..=71 => Mailbox::Valid,
        72..=89 => Mailbox::Invalid,
        _ => Mailbox::CatchAll,
    };
    let domains = if mailbox == Mailbox::CatchAll {
        CATCH_ALL_DOMAINS
    } else {
        DOMAINS
    };
    let name = format!("{}.{}{serial}", letters(&owner.first), letters(&owner.last));
    Email {
        address: format!("{name}@{}", dice.pick(domains)),
        mailbox,
        slow: dice.percent(25),
    }
}

fn melissa_knows(property: &Property, dice: &mut Dice) -> MelissaKnows {
    let person = property.owner.company.is_none();
    let one_of =
        |count: usize, dice: &mut Dice| (count > 0).then(|| dice.below(count as u64) as usize);
    MelissaKnows {
        phone: one_of(property.phones.len(), dice).filter(|_| dice.percent(50)),
        email: one_of(property.emails.len(), dice)
            .filter(|_| dice.percent(if person { 42 } else { 15 })),
        owner: dice.percent(85),
    }
}

fn tracer_knows(property: &Property, dice: &mut Dice) -> TracerKnows {
    let matches = dice.percent(if property.owner.company.is_none() {
        83
    } else {
        45
    });
    let mut known = |count: usize, percent: u64| -> Vec<usize> {
        (0..count).filter(|_| dice.percent(percent)).collect()
    };
    let (phones, emails) = (
        known(property.phones.len(), 85),
        known(property.emails.len(), 82),
    );
    TracerKnows {
        matches,
        phones,
        emails,
        relative: dice.percent(8),
    }
}
