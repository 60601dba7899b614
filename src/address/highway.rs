//! Numbered roads in all their spellings, to one word for the system and the number.
//!
//! Letters, ALT, BUS and OLD are part of the name and stay. A state's own name or code stands for
//! its state system only inside that state.

use super::place::state_code;
use super::tables::highways::{Place, System};
use super::words::Word;

/// The road at the start of the words in canonical spelling, and how many words it takes.
pub(super) fn read(words: &[Word<'_>], place: Place, state: &str) -> Option<(String, usize)> {
    let first = words.first()?;
    if !first.is_letters()
        && let Some(road) = read_glued(first.text, place, state)
    {
        return Some((road, 1));
    }
    for spelling in first.meaning.road_spellings() {
        let fits = (spelling.place == Place::Anywhere || place == Place::Start)
            && spelling.only_in.is_none_or(|only| only == state)
            && starts_with(words, spelling.words);
        if fits
            && let Some(road) =
                numbered(spelling.system, words, spelling.words.len(), (place, state))
        {
            return Some(road);
        }
    }
    read_state_named(words, place, state)
}

/// The words start with those of a spelling, all in one part, and more follow.
fn starts_with(words: &[Word<'_>], spelling: &[&str]) -> bool {
    let Some(([first, rest @ ..], [_, ..])) = words.split_at_checked(spelling.len()) else {
        return false;
    };
    road_word(first) == spelling[0]
        && rest
            .iter()
            .zip(&spelling[1..])
            .all(|(given, word)| !given.gap.is_break() && road_word(given) == *word)
}

/// `HWY`, `RTE` and `RD` for all their spellings.
fn road_word<'a>(word: &Word<'a>) -> &'a str {
    word.meaning.road_type().unwrap_or(word.text)
}

/// The road with the number that stands `at` this word.
fn numbered(
    system: System,
    words: &[Word<'_>],
    at: usize,
    site: (Place, &str),
) -> Option<(String, usize)> {
    let mut at = at;
    let is_mark = |word: &Word<'_>| (word.is("#") || word.is("NO")) && !word.gap.is_break();
    // `Glenn Hwy #8` is a unit, `State Hwy #8` a road; `State Rd #8` may be either: a unit then.
    let is_name = at == 2 && words[0].is("STATE") && road_word(&words[1]) == "RD";
    let has_mark = system.takes_number_sign() && words.get(at).is_some_and(is_mark) && !is_name;
    let has_mark = has_mark && (at > 1 || site.0 == Place::Start);
    at += usize::from(has_mark);
    let number = words.get(at).filter(|word| !word.gap.is_break())?;
    let is_lettered = matches!(system, System::County | System::CountyHighway)
        || (system == System::State && at > 1);
    let is_letters = is_lettered
        && !has_mark
        && (!is_direction(number.text) || matches!(site.1, "WI" | "MO"))
        && number.text.len() <= 2
        && number.text.bytes().all(|b| b.is_ascii_uppercase())
        && (number.text.len() == 1 || number.text.as_bytes()[0] == number.text.as_bytes()[1]);
    let is_grid = system == System::County && is_grid_number(number.text);
    if !is_road_number(number.text) && !is_letters && !is_grid {
        return None;
    }
    // Lettered county highways and roads are one system (Wisconsin).
    let is_county = is_letters && system == System::CountyHighway;
    let system = if is_county { System::County } else { system };
    Some((spelled(system, number.text), at + 1))
}

/// `Old County Rd N` is a directional but where roads are named by letters.
fn is_direction(text: &str) -> bool {
    matches!(text, "N" | "S" | "E" | "W")
}

fn spelled(system: System, number: &str) -> String {
    format!("{} {}", system.label(), number.trim_start_matches('0'))
}

/// Digits and at most two letters, `5A`, `5-A`, `1/9`; no ordinal.
fn is_road_number(text: &str) -> bool {
    let letters = text
        .bytes()
        .rev()
        .take_while(u8::is_ascii_alphabetic)
        .count();
    let ending = &text[text.len() - letters..];
    text.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && letters <= 2
        && !matches!(ending, "ST" | "ND" | "RD" | "TH")
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/'))
}

/// `B26A`, `N1044`: county roads numbered by a grid.
fn is_grid_number(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_uppercase())
        && bytes.next().is_some_and(|b| b.is_ascii_digit())
        && bytes.all(|b| b.is_ascii_alphanumeric())
}

/// `US50`, `I-35`, `SR9`, and the code of this state (`NC54`).
fn read_glued(text: &str, place: Place, state: &str) -> Option<String> {
    let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
    if letters == 0 || letters == text.len() || letters > 5 {
        return None;
    }
    let (head, tail) = text.split_at(letters);
    let number = tail.strip_prefix('-').unwrap_or(tail);
    let system = match head {
        "I" | "IH" if place == Place::Start => System::Interstate,
        "US" => System::Us,
        "HWY" => System::Highway,
        "SR" | "SH" if place == Place::Start => System::State,
        "CR" if place == Place::Start => System::County,
        "FM" if place == Place::Start => System::FarmToMarket,
        "RM" if place == Place::Start => System::RanchToMarket,
        "RR" if place == Place::Start && state == "TX" => System::RanchToMarket,
        "M" if place == Place::Start && state == "MI" => System::State,
        "K" if place == Place::Start && state == "KS" => System::State,
        _ if place == Place::Start && head == state && letters == 2 => System::State,
        _ => return None,
    };
    is_road_number(number).then(|| spelled(system, number))
}

/// `Texas Highway 6`, `TX Hwy 6`, `NC 54`, `Vermont Route 100`.
fn read_state_named(words: &[Word<'_>], place: Place, state: &str) -> Option<(String, usize)> {
    if place != Place::Start || state.len() != 2 {
        return None;
    }
    let first = words.first()?.text;
    if first.as_bytes().first() != state.as_bytes().first() {
        return None;
    }
    let is_state = |count: usize| words.get(..count).and_then(state_code) == Some(state);
    let named = (1..=2).find(|count| is_state(*count))?;
    let rest = &words[named..];
    let word = |at: usize| rest.get(at).map_or("", road_word);
    let (system, prefix) = match (word(0), word(1)) {
        ("STATE", "HWY" | "RTE" | "RD") => (System::State, 2),
        ("HWY" | "RTE", _) => (System::State, 1),
        ("LOOP", _) => (System::Loop, 1),
        ("SPUR", _) => (System::Spur, 1),
        _ => (System::State, 0),
    };
    let (road, used) = numbered(system, rest, prefix, (place, state))?;
    Some((road, named + used))
}
