-- Native functions on leads. They run with the caller's rights and the extension's own search_path, so that
-- nobody can put other tables or operators in their way.

CREATE FUNCTION @extschema@.upsert_lead(
    p_source text,
    p_vendor_record_id text DEFAULT NULL,
    p_vendor_list_id text DEFAULT NULL,
    p_address_line1 text DEFAULT NULL,
    p_address_line2 text DEFAULT NULL,
    p_city text DEFAULT NULL,
    p_state text DEFAULT NULL,
    p_postal_code text DEFAULT NULL,
    p_apn text DEFAULT NULL,
    p_owner_first_name text DEFAULT NULL,
    p_owner_last_name text DEFAULT NULL,
    p_owner_full_name text DEFAULT NULL,
    p_owner_company text DEFAULT NULL,
    p_property_value numeric DEFAULT NULL,
    p_estimated_equity numeric DEFAULT NULL,
    p_age integer DEFAULT NULL,
    p_mak text DEFAULT NULL,
    p_owner_occupied boolean DEFAULT NULL,
    p_county_fips text DEFAULT NULL,
    p_custom jsonb DEFAULT NULL
) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'upsert_lead_wrapper';
COMMENT ON FUNCTION @extschema@.upsert_lead IS
    'Inserts a lead, or finds the one it is (mak, address, vendor record, parcel) and fills what is missing; returns its id';

CREATE FUNCTION @extschema@.upsert_leads(p_source text, p_records jsonb)
    RETURNS TABLE (ord integer, lead_id uuid, outcome text, error text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 ROWS 100
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'upsert_leads_wrapper';
COMMENT ON FUNCTION @extschema@.upsert_leads IS
    'A whole page or file of records in one call; a bad record reports its own error and the others go in';

CREATE FUNCTION @extschema@.records_at_hand()
    RETURNS TABLE (
        n integer, lead_id uuid, source text, vendor_record_id text, vendor_list_id text, first_name text, last_name text,
        owner_full_name text, owner_company text, address_line1 text, address_line2 text, property_address text,
        property_city text, property_state text, property_zip text, county_fips text, addr_hash text, mak text, apn text,
        property_value numeric, estimated_equity numeric, age integer, owner_occupied boolean, custom jsonb,
        phones jsonb[], emails jsonb[]
    )
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 500
    AS 'MODULE_PATHNAME', 'records_at_hand_wrapper';
COMMENT ON FUNCTION @extschema@.records_at_hand() IS
    'The records that upsert_leads() is storing in this moment; none outside of it';

CREATE FUNCTION @extschema@.merge_contact_point(
    p_lead_id uuid,
    p_kind text,
    p_value text,
    p_source text DEFAULT NULL,
    p_score numeric DEFAULT NULL,
    p_verified boolean DEFAULT false,
    p_type text DEFAULT NULL,
    p_flags jsonb DEFAULT NULL
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'merge_contact_point_wrapper';
COMMENT ON FUNCTION @extschema@.merge_contact_point IS
    'Adds a phone or e-mail to a lead, or merges it into the one it is; returns the stored object';

-- Without a search_path: it finds its table beside itself, and setting one takes as long as reading a lead.
CREATE FUNCTION @extschema@.compute_quality_score(p_lead_id uuid) RETURNS integer
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000
    AS 'MODULE_PATHNAME', 'compute_quality_score_wrapper';
COMMENT ON FUNCTION @extschema@.compute_quality_score IS
    '0 to 100: verified e-mail 40, verified mobile or VoIP phone 30, MAK and APN 10, owner-occupied 10, demographics 10';

CREATE FUNCTION @extschema@.update_lead_status_from_score(p_lead_id uuid) RETURNS @extschema@.lead_status
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'update_lead_status_from_score_wrapper';
COMMENT ON FUNCTION @extschema@.update_lead_status_from_score IS
    'Stores the score and the status that follows: 60 contactable, 40 enriched, below do_not_contact; leads past the pipeline keep theirs';

CREATE FUNCTION @extschema@.update_lead_statuses(p_lead_ids uuid[])
    RETURNS TABLE (lead_id uuid, quality_score integer, status @extschema@.lead_status)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 ROWS 100
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'update_lead_statuses_wrapper';
COMMENT ON FUNCTION @extschema@.update_lead_statuses IS 'update_lead_status_from_score() for many leads in one call';
