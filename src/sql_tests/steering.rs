#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::*;

    #[pg_test]
    fn enrichment_is_queued_once() {
        let id = lead(1);
        assert_eq!(
            one::<bool>(&format!("SELECT request_enrichment('{id}')")),
            Some(true)
        );
        assert_eq!(
            one::<bool>(&format!("SELECT request_enrichment('{id}')")),
            Some(false)
        );
        assert_refused(
            "SELECT request_enrichment('00000000-0000-0000-0000-000000000000')",
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
        );
    }

    #[pg_test]
    fn a_purchase_in_doubt_is_resolved_with_its_money() {
        let id = lead(2);
        run(
            "INSERT INTO spend_budgets (day, scope, reserved_calls, reserved_amount) VALUES ('2026-11-01', 'total', 2, 0.10), ('2026-11-01', 'vendor:melissa', 2, 0.10)",
        );
        for n in [1, 2] {
            run(&format!("INSERT INTO vendor_calls (vendor, stage, lead_id, purchase_key, state, epoch, day, reserved_amount)
                          VALUES ('melissa', 'enrich', '{id}', 'key-{n}', 'in_doubt', 1, '2026-11-01', 0.05)"));
        }
        run(&format!(
            "INSERT INTO dlq (stage, payload, error, kind, lead_id, call_id) SELECT 'enrich', '{{\"pass\": 1}}', 'in doubt', 'doubt', '{id}', min(id) FROM vendor_calls"
        ));
        run("SELECT resolve_call(min(id), 'charged', 'on the invoice') FROM vendor_calls");
        run("SELECT resolve_call(max(id), 'not_charged', 'not on the invoice') FROM vendor_calls");
        let books: Option<bool> = one(
            "SELECT bool_and(reserved_amount = 0 AND settled_amount = 0.05 AND reserved_calls = 0 AND settled_calls = 1) FROM spend_budgets",
        );
        assert_eq!(books, Some(true));
        assert_eq!(
            one::<i64>(&format!(
                "SELECT count(*) FROM jobs WHERE lead_id = '{id}' AND call_id IS NULL"
            )),
            Some(1)
        );
        assert_eq!(one::<i64>("SELECT count(*) FROM dlq"), Some(0));
        assert_refused(
            "SELECT resolve_call(min(id), 'charged', 'again') FROM vendor_calls",
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        );
        assert_refused(
            "SELECT resolve_call(0, 'charged', 'x')",
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
        );
        assert_refused(
            "SELECT resolve_call(1, 'maybe', 'x')",
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        );
    }

    #[pg_test]
    fn nothing_can_be_bought_twice() {
        run(
            "INSERT INTO vendor_calls (vendor, stage, purchase_key, epoch, day, reserved_amount) VALUES ('melissa', 'enrich', 'k', 1, '2026-11-01', 0.05)",
        );
        let again = "INSERT INTO vendor_calls (vendor, stage, purchase_key, epoch, day, reserved_amount) VALUES ('melissa', 'enrich', 'k', 1, '2026-11-01', 0.05)";
        assert_refused(again, PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION);
        run("UPDATE vendor_calls SET state = 'released'");
        run(again);
    }

    #[pg_test]
    fn failed_work_is_put_back_and_foreign_rows_are_left_alone() {
        let id = lead(3);
        run(&format!(
            "INSERT INTO dlq (stage, payload, error, kind, lead_id) VALUES ('enrich', '{{\"pass\": 1}}', 'x', 'job', '{id}')"
        ));
        run(
            "INSERT INTO dlq (stage, payload, error, retry_after) VALUES ('enrich', '{\"mine\": true}', 'a flow of my own', now())",
        );
        run(
            "INSERT INTO dlq (stage, payload, error, kind) VALUES ('pull', '{\"source\": \"batchdata\", \"record\": {\"vendor_record_id\": \"r9\"}}', 'x', 'record')",
        );
        assert_eq!(
            one::<i32>("SELECT retry_dlq(array_agg(id)) FROM dlq"),
            Some(2)
        );
        assert_eq!(
            one::<i64>("SELECT count(*) FROM dlq WHERE kind IS NULL"),
            Some(1)
        );
        assert_eq!(one::<i64>("SELECT count(*) FROM dlq"), Some(1));
        assert_eq!(one::<i64>("SELECT count(*) FROM jobs"), Some(2));
        assert_eq!(
            one::<i64>("SELECT count(*) FROM leads WHERE vendor_record_id = 'r9'"),
            Some(1)
        );
    }

    #[pg_test]
    fn arming_is_for_this_cluster_only() {
        assert_eq!(
            one::<bool>("SELECT armed FROM worker_status()"),
            Some(false)
        );
        run("SELECT arm_spending()");
        assert_eq!(one::<bool>("SELECT armed FROM worker_status()"), Some(true));
        run("UPDATE worker_state SET armed_identity = armed_identity || 'x'");
        assert_eq!(
            one::<bool>("SELECT armed FROM worker_status()"),
            Some(false)
        );
        run("SELECT arm_spending()");
        run("SELECT disarm_spending()");
        assert_eq!(
            one::<bool>("SELECT armed FROM worker_status()"),
            Some(false)
        );
    }

    #[pg_test]
    fn what_can_spend_is_not_for_public() {
        let open: Option<String> = one("
            SELECT string_agg(p.proname, ', ') FROM pg_proc p
            WHERE p.proname IN ('request_pull', 'request_enrichment', 'retry_dlq', 'resolve_call', 'import_vendor_bill', 'resume_vendor', 'arm_spending', 'disarm_spending')
              AND has_function_privilege('public', p.oid, 'EXECUTE')");
        assert_eq!(open, None);
    }

    #[pg_test]
    fn vendors_start_disabled_at_the_specified_prices() {
        assert_eq!(
            one::<i64>("SELECT count(*) FROM vendors WHERE enabled"),
            Some(0)
        );
        let prices: Option<String> = one(
            "SELECT string_agg(unit_price::numeric(6, 2)::text, ',' ORDER BY name) FROM vendors WHERE name IN ('melissa', 'batchdata_skip_trace', 'instantly_verify', 'signalwire_lookup')",
        );
        assert_eq!(prices.as_deref(), Some("0.15,0.01,0.05,0.01"));
        assert_eq!(
            one::<i32>("SELECT daily_call_cap FROM vendors WHERE name = 'batchdata_skip_trace'"),
            Some(1000)
        );
        run("SELECT resume_vendor('melissa')");
        assert_refused(
            "SELECT resume_vendor('nobody')",
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
        );
    }
}
