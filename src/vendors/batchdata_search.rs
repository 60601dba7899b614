//! BatchData property search: pages of a list, billed per record returned.
//!
//! Documented by the vendor: path, Bearer key, `take` up to 500, cursor paging, search sessions with
//! an `idempotencyKey`, named datasets that are paid for one by one. Seen in its sandbox: the field
//! names. Assumed: the field that "newest first" sorts by, hence the option; and that null elements
//! are not billed. Never leaves `datasets` out: a client that did paid for every one of them.
//!
//! Options: `datasets` (list), `sort_field` (text).

use serde_json::{Map, Number, Value, json};

pub use super::batchdata_criteria::CriteriaProblem;
use super::batchdata_criteria::{self, Sort};
use super::exchange::{self, Account, BuildError, HttpRequest};
use super::found::{FoundContact, OwnerFlags, Unreadable};
use super::{Item, Part, Reply, SearchPage, Subject, batchdata_contacts, judge, lenient};

const PATH: &str = "/api/v1/property/search";
const MOST_PER_PAGE: u32 = 500;
/// The cheapest that fill our columns: names, value, equity, owner-occupied, age.
const DATASETS: [&str; 4] = ["basic", "owner", "valuation", "demographics"];
const SORT_FIELD: &str = "meta.propertyDateModified";

/// One page, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchAnswer {
    pub records: Vec<PulledRecord>,
    /// Where the next page starts; none at the end of the list.
    pub next_cursor: Option<String>,
    /// All hits of the search.
    pub found: Option<u64>,
    /// What the search session has delivered so far.
    pub delivered: Option<u64>,
    /// Elements that no lead can be made of, and why.
    pub unreadable: Vec<(Value, String)>,
}

/// One property of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct PulledRecord {
    pub vendor_record_id: String,
    /// A lead record under our own names, absent values left out.
    pub record: Value,
    pub contacts: Vec<FoundContact>,
    pub flags: OwnerFlags,
}

/// Whether a pull's parameters are understood, before anything is queued for them.
pub fn check_criteria(params: &Value) -> Result<(), CriteriaProblem> {
    batchdata_criteria::from_params(params).map(drop)
}

pub(super) fn request(account: &Account<'_>, item: &Item) -> Result<HttpRequest, BuildError> {
    let Subject::Search(page) = &item.subject else {
        return Err(BuildError::item(&item.id, "a search takes a search page"));
    };
    let wrong = |problem: String| BuildError::item(&item.id, problem);
    let criteria = batchdata_criteria::from_params(&page.criteria)
        .map_err(|problem| wrong(problem.to_string()))?;
    let mut options = Map::new();
    paging(page, &mut options).map_err(wrong)?;
    options.insert("sort".into(), sort(account, criteria.sort)?);
    options.insert("datasets".into(), json!(datasets(account)?));
    let body = json!({"searchCriteria": criteria.search, "options": options});
    exchange::post(account.endpoint(PATH)?, account.bearer()?, &body)
}

fn paging(page: &SearchPage, options: &mut Map<String, Value>) -> Result<(), String> {
    if page.take > MOST_PER_PAGE {
        return Err(format!("a page holds at most {MOST_PER_PAGE} records"));
    }
    options.insert("take".into(), json!(page.take));
    match (page.cursor.as_deref().and_then(lenient::clean), page.skip) {
        (Some(cursor), _) => {
            options.insert("useCursorPagination".into(), json!(true));
            options.insert("pageCursor".into(), json!(cursor));
        }
        (None, Some(skip)) if skip > 0 => {
            options.insert("skip".into(), json!(skip));
        }
        (None, _) => {
            options.insert("useCursorPagination".into(), json!(true));
        }
    }
    let Some(session) = &page.session else {
        return Ok(());
    };
    if !is_session_id(session) {
        return Err("a search session's id is 1 to 128 of A-Z, a-z, 0-9, _ and -".into());
    }
    if page.idempotency_key.trim().is_empty() {
        return Err("a page of a search session needs an idempotency key".into());
    }
    options.insert(
        "searchSession".into(),
        json!({"id": session, "idempotencyKey": page.idempotency_key}),
    );
    Ok(())
}

fn is_session_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn sort(account: &Account<'_>, wish: Sort) -> Result<Value, BuildError> {
    let field = account.text_option("sort_field")?.unwrap_or(SORT_FIELD);
    let order = match wish {
        Sort::Newest => "desc",
        Sort::Oldest => "asc",
        Sort::Random => "random",
        Sort::Verbatim(own) => return Ok(own),
    };
    Ok(json!({"field": field, "sortOrder": order}))
}

fn datasets<'a>(account: &Account<'a>) -> Result<Vec<&'a str>, BuildError> {
    let wrong = || BuildError::account("option datasets must be a list of names, not empty");
    let named = match account.options.get("datasets") {
        None | Some(Value::Null) => return Ok(DATASETS.to_vec()),
        Some(Value::Array(named)) if !named.is_empty() => named,
        Some(_) => return Err(wrong()),
    };
    let names: Option<Vec<&str>> = named.iter().map(Value::as_str).collect();
    let names = names.ok_or_else(wrong)?;
    if names.contains(&"basic") && names.contains(&"core") {
        return Err(BuildError::account(
            "option datasets: basic and core exclude each other",
        ));
    }
    Ok(names)
}

pub(super) fn receive(items: &[Item], body: Value) -> Reply {
    if let Some(reply) = judge::inner_refusal(items, &body, "status.code") {
        return reply;
    }
    let ([item], Some(results)) = (
        items,
        lenient::at(&body, "results").filter(|r| r.is_object()),
    ) else {
        let message = judge::message_of(&body).unwrap_or_default();
        return Reply::Doubtful {
            reason: judge::reason("HTTP 200 without results", &message, items),
        };
    };
    let asked = super::max_units(super::Product::BatchdataSearch, item);
    let listed = lenient::list(results, "properties");
    let counted = lenient::count(results, "meta.results.resultCount");
    // Read as an empty page, these would end the pull for good.
    let is_listed = lenient::at(results, "properties").is_some_and(Value::is_array);
    let is_empty = counted == Some(0) || asked == 0 || is_listed && counted.is_none();
    if listed.is_empty() && !is_empty {
        return Reply::Doubtful {
            reason: "HTTP 200 without a readable list of records".into(),
        };
    }
    let returned = listed.iter().filter(|record| !record.is_null()).count();
    let returned = u32::try_from(returned).unwrap_or(u32::MAX);
    // A count beyond the list means that records were billed and lost on the way.
    let lost = counted.filter(|counted| *counted > listed.len() as u64);
    let lost = lost.map_or(0, |counted| u32::try_from(counted).unwrap_or(u32::MAX));
    Reply::Answered(vec![Part {
        item_id: item.id.clone(),
        units: returned.max(lost.min(asked)),
        matched: returned > 0,
        pending: false,
        body,
    }])
}

/// Reads a stored page.
pub fn read(body: &Value) -> Result<SearchAnswer, Unreadable> {
    let results = lenient::at(body, "results")
        .filter(|results| results.is_object())
        .ok_or_else(|| Unreadable::because("the answer holds no results"))?;
    let mut answer = SearchAnswer {
        next_cursor: lenient::text(results, "nextPageCursor"),
        found: lenient::count(results, "meta.results.resultsFound"),
        delivered: lenient::count(results, "searchSessionMeta.totalDelivered"),
        ..SearchAnswer::default()
    };
    for property in lenient::list(results, "properties") {
        match record(property) {
            Ok(record) => answer.records.push(record),
            Err(reason) => answer
                .unreadable
                .push((property.clone(), reason.to_owned())),
        }
    }
    Ok(answer)
}

fn record(property: &Value) -> Result<PulledRecord, &'static str> {
    if !property.is_object() {
        return Err("the element is not a record");
    }
    let vendor_record_id = record_id(property).ok_or("the record has no id")?;
    let owner = lenient::at(property, "owner").unwrap_or(&Value::Null);
    let flags = batchdata_contacts::flags(owner);
    let mut record = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            record.insert(name.to_owned(), value);
        }
    };
    put("vendor_record_id", Some(json!(vendor_record_id)));
    let (line1, line2) = street_lines(property);
    put("address_line1", line1.map(Value::from));
    put("address_line2", line2.map(Value::from));
    for (name, path) in [
        ("city", "address.city"),
        ("state", "address.state"),
        ("postal_code", "address.zip"),
        ("apn", "ids.apn"),
        ("owner_full_name", "owner.fullName"),
    ] {
        put(name, lenient::text(property, path).map(Value::from));
    }
    let fips = lenient::text(property, "address.countyFipsCode")
        .or_else(|| lenient::text(property, "ids.fipsCode"));
    put("county_fips", fips.map(Value::from));
    put_owner(property, &mut put);
    put(
        "property_value",
        lenient::amount(property, "valuation.estimatedValue"),
    );
    put("estimated_equity", equity(property));
    let age = lenient::count(property, "demographics.age").filter(|age| *age <= 130);
    put("age", age.map(Value::from));
    let occupied = lenient::flag(property, "owner.ownerOccupied");
    put("owner_occupied", occupied.map(Value::from));
    put("custom", custom(flags));
    let phones = batchdata_contacts::phones(owner).into_iter();
    let emails = batchdata_contacts::emails(owner).into_iter();
    Ok(PulledRecord {
        vendor_record_id,
        record: Value::Object(record),
        contacts: phones
            .map(FoundContact::Phone)
            .chain(emails.map(FoundContact::Email))
            .collect(),
        flags,
    })
}

/// The vendor's property id; its hash of the address when the id is missing, since the record is
/// paid for and must be known again.
fn record_id(property: &Value) -> Option<String> {
    let hash = || {
        lenient::text(property, "ids.addressHash")
            .or_else(|| lenient::text(property, "address.hash"))
            .map(|hash| format!("address-hash:{hash}"))
    };
    lenient::text(property, "_id")
        .or_else(|| lenient::text(property, "id"))
        .or_else(hash)
}

/// `street` includes the unit; `streetNoUnit` does not.
fn street_lines(property: &Value) -> (Option<String>, Option<String>) {
    let part = |name: &str| lenient::text(property, &format!("address.{name}"));
    let unit = part("unitNumber").map(|number| match part("unitType") {
        Some(kind) => format!("{kind} {number}"),
        None => format!("# {number}"),
    });
    match (part("street"), part("streetNoUnit"), unit) {
        (_, Some(bare), Some(unit)) => (Some(bare), Some(unit)),
        (Some(street), _, _) => (Some(street), None),
        (None, bare, unit) => {
            let spelled = || match (part("houseNumber"), part("formattedStreet")) {
                (Some(number), Some(street)) => Some(format!("{number} {street}")),
                _ => None,
            };
            (bare.or_else(spelled), unit)
        }
    }
}

fn put_owner(property: &Value, put: &mut impl FnMut(&str, Option<Value>)) {
    let owners = lenient::list(property, "owner.names");
    let first_named = owners.iter().find(|name| name.is_object());
    let name = first_named.unwrap_or(&Value::Null);
    let full = lenient::text(property, "owner.fullName").or_else(|| lenient::text(name, "full"));
    put("owner_full_name", full.clone().map(Value::from));
    let status = lenient::text(property, "owner.ownerStatusType").unwrap_or_default();
    if is_company(&status) {
        put("owner_company", full.map(Value::from));
        return;
    }
    put(
        "owner_first_name",
        lenient::text(name, "first").map(Value::from),
    );
    put(
        "owner_last_name",
        lenient::text(name, "last").map(Value::from),
    );
}

fn is_company(owner_status: &str) -> bool {
    const WORDS: [&str; 9] = [
        "llc",
        "corp",
        "company",
        "inc",
        "trust",
        "bank",
        "government",
        "partnership",
        "limited",
    ];
    let status = owner_status.to_ascii_lowercase();
    WORDS.iter().any(|word| status.contains(word))
}

/// The vendor's own figure; else its percentage of its own value, in whole dollars.
fn equity(property: &Value) -> Option<Value> {
    let stated = lenient::amount(property, "valuation.equityCurrentEstimatedBalance")
        .or_else(|| lenient::amount(property, "valuation.estimatedEquity"));
    stated.or_else(|| {
        let value = lenient::number(property, "valuation.estimatedValue")?;
        let percent = lenient::number(property, "valuation.equityPercent")?;
        let dollars = (value * percent / 100.0).round();
        (dollars.abs() < 9e15).then(|| Value::Number(Number::from(dollars as i64)))
    })
}

fn custom(flags: OwnerFlags) -> Option<Value> {
    let said = [
        ("litigator", flags.litigator),
        ("deceased", flags.deceased),
        ("tcpa", flags.tcpa),
    ];
    let said: Map<String, Value> = said
        .into_iter()
        .filter_map(|(name, flag)| Some((name.to_owned(), Value::Bool(flag?))))
        .collect();
    (!said.is_empty()).then_some(Value::Object(said))
}
