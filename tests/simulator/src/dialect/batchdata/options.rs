//! `options` of a property search.

use serde_json::{Map, Value};

use super::record::DATASETS;
use super::session::is_session_id;
use super::{flag, object, only, text};

/// The most records of one page.
const MOST: u64 = 500;

/// Checked options.
#[derive(Clone, Debug)]
pub struct Options {
    pub skip: usize,
    pub take: usize,
    pub uses_cursor: bool,
    pub cursor: Option<String>,
    /// Session id and idempotency key.
    pub session: Option<(String, Option<String>)>,
    pub order: Order,
    pub datasets: Vec<String>,
    pub shows_requests: bool,
}

/// The order of the hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Default,
    NewestFirst,
    OldestFirst,
    ValueUp,
    ValueDown,
    Random,
}

const NAMES: [&str; 18] = [
    "skip",
    "take",
    "useCursorPagination",
    "pageCursor",
    "searchSession",
    "sort",
    "datasets",
    "projection",
    "customProjection",
    "skipTrace",
    "quicklistCounts",
    "areaPolygon",
    "images",
    "aggregateLoanTypes",
    "showRequests",
    "dateFormat",
    "webhookUrl",
    "errorWebhookUrl",
];

/// Documented options that change the answer in ways this simulator does not know.
const UNKNOWN_EFFECT: [&str; 6] = [
    "projection",
    "customProjection",
    "skipTrace",
    "quicklistCounts",
    "areaPolygon",
    "images",
];

impl Options {
    /// Reads `options`; the error is the vendor's message.
    pub fn parse(given: Option<&Value>) -> Result<Self, String> {
        let empty = Map::new();
        let given = object(given, "options")?.unwrap_or(&empty);
        only(given, "options", &NAMES)?;
        if let Some(name) = UNKNOWN_EFFECT
            .iter()
            .find(|name| given.get(**name).is_some_and(is_set))
        {
            return Err(format!("options.{name} is not supported by this simulator"));
        }
        let uses_cursor = flag(
            given.get("useCursorPagination"),
            "options.useCursorPagination",
        )?;
        let cursor = text(given.get("pageCursor"), "options.pageCursor")?.map(str::to_owned);
        let skip = count(given, "skip", 0)?;
        if cursor.is_some() && !uses_cursor {
            return Err("options.pageCursor needs options.useCursorPagination".to_owned());
        }
        if cursor.is_some() && skip > 0 {
            return Err("options.skip cannot be used with options.pageCursor".to_owned());
        }
        Ok(Self {
            skip: skip as usize,
            take: count(given, "take", 25)?.min(MOST) as usize,
            uses_cursor,
            cursor,
            session: session(given)?,
            order: order(given)?,
            datasets: datasets(given)?,
            shows_requests: flag(given.get("showRequests"), "options.showRequests")?,
        })
    }
}

fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

fn count(given: &Map<String, Value>, name: &str, default: u64) -> Result<u64, String> {
    let wrong = || format!("options.{name} must be a whole number of 0 or more");
    given
        .get(name)
        .map_or(Ok(default), |value| value.as_u64().ok_or_else(wrong))
}

fn session(given: &Map<String, Value>) -> Result<Option<(String, Option<String>)>, String> {
    let place = "options.searchSession";
    let Some(session) = object(given.get("searchSession"), place)? else {
        return Ok(None);
    };
    only(session, place, &["id", "idempotencyKey"])?;
    let id = text(session.get("id"), "options.searchSession.id")?.unwrap_or_default();
    if !is_session_id(id) {
        return Err("options.searchSession.id must match ^[a-zA-Z0-9_-]{1,128}$".to_owned());
    }
    let key = text(
        session.get("idempotencyKey"),
        "options.searchSession.idempotencyKey",
    )?;
    Ok(Some((
        id.to_owned(),
        key.filter(|key| !key.is_empty()).map(str::to_owned),
    )))
}

fn order(given: &Map<String, Value>) -> Result<Order, String> {
    let Some(sort) = object(given.get("sort"), "options.sort")? else {
        return Ok(Order::Default);
    };
    only(sort, "options.sort", &["field", "sortOrder"])?;
    let field = text(sort.get("field"), "options.sort.field")?.unwrap_or_default();
    let direction = text(sort.get("sortOrder"), "options.sort.sortOrder")?.unwrap_or("asc");
    let by_value = match field {
        "valuation.estimatedValue" => true,
        "meta.propertyDateModified"
        | "dateModified"
        | "intel.lastSoldDate"
        | "sale.lastSaleDate"
        | "owner.ownershipStartDate" => false,
        _ if direction == "random" => false,
        _ => {
            return Err(format!(
                "options.sort.field \"{field}\" cannot be sorted by"
            ));
        }
    };
    match (direction, by_value) {
        ("asc", true) => Ok(Order::ValueUp),
        ("desc", true) => Ok(Order::ValueDown),
        ("asc", false) => Ok(Order::OldestFirst),
        ("desc", false) => Ok(Order::NewestFirst),
        ("random", _) => Ok(Order::Random),
        _ => Err("options.sort.sortOrder must be asc, desc or random".to_owned()),
    }
}

fn datasets(given: &Map<String, Value>) -> Result<Vec<String>, String> {
    let Some(value) = given.get("datasets") else {
        return Ok(DATASETS
            .iter()
            .filter(|name| **name != "core")
            .map(|name| (*name).to_owned())
            .collect());
    };
    let names = value
        .as_array()
        .ok_or("options.datasets must be an array")?;
    let mut datasets: Vec<String> = Vec::new();
    for name in names {
        let name = name.as_str().filter(|name| DATASETS.contains(name));
        let name = name.ok_or("options.datasets: unknown data set")?.to_owned();
        if !datasets.contains(&name) {
            datasets.push(name);
        }
    }
    let has = |wanted: &str| datasets.iter().any(|name| name == wanted);
    if has("basic") && has("core") {
        return Err("options.datasets: basic and core exclude each other".to_owned());
    }
    Ok(datasets)
}
