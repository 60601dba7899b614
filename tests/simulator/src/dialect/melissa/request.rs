//! Melissa's request: the members of the schema, strings only, nothing else.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::malformed;
use crate::exchange::Answer;

/// A checked request.
#[derive(Debug, Default)]
pub struct Request {
    pub reference: String,
    pub customer: String,
    pub actions: Vec<Action>,
    /// In upper case.
    pub columns: Vec<String>,
    pub append: Append,
    pub records: Vec<Given>,
    warnings: Vec<&'static str>,
}

/// The members of one record that were given.
pub type Given = BTreeMap<String, String>;

/// What the service can be asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Check,
    Verify,
    Append,
    Move,
}

/// When an appended value takes the place of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Append {
    #[default]
    Blank,
    CheckError,
    Always,
}

const TOP: [&str; 6] = [
    "TransmissionReference",
    "CustomerID",
    "Actions",
    "Columns",
    "Options",
    "Records",
];
const RECORD: [&str; 25] = [
    "RecordID",
    "FullName",
    "FirstName",
    "LastName",
    "CompanyName",
    "AddressLine1",
    "AddressLine2",
    "City",
    "State",
    "PostalCode",
    "LastLine",
    "Country",
    "EmailAddress",
    "PhoneNumber",
    "FreeForm",
    "IPAddress",
    "MelissaAddressKey",
    "MIK",
    "BirthDay",
    "BirthMonth",
    "BirthYear",
    "ApproxAge",
    "MinApproxAge",
    "MaxApproxAge",
    "Suite",
];
/// Query names of the GET form and the members they stand for.
const QUERY: [(&str, &str); 20] = [
    ("first", "FirstName"),
    ("last", "LastName"),
    ("full", "FullName"),
    ("comp", "CompanyName"),
    ("a1", "AddressLine1"),
    ("a2", "AddressLine2"),
    ("city", "City"),
    ("state", "State"),
    ("postal", "PostalCode"),
    ("ctry", "Country"),
    ("lastline", "LastLine"),
    ("email", "EmailAddress"),
    ("phone", "PhoneNumber"),
    ("ff", "FreeForm"),
    ("mak", "MelissaAddressKey"),
    ("mik", "MIK"),
    ("ip", "IPAddress"),
    ("bday", "BirthDay"),
    ("bmo", "BirthMonth"),
    ("byr", "BirthYear"),
];

impl Request {
    /// Reads a POST body.
    pub fn parse(body: &Value) -> Result<Self, Answer> {
        let members = body
            .as_object()
            .ok_or_else(|| malformed("$", "The JSON value is not an object."))?;
        only(members, "$", &TOP)?;
        let text = |name: &str| string(members.get(name), &format!("$.{name}"));
        let records = match members.get("Records") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(records)) => records
                .iter()
                .enumerate()
                .map(|(at, record)| given(at, record))
                .collect::<Result<_, _>>()?,
            Some(_) => {
                return Err(malformed(
                    "$.Records",
                    "The JSON value could not be converted to an array.",
                ));
            }
        };
        let mut request = Self {
            reference: text("TransmissionReference")?,
            customer: text("CustomerID")?,
            records,
            ..Self::default()
        };
        request.read_lists(&text("Actions")?, &text("Columns")?, &text("Options")?);
        Ok(request)
    }

    /// Reads the GET form, which holds one record; unknown names are passed over.
    pub fn from_query(query: &[(String, String)]) -> Result<Self, Answer> {
        let get = |name: &str| {
            query
                .iter()
                .find(|(own, _)| own.eq_ignore_ascii_case(name))
                .map_or(String::new(), |(_, value)| value.clone())
        };
        let mut record: Given = QUERY
            .iter()
            .map(|(short, long)| ((*long).to_owned(), get(short)))
            .filter(|(_, value)| !value.trim().is_empty())
            .collect();
        record.insert("RecordID".to_owned(), "1".to_owned());
        let mut request = Self {
            reference: get("t"),
            customer: get("id"),
            records: vec![record],
            ..Self::default()
        };
        request.read_lists(&get("act"), &get("cols"), &get("opt"));
        Ok(request)
    }

    fn read_lists(&mut self, actions: &str, columns: &str, options: &str) {
        self.actions = actions.split(',').filter_map(action).collect();
        self.columns = columns
            .split(',')
            .map(|name| name.trim().to_uppercase())
            .collect();
        for option in options
            .split(';')
            .filter(|option| !option.trim().is_empty())
        {
            let (name, value) = option.split_once(':').unwrap_or((option, ""));
            self.read_option(name.trim(), value.trim());
        }
    }

    fn read_option(&mut self, name: &str, value: &str) {
        let values: &[&str] = match name.to_lowercase().as_str() {
            "append" => &["blank", "checkerror", "always"],
            "centrichint" => &["auto", "address", "phone", "email"],
            "advancedaddresscorrection" | "usepreferredcity" => &["on", "off"],
            "emailappendfilter" => &["catchall", "spamtrap"],
            "demographics" => &["yes", "mask", "maskonly", "valueonly"],
            _ => return self.warnings.push("GW11"),
        };
        let value = value.to_lowercase();
        if !values.contains(&value.as_str()) {
            self.warnings.push("GW12");
        } else if name.eq_ignore_ascii_case("append") {
            self.append = match value.as_str() {
                "always" => Append::Always,
                "checkerror" => Append::CheckError,
                _ => Append::Blank,
            };
        }
    }

    /// Warnings for an answer whose data is valid.
    #[must_use]
    pub fn warnings(&self) -> String {
        self.warnings.join(",")
    }

    /// Whether an action was asked for.
    #[must_use]
    pub fn wants(&self, action: Action) -> bool {
        self.actions.contains(&action)
    }

    /// Whether a column was asked for.
    #[must_use]
    pub fn has_column(&self, name: &str) -> bool {
        self.columns
            .iter()
            .any(|column| column.eq_ignore_ascii_case(name))
    }
}

fn action(name: &str) -> Option<Action> {
    match name.trim().to_lowercase().as_str() {
        "check" => Some(Action::Check),
        "verify" => Some(Action::Verify),
        "append" => Some(Action::Append),
        "move" => Some(Action::Move),
        _ => None,
    }
}

fn only(members: &Map<String, Value>, place: &str, names: &[&str]) -> Result<(), Answer> {
    match members.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(malformed(
            &format!("{place}.{name}"),
            &format!("The JSON property '{name}' could not be mapped to any .NET member."),
        )),
        None => Ok(()),
    }
}

fn string(value: Option<&Value>, place: &str) -> Result<String, Answer> {
    match value {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.trim().to_owned()),
        Some(_) => Err(malformed(
            place,
            &format!("The JSON value could not be converted to System.String. Path: {place}"),
        )),
    }
}

fn given(at: usize, record: &Value) -> Result<Given, Answer> {
    let place = format!("$.Records[{at}]");
    let members = record
        .as_object()
        .ok_or_else(|| malformed(&place, "The JSON value is not an object."))?;
    only(members, &place, &RECORD)?;
    let mut given = Given::new();
    for (name, value) in members {
        let value = string(Some(value), &format!("{place}.{name}"))?;
        if !value.is_empty() {
            given.insert(name.clone(), value);
        }
    }
    Ok(given)
}
