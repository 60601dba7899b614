//! What kind of line a phone is, in the words that vendors use for it.
//!
//! Source of the spellings: BatchData ("Mobile", "Land Line", "Landline", "VoIP"), SignalWire
//! ("wireless", "landline", "voip"), PropertyRadar ("mobile", "landline", "other"), HLR services.
//! A word that names two kinds at once ("fixed line or mobile") is `Unknown`: the score pays for
//! mobile and VoIP only, so a guess would make a lead look reachable that is not.

use std::fmt;
use std::str::FromStr;

/// The kind of line behind a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PhoneType {
    /// A mobile phone.
    Mobile,
    /// A fixed line.
    Landline,
    /// A number served over the internet.
    Voip,
    /// Not known, or not one of the others.
    Unknown,
}

const SPELLINGS: [(PhoneType, &[&str]); 4] = [
    (
        PhoneType::Mobile,
        &[
            "mobile",
            "mobilephone",
            "cell",
            "cellular",
            "cellphone",
            "wireless",
        ],
    ),
    (
        PhoneType::Landline,
        &[
            "landline",
            "land",
            "fixed",
            "fixedline",
            "wireline",
            "wired",
            "pots",
        ],
    ),
    (
        PhoneType::Voip,
        &[
            "voip",
            "fixedvoip",
            "nonfixedvoip",
            "voiceoverip",
            "ipphone",
            "internet",
        ],
    ),
    (
        PhoneType::Unknown,
        &[
            "unknown",
            "other",
            "fixedlineormobile",
            "tollfree",
            "pager",
            "premium",
        ],
    ),
];

/// Longer than any spelling with its spaces; more is not read.
const LONGEST_WORD: usize = 64;

/// A word that names no kind of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a phone type is one of \"mobile\", \"landline\", \"voip\" and \"unknown\"")]
pub struct UnknownPhoneType;

impl PhoneType {
    /// The word stored in a contact point.
    pub fn as_str(self) -> &'static str {
        match self {
            PhoneType::Mobile => "mobile",
            PhoneType::Landline => "landline",
            PhoneType::Voip => "voip",
            PhoneType::Unknown => "unknown",
        }
    }

    /// Reads a vendor's or a stored word; what is not understood is `Unknown`.
    pub fn lenient(text: &str) -> Self {
        text.parse().unwrap_or(PhoneType::Unknown)
    }
}

impl fmt::Display for PhoneType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PhoneType {
    type Err = UnknownPhoneType;

    fn from_str(text: &str) -> Result<Self, UnknownPhoneType> {
        if text.len() > LONGEST_WORD {
            return Err(UnknownPhoneType);
        }
        spelled(text)
            .or_else(|| {
                let word: String = text
                    .chars()
                    .filter(char::is_ascii_alphanumeric)
                    .map(|c| c.to_ascii_lowercase())
                    .collect();
                spelled(&word)
            })
            .ok_or(UnknownPhoneType)
    }
}

fn spelled(word: &str) -> Option<PhoneType> {
    SPELLINGS
        .iter()
        .find(|(_, spellings)| spellings.contains(&word))
        .map(|(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_words_are_understood() {
        for (text, kind) in [
            ("Mobile", PhoneType::Mobile),
            ("wireless", PhoneType::Mobile),
            (" Cell ", PhoneType::Mobile),
            ("Land Line", PhoneType::Landline),
            ("Landline", PhoneType::Landline),
            ("FIXED_LINE", PhoneType::Landline),
            ("VoIP", PhoneType::Voip),
            ("Non-Fixed VoIP", PhoneType::Voip),
            ("other", PhoneType::Unknown),
        ] {
            assert_eq!(text.parse::<PhoneType>(), Ok(kind), "{text}");
        }
    }

    #[test]
    fn a_word_that_names_two_kinds_names_none() {
        assert_eq!(
            "FIXED_LINE_OR_MOBILE".parse::<PhoneType>(),
            Ok(PhoneType::Unknown)
        );
    }

    #[test]
    fn callers_get_an_error_and_vendors_get_unknown() {
        for text in ["", "fax", "mobiles", "手机", &"m".repeat(100)] {
            assert_eq!(text.parse::<PhoneType>(), Err(UnknownPhoneType));
            assert_eq!(PhoneType::lenient(text), PhoneType::Unknown);
        }
    }
}
