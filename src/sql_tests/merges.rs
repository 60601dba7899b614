#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::pair::*;
    use crate::sql_tests::*;

    #[pg_test]
    fn a_merge_joins_and_its_undoing_restores_both_exactly() {
        alone();
        let (a, b) = two();
        let before = (row(a), row(b));
        let merged = merge(a, b);
        assert_eq!(count("leads"), 1);
        for (expression, value) in [
            ("mak", "1234567890"),
            ("apn || county_fips", "A-104013"),
            ("first_name || last_name", "PatDoe"),
            ("estimated_equity", "123456789.123456789123456789"),
            ("property_value", "400000"),
            ("custom ->> 'both'", "a"),
            ("custom ->> 'big'", "12345678901234567890.123456789"),
            ("custom ->> 'crm'", "7"),
            ("phones[1] ->> 'verified'", "true"),
            ("phones[1] ->> 'score'", "90"),
            ("cardinality(phones)", "2"),
            ("source || vendor_record_id", "batchdatarec-9001"),
        ] {
            assert_eq!(field(a, expression), value, "{expression}");
        }
        run("SET LOCAL timezone = 'America/New_York'");
        assert_eq!(unmerge(merged), Some(b));
        run("SET LOCAL timezone = 'UTC'");
        assert_eq!((row(a), row(b)), before);
        assert_refused(
            &format!("SELECT unmerge_leads({merged})"),
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        );
        assert_refused(
            "SELECT unmerge_leads(0)",
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
        );
    }

    #[pg_test]
    fn later_changes_stay_where_they_belong() {
        alone();
        let (a, b) = two();
        let merged = merge(a, b);
        run(&format!(
            "SELECT merge_contact_point('{a}', 'phone', '6025550102', 'hlr', 95, true, 'mobile'), merge_contact_point('{a}', 'phone', '6025550103', 'new'),
                    merge_contact_point('{a}', 'email', 'pat@example.com', 'x', 70, true)"
        ));
        run(&format!(
            "UPDATE leads SET property_value = 500000, custom = custom || '{{\"later\": 1, \"big\": 2}}', status = 'replied' WHERE id = '{a}'"
        ));
        unmerge(merged);
        assert_eq!(field(a, "property_value"), "500000");
        assert_eq!(field(a, "status"), "replied");
        assert_eq!(
            field(a, "custom"),
            r#"{"big": 2, "crm": 7, "both": "a", "later": 1}"#
        );
        assert_eq!(
            field(a, "contact_keys(phones, emails)"),
            "{+16025550101,+16025550103,pat@example.com}"
        );
        assert_eq!(field(a, "phones[1] ->> 'verified'"), "false");
        assert_eq!(field(a, "emails[1] ->> 'verified'"), "true");
        assert_eq!(field(a, "mak"), "NULL");
        // What was bought about the folded lead's phone goes back with it.
        assert_eq!(field(b, "phones[2] ->> 'verified'"), "true");
        assert_eq!(field(b, "phones[1] ->> 'verified'"), "true");
        assert_eq!(field(b, "cardinality(phones)"), "2");
        assert_eq!(field(b, "status"), "new");
    }

    #[pg_test]
    fn stacked_merges_are_undone_in_any_order() {
        alone();
        for first in [0, 1] {
            run("DELETE FROM leads");
            let a = lead(9001);
            let b: Uuid =
                one("SELECT upsert_lead('b', 'b1', p_mak := '1111111111', p_age := 70)").unwrap();
            let c: Uuid = one("SELECT upsert_lead('c', 'c1', p_apn := 'C-1', p_county_fips := '04013', p_custom := '{\"c\": 1}')").unwrap();
            for (id, phone) in [(a, 1), (b, 2), (b, 9), (c, 3), (c, 9)] {
                run(&format!(
                    "SELECT merge_contact_point('{id}', 'phone', '602555010{phone}', 'x')"
                ));
            }
            run(&format!(
                "UPDATE leads SET microsite_url = 'b' WHERE id = '{b}'; UPDATE leads SET microsite_url = 'c' WHERE id = '{c}'"
            ));
            let rows = [a, b, c].map(row);
            let merges = [merge(a, b), merge(a, c)];
            assert_eq!(field(a, "microsite_url"), "b");
            assert_eq!(field(a, "cardinality(phones)"), "4");
            unmerge(merges[first]);
            // As if the other had been the only one.
            let left = [("c", "3", c), ("b", "3", b)][first];
            assert_eq!(field(a, "microsite_url"), left.0);
            assert_eq!(field(a, "cardinality(phones)"), left.1);
            assert_eq!(row(left.2), "gone");
            unmerge(merges[1 - first]);
            assert_eq!([a, b, c].map(row), rows, "first {first}");
        }
    }

    #[pg_test]
    fn a_chain_is_undone_from_its_end() {
        alone();
        let (a, b) = two();
        let c: Uuid = one("SELECT upsert_lead('c', 'c1')").unwrap();
        let rows = [a, b, c].map(row);
        let inner = merge(a, b);
        let outer = merge(c, a);
        assert_refused(
            &format!("SELECT unmerge_leads({inner})"),
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        );
        // Both ids, and the keys of all, lead to the survivor.
        for id in [a, b, c] {
            let found: Option<Uuid> = one(&format!(
                "SELECT id FROM leads WHERE id = '{c}' AND compute_quality_score('{id}') >= 0"
            ));
            assert_eq!(found, Some(c));
        }
        for arguments in [
            "'other', 'x1'",
            "'batchdata', 'rec-9001'",
            "'new', p_mak := '1234567890'",
            "'new', p_address_line1 := '9001 Sample Avenue', p_city := 'Phoenix', p_state := 'Arizona', p_postal_code := '85001'",
            "'new', p_apn := 'A-1', p_county_fips := '04013'",
        ] {
            assert_eq!(
                one::<Uuid>(&format!("SELECT upsert_lead({arguments})")),
                Some(c),
                "{arguments}"
            );
        }
        assert_eq!(count("leads"), 1);
        unmerge(outer);
        unmerge(inner);
        for (id, before) in [a, b, c].into_iter().zip(rows) {
            let now: String = row(id);
            let without = |text: &str| {
                let json: serde_json::Value = serde_json::from_str(text).unwrap();
                let mut json = json.as_object().unwrap().clone();
                json.remove("last_seen_at");
                serde_json::Value::Object(json).to_string()
            };
            assert_eq!(without(&now), without(&before));
        }
    }

    #[pg_test]
    fn functions_follow_a_folded_id() {
        alone();
        let (a, b) = two();
        merge(a, b);
        run(&format!(
            "SELECT merge_contact_point('{b}', 'phone', '6025550107', 'x')"
        ));
        assert_eq!(field(a, "cardinality(phones)"), "3");
        assert!(one::<i32>(&format!("SELECT compute_quality_score('{b}')")).is_some());
        run(&format!("SELECT update_lead_status_from_score('{b}')"));
        assert_eq!(
            one::<Uuid>(&format!(
                "SELECT lead_id FROM update_lead_statuses(ARRAY['{b}', gen_random_uuid()]::uuid[])"
            )),
            Some(a)
        );
        assert_eq!(
            one::<bool>(&format!("SELECT request_enrichment('{b}')")),
            Some(true)
        );
        assert_eq!(count(&format!("jobs WHERE lead_id = '{a}'")), 1);
        assert_refused(
            &format!("SELECT merge_leads('{a}', '{b}', 'again')"),
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        );
        assert_refused(
            &format!("SELECT merge_leads('{a}', gen_random_uuid(), 'x')"),
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
        );
        run(&format!("SELECT suppress_lead('{b}', 'asked')"));
        assert_eq!(field(a, "status"), "do_not_contact");
    }

    #[pg_test]
    fn work_and_purchases_go_over_and_back() {
        alone();
        let (a, b) = two();
        let c = lead(9003);
        run(&format!(
            "SELECT request_enrichment('{b}'), request_enrichment('{a}'), request_enrichment('{c}')"
        ));
        run(&format!("INSERT INTO vendor_calls (vendor, stage, lead_id, purchase_key, state, epoch, day, reserved_amount, settled_amount)
             VALUES ('melissa', 'enrich', '{b}', 'kb', 'applied', 1, '2026-11-01', 0.05, 0.05), ('melissa', 'enrich', '{a}', 'ka', 'applied', 1, '2026-11-01', 0.05, 0.05)"));
        run(&format!(
            "INSERT INTO dlq (stage, kind, lead_id) VALUES ('verify', 'job', '{b}')"
        ));
        let jobs: Option<String> =
            one("SELECT jsonb_agg(to_jsonb(j) ORDER BY id)::text FROM jobs j");
        let (first, second) = (merge(a, b), merge(a, c));
        assert_eq!(count(&format!("jobs WHERE lead_id = '{a}'")), 1);
        assert_eq!(count("jobs"), 1);
        assert_eq!(count(&format!("vendor_calls WHERE lead_id = '{a}'")), 2);
        assert_eq!(count(&format!("dlq WHERE lead_id = '{a}'")), 1);
        unmerge(first);
        unmerge(second);
        assert_eq!(
            one::<String>("SELECT jsonb_agg(to_jsonb(j) ORDER BY id)::text FROM jobs j"),
            jobs
        );
        assert_eq!(
            count(&format!(
                "vendor_calls WHERE lead_id = '{b}' AND purchase_key = 'kb'"
            )),
            1
        );
        assert_eq!(count(&format!("dlq WHERE lead_id = '{b}'")), 1);
        // Only the folded one has a job: it goes over, with what has become of it, and back.
        run(&format!("DELETE FROM jobs WHERE lead_id = '{a}'"));
        let third = merge(a, c);
        run("UPDATE jobs SET attempts = 3");
        assert_eq!(
            count(&format!("jobs WHERE lead_id = '{a}' AND attempts = 3")),
            1
        );
        unmerge(third);
        assert_eq!(
            count(&format!("jobs WHERE lead_id = '{c}' AND attempts = 3")),
            1
        );
        assert_eq!(count(&format!("jobs WHERE lead_id = '{a}'")), 0);
    }

    #[pg_test]
    fn a_key_that_went_elsewhere_stops_the_undoing() {
        alone();
        let (a, b) = two();
        let merged = merge(a, b);
        run("INSERT INTO leads (source, vendor_record_id) VALUES ('other', 'x1')");
        let before = row(a);
        assert_refused(
            &format!("SELECT unmerge_leads({merged})"),
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        );
        assert_eq!(row(a), before);
        run("DELETE FROM leads WHERE vendor_record_id = 'x1'");
        assert_eq!(unmerge(merged), Some(b));
    }

    #[pg_test]
    fn rows_of_the_users_own_tables_are_never_lost() {
        alone();
        run(
            "CREATE TABLE my_leads (lead_id uuid PRIMARY KEY REFERENCES leads (id) ON DELETE CASCADE, rep text)",
        );
        let (a, b) = two();
        run(&format!("INSERT INTO my_leads VALUES ('{b}', 'Kim')"));
        assert_refused(
            &format!("SELECT merge_leads('{a}', '{b}', 'x')"),
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        );
        // A bridge keeps the lead that the user's rows refer to.
        let bridge = "SELECT upsert_lead('third', 't1', p_mak := '1234567890', p_address_line1 := '9001 Sample Ave', p_city := 'Phoenix', p_state := 'AZ', p_postal_code := '85001')";
        assert_eq!(one::<Uuid>(bridge), Some(b));
        assert_eq!(row(a), "gone");
        assert_eq!(count("my_leads"), 1);
        // Both have some: a person must look.
        let c = lead(9003);
        run(&format!("INSERT INTO my_leads VALUES ('{c}', 'Lee')"));
        run(
            "SELECT upsert_lead('third', 't2', p_mak := '1234567890', p_address_line1 := '9003 Sample Ave', p_city := 'Phoenix', p_state := 'AZ', p_postal_code := '85001')",
        );
        assert_eq!(count("leads"), 2);
        assert_eq!(count("lead_matches WHERE verdict IS NULL"), 1);
    }
}
