//! Cuts texts of plain words, the usual case, where they lie.
//!
//! Says nothing of a text with a mark that could be read in more than one way: [`Folded`] is asked then, and says the
//! same of every text that is cut here.
//!
//! [`Folded`]: super::words::Folded

use super::words::{Cut, Gap, Texts, Word};

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

    /// The words, when all texts are plain.
    pub(super) fn cut(&self) -> Option<Cut<'_>> {
        let (lines, city) = self.text.split_at(self.second_end);
        let (first, second) = lines.split_at(self.first_end);
        let mut words = Vec::with_capacity(16);
        cut(first, Gap::Space, &mut words)?;
        let first_length = words.len();
        cut(second, Gap::Line, &mut words)?;
        let line_length = words.len();
        cut(city, Gap::Space, &mut words)?;
        Some(Cut {
            words,
            first_length,
            line_length,
        })
    }
}

/// Appends the words of an upper-case text; `gap` stands before the first.
fn cut<'a>(text: &'a str, gap: Gap, words: &mut Vec<Word<'a>>) -> Option<()> {
    let bytes = text.as_bytes();
    let mut gap = gap;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let length = bytes[at..].iter().take_while(|b| is_of_word(**b)).count();
        if length > 0 {
            words.push(Word::new(text.get(at..at + length)?, gap));
            gap = Gap::Space;
            at += length;
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

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn stands_between_letters(bytes: &[u8], at: usize) -> bool {
    let is_letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_uppercase);
    is_letter(at.wrapping_sub(1)) && is_letter(at + 1)
}
