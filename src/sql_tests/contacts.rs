#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::*;

    fn merge(lead: Uuid, arguments: &str) -> pgrx::JsonB {
        one(&format!(
            "SELECT merge_contact_point('{lead}', {arguments})"
        ))
        .expect("the stored object")
    }

    #[pg_test]
    fn a_contact_point_is_stored_as_specified() {
        let id = lead(1);
        let stored = merge(id, "'phone', '+15551234567', 'melissa', 85, true").0;
        assert_eq!(stored["phone"], "+15551234567");
        assert_eq!(stored["source"], "melissa");
        assert_eq!(stored["score"].as_f64(), Some(85.0));
        assert_eq!(stored["verified"], true);
        assert!(stored["added_at"].is_string());
        let stored = merge(id, "'email', 'john@example.com', 'batchdata', 75, false").0;
        assert_eq!(stored["email"], "john@example.com");
        assert_eq!(
            one::<i32>(&format!(
                "SELECT cardinality(phones) + cardinality(emails) FROM leads WHERE id = '{id}'"
            )),
            Some(2)
        );
    }

    #[pg_test]
    fn merging_the_same_point_keeps_the_best_and_never_unverifies() {
        let id = lead(2);
        merge(
            id,
            "'phone', '(602) 555-0143', 'melissa', 60, true, 'mobile', '{\"dnc\": true}'",
        );
        let stored = merge(
            id,
            "'phone', '+16025550143', 'batchdata', 90, false, NULL, '{\"dnc\": false}'",
        )
        .0;
        assert_eq!(stored["score"].as_f64(), Some(90.0));
        assert_eq!(stored["verified"], true);
        assert_eq!(stored["dnc"], true);
        assert_eq!(stored["type"], "mobile");
        assert_eq!(
            stored["sources"],
            serde_json::json!(["melissa", "batchdata"])
        );
        assert_eq!(
            one::<i32>(&format!(
                "SELECT cardinality(phones) FROM leads WHERE id = '{id}'"
            )),
            Some(1)
        );
        merge(id, "'email', 'Pat@Example.com', 'a', 1");
        merge(id, "'email', 'pat@example.COM', 'b', 2");
        assert_eq!(
            one::<i32>(&format!(
                "SELECT cardinality(emails) FROM leads WHERE id = '{id}'"
            )),
            Some(1)
        );
    }

    #[pg_test]
    fn a_point_that_is_known_is_neither_locked_nor_written() {
        let known = "'phone', '6025550143', 'melissa', 50, true, 'mobile'";
        let other = lead(6);
        let first = merge(other, known).0;
        // A row as it was inserted: an update keeps the mark of the lock before it.
        let id: Uuid = one(&format!(
            "INSERT INTO leads (phones) SELECT phones FROM leads WHERE id = '{other}' RETURNING id"
        ))
        .expect("an id");
        let locked = format!("SELECT xmax <> '0'::xid FROM leads WHERE id = '{id}'");
        assert_eq!(merge(id, known).0, first);
        assert_eq!(one::<bool>(&locked), Some(false));
        // Another spelling, and one that knows more.
        assert_eq!(
            merge(id, &known.replace("6025550143", "(602) 555-0143")).0,
            first
        );
        assert_eq!(merge(id, &known.replace("50,", "60,")).0["score"], 60);
        assert_eq!(merge(id, known).0["score"], 60);
    }

    #[pg_test]
    fn a_known_point_takes_the_rights_of_a_new_one() {
        // Before anything else is held: other tests are running.
        run("LOCK TABLE leads IN ACCESS EXCLUSIVE MODE");
        run("SET CONSTRAINTS ALL IMMEDIATE");
        let id = lead(7);
        let known = format!("SELECT merge_contact_point('{id}', 'phone', '6025550143', 'melissa')");
        run(&known);
        run("CREATE ROLE point_merger");
        run(
            "DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO point_merger', (SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'equity_connect')); END $$",
        );
        run("GRANT SELECT ON leads TO point_merger");
        run("SET LOCAL ROLE point_merger");
        assert_refused(&known, PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE);
        run("RESET ROLE");
        run("GRANT UPDATE ON leads TO point_merger");
        run("SET LOCAL ROLE point_merger");
        run(&known);
        run("RESET ROLE");
        let read_only = attempt(|| {
            Spi::run("SET LOCAL transaction_read_only = on")?;
            Ok(Spi::run(&known)?)
        });
        assert!(matches!(
            read_only,
            Err(Error::Database {
                code: PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
                ..
            })
        ));
    }

    #[pg_test]
    fn a_null_array_reads_as_empty() {
        let id = lead(3);
        run(&format!(
            "UPDATE leads SET phones = NULL, emails = NULL WHERE id = '{id}'"
        ));
        merge(id, "'phone', '6025550143', 'melissa', 50");
        assert_eq!(
            one::<i32>(&format!(
                "SELECT cardinality(phones) FROM leads WHERE id = '{id}'"
            )),
            Some(1)
        );
        assert_eq!(
            one::<i32>(&format!("SELECT compute_quality_score('{id}')")),
            Some(0)
        );
    }

    #[pg_test]
    fn bad_input_is_refused_and_leaves_no_trace() {
        let id = lead(4);
        for (arguments, code) in [
            (
                "'fax', '6025550143', 'x'",
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ),
            (
                "'phone', '12', 'x'",
                PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
            ),
            (
                "'email', 'no-at-sign', 'x'",
                PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
            ),
            (
                "'phone', '6025550143', 'x', -1",
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ),
            (
                "'phone', '6025550143', 'x', 'NaN'",
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ),
            (
                "'phone', '6025550143', 'x', 101",
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ),
            (
                "'phone', '6025550143', 'x', 1, true, 'submarine'",
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ),
            (
                "'phone', '6025550143', 'x', 1, true, NULL, '[1]'",
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ),
            (
                "NULL, '6025550143', 'x'",
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ),
            (
                "'phone', NULL, 'x'",
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ),
        ] {
            assert_refused(
                &format!("SELECT merge_contact_point('{id}', {arguments})"),
                code,
            );
        }
        assert_refused(
            "SELECT merge_contact_point('00000000-0000-0000-0000-000000000000', 'phone', '6025550143', 'x')",
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
        );
        assert_eq!(
            one::<i32>(&format!(
                "SELECT cardinality(phones) + cardinality(emails) FROM leads WHERE id = '{id}'"
            )),
            Some(0)
        );
    }

    #[pg_test]
    fn errors_hold_no_personal_data() {
        let id = lead(5);
        let (_, message) = failure(&format!(
            "SELECT merge_contact_point('{id}', 'phone', '602555', 'x')"
        ));
        assert!(!message.contains("602555"), "{message}");
        let (_, message) = failure(&format!(
            "SELECT merge_contact_point('{id}', 'email', 'pat.secret', 'x')"
        ));
        assert!(!message.contains("pat.secret"), "{message}");
    }

    #[pg_test]
    fn canonical_forms() {
        assert_eq!(
            one::<String>("SELECT canonical_phone('(602) 555-0143 ext. 12')").as_deref(),
            Some("+16025550143")
        );
        assert_eq!(one::<String>("SELECT canonical_phone('12')"), None);
        assert_eq!(
            one::<String>("SELECT canonical_email(' Pat@EXAMPLE.com ')").as_deref(),
            Some("Pat@example.com")
        );
        assert_eq!(one::<String>("SELECT canonical_email('nobody')"), None);
    }

    #[pg_test]
    fn junk_is_refused_with_a_reason_and_without_the_value() {
        let id = lead(41);
        for (kind, value, reason) in [
            ("phone", "000-000-0000", "the phone number is a placeholder"),
            ("phone", "555-0143", "a US phone number needs ten digits"),
            (
                "email",
                "none@none.com",
                "the e-mail address is a placeholder",
            ),
            (
                "email",
                "test@",
                "an e-mail address needs a name, an @ and a domain",
            ),
        ] {
            let (code, message) = failure(&format!(
                "SELECT merge_contact_point('{id}', '{kind}', '{value}')"
            ));
            assert_eq!(code, PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION);
            assert_eq!(message, reason);
        }
    }
}
