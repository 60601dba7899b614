-- Nothing is granted on tables. Trigger and maintenance functions are not for callers.
REVOKE ALL ON FUNCTION @extschema@.give_way_to_restored_row() FROM PUBLIC;
