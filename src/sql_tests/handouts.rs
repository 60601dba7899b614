#[pgrx::pg_schema]
mod tests {
    use crate::sql_tests::*;

    /// A ready lead; the later ones are worth more.
    fn ready(house: i32) -> Uuid {
        let id = lead(house);
        run(&format!(
            "UPDATE leads SET emails = ARRAY['{{\"email\": \"owner{house}@example.com\", \"verified\": true, \"verified_at\": \"2026-01-01T00:00:00.000Z\"}}'::jsonb],
                 phones = ARRAY['{{\"phone\": \"+16025550100\", \"verified\": true, \"dnc\": true}}'::jsonb],
                 status = 'contactable', quality_score = 60 + {house} WHERE id = '{id}'"
        ));
        id
    }

    fn campaign(cap: i32) {
        run(&format!(
            "INSERT INTO campaigns (name, vendor_campaign_id, daily_cap) VALUES ('phx', 'c-1', {cap})"
        ));
    }

    fn stood(id: Uuid) -> String {
        one(&format!(
            "SELECT concat_ws('/', status, campaign_status) FROM leads WHERE id = '{id}'"
        ))
        .unwrap()
    }

    #[pg_test]
    fn each_ready_lead_is_handed_out_once_and_the_best_first() {
        campaign(250);
        let leads: Vec<Uuid> = (1..=5).map(ready).collect();
        assert_eq!(
            one::<Vec<Uuid>>("SELECT array_agg(id) FROM claim_campaign_leads('phx', 2)"),
            Some(vec![leads[4], leads[3]])
        );
        assert_eq!(
            one::<i64>("SELECT count(*) FROM claim_campaign_leads('phx')"),
            Some(3)
        );
        assert_eq!(
            one::<i64>("SELECT count(*) FROM claim_campaign_leads('phx')"),
            Some(0)
        );
        assert_eq!(
            one::<i64>(
                "SELECT count(DISTINCT lead_id) FROM campaign_handouts WHERE campaign = 'phx' AND score > 60 AND jsonb_array_length(verified) = 1"
            ),
            Some(5)
        );
        assert_eq!(
            one::<i64>(
                "SELECT count(*) FROM leads WHERE added_to_campaign_at = now() AND campaign_status = 'queued' AND instantly_campaign_id = 'c-1'"
            ),
            Some(5)
        );
        assert_eq!(
            one::<i64>(
                "SELECT count(*) FROM campaign_handouts h WHERE h::text LIKE '%example.com%'"
            ),
            Some(0)
        );
    }

    #[pg_test]
    fn the_daily_cap_is_exact_and_only_what_went_out_counts() {
        campaign(3);
        ready(1);
        assert_eq!(
            one::<i64>("SELECT count(*) FROM claim_campaign_leads('phx', 250)"),
            Some(1)
        );
        for house in 2..=6 {
            ready(house);
        }
        assert_eq!(
            one::<i64>("SELECT count(*) FROM claim_campaign_leads('phx', 250)"),
            Some(2)
        );
        assert_eq!(
            one::<i64>("SELECT count(*) FROM claim_campaign_leads('phx', 250)"),
            Some(0)
        );
        assert_eq!(
            one::<bool>(
                "SELECT settled_calls = 3 AND reserved_calls = 0 FROM spend_budgets WHERE scope = 'campaign:phx'"
            ),
            Some(true)
        );
        assert_eq!(
            one::<i64>("SELECT count(*) FROM vw_campaign_ready_leads"),
            Some(3)
        );
    }

    #[pg_test]
    fn only_usable_points_go_out() {
        campaign(10);
        ready(1);
        let got: Option<String> = one(
            "SELECT jsonb_array_length(phones) || '/' || (emails -> 0 ->> 'email') FROM claim_campaign_leads('phx', 1)",
        );
        assert_eq!(got.as_deref(), Some("0/owner1@example.com"));
    }

    #[pg_test]
    fn an_opted_out_lead_is_not_handed_out() {
        campaign(10);
        ready(1);
        run("SELECT suppress_contact('email', 'owner1@example.com', 'no')");
        assert_eq!(
            one::<i64>("SELECT count(*) FROM claim_campaign_leads('phx', 10)"),
            Some(0)
        );
        assert_refused(
            "SELECT * FROM claim_campaign_leads('nobody', 10)",
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
        );
        for bad in [
            "NULL, 1",
            "'phx', 0",
            "'phx', 1001",
            "'phx', NULL",
            "'undefined', 1",
        ] {
            assert_refused(
                &format!("SELECT * FROM claim_campaign_leads({bad})"),
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            );
        }
        run("UPDATE campaigns SET enabled = false");
        assert_refused(
            "SELECT * FROM claim_campaign_leads('phx', 10)",
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        );
    }

    fn event(email: &str, name: &str, payload: &str) -> String {
        one(&format!(
            "SELECT record_campaign_event('{email}', '{name}', '{payload}')"
        ))
        .unwrap()
    }

    #[pg_test]
    fn events_move_a_lead_forwards_only() {
        let id = ready(1);
        assert_eq!(
            event("Owner1@example.com", "email_link_clicked", "{}"),
            "recorded"
        );
        assert_eq!(stood(id), "contacted/clicked");
        assert_eq!(
            event("owner1@example.com", "email_opened", "{}"),
            "unchanged"
        );
        assert_eq!(
            event("owner1@example.com", "auto_reply_received", "{}"),
            "ignored"
        );
        assert_eq!(event("owner1@example.com", "my label", "{}"), "ignored");
        assert_eq!(
            event("owner1@example.com", "reply_received", "{}"),
            "recorded"
        );
        assert_eq!(
            event("owner1@example.com", "reply_received", "{}"),
            "unchanged"
        );
        assert_eq!(stood(id), "replied/replied");
        assert_eq!(
            event("stranger@example.com", "email_opened", "{}"),
            "no_lead"
        );
        assert_refused(
            "SELECT record_campaign_event('x', 'email_opened')",
            PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
        );
        assert_refused(
            "SELECT record_campaign_event('a@example.com', NULL)",
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        );
    }

    #[pg_test]
    fn a_bounce_unverifies_and_rescores_once() {
        let id = ready(1);
        assert_eq!(
            event(
                "owner1@example.com",
                "email_bounced",
                r#"{"timestamp": "2026-01-02T00:00:00.000Z"}"#
            ),
            "recorded"
        );
        assert_eq!(stood(id), "do_not_contact/bounced");
        assert_eq!(
            one::<bool>(&format!(
                "SELECT (emails[1] ->> 'verified')::boolean FROM leads WHERE id = '{id}'"
            )),
            Some(false)
        );
        assert_eq!(
            event(
                "owner1@example.com",
                "email_bounced",
                r#"{"timestamp": "2026-01-02T00:00:00.000Z"}"#
            ),
            "unchanged"
        );
        // Verified again since: the old bounce, told once more, takes nothing away.
        run(&format!(
            "UPDATE leads SET emails = ARRAY['{{\"email\": \"owner1@example.com\", \"verified\": true, \"verified_at\": \"2026-02-01T00:00:00.000Z\"}}'::jsonb] WHERE id = '{id}'"
        ));
        assert_eq!(
            event(
                "owner1@example.com",
                "bounced",
                r#"{"timestamp": "2026-01-02T00:00:00.000Z"}"#
            ),
            "unchanged"
        );
        assert_eq!(
            one::<bool>(&format!(
                "SELECT (emails[1] ->> 'verified')::boolean FROM leads WHERE id = '{id}'"
            )),
            Some(true)
        );
    }

    #[pg_test]
    fn unsubscribing_is_an_opt_out() {
        let id = ready(1);
        assert_eq!(
            event("owner1@example.com", "lead_unsubscribed", "{}"),
            "suppressed"
        );
        assert_eq!(stood(id), "do_not_contact/unsubscribed");
        assert_eq!(
            event("owner1@example.com", "reply_received", "{}"),
            "unchanged"
        );
        assert_eq!(stood(id), "do_not_contact/unsubscribed");
        assert_eq!(
            event("nobody.yet@example.com", "lead_unsubscribed", "{}"),
            "suppressed"
        );
        let later: Option<Uuid> = one(
            "INSERT INTO leads (emails) VALUES (ARRAY['{\"email\": \"nobody.yet@example.com\"}'::jsonb]) RETURNING id",
        );
        assert_eq!(stood(later.unwrap()), "do_not_contact/new");
    }
}
