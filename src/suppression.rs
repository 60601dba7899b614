//! What an opt-out is keyed on.
//!
//! A lead can be known by its phones, its e-mails and the keys of its property; an opt-out holds a keyed hash of one of
//! them and never the value itself. The kind goes into the hash, so that a hash alone says what it stands for.
//! Pure: what is in force is told by the table `suppressions`.

use serde_json::Value;

use crate::canonical;
use crate::contact::{Contact, Kind, point};

/// What kind of value an opt-out is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    Phone,
    Email,
    /// `leads.addr_hash`.
    Address,
    Mak,
    /// A vendor's record: source and id.
    Record,
    /// A parcel number in its county.
    Parcel,
}

impl KeyKind {
    /// The word in `suppressions.kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Address => "address",
            Self::Mak => "mak",
            Self::Record => "record",
            Self::Parcel => "parcel",
        }
    }
}

/// One value that an opt-out can be about, in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub kind: KeyKind,
    pub value: String,
}

impl Key {
    pub fn of_contact(contact: &Contact) -> Self {
        let kind = match contact.kind() {
            Kind::Phone => KeyKind::Phone,
            Kind::Email => KeyKind::Email,
        };
        Self {
            kind,
            value: contact.key().into_owned(),
        }
    }

    pub fn of_address(addr_hash: &str) -> Self {
        Self {
            kind: KeyKind::Address,
            value: addr_hash.to_string(),
        }
    }

    /// The text by which `lead_merges.folded_keys` knows a key of a property; None for a contact point.
    pub fn of_property(&self) -> Option<String> {
        match self.kind {
            KeyKind::Phone | KeyKind::Email => None,
            _ => Some(format!("{}:{}", self.kind.as_str(), self.value)),
        }
    }

    /// What is stored in `suppressions.value_hash`.
    pub fn hash(&self, secret: &[u8]) -> String {
        canonical::keyed_hash(secret, &["suppression", self.kind.as_str(), &self.value])
    }
}

/// What is known of a lead that an opt-out could be about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Holder<'a> {
    pub phones: &'a [Value],
    pub emails: &'a [Value],
    pub addr_hash: Option<&'a str>,
    pub mak: Option<&'a str>,
    pub source: Option<&'a str>,
    pub vendor_record_id: Option<&'a str>,
    pub apn: Option<&'a str>,
    pub county_fips: Option<&'a str>,
}

impl Holder<'_> {
    /// The contact points, each once.
    pub fn contacts(&self) -> Vec<Contact> {
        let mut all: Vec<Contact> = Vec::new();
        for (kind, points) in [(Kind::Phone, self.phones), (Kind::Email, self.emails)] {
            for found in point::read(kind, points) {
                if !all.iter().any(|known| known.key() == found.contact.key()) {
                    all.push(found.contact);
                }
            }
        }
        all
    }

    /// The keys of the property. A parcel number without a county names many properties, so it counts only where
    /// nothing better is known.
    pub fn property_keys(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        let mut add = |kind, value: Option<String>| {
            keys.extend(value.map(|value| Key { kind, value }));
        };
        add(KeyKind::Address, self.addr_hash.map(str::to_string));
        add(KeyKind::Mak, self.mak.map(str::to_string));
        add(
            KeyKind::Record,
            self.vendor_record_id
                .map(|id| format!("{}\u{1f}{id}", self.source.unwrap_or_default())),
        );
        let is_known_otherwise = self.addr_hash.is_some() || self.mak.is_some();
        let parcel = self
            .apn
            .filter(|_| self.county_fips.is_some() || !is_known_otherwise);
        add(
            KeyKind::Parcel,
            parcel.map(|apn| format!("{}\u{1f}{apn}", self.county_fips.unwrap_or_default())),
        );
        keys
    }

    /// Everything: the property first.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys = self.property_keys();
        keys.extend(self.contacts().iter().map(Key::of_contact));
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_mailbox_has_one_hash_however_it_is_written() {
        let [a, b] = ["Pat@Example.com", "pat@example.COM"]
            .map(|text| Key::of_contact(&Contact::parse(Kind::Email, text).unwrap()).hash(b"k"));
        assert_eq!(a, b);
    }

    #[test]
    fn a_hash_depends_on_key_kind_and_value() {
        let phone = Key {
            kind: KeyKind::Phone,
            value: "1".into(),
        };
        let mak = Key {
            kind: KeyKind::Mak,
            value: "1".into(),
        };
        assert_ne!(phone.hash(b"k"), mak.hash(b"k"));
        assert_ne!(phone.hash(b"k"), phone.hash(b"l"));
    }

    #[test]
    fn a_parcel_without_a_county_counts_only_when_nothing_better_is_known() {
        let bare = Holder {
            apn: Some("7"),
            ..Holder::default()
        };
        assert_eq!(bare.property_keys().len(), 1);
        let addressed = Holder {
            addr_hash: Some("h"),
            ..bare
        };
        assert_eq!(addressed.property_keys(), [Key::of_address("h")]);
    }

    #[test]
    fn foreign_elements_and_copies_are_no_keys() {
        let phones = [
            json!({"phone": "6025550143"}),
            json!({"phone": "+16025550143"}),
            json!("x"),
            json!({}),
        ];
        let holder = Holder {
            phones: &phones,
            ..Holder::default()
        };
        assert_eq!(holder.contacts().len(), 1);
    }
}
