//! Cuts texts of plain words, the usual case, where they lie.
//!
//! Says nothing of a text with a mark that could be read in more than one way: [`Folded`] is asked then, and says the
//! same of every text that is cut here.
//!
//! [`Folded`]: super::words::Folded

use super::words::{Cut, Gap, Texts, Word, Words};

/// The texts of one address in upper case, one behind the other.
pub(super) struct PlainTexts {
    text: String,
    first_end: usize,
    second_end: usize,
}

impl PlainTexts {
    pub(super) fn of(texts: &Texts<'_>) -> Self {
        let mut text = String::with_capacity(texts.len());
        text.push_str(texts.first);
        let first_end = text.len();
        text.push_str(texts.second);
        let second_end = text.len();
        text.push_str(texts.city);
        text.make_ascii_uppercase();
        Self {
            text,
            first_end,
            second_end,
        }
    }

    /// Fills in the words, when all texts are plain.
    pub(super) fn cut<'a>(&'a self, cut: &mut Cut<'a>) -> Option<()> {
        let (lines, city) = self.text.split_at(self.second_end);
        let (first, second) = lines.split_at(self.first_end);
        append(first, Gap::Space, &mut cut.words)?;
        cut.first_length = cut.words.len();
        append(second, Gap::Line, &mut cut.words)?;
        cut.line_length = cut.words.len();
        append(city, Gap::Space, &mut cut.words)
    }
}

/// Appends the words of an upper-case text; `gap` stands before the first.
fn append<'a>(text: &'a str, gap: Gap, words: &mut Words<'a>) -> Option<()> {
    let bytes = text.as_bytes();
    let mut gap = gap;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let letters = end_of(bytes, at, u8::is_ascii_uppercase);
        let end = end_of(bytes, letters, |b| {
            b.is_ascii_uppercase() || b.is_ascii_digit()
        });
        if end > at {
            words.push(Word::known(text.get(at..end)?, gap, letters == end));
            gap = Gap::Space;
            at = end;
            continue;
        }
        match byte {
            b' ' => {}
            b'.' if matches!(bytes.get(at + 1), None | Some(b' ')) => {}
            b'-' if stands_between_letters(bytes, at) => gap = Gap::Hyphen,
            b',' if gap != Gap::Line => gap = Gap::Comma,
            b',' => {}
            b'#' => {
                words.push(Word::new("#", gap));
                gap = Gap::Space;
            }
            _ => return None,
        }
        at += 1;
    }
    Some(())
}

/// Where bytes of this kind that start here end.
fn end_of(bytes: &[u8], start: usize, is_of_kind: impl Fn(&u8) -> bool) -> usize {
    let mut end = start;
    while bytes.get(end).is_some_and(&is_of_kind) {
        end += 1;
    }
    end
}

fn stands_between_letters(bytes: &[u8], at: usize) -> bool {
    let is_letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_uppercase);
    is_letter(at.wrapping_sub(1)) && is_letter(at + 1)
}
