use super::*;
use serde_json::json;

const ALL: [Source; 4] = [
    Source {
        product: Product::Melissa,
        role: Role::Enriches,
    },
    Source {
        product: Product::BatchdataSkipTrace,
        role: Role::Enriches,
    },
    Source {
        product: Product::InstantlyVerify,
        role: Role::Verifies(Kind::Email),
    },
    Source {
        product: Product::SignalwireLookup,
        role: Role::Verifies(Kind::Phone),
    },
];

struct Lead {
    phones: Vec<Value>,
    emails: Vec<Value>,
    has_mak: bool,
    owner_occupied: Option<bool>,
    demographics: bool,
    is_closed: bool,
    purchases: Vec<Purchase>,
    goal: Goal,
}

impl Default for Lead {
    fn default() -> Self {
        Self {
            phones: vec![],
            emails: vec![],
            has_mak: false,
            owner_occupied: Some(true),
            demographics: true,
            is_closed: false,
            purchases: vec![],
            goal: Goal::Contactable,
        }
    }
}

impl Lead {
    fn step(&self, sources: &[Source]) -> Step {
        next_step(&Situation {
            scored: Scored {
                phones: &self.phones,
                emails: &self.emails,
                has_mak: self.has_mak,
                has_apn: true,
                owner_occupied: self.owner_occupied,
                age: self.demographics.then_some(70),
                property_value: self.demographics.then(|| 500_000.into()),
                estimated_equity: self.demographics.then(|| 200_000.into()),
            },
            is_closed: self.is_closed,
            has_address: true,
            purchases: &self.purchases,
            sources,
            goal: self.goal,
            map: None,
        })
    }
}

fn bought(product: Product, value: Option<&str>) -> Purchase {
    Purchase {
        product,
        value: value.map(str::to_string),
        stage: PurchaseStage::Done,
        generation: 1,
        is_fresh: true,
    }
}

fn email(address: &str, verified: bool) -> Value {
    json!({"email": address, "verified": verified})
}

fn phone(number: &str, kind: &str) -> Value {
    json!({"phone": number, "verified": false, "type": kind})
}

#[test]
fn the_cheap_source_comes_first() {
    assert_eq!(
        Lead::default().step(&ALL),
        Step::Enrich {
            product: Product::Melissa,
            generation: 1
        }
    );
}

#[test]
fn what_is_there_is_verified_before_the_dear_source_is_asked() {
    let lead = Lead {
        emails: vec![email("pat@example.com", false)],
        purchases: vec![bought(Product::Melissa, None)],
        ..Lead::default()
    };
    let expected = Step::Verify {
        product: Product::InstantlyVerify,
        kind: Kind::Email,
        value: "pat@example.com".into(),
        generation: 1,
    };
    assert_eq!(lead.step(&ALL), expected);
}

#[test]
fn a_contactable_lead_costs_nothing_more() {
    let lead = Lead {
        emails: vec![email("pat@example.com", true)],
        purchases: vec![bought(Product::Melissa, None)],
        ..Lead::default()
    };
    assert_eq!(lead.step(&ALL), Step::Done);
}

#[test]
fn the_dear_source_is_asked_when_the_points_there_cannot_reach_the_goal() {
    let lead = Lead {
        demographics: false,
        owner_occupied: Some(false),
        phones: vec![phone("+16025550143", "mobile")],
        purchases: vec![bought(Product::Melissa, None)],
        ..Lead::default()
    };
    // Verifying the phone alone leads from 0 to 30 points: still do_not_contact.
    assert_eq!(
        lead.step(&ALL),
        Step::Enrich {
            product: Product::BatchdataSkipTrace,
            generation: 1
        }
    );
}

#[test]
fn a_failed_check_is_not_bought_again() {
    let lead = Lead {
        emails: vec![
            json!({"email": "pat@example.com", "verified": false, "check_result": "invalid"}),
        ],
        purchases: vec![
            bought(Product::Melissa, None),
            bought(Product::BatchdataSkipTrace, None),
            bought(Product::InstantlyVerify, Some("pat@example.com")),
        ],
        ..Lead::default()
    };
    assert_eq!(lead.step(&ALL), Step::Done);
}

#[test]
fn landlines_and_barred_points_are_not_verified() {
    let lead = Lead {
        phones: vec![
            phone("+16025550143", "landline"),
            json!({"phone": "+16025550144", "type": "mobile", "dnc": true}),
        ],
        emails: vec![json!({"email": "pat@example.com", "suppressed": true})],
        purchases: vec![
            bought(Product::Melissa, None),
            bought(Product::BatchdataSkipTrace, None),
        ],
        ..Lead::default()
    };
    assert_eq!(lead.step(&ALL), Step::Done);
}

#[test]
fn nothing_is_bought_that_no_verifier_could_turn_into_points() {
    let only_sources = &ALL[..2];
    let lead = Lead {
        has_mak: true,
        ..Lead::default()
    };
    assert_eq!(lead.step(only_sources), Step::Done);
}

#[test]
fn closed_leads_and_open_purchases_stop_the_waterfall() {
    assert_eq!(
        Lead {
            is_closed: true,
            ..Lead::default()
        }
        .step(&ALL),
        Step::Done
    );
    let open = |stage| Lead {
        purchases: vec![Purchase {
            stage,
            ..bought(Product::Melissa, None)
        }],
        ..Lead::default()
    };
    assert_eq!(
        open(PurchaseStage::UnderWay).step(&ALL),
        Step::WaitForPurchase
    );
    assert_eq!(open(PurchaseStage::InDoubt).step(&ALL), Step::WaitForDoubt);
}

#[test]
fn a_stale_answer_is_bought_again_as_the_next_generation() {
    let lead = Lead {
        purchases: vec![Purchase {
            is_fresh: false,
            ..bought(Product::Melissa, None)
        }],
        ..Lead::default()
    };
    assert_eq!(
        lead.step(&ALL),
        Step::Enrich {
            product: Product::Melissa,
            generation: 2
        }
    );
}

#[test]
fn the_complete_goal_buys_and_verifies_everything() {
    let lead = Lead {
        goal: Goal::Complete,
        emails: vec![
            email("pat@example.com", true),
            email("sam@example.com", false),
        ],
        purchases: vec![bought(Product::Melissa, None)],
        ..Lead::default()
    };
    assert!(matches!(lead.step(&ALL), Step::Verify { value, .. } if value == "sam@example.com"));
    let rest = Lead {
        emails: vec![email("pat@example.com", true)],
        ..lead
    };
    assert_eq!(
        rest.step(&ALL),
        Step::Enrich {
            product: Product::BatchdataSkipTrace,
            generation: 1
        }
    );
}
