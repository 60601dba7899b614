-- Native functions that tables depend on, or that only compute. They are PUBLIC: they read and write nothing.

CREATE FUNCTION @extschema@.new_lead_id() RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'new_lead_id_wrapper';
COMMENT ON FUNCTION @extschema@.new_lead_id() IS 'A time-ordered UUID (version 7)';

CREATE FUNCTION @extschema@.lead_values_fit(quality_score numeric, age integer, custom jsonb) RETURNS boolean
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'lead_values_fit_wrapper';
COMMENT ON FUNCTION @extschema@.lead_values_fit(numeric, integer, jsonb) IS
    'What each lead must hold: a score from 0 to 100, an age from 0 to 150, and a JSON object as custom data';

CREATE FUNCTION @extschema@.normalize_zip(zip text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'normalize_zip_wrapper';
COMMENT ON FUNCTION @extschema@.normalize_zip(text) IS 'The five digits of a ZIP code, or NULL';

CREATE FUNCTION @extschema@.compute_addr_hash(line1 text, city text DEFAULT NULL, state text DEFAULT NULL, zip text DEFAULT NULL) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'compute_addr_hash_wrapper';
COMMENT ON FUNCTION @extschema@.compute_addr_hash(text, text, text, text) IS
    'Lower-case hex SHA-256 of the canonical address; NULL when the parts do not identify a property';

CREATE FUNCTION @extschema@.canonical_address(line1 text, city text DEFAULT NULL, state text DEFAULT NULL, zip text DEFAULT NULL) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'canonical_address_wrapper';
COMMENT ON FUNCTION @extschema@.canonical_address(text, text, text, text) IS 'What compute_addr_hash() hashes, for people to look at';

CREATE FUNCTION @extschema@.normalizer_version() RETURNS integer
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'normalizer_version_wrapper';
COMMENT ON FUNCTION @extschema@.normalizer_version() IS 'Version of the canonical address; a hash never changes within one';

CREATE FUNCTION @extschema@.canonical_phone(phone text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'canonical_phone_wrapper';
COMMENT ON FUNCTION @extschema@.canonical_phone(text) IS 'E.164 (US when no country is given), or NULL';

CREATE FUNCTION @extschema@.canonical_email(email text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'canonical_email_wrapper';
COMMENT ON FUNCTION @extschema@.canonical_email(text) IS 'The e-mail address with its domain in lower-case ASCII, or NULL';

CREATE FUNCTION @extschema@.compute_query_sig(p_params jsonb) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'compute_query_sig_wrapper';
COMMENT ON FUNCTION @extschema@.compute_query_sig(jsonb) IS
    'SHA-256 of the canonical query: key order, list order and page-like keys do not matter';

CREATE FUNCTION @extschema@.contact_keys(phones jsonb[], emails jsonb[]) RETURNS text[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contact_keys_wrapper';
COMMENT ON FUNCTION @extschema@.contact_keys(jsonb[], jsonb[]) IS
    'The canonical phones and e-mails of a lead, as they are looked up, or NULL if it has none; an index depends on it';
