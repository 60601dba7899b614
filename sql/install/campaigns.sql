-- Handing ready leads to campaigns, each once, and what the campaign tool says about them.

CREATE TABLE @extschema@.campaigns (
    id serial,
    name text NOT NULL,
    vendor_campaign_id text,
    daily_cap integer NOT NULL DEFAULT 250,
    daily_spend_cap numeric(14, 6),
    enabled boolean NOT NULL DEFAULT true,
    -- true: the worker hands leads out and sends them to the campaign tool; false: whoever calls claim_campaign_leads().
    fed_by_worker boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT campaigns_pkey PRIMARY KEY (id),
    CONSTRAINT campaigns_name_key UNIQUE (name),
    CONSTRAINT campaigns_daily_cap_range CHECK (daily_cap >= 0),
    CONSTRAINT campaigns_daily_spend_cap_range CHECK (daily_spend_cap >= 0),
    CONSTRAINT campaigns_fed_where CHECK (NOT fed_by_worker OR vendor_campaign_id IS NOT NULL)
);
COMMENT ON TABLE @extschema@.campaigns IS 'Campaigns that ready leads are handed to';
COMMENT ON COLUMN @extschema@.campaigns.daily_spend_cap IS
    'dollars a day for what pulls and enrichments buy that name this campaign; NULL: no cap';
COMMENT ON COLUMN @extschema@.campaigns.fed_by_worker IS
    'true: the worker hands leads out, up to daily_cap, and sends them (vendor instantly_campaign must be enabled)';

-- Which lead went to which campaign, when, and what allowed it. Holds no contact data: it outlives an erased lead.
CREATE TABLE @extschema@.campaign_handouts (
    id bigserial,
    lead_id uuid NOT NULL,
    campaign text NOT NULL,
    score integer NOT NULL,
    -- The verified points that could be used then: kind, type, verified_at, check_result, dnc_checked_at.
    verified jsonb NOT NULL,
    -- When the opt-outs were looked at: in the transaction of the hand-out, under the lead's lock.
    checked_at timestamptz NOT NULL DEFAULT now(),
    -- The age of the oldest do-not-call check among its verified phones; NULL: none was ever made.
    dnc_age interval,
    handed_out_at timestamptz NOT NULL DEFAULT now(),
    -- How far it came. by_caller: whoever claimed it sends it. The worker's: queued, sending (also when it died over it:
    -- a repeat is harmless, because the vendor skips whom it has), unclear (sent, and not told what became of it); then
    -- accepted, skipped (the vendor has the person elsewhere), blocked, invalid (the address), unsent (opted out or gone
    -- before it was sent), failed (in dlq), recalled (opted out later, and taken out of the campaign).
    delivery text NOT NULL DEFAULT 'by_caller',
    vendor_campaign_id text,
    -- The vendor's name for the lead, by which it is taken back.
    vendor_lead_id text,
    -- true: never share a request with others, since a shared one did not tell what became of it.
    alone boolean NOT NULL DEFAULT false,
    attempts integer NOT NULL DEFAULT 0,
    run_at timestamptz NOT NULL DEFAULT now(),
    -- How the vendor counted the leads of the last request: it does not name those that it left out.
    vendor_counts jsonb,
    delivered_at timestamptz,
    -- The lead was opted out after it was handed out.
    recall_asked_at timestamptz,
    recalled_at timestamptz,
    CONSTRAINT campaign_handouts_pkey PRIMARY KEY (id),
    CONSTRAINT campaign_handouts_delivery CHECK (
        delivery IN ('by_caller', 'queued', 'sending', 'unclear', 'accepted', 'skipped', 'blocked', 'invalid', 'unsent', 'failed', 'recalled')
    ),
    CONSTRAINT campaign_handouts_sent_where CHECK (delivery = 'by_caller' OR vendor_campaign_id IS NOT NULL)
);
COMMENT ON TABLE @extschema@.campaign_handouts IS 'Which lead was handed to which campaign, the facts that allowed it, and what became of it';
COMMENT ON COLUMN @extschema@.campaign_handouts.delivery IS
    'by_caller; or, sent by the worker: queued, sending, unclear, accepted, skipped, blocked, invalid, unsent, failed, recalled';
COMMENT ON COLUMN @extschema@.campaign_handouts.recall_asked_at IS
    'the lead was opted out after the hand-out; recalled_at NULL: the campaign tool has not been told yet';
CREATE INDEX idx_campaign_handouts_lead ON @extschema@.campaign_handouts (lead_id);
-- The worker's look for what is to be sent or asked about; it holds only what is on its way.
CREATE INDEX idx_campaign_handouts_due ON @extschema@.campaign_handouts (delivery, run_at, id)
    WHERE delivery IN ('queued', 'sending', 'unclear');
CREATE INDEX idx_campaign_handouts_recall ON @extschema@.campaign_handouts (delivery, run_at, id)
    WHERE recall_asked_at IS NOT NULL AND recalled_at IS NULL;

CREATE VIEW @extschema@.vw_campaign_recalls AS
SELECT
    h.id AS handout_id,
    h.lead_id,
    h.campaign,
    h.delivery,
    h.vendor_lead_id,
    h.handed_out_at,
    h.recall_asked_at,
    h.delivery IN ('by_caller', 'skipped', 'failed') AS needs_a_person
FROM @extschema@.campaign_handouts h
WHERE h.recall_asked_at IS NOT NULL AND h.recalled_at IS NULL
ORDER BY h.recall_asked_at, h.id;
COMMENT ON VIEW @extschema@.vw_campaign_recalls IS
    'Leads that were opted out after they were handed to a campaign, and that the campaign tool has not been told of';

-- An opt-out reaches what was handed out before. An UPDATE of a few rows by their index, and only when a lead becomes
-- suppressed. With the owner's rights, like the opt-out itself.
CREATE FUNCTION @extschema@.recall_handouts() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS $$
DECLARE
    ids uuid[] := ARRAY[NEW.id];
BEGIN
    IF EXISTS (SELECT FROM lead_merges WHERE kept_lead_id = NEW.id AND unmerged_at IS NULL) THEN
        ids := ARRAY(
            WITH RECURSIVE folded AS (
                SELECT NEW.id AS id
                UNION
                SELECT m.folded_lead_id FROM folded f JOIN lead_merges m ON m.kept_lead_id = f.id AND m.unmerged_at IS NULL
            )
            SELECT id FROM folded
        );
    END IF;
    -- What failed may have arrived all the same: the tool is asked.
    UPDATE campaign_handouts SET
        recall_asked_at = now(),
        run_at = LEAST(run_at, now()),
        delivery = CASE delivery WHEN 'failed' THEN 'unclear' ELSE delivery END
    WHERE lead_id = ANY (ids) AND recall_asked_at IS NULL AND delivery NOT IN ('blocked', 'invalid', 'unsent');
    DELETE FROM dlq WHERE kind = 'handout' AND lead_id = ANY (ids);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.recall_handouts() IS 'Asks for hand-outs back whose lead has been opted out';
REVOKE ALL ON FUNCTION @extschema@.recall_handouts() FROM PUBLIC;

CREATE TRIGGER trg_leads_recall_handouts AFTER UPDATE ON @extschema@.leads
    FOR EACH ROW WHEN (OLD.suppressed_at IS NULL AND NEW.suppressed_at IS NOT NULL)
    EXECUTE FUNCTION @extschema@.recall_handouts();

CREATE FUNCTION @extschema@.claim_campaign_leads(p_campaign text, p_limit integer DEFAULT 250)
    RETURNS TABLE (id uuid, first_name text, last_name text, property_city text, property_state text, quality_score integer,
                   phones jsonb, emails jsonb, assigned_persona text, microsite_url text, first_seen_at timestamptz)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 ROWS 250
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'claim_campaign_leads_wrapper';
COMMENT ON FUNCTION @extschema@.claim_campaign_leads IS
    'Hands ready leads to a campaign, best first, each to exactly one caller, up to the campaign''s daily cap; with the contact points that may be used, best first';
REVOKE ALL ON FUNCTION @extschema@.claim_campaign_leads FROM PUBLIC;

CREATE FUNCTION @extschema@.record_campaign_event(p_email text, p_event text, p_payload jsonb DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000 SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'record_campaign_event_wrapper';
COMMENT ON FUNCTION @extschema@.record_campaign_event IS
    'What the campaign tool reports: sent, opened, clicked, replied, bounced, unsubscribed, in either of its spellings. Returns recorded, unchanged, suppressed, no_lead or ignored';
REVOKE ALL ON FUNCTION @extschema@.record_campaign_event FROM PUBLIC;
