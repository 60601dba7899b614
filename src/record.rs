//! One incoming lead record, whatever brings it: arguments of a function, a JSON object with our
//! names, a row of a PropStream export.
//!
//! A record that leaves here is clean: texts are trimmed, blank is nothing, numbers are numbers. A
//! value that cannot be right is an error that names its field and never repeats the value (it may be
//! personal data); it never becomes a silent nothing. Three kinds of "nothing" are read as such,
//! because they are what templates and exports write for a missing value:
//!
//! - blank, in every field;
//! - the words `undefined` and `null`: in a text field they are nothing (but `Null` with one capital
//!   is a surname); in an identifier they are a bad argument, because a template that went wrong there
//!   would merge every lead into one;
//! - `-`, `N/A`, `none`, `unknown` and the like: in a number, a yes-or-no or an identifier.
//!
//! Identifiers are `vendor_record_id`, `mak`, `apn` and `county_fips`. They are short on purpose: an
//! index entry has an upper size, and one oversized row must not fail a whole page.

mod columns;
mod contacts;
mod value;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

pub use columns::{Header, Members, from_members, members};
pub use contacts::RecordContact;

/// One lead as it comes in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeadRecord {
    /// The vendor's id of the property.
    pub vendor_record_id: Option<String>,
    /// The vendor's list or batch.
    pub vendor_list_id: Option<String>,
    /// Street line.
    pub address_line1: Option<String>,
    /// Unit line.
    pub address_line2: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State, as given.
    pub state: Option<String>,
    /// ZIP, as given but without a spreadsheet's `.0`.
    pub postal_code: Option<String>,
    /// Parcel number.
    pub apn: Option<String>,
    /// Owner's first name.
    pub owner_first_name: Option<String>,
    /// Owner's last name.
    pub owner_last_name: Option<String>,
    /// Owner's full name.
    pub owner_full_name: Option<String>,
    /// Owning company.
    pub owner_company: Option<String>,
    /// Melissa address key.
    pub mak: Option<String>,
    /// County, five digits.
    pub county_fips: Option<String>,
    /// Dollars, not negative.
    pub property_value: Option<Decimal>,
    /// Dollars; negative when more is owed than the property is worth.
    pub estimated_equity: Option<Decimal>,
    /// Owner's age in years.
    pub age: Option<i32>,
    /// Whether the owner lives there.
    pub owner_occupied: Option<bool>,
    /// The user's own data.
    pub custom: Option<Map<String, Value>>,
    /// Phones and e-mails, as given.
    pub contacts: Vec<RecordContact>,
    /// Why the owner must not be contacted: `litigator` or `deceased`.
    pub barred: Option<&'static str>,
    /// Members of the JSON object that are none of the above and not null, under their own names.
    pub unmapped: Map<String, Value>,
}

/// The kind of mistake, for the SQLSTATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// Text that is not of the type: SQLSTATE 22P02.
    BadSyntax,
    /// A value that cannot be right: SQLSTATE 22023.
    BadArgument,
}

/// What is wrong with a record. Names the field, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordProblem {
    /// The record is not a JSON object.
    #[error("a lead record must be a JSON object")]
    NotAnObject,
    /// A list, an object or a yes-or-no where a text belongs.
    #[error("{field} must be text")]
    NotText {
        /// The field.
        field: &'static str,
    },
    /// Not a number.
    #[error("{field} must be a number")]
    NotANumber {
        /// The field.
        field: &'static str,
    },
    /// Not a whole number.
    #[error("{field} must be a whole number")]
    NotWhole {
        /// The field.
        field: &'static str,
    },
    /// Neither yes nor no.
    #[error("{field} must be yes or no, true or false, 1 or 0")]
    NotYesOrNo {
        /// The field.
        field: &'static str,
    },
    /// Not a JSON object.
    #[error("{field} must be a JSON object")]
    NotJson {
        /// The field.
        field: &'static str,
    },
    /// Not a county code.
    #[error("{field} must be the five digits of a county's FIPS code")]
    NotACounty {
        /// The field.
        field: &'static str,
    },
    /// A NUL, which PostgreSQL cannot store.
    #[error("{field} contains a NUL character")]
    NulByte {
        /// The field.
        field: &'static str,
    },
    /// The word `undefined` or `null` in an identifier.
    #[error("{field} holds the word \"undefined\" or \"null\": a template went wrong")]
    TemplateWord {
        /// The field.
        field: &'static str,
    },
    /// A spreadsheet wrote the identifier with an exponent, so digits are lost.
    #[error("{field} went through a spreadsheet that rounded it")]
    Rounded {
        /// The field.
        field: &'static str,
    },
    /// Longer than the field can be.
    #[error("{field} is longer than {limit} bytes")]
    TooLong {
        /// The field.
        field: &'static str,
        /// The most it can hold.
        limit: usize,
    },
    /// Outside what can be.
    #[error("{field} is outside {least} to {most}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// The least it can be.
        least: i32,
        /// The most it can be.
        most: i32,
    },
    /// Below zero where that cannot be.
    #[error("{field} must not be negative")]
    Negative {
        /// The field.
        field: &'static str,
    },
    /// Nothing in it says which property it is.
    #[error(
        "the record identifies no property: it needs a vendor_record_id, a mak, an apn, or an address_line1 with a postal_code or a city and state"
    )]
    NoIdentity,
}

impl RecordProblem {
    /// The kind of mistake.
    pub fn kind(&self) -> ProblemKind {
        match self {
            RecordProblem::NotAnObject
            | RecordProblem::NotText { .. }
            | RecordProblem::NotANumber { .. }
            | RecordProblem::NotWhole { .. }
            | RecordProblem::NotYesOrNo { .. }
            | RecordProblem::NotJson { .. }
            | RecordProblem::NotACounty { .. }
            | RecordProblem::NulByte { .. } => ProblemKind::BadSyntax,
            RecordProblem::TemplateWord { .. }
            | RecordProblem::Rounded { .. }
            | RecordProblem::TooLong { .. }
            | RecordProblem::OutOfRange { .. }
            | RecordProblem::Negative { .. }
            | RecordProblem::NoIdentity => ProblemKind::BadArgument,
        }
    }
}

/// The oldest owner that is believed.
const MOST_YEARS: i32 = 130;

impl LeadRecord {
    /// The record with every field trimmed and checked, as the module head says. Cleaning a clean
    /// record changes nothing.
    pub fn clean(self) -> Result<Self, RecordProblem> {
        value::refuse_nul("custom", self.custom.as_ref())?;
        value::refuse_nul("the record", Some(&self.unmapped))?;
        let text = value::clean_text;
        let identifier = value::clean_identifier;
        Ok(LeadRecord {
            vendor_record_id: identifier("vendor_record_id", self.vendor_record_id)?,
            vendor_list_id: text("vendor_list_id", self.vendor_list_id)?,
            address_line1: text("address_line1", self.address_line1)?,
            address_line2: text("address_line2", self.address_line2)?,
            city: text("city", self.city)?,
            state: text("state", self.state)?,
            postal_code: text("postal_code", self.postal_code)?.map(value::without_float_tail),
            apn: identifier("apn", self.apn)?.filter(|apn| !value::is_all_zeros(apn)),
            owner_first_name: text("owner_first_name", self.owner_first_name)?,
            owner_last_name: text("owner_last_name", self.owner_last_name)?,
            owner_full_name: text("owner_full_name", self.owner_full_name)?,
            owner_company: text("owner_company", self.owner_company)?,
            mak: identifier("mak", self.mak)?.filter(|mak| !value::is_all_zeros(mak)),
            county_fips: identifier("county_fips", self.county_fips)?
                .map(|fips| value::county_fips("county_fips", fips))
                .transpose()?,
            property_value: not_negative("property_value", self.property_value)?,
            age: possible_age("age", self.age)?,
            contacts: contacts::clean(self.contacts)?,
            ..self
        })
    }

    /// Whether the record says which property it is: by a vendor's id, a MAK, a parcel number, or a
    /// street line with a ZIP or a city and state.
    pub fn has_identity(&self) -> bool {
        let has_place = self.postal_code.is_some() || (self.city.is_some() && self.state.is_some());
        self.vendor_record_id.is_some()
            || self.mak.is_some()
            || self.apn.is_some()
            || (self.address_line1.is_some() && has_place)
    }

    /// The record, or the problem that it identifies no property.
    pub fn identified(self) -> Result<Self, RecordProblem> {
        if self.has_identity() {
            Ok(self)
        } else {
            Err(RecordProblem::NoIdentity)
        }
    }
}

fn not_negative(
    field: &'static str,
    amount: Option<Decimal>,
) -> Result<Option<Decimal>, RecordProblem> {
    match amount {
        Some(amount) if amount < Decimal::ZERO => Err(RecordProblem::Negative { field }),
        other => Ok(other),
    }
}

fn possible_age(field: &'static str, age: Option<i32>) -> Result<Option<i32>, RecordProblem> {
    match age {
        Some(years) if !(0..=MOST_YEARS).contains(&years) => Err(RecordProblem::OutOfRange {
            field,
            least: 0,
            most: MOST_YEARS,
        }),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests;
