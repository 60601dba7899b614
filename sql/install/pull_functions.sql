-- Native functions of the pull flow, for n8n flows that pull themselves and for the worker's pulls.

CREATE FUNCTION @extschema@.has_vendor_ids_been_seen(p_source text, p_query_sig text, p_vendor_ids text[]) RETURNS boolean
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'has_vendor_ids_been_seen_wrapper';
COMMENT ON FUNCTION @extschema@.has_vendor_ids_been_seen IS 'Was any of these ids on an earlier page of this source and query?';

CREATE FUNCTION @extschema@.get_or_create_bookmark(p_source text, p_query_sig text)
    RETURNS TABLE (id bigint, source text, query_sig text, last_page_fetched integer, last_seen_vendor_id text,
                   updated_at timestamptz, cursor text, exhausted_at timestamptz)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000 ROWS 1
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'get_or_create_bookmark_wrapper';
COMMENT ON FUNCTION @extschema@.get_or_create_bookmark IS 'Where the query stands: always exactly one row';

CREATE FUNCTION @extschema@.record_page(
    p_source text,
    p_query_sig text,
    p_page_number integer,
    p_vendor_ids text[],
    p_pull_params jsonb DEFAULT NULL
) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'record_page_wrapper';
COMMENT ON FUNCTION @extschema@.record_page IS
    'Logs a fetched page and moves the bookmark; true when one of its ids was known before, which means: caught up';

CREATE FUNCTION @extschema@.request_pull(
    p_source text,
    p_params jsonb,
    p_every interval DEFAULT NULL,
    p_page_size integer DEFAULT NULL,
    p_daily_record_cap integer DEFAULT NULL,
    p_campaign text DEFAULT NULL
) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'request_pull_wrapper';
COMMENT ON FUNCTION @extschema@.request_pull IS
    'Asks the worker to pull a query now (and again every p_every); the same query is the same pull; p_campaign pays for it and its leads; returns its id';
REVOKE ALL ON FUNCTION @extschema@.request_pull FROM PUBLIC;
