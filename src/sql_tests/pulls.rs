#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::*;

    #[pg_test]
    fn seen_ids_stop_a_pull_of_the_same_source_and_query_only() {
        run("SELECT record_page('batchdata', 'sig-1', 1, ARRAY['id1', 'id2'])");
        assert_eq!(
            one::<bool>(
                "SELECT has_vendor_ids_been_seen('batchdata', 'sig-1', ARRAY['id2', 'id9'])"
            ),
            Some(true)
        );
        assert_eq!(
            one::<bool>("SELECT has_vendor_ids_been_seen('batchdata', 'sig-1', ARRAY['id9'])"),
            Some(false)
        );
        assert_eq!(
            one::<bool>("SELECT has_vendor_ids_been_seen('batchdata', 'sig-2', ARRAY['id1'])"),
            Some(false)
        );
        assert_eq!(
            one::<bool>("SELECT has_vendor_ids_been_seen('other', 'sig-1', ARRAY['id1'])"),
            Some(false)
        );
        assert_eq!(
            one::<bool>("SELECT has_vendor_ids_been_seen('batchdata', 'sig-1', '{}')"),
            Some(false)
        );
    }

    #[pg_test]
    fn events_of_flows_that_know_no_signature_count_through_their_params() {
        run(
            r#"INSERT INTO lead_source_events (source, pull_params, page_number, seen_vendor_ids, first_id, last_id)
               VALUES ('batchdata', '{"zip_codes": ["90028"]}', 1, ARRAY['id1'], 'id1', 'id1'), ('batchdata', NULL, 1, ARRAY['id2'], 'id2', 'id2')"#,
        );
        let seen = |params: &str, id: &str| {
            one::<bool>(&format!(
                "SELECT has_vendor_ids_been_seen('batchdata', compute_query_sig('{params}'), ARRAY['{id}'])"
            ))
        };
        assert_eq!(seen(r#"{"zip_codes": ["90028"]}"#, "id1"), Some(true));
        assert_eq!(seen(r#"{"zip_codes": ["90038"]}"#, "id1"), Some(false));
        assert_eq!(seen(r#"{"zip_codes": ["90038"]}"#, "id2"), Some(true));
    }

    #[pg_test]
    fn a_bookmark_is_always_one_row_and_moves_forward() {
        assert_eq!(
            one::<i64>("SELECT count(*) FROM get_or_create_bookmark('batchdata', 'sig')"),
            Some(1)
        );
        assert_eq!(
            one::<i32>("SELECT last_page_fetched FROM get_or_create_bookmark('batchdata', 'sig')"),
            Some(0)
        );
        assert_eq!(
            one::<bool>("SELECT record_page('batchdata', 'sig', 1, ARRAY['a', 'b'])"),
            Some(false)
        );
        assert_eq!(
            one::<bool>("SELECT record_page('batchdata', 'sig', 2, ARRAY['b', 'c'])"),
            Some(true)
        );
        assert_eq!(
            one::<i32>("SELECT last_page_fetched FROM get_or_create_bookmark('batchdata', 'sig')"),
            Some(2)
        );
        run("SELECT record_page('batchdata', 'sig', 1, ARRAY['a'])");
        assert_eq!(
            one::<i32>("SELECT last_page_fetched FROM get_or_create_bookmark('batchdata', 'sig')"),
            Some(2)
        );
        assert_eq!(one::<i64>("SELECT count(*) FROM source_bookmarks"), Some(1));
    }

    #[pg_test]
    fn a_pull_is_queued_once_and_bad_requests_leave_no_trace() {
        let id: Option<i32> =
            one(r#"SELECT request_pull('batchdata', '{"zip_codes": ["90028", "90038"]}')"#);
        let again: Option<i32> = one(
            r#"SELECT request_pull('batchdata', '{"zip_codes": ["90038", "90028"]}', p_every := '1 day')"#,
        );
        assert_eq!(id, again);
        assert_eq!(
            one::<i64>(
                "SELECT count(*) FROM jobs WHERE stage = 'pull' AND vendor = 'batchdata_search'"
            ),
            Some(1)
        );
        let bad = PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE;
        for arguments in [
            "'nobody', '{\"zip_codes\": [\"90028\"]}'",
            "'batchdata', '[\"90028\"]'",
            "'batchdata', NULL",
            "'batchdata', '{\"zip_codes\": [\"90028\"], \"no_such_parameter\": 1}'",
            "'batchdata', '{\"zip_codes\": [\"90029\"]}', p_page_size := 501",
            "'batchdata', '{\"zip_codes\": [\"90029\"]}', p_daily_record_cap := -1",
        ] {
            assert_refused(&format!("SELECT request_pull({arguments})"), bad);
        }
        assert_eq!(one::<i64>("SELECT count(*) FROM pulls"), Some(1));
    }
}
