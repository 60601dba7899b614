use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;

use crate::record::tests::{problem, record, some};
use crate::record::{LeadRecord, ProblemKind, RecordProblem};

#[test]
fn money_is_read_as_people_write_it() {
    for (text, cents) in [
        (json!("$1,234.50"), 123_450),
        (json!(" 1234.5 "), 123_450),
        (json!("1,234,567"), 123_456_700),
        (json!("$ .5"), 50),
        (json!(1234.5), 123_450),
        (json!("1.2345E5"), 12_345_000),
        (json!("-$5"), -500),
        (json!("$-5.00"), -500),
        (json!("($1,000)"), -100_000),
    ] {
        let read = record(json!({"estimated_equity": text}));
        assert_eq!(
            read.estimated_equity,
            Some(Decimal::new(cents, 2)),
            "{text}"
        );
    }
}

#[test]
fn money_that_may_be_misread_is_refused() {
    for text in [
        "1234,50",
        "12,34.50",
        "1,2345",
        "1,234.5,6",
        "1.234.567",
        "abc",
        "$",
        "1e",
        "1_000",
        "+5",
        "5 000",
        "1.2M",
        "NaN",
        "0x10",
        "--5",
        "1e99999999999",
    ] {
        assert_eq!(
            problem(json!({"property_value": text})),
            RecordProblem::NotANumber {
                field: "property_value"
            },
            "{text}"
        );
    }
}

#[test]
fn a_templates_word_in_an_identifier_is_refused() {
    for field in ["vendor_record_id", "mak", "apn", "county_fips"] {
        for word in [
            "undefined",
            "NULL",
            " Null ",
            "batch-undefined",
            "null-null",
            "NaN",
            "[object Object]",
        ] {
            let found = problem(json!({field: word}));
            assert!(
                matches!(found, RecordProblem::TemplateWord { field: named } if named == field)
            );
            assert_eq!(found.kind(), ProblemKind::BadArgument);
        }
    }
    assert_eq!(
        record(json!({"apn": "NULLARBOR-1"})).apn,
        some("NULLARBOR-1")
    );
}

#[test]
fn a_templates_word_elsewhere_is_nothing() {
    let read = record(
        json!({"address_line1": "undefined", "city": "null", "state": "NULL",
        "owner_full_name": "undefined undefined", "vendor_list_id": "undefined", "property_value": "null",
        "age": "undefined", "owner_occupied": "null", "custom": "undefined"}),
    );
    assert_eq!(read, LeadRecord::default());
    assert_eq!(
        record(json!({"owner_last_name": "Null"})).owner_last_name,
        some("Null")
    );
}

#[test]
fn words_for_not_known_are_nothing_where_a_fact_is_asked_for() {
    for word in ["", "  ", "-", "N/A", "Unknown", "none"] {
        let read = record(
            json!({"apn": word, "mak": word, "age": word, "property_value": word, "owner_occupied": word}),
        );
        assert_eq!(read, LeadRecord::default(), "{word}");
    }
    assert_eq!(
        record(json!({"apn": "000-00-000", "mak": "0"})),
        LeadRecord::default()
    );
    assert_eq!(record(json!({"city": "Unknown"})).city, some("Unknown"));
}

#[test]
fn spreadsheet_numbers_lose_their_tail_and_counties_get_their_zero_back() {
    let read = record(
        json!({"apn": 5544003021.0, "mak": "1234567890.0", "zip": 2139, "county_fips": 6037.0,
        "age": "68.0", "owner_occupied": "1.0"}),
    );
    assert_eq!(read.apn, some("5544003021"));
    assert_eq!(read.mak, some("1234567890"));
    assert_eq!(read.postal_code, some("2139"));
    assert_eq!(read.county_fips, some("06037"));
    assert_eq!(read.age, Some(68));
    assert_eq!(read.owner_occupied, Some(true));
    assert_eq!(record(json!({"apn": "12.30-4.0"})).apn, some("12.30-4.0"));
}

proptest! {
    #[test]
    fn amounts_survive_their_dress(dollars in 0..1_000_000_000i64, cents in 0..100i64) {
        let digits = dollars.to_string();
        let mut grouped = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index) % 3 == 0 {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let expected = Some(Decimal::new(dollars * 100 + cents, 2));
        for text in [format!("${grouped}.{cents:02}"), format!("{digits}.{cents:02}")] {
            prop_assert_eq!(record(json!({"property_value": text})).property_value, expected);
        }
    }
}
