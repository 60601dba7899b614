#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::*;

    fn reachable(house: i32, email: &str) -> Uuid {
        let id = lead(house);
        run(&format!(
            "SELECT merge_contact_point('{id}', 'email', '{email}', 'melissa', 90, true), merge_contact_point('{id}', 'phone', '602555{house:04}', 'melissa', 90, true, 'mobile')"
        ));
        run(&format!("SELECT update_lead_status_from_score('{id}')"));
        id
    }

    fn status(id: Uuid) -> String {
        one(&format!(
            "SELECT concat_ws(' ', status, suppressed_reason) FROM leads WHERE id = '{id}'"
        ))
        .unwrap()
    }

    fn ready() -> i64 {
        one("SELECT count(*) FROM vw_campaign_ready_leads").unwrap()
    }

    fn commit_checks() {
        run("SET CONSTRAINTS ALL IMMEDIATE");
        run("SET CONSTRAINTS ALL DEFERRED");
    }

    #[pg_test]
    fn an_opted_out_value_takes_its_leads_out_at_once() {
        let (a, b, c) = (
            reachable(1, "pat@example.com"),
            reachable(2, "pat@example.com"),
            reachable(3, "sam@example.com"),
        );
        assert_eq!(ready(), 3);
        let id: Option<i64> =
            one("SELECT suppress_contact('email', ' PAT@Example.com', 'asked by mail')");
        assert_eq!(
            (status(a), status(b)),
            (
                "do_not_contact asked by mail".into(),
                "do_not_contact asked by mail".into()
            )
        );
        assert_eq!(status(c), "contactable");
        assert_eq!(ready(), 1);
        assert_eq!(
            one::<i64>("SELECT suppress_contact('email', 'pat@example.com', 'again')"),
            id
        );
        assert_eq!(
            one::<bool>(&format!(
                "SELECT (emails[1] ->> 'suppressed')::boolean FROM leads WHERE id = '{a}'"
            )),
            Some(true)
        );
        run(&format!("SELECT update_lead_status_from_score('{a}')"));
        assert_eq!(ready(), 1);
    }

    #[pg_test]
    fn the_table_holds_no_value_in_clear() {
        run(
            "SELECT suppress_contact('phone', '(602) 555-0177', 'x'), suppress_contact('email', 'canary@example.com', 'x')",
        );
        let found: Option<i64> = one(
            "SELECT count(*) FROM suppressions s WHERE s::text ~* ('canary|5550177|' || encode(sha256('canary@example.com'), 'hex'))",
        );
        assert_eq!(found, Some(0));
    }

    #[pg_test]
    fn later_leads_are_born_opted_out_whatever_road_they_come() {
        run(
            "SELECT suppress_contact('phone', '6025550101', 'p'), suppress_contact('address', '7 Sample Avenue, Phoenix, Arizona 85001-1234', 'a')",
        );
        assert_eq!(status(lead(7)), "do_not_contact a");
        let by_phone: Option<Uuid> = one(
            "INSERT INTO leads (property_city, phones) VALUES ('Phoenix', ARRAY['{\"phone\": \"602-555-0101\"}'::jsonb]) RETURNING id",
        );
        assert_eq!(status(by_phone.unwrap()), "do_not_contact p");
        let page: Option<Uuid> = one(
            r#"SELECT lead_id FROM upsert_leads('x', '[{"vendor_record_id": "r1", "phones": [{"phone": "+1 602 555 0101"}]}]')"#,
        );
        assert_eq!(status(page.unwrap()), "do_not_contact p");
        let learns = reachable(8, "later@example.com");
        run(&format!(
            "SELECT merge_contact_point('{learns}', 'phone', '6025550101', 'batchdata')"
        ));
        assert_eq!(status(learns), "do_not_contact p");
        let marked: Option<i64> = one(&format!(
            "SELECT count(*) FROM leads, unnest(phones) p WHERE id = '{learns}' AND p ->> 'suppressed' = 'true'"
        ));
        assert_eq!(marked, Some(1));
        let moves = lead(9);
        run(&format!(
            "UPDATE leads SET address_line1 = '7 Sample Ave.', addr_hash = NULL WHERE id = '{moves}' AND false"
        ));
        assert_eq!(status(moves), "new");
    }

    #[pg_test]
    fn a_plain_update_brings_nobody_back() {
        let id = reachable(1, "pat@example.com");
        run("SELECT suppress_contact('email', 'pat@example.com', 'no')");
        run(&format!(
            "UPDATE leads SET suppressed_at = NULL, suppressed_reason = NULL, status = 'contactable', emails = '{{}}', phones = '{{}}' WHERE id = '{id}'"
        ));
        assert_eq!(status(id), "do_not_contact no");
        run(&format!(
            "UPDATE leads SET status = 'funded' WHERE id = '{id}'"
        ));
        assert_eq!(status(id), "do_not_contact no");
    }

    #[pg_test]
    fn a_deleted_lead_comes_back_opted_out() {
        let id = reachable(1, "pat@example.com");
        run("SELECT suppress_contact('email', 'pat@example.com', 'no')");
        run(&format!("DELETE FROM leads WHERE id = '{id}'"));
        assert_eq!(status(lead(1)), "do_not_contact no");
        // A flag set by hand lasts, too, from the commit on.
        let flagged = lead(2);
        run(&format!(
            "UPDATE leads SET suppressed_at = now(), suppressed_reason = 'deceased' WHERE id = '{flagged}'"
        ));
        assert_eq!(status(flagged), "do_not_contact deceased");
        commit_checks();
        run(&format!("DELETE FROM leads WHERE id = '{flagged}'"));
        assert_eq!(status(lead(2)), "do_not_contact deceased");
        // And one that was born with an opted-out value.
        run("SELECT suppress_contact('phone', '6025550144', 'p')");
        let born = lead(3);
        run(&format!(
            "SELECT merge_contact_point('{born}', 'phone', '6025550144', 'x')"
        ));
        commit_checks();
        run(&format!("DELETE FROM leads WHERE id = '{born}'"));
        assert_eq!(status(lead(3)), "do_not_contact p");
    }

    #[pg_test]
    fn a_lead_is_opted_out_with_all_it_holds() {
        let (a, b) = (reachable(1, "pat@example.com"), lead(2));
        run(&format!("SELECT suppress_lead('{a}', 'asked')"));
        run(&format!(
            "SELECT merge_contact_point('{b}', 'phone', '6025550001', 'x')"
        ));
        assert_eq!(status(b), "do_not_contact asked");
        assert_refused(
            "SELECT suppress_lead('00000000-0000-0000-0000-000000000000', 'x')",
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
        );
    }

    #[pg_test]
    fn lifting_frees_only_those_with_nothing_else_in_force() {
        let (a, b) = (
            reachable(1, "pat@example.com"),
            reachable(2, "pat@example.com"),
        );
        let id: Option<i64> = one("SELECT suppress_contact('email', 'pat@example.com', 'no')");
        run("SELECT suppress_contact('phone', '6025550002', 'no calls')");
        assert_eq!(
            one::<i32>(&format!(
                "SELECT lift_suppression({}, 'a mistake')",
                id.unwrap()
            )),
            Some(1)
        );
        assert_eq!(status(a), "contactable");
        assert_eq!(
            one::<bool>(&format!(
                "SELECT emails[1] ? 'suppressed' FROM leads WHERE id = '{a}'"
            )),
            Some(false)
        );
        assert_eq!(status(b), "do_not_contact no");
        assert_eq!(ready(), 1);
        assert_refused(
            &format!("SELECT lift_suppression({}, 'again')", id.unwrap()),
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        );
        assert_refused(
            "SELECT lift_suppression(0, 'x')",
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
        );
        assert_eq!(
            one::<i64>("SELECT count(*) FROM suppressions WHERE lifted_reason = 'a mistake'"),
            Some(5)
        );
        // The property of the other one is remembered for the reason that is left.
        run(&format!("DELETE FROM leads WHERE id = '{b}'"));
        assert_eq!(status(lead(2)), "do_not_contact no calls");
        // Opted out again: a new row, and the old one keeps its history.
        run("SELECT suppress_contact('email', 'pat@example.com', 'really')");
        assert_eq!(status(a), "do_not_contact really");
    }

    #[pg_test]
    fn a_list_is_loaded_with_one_outcome_each() {
        reachable(1, "pat@example.com");
        let outcomes: Option<String> = one(
            r#"SELECT string_agg(outcome || (error IS NOT NULL), ',' ORDER BY ord) FROM suppress_contacts('[
            {"kind": "email", "value": "pat@example.com", "reason": "list"}, {"kind": "fax", "value": "1", "reason": "list"},
            {"kind": "phone", "value": "12", "reason": "list"}, {"kind": "email", "value": "PAT@example.com", "reason": "list"},
            {"kind": "address", "value": {"line1": "1"}, "reason": "list"}, 7, {"kind": "phone", "value": "6025550199", "reason": ""}]')"#,
        );
        assert_eq!(
            outcomes.as_deref(),
            Some(
                "suppressedfalse,rejectedtrue,rejectedtrue,knownfalse,rejectedtrue,rejectedtrue,rejectedtrue"
            )
        );
        assert_eq!(ready(), 0);
        assert_refused(
            "SELECT * FROM suppress_contacts('{}')",
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        );
    }

    #[pg_test]
    fn a_litigator_or_a_deceased_owner_in_a_file_is_opted_out() {
        let imported = |record: &str| -> String {
            status(
                one(&format!(
                    "SELECT lead_id FROM upsert_leads('propstream', '[{record}]')"
                ))
                .unwrap(),
            )
        };
        assert_eq!(
            imported(r#"{"Address": "1 Sample Ave", "Zip": "85001", "Litigator": "Yes"}"#),
            "do_not_contact litigator"
        );
        assert_eq!(
            imported(r#"{"Address": "2 Sample Ave", "Zip": "85001", "Deceased": "1"}"#),
            "do_not_contact deceased"
        );
        // What is not said, or denied, is no flag; and a later silence takes none back.
        assert_eq!(
            imported(
                r#"{"Address": "3 Sample Ave", "Zip": "85001", "Litigator": "No", "Deceased": ""}"#
            ),
            "new"
        );
        assert_eq!(
            imported(r#"{"Address": "1 Sample Ave", "Zip": "85001", "Litigator": "No"}"#),
            "do_not_contact litigator"
        );
        assert_eq!(
            one::<i64>("SELECT count(*) FROM leads WHERE custom ? 'Deceased'"),
            Some(0)
        );
    }

    #[pg_test]
    fn bad_input_is_refused() {
        for (arguments, code) in [
            (
                "'fax', '1', 'x'",
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ),
            (
                "'phone', '1', 'x'",
                PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
            ),
            (
                "'email', 'x', 'x'",
                PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
            ),
            (
                "'address', 'nowhere', 'x'",
                PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
            ),
            (
                "'address', '', 'x'",
                PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
            ),
            (
                "'phone', NULL, 'x'",
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ),
            (
                "'phone', '6025550143', ' '",
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ),
        ] {
            assert_refused(&format!("SELECT suppress_contact({arguments})"), code);
        }
    }

    #[pg_test]
    fn one_property_is_one_address_however_it_is_passed() {
        let ids: Vec<Option<i64>> = [
            "12 N Main St, Apt 4, Phoenix, AZ 85001",
            "12 North Main Street Apt 4, Phoenix, Arizona, 85001",
            r#"{"line1": "12 N. Main St.", "line2": "Apartment 4", "city": "Phoenix", "state": "AZ", "zip": "85001"}"#,
        ]
        .iter()
        .map(|text| one(&format!("SELECT suppress_contact('address', '{text}', 'x')")))
        .collect();
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
    }

    #[pg_test]
    fn a_caller_needs_execute_and_nothing_else() {
        let id = reachable(1, "pat@example.com");
        run("CREATE ROLE opt_out_desk");
        run("GRANT EXECUTE ON FUNCTION suppress_contact TO opt_out_desk");
        run("CREATE ROLE importer; GRANT SELECT, INSERT, UPDATE ON leads TO importer");
        run("SET ROLE opt_out_desk");
        run("SELECT suppress_contact('email', 'pat@example.com', 'no')");
        for forbidden in [
            "SELECT * FROM secrets",
            "SELECT * FROM suppressions",
            "SELECT lift_suppression(1, 'x')",
            "SELECT forget_contact('email', 'x@example.com')",
        ] {
            assert_refused(forbidden, PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE);
        }
        run("RESET ROLE");
        run("SET ROLE importer");
        run("INSERT INTO leads (emails) VALUES (ARRAY['{\"email\": \"pat@example.com\"}'::jsonb])");
        run("RESET ROLE");
        assert_eq!(status(id), "do_not_contact no");
        assert_eq!(
            one::<i64>("SELECT count(*) FROM leads WHERE suppressed_at IS NOT NULL"),
            Some(2)
        );
    }

    #[pg_test]
    fn a_forgotten_person_leaves_nothing_but_a_hash() {
        let id = reachable(1, "canary.person@example.com");
        run(
            "UPDATE leads SET first_name = 'Canaryfirst', owner_full_name = 'Canaryfirst Lastcanary'",
        );
        run(&format!("INSERT INTO vendor_calls (vendor, stage, lead_id, purchase_key, state, epoch, day, reserved_amount, settled_amount, subject, answer)
             VALUES ('melissa', 'enrich', '{id}', 'k', 'applied', 1, '2026-11-01', 0.05, 0.05, '{{\"email\": \"canary.person@example.com\"}}', '{{\"name\": \"Canaryfirst\"}}')"));
        run("INSERT INTO vendor_calls (vendor, stage, pull_id, purchase_key, state, epoch, day, reserved_amount, settled_amount, answer)
             VALUES ('batchdata_search', 'pull', 1, 'p', 'applied', 1, '2026-11-01', 1, 1, '{\"results\": [{\"_id\": \"rec-1\", \"owner\": \"Canaryfirst\"}]}')");
        run(
            "INSERT INTO dlq (stage, payload, error, kind) VALUES ('pull', '{\"record\": {\"e\": \"Canary.Person@example.com\", \"n\": \"Canaryfirst\"}}', 'x', 'record')",
        );
        run(
            "INSERT INTO lead_source_events (source, query_sig, seen_vendor_ids, first_id, last_id) VALUES ('batchdata', 'q', '{rec-1,rec-2}', 'rec-1', 'rec-2')",
        );
        assert_eq!(
            one::<bool>(&format!("SELECT forget_lead('{id}')")),
            Some(true)
        );
        for table in [
            "leads",
            "vendor_calls",
            "dlq",
            "lead_source_events",
            "lead_merges",
            "lead_matches",
            "jobs",
            "suppressions",
            "campaign_handouts",
        ] {
            let found: Option<i64> = one(&format!(
                "SELECT count(*) FROM {table} t WHERE t::text ~* 'canary|rec-1|5550001'"
            ));
            assert_eq!(found, Some(0), "{table}");
        }
        assert_eq!(
            one::<String>("SELECT sum(settled_amount)::text FROM vendor_calls").as_deref(),
            Some("1.050000")
        );
        assert_eq!(
            status(reachable(1, "other@example.com")),
            "do_not_contact forgotten"
        );
        assert_eq!(
            status(reachable(5, "canary.person@example.com")),
            "do_not_contact forgotten"
        );
        assert_eq!(
            one::<i32>("SELECT forget_contact('email', 'canary.person@example.com')"),
            Some(1)
        );
        assert_refused(
            &format!("SELECT forget_lead('{id}')"),
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
        );
    }
}
