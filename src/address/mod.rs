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
mod hash;
mod highway;
mod last_line;
mod line;
mod number;
mod ordinal;
mod place;
mod plain;
mod route;
mod street;
mod tables;
mod unit;
mod words;
mod zip;

use place::Place;
use plain::PlainTexts;
use words::{Cut, Folded, Texts, Word};

pub use hash::Hash;
pub use zip::normalize_zip;

/// Goes up whenever the canonical form of any address changes; part of what is hashed.
pub const NORMALIZER_VERSION: i32 = 1;

/// The version as it goes into the hash; short, so that most addresses are one block of SHA-256.
const HASH_PREFIX: &str = "v1|";

/// Stands between the fields of the canonical text; folding leaves it in no field.
const SEPARATOR: char = '|';

/// Longer texts are rare; each is as long as it needs.
const USUAL_LENGTH: usize = 96;

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
    /// What is hashed: the version, then `number|street|unit|city|state|zip`.
    hashed: String,
    has_zip: bool,
}

impl CanonicalAddress {
    fn of(place: &Place, write_line: impl Fn(&mut String) -> Option<()>) -> Option<Self> {
        let mut hashed = String::with_capacity(USUAL_LENGTH);
        hashed.push_str(HASH_PREFIX);
        write_line(&mut hashed)?;
        hashed.push(SEPARATOR);
        hashed.push_str(&place.city);
        hashed.push(SEPARATOR);
        hashed.push_str(&place.state);
        hashed.push(SEPARATOR);
        hashed.push_str(place.zip.as_str());
        Some(Self {
            hashed,
            has_zip: place.zip.is_code(),
        })
    }

    /// The canonical text, its fields apart by `|`: number, street, unit, city, state, ZIP.
    pub fn text(&self) -> &str {
        &self.hashed[HASH_PREFIX.len()..]
    }

    /// SHA-256 of the version and the canonical text, as 64 lower-case hexadecimal digits.
    pub fn hash(&self) -> Hash {
        Hash::of(self.hashed.as_bytes())
    }

    /// The same as a text of its own.
    pub fn hash_hex(&self) -> String {
        self.hash().as_str().to_owned()
    }
}

/// The fields one by one, for near matches and merges.
impl CanonicalAddress {
    fn field(&self, index: usize) -> &str {
        self.text().split(SEPARATOR).nth(index).unwrap_or("")
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
    let texts = Texts::of(parts)?;
    let plain = PlainTexts::of(&texts);
    let mut cut = Cut::default();
    match plain.cut(&mut cut) {
        Some(()) => read(&cut, parts, line::write),
        None => read(&Folded::of_texts(&texts).cut(), parts, line::write),
    }
}

/// Reads the words of the lines and the city; `write` writes those of the lines: a parameter, so that tests can compare
/// both ways.
fn read(
    cut: &Cut<'_>,
    parts: &AddressParts<'_>,
    write: impl Fn(&[Word<'_>], &Place, &mut String) -> Option<()>,
) -> Option<CanonicalAddress> {
    let (words, city) = cut.words.split_at(cut.line_length);
    let place = Place::of(city, parts.state, parts.zip);
    if !place.is_enough() {
        return None;
    }
    let kept = last_line::without(words, &place);
    let (first, second) = kept.split_at(cut.first_length.min(kept.len()));
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
    let write = |words: &[Word<'_>], text: &mut String| write(words, &place, text);
    match care_of::without(words) {
        Some(kept) => CanonicalAddress::of(&place, |text| write(&kept, text)),
        None => CanonicalAddress::of(&place, |text| write(words, text)),
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod same_tests;
