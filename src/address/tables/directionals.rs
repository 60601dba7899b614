//! Directionals: USPS Publication 28, section 233 and appendix B, spelled or abbreviated.

use super::lookup::Table;

/// One directional word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::address) struct Directional {
    /// One or two letters.
    pub short: &'static str,
    /// Written as a word (`NORTH`), not as a letter.
    pub spelled: bool,
}

const fn short(short: &'static str) -> Directional {
    let spelled = false;
    Directional { short, spelled }
}

const fn spelled(short: &'static str) -> Directional {
    let spelled = true;
    Directional { short, spelled }
}

/// Spelling to directional.
pub(in crate::address) static DIRECTIONALS: Table<Directional, 64> = Table::new(&[
    ("N", short("N")),
    ("S", short("S")),
    ("E", short("E")),
    ("W", short("W")),
    ("NE", short("NE")),
    ("NW", short("NW")),
    ("SE", short("SE")),
    ("SW", short("SW")),
    ("NORTH", spelled("N")),
    ("SOUTH", spelled("S")),
    ("EAST", spelled("E")),
    ("WEST", spelled("W")),
    ("NORTHEAST", spelled("NE")),
    ("NORTHWEST", spelled("NW")),
    ("SOUTHEAST", spelled("SE")),
    ("SOUTHWEST", spelled("SW")),
]);

/// `N` and `W` to `NW`; nothing for pairs that are no direction (`N S`, `E N`).
pub(in crate::address) fn joined(first: &str, second: &str) -> Option<&'static str> {
    match (first, second) {
        ("N", "E") => Some("NE"),
        ("N", "W") => Some("NW"),
        ("S", "E") => Some("SE"),
        ("S", "W") => Some("SW"),
        _ => None,
    }
}
