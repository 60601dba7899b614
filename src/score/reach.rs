//! What a contact point earns, from its members one by one as they are stored: the same as `is_reached` says of the
//! points' values, without making these.

use super::takes_messages;
use crate::contact::flag::{Said, bar_named};
use crate::contact::{Kind, PhoneType};

/// What the score has seen of a contact point.
pub struct Reach<'a> {
    kind: Kind,
    value: Option<&'a str>,
    line: Option<&'a str>,
    is_claimed: bool,
    is_barred: bool,
}

impl<'a> Reach<'a> {
    /// Of a point of this kind, nothing of it seen.
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            value: None,
            line: None,
            is_claimed: false,
            is_barred: false,
        }
    }

    /// Does the score depend on this member?
    #[inline]
    pub fn looks_at(member: &[u8]) -> bool {
        matches!(member, b"phone" | b"email" | b"verified" | b"type") || bar_named(member).is_some()
    }

    /// A member that it depends on.
    #[inline]
    pub fn see(&mut self, member: &[u8], said: Said<'a>) {
        match member {
            b"phone" | b"email" if member == self.kind.as_str().as_bytes() => {
                self.value = said.words();
            }
            b"phone" | b"email" => {}
            b"type" => self.line = said.words(),
            b"verified" => self.is_claimed = said.is_claim(),
            _bar => self.is_barred |= said.bar() == Some(true),
        }
    }

    /// Does the point earn what its kind is worth, all of its members seen?
    pub fn earns(&self) -> bool {
        self.is_claimed
            && !self.is_barred
            && self.value.is_some_and(|value| !value.trim().is_empty())
            && (self.kind == Kind::Email
                || self
                    .line
                    .is_some_and(|line| takes_messages(PhoneType::lenient(line))))
    }
}
