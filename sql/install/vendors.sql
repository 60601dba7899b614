-- One row per vendor product. All start disabled: no money moves until a person enables one and sets its key.
-- Of the verifiers of one kind the first by position is asked, and the next one only where it could not tell.

CREATE TABLE @extschema@.vendors (
    name text NOT NULL,
    stage text NOT NULL,
    position integer NOT NULL,
    enabled boolean NOT NULL DEFAULT false,
    base_url text NOT NULL,
    unit_price numeric(14, 6) NOT NULL,
    price_rule jsonb NOT NULL DEFAULT '{"billed": "item"}',
    daily_call_cap integer,
    daily_spend_cap numeric(14, 6),
    rebuy_spend_cap numeric(14, 6) NOT NULL DEFAULT 0,
    requests_per_second numeric NOT NULL,
    max_in_flight integer NOT NULL,
    batch_size integer NOT NULL DEFAULT 1,
    timeout interval NOT NULL DEFAULT '30 s',
    doubt_policy text NOT NULL DEFAULT 'hold',
    options jsonb NOT NULL DEFAULT '{}',
    paused_until timestamptz,
    paused_reason text,
    pauses integer NOT NULL DEFAULT 0,
    -- The value of leads.source that its records get; only vendors of stage pull have one.
    source text,
    CONSTRAINT vendors_pkey PRIMARY KEY (name),
    CONSTRAINT vendors_stage CHECK (stage IN ('pull', 'enrich', 'verify', 'campaign')),
    CONSTRAINT vendors_unit_price_range CHECK (unit_price >= 0),
    CONSTRAINT vendors_caps_range CHECK (daily_call_cap >= 0 AND daily_spend_cap >= 0 AND rebuy_spend_cap >= 0),
    CONSTRAINT vendors_rates_range CHECK (requests_per_second > 0 AND max_in_flight BETWEEN 1 AND 1000),
    CONSTRAINT vendors_batch_size_range CHECK (batch_size BETWEEN 1 AND 1000),
    CONSTRAINT vendors_timeout_range CHECK (timeout BETWEEN interval '1 s' AND interval '10 min'),
    CONSTRAINT vendors_doubt_policy CHECK (doubt_policy IN ('hold', 'replay', 'ask', 'rebuy')),
    CONSTRAINT vendors_json_shapes CHECK (jsonb_typeof(options) = 'object' AND jsonb_typeof(price_rule) = 'object'),
    CONSTRAINT vendors_price_rule CHECK (price_rule ->> 'billed' IN ('match', 'item', 'record')),
    CONSTRAINT vendors_source CHECK ((stage = 'pull') = (source IS NOT NULL))
);
COMMENT ON TABLE @extschema@.vendors IS 'Vendor products: price, place in the waterfall, caps, rates';
COMMENT ON COLUMN @extschema@.vendors.unit_price IS 'dollars per billed unit';
COMMENT ON COLUMN @extschema@.vendors.price_rule IS '{"billed": "match" | "item" | "record"}: what counts as a unit';
COMMENT ON COLUMN @extschema@.vendors.daily_call_cap IS 'purchases a day, in the budget''s time zone; NULL: no cap';
COMMENT ON COLUMN @extschema@.vendors.daily_spend_cap IS 'dollars a day, reserved plus settled; NULL: no cap';
COMMENT ON COLUMN @extschema@.vendors.rebuy_spend_cap IS
    'dollars a day for buying again what is in doubt (doubt_policy rebuy); within the other caps';
COMMENT ON COLUMN @extschema@.vendors.doubt_policy IS
    'a purchase that was sent and has no answer: hold for a person; replay under the same idempotency key; ask the vendor by a free look-up; rebuy from a separate budget';
COMMENT ON COLUMN @extschema@.vendors.paused_until IS 'no calls before this moment; infinity: until a person resumes it';

INSERT INTO @extschema@.vendors
    (name, stage, position, base_url, unit_price, price_rule, daily_call_cap, requests_per_second, max_in_flight, batch_size, doubt_policy, source, options)
VALUES
    ('batchdata_search', 'pull', 1, 'https://api.batchdata.com', 0.01, '{"billed": "record"}', NULL, 10, 2, 1, 'replay', 'batchdata', '{"search_session": true}'),
    ('melissa', 'enrich', 1, 'https://personator.melissadata.net', 0.05, '{"billed": "item"}', NULL, 20, 4, 50, 'hold', NULL, '{}'),
    ('batchdata_skip_trace', 'enrich', 2, 'https://api.batchdata.com', 0.15, '{"billed": "match"}', 1000, 20, 4, 50, 'hold', NULL, '{}'),
    ('smtp_probe', 'verify', 1, 'smtp://mx', 0, '{"billed": "item"}', NULL, 1, 2, 1, 'ask', NULL, '{"verifies": "email"}'),
    ('instantly_verify', 'verify', 2, 'https://api.instantly.ai', 0.01, '{"billed": "item"}', NULL, 50, 32, 1, 'ask', NULL, '{"verifies": "email"}'),
    ('signalwire_lookup', 'verify', 1, 'https://example.signalwire.com', 0.01, '{"billed": "item"}', NULL, 50, 32, 1, 'hold', NULL, '{"verifies": "phone"}'),
    ('hlr_lookup', 'verify', 2, 'https://api.hlrlookup.com', 0.01, '{"billed": "item"}', NULL, 20, 8, 20, 'hold', NULL, '{"verifies": "phone"}'),
    ('instantly_campaign', 'campaign', 1, 'https://api.instantly.ai', 0, '{"billed": "item"}', NULL, 10, 2, 1000, 'hold', NULL, '{}');
