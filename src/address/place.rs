//! City and state: the part of the address that says where the street is.
//!
//! The city stays part of identity, because one ZIP Code can hold two towns. Only spellings of one
//! name are folded (Saint, Fort, Mount, directionals, `Mc` with a space); another name, even of the
//! same place, stays different. Unknown states keep their own text.

use std::borrow::Cow;

use super::SEPARATOR;
use super::tables::meanings;
use super::tables::states::STATES;
use super::tables::suffixes::Suffix;
use super::words::{Folded, Gap, Word};
use super::zip::{Zip5, normalize_zip};

/// Longer texts are no state; the limit keeps the look-up small.
const LONGEST_STATE: usize = 24;

/// The last line of an address, canonical.
pub(super) struct Place {
    pub city: String,
    /// Two letters, or the text as it was folded, when it is no state.
    pub state: Cow<'static, str>,
    pub zip: Zip,
}

/// What the ZIP field says.
pub(super) enum Zip {
    Code(Zip5),
    /// Text that is no ZIP Code, as it was folded; empty when there is none.
    Text(String),
}

impl Zip {
    fn of(text: Option<&str>) -> Self {
        let Some(text) = text else {
            return Self::Text(String::new());
        };
        match normalize_zip(text) {
            Some(code) => Self::Code(code),
            None => Self::Text(plain(&Folded::of(text).words())),
        }
    }

    /// Five digits or the text.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Code(code) => code.as_str(),
            Self::Text(text) => text,
        }
    }

    pub(super) fn is_code(&self) -> bool {
        matches!(self, Self::Code(_))
    }

    /// The ZIP Code, if it is one.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Code(code) => Some(code.as_str()),
            Self::Text(_) => None,
        }
    }
}

impl Place {
    /// Folds what was given; absent parts and placeholders are empty.
    pub(super) fn of(city: &[Word<'_>], state: Option<&str>, zip: Option<&str>) -> Self {
        let state = state.map_or(Cow::Borrowed(""), fold_state);
        let zip = Zip::of(zip);
        let city = without_last_line(city, &state, &zip);
        let city = if is_placeholder(city) {
            String::new()
        } else {
            fold_city(city)
        };
        Self { city, state, zip }
    }

    /// Enough to say where a street is.
    pub(super) fn is_enough(&self) -> bool {
        self.zip.is_code() || (!self.city.is_empty() && !self.state.is_empty())
    }
}

/// Words that stand for nothing.
pub(super) fn is_placeholder(words: &[Word<'_>]) -> bool {
    let is_nothing = |text| {
        matches!(
            text,
            "N/A" | "NA" | "NONE" | "NULL" | "NIL" | "UNKNOWN" | "TBD" | "UNDEFINED" | "#"
        )
    };
    match words {
        [] => true,
        [word] => is_nothing(word.text),
        [first, second] => first.is("NOT") && second.is("AVAILABLE"),
        _ => false,
    }
}

/// The words with one space between them.
pub(super) fn plain(words: &[Word<'_>]) -> String {
    if is_placeholder(words) {
        return String::new();
    }
    let mut text = String::new();
    for word in words {
        push(&mut text, word.text);
    }
    text
}

/// Appends a word to a field, after a space if it is not the first.
pub(super) fn push(text: &mut String, word: &str) {
    if !text.is_empty() && !text.ends_with(SEPARATOR) {
        text.push(' ');
    }
    text.push_str(word);
}

/// The code of the state that these words spell.
#[inline]
pub(super) fn state_code(words: &[Word<'_>]) -> Option<&'static str> {
    match words {
        [word] if word.text.len() <= meanings::LONGEST => word.meaning.state(),
        _ => joined_state_code(words),
    }
}

fn joined_state_code(words: &[Word<'_>]) -> Option<&'static str> {
    let mut compact = [0; LONGEST_STATE];
    let mut length = 0;
    for word in words {
        let end = length + word.text.len();
        compact
            .get_mut(length..end)?
            .copy_from_slice(word.text.as_bytes());
        length = end;
    }
    let compact = std::str::from_utf8(&compact[..length]).ok()?;
    STATES.get(compact).copied()
}

fn fold_state(text: &str) -> Cow<'static, str> {
    if let [first, second] = text.as_bytes() {
        let code = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
        let known = std::str::from_utf8(&code)
            .ok()
            .and_then(|code| Word::new(code, Gap::Space).meaning.state());
        if let Some(code) = known {
            return Cow::Borrowed(code);
        }
    }
    let folded = Folded::of(text);
    let words = folded.words();
    match state_code(&words) {
        Some(code) => Cow::Borrowed(code),
        None => Cow::Owned(plain(&words)),
    }
}

/// One city name in its canonical spelling.
pub(super) fn fold_city(words: &[Word<'_>]) -> String {
    let mut city = String::with_capacity(24);
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let next = words.get(at + 1).filter(|next| !next.gap.is_break());
        at += 1;
        if let Some(next) =
            next.filter(|next| (word.is("MC") || word.is("O")) && next.text.len() > 2)
        {
            push(&mut city, word.text);
            city.push_str(next.text);
            at += 1;
            continue;
        }
        push(&mut city, city_word(word, words.len()));
    }
    city
}

/// One word of a city name that has `count` words.
pub(super) fn city_word<'a>(word: &Word<'a>, count: usize) -> &'a str {
    match word.text {
        "SAINT" => return "ST",
        "SAINTE" => return "STE",
        "TOWNSHIP" => return "TWP",
        _ if count == 1 => return word.text,
        _ => {}
    }
    if let Some(directional) = word.meaning.directional() {
        return directional.short;
    }
    match word.meaning.suffix() {
        Some(Suffix::Any(standard)) => standard,
        _ => word.text,
    }
}

/// Drops what a city field holds too much: ZIP, state and county at its end.
fn without_last_line<'w, 'a>(words: &'w [Word<'a>], state: &str, zip: &Zip) -> &'w [Word<'a>] {
    let mut kept = words;
    if let [rest @ .., last] = kept
        && last.starts_with_digit()
        && zip.code().is_some_and(|zip| is_zip(last.text, zip))
    {
        kept = rest;
    }
    for _ in 0..2 {
        kept = without_state(kept, state).unwrap_or(kept);
    }
    if let Some(last_part) = kept.iter().rposition(|word| word.gap == Gap::Comma)
        && last_part > 0
        && kept
            .last()
            .is_some_and(|last| last.is("COUNTY") || last.is("CNTY"))
    {
        kept = &kept[..last_part];
    }
    kept
}

/// The words before the state, when the words end with it and a name is left.
fn without_state<'w, 'a>(words: &'w [Word<'a>], state: &str) -> Option<&'w [Word<'a>]> {
    if state.is_empty() {
        return None;
    }
    for count in 1..=4.min(words.len().saturating_sub(1)) {
        let (rest, last) = words.split_at(words.len() - count);
        let is_letters = last.iter().all(|word| word.text.len() <= 2);
        if (is_letters || last[0].gap.is_break()) && state_code(last) == Some(state) {
            return Some(rest);
        }
    }
    None
}

/// The text is this ZIP Code, with or without four more digits.
pub(super) fn is_zip(text: &str, zip: &str) -> bool {
    let Some(rest) = text.strip_prefix(zip) else {
        return false;
    };
    let plus4 = rest.strip_prefix('-').unwrap_or(rest);
    plus4.is_empty() || (plus4.len() == 4 && plus4.bytes().all(|b| b.is_ascii_digit()))
}
