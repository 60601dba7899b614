//! What keeps two leads apart, whatever else they share: a hard key that both have and that differs.

use crate::address::{self, CanonicalAddress};

/// What is known of a lead, or of a record, that could contradict another.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub mak: Option<String>,
    pub apn: Option<String>,
    pub county_fips: Option<String>,
    pub address: Option<CanonicalAddress>,
    pub state: Option<String>,
    pub zip: Option<String>,
    /// Known by its address, in whatever form its hash was made.
    pub has_addr_hash: bool,
}

impl Facts {
    /// Nothing but a vendor's record id or a parcel number says which property it is.
    pub fn is_bare(&self) -> bool {
        self.mak.is_none() && self.address.is_none() && !self.has_addr_hash
    }
}

/// The first hard key on which the two differ, in the words of `lead_matches.agreement`.
pub fn between(a: &Facts, b: &Facts) -> Option<&'static str> {
    let differ = |a: Option<&str>, b: Option<&str>| matches!((a, b), (Some(a), Some(b)) if a != b);
    if differ(a.mak.as_deref(), b.mak.as_deref()) {
        return Some("mak");
    }
    if differ(a.county_fips.as_deref(), b.county_fips.as_deref()) {
        return Some("county");
    }
    // In one county, or in counties that nobody named.
    let apn = |facts: &Facts| facts.apn.as_deref().map(bare_number);
    if differ(apn(a).as_deref(), apn(b).as_deref()) {
        return Some("apn");
    }
    if differ(state(a).as_deref(), state(b).as_deref()) {
        return Some("state");
    }
    if differ(zip(a).as_deref(), zip(b).as_deref()) {
        return Some("zip");
    }
    let (Some(a), Some(b)) = (&a.address, &b.address) else {
        return None;
    };
    if a.house_number() != b.house_number() {
        return Some("house_number");
    }
    (a.unit() != b.unit()).then_some("unit")
}

/// A parcel number without what assessors and vendors punctuate it with.
fn bare_number(apn: &str) -> String {
    apn.chars()
        .filter(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_uppercase()
}

/// A state is known by its code: `California` and `CA` are one.
fn state(facts: &Facts) -> Option<String> {
    let code = match &facts.address {
        Some(address) if !address.state().is_empty() => address.state().to_string(),
        _ => facts.state.as_deref()?.trim().to_ascii_uppercase(),
    };
    (code.len() == 2).then_some(code)
}

fn zip(facts: &Facts) -> Option<String> {
    let of_address = facts.address.as_ref().and_then(CanonicalAddress::zip);
    of_address.map(str::to_string).or_else(|| {
        let zip = address::normalize_zip(facts.zip.as_deref()?)?;
        Some(zip.as_str().to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::AddressParts;

    fn at(line1: &str, zip: &str) -> Facts {
        Facts {
            address: address::canonical(&AddressParts {
                line1: Some(line1),
                zip: Some(zip),
                ..AddressParts::default()
            }),
            ..Facts::default()
        }
    }

    fn parcel(apn: &str, county: Option<&str>) -> Facts {
        Facts {
            apn: Some(apn.into()),
            county_fips: county.map(str::to_string),
            ..Facts::default()
        }
    }

    #[test]
    fn doors_are_kept_apart_and_spellings_are_not() {
        let home = at("12 Oak St Apt 5", "85201");
        for (line, zip, found) in [
            ("12 Oak Street #5", "85201-1234", None),
            ("12 Oka St Unit 5", "85201", None),
            ("12 Oak St Apt 6", "85201", Some("unit")),
            ("12 Oak St", "85201", Some("unit")),
            ("14 Oak St Apt 5", "85201", Some("house_number")),
            ("12 Oak St Apt 5", "85202", Some("zip")),
        ] {
            assert_eq!(between(&home, &at(line, zip)), found, "{line} {zip}");
        }
        assert_eq!(between(&home, &Facts::default()), None);
    }

    #[test]
    fn parcels_count_inside_a_county() {
        let a = parcel("12-34", Some("04013"));
        assert_eq!(between(&a, &parcel("1234", Some("04013"))), None);
        assert_eq!(between(&a, &parcel("1235", Some("04013"))), Some("apn"));
        assert_eq!(between(&a, &parcel("1235", None)), Some("apn"));
        assert_eq!(between(&a, &parcel("1234", Some("04014"))), Some("county"));
    }

    #[test]
    fn a_state_in_words_contradicts_nothing_by_itself() {
        let in_state = |state: &str| Facts {
            state: Some(state.into()),
            ..Facts::default()
        };
        assert_eq!(between(&in_state("CA"), &in_state("California")), None);
        assert_eq!(between(&in_state("CA"), &in_state("az")), Some("state"));
    }
}
