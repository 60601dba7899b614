//! House numbers: plain, with a letter or a fraction, hyphenated, and the grid numbers of
//! Wisconsin.
//!
//! Letters, fractions, ranges and hyphens are data. Source: USPS Publication 28, appendices D and E.

use super::ordinal;
use super::tables::highways::HEADS;
use super::tables::units::DESIGNATORS;
use super::words::{Gap, Word};

/// ZIP areas of Queens, where 87-12 is also written 8712.
const QUEENS: [&str; 5] = ["110", "111", "113", "114", "116"];

/// The house number at the start of the words, and how many words it takes.
pub(super) fn read(words: &[Word<'_>]) -> Option<(String, usize)> {
    if let Some(grid) = read_grid(words) {
        return Some(grid);
    }
    let first = words.first()?;
    if !first.starts_with_digit() {
        return read_lettered(first.text).map(|number| (number, 1));
    }
    if let Some(grid) = read_half_grid(words) {
        return Some(grid);
    }
    if ordinal::of_digits(first.text).is_some() || !is_number(first.text) {
        return None;
    }
    let mut number = plain_number(first.text)?;
    let mut used = 1;
    let is_digits = first.is_digits();
    if let [_, second, _, ..] = words
        && is_digits
        && second.gap == Gap::Dash
        && (second.is_digits() || second.is_letter() && second.meaning.directional().is_none())
    {
        if second.is_digits() {
            number.push('-');
        }
        number.push_str(second.text);
        return Some((number, 2));
    }
    if let Some((fraction, taken)) = read_fraction(&words[1..]) {
        number.push(' ');
        number.push_str(&fraction);
        used += taken;
    } else if is_digits && has_letter(words) {
        number.push_str(words[1].text);
        used += 1;
    }
    Some((number, used))
}

/// The house number where it is digits and no word behind it belongs to it, the usual case: what [`read`] says, without
/// building it. No route and no unit starts like that.
pub(super) fn usual<'a>(words: &[Word<'a>]) -> Option<&'a str> {
    let [first, rest @ ..] = words else {
        return None;
    };
    let number = first.text.trim_start_matches('0');
    let is_alone = rest.first()?.gap != Gap::Dash && read_fraction(rest).is_none();
    (first.is_digits() && !number.is_empty() && is_alone && !has_letter(words)).then_some(number)
}

/// Drops the hyphen of Queens numbers, which most lists drop.
pub(super) fn without_queens_hyphen(number: &mut String, zip: &str) {
    let is_queens = zip.get(..3).is_some_and(|area| QUEENS.contains(&area));
    let Some((head, tail)) = number.split_once('-').filter(|_| is_queens) else {
        return;
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if (1..=3).contains(&head.len()) && tail.len() == 2 && digits(head) && digits(tail) {
        *number = format!("{head}{tail}");
    }
}

/// Digits with at most two letters at the end, and marks that are data.
fn is_number(text: &str) -> bool {
    let letters = text
        .bytes()
        .rev()
        .take_while(u8::is_ascii_alphabetic)
        .count();
    let digits = &text.as_bytes()[..text.len() - letters];
    letters <= 2
        && digits
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/' | b'.'))
}

/// `00123-A` to `123A`, `12-1/2` to `12 1/2`; nothing for zero.
fn plain_number(text: &str) -> Option<String> {
    if !text.bytes().any(|b| matches!(b, b'1'..=b'9')) {
        return None;
    }
    let mut text = text;
    while let Some(rest) = text
        .strip_prefix('0')
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    {
        text = rest;
    }
    if let Some((head, tail)) = text.split_once('-') {
        if is_fraction(tail) {
            return Some(format!("{head} {tail}"));
        }
        if tail.len() == 1 && tail.as_bytes()[0].is_ascii_uppercase() {
            return Some(format!("{head}{tail}"));
        }
    }
    Some(text.to_owned())
}

fn is_fraction(text: &str) -> bool {
    matches!(text.as_bytes(), [above, b'/', below] if above.is_ascii_digit() && below.is_ascii_digit())
}

fn read_fraction(words: &[Word<'_>]) -> Option<(String, usize)> {
    match words {
        [fraction, _, ..] if is_fraction(fraction.text) => Some((fraction.text.to_owned(), 1)),
        [above, below, _, ..]
            if below.gap == Gap::Slash
                && above.text.len() == 1
                && below.text.len() == 1
                && above.is_digits()
                && below.is_digits() =>
        {
            Some((format!("{}/{}", above.text, below.text), 2))
        }
        _ => None,
    }
}

/// `77 B Main St`: the letter belongs to the number when a whole street follows it. `77 B St` is B
/// Street, `77 N Main St` a directional, `77 J F Kennedy Blvd` initials, `77 O Brien St` a name.
fn has_letter(words: &[Word<'_>]) -> bool {
    let [_, letter, name, next, ..] = words else {
        return false;
    };
    if !letter.is_letter() {
        return false;
    }
    let is_name = |word: &Word<'_>| {
        matches!(word.gap, Gap::Space | Gap::Hyphen)
            && !word.is_letter()
            && !word.text.contains('/')
            && word.meaning.suffix().is_none()
            && word.meaning.directional().is_none()
            && word.meaning.designator().is_none()
            && !matches!(word.text, "#" | "AND")
    };
    let is_rest = next.meaning.suffix().is_some() || is_name(next);
    // `66 I 90 Tunnel Rd`
    let is_interstate = letter.is("I") && name.starts_with_digit();
    !is_interstate
        && letter.gap == Gap::Space
        && !matches!(letter.text, "N" | "S" | "E" | "W" | "O")
        && is_name(name)
        && matches!(next.gap, Gap::Space | Gap::Hyphen)
        && is_rest
        && words[3..]
            .iter()
            .take(4)
            .any(|word| word.meaning.suffix().is_some())
}

/// `A12`, `A-12`: house numbers of Puerto Rico. `I-35` and `SR9` are roads.
fn read_lettered(text: &str) -> Option<String> {
    let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
    let (head, tail) = text.split_at(letters);
    let digits = tail.strip_prefix('-').unwrap_or(tail);
    let core = digits
        .strip_suffix(|c: char| c.is_ascii_uppercase())
        .unwrap_or(digits);
    let is_number = !core.is_empty() && core.len() <= 6 && core.bytes().all(|b| b.is_ascii_digit());
    let is_road = HEADS.get(head).is_some() && head != "C" && head != "F" && head != "S";
    let is_unit = DESIGNATORS.get(head).is_some();
    let is_route = matches!(head, "HC" | "PO" | "RD" | "RT" | "AP");
    let is_zero = core.bytes().all(|b| b == b'0');
    let is_lettered = (1..=2).contains(&letters) && is_number && !is_zero;
    (is_lettered && !is_road && !is_unit && !is_route).then(|| format!("{head}{digits}"))
}

/// `26W 123` and `0N 421`: the grid of the counties west of Chicago, also written without space.
fn read_half_grid(words: &[Word<'_>]) -> Option<(String, usize)> {
    let [first, second, _, ..] = words else {
        return None;
    };
    let (digits, letter) = first.text.split_at_checked(first.text.len() - 1)?;
    let is_line = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let is_grid = is_line && matches!(letter, "N" | "S" | "E" | "W") && second.text.len() == 3;
    (is_grid && second.is_digits()).then(|| (format!("{}{}", first.text, second.text), 2))
}

/// `N123W456`, `N123 W456` and `N 123 W 456` are one number.
fn read_grid(words: &[Word<'_>]) -> Option<(String, usize)> {
    let first = words.first()?.text;
    let direction = |text: &str| matches!(text.as_bytes().first(), Some(b'N' | b'S' | b'E' | b'W'));
    if !direction(first) {
        return None;
    }
    let coordinate = |text: &str| {
        text.len() > 1 && direction(text) && text.bytes().skip(1).all(|b| b.is_ascii_digit())
    };
    let whole = first.bytes().skip(1).position(|b| b.is_ascii_alphabetic());
    if let Some((head, tail)) = whole.and_then(|at| first.split_at_checked(at + 1))
        && coordinate(head.trim_end_matches('-'))
        && coordinate(tail)
    {
        return Some((format!("{}{tail}", head.trim_end_matches('-')), 1));
    }
    match words {
        [first, second, _, ..] if coordinate(first.text) && coordinate(second.text) => {
            Some((format!("{}{}", first.text, second.text), 2))
        }
        [a, b, c, d, _, ..]
            if a.is_letter()
                && b.is_digits()
                && c.is_letter()
                && direction(c.text)
                && d.is_digits() =>
        {
            Some((format!("{}{}{}{}", a.text, b.text, c.text, d.text), 4))
        }
        _ => None,
    }
}
