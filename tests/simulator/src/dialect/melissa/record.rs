//! One record of Melissa's answer.

use serde_json::{Map, Value, json};

use super::or_space;
use super::request::{Action, Append, Given, Request};
use crate::office::Office;
use crate::world::doorway::{Written, key, zip5};
use crate::world::property::{Line, Mailbox, Phone, Property};

/// A contact of the answer and whether it was appended.
struct Shown {
    value: String,
    appended: bool,
}

/// Checks one record. Whoever is billed sees the same facts every time.
pub fn check(office: &Office, request: &Request, given: &Given) -> Value {
    let found = find(office, given);
    let phone = phone(office, request, given);
    let email = email(office, request, given);
    let mut codes = address_codes(found, given);
    for (shown, code) in [(&phone, "DA30"), (&email, "DA40")] {
        if shown.appended {
            codes.push(code);
        }
    }
    codes.extend(person_codes(request, given, found));
    codes.extend(contact_codes(office, &phone.value, &email.value));
    let mut record = base(given, found);
    let mut set = |name: &str, value: &str| {
        record.insert(name.to_owned(), json!(or_space(value)));
    };
    set("Results", &codes.join(","));
    set("PhoneNumber", &phone.value);
    set("EmailAddress", &email.value);
    add_columns(&mut record, request, found);
    Value::Object(record)
}

/// The item on the bill: the door where it is known, else the record as given.
pub fn billed_as(office: &Office, given: &Given) -> String {
    match find(office, given) {
        Some(property) => property.door_key(),
        None => key(&written(given)).unwrap_or_else(|| {
            let parts = given.iter().filter(|(name, _)| *name != "RecordID");
            parts
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join("&")
        }),
    }
}

fn get<'a>(given: &'a Given, name: &str) -> &'a str {
    given.get(name).map_or("", String::as_str)
}

fn written(given: &Given) -> Written<'_> {
    Written {
        street: get(given, "AddressLine1"),
        unit: get(given, "AddressLine2"),
        city: get(given, "City"),
        state: get(given, "State"),
        zip: get(given, "PostalCode"),
    }
}

fn find<'a>(office: &'a Office, given: &Given) -> Option<&'a Property> {
    office.world.at_address(&written(given))
}

/// The default columns, contacts and results still to be filled in.
fn base(given: &Given, found: Option<&Property>) -> Map<String, Value> {
    let mut record = Map::new();
    let mut set = |name: &str, value: &str| {
        record.insert(name.to_owned(), json!(or_space(value)));
    };
    set("RecordID", get(given, "RecordID"));
    match found {
        Some(property) => {
            let place = &property.place;
            set("AddressLine1", &property.line.standard());
            set("City", &place.city);
            set("State", &place.state);
            set("PostalCode", &format!("{}-{}", place.zip, property.plus4));
            set("AddressKey", &format!("{}{}00", place.zip, property.plus4));
            set(
                "MelissaAddressKey",
                property.mak.as_deref().unwrap_or_default(),
            );
        }
        None => {
            for name in ["AddressLine1", "City", "State", "PostalCode"] {
                set(name, get(given, name));
            }
            set("AddressKey", "");
            set("MelissaAddressKey", "");
        }
    }
    let second = if found.is_some() {
        ""
    } else {
        get(given, "AddressLine2")
    };
    set("AddressLine2", second);
    let first_last = format!("{} {}", get(given, "FirstName"), get(given, "LastName"));
    let full = Some(get(given, "FullName")).filter(|name| !name.is_empty());
    set("NameFull", full.unwrap_or(first_last.trim()));
    set("CompanyName", get(given, "CompanyName"));
    for name in [
        "MelissaAddressKeyBase",
        "AddressExtras",
        "RecordExtras",
        "Reserved",
    ] {
        set(name, "");
    }
    record
}

/// Single columns that can be asked for beside the default ones.
const COLUMNS: [&str; 11] = [
    "Plus4",
    "OwnRent",
    "EstimatedHomeValue",
    "Suite",
    "PhoneCountryCode",
    "PhoneCountryName",
    "MoveDate",
    "DateLastConfirmed",
    "Occupation",
    "PrivateMailBox",
    "MelissaIdentityKey",
];

fn add_columns(record: &mut Map<String, Value>, request: &Request, found: Option<&Property>) {
    for name in COLUMNS.into_iter().filter(|name| request.has_column(name)) {
        let value = found.map_or_else(String::new, |property| column(name, property));
        record.insert(name.to_owned(), json!(or_space(&value)));
    }
    if let Some(property) = found.filter(|_| request.has_column("Plus4")) {
        record.insert("PostalCode".to_owned(), json!(property.place.zip));
    }
}

fn column(name: &str, property: &Property) -> String {
    match name {
        "Plus4" => property.plus4.clone(),
        "OwnRent" if property.owner.occupied => "Own".to_owned(),
        "OwnRent" => "Rent".to_owned(),
        "EstimatedHomeValue" => property.value.to_string(),
        "Suite" => property
            .line
            .unit
            .as_ref()
            .map_or_else(String::new, |(kind, number)| format!("{kind} {number}")),
        "PhoneCountryCode" => "1".to_owned(),
        "PhoneCountryName" => "United States".to_owned(),
        // Known to the real service, not to this world.
        _ => String::new(),
    }
}

fn address_codes(found: Option<&Property>, given: &Given) -> Vec<&'static str> {
    match found {
        Some(property) if property.mak.is_none() => vec!["AS03"],
        Some(property) => {
            let mut codes = vec!["AS01"];
            if zip5(get(given, "PostalCode")).as_ref() != Some(&property.place.zip) {
                codes.push("AC01");
            }
            codes
        }
        None if get(given, "AddressLine1").is_empty() => vec!["AE07"],
        None if key(&written(given)).is_none() => vec!["AE10"],
        None => vec!["AE02"],
    }
}

fn person_codes(request: &Request, given: &Given, found: Option<&Property>) -> Vec<&'static str> {
    let name = format!(
        "{} {} {}",
        get(given, "FullName"),
        get(given, "LastName"),
        get(given, "CompanyName")
    );
    let mut codes = Vec::new();
    if name.trim().is_empty() {
        return codes;
    }
    codes.extend(["NS01", "NS05"]);
    let Some(property) = found else { return codes };
    if request.wants(Action::Verify) && property.melissa.owner {
        let owner = &property.owner;
        let wanted = owner.company.as_ref().unwrap_or(&owner.last).to_uppercase();
        codes.push(if name.to_uppercase().contains(&wanted) {
            "VR01"
        } else {
            "VS13"
        });
    }
    codes.push(if property.owner.deceased {
        "DD01"
    } else {
        "DD00"
    });
    codes
}

/// Codes of the phone and e-mail shown, given or appended: both are checked.
fn contact_codes(office: &Office, phone: &str, email: &str) -> Vec<&'static str> {
    let mut codes = Vec::new();
    match office.world.phone(&ten_digits(phone)) {
        _ if phone.is_empty() => {}
        Some((_, phone)) => codes.extend(["PS01", line_code(phone)]),
        None => codes.push("PE01"),
    }
    if !email.is_empty() {
        let mailbox = office.world.email(email).map(|email| email.mailbox);
        codes.push(match mailbox {
            Some(Mailbox::CatchAll) => "ES07",
            Some(_) => "ES01",
            None => "ES03",
        });
    }
    codes
}

fn line_code(phone: &Phone) -> &'static str {
    match phone.line {
        Line::Mobile => "PS07",
        Line::Landline => "PS08",
        Line::Voip => "PS09",
    }
}

/// The last ten digits of a phone in any spelling.
fn ten_digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(10)..].to_owned()
}

fn phone(office: &Office, request: &Request, given: &Given) -> Shown {
    let found = find(office, given);
    let known = found.and_then(|property| property.phones.get(property.melissa.phone?));
    let input = get(given, "PhoneNumber");
    let is_good = office.world.phone(&ten_digits(input)).is_some();
    show(
        request,
        (input, is_good),
        known.map(|phone| phone.number.as_str()),
    )
}

fn email(office: &Office, request: &Request, given: &Given) -> Shown {
    let found = find(office, given);
    let known = found.and_then(|property| property.emails.get(property.melissa.email?));
    let input = get(given, "EmailAddress");
    let is_good = office.world.email(input).is_some();
    show(
        request,
        (input, is_good),
        known.map(|email| email.address.as_str()),
    )
}

/// The known value where it may be appended, else the input handed back.
fn show(request: &Request, (input, is_good): (&str, bool), known: Option<&str>) -> Shown {
    let is_free = match request.append {
        Append::Always => true,
        Append::CheckError => !is_good,
        Append::Blank => input.is_empty(),
    };
    match known.filter(|known| request.wants(Action::Append) && is_free && *known != input) {
        Some(known) => Shown {
            value: known.to_owned(),
            appended: true,
        },
        None => Shown {
            value: input.to_owned(),
            appended: false,
        },
    }
}
