//! One door of the made-up world, its owner, and what each vendor knows of them.
//!
//! Everything is drawn from the property's own stream of chance, so property 17 of a seed is the
//! same whatever else the world holds. People, numbers and mailboxes are invented: exchange 555,
//! domains under example.com, example.net and example.org.

use super::places::Place;
use super::spelling::StreetLine;

/// A door and all that is true about it.
#[derive(Clone, Debug)]
pub struct Property {
    pub index: usize,
    pub place: Place,
    pub line: StreetLine,
    pub plus4: String,
    pub apn: String,
    pub mak: Option<String>,
    pub kind: &'static str,
    pub value: i64,
    pub equity: i64,
    pub owner: Owner,
    pub phones: Vec<Phone>,
    pub emails: Vec<Email>,
    pub melissa: MelissaKnows,
    pub tracer: TracerKnows,
}

/// Who owns the door.
#[derive(Clone, Debug)]
pub struct Owner {
    pub first: String,
    pub last: String,
    pub company: Option<String>,
    pub status: &'static str,
    pub occupied: bool,
    pub age: Option<u8>,
    pub deceased: bool,
    pub litigator: bool,
}

/// The kinds of line a phone number can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Mobile,
    Landline,
    Voip,
}

/// A phone number and all that is true about it.
#[derive(Clone, Debug)]
pub struct Phone {
    /// Ten digits.
    pub number: String,
    pub line: Line,
    pub carrier: &'static str,
    pub live: bool,
    pub dnc: bool,
    pub tcpa: bool,
    pub ported: bool,
    /// Whether a carrier look-up tells the kind of line (some say null).
    pub line_is_told: bool,
}

/// What a verifier finds out about a mailbox, in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mailbox {
    Valid,
    Invalid,
    CatchAll,
}

/// An e-mail address and all that is true about it.
#[derive(Clone, Debug)]
pub struct Email {
    pub address: String,
    pub mailbox: Mailbox,
    /// Whether the verifier says "pending" first.
    pub slow: bool,
}

/// What Melissa can append: places in the property's lists.
#[derive(Clone, Debug, Default)]
pub struct MelissaKnows {
    pub phone: Option<usize>,
    pub email: Option<usize>,
    pub owner: bool,
}

/// What a skip trace returns: places in the property's lists, and how it says "no match".
#[derive(Clone, Debug, Default)]
pub struct TracerKnows {
    pub matches: bool,
    pub phones: Vec<usize>,
    pub emails: Vec<usize>,
    pub relative: bool,
}

impl Owner {
    /// The full name as a vendor writes it.
    #[must_use]
    pub fn full_name(&self) -> String {
        self.company
            .clone()
            .unwrap_or_else(|| format!("{} {}", self.first, self.last))
    }
}

impl Phone {
    /// The number in E.164.
    #[must_use]
    pub fn e164(&self) -> String {
        format!("+1{}", self.number)
    }
}

impl Property {
    /// The key of this door, however it is spelled.
    #[must_use]
    pub fn door_key(&self) -> String {
        super::doorway::key(&super::doorway::Written {
            street: &self.line.standard(),
            unit: "",
            city: &self.place.city,
            state: &self.place.state,
            zip: &self.place.zip,
        })
        .unwrap_or_default()
    }

    /// The share of the value that is the owner's, in percent.
    #[must_use]
    pub fn equity_percent(&self) -> f64 {
        let percent = self.equity as f64 * 100.0 / self.value as f64;
        (percent * 10.0).round() / 10.0
    }

    /// Bedrooms, 1 to 5.
    #[must_use]
    pub fn bedrooms(&self) -> u8 {
        1 + (self.index % 5) as u8
    }

    /// Years that the owner has lived here or let it.
    #[must_use]
    pub fn years_owned(&self) -> u8 {
        (self.index % 40) as u8
    }
}
