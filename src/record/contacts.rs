//! Phones and e-mails inside a record, in the shapes they come in: lists of texts or objects, or the
//! numbered columns of an export (`Phone 1`, `Phone 1 Type`, `Phone 1 DNC`, `Email 1`, `Litigator`).
//!
//! A contact that cannot be read does not fail the lead: it is carried as given, and turning it into a
//! point says what is wrong with it.

use serde_json::{Map, Value};

use super::{RecordProblem, value};
use crate::contact::point::NewPoint;
use crate::contact::{Contact, ContactProblem, Kind, PhoneType, flag};

/// One phone or e-mail of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordContact {
    /// Phone or e-mail.
    pub kind: Kind,
    /// As given.
    pub value: String,
    /// The vendor that found it, when it is another one than the record's.
    pub source: Option<String>,
    /// The vendor's score.
    pub score: Option<f64>,
    /// Whether the vendor vouches for it.
    pub verified: bool,
    /// The kind of line.
    pub phone_type: Option<PhoneType>,
    /// `dnc`, `tcpa`, `litigator`, `suppressed` and the vendor's own members.
    pub flags: Map<String, Value>,
}

impl RecordContact {
    /// The contact as a point to merge into the lead, or why it cannot be one.
    pub fn to_point(&self, record_source: &str, seen_at: &str) -> Result<NewPoint, ContactProblem> {
        Ok(NewPoint {
            contact: Contact::parse(self.kind, &self.value)?,
            source: self
                .source
                .clone()
                .unwrap_or_else(|| record_source.to_owned()),
            score: self.score,
            verified: self.verified,
            phone_type: self.phone_type,
            flags: self.flags.clone(),
            seen_at: seen_at.to_owned(),
        })
    }

    fn new(kind: Kind, value: String) -> Self {
        RecordContact {
            kind,
            value,
            source: None,
            score: None,
            verified: false,
            phone_type: None,
            flags: Map::new(),
        }
    }
}

/// Drops blank contacts; refuses what PostgreSQL could not store.
pub fn clean(contacts: Vec<RecordContact>) -> Result<Vec<RecordContact>, RecordProblem> {
    let mut kept = Vec::with_capacity(contacts.len());
    for mut contact in contacts {
        let field = contact.kind.as_str();
        value::refuse_nul(field, Some(&contact.flags))?;
        contact.source = value::clean_text(field, contact.source)?;
        if let Some(text) = value::clean_text(field, Some(contact.value))? {
            contact.value = text;
            kept.push(contact);
        }
    }
    Ok(kept)
}

/// A cell of a contact column, by its plain name (lower case, letters and digits only).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactColumn<'a> {
    /// A list of phones or e-mails.
    List(Kind),
    /// One phone or e-mail; the text tells it from its neighbours (`1` of `Phone 1`).
    Value(Kind, &'a str),
    /// The kind of line of the phone with this number.
    Type(&'a str),
    /// A bar on the phone with this number.
    Bar(&'a str, &'static str),
    /// A bar on everything in the record.
    BarAll(&'static str),
}

/// What a column holds, when it is one of the contact columns.
pub fn column(plain_name: &str) -> Option<ContactColumn<'_>> {
    match plain_name {
        "phones" | "phonenumbers" => return Some(ContactColumn::List(Kind::Phone)),
        "emails" | "emailaddresses" => return Some(ContactColumn::List(Kind::Email)),
        "litigator" => return Some(ContactColumn::BarAll("litigator")),
        _ => {}
    }
    let digits = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
    for (prefix, kind) in [
        ("phonenumber", Kind::Phone),
        ("phone", Kind::Phone),
        ("emailaddress", Kind::Email),
        ("email", Kind::Email),
    ] {
        let Some(rest) = plain_name.strip_prefix(prefix) else {
            continue;
        };
        if digits(rest) {
            return Some(ContactColumn::Value(kind, rest));
        }
        if kind == Kind::Phone {
            let numbered = |suffix| rest.strip_suffix(suffix).filter(|number| digits(number));
            if let Some(number) = numbered("type") {
                return Some(ContactColumn::Type(number));
            }
            for bar in flag::BARS {
                if let Some(number) = numbered(bar) {
                    return Some(ContactColumn::Bar(number, bar));
                }
            }
        }
    }
    None
}

/// Gathers contact cells in any order and gives the contacts they make.
#[derive(Debug, Default)]
pub struct Gathered {
    listed: Vec<RecordContact>,
    numbered: Vec<(String, RecordContact)>,
    types: Vec<(String, PhoneType)>,
    bars: Vec<(String, &'static str, Value)>,
    bars_on_all: Vec<(&'static str, Value)>,
}

impl Gathered {
    /// Takes one cell.
    pub fn add(&mut self, column: ContactColumn<'_>, cell: &Value) -> Result<(), RecordProblem> {
        match column {
            ContactColumn::List(kind) => self.listed.extend(list(kind, cell)?),
            ContactColumn::Value(kind, number) => {
                if let Some(contact) = one(kind, cell)? {
                    self.numbered.push((number.to_owned(), contact));
                }
            }
            ContactColumn::Type(number) => {
                if let Some(word) = value::text_of("phone type", cell)? {
                    let phone_type = PhoneType::lenient(&word);
                    self.types.push((number.to_owned(), phone_type));
                }
            }
            ContactColumn::Bar(number, bar) => {
                self.bars.push((number.to_owned(), bar, cell.clone()));
            }
            ContactColumn::BarAll(bar) => self.bars_on_all.push((bar, cell.clone())),
        }
        Ok(())
    }

    /// The contacts, with types and bars where they belong.
    pub fn into_contacts(self) -> Vec<RecordContact> {
        let Gathered {
            listed: mut contacts,
            numbered,
            types,
            bars,
            bars_on_all,
        } = self;
        for (number, mut contact) in numbered {
            if contact.kind == Kind::Phone {
                let of_this = types.iter().find(|(of, _)| *of == number);
                contact.phone_type = of_this.map(|(_, phone_type)| *phone_type);
                for (_, bar, cell) in bars.iter().filter(|(of, _, _)| *of == number) {
                    contact.flags.insert((*bar).to_owned(), cell.clone());
                }
            }
            contacts.push(contact);
        }
        for contact in &mut contacts {
            for (bar, cell) in &bars_on_all {
                if flag::bar(Some(cell)) == Some(true) {
                    contact.flags.insert((*bar).to_owned(), cell.clone());
                }
            }
        }
        contacts
    }
}

fn list(kind: Kind, cell: &Value) -> Result<Vec<RecordContact>, RecordProblem> {
    let listed_in_text = cell
        .as_str()
        .filter(|text| text.trim_start().starts_with('['))
        .and_then(|text| serde_json::from_str(text).ok());
    let items = match listed_in_text.as_ref().unwrap_or(cell) {
        Value::Array(items) => items,
        single => std::slice::from_ref(single),
    };
    let contacts: Result<Vec<_>, _> = items.iter().map(|item| one(kind, item)).collect();
    Ok(contacts?.into_iter().flatten().collect())
}

fn one(kind: Kind, cell: &Value) -> Result<Option<RecordContact>, RecordProblem> {
    let field = kind.as_str();
    let Some(members) = cell.as_object() else {
        let text = value::text_of(field, cell)?;
        return Ok(text.map(|text| RecordContact::new(kind, text)));
    };
    let names: &[&str] = match kind {
        Kind::Phone => &["phone", "number", "phone_number", "value"],
        Kind::Email => &["email", "address", "value"],
    };
    let Some(cell) = names.iter().find_map(|name| members.get(*name)) else {
        return Ok(None);
    };
    let Some(text) = value::text_of(field, cell)? else {
        return Ok(None);
    };
    let word = |name: &str| members.get(name).and_then(Value::as_str);
    let score = members.get("score").and_then(|score| match score {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    });
    let is_read = |name: &str| {
        names.contains(&name) || ["source", "score", "verified", "type"].contains(&name)
    };
    Ok(Some(RecordContact {
        source: word("source").map(str::to_owned),
        score: score.filter(|score: &f64| score.is_finite()),
        verified: flag::is_claimed(members.get("verified")),
        phone_type: match kind {
            Kind::Phone => word("type").map(PhoneType::lenient),
            Kind::Email => None,
        },
        flags: members
            .iter()
            .filter(|(name, _)| !is_read(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        ..RecordContact::new(kind, text)
    }))
}

#[cfg(test)]
mod tests;
