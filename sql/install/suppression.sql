-- Opt-outs, by keyed hash of the canonical phone, e-mail or address. No foreign key to leads: an opt-out
-- outlives the lead it came from. Append-only: lifting one is recorded on it.
CREATE TABLE @extschema@.suppressions (
    id bigserial,
    kind text NOT NULL,
    value_hash text NOT NULL,
    reason text NOT NULL,
    lead_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    lifted_at timestamptz,
    lifted_reason text,
    CONSTRAINT suppressions_pkey PRIMARY KEY (id),
    CONSTRAINT suppressions_kind CHECK (kind IN ('phone', 'email', 'address')),
    CONSTRAINT suppressions_lifted CHECK ((lifted_at IS NULL) = (lifted_reason IS NULL))
);
COMMENT ON TABLE @extschema@.suppressions IS 'Who must not be contacted, by keyed hash of phone, e-mail or address';
CREATE UNIQUE INDEX ux_suppressions_in_force ON @extschema@.suppressions (kind, value_hash) WHERE lifted_at IS NULL;
