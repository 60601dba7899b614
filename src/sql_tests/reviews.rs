#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::pair::{alone, count};
    use crate::sql_tests::*;

    fn at(source: &str, line1: &str, last_name: &str) -> Uuid {
        one(&format!(
            "SELECT upsert_lead('{source}', p_address_line1 := '{line1}', p_city := 'Mesa', p_state := 'AZ', p_postal_code := '85201', p_owner_first_name := 'Ada', p_owner_last_name := '{last_name}')"
        ))
        .unwrap()
    }

    fn upsert(arguments: &str) -> String {
        one(&format!(
            "SELECT outcome FROM upsert_leads('s', jsonb_build_array(jsonb_build_object({arguments})))"
        ))
        .unwrap()
    }

    const OAK: &str =
        "'address_line1', '5 Oak St', 'city', 'Mesa', 'state', 'AZ', 'postal_code', '85201'";

    #[pg_test]
    fn a_record_that_names_two_leads_shows_that_they_are_one() {
        alone();
        for (n, parts) in [
            ["'mak', '1'", OAK],
            [OAK, "'vendor_record_id', 'v'"],
            ["'mak', '1'", "'apn', 'p', 'county_fips', '04013'"],
            [
                "'vendor_record_id', 'v'",
                "'apn', 'p', 'county_fips', '04013'",
            ],
        ]
        .iter()
        .enumerate()
        {
            run("DELETE FROM leads; DELETE FROM lead_merges; DELETE FROM lead_matches");
            for part in parts {
                assert_eq!(upsert(part), "inserted", "{n}");
            }
            assert_eq!(upsert(&parts.join(", ")), "merged", "{n}");
            assert_eq!(upsert(&parts.join(", ")), "updated", "{n}");
            assert_eq!(count("leads"), 1, "{n}");
            assert_eq!(
                count("lead_merges WHERE reason = 'one record names both'"),
                1
            );
        }
    }

    #[pg_test]
    fn one_call_knows_what_it_has_merged_itself() {
        alone();
        let outcomes: Option<String> = one(&format!(
            "SELECT string_agg(outcome, ',' ORDER BY ord) FROM upsert_leads('s', jsonb_build_array(
                jsonb_build_object('vendor_record_id', 'old', {OAK}), jsonb_build_object('vendor_record_id', 'new', 'mak', '1'),
                jsonb_build_object('mak', '1', {OAK}), jsonb_build_object('vendor_record_id', 'new'), jsonb_build_object('vendor_record_id', 'old')))"
        ));
        assert_eq!(
            outcomes.as_deref(),
            Some("inserted,inserted,merged,updated,updated")
        );
        assert_eq!(count("leads"), 1);
    }

    #[pg_test]
    fn what_contradicts_stays_apart_and_waits_for_a_person() {
        alone();
        for [first, second, both] in [
            // Another unit of the building.
            [
                "'mak', '1', 'address_line1', '5 Oak St Apt 2', 'postal_code', '85201'",
                "'address_line1', '5 Oak St Apt 3', 'postal_code', '85201'",
                "'mak', '1', 'address_line1', '5 Oak St Apt 3', 'postal_code', '85201'",
            ],
            // Another parcel of the county.
            [
                "'mak', '1', 'apn', '7', 'county_fips', '04013'",
                "'address_line1', '5 Oak St', 'postal_code', '85201', 'apn', '8', 'county_fips', '04013'",
                "'mak', '1', 'address_line1', '5 Oak St', 'postal_code', '85201'",
            ],
            // Another ZIP.
            [
                "'mak', '1', 'postal_code', '85202'",
                "'address_line1', '5 Oak St', 'postal_code', '85201'",
                "'mak', '1', 'address_line1', '5 Oak St', 'postal_code', '85201'",
            ],
            // The vendor's id belongs to another address.
            [
                "'vendor_record_id', 'v', 'address_line1', '9 Elm St', 'postal_code', '85201'",
                "'address_line1', '5 Oak St', 'postal_code', '85201'",
                "'vendor_record_id', 'v', 'address_line1', '5 Oak St', 'postal_code', '85201'",
            ],
        ] {
            run("DELETE FROM leads; DELETE FROM lead_matches");
            upsert(first);
            upsert(second);
            assert_eq!(upsert(both), "matched_review", "{both}");
            assert_eq!(count("leads"), 2, "{both}");
            assert_eq!(count("lead_matches WHERE verdict IS NULL"), 1);
            assert_eq!(count("lead_merges"), 0);
        }
    }

    #[pg_test]
    fn doors_that_share_a_parcel_are_two() {
        alone();
        upsert(
            "'address_line1', '5 Oak St Apt 2', 'postal_code', '85201', 'apn', '7', 'county_fips', '04013'",
        );
        assert_eq!(
            upsert(
                "'address_line1', '5 Oak St Apt 3', 'postal_code', '85201', 'apn', '7', 'county_fips', '04013'"
            ),
            "matched_review"
        );
        assert_eq!(count("leads"), 2);
    }

    #[pg_test]
    fn a_chain_of_merges_joins_no_contradiction() {
        alone();
        // A (mak 1) was folded with B (parcel 7). C has parcel 8 and an address that A's next record names.
        let a: Uuid = one("SELECT upsert_lead('s', p_mak := '1')").unwrap();
        let b: Uuid = one("SELECT upsert_lead('s', 'vb', p_apn := '7', p_county_fips := '04013', p_address_line1 := '5 Oak St', p_postal_code := '85201')").unwrap();
        run(&format!("SELECT merge_leads('{a}', '{b}', 'x')"));
        run(&format!("UPDATE leads SET apn = NULL WHERE id = '{a}'"));
        upsert(
            "'apn', '8', 'county_fips', '04013', 'address_line1', '5 Oak Rd', 'postal_code', '85201'",
        );
        assert_eq!(
            upsert("'mak', '1', 'address_line1', '5 Oak Rd', 'postal_code', '85201'"),
            "matched_review"
        );
        assert_eq!(count("leads"), 2);
    }

    #[pg_test]
    fn a_verdict_lasts() {
        alone();
        let mak: Uuid = one("SELECT upsert_lead('s', p_mak := '1')").unwrap();
        let oak = at("s", "5 Oak St", "Doe");
        let both = format!("'mak', '1', {OAK}");
        // Merged, and a person undoes it: the next import does not do it again.
        assert_eq!(upsert(&both), "merged");
        assert_eq!(
            one::<bool>("SELECT unmerge_leads(id) IS NOT NULL FROM lead_merges"),
            Some(true)
        );
        assert_eq!(upsert(&both), "updated");
        assert_eq!(count("leads"), 2);
        assert_eq!(
            count(
                "lead_matches WHERE verdict = 'different' AND decided_by = session_user AND decided_at IS NOT NULL"
            ),
            1
        );
        // And changes the mind.
        let pair: i64 = one("SELECT id FROM lead_matches").unwrap();
        assert!(one::<i64>(&format!("SELECT review_match({pair}, 'same')")).is_some());
        assert_eq!(count("leads"), 1);
        assert_refused(
            &format!("SELECT review_match({pair}, 'different')"),
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        );
        for (arguments, code) in [
            ("0, 'same'", PgSqlErrorCode::ERRCODE_NO_DATA_FOUND),
            (
                "0, 'maybe'",
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ),
            (
                "NULL, 'same'",
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ),
        ] {
            assert_refused(&format!("SELECT review_match({arguments})"), code);
        }
        let _ = (mak, oak);
    }

    #[pg_test]
    fn near_matches_are_found_once_each_with_what_agrees() {
        alone();
        let near = [
            at("s", "5 Magnolia St", "Doe"),
            at("s", "5 Magnlia Street", "Doe"),
            at("s", "5 N Magnolia St", "Doe"),
        ];
        at("s", "5 Magnolia St Apt 9", "Doe");
        at("s", "5 Magnolia St Apt 8", "Roe");
        at("s", "7 Magnolia St", "Doe");
        at("s", "5 Birch St", "Doe");
        // From before whatever other sessions have open.
        run("UPDATE leads SET id = overlay(id::text PLACING '01000000' FROM 1)::uuid");
        let near = near.map(|id| -> Uuid {
            one(&format!(
                "SELECT overlay('{id}' PLACING '01000000' FROM 1)::uuid"
            ))
            .unwrap()
        });
        let mut calls = 0;
        loop {
            calls += 1;
            let finished: Option<bool> = one("SELECT finished FROM find_near_matches(3)");
            if finished == Some(true) {
                break;
            }
        }
        assert_eq!(calls, 3, "7 leads, 3 at a time");
        // Magnolia, Magnlia, N Magnolia and the one with a unit, each with each, but for N and the misspelled one with it.
        let pairs: Option<String> = one(
            "SELECT string_agg(a.address_line1 || ' / ' || b.address_line1, ', ' ORDER BY a.id, b.id) FROM lead_matches m
             JOIN leads a ON a.id = m.lead_id JOIN leads b ON b.id = m.other_lead_id",
        );
        let pairs = pairs.unwrap();
        assert!(
            pairs.contains("5 Magnolia St / 5 Magnlia Street"),
            "{pairs}"
        );
        assert!(pairs.contains("5 Magnolia St / 5 N Magnolia St"), "{pairs}");
        assert!(
            pairs.contains("5 Magnolia St / 5 Magnolia St Apt 9"),
            "{pairs}"
        );
        assert!(
            !pairs.contains("Apt 8") && !pairs.contains("7 Mag") && !pairs.contains("Birch"),
            "{pairs}"
        );
        let agreement: Option<bool> = one(&format!(
            "SELECT agreement @> '{{\"owner\": true, \"zip\": true, \"house_number\": true, \"unit\": true, \"mak\": null, \"phones\": 0}}' AND (agreement ->> 'street')::float > 0.75
             FROM lead_matches WHERE lead_id = '{}' AND other_lead_id = '{}'", near[0], near[1]
        ));
        assert_eq!(agreement, Some(true));
        // A verdict survives another pass, and nothing is asked twice.
        let before = count("lead_matches");
        run("SELECT review_match(id, 'different') FROM lead_matches");
        run("SELECT find_near_matches(100, true)");
        assert_eq!(count("lead_matches"), before);
        assert_eq!(count("lead_matches WHERE verdict IS NULL"), 0);
    }

    #[pg_test]
    fn stale_hashes_are_renewed_and_what_became_one_is_merged() {
        alone();
        let stale = |id: Uuid, seed: &str| {
            run(&format!(
                "UPDATE leads SET addr_hash = encode(sha256('{seed}'), 'hex') WHERE id = '{id}'"
            ));
        };
        let alone = at("s", "1 Oak St", "Doe");
        stale(alone, "1");
        // Two that the old form told apart: the older one is stale; and the newer one.
        let older = at("s", "2 Oak St", "Doe");
        stale(older, "2");
        let newer = at("t", "2 Oak Street", "Doe");
        assert_ne!(older, newer);
        let third = at("s", "3 Oak St", "Doe");
        stale(third, "3");
        let fourth = at("t", "3 Oak Street", "Doe");
        stale(fourth, "4");
        // Two that a hard key tells apart.
        let held: Uuid = one("SELECT upsert_lead('s', p_address_line1 := '4 Oak St', p_city := 'Mesa', p_state := 'AZ', p_postal_code := '85201', p_mak := '1')").unwrap();
        stale(held, "5");
        one::<Uuid>(
            "SELECT upsert_lead('t', p_address_line1 := '4 Oak St', p_city := 'Mesa', p_state := 'AZ', p_postal_code := '85201', p_mak := '2')",
        );
        // One that somebody set by hand.
        let own: Uuid = one("INSERT INTO leads (address_line1, property_zip, addr_hash) VALUES ('5 Oak St', '85201', 'my own') RETURNING id").unwrap();
        let totals = |call: &str| -> String {
            one(&format!(
                "SELECT concat_ws(' ', seen, changed, merged, to_review, finished) FROM {call}"
            ))
            .unwrap()
        };
        let before: Option<String> = one(&format!(
            "SELECT (to_jsonb(l) - 'updated_at')::text FROM leads l WHERE id = '{older}'"
        ));
        assert_eq!(totals("rehash_leads(3)"), "3 1 1 0 f");
        assert_eq!(totals("rehash_leads(3)"), "6 2 2 1 f");
        assert_eq!(totals("rehash_leads(3)"), "8 2 2 1 t");
        assert_eq!(totals("rehash_leads(3)"), "8 2 2 1 t");
        assert_eq!(count("leads"), 6);
        let good: Option<i64> = one(
            "SELECT count(*) FROM leads WHERE addr_hash = compute_addr_hash(address_line1, property_city, property_state, property_zip)",
        );
        assert_eq!(good, Some(4));
        assert_eq!(
            one::<String>(&format!("SELECT addr_hash FROM leads WHERE id = '{own}'")).as_deref(),
            Some("my own")
        );
        assert_eq!(
            count("lead_matches WHERE reason LIKE 'same address since a rehash%'"),
            1
        );
        // Undone exactly, and not done again by another pass.
        run(&format!(
            "SELECT unmerge_leads(id) FROM lead_merges WHERE kept_lead_id = '{older}'"
        ));
        assert_eq!(
            one::<String>(&format!(
                "SELECT (to_jsonb(l) - 'updated_at')::text FROM leads l WHERE id = '{older}'"
            )),
            before
        );
        run("SELECT review_match(id, 'different') FROM lead_matches");
        run("SELECT rehash_leads(100, true)");
        assert_eq!(count("leads"), 7);
        assert_eq!(count("lead_matches WHERE verdict IS NULL"), 0);
        for limit in ["0", "NULL", "1000000"] {
            assert_refused(
                &format!("SELECT * FROM rehash_leads({limit})"),
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            );
        }
    }

    #[pg_test]
    fn an_importer_needs_no_right_on_what_a_merge_touches() {
        alone();
        run(
            "CREATE ROLE importer; GRANT SELECT, INSERT, UPDATE ON leads TO importer; GRANT SELECT, INSERT ON lead_matches TO importer; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO importer",
        );
        run("SET ROLE importer");
        let mak: Uuid = one("SELECT upsert_lead('s', p_mak := '1')").unwrap();
        at("s", "5 Oak St", "Doe");
        assert_eq!(upsert(&format!("'mak', '1', {OAK}")), "merged");
        assert_eq!(
            one::<Uuid>("SELECT upsert_lead('s', p_mak := '1')"),
            Some(mak)
        );
        for forbidden in [
            "DELETE FROM leads",
            "SELECT * FROM lead_merges",
            "SELECT unmerge_leads(1)",
            "SELECT review_match(1, 'same')",
            "SELECT * FROM rehash_leads()",
        ] {
            assert_refused(forbidden, PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE);
        }
        assert_eq!(
            one::<String>("SELECT current_user::text").as_deref(),
            Some("importer")
        );
        run("RESET ROLE");
    }
}
