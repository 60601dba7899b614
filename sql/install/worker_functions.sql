-- Native functions that steer the worker. Whatever can spend is not for PUBLIC.

CREATE FUNCTION @extschema@.request_enrichment(p_lead_id uuid, p_campaign text DEFAULT NULL) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'request_enrichment_wrapper';
COMMENT ON FUNCTION @extschema@.request_enrichment IS 'Puts a lead into the waterfall, for a campaign''s money if one is named; false when it is in it already';
REVOKE ALL ON FUNCTION @extschema@.request_enrichment FROM PUBLIC;

CREATE FUNCTION @extschema@.retry_dlq(p_ids bigint[]) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'retry_dlq_wrapper';
COMMENT ON FUNCTION @extschema@.retry_dlq IS
    'Puts failed work back: a paid answer is read again without a call, a record is upserted again; returns how many';
REVOKE ALL ON FUNCTION @extschema@.retry_dlq FROM PUBLIC;

CREATE FUNCTION @extschema@.resolve_call(p_call_id bigint, p_outcome text, p_reason text) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'resolve_call_wrapper';
COMMENT ON FUNCTION @extschema@.resolve_call IS
    'Says what became of a purchase in doubt: charged (the money is gone, the answer lost) or not_charged (it may be bought again)';
REVOKE ALL ON FUNCTION @extschema@.resolve_call FROM PUBLIC;

CREATE FUNCTION @extschema@.import_vendor_bill(
    p_vendor text,
    p_records jsonb,
    p_from timestamptz DEFAULT NULL,
    p_until timestamptz DEFAULT NULL
) RETURNS TABLE (ord integer, call_id bigint, outcome text, billed numeric, booked numeric, detail text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'import_vendor_bill_wrapper';
COMMENT ON FUNCTION @extschema@.import_vendor_bill IS
    'Holds a vendor''s usage report against the ledger: resolves what is in doubt, and returns that and what differs. p_from and p_until: when it lists everything that was billed; only then what is not on it is taken for not charged';
REVOKE ALL ON FUNCTION @extschema@.import_vendor_bill FROM PUBLIC;

CREATE FUNCTION @extschema@.resume_vendor(p_vendor text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'resume_vendor_wrapper';
COMMENT ON FUNCTION @extschema@.resume_vendor IS 'Ends a vendor''s pause, once its cause (key, balance) is mended';
REVOKE ALL ON FUNCTION @extschema@.resume_vendor FROM PUBLIC;

CREATE FUNCTION @extschema@.arm_spending() RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'arm_spending_wrapper';
COMMENT ON FUNCTION @extschema@.arm_spending IS
    'Lets the worker of this database, on this cluster, spend; a copy of the database must be armed again. Returns the identity stored';
REVOKE ALL ON FUNCTION @extschema@.arm_spending FROM PUBLIC;

CREATE FUNCTION @extschema@.disarm_spending() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'disarm_spending_wrapper';
COMMENT ON FUNCTION @extschema@.disarm_spending IS 'Stops all new purchases in this database';
REVOKE ALL ON FUNCTION @extschema@.disarm_spending FROM PUBLIC;

CREATE FUNCTION @extschema@.worker_status()
    RETURNS TABLE (running boolean, pid integer, preloaded boolean, armed boolean, doing text, heartbeat_at timestamptz,
                   problem text, hint text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000 ROWS 1
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'worker_status_wrapper';
COMMENT ON FUNCTION @extschema@.worker_status IS 'Is the worker there, may it spend, what is it doing, what is in its way: one row';

CREATE FUNCTION @extschema@.preview_enrichment(p_lead_ids uuid[])
    RETURNS TABLE (vendor text, leads bigint, maximum_calls bigint, maximum_cost numeric, expected_calls numeric, expected_cost numeric)
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000 ROWS 5
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'preview_enrichment_wrapper';
COMMENT ON FUNCTION @extschema@.preview_enrichment IS
    'What enriching these leads can cost at most, and what it is expected to cost by the vendors'' own numbers (NULL: too little history), per enabled vendor; sends and reserves nothing';
