//! Units: which door inside the property.
//!
//! Apartment, unit, suite and `#` are one kind; buildings, floors, lots and the like are kinds of
//! their own. Text that is no unit is kept as it is, because it may tell two doors apart.

use super::ordinal;
use super::place::push;
use super::route;
use super::tables::units::{Class, DESIGNATORS, Designator, Sign};
use super::words::{Gap, Word};

/// More parts than this are no unit of this world; they keep their order and repetitions.
const MANY: usize = 8;

/// An identifier is written in fewer words than this; keeps a look ahead short.
const LONGEST_ID: usize = 6;

/// One part: `BLDG 3`.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    class: Class,
    id: String,
}

/// All parts of one address.
#[derive(Debug, Default)]
pub(super) struct Units(Vec<Part>);

impl Units {
    /// Reads every word as units or as text to keep.
    pub(super) fn read(&mut self, words: &[Word<'_>]) {
        let mut at = 0;
        while at < words.len() {
            at += self.read_one(&words[at..]);
        }
    }

    /// Keeps text that is not understood.
    pub(super) fn keep(&mut self, words: &[Word<'_>]) {
        let mut id = String::new();
        words.iter().for_each(|word| push(&mut id, word.text));
        self.push(Class::Other, id);
    }

    pub(super) fn push(&mut self, class: Class, id: String) {
        let is_said = |part: &Part| part.class.label() == class.label() && part.id == id;
        if self.0.len() >= MANY || !self.0.iter().any(is_said) {
            self.0.push(Part { class, id });
        }
    }

    /// Writes the canonical text: parts in the order of their classes.
    pub(super) fn write(mut self, text: &mut String) {
        if self.0.len() <= MANY {
            self.0.sort_by_key(|part| part.class);
        }
        let start = text.len();
        for part in &self.0 {
            if text.len() > start {
                text.push(';');
            }
            text.push_str(part.class.label());
            if !part.class.label().is_empty() && !part.id.is_empty() {
                text.push(' ');
            }
            text.push_str(&part.id);
        }
    }

    /// Reads one part at the start of the words; says how many words it took, at least one.
    pub(super) fn read_one(&mut self, words: &[Word<'_>]) -> usize {
        if let Some((post_box, used)) = route::post_box(words) {
            self.push(Class::PoBox, post_box);
            return used;
        }
        if let Some((floor, used)) = ordinal_floor(words) {
            self.push(Class::Floor, floor);
            return used;
        }
        let Some((designator, glued)) = designator(&words[0]) else {
            return self.read_bare(words);
        };
        if let Some(id) = glued {
            self.push(designator.class, plain_id(id));
            return 1;
        }
        let marks = words[1..]
            .iter()
            .take(3)
            .take_while(|word| is_number_mark(word))
            .count();
        let at = 1 + marks;
        if designator.class == Class::Urbanization {
            return self.read_urbanization(words);
        }
        let next = words
            .get(at)
            .filter(|word| !starts(word) && word.gap != Gap::Comma);
        // `Apt PH3`: the word says nothing that `PH3` doesn't.
        if designator.class == Class::Plain && next.is_some_and(is_glued) {
            return at;
        }
        let is_alone = matches!(designator.sign, Sign::Alone | Sign::AloneWeak);
        match next {
            Some(next) if !is_alone || (has_id_form(next.text) && !next.gap.is_break()) => {
                let (id, used) = read_id(&words[at..]);
                self.push(designator.class, floor_id(designator.class, id));
                at + used
            }
            _ if is_alone => self.read_alone(designator.class, words, at),
            // `Apt Rear`: the designator says nothing that the next one doesn't.
            Some(_) | None if at < words.len() && designator.class == Class::Plain => at,
            _ => {
                self.keep(&words[..1]);
                at
            }
        }
    }

    /// `Rear`, `Basement Apt`: a place that needs no identifier, up to the word `at`.
    fn read_alone(&mut self, class: Class, words: &[Word<'_>], at: usize) -> usize {
        self.push(class, String::new());
        let trailing = words.get(at).and_then(|word| word.meaning.designator());
        let is_empty = trailing.is_some_and(|word| word.class == Class::Plain);
        at + usize::from(is_empty && words.len() == at + 1)
    }

    /// `Urb Las Gladiolas`: the name runs to a break, a number or another designator.
    fn read_urbanization(&mut self, words: &[Word<'_>]) -> usize {
        let name = &words[1..];
        let end = name
            .iter()
            .position(|word| word.gap.is_break() || starts(word) || has_id_form(word.text));
        let name = &name[..end.unwrap_or(name.len())];
        let mut id = String::new();
        name.iter().for_each(|word| push(&mut id, word.text));
        self.push(Class::Urbanization, id);
        1 + name.len()
    }

    fn read_bare(&mut self, words: &[Word<'_>]) -> usize {
        if is_number_mark(&words[0]) {
            match words.get(1) {
                Some(next) if !starts(next) && !is_glued(next) => {
                    let (id, used) = read_id(&words[1..]);
                    self.push(Class::Plain, id);
                    return 1 + used;
                }
                _ => return 1,
            }
        }
        let is_letters = words[0].is_letter()
            && words
                .get(1)
                .is_none_or(|next| next.gap == Gap::Hyphen && next.is_letter());
        let is_joined = words[0].text.len() <= 2
            && words
                .get(1)
                .is_some_and(|next| next.gap == Gap::Hyphen && has_id_form(next.text));
        if has_id_form(words[0].text) || is_letters || is_joined {
            let (id, used) = read_id(words);
            self.push(Class::Plain, id);
            return used;
        }
        let ends = |word: &Word<'_>| word.gap.is_break() || starts(word);
        let end = words[1..]
            .iter()
            .position(ends)
            .map_or(words.len(), |end| end + 1);
        self.keep(&words[..end]);
        end
    }
}

/// What was read of the street.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Street {
    /// It must go on: no word yet, or no suffix after the name.
    Open,
    /// It could end here: a suffix after a name, or a numbered road.
    Complete,
}

/// Whether the words at `at` (after at least one street word) begin the unit.
pub(super) fn begins(words: &[Word<'_>], at: usize, street: Street) -> bool {
    let is_street_complete = street == Street::Complete;
    let word = &words[at];
    let rest = &words[at..];
    if word.gap == Gap::Line || word.is("#") || route::post_box(rest).is_some() {
        return true;
    }
    if is_street_complete && ordinal_floor(rest).is_some() {
        return true;
    }
    let is_apart = is_street_complete || word.gap.is_break();
    if let Some((designator, glued)) = designator(word) {
        if glued.is_some() {
            return is_apart || designator.sign == Sign::Strong;
        }
        let next = rest[1..].iter().take(3).find(|word| !is_number_mark(word));
        if (is_apart && designates_apart(designator.sign, next))
            || designates_within(designator.sign, next)
        {
            return true;
        }
    }
    if word.gap.is_break() && is_street_complete {
        let is_directional = word.meaning.directional().is_some();
        return !(is_directional
            && rest
                .get(1)
                .is_none_or(|next| next.gap.is_break() || starts(next)));
    }
    is_apart && is_bare_id(rest)
}

/// A designator after a complete street or a break; `next` is the word it would name.
fn designates_apart(sign: Sign, next: Option<&Word<'_>>) -> bool {
    let has_id = next.is_some_and(|next| has_id_form(next.text));
    match sign {
        Sign::Strong => true,
        Sign::Weak => has_id || next.is_some_and(Word::is_letter),
        Sign::Alone => is_over(next) || is_id(next),
        Sign::AloneWeak => is_over(next) || has_id,
    }
}

/// A designator in the middle of what may still be the street.
fn designates_within(sign: Sign, next: Option<&Word<'_>>) -> bool {
    match sign {
        Sign::Strong => is_id(next) || (is_over(next) && next.is_some()),
        Sign::Alone => is_over(next),
        Sign::Weak | Sign::AloneWeak => false,
    }
}

fn is_id(next: Option<&Word<'_>>) -> bool {
    next.is_some_and(|next| {
        has_id_form(next.text) || (next.text.len() <= 3 && next.meaning.suffix().is_none())
    })
}

fn is_over(next: Option<&Word<'_>>) -> bool {
    next.is_none_or(|next| next.gap.is_break() || starts(next))
}

/// `5`, `5B`, `5 B`, `B 5`, `B`: an identifier up to the end or a break. A lone directional letter
/// is a directional, an ordinal a name.
fn is_bare_id(words: &[Word<'_>]) -> bool {
    let first = &words[0];
    let is_directional = first.meaning.directional().is_some();
    let is_start = has_id_form(first.text) || (first.is_letter() && !is_directional);
    if !is_start || ordinal::of_digits(first.text).is_some() {
        return false;
    }
    let (_, used) = read_id(words);
    words
        .get(used)
        .is_none_or(|next| next.gap.is_break() || starts(next))
}

/// The word begins a unit part.
fn starts(word: &Word<'_>) -> bool {
    word.is("#") || word.meaning.designator().is_some()
}

/// `#`, `No`: a mark before a number.
fn is_number_mark(word: &Word<'_>) -> bool {
    word.is("#") || word.is("NO")
}

/// The designator that the word is, or is glued to (`APT5`), then with the identifier.
fn designator<'a>(word: &Word<'a>) -> Option<(Designator, Option<&'a str>)> {
    if word.is_letters() {
        return word
            .meaning
            .designator()
            .map(|designator| (designator, None));
    }
    let word = word.text;
    let letters = word.bytes().take_while(u8::is_ascii_uppercase).count();
    if letters < 2 || letters == word.len() || !word.as_bytes()[letters].is_ascii_digit() {
        return None;
    }
    let (head, id) = word.split_at(letters);
    DESIGNATORS
        .get(head)
        .map(|designator| (*designator, Some(id)))
}

/// `PH3`, `LOT5`.
fn is_glued(word: &Word<'_>) -> bool {
    designator(word).is_some_and(|(_, id)| id.is_some())
}

/// `2nd Floor`, `Second Fl`, `2 Floor`, `Ground Floor`.
fn ordinal_floor(words: &[Word<'_>]) -> Option<(String, usize)> {
    let is_floor = |at: usize| {
        let word = words.get(at).filter(|word| !word.gap.is_break());
        word.and_then(|word| word.meaning.designator())
            .is_some_and(|word| word.class == Class::Floor)
    };
    let first = words[0].text;
    if is_floor(1) {
        let after = words
            .get(2)
            .is_none_or(|word| word.gap.is_break() || starts(word));
        if let Some(number) = ordinal::of_digits(first) {
            return Some((number.to_owned(), 2));
        }
        if matches!(first, "GROUND" | "TOP") || (words[0].is_digits() && after) {
            return Some((plain_id(first), 2));
        }
    }
    if !ordinal::may_start(&words[0]) {
        return None;
    }
    let (number, used) = ordinal::of_words(words.iter().take(3).copied())?;
    is_floor(used).then(|| (number.to_string(), used + 1))
}

fn floor_id(class: Class, id: String) -> String {
    if class != Class::Floor {
        return id;
    }
    if let Some(number) = ordinal::of_digits(&id) {
        return number.to_owned();
    }
    match ordinal::of_words(std::iter::once(Word::new(&id, Gap::Space))) {
        Some((number, _)) => number.to_string(),
        None => id,
    }
}

/// Looks like an identifier: it has a digit.
fn has_id_form(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
}

/// The identifier at the start of the words and how many it takes: joins `5 B`, `B 5`, `5 - B`; a
/// name (`Garden Level`) runs to the next break or designator.
fn read_id(words: &[Word<'_>]) -> (String, usize) {
    let first = &words[0];
    let is_short = has_id_form(first.text) || first.text.len() <= 2;
    let ends = |word: &Word<'_>| {
        starts(word) || word.gap.is_break() && !(is_short && word.gap == Gap::Dash)
    };
    let mut id = String::from(first.text);
    let mut used = 1;
    while let Some(word) = words.get(used).filter(|word| !ends(word)) {
        let is_tight = matches!(word.gap, Gap::Hyphen | Gap::Dash);
        if !is_short {
            id.push(if word.gap == Gap::Hyphen { '-' } else { ' ' });
        } else if is_tight && used < LONGEST_ID {
            id.push('-');
        } else if used >= LONGEST_ID || !joins(&id, word) {
            break;
        }
        id.push_str(word.text);
        used += 1;
    }
    (plain_id(&id), used)
}

/// Digits then one letter, or at most two letters then digits: one identifier written apart.
fn joins(id: &str, next: &Word<'_>) -> bool {
    let is_letters = |text: &str| text.len() <= 2 && text.bytes().all(|b| b.is_ascii_uppercase());
    let is_number = id.bytes().all(|b| b.is_ascii_digit());
    (is_number && next.is_letter()) || (is_letters(id) && next.starts_with_digit())
}

/// Drops leading zeros of every number and hyphens between a letter and a digit.
fn plain_id(id: &str) -> String {
    let bytes = id.as_bytes();
    let mut plain = String::with_capacity(id.len());
    let mut last = ' ';
    for (at, c) in id.char_indices() {
        let next = bytes.get(at + 1).copied().unwrap_or(b' ');
        let is_joint = c == '-'
            && (last.is_ascii_digit() && next.is_ascii_alphabetic()
                || last.is_ascii_alphabetic() && next.is_ascii_digit());
        let is_padding = c == '0' && next.is_ascii_digit() && !last.is_ascii_digit() && last != '.';
        if !is_joint && !is_padding {
            plain.push(c);
            last = c;
        } else if is_joint {
            last = '-';
        }
    }
    plain
}
