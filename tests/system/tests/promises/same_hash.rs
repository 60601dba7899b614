//! The hash of an address is the same bytes in every database: it is a key, and databases are restored into others.

use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::{Outcome, ensure};

/// In each of these encodings.
const EVERYWHERE: &str = "SELECT string_agg(concat_ws('=', compute_addr_hash(a, c, 'ca', '90028'), canonical_address(a, c, 'ca', '90028')), E'\\n' ORDER BY n)
    FROM (VALUES (1, '123 NORTH Main Street Apt 4', 'LOS ANGELES'), (2, '12 iIi Ave', 'Islip'), (3, E'5 Stra\\u00DFe Rd', E'\\u00CEle'),
                 (4, E'77 Pe\\u00F1asquitos Dr', E'San Jos\\u00E9'), (5, E'9 \\u00BD Elm St', 'Mesa')) t (n, a, c)";

#[test]
fn an_address_has_the_same_hash_in_every_encoding_and_locale() -> Outcome {
    let mut pipeline = Pipeline::bare(Plan::new(1, 1))?;
    let mut hashes: Vec<(&str, String)> = Vec::new();
    for (name, shape) in [
        ("plain", "ENCODING 'UTF8' LOCALE 'C'"),
        ("utf8", "ENCODING 'UTF8' LOCALE 'C.UTF-8'"),
        (
            "turkish",
            "ENCODING 'UTF8' LOCALE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'",
        ),
        ("latin1", "ENCODING 'LATIN1' LOCALE 'C'"),
        ("anything", "ENCODING 'SQL_ASCII' LOCALE 'C'"),
    ] {
        pipeline.db.run(&format!(
            "CREATE DATABASE {name} TEMPLATE template0 {shape}"
        ))?;
        let mut db = pipeline.cluster.connect_to(name)?;
        db.run("CREATE EXTENSION equity_connect")?;
        // A literal with escapes of Unicode is not for a database without an encoding: there the bytes are given.
        let question = match name {
            "anything" => EVERYWHERE
                .replace("\\u00DF", "\\xC3\\x9F")
                .replace("\\u00CE", "\\xC3\\x8E")
                .replace("\\u00F1", "\\xC3\\xB1")
                .replace("\\u00E9", "\\xC3\\xA9")
                .replace("\\u00BD", "\\xC2\\xBD"),
            _ => EVERYWHERE.to_string(),
        };
        hashes.push((name, db.one(&question)?));
        // The trigger reads rows in the same way.
        let stored: bool = db.one(
            "WITH stored AS (INSERT INTO leads (address_line1, property_city, property_state, property_zip)
                 SELECT a, 'Mesa', 'AZ', '85201' FROM (VALUES ('5 Pe' || CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'n' ELSE chr(241) END || 'a St')) t (a) RETURNING addr_hash, address_line1)
             SELECT addr_hash = compute_addr_hash(address_line1, 'Mesa', 'AZ', '85201') FROM stored",
        )?;
        ensure(stored, format!("{name}: the trigger hashes otherwise"))?;
        // In LATIN1 the bytes of this name are those of another one in UTF-8.
        let owner = match name {
            "anything" => "E'Jos\\xC3\\x83\\xC2\\xA9'",
            _ => "E'Jos\\u00C3\\u00A9'",
        };
        for _ in 0..2 {
            db.run(&format!(
                "SELECT FROM upsert_leads('list', jsonb_build_array(jsonb_build_object('vendor_record_id', 'v1', 'owner_first_name', {owner})))"
            ))?;
        }
        let is_kept: bool = db.one(&format!(
            "SELECT bool_and(first_name = {owner}) AND count(*) = 1 FROM leads WHERE vendor_record_id = 'v1'"
        ))?;
        ensure(is_kept, format!("{name}: a name is stored as another"))?;
    }
    let (_, first) = &hashes[0];
    for (name, others) in &hashes {
        ensure(
            others == first,
            format!("{name} hashes otherwise:\n{others}\n{first}"),
        )?;
    }
    Ok(())
}
