#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::*;

    #[pg_test]
    fn the_specifications_examples_hold() {
        assert_eq!(
            one::<String>("SELECT normalize_zip('90028-1234')").as_deref(),
            Some("90028")
        );
        let hash: String =
            one("SELECT compute_addr_hash('123 Main St', 'Los Angeles', 'CA', '90028')")
                .expect("a hash");
        assert_eq!(hash.len(), 64);
        assert!(
            hash.bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        );
    }

    #[pg_test]
    fn what_identifies_no_property_has_no_hash() {
        for arguments in [
            "NULL, 'Phoenix', 'AZ', '85001'",
            "'', 'Phoenix', 'AZ', '85001'",
            "'1 Main St', NULL, 'AZ', NULL",
            "'1 Main St', 'Phoenix', NULL, NULL",
        ] {
            assert_eq!(
                one::<String>(&format!("SELECT compute_addr_hash({arguments})")),
                None,
                "{arguments}"
            );
        }
        assert_eq!(one::<String>("SELECT normalize_zip('ABCDE')"), None);
        assert_eq!(one::<String>("SELECT normalize_zip(NULL)"), None);
    }

    #[pg_test]
    fn spellings_of_one_address_share_a_hash_and_neighbours_do_not() {
        let same = "SELECT compute_addr_hash('123 N. Main Street', 'los angeles', 'California', '90028-1234') = compute_addr_hash('123 North MAIN ST', 'Los Angeles', 'CA', '90028')";
        assert_eq!(one::<bool>(same), Some(true));
        let other = "SELECT compute_addr_hash('123 N Main St', 'Los Angeles', 'CA', '90028') = compute_addr_hash('123 S Main St', 'Los Angeles', 'CA', '90028')";
        assert_eq!(one::<bool>(other), Some(false));
    }

    #[pg_test]
    fn functions_are_declared_as_they_are() {
        // All others write, or read what only the calling process holds: volatile, and never in a parallel worker.
        let special: Option<String> = one("
            SELECT string_agg(p.proname || ' ' || p.provolatile::text || p.proparallel::text, ', ' ORDER BY p.proname COLLATE \"C\") FROM pg_proc p
            JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
            JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'equity_connect'
            WHERE p.pronamespace = e.extnamespace AND (p.provolatile, p.proparallel) <> ('v', 'u')");
        assert_eq!(
            special.as_deref(),
            Some(
                "canonical_address is, canonical_email is, canonical_phone is, compute_addr_hash is, compute_quality_score sr, compute_query_sig is, contact_keys is, has_vendor_ids_been_seen sr, lead_values_fit is, new_lead_id vs, normalize_zip is, normalizer_version is, preview_enrichment sr"
            )
        );
        let without_path: Option<String> = one("
            SELECT string_agg(p.proname, ', ') FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
            JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'equity_connect'
            WHERE p.provolatile <> 'i' AND p.proconfig IS NULL
              AND p.proname NOT IN ('new_lead_id', 'compute_quality_score', 'leads_addr_hash', 'leads_opt_out', 'leads_opt_out_at_commit', 'records_at_hand', 'wake_worker') AND p.pronamespace = e.extnamespace");
        assert_eq!(
            without_path, None,
            "functions that read tables must pin their search_path, or find them beside themselves"
        );
    }

    #[pg_test]
    fn a_query_signature_does_not_depend_on_order_or_page() {
        let same = r#"SELECT compute_query_sig('{"zip_codes": ["90028", "90038"], "filters": {"a": 1, "b": true}, "page": 3}')
                           = compute_query_sig('{"filters": {"b": true, "a": 1}, "zip_codes": ["90038", "90028"]}')"#;
        assert_eq!(one::<bool>(same), Some(true));
        let other = r#"SELECT compute_query_sig('{"zip_codes": ["90028"]}') = compute_query_sig('{"zip_codes": ["90038"]}')"#;
        assert_eq!(one::<bool>(other), Some(false));
        assert_refused(
            "SELECT compute_query_sig('[1]')",
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        );
    }

    #[pg_test]
    fn the_trigger_fills_and_follows_the_address_and_keeps_a_foreign_hash() {
        run("INSERT INTO leads (id, source, address_line1, property_city, property_state, property_zip)
             VALUES ('00000000-0000-7000-8000-000000000001', 'manual', '5 Oak St', 'Mesa', 'AZ', '85201')");
        let expected = |line1: &str| {
            one::<String>(&format!(
                "SELECT compute_addr_hash('{line1}', 'Mesa', 'AZ', '85201')"
            ))
        };
        let stored = || {
            one::<String>(
                "SELECT addr_hash FROM leads WHERE id = '00000000-0000-7000-8000-000000000001'",
            )
        };
        assert_eq!(stored(), expected("5 Oak St"));
        run("UPDATE leads SET address_line1 = '7 Oak St' WHERE source = 'manual'");
        assert_eq!(stored(), expected("7 Oak St"));
        run("UPDATE leads SET addr_hash = 'mine' WHERE source = 'manual'");
        run("UPDATE leads SET address_line1 = '9 Oak St' WHERE source = 'manual'");
        assert_eq!(stored().as_deref(), Some("mine"));
        run("UPDATE leads SET addr_hash = NULL WHERE source = 'manual'");
        assert_eq!(stored(), expected("9 Oak St"));
    }

    #[pg_test]
    fn lead_ids_are_ordered_in_time() {
        assert_eq!(
            one::<bool>("SELECT new_lead_id() < new_lead_id()"),
            Some(true)
        );
        assert_eq!(
            one::<String>("SELECT substr(new_lead_id()::text, 15, 1)").as_deref(),
            Some("7")
        );
    }
}
