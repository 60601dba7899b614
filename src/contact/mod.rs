//! Contact points: the phones and e-mail addresses of a lead.
//!
//! Text becomes a [`Contact`] here, once, at the edge; everything inside works on the canonical form.
//! Two spellings of one phone or mailbox must compare equal, because an opt-out and a purchase are
//! both looked up by that form. Text that cannot be a contact point is refused with a reason; the
//! reason never repeats the text, because errors end up in logs.

pub mod email;
pub mod flag;
pub mod phone;
pub mod phone_type;
pub mod point;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

pub use email::{EmailAddress, EmailProblem};
pub use phone::{E164, PhoneProblem};
pub use phone_type::PhoneType;

/// Which of the two kinds of contact point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A phone number.
    Phone,
    /// An e-mail address.
    Email,
}

impl Kind {
    /// The word used in SQL, and the key that holds the value in a stored point.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Phone => "phone",
            Kind::Email => "email",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is neither `phone` nor `email`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a contact point is either \"phone\" or \"email\"")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let word = text.trim();
        [Kind::Phone, Kind::Email]
            .into_iter()
            .find(|kind| word.eq_ignore_ascii_case(kind.as_str()))
            .ok_or(UnknownKind)
    }
}

/// A phone or an e-mail address in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Contact {
    /// A phone number in E.164.
    Phone(E164),
    /// An e-mail address with its domain in lower-case ASCII.
    Email(EmailAddress),
}

/// Why a text is not a contact point of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContactProblem {
    /// Not a phone number.
    #[error(transparent)]
    Phone(#[from] PhoneProblem),
    /// Not an e-mail address.
    #[error(transparent)]
    Email(#[from] EmailProblem),
}

impl Contact {
    /// Reads a text as a contact point of this kind.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, ContactProblem> {
        Ok(match kind {
            Kind::Phone => Contact::Phone(phone::parse(text)?),
            Kind::Email => Contact::Email(email::parse(text)?),
        })
    }

    /// Phone or e-mail.
    pub fn kind(&self) -> Kind {
        match self {
            Contact::Phone(_) => Kind::Phone,
            Contact::Email(_) => Kind::Email,
        }
    }

    /// The form to store and to show.
    pub fn as_str(&self) -> &str {
        match self {
            Contact::Phone(number) => number.as_str(),
            Contact::Email(address) => address.as_str(),
        }
    }

    /// The form on which two contact points are the same; also what an opt-out is keyed on.
    pub fn key(&self) -> Cow<'_, str> {
        match self {
            Contact::Phone(number) => Cow::Borrowed(number.as_str()),
            Contact::Email(address) => Cow::Owned(address.comparison_key()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_whatever_the_case_and_spaces() {
        assert_eq!(" Phone ".parse(), Ok(Kind::Phone));
        assert_eq!("EMAIL".parse(), Ok(Kind::Email));
        for other in ["", "fax", "phones", "e-mail"] {
            assert_eq!(other.parse::<Kind>(), Err(UnknownKind));
        }
    }

    #[test]
    fn one_contact_has_one_key_whatever_its_spelling() {
        let keys = |kind, a, b| {
            let a = Contact::parse(kind, a).expect("valid");
            let b = Contact::parse(kind, b).expect("valid");
            (a.key().into_owned(), b.key().into_owned())
        };
        let (a, b) = keys(Kind::Phone, "(602) 555-0143", "+16025550143");
        assert_eq!(a, b);
        let (a, b) = keys(Kind::Email, "Pat@Example.com", "pat@example.COM");
        assert_eq!(a, b);
    }
}
