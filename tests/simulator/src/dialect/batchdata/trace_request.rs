//! A skip-trace request: which properties are asked for. V1 and V3 ask alike.

use serde_json::{Map, Value};

use super::{flag, object, only, text};
use crate::world::World;
use crate::world::doorway::Written;
use crate::world::property::Property;

/// The most properties of one call.
pub const MOST_ITEMS: usize = 100;

/// A checked request.
#[derive(Debug)]
pub struct TraceRequest {
    pub items: Vec<Item>,
    pub with_tcpa_phones: Option<bool>,
}

/// One property asked for.
#[derive(Debug)]
pub struct Item {
    pub request_id: Option<String>,
    /// As sent, to echo.
    pub given: Value,
    sought: Sought,
}

/// By what the property is found.
#[derive(Debug)]
enum Sought {
    Address {
        street: String,
        city: String,
        state: String,
        zip: String,
    },
    Parcel {
        apn: String,
        county_fips: String,
    },
    ParcelByName {
        apn: String,
        county: String,
        state: String,
    },
    /// Nothing usable was given: an item error.
    Nothing,
}

const OPTIONS: [&str; 6] = [
    "includeTCPABlacklistedPhones",
    "showRequests",
    "dateFormat",
    "webhookUrl",
    "errorWebhookUrl",
    "prioritizeMobilePhones",
];
const ITEM: [&str; 8] = [
    "propertyAddress",
    "apn",
    "county",
    "state",
    "countyFipsCode",
    "name",
    "mailingAddress",
    "requestId",
];
const ADDRESS: [&str; 4] = ["street", "city", "state", "zip"];

impl TraceRequest {
    /// Reads the body; the error is the vendor's message.
    pub fn parse(body: &Value) -> Result<Self, String> {
        let request = body.as_object().ok_or("body must be an object")?;
        only(request, "request", &["requests", "options"])?;
        let empty = Map::new();
        let options = object(request.get("options"), "options")?.unwrap_or(&empty);
        only(options, "options", &OPTIONS)?;
        let tcpa = options.get("includeTCPABlacklistedPhones");
        let with_tcpa_phones = match tcpa {
            None => None,
            given => Some(flag(given, "options.includeTCPABlacklistedPhones")?),
        };
        let given = request.get("requests").and_then(Value::as_array);
        let given = given.ok_or("requests must be an array")?;
        if given.is_empty() || given.len() > MOST_ITEMS {
            return Err(format!("requests must hold 1 to {MOST_ITEMS} items"));
        }
        let items = given
            .iter()
            .enumerate()
            .map(|(at, item)| Item::parse(at, item))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            items,
            with_tcpa_phones,
        })
    }
}

impl Item {
    fn parse(at: usize, given: &Value) -> Result<Self, String> {
        let place = format!("requests[{at}]");
        let item = given
            .as_object()
            .ok_or_else(|| format!("{place} must be an object"))?;
        only(item, &place, &ITEM)?;
        if let Some(name) = object(item.get("name"), &format!("{place}.name"))? {
            only(name, &format!("{place}.name"), &["first", "last"])?;
        }
        let mailing = format!("{place}.mailingAddress");
        if let Some(address) = object(item.get("mailingAddress"), &mailing)? {
            only(address, &mailing, &ADDRESS)?;
        }
        let request_id =
            text(item.get("requestId"), &format!("{place}.requestId"))?.map(str::to_owned);
        Ok(Self {
            request_id,
            sought: sought(item, &place)?,
            given: given.clone(),
        })
    }

    /// The property asked for, if the world has it.
    #[must_use]
    pub fn find<'a>(&self, world: &'a World) -> Option<&'a Property> {
        match &self.sought {
            Sought::Address {
                street,
                city,
                state,
                zip,
            } => world.at_address(&Written {
                street,
                unit: "",
                city,
                state,
                zip,
            }),
            Sought::Parcel { apn, county_fips } => world.with_parcel(county_fips, apn),
            Sought::ParcelByName { apn, county, state } => {
                let in_county = |place: &&crate::world::places::Place| {
                    place.county.eq_ignore_ascii_case(county) && place.state == *state
                };
                let place = world.places().iter().find(in_county)?;
                world.with_parcel(&place.county_fips, apn)
            }
            Sought::Nothing => None,
        }
    }

    /// Whether nothing usable was asked for.
    #[must_use]
    pub fn is_mistaken(&self) -> bool {
        matches!(self.sought, Sought::Nothing)
    }

    /// The address as sent; null when a parcel was asked for.
    #[must_use]
    pub fn address(&self) -> Value {
        self.given
            .get("propertyAddress")
            .cloned()
            .unwrap_or_default()
    }
}

fn sought(item: &Map<String, Value>, place: &str) -> Result<Sought, String> {
    let member = |name: &str| {
        text(item.get(name), &format!("{place}.{name}"))
            .map(|text| text.unwrap_or_default().trim().to_owned())
    };
    let address_place = format!("{place}.propertyAddress");
    if let Some(address) = object(item.get("propertyAddress"), &address_place)? {
        only(address, &address_place, &ADDRESS)?;
        let part = |name: &str| {
            text(address.get(name), &format!("{address_place}.{name}"))
                .map(|text| text.unwrap_or_default().trim().to_owned())
        };
        let (street, city, state, zip) =
            (part("street")?, part("city")?, part("state")?, part("zip")?);
        let placed = !zip.is_empty() || (!city.is_empty() && !state.is_empty());
        let usable = !street.is_empty() && placed;
        return Ok(if usable {
            Sought::Address {
                street,
                city,
                state,
                zip,
            }
        } else {
            Sought::Nothing
        });
    }
    let (apn, county_fips) = (member("apn")?, member("countyFipsCode")?);
    let (county, state) = (member("county")?, member("state")?);
    if apn.is_empty() {
        return Err(format!("{place} needs propertyAddress or apn"));
    }
    if !county_fips.is_empty() {
        Ok(Sought::Parcel { apn, county_fips })
    } else if !county.is_empty() && !state.is_empty() {
        Ok(Sought::ParcelByName { apn, county, state })
    } else {
        Err(format!(
            "{place}: apn needs countyFipsCode, or county and state"
        ))
    }
}
