//! What vendors know about a property and its owner, in one shape for all of them.
//!
//! Values are as the vendor wrote them (trimmed): turning a number into E.164 or refusing an address
//! is the caller's. Absent means the vendor said nothing, never "no".

use thiserror::Error;

/// An answer that was paid for and can't be understood. The text names no person.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct Unreadable {
    pub reason: String,
}

impl Unreadable {
    pub(super) fn because(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// A phone of the owner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundPhone {
    pub number: String,
    /// `mobile`, `landline` or `voip`.
    pub phone_type: Option<&'static str>,
    /// 0 to 100, higher is better.
    pub score: Option<u8>,
    /// On the national Do-Not-Call registry.
    pub dnc: Option<bool>,
    /// Known for lawsuits about unwanted calls.
    pub tcpa: Option<bool>,
    /// Reached at least once in the last three months.
    pub reachable: Option<bool>,
    /// A call was connected once.
    pub tested: Option<bool>,
    pub carrier: Option<String>,
}

/// An e-mail address of the owner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundEmail {
    pub email: String,
    /// 0 to 100, higher is better.
    pub score: Option<u8>,
    /// A delivery test succeeded.
    pub tested: Option<bool>,
    /// What the vendor remarked without testing the mailbox: `invalid`, `disposable`, `spam_trap`,
    /// `catch_all`, `role`, `historical`.
    pub hints: Vec<&'static str>,
}

/// A phone or an e-mail address.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundContact {
    Phone(FoundPhone),
    Email(FoundEmail),
}

/// The address as the vendor corrected it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorrectedAddress {
    pub line1: String,
    pub line2: Option<String>,
    pub city: Option<String>,
    pub state: Option<String>,
    /// Five digits.
    pub zip: Option<String>,
}

/// What an enrichment vendor answered about one property.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Enrichment {
    pub matched: bool,
    pub mak: Option<String>,
    pub address: Option<CorrectedAddress>,
    /// The name we sent belongs to this address.
    pub owner_confirmed: Option<bool>,
    pub owner_occupied: Option<bool>,
    pub phones: Vec<FoundPhone>,
    pub emails: Vec<FoundEmail>,
    pub deceased: Option<bool>,
    pub litigator: Option<bool>,
}

/// A vendor's remarks about the owner that decide whether he may be contacted at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnerFlags {
    pub deceased: Option<bool>,
    pub litigator: Option<bool>,
    pub tcpa: Option<bool>,
}

/// Our word for a vendor's phone type, whatever its case and spacing: "Land Line", "wireless".
pub fn phone_type(vendor_word: &str) -> Option<&'static str> {
    let word: String = vendor_word
        .chars()
        .filter(char::is_ascii_alphabetic)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    match word.as_str() {
        "mobile" | "wireless" | "cell" | "cellular" | "cellphone" => Some("mobile"),
        "landline" | "fixedline" | "fixed" | "wireline" => Some("landline"),
        "voip" | "fixedvoip" | "nonfixedvoip" => Some("voip"),
        _ => None,
    }
}

/// A vendor's rank (1 is best) as a score: 100, 90, … and never below 10.
pub(super) fn score_of_rank(rank: u64) -> u8 {
    100 - 10 * u8::try_from(rank.saturating_sub(1).min(9)).unwrap_or(9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_phone_type_are_one() {
        for (word, ours) in [
            ("Mobile", Some("mobile")),
            ("wireless", Some("mobile")),
            ("Land Line", Some("landline")),
            ("Landline", Some("landline")),
            ("LAND-LINE", Some("landline")),
            ("VoIP", Some("voip")),
            ("Fixed Line or Mobile", None),
            ("", None),
        ] {
            assert_eq!(phone_type(word), ours, "{word}");
        }
    }

    #[test]
    fn a_better_rank_never_scores_less() {
        assert_eq!(score_of_rank(1), 100);
        assert_eq!(score_of_rank(0), 100);
        assert_eq!(score_of_rank(u64::MAX), 10);
        assert!((1..20).all(|rank| score_of_rank(rank) >= score_of_rank(rank + 1)));
    }
}
