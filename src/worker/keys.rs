//! The vendors' keys: one file, read at start and on reload, never shown.
//!
//! Lines are `name = key`, `#` starts a comment. A name is a vendor product (`melissa`) or the company behind
//! several (`batchdata`). The file must be a regular file of the server's user, readable by nobody else.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::vendors::{Product, Secret};

/// For a product that asks for none.
static NO_KEY: Secret = Secret::none();

/// The keys by name.
#[derive(Default)]
pub struct Keys {
    by_name: HashMap<String, Secret>,
}

/// Why the keys cannot be used. The texts hold no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysProblem {
    #[error("equity_connect.keys_file is not set")]
    NotSet,
    #[error("the keys file cannot be read: {0}")]
    Unreadable(String),
    #[error("the keys file is not a regular file")]
    NotAFile,
    #[error("the keys file belongs to another user than the server's")]
    ForeignOwner,
    #[error("the keys file can be read by others: its mode must be 0600")]
    OpenToOthers,
    #[error("line {0} of the keys file is not of the form name = key")]
    BadLine(usize),
}

impl Keys {
    pub fn read(path: &str) -> Result<Self, KeysProblem> {
        if path.is_empty() {
            return Err(KeysProblem::NotSet);
        }
        let unreadable = |error: std::io::Error| KeysProblem::Unreadable(error.kind().to_string());
        let path = Path::new(path);
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(KeysProblem::NotAFile);
        }
        // SAFETY: geteuid has no preconditions and cannot fail.
        if metadata.uid() != unsafe { libc::geteuid() } {
            return Err(KeysProblem::ForeignOwner);
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(KeysProblem::OpenToOthers);
        }
        Self::parse(&std::fs::read_to_string(path).map_err(unreadable)?)
    }

    fn parse(text: &str) -> Result<Self, KeysProblem> {
        let mut by_name = HashMap::new();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, key) = line.split_once('=').ok_or(KeysProblem::BadLine(n + 1))?;
            let (name, key) = (name.trim(), key.trim());
            if name.is_empty() || key.is_empty() {
                return Err(KeysProblem::BadLine(n + 1));
            }
            by_name.insert(name.to_ascii_lowercase(), Secret::new(key));
        }
        Ok(Self { by_name })
    }

    /// The key of a product: under its own name, else under its company's.
    pub fn of(&self, product: Product) -> Option<&Secret> {
        if !product.needs_key() {
            return Some(&NO_KEY);
        }
        self.named(product.name())
    }

    /// The same by the name in `vendors`.
    pub fn named(&self, name: &str) -> Option<&Secret> {
        let company = name.split('_').next().unwrap_or(name);
        self.by_name.get(name).or_else(|| self.by_name.get(company))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_uses_its_own_key_or_its_companys() {
        let keys =
            Keys::parse("# ours\nbatchdata = aaa\nbatchdata_skip_trace = bbb\n\nMelissa=c=d\n")
                .expect("valid");
        assert_eq!(
            keys.of(Product::BatchdataSearch).map(Secret::expose),
            Some("aaa")
        );
        assert_eq!(
            keys.of(Product::BatchdataSkipTrace).map(Secret::expose),
            Some("bbb")
        );
        assert_eq!(keys.of(Product::Melissa).map(Secret::expose), Some("c=d"));
        assert!(keys.of(Product::InstantlyVerify).is_none());
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_only() {
        assert_eq!(
            Keys::parse("melissa = a\nhunter2\n").err(),
            Some(KeysProblem::BadLine(2))
        );
        assert_eq!(
            Keys::parse("melissa =\n").err(),
            Some(KeysProblem::BadLine(1))
        );
    }
}
