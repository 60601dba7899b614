//! The promises of the module, for any text.

use proptest::prelude::*;

use super::*;

fn of(line1: &str, line2: &str) -> Option<CanonicalAddress> {
    canonical(&AddressParts {
        line1: Some(line1),
        line2: Some(line2).filter(|line2| !line2.is_empty()),
        city: Some("Springfield"),
        state: Some("IL"),
        zip: Some("62701"),
    })
}

fn text_of(line1: &str, line2: &str) -> String {
    of(line1, line2).map_or_else(String::new, |address| address.text().to_owned())
}

#[test]
fn fields_come_back_as_they_are_joined() {
    let address = of("12½ north Main Street, Apt 5-B", "").expect("an address");
    assert_eq!(address.text(), "12 1/2|N MAIN ST|5B|SPRINGFIELD|IL|62701");
    assert_eq!(address.house_number(), "12 1/2");
    assert_eq!(address.street(), "N MAIN ST");
    assert_eq!(address.unit(), "5B");
    assert_eq!(address.city(), "SPRINGFIELD");
    assert_eq!(address.state(), "IL");
    assert_eq!(address.zip(), Some("62701"));
}

#[test]
fn the_hash_is_that_of_the_versioned_text() {
    // printf 'v1|12|MAIN ST||SPRINGFIELD|IL|62701' | sha256sum
    let address = of("12 Main St", "").expect("an address");
    assert_eq!(
        address.hash_hex(),
        "0ad2dc7042082d22a652038e4820756f2707002dc3700417f9d79413ec1d6d1c"
    );
    assert_eq!(HASH_PREFIX, format!("v{NORMALIZER_VERSION}|"));
}

#[test]
fn a_zip_that_is_none_keeps_its_text_and_has_no_accessor() {
    let with = |zip| {
        canonical(&AddressParts {
            line1: Some("12 Main St"),
            city: Some("Springfield"),
            state: Some("IL"),
            zip: Some(zip),
            ..AddressParts::default()
        })
    };
    let odd = with("M5V 2T6").expect("city and state are enough");
    assert_eq!(odd.zip(), None);
    assert_ne!(Some(odd), with("M5V 2T7"));
    assert_eq!(with("N/A"), with(" "));
}

#[test]
fn a_street_in_the_second_line_is_found() {
    assert_eq!(
        text_of("c/o Pat Example", "12 Main St"),
        text_of("12 Main St", "")
    );
    let second_only = AddressParts {
        line2: Some("12 Main St"),
        zip: Some("62701"),
        ..AddressParts::default()
    };
    assert!(canonical(&second_only).is_some());
}

#[test]
fn every_table_word_is_upper_case_and_every_standard_form_is_itself() {
    for (word, suffix) in tables::suffixes::SUFFIXES.rows() {
        assert_eq!(*word, word.to_ascii_uppercase());
        let standard = suffix.standard();
        let again = tables::suffixes::SUFFIXES
            .get(standard)
            .map(|suffix| suffix.standard());
        assert!(
            again.is_none_or(|again| again == standard),
            "{word} -> {standard} -> {again:?}"
        );
    }
}

#[test]
fn every_highway_spelling_can_be_reached() {
    for spelling in tables::highways::SPELLINGS {
        let head = spelling.words[0];
        assert!(
            tables::highways::HEADS.get(head).is_some(),
            "{head} is no head"
        );
        let state = spelling.only_in.unwrap_or("NY");
        let line = format!("12 {} 55", spelling.words.join(" "));
        let address = canonical(&AddressParts {
            line1: Some(&line),
            city: Some("Springfield"),
            state: Some(state),
            ..AddressParts::default()
        });
        let street = address.map(|address| address.street().to_owned());
        let expected = format!("{} 55", spelling.system.label());
        assert_eq!(street, Some(expected), "{line}");
    }
}

/// Texts that reach deep into the rules: their words in any order.
fn lines() -> impl Strategy<Value = String> {
    const PARTS: &[&str] = &[
        "12",
        "12-14",
        "5B",
        "1/2",
        "½",
        "#",
        "-",
        ",",
        ".",
        "/",
        "Apt",
        "Unit",
        "Bldg",
        "FL",
        "PH3",
        "Rear",
        "N",
        "North",
        "SW",
        "St",
        "Street",
        "Ave",
        "Saint",
        "Main",
        "Park",
        "Mc",
        "O",
        "Dr",
        "US",
        "Hwy",
        "I",
        "State",
        "Rd",
        "County",
        "CR",
        "FM",
        "Loop",
        "PO",
        "Box",
        "RR",
        "HC",
        "Star",
        "Route",
        "c/o",
        "Attn",
        "Urb",
        "Calle",
        "Twenty",
        "Third",
        "5th",
        "One",
        "Hundred",
        "Mile",
        "Springfield",
        "IL",
        "62701",
        "USA",
        "&",
        "&amp;",
        "<br>",
        "é",
        "улица",
        "N123W456",
        "(",
        ")",
        "'",
        "0",
        "00",
        "A",
        "\n",
        "\u{301}",
        "①",
        "Broadway",
    ];
    let word = prop::sample::select(PARTS);
    let gap = prop::sample::select(&[" ", " ", " ", "", ", "][..]);
    prop::collection::vec((word, gap), 0..14).prop_map(|words| {
        words
            .iter()
            .map(|(word, gap)| format!("{word}{gap}"))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_panics_and_fields_never_bleed(line1 in any::<String>(), line2 in lines(), city in any::<String>(), state in any::<String>(), zip in any::<String>()) {
        for (first, second) in [(&line1, &line2), (&line2, &line1)] {
            let address = canonical(&AddressParts {
                line1: Some(first), line2: Some(second), city: Some(&city), state: Some(&state), zip: Some(&zip),
            });
            if let Some(address) = address {
                prop_assert_eq!(address.text().matches('|').count(), 5);
                prop_assert_eq!(address.hash_hex().len(), 64);
            }
        }
        let _ = normalize_zip(&line1);
    }

    #[test]
    fn case_and_spaces_do_not_matter(line in lines()) {
        let plain = text_of(&line, "");
        prop_assert_eq!(&text_of(&line.to_lowercase(), ""), &plain);
        prop_assert_eq!(&text_of(&line.to_uppercase().replace("&AMP;", "&amp;"), ""), &plain);
        prop_assert_eq!(&text_of(&format!("  {}\t", line.replace(' ', " \u{a0} ")), ""), &plain);
    }

    #[test]
    fn another_house_number_is_another_property(line in lines(), one in 1u32..99_999, other in 1u32..99_999) {
        prop_assume!(one != other);
        let at = |number| text_of(&format!("{number} Main St {line}"), "");
        prop_assert_ne!(at(one), at(other));
    }

    #[test]
    fn the_unit_may_stand_in_either_line(number in 1u32..9_999, unit in "[0-9]{1,4}[A-Z]?|[A-Z][0-9]{1,3}", word in "Apt|Unit|#|Suite|Bldg|Lot|Trlr|Fl") {
        let inside = text_of(&format!("{number} N Oak Ave {word} {unit}"), "");
        let below = text_of(&format!("{number} N Oak Ave"), &format!("{word} {unit}"));
        prop_assert_eq!(&inside, &below);
        prop_assert_ne!(inside, text_of(&format!("{number} N Oak Ave"), ""));
    }

    #[test]
    fn the_canonical_line_is_its_own_canonical_form(number in 1u32..9_999, name in "[A-Z]{3,9}( [A-Z]{3,9})?", index in 0usize..500) {
        let rows = tables::suffixes::SUFFIXES.rows();
        let suffix = rows[index % rows.len()].0;
        let once = of(&format!("{number} {name} {suffix}"), "").expect("a number and a street");
        let again = of(&format!("{} {}", once.house_number(), once.street()), once.unit());
        prop_assert_eq!(Some(once), again);
    }
}
