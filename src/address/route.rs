//! Addresses without a street: post office boxes, rural and contract routes, military mail.
//!
//! Box and route number both count. A route or general delivery without a box is many households,
//! not a property. Source: USPS Publication 28, sections 24 to 28.

use super::words::Word;

/// The canonical route at the start of the words, and how many words it takes.
pub(super) fn read(words: &[Word<'_>]) -> Option<(String, usize)> {
    if let Some((number, used)) = post_box(words) {
        return Some((format!("PO BOX {number}"), used));
    }
    let (kind, used) = kind(words)?;
    let rest = &words[used..];
    let (route, at) = match glued(words, kind, used) {
        Some(route) => (route, 0),
        None => number(rest).unwrap_or((String::new(), 0)),
    };
    let (number, box_used) = boxed(&rest[at..], kind)?;
    let is_numbered = !route.is_empty();
    // Only star routes exist without a number.
    if !is_numbered && kind != Kind::Contract {
        return None;
    }
    let route = if is_numbered {
        format!("{} {route}", kind.label())
    } else {
        kind.label().to_owned()
    };
    Some((format!("{route} BOX {number}"), used + at + box_used))
}

/// `PO Box 5` in any spelling, to its number.
pub(super) fn post_box(words: &[Word<'_>]) -> Option<(String, usize)> {
    let text = |at: usize| words.get(at).map_or("", |word| word.text);
    let first = text(0);
    if !matches!(first.as_bytes().first(), Some(b'P' | b'B' | b'A')) {
        return None;
    }
    let named = match (first, text(1), text(2)) {
        ("POST", "OFFICE", "BOX") => 3,
        ("P", "O", "BOX" | "B") => 3,
        ("PO", "BOX" | "B", _) | ("POST" | "POSTAL", "BOX", _) => 2,
        ("POBOX" | "POB", _, _) => 1,
        ("PO", "#", _) => 1,
        ("PO", glued, _) if is_box_number(glued.strip_prefix("BOX").unwrap_or("")) => 1,
        ("P", "O", "#") => 2,
        ("APARTADO", "POSTAL", _) => 2,
        ("APARTADO" | "BOX", _, _) => 1,
        _ => {
            let number = first
                .strip_prefix("POBOX")
                .or_else(|| first.strip_prefix("BOX"))?;
            return is_box_number(number).then(|| (plain_number(number), 1));
        }
    };
    // `PO BOX123`
    if let Some(number) = text(named)
        .strip_prefix("BOX")
        .filter(|number| is_box_number(number))
    {
        return Some((plain_number(number), named + 1));
    }
    let (number, used) = number(&words[named..])?;
    Some((number, named + used))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rural,
    Contract,
    Psc,
    Cmr,
    Unit,
}

impl Kind {
    fn label(self) -> &'static str {
        match self {
            Self::Rural => "RR",
            Self::Contract => "HC",
            Self::Psc => "PSC",
            Self::Cmr => "CMR",
            Self::Unit => "UNIT",
        }
    }
}

fn kind(words: &[Word<'_>]) -> Option<(Kind, usize)> {
    let text = |at: usize| words.get(at).map_or("", |word| word.text);
    Some(match (text(0), text(1), text(2)) {
        ("RURAL", "ROUTE" | "RTE" | "RT" | "RR", _) => (Kind::Rural, 2),
        ("RFD", "ROUTE" | "RTE" | "RT", _) | ("R", "R", _) => (Kind::Rural, 2),
        ("R", "F", "D") => (Kind::Rural, 3),
        ("RR" | "RFD" | "RD" | "ROUTE" | "RTE" | "RT", _, _) => (Kind::Rural, 1),
        ("HIGHWAY" | "HWY", "CONTRACT", "ROUTE" | "RTE" | "RT") => (Kind::Contract, 3),
        ("HIGHWAY" | "HWY", "CONTRACT", _) => (Kind::Contract, 2),
        ("STAR", "ROUTE" | "RTE" | "RT", _) | ("H", "C", _) => (Kind::Contract, 2),
        ("HC" | "HCR", _, _) => (Kind::Contract, 1),
        ("PSC", _, _) => (Kind::Psc, 1),
        ("CMR", _, _) => (Kind::Cmr, 1),
        ("UNIT", _, _) => (Kind::Unit, 1),
        (first, _, _) => {
            let letters = first.bytes().take_while(u8::is_ascii_uppercase).count();
            let kind = match &first[..letters] {
                "RR" | "RFD" => Kind::Rural,
                "HC" | "HCR" => Kind::Contract,
                "PSC" => Kind::Psc,
                "CMR" => Kind::Cmr,
                _ => return None,
            };
            (kind, 1)
        }
    })
}

/// The route number of `RR2`.
fn glued(words: &[Word<'_>], kind: Kind, used: usize) -> Option<String> {
    let first = words.first().filter(|_| used == 1 && kind != Kind::Unit)?;
    let number = first
        .text
        .trim_start_matches(|c: char| c.is_ascii_uppercase());
    is_box_number(number).then(|| plain_number(number))
}

/// The box that follows a route number. Behind a rural route a `#` is a box too.
fn boxed(words: &[Word<'_>], kind: Kind) -> Option<(String, usize)> {
    let first = words.first()?;
    if let Some(number) = first
        .text
        .strip_prefix("BOX")
        .filter(|number| is_box_number(number))
    {
        return Some((plain_number(number), 1));
    }
    let is_sign = first.is("#") && matches!(kind, Kind::Rural | Kind::Contract);
    if !first.is("BOX") && !is_sign {
        return None;
    }
    let (number, used) = number(&words[1..])?;
    Some((number, used + 1))
}

fn number(words: &[Word<'_>]) -> Option<(String, usize)> {
    let marks = words
        .iter()
        .take(2)
        .take_while(|word| word.is("#") || word.is("NO"))
        .count();
    let word = words.get(marks)?;
    let is_number = is_box_number(word.text) || (word.is_letter() && !word.gap.is_break());
    is_number.then(|| (plain_number(word.text), marks + 1))
}

fn is_box_number(text: &str) -> bool {
    let is_mark = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().all(is_mark)
}

fn plain_number(text: &str) -> String {
    let plain = text.trim_start_matches('0');
    if plain.is_empty() {
        "0".to_owned()
    } else {
        plain.to_owned()
    }
}
