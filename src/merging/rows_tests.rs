use super::*;

fn row(fields: &[(&str, &str)]) -> Row {
    fields
        .iter()
        .map(|(field, text)| ((*field).to_string(), (*text).to_string()))
        .collect()
}

#[test]
fn names_of_two_people_are_not_mixed() {
    let pat = row(&[("first_name", "\"Pat\""), ("last_name", "null")]);
    let sam = row(&[("first_name", "\"Sam\""), ("last_name", "\"Doe\"")]);
    assert_eq!(value(&merged(&pat, &sam), "last_name"), None);
    let full = row(&[
        ("owner_full_name", "\"DOE, Pat\""),
        ("last_name", "\"Doe\""),
    ]);
    assert_eq!(value(&merged(&pat, &full), "last_name"), Some("\"Doe\""));
}

#[test]
fn an_address_comes_whole() {
    let kept = row(&[
        ("address_line1", "null"),
        ("property_city", "\"Mesa\""),
        ("addr_hash", "null"),
    ]);
    let folded = row(&[
        ("address_line1", "\"5 Oak St\""),
        ("property_city", "\"Austin\""),
        ("addr_hash", "\"h\""),
    ]);
    let all = merged(&kept, &folded);
    assert_eq!(value(&all, "property_city"), Some("\"Austin\""));
    assert_eq!(
        value(&merged(&folded, &kept), "property_city"),
        Some("\"Austin\"")
    );
}

#[test]
fn a_parcel_of_another_county_stays_out() {
    let kept = row(&[("apn", "null"), ("county_fips", "\"04013\"")]);
    let other = row(&[("apn", "\"7\""), ("county_fips", "\"48453\"")]);
    assert_eq!(value(&merged(&kept, &other), "apn"), None);
    let same = row(&[("apn", "\"7\""), ("county_fips", "\"04013\"")]);
    assert_eq!(value(&merged(&kept, &same), "apn"), Some("\"7\""));
}

#[test]
fn opt_outs_are_never_restored() {
    let before = row(&[("suppressed_at", "null")]);
    let after = row(&[("suppressed_at", "\"2026\"")]);
    assert_eq!(
        value(&replay(&after, &after, &before), "suppressed_at"),
        Some("\"2026\"")
    );
}
