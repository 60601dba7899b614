-- One row per property and its owner. The shape is frozen: users keep their own columns in a satellite
-- table or in `custom` (see README), because pg_dump does not carry columns added to an extension's table.

CREATE TABLE @extschema@.leads (
    -- UUID version 7: time-ordered, so that index inserts stay local.
    id uuid NOT NULL DEFAULT @extschema@.new_lead_id(),
    source text DEFAULT 'PropStream',
    vendor_record_id text,
    vendor_list_id text,
    first_name text,
    last_name text,
    owner_full_name text,
    owner_company text,
    address_line1 text,
    address_line2 text,
    property_address text,
    property_city text,
    property_state text,
    property_zip text,
    county_fips text,
    addr_hash text,
    mak text,
    apn text,
    property_value numeric,
    estimated_equity numeric,
    age integer,
    owner_occupied boolean,
    -- Nullable on purpose: n8n cannot insert into a table with a NOT NULL array column.
    phones jsonb[] DEFAULT '{}',
    emails jsonb[] DEFAULT '{}',
    quality_score numeric DEFAULT 0,
    status @extschema@.lead_status DEFAULT 'new',
    campaign_status @extschema@.campaign_status DEFAULT 'new',
    assigned_persona text,
    microsite_url text,
    instantly_campaign_id text,
    added_to_campaign_at timestamptz,
    suppressed_at timestamptz,
    suppressed_reason text,
    custom jsonb NOT NULL DEFAULT '{}',
    first_seen_at timestamptz DEFAULT now(),
    last_seen_at timestamptz DEFAULT now(),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    CONSTRAINT leads_pkey PRIMARY KEY (id),
    -- One, because each is read anew for each statement.
    CONSTRAINT leads_values_fit CHECK (@extschema@.lead_values_fit(quality_score, age, custom))
)
-- A little more than half of each page stays free for heap-only updates. Leads that came together come again together: a transaction that
-- imports a page of records once more touches all rows of a heap page, and none of their old versions can go before it
-- ends. With less room the rest would move to other pages, which costs an entry in each of the indexes.
WITH (fillfactor = 45);

COMMENT ON TABLE @extschema@.leads IS 'One property with its owner and contact points';
COMMENT ON COLUMN @extschema@.leads.vendor_record_id IS 'the record''s id at `source`; unique per source';
COMMENT ON COLUMN @extschema@.leads.addr_hash IS 'SHA-256 of the canonical address: compute_addr_hash()';
COMMENT ON COLUMN @extschema@.leads.mak IS 'Melissa address key: a national id of the address';
COMMENT ON COLUMN @extschema@.leads.apn IS 'assessor''s parcel number; unique only inside a county';
COMMENT ON COLUMN @extschema@.leads.phones IS 'contact points: {"phone","source","score","verified","type","added_at",...}';
COMMENT ON COLUMN @extschema@.leads.emails IS 'contact points: {"email","source","score","verified","added_at",...}';
COMMENT ON COLUMN @extschema@.leads.quality_score IS '0 to 100: compute_quality_score()';
COMMENT ON COLUMN @extschema@.leads.custom IS 'the user''s own; never read by the extension';

-- The four identities of a property: a clash on any of them is a duplicate.
CREATE UNIQUE INDEX ux_leads_addr ON @extschema@.leads (addr_hash) WHERE addr_hash IS NOT NULL;
CREATE UNIQUE INDEX ux_leads_mak ON @extschema@.leads (mak) WHERE mak IS NOT NULL;
CREATE UNIQUE INDEX ux_leads_apn ON @extschema@.leads (apn, COALESCE(county_fips, '')) WHERE apn IS NOT NULL;
CREATE UNIQUE INDEX ux_leads_vendor ON @extschema@.leads (source, vendor_record_id) WHERE vendor_record_id IS NOT NULL;

-- vw_campaign_ready_leads in its own order. Partial: a lead enters it once, when it becomes contactable.
CREATE INDEX idx_leads_campaign_ready ON @extschema@.leads (quality_score DESC, first_seen_at, id)
    WHERE status = 'contactable' AND added_to_campaign_at IS NULL AND suppressed_at IS NULL;

-- Which lead was folded into which, and what it held, so that a merge can be undone.
CREATE TABLE @extschema@.lead_merges (
    id bigserial,
    kept_lead_id uuid NOT NULL,
    folded_lead_id uuid NOT NULL,
    reason text NOT NULL,
    kept_before jsonb NOT NULL,
    folded_before jsonb NOT NULL,
    kept_after jsonb,
    -- The keys that the folded lead was known by: whoever brings one of them means the survivor.
    folded_keys text[] NOT NULL DEFAULT '{}',
    -- What went over to the survivor: the job as it was, and the ids of purchases and of failed work.
    moved jsonb NOT NULL DEFAULT '{}',
    merged_at timestamptz NOT NULL DEFAULT now(),
    unmerged_at timestamptz,
    CONSTRAINT lead_merges_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE @extschema@.lead_merges IS 'Lineage of merged leads: enough to undo each merge';
CREATE INDEX idx_lead_merges_kept ON @extschema@.lead_merges (kept_lead_id);
CREATE INDEX idx_lead_merges_folded ON @extschema@.lead_merges (folded_lead_id);
-- A record's keys -> the lead that the one they belonged to was folded into. Written by merges only.
CREATE INDEX idx_lead_merges_keys ON @extschema@.lead_merges USING gin (folded_keys) WHERE unmerged_at IS NULL;

-- Pairs that share or nearly share a key and contradict each other: for a person to decide.
CREATE TABLE @extschema@.lead_matches (
    id bigserial,
    lead_id uuid NOT NULL,
    other_lead_id uuid NOT NULL,
    reason text NOT NULL,
    agreement jsonb NOT NULL DEFAULT '{}',
    verdict text,
    decided_by text,
    decided_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT lead_matches_pkey PRIMARY KEY (id),
    CONSTRAINT lead_matches_ordered CHECK (lead_id < other_lead_id),
    CONSTRAINT lead_matches_verdict CHECK (verdict IN ('same', 'different')),
    CONSTRAINT lead_matches_once UNIQUE (lead_id, other_lead_id, reason)
);
COMMENT ON TABLE @extschema@.lead_matches IS 'Pairs of leads that may be one property, kept apart until a person decides';
CREATE INDEX idx_lead_matches_open ON @extschema@.lead_matches (created_at) WHERE verdict IS NULL;
