-- Work to do now (jobs) and work that failed (dlq).

CREATE TABLE @extschema@.jobs (
    id bigserial,
    stage text NOT NULL,
    lead_id uuid,
    pull_id integer,
    -- The vendor of the next purchase; NULL: the next step is not planned yet.
    vendor text,
    -- The purchase that this job waits for.
    call_id bigint,
    run_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    -- 2: the later look at a lead that the first pass left `enriched`.
    pass smallint NOT NULL DEFAULT 1,
    -- true: never share a request with other jobs, since a shared one was refused.
    alone boolean NOT NULL DEFAULT false,
    -- The purchase in doubt whose very request is to be sent again.
    replays_call_id bigint,
    -- The purchase in doubt that is to be made again, from a budget of its own.
    rebuys_call_id bigint,
    -- Whose money it spends.
    campaign text,
    -- Why it waits, for people.
    waiting_for text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT jobs_pkey PRIMARY KEY (id),
    CONSTRAINT jobs_stage CHECK (stage IN ('pull', 'enrich', 'verify', 'campaign')),
    CONSTRAINT jobs_subject CHECK (num_nonnulls(lead_id, pull_id) = 1)
)
WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE @extschema@.jobs IS 'Work to do: one row per pull or lead in the pipeline';
CREATE UNIQUE INDEX ux_jobs_lead ON @extschema@.jobs (lead_id) WHERE lead_id IS NOT NULL;
CREATE UNIQUE INDEX ux_jobs_pull ON @extschema@.jobs (pull_id) WHERE pull_id IS NOT NULL;
-- The worker's claim: due jobs of one vendor (NULL: to be planned), oldest first.
CREATE INDEX idx_jobs_due ON @extschema@.jobs (vendor, run_at, id) WHERE call_id IS NULL;
CREATE INDEX idx_jobs_call ON @extschema@.jobs (call_id) WHERE call_id IS NOT NULL;
-- Pruning asks of each old purchase whether a job is to send it again, or to make it again. Both are rare: the indexes
-- are all but empty, and cost the other jobs nothing.
CREATE INDEX idx_jobs_replays ON @extschema@.jobs (replays_call_id) WHERE replays_call_id IS NOT NULL;
CREATE INDEX idx_jobs_rebuys ON @extschema@.jobs (rebuys_call_id) WHERE rebuys_call_id IS NOT NULL;

CREATE TABLE @extschema@.dlq (
    id bigserial,
    stage text NOT NULL,
    payload jsonb,
    error text,
    retry_after timestamptz,
    created_at timestamptz DEFAULT now(),
    attempts integer DEFAULT 0,
    -- What the drain may do with it. NULL: a row that a user's own flow put here; the drain leaves it alone.
    kind text,
    lead_id uuid,
    pull_id integer,
    call_id bigint,
    CONSTRAINT dlq_pkey PRIMARY KEY (id),
    CONSTRAINT dlq_stage CHECK (stage IN ('pull', 'enrich', 'verify', 'campaign')),
    CONSTRAINT dlq_kind CHECK (kind IN ('job', 'record', 'answer', 'doubt', 'handout'))
);
COMMENT ON TABLE @extschema@.dlq IS 'Work that failed. retry_after set: put back then; NULL: parked for a person';
COMMENT ON COLUMN @extschema@.dlq.kind IS
    'job: a step to try again; record: one record of a page; answer: a paid answer that could not be used; doubt: a purchase in doubt; handout: a lead that the campaign tool refused';
CREATE INDEX idx_dlq_stage ON @extschema@.dlq (stage);
CREATE INDEX idx_dlq_retry ON @extschema@.dlq (retry_after) WHERE retry_after IS NOT NULL;
CREATE INDEX idx_dlq_attempts ON @extschema@.dlq (attempts);
CREATE INDEX idx_dlq_call ON @extschema@.dlq (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX idx_dlq_lead ON @extschema@.dlq (lead_id) WHERE lead_id IS NOT NULL;
