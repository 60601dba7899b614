#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::*;
    use crate::store::{self, budgets, pruning};

    /// A purchase of `vendor` for a lead, `age` ago, with what else the state needs.
    fn purchase(vendor: &str, key: &str, state: &str, age: &str, rest: &str) -> i64 {
        let (settled, resolution) = match state {
            "applied" | "answered" => ("0.05", "NULL"),
            "resolved" => ("0.05", "'charged'"),
            _ => ("NULL", "NULL"),
        };
        let id = one::<i64>(&format!(
            "INSERT INTO vendor_calls (vendor, stage, lead_id, purchase_key, state, epoch, day, reserved_amount, settled_amount, resolution,
                                       reserved_at, sent_at, answered_at)
             VALUES ('{vendor}', 'enrich', gen_random_uuid(), '{key}', '{state}', 1, (now() - interval '{age}')::date, 0.05, {settled},
                     {resolution}, now() - interval '{age}', now() - interval '{age}', now() - interval '{age}')
             RETURNING id"
        ))
        .expect("an id");
        if !rest.is_empty() {
            run(&format!("UPDATE vendor_calls SET {rest} WHERE id = {id}"));
        }
        id
    }

    const DAY: i32 = 24 * 60;

    fn prune(keep_days: i32, refresh_days: i32) {
        store::connect(|db| pruning::prune(db, keep_days * DAY, refresh_days * DAY, "UTC"))
            .expect("pruning works");
    }

    fn is_there(id: i64) -> bool {
        one(&format!(
            "SELECT EXISTS (SELECT FROM vendor_calls WHERE id = {id})"
        ))
        .expect("a row")
    }

    #[pg_test]
    fn only_closed_purchases_that_guard_nothing_are_pruned() {
        run(
            "INSERT INTO spend_budgets (day, scope, settled_calls, settled_amount) SELECT current_date - 400, 'total', 7, 0.35",
        );
        let mut gone = Vec::new();
        for state in ["applied", "resolved", "released"] {
            gone.push(purchase("melissa", state, state, "400 days", ""));
        }
        let open: Vec<i64> = ["reserved", "sending", "answered", "in_doubt"]
            .into_iter()
            .map(|state| purchase("melissa", state, state, "400 days", ""))
            .collect();
        let young = purchase("melissa", "young", "applied", "200 days", "");
        let late = purchase(
            "melissa",
            "late",
            "applied",
            "400 days",
            "answered_at = now() - interval '1 day'",
        );
        let page = purchase(
            "batchdata_search",
            "page",
            "applied",
            "400 days",
            "lead_id = NULL, pull_id = 1, answer = '{\"results\": {}}', units = 40",
        );
        let parked = purchase("melissa", "parked", "applied", "400 days", "");
        run(&format!(
            "INSERT INTO dlq (stage, error, kind, call_id) VALUES ('enrich', 'x', 'answer', {parked})"
        ));
        let in_doubt = open[3];
        let again = purchase(
            "melissa",
            "again",
            "applied",
            "400 days",
            &format!("rebuys_call_id = {in_doubt}"),
        );
        prune(300, 180);
        for id in gone {
            assert!(!is_there(id));
        }
        for id in open.into_iter().chain([young, late, page, parked, again]) {
            assert!(
                is_there(id),
                "{:?}",
                one::<String>(&format!(
                    "SELECT purchase_key FROM vendor_calls WHERE id = {id}"
                ))
            );
        }
        // An old page keeps its count, on which a repeated request is judged, and loses what is in leads by now.
        let emptied = format!(
            "SELECT answer = 'null'::jsonb AND units = 40 FROM vendor_calls WHERE id = {page}"
        );
        assert_eq!(one::<bool>(&emptied), Some(true));
        // The setting is not the only guard: what an answer is still used for stays.
        prune(1, 250);
        assert!(is_there(young));
        prune(1, 180);
        assert!(!is_there(young));
        assert_eq!(
            one::<String>("SELECT settled_calls || ' ' || settled_amount FROM spend_budgets")
                .as_deref(),
            Some("7 0.350000")
        );
    }

    #[pg_test]
    fn a_bill_resolves_what_is_in_doubt_and_lists_what_differs() {
        let key = |vendor: &str, bought: &str| -> String {
            store::connect(|db| {
                let hash_key = store::worker_state::hash_key(db)?;
                Ok(store::calls::purchase_key(&hash_key, vendor, bought))
            })
            .expect("a key")
        };
        let hash: String =
            one("SELECT compute_addr_hash('9 Sample Ave', 'Phoenix', 'AZ', '85001')")
                .expect("a hash");
        let phone = |digits: &str| key("melissa", &format!("+1323555{digits}"));
        let by_address = purchase("melissa", &key("melissa", &hash), "in_doubt", "1 hour", "");
        let by_reference = purchase("melissa", "r", "in_doubt", "1 hour", "");
        let missing = purchase("melissa", "m", "in_doubt", "1 hour", "");
        let outside = purchase("melissa", "o", "in_doubt", "3 days", "");
        let agreeing = purchase("melissa", &phone("0101"), "applied", "1 hour", "");
        let dearer = purchase("melissa", &phone("0102"), "applied", "1 hour", "");
        let unbilled = purchase("melissa", "u", "applied", "1 hour", "");
        let elsewhere = purchase("hlr_lookup", "e", "in_doubt", "1 hour", "");
        run(
            "INSERT INTO spend_budgets (day, scope, reserved_calls, reserved_amount)
             SELECT DISTINCT c.day, s.scope, 9, 0.45 FROM vendor_calls c CROSS JOIN (VALUES ('total'), ('vendor:melissa')) AS s (scope)",
        );
        let understood = format!(
            r#"{{"address_line1": "9 SAMPLE AVENUE", "city": "Phoenix", "state": "AZ", "postal_code": "85001-1234", "amount": 0.04}},
                {{"reference": "{by_reference}"}},
                {{"phone": "323-555-0101", "amount": "0.05"}},
                {{"phone": "323-555-0102", "amount": "0.06"}},
                {{"phone": "323-555-0101", "amount": "0.05"}}"#
        );
        let others = format!(
            r#"{{"email": "ada.lone@example.com", "amount": 0.01}},
                {{"amount": 1}}, {{"phone": "323-555-0101", "at": "no time"}}, {{"reference": {elsewhere}}}"#
        );
        let import = |records: &str| {
            one::<String>(&format!(
            "SELECT string_agg(concat_ws(' ', ord, call_id, outcome, billed), ', ' ORDER BY ord, call_id)
             FROM import_vendor_bill('melissa', '[{records}]', now() - interval '1 day', now())"
        ))
        };
        let expected = format!(
            "1 {by_address} charged 0.040000, 2 {by_reference} charged, 4 {dearer} other_amount 0.060000, \
             5 {agreeing} billed_again 0.050000, 6 unknown 0.010000, 7 unreadable, 8 unreadable, 9 unknown, \
             {missing} undecided, {unbilled} not_billed"
        );
        let found = import(&format!("{understood}, {others}"));
        assert_eq!(found.as_deref(), Some(expected.as_str()));
        let outcome = |id: i64| {
            one::<String>(&format!(
                "SELECT concat_ws(' ', state, resolution, settled_amount) FROM vendor_calls WHERE id = {id}"
            ))
        };
        // Each line that was not understood may have been the missing purchase.
        assert_eq!(outcome(missing).as_deref(), Some("in_doubt"));
        for one_of_them in [r#"{"amount": 1}"#, r#"{"reference": "p"}"#] {
            let found = import(&format!("{understood}, {one_of_them}")).expect("it differs");
            assert!(found.contains(&format!("{missing} undecided")), "{found}");
        }
        let found = import(&understood).expect("it differs");
        assert!(found.contains(&format!("{missing} not_charged")), "{found}");
        for (id, state) in [
            (by_address, "resolved charged 0.040000"),
            (by_reference, "resolved charged 0.050000"),
            (missing, "resolved not_charged 0.000000"),
            (outside, "in_doubt"),
            (elsewhere, "in_doubt"),
        ] {
            assert_eq!(outcome(id).as_deref(), Some(state));
        }
        // The same report once more changes nothing and says nothing new about what it resolved.
        let books = "SELECT string_agg(concat_ws(' ', day, scope, reserved_calls, reserved_amount, settled_calls, settled_amount), ',' ORDER BY day, scope) FROM spend_budgets";
        let before: Option<String> = one(books);
        let again = import(&understood).expect("it differs still");
        assert!(!again.contains("charged"), "{again}");
        assert_eq!(one::<String>(books), before);
        for refused in [
            "SELECT * FROM import_vendor_bill('melissa', '{}')",
            "SELECT * FROM import_vendor_bill('melissa', NULL)",
            "SELECT * FROM import_vendor_bill('melissa', '[]', now())",
        ] {
            assert_refused(refused, PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE);
        }
        assert_refused(
            "SELECT * FROM import_vendor_bill('nobody', '[]')",
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
        );
    }

    #[pg_test]
    fn a_report_that_does_not_claim_to_be_whole_proves_nothing_by_what_it_lacks() {
        let doubted = purchase("melissa", "d", "in_doubt", "1 hour", "");
        let found: Option<i64> = one("SELECT count(*) FROM import_vendor_bill('melissa', '[]')");
        assert_eq!(found, Some(0));
        let state: Option<String> = one(&format!(
            "SELECT state FROM vendor_calls WHERE id = {doubted}"
        ));
        assert_eq!(state.as_deref(), Some("in_doubt"));
    }

    fn seconds_to_next_day(zone: &str) -> f64 {
        store::connect(|db| budgets::seconds_to_next_day(db, zone)).expect("a time zone")
    }

    fn today(zone: &str) -> String {
        store::connect(|db| budgets::today(db, zone)).expect("a time zone")
    }

    /// The offset, in seconds east of Greenwich, by which midnight is `seconds` from now.
    fn midnight_in(seconds: i32) -> i32 {
        let now: i32 =
            one("SELECT extract(epoch FROM (now() AT TIME ZONE 'UTC')::time)::integer").expect("s");
        let east = (2 * 86_400 - seconds - now) % 86_400;
        if east > 43_200 { east - 86_400 } else { east }
    }

    /// As a time zone of POSIX writes it, which counts to the west.
    fn offset(east: i32) -> String {
        let west = east.abs();
        let sign = if east > 0 { "-" } else { "+" };
        format!(
            "{sign}{}:{:02}:{:02}",
            west / 3600,
            west / 60 % 60,
            west % 60
        )
    }

    /// The day after today there, counted from 0 as the rules of a time zone do.
    fn next_day_of_year(east: i32) -> i32 {
        one(&format!(
            "SELECT extract(doy FROM (now() AT TIME ZONE '<X>{}')::date + 1)::integer - 1",
            offset(east)
        ))
        .expect("a day")
    }

    fn assert_about(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1.5, "{found} {expected}");
    }

    #[pg_test]
    fn a_day_of_the_budget_ends_at_midnight_of_its_time_zone() {
        let before = format!("<X>{}", offset(midnight_in(90)));
        let after = format!("<X>{}", offset(midnight_in(86_400 - 10)));
        assert_about(seconds_to_next_day(&before), 90.0);
        assert_about(seconds_to_next_day(&after), 86_390.0);
    }

    // No clock is faked: the time zone is chosen so that its clock changes within the coming hours.
    #[pg_test]
    fn a_day_on_which_the_clock_changes_is_longer_or_shorter() {
        let hour = 3600;
        // At midnight, in 90 s, the clock goes back to 23:00: the day is an hour longer.
        let east = midnight_in(90);
        let day = next_day_of_year(east);
        let other = (day + 180) % 365;
        let (standard, summer) = (offset(east - hour), offset(east));
        let back = format!("<S>{standard}<D>{summer},{other}/0,{day}/0");
        assert_about(seconds_to_next_day(&back), 90.0 + 3600.0);
        // At midnight it goes forward: there is no midnight, and the next day starts with one o'clock.
        let (standard, summer) = (offset(east), offset(east + hour));
        let forward = format!("<S>{standard}<D>{summer},{day}/0,{other}/0");
        assert_about(seconds_to_next_day(&forward), 90.0);
        // Ten seconds into a day that jumps from two to three o'clock: 23 hours.
        let east = midnight_in(86_400 - 10);
        let day = next_day_of_year(east) - 1;
        if day >= 0 {
            let (standard, summer) = (offset(east), offset(east + hour));
            let short = format!("<S>{standard}<D>{summer},{day}/2,{other}/0");
            assert_about(seconds_to_next_day(&short), 23.0 * 3600.0 - 10.0);
        }
        assert_eq!(today(&back), today(&forward));
    }

    #[pg_test]
    fn today_shows_every_cap_and_what_is_left_of_it() {
        run("UPDATE vendors SET daily_spend_cap = 2, daily_call_cap = 10 WHERE name = 'melissa';
             UPDATE vendors SET doubt_policy = 'rebuy', rebuy_spend_cap = 0.5 WHERE name = 'hlr_lookup';
             INSERT INTO campaigns (name, daily_spend_cap) VALUES ('spring', 3);
             INSERT INTO spend_budgets (day, scope, reserved_calls, settled_calls, reserved_amount, settled_amount)
             VALUES ((now() AT TIME ZONE 'UTC')::date, 'vendor:melissa', 1, 2, 0.05, 0.1),
                    ((now() AT TIME ZONE 'UTC')::date, 'campaign_spend:gone', 0, 1, 0, 0.1),
                    ((now() AT TIME ZONE 'UTC')::date - 1, 'total', 0, 1, 0, 0.1)");
        let row = |scope: &str| {
            one::<String>(&format!(
                "SELECT concat_ws(' ', spend_cap::numeric(9, 2), call_cap, 'r', reserved::numeric(9, 2), reserved_calls, 's', settled::numeric(9, 2),
                                  settled_calls, 'l', spend_left::numeric(9, 2), calls_left)
                 FROM vw_spend_today WHERE scope = '{scope}'"
            ))
        };
        for (scope, expected) in [
            ("vendor:melissa", "2.00 10 r 0.05 1 s 0.10 2 l 1.85 7"),
            ("total", "100.00 r 0.00 0 s 0.00 0 l 100.00"),
            ("campaign_spend:spring", "3.00 r 0.00 0 s 0.00 0 l 3.00"),
            ("campaign_spend:gone", "r 0.00 0 s 0.10 1 l"),
            ("rebuy:hlr_lookup", "0.50 r 0.00 0 s 0.00 0 l 0.50"),
            (
                "vendor:batchdata_skip_trace",
                "1000 r 0.00 0 s 0.00 0 l 1000",
            ),
        ] {
            assert_eq!(row(scope).as_deref(), Some(expected), "{scope}");
        }
        // Lowered below what is spent, a cap leaves nothing, and not less.
        run("UPDATE vendors SET daily_spend_cap = 0.01 WHERE name = 'melissa'");
        assert_eq!(
            row("vendor:melissa").as_deref(),
            Some("0.01 10 r 0.05 1 s 0.10 2 l 0.00 7")
        );
    }

    #[pg_test]
    fn money_is_spent_for_campaigns_that_there_are() {
        let id = lead(1);
        assert_refused(
            &format!("SELECT request_enrichment('{id}', 'sprong')"),
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
        );
        assert_refused(
            "SELECT request_pull('batchdata', '{\"zip_codes\": [\"85001\"]}', p_campaign => 'sprong')",
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
        );
        run("INSERT INTO campaigns (name, daily_spend_cap) VALUES ('spring', 3)");
        run(&format!("SELECT request_enrichment('{id}', 'spring')"));
        assert_eq!(
            one::<String>("SELECT campaign FROM jobs").as_deref(),
            Some("spring")
        );
        // A job that failed and comes back is still the campaign's.
        run("WITH gone AS (DELETE FROM jobs RETURNING *)
             INSERT INTO dlq (stage, payload, error, kind, lead_id) SELECT stage, jsonb_build_object('campaign', campaign), 'x', 'job', lead_id FROM gone");
        run("SELECT retry_dlq(array_agg(id)) FROM dlq");
        assert_eq!(
            one::<String>("SELECT campaign FROM jobs").as_deref(),
            Some("spring")
        );
        // And so is a record of its pull that was parked.
        run("SELECT request_pull('batchdata', '{\"zip_codes\": [\"85001\"]}', p_campaign => 'spring');
             INSERT INTO dlq (stage, payload, error, kind, pull_id)
             SELECT 'pull', '{\"source\": \"batchdata\", \"record\": {\"vendor_record_id\": \"r9\"}}', 'x', 'record', id FROM pulls;
             SELECT retry_dlq(array_agg(id)) FROM dlq");
        assert_eq!(
            one::<String>(
                "SELECT campaign FROM jobs JOIN leads l ON l.id = lead_id WHERE vendor_record_id = 'r9'"
            )
            .as_deref(),
            Some("spring")
        );
    }
}
