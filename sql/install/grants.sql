-- Nothing is granted on tables. Trigger and maintenance functions are not for callers.
REVOKE ALL ON FUNCTION @extschema@.give_way_to_restored_row() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.leads_opt_out() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.leads_opt_out_look() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.leads_opt_out_at_commit() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.leads_opt_out_settle() FROM PUBLIC;
