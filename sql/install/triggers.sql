CREATE FUNCTION @extschema@.leads_addr_hash() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'leads_addr_hash_wrapper';
COMMENT ON FUNCTION @extschema@.leads_addr_hash() IS 'Keeps leads.addr_hash in step with the address';

CREATE TRIGGER trg_leads_addr_hash
    BEFORE INSERT OR UPDATE OF addr_hash, address_line1, address_line2, property_address, property_city, property_state, property_zip
    ON @extschema@.leads
    FOR EACH ROW EXECUTE FUNCTION @extschema@.leads_addr_hash();

-- Rows that CREATE EXTENSION makes (vendors, the hash key, the worker's row) give way to the same rows out of
-- a dump, so that a restore brings back what the user had set.
CREATE FUNCTION @extschema@.give_way_to_restored_row() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    EXECUTE pg_catalog.format('DELETE FROM %I.%I WHERE %I = ($1).%I', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_ARGV[0], TG_ARGV[0]) USING NEW;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.give_way_to_restored_row() IS 'An inserted row replaces the installed one of the same key';

CREATE TRIGGER trg_vendors_restore BEFORE INSERT ON @extschema@.vendors
    FOR EACH ROW EXECUTE FUNCTION @extschema@.give_way_to_restored_row('name');
CREATE TRIGGER trg_secrets_restore BEFORE INSERT ON @extschema@.secrets
    FOR EACH ROW EXECUTE FUNCTION @extschema@.give_way_to_restored_row('name');
CREATE TRIGGER trg_worker_state_restore BEFORE INSERT ON @extschema@.worker_state
    FOR EACH ROW EXECUTE FUNCTION @extschema@.give_way_to_restored_row('only_row');

-- A vendor enabled, resumed or re-priced is news for the worker.
CREATE FUNCTION @extschema@.wake_worker() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'wake_worker_wrapper';
COMMENT ON FUNCTION @extschema@.wake_worker() IS 'Wakes the worker when the transaction commits';

CREATE TRIGGER trg_vendors_wake AFTER UPDATE ON @extschema@.vendors
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.wake_worker();
