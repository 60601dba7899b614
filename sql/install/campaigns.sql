-- Handing ready leads to campaigns, each once, and what the campaign tool says about them.

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
    CONSTRAINT campaign_handouts_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE @extschema@.campaign_handouts IS 'Which lead was handed to which campaign, and the facts that allowed it';
CREATE INDEX idx_campaign_handouts_lead ON @extschema@.campaign_handouts (lead_id);

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
