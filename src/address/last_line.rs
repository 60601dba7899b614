//! Drops city, state, ZIP and country that a writer repeated at the end of a street line.
//!
//! Only words that say the same as the city, state and ZIP fields go; a line that ends with another
//! town or ZIP keeps it. A state code that is also a street word (`Elm Ct` in Connecticut) goes only
//! where it cannot be one, and never does so much go that no street is left.

use super::place::{Place, city_word, fold_city, is_zip, state_code};
use super::words::{Gap, Word};

/// How often a last line may be repeated.
const REPEATS: usize = 3;

/// The words without the last lines at their end.
pub(super) fn without<'w, 'a>(words: &'w [Word<'a>], place: &Place) -> &'w [Word<'a>] {
    let mut kept = words;
    for _ in 0..REPEATS {
        let rest = without_one(kept, place);
        if rest.len() == kept.len() {
            break;
        }
        kept = rest;
    }
    kept
}

fn without_one<'w, 'a>(words: &'w [Word<'a>], place: &Place) -> &'w [Word<'a>] {
    let mut kept = without_country(words);
    let had_country = kept.len() < words.len();
    let mut had_zip = false;
    if let [rest @ .., last] = kept
        && last.starts_with_digit()
        && rest.len() >= 2
        && let Some(zip) = place.zip.code()
        && is_zip(last.text, zip)
    {
        kept = rest;
        had_zip = true;
        if let [rest @ .., last] = kept
            && last.is("ZIP")
        {
            kept = rest;
        }
    }
    if let Some(rest) = without_state(kept, place, had_zip) {
        return without_city(rest, place, Before::State).unwrap_or(rest);
    }
    if let Some(rest) = without_city(kept, place, Before::End)
        && (had_zip || kept[rest.len()].gap.is_break() || ends_street(rest))
    {
        return rest;
    }
    if had_zip || (had_country && kept.len() >= 2) {
        kept
    } else {
        words
    }
}

fn without_country<'w, 'a>(words: &'w [Word<'a>]) -> &'w [Word<'a>] {
    match words {
        [rest @ .., last] if last.is("USA") => rest,
        [rest @ .., last] if last.is("US") && last.gap == Gap::Comma => rest,
        [rest @ .., first, last] if first.is("UNITED") && last.is("STATES") => rest,
        [rest @ .., first, second, third, fourth]
            if first.is("UNITED")
                && second.is("STATES")
                && third.is("OF")
                && fourth.is("AMERICA") =>
        {
            rest
        }
        _ => words,
    }
}

fn without_state<'w, 'a>(
    words: &'w [Word<'a>],
    place: &Place,
    had_zip: bool,
) -> Option<&'w [Word<'a>]> {
    if place.state.is_empty() {
        return None;
    }
    for count in 1..=4.min(words.len().saturating_sub(2)) {
        let (rest, last) = words.split_at(words.len() - count);
        // Names of several words start like their code; the check saves most look-ups.
        let is_near = count == 1 || last[0].text.as_bytes()[0] == place.state.as_bytes()[0];
        if !is_near || state_code(last) != Some(place.state.as_ref()) {
            continue;
        }
        let is_after_city = without_city(rest, place, Before::State).is_some();
        let is_apart = last[0].gap.is_break() && ends_street(rest);
        let is_sure = had_zip && !is_street_word(last) && ends_street(rest);
        return (is_after_city || is_apart || is_sure).then_some(rest);
    }
    None
}

/// The state code could be a suffix, a directional or a floor.
fn is_street_word(words: &[Word<'_>]) -> bool {
    let [word] = words else { return false };
    let meaning = word.meaning;
    meaning.suffix().is_some() || meaning.directional().is_some() || meaning.designator().is_some()
}

/// What stood behind the city.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    State,
    End,
}

/// The words before the city, when the words end with it and a street is left.
fn without_city<'w, 'a>(
    words: &'w [Word<'a>],
    place: &Place,
    before: Before,
) -> Option<&'w [Word<'a>]> {
    let last = words.last()?;
    if !ends_with_word(&place.city, last) {
        return None;
    }
    let count = 1 + place.city.bytes().filter(|b| *b == b' ').count();
    for count in count..=count + 2 {
        let at = words.len().checked_sub(count).filter(|rest| *rest >= 2)?;
        let (rest, city) = words.split_at(at);
        if fold_city(city) == place.city {
            let is_apart = city[0].gap.is_break();
            // `Main St North Salem` may be North Salem, unless the state says that the city ends here.
            let is_directed = before == Before::State
                && rest.split_last().is_some_and(|(last, street)| {
                    last.meaning.directional().is_some() && ends_street(street)
                });
            return (is_apart || is_directed || ends_street(rest)).then_some(rest);
        }
    }
    None
}

/// The city ends with this word in one of its spellings; true for few lines.
fn ends_with_word(city: &str, word: &Word<'_>) -> bool {
    // The last letters differ for most.
    let ends_with =
        |word: &str| city.as_bytes().last() == word.as_bytes().last() && city.ends_with(word);
    !city.is_empty() && (ends_with(word.text) || ends_with(city_word(word, 2)))
}

/// The words end like a street line: with a suffix after a name, or with a unit.
fn ends_street(words: &[Word<'_>]) -> bool {
    let [first, .., last] = words else {
        return false;
    };
    if words.len() >= 3 && last.meaning.suffix().is_some() {
        return true;
    }
    let is_numbered = last.starts_with_digit() || last.is_letter();
    first.starts_with_digit()
        && words.len() >= 3
        && is_numbered
        && last.meaning.directional().is_none()
}
