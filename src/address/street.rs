//! The street name: directionals, suffix, ordinals, Saint, to one spelling.
//!
//! Position decides what a word is. A directional that is the whole name stays as it was written
//! (`North Ave`, `N Ave`, `Avenue N`), and no name is ever made longer.

use smallvec::SmallVec;

use super::ordinal;
use super::place::push;
use super::tables::directionals::{Directional, joined};
use super::tables::highways::qualifier;
use super::tables::meanings::Meaning;
use super::tables::suffixes::Suffix;
use super::words::{Gap, Word};

/// One part of the street.
pub(super) enum Piece<'a> {
    Word(Word<'a>),
    /// A numbered road that is canonical already.
    Road(String),
}

/// The parts of a street, with room for those of most.
pub(super) type Pieces<'a> = SmallVec<[Piece<'a>; 8]>;

impl Piece<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Word(word) => word.text,
            Self::Road(road) => road,
        }
    }

    fn is_road(&self) -> bool {
        matches!(self, Self::Road(_))
    }

    fn word(&self) -> Word<'_> {
        match self {
            Self::Word(word) => *word,
            Self::Road(road) => Word::new(road, Gap::Space),
        }
    }

    fn meaning(&self) -> Meaning {
        match self {
            Self::Word(word) => word.meaning,
            Self::Road(_) => Meaning::NONE,
        }
    }

    fn directional(&self) -> Option<Directional> {
        self.meaning().directional()
    }

    fn suffix(&self) -> Option<Suffix> {
        self.meaning().suffix()
    }

    fn is_letter(&self) -> bool {
        matches!(self.text().as_bytes(), [b'A'..=b'Z'])
    }
}

/// Writes the canonical street.
pub(super) fn write(pieces: &[Piece<'_>], street: &mut String) {
    let (before, rest) = leading_directional(pieces);
    let (name, after) = trailing_directional(rest);
    if let Some(before) = before {
        push(street, before);
    }
    Name {
        pieces: name,
        has_road: pieces.iter().any(|piece| piece.is_road()),
    }
    .write(street);
    if let Some(after) = after {
        push(street, after);
    }
}

/// The words hold a name, not only a suffix or a directional.
fn has_name(pieces: &[Piece<'_>]) -> bool {
    match pieces {
        [] => false,
        [only] => only.directional().is_none() && !is_road_word(only),
        [first, rest @ ..] => {
            // `ST NE`, `AVE`: a suffix first is a name only when a word that is one follows.
            let is_bare =
                is_road_word(first) && rest.iter().all(|piece| piece.directional().is_some());
            !is_bare
        }
    }
}

fn is_road_word(piece: &Piece<'_>) -> bool {
    piece.meaning().is_plain_road()
}

fn leading_directional<'p, 'a>(pieces: &'p [Piece<'a>]) -> (Option<&'static str>, &'p [Piece<'a>]) {
    let Some((first, rest)) = pieces.split_first() else {
        return (None, pieces);
    };
    let Some(directional) = first.directional() else {
        let is_short = matches!(first.text(), "SO" | "NO") && rest.len() >= 2;
        let short = if first.text() == "SO" { "S" } else { "N" };
        return if is_short && !first.is_road() {
            (Some(short), rest)
        } else {
            (None, pieces)
        };
    };
    if let Some((second, after)) = rest.split_first()
        && let Some(other) = second.directional()
        && other.spelled == directional.spelled
        && let Some(both) = joined(directional.short, other.short)
        && has_name(after)
    {
        return (Some(both), after);
    }
    if has_name(rest) {
        return (Some(directional.short), rest);
    }
    // `N West St`, `N E St`: the second directional is the name.
    if let [second, third, ..] = rest
        && second.directional().is_some()
        && is_road_word(third)
    {
        return (Some(directional.short), rest);
    }
    (None, pieces)
}

fn trailing_directional<'p, 'a>(
    pieces: &'p [Piece<'a>],
) -> (&'p [Piece<'a>], Option<&'static str>) {
    let Some((last, rest)) = pieces.split_last() else {
        return (pieces, None);
    };
    let Some(directional) = last.directional() else {
        return (pieces, None);
    };
    // A type alone before it makes the directional the name: `Avenue N`.
    let is_name = match rest {
        [] => true,
        [only] => is_road_word(only) || only.directional().is_some(),
        _ => false,
    };
    if is_name {
        return (pieces, None);
    }
    if let Some((second, before)) = rest.split_last()
        && let Some(other) = second.directional()
        && other.spelled == directional.spelled
        && before.len() >= 2
        && let Some(both) = joined(other.short, directional.short)
    {
        return (before, Some(both));
    }
    (rest, Some(directional.short))
}

/// The words between the directionals: the name and its suffix.
struct Name<'p, 'a> {
    pieces: &'p [Piece<'a>],
    has_road: bool,
}

impl Name<'_, '_> {
    fn write(&self, street: &mut String) {
        let mut at = 0;
        while at < self.pieces.len() {
            at += self.write_one(at, street);
        }
    }

    /// Writes the word at this place, with those that belong to it; says how many.
    fn write_one(&self, at: usize, street: &mut String) -> usize {
        let piece = &self.pieces[at];
        let text = piece.text();
        let is_last = at + 1 == self.pieces.len();
        if piece.is_road() {
            push(street, text);
            return 1;
        }
        if text.as_bytes()[0].is_ascii_digit() {
            return self.write_number(at, street);
        }
        if let Some(used) = self.write_number_words(at, street) {
            return used;
        }
        if let Some(used) = self.write_joined(at, street) {
            return used;
        }
        if let Some(suffix) = piece.suffix() {
            push(street, self.suffix_word(at, suffix));
            return 1;
        }
        let word = match text {
            "SAINT" if at == 0 && !is_last => "SAINT",
            // Later in a name `St` may be either, so Saint and Street are one there.
            "SAINT" => "ST",
            "SAINTE" => "STE",
            "DOCTOR" if !is_last => "DOCTOR",
            "AVENIDA" | "AVDA" if at == 0 && !is_last => "AVE",
            _ if self.has_road => qualifier(text).unwrap_or(text),
            _ => text,
        };
        let is_whole_name =
            is_last && at == 0 || self.pieces.len() == 2 && self.is_type(1 - at.min(1));
        match piece.directional() {
            Some(directional) if !is_whole_name => push(street, directional.short),
            _ => push(street, word),
        }
        1
    }

    fn is_type(&self, at: usize) -> bool {
        self.pieces.get(at).is_some_and(is_road_word)
    }

    fn suffix_word(&self, at: usize, suffix: Suffix) -> &str {
        let text = self.pieces[at].text();
        let next = self.pieces.get(at + 1);
        let is_last = next.is_none();
        // `St` and `Dr` at the start of a name are Saint and Doctor, but `St Rd` is Street Road.
        let is_title = at == 0 && next.is_some();
        match (text, suffix.standard()) {
            ("ST", _) if is_title && !self.is_type(at + 1) => return "SAINT",
            (_, "ST") if is_title => return "STREET",
            ("DR", _) if is_title => return "DOCTOR",
            (_, "DR") if is_title => return "DRIVE",
            _ => {}
        }
        match (text, suffix) {
            ("ST" | "DR" | "AV" | "RT", suffix) => suffix.standard(),
            (_, Suffix::Last(standard)) if is_last && at > 0 => standard,
            (_, Suffix::Any(standard)) => standard,
            _ => text,
        }
    }

    /// `7TH`, `7 TH` and `7` are one name. `21 ST CT` stays: it may be 21st Street Court.
    fn write_number(&self, at: usize, street: &mut String) -> usize {
        let text = self.pieces[at].text();
        if let Some(number) = ordinal::of_digits(text) {
            push(street, number);
            return 1;
        }
        let is_digits = text.bytes().all(|b| b.is_ascii_digit());
        let ending = self.pieces.get(at + 1).filter(|_| is_digits);
        let is_ordinal = ending.is_some_and(|ending| match ending.text() {
            "ST" => false,
            "RD" => ordinal::fits(text, "RD") && self.is_type(at + 2),
            ending => ordinal::fits(text, ending),
        });
        if is_ordinal {
            push(street, text.trim_start_matches('0'));
            return 2;
        }
        push(street, text);
        1
    }

    fn write_number_words(&self, at: usize, street: &mut String) -> Option<usize> {
        if !ordinal::may_start(&self.pieces[at].word()) {
            return None;
        }
        let words = self.pieces[at..].iter().take(6).map(Piece::word);
        if let Some((number, used)) = ordinal::of_words(words) {
            push(street, &number.to_string());
            return Some(used);
        }
        let is_mile = self
            .pieces
            .get(at + 1)
            .is_some_and(|next| next.text() == "MILE");
        let number = ordinal::cardinal(&self.pieces[at].word()).filter(|_| is_mile)?;
        push(street, &number.to_string());
        Some(1)
    }

    /// `Mc Donald`, `O Brien`: the particle belongs to the name.
    fn write_joined(&self, at: usize, street: &mut String) -> Option<usize> {
        let text = self.pieces[at].text();
        if !matches!(text, "MC" | "O") {
            return None;
        }
        let next = self.pieces.get(at + 1).filter(|next| {
            let is_word =
                next.text().bytes().all(|b| b.is_ascii_uppercase()) && next.text().len() > 2;
            is_word && !next.is_road() && !next.is_letter() && next.directional().is_none()
        })?;
        if text == "O" && next.suffix().is_some() {
            return None;
        }
        push(street, text);
        street.push_str(next.text());
        Some(2)
    }
}
