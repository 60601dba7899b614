//! The street line: finds house number, street and unit among the words.
//!
//! Reads from the left once. What is not understood is kept as text of the unit, so that two lines
//! that differ in it stay different. A line without a house number is no property.

use super::SEPARATOR;
use super::highway;
use super::number;
use super::place::Place;
use super::route;
use super::street::{self, Piece, Pieces};
use super::tables::highways::{self, is_lead};
use super::tables::suffixes::is_whole_name;
use super::tables::units::{Class, DESIGNATORS, Sign};
use super::unit::{Street, Units, begins};
use super::words::{Gap, Word};

/// The parts of a street line.
struct Line {
    number: String,
    street: String,
    units: Units,
}

/// Writes number, street and unit of the words of both address lines; `None` when they name no property.
pub(super) fn write(words: &[Word<'_>], place: &Place, text: &mut String) -> Option<()> {
    match number::usual(words) {
        Some(number) => write_usual(number, &words[1..], place, text),
        None => write_any(words, place, text),
    }
}

/// Writes the words behind a usual house number.
fn write_usual(number: &str, words: &[Word<'_>], place: &Place, text: &mut String) -> Option<()> {
    let mut units = Units::default();
    text.push_str(number);
    text.push(SEPARATOR);
    write_street(words, place, &mut units, text)?;
    text.push(SEPARATOR);
    units.write(text);
    Some(())
}

/// Writes the words of any line: what [`write`] writes, without its short way.
pub(super) fn write_any(words: &[Word<'_>], place: &Place, text: &mut String) -> Option<()> {
    let line = read(words, place)?;
    text.push_str(&line.number);
    text.push(SEPARATOR);
    text.push_str(&line.street);
    text.push(SEPARATOR);
    line.units.write(text);
    Some(())
}

fn read(words: &[Word<'_>], place: &Place) -> Option<Line> {
    let mut units = Units::default();
    if let Some((route, used)) = route::read(words) {
        let rest = &words[used..];
        if route.starts_with("PO BOX")
            && let Some((number, street)) = read_street(rest, place, &mut units)
        {
            units.read(&words[..used]);
            return Some(Line {
                number,
                street,
                units,
            });
        }
        units.read(rest);
        return Some(Line {
            number: String::new(),
            street: route,
            units,
        });
    }
    let lead = leading_units(words, &mut units);
    let (number, street) = read_street(&words[lead..], place, &mut units)?;
    Some(Line {
        number,
        street,
        units,
    })
}

/// Reads units before the house number; says how many words they take.
fn leading_units(words: &[Word<'_>], units: &mut Units) -> usize {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let designator = word.meaning.designator();
        let is_mark = word.is("#") || word.is("NO");
        if designator.is_none() && !is_mark && !is_glued_unit(word.text) {
            break;
        }
        let mut lead = Units::default();
        let joined = lead.read_one(&words[at..]);
        // `Unit C 210 Main St`: the letter and the house number are not one identifier.
        let ends = [joined, 2].map(|used| at + used);
        let is_lead = |end: &usize| {
            let next = words.get(*end..).unwrap_or_default();
            number::read(next).is_some()
                || next
                    .first()
                    .is_some_and(|next| next.meaning.designator().is_some())
        };
        let Some(end) = ends.iter().copied().find(is_lead) else {
            // `No. 123 Main St`: the mark belongs to the house number.
            return if is_mark { at + 1 } else { at };
        };
        if end == ends[0] {
            units.read_one(&words[at..]);
        } else {
            units.read(&words[at..end]);
        }
        at = end;
    }
    at
}

fn is_glued_unit(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
    let is_glued = letters < text.len() && letters > 2;
    is_glued
        && DESIGNATORS
            .get(&text[..letters])
            .is_some_and(|word| word.sign == Sign::Strong)
}

/// House number and canonical street; units go to `units`.
fn read_street(words: &[Word<'_>], place: &Place, units: &mut Units) -> Option<(String, String)> {
    let Some((mut house, used)) = number::read(words) else {
        return read_after_text(words, place, units);
    };
    number::without_queens_hyphen(&mut house, place.zip.as_str());
    let mut street = String::with_capacity(32);
    write_street(&words[used..], place, units, &mut street)?;
    Some((house, street))
}

/// Writes the canonical street of the words behind a house number.
fn write_street(
    words: &[Word<'_>],
    place: &Place,
    units: &mut Units,
    street: &mut String,
) -> Option<()> {
    let rest = &words[units_after_number(words, units)..];
    let mut pieces = Pieces::new();
    let end = read_pieces(rest, &place.state, &mut pieces);
    if pieces.is_empty() {
        return None;
    }
    street::write(&pieces, street);
    units.read(&rest[end..]);
    Some(())
}

/// `Sunrise Court, 12 Main St`: the text before the address is kept.
fn read_after_text(
    words: &[Word<'_>],
    place: &Place,
    units: &mut Units,
) -> Option<(String, String)> {
    let is_number = |at: &usize| words[*at].gap.is_break() && number::read(&words[*at..]).is_some();
    let at = (1..words.len()).find(is_number)?;
    units.read(&words[..at]);
    read_street(&words[at..], place, units)
}

/// `12 Apt 5 Main St`, `12 # 5 Main St`, `12 Rear Main St`: units between number and street.
fn units_after_number(words: &[Word<'_>], units: &mut Units) -> usize {
    let Some(first) = words.first() else { return 0 };
    let designator = first.meaning.designator();
    let is_strong = designator
        .is_some_and(|word| word.sign == Sign::Strong && word.class != Class::Urbanization);
    let is_unit = first.is("#") || is_strong || is_glued_unit(first.text);
    if is_unit {
        let mut trial = Units::default();
        let joined = trial.read_one(words);
        let marks = words[1..]
            .iter()
            .take(2)
            .take_while(|word| word.is("#"))
            .count();
        let single = if first.is("#") || !is_glued_unit(first.text) {
            marks + 2
        } else {
            1
        };
        // `# 4 V St`: the letter is the street's. Nothing but a unit: there is no street.
        let mut ends = [joined, single].into_iter();
        let is_all = |end: usize| end == words.len() && words[1..].iter().all(is_identifier);
        if let Some(end) = ends.find(|end| is_before_street(words, *end) || is_all(*end)) {
            units.read(&words[..end]);
            return end;
        }
    }
    if let [_, second, _, ..] = words
        && first.is("REAR")
        && !second.is("ADMIRAL")
        && second.meaning.suffix().is_none()
    {
        units.push(Class::Rear, String::new());
        return 1;
    }
    0
}

/// A number sign, a letter or something with a digit.
fn is_identifier(word: &Word<'_>) -> bool {
    word.is("#") || word.is_letter() || word.text.bytes().any(|b| b.is_ascii_digit())
}

/// The words up to `end` are one identifier, and a street of two words or more follows.
fn is_before_street(words: &[Word<'_>], end: usize) -> bool {
    let (Some(id), Some([first, second, ..])) = (words.get(1..end), words.get(end..)) else {
        return false;
    };
    id.iter()
        .all(|word| is_identifier(word) && !word.gap.is_break())
        && first.gap != Gap::Line
        && second.gap != Gap::Line
        && first.meaning.designator().is_none()
        && first.meaning.suffix().is_none()
}

/// Reads the words of the street; says where the unit begins.
fn read_pieces<'a>(words: &[Word<'a>], state: &str, pieces: &mut Pieces<'a>) -> usize {
    let mut at = 0;
    let mut street = Street::Open;
    let mut position = highways::Place::Start;
    while let Some(word) = words.get(at) {
        if !pieces.is_empty() && word.gap == Gap::Line {
            break;
        }
        if let Some((road, used)) = highway::read(&words[at..], position, state) {
            pieces.push(Piece::Road(road));
            at += used;
            (street, position) = (Street::Complete, highways::Place::Anywhere);
            continue;
        }
        if word.is("#") && pieces.is_empty() {
            break;
        }
        if !pieces.is_empty() && begins(words, at, street) {
            break;
        }
        if word.meaning.directional().is_none() {
            let is_start = position == highways::Place::Start;
            let is_suffix = !is_start && word.meaning.suffix().is_some();
            street = match is_suffix || is_whole_name(word.text) {
                true => Street::Complete,
                false => Street::Open,
            };
            if !is_lead(word.text) {
                position = highways::Place::Anywhere;
            }
        }
        pieces.push(Piece::Word(*word));
        at += 1;
    }
    at
}
