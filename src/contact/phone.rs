//! Phone numbers: any US spelling to one E.164 text.
//!
//! Syntax, vanity letters, extensions and foreign numbers are the library's work (a port of
//! libphonenumber). Two rules are ours. A US number has to be *possible*, not *assigned*: ten digits
//! with an area code and an exchange that start with 2 to 9, because the library's list of assigned
//! codes lags behind and refuses the reserved 555 numbers. And what people type into a mandatory
//! field (all the same digit, digits in a row) is refused, because a placeholder shared by a thousand
//! leads would be bought, verified and suppressed as if it were one person.
//!
//! It never guesses: two numbers in one text, or a number that a spreadsheet has rounded, are refused.
//! The library is only given ASCII without `;`: it panics on a `tel:` after a `;phone-context=` (2.2.15).

use std::borrow::Cow;
use std::fmt;

use rlibphonenumber::enums::Region;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};

/// Enough for any number with labels around it; a longer text is not a phone number.
const LONGEST_TEXT: usize = 120;
/// Country code and number of the shortest telephone number that belongs to somebody.
const FEWEST_DIGITS: usize = 7;
const NANP_COUNTRY_CODE: i32 = 1;

/// A phone number in E.164: `+`, country code, number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct E164(String);

impl E164 {
    /// The number as text, for example `+16025550143`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a phone number. Never holds the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneProblem {
    /// Nothing there.
    #[error("the phone number is blank")]
    Blank,
    /// Far more text than a number needs.
    #[error("the text is too long to be a phone number")]
    TooLong,
    /// The text does not have the form of one phone number.
    #[error("the text is not one phone number")]
    NotANumber,
    /// A spreadsheet wrote the number with an exponent, so digits may be lost.
    #[error("the phone number went through a spreadsheet that rounded it")]
    Rounded,
    /// A US number without ten digits.
    #[error("a US phone number needs ten digits")]
    WrongLength,
    /// No such area code can exist.
    #[error("a US area code starts with 2 to 9 and does not end in 11")]
    ImpossibleAreaCode,
    /// No such exchange can exist.
    #[error("the three digits after a US area code start with 2 to 9")]
    ImpossibleExchange,
    /// A filler, not somebody's number.
    #[error("the phone number is a placeholder")]
    Placeholder,
    /// A number outside the North American plan that the library says cannot exist.
    #[error("the foreign phone number is not valid")]
    InvalidForeign,
}

/// Reads a phone number; without a country code it is taken as a US number.
pub fn parse(text: &str) -> Result<E164, PhoneProblem> {
    match plain_nanp(text.as_bytes()) {
        Some(national) => possible_nanp(national),
        None => parse_with_library(text),
    }
}

/// The two commonest forms, `+16025550143` and `6025550143`, need no library: they are the number
/// itself. A first digit of 0 or 1 is left to the library, where it may be a prefix.
fn plain_nanp(text: &[u8]) -> Option<&[u8]> {
    let national = match text {
        [b'+', b'1', national @ ..] => national,
        national => national,
    };
    let is_plain =
        national.len() == 10 && matches!(national[0], b'2'..=b'9') && all_digits(national);
    is_plain.then_some(national)
}

fn parse_with_library(text: &str) -> Result<E164, PhoneProblem> {
    let cleaned = clean(text)?;
    let number = PHONE_NUMBER_UTIL
        .parse(&cleaned, Some(Region::US))
        .map_err(|_| PhoneProblem::NotANumber)?;
    if number.country_code == NANP_COUNTRY_CODE {
        return possible_nanp(number.get_national_significant_number().as_bytes());
    }
    if !number.is_valid() {
        return Err(PhoneProblem::InvalidForeign);
    }
    let formatted = number.format_as(PhoneNumberFormat::E164);
    // The library knows service numbers of five and six digits; nobody is reached there.
    if formatted.len() <= FEWEST_DIGITS {
        return Err(PhoneProblem::InvalidForeign);
    }
    Ok(E164(formatted.into_owned()))
}

fn possible_nanp(national: &[u8]) -> Result<E164, PhoneProblem> {
    let [a, b, c, exchange, _, _, _, _, _, _] = national else {
        return Err(PhoneProblem::WrongLength);
    };
    if is_filler(national) {
        return Err(PhoneProblem::Placeholder);
    }
    // N11 (211, 411, 911) are service codes: dialled from some switchboards, 911… is an emergency call.
    if *a < b'2' || (*b == b'1' && *c == b'1') {
        return Err(PhoneProblem::ImpossibleAreaCode);
    }
    // Area code 555 is nobody's; the specification's own sample there is +15551234567.
    if *exchange < b'2' && national[..3] != *b"555" {
        return Err(PhoneProblem::ImpossibleExchange);
    }
    let mut e164 = String::with_capacity(12);
    e164.push_str("+1");
    e164.extend(national.iter().map(|digit| char::from(*digit)));
    Ok(E164(e164))
}

/// Brings a text into the small alphabet that the library is given: ASCII, no URI parameters, no
/// spreadsheet's ".0", and `+` for the international prefix 00.
fn clean(text: &str) -> Result<String, PhoneProblem> {
    let text = text.trim_matches(is_padding);
    if text.is_empty() {
        return Err(PhoneProblem::Blank);
    }
    if text.len() > LONGEST_TEXT {
        return Err(PhoneProblem::TooLong);
    }
    let ascii = to_ascii(text)?;
    let number = without_spreadsheet_tail(without_scheme(&ascii))?;
    let digits: Vec<u8> = number.bytes().filter(u8::is_ascii_digit).collect();
    if digits.len() >= FEWEST_DIGITS && is_filler(&digits) {
        return Err(PhoneProblem::Placeholder);
    }
    if digits.len() + letters(number) < FEWEST_DIGITS {
        return Err(if digits.is_empty() {
            PhoneProblem::NotANumber
        } else {
            PhoneProblem::WrongLength
        });
    }
    let number = without_label(number);
    Ok(match number.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None => number.to_owned(),
    })
}

fn to_ascii(text: &str) -> Result<Cow<'_, str>, PhoneProblem> {
    if text.is_ascii() {
        return Ok(Cow::Borrowed(text));
    }
    text.chars()
        .filter(|c| !is_invisible(*c))
        .map(|c| match c {
            '\u{FF10}'..='\u{FF19}' => char::from_u32(c as u32 - 0xFF10 + u32::from(b'0')),
            '\u{FF0B}' => Some('+'),
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FF0D}' => Some('-'),
            '\u{FF08}' => Some('('),
            '\u{FF09}' => Some(')'),
            '\u{B7}' | '\u{2022}' | '\u{2024}' => Some('.'),
            c if c.is_whitespace() => Some(' '),
            c if c.is_ascii() => Some(c),
            _ => None,
        })
        .collect::<Option<String>>()
        .map(Cow::Owned)
        .ok_or(PhoneProblem::NotANumber)
}

/// `tel:+1-602-555-0143;ext=12` without the scheme and the parameters.
fn without_scheme(text: &str) -> &str {
    let text = match text.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => &text[4..],
        _ => text,
    };
    text.split(';').next().unwrap_or(text).trim()
}

/// `6025550143.0` is what a spreadsheet makes of a number; `6.02555E+09` is what it has left of one.
fn without_spreadsheet_tail(text: &str) -> Result<&str, PhoneProblem> {
    let Some((whole, fraction)) = text.split_once('.') else {
        return Ok(text);
    };
    let digits = whole.strip_prefix('+').unwrap_or(whole);
    if digits.is_empty() || !all_digits(digits.as_bytes()) {
        return Ok(text);
    }
    if fraction.bytes().all(|byte| byte == b'0') {
        return Ok(whole);
    }
    match fraction.split_once(['e', 'E']) {
        Some((mantissa, exponent))
            if all_digits(mantissa.as_bytes())
                && all_digits(exponent.trim_start_matches(['+', '-']).as_bytes()) =>
        {
            Err(PhoneProblem::Rounded)
        }
        _ => Ok(text),
    }
}

/// Drops words after a complete number ("6025550143 (home)"), which the library would dial as letters.
/// An extension stays, for the library to take off; so does anything that holds more digits.
fn without_label(text: &str) -> &str {
    let mut digits = 0;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'a'..=b'z' | b'A'..=b'Z' if digits >= 10 => {
                let label = &text[index..];
                let has_digits = label.bytes().any(|byte| byte.is_ascii_digit());
                return if has_digits {
                    text
                } else {
                    text[..index].trim_end_matches([' ', '(', '-', ',', '/', ':', '['])
                };
            }
            _ => {}
        }
    }
    text
}

fn letters(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_alphabetic).count()
}

fn all_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

/// 0000000000, 1234567890, 9876543210: from each digit to the next it is always 0, always 1 up or
/// always 1 down.
fn is_filler(digits: &[u8]) -> bool {
    let goes_by = |step| {
        digits
            .windows(2)
            .all(|pair| (pair[1] + 10 - pair[0]) % 10 == step)
    };
    goes_by(0) || goes_by(1) || goes_by(9)
}

fn is_padding(c: char) -> bool {
    c.is_whitespace() || is_invisible(c) || matches!(c, '\'' | '"')
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests;
