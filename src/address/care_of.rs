//! Drops care-of and attention lines: they name a person, not a place.

use super::tables::units::DESIGNATORS;
use super::words::{Gap, Word};

/// The words without care-of parts; `None` when there are none, the usual case.
pub(super) fn without<'a>(words: &[Word<'a>]) -> Option<Vec<Word<'a>>> {
    (0..words.len()).find(|at| sign(words, *at).is_some())?;
    let mut kept = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        let Some(length) = sign(words, at) else {
            kept.push(words[at]);
            at += 1;
            continue;
        };
        at += length;
        // The name runs to the next break, number or unit sign; names have no digits.
        let ends = |word: &Word<'_>| {
            matches!(word.gap, Gap::Comma | Gap::Line | Gap::Dash)
                || word.is("#")
                || DESIGNATORS.get(word.text).is_some()
                || word.text.bytes().any(|b| b.is_ascii_digit())
        };
        let name = words[at..]
            .iter()
            .take(1)
            .chain(words[at..].iter().skip(1).take_while(|word| !ends(word)));
        at += match words.get(at) {
            Some(first) if first.starts_with_digit() || first.is("#") => 0,
            _ => name.count(),
        };
    }
    Some(kept)
}

/// How many words the sign at this place has, if one stands there.
fn sign(words: &[Word<'_>], at: usize) -> Option<usize> {
    let word = &words[at];
    let is_apart = at == 0 || word.gap.is_break();
    match word.text {
        "C/O" | "ATTN" => Some(1),
        "ATTENTION" if is_apart => Some(1),
        "CARE" if is_apart && words.get(at + 1).is_some_and(|next| next.is("OF")) => Some(2),
        _ => None,
    }
}
