//! The most that a lead can cost: every purchase that the waterfall could make for it, with all the bad luck there is.

use super::road::Forecast;
use super::{
    Goal, Part, PurchaseStage, Role, Situation, could_help, enrich, enrichers, is_settled,
    next_generation, road, worth_checking,
};
use crate::contact::Kind;
use crate::score::{self, Route};
use crate::vendors::{Product, most_points};

/// The most purchases from each source, in their order. Nothing for a lead that needs nothing, or may have nothing.
pub fn most_purchases(situation: &Situation<'_>) -> Vec<(Product, usize)> {
    let parts = score::breakdown(&situation.scored);
    let is_reached = score::route(parts.score()) == Route::Contactable;
    if situation.is_closed || (situation.goal == Goal::Contactable && is_reached) {
        return Vec::new();
    }
    let to_ask: Vec<Product> = enrichers(situation)
        .filter(|source| enrich(situation, &parts, source).is_some())
        .map(|source| source.product)
        .collect();
    // What is under way may bring contact points too.
    let expected = situation
        .purchases
        .iter()
        .filter(|purchase| purchase.stage != PurchaseStage::Done && purchase.value.is_none())
        .map(|purchase| purchase.product);
    let brought = to_ask
        .iter()
        .copied()
        .chain(expected)
        .map(most_points)
        .fold((0, 0), |sum, most| (sum.0 + most.0, sum.1 + most.1));
    let mut most: Vec<(Product, usize)> = to_ask.iter().map(|product| (*product, 1)).collect();
    for (kind, part, brought) in [
        (Kind::Email, Part::VerifiedEmail, brought.0),
        (Kind::Phone, Part::VerifiedPhone, brought.1),
    ] {
        most.extend(most_checks(situation, kind, part, brought));
    }
    most.retain(|(_, count)| *count > 0);
    most
}

/// The most checks by each verifier of a kind.
fn most_checks(
    situation: &Situation<'_>,
    kind: Kind,
    part: Part,
    brought: usize,
) -> Vec<(Product, usize)> {
    let parts = score::breakdown(&situation.scored);
    let everything = [
        Part::VerifiedEmail,
        Part::VerifiedPhone,
        Part::PropertyKeys,
        Part::OwnerOccupied,
    ]
    .into_iter()
    .fold(parts, |all, part| all.with(part));
    let is_wanted = situation.goal == Goal::Complete
        || (!parts.has(part) && could_help(situation, parts, everything));
    if !is_wanted {
        return Vec::new();
    }
    let stored = match kind {
        Kind::Phone => situation.scored.phones,
        Kind::Email => situation.scored.emails,
    };
    let points = worth_checking(kind, stored);
    situation
        .sources
        .iter()
        .filter(|source| source.role == Role::Verifies(kind))
        .map(|source| {
            let open = points.iter().filter(|point| {
                let value = Some(point.contact.as_str());
                next_generation(situation, source.product, value)
                    .is_some_and(|generation| generation > 1 || !is_settled(point))
            });
            (source.product, open.count() + brought)
        })
        .collect()
}

/// What is to be expected: purchases from each source, by the numbers of `map`. None where nothing can be expected
/// yet, because an earlier purchase is under way or in doubt.
pub fn expected_purchases(
    situation: &Situation<'_>,
    map: &road::Map,
) -> Option<Vec<(Product, f64)>> {
    if most_purchases(situation).is_empty() {
        return Some(Vec::new());
    }
    let is_open = |stage| stage != PurchaseStage::Done;
    if situation
        .purchases
        .iter()
        .any(|purchase| is_open(purchase.stage))
    {
        return None;
    }
    let parts = score::breakdown(&situation.scored);
    let place = super::place(situation, &parts);
    let forecast = match situation.goal {
        Goal::Contactable => map.forecast(place),
        Goal::Complete => map.everything(place),
    };
    Some(by_product(situation, &forecast))
}

fn by_product(situation: &Situation<'_>, forecast: &Forecast) -> Vec<(Product, f64)> {
    let mut counts: Vec<(Product, f64)> = enrichers(situation)
        .map(|source| source.product)
        .zip(forecast.enrichments.iter().copied())
        .collect();
    for (kind, count) in [
        (Kind::Email, forecast.email_checks),
        (Kind::Phone, forecast.phone_checks),
    ] {
        let first = situation
            .sources
            .iter()
            .find(|source| source.role == Role::Verifies(kind));
        counts.extend(first.map(|source| (source.product, count)));
    }
    counts
}
