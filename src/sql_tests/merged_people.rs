#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::pair::*;
    use crate::sql_tests::*;

    #[pg_test]
    fn the_property_of_an_opted_out_owner_reaches_what_it_was_folded_into() {
        run("SELECT suppress_contact('email', 'stop@example.com', 'x')");
        run(
            "INSERT INTO leads (addr_hash, status, quality_score) VALUES ('kept', 'contactable', 90), ('folded', 'new', 0)",
        );
        run(
            "SELECT merge_leads(k.id, f.id, 'x') FROM leads k, leads f WHERE k.addr_hash = 'kept' AND f.addr_hash = 'folded'",
        );
        run(
            "INSERT INTO leads (addr_hash, emails) VALUES ('folded', ARRAY['{\"email\": \"stop@example.com\"}'::jsonb])",
        );
        run("SET CONSTRAINTS ALL IMMEDIATE");
        let status: Option<String> = one("SELECT status::text FROM leads WHERE addr_hash = 'kept'");
        assert_eq!(status.as_deref(), Some("do_not_contact"));
    }

    #[pg_test]
    fn opt_outs_of_either_hold_for_both_also_after_the_undoing() {
        alone();
        let told = |id: Uuid| field(id, "concat_ws(' ', status, suppressed_reason)");
        // Of the folded one, before the merge.
        let (a, b) = two();
        let opt_out: Option<i64> =
            one("SELECT suppress_contact('phone', '6025550102', 'no calls')");
        assert_eq!(told(b), "do_not_contact no calls");
        let merged = merge(a, b);
        assert_eq!(told(a), "do_not_contact no calls");
        unmerge(merged);
        assert_eq!(
            (told(a), told(b)),
            (
                "do_not_contact no calls".into(),
                "do_not_contact no calls".into()
            )
        );
        run("SET CONSTRAINTS ALL IMMEDIATE");
        run("SET CONSTRAINTS ALL DEFERRED");
        // It is one opt-out, and lifting it frees both.
        assert_eq!(
            one::<i32>(&format!(
                "SELECT lift_suppression({}, 'a mistake')",
                opt_out.unwrap()
            )),
            Some(2)
        );
        // Of the survivor, after the merge: by its own value, by one that came with the other, and by a flag.
        for opt_out in [
            "SELECT suppress_contact('email', 'pat@example.com', 'asked')".to_string(),
            "SELECT suppress_contact('phone', '6025550102', 'asked')".to_string(),
            format!("SELECT suppress_lead('{a}', 'asked')"),
            format!(
                "UPDATE leads SET suppressed_at = now(), suppressed_reason = 'asked' WHERE id = '{a}'"
            ),
        ] {
            run("DELETE FROM leads; DELETE FROM suppressions; DELETE FROM lead_merges");
            let (a2, b2) = two();
            let merged = merge(a2, b2);
            run(&opt_out.replace(&a.to_string(), &a2.to_string()));
            assert_eq!(told(a2), "do_not_contact asked", "{opt_out}");
            unmerge(merged);
            assert_eq!(told(a2), "do_not_contact asked", "{opt_out}");
            assert_eq!(told(b2), "do_not_contact asked", "{opt_out}");
            run("SET CONSTRAINTS ALL IMMEDIATE");
            run("SET CONSTRAINTS ALL DEFERRED");
            run(&format!("DELETE FROM leads WHERE id = '{b2}'"));
            let back: Uuid = one("SELECT upsert_lead('other', 'x1')").unwrap();
            assert_eq!(told(back), "do_not_contact asked", "{opt_out}");
        }
    }

    #[pg_test]
    fn a_suppressed_survivor_covers_the_keys_of_the_folded_one() {
        alone();
        let (a, b) = two();
        run(&format!("SELECT suppress_lead('{a}', 'asked')"));
        merge(a, b);
        run(&format!("DELETE FROM leads WHERE id = '{a}'"));
        let back: Uuid = one("SELECT upsert_lead('other', p_mak := '1234567890')").unwrap();
        assert_eq!(
            field(back, "concat_ws(' ', status, suppressed_reason)"),
            "do_not_contact asked"
        );
    }

    #[pg_test]
    fn lifting_looks_at_what_the_folded_lead_was_known_by() {
        alone();
        let (a, b) = two();
        let of_b: i64 = one(&format!("SELECT suppress_lead('{b}', 'asked')")).unwrap();
        let of_a: i64 =
            one("SELECT suppress_contact('email', 'pat@example.com', 'no mail')").unwrap();
        merge(a, b);
        assert_eq!(
            one::<i32>(&format!("SELECT lift_suppression({of_a}, 'a mistake')")),
            Some(0)
        );
        assert_eq!(field(a, "status"), "do_not_contact");
        assert_eq!(
            one::<i32>(&format!("SELECT lift_suppression({of_b}, 'a mistake')")),
            Some(1)
        );
    }

    #[pg_test]
    fn a_handed_out_lead_stays_handed_out_and_the_sale_outranks_the_pipeline() {
        alone();
        let (a, b) = two();
        run(&format!(
            "UPDATE leads SET added_to_campaign_at = '2026-01-01', campaign_status = 'opened', status = 'qualified' WHERE id = '{b}'"
        ));
        let merged = merge(a, b);
        assert_eq!(field(a, "campaign_status"), "opened");
        assert_eq!(field(a, "added_to_campaign_at IS NOT NULL"), "true");
        assert_eq!(field(a, "status"), "qualified");
        unmerge(merged);
        assert_eq!(
            field(
                a,
                "concat_ws(' ', status, campaign_status, added_to_campaign_at)"
            ),
            "new new"
        );
        assert_eq!(field(b, "status"), "qualified");
        // Handed out while they were one: that was said to both.
        let merged = merge(a, lead(9004));
        run(&format!(
            "UPDATE leads SET added_to_campaign_at = now(), campaign_status = 'sent' WHERE id = '{a}'"
        ));
        let back = unmerge(merged).unwrap();
        for id in [a, back] {
            assert_eq!(field(id, "added_to_campaign_at IS NOT NULL"), "true");
            assert_eq!(field(id, "campaign_status"), "sent");
        }
    }

    #[pg_test]
    fn nobody_merges_by_default() {
        alone();
        for function in ["merge_leads", "unmerge_leads"] {
            assert_eq!(
                one::<bool>(&format!(
                    "SELECT has_function_privilege('public', p.oid, 'EXECUTE') FROM pg_proc p WHERE proname = '{function}'"
                )),
                Some(false)
            );
        }
    }

    #[pg_test]
    fn a_forgotten_person_is_in_no_snapshot() {
        alone();
        let (a, b) = two();
        let c = lead(9007);
        run("UPDATE leads SET last_name = 'Canary'");
        run(&format!(
            "SELECT merge_contact_point('{b}', 'email', 'canary@example.com', 'x')"
        ));
        // Folded and undone, then folded with others above: canaries in all three snapshots of several merges.
        let first = merge(a, b);
        let second = merge(a, c);
        unmerge(first);
        unmerge(second);
        let third = merge(b, c);
        run(&format!(
            "SELECT merge_contact_point('{b}', 'phone', '6025550155', 'x')"
        ));
        let found: Option<i64> = one(
            "SELECT count(*) FROM lead_merges m WHERE m.kept_before::text ~* 'canary' AND m.folded_before::text ~* 'canary' AND m.kept_after::text ~* 'canary'",
        );
        assert_eq!(found, Some(3));
        run(&format!(
            "UPDATE leads SET last_name = 'Other' WHERE id = '{a}'"
        ));
        assert_eq!(
            one::<bool>(&format!("SELECT forget_lead('{c}')")),
            Some(true)
        );
        let _ = third;
        assert_eq!(
            count("lead_merges m WHERE m::text ~* 'canary|rec-9007|6025550155|1234567890'"),
            0
        );
        // The lead that was only once merged with the forgotten ones is another person's.
        assert_eq!(field(a, "last_name"), "Other");
        assert_eq!(count("leads"), 1);
    }

    #[pg_test]
    fn a_forgotten_contact_is_in_no_snapshot_and_the_merge_stays() {
        alone();
        let (a, b) = two();
        let merged = merge(a, b);
        run(&format!(
            "UPDATE leads SET phones = phones[2:2] WHERE id = '{a}'"
        ));
        run("SELECT forget_contact('phone', '6025550101')");
        assert_eq!(count("lead_merges m WHERE m::text ~ '6025550101'"), 0);
        assert_eq!(one::<Uuid>("SELECT upsert_lead('other', 'x1')"), Some(a));
        assert_refused(
            &format!("SELECT unmerge_leads({merged})"),
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        );
    }
}
