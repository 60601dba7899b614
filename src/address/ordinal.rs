//! Ordinals that name streets: `7th`, `Seventh`, `Twenty-Third`, `One Hundred Tenth`.

use std::ops::RangeInclusive;

use super::tables::ordinals::{NUMBER_WORDS, NumberWord};
use super::words::Word;

/// Tens and ones in one word are as long as this.
const GLUED_LENGTHS: RangeInclusive<usize> = 8..=13;

/// `23RD` to `23`; an ending that does not fit the number (`22TH` is fine for nobody) is refused.
pub(super) fn of_digits(text: &str) -> Option<&str> {
    let (digits, ending) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    (is_number && fits(digits, ending)).then(|| digits.trim_start_matches('0'))
}

/// The ending belongs to the number.
pub(super) fn fits(digits: &str, ending: &str) -> bool {
    let is_teen = matches!(digits.as_bytes(), [.., b'1', _]);
    let expected = match digits.as_bytes().last() {
        Some(b'1') if !is_teen => "ST",
        Some(b'2') if !is_teen => "ND",
        Some(b'3') if !is_teen => "RD",
        _ => "TH",
    };
    ending == expected
}

/// The word may start a number that is spelled.
pub(super) fn may_start(word: &Word<'_>) -> bool {
    word.meaning.number().is_some() || GLUED_LENGTHS.contains(&word.text.len())
}

/// The number that the words at the start spell, and how many words it takes.
pub(super) fn of_words<'a>(words: impl Iterator<Item = Word<'a>>) -> Option<(u32, usize)> {
    let mut words = words.enumerate().peekable();
    let mut sum = 0;
    let mut tens = 0;
    while let Some((at, word)) = words.next() {
        match word.meaning.number() {
            Some(NumberWord::Ordinal(number)) if tens == 0 || number < 10 => {
                return Some((sum + tens + number, at + 1));
            }
            Some(NumberWord::Tens(number)) if tens == 0 => tens = number,
            Some(NumberWord::Cardinal(number)) if at == 0 && number < 10 => {
                let (_, next) = words.peek()?;
                match next.meaning.number() {
                    Some(NumberWord::Hundred) => sum = number * 100,
                    Some(NumberWord::Ordinal(100)) => return Some((number * 100, at + 2)),
                    _ => return None,
                }
                words.next();
            }
            None if word.is("AND") && sum > 0 && tens == 0 => {}
            None if at == 0 => return of_glued(word.text).map(|number| (number, 1)),
            _ => return None,
        }
    }
    None
}

/// `TWENTYTHIRD`.
fn of_glued(word: &str) -> Option<u32> {
    if !GLUED_LENGTHS.contains(&word.len()) || !word.is_ascii() {
        return None;
    }
    let at = word.find("TY")? + 2;
    let (tens, ones) = word.split_at_checked(at)?;
    match (NUMBER_WORDS.get(tens)?, NUMBER_WORDS.get(ones)?) {
        (NumberWord::Tens(tens), NumberWord::Ordinal(ones)) if *ones < 10 => Some(tens + ones),
        _ => None,
    }
}

/// `EIGHT` before `MILE`.
pub(super) fn cardinal(word: &Word<'_>) -> Option<u32> {
    match word.meaning.number() {
        Some(NumberWord::Cardinal(number)) => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::{Gap, Word};
    use super::{of_digits, of_words};

    #[test]
    fn number_words_become_numbers() {
        for (text, number) in [
            ("FIRST ST", Some((1, 1))),
            ("TWENTY THIRD", Some((23, 2))),
            ("TWENTYTHIRD", Some((23, 1))),
            ("TWENTIETH", Some((20, 1))),
            ("ONE HUNDRED TENTH", Some((110, 3))),
            ("ONE HUNDRED AND TWENTY FIRST", Some((121, 5))),
            ("TWO HUNDREDTH", Some((200, 2))),
            ("TWENTY", None),
            ("TWENTY TENTH", None),
            ("ONE", None),
            ("ONE FIRST", None),
            ("HUNDRED", None),
            ("MAIN", None),
            ("", None),
        ] {
            let words = text
                .split_whitespace()
                .map(|word| Word::new(word, Gap::Space));
            assert_eq!(of_words(words), number, "{text}");
        }
    }

    #[test]
    fn endings_must_fit() {
        assert_eq!(of_digits("1ST"), Some("1"));
        assert_eq!(of_digits("11TH"), Some("11"));
        assert_eq!(of_digits("011TH"), Some("11"));
        assert_eq!(of_digits("112TH"), Some("112"));
        assert_eq!(of_digits("11ST"), None);
        assert_eq!(of_digits("12B"), None);
        assert_eq!(of_digits("TH"), None);
    }
}
