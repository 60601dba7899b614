-- What was folded into a lead is looked at once more when the merge, or its undoing, commits: an opt-out of its property
-- may have come meanwhile, and the row itself is gone. A restore finds nothing to do: its leads carry their marks.
CREATE FUNCTION @extschema@.lead_merges_opt_out_at_commit() RETURNS trigger
    LANGUAGE c SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'lead_merges_opt_out_at_commit_wrapper';
COMMENT ON FUNCTION @extschema@.lead_merges_opt_out_at_commit() IS
    'Heeds opt-outs of a folded property that were recorded while the merge ran';
REVOKE ALL ON FUNCTION @extschema@.lead_merges_opt_out_at_commit() FROM PUBLIC;

CREATE CONSTRAINT TRIGGER trg_lead_merges_opt_out AFTER INSERT OR UPDATE OF unmerged_at ON @extschema@.lead_merges
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION @extschema@.lead_merges_opt_out_at_commit();
