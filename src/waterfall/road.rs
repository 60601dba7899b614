//! The cheapest road to the threshold, by what the vendors' own past purchases came to.
//!
//! A lead is reduced to what decides: the points it has for certain, whether an e-mail and a phone are verified, how
//! many of each could be checked, and which sources were not asked yet. From there every order of purchases is
//! weighed by its expected cost until the lead is contactable or nothing can change its status any more. Every such
//! order asks everything that could help before it gives up, so all reach the same leads in the end: the
//! purchase with the best expected gain per dollar is the one that begins the order with the least expected cost.
//! Between equals, the configured order wins. The same odds give the same answer.

use std::cell::RefCell;
use std::collections::HashMap;

use super::odds::{Enricher, Verifier};
use crate::score::{self, Part, Parts, Route};

/// More contact points of a kind than this count as this many.
const MOST_POINTS: u8 = 6;

/// All that decides about a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub parts: Parts,
    /// The property's key would complete [`Part::PropertyKeys`].
    pub key_is_missing: bool,
    /// E-mails and phones that a verifier can be asked about.
    pub emails: u8,
    pub phones: u8,
    /// A bit for each enriching source that was not asked yet.
    pub untried: u8,
}

/// What can be bought next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// By its place among the enriching sources.
    Enrich(usize),
    VerifyEmail,
    VerifyPhone,
}

/// What a road is expected to take from a place to its end.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Forecast {
    /// Dollars.
    pub cost: f64,
    /// The probability that the lead becomes contactable.
    pub reach: f64,
    /// Purchases from each enriching source.
    pub enrichments: Vec<f64>,
    pub email_checks: f64,
    pub phone_checks: f64,
}

/// Which order is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The least expected cost.
    Cheapest,
    /// First source, verification, further sources, verification.
    Configured,
}

/// The sources with their numbers, and the roads found so far.
#[derive(Debug)]
pub struct Map {
    enrichers: Vec<Enricher>,
    email: Option<Verifier>,
    phone: Option<Verifier>,
    order: Order,
    known: RefCell<HashMap<Place, (Option<Move>, Forecast)>>,
}

impl Map {
    /// A map of these sources, in their configured order.
    pub fn new(
        mut enrichers: Vec<Enricher>,
        email: Option<Verifier>,
        phone: Option<Verifier>,
        order: Order,
    ) -> Self {
        enrichers.truncate(8);
        Self {
            enrichers,
            email,
            phone,
            order,
            known: RefCell::default(),
        }
    }

    /// The purchase to make; None when nothing can change the lead's status any more.
    pub fn next(&self, place: Place) -> Option<Move> {
        self.look(place).0
    }

    /// What is to be expected from here.
    pub fn forecast(&self, place: Place) -> Forecast {
        self.look(place).1
    }

    /// What it takes to ask every source and to check everything, whatever is found.
    pub fn everything(&self, place: Place) -> Forecast {
        let mut forecast = Forecast {
            enrichments: vec![0.0; self.enrichers.len()],
            email_checks: f64::from(place.emails),
            phone_checks: f64::from(place.phones),
            ..Forecast::default()
        };
        for (at, source) in self.enrichers.iter().enumerate() {
            if place.untried & (1 << at) == 0 {
                continue;
            }
            forecast.enrichments[at] = 1.0;
            forecast.cost += source.cost;
            for found in &source.odds.yields {
                forecast.email_checks += found.share * f64::from(found.emails);
                forecast.phone_checks += found.share * f64::from(found.phones);
            }
        }
        let checks = [
            (self.email, &mut forecast.email_checks),
            (self.phone, &mut forecast.phone_checks),
        ];
        for (verifier, count) in checks {
            match verifier {
                Some(verifier) => forecast.cost += *count * verifier.cost,
                None => *count = 0.0,
            }
        }
        forecast
    }

    fn look(&self, place: Place) -> (Option<Move>, Forecast) {
        let place = place.simplified();
        if let Some(found) = self.known.borrow().get(&place) {
            return found.clone();
        }
        let found = self.weigh(place);
        self.known.borrow_mut().insert(place, found.clone());
        found
    }

    fn weigh(&self, place: Place) -> (Option<Move>, Forecast) {
        let nothing = Forecast {
            reach: f64::from(u8::from(place.route() == Route::Contactable)),
            enrichments: vec![0.0; self.enrichers.len()],
            ..Forecast::default()
        };
        if place.route() == Route::Contactable {
            return (None, nothing);
        }
        let mut best: Option<(Move, Forecast)> = None;
        for step in self.moves(place) {
            let forecast = self.after(place, step);
            let is_better = best
                .as_ref()
                .is_none_or(|(_, known)| forecast.cost < known.cost - 1e-9);
            if is_better {
                best = Some((step, forecast));
            }
            if self.order == Order::Configured {
                break;
            }
        }
        match best {
            Some((step, forecast)) => (Some(step), forecast),
            None => (None, nothing),
        }
    }

    /// The purchases that could change the status, in the configured order.
    fn moves(&self, place: Place) -> impl Iterator<Item = Move> {
        let sources = (0..self.enrichers.len()).map(Move::Enrich);
        let (first, further): (Vec<_>, Vec<_>) = sources.partition(|step| *step == Move::Enrich(0));
        first
            .into_iter()
            .chain([Move::VerifyEmail, Move::VerifyPhone])
            .chain(further)
            .filter(move |step| self.is_open(place, *step) && self.could_matter(place, *step))
    }

    fn is_open(&self, place: Place, step: Move) -> bool {
        match step {
            Move::Enrich(at) => place.untried & (1 << at) != 0,
            Move::VerifyEmail => place.emails > 0 && self.email.is_some(),
            Move::VerifyPhone => place.phones > 0 && self.phone.is_some(),
        }
    }

    /// Is there any luck with everything else with which this purchase makes the difference?
    fn could_matter(&self, place: Place, step: Move) -> bool {
        let own = self.parts_of(place, step);
        let mut others: Vec<Part> = Vec::new();
        for other in (0..self.enrichers.len())
            .map(Move::Enrich)
            .chain([Move::VerifyEmail, Move::VerifyPhone])
            .filter(|other| *other != step && self.is_open(place, *other))
        {
            let parts = self.parts_of(place, other);
            others.extend(
                parts
                    .iter()
                    .filter(|part| !others.contains(part))
                    .copied()
                    .collect::<Vec<_>>(),
            );
        }
        (0..1_u32 << others.len()).any(|luck| {
            let lucky = others
                .iter()
                .enumerate()
                .filter(|(at, _)| luck & (1 << at) != 0)
                .fold(place.parts, |parts, (_, part)| parts.with(*part));
            let with = own.iter().fold(lucky, |parts, part| parts.with(*part));
            score::route(with.score()).rank() > score::route(lucky.score()).rank()
        })
    }

    /// The parts of the score that a purchase can earn, at once or through checks.
    fn parts_of(&self, place: Place, step: Move) -> Vec<Part> {
        let mut parts = Vec::new();
        let (enricher, email, phone) = match step {
            Move::Enrich(at) => (self.enrichers.get(at), true, true),
            Move::VerifyEmail => (None, true, false),
            Move::VerifyPhone => (None, false, true),
        };
        if email && self.email.is_some() && !place.parts.has(Part::VerifiedEmail) {
            parts.push(Part::VerifiedEmail);
        }
        if phone && self.phone.is_some() && !place.parts.has(Part::VerifiedPhone) {
            parts.push(Part::VerifiedPhone);
        }
        if enricher.is_some_and(|source| source.knows_keys) && place.key_is_missing {
            parts.push(Part::PropertyKeys);
        }
        parts
    }

    /// What is to be expected when this purchase is made first.
    fn after(&self, place: Place, step: Move) -> Forecast {
        match step {
            Move::Enrich(at) => self.after_enrichment(place, at),
            Move::VerifyEmail => {
                let verifier = self.email.unwrap_or(Verifier::NONE);
                let left = Place {
                    emails: place.emails.saturating_sub(1),
                    ..place
                };
                let passed = Place {
                    parts: place.parts.with(Part::VerifiedEmail),
                    ..left
                };
                let mut forecast = self.after_check(verifier, passed, left);
                forecast.email_checks += 1.0;
                forecast
            }
            Move::VerifyPhone => {
                let verifier = self.phone.unwrap_or(Verifier::NONE);
                let left = Place {
                    phones: place.phones.saturating_sub(1),
                    ..place
                };
                let passed = Place {
                    parts: place.parts.with(Part::VerifiedPhone),
                    ..left
                };
                let mut forecast = self.after_check(verifier, passed, left);
                forecast.phone_checks += 1.0;
                forecast
            }
        }
    }

    fn after_check(&self, verifier: Verifier, passed: Place, failed: Place) -> Forecast {
        let mut forecast = Forecast {
            cost: verifier.cost,
            enrichments: vec![0.0; self.enrichers.len()],
            ..Forecast::default()
        };
        forecast.add(verifier.passes, &self.forecast(passed));
        forecast.add(1.0 - verifier.passes, &self.forecast(failed));
        forecast
    }

    fn after_enrichment(&self, place: Place, at: usize) -> Forecast {
        let mut forecast = Forecast {
            enrichments: vec![0.0; self.enrichers.len()],
            ..Forecast::default()
        };
        let Some(source) = self.enrichers.get(at) else {
            return forecast;
        };
        forecast.cost = source.cost;
        if let Some(count) = forecast.enrichments.get_mut(at) {
            *count += 1.0;
        }
        let key = if source.knows_keys && place.key_is_missing {
            source.odds.hits
        } else {
            0.0
        };
        for found in &source.odds.yields {
            let without = Place {
                untried: place.untried & !(1 << at),
                emails: place.emails.saturating_add(found.emails),
                phones: place.phones.saturating_add(found.phones),
                ..place
            };
            let with = Place {
                parts: place.parts.with(Part::PropertyKeys),
                key_is_missing: false,
                ..without
            };
            if key > 0.0 {
                forecast.add(found.share * key, &self.forecast(with));
            }
            if key < 1.0 {
                forecast.add(found.share * (1.0 - key), &self.forecast(without));
            }
        }
        forecast
    }
}

impl Place {
    fn route(self) -> Route {
        score::route(self.parts.score())
    }

    /// The same without what makes no difference, so that fewer places are weighed.
    fn simplified(self) -> Self {
        let left = |part, count: u8| {
            if self.parts.has(part) {
                0
            } else {
                count.min(MOST_POINTS)
            }
        };
        Self {
            emails: left(Part::VerifiedEmail, self.emails),
            phones: left(Part::VerifiedPhone, self.phones),
            ..self
        }
    }
}

impl Forecast {
    fn add(&mut self, share: f64, other: &Self) {
        self.cost += share * other.cost;
        self.reach += share * other.reach;
        self.email_checks += share * other.email_checks;
        self.phone_checks += share * other.phone_checks;
        for (own, more) in self.enrichments.iter_mut().zip(&other.enrichments) {
            *own += share * more;
        }
    }
}

#[cfg(test)]
#[path = "road_tests.rs"]
mod tests;
