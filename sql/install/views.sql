CREATE VIEW @extschema@.vw_lead_quality_summary AS
SELECT
    status,
    source,
    count(*) AS count,
    round(avg(quality_score), 2) AS avg_quality_score,
    count(*) FILTER (WHERE quality_score >= 60) AS contactable_count,
    count(*) FILTER (WHERE quality_score >= 40 AND quality_score < 60) AS enriched_count,
    count(*) FILTER (WHERE quality_score < 40) AS low_quality_count
FROM @extschema@.leads
GROUP BY status, source
ORDER BY status, source;
COMMENT ON VIEW @extschema@.vw_lead_quality_summary IS 'Leads and their scores by status and source';

CREATE VIEW @extschema@.vw_campaign_ready_leads AS
SELECT
    id,
    first_name,
    last_name,
    property_city,
    property_state,
    quality_score,
    phones,
    emails,
    assigned_persona,
    microsite_url,
    first_seen_at
FROM @extschema@.leads
WHERE status = 'contactable'
    AND added_to_campaign_at IS NULL
    AND quality_score >= 60
    AND suppressed_at IS NULL
ORDER BY quality_score DESC, first_seen_at, id;
COMMENT ON VIEW @extschema@.vw_campaign_ready_leads IS 'Leads ready for a campaign: best first, oldest first within a score';

CREATE VIEW @extschema@.vw_vendor_performance AS
SELECT
    c.vendor,
    c.day,
    count(*) FILTER (WHERE c.state IN ('answered', 'applied')) AS calls,
    count(*) FILTER (WHERE c.matched AND c.state IN ('answered', 'applied')) AS hits,
    round(count(*) FILTER (WHERE c.matched AND c.state IN ('answered', 'applied'))::numeric
          / NULLIF(count(*) FILTER (WHERE c.state IN ('answered', 'applied')), 0), 4) AS hit_rate,
    round(count(*) FILTER (WHERE c.verified)::numeric / NULLIF(count(*) FILTER (WHERE c.verified IS NOT NULL), 0), 4) AS verified_rate,
    COALESCE(sum(c.settled_amount), 0) AS cost,
    round(COALESCE(sum(c.settled_amount), 0) / NULLIF(count(DISTINCT c.lead_id) FILTER (WHERE l.status = 'contactable'), 0), 4)
        AS cost_per_contactable_lead,
    count(*) FILTER (WHERE c.state = 'in_doubt') AS in_doubt,
    -- A request is counted once, however many items it carried.
    percentile_disc(0.5) WITHIN GROUP (ORDER BY c.latency_ms) FILTER (WHERE c.id = c.request_id) AS median_latency_ms,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY c.latency_ms) FILTER (WHERE c.id = c.request_id) AS p95_latency_ms,
    -- Of what was sent and not refused: how much had no answer, whatever was found out about it since.
    round(count(*) FILTER (WHERE c.state IN ('in_doubt', 'resolved'))::numeric
          / NULLIF(count(*) FILTER (WHERE c.state IN ('answered', 'applied', 'in_doubt', 'resolved')), 0), 4) AS doubt_rate
FROM @extschema@.vendor_calls c
LEFT JOIN @extschema@.leads l ON l.id = c.lead_id
WHERE c.reuses_call_id IS NULL
GROUP BY c.vendor, c.day
ORDER BY c.day DESC, c.vendor;
COMMENT ON VIEW @extschema@.vw_vendor_performance IS 'What each vendor delivered and cost, per budget day';

CREATE VIEW @extschema@.vw_pipeline AS
SELECT
    s.stage,
    COALESCE(j.queued, 0) AS queued,
    COALESCE(j.running, 0) AS running,
    COALESCE(j.waiting, 0) AS waiting,
    COALESCE(d.retrying, 0) AS retrying,
    COALESCE(d.parked, 0) AS parked,
    LEAST(j.oldest, d.oldest) AS oldest
FROM (VALUES ('pull', 1), ('enrich', 2), ('verify', 3), ('campaign', 4)) AS s (stage, position)
LEFT JOIN (
    SELECT
        stage,
        count(*) FILTER (WHERE call_id IS NULL AND run_at <= now()) AS queued,
        count(*) FILTER (WHERE call_id IS NOT NULL) AS running,
        count(*) FILTER (WHERE call_id IS NULL AND run_at > now()) AS waiting,
        min(created_at) AS oldest
    FROM @extschema@.jobs
    WHERE stage <> 'campaign'
    GROUP BY stage
    UNION ALL
    SELECT
        'campaign',
        count(*) FILTER (WHERE delivery = 'queued' AND run_at <= now()),
        count(*) FILTER (WHERE delivery IN ('sending', 'unclear')),
        count(*) FILTER (WHERE delivery = 'queued' AND run_at > now()),
        min(handed_out_at)
    FROM @extschema@.campaign_handouts
    WHERE delivery IN ('queued', 'sending', 'unclear')
) j ON j.stage = s.stage
LEFT JOIN (
    SELECT
        stage,
        count(*) FILTER (WHERE retry_after IS NOT NULL) AS retrying,
        count(*) FILTER (WHERE retry_after IS NULL) AS parked,
        min(created_at) AS oldest
    FROM @extschema@.dlq
    GROUP BY stage
) d ON d.stage = s.stage
ORDER BY s.position;
COMMENT ON VIEW @extschema@.vw_pipeline IS 'Work per stage: queued, running, waiting, retrying, parked';

CREATE VIEW @extschema@.vw_pull_progress AS
SELECT
    p.id,
    p.source,
    p.params,
    p.phase,
    p.pages_total AS pages,
    p.records_total AS records,
    p.new_total AS new,
    p.rejected_total AS rejected,
    p.found_total AS of_how_many,
    b.exhausted_at AS finished_at,
    p.last_run_at,
    p.last_outcome,
    p.next_run_at
FROM @extschema@.pulls p
LEFT JOIN @extschema@.source_bookmarks b ON b.source = p.source AND b.query_sig = p.query_sig
ORDER BY p.id;
COMMENT ON VIEW @extschema@.vw_pull_progress IS 'How far each pull has come';

-- Every scope that has a cap or spent something today.
CREATE VIEW @extschema@.vw_spend_today AS
WITH today AS (
    SELECT (now() AT TIME ZONE COALESCE(pg_catalog.current_setting('equity_connect.budget_timezone', true), 'UTC'))::date AS day
), caps AS (
    SELECT 'total' AS scope, pg_catalog.current_setting('equity_connect.daily_spend_cap', true)::numeric AS spend_cap, NULL::integer AS call_cap
    UNION ALL
    SELECT 'vendor:' || name, daily_spend_cap, daily_call_cap FROM @extschema@.vendors
    UNION ALL
    SELECT 'rebuy:' || name, rebuy_spend_cap, NULL FROM @extschema@.vendors WHERE doubt_policy = 'rebuy'
    UNION ALL
    SELECT 'campaign_spend:' || name, daily_spend_cap, NULL FROM @extschema@.campaigns
    UNION ALL
    SELECT 'campaign:' || name, NULL, daily_cap FROM @extschema@.campaigns
    UNION ALL
    SELECT 'pull:' || id, NULL, daily_record_cap FROM @extschema@.pulls
), booked AS (
    SELECT b.* FROM @extschema@.spend_budgets b JOIN today t ON t.day = b.day
)
SELECT
    t.day,
    COALESCE(c.scope, b.scope) AS scope,
    c.spend_cap,
    c.call_cap,
    COALESCE(b.reserved_amount, 0) AS reserved,
    COALESCE(b.settled_amount, 0) AS settled,
    COALESCE(b.reserved_calls, 0) AS reserved_calls,
    COALESCE(b.settled_calls, 0) AS settled_calls,
    -- NULL: without end. A cap lowered below what is spent leaves nothing.
    CASE WHEN c.spend_cap IS NOT NULL THEN GREATEST(c.spend_cap - COALESCE(b.reserved_amount + b.settled_amount, 0), 0) END AS spend_left,
    CASE WHEN c.call_cap IS NOT NULL THEN GREATEST(c.call_cap - COALESCE(b.reserved_calls + b.settled_calls, 0), 0) END AS calls_left
FROM caps c
FULL JOIN booked b ON b.scope = c.scope
CROSS JOIN today t
ORDER BY 2;
COMMENT ON VIEW @extschema@.vw_spend_today IS
    'Per scope: today''s caps, what is reserved and settled against them, and what is left';
