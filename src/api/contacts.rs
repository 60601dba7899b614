//! Phones and e-mails: their canonical form, and adding them to a lead.

use std::str::FromStr;

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, JsonB, Uuid};
use serde_json::{Map, Value};

use super::native::{native_function, text_array};
use super::{given, present};
use crate::contact::point::{self, NewPoint};
use crate::contact::{Contact, ContactProblem, Kind, PhoneType, email, phone};
use crate::error::Error;
use crate::merging;
use crate::store::jsonb::{self, Json};
use crate::store::scored::{self, ReadPoints};
use crate::store::text::server_text;
use crate::store::{self, Db, leads};

#[pg_extern(sql = false, immutable, parallel_safe)]
fn canonical_phone(text: &str) -> Option<String> {
    phone::parse(text)
        .ok()
        .map(|phone| phone.as_str().to_string())
}

#[pg_extern(sql = false, immutable, parallel_safe)]
fn canonical_email(text: &str) -> Option<String> {
    email::parse(text)
        .ok()
        .map(|email| email.as_str().to_string())
}

native_function!(
    contact_keys_wrapper,
    pg_finfo_contact_keys_wrapper,
    contact_keys
);

/// The canonical phones and e-mails of a lead, or NULL if it has none; an index depends on it, so its results must not
/// change within a release.
///
/// # Safety
/// Called by Postgres for a function declared as `contact_keys(jsonb[], jsonb[])` that returns text[].
unsafe fn contact_keys(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let mut keys: Vec<pg_sys::Datum> = Vec::new();
    for (n, kind) in [Kind::Phone, Kind::Email].into_iter().enumerate() {
        // SAFETY: the caller's promise.
        let contacts = unsafe {
            let argument = (*call).args.as_slice(n + 1)[n];
            match argument.isnull {
                true => Vec::new(),
                false => jsonb::contacts(kind, argument.value),
            }
        };
        let texts = contacts.iter().map(|contact| server_text(&contact.key()));
        keys.extend(texts);
    }
    if keys.is_empty() {
        // SAFETY: the caller's promise.
        unsafe { (*call).isnull = true };
        return pg_sys::Datum::null();
    }
    text_array(&mut keys)
}

#[allow(
    clippy::too_many_arguments,
    reason = "the signature is the user's specification"
)]
#[pg_extern(sql = false)]
fn merge_contact_point(
    lead_id: Option<Uuid>,
    kind: Option<String>,
    value: Option<String>,
    source: Option<String>,
    score: Option<AnyNumeric>,
    verified: Option<bool>,
    phone_type: Option<String>,
    flags: Option<JsonB>,
) -> Result<Json, ErrorReport> {
    let lead_id = present("p_lead_id", lead_id)?;
    let kind = read_kind(&present("p_kind", kind)?)?;
    let contact = Contact::parse(kind, &present("p_value", value)?).map_err(impossible_contact)?;
    let new = NewPoint {
        contact,
        source: given(source).unwrap_or_else(|| "manual".to_string()),
        score: score.map(read_score).transpose()?,
        verified: verified.unwrap_or(false),
        phone_type: given(phone_type)
            .map(|word| read_type(kind, &word))
            .transpose()?,
        flags: read_flags(flags)?,
        seen_at: String::new(),
    };
    Ok(Json(merge(lead_id, kind, new)?))
}

fn merge(lead_id: Uuid, kind: Kind, new: NewPoint) -> Result<Value, Error> {
    store::connect(|db| {
        let new = NewPoint {
            seen_at: leads::now_rfc3339(db)?,
            ..new
        };
        if let Some(merged) = merge_unlocked(db, lead_id, kind, &new)? {
            return Ok(merged);
        }
        let (lead_id, mut points) = merging::following(db, lead_id, |db, id| {
            Ok((id, leads::points_for_update(db, id, kind)?))
        })?;
        let merged = point::merge(&mut points, &new);
        if !matches!(merged, point::Merged::Same(_)) {
            leads::set_points(db, lead_id, kind, &points)?;
        }
        taken(points, merged)
    })
}

/// Merges into what is read without a lock; None: somebody has written the lead meanwhile, or it has to be looked for.
fn merge_unlocked(
    db: &mut Db<'_>,
    lead_id: Uuid,
    kind: Kind,
    new: &NewPoint,
) -> Result<Option<Value>, Error> {
    let Some(ReadPoints { mut points, place }) = scored::points_now(&lead_id, kind) else {
        return Ok(None);
    };
    let merged = point::merge(&mut points, new);
    let is_stored = matches!(merged, point::Merged::Same(_))
        || leads::replace_points(db, lead_id, kind, &points, place)?;
    is_stored.then(|| taken(points, merged)).transpose()
}

fn taken(points: Vec<Value>, merged: point::Merged) -> Result<Value, Error> {
    points
        .into_iter()
        .nth(merged.index())
        .ok_or_else(|| Error::Internal("the merged contact point vanished".into()))
}

fn read_kind(word: &str) -> Result<Kind, Error> {
    Kind::from_str(word).map_err(|_| {
        Error::bad_argument(
            "p_kind is neither \"phone\" nor \"email\"",
            "Pass 'phone' or 'email'.",
        )
    })
}

fn impossible_contact(problem: ContactProblem) -> Error {
    Error::bad_syntax(
        problem.to_string(),
        "Pass a ten-digit US number or one with its country code, or an address like name@example.com.",
    )
}

fn read_score(score: AnyNumeric) -> Result<f64, Error> {
    let score: f64 = score.try_into().map_err(|_| bad_score())?;
    if (0.0..=100.0).contains(&score) {
        Ok(score)
    } else {
        Err(bad_score())
    }
}

fn bad_score() -> Error {
    Error::bad_argument(
        "p_score is not between 0 and 100",
        "Pass a number from 0 to 100, or NULL.",
    )
}

fn read_type(kind: Kind, word: &str) -> Result<PhoneType, Error> {
    if kind == Kind::Email {
        return Err(Error::bad_argument(
            "p_type is only for phones",
            "Leave p_type out for an e-mail.",
        ));
    }
    PhoneType::from_str(word).map_err(|_| {
        Error::bad_argument(
            "p_type is not a type of phone line",
            "Pass mobile, landline, voip or unknown.",
        )
    })
}

fn read_flags(flags: Option<JsonB>) -> Result<Map<String, Value>, Error> {
    match flags.map(|flags| flags.0) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(flags)) => Ok(flags),
        Some(_) => Err(Error::bad_argument(
            "p_flags is not a JSON object",
            "Pass an object such as {\"dnc\": true}.",
        )),
    }
}
