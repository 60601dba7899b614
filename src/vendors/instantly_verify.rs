//! Instantly e-mail verification: one address per call, billed when it is started.
//!
//! Documented: POST starts it (no property but `email` and `webhook_url`), and after ten seconds the
//! answer is `pending`; a GET asks for free. `verification_status` alone decides; `status` is about
//! the request. `catch_all` is a boolean or the word "pending". Some calls answer 200 with an
//! `error`. Assumed: a second POST is billed again, so it is never sent for one that is pending.
//!
//! Options: `webhook_url` (text).

use serde_json::{Map, Value, json};

use super::exchange::{self, Account, BuildError, HttpRequest};
use super::found::Unreadable;
use super::{EmailVerdict, Item, Part, Reply, judge, lenient};

const PATH: &str = "/api/v2/email-verification";

pub(super) fn request(account: &Account<'_>, item: &Item) -> Result<HttpRequest, BuildError> {
    let mut body = Map::new();
    body.insert("email".into(), json!(item.email()?));
    if let Some(url) = account.text_option("webhook_url")? {
        body.insert("webhook_url".into(), json!(url));
    }
    exchange::post(account.endpoint(PATH)?, account.bearer()?, &body)
}

pub(super) fn poll_request(account: &Account<'_>, item: &Item) -> Result<HttpRequest, BuildError> {
    let path = format!("{PATH}/{}", exchange::segment(item.email()?));
    Ok(exchange::get(account.endpoint(&path)?, account.bearer()?))
}

pub(super) fn receive(items: &[Item], body: Value) -> Reply {
    let ([item], None) = (items, judge::inner_refusal(items, &body, "statusCode")) else {
        return judge::inner_refusal(items, &body, "statusCode").unwrap_or(Reply::Doubtful {
            reason: "one e-mail address per answer".into(),
        });
    };
    if lenient::text(&body, "verification_status").is_none() {
        let message = judge::message_of(&body).unwrap_or_default();
        let reason = judge::reason("HTTP 200 without a verification_status", &message, items);
        return if judge::is_out_of_money(&message) {
            Reply::Blocked { reason }
        } else {
            Reply::Doubtful { reason }
        };
    }
    let asked = item.email().unwrap_or_default();
    if lenient::text(&body, "email").is_some_and(|told| !told.eq_ignore_ascii_case(asked)) {
        return Reply::Doubtful {
            reason: "the answer is about another e-mail address".into(),
        };
    }
    let verdict = read(&body);
    Reply::Answered(vec![Part {
        item_id: item.id.clone(),
        // `credits_used` is of this request: a poll is free, the verification it asks about was not.
        units: 1,
        matched: matches!(&verdict, Ok(verdict) if *verdict != EmailVerdict::Pending),
        pending: verdict == Ok(EmailVerdict::Pending),
        body,
    }])
}

/// Reads a stored answer.
pub fn read(body: &Value) -> Result<EmailVerdict, Unreadable> {
    let status = lenient::text(body, "verification_status")
        .ok_or_else(|| Unreadable::because("the answer has no verification_status"))?;
    match status.to_ascii_lowercase().as_str() {
        "pending" => Ok(EmailVerdict::Pending),
        "invalid" => Ok(EmailVerdict::Invalid),
        "verified" if lenient::flag(body, "catch_all") == Some(true) => Ok(EmailVerdict::CatchAll),
        "verified" => Ok(EmailVerdict::Verified),
        _ => Err(Unreadable::because(
            "verification_status is none of pending, verified, invalid",
        )),
    }
}
