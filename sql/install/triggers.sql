CREATE FUNCTION @extschema@.leads_addr_hash() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'leads_addr_hash_wrapper';
COMMENT ON FUNCTION @extschema@.leads_addr_hash() IS 'Keeps leads.addr_hash in step with the address';

CREATE TRIGGER trg_leads_addr_hash
    BEFORE INSERT OR UPDATE OF addr_hash, address_line1, address_line2, property_address, property_city, property_state, property_zip
    ON @extschema@.leads
    FOR EACH ROW EXECUTE FUNCTION @extschema@.leads_addr_hash();

-- Opt-outs last. Each row is looked at when it is written and, against opt-outs that were being recorded at the same
-- time, when its transaction commits. A restore finds nothing to do: its rows carry their marks. The functions that fire
-- have no rights and no condition beside them, because a WHEN is read anew for every statement: they test the row
-- themselves, and few rows are any opt-out's business. What is, goes on to the functions with the owner's rights, because
-- writers of leads read neither secrets nor suppressions.
CREATE FUNCTION @extschema@.leads_opt_out() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'leads_opt_out_wrapper';
COMMENT ON FUNCTION @extschema@.leads_opt_out() IS
    'A lead that holds an opted-out value is born or becomes do_not_contact; a plain UPDATE cannot take that back';

CREATE FUNCTION @extschema@.leads_opt_out_look() RETURNS trigger
    LANGUAGE c SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'leads_opt_out_look_wrapper';
COMMENT ON FUNCTION @extschema@.leads_opt_out_look() IS 'What leads_opt_out() does with a row that may concern an opt-out';

CREATE FUNCTION @extschema@.leads_opt_out_at_commit() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'leads_opt_out_at_commit_wrapper';
COMMENT ON FUNCTION @extschema@.leads_opt_out_at_commit() IS
    'Heeds opt-outs that were recorded while the transaction ran, and lets the property of a suppressed lead be remembered';

CREATE FUNCTION @extschema@.leads_opt_out_settle() RETURNS trigger
    LANGUAGE c SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'leads_opt_out_settle_wrapper';
COMMENT ON FUNCTION @extschema@.leads_opt_out_settle() IS 'What leads_opt_out_at_commit() does with a row that needs it';

-- By name after trg_leads_addr_hash, whose result they need, and so with its columns. A touch (last_seen_at, updated_at)
-- fires none of them. The owner's columns and `custom` are named for users' own triggers, which may turn them into others.
CREATE TRIGGER trg_leads_opt_out_insert BEFORE INSERT ON @extschema@.leads
    FOR EACH ROW EXECUTE FUNCTION @extschema@.leads_opt_out();
CREATE TRIGGER trg_leads_opt_out_update
    BEFORE UPDATE OF custom, first_name, last_name, owner_full_name, owner_company, phones, emails, mak, vendor_record_id, source, apn, county_fips, status, suppressed_at, suppressed_reason,
        addr_hash, address_line1, address_line2, property_address, property_city, property_state, property_zip
    ON @extschema@.leads
    FOR EACH ROW EXECUTE FUNCTION @extschema@.leads_opt_out();
CREATE CONSTRAINT TRIGGER trg_leads_opt_out_inserted AFTER INSERT ON @extschema@.leads
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION @extschema@.leads_opt_out_at_commit();
CREATE CONSTRAINT TRIGGER trg_leads_opt_out_updated
    AFTER UPDATE OF custom, first_name, last_name, owner_full_name, owner_company, phones, emails, mak, vendor_record_id, source, apn, county_fips, suppressed_at,
        addr_hash, address_line1, address_line2, property_address, property_city, property_state, property_zip
    ON @extschema@.leads
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION @extschema@.leads_opt_out_at_commit();

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
