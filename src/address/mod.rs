//! Normalises US postal addresses so that two spellings of one property compare equal.
//!
//! Never guesses: what is not understood keeps its own text, so two unknowns stay different, and
//! what names no property (no house number, no place) has no canonical form at all. The hash of
//! the canonical form is a unique key, so a false match merges two families and cannot be undone; a
//! miss costs some cents. Deterministic for ever: no locale, no clock, no setting.
//!
//! The rules are USPS Publication 28, as tables under `tables/`. One pass from the left, linear in
//! the length of the text, whatever the text is.

mod care_of;
mod clean;
mod highway;
mod last_line;
mod line;
mod number;
mod ordinal;
mod place;
mod route;
mod street;
mod tables;
mod unit;
mod words;
mod zip;

use sha2::{Digest, Sha256};

use line::Line;
use place::Place;
use words::{Folded, Gap};

pub use zip::normalize_zip;

/// Goes up whenever the canonical form of any address changes; part of what is hashed.
pub const NORMALIZER_VERSION: i32 = 1;

/// The version as it goes into the hash; short, so that most addresses are one block of SHA-256.
const HASH_PREFIX: &str = "v1|";

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Stands between the fields of the canonical text; folding leaves it in no field.
const SEPARATOR: char = '|';

/// An address as it was given. Blank parts count as absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct AddressParts<'a> {
    /// Street line.
    pub line1: Option<&'a str>,
    /// Unit, or whatever else was written below the street line.
    pub line2: Option<&'a str>,
    /// City.
    pub city: Option<&'a str>,
    /// State name or code.
    pub state: Option<&'a str>,
    /// ZIP Code in any form that [`normalize_zip`] reads.
    pub zip: Option<&'a str>,
}

/// The canonical form of one property's address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CanonicalAddress {
    /// `number|street|unit|city|state|zip`
    text: String,
    /// Where each field but the last ends.
    ends: [usize; 5],
    has_zip: bool,
}

impl CanonicalAddress {
    fn new(line: &Line, place: &Place) -> Self {
        let zip = place.zip.as_str();
        let fields = [
            line.number.as_str(),
            &line.street,
            &line.unit,
            &place.city,
            place.state.as_ref(),
        ];
        let length: usize = fields.iter().map(|field| field.len() + 1).sum();
        let mut text = String::with_capacity(length + zip.len());
        let mut ends = [0; 5];
        for (field, end) in fields.iter().zip(&mut ends) {
            text.push_str(field);
            *end = text.len();
            text.push(SEPARATOR);
        }
        text.push_str(zip);
        Self {
            text,
            ends,
            has_zip: place.zip.code().is_some(),
        }
    }

    /// The canonical text, its fields apart by `|`: number, street, unit, city, state, ZIP.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the version and the canonical text, as 64 lower-case hexadecimal digits.
    pub fn hash_hex(&self) -> String {
        let digest = Sha256::new()
            .chain_update(HASH_PREFIX)
            .chain_update(self.text.as_bytes())
            .finalize();
        let mut hex = String::with_capacity(64);
        for byte in digest {
            hex.push(char::from(HEX[usize::from(byte >> 4)]));
            hex.push(char::from(HEX[usize::from(byte & 15)]));
        }
        hex
    }
}

/// The fields one by one, for near matches and merges.
impl CanonicalAddress {
    fn field(&self, index: usize) -> &str {
        let start = match index.checked_sub(1) {
            Some(before) => self.ends[before] + 1,
            None => 0,
        };
        let end = self.ends.get(index).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or("")
    }

    /// House number; empty for boxes and routes.
    pub fn house_number(&self) -> &str {
        self.field(0)
    }

    /// Street, box or route.
    pub fn street(&self) -> &str {
        self.field(1)
    }

    /// Unit; empty when there is none.
    pub fn unit(&self) -> &str {
        self.field(2)
    }

    /// City; empty when none was given.
    pub fn city(&self) -> &str {
        self.field(3)
    }

    /// Two-letter code, or the text of a state that is not known; empty when none was given.
    pub fn state(&self) -> &str {
        self.field(4)
    }

    /// Five digits, when a ZIP Code was given.
    pub fn zip(&self) -> Option<&str> {
        self.has_zip.then(|| self.field(5))
    }
}

/// The canonical form, or `None` when the parts do not identify a property: no street line with a
/// house number (or box), or neither a ZIP Code nor city and state.
pub fn canonical(parts: &AddressParts<'_>) -> Option<CanonicalAddress> {
    let line1 = parts.line1.or(parts.line2)?;
    let line2 = parts
        .line2
        .filter(|line2| parts.line1.is_some() && *line2 != line1);
    let city = parts.city.unwrap_or_default();
    let length = line1.len() + line2.map_or(0, str::len) + city.len();
    let mut folded = Folded::with_room(length);
    folded.append(line1, Gap::Space);
    let first_length = folded.len();
    folded.append(line2.unwrap_or_default(), Gap::Line);
    let line_length = folded.len();
    folded.append(city, Gap::Space);
    let words = folded.words();
    let (words, city) = words.split_at(line_length);
    let place = Place::of(city, parts.state, parts.zip);
    if !place.is_enough() {
        return None;
    }
    let kept = last_line::without(words, &place);
    let (first, second) = kept.split_at(first_length.min(kept.len()));
    let first = match second {
        [] => first,
        _ => last_line::without(first, &place),
    };
    let is_whole = first.len() == words.len();
    let joined;
    let words = if is_whole {
        words
    } else if second.is_empty() || place::is_placeholder(second) {
        first
    } else {
        joined = [first, second].concat();
        &joined
    };
    let line = match care_of::without(words) {
        Some(kept) => line::read(&kept, &place),
        None => line::read(words, &place),
    }?;
    Some(CanonicalAddress::new(&line, &place))
}

#[cfg(test)]
mod tests;
