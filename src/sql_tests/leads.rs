#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::*;

    const SPECIFIED: &str = "SELECT upsert_lead(p_source := 'batchdata', p_vendor_record_id := 'batch-123', p_vendor_list_id := 'hollywood-pull-1',
        p_address_line1 := '123 Sunset Blvd', p_address_line2 := NULL, p_city := 'Los Angeles', p_state := 'CA', p_postal_code := '90028',
        p_apn := '5544-003-021', p_owner_first_name := 'John', p_owner_last_name := 'Smith', p_owner_full_name := 'John Smith', p_owner_company := NULL,
        p_property_value := 850000, p_estimated_equity := 425000, p_age := 68)";

    #[pg_test]
    fn what_cannot_be_right_is_not_stored() {
        let id = lead(1);
        let set = |what: &str| format!("UPDATE leads SET {what} WHERE id = '{id}'");
        for wrong in [
            "quality_score = 100.5",
            "quality_score = -0.01",
            "quality_score = 'NaN'",
            "age = 151",
            "age = -1",
            "custom = '[]'",
            "custom = '1'",
        ] {
            assert_refused(&set(wrong), PgSqlErrorCode::ERRCODE_CHECK_VIOLATION);
        }
        for right in [
            "quality_score = 0.00, age = 0",
            "quality_score = 100, age = 150",
            "quality_score = NULL, age = NULL",
            "custom = jsonb_build_object('long', repeat(md5(random()::text), 1000))",
        ] {
            run(&set(right));
        }
    }

    #[pg_test]
    fn a_users_trigger_sees_no_insert_of_a_known_lead() {
        run("LOCK TABLE leads IN ACCESS EXCLUSIVE MODE");
        run("SET CONSTRAINTS ALL IMMEDIATE");
        let known = lead(1);
        run("CREATE TEMP TABLE seen (n integer)");
        run(
            "CREATE FUNCTION pg_temp.see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO seen VALUES (1); RETURN NEW; END'",
        );
        run(
            "CREATE TRIGGER a_users BEFORE INSERT ON leads FOR EACH ROW EXECUTE FUNCTION pg_temp.see()",
        );
        lead(2);
        assert_eq!(lead(1), known);
        assert_eq!(one::<i64>("SELECT count(*) FROM seen"), Some(1));
    }

    #[pg_test]
    fn the_specifications_call_inserts_once() {
        let id: Option<Uuid> = one(SPECIFIED);
        assert!(id.is_some());
        assert_eq!(one::<Uuid>(SPECIFIED), id);
        assert_eq!(one::<i64>("SELECT count(*) FROM leads"), Some(1));
        let kept: Option<bool> = one(
            "SELECT first_name = 'John' AND property_value = 850000 AND age = 68 AND addr_hash IS NOT NULL AND status = 'new' FROM leads",
        );
        assert_eq!(kept, Some(true));
    }

    #[pg_test]
    fn any_of_the_four_keys_finds_the_lead() {
        let id: Option<Uuid> = one(
            "SELECT upsert_lead('batchdata', 'r1', p_address_line1 := '5 Oak St', p_city := 'Mesa', p_state := 'AZ', p_postal_code := '85201', p_apn := 'A-1', p_county_fips := '04013', p_mak := '1234567890')",
        );
        for arguments in [
            "'other', 'x', p_mak := '1234567890'",
            "'other', 'y', p_address_line1 := '5 OAK STREET', p_city := 'Mesa', p_state := 'AZ', p_postal_code := '85201-1111'",
            "'batchdata', 'r1'",
            "'third', p_apn := 'A-1', p_county_fips := '04013'",
        ] {
            assert_eq!(
                one::<Uuid>(&format!("SELECT upsert_lead({arguments})")),
                id,
                "{arguments}"
            );
        }
        assert_eq!(one::<i64>("SELECT count(*) FROM leads"), Some(1));
    }

    #[pg_test]
    fn a_match_fills_and_freshens_but_erases_nothing() {
        let id = lead(1);
        run(
            "SELECT upsert_lead('batchdata', 'rec-1', p_owner_first_name := 'Pat', p_property_value := 400000, p_age := 70)",
        );
        run(
            "SELECT upsert_lead('batchdata', 'rec-1', p_owner_first_name := 'Sam', p_property_value := 450000, p_custom := '{\"crm\": 7}')",
        );
        let kept: Option<bool> = one(&format!(
            "SELECT first_name = 'Pat' AND property_value = 450000 AND age = 70 AND custom = '{{\"crm\": 7}}' AND address_line1 = '1 Sample Ave' FROM leads WHERE id = '{id}'"
        ));
        assert_eq!(kept, Some(true));
    }

    #[pg_test]
    fn a_match_without_an_address_leaves_the_unit_line() {
        run(
            "INSERT INTO leads (source, vendor_record_id, address_line2) VALUES ('list', 'unit', 'Apt 4')",
        );
        run("SELECT upsert_lead('list', 'unit', p_owner_first_name := 'Pat')");
        let kept: Option<bool> = one(
            "SELECT address_line2 = 'Apt 4' AND first_name = 'Pat' FROM leads WHERE vendor_record_id = 'unit'",
        );
        assert_eq!(kept, Some(true));
    }

    #[pg_test]
    fn a_parcel_number_is_not_filed_under_another_county() {
        for call in [
            "SELECT upsert_lead('list', 'r1', p_address_line1 := '1 Elm St', p_postal_code := '85201', p_apn := '7-1', p_county_fips := '04013')",
            r#"SELECT count(*) FROM upsert_leads('list', '[{"vendor_record_id": "r1", "address": "1 Elm St", "zip": "85201", "apn": "7-1", "county_fips": "04013"}]')"#,
        ] {
            run("DELETE FROM leads");
            run(
                "INSERT INTO leads (source, vendor_record_id, address_line1, property_zip, county_fips) VALUES ('list', 'r1', '1 Elm St', '85201', '06037')",
            );
            run(call);
            let filed: Option<String> = one(
                "SELECT concat_ws('/', apn, county_fips) FROM leads WHERE vendor_record_id = 'r1'",
            );
            assert_eq!(filed.as_deref(), Some("06037"), "{call}");
        }
    }

    #[pg_test]
    fn counties_share_parcel_numbers() {
        let a: Option<Uuid> = one(
            "SELECT upsert_lead('a', 'a1', p_address_line1 := '5 Oak St', p_state := 'AZ', p_city := 'Mesa', p_postal_code := '85201', p_apn := '77')",
        );
        let b: Option<Uuid> = one(
            "SELECT upsert_lead('b', 'b1', p_address_line1 := '9 Elm St', p_state := 'TX', p_city := 'Austin', p_postal_code := '73301', p_apn := '77')",
        );
        assert_ne!(a, b);
        assert_eq!(
            one::<i64>("SELECT count(*) FROM leads WHERE apn = '77'"),
            Some(1)
        );
        assert_eq!(one::<i64>("SELECT count(*) FROM lead_matches"), Some(1));
        let c: Option<Uuid> =
            one("SELECT upsert_lead('c', p_apn := '77', p_county_fips := '48453')");
        assert!(c != a && c != b);
    }

    #[pg_test]
    fn two_keys_of_two_leads_are_left_to_a_person() {
        let a: Option<Uuid> = one("SELECT upsert_lead('a', 'a1', p_mak := '1111111111')");
        let b = lead(2);
        let both: Option<Uuid> = one(
            "SELECT upsert_lead('a', 'zz', p_mak := '1111111111', p_address_line1 := '2 Sample Ave', p_city := 'Phoenix', p_state := 'AZ', p_postal_code := '85001')",
        );
        assert!(both == a || both == Some(b));
    }

    #[pg_test]
    fn a_record_without_identity_is_refused() {
        let bad = PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE;
        for call in [
            "upsert_lead('x')",
            "upsert_lead(NULL, 'r')",
            "upsert_lead('  ', 'r')",
            "upsert_lead('x', 'undefined')",
            "upsert_lead('x', '', p_address_line1 := '5 Oak St')",
            "upsert_lead('x', 'r', p_property_value := -1)",
            "upsert_lead('x', 'r', p_age := 400)",
            "upsert_lead('x', 'r', p_custom := '[]')",
        ] {
            assert_refused(&format!("SELECT {call}"), bad);
        }
        assert_eq!(one::<i64>("SELECT count(*) FROM leads"), Some(0));
    }

    #[pg_test]
    fn a_bad_record_of_a_page_reports_itself_and_the_others_go_in() {
        let page = r#"[{"vendor_record_id": "1", "address_line1": "1 Oak St", "postal_code": "85201"},
                       {"first_name": "nobody"},
                       "not an object",
                       {"Address": "2 Oak St", "City": "Mesa", "State": "AZ", "Zip": "85201", "Est. Value": "$412,000", "Owner 1 First Name": "Pat", "Phone 1": "(602) 555-0143", "Email 1": "pat@example.com"},
                       {"vendor_record_id": "1", "address_line1": "1 Oak Street", "postal_code": "85201"}]"#;
        let outcomes: Option<String> = one(&format!(
            "SELECT string_agg(outcome, ',' ORDER BY ord) FROM upsert_leads('propstream', '{page}')"
        ));
        assert_eq!(
            outcomes.as_deref(),
            Some("inserted,rejected,rejected,inserted,updated")
        );
        assert_eq!(one::<i64>("SELECT count(*) FROM leads"), Some(2));
        let imported: Option<bool> = one(
            "SELECT first_name = 'Pat' AND property_value = 412000 AND phones[1] ->> 'phone' = '+16025550143' AND emails[1] ->> 'email' = 'pat@example.com' FROM leads WHERE address_line1 = '2 Oak St'",
        );
        assert_eq!(imported, Some(true));
        assert_refused(
            "SELECT * FROM upsert_leads('x', '{}')",
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        );
    }

    #[pg_test]
    fn foreign_columns_are_refused_with_the_recipe() {
        let (code, message) = failure("ALTER TABLE leads ADD COLUMN crm_id integer");
        assert_eq!(
            code,
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            "{message}"
        );
        assert_refused(
            "ALTER TABLE leads RENAME COLUMN mak TO melissa_key",
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
        );
        run(
            "CREATE TABLE my_leads (lead_id uuid PRIMARY KEY REFERENCES leads (id) ON DELETE CASCADE, crm_id integer)",
        );
        run("SET LOCAL equity_connect.allow_data_loss = on");
        run("ALTER TABLE leads ADD COLUMN crm_id integer");
    }

    #[pg_test]
    fn every_table_and_sequence_is_dumped() {
        let missing: Option<String> = one("
            SELECT string_agg(c.relname, ', ') FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'equity_connect'
            JOIN pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'S')
            WHERE d.deptype = 'e' AND d.classid = 'pg_class'::regclass AND c.relname <> 'table_shapes' AND NOT c.oid = ANY (e.extconfig)");
        assert_eq!(missing, None);
        let granted: Option<String> = one("
            SELECT string_agg(c.relname, ', ') FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'equity_connect'
            JOIN pg_class c ON c.oid = d.objid WHERE d.deptype = 'e' AND d.classid = 'pg_class'::regclass AND c.relacl::text LIKE '%{=%'");
        assert_eq!(granted, None, "nothing is granted to PUBLIC");
    }

    #[pg_test]
    fn a_record_whose_address_cannot_be_hashed_is_refused_instead_of_doubled() {
        for address in [
            "'12 Main St', p_postal_code := 'unknown'",
            "'TBD', p_postal_code := '90028'",
        ] {
            assert_refused(
                &format!("SELECT upsert_lead('manual', p_address_line1 := {address})"),
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            );
        }
    }

    #[pg_test]
    fn a_parcel_of_another_lead_does_not_block_a_match() {
        run(
            "SELECT upsert_lead('county', 'c1', p_address_line1 := '1 Elm St', p_city := 'Mesa', p_state := 'AZ', p_postal_code := '85201', p_apn := '7', p_county_fips := '04013')",
        );
        let house: Option<Uuid> = one(
            "SELECT upsert_lead('list', 'l1', p_address_line1 := '5 Oak St', p_city := 'Mesa', p_state := 'AZ', p_postal_code := '85201', p_county_fips := '04013')",
        );
        let again: Option<Uuid> = one("SELECT upsert_lead('list', 'l1', p_apn := '7')");
        assert_eq!(again, house);
    }

    #[pg_test]
    fn an_address_filled_in_later_may_turn_out_to_be_another_leads() {
        run(
            "SELECT upsert_lead('a', 'a1', p_address_line1 := '5 Oak St', p_postal_code := '85201')",
        );
        run("SELECT upsert_lead('b', 'b1')");
        run("UPDATE leads SET property_zip = '85201' WHERE vendor_record_id = 'b1'");
        let met: Option<Uuid> = one("SELECT upsert_lead('b', 'b1', p_address_line1 := '5 Oak St')");
        assert_eq!(
            met,
            one("SELECT id FROM leads WHERE vendor_record_id = 'b1'")
        );
        assert_eq!(one::<i64>("SELECT count(*) FROM leads"), Some(2));
    }

    #[pg_test]
    fn a_state_spelled_out_is_no_contradiction() {
        let a: Option<Uuid> = one(
            "SELECT upsert_lead('a', 'a1', p_address_line1 := '5 Oak St', p_city := 'Los Angeles', p_state := 'CA', p_postal_code := '90028', p_apn := '7')",
        );
        let b: Option<Uuid> = one(
            "SELECT upsert_lead('b', 'b1', p_address_line1 := '5 Oak Street Rear', p_city := 'Los Angeles', p_state := 'California', p_postal_code := '90028-1111', p_apn := '7')",
        );
        assert_eq!(a, b);
    }

    #[pg_test]
    fn a_lead_without_address_has_no_blank_one() {
        run("SELECT upsert_lead('a', 'a1')");
        assert_eq!(
            one::<i64>("SELECT count(*) FROM leads WHERE property_address IS NOT NULL"),
            Some(0)
        );
    }

    #[pg_test]
    fn ordinary_roles_keep_their_ddl_and_their_status_page() {
        run("SELECT arm_spending()");
        run(
            "CREATE ROLE ordinary; GRANT CREATE, USAGE ON SCHEMA public TO ordinary; GRANT SELECT ON worker_state, vendors TO ordinary",
        );
        run("SET LOCAL ROLE ordinary");
        run(
            "CREATE TABLE own_table (id integer); ALTER TABLE own_table ADD COLUMN note text; CREATE INDEX ON own_table (id)",
        );
        assert_eq!(one::<i64>("SELECT count(*) FROM worker_status()"), Some(1));
        run("RESET ROLE");
    }
}
