//! Rows into the planner's facts, and the planner's steps into purchases.

use pgrx::Uuid;

use crate::canonical;
use crate::contact::Kind;
use crate::settings::{self, EnrichmentGoal};
use crate::store::calls::{Bought, NewCall};
use crate::store::jobs::Job;
use crate::store::leads::Lead;
use crate::store::vendors::Vendor;
use crate::vendors::{Product, PropertySubject, Subject};
use crate::waterfall::{self, Goal, Purchase, PurchaseStage, Role, Situation, Source, Step};

/// The enabled sources of the waterfall, in their order.
pub fn sources(vendors: &[Vendor]) -> Vec<Source> {
    vendors
        .iter()
        .filter_map(|vendor| {
            Some(Source {
                product: vendor.product,
                role: role(vendor)?,
            })
        })
        .collect()
}

fn role(vendor: &Vendor) -> Option<Role> {
    match vendor.product {
        Product::Melissa | Product::BatchdataSkipTrace => Some(Role::Enriches),
        Product::SmtpProbe | Product::InstantlyVerify => Some(Role::Verifies(Kind::Email)),
        Product::SignalwireLookup | Product::HlrLookup => Some(Role::Verifies(Kind::Phone)),
        Product::BatchdataSearch => None,
    }
}

/// The purchases of one lead out of the history of many.
pub fn purchases_of(lead: Uuid, history: &[Bought]) -> Vec<Purchase> {
    history
        .iter()
        .filter(|bought| bought.lead_id == lead)
        .filter_map(|bought| {
            Some(Purchase {
                product: Product::from_name(&bought.product)?,
                value: bought.value.clone(),
                stage: match bought.state.as_str() {
                    "reserved" | "sending" | "answered" => PurchaseStage::UnderWay,
                    "in_doubt" => PurchaseStage::InDoubt,
                    _ => PurchaseStage::Done,
                },
                generation: bought.generation,
                is_fresh: bought.is_fresh,
            })
        })
        .collect()
}

/// What a lead needs next.
pub fn next_step(lead: &Lead, purchases: &[Purchase], sources: &[Source]) -> Step {
    waterfall::next_step(&Situation {
        scored: lead.scored(),
        is_closed: lead.suppressed || lead.suppressed_reason.is_some() || !lead.is_in_pipeline(),
        has_address: lead.address_line1.is_some()
            && (lead.zip.is_some() || (lead.city.is_some() && lead.state.is_some())),
        purchases,
        sources,
        goal: match settings::enrichment_goal() {
            EnrichmentGoal::Contactable => Goal::Contactable,
            EnrichmentGoal::Complete => Goal::Complete,
        },
        map: None,
    })
}

/// The stage of jobs and purchases of a product.
pub fn stage_of(product: Product) -> &'static str {
    match product {
        Product::BatchdataSearch => "pull",
        Product::Melissa | Product::BatchdataSkipTrace => "enrich",
        Product::SmtpProbe
        | Product::InstantlyVerify
        | Product::SignalwireLookup
        | Product::HlrLookup => "verify",
    }
}

/// The purchase that a step is; None for steps that buy nothing.
pub fn purchase(
    job: &Job,
    lead: &Lead,
    step: &Step,
    vendor: &Vendor,
    hash_key: &[u8],
) -> Option<NewCall> {
    let (subject, generation, bought) = match step {
        Step::Enrich { generation, .. } => (
            Subject::Property(property(lead)),
            *generation,
            property_key(lead),
        ),
        Step::Verify {
            kind: Kind::Email,
            value,
            generation,
            ..
        } => (
            Subject::Email(value.clone()),
            *generation,
            value.to_lowercase(),
        ),
        Step::Verify {
            kind: Kind::Phone,
            value,
            generation,
            ..
        } => (Subject::Phone(value.clone()), *generation, value.clone()),
        Step::WaitForPurchase | Step::WaitForDoubt | Step::Done => return None,
    };
    Some(NewCall {
        job_id: job.id,
        product: vendor.product,
        stage: stage_of(vendor.product),
        lead_id: Some(lead.id),
        pull_id: None,
        purchase_key: canonical::keyed_hash(hash_key, &[vendor.name(), &bought]),
        generation,
        subject,
        units: 1,
        amount: vendor.unit_price,
    })
}

/// What a property look-up buys: the address where there is one, else the lead itself.
fn property_key(lead: &Lead) -> String {
    lead.addr_hash
        .clone()
        .unwrap_or_else(|| lead.id.to_string())
}

fn property(lead: &Lead) -> PropertySubject {
    PropertySubject {
        address_line1: lead.address_line1.clone(),
        address_line2: lead.address_line2.clone(),
        city: lead.city.clone(),
        state: lead.state.clone(),
        zip: lead.zip.clone(),
        apn: lead.apn.clone(),
        county_fips: lead.county_fips.clone(),
        first_name: lead.first_name.clone(),
        last_name: lead.last_name.clone(),
        full_name: lead.full_name.clone(),
        company: lead.company.clone(),
        mak: lead.mak.clone(),
    }
}
