-- Opting out and being forgotten. These run with the owner's rights, so that a caller needs neither the hash key nor
-- any right on suppressions: EXECUTE is all the right there is, and PUBLIC does not have it.

CREATE FUNCTION @extschema@.suppress_contact(p_kind text, p_value text, p_reason text) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000 SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'suppress_contact_wrapper';
COMMENT ON FUNCTION @extschema@.suppress_contact IS
    'Opts a phone, an e-mail or an address out for ever: leads that hold it are do_not_contact when this commits, later ones from birth. Returns the id of the opt-out';
REVOKE ALL ON FUNCTION @extschema@.suppress_contact FROM PUBLIC;

CREATE FUNCTION @extschema@.suppress_contacts(p_records jsonb)
    RETURNS TABLE (ord integer, suppression_id bigint, outcome text, error text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 ROWS 100 SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'suppress_contacts_wrapper';
COMMENT ON FUNCTION @extschema@.suppress_contacts IS
    'suppress_contact() for an array of {"kind", "value", "reason"}; outcome: suppressed, known or rejected';
REVOKE ALL ON FUNCTION @extschema@.suppress_contacts FROM PUBLIC;

CREATE FUNCTION @extschema@.suppress_lead(p_lead_id uuid, p_reason text) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000 SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'suppress_lead_wrapper';
COMMENT ON FUNCTION @extschema@.suppress_lead IS
    'Opts a lead out with everything it holds: its property, phones and e-mails, and the leads folded into it';
REVOKE ALL ON FUNCTION @extschema@.suppress_lead FROM PUBLIC;

CREATE FUNCTION @extschema@.lift_suppression(p_id bigint, p_reason text) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 100000 SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'lift_suppression_wrapper';
COMMENT ON FUNCTION @extschema@.lift_suppression IS
    'Ends an opt-out and those that follow from it, for a reason that is kept; returns how many leads may be contacted again';
REVOKE ALL ON FUNCTION @extschema@.lift_suppression FROM PUBLIC;

CREATE FUNCTION @extschema@.forget_lead(p_lead_id uuid) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 100000 SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'forget_lead_wrapper';
COMMENT ON FUNCTION @extschema@.forget_lead IS
    'Erases a person from every table; what stays is an opt-out by keyed hash, and the totals of what was spent';
REVOKE ALL ON FUNCTION @extschema@.forget_lead FROM PUBLIC;

CREATE FUNCTION @extschema@.forget_contact(p_kind text, p_value text) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 100000 SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'forget_contact_wrapper';
COMMENT ON FUNCTION @extschema@.forget_contact IS 'forget_lead() for every lead that holds the value; returns how many';
REVOKE ALL ON FUNCTION @extschema@.forget_contact FROM PUBLIC;
