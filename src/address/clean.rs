//! Brings any text to plain characters, before words are cut: compatibility forms, accents, HTML
//! entities and tags, odd spaces, dashes and apostrophes.
//!
//! Letters of other scripts stay what they are, in upper case, so that two unlike texts stay unlike.
//! A character that merely contains a digit (`²`, `⑤`) is not that digit and stays itself.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::tables::symbols::{ENTITIES, MARKS, replacement};

/// No entity that is read is longer, so a lone `&` costs a bounded look ahead.
const LONGEST_ENTITY: usize = 12;

/// The text in plain characters; ASCII without entities comes back as it is.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| b.is_ascii() && b != b'&' && b != b'<') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '&' => entity(rest, &mut plain),
            '<' => tag(rest, &mut plain),
            _ => None,
        };
        let taken = taken.unwrap_or_else(|| {
            character(next, &mut plain);
            next.len_utf8()
        });
        rest = &rest[taken..];
    }
    Cow::Owned(plain)
}

fn character(c: char, plain: &mut String) {
    if c.is_ascii() {
        plain.push(c);
        return;
    }
    if let Some(text) = replacement(c) {
        plain.push_str(text);
        return;
    }
    let is_positional_digit = matches!(c, '\u{ff10}'..='\u{ff19}' | '\u{1d7ce}'..='\u{1d7ff}');
    if !is_positional_digit && c.nfkd().any(|part| part.is_ascii_digit()) {
        plain.push(c);
        return;
    }
    for part in c.nfkd() {
        if is_combining_mark(part) {
            // An accent on a Latin letter goes; in other scripts marks make other letters.
            if plain
                .chars()
                .next_back()
                .is_some_and(|base| !base.is_ascii())
            {
                plain.push(part);
            }
        } else if part.is_ascii() {
            plain.push(part);
        } else if let Some(text) = replacement(part) {
            plain.push_str(text);
        } else if part.is_alphanumeric() {
            plain.extend(part.to_uppercase());
        } else {
            plain.push(' ');
        }
    }
}

/// Reads `&name;`, `&#35;` and `&#x23;`, also when the `&` was encoded again (`&amp;#35;`).
fn entity(text: &str, plain: &mut String) -> Option<usize> {
    let mut start = 1;
    while text[start..].starts_with("amp;") {
        start += 4;
    }
    let again = (start > 1).then(|| {
        plain.push('&');
        start
    });
    let body = &text[start..];
    let length = body.bytes().take(LONGEST_ENTITY).position(|b| b == b';');
    let Some(name) = length.and_then(|length| body.get(..length)) else {
        return again;
    };
    let Some(decoded) = decode(name) else {
        return again;
    };
    if again.is_some() {
        plain.pop();
    }
    match decoded {
        Decoded::Text(text) => plain.push_str(text),
        Decoded::Char(c) => character(c, plain),
    }
    Some(start + name.len() + 1)
}

enum Decoded {
    Text(&'static str),
    Char(char),
}

fn decode(name: &str) -> Option<Decoded> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).map(Decoded::Char);
    }
    if let Some(text) = ENTITIES.get(name) {
        return Some(Decoded::Text(text));
    }
    let letter = name.chars().next().filter(char::is_ascii_alphabetic)?;
    MARKS.contains(&&name[1..]).then_some(Decoded::Char(letter))
}

/// A short tag (`<br/>`) is a line break.
fn tag(text: &str, plain: &mut String) -> Option<usize> {
    let is_tag = text[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let end = text.bytes().take(LONGEST_ENTITY).position(|b| b == b'>');
    let end = end.filter(|_| is_tag)?;
    plain.push('\n');
    Some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn odd_characters_become_plain_ones() {
        for (raw, plain) in [
            ("12½ Main", "12 1/2 Main"),
            ("１２３ Ｍａｉｎ", "123 Main"),
            ("Peña", "Pena"),
            ("87\u{2013}12", "87-12"),
            ("Kapi\u{2bb}olani", "Kapiolani"),
            ("A &amp; B", "A & B"),
            ("Apt &amp;#35;5", "Apt #5"),
            ("Apt &#x23;5", "Apt #5"),
            ("Pe&ntilde;a", "Pena"),
            ("1 Main<br/>Apt 5", "1 Main\nApt 5"),
            ("a&b &; &amp", "a&b &; &amp"),
            ("1\u{a0}Main", "1 Main"),
            ("5² ", "5² "),
            ("улица", "УЛИЦА"),
            ("が", "か\u{3099}"),
            ("n\u{303}o", "no"),
        ] {
            assert_eq!(clean(raw), plain, "{raw}");
        }
    }
}
