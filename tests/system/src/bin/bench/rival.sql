-- The specification's helpers as one would write them in PL/pgSQL, on our own table with all its indexes and triggers.

CREATE SCHEMA rival;

CREATE FUNCTION rival.compute_addr_hash(line1 text, city text, state text, zip text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN encode(sha256(convert_to(
        lower(trim(coalesce(line1, ''))) || '|' || lower(trim(coalesce(city, ''))) || '|'
        || lower(trim(coalesce(state, ''))) || '|' || left(trim(coalesce(zip, '')), 5), 'UTF8')), 'hex');
END
$$;

CREATE FUNCTION rival.upsert_lead(
    p_source text, p_vendor_record_id text, p_vendor_list_id text, p_address_line1 text, p_address_line2 text, p_city text,
    p_state text, p_postal_code text, p_apn text, p_owner_first_name text, p_owner_last_name text, p_owner_full_name text,
    p_owner_company text, p_property_value numeric, p_estimated_equity numeric, p_age integer, p_mak text DEFAULT NULL
) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_hash text := rival.compute_addr_hash(p_address_line1, p_city, p_state, p_postal_code);
    v_id uuid;
BEGIN
    LOOP
        IF p_mak IS NOT NULL THEN
            SELECT id INTO v_id FROM leads WHERE mak = p_mak;
        END IF;
        IF v_id IS NULL THEN
            SELECT id INTO v_id FROM leads WHERE addr_hash = v_hash;
        END IF;
        IF v_id IS NULL AND p_vendor_record_id IS NOT NULL THEN
            SELECT id INTO v_id FROM leads WHERE source = p_source AND vendor_record_id = p_vendor_record_id;
        END IF;
        IF v_id IS NULL AND p_apn IS NOT NULL THEN
            SELECT id INTO v_id FROM leads WHERE apn = p_apn AND COALESCE(county_fips, '') = '';
        END IF;
        IF v_id IS NOT NULL THEN
            UPDATE leads SET
                last_seen_at = now(),
                updated_at = now(),
                vendor_list_id = COALESCE(vendor_list_id, p_vendor_list_id),
                first_name = COALESCE(first_name, p_owner_first_name),
                last_name = COALESCE(last_name, p_owner_last_name),
                owner_full_name = COALESCE(owner_full_name, p_owner_full_name),
                owner_company = COALESCE(owner_company, p_owner_company),
                mak = COALESCE(mak, p_mak),
                apn = COALESCE(apn, p_apn),
                property_value = COALESCE(p_property_value, property_value),
                estimated_equity = COALESCE(p_estimated_equity, estimated_equity),
                age = COALESCE(p_age, age)
            WHERE id = v_id;
            RETURN v_id;
        END IF;
        INSERT INTO leads (source, vendor_record_id, vendor_list_id, address_line1, address_line2, property_address, property_city,
                           property_state, property_zip, addr_hash, apn, mak, first_name, last_name, owner_full_name,
                           owner_company, property_value, estimated_equity, age)
        VALUES (p_source, p_vendor_record_id, p_vendor_list_id, p_address_line1, p_address_line2, p_address_line1, p_city,
                p_state, p_postal_code, v_hash, p_apn, p_mak, p_owner_first_name, p_owner_last_name, p_owner_full_name,
                p_owner_company, p_property_value, p_estimated_equity, p_age)
        ON CONFLICT DO NOTHING
        RETURNING id INTO v_id;
        IF v_id IS NOT NULL THEN
            RETURN v_id;
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION rival.merge_contact_point(
    p_lead_id uuid, p_kind text, p_value text, p_source text, p_score numeric, p_verified boolean, p_type text DEFAULT NULL
) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_points jsonb[];
    v_value text := lower(trim(p_value));
    v_new jsonb;
BEGIN
    SELECT CASE WHEN p_kind = 'phone' THEN phones ELSE emails END INTO v_points FROM leads WHERE id = p_lead_id FOR UPDATE;
    FOR i IN 1 .. COALESCE(array_length(v_points, 1), 0) LOOP
        IF v_points[i] ->> p_kind = v_value THEN
            v_new := v_points[i] || jsonb_build_object(
                'score', GREATEST((v_points[i] ->> 'score')::numeric, p_score),
                'verified', (v_points[i] ->> 'verified')::boolean OR p_verified);
            v_points[i] := v_new;
            EXIT;
        END IF;
    END LOOP;
    IF v_new IS NULL THEN
        v_new := jsonb_strip_nulls(jsonb_build_object(
            p_kind, v_value, 'source', p_source, 'score', p_score, 'verified', p_verified, 'type', p_type, 'added_at', now()));
        v_points := v_points || v_new;
    END IF;
    IF p_kind = 'phone' THEN
        UPDATE leads SET phones = v_points, updated_at = now() WHERE id = p_lead_id;
    ELSE
        UPDATE leads SET emails = v_points, updated_at = now() WHERE id = p_lead_id;
    END IF;
    RETURN v_new;
END
$$;

CREATE FUNCTION rival.compute_quality_score(p_lead_id uuid) RETURNS integer
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    v_lead leads%ROWTYPE;
    v_score integer := 0;
BEGIN
    SELECT * INTO v_lead FROM leads WHERE id = p_lead_id;
    IF EXISTS (SELECT FROM unnest(v_lead.emails) e WHERE (e ->> 'verified')::boolean) THEN
        v_score := v_score + 40;
    END IF;
    IF EXISTS (SELECT FROM unnest(v_lead.phones) p WHERE (p ->> 'verified')::boolean AND p ->> 'type' IN ('mobile', 'voip')) THEN
        v_score := v_score + 30;
    END IF;
    IF v_lead.mak IS NOT NULL AND v_lead.apn IS NOT NULL THEN
        v_score := v_score + 10;
    END IF;
    IF v_lead.owner_occupied THEN
        v_score := v_score + 10;
    END IF;
    IF v_lead.age >= 62 AND v_lead.property_value >= 100000 AND v_lead.estimated_equity > 0 THEN
        v_score := v_score + 10;
    END IF;
    RETURN v_score;
END
$$;

CREATE FUNCTION rival.update_lead_status_from_score(p_lead_id uuid) RETURNS lead_status
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_score integer := rival.compute_quality_score(p_lead_id);
    v_status lead_status := CASE WHEN v_score >= 60 THEN 'contactable' WHEN v_score >= 40 THEN 'enriched' ELSE 'do_not_contact' END;
BEGIN
    UPDATE leads SET quality_score = v_score, status = v_status, updated_at = now() WHERE id = p_lead_id;
    RETURN v_status;
END
$$;

CREATE FUNCTION rival.update_lead_statuses(p_lead_ids uuid[]) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_id uuid;
BEGIN
    FOREACH v_id IN ARRAY p_lead_ids LOOP
        PERFORM rival.update_lead_status_from_score(v_id);
    END LOOP;
    RETURN cardinality(p_lead_ids);
END
$$;
