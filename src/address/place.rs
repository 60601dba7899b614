//! City and state: the part of the address that says where the street is.
//!
//! The city stays part of identity, because one ZIP Code can hold two towns. Only spellings of one
//! name are folded (Saint, Fort, Mount, directionals, `Mc` with a space); another name, even of the
//! same place, stays different. Unknown states keep their own text.

use super::tables::directionals::DIRECTIONALS;
use super::tables::states::STATES;
use super::tables::suffixes::{SUFFIXES, Suffix};
use super::words::{Folded, Gap, Word};
use super::zip::{Zip5, normalize_zip};

/// Longer texts are no state; the limit keeps the look-up small.
const LONGEST_STATE: usize = 24;

/// The last line of an address, canonical.
pub(super) struct Place {
    pub city: String,
    pub state: String,
    /// Five digits, or the text as it was folded, when it is no ZIP Code.
    pub zip: String,
    pub has_zip: bool,
}

impl Place {
    /// Folds what was given; absent parts and placeholders are empty.
    pub(super) fn of(city: Option<&str>, state: Option<&str>, zip: Option<&str>) -> Self {
        let state = state.map_or_else(String::new, fold_state);
        let zip5 = zip.and_then(normalize_zip);
        let zip = match (&zip5, zip) {
            (Some(zip5), _) => zip5.as_str().to_owned(),
            (None, Some(text)) => plain(&Folded::of(text).words()),
            (None, None) => String::new(),
        };
        let city = city.map_or_else(String::new, |city| {
            let folded = Folded::of(city);
            let words = folded.words();
            let kept = without_last_line(&words, &state, zip5.as_ref());
            if is_placeholder(kept) {
                String::new()
            } else {
                fold_city(kept)
            }
        });
        Self {
            city,
            state,
            zip,
            has_zip: zip5.is_some(),
        }
    }

    /// Enough to say where a street is.
    pub(super) fn is_enough(&self) -> bool {
        self.has_zip || (!self.city.is_empty() && !self.state.is_empty())
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

/// Appends a word after a space.
pub(super) fn push(text: &mut String, word: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(word);
}

/// The code of the state that these words spell.
pub(super) fn state_code(words: &[Word<'_>]) -> Option<&'static str> {
    if let [word] = words {
        return STATES.get(word.text).copied();
    }
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

fn fold_state(text: &str) -> String {
    if let [first, second] = text.as_bytes() {
        let code = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
        let known = std::str::from_utf8(&code)
            .ok()
            .and_then(|code| STATES.get(code));
        if let Some(code) = known {
            return (*code).to_owned();
        }
    }
    let folded = Folded::of(text);
    let words = folded.words();
    match state_code(&words) {
        Some(code) => code.to_owned(),
        None => plain(&words),
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
        push(&mut city, city_word(word.text, words.len()));
    }
    city
}

fn city_word(word: &str, count: usize) -> &str {
    match word {
        "SAINT" => return "ST",
        "SAINTE" => return "STE",
        "TOWNSHIP" => return "TWP",
        _ if count == 1 => return word,
        _ => {}
    }
    if let Some(directional) = DIRECTIONALS.get(word) {
        return directional.short;
    }
    match SUFFIXES.get(word) {
        Some(Suffix::Any(standard)) => standard,
        _ => word,
    }
}

/// Drops what a city field holds too much: ZIP, state and county at its end.
fn without_last_line<'w, 'a>(
    words: &'w [Word<'a>],
    state: &str,
    zip: Option<&Zip5>,
) -> &'w [Word<'a>] {
    let mut kept = words;
    if let [rest @ .., last] = kept
        && zip.is_some_and(|zip| is_zip(last.text, zip.as_str()))
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
