use proptest::prelude::*;
use serde_json::json;

use super::*;

fn from_json(json: &Value) -> Result<LeadRecord, RecordProblem> {
    from_members(members(json.clone())?)
}

pub fn record(json: Value) -> LeadRecord {
    match from_json(&json) {
        Ok(record) => record,
        Err(problem) => panic!("{json}: {problem}"),
    }
}

pub fn problem(json: Value) -> RecordProblem {
    match from_json(&json) {
        Ok(record) => panic!("{json} gave {record:?}"),
        Err(problem) => problem,
    }
}

pub fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn our_names_are_read_with_and_without_their_prefix() {
    let plain = json!({"vendor_record_id": "batch-123", "vendor_list_id": "hollywood-pull-1",
        "address_line1": "123 Sunset Blvd", "address_line2": null, "city": "Los Angeles", "state": "CA",
        "postal_code": "90028", "apn": "5544-003-021", "owner_first_name": "John", "owner_last_name": "Smith",
        "owner_full_name": "John Smith", "owner_company": null, "property_value": 850000,
        "estimated_equity": "425000", "age": 68, "mak": "1234567890", "owner_occupied": true,
        "county_fips": "06037", "custom": {"k": [1]}});
    let prefixed: Map<String, Value> = plain
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (format!("p_{name}"), value.clone()))
        .collect();
    let read = record(plain);
    assert_eq!(record(Value::Object(prefixed)), read);
    assert_eq!(
        read,
        LeadRecord {
            vendor_record_id: some("batch-123"),
            vendor_list_id: some("hollywood-pull-1"),
            address_line1: some("123 Sunset Blvd"),
            city: some("Los Angeles"),
            state: some("CA"),
            postal_code: some("90028"),
            apn: some("5544-003-021"),
            owner_first_name: some("John"),
            owner_last_name: some("Smith"),
            owner_full_name: some("John Smith"),
            mak: some("1234567890"),
            county_fips: some("06037"),
            property_value: Some(Decimal::from(850_000)),
            estimated_equity: Some(Decimal::from(425_000)),
            age: Some(68),
            owner_occupied: Some(true),
            custom: json!({"k": [1]}).as_object().cloned(),
            ..LeadRecord::default()
        }
    );
}

#[test]
fn impossible_values_are_refused_with_their_kind() {
    for (json, expected, kind) in [
        (
            json!([]),
            RecordProblem::NotAnObject,
            ProblemKind::BadSyntax,
        ),
        (
            json!({"property_value": "-1"}),
            RecordProblem::Negative {
                field: "property_value",
            },
            ProblemKind::BadArgument,
        ),
        (
            json!({"age": 131}),
            RecordProblem::OutOfRange {
                field: "age",
                least: 0,
                most: 130,
            },
            ProblemKind::BadArgument,
        ),
        (
            json!({"age": "-1"}),
            RecordProblem::OutOfRange {
                field: "age",
                least: 0,
                most: 130,
            },
            ProblemKind::BadArgument,
        ),
        (
            json!({"age": 68.5}),
            RecordProblem::NotWhole { field: "age" },
            ProblemKind::BadSyntax,
        ),
        (
            json!({"age": 1e12}),
            RecordProblem::NotWhole { field: "age" },
            ProblemKind::BadSyntax,
        ),
        (
            json!({"age": "old"}),
            RecordProblem::NotANumber { field: "age" },
            ProblemKind::BadSyntax,
        ),
        (
            json!({"owner_occupied": "perhaps"}),
            RecordProblem::NotYesOrNo {
                field: "owner_occupied",
            },
            ProblemKind::BadSyntax,
        ),
        (
            json!({"owner_occupied": 2}),
            RecordProblem::NotYesOrNo {
                field: "owner_occupied",
            },
            ProblemKind::BadSyntax,
        ),
        (
            json!({"county_fips": "037"}),
            RecordProblem::NotACounty {
                field: "county_fips",
            },
            ProblemKind::BadSyntax,
        ),
        (
            json!({"county_fips": "O6037"}),
            RecordProblem::NotACounty {
                field: "county_fips",
            },
            ProblemKind::BadSyntax,
        ),
        (
            json!({"city": {"name": "Mesa"}}),
            RecordProblem::NotText { field: "city" },
            ProblemKind::BadSyntax,
        ),
        (
            json!({"city": true}),
            RecordProblem::NotText { field: "city" },
            ProblemKind::BadSyntax,
        ),
        (
            json!({"city": "Me\0sa"}),
            RecordProblem::NulByte { field: "city" },
            ProblemKind::BadSyntax,
        ),
        (
            json!({"custom": {"a": ["\0"]}}),
            RecordProblem::NulByte { field: "custom" },
            ProblemKind::BadSyntax,
        ),
        (
            json!({"note\0": 1}),
            RecordProblem::NulByte {
                field: "the record",
            },
            ProblemKind::BadSyntax,
        ),
        (
            json!({"custom": "[1]"}),
            RecordProblem::NotJson { field: "custom" },
            ProblemKind::BadSyntax,
        ),
        (
            json!({"apn": "5.544E+09"}),
            RecordProblem::Rounded { field: "apn" },
            ProblemKind::BadArgument,
        ),
        (
            json!({"mak": "1".repeat(251)}),
            RecordProblem::TooLong {
                field: "mak",
                limit: 250,
            },
            ProblemKind::BadArgument,
        ),
        (
            json!({"city": "x".repeat(2_001)}),
            RecordProblem::TooLong {
                field: "city",
                limit: 2_000,
            },
            ProblemKind::BadArgument,
        ),
    ] {
        let found = problem(json.clone());
        assert_eq!(found, expected, "{json}");
        assert_eq!(found.kind(), kind, "{json}");
    }
}

#[test]
fn the_first_name_in_the_table_wins_unless_it_is_empty() {
    let read = record(
        json!({"zip": "85002", "postal_code": "85001", "address": "1 A St", "address_line1": " "}),
    );
    assert_eq!(read.postal_code, some("85001"));
    assert_eq!(read.address_line1, some("1 A St"));
}

#[test]
fn only_a_record_that_names_a_property_has_an_identity() {
    for json in [
        json!({"vendor_record_id": "0"}),
        json!({"mak": "1"}),
        json!({"apn": "1-2"}),
        json!({"address": "1 A St", "zip": "85001"}),
        json!({"address": "1 A St", "city": "Mesa", "state": "AZ"}),
    ] {
        assert!(record(json).identified().is_ok());
    }
    for json in [
        json!({}),
        json!({"address": "1 A St"}),
        json!({"address": "1 A St", "city": "Mesa"}),
        json!({"zip": "85001", "city": "Mesa", "state": "AZ"}),
        json!({"owner_full_name": "Pat Example", "county_fips": "06037"}),
    ] {
        assert_eq!(record(json).identified(), Err(RecordProblem::NoIdentity));
    }
}

#[test]
fn a_problem_never_repeats_the_value() {
    for json in [
        json!({"age": "secret"}),
        json!({"custom": "secret"}),
        json!({"county_fips": "secret"}),
        json!({"owner_occupied": "secret"}),
        json!({"apn": "secret-null"}),
    ] {
        let found = problem(json);
        assert!(!format!("{found} {found:?}").contains("secret"));
    }
}

fn any_cell() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[-$(),.0-9eE+_ ]{0,40}".prop_map(Value::from),
        Just(Value::from("undefined")),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(("(phone|email|type|score|[a-z]{1,3})", inner), 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_record_panics_and_a_clean_one_stays_clean(
        name in "(p_)?(vendor_record_id|address|City|zip|apn|mak|county_fips|Est\\. Value|est_equity|age|owner_occupied|custom|phones|emails|Phone 1|Phone 1 Type|Phone 1 DNC|Litigator|\\PC{0,8})",
        cell in any_cell(), other in any_cell(),
    ) {
        if let Ok(read) = from_json(&json!({name: cell, "Phone 2": other})) {
            for contact in &read.contacts {
                let _ = contact.to_point("source", "2025-10-08T00:00:00Z");
            }
            prop_assert_eq!(read.clone().clean(), Ok(read));
        }
    }
}
