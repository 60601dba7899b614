//! One file per vendor dialect; this one finds the right one.

pub mod batchdata;
pub mod hlr;
pub mod instantly_campaigns;
pub mod instantly_verify;
pub mod melissa;
pub mod signalwire;
pub mod smtp;
mod wording;

pub use wording::reason;

use serde_json::json;

use crate::exchange::{Answer, Call};
use crate::office::Office;
use crate::vendor::Vendor;

/// Answers a request in the vendor's dialect, and bills what the vendor would.
pub fn answer(office: &mut Office, vendor: Vendor, call: &Call) -> Answer {
    match vendor {
        Vendor::BatchdataSearch => batchdata::search(office, call),
        Vendor::BatchdataSkipTrace => batchdata::skip_trace(office, call),
        Vendor::Melissa => melissa::answer(office, call),
        Vendor::InstantlyVerify => instantly_verify::answer(office, call),
        Vendor::InstantlyCampaign => instantly_campaigns::answer(office, call),
        Vendor::SignalwireLookup => signalwire::answer(office, call),
        Vendor::HlrLookup => hlr::answer(office, call),
        // Not spoken here: see `mail`.
        Vendor::SmtpProbe => Answer::empty(404),
    }
}

/// A refusal with this status in the shape that the vendor documents.
#[must_use]
pub fn refusal(vendor: Vendor, status: u16, message: Option<&str>) -> Answer {
    let text = wording::reason(status);
    let message = message.unwrap_or(text);
    match vendor {
        Vendor::BatchdataSearch | Vendor::BatchdataSkipTrace => batchdata::refuse(status, message),
        Vendor::InstantlyVerify | Vendor::InstantlyCampaign => {
            instantly_verify::refuse(status, message)
        }
        Vendor::SignalwireLookup => Answer::json(status, &json!({"error": text})),
        Vendor::HlrLookup => hlr::refuse(status, message),
        Vendor::Melissa if status == 400 => melissa::malformed("$", message),
        Vendor::Melissa | Vendor::SmtpProbe => Answer::empty(status),
    }
}
