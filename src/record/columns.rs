//! Which member of a JSON object, or which column of an export, is which field of a record.
//!
//! Names are compared without case, spaces and punctuation, and without a leading `p_`: `p_city`,
//! `City` and `CITY` are one name. When several members name one field, the name that stands first in
//! the table wins, unless it is empty. Members that are in no list are kept aside under their own
//! names. Source of the headers: PropStream exports; BatchData and PropertyRadar field names.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

use serde_json::Value;

use super::contacts::{self, Gathered};
use super::{LeadRecord, RecordProblem, value};
use crate::contact::flag;

/// A field of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    VendorRecordId,
    VendorListId,
    AddressLine1,
    AddressLine2,
    City,
    State,
    PostalCode,
    Apn,
    OwnerFirstName,
    OwnerLastName,
    OwnerFullName,
    OwnerCompany,
    Mak,
    CountyFips,
    PropertyValue,
    EstimatedEquity,
    Age,
    OwnerOccupied,
    Custom,
}

/// Our name first, then what others call it.
const NAMES: [(Field, &[&str]); 19] = [
    (Field::VendorRecordId, &["vendorrecordid", "radarid"]),
    (Field::VendorListId, &["vendorlistid"]),
    (
        Field::AddressLine1,
        &[
            "addressline1",
            "address1",
            "address",
            "propertyaddress",
            "streetaddress",
            "street",
            "siteaddress",
        ],
    ),
    (
        Field::AddressLine2,
        &["addressline2", "address2", "unit", "unitnumber"],
    ),
    (Field::City, &["city", "propertycity"]),
    (Field::State, &["state", "propertystate"]),
    (
        Field::PostalCode,
        &[
            "postalcode",
            "zip",
            "zipcode",
            "propertyzip",
            "propertyzipcode",
            "zipfive",
        ],
    ),
    (Field::Apn, &["apn", "parcelnumber", "assessorparcelnumber"]),
    (
        Field::OwnerFirstName,
        &["ownerfirstname", "owner1firstname", "firstname"],
    ),
    (
        Field::OwnerLastName,
        &["ownerlastname", "owner1lastname", "lastname"],
    ),
    (
        Field::OwnerFullName,
        &[
            "ownerfullname",
            "owner1fullname",
            "ownername",
            "fullname",
            "owner",
        ],
    ),
    (
        Field::OwnerCompany,
        &["ownercompany", "companyname", "company"],
    ),
    (Field::Mak, &["mak", "melissaaddresskey"]),
    (
        Field::CountyFips,
        &["countyfips", "countyfipscode", "fipscode", "fips"],
    ),
    (
        Field::PropertyValue,
        &["propertyvalue", "estvalue", "estimatedvalue", "avm"],
    ),
    (
        Field::EstimatedEquity,
        &["estimatedequity", "estequity", "availableequity"],
    ),
    (Field::Age, &["age", "ownerage", "owner1age"]),
    (Field::OwnerOccupied, &["owneroccupied", "isowneroccupied"]),
    (Field::Custom, &["custom"]),
];

/// Longer than every name in the tables; a longer one is nobody's.
const LONGEST_NAME: usize = 100;

/// The names of an object's members and what they mean: the same for all records of an export or a page.
#[derive(Debug)]
pub struct Header {
    /// The members that are fields of the record, in the order in which they fill it.
    fields: Vec<(Field, usize)>,
    /// All others, in the order of their names.
    others: Vec<Other>,
}

#[derive(Debug)]
struct Other {
    member: usize,
    name: String,
    plain: PlainName,
}

impl Header {
    /// Of names in any order.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut named: Vec<(usize, &str)> = names.enumerate().collect();
        named.sort_unstable_by_key(|(_, name)| *name);
        let mut fields = Vec::new();
        let mut others = Vec::new();
        for (member, name) in named {
            let plain = PlainName::of(name);
            match field_named(plain.as_str()) {
                Some((field, place)) => fields.push((place, field, member)),
                None => others.push(Other {
                    member,
                    name: name.to_owned(),
                    plain,
                }),
            }
        }
        fields.sort_by_key(|(place, ..)| *place);
        let fields = fields
            .into_iter()
            .map(|(_, field, member)| (field, member))
            .collect();
        Self { fields, others }
    }
}

/// The members of a JSON object.
#[derive(Debug)]
pub struct Members {
    header: Rc<Header>,
    values: Vec<Value>,
}

impl Members {
    /// With one value for each name of the header, in the order in which it was given.
    pub fn new(header: Rc<Header>, values: Vec<Value>) -> Self {
        Self { header, values }
    }

    fn take(&mut self, member: usize) -> Value {
        self.values.get_mut(member).map_or(Value::Null, Value::take)
    }
}

/// The members of a record in JSON.
pub fn members(json: Value) -> Result<Members, RecordProblem> {
    match json {
        Value::Object(members) => {
            let header = Header::of(members.keys().map(String::as_str));
            let values = members.into_iter().map(|(_, value)| value).collect();
            Ok(Members::new(header.into(), values))
        }
        _ => Err(RecordProblem::NotAnObject),
    }
}

/// Reads a lead record from the members of a JSON object: our names with or without `p_`, or the headers of an export;
/// every value may be a string. The record is clean, but may identify no property.
pub fn from_members(mut members: Members) -> Result<LeadRecord, RecordProblem> {
    let mut record = LeadRecord::default();
    let mut gathered = Gathered::default();
    let header = Rc::clone(&members.header);
    for other in &header.others {
        let value = members.take(other.member);
        let plain = other.plain.as_str();
        let bar = bar_on_person(plain);
        if flag::bar(Some(&value)) == Some(true) {
            record.barred = record.barred.or(bar);
        }
        if let Some(column) = contacts::column(plain) {
            gathered.add(column, &value)?;
        } else if bar.is_none() && !value.is_null() {
            record.unmapped.insert(other.name.clone(), value);
        }
    }
    for (field, member) in &header.fields {
        fill(&mut record, *field, members.take(*member))?;
    }
    record.contacts = gathered.into_contacts();
    record.clean()
}

/// The reason of a column that says that its owner must not be contacted.
fn bar_on_person(plain_name: &str) -> Option<&'static str> {
    match plain_name {
        "litigator" => Some("litigator"),
        "deceased" | "isdeceased" | "ownerdeceased" | "owner1deceased" => Some("deceased"),
        _ => None,
    }
}

/// The letters and digits of a name, in lower case and without `p_` before them.
#[derive(Debug)]
struct PlainName {
    letters: [u8; LONGEST_NAME],
    length: usize,
}

impl PlainName {
    fn of(name: &str) -> Self {
        let name = name.trim();
        let name = match name.get(..2) {
            Some(prefix) if prefix.eq_ignore_ascii_case("p_") => &name[2..],
            _ => name,
        };
        let mut plain = Self {
            letters: [0; LONGEST_NAME],
            length: 0,
        };
        let letters = name.bytes().filter(u8::is_ascii_alphanumeric);
        for (place, letter) in plain.letters.iter_mut().zip(letters) {
            *place = letter.to_ascii_lowercase();
            plain.length += 1;
        }
        plain
    }

    fn as_str(&self) -> &str {
        // ASCII letters and digits only, so this cannot fail.
        std::str::from_utf8(&self.letters[..self.length]).unwrap_or_default()
    }
}

fn field_named(plain: &str) -> Option<(Field, usize)> {
    static PLACES: LazyLock<HashMap<&str, (Field, usize)>> = LazyLock::new(|| {
        let places = NAMES.iter().flat_map(|(field, names)| {
            let numbered = names.iter().enumerate();
            numbered.map(|(place, name)| (*name, (*field, place)))
        });
        places.collect()
    });
    PLACES.get(plain).copied()
}

fn fill(record: &mut LeadRecord, field: Field, value: Value) -> Result<(), RecordProblem> {
    match field {
        Field::VendorRecordId => text(&mut record.vendor_record_id, "vendor_record_id", value),
        Field::VendorListId => text(&mut record.vendor_list_id, "vendor_list_id", value),
        Field::AddressLine1 => text(&mut record.address_line1, "address_line1", value),
        Field::AddressLine2 => text(&mut record.address_line2, "address_line2", value),
        Field::City => text(&mut record.city, "city", value),
        Field::State => text(&mut record.state, "state", value),
        Field::PostalCode => text(&mut record.postal_code, "postal_code", value),
        Field::Apn => text(&mut record.apn, "apn", value),
        Field::OwnerFirstName => text(&mut record.owner_first_name, "owner_first_name", value),
        Field::OwnerLastName => text(&mut record.owner_last_name, "owner_last_name", value),
        Field::OwnerFullName => text(&mut record.owner_full_name, "owner_full_name", value),
        Field::OwnerCompany => text(&mut record.owner_company, "owner_company", value),
        Field::Mak => text(&mut record.mak, "mak", value),
        Field::CountyFips => text(&mut record.county_fips, "county_fips", value),
        Field::PropertyValue => {
            let amount = value::amount_of("property_value", &value)?;
            keep_first(&mut record.property_value, amount);
            Ok(())
        }
        Field::EstimatedEquity => {
            let amount = value::amount_of("estimated_equity", &value)?;
            keep_first(&mut record.estimated_equity, amount);
            Ok(())
        }
        Field::Age => {
            keep_first(&mut record.age, value::whole_of("age", &value)?);
            Ok(())
        }
        Field::OwnerOccupied => {
            let answer = value::yes_or_no_of("owner_occupied", &value)?;
            keep_first(&mut record.owner_occupied, answer);
            Ok(())
        }
        Field::Custom => {
            keep_first(&mut record.custom, value::object_of("custom", &value)?);
            Ok(())
        }
    }
}

fn text(slot: &mut Option<String>, field: &'static str, value: Value) -> Result<(), RecordProblem> {
    let text = value::into_text(field, value)?;
    keep_first(slot, text.filter(|text| !text.trim().is_empty()));
    Ok(())
}

fn keep_first<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}
