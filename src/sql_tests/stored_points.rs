//! Contact points read where they lie, against the same read by PostgreSQL's own functions.

#[pgrx::pg_schema]
mod tests {
    use pgrx::JsonB;
    use serde_json::{Value, json};

    use crate::contact::flag::Said;
    use crate::contact::{Kind, point};
    use crate::score;
    use crate::sql_tests::made::Made;
    use crate::sql_tests::*;
    use crate::store::jsonb::{self, plain, stored};
    use crate::store::varlena::plain as bytes_of;
    use crate::store::{connect, leads, scored};

    fn with_bytes<R>(points: &[Value], read: impl FnOnce(&[u8]) -> R) -> R {
        // SAFETY: an array that was made in this moment, not compressed.
        read(unsafe { bytes_of(stored::array(points)) }.expect("made in memory"))
    }

    #[pg_test]
    fn points_read_where_they_lie_reach_whom_their_values_reach() {
        let (mut made, mut read) = (Made(1), 0);
        for _ in 0..20_000 {
            let points = made.points(|made| match made.below(8) {
                0 => made.any(3),
                1 => made.object(12, |made| made.any(2)),
                2 => made.object(12, Made::simple),
                _ => made.usable(),
            });
            for kind in [Kind::Phone, Kind::Email] {
                let direct = with_bytes(&points, |bytes| scored::is_reached(kind, bytes));
                let expected = score::is_reached(kind, &points);
                assert!(direct.is_none_or(|direct| direct == expected), "{points:?}");
                read += usize::from(direct == Some(true));
                let contacts = with_bytes(&points, |bytes| jsonb::plain_contacts(kind, bytes));
                let expected: Vec<_> = point::contacts(kind, &points).collect();
                assert!(contacts.is_none_or(|found| found == expected), "{points:?}");
            }
        }
        assert!(read > 3_000, "{read} were reached");
    }

    #[pg_test]
    fn every_simple_member_is_read_where_it_lies() {
        let mut made = Made(2);
        for _ in 0..5_000 {
            let points = made.points(|made| match made.below(2) {
                0 => made.object(12, Made::simple),
                _ => made.large(Made::simple),
            });
            let found = with_bytes(&points, |bytes| {
                let objects = plain::objects(bytes).expect("an array");
                objects
                    .map(|object| whole(&object.expect("an object")))
                    .collect::<Vec<_>>()
            });
            assert_eq!(found, points);
        }
    }

    fn whole(object: &plain::Object<'_>) -> Value {
        let mut members = serde_json::Map::new();
        let take = |key: &[u8], said: Said<'_>| {
            let value = match said {
                Said::Nothing => Value::Null,
                Said::Flag(flag) => flag.into(),
                Said::Words(words) => words.into(),
            };
            members.insert(String::from_utf8_lossy(key).into_owned(), value);
        };
        object.members(|_| true, take).expect("simple members");
        Value::Object(members)
    }

    #[pg_test]
    fn damaged_points_harm_nobody() {
        let mut made = Made(3);
        for _ in 0..20_000 {
            let points = made.points(|made| match made.below(3) {
                0 => made.object(12, Made::simple),
                1 => made.large(|made| made.any(1)),
                _ => made.any(3),
            });
            let mut bytes = with_bytes(&points, <[u8]>::to_vec);
            for _ in 0..1 + made.below(6) {
                let at = made.below(bytes.len());
                bytes[at] = made.below(256) as u8;
            }
            let end = made.below(bytes.len());
            for kind in [Kind::Phone, Kind::Email] {
                scored::is_reached(kind, &bytes);
                scored::is_reached(kind, &bytes[..end]);
            }
        }
    }

    /// The score as a statement reads it.
    fn by_statement(id: Uuid) -> Result<i32, Error> {
        connect(|db| leads::quality_score(db, id))
    }

    fn past_statements(id: Uuid) -> Option<i32> {
        one(&format!("SELECT compute_quality_score('{id}')"))
    }

    #[pg_test]
    fn stored_points_score_alike_however_they_are_stored() {
        let (id, mut made) = (lead(1), Made(4));
        for _ in 0..500 {
            let points = made.points(|made| match made.below(8) {
                0 => made.any(3),
                1 => made.large(|made| made.any(1)),
                2 => {
                    let mut long = made.object(12, Made::simple);
                    long["history"] = "abcde".repeat(made.below(9_000)).into();
                    let noise: String = (0..made.below(4_000)).map(|_| made.letter()).collect();
                    long["noise"] = noise.into();
                    long
                }
                3 => made.object(12, Made::simple),
                _ => made.usable(),
            });
            Spi::run_with_args(
                "WITH p AS (SELECT array_agg(e) AS all FROM jsonb_array_elements($2) e) UPDATE leads SET phones = p.all, emails = p.all FROM p WHERE id = $1",
                &[id.into(), JsonB(Value::Array(points)).into()],
            )
            .expect("points are stored");
            assert_eq!(past_statements(id), by_statement(id).ok());
        }
    }

    #[pg_test]
    fn odd_arrays_score_as_statements_read_them() {
        let id = lead(2);
        let verified = json!({"email": "pat@example.com", "phone": "+16025550143", "type": "Wireless", "verified": true});
        let with = |key: &str, value: Value| {
            let mut point = verified.clone();
            point[key] = value;
            point
        };
        for (array, expected) in [
            ("NULL".to_owned(), 0),
            ("'{}'".to_owned(), 0),
            (format!("ARRAY[NULL, '{verified}'::jsonb, NULL]"), 70),
            (
                format!("ARRAY[ARRAY['{{}}'::jsonb, '1'], ARRAY['null', '{verified}'::jsonb]]"),
                70,
            ),
            (
                format!("array_fill('{verified}'::jsonb, ARRAY[3], ARRAY[-5])"),
                70,
            ),
            (format!("ARRAY['[{verified}]'::jsonb]"), 0),
            (
                format!("ARRAY['{}'::jsonb]", with("verified", json!(1))),
                70,
            ),
            (format!("ARRAY['{}'::jsonb]", with("verified", json!(2))), 0),
            (
                format!("ARRAY['{}'::jsonb]", with("verified", json!([true]))),
                0,
            ),
            (
                format!("ARRAY['{}'::jsonb]", with("dnc", json!({"tcpa": true}))),
                0,
            ),
            (
                format!("ARRAY['{}'::jsonb]", with("dnc", json!({"tcpa": false}))),
                70,
            ),
            (
                format!("ARRAY['{}'::jsonb]", with("Litigator", json!(7))),
                0,
            ),
            (format!("ARRAY['{}'::jsonb]", with("type", json!(7))), 40),
            (
                format!(
                    "ARRAY['{}'::jsonb]",
                    with("phone", json!(6_025_550_143_u64))
                ),
                40,
            ),
            (
                format!(
                    "ARRAY['{verified}'::jsonb, '{}']",
                    with("dnc", json!({"a": [null, ["no"]]}))
                ),
                70,
            ),
            (
                format!("ARRAY['{}'::jsonb]", with("note", json!("x".repeat(9_000)))),
                70,
            ),
        ] {
            run(&format!(
                "UPDATE leads SET phones = {array}, emails = {array} WHERE id = '{id}'"
            ));
            assert_eq!(past_statements(id), Some(expected), "{array}");
            assert_eq!(by_statement(id).ok(), Some(expected), "{array}");
        }
    }
}
