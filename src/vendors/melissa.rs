//! Melissa Personator Consumer: address key, corrected address, owner check, appended contacts.
//!
//! Documented: POST with the key as `CustomerID` in the body (no extra property is allowed), up to
//! 100 records linked by `RecordID`; every value is a string and an empty one is a single space;
//! errors of the call stand in `TransmissionResults` of a 200. A phone or an e-mail in the reply may
//! be the input handed back: it was found only under DA30 or DA40. `ES01` says that the domain is
//! valid, not that the mailbox exists. Inside a record GE01 and GE02 are geocoding remarks.
//! Assumed: one unit per record, match or not (option `bill_no_match`); scores are ours.
//!
//! Options: `actions`, `columns`, `options` (texts in Melissa's own syntax), `bill_no_match`.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;

use super::exchange::{self, Account, BuildError, HttpRequest, Secret};
use super::found::{CorrectedAddress, Enrichment, FoundEmail, FoundPhone, Unreadable};
use super::{Item, Part, Reply, Subject, judge, lenient};

const PATH: &str = "/v3/WEB/ContactVerify/doContactVerify";
const ACTIONS: &str = "Check,Verify,Append";
/// `Plus4` makes `PostalCode` five digits; `OwnRent` tells who lives there.
const COLUMNS: &str = "Plus4,OwnRent";
const OPTIONS: &str = "Append:Blank;CentricHint:Address";
/// GE16 locks the key for an hour.
const LOCK_SECONDS: &str = "3600";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<'a> {
    transmission_reference: &'a str,
    #[serde(rename = "CustomerID")]
    customer_id: &'a str,
    actions: &'a str,
    columns: &'a str,
    options: &'a str,
    records: Vec<Record<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'a> {
    #[serde(rename = "RecordID")]
    record_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    company_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_line1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_line2: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    postal_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    melissa_address_key: Option<String>,
}

pub(super) fn request(account: &Account<'_>, items: &[Item]) -> Result<HttpRequest, BuildError> {
    let [first, ..] = items else {
        return Err(BuildError::batch("there is nothing to ask"));
    };
    let batch = Batch {
        transmission_reference: &first.id,
        customer_id: account.usable_key()?,
        actions: account.text_option("actions")?.unwrap_or(ACTIONS),
        columns: account.text_option("columns")?.unwrap_or(COLUMNS),
        options: account.text_option("options")?.unwrap_or(OPTIONS),
        records: items.iter().map(record).collect::<Result<_, _>>()?,
    };
    let headers = vec![("accept", Secret::new("application/json"))];
    exchange::post(account.endpoint(PATH)?, headers, &batch)
}

fn record(item: &Item) -> Result<Record<'_>, BuildError> {
    let Subject::Property(property) = &item.subject else {
        return Err(BuildError::item(&item.id, "Melissa takes a property"));
    };
    let property = property.cleaned();
    let has_address = property.has_address();
    if !has_address && property.mak.is_none() {
        return Err(BuildError::item(
            &item.id,
            "Melissa needs street and ZIP, or street, city and state, or an address key",
        ));
    }
    let (first_name, last_name, full_name) = match (property.first_name, property.last_name) {
        (Some(first), Some(last)) => (Some(first), Some(last), None),
        (first, last) => (None, None, property.full_name.or(last).or(first)),
    };
    Ok(Record {
        record_id: &item.id,
        full_name,
        first_name,
        last_name,
        company_name: property.company,
        address_line1: property.address_line1,
        address_line2: property.address_line2,
        city: property.city,
        state: property.state,
        postal_code: property.zip,
        // Too many bad look-ups by key lock the account, so only where there is nothing else.
        melissa_address_key: property.mak.filter(|_| !has_address),
    })
}

pub(super) fn receive(account_options: &Value, items: &[Item], body: Value) -> Reply {
    let transmission = lenient::text(&body, "TransmissionResults").unwrap_or_default();
    if let Some(reply) = transmission
        .split(',')
        .find_map(|code| transmission_error(code.trim()))
    {
        return reply;
    }
    let records = lenient::list(&body, "Records");
    if records.is_empty() {
        let message = judge::message_of(&body).unwrap_or(transmission);
        return Reply::Doubtful {
            reason: judge::reason("HTTP 200 without records", &message, items),
        };
    }
    let bills_misses = lenient::flag(account_options, "bill_no_match").unwrap_or(true);
    let parts = items.iter().filter_map(|item| {
        let mut mine = records
            .iter()
            .filter(|record| lenient::text(record, "RecordID").as_ref() == Some(&item.id));
        let record = mine.next()?;
        let matched = read(record).is_ok_and(|enrichment| enrichment.matched);
        // Two records under one id contradict each other: a person must look.
        mine.next().is_none().then(|| Part {
            item_id: item.id.clone(),
            units: u32::from(matched || bills_misses),
            matched,
            pending: false,
            body: record.clone(),
        })
    });
    Reply::Answered(parts.collect())
}

/// What a code of the call as a whole means; warnings (GW…) and what is unknown let the records speak.
fn transmission_error(code: &str) -> Option<Reply> {
    let reason = format!("Melissa answered {code}");
    let blocked = |why: &str| Reply::Blocked {
        reason: format!("{reason}: {why}"),
    };
    match code {
        "GE01" | "GE02" | "GE03" | "GE07" | "GE23" | "SP01" => Some(Reply::Rejected { reason }),
        "GE14" => Some(blocked("out of credits")),
        "GE16" => Some(Reply::Throttled {
            retry_after: Some(LOCK_SECONDS.into()),
        }),
        "GE04" | "GE05" | "GE06" => Some(blocked("the key is empty, invalid or disabled")),
        "GE08" => Some(blocked("the product is not enabled for the key")),
        "GE09" | "GE10" | "GE11" => Some(blocked("the customer is missing or disabled")),
        "GE12" | "GE13" => Some(blocked("this server's address is not allowed")),
        "GE20" | "GE21" | "GE22" | "GE24" | "GE27" | "GE29" => {
            Some(blocked("an action or a column is not activated"))
        }
        _ if is_code(code, "GE") => Some(blocked("the call was refused")),
        _ if is_code(code, "SE") => Some(Reply::Doubtful { reason }),
        _ => None,
    }
}

fn is_code(text: &str, family: &str) -> bool {
    text.strip_prefix(family)
        .is_some_and(|number| number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Reads one stored record.
pub fn read(record: &Value) -> Result<Enrichment, Unreadable> {
    if !record.is_object() {
        return Err(Unreadable::because("the answer is not a Melissa record"));
    }
    if lenient::text(record, "RecordID").is_none() && lenient::at(record, "Results").is_none() {
        return Err(Unreadable::because(
            "the record has neither RecordID nor Results",
        ));
    }
    let codes = Codes::of(record);
    let owner_confirmed = codes.has("VR01").then_some(true);
    let mut enrichment = Enrichment {
        matched: false,
        mak: lenient::text(record, "MelissaAddressKey"),
        address: address(record, &codes),
        owner_confirmed,
        owner_occupied: lenient::text(record, "OwnRent").and_then(|word| owner_occupied(&word)),
        phones: phone(record, &codes).into_iter().collect(),
        emails: email(record, &codes).into_iter().collect(),
        deceased: match (codes.has("DD01"), codes.has("DD00")) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        },
        litigator: None,
    };
    enrichment.matched = enrichment.mak.is_some()
        || enrichment.address.is_some()
        || enrichment.owner_confirmed.is_some()
        || enrichment.owner_occupied.is_some()
        || enrichment.deceased == Some(true)
        || !(enrichment.phones.is_empty() && enrichment.emails.is_empty());
    Ok(enrichment)
}

/// The result codes of one record.
struct Codes(HashSet<String>);

impl Codes {
    fn of(record: &Value) -> Self {
        let list = lenient::text(record, "Results").unwrap_or_default();
        let codes = list.split(',').map(|code| code.trim().to_ascii_uppercase());
        Self(codes.filter(|code| !code.is_empty()).collect())
    }

    fn has(&self, code: &str) -> bool {
        self.0.contains(code)
    }

    fn has_any(&self, codes: &[&str]) -> bool {
        codes.iter().any(|code| self.has(code))
    }

    fn has_family(&self, family: &str) -> bool {
        self.0.iter().any(|code| is_code(code, family))
    }
}

/// The corrected address, only where the building at least was verified.
fn address(record: &Value, codes: &Codes) -> Option<CorrectedAddress> {
    if !codes.has_any(&["AS01", "AS02"]) {
        return None;
    }
    let zip = lenient::text(record, "PostalCode")
        .map(|zip| zip.chars().take(5).collect::<String>())
        .filter(|zip| zip.len() == 5 && zip.bytes().all(|byte| byte.is_ascii_digit()));
    Some(CorrectedAddress {
        line1: lenient::text(record, "AddressLine1")?,
        line2: lenient::text(record, "AddressLine2"),
        city: lenient::text(record, "City"),
        state: lenient::text(record, "State"),
        zip,
    })
}

/// `Own`, `Rent`, or longer words around them.
fn owner_occupied(word: &str) -> Option<bool> {
    let word = word.to_ascii_lowercase();
    if word.contains("unknown") {
        return None;
    }
    match (word.contains("own"), word.contains("rent")) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
}

fn phone(record: &Value, codes: &Codes) -> Option<FoundPhone> {
    if !codes.has("DA30") || codes.has_family("PE") {
        return None;
    }
    let phone_type = [("PS07", "mobile"), ("PS08", "landline"), ("PS09", "voip")]
        .into_iter()
        .find_map(|(code, kind)| codes.has(code).then_some(kind));
    let score = match () {
        () if codes.has("VS31") => 30,
        () if codes.has_any(&["VR02", "VR04"]) => 85,
        () => 70,
    };
    Some(FoundPhone {
        number: lenient::text(record, "PhoneNumber")?,
        phone_type,
        score: Some(score),
        ..FoundPhone::default()
    })
}

fn email(record: &Value, codes: &Codes) -> Option<FoundEmail> {
    if !codes.has("DA40") {
        return None;
    }
    let mut hints: Vec<&'static str> = [
        ("ES02", "invalid"),
        ("ES05", "disposable"),
        ("ES06", "spam_trap"),
        ("ES07", "catch_all"),
        ("ES08", "role"),
        ("VS41", "historical"),
    ]
    .into_iter()
    .filter_map(|(code, hint)| codes.has(code).then_some(hint))
    .collect();
    if codes.has_family("EE") && !hints.contains(&"invalid") {
        hints.push("invalid");
    }
    let score = if hints
        .iter()
        .any(|hint| ["invalid", "spam_trap"].contains(hint))
    {
        0
    } else if !hints.is_empty() {
        30
    } else if codes.has_any(&["VR03", "VR05", "ES21"]) {
        85
    } else {
        60
    };
    Some(FoundEmail {
        email: lenient::text(record, "EmailAddress")?,
        score: Some(score),
        tested: None,
        hints,
    })
}
