-- Passes over all leads that go on where they stopped: each call does one batch, in the caller's transaction.

CREATE TABLE @extschema@.sweeps (
    name text NOT NULL,
    -- Of the canonical address, for the rehash: a newer one starts the pass again.
    version integer NOT NULL,
    last_lead_id uuid,
    seen bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    merged bigint NOT NULL DEFAULT 0,
    to_review bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CONSTRAINT sweeps_pkey PRIMARY KEY (name),
    CONSTRAINT sweeps_name CHECK (name IN ('rehash', 'near_matches'))
);
COMMENT ON TABLE @extschema@.sweeps IS 'How far rehash_leads() and find_near_matches() have come';

-- Where find_near_matches() has met a lead: filled by it and not by imports, which pay nothing for it.
CREATE TABLE @extschema@.near_match_keys (
    lead_id uuid NOT NULL,
    -- A number for ZIP, house number and owner together.
    block bigint NOT NULL,
    CONSTRAINT near_match_keys_pkey PRIMARY KEY (lead_id)
);
COMMENT ON TABLE @extschema@.near_match_keys IS 'Leads by ZIP, house number and owner, for finding near matches';
CREATE INDEX idx_near_match_keys_block ON @extschema@.near_match_keys (block);

CREATE FUNCTION @extschema@.rehash_leads(p_limit integer DEFAULT 1000, p_restart boolean DEFAULT false)
    RETURNS TABLE (seen bigint, of_about bigint, changed bigint, merged bigint, to_review bigint, finished boolean)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1 SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'rehash_leads_wrapper';
COMMENT ON FUNCTION @extschema@.rehash_leads IS
    'Computes addr_hash anew for the next leads and merges those that have become one; call it until finished. Returns the totals of the pass';
REVOKE ALL ON FUNCTION @extschema@.rehash_leads FROM PUBLIC;

CREATE FUNCTION @extschema@.find_near_matches(p_limit integer DEFAULT 1000, p_restart boolean DEFAULT false)
    RETURNS TABLE (seen bigint, of_about bigint, to_review bigint, finished boolean)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1 SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'find_near_matches_wrapper';
COMMENT ON FUNCTION @extschema@.find_near_matches IS
    'Compares the next leads, each once, with those of the same owner at nearly the same address; pairs go to lead_matches. Returns the totals of the pass';
REVOKE ALL ON FUNCTION @extschema@.find_near_matches FROM PUBLIC;

CREATE FUNCTION @extschema@.review_match(p_id bigint, p_verdict text) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'review_match_wrapper';
COMMENT ON FUNCTION @extschema@.review_match IS
    'Decides about a pair of lead_matches: ''same'' merges the two and returns the number of the merge, ''different'' keeps them apart for ever';
REVOKE ALL ON FUNCTION @extschema@.review_match FROM PUBLIC;
