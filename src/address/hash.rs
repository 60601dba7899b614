//! The hash of an address as it is stored.

use sha2::{Digest, Sha256};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A SHA-256 as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash([u8; 64]);

impl Hash {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut hex = [0; 64];
        for (byte, pair) in Sha256::digest(bytes).iter().zip(hex.as_chunks_mut().0) {
            *pair = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        }
        Self(hex)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        // Only digits are ever stored.
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}
