//! The quality score: how reachable a lead is, 0 to 100, and what follows from it.
//!
//! Points and thresholds are the user's specification ("Quality Scoring System") and stand in one
//! table here; nothing else in the project knows a number of them. A contact point that must not be
//! used (dnc, tcpa, litigator, suppressed) earns nothing, verified or not: the score says whether a
//! campaign may reach the owner.

mod reach;

use std::convert::Infallible;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

pub use self::reach::Reach;
use crate::contact::{Kind, PhoneType, flag, point};

/// A reason to earn points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A verified e-mail address.
    VerifiedEmail,
    /// A verified phone that is mobile or VoIP.
    VerifiedPhone,
    /// Both property keys are known: MAK and APN.
    PropertyKeys,
    /// The owner lives there.
    OwnerOccupied,
    /// Age, value and equity fit the product.
    Demographics,
}

/// What each part earns.
const POINTS: [(Part, i32); 5] = [
    (Part::VerifiedEmail, 40),
    (Part::VerifiedPhone, 30),
    (Part::PropertyKeys, 10),
    (Part::OwnerOccupied, 10),
    (Part::Demographics, 10),
];

/// How old an owner is at least.
pub const LEAST_AGE: i32 = 62;
/// What a property is worth at least.
pub const LEAST_DOLLARS: u32 = 100_000;
const LEAST_PROPERTY_VALUE: Decimal = Decimal::from_parts(LEAST_DOLLARS, 0, 0, false, 0);

/// From this score on a lead is contactable.
pub const CONTACTABLE_FROM: i32 = 60;
/// From this score on a lead is worth a second pass.
pub const ENRICHED_FROM: i32 = 40;

/// What the score of a lead depends on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scored<'a> {
    /// The stored phone points.
    pub phones: &'a [Value],
    /// The stored e-mail points.
    pub emails: &'a [Value],
    /// Whether the Melissa address key is known.
    pub has_mak: bool,
    /// Whether the parcel number is known.
    pub has_apn: bool,
    /// Whether the owner lives there.
    pub owner_occupied: Option<bool>,
    /// The owner's age in years.
    pub age: Option<i32>,
    /// Dollars.
    pub property_value: Option<Decimal>,
    /// Dollars.
    pub estimated_equity: Option<Decimal>,
}

/// Which parts of the score a lead has earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Parts {
    earned: [bool; POINTS.len()],
}

impl Parts {
    /// Those for which `is_earned` says so.
    pub fn earned<E>(mut is_earned: impl FnMut(Part) -> Result<bool, E>) -> Result<Self, E> {
        let mut parts = Self::default();
        for ((part, _), earned) in POINTS.iter().zip(&mut parts.earned) {
            *earned = is_earned(*part)?;
        }
        Ok(parts)
    }

    /// Whether this part is earned.
    pub fn has(self, part: Part) -> bool {
        POINTS
            .iter()
            .zip(self.earned)
            .any(|((listed, _), is_earned)| *listed == part && is_earned)
    }

    /// The same parts and this one: "what if an e-mail were verified?"
    pub fn with(mut self, part: Part) -> Self {
        for ((listed, _), is_earned) in POINTS.iter().zip(&mut self.earned) {
            *is_earned |= *listed == part;
        }
        self
    }

    /// The score, 0 to 100.
    pub fn score(self) -> i32 {
        POINTS
            .iter()
            .zip(self.earned)
            .filter(|(_, is_earned)| *is_earned)
            .map(|((_, points), _)| points)
            .sum()
    }
}

/// The quality score of a lead, 0 to 100.
pub fn quality_score(lead: &Scored<'_>) -> i32 {
    breakdown(lead).score()
}

/// Which parts of the score are earned.
pub fn breakdown(lead: &Scored<'_>) -> Parts {
    let Ok(parts) = Parts::earned(|part| Ok::<bool, Infallible>(is_earned(part, lead)));
    parts
}

fn is_earned(part: Part, lead: &Scored<'_>) -> bool {
    match part {
        Part::VerifiedEmail => is_reached(Kind::Email, lead.emails),
        Part::VerifiedPhone => is_reached(Kind::Phone, lead.phones),
        Part::PropertyKeys => lead.has_mak && lead.has_apn,
        Part::OwnerOccupied => lead.owner_occupied == Some(true),
        Part::Demographics => {
            lead.age.is_some_and(|age| age >= LEAST_AGE)
                && lead
                    .property_value
                    .is_some_and(|value| value >= LEAST_PROPERTY_VALUE)
                && lead
                    .estimated_equity
                    .is_some_and(|equity| equity > Decimal::ZERO)
        }
    }
}

/// Does one of the stored points earn what its kind is worth?
pub fn is_reached(kind: Kind, points: &[Value]) -> bool {
    usable(kind, points)
        .any(|point| kind == Kind::Email || takes_messages(point::stored_type(point)))
}

fn takes_messages(line: PhoneType) -> bool {
    matches!(line, PhoneType::Mobile | PhoneType::Voip)
}

/// Stored points that are verified and may be used.
fn usable(kind: Kind, points: &[Value]) -> impl Iterator<Item = &Map<String, Value>> {
    points
        .iter()
        .filter_map(Value::as_object)
        .filter(move |point| {
            let value = point.get(kind.as_str()).and_then(Value::as_str);
            value.is_some_and(|value| !value.trim().is_empty())
                && flag::is_claimed(point.get("verified"))
                && !point::is_barred(point)
        })
}

/// Where a lead goes with its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// Ready for campaigns.
    Contactable,
    /// Held for a second pass.
    Enriched,
    /// Not to be contacted.
    DoNotContact,
}

impl Route {
    /// Higher is better.
    pub fn rank(self) -> u8 {
        match self {
            Route::DoNotContact => 0,
            Route::Enriched => 1,
            Route::Contactable => 2,
        }
    }

    /// The value of `lead_status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Route::Contactable => "contactable",
            Route::Enriched => "enriched",
            Route::DoNotContact => "do_not_contact",
        }
    }
}

/// Where a score leads.
pub fn route(score: i32) -> Route {
    if score >= CONTACTABLE_FROM {
        Route::Contactable
    } else if score >= ENRICHED_FROM {
        Route::Enriched
    } else {
        Route::DoNotContact
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn email_score(point: Value) -> i32 {
        quality_score(&Scored {
            emails: &[point],
            ..Scored::default()
        })
    }

    fn phone_score(point: Value) -> i32 {
        quality_score(&Scored {
            phones: &[point],
            ..Scored::default()
        })
    }

    #[test]
    fn each_part_earns_what_the_specification_says() {
        let none = Scored::default();
        assert_eq!(quality_score(&none), 0);
        assert_eq!(
            email_score(json!({"email": "pat@example.com", "verified": true})),
            40
        );
        for phone_type in ["mobile", "voip", "Wireless"] {
            let phone = json!({"phone": "+16025550143", "verified": true, "type": phone_type});
            assert_eq!(phone_score(phone), 30);
        }
        let keys = Scored {
            has_mak: true,
            has_apn: true,
            ..none
        };
        assert_eq!(quality_score(&keys), 10);
        assert_eq!(
            quality_score(&Scored {
                has_apn: false,
                ..keys
            }),
            0
        );
        let occupied = Scored {
            owner_occupied: Some(true),
            ..none
        };
        assert_eq!(quality_score(&occupied), 10);
    }

    #[test]
    fn everything_together_is_a_hundred() {
        let lead = Scored {
            phones: &[
                json!({"phone": "+16025550143", "verified": true, "type": "mobile"}),
                json!({"phone": "+16025550144", "verified": true, "type": "voip"}),
            ],
            emails: &[json!({"email": "pat@example.com", "verified": true})],
            has_mak: true,
            has_apn: true,
            owner_occupied: Some(true),
            age: Some(62),
            property_value: Some(Decimal::from(100_000)),
            estimated_equity: Some(Decimal::new(1, 2)),
        };
        assert_eq!(quality_score(&lead), 100);
    }

    #[test]
    fn demographics_need_all_three_at_their_thresholds() {
        let fit = Scored {
            age: Some(62),
            property_value: Some(Decimal::from(100_000)),
            estimated_equity: Some(Decimal::ONE),
            ..Scored::default()
        };
        assert_eq!(quality_score(&fit), 10);
        for unfit in [
            Scored {
                age: Some(61),
                ..fit
            },
            Scored { age: None, ..fit },
            Scored {
                property_value: Some(Decimal::new(9_999_999, 2)),
                ..fit
            },
            Scored {
                estimated_equity: Some(Decimal::ZERO),
                ..fit
            },
            Scored {
                estimated_equity: None,
                ..fit
            },
        ] {
            assert_eq!(quality_score(&unfit), 0, "{unfit:?}");
        }
    }

    #[test]
    fn a_point_that_must_not_be_used_earns_nothing() {
        for bar in ["dnc", "tcpa", "litigator", "suppressed", "DNC"] {
            let mut phone = json!({"phone": "+16025550143", "verified": true, "type": "mobile"});
            phone[bar] = json!(true);
            assert_eq!(phone_score(phone.clone()), 0, "{bar}");
            phone[bar] = json!(false);
            assert_eq!(phone_score(phone), 30, "{bar}");
        }
        assert_eq!(
            email_score(json!({"email": "pat@example.com", "verified": true, "suppressed": true})),
            0
        );
    }

    #[test]
    fn an_unverified_wrong_or_malformed_point_earns_nothing() {
        for point in [
            json!(null),
            json!("pat@example.com"),
            json!({"email": "pat@example.com"}),
            json!({"email": "pat@example.com", "verified": "perhaps"}),
            json!({"email": " ", "verified": true}),
            json!({"phone": "pat@example.com", "verified": true}),
        ] {
            assert_eq!(email_score(point.clone()), 0, "{point}");
        }
        for phone_type in [json!("landline"), json!("unknown"), json!(null), json!(1)] {
            let phone = json!({"phone": "+16025550143", "verified": true, "type": phone_type});
            assert_eq!(phone_score(phone), 0);
        }
    }

    #[test]
    fn the_planner_can_ask_what_one_more_part_would_change() {
        let lead = Scored {
            owner_occupied: Some(true),
            has_mak: true,
            has_apn: true,
            ..Scored::default()
        };
        let parts = breakdown(&lead);
        assert!(parts.has(Part::OwnerOccupied) && !parts.has(Part::VerifiedEmail));
        assert_eq!(parts.with(Part::VerifiedEmail).score(), CONTACTABLE_FROM);
        assert_eq!(parts.with(Part::VerifiedPhone).score(), 50);
        assert_eq!(parts.with(Part::OwnerOccupied), parts);
    }

    #[test]
    fn thresholds_route_as_specified() {
        for (score, status) in [
            (0, "do_not_contact"),
            (39, "do_not_contact"),
            (40, "enriched"),
            (59, "enriched"),
            (60, "contactable"),
            (100, "contactable"),
        ] {
            assert_eq!(route(score).as_str(), status);
        }
    }
}
