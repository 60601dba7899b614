//! Drops care-of and attention lines: they name a person, not a place.

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
                || word.meaning.designator().is_some()
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

/// `12 Attn St`, `12 N Attn Hill Rd`, `12 Old Attn Rd`: a street's own name stands between house number and suffix, before
/// any other suffix and any unit. `12 Elm St Attn Lane` names a person.
fn is_street_name(words: &[Word<'_>], at: usize) -> bool {
    let is_suffix = |word: &Word<'_>| word.meaning.suffix().is_some();
    let (Some((number, between)), false) = (words[..at].split_first(), words[at].gap.is_break())
    else {
        return false;
    };
    let is_name = |word: &Word<'_>| {
        !word.gap.is_break()
            && !word.is("#")
            && word.meaning.designator().is_none()
            && !is_suffix(word)
    };
    if !number.starts_with_digit() || !between.iter().all(is_name) {
        return false;
    }
    let mut after = words[at + 1..]
        .iter()
        .take_while(|word| !word.gap.is_break());
    let is_first = between
        .iter()
        .all(|word| word.meaning.directional().is_some());
    if is_first {
        after.take(2).any(is_suffix)
    } else {
        after.next().is_some_and(is_suffix)
    }
}

/// How many words the sign at this place has, if one stands there.
fn sign(words: &[Word<'_>], at: usize) -> Option<usize> {
    let word = &words[at];
    // Spares most words the comparisons.
    if !matches!(word.text.as_bytes().first(), Some(b'A' | b'C')) {
        return None;
    }
    let is_apart = at == 0 || word.gap.is_break();
    match word.text {
        "ATTN" if is_street_name(words, at) => None,
        "C/O" | "ATTN" => Some(1),
        "ATTENTION" if is_apart => Some(1),
        "CARE" if is_apart && words.get(at + 1).is_some_and(|next| next.is("OF")) => Some(2),
        _ => None,
    }
}
