//! Two leads that are one property, and what tests of merging ask of them.

use super::*;

/// These tests write the same keys in different orders: one at a time.
pub fn alone() {
    run("SELECT pg_advisory_xact_lock(9001)");
}

/// A lead's row without the clock, as text.
pub fn row(id: Uuid) -> String {
    one(&format!(
        "SELECT COALESCE((SELECT (to_jsonb(l) - 'updated_at')::text FROM leads l WHERE id = '{id}'), 'gone')"
    ))
    .unwrap()
}

pub fn merge(keep: Uuid, fold: Uuid) -> i64 {
    one(&format!("SELECT merge_leads('{keep}', '{fold}', 'test')")).unwrap()
}

pub fn unmerge(id: i64) -> Option<Uuid> {
    one(&format!("SELECT unmerge_leads({id})"))
}

pub fn field(id: Uuid, expression: &str) -> String {
    one(&format!(
        "SELECT COALESCE((SELECT COALESCE(({expression})::text, 'NULL') FROM leads WHERE id = '{id}'), 'gone')"
    ))
    .unwrap()
}

pub fn count(from: &str) -> i64 {
    one(&format!("SELECT count(*) FROM {from}")).unwrap()
}

/// A lead with an address, and one with a mak, a parcel and more than JSON's numbers can hold.
pub fn two() -> (Uuid, Uuid) {
    let a = lead(9001);
    run(&format!(
        "UPDATE leads SET custom = '{{\"crm\": 7, \"both\": \"a\"}}', first_name = 'Pat', property_value = 400000 WHERE id = '{a}'"
    ));
    run(&format!(
        "SELECT merge_contact_point('{a}', 'phone', '6025550101', 'melissa', 80), merge_contact_point('{a}', 'email', 'pat@example.com', 'melissa', 70)"
    ));
    let b: Uuid = one(
        "SELECT upsert_lead('other', 'x1', p_mak := '1234567890', p_apn := 'A-1', p_county_fips := '04013', p_owner_first_name := 'Pat', p_owner_last_name := 'Doe', p_estimated_equity := 123456789.123456789123456789, p_custom := '{\"both\": \"b\"}')",
    )
    .unwrap();
    run(&format!(
        "SELECT merge_contact_point('{b}', 'phone', '6025550101', 'batchdata', 90, true, 'mobile'), merge_contact_point('{b}', 'phone', '6025550102', 'batchdata')"
    ));
    run(&format!(
        "UPDATE leads SET custom = custom || '{{\"big\": 12345678901234567890.123456789}}' WHERE id = '{b}'"
    ));
    (a, b)
}
