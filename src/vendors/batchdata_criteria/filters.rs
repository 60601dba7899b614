//! The `filters` of a pull, one by one, as the vendor writes them.

use serde_json::{Map, Value, json};

use super::{is_digits, lenient, shown, texts};

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

/// Adds each filter; the error names one that is not understood.
pub(super) fn add(
    search: &mut Map<String, Value>,
    filters: Map<String, Value>,
) -> Result<(), String> {
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
