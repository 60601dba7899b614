//! Instantly API v2: `POST /api/v2/email-verification` and `GET …/{email}`.
//!
//! Every POST spends a credit, also for a mailbox already verified; GET is free. A share of the
//! mailboxes is `pending` at first and settles after some GETs.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::wording;
use crate::exchange::{Answer, Call, percent_decode};
use crate::office::Office;
use crate::vendor::Vendor;
use crate::world::property::Mailbox;

const PATH: &str = "/instantly/api/v2/email-verification";

/// What Instantly remembers of verifications.
#[derive(Debug)]
pub struct Verifications {
    credits: u64,
    /// By address: how often it must still be asked for.
    started: HashMap<String, u32>,
}

impl Verifications {
    /// Nothing verified yet.
    #[must_use]
    pub fn new(credits: u64) -> Self {
        Self {
            credits,
            started: HashMap::new(),
        }
    }
}

/// Answers the verification calls.
pub fn answer(office: &mut Office, call: &Call) -> Answer {
    if let Err(refusal) = admit(office, call) {
        return refusal;
    }
    match (call.path.strip_prefix(PATH), call.method.as_str()) {
        (Some(""), "POST") => match address(call) {
            Ok(address) => start(office, &address),
            Err(message) => refuse(400, &message),
        },
        (Some(rest), "GET") => match rest.strip_prefix('/').filter(|address| !address.is_empty()) {
            Some(address) => poll(office, &percent_decode(address)),
            None => refuse(404, "Route not found"),
        },
        _ => refuse(404, "Route not found"),
    }
}

/// Checks the key.
pub fn admit(office: &Office, call: &Call) -> Result<(), Answer> {
    let expected = format!("Bearer {}", office.settings.keys.instantly);
    if call.header("authorization") == Some(expected.as_str()) {
        Ok(())
    } else {
        Err(refuse(401, "Invalid API key"))
    }
}

/// The documented error body.
#[must_use]
pub fn refuse(status: u16, message: &str) -> Answer {
    let body = json!({"statusCode": status, "error": wording::reason(status), "message": message});
    Answer::json(status, &body)
}

fn address(call: &Call) -> Result<String, String> {
    let body = call.json()?;
    let members = body.as_object().ok_or("body must be object")?;
    if members
        .keys()
        .any(|name| name != "email" && name != "webhook_url")
    {
        return Err("body must NOT have additional properties".to_owned());
    }
    if members
        .get("webhook_url")
        .is_some_and(|url| !url.is_string())
    {
        return Err("body/webhook_url must be string".to_owned());
    }
    let email = members
        .get("email")
        .ok_or("body must have required property 'email'")?;
    let email = email.as_str().ok_or("body/email must be string")?;
    if is_address(email) {
        Ok(email.to_owned())
    } else {
        Err("body/email must match format \"email\"".to_owned())
    }
}

fn is_address(text: &str) -> bool {
    let plain = text
        .chars()
        .all(|letter| !letter.is_whitespace() && !letter.is_control());
    text.split_once('@').is_some_and(|(local, domain)| {
        plain
            && !local.is_empty()
            && domain.contains('.')
            && !domain.contains('@')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
    })
}

fn start(office: &mut Office, address: &str) -> Answer {
    if office.is_out_of_credit(Vendor::InstantlyVerify) || office.verifications.credits == 0 {
        return refuse(402, "Not enough verification credits");
    }
    let key = address.to_lowercase();
    let slow = office.world.email(&key).is_some_and(|email| email.slow);
    let polls = if slow {
        office.settings.pending_polls
    } else {
        0
    };
    office.verifications.credits -= 1;
    office
        .verifications
        .started
        .entry(key.clone())
        .or_insert(polls);
    office.bill.charge_unit(Vendor::InstantlyVerify, key);
    result(office, address, 1)
}

fn poll(office: &mut Office, address: &str) -> Answer {
    let Some(left) = office
        .verifications
        .started
        .get_mut(&address.to_lowercase())
    else {
        return refuse(404, "Email verification not found");
    };
    *left = left.saturating_sub(1);
    result(office, address, 0)
}

fn result(office: &Office, address: &str, credits_used: u64) -> Answer {
    let key = address.to_lowercase();
    let pending = office
        .verifications
        .started
        .get(&key)
        .is_some_and(|left| *left > 0);
    let mailbox = office
        .world
        .email(&key)
        .map_or(Mailbox::Invalid, |email| email.mailbox);
    let (status, catch_all) = match mailbox {
        _ if pending => ("pending", json!("pending")),
        Mailbox::Valid => ("verified", Value::Bool(false)),
        Mailbox::CatchAll => ("verified", Value::Bool(true)),
        Mailbox::Invalid => ("invalid", Value::Bool(false)),
    };
    let body = json!({
        "email": address, "verification_status": status, "status": "success",
        "catch_all": catch_all, "credits": office.verifications.credits, "credits_used": credits_used,
    });
    Answer::json(200, &body)
}
