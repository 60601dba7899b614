//! What is written past SPI is what a statement would write, and is seen by all who would see that.

#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::*;

    const FULL: &str = "SELECT upsert_lead('batchdata', 'rec-1', 'list', '1 Sample Ave', p_city := 'Phoenix', p_state := 'AZ', p_postal_code := '85001',
        p_apn := 'A1', p_owner_last_name := 'Smith', p_property_value := 412000.5, p_age := 70, p_mak := '4711', p_owner_occupied := true,
        p_custom := '{\"crm\": 1}')";

    const INDEXES: [&str; 5] = [
        "leads_pkey",
        "ux_leads_mak",
        "ux_leads_addr",
        "ux_leads_vendor",
        "ux_leads_apn",
    ];

    /// So that definitions of the table can be changed in this transaction.
    fn have_leads_alone() {
        run("LOCK TABLE leads IN ACCESS EXCLUSIVE MODE");
        run("SET CONSTRAINTS ALL IMMEDIATE");
    }

    /// Every index finds every row, and nothing else.
    fn check_indexes() {
        run("CREATE EXTENSION IF NOT EXISTS amcheck");
        for index in INDEXES {
            run(&format!("SELECT bt_index_check('{index}', true)"));
        }
    }

    fn page(records: &[&str]) -> String {
        format!(
            "SELECT string_agg(outcome, ',' ORDER BY ord) FROM upsert_leads('batchdata', '[{}]')",
            records.join(",")
        )
    }

    #[pg_test]
    fn a_lead_seen_too_often_for_its_page_stays_in_all_indexes() {
        run("TRUNCATE leads");
        let id = one::<Uuid>(FULL);
        run(&format!(
            "DO $$ BEGIN FOR n IN 1 .. 100 LOOP PERFORM ({FULL}); END LOOP; END $$"
        ));
        let updates: Option<i64> = one("SELECT pg_stat_get_xact_tuples_updated('leads'::regclass)");
        let in_place: Option<i64> =
            one("SELECT pg_stat_get_xact_tuples_hot_updated('leads'::regclass)");
        assert_eq!(updates, Some(100));
        assert!(in_place < Some(100), "the page was large enough for all");
        check_indexes();
        run("SET LOCAL enable_seqscan = off");
        for condition in [
            "mak = '4711'",
            "apn = 'A1' AND COALESCE(county_fips, '') = ''",
            "source = 'batchdata' AND vendor_record_id = 'rec-1'",
            "addr_hash = compute_addr_hash('1 Sample Ave', 'Phoenix', 'AZ', '85001')",
        ] {
            let found = one::<Uuid>(&format!("SELECT id FROM leads WHERE {condition}"));
            assert_eq!(found, id, "{condition}");
        }
    }

    #[pg_test]
    fn a_key_that_is_taken_leaves_no_second_lead() {
        let known = one::<Uuid>(FULL);
        let by_vendor_id = "SELECT upsert_lead('batchdata', 'rec-1', p_address_line1 := '9 Other St', p_postal_code := '85001')";
        assert_eq!(one::<Uuid>(by_vendor_id), known);
        let outcomes = page(&[
            r#"{"vendor_record_id": "rec-1", "address_line1": "11 Other St", "postal_code": "85001"}"#,
            r#"{"vendor_record_id": "rec-2", "address_line1": "12 Other St", "postal_code": "85001"}"#,
            r#"{"mak": "4711", "address_line1": "13 Other St", "postal_code": "85001"}"#,
        ]);
        assert_eq!(
            one::<String>(&outcomes).as_deref(),
            Some("updated,inserted,updated")
        );
        assert_eq!(one::<i64>("SELECT count(*) FROM leads"), Some(2));
        check_indexes();
    }

    #[pg_test]
    fn users_triggers_see_every_write() {
        have_leads_alone();
        run("CREATE TEMP TABLE seen (event text)");
        run(
            "CREATE FUNCTION pg_temp.see() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN INSERT INTO seen VALUES (lower(TG_OP) || '' '' || lower(TG_LEVEL)); RETURN NEW; END'",
        );
        for (name, when) in [
            ("a_users_inserts", "AFTER INSERT ON leads FOR EACH ROW"),
            (
                "trg_leads_audit",
                "BEFORE INSERT ON leads FOR EACH STATEMENT",
            ),
            (
                "a_users_updates",
                "AFTER UPDATE OF last_seen_at ON leads FOR EACH ROW",
            ),
            (
                "a_users_others",
                "AFTER UPDATE OF first_name ON leads FOR EACH ROW",
            ),
        ] {
            run(&format!(
                "CREATE TRIGGER {name} {when} EXECUTE FUNCTION pg_temp.see()"
            ));
        }
        let seen = || {
            let seen = one::<String>(
                "WITH gone AS (DELETE FROM seen RETURNING event) SELECT string_agg(event, ',' ORDER BY event) FROM gone",
            );
            seen.unwrap_or_default()
        };
        lead(1);
        assert_eq!(seen(), "insert row,insert statement");
        lead(1);
        assert_eq!(seen(), "update row");
        let records = [
            r#"{"vendor_record_id": "rec-1", "address_line1": "1 Sample Ave", "city": "Phoenix", "state": "AZ", "postal_code": "85001"}"#,
            r#"{"vendor_record_id": "rec-2", "address_line1": "2 Sample Ave", "city": "Phoenix", "state": "AZ", "postal_code": "85001"}"#,
        ];
        assert_eq!(
            one::<String>(&page(&records)).as_deref(),
            Some("updated,inserted")
        );
        assert_eq!(seen(), "insert row,insert statement,update row");
    }

    #[pg_test]
    fn leads_are_stored_without_the_triggers_of_ours() {
        have_leads_alone();
        run("DO $$ DECLARE name text; BEGIN
                 FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'leads'::regclass AND NOT tgisinternal LOOP
                     EXECUTE format('DROP TRIGGER %I ON leads', name);
                 END LOOP; END $$");
        let id = lead(1);
        assert_eq!(lead(1), id);
        assert_eq!(
            one::<String>(&page(&[
                r#"{"vendor_record_id": "rec-2", "address_line1": "2 Sample Ave", "postal_code": "85001"}"#
            ]))
            .as_deref(),
            Some("inserted")
        );
    }

    #[pg_test]
    fn a_key_of_a_folded_lead_is_heeded_by_a_record_that_another_lead_holds() {
        for house in [1, 2] {
            run(&format!(
                "SELECT upsert_lead('other', 'v{house}', p_address_line1 := '{house} Sample Ave', p_postal_code := '85001')"
            ));
        }
        let of = |id: &str| {
            one::<Uuid>(&format!(
                "SELECT id FROM leads WHERE source = 'other' AND vendor_record_id = '{id}'"
            ))
            .expect("it is there")
        };
        let (kept, folded) = (of("v1"), of("v2"));
        run(&format!("SELECT merge_leads('{kept}', '{folded}', 'same')"));
        let known = one::<Uuid>(
            "SELECT upsert_lead('batchdata', 'rec-1', p_mak := '4711', p_address_line1 := '77 Far Rd', p_postal_code := '85001')",
        );
        for (n, again) in [
            "SELECT upsert_lead('other', 'v2', p_mak := '4711')::text",
            r#"SELECT lead_id::text FROM upsert_leads('other', '[{"vendor_record_id": "v2", "mak": "4711"}]')"#,
        ]
        .into_iter()
        .enumerate()
        {
            one::<String>(again);
            let noticed = one::<bool>(&format!(
                "SELECT EXISTS (SELECT FROM lead_matches WHERE '{kept}' IN (lead_id, other_lead_id))
                     OR (SELECT count(*) FROM leads) = 1"
            ));
            assert_eq!(noticed, Some(true), "{n}: {known:?} and {kept} are one or a pair");
            run("DELETE FROM lead_matches");
        }
    }

    #[pg_test]
    fn nobody_writes_without_the_right_to() {
        lead(1);
        run("CREATE ROLE importer");
        run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO importer");
        let again = "SELECT upsert_lead('batchdata', 'rec-1', p_address_line1 := '1 Sample Ave', p_postal_code := '85001')";
        let other = "SELECT upsert_lead('batchdata', 'rec-2', p_address_line1 := '2 Sample Ave', p_postal_code := '85001')";
        for (right, allowed, refused) in [("INSERT", other, again), ("UPDATE", again, other)] {
            run(&format!("GRANT {right} ON leads TO importer"));
            run("SET LOCAL ROLE importer");
            assert_refused(refused, PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE);
            run(allowed);
            run("RESET ROLE");
            run(&format!("REVOKE {right} ON leads FROM importer"));
            run("DELETE FROM leads WHERE vendor_record_id = 'rec-2'");
        }
    }

    #[pg_test]
    fn nothing_is_written_in_a_transaction_that_only_reads() {
        lead(1);
        for house in [1, 2] {
            assert_refused(
                &format!(
                    "DO $$ BEGIN
                         PERFORM set_config('transaction_read_only', 'on', true);
                         PERFORM upsert_lead('batchdata', 'rec-{house}', p_address_line1 := '{house} Sample Ave', p_postal_code := '85001');
                     END $$"
                ),
                PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
            );
        }
    }

    #[pg_test]
    fn new_leads_have_the_defaults_that_the_table_has_now() {
        have_leads_alone();
        let of = |id: Uuid| {
            one::<String>(&format!(
                "SELECT concat_ws(' ', status, campaign_status, quality_score, custom, cardinality(phones), assigned_persona, first_seen_at = now())
                 FROM leads WHERE id = '{id}'"
            ))
        };
        assert_eq!(of(lead(1)).as_deref(), Some("new new 0 {} 0 t"));
        run("ALTER TABLE leads ALTER campaign_status SET DEFAULT 'paused'");
        assert_eq!(of(lead(2)).as_deref(), Some("new paused 0 {} 0 t"));
        // Not the same for all rows, so that only a statement can tell.
        run("CREATE SEQUENCE personas");
        run("ALTER TABLE leads ALTER assigned_persona SET DEFAULT 'p' || nextval('personas')");
        for (house, persona) in [(3, "p1"), (4, "p2")] {
            assert_eq!(
                of(lead(house)).as_deref(),
                Some(format!("new paused 0 {{}} 0 {persona} t").as_str())
            );
        }
    }

    #[pg_test]
    fn new_leads_keep_the_constraints_that_the_table_has_now() {
        have_leads_alone();
        one::<Uuid>(FULL);
        run(
            "ALTER TABLE leads ADD CONSTRAINT a_users CHECK (property_city <> 'Phoenix') NOT VALID",
        );
        assert_refused(
            "SELECT upsert_lead('batchdata', 'rec-2', p_address_line1 := '2 Sample Ave', p_city := 'Phoenix', p_state := 'AZ')",
            PgSqlErrorCode::ERRCODE_CHECK_VIOLATION,
        );
        run("ALTER TABLE leads DROP CONSTRAINT a_users");
        run("ALTER TABLE leads ALTER custom DROP NOT NULL, ALTER apn SET NOT NULL");
        assert_refused(
            "SELECT upsert_lead('batchdata', 'rec-2', p_address_line1 := '2 Sample Ave', p_city := 'Phoenix', p_state := 'AZ')",
            PgSqlErrorCode::ERRCODE_NOT_NULL_VIOLATION,
        );
        run("ALTER TABLE leads ALTER custom SET NOT NULL, ALTER apn DROP NOT NULL");
        run("ALTER TABLE leads ALTER quality_score SET DEFAULT 101");
        assert_refused(
            "SELECT upsert_lead('batchdata', 'rec-2', p_address_line1 := '2 Sample Ave', p_city := 'Phoenix', p_state := 'AZ')",
            PgSqlErrorCode::ERRCODE_CHECK_VIOLATION,
        );
        run(
            "ALTER TABLE leads ALTER quality_score SET DEFAULT 0, ALTER property_value TYPE numeric(12, 1)",
        );
        run("SELECT upsert_lead('batchdata', 'rec-2', p_property_value := 412000.26)");
        let rounded = one::<String>(
            "SELECT property_value::text FROM leads WHERE vendor_record_id = 'rec-2'",
        );
        assert_eq!(rounded.as_deref(), Some("412000.3"));
    }

    #[pg_test]
    fn leads_with_contact_points_are_found_by_their_index_alone() {
        let id = lead(1);
        run(&format!(
            "SELECT merge_contact_point('{id}', 'phone', '602-555-0101', 'melissa')"
        ));
        lead(2);
        run("SET LOCAL enable_seqscan = off");
        let plan: Vec<String> = Spi::connect(|db| {
            let rows = db.select(
                "EXPLAIN SELECT id FROM leads WHERE contact_keys(phones, emails) && ARRAY['+16025550101']",
                None,
                &[],
            )?;
            rows.map(|row| Ok(row.get(1)?.unwrap_or_default())).collect::<Result<_, pgrx::spi::Error>>()
        })
        .expect("a plan is made");
        let plan = plan.join("\n");
        assert!(plan.contains("idx_leads_contact_keys"), "{plan}");
        let found = one::<Uuid>(
            "SELECT id FROM leads WHERE contact_keys(phones, emails) && ARRAY['+16025550101']",
        );
        assert_eq!(found, Some(id));
    }
}
