//! Secondary unit designators: USPS Publication 28, appendix C2 and section 213, and the Spanish
//! ones of section 29 (Puerto Rico).
//!
//! Apartment, unit, suite and number signs are used for one door by different writers, so the word
//! is not part of identity. Every other class is: building 5, floor 5, lot 5 and apartment 5 are
//! four places.

use super::lookup::Table;

/// What kind of place inside the property. The order is the order in the canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::address) enum Class {
    /// An urbanization of Puerto Rico, which tells equal streets of one ZIP apart.
    Urbanization,
    /// Text that is not understood.
    Other,
    PoBox,
    Building,
    Floor,
    Basement,
    Penthouse,
    Front,
    Rear,
    Upper,
    Lower,
    Side,
    Lobby,
    Office,
    Department,
    Room,
    Hangar,
    Pier,
    Slip,
    Stop,
    Key,
    Lot,
    Space,
    Trailer,
    PrivateMailBox,
    /// Apartment, unit, suite, `#`, or a bare identifier.
    Plain,
}

impl Class {
    /// The word in the canonical form; plain units have none.
    pub(in crate::address) fn label(self) -> &'static str {
        match self {
            Self::Urbanization => "URB",
            Self::Other | Self::Plain => "",
            Self::PoBox => "PO BOX",
            Self::Building => "BLDG",
            Self::Floor => "FL",
            Self::Basement => "BSMT",
            Self::Penthouse => "PH",
            Self::Front => "FRNT",
            Self::Rear => "REAR",
            Self::Upper => "UPPR",
            Self::Lower => "LOWR",
            Self::Side => "SIDE",
            Self::Lobby => "LBBY",
            Self::Office => "OFC",
            Self::Department => "DEPT",
            Self::Room => "RM",
            Self::Hangar => "HNGR",
            Self::Pier => "PIER",
            Self::Slip => "SLIP",
            Self::Stop => "STOP",
            Self::Key => "KEY",
            Self::Lot => "LOT",
            Self::Space => "SPC",
            Self::Trailer => "TRLR",
            Self::PrivateMailBox => "PMB",
        }
    }
}

/// How sure a word is a designator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::address) enum Sign {
    /// After any street name, when an identifier follows.
    Strong,
    /// Also a street word: only after a complete street, when an identifier follows.
    Weak,
    /// Needs no identifier; nothing else ends an address with this word.
    Alone,
    /// Needs no identifier, but is also a street word: only after a complete street.
    AloneWeak,
}

/// One designator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::address) struct Designator {
    pub class: Class,
    pub sign: Sign,
}

const fn row(class: Class, sign: Sign) -> Designator {
    Designator { class, sign }
}

use Class::*;
use Sign::{Alone, AloneWeak, Strong, Weak};

/// Spelling to designator.
pub(in crate::address) static DESIGNATORS: Table<Designator, 256> = Table::new(&[
    ("APT", row(Plain, Strong)),
    ("APARTMENT", row(Plain, Strong)),
    ("APMT", row(Plain, Strong)),
    ("APTMT", row(Plain, Strong)),
    ("APARTAMENTO", row(Plain, Strong)),
    ("APTO", row(Plain, Strong)),
    ("UNIT", row(Plain, Strong)),
    ("STE", row(Plain, Strong)),
    ("SUITE", row(Plain, Strong)),
    ("NO", row(Plain, Weak)),
    ("NUM", row(Plain, Weak)),
    ("NUMBER", row(Plain, Weak)),
    ("BLDG", row(Building, Strong)),
    ("BLDNG", row(Building, Strong)),
    ("BUILDING", row(Building, Strong)),
    ("EDIF", row(Building, Strong)),
    ("EDIFICIO", row(Building, Strong)),
    ("FL", row(Floor, Weak)),
    ("FLR", row(Floor, Weak)),
    ("FLOOR", row(Floor, Weak)),
    ("PISO", row(Floor, Weak)),
    ("BSMT", row(Basement, Alone)),
    ("BSMNT", row(Basement, Alone)),
    ("BASEMENT", row(Basement, Alone)),
    ("PH", row(Penthouse, AloneWeak)),
    ("PENTHOUSE", row(Penthouse, Alone)),
    ("FRNT", row(Front, AloneWeak)),
    ("FRONT", row(Front, AloneWeak)),
    ("REAR", row(Rear, Alone)),
    ("UPPR", row(Upper, AloneWeak)),
    ("UPR", row(Upper, AloneWeak)),
    ("UPPER", row(Upper, AloneWeak)),
    ("LOWR", row(Lower, AloneWeak)),
    ("LWR", row(Lower, AloneWeak)),
    ("LOWER", row(Lower, AloneWeak)),
    ("SIDE", row(Side, AloneWeak)),
    ("LBBY", row(Lobby, AloneWeak)),
    ("LOBBY", row(Lobby, AloneWeak)),
    ("OFC", row(Office, AloneWeak)),
    ("OFFICE", row(Office, AloneWeak)),
    ("DEPT", row(Department, Weak)),
    ("DEPARTMENT", row(Department, Weak)),
    ("RM", row(Room, Weak)),
    ("ROOM", row(Room, Weak)),
    ("HNGR", row(Hangar, Weak)),
    ("HANGAR", row(Hangar, Weak)),
    ("HANGER", row(Hangar, Weak)),
    ("PIER", row(Pier, Weak)),
    ("SLIP", row(Slip, Weak)),
    ("STOP", row(Stop, Weak)),
    ("KEY", row(Key, Weak)),
    ("LOT", row(Lot, Strong)),
    ("SPC", row(Space, Strong)),
    ("SP", row(Space, Weak)),
    ("SPACE", row(Space, Weak)),
    ("TRLR", row(Trailer, Strong)),
    ("TRAILER", row(Trailer, Strong)),
    ("PMB", row(PrivateMailBox, Strong)),
    ("URB", row(Urbanization, Strong)),
    ("URBANIZACION", row(Urbanization, Strong)),
]);
