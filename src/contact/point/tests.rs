use proptest::prelude::*;
use serde_json::json;

use super::*;

const NUMBER: &str = "+16025550143";
const SEEN_AT: &str = "2025-10-08T12:00:00Z";

fn phone(text: &str) -> Contact {
    Contact::parse(Kind::Phone, text).expect("a phone number")
}

fn email(text: &str) -> Contact {
    Contact::parse(Kind::Email, text).expect("an e-mail address")
}

fn report(contact: Contact, source: &str) -> NewPoint {
    NewPoint {
        contact,
        source: source.into(),
        score: None,
        verified: false,
        phone_type: None,
        flags: Map::new(),
        seen_at: SEEN_AT.into(),
    }
}

fn flags(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn check(outcome: CheckOutcome) -> CheckResult<'static> {
    CheckResult {
        checked_by: "signalwire_lookup",
        outcome,
        result: "said so",
        phone_type: Some(PhoneType::Mobile),
        checked_at: "2025-11-01T00:00:00Z",
    }
}

#[test]
fn a_new_point_has_the_specified_shape() {
    let mut points = Vec::new();
    let new = NewPoint {
        score: Some(85.0),
        verified: true,
        phone_type: Some(PhoneType::Mobile),
        ..report(phone("602-555-0143"), "melissa")
    };
    assert_eq!(merge(&mut points, &new), Merged::Added(0));
    assert_eq!(
        points,
        [
            json!({"phone": NUMBER, "source": "melissa", "sources": ["melissa"], "score": 85,
               "verified": true, "type": "mobile", "added_at": SEEN_AT, "verified_at": SEEN_AT})
        ]
    );
    assert_eq!(merge(&mut points, &new), Merged::Same(0));
}

#[test]
fn another_spelling_from_another_vendor_is_the_same_point() {
    let mut points = vec![
        json!({"email": "Pat@Example.com", "source": "melissa", "score": 60,
        "verified": true, "added_at": "2025-01-01T00:00:00Z", "note": "user's own"}),
    ];
    let new = NewPoint {
        score: Some(75.0),
        ..report(email("pat@EXAMPLE.com"), "batchdata")
    };
    assert_eq!(merge(&mut points, &new), Merged::Changed(0));
    assert_eq!(
        points,
        [
            json!({"email": "Pat@example.com", "source": "melissa", "sources": ["melissa", "batchdata"],
               "score": 75, "verified": true, "added_at": "2025-01-01T00:00:00Z", "note": "user's own"})
        ]
    );
}

#[test]
fn a_known_score_type_or_flag_is_never_lost() {
    let mut points = vec![
        json!({"phone": "(602) 555-0143", "score": "85", "verified": "yes",
        "type": "Cell", "dnc": "Y", "tcpa": false, "litigator": true, "suppressed": true}),
    ];
    let new = NewPoint {
        score: Some(10.0),
        phone_type: Some(PhoneType::Landline),
        flags: flags(
            json!({"dnc": false, "TCPA": true, "litigator": null, "suppressed": "no", "phone": "x", "carrier": "c"}),
        ),
        ..report(phone(NUMBER), "batchdata")
    };
    merge(&mut points, &new);
    assert_eq!(
        points,
        [
            json!({"phone": NUMBER, "score": "85", "verified": "yes", "type": "Cell", "dnc": "Y",
            "tcpa": true, "litigator": true, "suppressed": true, "carrier": "c", "source": "batchdata",
            "sources": ["batchdata"], "added_at": SEEN_AT})
        ]
    );
}

#[test]
fn an_unknown_type_is_filled() {
    let mut points = vec![json!({"phone": NUMBER, "type": "unknown"})];
    let new = NewPoint {
        phone_type: Some(PhoneType::Voip),
        ..report(phone(NUMBER), "batchdata")
    };
    merge(&mut points, &new);
    assert_eq!(points[0]["type"], "voip");
}

#[test]
fn foreign_elements_are_left_alone() {
    let foreign = [
        json!(null),
        json!(7),
        json!("+16025550143"),
        json!([NUMBER]),
        json!({"phone": 6025550143u64}),
        json!({"email": NUMBER}),
        json!({"phone": "call the office"}),
    ];
    let mut points = foreign.to_vec();
    assert_eq!(
        merge(&mut points, &report(phone(NUMBER), "melissa")),
        Merged::Added(7)
    );
    record_check(&mut points, &phone(NUMBER), &check(CheckOutcome::Passed));
    suppress(&mut points, &phone(NUMBER));
    assert_eq!(points[..7], foreign);
    assert_eq!(read(Kind::Phone, &points).len(), 1);
}

#[test]
fn stored_copies_become_one_point_that_knows_what_any_knew() {
    let mut points = vec![
        json!({"phone": "602-555-0143", "score": 10}),
        json!({"phone": "+16025550199"}),
        json!({"phone": NUMBER, "dnc": true, "score": 20}),
    ];
    assert_eq!(
        merge(&mut points, &report(phone(NUMBER), "melissa")),
        Merged::Changed(0)
    );
    assert_eq!(points.len(), 2);
    assert_eq!(points[0]["dnc"], true);
    assert_eq!(points[0]["score"], 20);
    assert_eq!(points[1], json!({"phone": "+16025550199"}));
}

#[test]
fn two_leads_points_are_joined_without_doubles() {
    let mut points = vec![json!({"email": "pat@example.com", "source": "melissa", "score": 60})];
    let others = [
        json!({"email": "PAT@example.com", "source": "batchdata", "score": 90, "verified": true,
               "verified_by": "smtp_probe", "verified_at": SEEN_AT, "suppressed": true}),
        json!({"email": "sue@example.com", "source": "batchdata"}),
        json!("foreign"),
    ];
    assert!(merge_stored(Kind::Email, &mut points, &others));
    assert_eq!(
        points[0],
        json!({"email": "pat@example.com", "source": "melissa", "sources": ["melissa", "batchdata"],
               "score": 90, "verified": true, "verified_by": "smtp_probe", "verified_at": SEEN_AT, "suppressed": true})
    );
    assert_eq!(points[1..], others[1..]);
    assert!(!merge_stored(Kind::Email, &mut points, &others));
}

#[test]
fn a_passed_check_verifies_and_names_itself() {
    let mut points = vec![json!({"phone": NUMBER, "type": "landline"})];
    assert!(record_check(
        &mut points,
        &phone(NUMBER),
        &check(CheckOutcome::Passed)
    ));
    assert_eq!(
        points[0],
        json!({"phone": NUMBER, "type": "mobile", "verified": true, "check_result": "said so",
               "verified_at": "2025-11-01T00:00:00Z", "checked_at": "2025-11-01T00:00:00Z",
               "verified_by": "signalwire_lookup", "checked_by": "signalwire_lookup"})
    );
    assert!(!record_check(
        &mut points,
        &phone("+16025550199"),
        &check(CheckOutcome::Passed)
    ));
}

#[test]
fn a_failed_check_takes_back_only_what_a_check_gave() {
    let mut checked = vec![json!({"phone": NUMBER})];
    record_check(&mut checked, &phone(NUMBER), &check(CheckOutcome::Passed));
    record_check(&mut checked, &phone(NUMBER), &check(CheckOutcome::Failed));
    assert_eq!(checked[0]["verified"], false);
    assert!(checked[0].get("verified_by").is_none());
    assert!(checked[0].get("verified_at").is_none());

    let mut vouched = vec![json!({"phone": NUMBER, "verified": true})];
    record_check(&mut vouched, &phone(NUMBER), &check(CheckOutcome::Failed));
    assert_eq!(vouched[0]["verified"], true);
    assert_eq!(vouched[0]["check_result"], "said so");
}

#[test]
fn an_inconclusive_check_changes_no_verification() {
    for stored in [
        json!({"phone": NUMBER}),
        json!({"phone": NUMBER, "verified": true, "verified_by": "hlr_lookup"}),
    ] {
        let mut points = vec![stored.clone()];
        record_check(
            &mut points,
            &phone(NUMBER),
            &check(CheckOutcome::Inconclusive),
        );
        assert_eq!(points[0].get("verified"), stored.get("verified"));
        assert_eq!(points[0].get("verified_by"), stored.get("verified_by"));
    }
}

#[test]
fn an_opt_out_marks_every_copy_and_can_be_lifted() {
    let mut points = vec![
        json!({"email": "Pat@example.com"}),
        json!({"email": "pat@EXAMPLE.com", "suppressed": false}),
    ];
    let pat = email("pat@example.com");
    assert!(suppress(&mut points, &pat));
    assert!(points.iter().all(|point| point["suppressed"] == true));
    assert!(!suppress(&mut points, &pat));
    assert!(lift_suppression(&mut points, &pat));
    assert!(!lift_suppression(&mut points, &pat));
    assert!(points.iter().all(|point| point.get("suppressed").is_none()));
}

#[test]
fn the_best_point_to_verify_comes_first() {
    let points = [
        json!({"phone": "+16025550101", "score": 99, "DNC": true}),
        json!({"phone": "+16025550102", "score": 50, "type": "landline"}),
        json!({"phone": "+16025550103", "score": "80", "type": "landline"}),
        json!({"phone": "+16025550104", "score": 50, "type": "wireless"}),
        json!({"phone": "+16025550105"}),
    ];
    let order: Vec<usize> = best_first(read(Kind::Phone, &points))
        .iter()
        .map(|point| point.index)
        .collect();
    assert_eq!(order, [2, 3, 1, 4, 0]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9 +.@-]{0,12}".prop_map(Value::from),
        Just(Value::from(NUMBER)),
        Just(Value::from("2025-10-08T12:00:00Z")),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_element() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "phone",
        "email",
        "source",
        "sources",
        "score",
        "verified",
        "verified_by",
        "type",
        "dnc",
        "DNC",
        "suppressed",
        "added_at",
        "other",
    ]);
    let object = prop::collection::vec((key, any_json()), 0..8).prop_map(|members| {
        Value::Object(
            members
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    });
    prop_oneof![1 => any_json(), 4 => object]
}

prop_compose! {
    fn any_report()(
        line in 0..3u8,
        source in prop::sample::select(vec!["melissa", "batchdata", "user"]),
        score in prop::option::of(0..=100u8),
        verified in any::<bool>(),
        dnc in prop::option::of(any::<bool>()),
        suppressed in prop::option::of(any::<bool>()),
        phone_type in prop::option::of(prop::sample::select(vec![PhoneType::Mobile, PhoneType::Unknown])),
    ) -> NewPoint {
        let mut flags = Map::new();
        for (key, value) in [("dnc", dnc), ("suppressed", suppressed)] {
            if let Some(value) = value {
                flags.insert(key.into(), value.into());
            }
        }
        NewPoint {
            score: score.map(f64::from),
            verified,
            flags,
            phone_type,
            ..report(phone(&format!("602555014{line}")), source)
        }
    }
}

/// Per number: score, verified, dnc, suppressed; what must not depend on the order of reports.
fn essence(points: &[Value]) -> Vec<String> {
    let mut essence: Vec<String> = points
        .iter()
        .map(|p| {
            format!(
                "{} {} {} {} {}",
                p["phone"], p["score"], p["verified"], p["dnc"], p["suppressed"]
            )
        })
        .collect();
    essence.sort();
    essence
}

proptest! {
    #[test]
    fn reporting_twice_is_reporting_once(start in prop::collection::vec(any_element(), 0..4), new in any_report()) {
        let mut points = start;
        let first = merge(&mut points, &new);
        let once = points.clone();
        let again = merge(&mut points, &new);
        prop_assert_eq!(again, Merged::Same(first.index()));
        prop_assert_eq!(points, once);
    }

    #[test]
    fn the_order_of_reports_does_not_matter(reports in prop::collection::vec(any_report(), 1..6), turn in 0..6usize) {
        let mut turned = reports.clone();
        turned.rotate_left(turn % reports.len());
        turned.reverse();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for new in &reports { merge(&mut a, new); }
        for new in &turned { merge(&mut b, new); }
        prop_assert_eq!(essence(&a), essence(&b));
    }

    #[test]
    fn no_bar_and_no_verification_is_ever_lost(start in prop::collection::vec(any_element(), 0..4), new in any_report()) {
        let mut points = start.clone();
        merge(&mut points, &new);
        let after = read(Kind::Phone, &points);
        for before in read(Kind::Phone, &start) {
            let now = after.iter().find(|p| p.contact == before.contact).expect("no point is lost");
            prop_assert!(now.is_barred >= before.is_barred);
            prop_assert!(now.verified >= before.verified);
            prop_assert!(now.score.unwrap_or(f64::MIN) >= before.score.unwrap_or(f64::MIN));
        }
    }

    #[test]
    fn nothing_that_is_stored_panics(start in prop::collection::vec(any_element(), 0..4), others in prop::collection::vec(any_element(), 0..4)) {
        let mut points = start;
        merge_stored(Kind::Phone, &mut points, &others);
        merge_stored(Kind::Email, &mut points, &others);
        prop_assert!(!merge_stored(Kind::Phone, &mut points, &others));
        record_check(&mut points, &phone(NUMBER), &check(CheckOutcome::Failed));
        best_first(read(Kind::Phone, &points));
    }
}
