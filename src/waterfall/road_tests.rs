use super::*;
use crate::waterfall::odds::{Odds, Yield};
use proptest::prelude::*;

fn source(cost: f64, hits: f64, knows_keys: bool, yields: &[(f64, u8, u8)]) -> Enricher {
    Enricher {
        odds: Odds {
            calls: 1000,
            billed: 1.0,
            hits,
            passes: 0.0,
            yields: yields
                .iter()
                .map(|(share, emails, phones)| Yield {
                    share: *share,
                    emails: *emails,
                    phones: *phones,
                })
                .collect(),
        },
        cost,
        knows_keys,
    }
}

const EMAIL: Verifier = Verifier {
    passes: 0.7,
    cost: 0.01,
};
const PHONE: Verifier = Verifier {
    passes: 0.5,
    cost: 0.01,
};

/// Half of the answers bring an e-mail, half a phone.
fn cheap() -> Enricher {
    source(
        0.05,
        0.95,
        true,
        &[(0.25, 0, 0), (0.25, 1, 0), (0.25, 0, 1), (0.25, 1, 1)],
    )
}

fn dear() -> Enricher {
    source(
        0.15,
        0.8,
        false,
        &[(0.2, 0, 0), (0.1, 1, 0), (0.1, 0, 1), (0.6, 2, 2)],
    )
}

fn map(order: Order) -> Map {
    Map::new(vec![cheap(), dear()], Some(EMAIL), Some(PHONE), order)
}

fn place(earned: &[Part], emails: u8, phones: u8, untried: u8) -> Place {
    Place {
        parts: earned
            .iter()
            .fold(Parts::default(), |parts, part| parts.with(*part)),
        key_is_missing: false,
        emails,
        phones,
        untried,
    }
}

const BASE_30: [Part; 3] = [Part::PropertyKeys, Part::OwnerOccupied, Part::Demographics];

#[test]
fn what_is_there_is_checked_before_anything_is_bought() {
    let step = map(Order::Cheapest).next(place(&BASE_30, 1, 0, 0b11));
    assert_eq!(step, Some(Move::VerifyEmail));
}

#[test]
fn the_check_that_decides_for_less_comes_first() {
    // Either alone reaches 60: the likelier one first.
    let either = place(&BASE_30, 1, 1, 0);
    assert_eq!(map(Order::Cheapest).next(either), Some(Move::VerifyEmail));
    // Both are needed for 60, and neither changes anything alone: the one that fails sooner spares the other.
    let both = place(&[], 1, 1, 0);
    assert_eq!(
        map(Order::Cheapest).next(both),
        Some(Move::VerifyEmail),
        "40 is a second look already"
    );
    let cheap_phone = Map::new(
        vec![],
        Some(EMAIL),
        Some(Verifier {
            passes: 0.9,
            cost: 0.001,
        }),
        Order::Cheapest,
    );
    assert_eq!(cheap_phone.next(either), Some(Move::VerifyPhone));
}

#[test]
fn the_dear_source_is_asked_first_where_the_cheap_one_hardly_helps() {
    let useless = source(0.05, 0.1, false, &[(0.98, 0, 0), (0.02, 1, 0)]);
    let map = Map::new(
        vec![useless, dear()],
        Some(EMAIL),
        Some(PHONE),
        Order::Cheapest,
    );
    assert_eq!(map.next(place(&BASE_30, 0, 0, 0b11)), Some(Move::Enrich(1)));
    let usual = self::map(Order::Cheapest);
    assert_eq!(
        usual.next(place(&BASE_30, 0, 0, 0b11)),
        Some(Move::Enrich(0))
    );
}

#[test]
fn nothing_is_bought_that_cannot_change_the_status() {
    let map = map(Order::Cheapest);
    // Contactable already.
    let reached = place(
        &[Part::VerifiedEmail, Part::PropertyKeys, Part::OwnerOccupied],
        2,
        2,
        0b11,
    );
    assert_eq!(map.next(reached), None);
    assert_eq!(map.forecast(reached).reach, 1.0);
    // Nobody can verify what a source would bring.
    let alone = Map::new(vec![dear()], None, None, Order::Cheapest);
    assert_eq!(alone.next(place(&BASE_30, 3, 3, 0b1)), None);
    // A phone is worth 30, and 10 + 30 is a second look; 0 + 30 is not.
    let phones = Map::new(vec![], None, Some(PHONE), Order::Cheapest);
    assert_eq!(phones.next(place(&[], 0, 1, 0)), None);
    assert_eq!(
        phones.next(place(&[Part::OwnerOccupied], 0, 1, 0)),
        Some(Move::VerifyPhone)
    );
}

#[test]
fn a_forecast_adds_up() {
    let checks = Map::new(vec![], Some(EMAIL), None, Order::Cheapest);
    let forecast = checks.forecast(place(&BASE_30, 2, 0, 0));
    assert!((forecast.email_checks - 1.3).abs() < 1e-9, "{forecast:?}");
    assert!((forecast.cost - 0.013).abs() < 1e-9, "{forecast:?}");
    assert!((forecast.reach - 0.91).abs() < 1e-9, "{forecast:?}");
}

fn earned() -> impl Strategy<Value = Vec<Part>> {
    proptest::sample::subsequence(
        vec![
            Part::PropertyKeys,
            Part::OwnerOccupied,
            Part::Demographics,
            Part::VerifiedEmail,
            Part::VerifiedPhone,
        ],
        0..=5,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The promise of the planner: never dearer than the configured order, and the same leads in the end.
    #[test]
    fn the_cheapest_road_reaches_as_many_for_no_more(
        earned in earned(), emails in 0u8..4, phones in 0u8..4, untried in 0u8..4,
        (cost, email, phone) in (0.0f64..0.3, 0.0f64..1.0, 0.0f64..1.0), swapped in any::<bool>(),
    ) {
        let mut sources = vec![Enricher { cost, ..cheap() }, dear()];
        if swapped {
            sources.reverse();
        }
        let build = |order| {
            let email = Some(Verifier { passes: email, cost: 0.01 });
            let phone = Some(Verifier { passes: phone, cost: 0.02 });
            Map::new(sources.clone(), email, phone, order)
        };
        let place = place(&earned, emails, phones, untried);
        let (cheapest, configured) = (build(Order::Cheapest).forecast(place), build(Order::Configured).forecast(place));
        prop_assert!(cheapest.cost <= configured.cost + 1e-9, "{cheapest:?} {configured:?}");
        prop_assert!((cheapest.reach - configured.reach).abs() < 1e-9, "{cheapest:?} {configured:?}");
        // The same odds give the same road.
        prop_assert_eq!(build(Order::Cheapest).next(place), build(Order::Cheapest).next(place));
    }
}
