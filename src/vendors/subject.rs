//! What is bought. Stored in the ledger as jsonb, so that a replay sends the same thing.
//!
//! Field names are part of the stored form: renaming one strands the purchases of older releases.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BuildError, lenient};

/// One purchase of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Our purchase id, echoed by the vendor where it can.
    pub id: String,
    pub subject: Subject,
}

impl Item {
    /// The e-mail address, fit for a path segment or a command: no blanks, no `..`.
    pub(super) fn email(&self) -> Result<&str, BuildError> {
        match &self.subject {
            Subject::Email(email) if is_address(email.trim()) => Ok(email.trim()),
            _ => Err(BuildError::item(
                &self.id,
                "a verification takes an e-mail address",
            )),
        }
    }

    /// The phone number, in E.164.
    pub(super) fn phone(&self) -> Result<&str, BuildError> {
        let is_e164 = |text: &str| {
            text.strip_prefix('+').is_some_and(|digits| {
                (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        match &self.subject {
            Subject::Phone(number) if is_e164(number) => Ok(number),
            _ => Err(BuildError::item(
                &self.id,
                "a look-up takes a phone number in E.164",
            )),
        }
    }
}

/// Enough to be sure that nothing blank is paid for, and that no command can be smuggled in.
fn is_address(email: &str) -> bool {
    let is_clean = !email.contains(|c: char| c.is_control() || c.is_whitespace());
    is_clean
        && matches!(email.rsplit_once('@'), Some((local, domain)) if !local.is_empty() && !domain.is_empty())
}

/// What is asked about: `{"search": …}`, `{"property": …}`, `{"email": "…"}`, `{"phone": "…"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Search(SearchPage),
    Property(PropertySubject),
    Email(String),
    /// E.164.
    Phone(String),
}

/// One page of a search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SearchPage {
    /// The user's own parameters (`pulls.params`).
    pub criteria: Value,
    /// Records wanted; 0 only counts.
    pub take: u32,
    /// The vendor's cursor from the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How many records to pass over. Read only when there is no cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<u32>,
    /// The vendor's search session, in which no record is delivered twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Names this page within the session.
    pub idempotency_key: String,
}

/// A property and what is known of its owner. Blank counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PropertySubject {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_line1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_line2: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub county_fips: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mak: Option<String>,
}

impl PropertySubject {
    /// The same with every field trimmed, and blank ones absent.
    pub(super) fn cleaned(&self) -> Self {
        let clean = |field: &Option<String>| field.as_deref().and_then(lenient::clean);
        Self {
            address_line1: clean(&self.address_line1),
            address_line2: clean(&self.address_line2),
            city: clean(&self.city),
            state: clean(&self.state),
            zip: clean(&self.zip),
            apn: clean(&self.apn),
            county_fips: clean(&self.county_fips),
            first_name: clean(&self.first_name),
            last_name: clean(&self.last_name),
            full_name: clean(&self.full_name),
            company: clean(&self.company),
            mak: clean(&self.mak),
        }
    }

    /// Enough of an address to name one property: a street line, and a ZIP or city with state.
    pub(super) fn has_address(&self) -> bool {
        self.address_line1.is_some()
            && (self.zip.is_some() || (self.city.is_some() && self.state.is_some()))
    }
}
