//! `upsert_leads` stores what one call of `upsert_lead` after another stores, and touches duplicates heap-only.

#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::*;

    /// A small world, so that records often meet: a generator that the seed decides.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, sides: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % sides
        }

        fn member(&mut self, name: &str, sides: u64, value: impl Fn(u64) -> String) -> String {
            // Half of the members are missing.
            match self.below(2 * sides) {
                n if n < sides => format!(r#""{name}": {}, "#, value(n)),
                _ => String::new(),
            }
        }

        fn record(&mut self, worlds: u64) -> String {
            let house = self.below(8 * worlds);
            let street = ["Oak St", "Oak Street", "OAK ST."][self.below(3) as usize];
            let address = match self.below(8) {
                0 | 1 => String::new(),
                // Half an address: a lead may have the other half.
                2 => format!(r#""address_line1": "{house} {street}", "#),
                3 => format!(
                    r#""city": "Mesa", "state": "AZ", "postal_code": "8520{}", "#,
                    house % 2
                ),
                _ => format!(
                    r#""address_line1": "{house} {street}", "city": "Mesa", "state": "AZ", "postal_code": "8520{}", "#,
                    house % 2
                ),
            };
            [
                address,
                self.member("vendor_record_id", 8 * worlds, |n| format!(r#""r{n}""#)),
                self.member("mak", 6 * worlds, |n| format!("{}", 1_000_000_001 + n)),
                self.member("apn", 6 * worlds, |n| format!(r#""7-{n}""#)),
                self.member("owner_first_name", 3, |n| format!(r#""First{n}""#)),
                self.member("owner_company", 3, |n| format!(r#""Firm{n}""#)),
                self.member("property_value", 3, |n| format!("{}.5", 100_000 + n)),
                self.member("age", 3, |n| format!("{}", 60 + n)),
                self.member("owner_occupied", 2, |n| format!("{}", n == 0)),
                self.member("custom", 2, |n| format!(r#"{{"k{n}": {n}}}"#)),
                r#""vendor_list_id": "list""#.to_string(),
            ]
            .concat()
        }
    }

    #[pg_test]
    fn an_address_that_its_lead_completes_meets_a_later_record() {
        run(
            "SELECT upsert_lead('list', 'a', p_city := 'Mesa', p_state := 'AZ', p_postal_code := '85201')",
        );
        let outcomes: Option<String> = one(
            r#"SELECT string_agg(outcome, ',' ORDER BY ord) FROM upsert_leads('list', '[
            {"vendor_record_id": "a", "address_line1": "12 Oak St"},
            {"address_line1": "12 Oak Street", "city": "Mesa", "state": "AZ", "postal_code": "85201"}]')"#,
        );
        assert_eq!(outcomes.as_deref(), Some("updated,updated"));
        assert_eq!(one::<i64>("SELECT count(*) FROM leads"), Some(1));
    }

    const ONE_BY_ONE: &str = "upsert_lead(source, p_vendor_record_id := r ->> 'vendor_record_id', p_vendor_list_id := r ->> 'vendor_list_id',
        p_address_line1 := r ->> 'address_line1', p_city := r ->> 'city', p_state := r ->> 'state', p_postal_code := r ->> 'postal_code',
        p_apn := r ->> 'apn', p_mak := r ->> 'mak', p_owner_first_name := r ->> 'owner_first_name', p_owner_company := r ->> 'owner_company',
        p_property_value := (r ->> 'property_value')::numeric, p_age := (r ->> 'age')::integer,
        p_owner_occupied := (r ->> 'owner_occupied')::boolean, p_custom := r -> 'custom')";

    /// All leads without ids and times, all pairs for review by what their leads hold, and which records share a lead.
    const STATE: &str = "
        SELECT concat_ws(E'\\n',
            (SELECT string_agg(l, E'\\n' ORDER BY l) FROM (SELECT (to_jsonb(leads) - '{id,first_seen_at,last_seen_at,created_at,updated_at}'::text[])::text AS l FROM leads) s),
            (SELECT string_agg(m, E'\\n' ORDER BY m) FROM (
                SELECT concat_ws(' ', reason, LEAST(a.k, b.k), GREATEST(a.k, b.k)) AS m FROM lead_matches
                LEFT JOIN LATERAL (SELECT concat_ws('/', addr_hash, vendor_record_id, mak, apn) AS k FROM leads WHERE id = lead_id) a ON true
                LEFT JOIN LATERAL (SELECT concat_ws('/', addr_hash, vendor_record_id, mak, apn) AS k FROM leads WHERE id = other_lead_id) b ON true) s),
            (SELECT string_agg(first_one::text, ',' ORDER BY n) FROM (SELECT n, min(n) OVER (PARTITION BY lead_id) AS first_one FROM stored) s))";

    fn undone(work: impl FnOnce() -> String) -> String {
        let mut seen = String::new();
        let ended: Result<(), Error> = attempt(|| {
            seen = work();
            Err(Error::Contended)
        });
        assert!(ended.is_err());
        seen
    }

    #[pg_test]
    fn pages_store_what_single_calls_store_in_any_order() {
        let seed = std::env::var("EQUITY_SEED")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0x1234_5678_9abc_def1_u64);
        println!("pages_store_what_single_calls_store: EQUITY_SEED={seed}");
        let mut dice = Dice(seed);
        run("CREATE TEMP TABLE stored (n integer, lead_id uuid)");
        for round in 0..40 {
            let worlds = 1 + round % 6;
            let pages: Vec<Vec<String>> = (0..3)
                .map(|_| {
                    let count = 1 + dice.below(25);
                    (0..count)
                        .map(|_| format!("{{{}}}", dice.record(worlds)))
                        .collect()
                })
                .collect();
            // What came before comes again, also from another source.
            let again = [("list", pages[0].clone()), ("other", pages[1].clone())];
            let first = pages.into_iter().map(|page| ("list", page));
            let pages: Vec<(&str, Vec<String>)> = first.chain(again).collect();
            let bulk = undone(|| {
                for (n, (source, page)) in pages.iter().enumerate() {
                    run(&format!(
                        "INSERT INTO stored SELECT {n} * 100 + ord, lead_id FROM upsert_leads('{source}', '[{}]') WHERE outcome <> 'rejected'",
                        page.join(",")
                    ));
                }
                one(STATE).unwrap_or_default()
            });
            let single = undone(|| {
                for (n, (source, page)) in pages.iter().enumerate() {
                    for (ord, record) in page.iter().enumerate() {
                        let stored = attempt(|| {
                            Spi::run(&format!(
                                "INSERT INTO stored SELECT {n} * 100 + {ord} + 1, {ONE_BY_ONE} FROM (SELECT '{source}', '{record}'::jsonb) t (source, r)"
                            ))?;
                            Ok(())
                        });
                        if let Err(error) = stored {
                            assert!(error.is_about_data(), "{error}");
                        }
                    }
                }
                one(STATE).unwrap_or_default()
            });
            assert_eq!(bulk, single, "seed {seed}, round {round}: {pages:?}");
        }
    }

    fn page(count: i32, members: &str) -> String {
        format!(
            "(SELECT jsonb_agg(jsonb_build_object('vendor_record_id', 'p' || n, 'address_line1', n || ' Elm St', 'postal_code', '85201', 'apn', 'A' || n, {members})) FROM generate_series(1, {count}) n)"
        )
    }

    fn outcomes(page: &str) -> String {
        one(&format!(
            "SELECT string_agg(DISTINCT outcome, ',') FROM upsert_leads('list', {page})"
        ))
        .unwrap_or_default()
    }

    /// Updates of leads so far in this transaction, and how many of them were heap-only.
    fn updates() -> (i64, i64) {
        let count = |what: &str| {
            one(&format!(
                "SELECT pg_stat_get_xact_tuples_{what}('leads'::regclass)"
            ))
            .unwrap_or(0)
        };
        (count("updated"), count("hot_updated"))
    }

    #[pg_test]
    fn duplicates_are_heap_only_updates_one_by_one_and_in_pages() {
        // Pages of its own: what other sessions leave in shared ones takes the room.
        run("TRUNCATE leads");
        let same = page(300, "'owner_first_name', 'Pat', 'property_value', 412000");
        assert_eq!(outcomes(&same), "inserted");
        let before = updates();
        assert_eq!(outcomes(&same), "updated");
        let after = updates();
        assert_eq!((after.0 - before.0, after.1 - before.1), (300, 300));
        run(
            "SELECT upsert_lead('list', 'single', p_address_line1 := '7 Ash St', p_postal_code := '85201')",
        );
        let before = updates();
        run(
            "SELECT upsert_lead('list', 'single', p_address_line1 := '7 ASH Street', p_postal_code := '85201-1111')",
        );
        let after = updates();
        assert_eq!((after.0 - before.0, after.1 - before.1), (1, 1));
        let touched: Option<i64> =
            one("SELECT count(*) FROM leads WHERE last_seen_at = now() AND updated_at = now()");
        assert_eq!(touched, Some(301));
    }

    #[pg_test]
    fn a_page_of_known_records_is_one_update_each_whatever_else_is_in_it() {
        run("TRUNCATE leads");
        let same = page(60, "'property_value', 412000");
        assert_eq!(outcomes(&same), "inserted");
        run("UPDATE leads SET source = 'else' WHERE apn = 'A7'");
        let before = updates();
        assert_eq!(outcomes(&same), "updated");
        assert_eq!(updates().0 - before.0, 60);
        let before = updates();
        assert_eq!(
            outcomes(&page(
                60,
                "'property_value', CASE n WHEN 5 THEN 1 ELSE 412000 END"
            )),
            "updated"
        );
        let live: Option<i64> = one(
            "SELECT count(*) FROM leads WHERE property_value = CASE apn WHEN 'A5' THEN 1 ELSE 412000 END",
        );
        assert_eq!((live, updates().0 - before.0), (Some(60), 60));
        outcomes(&page(
            60,
            "'property_value', CASE n WHEN 5 THEN 1 ELSE 412000 END, 'Litigator', n = 9",
        ));
        let barred: Option<String> =
            one("SELECT string_agg(apn, ',') FROM leads WHERE suppressed_at IS NOT NULL");
        assert_eq!(barred.as_deref(), Some("A9"));
        assert_eq!(one::<i64>("SELECT count(*) FROM leads"), Some(60));
    }

    #[pg_test]
    fn a_page_fills_what_is_missing_and_merges_contacts() {
        assert_eq!(
            outcomes(&page(40, "'Phone 1', '602555' || 1000 + n")),
            "inserted"
        );
        let richer = page(
            40,
            "'owner_first_name', 'Pat', 'mak', 1000000000 + n, 'Phone 1', '602555' || 1000 + n, 'Email 1', 'o' || n || '@example.com'",
        );
        assert_eq!(outcomes(&richer), "updated");
        let full: Option<i64> = one(
            "SELECT count(*) FROM leads WHERE first_name = 'Pat' AND mak IS NOT NULL AND cardinality(phones) = 1 AND emails[1] ->> 'email' = 'o' || ltrim(apn, 'A') || '@example.com'",
        );
        assert_eq!(full, Some(40));
        let before: Option<String> =
            one("SELECT string_agg(phones::text || emails::text, '' ORDER BY apn) FROM leads");
        let updates_before = updates();
        assert_eq!(outcomes(&richer), "updated");
        assert_eq!(
            before,
            one("SELECT string_agg(phones::text || emails::text, '' ORDER BY apn) FROM leads")
        );
        assert_eq!(
            updates().0 - updates_before.0,
            40,
            "points that are known are not written"
        );
    }

    #[pg_test]
    fn a_page_heeds_opt_outs() {
        run("SELECT suppress_contact('phone', '6025551001', 'p')");
        outcomes(&page(3, "'Phone 1', '602555' || 1000 + n"));
        let out: Option<String> = one(
            "SELECT string_agg(vendor_record_id, ',') FROM leads WHERE status = 'do_not_contact' AND suppressed_reason = 'p'",
        );
        assert_eq!(out.as_deref(), Some("p1"));
    }

    #[pg_test]
    fn any_size_of_page_is_taken() {
        assert_eq!(outcomes("'[]'"), "");
        assert_eq!(outcomes(&page(1, "'age', 70")), "inserted");
        assert_eq!(outcomes(&page(2500, "'age', 70")), "inserted,updated");
        assert_eq!(one::<i64>("SELECT count(*) FROM leads"), Some(2500));
    }

    #[pg_test]
    fn records_at_hand_are_nobody_elses() {
        outcomes(&page(3, "'age', 70"));
        assert_eq!(
            one::<i64>("SELECT count(*) FROM records_at_hand()"),
            Some(0)
        );
    }
}
