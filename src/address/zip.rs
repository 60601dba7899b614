//! ZIP Codes as people and spreadsheets write them.
//!
//! Never guesses a digit: only zeros that a spreadsheet dropped in front come back. Everything that
//! is not one of the known forms is refused.

use std::fmt;

use super::clean::clean;

/// A five-digit ZIP Code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Zip5([u8; 5]);

impl Zip5 {
    /// The five digits.
    pub fn as_str(&self) -> &str {
        // Only ASCII digits are ever stored.
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl fmt::Display for Zip5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The ZIP Code of a text, or `None`.
///
/// Accepts five digits, nine digits, ZIP+4 with a hyphen or space, and spreadsheet forms (`2139`,
/// `90028.0`, `'90028`, `="02139"`); three and four digits have lost their leading zeros.
pub fn normalize_zip(text: &str) -> Option<Zip5> {
    if let Some(usual) = five_digits(text) {
        return Some(usual);
    }
    let plain = clean(text);
    let trimmed =
        plain.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '=' | '`'));
    let mut head = 0;
    let mut tail = 0;
    let mut zip = *b"00000";
    let bytes = trimmed.as_bytes();
    while head < bytes.len() && bytes[head].is_ascii_digit() && head < 9 {
        head += 1;
    }
    let rest = &bytes[head..];
    let rest = rest
        .strip_prefix(b".0")
        .map_or(rest, |rest| rest.strip_prefix(b"0").unwrap_or(rest));
    let separator = rest.iter().take_while(|b| matches!(b, b' ' | b'-')).count();
    while tail < rest.len() - separator && rest[separator + tail].is_ascii_digit() && tail < 5 {
        tail += 1;
    }
    let is_whole = separator + tail == rest.len() && separator <= 3;
    let is_form = match (head, tail) {
        (5, 4) | (4, 4) | (3, 4) => separator > 0,
        (5, 0) => true,
        (3 | 4 | 9, 0) => separator == 0,
        _ => false,
    };
    if !is_whole || !is_form {
        return None;
    }
    let digits = &bytes[..head.min(5)];
    zip[5 - digits.len()..].copy_from_slice(digits);
    (zip != *b"00000").then_some(Zip5(zip))
}

/// The usual form, read without cleaning.
fn five_digits(text: &str) -> Option<Zip5> {
    let digits: [u8; 5] = text.as_bytes().try_into().ok()?;
    let is_zip = digits.iter().all(u8::is_ascii_digit) && digits != *b"00000";
    is_zip.then_some(Zip5(digits))
}

#[cfg(test)]
mod tests {
    use super::normalize_zip;

    #[test]
    fn known_forms_are_read_and_others_refused() {
        for (text, zip) in [
            ("90028", Some("90028")),
            (" 90028 ", Some("90028")),
            ("90028-1234", Some("90028")),
            ("90028 1234", Some("90028")),
            ("90028 - 1234", Some("90028")),
            ("90028\u{2013}1234", Some("90028")),
            ("900281234", Some("90028")),
            ("90028-", Some("90028")),
            ("90028.0", Some("90028")),
            ("2139", Some("02139")),
            ("2139.0", Some("02139")),
            ("2139-1234", Some("02139")),
            ("501", Some("00501")),
            ("'90028", Some("90028")),
            ("=\"02139\"", Some("02139")),
            ("９００２８", Some("90028")),
            ("", None),
            ("0", None),
            ("00000", None),
            ("12", None),
            ("123456", None),
            ("12345678", None),
            ("1234567890", None),
            ("9002A", None),
            ("90028-123", None),
            ("90028-12345", None),
            ("90028.5", None),
            ("M5V 2T6", None),
            ("90 028", None),
            ("-90028", None),
        ] {
            assert_eq!(
                normalize_zip(text).as_ref().map(|zip| zip.as_str()),
                zip,
                "{text}"
            );
        }
    }
}
