//! The hash of an address as it is stored.

use sha2::{Digest, Sha256};

/// A SHA-256 as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash([u8; 64]);

impl Hash {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut hex = [0; 64];
        for (byte, pair) in Sha256::digest(bytes).iter().zip(hex.as_chunks_mut().0) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        Self(hex)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        // Only digits are ever stored.
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

/// Without a table, so that the compiler writes many digits at once.
fn digit(value: u8) -> u8 {
    const TO_LETTERS: u8 = b'a' - b'9' - 1;
    b'0' + value + if value > 9 { TO_LETTERS } else { 0 }
}
