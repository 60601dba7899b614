//! The vendors' dialects: build a request, read an answer, know what was billed.
//!
//! Pure: bytes in, bytes out; no socket, no Postgres, no clock. One file per vendor product; what
//! an HTTP status means for money stands once, in `judge`. Results are linked to what was asked by
//! the id or the address the vendor echoes, never by position alone: vendors shuffle and drop.
//! A stored [`Part::body`] can be read again years later, so readers take JSON and nothing else.
//! What is documented, seen or assumed about each vendor is told in the head of its file.

pub mod batchdata_search;
pub mod batchdata_skip_trace;
pub mod hlr_lookup;
pub mod instantly_campaign;
pub mod instantly_verify;
pub mod melissa;
pub mod signalwire_lookup;
pub mod smtp_probe;

mod batchdata_contacts;
mod batchdata_criteria;
mod exchange;
mod found;
mod judge;
mod lenient;
mod same_address;
mod subject;
mod verdict;

use std::collections::HashSet;

use serde_json::Value;

pub use exchange::{Account, BuildError, HttpAnswer, HttpRequest, Method, Secret};
#[cfg(test)]
pub use found::{CorrectedAddress, FoundEmail, FoundPhone};
pub use found::{Enrichment, FoundContact, Unreadable};
pub use subject::{Item, PropertySubject, SearchPage, Subject};
pub use verdict::{EmailVerdict, PhoneVerdict, Service};

use smtp_probe::MailboxProbe;

/// A vendor's product that we can buy. Names are those of `vendors.name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Product {
    BatchdataSearch,
    Melissa,
    BatchdataSkipTrace,
    SmtpProbe,
    InstantlyVerify,
    SignalwireLookup,
    HlrLookup,
}

impl Product {
    /// All products, in the order of the pipeline.
    pub const ALL: [Self; 7] = [
        Self::BatchdataSearch,
        Self::Melissa,
        Self::BatchdataSkipTrace,
        Self::SmtpProbe,
        Self::InstantlyVerify,
        Self::SignalwireLookup,
        Self::HlrLookup,
    ];

    /// The name in the `vendors` table.
    pub fn name(self) -> &'static str {
        match self {
            Self::BatchdataSearch => "batchdata_search",
            Self::Melissa => "melissa",
            Self::BatchdataSkipTrace => "batchdata_skip_trace",
            Self::SmtpProbe => "smtp_probe",
            Self::InstantlyVerify => "instantly_verify",
            Self::SignalwireLookup => "signalwire_lookup",
            Self::HlrLookup => "hlr_lookup",
        }
    }

    /// Must the keys file hold a key for it? Mail servers answer everybody.
    pub fn needs_key(self) -> bool {
        self != Self::SmtpProbe
    }

    /// The product of that name, if this release speaks its dialect.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|product| product.name() == name)
    }
}

/// A request ready to be sent, once.
#[derive(Clone, Debug)]
pub enum Request {
    Http(HttpRequest),
    /// A conversation with a mail server; the answer's body is its [`smtp_probe::Dialogue`].
    Mailbox(MailboxProbe),
}

impl From<HttpRequest> for Request {
    fn from(request: HttpRequest) -> Self {
        Self::Http(request)
    }
}

/// The vendor's answer to one call, judged. No reason holds a key or personal data.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Understood. An item without a part was not answered in a way that can be linked to it.
    Answered(Vec<Part>),
    /// As before, but these items (by id) were refused one by one, and not billed.
    Partly {
        parts: Vec<Part>,
        refused: Vec<String>,
    },
    /// Come again later; not billed.
    Throttled { retry_after: Option<String> },
    /// The vendor serves nobody with this account as it stands; not billed. Pause the vendor.
    Blocked { reason: String },
    /// This request is wrong and stays wrong; not billed.
    Rejected { reason: String },
    /// May have been billed, and there is no answer.
    Doubtful { reason: String },
}

/// The answer to one item.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub item_id: String,
    /// Units billed for the purchase as a whole by the vendor's own rule: a later poll repeats the
    /// number, it does not add to it.
    pub units: u32,
    /// The vendor knew something.
    pub matched: bool,
    /// The result is not there yet: ask with [`poll_request`].
    pub pending: bool,
    /// The raw answer for this item alone, fit for jsonb, without secrets.
    pub body: Value,
}

/// The request that asks about `items`.
pub fn request(
    product: Product,
    account: &Account<'_>,
    items: &[Item],
) -> Result<Request, BuildError> {
    check_batch(product, items)?;
    let http = match (product, items) {
        (Product::SmtpProbe, [item]) => {
            return smtp_probe::request(account, item).map(Request::Mailbox);
        }
        (Product::BatchdataSearch, [item]) => batchdata_search::request(account, item),
        (Product::InstantlyVerify, [item]) => instantly_verify::request(account, item),
        (Product::SignalwireLookup, [item]) => signalwire_lookup::request(account, item),
        (Product::Melissa, _) => melissa::request(account, items),
        (Product::BatchdataSkipTrace, _) => batchdata_skip_trace::request(account, items),
        (Product::HlrLookup, _) => hlr_lookup::request(account, items),
        _ => Err(BuildError::batch("this product takes one item per call")),
    };
    http.map(Request::Http)
}

/// Judges the answer to [`request`] or [`poll_request`] for the same items.
pub fn receive(
    product: Product,
    account_options: &Value,
    items: &[Item],
    answer: &HttpAnswer,
) -> Reply {
    if let Some(reply) = judge::refusal(items, answer) {
        return reply;
    }
    let Some(body) = lenient::parse(&answer.body).filter(Value::is_object) else {
        return Reply::Doubtful {
            reason: format!("HTTP {}: the body is not whole JSON", answer.status),
        };
    };
    match product {
        Product::BatchdataSearch => batchdata_search::receive(items, body),
        Product::Melissa => melissa::receive(account_options, items, body),
        Product::BatchdataSkipTrace => batchdata_skip_trace::receive(items, body),
        Product::InstantlyVerify => instantly_verify::receive(items, body),
        Product::SignalwireLookup => signalwire_lookup::receive(items, body),
        Product::HlrLookup => hlr_lookup::receive(items, &body),
        Product::SmtpProbe => smtp_probe::receive(items, body),
    }
}

/// A free question about a purchase that is pending or in doubt, where the vendor has one. A 404 in
/// answer (judged `Rejected`) means that the vendor knows of no such purchase, or forgot it.
pub fn poll_request(product: Product, account: &Account<'_>, item: &Item) -> Option<Request> {
    match product {
        Product::InstantlyVerify => instantly_verify::poll_request(account, item)
            .ok()
            .map(Request::Http),
        // Asking a mail server once more costs nothing.
        Product::SmtpProbe => smtp_probe::request(account, item)
            .ok()
            .map(Request::Mailbox),
        Product::BatchdataSearch
        | Product::Melissa
        | Product::BatchdataSkipTrace
        | Product::SignalwireLookup
        | Product::HlrLookup => None,
    }
}

/// Can the vendor be asked, for nothing, what became of a purchase?
pub fn has_question(product: Product) -> bool {
    matches!(product, Product::InstantlyVerify | Product::SmtpProbe)
}

/// Seconds between the free questions about one purchase, unless the vendor's row says otherwise.
pub fn poll_schedule(product: Product) -> &'static [f64] {
    match product {
        // Greylisting wants ten minutes and more, and some servers an hour.
        Product::SmtpProbe => &[300.0, 900.0, 1800.0, 3600.0, 4.0 * 3600.0],
        _ => &[5.0, 15.0, 60.0, 300.0, 1800.0],
    }
}

/// How many items one call may carry.
pub fn max_batch(product: Product) -> usize {
    match product {
        Product::Melissa | Product::BatchdataSkipTrace => 100,
        Product::HlrLookup => 80,
        Product::BatchdataSearch
        | Product::InstantlyVerify
        | Product::SignalwireLookup
        | Product::SmtpProbe => 1,
    }
}

/// The most e-mails and phones that one answer of an enriching product brings.
pub fn most_points(product: Product) -> (usize, usize) {
    match product {
        Product::Melissa => (1, 1),
        Product::BatchdataSkipTrace => (
            batchdata_skip_trace::MOST_EMAILS,
            batchdata_skip_trace::MOST_PHONES,
        ),
        _ => (0, 0),
    }
}

/// The most units that this item can be billed: what must be reserved before it is sent.
pub fn max_units(product: Product, item: &Item) -> u32 {
    match (product, &item.subject) {
        (Product::BatchdataSearch, Subject::Search(page)) => page.take,
        _ => 1,
    }
}

fn check_batch(product: Product, items: &[Item]) -> Result<(), BuildError> {
    if items.is_empty() {
        return Err(BuildError::batch("there is nothing to ask"));
    }
    let most = max_batch(product);
    if items.len() > most {
        return Err(BuildError::batch(format!(
            "{} takes at most {most} items per call",
            product.name()
        )));
    }
    let mut ids = HashSet::new();
    for item in items {
        if item.id.trim().is_empty() || item.id.trim() != item.id {
            return Err(BuildError::batch(
                "an item's id is blank or has blanks around it",
            ));
        }
        if !ids.insert(item.id.as_str()) {
            return Err(BuildError::batch("two items share an id"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
