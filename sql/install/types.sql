-- The two life cycles of a lead. Values are the specification's; new ones may only be added at the end.
CREATE TYPE @extschema@.lead_status AS ENUM (
    'new', 'contacted', 'replied', 'qualified', 'appointment_set', 'showed', 'application', 'funded',
    'closed_lost', 'enriched', 'contactable', 'do_not_contact', 'needs_contact_info'
);
COMMENT ON TYPE @extschema@.lead_status IS 'Where a lead stands, from the pipeline (new, enriched, contactable, do_not_contact) to the sale';

CREATE TYPE @extschema@.campaign_status AS ENUM (
    'new', 'queued', 'active', 'sent', 'delivered', 'opened', 'clicked', 'replied', 'bounced',
    'unsubscribed', 'paused', 'completed', 'do_not_contact', 'converted'
);
COMMENT ON TYPE @extschema@.campaign_status IS 'What the campaign tool last said about a lead';
