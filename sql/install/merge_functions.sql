-- Merging leads. These run with the owner's rights, because a merge touches the ledger, the jobs and the lineage; EXECUTE
-- is all the right there is, and PUBLIC does not have it. None of them spends, and none of them lifts an opt-out.

CREATE FUNCTION @extschema@.merge_leads(p_keep uuid, p_fold uuid, p_reason text) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'merge_leads_wrapper';
COMMENT ON FUNCTION @extschema@.merge_leads IS
    'Folds a lead into another that is the same property; its id and its keys lead to the survivor from then on. Returns the number of the merge';
REVOKE ALL ON FUNCTION @extschema@.merge_leads FROM PUBLIC;

CREATE FUNCTION @extschema@.unmerge_leads(p_merge_id bigint) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS 'MODULE_PATHNAME', 'unmerge_leads_wrapper';
COMMENT ON FUNCTION @extschema@.unmerge_leads IS
    'Undoes a merge: both leads have what they had, and what changed on the survivor since stays; opt-outs stay on both. Returns the lead that is back';
REVOKE ALL ON FUNCTION @extschema@.unmerge_leads FROM PUBLIC;
