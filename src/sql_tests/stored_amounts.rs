//! Amounts compared where they lie, against the same compared by PostgreSQL's own functions.

#[pgrx::pg_schema]
mod tests {
    use pgrx::{AnyNumeric, IntoDatum};

    use crate::sql_tests::made::Made;
    use crate::sql_tests::*;
    use crate::store::numeric;

    fn assert_compared(number: &str, with: i64) {
        let stored = AnyNumeric::try_from(number)
            .ok()
            .and_then(IntoDatum::into_datum);
        let stored = stored.expect("a number");
        // SAFETY: two datums of type numeric.
        let (found, expected) = unsafe {
            let other = pg_sys::Datum::from(pg_sys::int64_to_numeric(with));
            let expected = pgrx::direct_function_call::<i32>(
                pg_sys::numeric_cmp,
                &[Some(stored), Some(other)],
            );
            (numeric::compare(stored, with), expected)
        };
        assert_eq!(Some(found as i32), expected, "{number} and {with}");
    }

    #[pg_test]
    fn amounts_compare_where_they_lie_as_postgres_compares_them() {
        const WHOLE: [i64; 12] = [
            i64::MIN,
            -10_000,
            -1,
            0,
            1,
            9_999,
            10_000,
            99_999,
            100_000,
            100_001,
            9_999_999_999_999_999,
            i64::MAX,
        ];
        let odd = [
            "NaN",
            "Infinity",
            "-Infinity",
            "-0.0",
            "10000000000000000",
            "99999.9999",
            "1e400",
            "1e-400",
            "-1e-9",
        ];
        for number in odd
            .map(str::to_owned)
            .into_iter()
            .chain(WHOLE.map(|whole| whole.to_string()))
        {
            for with in WHOLE {
                assert_compared(&number, with);
            }
        }
        let mut made = Made(5);
        for _ in 0..20_000 {
            let digits = |made: &mut Made| {
                (0..made.below(26))
                    .map(|_| made.one_of(&["0", "0", "1", "9", "5"]))
                    .collect::<String>()
            };
            let sign = made.one_of(&["", "-"]);
            let number = format!("{sign}0{}.{}0", digits(&mut made), digits(&mut made));
            let with = WHOLE[made.below(WHOLE.len())];
            assert_compared(&number, with);
            let near = number
                .split('.')
                .next()
                .and_then(|whole| whole.parse().ok());
            assert_compared(&number, near.unwrap_or(0));
        }
    }

    #[pg_test]
    fn amounts_at_the_threshold_score_however_they_are_stored() {
        let id = lead(4);
        for (value, equity, expected) in [
            ("100000", "0.01", 10),
            ("99999.99", "1", 0),
            ("1e30", "1e-300", 10),
            ("'NaN'", "'Infinity'", 10),
            ("'-Infinity'", "1", 0),
            ("100000.000", "0", 0),
            ("200000", "-5", 0),
            ("NULL", "5", 0),
            ("200000", "NULL", 0),
        ] {
            run(&format!(
                "UPDATE leads SET age = 62, property_value = {value}, estimated_equity = {equity} WHERE id = '{id}'"
            ));
            assert_eq!(
                one::<i32>(&format!("SELECT compute_quality_score('{id}')")),
                Some(expected),
                "{value}, {equity}"
            );
        }
    }
}
