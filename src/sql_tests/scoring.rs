#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::*;

    fn score(id: Uuid) -> i32 {
        one(&format!("SELECT compute_quality_score('{id}')")).expect("a score")
    }

    fn routed(id: Uuid) -> String {
        one(&format!(
            "SELECT update_lead_status_from_score('{id}')::text"
        ))
        .expect("a status")
    }

    #[pg_test]
    fn each_part_earns_what_the_specification_says() {
        let id = lead(1);
        assert_eq!(score(id), 0);
        run(&format!(
            "UPDATE leads SET mak = '1234567890', apn = '1-2-3' WHERE id = '{id}'"
        ));
        assert_eq!(score(id), 10);
        run(&format!(
            "UPDATE leads SET owner_occupied = true WHERE id = '{id}'"
        ));
        assert_eq!(score(id), 20);
        run(&format!(
            "UPDATE leads SET age = 62, property_value = 100000, estimated_equity = 1 WHERE id = '{id}'"
        ));
        assert_eq!(score(id), 30);
        run(&format!(
            "SELECT merge_contact_point('{id}', 'phone', '6025550143', 'x', 50, true, 'landline')"
        ));
        assert_eq!(score(id), 30);
        run(&format!(
            "SELECT merge_contact_point('{id}', 'phone', '6025550144', 'x', 50, true, 'voip')"
        ));
        assert_eq!(score(id), 60);
        run(&format!(
            "SELECT merge_contact_point('{id}', 'email', 'pat@example.com', 'x', 50, true)"
        ));
        assert_eq!(score(id), 100);
        run(&format!("UPDATE leads SET age = 61 WHERE id = '{id}'"));
        assert_eq!(score(id), 90);
    }

    #[pg_test]
    fn thresholds_route_and_store() {
        let id = lead(2);
        assert_eq!(routed(id), "do_not_contact");
        run(&format!(
            "SELECT merge_contact_point('{id}', 'email', 'pat@example.com', 'x', 50, true)"
        ));
        assert_eq!(routed(id), "enriched");
        run(&format!(
            "UPDATE leads SET owner_occupied = true, mak = '1', apn = '2' WHERE id = '{id}'"
        ));
        assert_eq!(routed(id), "contactable");
        assert_eq!(
            one::<bool>(&format!(
                "SELECT quality_score = 60 AND status = 'contactable' FROM leads WHERE id = '{id}'"
            )),
            Some(true)
        );
    }

    #[pg_test]
    fn barred_points_earn_nothing() {
        let id = lead(3);
        run(&format!(
            "SELECT merge_contact_point('{id}', 'phone', '6025550143', 'x', 50, true, 'mobile', '{{\"dnc\": true}}')"
        ));
        run(&format!(
            "SELECT merge_contact_point('{id}', 'email', 'pat@example.com', 'x', 50, true, NULL, '{{\"suppressed\": true}}')"
        ));
        assert_eq!(score(id), 0);
    }

    #[pg_test]
    fn a_lead_past_the_pipeline_keeps_its_status_and_a_suppressed_one_is_never_contacted() {
        let id = lead(4);
        run(&format!(
            "UPDATE leads SET status = 'replied' WHERE id = '{id}'"
        ));
        assert_eq!(routed(id), "replied");
        run(&format!(
            "UPDATE leads SET status = 'new', suppressed_at = now(), suppressed_reason = 'test', owner_occupied = true, mak = '1', apn = '2' WHERE id = '{id}'"
        ));
        run(&format!(
            "SELECT merge_contact_point('{id}', 'email', 'pat@example.com', 'x', 50, true)"
        ));
        assert_eq!(routed(id), "do_not_contact");
    }

    #[pg_test]
    fn many_leads_are_routed_in_one_call() {
        let ids: Vec<String> = (10..30).map(|house| format!("'{}'", lead(house))).collect();
        let count: Option<i64> = one(&format!(
            "SELECT count(*) FROM update_lead_statuses(ARRAY[{}]::uuid[] || new_lead_id()) WHERE status = 'do_not_contact' AND quality_score = 0",
            ids.join(",")
        ));
        assert_eq!(count, Some(20));
    }

    #[pg_test]
    fn a_score_shows_no_more_than_its_caller_may_read() {
        // Before anything else is held: other tests are running.
        run("LOCK TABLE leads IN ACCESS EXCLUSIVE MODE");
        run("SET CONSTRAINTS ALL IMMEDIATE");
        let (mine, other) = (lead(1), lead(2));
        run("CREATE ROLE score_reader");
        run(
            "DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO score_reader', (SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'equity_connect')); END $$",
        );
        let score = |id: Uuid| format!("SELECT compute_quality_score('{id}')");
        let refused = PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE;
        run("SET LOCAL ROLE score_reader");
        assert_refused(&score(mine), refused);
        run("RESET ROLE");
        run("GRANT SELECT ON leads TO score_reader");
        run("SET LOCAL ROLE score_reader");
        assert_eq!(one::<i32>(&score(mine)), Some(0));
        run("RESET ROLE");
        run("ALTER TABLE leads ENABLE ROW LEVEL SECURITY");
        run(&format!(
            "CREATE POLICY own ON leads TO score_reader USING (id = '{mine}')"
        ));
        run("SET LOCAL ROLE score_reader");
        assert_eq!(one::<i32>(&score(mine)), Some(0));
        assert_refused(&score(other), PgSqlErrorCode::ERRCODE_NO_DATA_FOUND);
        run("RESET ROLE");
    }

    #[pg_test]
    fn a_score_is_read_from_a_table_that_was_changed() {
        run("LOCK TABLE leads IN ACCESS EXCLUSIVE MODE");
        run("SET CONSTRAINTS ALL IMMEDIATE");
        let id = lead(1);
        run(&format!(
            "UPDATE leads SET age = 70, property_value = 400000, estimated_equity = 1, owner_occupied = true WHERE id = '{id}'"
        ));
        let score = format!("SELECT compute_quality_score('{id}')");
        assert_eq!(one::<i32>(&score), Some(20));
        run("ALTER TABLE leads ALTER estimated_equity TYPE bigint");
        assert_eq!(one::<i32>(&score), Some(20));
        let routed = format!("SELECT quality_score FROM update_lead_statuses(ARRAY['{id}'::uuid])");
        assert_eq!(one::<i32>(&routed), Some(20));
    }

    #[pg_test]
    fn a_score_counts_what_its_own_statement_has_written() {
        let id = lead(1);
        let after = one::<i32>(&format!(
            "UPDATE leads SET owner_occupied = true WHERE id = '{id}' RETURNING compute_quality_score(id)"
        ));
        assert_eq!(after, Some(10));
        let gone = one::<i32>(&format!(
            "DELETE FROM leads WHERE id = '{id}' RETURNING compute_quality_score(id)"
        ));
        assert_eq!(gone, Some(10));
    }

    #[pg_test]
    fn scores_that_are_right_are_not_written_again() {
        let ids: Vec<Uuid> = (30..33).map(lead).collect();
        let list = ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>();
        let all = format!(
            "SELECT count(*) FROM update_lead_statuses(ARRAY[{}]::uuid[])",
            list.join(",")
        );
        assert_eq!(one::<i64>(&all), Some(3));
        // Of another value than its score says, and past the pipeline: the one is put right, the other stays.
        run(&format!(
            "UPDATE leads SET quality_score = 0.4 WHERE id = '{}'",
            ids[0]
        ));
        run(&format!(
            "UPDATE leads SET status = 'replied' WHERE id = '{}'",
            ids[1]
        ));
        let written = "SELECT pg_stat_get_xact_tuples_updated('leads'::regclass)";
        let before: Option<i64> = one(written);
        assert_eq!(one::<i64>(&all), Some(3));
        assert_eq!(one::<i64>(written).zip(before).map(|(a, b)| a - b), Some(1));
        let states: Option<String> =
            one("SELECT string_agg(quality_score || ' ' || status, ',' ORDER BY id) FROM leads");
        assert_eq!(
            states.as_deref(),
            Some("0 do_not_contact,0 replied,0 do_not_contact")
        );
    }

    #[pg_test]
    fn unknown_leads_are_an_error() {
        for function in ["compute_quality_score", "update_lead_status_from_score"] {
            assert_refused(
                &format!("SELECT {function}('00000000-0000-0000-0000-000000000000')"),
                PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
            );
            assert_refused(
                &format!("SELECT {function}(NULL)"),
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            );
        }
    }

    #[pg_test]
    fn the_views_show_what_they_promise() {
        let id = lead(5);
        run(&format!(
            "UPDATE leads SET status = 'contactable', quality_score = 80 WHERE id = '{id}'"
        ));
        let other = lead(6);
        run(&format!(
            "UPDATE leads SET status = 'contactable', quality_score = 90 WHERE id = '{other}'"
        ));
        let gone = lead(7);
        run(&format!(
            "UPDATE leads SET status = 'contactable', quality_score = 95, added_to_campaign_at = now() WHERE id = '{gone}'"
        ));
        let first: Option<Uuid> = one("SELECT id FROM vw_campaign_ready_leads LIMIT 250");
        assert_eq!(first, Some(other));
        assert_eq!(
            one::<i64>("SELECT count(*) FROM vw_campaign_ready_leads"),
            Some(2)
        );
        assert_eq!(
            one::<i64>(
                "SELECT contactable_count FROM vw_lead_quality_summary WHERE status = 'contactable' AND source = 'batchdata'"
            ),
            Some(3)
        );
    }
}
