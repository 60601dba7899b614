-- What is news for the worker's campaign stage: a campaign to feed, an opt-out after the hand-out.

CREATE TRIGGER trg_campaigns_wake AFTER INSERT OR UPDATE ON @extschema@.campaigns
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.wake_worker();

CREATE TRIGGER trg_campaign_handouts_wake AFTER UPDATE OF recall_asked_at ON @extschema@.campaign_handouts
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.wake_worker();
