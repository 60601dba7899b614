//! A server with the extension, the rivals, and made-up records to work on.

use equity_system_tests::Outcome;
use equity_system_tests::pipeline::{Pipeline, Plan};

const RIVALS: &str = include_str!("rival.sql");

/// The records hold what the specification's call of `upsert_lead` passes.
const RECORDS: &str = "
CREATE TABLE records AS
SELECT n, 'batchdata' AS source, 'batch-' || n AS vendor_record_id, 'hollywood-pull-' || n / 500 AS vendor_list_id,
       1 + n % 9973 || ' ' || (ARRAY['N ', 'S ', 'East ', 'West ', ''])[1 + n % 5]
           || (ARRAY['Sunset', 'Orange Grove', 'Martin Luther King', 'Oak', 'La Brea', 'Saint Andrews', 'Twenty-Third'])[1 + n / 9973 % 7]
           || (ARRAY[' Blvd', ' Avenue', ' St', ' Street', ' Dr.', ' Lane', ' Ct', ' Place', ' Way', ' Rd', ' Terrace'])[1 + n / 69811 % 11]
           || CASE WHEN n % 11 = 0 THEN ' Apt ' || n % 40 ELSE '' END AS address_line1,
       'Los Angeles' AS city, 'CA' AS state, (90001 + n % 89)::text AS postal_code, '5544-' || n AS apn,
       'John' AS first_name, 'Smith' || n % 1000 AS last_name, 'John Smith' || n % 1000 AS full_name,
       (300000 + n % 700000)::numeric AS property_value, (n % 400000)::numeric AS estimated_equity, 40 + n % 50 AS age
FROM generate_series(1, {count}) n;
ALTER TABLE records ADD PRIMARY KEY (n), ADD addr_hash text, ADD record jsonb;
UPDATE records SET
    addr_hash = compute_addr_hash(address_line1, city, state, postal_code),
    record = jsonb_build_object(
        'vendor_record_id', vendor_record_id, 'vendor_list_id', vendor_list_id, 'address_line1', address_line1, 'city', city,
        'state', state, 'postal_code', postal_code, 'apn', apn, 'owner_first_name', first_name, 'owner_last_name', last_name,
        'owner_full_name', full_name, 'property_value', property_value, 'estimated_equity', estimated_equity, 'age', age);
VACUUM ANALYZE records;";

/// Starts a server with `count` records in the table `records`.
pub fn set(count: usize) -> Outcome<Pipeline> {
    let mut pipeline = Pipeline::bare(
        Plan::new(1, 1)
            .setting("shared_buffers", "512MB")
            .setting("synchronous_commit", "off")
            .setting("max_wal_size", "8GB")
            .setting("checkpoint_timeout", "30min")
            .setting("max_parallel_workers_per_gather", "0")
            .setting("autovacuum", "off"),
    )?;
    pipeline.install()?;
    for statement in RECORDS.replace("{count}", &count.to_string()).split(";\n") {
        pipeline.db.run(statement)?;
    }
    pipeline.db.run(RIVALS)?;
    Ok(pipeline)
}
