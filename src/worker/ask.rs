//! Free questions about purchases that are pending or in doubt.

use super::session::{Flight, Purpose, Session};
use super::transact::transact;
use crate::error::Error;
use crate::store::calls;
use crate::store::vendors::Vendor;
use crate::vendors::has_question;

/// Asks the vendors, for nothing, about purchases that are pending or in doubt; true when a question left.
pub fn ask(session: &mut Session, vendors: &[Vendor]) -> Result<bool, Error> {
    let under_way = session.asking();
    let askable = askable(session, vendors);
    let due = transact(|db| calls::to_poll(db, under_way, askable))?;
    let mut asked = false;
    for open in due {
        let Some(vendor) = vendors.iter().find(|vendor| vendor.product == open.product) else {
            continue;
        };
        let item = calls::item(open.id, open.subject);
        let Some(request) = session.build_question(vendor, &item) else {
            continue;
        };
        if session.limiter(vendor).in_flight() >= vendor.room()
            || session.start_requests(vendor, 1) == 0
        {
            break;
        }
        let flight = Flight {
            product: vendor.product,
            purpose: Purpose::Ask,
            items: vec![item],
            call_ids: vec![open.id],
            vendor: vendor.clone(),
        };
        session.dispatch(flight, request)?;
        asked = true;
    }
    Ok(asked)
}

/// The vendors that can be asked now: enabled, not paused, with a key and a free question.
pub fn askable(session: &Session, vendors: &[Vendor]) -> Vec<String> {
    let can_be_asked = |vendor: &&Vendor| {
        !vendor.is_paused()
            && has_question(vendor.product)
            && session.keys.of(vendor.product).is_some()
    };
    vendors
        .iter()
        .filter(can_be_asked)
        .map(|vendor| vendor.name().to_string())
        .collect()
}
