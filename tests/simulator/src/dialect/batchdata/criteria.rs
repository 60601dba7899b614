//! `searchCriteria`: which records a property search asks for.
//!
//! Fields and list names outside the documentation are refused, and so are documented fields
//! that this world has no facts for: a filter that silently did nothing would be kinder than
//! the vendor.

use serde_json::{Map, Value};

use super::filter::{self, Field, Filter};
use super::{object, only, text};
use crate::world::doorway::{city_key, zip5};
use crate::world::property::Property;

/// A checked search.
#[derive(Clone, Debug)]
pub struct Criteria {
    area: Area,
    filters: Vec<(String, Filter)>,
}

/// What the place text names.
#[derive(Clone, Debug)]
enum Area {
    Zips(Vec<String>),
    City(String),
    County { county: String, state: String },
    State(String),
}

const LISTS: [&str; 38] = [
    "absentee-owner",
    "active-auction",
    "active-listing",
    "canceled-listing",
    "cash-buyer",
    "corporate-owned",
    "expired-listing",
    "failed-listing",
    "fix-and-flip",
    "for-sale-by-owner",
    "free-and-clear",
    "has-hoa",
    "has-hoa-fees",
    "high-equity",
    "in-state-absentee-owner",
    "inherited",
    "involuntary-lien",
    "listed-below-market-price",
    "low-equity",
    "mailing-address-vacant",
    "notice-of-default",
    "notice-of-lis-pendens",
    "notice-of-sale",
    "on-market",
    "out-of-state-absentee-owner",
    "out-of-state-owner",
    "owner-occupied",
    "pending-listing",
    "preforeclosure",
    "recently-sold",
    "same-property-and-mailing-address",
    "tax-default",
    "tired-landlord",
    "unknown-equity",
    "vacant",
    "vacant-lot",
    "senior-owner",
    "trust-owned",
];

const GROUPS: [&str; 20] = [
    "address",
    "assessment",
    "building",
    "compAddress",
    "demographics",
    "foreclosure",
    "general",
    "ids",
    "intel",
    "involuntaryLien",
    "legal",
    "listing",
    "lot",
    "openLien",
    "owner",
    "permit",
    "propertyOwnerProfile",
    "sale",
    "tax",
    "valuation",
];

impl Criteria {
    /// Reads `searchCriteria`; the error is the vendor's message.
    pub fn parse(given: &Map<String, Value>) -> Result<Self, String> {
        let query = text(given.get("query"), "searchCriteria.query")?;
        let query = query.filter(|query| !query.trim().is_empty());
        let area = area(query.ok_or("searchCriteria.query is required")?)?;
        let mut filters = Vec::new();
        for (name, value) in given {
            match name.as_str() {
                "query" => {}
                "quickList" => list(value)?,
                "quickLists" | "orQuickLists" => {
                    value
                        .as_array()
                        .ok_or_else(|| format!("{name} must be an array"))?
                        .iter()
                        .try_for_each(list)?;
                }
                group if GROUPS.contains(&group) => filters.extend(group_filters(group, value)?),
                _ => return Err(format!("searchCriteria: unknown property \"{name}\"")),
            }
        }
        Ok(Self { area, filters })
    }

    /// Whether a property is among the hits.
    #[must_use]
    pub fn accepts(&self, property: &Property) -> bool {
        self.area.holds(property)
            && self.filters.iter().all(|(name, filter)| {
                field(name, property).is_some_and(|field| filter.passes(&field))
            })
    }
}

fn list(value: &Value) -> Result<(), String> {
    let name = value.as_str().ok_or("a quick list must be a string")?;
    let bare = name.strip_prefix("not-").unwrap_or(name);
    if LISTS.contains(&bare) {
        Ok(())
    } else {
        Err(format!("unknown quick list \"{name}\""))
    }
}

fn group_filters(group: &str, value: &Value) -> Result<Vec<(String, Filter)>, String> {
    let place = format!("searchCriteria.{group}");
    let fields = object(Some(value), &place)?.into_iter().flatten();
    fields
        .map(|(name, given)| {
            let name = format!("{group}.{name}");
            let place = format!("searchCriteria.{name}");
            let sample = kind(&name).ok_or_else(|| format!("unknown property \"{place}\""))?;
            let given = object(Some(given), &place)?.ok_or_else(|| format!("{place} is empty"))?;
            Ok((name, filter::parse(&sample, given, &place)?))
        })
        .collect()
}

/// What kind of field a name is; nothing for names that cannot be filtered on.
fn kind(name: &str) -> Option<Field> {
    Some(match name {
        "address.zip"
        | "address.state"
        | "address.countyFipsCode"
        | "general.propertyTypeDetail"
        | "general.propertyTypeCategory"
        | "owner.ownerStatusType" => Field::Code(String::new()),
        "address.city" | "address.county" | "ids.apn" => Field::Text(String::new()),
        "owner.ownerOccupied" => Field::Flag(true),
        "valuation.estimatedValue"
        | "valuation.estimatedEquity"
        | "valuation.equityCurrentEstimatedBalance"
        | "valuation.equityPercent"
        | "valuation.ltv"
        | "building.bedroomCount"
        | "owner.lengthOfResidenceYears"
        | "demographics.age" => Field::Number(None),
        _ => return None,
    })
}

fn field(name: &str, property: &Property) -> Option<Field> {
    let place = &property.place;
    Some(match name {
        "address.zip" => Field::Code(place.zip.clone()),
        "address.state" => Field::Code(place.state.clone()),
        "address.countyFipsCode" => Field::Code(place.county_fips.clone()),
        "address.city" => Field::Text(place.city.clone()),
        "address.county" => Field::Text(place.county.clone()),
        "general.propertyTypeDetail" => Field::Code(property.kind.to_owned()),
        "general.propertyTypeCategory" => Field::Code("Residential".to_owned()),
        "owner.ownerStatusType" => Field::Code(property.owner.status.to_owned()),
        "owner.ownerOccupied" => Field::Flag(property.owner.occupied),
        "ids.apn" => Field::Text(property.apn.clone()),
        "valuation.estimatedValue" => Field::Number(Some(property.value as f64)),
        "valuation.estimatedEquity" | "valuation.equityCurrentEstimatedBalance" => {
            Field::Number(Some(property.equity as f64))
        }
        "valuation.equityPercent" => Field::Number(Some(property.equity_percent())),
        "valuation.ltv" => Field::Number(Some(100.0 - property.equity_percent())),
        "building.bedroomCount" => Field::Number(Some(f64::from(property.bedrooms()))),
        "owner.lengthOfResidenceYears" => Field::Number(Some(f64::from(property.years_owned()))),
        "demographics.age" => Field::Number(property.owner.age.map(f64::from)),
        _ => return None,
    })
}

/// Reads the place text: ZIPs joined by commas, `City, ST`, `X County, ST` or a state.
fn area(query: &str) -> Result<Area, String> {
    let parts: Vec<&str> = query.split(',').map(str::trim).collect();
    if parts
        .iter()
        .all(|part| part.len() >= 5 && zip5(part).is_some())
    {
        return Ok(Area::Zips(
            parts.iter().filter_map(|part| zip5(part)).collect(),
        ));
    }
    let unknown = || format!("query \"{query}\" names no place");
    match parts.as_slice() {
        [state] if state.len() == 2 => Ok(Area::State(state.to_uppercase())),
        [name, state] if state.len() == 2 => match name.strip_suffix(" County") {
            Some(county) => Ok(Area::County {
                county: county.to_lowercase(),
                state: state.to_uppercase(),
            }),
            None => city_key(name, state).map(Area::City).ok_or_else(unknown),
        },
        _ => Err(unknown()),
    }
}

impl Area {
    fn holds(&self, property: &Property) -> bool {
        let place = &property.place;
        match self {
            Self::Zips(zips) => zips.contains(&place.zip),
            Self::City(key) => city_key(&place.city, &place.state).as_ref() == Some(key),
            Self::County { county, state } => {
                *state == place.state && *county == place.county.to_lowercase()
            }
            Self::State(state) => *state == place.state,
        }
    }
}

/// Checks the top level of a search request.
pub fn check_request(body: &Value) -> Result<&Map<String, Value>, String> {
    let request = body.as_object().ok_or("body must be an object")?;
    only(request, "request", &["searchCriteria", "options"])?;
    object(request.get("searchCriteria"), "searchCriteria")?.ok_or("searchCriteria is required")?;
    Ok(request)
}
