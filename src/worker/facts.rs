//! Rows into the planner's facts, and the planner's steps into purchases.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use pgrx::Uuid;

use crate::contact::Kind;
use crate::error::Error;
use crate::settings::{self, EnrichmentGoal, Planner};
use crate::store::calls::{self, Bought, NewCall};
use crate::store::jobs::Job;
use crate::store::leads::Lead;
use crate::store::vendors::Vendor;
use crate::store::{Db, track_records};
use crate::vendors::{Product, PropertySubject, Subject};
use crate::waterfall::odds::{Enricher, LEAST_HISTORY, Odds, Verifier};
use crate::waterfall::road::{Map, Order};
use crate::waterfall::{self, Goal, Purchase, PurchaseStage, Role, Situation, Source, Step};

/// How old the sources' numbers may be.
const KEPT: Duration = Duration::from_secs(15);

/// The sources of the waterfall in their order, and the map of them where their numbers are known.
#[derive(Clone)]
pub struct Sources {
    list: Vec<Source>,
    map: Option<Rc<Map>>,
}

thread_local! {
    // Of this process's database. The map keeps the roads it has found, so it outlives a turn of work.
    static RECORDS: RefCell<Records> = RefCell::default();
}

#[derive(Default)]
struct Records {
    by_product: HashMap<Product, Odds>,
    read_at: Option<Instant>,
    map: Option<(String, Rc<Map>)>,
}

/// Reads the sources' numbers again, now and then.
pub fn refresh_records(db: &Db<'_>) -> Result<(), Error> {
    if RECORDS.with_borrow(|records| records.read_at.is_some_and(|at| at.elapsed() < KEPT)) {
        return Ok(());
    }
    let by_product = track_records::read(db)?;
    RECORDS.set(Records {
        by_product,
        read_at: Some(Instant::now()),
        map: None,
    });
    Ok(())
}

/// The numbers of all sources as they were read last.
pub fn records() -> HashMap<Product, Odds> {
    RECORDS.with_borrow(|records| records.by_product.clone())
}

/// The enabled sources of the waterfall, in their order.
pub fn sources(vendors: &[Vendor]) -> Sources {
    let vendors: Vec<&Vendor> = usable(vendors).collect();
    let list = vendors
        .iter()
        .filter_map(|vendor| {
            Some(Source {
                product: vendor.product,
                role: role(vendor)?,
            })
        })
        .collect();
    let map = match settings::planner() {
        Planner::Cheapest => kept_map(&vendors),
        Planner::Fixed => None,
    };
    Sources { list, map }
}

/// The vendors that leads are planned for. A verifier that is stopped until a person resumes it is passed over
/// where another one does the same work; a source of data is waited for.
pub fn usable(vendors: &[Vendor]) -> impl Iterator<Item = &Vendor> {
    let works = |vendor: &&Vendor| !vendor.paused_for.is_infinite();
    let has_deputy = move |vendor: &Vendor| match role(vendor) {
        Some(Role::Verifies(kind)) => vendors
            .iter()
            .filter(works)
            .any(|other| role(other) == Some(Role::Verifies(kind))),
        _ => false,
    };
    vendors
        .iter()
        .filter(move |vendor| works(vendor) || !has_deputy(vendor))
}

/// The map of these vendors, made anew when they or their numbers have changed.
fn kept_map(vendors: &[&Vendor]) -> Option<Rc<Map>> {
    let made_of: String = vendors
        .iter()
        .map(|vendor| format!("{}={};", vendor.name(), vendor.unit_price))
        .collect();
    RECORDS.with_borrow_mut(|records| {
        if let Some((of, map)) = &records.map
            && *of == made_of
        {
            return Some(Rc::clone(map));
        }
        let map = Rc::new(map(vendors, &records.by_product, Order::Cheapest)?);
        records.map = Some((made_of, Rc::clone(&map)));
        Some(map)
    })
}

/// The map of these vendors; None while one of the sources, or the verifier that is asked first, has too little
/// history.
pub fn map(vendors: &[&Vendor], records: &HashMap<Product, Odds>, order: Order) -> Option<Map> {
    let known = |vendor: &Vendor| {
        let odds = records.get(&vendor.product)?;
        let price = vendor.unit_price.micros() as f64 / 1e6;
        (odds.calls >= LEAST_HISTORY).then(|| (odds.clone(), price * odds.billed))
    };
    let of_role = |wanted| {
        vendors
            .iter()
            .filter(move |vendor| role(vendor) == Some(wanted))
    };
    let enrichers = of_role(Role::Enriches)
        .map(|vendor| {
            let (odds, cost) = known(vendor)?;
            Some(Enricher {
                odds,
                cost,
                knows_keys: waterfall::knows_keys(vendor.product),
            })
        })
        .collect::<Option<Vec<_>>>()?;
    let verifier = |kind| match of_role(Role::Verifies(kind)).next() {
        None => Some(None),
        Some(vendor) => known(vendor).map(|(odds, cost)| {
            Some(Verifier {
                passes: odds.passes,
                cost,
            })
        }),
    };
    Some(Map::new(
        enrichers,
        verifier(Kind::Email)?,
        verifier(Kind::Phone)?,
        order,
    ))
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
pub fn next_step(lead: &Lead, purchases: &[Purchase], sources: &Sources) -> Step {
    waterfall::next_step(&situation(lead, purchases, sources))
}

/// Everything that decides about a lead.
pub fn situation<'a>(
    lead: &'a Lead,
    purchases: &'a [Purchase],
    sources: &'a Sources,
) -> Situation<'a> {
    Situation {
        scored: lead.scored(),
        is_closed: lead.suppressed || lead.suppressed_reason.is_some() || !lead.is_in_pipeline(),
        has_address: lead.address_line1.is_some()
            && (lead.zip.is_some() || (lead.city.is_some() && lead.state.is_some())),
        purchases,
        sources: &sources.list,
        goal: match settings::enrichment_goal() {
            EnrichmentGoal::Contactable => Goal::Contactable,
            EnrichmentGoal::Complete => Goal::Complete,
        },
        map: sources.map.as_deref(),
    }
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
        purchase_key: calls::purchase_key(hash_key, vendor.name(), &bought),
        generation,
        subject,
        units: 1,
        amount: vendor.unit_price,
        campaign: job.campaign.clone(),
        rebuys_call_id: None,
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
