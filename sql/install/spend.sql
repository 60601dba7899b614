-- The purchase ledger. A row moves one way:
--   reserved -> sending -> answered -> applied
--   reserved -> released                       (never sent)
--   sending  -> released                       (refused, or provably not sent)
--   sending  -> in_doubt -> resolved | answered (answered: a free question found the answer out)

CREATE TABLE @extschema@.vendor_calls (
    id bigserial,
    vendor text NOT NULL,
    stage text NOT NULL,
    lead_id uuid,
    pull_id integer,
    -- Items bought by one HTTP request share its number: the id of the first of them.
    request_id bigint,
    -- What is bought, as a keyed hash: one row per thing and generation can hold money.
    purchase_key text NOT NULL,
    generation integer NOT NULL DEFAULT 1,
    -- The earlier purchase whose answer this row uses, for nothing.
    reuses_call_id bigint,
    -- The purchase in doubt that this one makes again, from the budget rebuy:VENDOR.
    rebuys_call_id bigint,
    -- Whose money it is: the campaign that its pull or its request named.
    campaign text,
    subject jsonb,
    state text NOT NULL DEFAULT 'reserved',
    -- The worker process that may move it.
    epoch bigint NOT NULL,
    -- The budget day, set at the reservation and kept whatever midnight does.
    day date NOT NULL,
    reserved_amount numeric(14, 6) NOT NULL,
    reserved_units integer NOT NULL DEFAULT 1,
    settled_amount numeric(14, 6),
    units integer,
    matched boolean,
    -- For verifications: did the contact point pass?
    verified boolean,
    -- Contact points: those worth checking that an enrichment brought, or the one that a check made earn points.
    new_emails smallint,
    new_phones smallint,
    answer jsonb,
    http_status integer,
    latency_ms integer,
    -- Set while a paid answer is not final: when to ask again, for free.
    poll_at timestamptz,
    polls integer NOT NULL DEFAULT 0,
    error text,
    -- Why the answer could not be applied; NULL: it can be tried.
    apply_error text,
    resolution text,
    resolved_reason text,
    reserved_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    answered_at timestamptz,
    applied_at timestamptz,
    resolved_at timestamptz,
    CONSTRAINT vendor_calls_pkey PRIMARY KEY (id),
    CONSTRAINT vendor_calls_state CHECK (state IN ('reserved', 'sending', 'answered', 'applied', 'released', 'in_doubt', 'resolved')),
    CONSTRAINT vendor_calls_resolution CHECK (resolution IN ('charged', 'not_charged', 'replayed')),
    CONSTRAINT vendor_calls_resolved CHECK ((state = 'resolved') = (resolution IS NOT NULL)),
    CONSTRAINT vendor_calls_settled CHECK (state NOT IN ('answered', 'applied') OR settled_amount IS NOT NULL)
)
WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE @extschema@.vendor_calls IS 'Every purchase: what, from whom, when, for how much, and what came of it';
-- The promise that nothing is bought twice: rows that hold or spent money for the same thing.
CREATE UNIQUE INDEX ux_vendor_calls_purchase ON @extschema@.vendor_calls (purchase_key, generation)
    WHERE state <> 'released' AND resolution IS DISTINCT FROM 'not_charged' AND resolution IS DISTINCT FROM 'replayed'
        AND reuses_call_id IS NULL;
CREATE INDEX idx_vendor_calls_lead ON @extschema@.vendor_calls (lead_id) WHERE lead_id IS NOT NULL;
-- Is a purchase in doubt made again already?
CREATE INDEX idx_vendor_calls_rebuys ON @extschema@.vendor_calls (rebuys_call_id) WHERE rebuys_call_id IS NOT NULL;
CREATE INDEX idx_vendor_calls_request ON @extschema@.vendor_calls (request_id) WHERE state IN ('reserved', 'sending');
-- The worker's open ends.
CREATE INDEX idx_vendor_calls_open ON @extschema@.vendor_calls (state, id) WHERE state IN ('reserved', 'sending', 'answered', 'in_doubt');
CREATE INDEX idx_vendor_calls_day ON @extschema@.vendor_calls (day, vendor);

CREATE TABLE @extschema@.spend_budgets (
    day date NOT NULL,
    scope text NOT NULL,
    reserved_calls integer NOT NULL DEFAULT 0,
    settled_calls integer NOT NULL DEFAULT 0,
    reserved_amount numeric(14, 6) NOT NULL DEFAULT 0,
    settled_amount numeric(14, 6) NOT NULL DEFAULT 0,
    CONSTRAINT spend_budgets_pkey PRIMARY KEY (day, scope),
    CONSTRAINT spend_budgets_not_negative CHECK
        (reserved_calls >= 0 AND settled_calls >= 0 AND reserved_amount >= 0 AND settled_amount >= 0)
)
WITH (fillfactor = 50);
COMMENT ON TABLE @extschema@.spend_budgets IS
    'Money and calls per day and scope (total, vendor:NAME, pull:ID, campaign_spend:NAME, rebuy:VENDOR; campaign:NAME counts hand-outs): reserved before a call, settled after it';

-- One row: who is the worker, and may it spend here.
CREATE TABLE @extschema@.worker_state (
    only_row boolean NOT NULL DEFAULT true,
    epoch bigint NOT NULL DEFAULT 0,
    pid integer,
    started_at timestamptz,
    heartbeat_at timestamptz,
    doing text,
    armed_identity text,
    armed_at timestamptz,
    CONSTRAINT worker_state_pkey PRIMARY KEY (only_row),
    CONSTRAINT worker_state_only_row CHECK (only_row)
)
WITH (fillfactor = 50);
COMMENT ON TABLE @extschema@.worker_state IS 'The worker''s epoch and heartbeat, and the cluster that was armed to spend';
INSERT INTO @extschema@.worker_state DEFAULT VALUES;

-- The key of the keyed hashes (purchases, opt-outs). Only the owner reads it; dumps carry it.
CREATE TABLE @extschema@.secrets (
    name text NOT NULL,
    value bytea NOT NULL,
    CONSTRAINT secrets_pkey PRIMARY KEY (name)
);
COMMENT ON TABLE @extschema@.secrets IS 'The key behind purchase keys and opt-out hashes; losing it forgets opt-outs';
INSERT INTO @extschema@.secrets (name, value)
    SELECT 'hash_key', pg_catalog.decode(pg_catalog.replace(pg_catalog.gen_random_uuid()::text || pg_catalog.gen_random_uuid()::text, '-', ''), 'hex');
