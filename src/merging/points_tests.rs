use serde_json::json;

use super::*;

#[test]
fn what_was_removed_stays_removed() {
    let own = [
        json!({"phone": "+16025550101"}),
        json!({"phone": "+16025550102"}),
    ];
    let now = [json!({"phone": "+16025550102"})];
    assert_eq!(given_back(Kind::Phone, &own, &own, &now), now);
}

#[test]
fn an_opt_out_of_a_number_stays_on_both_copies() {
    let own = [json!({"phone": "602-555-0101", "verified": true})];
    let after = [json!({"phone": "+16025550101", "verified": true})];
    let now = [json!({"phone": "+16025550101", "verified": true, "suppressed": true})];
    let back = given_back(Kind::Phone, &own, &after, &now);
    assert_eq!(
        back,
        [json!({"phone": "602-555-0101", "verified": true, "suppressed": true})]
    );
    assert!(gained(Kind::Phone, &after, &now).is_empty());
}

#[test]
fn foreign_elements_go_back_too() {
    let own = [json!("a note"), json!({"fax": 1})];
    let now = [
        json!("a note"),
        json!({"fax": 1}),
        json!({"phone": "+16025550101"}),
    ];
    assert_eq!(given_back(Kind::Phone, &own, &own, &now), own);
    assert_eq!(gained(Kind::Phone, &own, &now), now[2..]);
}
