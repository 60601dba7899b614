//! The waterfall: which purchase, if any, a lead needs next.
//!
//! Pure: facts in, one step out. Where the sources' own numbers are known, the cheapest road is taken (see [`road`]);
//! else the configured order, in which verification comes before the expensive source, because a score counts only
//! verified points: asking the gate earlier would always buy. A step is skipped when even its best outcome
//! cannot change the lead's route; nothing is bought for a suppressed lead or one past the pipeline; nothing
//! is bought again while its answer is fresh, and never while an earlier purchase is in doubt.

pub mod most;
pub mod odds;
pub mod road;

use serde_json::Value;

use self::road::{Map, Move, Place};
use crate::contact::point::{self, Point};
use crate::contact::{Kind, PhoneType};
use crate::score::{self, Part, Parts, Route, Scored};
use crate::vendors::Product;

/// An enabled vendor product, as the planner sees it. The list is in the order of `vendors.position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    pub product: Product,
    pub role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Finds contact points by property.
    Enriches,
    /// Checks one contact point.
    Verifies(Kind),
}

/// An earlier purchase about this lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    pub product: Product,
    /// The e-mail or phone, for verifications.
    pub value: Option<String>,
    pub stage: PurchaseStage,
    pub generation: i32,
    /// Its answer is younger than `refresh_after`.
    pub is_fresh: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurchaseStage {
    /// Reserved, sent, or answered and not applied yet.
    UnderWay,
    InDoubt,
    Done,
}

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    Contactable,
    Complete,
}

/// Everything that decides the next step of a lead.
pub struct Situation<'a> {
    pub scored: Scored<'a>,
    /// Opted out, or past the pipeline.
    pub is_closed: bool,
    /// Has an address that vendors can look up.
    pub has_address: bool,
    pub purchases: &'a [Purchase],
    pub sources: &'a [Source],
    pub goal: Goal,
    /// The sources with their numbers, where there are enough; None: the configured order.
    pub map: Option<&'a Map>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Look the property up.
    Enrich { product: Product, generation: i32 },
    /// Check one contact point (its canonical value).
    Verify {
        product: Product,
        kind: Kind,
        value: String,
        generation: i32,
    },
    /// An earlier purchase is not finished.
    WaitForPurchase,
    /// An earlier purchase is in doubt: a person or its vendor must say what became of it.
    WaitForDoubt,
    /// Nothing that could help is left.
    Done,
}

impl Step {
    pub fn product(&self) -> Option<Product> {
        match self {
            Self::Enrich { product, .. } | Self::Verify { product, .. } => Some(*product),
            _ => None,
        }
    }
}

/// The next step of a lead.
pub fn next_step(situation: &Situation<'_>) -> Step {
    if situation.is_closed {
        return Step::Done;
    }
    if situation
        .purchases
        .iter()
        .any(|p| p.stage == PurchaseStage::InDoubt)
    {
        return Step::WaitForDoubt;
    }
    if situation
        .purchases
        .iter()
        .any(|p| p.stage == PurchaseStage::UnderWay)
    {
        return Step::WaitForPurchase;
    }
    let parts = score::breakdown(&situation.scored);
    if situation.goal == Goal::Contactable && score::route(parts.score()) == Route::Contactable {
        return Step::Done;
    }
    if let (Goal::Contactable, Some(map)) = (situation.goal, situation.map) {
        let place = place(situation, &parts);
        let step = map.next(place).and_then(|step| concrete(situation, step));
        return step.unwrap_or(Step::Done);
    }
    let mut enrichers = enrichers(situation);
    let first = enrichers.next();
    let cheapest = first.and_then(|source| enrich(situation, &parts, source));
    let verification = || verify(situation, &parts);
    let dearer = || enrichers.find_map(|source| enrich(situation, &parts, source));
    cheapest
        .or_else(verification)
        .or_else(dearer)
        .unwrap_or(Step::Done)
}

/// Where a lead stands, as the map sees it.
pub fn place(situation: &Situation<'_>, parts: &Parts) -> Place {
    let count = |kind| u8::try_from(candidates(situation, kind).count()).unwrap_or(u8::MAX);
    let untried = enrichers(situation)
        .enumerate()
        .filter(|(_, source)| {
            situation.has_address && next_generation(situation, source.product, None).is_some()
        })
        .fold(0, |bits, (at, _)| {
            bits | 1_u8.checked_shl(at as u32).unwrap_or(0)
        });
    Place {
        parts: *parts,
        key_is_missing: situation.scored.has_apn && !situation.scored.has_mak,
        emails: count(Kind::Email),
        phones: count(Kind::Phone),
        untried,
    }
}

/// A move on the map as a purchase for this lead.
fn concrete(situation: &Situation<'_>, step: Move) -> Option<Step> {
    match step {
        Move::VerifyEmail => candidates(situation, Kind::Email).next(),
        Move::VerifyPhone => candidates(situation, Kind::Phone).next(),
        Move::Enrich(at) => {
            let product = enrichers(situation).nth(at)?.product;
            Some(Step::Enrich {
                product,
                generation: next_generation(situation, product, None)?,
            })
        }
    }
}

fn enrichers<'a>(situation: &'a Situation<'_>) -> impl Iterator<Item = &'a Source> {
    situation
        .sources
        .iter()
        .filter(|source| source.role == Role::Enriches)
}

fn has_verifier(situation: &Situation<'_>, kind: Kind) -> bool {
    situation
        .sources
        .iter()
        .any(|source| source.role == Role::Verifies(kind))
}

/// Does a source tell the property's key and who lives there?
pub fn knows_keys(product: Product) -> bool {
    product == Product::Melissa
}

/// Buys from an enriching source, if that was not done and could help.
fn enrich(situation: &Situation<'_>, parts: &Parts, source: &Source) -> Option<Step> {
    let generation = next_generation(situation, source.product, None)?;
    let knows_keys = knows_keys(source.product);
    let best = [
        (Part::VerifiedEmail, has_verifier(situation, Kind::Email)),
        (Part::VerifiedPhone, has_verifier(situation, Kind::Phone)),
        (Part::PropertyKeys, knows_keys && situation.scored.has_apn),
        (
            Part::OwnerOccupied,
            knows_keys && situation.scored.owner_occupied.is_none(),
        ),
    ]
    .into_iter()
    .filter(|(_, is_possible)| *is_possible)
    .fold(*parts, |best, (part, _)| best.with(part));
    let helps = situation.has_address && could_help(situation, *parts, best);
    helps.then_some(Step::Enrich {
        product: source.product,
        generation,
    })
}

/// Verifies the best unverified point whose verification could help.
fn verify(situation: &Situation<'_>, parts: &Parts) -> Option<Step> {
    let wanted = |part, kind| {
        (!parts.has(part) || situation.goal == Goal::Complete)
            .then(|| candidates(situation, kind).next())
            .flatten()
    };
    let email = wanted(Part::VerifiedEmail, Kind::Email);
    let phone = wanted(Part::VerifiedPhone, Kind::Phone);
    let best = [(Part::VerifiedEmail, &email), (Part::VerifiedPhone, &phone)]
        .into_iter()
        .filter(|(_, step)| step.is_some())
        .fold(*parts, |best, (part, _)| best.with(part));
    let step = email.or(phone)?;
    could_help(situation, *parts, best).then_some(step)
}

/// The points of a kind that a verifier could be asked about, best first.
pub fn worth_checking(kind: Kind, stored: &[Value]) -> Vec<Point> {
    let worth_it = |point: &Point| {
        !point.verified
            && !point.is_barred
            && (kind == Kind::Email || point.phone_type != PhoneType::Landline)
    };
    point::best_first(point::read(kind, stored))
        .into_iter()
        .filter(worth_it)
        .collect()
}

/// The checks that are open for a kind, best point first: each with the first verifier that has not checked it.
fn candidates<'a>(situation: &'a Situation<'_>, kind: Kind) -> impl Iterator<Item = Step> + 'a {
    let stored: &[Value] = match kind {
        Kind::Phone => situation.scored.phones,
        Kind::Email => situation.scored.emails,
    };
    worth_checking(kind, stored)
        .into_iter()
        .filter_map(move |point| {
            let value = point.contact.as_str().to_string();
            let mut verifiers = situation
                .sources
                .iter()
                .filter(|source| source.role == Role::Verifies(kind));
            // A second verifier is asked only where the first could not tell.
            let settled = is_settled(&point);
            let found = verifiers.find_map(|source| {
                Some((
                    source.product,
                    next_generation(situation, source.product, Some(&value))?,
                ))
            });
            match found {
                Some((product, generation)) if !settled || generation > 1 => Some(Step::Verify {
                    product,
                    kind,
                    value,
                    generation,
                }),
                _ => None,
            }
        })
}

/// Did a check find out what there is to know?
fn is_settled(point: &Point) -> bool {
    point.check_result.is_some() && !is_inconclusive(point)
}

fn is_inconclusive(point: &Point) -> bool {
    matches!(
        point.check_result.as_deref(),
        Some("unknown" | "inconclusive" | "pending")
    )
}

/// The generation to buy; None while an earlier answer is fresh.
fn next_generation(
    situation: &Situation<'_>,
    product: Product,
    value: Option<&str>,
) -> Option<i32> {
    let mut latest = 0;
    for purchase in situation
        .purchases
        .iter()
        .filter(|p| p.product == product && p.value.as_deref() == value)
    {
        if purchase.is_fresh {
            return None;
        }
        latest = latest.max(purchase.generation);
    }
    Some(latest + 1)
}

fn could_help(situation: &Situation<'_>, now: Parts, best: Parts) -> bool {
    match situation.goal {
        Goal::Contactable => score::route(best.score()).rank() > score::route(now.score()).rank(),
        Goal::Complete => true,
    }
}

#[cfg(test)]
#[path = "waterfall_tests.rs"]
mod tests;
