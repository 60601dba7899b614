//! Records read where they lie in a page, against the same read from JSON.

#[pgrx::pg_schema]
mod tests {
    use serde_json::{Value, json};

    use crate::record::{self, LeadRecord, RecordProblem};
    use crate::sql_tests::made::Made;
    use crate::sql_tests::*;
    use crate::store::jsonb::{records::records, stored};

    const NAMES: [&str; 14] = [
        "address_line1",
        "p_address_line1",
        "City",
        "STATE",
        "zip",
        "owner 1 last name",
        "apn",
        "property_value",
        "age",
        "custom",
        "phone1",
        "Phone 1 Type",
        "litigator",
        "größe",
    ];

    fn made_record(made: &mut Made) -> Value {
        let mut record = match made.below(4) {
            0 => made.large(|made| made.any(2)),
            _ => json!({}),
        };
        for _ in 0..made.below(12) {
            record[made.one_of(&NAMES)] = match made.below(4) {
                0 => made.any(3),
                1 => (made.below(900_000) as i64 - 1_000).into(),
                2 => (made.below(900_000) as f64 / 100.0).into(),
                _ => made.simple(),
            };
        }
        record
    }

    fn page(made: &mut Made) -> Vec<Value> {
        let first = made_record(made);
        (0..made.below(6))
            .map(|_| match made.below(6) {
                0 => made.any(2),
                1 => made_record(made),
                _ => first.clone(),
            })
            .collect()
    }

    type Read = Result<LeadRecord, RecordProblem>;

    #[pg_test]
    fn a_page_read_where_it_lies_is_the_page_that_was_given() {
        let (mut made, mut read) = (Made(5), 0);
        for _ in 0..3_000 {
            let page = page(&mut made);
            let datum = stored::datum(&Value::Array(page.clone()));
            // SAFETY: a datum of type jsonb that was made in this moment.
            let found = unsafe { records(datum) }.expect("it is whole");
            let found: Vec<Option<Read>> = found
                .expect("it is an array")
                .into_iter()
                .map(|members| members.map(record::from_members))
                .collect();
            let given: Vec<Option<Read>> = page
                .into_iter()
                .map(|json| record::members(json).ok().map(record::from_members))
                .collect();
            assert_eq!(found, given);
            read += found.iter().flatten().filter(|one| one.is_ok()).count();
        }
        assert!(read > 1_000, "{read} were records");
    }

    #[pg_test]
    fn what_is_no_array_is_no_page() {
        for json in [json!({}), json!(1), json!("[]"), Value::Null, json!(true)] {
            // SAFETY: a datum of type jsonb that was made in this moment.
            let found = unsafe { records(stored::datum(&json)) }.expect("it is whole");
            assert!(found.is_none(), "{json}");
        }
    }
}
