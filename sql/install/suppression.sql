-- Opt-outs, by keyed hash of a canonical phone, e-mail or key of a property. No foreign key to leads: an opt-out
-- outlives the lead it came from. Append-only: lifting one is recorded on it. The invariant, at every commit: a lead
-- that holds a value with an opt-out in force has suppressed_at set and is do_not_contact (see src/opt_out.rs).
CREATE TABLE @extschema@.suppressions (
    id bigserial,
    kind text NOT NULL,
    -- HMAC-SHA-256 of kind and value under secrets.hash_key: whoever reads a dump cannot try numbers against it.
    value_hash text NOT NULL,
    reason text NOT NULL,
    -- The lead it was taken from, if any; it may be gone.
    lead_id uuid,
    -- The opt-out that this one follows from, and is lifted with: a property follows its owner's phone. The own id: the
    -- lead was flagged by a vendor or by an UPDATE, with no opt-out of a value.
    caused_by bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    lifted_at timestamptz,
    lifted_reason text,
    CONSTRAINT suppressions_pkey PRIMARY KEY (id),
    CONSTRAINT suppressions_kind CHECK (kind IN ('phone', 'email', 'address', 'mak', 'record', 'parcel')),
    CONSTRAINT suppressions_lifted CHECK ((lifted_at IS NULL) = (lifted_reason IS NULL))
);
COMMENT ON TABLE @extschema@.suppressions IS 'Who must not be contacted, by keyed hash of phone, e-mail, address or another key of the property';
COMMENT ON COLUMN @extschema@.suppressions.caused_by IS 'the opt-out that this one follows from and is lifted with; its own id: a flag on the lead';
CREATE UNIQUE INDEX ux_suppressions_in_force ON @extschema@.suppressions (value_hash) WHERE lifted_at IS NULL;
-- The newest opt-out that was asked for: what every writing transaction looks at when it commits.
CREATE INDEX idx_suppressions_asked ON @extschema@.suppressions (id) WHERE caused_by IS NULL;
CREATE INDEX idx_suppressions_cause ON @extschema@.suppressions (caused_by) WHERE caused_by IS NOT NULL;
CREATE INDEX idx_suppressions_lead ON @extschema@.suppressions (lead_id) WHERE lead_id IS NOT NULL;

-- Contact value -> leads: an opt-out and a reply from a campaign look leads up by it. A lead without contact points is
-- not in it, and costs nothing; fastupdate is off, so that no look-up pays for the inserts before it.
CREATE INDEX idx_leads_contact_keys ON @extschema@.leads USING gin (@extschema@.contact_keys(phones, emails)) WITH (fastupdate = off)
    WHERE @extschema@.contact_keys(phones, emails) IS NOT NULL;
