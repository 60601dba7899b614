//! Turns a user's pull parameters into BatchData's `searchCriteria` and `sort`.
//!
//! Never drops a parameter it does not understand: a filter that goes missing widens the search, and
//! every record too many is billed.
//!
//! | Parameter | Becomes |
//! |---|---|
//! | `zip_codes`: one or a list | `query`, joined with ", ", and `address.zip.inList` |
//! | `query`; or `city`/`county` with `state`; or `state` | `query` |
//! | `quick_lists`, `or_quick_lists`: one or a list | `quickLists`, `orQuickLists` |
//! | `filters`: see `filters::RANGES`, `WORDS`, `DATES`, and `owner_occupied` | one filter each |
//! | `sort`: `created_desc`, `created_asc`, `random`, `{field, sortOrder}` | `options.sort` |
//! | `search_criteria`: object | `searchCriteria` word for word; only `sort` may stand beside it |
//!
//! A range is `{"min": …, "max": …}`, or its ends are named `min_age`/`age_min` and so on. A word may
//! be one or a list; `snake_case` is written the vendor's way: `single_family` → `Single Family`.
//! The ZIPs stand in `query` because the vendor requires one, and in `inList` because that several
//! fit in a query was only seen in clients: the list keeps the bill inside the ZIPs either way.

mod filters;

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::lenient;

/// Why a pull's parameters are not understood. Names the parameter, never its value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct CriteriaProblem(String);

/// How a user orders the records.
#[derive(Debug, PartialEq)]
pub(super) enum Sort {
    Newest,
    Oldest,
    Random,
    /// The vendor's own `{field, sortOrder}`.
    Verbatim(Value),
}

/// A user's parameters in the vendor's words.
#[derive(Debug, PartialEq)]
pub(super) struct Criteria {
    pub search: Value,
    pub sort: Sort,
}

/// Translates `params`; the error names the parameter and never its value.
pub(super) fn from_params(params: &Value) -> Result<Criteria, CriteriaProblem> {
    translate(params).map_err(CriteriaProblem)
}

fn translate(params: &Value) -> Result<Criteria, String> {
    let Value::Object(params) = params else {
        return Err("the parameters must be a JSON object".into());
    };
    let mut rest = params.clone();
    rest.retain(|_, value| !value.is_null());
    let sort = sort(rest.remove("sort"))?;
    if let Some(verbatim) = rest.remove("search_criteria") {
        if let Some(name) = rest.keys().next() {
            return Err(format!(
                "{} can't stand beside search_criteria",
                shown(name)
            ));
        }
        if verbatim.as_object().is_none_or(Map::is_empty) {
            return Err("search_criteria must be an object that is not empty".into());
        }
        return Ok(Criteria {
            search: verbatim,
            sort,
        });
    }
    let mut search = place(&mut rest)?;
    for (name, theirs) in [
        ("quick_lists", "quickLists"),
        ("or_quick_lists", "orQuickLists"),
    ] {
        if let Some(value) = rest.remove(name) {
            search.insert(theirs.into(), json!(texts(name, &value)?));
        }
    }
    match rest.remove("filters") {
        Some(Value::Object(filters)) => filters::add(&mut search, filters)?,
        Some(_) => return Err("filters must be an object".into()),
        None => {}
    }
    match rest.keys().next() {
        Some(name) if is_paging(name) => Err(format!(
            "{} is paging, which the pull does by itself",
            shown(name)
        )),
        Some(name) => Err(format!("{} is not understood", shown(name))),
        None => Ok(Criteria {
            search: Value::Object(search),
            sort,
        }),
    }
}

fn sort(wish: Option<Value>) -> Result<Sort, String> {
    match wish {
        None => Ok(Sort::Newest),
        Some(Value::String(word)) => match word.trim().to_ascii_lowercase().as_str() {
            "created_desc" | "newest" => Ok(Sort::Newest),
            "created_asc" | "oldest" => Ok(Sort::Oldest),
            "random" => Ok(Sort::Random),
            _ => Err("sort is none of created_desc, created_asc, random".into()),
        },
        Some(Value::Object(own)) if is_sort(&own) => Ok(Sort::Verbatim(Value::Object(own))),
        Some(_) => Err("sort must be a word, or an object with field and sortOrder".into()),
    }
}

fn is_sort(own: &Map<String, Value>) -> bool {
    let is_order = |order: &Value| matches!(order.as_str(), Some("asc" | "desc" | "random"));
    own.get("field").is_some_and(Value::is_string)
        && own.get("sortOrder").is_none_or(is_order)
        && own.keys().all(|key| key == "field" || key == "sortOrder")
}

/// The place: what the vendor's `query` says, and the ZIPs as a filter.
fn place(rest: &mut Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut search = Map::new();
    let mut query = match rest.remove("query") {
        Some(value) => Some(one_text("query", &value)?),
        None => None,
    };
    if let Some(value) = rest.remove("zip_codes") {
        let zips = zips(&value)?;
        query = query.or_else(|| Some(zips.join(", ")));
        search.insert("address".into(), json!({"zip": {"inList": zips}}));
    }
    let mut named = |name: &str| -> Result<Option<String>, String> {
        rest.remove(name)
            .map(|value| one_text(name, &value))
            .transpose()
    };
    let (city, county, state) = (named("city")?, named("county")?, named("state")?);
    let area = match (city, county, state) {
        (None, None, None) => None,
        (Some(city), None, Some(state)) => Some(format!("{city}, {state}")),
        (None, Some(county), Some(state)) => Some(format!("{}, {state}", county_name(&county))),
        (None, None, Some(state)) => Some(state),
        _ => return Err("city or county (not both) needs state beside it".into()),
    };
    if area.is_some() && query.is_some() {
        return Err(
            "the place is named twice: use zip_codes, query, or city/county and state".into(),
        );
    }
    let Some(query) = query.or(area) else {
        return Err("no place is named: use zip_codes, query, or city/county and state".into());
    };
    search.insert("query".into(), Value::String(query));
    Ok(search)
}

/// With the word that keeps a county from being read as the city of that name.
fn county_name(name: &str) -> String {
    let last = name
        .rsplit(' ')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    match last.as_str() {
        "county" | "parish" | "borough" => name.to_owned(),
        _ => format!("{name} County"),
    }
}

fn zips(value: &Value) -> Result<Vec<String>, String> {
    let mut zips: Vec<String> = Vec::new();
    for entry in one_or_many(value) {
        let written = match entry {
            // A ZIP that became a number lost its leading zeros.
            Value::Number(number) => number.as_u64().map(|number| format!("{number:05}")),
            Value::String(raw) => Some(raw.trim().to_owned()),
            _ => None,
        };
        let five = written.and_then(|zip| match zip.split_once('-') {
            Some((five, four)) if is_digits(four, 4) => Some(five.to_owned()),
            Some(_) => None,
            None => Some(zip),
        });
        match five {
            Some(zip) if is_digits(&zip, 5) => {
                if !zips.contains(&zip) {
                    zips.push(zip);
                }
            }
            _ => return Err("zip_codes holds something that is not a ZIP code".into()),
        }
    }
    if zips.is_empty() {
        return Err("zip_codes is empty".into());
    }
    Ok(zips)
}

fn one_or_many(value: &Value) -> &[Value] {
    match value {
        Value::Array(many) => many,
        one => std::slice::from_ref(one),
    }
}

fn texts(name: &str, value: &Value) -> Result<Vec<String>, String> {
    let many = one_or_many(value);
    if many.is_empty() {
        return Err(format!("{} is empty", shown(name)));
    }
    many.iter().map(|value| one_text(name, value)).collect()
}

fn one_text(name: &str, value: &Value) -> Result<String, String> {
    value
        .as_str()
        .and_then(lenient::clean)
        .ok_or_else(|| format!("{} must be a text that is not blank", shown(name)))
}

fn is_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_paging(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["page", "skip", "take", "limit", "offset", "cursor"]
        .iter()
        .any(|word| name.contains(word))
}

/// A parameter's name as far as it can stand in a message.
fn shown(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    format!("\"{name}\"")
}

#[cfg(test)]
mod tests;
