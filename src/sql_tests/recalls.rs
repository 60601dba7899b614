#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::*;

    fn ready(house: i32) -> Uuid {
        let id = lead(house);
        run(&format!(
            "UPDATE leads SET emails = ARRAY['{{\"email\": \"owner{house}@example.com\", \"verified\": true}}'::jsonb], status = 'contactable', quality_score = 90 WHERE id = '{id}'"
        ));
        id
    }

    fn listed(condition: &str) -> i64 {
        one(&format!(
            "SELECT count(*) FROM vw_campaign_recalls WHERE {condition}"
        ))
        .unwrap()
    }

    #[pg_test]
    fn who_opts_out_after_the_hand_out_is_listed_until_the_tool_is_told() {
        run("INSERT INTO campaigns (name) VALUES ('phx')");
        for house in 1..=3 {
            ready(house);
        }
        run("SELECT * FROM claim_campaign_leads('phx', 3)");
        assert_eq!(listed("true"), 0);
        let id: Option<i64> = one("SELECT suppress_contact('email', 'owner1@example.com', 'x')");
        run("UPDATE leads SET suppressed_at = now() WHERE vendor_record_id = 'rec-2'");
        assert_eq!(listed("needs_a_person AND delivery = 'by_caller'"), 2);
        // Once is enough.
        run("UPDATE campaign_handouts SET recalled_at = now() WHERE recall_asked_at IS NOT NULL");
        run("SELECT suppress_contact('phone', '6025550177', 'x')");
        run("UPDATE leads SET phones = ARRAY['{\"phone\": \"6025550177\"}'::jsonb]");
        assert_eq!(listed("true"), 1);
        run(&format!(
            "SELECT lift_suppression({}, 'wrong')",
            id.unwrap()
        ));
        assert_eq!(listed("true"), 1);
    }

    #[pg_test]
    fn a_lifted_opt_out_leaves_the_lead_in_its_campaign() {
        run("INSERT INTO campaigns (name) VALUES ('phx')");
        ready(1);
        run("SELECT * FROM claim_campaign_leads('phx', 3)");
        let id: Option<i64> = one("SELECT suppress_contact('email', 'owner1@example.com', 'x')");
        assert_eq!(listed("true"), 1);
        run(&format!(
            "SELECT lift_suppression({}, 'wrong')",
            id.unwrap()
        ));
        assert_eq!(listed("true"), 0);
    }

    #[pg_test]
    fn folding_into_an_opted_out_lead_calls_hand_outs_back() {
        run("INSERT INTO campaigns (name) VALUES ('phx')");
        let (kept, folded) = (lead(1), ready(2));
        run("SELECT * FROM claim_campaign_leads('phx', 3)");
        run(&format!("SELECT suppress_lead('{kept}', 'x')"));
        assert_eq!(listed("true"), 0);
        run(&format!("SELECT merge_leads('{kept}', '{folded}', 'x')"));
        assert_eq!(listed("needs_a_person"), 1);
    }

    #[pg_test]
    fn a_job_made_again_by_unmerging_spends_the_same_money() {
        run("INSERT INTO campaigns (name) VALUES ('phx')");
        let (kept, folded) = (lead(1), lead(2));
        run(&format!(
            "SELECT request_enrichment('{kept}'), request_enrichment('{folded}', 'phx')"
        ));
        let merge: Option<i64> = one(&format!("SELECT merge_leads('{kept}', '{folded}', 'x')"));
        run(&format!("SELECT unmerge_leads({})", merge.unwrap()));
        let campaign: Option<String> = one(&format!(
            "SELECT campaign FROM jobs WHERE lead_id = '{folded}'"
        ));
        assert_eq!(campaign.as_deref(), Some("phx"));
    }

    #[pg_test]
    fn an_opt_out_reaches_the_hand_outs_of_what_was_folded_in() {
        let id = ready(1);
        run(&format!(
            "INSERT INTO campaign_handouts (lead_id, campaign, score, verified, delivery, vendor_campaign_id, vendor_lead_id)
             VALUES ('01900000-0000-7000-8000-000000000001', 'phx', 60, '[]', 'accepted', 'c-1', 'v-1');
             INSERT INTO lead_merges (kept_lead_id, folded_lead_id, reason, kept_before, folded_before)
             VALUES ('{id}', '01900000-0000-7000-8000-000000000001', 'x', '{{}}', '{{}}')"
        ));
        run(&format!("SELECT suppress_lead('{id}', 'x')"));
        assert_eq!(listed("vendor_lead_id = 'v-1' AND NOT needs_a_person"), 1);
    }

    #[pg_test]
    fn opting_an_address_out_reaches_the_lead_that_it_was_folded_into() {
        let (kept, folded) = (ready(1), ready(2));
        let hash: Option<String> = one(&format!(
            "SELECT addr_hash FROM leads WHERE id = '{folded}'"
        ));
        run(&format!(
            "SELECT merge_leads('{kept}', '{folded}', 'the same')"
        ));
        run(&format!(
            "SELECT suppress_contact('address', '{}', 'x')",
            hash.unwrap()
        ));
        assert_eq!(
            one::<String>(&format!(
                "SELECT status::text FROM leads WHERE id = '{kept}'"
            ))
            .as_deref(),
            Some("do_not_contact")
        );
    }

    #[pg_test]
    fn a_hand_out_follows_its_lead_through_a_merge_and_back() {
        run("INSERT INTO campaigns (name) VALUES ('phx')");
        let (kept, folded) = (ready(1), ready(2));
        run("UPDATE leads SET quality_score = 95 WHERE vendor_record_id = 'rec-2'");
        run("SELECT * FROM claim_campaign_leads('phx', 1)");
        let of = |id: Uuid| {
            one::<i64>(&format!(
                "SELECT count(*) FROM campaign_handouts WHERE lead_id = '{id}'"
            ))
        };
        assert_eq!(of(folded), Some(1));
        let merge: Option<i64> = one(&format!(
            "SELECT merge_leads('{kept}', '{folded}', 'the same')"
        ));
        assert_eq!((of(kept), of(folded)), (Some(1), Some(0)));
        run(&format!("SELECT unmerge_leads({})", merge.unwrap()));
        assert_eq!((of(kept), of(folded)), (Some(0), Some(1)));
    }

    #[pg_test]
    fn a_campaign_for_the_worker_names_its_campaign_at_the_tool() {
        assert_refused(
            "INSERT INTO campaigns (name, fed_by_worker) VALUES ('phx', true)",
            PgSqlErrorCode::ERRCODE_CHECK_VIOLATION,
        );
    }

    #[pg_test]
    fn a_refused_hand_out_can_be_tried_again() {
        let id = ready(1);
        run(&format!(
            "INSERT INTO campaign_handouts (lead_id, campaign, score, verified, delivery, vendor_campaign_id, attempts)
             VALUES ('{id}', 'phx', 60, '[]', 'failed', 'c-1', 5);
             INSERT INTO dlq (stage, payload, error, kind, lead_id)
             SELECT 'campaign', jsonb_build_object('handout_id', id), 'refused', 'handout', lead_id FROM campaign_handouts"
        ));
        assert_eq!(
            one::<i32>("SELECT retry_dlq(array_agg(id)) FROM dlq"),
            Some(1)
        );
        assert_eq!(
            one::<bool>(
                "SELECT delivery = 'queued' AND alone AND attempts = 1 AND NOT EXISTS (SELECT FROM dlq) FROM campaign_handouts"
            ),
            Some(true)
        );
        assert_eq!(
            one::<i64>("SELECT queued FROM vw_pipeline WHERE stage = 'campaign'"),
            Some(1)
        );
    }
}
