-- What was pulled from whom, and how far each query has come.

CREATE TABLE @extschema@.lead_source_events (
    id bigserial,
    source text NOT NULL,
    -- Flows that insert without it are understood through pull_params: see has_vendor_ids_been_seen().
    query_sig text,
    pull_params jsonb,
    page_number integer,
    seen_vendor_ids text[],
    first_id text,
    last_id text,
    created_at timestamptz DEFAULT now(),
    CONSTRAINT lead_source_events_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE @extschema@.lead_source_events IS 'One row per pulled page: which vendor ids it held';
CREATE INDEX idx_source_events_source_page ON @extschema@.lead_source_events (source, page_number);
CREATE INDEX idx_source_events_created ON @extschema@.lead_source_events (created_at DESC);
CREATE INDEX idx_source_events_vendor_ids ON @extschema@.lead_source_events USING gin (seen_vendor_ids);

CREATE TABLE @extschema@.source_bookmarks (
    id bigserial,
    source text NOT NULL,
    query_sig text NOT NULL,
    last_page_fetched integer DEFAULT 0,
    last_seen_vendor_id text,
    updated_at timestamptz DEFAULT now(),
    cursor text,
    exhausted_at timestamptz,
    CONSTRAINT source_bookmarks_pkey PRIMARY KEY (id),
    CONSTRAINT source_bookmarks_source_query_sig_key UNIQUE (source, query_sig)
);
COMMENT ON TABLE @extschema@.source_bookmarks IS 'How far the backfill of each query has come';
COMMENT ON COLUMN @extschema@.source_bookmarks.cursor IS 'the vendor''s own place mark, where it gives one';
COMMENT ON COLUMN @extschema@.source_bookmarks.exhausted_at IS 'when the backfill reached the end of the list';
CREATE INDEX idx_bookmarks_source ON @extschema@.source_bookmarks (source);
CREATE INDEX idx_bookmarks_updated ON @extschema@.source_bookmarks (updated_at);

CREATE TABLE @extschema@.pulls (
    id serial,
    source text NOT NULL,
    params jsonb NOT NULL,
    query_sig text NOT NULL,
    every interval,
    page_size integer NOT NULL DEFAULT 100,
    daily_record_cap integer,
    -- The campaign that pays for its pages and for the enrichment of its leads.
    campaign text,
    enabled boolean NOT NULL DEFAULT true,
    next_run_at timestamptz,
    -- The run in progress.
    phase text NOT NULL DEFAULT 'idle',
    run_number integer NOT NULL DEFAULT 0,
    run_started_at timestamptz,
    run_pages integer NOT NULL DEFAULT 0,
    head_page integer NOT NULL DEFAULT 0,
    head_cursor text,
    -- The last run that ended, and totals over all runs.
    last_run_at timestamptz,
    last_outcome text,
    pages_total integer NOT NULL DEFAULT 0,
    records_total integer NOT NULL DEFAULT 0,
    new_total integer NOT NULL DEFAULT 0,
    rejected_total integer NOT NULL DEFAULT 0,
    found_total bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pulls_pkey PRIMARY KEY (id),
    CONSTRAINT pulls_source_query_sig_key UNIQUE (source, query_sig),
    CONSTRAINT pulls_params_is_object CHECK (jsonb_typeof(params) = 'object'),
    CONSTRAINT pulls_page_size_range CHECK (page_size BETWEEN 1 AND 500),
    CONSTRAINT pulls_daily_record_cap_range CHECK (daily_record_cap >= 0),
    CONSTRAINT pulls_every_positive CHECK (every > interval '0'),
    CONSTRAINT pulls_phase CHECK (phase IN ('idle', 'head', 'backfill'))
);
COMMENT ON TABLE @extschema@.pulls IS 'What to pull, how often, and how the last run went';
COMMENT ON COLUMN @extschema@.pulls.every IS 'run again this long after the last start; NULL: only when asked';
COMMENT ON COLUMN @extschema@.pulls.phase IS 'head: newest records until a known one; backfill: on from the bookmark';
COMMENT ON COLUMN @extschema@.pulls.found_total IS 'how many records the vendor says the query has';
CREATE INDEX idx_pulls_next_run ON @extschema@.pulls (next_run_at) WHERE enabled AND next_run_at IS NOT NULL;
