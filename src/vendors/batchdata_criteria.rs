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
//! | `filters`: see [`RANGES`], [`WORDS`], [`DATES`], `owner_occupied` | one filter each |
//! | `sort`: `created_desc`, `created_asc`, `random`, `{field, sortOrder}` | `options.sort` |
//! | `search_criteria`: object | `searchCriteria` word for word; only `sort` may stand beside it |
//!
//! A range is `{"min": …, "max": …}`, or its ends are named `min_age`/`age_min` and so on. A word may
//! be one or a list; `snake_case` is written the vendor's way: `single_family` → `Single Family`.
//! The ZIPs stand in `query` because the vendor requires one, and in `inList` because that several
//! fit in a query was only seen in clients: the list keeps the bill inside the ZIPs either way.

use serde_json::{Map, Value, json};

use super::lenient;

/// Filters with two ends: our name, the vendor's group and field.
const RANGES: [(&str, &str, &str); 7] = [
    ("property_value", "valuation", "estimatedValue"),
    ("estimated_equity", "valuation", "estimatedEquity"),
    ("equity_percent", "valuation", "equityPercent"),
    ("ltv", "valuation", "ltv"),
    ("age", "demographics", "age"),
    ("bedrooms", "building", "bedroomCount"),
    (
        "length_of_residence_years",
        "owner",
        "lengthOfResidenceYears",
    ),
];

/// Filters by one word or several.
const WORDS: [(&str, &str, &str); 5] = [
    ("property_type", "general", "propertyTypeDetail"),
    ("city", "address", "city"),
    ("county", "address", "county"),
    ("county_fips", "address", "countyFipsCode"),
    ("state", "address", "state"),
];

/// Filters by date, written `YYYY-MM-DD`.
const DATES: [(&str, &str, &str); 2] = [
    ("last_sale_date", "sale", "lastSaleDate"),
    ("ownership_start_date", "owner", "ownershipStartDate"),
];

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
pub(super) fn from_params(params: &Value) -> Result<Criteria, String> {
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
        if !verbatim.is_object() {
            return Err("search_criteria must be an object".into());
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
        Some(Value::Object(filters)) => add_filters(&mut search, filters)?,
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
        Some(Value::Object(own))
            if own.contains_key("field")
                && own.keys().all(|key| key == "field" || key == "sortOrder") =>
        {
            Ok(Sort::Verbatim(Value::Object(own)))
        }
        Some(_) => Err("sort must be a word, or an object with field and sortOrder".into()),
    }
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
        (Some(name), None, Some(state)) | (None, Some(name), Some(state)) => {
            Some(format!("{name}, {state}"))
        }
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

fn add_filters(search: &mut Map<String, Value>, filters: Map<String, Value>) -> Result<(), String> {
    for (name, value) in filters {
        if value.is_null() {
            continue;
        }
        if name == "owner_occupied" {
            let holder = json!({"flag": value});
            let flag =
                lenient::flag(&holder, "flag").ok_or("owner_occupied must be true or false")?;
            set(search, ("owner", "ownerOccupied", "equals"), json!(flag));
        } else if let Some((_, group, field)) = WORDS.iter().find(|word| word.0 == name) {
            add_words(search, (group, field), (&name, &value))?;
        } else if !add_range(search, &name, &value)? {
            return Err(format!("filters.{} is not understood", shown(&name)));
        }
    }
    Ok(())
}

fn add_words(
    search: &mut Map<String, Value>,
    (group, field): (&str, &str),
    (name, value): (&str, &Value),
) -> Result<(), String> {
    let words: Vec<String> = texts(name, value)?;
    let mut words: Vec<Value> = words.iter().map(|word| json!(vendor_words(word))).collect();
    if words.len() == 1 {
        set(search, (group, field, "equals"), words.remove(0));
    } else {
        set(search, (group, field, "inList"), Value::Array(words));
    }
    Ok(())
}

/// Adds one end of a range, or both. False if the name is not that of a range.
fn add_range(search: &mut Map<String, Value>, name: &str, value: &Value) -> Result<bool, String> {
    let (base, end) = split_end(name);
    let number = RANGES.iter().find(|range| range.0 == base);
    let date = DATES.iter().find(|range| range.0 == base);
    let (Some((_, group, field)), is_date) = (number.or(date), date.is_some()) else {
        return Ok(false);
    };
    let mut add = |end: &str, value: &Value| -> Result<(), String> {
        let (operator, bound) = match (end, is_date) {
            ("min", false) => ("min", a_number(value)),
            ("max", false) => ("max", a_number(value)),
            ("min", true) => ("minDate", a_date(value)),
            ("max", true) => ("maxDate", a_date(value)),
            _ => return Err(format!("filters.{} takes min and max only", shown(name))),
        };
        let bound = bound.ok_or_else(|| {
            let kind = if is_date {
                "date (YYYY-MM-DD)"
            } else {
                "number"
            };
            format!("filters.{} is not a {kind}", shown(name))
        })?;
        set(search, (group, field, operator), bound);
        Ok(())
    };
    match (end, value) {
        (Some(end), value) => add(end, value)?,
        (None, Value::Object(ends)) if !ends.is_empty() => {
            for (end, value) in ends.iter().filter(|(_, value)| !value.is_null()) {
                add(end, value)?;
            }
        }
        (None, _) => return Err(format!("filters.{} must be {{min, max}}", shown(name))),
    }
    Ok(true)
}

/// `min_age` and `age_min` are the lower end of `age`.
fn split_end(name: &str) -> (&str, Option<&'static str>) {
    for (end, prefix, suffix) in [("min", "min_", "_min"), ("max", "max_", "_max")] {
        if let Some(base) = name
            .strip_prefix(prefix)
            .or_else(|| name.strip_suffix(suffix))
        {
            return (base, Some(end));
        }
    }
    (name, None)
}

fn set(
    search: &mut Map<String, Value>,
    (group, field, operator): (&str, &str, &str),
    value: Value,
) {
    let mut inner = search;
    for key in [group, field] {
        let next = inner.entry(key).or_insert_with(|| json!({}));
        let Value::Object(next) = next else { return };
        inner = next;
    }
    inner.insert(operator.into(), value);
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

fn a_number(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(raw) => {
            let whole = raw.trim().parse::<i64>().map(Value::from);
            let number = whole.or_else(|_| raw.trim().parse::<f64>().map(Value::from));
            number.ok().filter(Value::is_number)
        }
        _ => None,
    }
}

fn a_date(value: &Value) -> Option<Value> {
    let parts: Vec<&str> = value.as_str()?.trim().split('-').collect();
    match parts.as_slice() {
        [year, month, day] if is_digits(year, 4) && is_digits(month, 2) && is_digits(day, 2) => {
            Some(Value::from(parts.join("-")))
        }
        _ => None,
    }
}

/// `single_family` → `Single Family`; what already has capitals or blanks stays.
fn vendor_words(word: &str) -> String {
    let is_snake = word.contains(|c: char| c.is_ascii_lowercase())
        && word
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_snake {
        return word.to_owned();
    }
    word.split('_')
        .filter(|part| !part.is_empty())
        .map(|part| part[..1].to_ascii_uppercase() + &part[1..])
        .collect::<Vec<_>>()
        .join(" ")
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
